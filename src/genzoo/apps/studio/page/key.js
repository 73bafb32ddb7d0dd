// The key of a studio that others reach: asked for when the server wants one, kept until the tab is closed.

import { el } from "./dom.js";

const PLACE = "genzoo-key";
let asking = null;

export function key() {
  return sessionStorage.getItem(PLACE);
}

// Asks for another key than the one that was refused; false if none is given.
export function renew(refused) {
  if (key() !== refused) return true; // another request has asked meanwhile
  asking ??= ask().finally(() => { asking = null; });
  return asking;
}

function ask() {
  const input = el("input", { type: "password", id: "studio-key", autocomplete: "current-password", required: true });
  const box = el("dialog", { "aria-labelledby": "key-head" }, el("form", { method: "dialog" }, el("h2", { id: "key-head" }, "This studio has a key"),
    el("label", { for: "studio-key" }, "Key"), input, el("div", { className: "row" }, el("button", { className: "main" }, "Enter"))));
  document.body.append(box);
  box.showModal();
  return new Promise((done) => {
    box.addEventListener("close", () => {
      if (input.value) sessionStorage.setItem(PLACE, input.value);
      box.remove();
      done(Boolean(input.value));
    });
  });
}
