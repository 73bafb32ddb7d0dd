// Curves of a training as SVG: a line for each split, the step across, the value up.

import { el, number, svg } from "./dom.js";

const [WIDE, HIGH, LEFT, BELOW] = [640, 220, 84, 30];
const CLOCK = ["seconds", "core_seconds", "step", "split", "loss_is", "event"];

// The names of what can be drawn, the loss first.
export function names(curves) {
  const found = new Set(Object.values(curves).flat().flatMap((row) => Object.keys(row)
    .filter((name) => !CLOCK.includes(name) && typeof row[name] === "number")));
  return [...found].sort((a, b) => (b === "loss") - (a === "loss"));
}

export function chart(curves, name, title = name) {
  const lines = Object.entries(curves).map(([split, rows]) => [split, rows.filter((row) => Number.isFinite(row[name])).map((row) => [row.step, row[name]])])
    .filter(([, points]) => points.length);
  const all = lines.flatMap(([, points]) => points);
  if (!all.length) return el("p", {}, "No numbers yet.");
  const scale = scaled(all);
  const label = `${title} by step: ${lines.map(([split, points]) => `${split} now ${number(points.at(-1)[1])}`).join(", ")}`;
  return el("figure", {}, el("figcaption", {}, title, lines.map(([split, points], i) => el("span", { className: `key line-${i}` }, ` ${split} ${number(points.at(-1)[1])}`))),
    svg("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, class: "chart", role: "img", "aria-label": label }, axes(scale), lines.map(([, points], i) => path(points, scale, i))));
}

// Most of a curve is what counts: a first loss a thousand times the last would press it flat.
function scaled(points) {
  const values = points.map(([, value]) => value).sort((a, b) => a - b);
  const low = values[0], high = values[Math.min(values.length - 1, Math.floor(values.length * 0.97))];
  const pad = (high - low || Math.abs(high) || 1) * 0.06;
  const last = Math.max(1, ...points.map(([step]) => step));
  return { low: low - pad, high: high + pad, last,
    x: (step) => LEFT + (step / last) * (WIDE - LEFT - 8),
    y: (value) => Math.max(4, 8 + ((high + pad - value) / (high - low + 2 * pad)) * (HIGH - BELOW - 12)) };
}

function axes({ low, high, last, x, y }) {
  const ticks = [0.1, 0.5, 0.9].map((share) => low + share * (high - low));
  return [
    ...ticks.flatMap((value) => [svg("line", { x1: LEFT, x2: WIDE - 8, y1: y(value), y2: y(value), class: "rule" }),
      svg("text", { x: LEFT - 8, y: y(value) + 4, "text-anchor": "end" }, number(value))]),
    ...(last > 1 ? [0, 0.5, 1] : [0, 1]).map((share) => svg("text", { x: x(share * last), y: HIGH - 6, "text-anchor": ["start", "middle", "end"][share * 2] }, number(Math.round(share * last)))),
  ];
}

function path(points, { x, y }, i) {
  const d = points.map(([step, value], k) => `${k ? "L" : "M"}${x(step).toFixed(1)} ${y(value).toFixed(1)}`).join("");
  return points.length > 1 ? svg("path", { d, class: `line line-${i}` }) : svg("circle", { cx: x(points[0][0]), cy: y(points[0][1]), r: 3, class: `dot line-${i}` });
}
