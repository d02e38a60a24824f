// Keeps the job cards true. The socket says that something changed; the card itself is fetched from the site.
// Without the socket each live card still asks for itself every ten seconds. A page that was away says which jobs it
// knows and up to which event, and hears how they stand now.

const PATIENCE = 2000;
const LONGEST_WAIT = 30000;
const SILENCE = 50000;
const TOO_SLOW = 4408;
const COALESCE = 80;

const latest = new Map();
const before = new Map();
const waiting = new Map();
const adopting = new Set();
let socket;
let attempts = 0;
let banner;
let watchdog;

const find = (id) => document.getElementById(`job-${id}`);
const seqOf = (card) => Number(card.dataset.seq);
const announce = (text) => (document.getElementById("announcer").textContent = text);

function refresh(id) {
  const card = find(id);
  if (!card || waiting.has(id)) return;
  // Several events in a row are one refetch.
  waiting.set(
    id,
    setTimeout(() => {
      waiting.delete(id);
      const now = find(id);
      if (now) htmx.ajax("GET", now.dataset.card, { source: now, target: now, swap: "outerHTML" });
    }, COALESCE),
  );
}

function adopt(id) {
  // Another tab or a program submitted it. This page's own submission gets its card from the answer, so wait for that.
  const feed = document.getElementById("feed");
  if (!feed || find(id) || adopting.has(id)) return;
  adopting.add(id);
  setTimeout(() => {
    adopting.delete(id);
    if (find(id)) return;
    feed.querySelector(".first-run")?.remove();
    htmx.ajax("GET", `/studio/jobs/${id}/card`, { source: feed, target: feed, swap: "afterbegin" });
  }, PATIENCE);
}

function progress(id, share) {
  const card = find(id);
  const meter = card?.querySelector("[data-progress] progress");
  if (!meter) return;
  const percent = Math.round(share * 100);
  // Never backwards: a late message is not news.
  if (meter.hasAttribute("value") && percent <= meter.value) return;
  meter.value = percent;
  card.querySelector("[data-percent]").textContent = `${percent} %`;
}

function newestCard() {
  // Ids are ordered by time.
  return [...document.querySelectorAll("[data-generation]")].map((card) => card.dataset.generation).sort().at(-1);
}

function snapshot(generations) {
  const listed = new Map(generations.map((generation) => [generation.id, generation]));
  const newest = newestCard();
  for (const { id, seq } of generations) {
    latest.set(id, Math.max(seq, latest.get(id) || 0));
    // An older one without a card is on another page of the feed.
    if (!newest || id > newest) adopt(id);
  }
  for (const card of document.querySelectorAll("[data-generation]")) {
    const generation = listed.get(card.dataset.generation);
    const differs = generation && (generation.seq > seqOf(card) || generation.status !== card.dataset.status);
    const ended = !generation && card.dataset.live === "true";
    if (differs || ended) refresh(card.dataset.generation);
  }
}

function resume(ids) {
  const cards = ids.map(find).filter(Boolean);
  if (!cards.length || socket.readyState !== WebSocket.OPEN) return;
  const known = Object.fromEntries(cards.map((card) => [card.dataset.generation, seqOf(card)]));
  socket.send(JSON.stringify({ resume: known }));
}

function known() {
  const live = [...document.querySelectorAll('[data-generation][data-live="true"]')].map((card) => card.dataset.generation);
  // Ended or not, it says from where on jobs are news.
  return [...new Set([...live, newestCard()])].filter(Boolean);
}

function receive(message) {
  if (message.type === "snapshot") snapshot(message.generations);
  else if (message.type === "progress") progress(message.generation, message.progress);
  else if (["status", "output", "done"].includes(message.type)) {
    const { generation, seq } = message;
    const told = latest.get(generation);
    adopt(generation);
    latest.set(generation, Math.max(seq, told || 0));
    const card = find(generation);
    if (card && seq > seqOf(card)) refresh(generation);
    // The server tells every event of a job it has begun to tell; if one is lost all the same, ask where it stands.
    if (told && seq > told + 1) resume([generation]);
  }
}

function listen() {
  clearTimeout(watchdog);
  watchdog = setTimeout(() => socket.close(), SILENCE);
}

function offline(shown) {
  document.getElementById("offline").hidden = !shown;
}

function connect() {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  socket = new WebSocket(`${scheme}://${location.host}/ws/generations/`);
  socket.addEventListener("open", () => {
    attempts = 0;
    clearTimeout(banner);
    banner = undefined;
    offline(false);
    listen();
    resume(known());
  });
  socket.addEventListener("message", ({ data }) => {
    listen();
    receive(JSON.parse(data));
  });
  socket.addEventListener("close", ({ code }) => {
    clearTimeout(watchdog);
    // 4401 and 4403: this session may not listen, and asking again will not change that.
    if (code === 4401 || code === 4403) return;
    // It came faster than this page read: what was lost is in the next snapshot.
    if (code === TOO_SLOW) attempts = 0;
    banner ??= setTimeout(() => offline(true), PATIENCE);
    const wait = Math.min(LONGEST_WAIT, 500 * 2 ** attempts) * (0.75 + Math.random() / 2);
    attempts += 1;
    setTimeout(connect, wait);
  });
}

function count() {
  const usage = document.getElementById("usage");
  if (!usage) return;
  const having = (place) => document.querySelectorAll(`[data-live="true"][data-place="${place}"]`).length;
  const running = having("held");
  const queued = having("none");
  usage.querySelector("[data-running]").textContent = running;
  usage.querySelector("[data-queued]").textContent = queued;
  usage.querySelector("[data-queued-text]").hidden = !queued;
}

function settle(card) {
  const id = card.dataset.generation;
  // The same order sent twice gives the same job: one card is enough.
  for (const twin of document.querySelectorAll(`[data-generation="${id}"]`)) if (twin !== card) twin.remove();
  count();
  if ((latest.get(id) || 0) > seqOf(card)) refresh(id);

  const old = before.get(id);
  before.delete(id);
  if (!old) return;
  for (const slot of card.querySelectorAll('[data-slot="succeeded"]')) {
    if (old.slots.get(slot.id) !== "succeeded") slot.classList.add("is-new");
  }
  if (old.focused) (document.getElementById(old.focused) || card).focus();
  const label = card.querySelector(".badge").textContent.trim();
  if (old.live && card.dataset.live === "false") {
    const detail = { id, status: card.dataset.status, label, prompt: card.querySelector(".job__prompt").textContent };
    document.dispatchEvent(new CustomEvent("wm:done", { detail }));
  } else if (old.status !== card.dataset.status) {
    announce(label);
  }
}

document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const card = detail.target;
  if (!card.matches?.("[data-generation]")) return;
  before.set(card.dataset.generation, {
    live: card.dataset.live === "true",
    status: card.dataset.status,
    focused: card.contains(document.activeElement) ? document.activeElement.id || "none" : "",
    slots: new Map([...card.querySelectorAll("[data-slot]")].map((slot) => [slot.id, slot.dataset.slot])),
  });
});

document.addEventListener("htmx:load", ({ detail }) => {
  if (detail.elt.matches?.("[data-generation]")) settle(detail.elt);
});

connect();
