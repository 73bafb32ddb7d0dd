// The way from the latent of one seed to that of another; where layers have latents of their own, their mixtures.

import { post } from "./ask.js";
import { calmly, choice, field, runner, slider } from "./controls.js";
import { el, fill, status } from "./dom.js";
import { conditions } from "./options.js";
import { show } from "./show.js";

export function walking(name, about) {
  const told = status(), strip = el("div"), large = el("div", { className: "large" });
  const from = slider("From seed", { min: 0, max: 100, step: 1, value: 0 }), to = slider("To seed", { min: 0, max: 100, step: 1, value: 1 });
  const kinds = [["slerp", "walk, on the circle of N(0, I)"], ["lerp", "walk, straight"], ...(about.layers > 1 ? [["mix", "mix: coarse layers of the first, fine of the second"]] : [])];
  const how = choice(kinds, "slerp"), given = conditions(about.genzoo.given, { each: false }), place = el("input", { type: "range", min: "0", max: "16", step: "1", value: "8" });
  let found = null;
  const shown = () => {
    if (!found) return;
    fill(large, show({ kind: found.kind, items: [found.items[Number(place.value)]] }, { ...about, flat: false, names: () => `step ${place.value} of the way` }));
  };
  const go = runner("Go", async (signal) => {
    const mix = how.value === "mix";
    found = null;
    found = await post("/studio/walk", { model: name, seed: from.read(), other: to.read(), steps: 17, given: given.read(), ...(mix ? { mix } : { way: how.value }) }, signal);
    place.max = String(found.items.length - 1);
    fill(strip, show(found, { ...about, names: (i) => `step ${i}`, onchoose: (i) => { place.value = String(i); shown(); } }));
    shown();
  }, told, { places: [large, strip] });
  place.addEventListener("input", shown);
  const form = el("form", { className: "controls", "aria-label": "Which way" }, given.nodes, from.node, to.node, field("How", how), go.node, told.node);
  form.addEventListener("input", calmly(go.begin, 400));
  go.begin();
  return el("div", { className: "work" }, form, el("section", { "aria-label": "The way" }, large, field("Where on the way", place), strip));
}
