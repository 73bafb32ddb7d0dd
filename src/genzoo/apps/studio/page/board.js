// Runs beside each other: what `genzoo compare` measured, the best of each column marked, and a form to measure more.

import { get, post } from "./ask.js";
import { field, runner, slider } from "./controls.js";
import { el, fill, number, status } from "./dom.js";
import { LEFT } from "./view.js";

export async function board(view) {
  const told = status(), place = el("div"), form = el("div");
  fill(view, el("h1", {}, "Leaderboard"), told.node, form, place);
  try {
    const [{ boards }, { runs }] = await Promise.all([get("/studio/boards"), get("/studio/runs")]);
    fill(form, asking(runs.filter((run) => run.state === "trained")));
    fill(place, boards.length ? boards.map(comparison) : el("p", {}, "Nothing was compared yet."));
  } catch (error) { told.fail(error); }
}

function asking(runs) {
  const told = status(), boxes = runs.map((run) => [run.run, el("input", { type: "checkbox", id: `compare-${run.run}` }), run]);
  const samples = slider("Samples that are measured, at most", { min: 100, max: 5000, step: 100, value: 1000 });
  const go = runner("Compare", async (signal) => {
    const models = boxes.filter(([, box]) => box.checked).map(([name]) => name);
    if (!models.length) throw new Error("Choose a run, or several of the same data.");
    const begun = await post("/studio/compare", { models, samples: samples.read(), rows: samples.read() }, signal);
    told.say("Measuring: this may take minutes.");
    await until(begun.number, signal);
    told.say("Done.");
    board(go.node.closest(".view"));
  }, told);
  return el("details", { className: "card" }, el("summary", {}, "Compare runs of the same data"),
    el("form", { "aria-label": "Compare" }, el("ul", { className: "boxes" }, boxes.map(([name, box, run]) => el("li", {}, box, " ", el("label", { for: box.id }, `${name} (${run.recipe} on ${run.data})`)))),
      samples.node, go.node, told.node));
}

async function until(wanted, signal) {
  for (;;) {
    if (signal.aborted && signal.reason !== LEFT) await post("/studio/stop", { number: wanted });
    signal.throwIfAborted();
    const { commands } = await get("/studio/commands");
    const found = commands.find((each) => each.number === wanted);
    if (found.state === "failed" || found.state === "stopped") throw new Error(found.why ?? "It was stopped.");
    if (found.state === "done") return;
    await new Promise((go) => { setTimeout(go, 1500); });
  }
}

function comparison({ folder, data, budget, why, entries, columns, failed }) {
  const heads = ["", "run", "recipe", ...columns.map((column) => head(column)), "core-minutes", "steps"];
  const body = entries.map((entry, i) => el("tr", {}, el("td", { className: "number" }, String(i + 1)), el("th", { scope: "row" }, entry.run ? el("a", { href: `#/run/${encodeURIComponent(entry.run)}` }, entry.run) : entry.name), el("td", {}, entry.recipe),
    columns.map(({ cells }) => el("td", { className: "number" }, cells[entry.name] ? told(cells[entry.name]) : "–")),
    el("td", { className: "number" }, number(entry.core_minutes)), el("td", { className: "number" }, number(entry.steps))));
  const floors = columns.some((column) => column.floor !== null)
    ? [el("tr", { className: "soft" }, el("td"), el("th", { scope: "row" }, "real data"), el("td"), columns.map(({ floor }) => el("td", { className: "number" }, floor === null ? "" : number(floor))), el("td"), el("td"))] : [];
  return el("section", { "aria-label": `Comparison ${folder}` }, el("h2", {}, `${data} · ${budget}`),
    el("div", { className: "scroll", tabindex: "0", role: "region", "aria-label": `Leaderboard of ${data}` },
      el("table", {}, el("caption", {}, `${folder} · best samples first`), el("thead", {}, el("tr", {}, heads.map((text, k) => el("th", { scope: "col", className: k === 1 || k === 2 ? null : "number" }, text)))), el("tbody", {}, body, floors))),
    why ? el("p", { className: "facts" }, why) : null,
    Object.entries(failed ?? {}).map(([name, reason]) => el("p", { className: "status error" }, `${name}: ${reason}`)));
}

function head({ name, unit, better }) {
  const arrow = { lower: " ↓", higher: " ↑" }[better] ?? "";
  return `${name}${unit && unit !== name ? `, ${unit}` : ""}${arrow}`;
}

function told({ text, best }) {
  return best ? el("strong", {}, text, el("span", { className: "hidden" }, " (best)")) : text;
}
