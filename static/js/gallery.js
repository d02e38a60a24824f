// Arrow keys: among the tiles of the gallery, and between neighbours when one picture is shown.

const typing = (target) => target.closest("input, textarea, select");

function nearest(links, from, direction) {
  const box = from.getBoundingClientRect();
  const middle = box.left + box.width / 2;
  const rows = links
    .map((link) => ({ link, box: link.getBoundingClientRect() }))
    .filter((other) => (direction > 0 ? other.box.top >= box.bottom : other.box.bottom <= box.top));
  if (!rows.length) return null;
  const edge = direction > 0 ? Math.min(...rows.map((row) => row.box.top)) : Math.max(...rows.map((row) => row.box.top));
  const distance = (row) => Math.abs(row.box.left + row.box.width / 2 - middle);
  return rows.filter((row) => Math.abs(row.box.top - edge) < 4).sort((a, b) => distance(a) - distance(b))[0].link;
}

function move(grid, key) {
  const links = [...grid.querySelectorAll(".tile__link")];
  const here = links.indexOf(document.activeElement);
  if (here === -1) return links[0];
  if (key === "ArrowLeft") return links[here - 1];
  if (key === "ArrowRight") return links[here + 1];
  return nearest(links, links[here], key === "ArrowDown" ? 1 : -1);
}

document.addEventListener("keydown", (event) => {
  if (!event.key.startsWith("Arrow") || event.altKey || event.ctrlKey || event.metaKey) return;
  if (typing(event.target) || document.querySelector("dialog[open]")) return;
  const grid = document.querySelector("[data-arrows]");
  if (grid) {
    // Up and down scroll the page until one is among the tiles.
    const among = grid.contains(document.activeElement);
    if (!among && /Up|Down/.test(event.key)) return;
    const link = move(grid, event.key);
    if (!link) return;
    event.preventDefault();
    link.focus();
  } else {
    const rel = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
    document.querySelector(`[data-neighbours] a[rel="${rel}"]`)?.click();
  }
});
