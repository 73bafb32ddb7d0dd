// Controls with their labels.

import { el } from "./dom.js";
import { leaving } from "./view.js";

let count = 0;

export function field(label, control, hint) {
  const id = `field-${(count += 1)}`;
  const target = control.matches("input, select, textarea") ? control : control.querySelector("input, select, textarea");
  target.id = id;
  if (hint) target.setAttribute("aria-describedby", `${id}-hint`);
  return el("div", { className: "field" }, el("label", { for: id }, label), control,
    hint ? el("small", { id: `${id}-hint` }, hint) : null);
}

export function choice(values, chosen) {
  return el("select", {}, values.map(([value, text]) => el("option", { value, selected: value === chosen }, text)));
}

// A slider and a number that follow each other. Until it is touched its value is undefined: the model's own.
export function slider(label, { min, max, step, value, own = false }, hint) {
  const range = el("input", { type: "range", min: String(min), max: String(max), step: String(step), value: String(value) });
  const exact = el("input", { type: "number", min: String(min), step: step === 1 ? "1" : "any", className: "exact",
    value: own ? "" : String(value), placeholder: "default", "aria-label": `${label}, exactly` });
  range.addEventListener("input", () => { exact.value = range.value; });
  exact.addEventListener("input", () => { if (exact.value !== "") range.value = exact.value; });
  const node = field(label, el("div", { className: "pair" }, range, exact), hint);
  const read = () => {
    const said = exact.value === "" ? undefined : Number(exact.value);
    if (step === 1 && said !== undefined && !Number.isSafeInteger(said)) throw new Error(`${label} must be a whole number up to ${Number.MAX_SAFE_INTEGER}, got ${exact.value}.`);
    return said;
  };
  return { node, read, write(next) { exact.value = next; range.value = next; } };
}

export function button(text, act, props = {}) {
  return el("button", { type: "button", onclick: act, ...props }, text);
}

// A button that begins something long, and a second one that ends it, as leaving the view does. It is what Enter does in
// its form, if it is the form's first that is not `aside`. What stands in `places` was asked before: it is dimmed until
// the answer comes, and gone if there is none.
export function runner(text, work, status, { places = [], aside = false } = {}) {
  let going = null;
  const dim = (is) => places.forEach((place) => place.classList.toggle("before", is));
  const act = (event) => { event.preventDefault(); begin(); }; // instead of the form's own way, which leaves the page
  const view = leaving(), main = button(text, act, { className: aside ? "" : "main", type: aside ? "button" : "submit" });
  view.addEventListener("abort", () => going?.abort(view.reason));
  const stop = button("Cancel", () => going?.abort(), { hidden: true, className: "quiet" });
  async function begin() {
    if (view.aborted) return;
    going?.abort();
    const mine = (going = new AbortController());
    stop.hidden = false;
    status.say("Working …");
    dim(true);
    try {
      await work(mine.signal);
      if (going === mine) dim(false);
      if (going === mine && status.node.textContent === "Working …") status.say("");
    } catch (error) {
      if (going !== mine) return;
      if (error.name === "AbortError") return void status.say("Canceled.");
      for (const place of places) place.replaceChildren();
      dim(false);
      status.fail(error);
    } finally {
      if (going === mine) { stop.hidden = true; going = null; }
    }
    return undefined;
  }
  return { begin, main, node: el("div", { className: "row" }, main, stop) };
}

// Calls once things have been quiet for a while.
export function calmly(act, pause = 250) {
  let timer;
  return () => { clearTimeout(timer); timer = setTimeout(act, pause); };
}
