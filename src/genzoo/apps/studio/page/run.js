// One run: what it is, and what can be done with it.

import { get } from "./ask.js";
import { brushing } from "./brush.js";
import { el, fill, status } from "./dom.js";
import { neighbors } from "./near.js";
import { questions } from "./question.js";
import { sampling } from "./sample.js";
import { scoring } from "./score.js";
import { walking } from "./walk.js";
import { watching } from "./watch.js";
import { writing } from "./write.js";

const can = (route) => (about) => about.genzoo.routes.includes(`/v1/${route}`);
const TABS = {
  sample: ["Sample", can("expect"), sampling],
  write: ["Write", can("completions"), writing],
  neighbors: ["Neighbors", can("expect"), neighbors],
  latent: ["Latent", (about) => about.layers > 0, walking],
  brush: ["Inpaint", can("images/edits"), brushing],
  score: ["Score", can("score"), scoring],
  ask: ["Ask", can("expect"), questions],
  training: ["Training", () => true, watching],
};

export async function run(view, name, tab = "sample") {
  const told = status(), place = el("div"), tabs = el("nav", { className: "tabs", "aria-label": "This run" });
  fill(view, el("h1", {}, name), el("div", { id: "facts" }), tabs, told.node, place);
  told.say("Loading …");
  try {
    const about = await get("/studio/run", { name });
    told.say("");
    if (about.shape) fill(view.querySelector("#facts"), el("p", { className: "facts" }, facts(about)));
    const able = Object.entries(TABS).filter(([, [, can]]) => can(about));
    const chosen = able.find(([key]) => key === tab) ?? able[0];
    fill(tabs, able.map(([key, [text]]) => el("a", { href: `#/run/${encodeURIComponent(name)}/${key}`, "aria-current": key === chosen[0] ? "page" : null }, text)));
    tabs.querySelector("[aria-current]").scrollIntoView({ block: "nearest", inline: "center" });
    fill(place, chosen[1][2](name, about));
  } catch (error) { told.fail(error); }
}

function facts({ genzoo }) {
  return `${genzoo.recipe} on ${genzoo.data} · ${genzoo.kind} · x in ${genzoo.space} · log p: ${genzoo.likelihood}`;
}
