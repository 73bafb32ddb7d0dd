// A form from a JSON schema: types, defaults, ranges and meanings are those of the signature. What is left as it was is
// not sent, so that defaults stay the recipe's.

import { choice, field } from "./controls.js";
import { el } from "./dom.js";

// runs: names of runs for the fields that take one. own: whose the defaults are, where they are not the schema's.
export function form(schema, { skip = [], runs = {}, own = "" } = {}) {
  const parts = Object.entries(schema.properties ?? {}).filter(([name]) => !skip.includes(name))
    .map(([name, about]) => [name, entry(name, { ...resolved(about, schema), ...(own ? { default: undefined, own } : {}) }, (schema.required ?? []).includes(name), runs[name])]);
  return {
    nodes: parts.map(([, part]) => part.node),
    read: () => Object.fromEntries(parts.map(([name, part]) => [name, part.read()]).filter(([, value]) => value !== undefined)),
  };
}

function resolved(about, schema) {
  const named = about.$ref ?? about.allOf?.[0]?.$ref;
  return named ? { ...schema.$defs[named.split("/").pop()], ...about } : about;
}

function entry(name, about, needed, runs) {
  const kinds = about.anyOf ?? [about];
  const main = kinds.find((kind) => kind.type !== "null") ?? about;
  const first = about.default;
  const label = needed ? `${name} (needed)` : name;
  if (runs) return chosen(label, runs.map((run) => [run, run]), about, "");
  if (main.enum) return chosen(label, main.enum.map((word) => [String(word), String(word)]), about, first, main.enum);
  if (main.type === "boolean") return chosen(label, [["true", "yes"], ["false", "no"]], about, first, [true, false]);
  return written(label, main, about, kinds.some((kind) => kind.type === "null"));
}

function chosen(label, words, about, first, values) {
  const known = words.some(([value]) => value === String(first));
  const input = choice(known ? words : [["", about.own ?? (first === null ? "none" : "–")], ...words], known ? String(first) : "");
  const before = input.value;
  const read = () => {
    if (input.value === before) return undefined;
    return values ? values.find((value) => String(value) === input.value) ?? null : input.value;
  };
  return { node: field(label, input, about.description), read };
}

function written(label, kind, about, optional) {
  const numeric = kind.type === "integer" || kind.type === "number";
  const input = el("input", {
    type: numeric ? "number" : "text", autocomplete: "off", step: numeric ? (kind.type === "integer" ? "1" : "any") : null,
    min: kind.minimum ?? kind.exclusiveMinimum ?? null, max: kind.maximum ?? kind.exclusiveMaximum ?? null,
    placeholder: about.own ?? (about.default === null || about.default === undefined ? "none" : spelled(about.default)),
  });
  const hint = [about.description, limits(kind)].filter(Boolean).join(" · ");
  const read = () => {
    const text = input.value.trim();
    if (text === "") return undefined;
    if (optional && text === "none") return null;
    return numeric ? Number(text) : value(text, kind.type);
  };
  return { node: field(label, input, hint), read };
}

const SIGNS = { minimum: "≥", exclusiveMinimum: ">", maximum: "≤", exclusiveMaximum: "<" };

function limits(kind) {
  const type = { array: "a list, as [64, 64]", integer: "a whole number", number: "a number" }[kind.type] ?? "";
  const ends = Object.entries(SIGNS).filter(([key]) => key in kind).map(([key, sign]) => `${sign} ${kind[key]}`);
  return [type, ...ends].filter(Boolean).join(" ");
}

function spelled(first) {
  return typeof first === "string" ? first : JSON.stringify(first);
}

function value(text, type) {
  if (type === "string") return text;
  try { return JSON.parse(text); } catch { return text; }
}
