// The view that is open: whatever it has asked for ends when it is left.

export const LEFT = new DOMException("The view was left.", "AbortError");

let now = new AbortController();

// The signal that the view of now is left.
export function leaving() {
  return now.signal;
}

export function leave() {
  now.abort(LEFT);
  now = new AbortController();
}
