// The credits in the bar follow the header HX-Trigger {"wm:balance": {"available": n, "held": m}}.

document.addEventListener("wm:balance", ({ detail }) => {
  const balance = document.getElementById("balance");
  if (!balance) return;
  const figure = balance.querySelector("[data-available]");
  const text = Number(detail.available).toLocaleString("en");
  if (figure.textContent !== text) {
    figure.textContent = text;
    balance.classList.remove("is-new");
    requestAnimationFrame(() => balance.classList.add("is-new"));
  }
  balance.querySelector("[data-held]").textContent = Number(detail.held).toLocaleString("en");
  balance.querySelector("[data-held-text]").hidden = !detail.held;
});
