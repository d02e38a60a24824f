// Runs before the first paint: applies the chosen theme, and tells the stylesheet that scripts are on.
(() => {
  const root = document.documentElement;
  const light = matchMedia("(prefers-color-scheme: light)");

  // Storage may be closed to us (private windows, blocked cookies); the system's theme is then used.
  const read = () => {
    try {
      return localStorage.getItem("wm:theme");
    } catch {
      return null;
    }
  };

  const show = (theme) => {
    if (theme) root.dataset.theme = theme;
    root.dataset.shown = theme || (light.matches ? "light" : "dark");
  };

  root.dataset.js = "";
  show(read());
  light.addEventListener("change", () => show(read()));

  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-toggle]")) return;
    const theme = root.dataset.shown === "light" ? "dark" : "light";
    try {
      localStorage.setItem("wm:theme", theme);
    } catch {
      // The choice then lasts for this page only.
    }
    show(theme);
  });
})();
