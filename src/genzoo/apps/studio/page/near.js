// Samples beside the training rows nearest to them.

import { post } from "./ask.js";
import { runner, slider } from "./controls.js";
import { el, fill, number, status } from "./dom.js";
import { conditions } from "./options.js";
import { picture, show } from "./show.js";

export function neighbors(name, about) {
  const told = status(), place = el("div", { className: "found" });
  const n = slider("Samples", { min: 1, max: 16, step: 1, value: 5 }), k = slider("Neighbors of each", { min: 1, max: 8, step: 1, value: 4 });
  const seed = slider("Seed", { min: 0, max: 100, step: 1, value: 0 }), given = conditions(about.genzoo.given);
  const look = runner("Look", async (signal) => {
    const found = await post("/studio/near", { model: name, n: n.read(), k: k.read(), seed: seed.read(), given: given.read(n.read()) }, signal);
    fill(place, beside(found, about));
  }, told, { places: [place] });
  look.begin();
  return el("div", { className: "work" }, el("form", { className: "controls", "aria-label": "Which samples" }, given.nodes, n.node, k.node, seed.node, look.node, told.node),
    el("section", { "aria-label": "Samples and their neighbors" }, el("p", {}, "Each sample, then the training rows nearest to it by their values, and how far off each is."), place));
}

function beside({ samples, rows, distances }, about) {
  const each = rows.items.length / samples.items.length;
  if (samples.kind !== "image") {
    return samples.items.map((item, i) => el("section", { "aria-label": `Sample ${i}` }, el("h2", {}, `Sample ${i}`), show({ kind: samples.kind, items: [item] }, { ...about, flat: false }),
      el("p", {}, `Nearest, ${distances[i].map(number).join(", ")} away:`), show({ kind: rows.kind, items: rows.items.slice(i * each, (i + 1) * each) }, { ...about, flat: false })));
  }
  return el("div", { className: "strips" }, samples.items.map((item, i) => el("div", { className: "strip" }, picture(item, `sample ${i}`), el("span", { "aria-hidden": "true" }, "→"),
    rows.items.slice(i * each, (i + 1) * each).map((row, j) => el("figure", {}, picture(row, `neighbor ${j} of sample ${i}`), el("figcaption", {}, number(distances[i][j])))))));
}
