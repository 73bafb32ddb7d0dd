// Which data: embedded, uploaded, or a path below an allowed folder; and what `genzoo data check` says of them.

import { get, post, send } from "./ask.js";
import { button, field, runner } from "./controls.js";
import { el, fill, status, table } from "./dom.js";

const MOST = 32 * 1024 * 1024;

// Controls that name data; read() gives what /studio/check and /studio/train take.
export function source(first = "digits") {
  const list = el("datalist", { id: "data-names" }), told = status();
  const data = el("input", { type: "text", value: first, list: "data-names", autocomplete: "off", required: true });
  const given = el("input", { type: "text", autocomplete: "off" }), x = el("input", { type: "text", autocomplete: "off" });
  const read = el("textarea", { rows: "2", spellcheck: "false" });
  const options = el("ul", {});
  get("/studio/data").then((known) => {
    list.append(...[...known.embedded, ...known.files].map((name) => el("option", { value: name })));
    options.append(...known.read.map((each) => el("li", {}, el("code", {}, each.option), ` (${each.of}): ${each.meaning}`)));
  }).catch((error) => told.fail(error));
  const node = el("div", {}, list, field("Data", data, "A name that comes with genzoo, or a file or folder below an allowed one."),
    upload(data, told), told.node, field("Condition on", given, "Labels or columns, with commas between, as class, \"height, cm\"; empty: nothing."),
    el("details", {}, el("summary", {}, "How they are read"), field("What makes x", x, "Columns, a folder or an array, with commas between; empty: all."),
      field("Options", read, "One a line, as missing=drop."), el("details", {}, el("summary", {}, "All options"), options)));
  return { node, read: () => ({ data: data.value, given: words(given.value), x: words(x.value), read: pairs(read.value) }) };
}

function upload(data, told) {
  const input = el("input", { type: "file" });
  input.addEventListener("change", async () => {
    const [file] = input.files;
    if (!file) return;
    if (file.size > MOST) return void told.say(`A file must have at most ${MOST / 1048576} MB. Put it below a folder that the studio was started with: --data FOLDER.`, { error: true });
    told.say(`Uploading ${file.name} …`);
    try {
      data.value = (await send(`/studio/data?${new URLSearchParams({ name: file.name })}`, file)).data;
      told.say(`${file.name} is kept as ${data.value}.`);
      data.dispatchEvent(new Event("change", { bubbles: true }));
    } catch (error) { told.fail(error); }
    return undefined;
  });
  return field("Or upload a file", input, "A table, texts, an archive of pictures or sounds, arrays: 32 MB at most.");
}

// Names with commas between; one that has a comma itself stands in quotes, as in CSV.
export function words(text) {
  const parts = text.match(/\s*"(?:[^"]|"")*"\s*|[^,]+/g) ?? [];
  return parts.map((part) => part.trim()).filter(Boolean)
    .map((word) => (/^".*"$/s.test(word) ? word.slice(1, -1).replaceAll('""', '"') : word));
}

function pairs(text) {
  const lines = text.split("\n").map((line) => line.trim()).filter(Boolean);
  return Object.fromEntries(lines.map((line) => {
    const at = line.indexOf("=");
    if (at < 1) throw new Error(`An option of reading is written name=value, got ${line}.`);
    const value = line.slice(at + 1);
    try { return [line.slice(0, at), JSON.parse(value)]; } catch { return [line.slice(0, at), value]; }
  }));
}

export function checking(read) {
  const told = status(), place = el("div");
  const check = runner("Check the data", async (signal) => {
    fill(place, report(await post("/studio/check", read(), signal)));
  }, told, { places: [place] });
  return { node: el("div", {}, check.node, told.node), place };
}

function report({ facts, columns, skipped, bad }) {
  return [
    table("What was understood", ["what", "understood"], Object.entries(facts)),
    columns.length ? table(`${columns.length} columns`, Object.keys(columns[0]), columns.map((column) => Object.entries(column).map(told))) : null,
    bad ? el("p", { className: "status error" }, `${bad} could not be read.`) : null,
    skipped.length ? el("ul", {}, skipped.map((reason) => el("li", {}, reason))) : null,
  ];
}

// The least and the most are cells of the data, not figures of them.
function told([head, value]) {
  if (typeof value !== "number" || !["least", "most"].includes(head)) return value;
  return String(Number.isInteger(value) ? value : Number(value.toPrecision(7))); // as many digits as a float has
}

// What was uploaded, each with a button that removes it.
function uploads() {
  const told = status(), rows = el("ul", {});
  const show = async () => {
    const { uploads: kept } = await get("/studio/data");
    fill(rows, kept.length ? kept.map((path) => el("li", { className: "row" }, el("code", {}, path.split("/").at(-1)), button("Remove", () => remove(path), { className: "quiet", "aria-label": `Remove ${path.split("/").at(-1)}` }))) : el("li", {}, "None."));
  };
  const remove = async (path) => {
    try {
      await post("/studio/forget", { data: path });
      await show();
      told.say(`${path.split("/").at(-1)} is removed.`);
    } catch (error) { told.fail(error); }
  };
  const node = el("details", {}, el("summary", {}, "Uploaded files"), el("p", {}, "A run that was trained on a file needs it to go on, and to be measured."), rows, told.node);
  node.addEventListener("toggle", () => { if (node.open) show().catch((error) => told.fail(error)); });
  return node;
}

export function data(view) {
  const chosen = source(), check = checking(chosen.read);
  fill(view, el("h1", {}, "Data"), el("p", {}, "What genzoo understands of a source, before anything is trained on it. ", el("a", { href: "#/train" }, "Train on data"), "."),
    el("div", { className: "work" }, el("form", { className: "controls", "aria-label": "Which data" }, chosen.node, check.node, uploads()), el("section", { "aria-label": "What was understood" }, check.place)));
}
