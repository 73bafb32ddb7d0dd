// How likely rows are: a file that is dropped or chosen, beside rows that the run was not trained on.

import { post, send } from "./ask.js";
import { field, runner } from "./controls.js";
import { el, fill, number, status, svg, table } from "./dom.js";
import { conditions } from "./options.js";

const SHOWN = 300; // rows of a table
const HEADS = ["row", "log p, nats", "held-out rows that are less likely"];

export function scoring(name, about) {
  const told = status(), place = el("div", { className: "found" }), input = el("input", { type: "file", multiple: true });
  const drop = el("div", { className: "drop" }, field("A file", input, hint(about)), el("p", {}, "… or drop it here. It is removed once it is scored."));
  const typed = el("input", { type: "text", autocomplete: "off", placeholder: `${about.genzoo.data}, test rows` });
  const loose = ["image", "audio"].includes(about.genzoo.kind), given = conditions(loose ? about.genzoo.given : {}, { each: false });
  const go = runner("Score", async (signal) => {
    const files = [...input.files], what = files.length ? files.map((file) => file.name).slice(0, 3).join(", ") : typed.value || typed.placeholder;
    const found = await (files.length ? ofFiles(name, about.genzoo, files, given.read(), signal) : ofData(name, typed.value ? { data: typed.value } : {}, signal));
    fill(place, el("h2", {}, files.length > 3 ? `${what} and ${files.length - 3} more` : what), found);
  }, told, { places: [place] });
  input.addEventListener("change", () => { if (input.files.length) { typed.value = ""; go.begin(); } });
  typed.addEventListener("input", () => { input.value = ""; }); // what was named last is meant
  drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => { event.preventDefault(); drop.classList.remove("over"); input.files = event.dataTransfer.files; typed.value = ""; go.begin(); });
  return el("div", { className: "work" }, el("form", { className: "controls", "aria-label": "What to score" },
    drop, field("Or data by name", typed, "As on the page Data; empty: the test rows of the run."),
    given.nodes.length ? el("fieldset", {}, el("legend", {}, "Given, for files one by one"), el("p", {}, "Data by name, and archives that say them, bring their own."), given.nodes) : null, go.node, told.node), el("section", { "aria-label": "Scores" }, place));
}

function hint({ genzoo, lines, shape }) {
  const text = lines ? "A text, a line for each row." : `A text: ${shape[0]} symbols are a row, and what is left over is not scored.`;
  return { image: "A picture of the run's size, several, or an archive of them.", audio: "A sound, several, or an archive of them.", text }[genzoo.kind] ?? "In the form of the run's data, as CSV.";
}

// A file that is brought is kept until it is scored, or until nobody waits for that any more.
async function ofFile(name, file, signal) {
  const { data } = await send(`/studio/data?${new URLSearchParams({ name: file.name })}`, file, signal);
  try { return await ofData(name, { data, once: true }, signal); } catch (error) {
    post("/studio/forget", { data }).catch(() => { /* then it stands among the uploads, where it can be removed */ });
    throw error;
  }
}

function ofFiles(name, { kind, given }, files, said, signal) {
  if (["image", "audio"].includes(kind) && files.every((file) => file.type.startsWith(`${kind}/`))) return eachOf(name, { files, said, asks: Object.keys(given) }, signal);
  if (files.length > 1) throw new Error(`One file is scored at a time, got ${files.length}. Pack them into an archive, or choose one.`);
  return ofFile(name, files[0], signal);
}

async function eachOf(name, { files, said, asks }, signal) {
  const input = await Promise.all(files.map(encoded));
  const found = await post("/v1/score", { model: name, input, given: said }, signal);
  const rows = found.data.map((row, i) => [files[i].name, row.log_prob, row.bits_per_dim ?? "–"]);
  const words = Object.entries(said).map(([own, value]) => `${own} = ${value.startsWith("data:") ? "the file" : value}`);
  const under = asks.length ? `, given ${words.join(", ") || "nothing"}` : "";
  return table(`log p in nats (${found.likelihood})${under}`, ["file", "log p", "bits/dim"], rows);
}

function encoded(file) {
  return new Promise((done, fail) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.onerror = () => fail(new Error(`${file.name} can't be read.`));
    reader.readAsDataURL(file);
  });
}

async function ofData(name, data, signal) {
  const found = await post("/studio/score", { model: name, ...data }, signal), heldOut = found.held_out.length > 0;
  const mean = (values) => values.reduce((sum, value) => sum + (value ?? NaN), 0) / values.length;
  const rows = found.log_prob.map((value, i) => [String(found.numbers[i]), value ?? "−∞", share(found.held_out, value)].slice(0, heldOut ? 3 : 2)).slice(0, SHOWN);
  return [
    el("p", {}, `${found.log_prob.length} of ${found.rows} rows: log p = ${number(mean(found.log_prob))} nats a row on average (${found.likelihood})`,
      found.bits_per_dim ? `, ${number(-mean(found.log_prob) / found.dims / Math.LN2)} bits/dim` : "", heldOut ? `; held-out rows of the run's data: ${number(mean(found.held_out))}.` : "."),
    found.notes.map((note) => el("p", { className: "facts" }, `${note}.`)),
    histogram({ "these rows": found.log_prob, "held-out rows": found.held_out }),
    table(found.log_prob.length > SHOWN ? `The first ${SHOWN} of ${found.log_prob.length} rows` : `${rows.length} rows`, HEADS.slice(0, heldOut ? 3 : 2), rows),
  ];
}

function share(held, value) {
  return `${Math.round((100 * held.filter((other) => other < value).length) / held.length)} %`;
}

const BINS = 40;

function histogram(named) {
  const parts = Object.entries(named).map(([name, values]) => [name, values.filter(Number.isFinite)]).filter(([, values]) => values.length);
  const all = parts.flatMap(([, values]) => values), low = Math.min(...all), high = Math.max(...all);
  const counted = parts.map(([name, values]) => {
    const counts = Array(BINS).fill(0);
    for (const value of values) counts[Math.min(BINS - 1, Math.floor(((value - low) / (high - low || 1)) * BINS))] += 1 / values.length;
    return [name, counts];
  });
  const most = Math.max(...counted.flatMap(([, counts]) => counts));
  const bars = counted.map(([, counts], i) => counts.map((count, k) => svg("rect", { x: (10 + (k + i * 0.45) * 15).toFixed(1), y: (150 - (count / most) * 140).toFixed(1), width: 6.5, height: ((count / most) * 140).toFixed(1), class: `bar line-${i}` })));
  const label = `Distribution of log p from ${number(low)} to ${number(high)}`;
  return el("figure", {}, el("figcaption", {}, "log p in nats", counted.map(([name], i) => el("span", { className: `key line-${i}` }, ` ${name}`))),
    svg("svg", { viewBox: "0 0 620 175", class: "chart", role: "img", "aria-label": label }, bars.flat(), svg("text", { x: 10, y: 168 }, number(low)), svg("text", { x: 610, y: 168, "text-anchor": "end" }, number(high))));
}
