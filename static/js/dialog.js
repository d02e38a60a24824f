// Native dialogs, and forms that ask before they act: <form data-confirm="id of a dialog">.
// Without JavaScript such a form acts at once.

let waiting = null;

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog-open]");
  if (opener) document.getElementById(opener.dataset.dialogOpen)?.showModal();

  const dialog = event.target.closest("dialog");
  if (!dialog) return;
  if (event.target.closest("[data-confirm-yes]")) {
    const form = waiting;
    dialog.close();
    form?.submit();
  } else if (event.target === dialog || event.target.closest("[data-dialog-close]")) {
    // A click on the backdrop arrives as a click on the dialog itself.
    dialog.close();
  }
});

document.addEventListener("submit", (event) => {
  const dialog = document.getElementById(event.target.dataset.confirm || "");
  if (!dialog) return;
  event.preventDefault();
  waiting = event.target;
  dialog.addEventListener("close", () => (waiting = null), { once: true });
  dialog.showModal();
});
