// A training as it goes: curves, samples that were drawn on the way, what the command says; stop, and go on.

import { get, picture, post } from "./ask.js";
import { button, choice, field } from "./controls.js";
import { chart, names } from "./curves.js";
import { el, fill, number, status } from "./dom.js";

const PAUSE = 2000; // milliseconds between looks

export function watching(name) {
  const told = status(), line = el("p", { className: "facts", role: "status" }), buttons = el("div", { className: "row" });
  const bar = el("progress", { max: "1", value: "0", "aria-label": "How much is trained" });
  const why = status(), parts = { curve: el("div"), drawn: el("div"), said: el("pre", { className: "said", tabindex: "0", "aria-label": "What the command says" }) };
  const which = choice([["loss", "loss"]], "loss");
  const node = el("section", { "aria-label": "Training" }, line, bar, why.node, buttons, told.node, field("Curve", which), parts.curve,
    el("h2", {}, "Samples on the way"), parts.drawn, el("h2", {}, "What the command says"), parts.said);
  const state = { name, told, why, line, bar, buttons, which, parts, seen: "" };
  which.addEventListener("change", () => draw(state));
  look(state, node);
  return node;
}

async function look(state, node) {
  try {
    const [found, { commands }] = await Promise.all([get("/studio/watch", { name: state.name }), get("/studio/commands")]);
    Object.assign(state, { found, command: commands.find((each) => each.run === state.name) });
    tell(state);
    draw(state);
  } catch (error) { state.told.fail(error); }
  setTimeout(() => { if (node.isConnected) look(state, node); }, PAUSE);
}

function tell(state) {
  const { found, command, line, bar, parts, why } = state;
  const steps = found.total ? `${number(found.step)} of ${number(found.total)} steps` : `${number(found.step)} steps`;
  const now = `${command ? `${command.state} · ` : ""}${steps}${found.loss_is ? ` · loss: ${found.loss_is}` : ""}`;
  if (line.textContent !== now) line.textContent = now;
  bar.value = found.total ? found.step / found.total : command?.state === "done" ? 1 : 0;
  parts.said.textContent = command ? [`$ ${command.command}`, ...command.lines.slice(-12)].join("\n") : "It was not begun here.";
  if (why.node.textContent !== (command?.why ?? "")) why.say(command?.why ?? "", { error: true });
  const key = `${command?.state ?? "none"} ${goesOn(state)}`;
  if (state.key !== key) fill(state.buttons, actions(state));
  state.key = key;
}

// Whether there is something to go on from: what fails before its first step would fail again.
function goesOn({ command, found }) {
  return found.begun && (found.step > 0 || command?.state !== "failed");
}

function actions({ name, command, told, found }) {
  const act = (text, path, body) => button(text, async () => {
    try { await post(path, body()); told.say(`${text}: asked.`); } catch (error) { told.fail(error); }
  });
  if (command && ["waiting", "running"].includes(command.state)) return [act("Stop", "/studio/stop", () => ({ number: command.number }))];
  if (!goesOn({ command, found })) return [el("a", { href: "#/train" }, "Begin anew")];
  const steps = el("input", { type: "number", min: "1", step: "1", className: "exact", placeholder: String(found.total ?? ""), "aria-label": "Steps in all" });
  const draw = command?.state === "done" ? el("a", { href: `#/run/${encodeURIComponent(name)}/sample` }, "Draw from it") : null;
  const on = act("Go on", "/studio/resume", () => ({ model: name, ...(steps.value ? { steps: Number(steps.value) } : {}) }));
  on.type = "submit";
  return [draw, el("form", { className: "row", "aria-label": "Go on", onsubmit: (event) => event.preventDefault() }, on, "to", steps, "steps")];
}

function draw({ name, found, which, parts, ...state }) {
  const known = names(found.curves), chosen = which.value;
  if (known.length && [...which.options].map((option) => option.value).join() !== known.join()) {
    fill(which, known.map((each) => el("option", { value: each, selected: each === chosen }, each)));
  }
  fill(parts.curve, chart(found.curves, which.value, which.value === "loss" && found.loss_is ? found.loss_is : which.value));
  const last = found.samples.at(-1);
  if (last && parts.drawn.dataset.last !== last) {
    parts.drawn.dataset.last = last;
    fill(parts.drawn, film(name, found.samples, state.told));
  }
}

// The grids of all steps, the last one shown: a slider goes back.
function film(name, files, told) {
  const pictures = files.filter((file) => file.endsWith(".png"));
  if (!pictures.length) return el("p", {}, `${files.length} files, the last ${files.at(-1)}.`);
  const step = (file) => Number(file.match(/\d+/)[0]);
  const image = el("img", { className: "picture wide" });
  const range = el("input", { type: "range", min: "0", max: String(pictures.length - 1), step: "1", value: String(pictures.length - 1) });
  const shown = async () => {
    const file = pictures[Number(range.value)];
    const before = image.src;
    image.src = await picture("/studio/drawn", { name, file });
    if (before) URL.revokeObjectURL(before);
    image.alt = `Samples at step ${step(file)}`;
    range.setAttribute("aria-valuetext", `step ${step(file)}`);
  };
  const look = () => shown().catch((error) => told.fail(error));
  range.addEventListener("input", look);
  look();
  return [image, field("Step", range, `${pictures.length} grids, from step ${step(pictures[0])} to ${step(pictures.at(-1))}.`)];
}
