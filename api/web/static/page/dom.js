// Builds elements. Text goes in as text alone, so nothing a client sent (a file's name) is ever read as markup.

export const $ = (id) => document.getElementById(id);

/** An element with properties (`class`, `data-*`, `aria-*` and `role` as attributes) and children; null ones are left out. */
export function el(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined) continue;
    if (name.includes("-") || name === "class" || name === "role" || name === "for") made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

/** Close a dialog by its own buttons and by a press beside it. */
export function closable(dialog) {
  for (const button of dialog.querySelectorAll("[data-close]")) button.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
}

/** `action` at most once in `pause_ms`, and once more at the end. */
export function throttled(action, pause_ms) {
  let timer = null;
  let again = false;
  return function run() {
    if (timer !== null) {
      again = true;
      return;
    }
    action();
    timer = setTimeout(() => {
      timer = null;
      if (again) {
        again = false;
        run();
      }
    }, pause_ms);
  };
}

/** `action` once nothing has asked for it for `pause_ms`. */
export function settled(action, pause_ms) {
  let timer = null;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(action, pause_ms);
  };
}
