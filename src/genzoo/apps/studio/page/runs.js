// The runs of the folder.

import { get } from "./ask.js";
import { el, fill, status, table } from "./dom.js";

const HEADS = ["run", "recipe", "data", "steps", "loss", "valid", "loss is", "state"];

export async function runs(view) {
  const told = status(), place = el("div", { className: "runs" });
  fill(view, el("h1", {}, "Runs"), told.node, place);
  try {
    const { home, runs: found } = await get("/studio/runs");
    if (!found.length) return void fill(place, el("p", {}, `There are no runs in ${home} yet. `, el("a", { href: "#/train" }, "Train one"), "."));
    fill(place, table(`${found.length} runs in ${home}`, HEADS, found.map(line)));
  } catch (error) { told.fail(error); }
  return undefined;
}

function line(run) {
  const link = el("a", { href: `#/run/${encodeURIComponent(run.run)}` }, run.run);
  return [link, ...HEADS.slice(1).map((head) => run[head])];
}
