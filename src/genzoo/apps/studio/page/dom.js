// Elements. Text goes in as text nodes, never as HTML: what a model or a file says cannot become markup.

export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) set(node, name, value);
  node.append(...there(children));
  return node;
}

function there(children) {
  return children.flat(3).filter((child) => child !== null && child !== undefined && child !== false);
}

function set(node, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
  else if (name in node && typeof value !== "string") node[name] = value;
  else node.setAttribute(name === "className" ? "class" : name, value === true ? "" : value);
}

const SVG = "http://www.w3.org/2000/svg";

export function svg(tag, props = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(props)) node.setAttribute(name, value);
  node.append(...children.flat());
  return node;
}

export function fill(node, ...children) {
  node.replaceChildren(...there(children));
  return node;
}

// A figure, rounded; cells of data are texts already, and stay as they are.
export function number(value) {
  if (value === null || value === undefined) return "–";
  if (Number.isInteger(value)) return value.toLocaleString("en");
  const size = Math.abs(value);
  return size >= 1e5 || size < 1e-3 ? value.toExponential(2) : String(Number(value.toPrecision(4)));
}

// Whether a value is a number, or a text that spells one.
export function isNumber(value) {
  return typeof value === "number" || (typeof value === "string" && value.trim() !== "" && Number.isFinite(Number(value)));
}

// Whether a cell stands at the right, as figures do: a number, or a share.
function isFigure(value) {
  return isNumber(value) || (typeof value === "string" && /^[\d.]+ ?%$/.test(value));
}

// A table with a head; it scrolls by itself where the page is narrow, and can be reached by keyboard for that.
export function table(caption, heads, rows) {
  const there = heads.map((_, k) => rows.map((row) => row[k]).filter((value) => value !== null && value !== undefined));
  const kinds = there.map((values) => (values.length && values.every(isFigure) ? "number" : null));
  const kind = (value, k) => (isFigure(value) ? "number" : kinds[k] ?? (/^\S{1,24}$/.test(value) ? "word" : null));
  const cell = (value, k) => (value instanceof Node ? el("td", {}, value)
    : el("td", { className: kind(value, k) }, typeof value === "number" ? number(value) : value ?? "–"));
  return el("div", { className: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    el("table", {}, el("caption", {}, caption),
      el("thead", {}, el("tr", {}, heads.map((head, k) => el("th", { scope: "col", className: kinds[k] }, head)))),
      el("tbody", {}, rows.map((row) => el("tr", {}, row.map(cell))))));
}

// What is going on, said to those who cannot see it too.
export function status() {
  const node = el("p", { className: "status", role: "status" });
  return {
    node,
    say(text, { error = false } = {}) {
      node.textContent = text;
      node.classList.toggle("error", error);
    },
    fail(error) {
      if (error.name !== "AbortError") this.say(error.message, { error: true });
    },
  };
}
