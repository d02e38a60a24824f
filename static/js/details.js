// <details>: menus close when one looks elsewhere; [data-remember] stays as it was left, across swaps and visits.

const key = (element) => `wm:open:${element.dataset.remember}`;

function recall(root) {
  for (const element of root.querySelectorAll("details[data-remember]")) {
    try {
      element.open = localStorage.getItem(key(element)) === "1";
    } catch {
      return;
    }
  }
}

function closeMenus(except) {
  for (const menu of document.querySelectorAll("details[data-dropdown][open]")) {
    if (menu !== except) menu.open = false;
  }
}

document.addEventListener("click", (event) => {
  const menu = event.target.closest("details[data-dropdown]");
  const chose = event.target.closest(".dropdown__panel :is(a, button)");
  closeMenus(chose ? null : menu);
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const menu = document.querySelector("details[data-dropdown][open]");
  if (!menu) return;
  const inside = menu.contains(document.activeElement);
  menu.open = false;
  if (inside) menu.querySelector("summary").focus();
});

document.addEventListener(
  "toggle",
  ({ target }) => {
    if (!target.matches?.("details[data-remember]")) return;
    try {
      localStorage.setItem(key(target), target.open ? "1" : "0");
    } catch {
      // It then opens closed next time.
    }
  },
  true,
);

document.addEventListener("htmx:load", ({ detail }) => recall(detail.elt));
recall(document);
