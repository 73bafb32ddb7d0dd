// Questions to a run: how likely a statement is, or the mean of a number; and the missing cells of a row.

import { post } from "./ask.js";
import { field, runner, slider } from "./controls.js";
import { el, fill, number, status, table } from "./dom.js";
import { conditions } from "./options.js";

export function questions(name, about) {
  return el("div", {}, statement(name, about), about.genzoo.routes.includes("/v1/impute") ? holes(name, about) : null);
}

function statement(name, about) {
  const told = status(), place = el("div", { role: "status" }), given = conditions(about.genzoo.given);
  const of = el("input", { type: "text", autocomplete: "off", value: about.question });
  const n = slider("From samples", { min: 100, max: 10000, step: 100, value: 1000 });
  const go = runner("Ask", async (signal) => {
    const found = await post("/v1/expect", { model: name, of: of.value, n: n.read(), seed: 0, given: given.read() }, signal);
    const { value, low, high } = found.shown ?? { value: number(found.value), low: number(found.low), high: number(found.high) };
    fill(place, el("p", { className: "answer" }, `${of.value}: `, el("strong", {}, value), ` (95 %: ${low} … ${high})`), found.remarks.map((remark) => el("p", { className: "facts" }, `${remark}.`)));
  }, told, { places: [place] });
  const columns = about.columns.map((column) => (about.spelled[column] === column ? column : `${about.spelled[column]} for “${column}”`));
  const hint = columns.length ? `Columns: ${columns.join(", ")}.` : "Entries are x[0], x[1] …; mean(x), norm(x), max(x).";
  return el("form", { className: "card", "aria-label": "A statement" }, el("h2", {}, "How likely is …"), field("A statement, or a number", of, hint), given.nodes, n.node, go.node, told.node, place);
}

function holes(name, about) {
  const told = status(), place = el("div"), n = slider("Draws", { min: 1, max: 20, step: 1, value: 5 }), given = conditions(about.genzoo.given, { each: false });
  const inputs = about.columns.map((column) => [column, el("input", { type: "text", autocomplete: "off" })]);
  const go = runner("Fill in", async (signal) => {
    const row = Object.fromEntries(inputs.map(([column, input]) => [column, input.value.trim() || null]));
    const found = await post("/studio/fill", { model: name, input: [row], n: n.read(), seed: 0, given: given.read() }, signal);
    fill(place, table(found.exact ? "Draws, exact" : "Draws", about.columns, found.rows[0].map((draw) => about.columns.map((column) => draw[column]))));
  }, told, { places: [place] });
  return el("form", { className: "card", "aria-label": "Missing cells" }, el("h2", {}, "What is missing"), el("p", {}, "Say what is known; what is left empty is drawn given the rest."),
    el("div", { className: "fields" }, inputs.map(([column, input]) => field(column, input))), given.nodes, n.node, go.node, told.node, place);
}
