// Runs before the page is drawn, so that a light page never flashes dark. Dark is the default.
(() => {
  let theme = "dark";
  try {
    theme = localStorage.getItem("theme") ?? theme;
  } catch {
    // Without storage the default holds.
  }
  document.documentElement.dataset.theme = theme;
})();
