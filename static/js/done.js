// A job has ended: a toast, a word for screen readers, and a mark in the tab's title until one looks.

const WORDS = {
  succeeded: ["Your pictures are ready", "success"],
  partially_succeeded: ["Some of your pictures are ready", "warning"],
  failed: ["A job failed; its credits came back", "danger"],
  blocked: ["A job was blocked", "danger"],
  canceled: ["The job was canceled", "neutral"],
};

const title = document.title;
let unseen = 0;

function seen() {
  unseen = 0;
  document.title = title;
}

document.addEventListener("wm:done", ({ detail }) => {
  const [words, tone] = WORDS[detail.status] || [`Job: ${detail.label}`, "neutral"];
  const prompt = detail.prompt.length > 60 ? `${detail.prompt.slice(0, 60)}…` : detail.prompt;
  document.dispatchEvent(new CustomEvent("wm:toast", { detail: { text: `${words}: ${prompt}`, tone } }));
  if (document.hasFocus()) return;
  unseen += 1;
  document.title = `(${unseen}) ✓ ${title}`;
});

addEventListener("focus", seen);
