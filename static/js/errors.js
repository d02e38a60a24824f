// A request that failed says so in words. What refreshes by itself fails in silence: it tries again anyway.

const WORDS = {
  402: "Not enough credits for that. Nothing was started.",
  403: "You are not allowed to do that, or the page is too old. Reload and try again.",
  404: "That is no longer there.",
  409: "That changed in the meantime. The page shows how it stands now.",
  413: "That is too large.",
  429: "Too many at once. Wait a moment and try again.",
};

const say = (text) => document.dispatchEvent(new CustomEvent("wm:toast", { detail: { text, tone: "danger" } }));
const byItself = (detail) => detail.requestConfig?.verb === "get" || detail.elt.id === "quote";

document.addEventListener("htmx:responseError", ({ detail }) => {
  if (byItself(detail)) return;
  // A response that brings its own words is not talked over.
  if (detail.xhr.getResponseHeader("HX-Trigger")?.includes("wm:toast")) return;
  say(WORDS[detail.xhr.status] || "That did not work, and the fault is ours. Try again in a moment.");
});

for (const name of ["htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(name, ({ detail }) => {
    if (!byItself(detail)) say("The site did not answer. Check your connection and try again.");
  });
}
