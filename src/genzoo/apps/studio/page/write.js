// Texts that go on from a beginning, symbol by symbol as they are drawn.

import { stream } from "./ask.js";
import { field, runner, slider } from "./controls.js";
import { el, fill, status } from "./dom.js";
import { conditions } from "./options.js";

export function writing(name, about) {
  const steps = about.genzoo.routes.includes("/v1/chat/completions"); // else whole texts come, which nothing begins or ends
  const told = status(), place = el("ol", { className: "texts", start: "0", "aria-live": "off" });
  const prompt = el("textarea", { rows: "3" });
  const number = slider("How many", { min: 1, max: 8, step: 1, value: 2 }), seed = slider("Seed", { min: 0, max: 100, step: 1, value: 0 });
  const own = !steps ? {} : { temperature: slider("Temperature", { min: 0, max: 2, step: 0.05, value: 1 }), top_p: slider("top_p", { min: 0.05, max: 1, step: 0.05, value: 1 }),
    max_tokens: slider("Symbols at most", { min: 1, max: 500, step: 1, value: Math.min(200, about.shape[0]), own: true }) };
  const given = conditions(about.genzoo.given);
  const go = runner("Write", async (signal) => {
    const n = number.read() ?? 1, texts = Array.from({ length: n }, () => el("pre", {}, prompt.value));
    fill(place, texts.map((text) => el("li", {}, text)));
    const said = Object.fromEntries(Object.entries(own).map(([key, part]) => [key, part.read()]).filter(([, value]) => value !== undefined));
    const asked = { model: name, n, seed: seed.read(), given: given.read(n), stream: true, ...said, ...(prompt.value ? { prompt: prompt.value } : {}) };
    for await (const event of stream("/v1/completions", asked, signal)) {
      for (const each of event.choices ?? []) texts[each.index].append(each.text);
    }
    told.say("Done.");
  }, told);
  return el("div", { className: "work" }, el("form", { className: "controls", "aria-label": "What to write" },
    steps ? field("Beginning", prompt, "Empty: a whole text.") : null, given.nodes, number.node, seed.node, Object.values(own).map((part) => part.node), go.node, told.node),
    el("section", { "aria-label": "Texts" }, place));
}
