// The key of a studio that others reach: asked for when the server wants one, kept until the tab is closed.

import { el, status } from "./dom.js";

const PLACE = "genzoo-key";
const SENDABLE = /^[\x20-\xff]$/; // what the head of a request can carry
let asking = null;

export function key() {
  return sessionStorage.getItem(PLACE);
}

// Asks for another key than the one that was refused; false if none is given.
export function renew(refused) {
  if (key() !== refused) return true; // another request has asked meanwhile
  asking ??= ask(refused !== null).finally(() => { asking = null; });
  return asking;
}

function ask(again) {
  const told = status(), input = el("input", { type: "password", id: "studio-key", autocomplete: "current-password", required: true });
  const form = el("form", { method: "dialog" }, el("h2", { id: "key-head" }, "This studio has a key"),
    el("label", { for: "studio-key" }, "Key"), input, told.node, el("div", { className: "row" }, el("button", { className: "main", value: "entered" }, "Enter")));
  const box = el("dialog", { "aria-labelledby": "key-head" }, form);
  form.addEventListener("submit", (event) => {
    const odd = [...input.value].find((letter) => !SENDABLE.test(letter));
    if (odd === undefined) return;
    event.preventDefault();
    told.say(`A key is written without letters as “${odd}”. Correct it.`, { error: true });
  });
  document.body.append(box);
  box.showModal();
  if (again) told.say("That key is not the one. Try another.", { error: true });
  return new Promise((done) => {
    box.addEventListener("close", () => {
      const entered = box.returnValue === "entered";
      if (entered) sessionStorage.setItem(PLACE, input.value);
      box.remove();
      done(entered);
    });
  });
}
