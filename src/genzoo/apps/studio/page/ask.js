// Requests. The head x-genzoo shows that this page asks: one of another site cannot send it.

const HEAD = { "content-type": "application/json", "x-genzoo": "1" };

async function answered(answer) {
  if (answer.ok) return answer;
  let told = `The server said ${answer.status}.`;
  try { told = (await answer.json()).error.message; } catch { /* an answer that is no JSON: the status is all there is */ }
  throw new Error(told);
}

async function reach(path, options) {
  let answer;
  try { answer = await fetch(path, options); } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server does not answer. Is genzoo studio still running?");
  }
  return answered(answer);
}

export async function get(path, asked = {}) {
  const words = new URLSearchParams(asked).toString();
  return (await reach(words ? `${path}?${words}` : path)).json();
}

export async function post(path, body, signal) {
  return (await reach(path, { method: "POST", headers: HEAD, body: JSON.stringify(body), signal })).json();
}

export async function file(path, body, signal) {
  return (await reach(path, { method: "POST", headers: HEAD, body: JSON.stringify(body), signal })).blob();
}

export async function send(path, content, signal) {
  const headers = { "content-type": "application/octet-stream", "x-genzoo": "1" };
  return (await reach(path, { method: "POST", headers, body: content, signal })).json();
}

// The events of a stream, as they come.
export async function* stream(path, body, signal) {
  const answer = await reach(path, { method: "POST", headers: HEAD, body: JSON.stringify(body), signal });
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
