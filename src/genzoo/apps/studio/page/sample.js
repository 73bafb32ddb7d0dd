// Samples of a run, with sliders for all that may be asked, and the file that the command line would write.

import { file, post, save, stream } from "./ask.js";
import { button, calmly, runner, slider } from "./controls.js";
import { el, fill, status } from "./dom.js";
import { conditions, options } from "./options.js";
import { show } from "./show.js";

const ENDINGS = { image: "png", audio: "wav", text: "txt", table: "csv", array: "npy" };

export function sampling(name, about) {
  const told = status(), place = el("div", { className: "found" }), command = el("p", { className: "command" });
  const { n, seed, given, wanted, node } = controls(about);
  const asked = () => ({ model: name, n: n.read() ?? 1, seed: seed.read() ?? 0, given: given.read(n.read() ?? 1), options: wanted.read() });
  const draw = runner("Draw", async (signal) => {
    const body = asked(), look = (found) => { fill(place, show(found, { shape: about.shape })); place.classList.remove("before"); };
    const found = comesInSteps(about) ? await inSteps(body, look, signal) : await post("/studio/samples", body, signal);
    fill(command, "The same by the command line: ", el("code", {}, found.command));
    look(found);
    told.say(`${found.items.length} with seed ${body.seed}.`);
  }, told, { places: [place, command] });
  const keep = runner("Download", async (signal) => {
    const body = asked();
    const kept = await file("/studio/file", body, signal), ending = kept.type === "application/zip" ? "zip" : ENDINGS[about.genzoo.kind];
    save(kept, `${name.replaceAll("/", "-")}-seed${body.seed}.${ending}`);
  }, told, { aside: true });
  const fresh = button("New seed", () => { seed.write(Math.floor(Math.random() * 10000)); draw.begin(); });
  draw.node.append(fresh);
  const whenSaid = () => (given.lacks().length ? told.say(`Say ${given.lacks().join(" and ")}: this run draws rows given that.`) : draw.begin());
  node.addEventListener("input", calmly(whenSaid, 400));
  whenSaid();
  return el("div", { className: "work" },
    el("form", { className: "controls", "aria-label": "What to draw" },
      node, draw.node, keep.node, told.node),
    el("section", { "aria-label": "Samples" }, place, command));
}

function comesInSteps({ genzoo, options: known }) {
  return genzoo.kind === "image" && "steps" in known;
}

// Pictures while they come: what the run thinks of them so far, some times on the way.
async function inSteps(body, look, signal) {
  const found = { kind: "image", items: [], ...(await post("/studio/command", body, signal)) };
  for await (const event of stream("/v1/images/generations", { ...body, stream: true, partial_images: 3 }, signal)) {
    found.items[event.index] = event.b64_json;
    if (event.index === body.n - 1) look(found);
  }
  return found;
}

function controls(about) {
  const n = slider("How many", { min: 1, max: 64, step: 1, value: about.genzoo.kind === "audio" ? 3 : 16 });
  const seed = slider("Seed", { min: 0, max: 100, step: 1, value: 0 }, "Row i of a seed is always the same.");
  const given = conditions(about.genzoo.given), wanted = options(about.options);
  return { n, seed, given, wanted, node: el("div", {}, given.nodes, n.node, seed.node, wanted.nodes) };
}
