// Requests. The head x-genzoo shows that this page asks: one of another site cannot send it.

import { key, renew } from "./key.js";
import { leaving } from "./view.js";

const JSON_HEAD = { "content-type": "application/json" };

async function answered(answer) {
  if (answer.ok) return answer;
  let told = `The server said ${answer.status}.`;
  try { told = (await answer.json()).error.message; } catch { /* an answer that is no JSON: the status is all there is */ }
  throw new Error(told);
}

async function reach(path, { headers = {}, signal, ...options } = {}) {
  const ends = signal ? AbortSignal.any([signal, leaving()]) : leaving();
  const said = key(), head = { ...headers, "x-genzoo": "1", ...(said ? { authorization: `Bearer ${said}` } : {}) };
  let answer;
  try { answer = await fetch(path, { ...options, headers: head, signal: ends }); } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server does not answer. Is genzoo studio still running?");
  }
  if (answer.status === 401 && await renew(said)) return reach(path, { headers, signal: ends, ...options });
  return answered(answer);
}

export async function get(path, asked = {}) {
  const words = new URLSearchParams(asked).toString();
  return (await reach(words ? `${path}?${words}` : path)).json();
}

export async function post(path, body, signal) {
  return (await reach(path, { method: "POST", headers: JSON_HEAD, body: JSON.stringify(body), signal })).json();
}

export async function file(path, body, signal) {
  return (await reach(path, { method: "POST", headers: JSON_HEAD, body: JSON.stringify(body), signal })).blob();
}

// A form with files.
export async function form(path, body, signal) {
  return (await reach(path, { method: "POST", body, signal })).json();
}

// A file as an address that an image can show.
export async function picture(path, asked) {
  return URL.createObjectURL(await (await reach(`${path}?${new URLSearchParams(asked)}`)).blob());
}

export async function send(path, content, signal) {
  const headers = { "content-type": "application/octet-stream" };
  return (await reach(path, { method: "POST", headers, body: content, signal })).json();
}

// The events of a stream, as they come.
export async function* stream(path, body, signal) {
  const answer = await reach(path, { method: "POST", headers: JSON_HEAD, body: JSON.stringify(body), signal });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      const data = part.split("\n").find((line) => line.startsWith("data: "))?.slice(6);
      if (part.startsWith("event: error")) throw new Error(JSON.parse(data).error.message);
      if (data && data !== "[DONE]") yield JSON.parse(data);
    }
  }
}

// Saves a blob under a name.
export function save(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = Object.assign(document.createElement("a"), { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
