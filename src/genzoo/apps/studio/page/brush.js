// A picture of which a part is wiped out with a brush and drawn anew. By keyboard: arrows move, space wipes out.

import { form, post } from "./ask.js";
import { button, field, runner, slider } from "./controls.js";
import { el, fill, status } from "./dom.js";
import { conditions } from "./options.js";
import { show } from "./show.js";

export function brushing(name, about) {
  const told = status(), place = el("div", { className: "found" }), board = easel(about.shape);
  const seed = slider("Seed", { min: 0, max: 100, step: 1, value: 0 }), n = slider("How many answers", { min: 1, max: 16, step: 1, value: 4 });
  const given = conditions(about.genzoo.given), size = slider("Brush, in pixels", { min: 1, max: Math.max(2, Math.floor(about.shape[1] / 2)), step: 1, value: Math.max(1, Math.round(about.shape[1] / 8)) });
  board.brush = () => size.read() ?? 1;
  const take = runner("Take a sample", async (signal) => {
    const found = await post("/studio/samples", { model: name, n: 1, seed: seed.read(), given: given.read(1) }, signal);
    board.lay(await blob(`data:image/png;base64,${found.items[0]}`));
  }, told, { aside: true });
  const own = el("input", { type: "file", accept: "image/*" });
  own.addEventListener("change", () => { if (own.files[0]) board.lay(own.files[0], true).catch((error) => told.fail(error)); });
  const go = runner("Draw anew", async (signal) => {
    const found = await edit(name, { board, n, seed, given }, signal);
    told.say(`By ${found.method} (${found.exactness}).`);
    fill(place, show({ kind: "image", items: found.data.map((each) => each.b64_json) }, { ...about, names: (i) => `answer ${i}` }));
  }, told, { places: [place] });
  go.main.disabled = true; // until there is a picture
  board.laid = () => { go.main.disabled = false; };
  take.begin();
  return el("div", { className: "work" },
    el("form", { className: "controls", "aria-label": "What to draw anew" }, given.nodes, seed.node, take.node,
      field("Or a picture of yours", own, "It is brought to the run's size."), size.node, n.node, go.node, told.node),
    el("section", { "aria-label": "Picture" }, el("p", { id: "brush-help" }, "Wipe out with the pointer; or with the arrow keys and space."), board.canvas,
      el("div", { className: "row" }, button("Wipe out nothing", () => board.clear())), place));
}

async function edit(name, { board, n, seed, given }, signal) {
  if (board.whole()) throw new Error("Nothing is wiped out. Wipe something out first: with the pointer, or with the arrow keys and space.");
  const body = new FormData();
  const said = { model: name, n: n.read(), seed: seed.read(), given: JSON.stringify(given.read(n.read())) };
  for (const [key, value] of Object.entries(said)) body.append(key, value);
  body.append("image", board.image, "image.png");
  body.append("mask", await board.mask(), "mask.png");
  return form("/v1/images/edits", body, signal);
}

async function blob(url) {
  const bytes = Uint8Array.from(atob(url.split(",")[1]), (letter) => letter.charCodeAt(0));
  return new Blob([bytes], { type: "image/png" });
}

// A canvas of the run's size, with what was wiped out and where the brush is.
function easel([channels, high, wide]) {
  const canvas = el("canvas", { className: "easel", tabindex: "0", role: "application", "aria-label": "Picture to wipe a part out of", "aria-describedby": "brush-help" });
  Object.assign(canvas, { width: wide, height: high });
  const wiped = new Uint8Array(wide * high), at = { x: wide >> 1, y: high >> 1, shown: false };
  const self = { canvas, image: null, bitmap: null, brush: () => 1, laid() {}, clear() { wiped.fill(0); draw(); } };
  const draw = () => paint(canvas.getContext("2d"), self, wiped, at);
  self.lay = async (file, fit = false) => {
    const bitmap = await createImageBitmap(file);
    const fits = !fit || (file.type === "image/png" && bitmap.width === wide && bitmap.height === high && channels === 4);
    self.image = fits ? file : await fitted(bitmap, { wide, high, channels });
    self.bitmap = await createImageBitmap(self.image);
    self.laid();
    draw();
  };
  self.whole = () => !wiped.includes(1);
  self.mask = () => masked(wiped, wide, high);
  const wipe = (from, to) => { spread(wiped, wide, high, { from, to, size: self.brush() }); draw(); };
  listen(canvas, at, wipe, draw);
  return self;
}

function listen(canvas, at, wipe, draw) {
  const where = (event) => {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * canvas.width, ((event.clientY - box.top) / box.height) * canvas.height];
  };
  let last = null; // where the pointer was: between two looks at it a quick one goes far
  canvas.addEventListener("pointerdown", (event) => {
    if (!event.isPrimary) return;
    canvas.setPointerCapture(event.pointerId);
    last = where(event);
    wipe(last, last);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!event.isPrimary || !event.buttons || !last) return;
    const now = where(event);
    wipe(last, now);
    last = now;
  });
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  canvas.addEventListener("keydown", (event) => {
    const step = steps[event.key];
    if (!step && event.key !== " ") return;
    event.preventDefault();
    at.shown = true;
    if (step) Object.assign(at, { x: clamp(at.x + step[0], canvas.width), y: clamp(at.y + step[1], canvas.height) });
    if (event.key === " ") wipe([at.x + 0.5, at.y + 0.5], [at.x + 0.5, at.y + 0.5]);
    else draw();
  });
  canvas.addEventListener("blur", () => { at.shown = false; draw(); });
}

const clamp = (value, size) => Math.max(0, Math.min(size - 1, value));

// Wipes out what is near the line between two places.
function spread(wiped, wide, high, { from: [x, y], to, size }) {
  const [dx, dy] = [to[0] - x, to[1] - y];
  for (let row = 0; row < high; row += 1) {
    for (let column = 0; column < wide; column += 1) {
      const [px, py] = [column + 0.5 - x, row + 0.5 - y];
      const share = Math.max(0, Math.min(1, (px * dx + py * dy) / (dx * dx + dy * dy || 1)));
      if (Math.hypot(px - share * dx, py - share * dy) <= Math.max(0.71, size / 2)) wiped[row * wide + column] = 1;
    }
  }
}

function paint(context, { bitmap }, wiped, at) {
  const { width, height } = context.canvas;
  context.imageSmoothingEnabled = false;
  context.clearRect(0, 0, width, height);
  if (bitmap) context.drawImage(bitmap, 0, 0, width, height);
  context.fillStyle = "rgba(230, 80, 60, 0.75)";
  wiped.forEach((is, i) => { if (is) context.fillRect(i % width, Math.floor(i / width), 1, 1); });
  if (!at.shown) return;
  context.strokeStyle = "#4da3ff";
  context.lineWidth = 0.25;
  context.strokeRect(at.x + 0.12, at.y + 0.12, 0.76, 0.76);
}

// Alpha 0 where it is to be drawn anew.
function masked(wiped, wide, high) {
  const canvas = Object.assign(document.createElement("canvas"), { width: wide, height: high }), context = canvas.getContext("2d");
  const data = context.createImageData(wide, high);
  wiped.forEach((is, i) => { data.data[4 * i + 3] = is ? 0 : 255; });
  context.putImageData(data, 0, 0);
  return new Promise((done) => { canvas.toBlob(done, "image/png"); });
}

// A picture of any size as one of the run's: its middle, grey where the run's are, opaque unless they may be otherwise.
function fitted(bitmap, { wide, high, channels }) {
  const grey = channels === 1;
  const canvas = Object.assign(document.createElement("canvas"), { width: wide, height: high }), context = canvas.getContext("2d");
  const scale = Math.max(wide / bitmap.width, high / bitmap.height);
  if (channels !== 4) { // what is transparent stands on white, as on the command line
    context.fillStyle = "#fff";
    context.fillRect(0, 0, wide, high);
  }
  context.filter = grey ? "grayscale(1)" : "none";
  context.drawImage(bitmap, (wide - bitmap.width * scale) / 2, (high - bitmap.height * scale) / 2, bitmap.width * scale, bitmap.height * scale);
  const data = context.getImageData(0, 0, wide, high);
  for (let i = 0; grey && i < data.data.length; i += 4) data.data[i + 1] = data.data[i + 2] = data.data[i];
  context.putImageData(data, 0, 0);
  return new Promise((done) => { canvas.toBlob(done, "image/png"); });
}
