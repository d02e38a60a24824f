// Shortcuts. Single keys rest while one types; the sheet behind "?" lists them all.

const typing = (target) => target.closest("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]");
const inDialog = () => document.querySelector("dialog[open]");

function focus(element) {
  element.focus();
  element.scrollIntoView({ block: "nearest" });
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    const form = document.getElementById("composer");
    if (!form) return;
    event.preventDefault();
    form.requestSubmit(form.querySelector("#generate"));
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || inDialog()) return;

  if (event.key === "/") {
    const field = document.querySelector("[data-prompt-input], [role=search] input");
    if (!field) return;
    event.preventDefault();
    focus(field);
  } else if (event.key === "?") {
    event.preventDefault();
    document.getElementById("shortcuts")?.showModal();
  } else if (event.shiftKey && event.key.toLowerCase() === "x") {
    document.querySelector("form[data-cancel]")?.requestSubmit();
  }
});
