// A card stands in the feed the moment the order leaves, with plates in the right shape.
// The real card takes its place, or a failure takes it away.

const feed = () => document.getElementById("feed");
const pending = () => feed().querySelector(".job--optimistic");
const SVG = "http://www.w3.org/2000/svg";

function way(width, height) {
  const ratio = width / height;
  if (ratio < 0.7) return "tall";
  if (ratio < 0.9) return "portrait";
  return ratio > 1.15 ? "landscape" : "square";
}

function plate(width, height) {
  const slot = document.createElement("div");
  slot.className = "plate plate--pending plate--running";
  const box = document.createElementNS(SVG, "svg");
  box.setAttribute("viewBox", `0 0 ${width} ${height}`);
  box.setAttribute("width", width);
  box.setAttribute("height", height);
  slot.append(box);
  return slot;
}

function card(values) {
  const job = document.getElementById("job-pattern").content.firstElementChild.cloneNode(true);
  const [width, height] = (values.get("aspect_ratio") || "1:1").split(":").map((side) => Number(side) * 100);
  const count = Number(values.get("n")) || 1;
  const slots = job.querySelector("[data-slots]");
  slots.classList.add(`way-${way(width, height)}`, `count-${count}`);
  for (let number = 0; number < count; number += 1) slots.append(plate(width, height));
  job.querySelector("[data-prompt]").textContent = values.get("prompt");
  return job;
}

document.addEventListener("htmx:beforeRequest", ({ detail }) => {
  if (!detail.elt.matches("[data-composer]")) return;
  const job = card(new FormData(detail.elt));
  feed().prepend(job);
  if (job.getBoundingClientRect().top > innerHeight * 0.8) job.scrollIntoView({ block: "start", behavior: "smooth" });
});

for (const name of ["htmx:beforeSwap", "htmx:afterRequest"]) {
  document.addEventListener(name, ({ detail }) => {
    if (detail.requestConfig?.elt.matches("[data-composer]")) pending()?.remove();
  });
}
