// Controls for conditions and options of sampling.

import { el } from "./dom.js";
import { choice, field, slider } from "./controls.js";

const RANGES = {
  temperature: { min: 0, max: 2, step: 0.05, value: 1 },
  psi: { min: 0, max: 1.5, step: 0.05, value: 1 },
  truncation: { min: 0.1, max: 3, step: 0.1, value: 2 },
  steps: { min: 1, max: 250, step: 1, value: 50 },
  calls: { min: 1, max: 250, step: 1, value: 50 },
  guidance: { min: 0, max: 8, step: 0.25, value: 0 },
  guided_from: { min: 0, max: 10, step: 0.1, value: 0 },
  guided_to: { min: 0, max: 100, step: 1, value: 100 },
  fresh: { min: 0, max: 1, step: 0.05, value: 1 },
  top_k: { min: 1, max: 100, step: 1, value: 20 },
  top_p: { min: 0.05, max: 1, step: 0.05, value: 1 },
  min_p: { min: 0, max: 1, step: 0.01, value: 0 },
  repetition: { min: 1, max: 2, step: 0.05, value: 1 },
  sweeps: { min: 1, max: 1000, step: 1, value: 100 },
  orders: { min: 1, max: 50, step: 1, value: 1 },
  bound: { min: 0, max: 5, step: 0.1, value: 1 },
};
const SAMPLERS = {
  reals: ["euler", "ddim", "heun", "multistep", "ipndm", "dpm2", "dpm3", "unipc", "deis", "adaptive", "ancestral", "dpm_sde",
    "churn", "predictor_corrector"],
  symbols: ["random", "entropy", "remask"],
};
const WORDS = {
  grid: ["uniform", "quadratic", "angle", "karras", "log_snr", "diffusers"],
  guide: ["plain", "rescaled", "projected", "zero_star"],
  noise: ["true", "false"],
  anneal: ["true", "false"],
};
const FIRST = ["temperature", "steps", "guidance", "psi", "truncation", "top_k", "top_p", "sampler"];

// All conditions of a run, as a control each; read(n) gives those that were said, for n rows. `each`: whether the rows may
// be shared among all classes.
export function conditions(given, { each = true } = {}) {
  const parts = Object.entries(given).map(([name, about]) => [name, condition(name, about, each)]);
  const needed = Object.keys(given).filter((name) => given[name].needed);
  const lacks = () => parts.filter(([name, part]) => needed.includes(name) && part.read(1) === undefined).map(([name]) => name);
  return { nodes: parts.map(([, part]) => part.node), read: (n) => said(parts, n), lacks };
}

const FILES = { image: ["image/*", "A picture"], audio: [".wav", "A sound, as WAV"] };

function condition(name, { classes, is, file, needed }, each) {
  if (FILES[file]) return brought(name, is, FILES[file], needed);
  if (!classes.length) {
    const input = el("input", { type: "text", autocomplete: "off", placeholder: is });
    return { node: field(name, input, needed ? "Needed." : "Empty: none."), read: () => (input.value.trim() === "" ? undefined : input.value) };
  }
  const all = each ? [["*", "shared among all"]] : [];
  const input = choice([["", "any"], ...all, ...classes.map((word) => [`=${word}`, word])], "");
  const read = (n) => (input.value === "" ? undefined : input.value === "*" ? classes.slice(0, n) : input.value.slice(1)); // one for a row at most
  return { node: field(name, input), read };
}

// A condition that is a file: a data URL, once it has been read.
function brought(name, is, [accept, what], needed) {
  const input = el("input", { type: "file", accept });
  let said;
  input.addEventListener("change", () => {
    const reader = new FileReader();
    said = undefined;
    reader.onload = () => { said = reader.result; input.dispatchEvent(new Event("input", { bubbles: true })); };
    if (input.files[0]) reader.readAsDataURL(input.files[0]);
  });
  return { node: field(name, input, `${what} of the form ${is}. ${needed ? "Needed." : "None: of all."}`), read: () => said };
}

// The options of a run's sampling; what was not touched is left to the model.
export function options(told) {
  const names = Object.keys(told).sort((a, b) => order(a) - order(b) || a.localeCompare(b));
  const words = { ...WORDS, sampler: "grid" in told ? SAMPLERS.reals : SAMPLERS.symbols }; // symbols have no grid of noise
  const parts = names.map((name) => [name, option(name, told[name], words[name])]);
  const nodes = parts.map(([, part]) => part.node);
  const more = nodes.slice(4);
  const rest = more.length ? [el("details", {}, el("summary", {}, `${more.length} more options`), more)] : [];
  return { nodes: [...nodes.slice(0, 4), ...rest], read: () => said(parts) };
}

function order(name) {
  return (FIRST.indexOf(name) + 100) % 100 === 99 ? 100 : FIRST.indexOf(name);
}

function option(name, meaning, words) {
  if (RANGES[name]) return slider(name, { ...RANGES[name], own: true }, meaning);
  const input = words ? choice([["", "as trained"], ...words.map((word) => [word, word])], "") : el("input", { type: "text" });
  return { node: field(name, input, meaning), read: () => value(input.value) };
}

function value(text) {
  if (text === "") return undefined;
  if (text === "true" || text === "false") return text === "true";
  return Number.isNaN(Number(text)) ? text : Number(text);
}

function said(parts, n) {
  return Object.fromEntries(parts.map(([name, part]) => [name, part.read(n)]).filter(([, found]) => found !== undefined));
}
