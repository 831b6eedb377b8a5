// Says things: on the screen for a while, or to a screen reader alone.

import { $, el } from "./dom.js";

const SHOWN_MS = 6000;

export function notice(text, { bad = false } = {}) {
  const shown = el("p", { class: bad ? "notice bad" : "notice" }, text);
  $("notices").append(shown);
  setTimeout(() => shown.remove(), bad ? 2 * SHOWN_MS : SHOWN_MS);
}

export function say(text) {
  $("spoken").textContent = text;
}
