// The composer: prompt history, samples, seed, turning the shape, and a draft that survives leaving the page.
// Everything is listened for on the document, because a form with errors is swapped in whole.

const historyKey = () => `wm:prompts:${form().dataset.draft}`;
const LENGTH = 50;

const form = () => document.getElementById("composer");
const prompt = () => form()?.querySelector("[data-prompt-input]");
const draftKey = () => `wm:draft:${form().dataset.draft}`;
let place = -1;
let unsent = "";
// Whether the form has changed since the price was last asked for.
let stale = false;

function load(storage, key, otherwise) {
  try {
    return JSON.parse(storage.getItem(key)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

function save(storage, key, value) {
  try {
    storage.setItem(key, JSON.stringify(value));
  } catch {
    // Full or closed storage costs the history, never the work.
  }
}

function changed(element) {
  element.dispatchEvent(new Event("input", { bubbles: true }));
}

function write(text) {
  const field = prompt();
  field.value = text;
  field.setSelectionRange(text.length, text.length);
  changed(field);
}

function fit(field) {
  field.parentElement.querySelector("[data-count]").textContent = field.value.length;
  if (CSS.supports("field-sizing", "content")) return;
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight}px`;
}

function remember(text) {
  if (!text.trim()) return;
  const past = load(localStorage, historyKey(), []).filter((entry) => entry !== text);
  save(localStorage, historyKey(), [text, ...past].slice(0, LENGTH));
}

function leaf(step) {
  const past = load(localStorage, historyKey(), []);
  const next = Math.min(Math.max(place + step, -1), past.length - 1);
  if (next === place) return;
  if (place === -1) unsent = prompt().value;
  place = next;
  write(place === -1 ? unsent : past[place]);
}

function keepDraft() {
  if (!form()) return;
  const values = Object.fromEntries(new FormData(form()));
  delete values.csrfmiddlewaretoken;
  delete values.idempotency_key;
  save(sessionStorage, draftKey(), values);
}

function restoreDraft() {
  // A link that brings its own prompt, or a form that came back with errors, knows better.
  if (!form() || location.search || form().querySelector("[aria-invalid]")) return;
  const values = load(sessionStorage, draftKey(), {});
  for (const [name, value] of Object.entries(values)) {
    const control = form().elements.namedItem(name);
    if (control && name !== "model") control.value = value;
  }
  if (Object.keys(values).length) changed(prompt());
}

function freshKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function forgive() {
  for (const complaint of form().querySelectorAll(".alert--danger, .field__error")) complaint.remove();
  for (const field of form().querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
  form().querySelector(".prompt--error")?.classList.remove("prompt--error");
}

function turn() {
  const chosen = form().querySelector("[name=aspect_ratio]:checked");
  const turned = chosen?.value.split(":").reverse().join(":");
  const other = form().querySelector(`[name=aspect_ratio][value="${turned}"]`);
  if (!other || other === chosen) return;
  other.checked = true;
  changed(other);
}

document.addEventListener("input", ({ target }) => {
  if (target.form !== form()) return;
  stale = true;
  if (target.matches("[data-prompt-input]")) fit(target);
});

document.addEventListener("keydown", (event) => {
  if (!event.altKey || !event.target.matches("[data-prompt-input]")) return;
  const step = { ArrowUp: 1, ArrowDown: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  leaf(step);
});

document.addEventListener("click", (event) => {
  const sample = event.target.closest("[data-sample]");
  if (sample && prompt() && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    write(sample.dataset.sample);
    prompt().focus();
    prompt().scrollIntoView({ block: "center" });
  }
  if (event.target.closest("[data-turn]")) turn();
  const seed = event.target.closest("[data-seed]")?.querySelector("input");
  if (event.target.closest("[data-seed-roll]")) {
    seed.value = crypto.getRandomValues(new Uint32Array(1))[0] >>> 1;
    changed(seed);
  } else if (event.target.closest("[data-seed-clear]")) {
    seed.value = "";
    changed(seed);
  }
});

// Capturing, so that it comes before htmx: a button that names its reasons leads to what is missing.
document.addEventListener(
  "submit",
  (event) => {
    if (event.target !== form()) return;
    const waiting = form().querySelector("#generate").hasAttribute("data-waiting") && !stale;
    if (!waiting && prompt().value.trim()) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    document.getElementById("announcer").textContent = document.getElementById("quote-why")?.textContent.trim() || "";
    if (!prompt().value.trim()) prompt().focus();
  },
  true,
);

document.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (detail.elt !== form() || !detail.successful) return;
  remember(prompt().value);
  forgive();
  place = -1;
  // The next press is a new order; a press that got no answer may be repeated under the old key.
  form().elements.namedItem("idempotency_key").value = freshKey();
});

document.addEventListener("htmx:load", ({ detail }) => {
  if (detail.elt.id === "quote") stale = false;
  if (detail.elt.id === "composer") fit(prompt());
});

addEventListener("pagehide", keepDraft);
// After htmx has read the page, so that a restored draft asks for its price.
document.addEventListener("DOMContentLoaded", () => {
  restoreDraft();
  if (prompt()) fit(prompt());
});
