// What every screen has: the theme's switch, the keys, the session. A screen begins by `start`.

import { $ } from "./dom.js";
import { listen, store } from "./keys.js";
import { notice } from "./notices.js";
import { signedIn } from "./session.js";

/** Run a screen once the caller is known; what goes wrong unforeseen is said. */
export async function start(screen) {
  switchTheme();
  listen();
  addEventListener("unhandledrejection", (event) => {
    if (event.reason?.name === "AbortError") return event.preventDefault();
    event.preventDefault();
    return notice(event.reason?.message ?? "Something went wrong on this page.", { bad: true });
  });
  await screen(await signedIn());
}

function switchTheme() {
  const button = $("switch-theme");
  const { dataset } = document.documentElement;
  const name = () => {
    button.textContent = dataset.theme === "dark" ? "Light" : "Dark";
    button.setAttribute("aria-label", `Switch to ${dataset.theme === "dark" ? "light" : "dark"} colours`);
  };
  name();
  button.addEventListener("click", () => {
    dataset.theme = dataset.theme === "dark" ? "light" : "dark";
    store("theme", dataset.theme);
    name();
  });
}
