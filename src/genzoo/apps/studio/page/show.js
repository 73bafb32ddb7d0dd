// Rows of a run by their kind: pictures, sounds, texts, tables, points.

import { el, isNumber, svg, table } from "./dom.js";

const SHOWN = 100; // lines of a table

export function show({ kind, items }, { shape = [], names = (i) => `sample ${i}`, onchoose, flat = true } = {}) {
  if (kind === "image") return pictures(items, shape, names, onchoose);
  if (kind === "audio") return el("ol", { className: "sounds", start: "0" }, items.map((item, i) => el("li", {},
    el("audio", { controls: true, preload: "none", src: `data:audio/wav;base64,${item}`, "aria-label": names(i) }))));
  if (kind === "text") return el("ol", { className: "texts", start: "0" }, items.map((item) => el("li", {}, el("pre", {}, item))));
  if (kind === "table") return rows(items, flat, shape[0]);
  return table("samples", ["row", "numbers"], items.slice(0, SHOWN).map((item, i) => [String(i), numbers(item)]));
}

function pictures(items, shape, names, onchoose) {
  const grid = el("div", { className: "pictures" });
  grid.style.setProperty("--side", `${Math.max(96, Math.min(256, (shape.at(-1) ?? 64) * 2))}px`);
  grid.append(...items.map((item, i) => picture(item, names(i), onchoose && (() => onchoose(i)))));
  return grid;
}

export function picture(content, name, act) {
  const image = el("img", { src: `data:image/png;base64,${content}`, alt: name, className: "picture" });
  return act ? el("button", { type: "button", className: "bare", title: name, onclick: act }, image) : image;
}

// Rows of a table, of which the first columns are x and the rest what they were drawn given.
function rows(items, drawn, dims) {
  if (!items.length) return el("p", {}, "No rows.");
  const heads = Object.keys(items[0]);
  const lines = items.slice(0, SHOWN).map((item) => heads.map((head) => item[head]));
  const whole = table(`${items.length} rows`, heads, lines);
  const own = heads.slice(0, dims), flat = drawn && own.length === 2 && items.every((item) => own.every((head) => isNumber(item[head])));
  return flat ? el("div", { className: "beside" }, scatter(items, own), whole) : whole;
}

export function scatter(items, [x, y]) {
  const ends = (name) => [Math.min(...items.map((item) => Number(item[name]))), Math.max(...items.map((item) => Number(item[name])))];
  const place = (name, from, to) => {
    const [low, high] = ends(name);
    return (item) => from + ((Number(item[name]) - low) / (high - low || 1)) * (to - from);
  };
  const [across, up] = [place(x, 10, 290), place(y, 290, 10)];
  return svg("svg", { viewBox: "0 0 300 300", class: "scatter", role: "img", "aria-label": `${items.length} points of ${x} and ${y}` },
    items.map((item) => svg("circle", { cx: across(item).toFixed(1), cy: up(item).toFixed(1), r: 2.5 })));
}

function numbers(item) {
  const flat = [item].flat(Infinity);
  const first = flat.slice(0, 12).map((value) => Number(value.toPrecision(4))).join("  ");
  return flat.length > 12 ? `${first} …` : first;
}
