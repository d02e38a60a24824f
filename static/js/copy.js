// [data-copy]: puts its text on the clipboard and says so.

async function copy(text) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  // Plain http on a local network has no clipboard interface.
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "sr-only";
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  let detail = { text: "Copied", tone: "success" };
  try {
    await copy(button.dataset.copy);
  } catch {
    detail = { text: "The browser would not copy. Select the text and copy it by hand.", tone: "warning" };
  }
  document.dispatchEvent(new CustomEvent("wm:toast", { detail }));
});
