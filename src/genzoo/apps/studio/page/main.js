// Where the page is: the part of its address behind # names a view.

import { board } from "./board.js";
import { el, fill } from "./dom.js";
import { run } from "./run.js";
import { runs } from "./runs.js";
import { data } from "./source.js";
import { train } from "./train.js";
import { leave } from "./view.js";

const VIEWS = { "": ["Runs", runs], train: ["Train", train], data: ["Data", data], board: ["Leaderboard", board], run: [null, run] };

const main = document.getElementById("main");
const nav = document.getElementById("nav");

// A part of the address; one that was typed may be no code.
function decoded(part) {
  try { return decodeURIComponent(part); } catch { return part; }
}

function go() {
  leave();
  const [key = "", ...words] = location.hash.replace(/^#\/?/, "").split("/").map(decoded);
  const [, show] = VIEWS[key] ?? VIEWS[""];
  fill(nav, Object.entries(VIEWS).filter(([, [text]]) => text).map(([name, [text]]) =>
    el("a", { href: `#/${name}`, "aria-current": name === key ? "page" : null }, text)));
  const view = el("div", { className: "view" });
  fill(main, view);
  show(view, ...words);
  const head = view.querySelector("h1");
  if (head && go.moved) { head.tabIndex = -1; head.focus(); } // so that a reader of the screen hears where it is
  document.title = head ? `${head.textContent} · genzoo studio` : "genzoo studio";
  go.moved = true;
}

addEventListener("hashchange", go);
go();
