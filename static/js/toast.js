// Short messages in the corner. Anything on the page may send `wm:toast` with {text, tone};
// a response may too, with the header HX-Trigger.

const LASTS = { danger: 12000, warning: 9000 };
const USUAL = 5000;

const box = document.getElementById("toasts");
const pattern = document.getElementById("toast-pattern");

function retire(toast, after) {
  let timer = setTimeout(() => toast.remove(), after);
  // Nobody should have to read against the clock.
  toast.addEventListener("pointerenter", () => clearTimeout(timer));
  toast.addEventListener("pointerleave", () => (timer = setTimeout(() => toast.remove(), USUAL)));
  toast.addEventListener("focusin", () => clearTimeout(timer));
}

document.addEventListener("wm:toast", ({ detail }) => {
  const toast = pattern.content.firstElementChild.cloneNode(true);
  const tone = detail.tone || "neutral";
  toast.className = `toast toast--${tone}`;
  toast.querySelector(".toast__text").textContent = detail.text;
  box.append(toast);
  while (box.children.length > 3) box.firstElementChild.remove();
  retire(toast, LASTS[tone] || USUAL);
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-toast-close]")) event.target.closest("[data-toast]").remove();
});

for (const toast of box.querySelectorAll("[data-toast]")) {
  retire(toast, toast.classList.contains("toast--danger") ? LASTS.danger : USUAL);
}
