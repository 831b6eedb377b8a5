// Keys of the screen: each is bound with what it does, and the list that `?` opens is made of that.

import { $, closable, el } from "./dom.js";

const bound = [];

/** Bind `keys` (of KeyboardEvent.key); `when` says whether they hold just now. They hold not while a text is typed. */
export function bind(keys, does, action, { when = () => true, shown = keys } = {}) {
  bound.push({ keys, does, action, when, shown });
}

export const noDialog = () => document.querySelector("dialog[open]") === null;

export function listen() {
  const dialog = $("keys");
  closable(dialog);
  const single = $("single-keys");
  single.checked = stored("single-keys") !== "off";
  single.addEventListener("change", () => store("single-keys", single.checked ? "on" : "off"));
  $("show-keys").addEventListener("click", () => show(dialog));
  bind(["?"], "This list", () => show(dialog));
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
    if (event.key.length === 1 && !single.checked) return;
    const binding = bound.find(({ keys, when }) => keys.includes(event.key) && when());
    if (binding === undefined || ($("keys").open && event.key !== "?")) return;
    event.preventDefault();
    binding.action(event);
  });
}

function show(dialog) {
  if (dialog.open) return dialog.close();
  const rows = bound.map(({ does, shown }) => [el("dt", {}, shown.map((key) => el("kbd", {}, key))), el("dd", {}, does)]);
  const always = [
    [el("dt", {}, el("kbd", {}, "Tab")), el("dd", {}, "To the next control")],
    [el("dt", {}, el("kbd", {}, "Esc")), el("dd", {}, "Closes what is open")],
  ];
  $("key-list").replaceChildren(...[...rows, ...always].flat());
  return dialog.showModal();
}

function isTyping(event) {
  const { target } = event;
  if (target.closest?.("textarea, select, [contenteditable]")) return true;
  if (target.tagName !== "INPUT") return false;
  if (target.type === "range") return event.key.startsWith("Arrow") || ["Home", "End", "PageUp", "PageDown"].includes(event.key);
  return !["checkbox", "button"].includes(target.type);
}

export function stored(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

export function store(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // It holds for this page then.
  }
}
