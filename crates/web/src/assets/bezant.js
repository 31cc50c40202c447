// What makes the pages better where scripts run; all of them work without. Parts of a page marked with data-live are
// brought up to date, and texts marked with data-copy get a button that copies them.
"use strict";

(() => {
  const LIVE_EVERY_MS = 5000;
  const COPIED_MS = 1500;
  const FAILURES_MAX = 3;
  // What a live part last showed, as the server wrote it.
  const shown = new WeakMap();

  function offerCopies(root) {
    for (const text of root.querySelectorAll("[data-copy]")) {
      if (text.nextElementSibling?.classList.contains("copy")) continue;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "copy";
      button.textContent = "Copy";
      button.setAttribute("aria-label", `Copy ${text.dataset.copy}`);
      button.addEventListener("click", async () => {
        let told = "Copied";
        try {
          await navigator.clipboard.writeText(text.textContent);
        } catch {
          told = "Select it";
          getSelection().selectAllChildren(text);
        }
        button.textContent = told;
        setTimeout(() => { button.textContent = "Copy"; }, COPIED_MS);
      });
      text.after(button);
    }
  }

  // A person who reads or types in a part keeps it as it is.
  function isInUse(part) {
    return part.contains(document.activeElement) || part.querySelector("details[open]") !== null || hasSelection(part);
  }

  function hasSelection(part) {
    const selection = getSelection();
    return selection !== null && !selection.isCollapsed && selection.anchorNode !== null && part.contains(selection.anchorNode);
  }

  function bringUpToDate(fresh) {
    for (const part of document.querySelectorAll("[data-live]")) {
      const news = part.id && fresh.getElementById(part.id);
      if (!news || isInUse(part) || news.innerHTML === shown.get(part)) continue;
      const known = new Set([...part.querySelectorAll("[data-key]")].map((row) => row.dataset.key));
      shown.set(part, news.innerHTML);
      part.replaceChildren(...[...news.childNodes].map((node) => document.importNode(node, true)));
      for (const row of part.querySelectorAll("[data-key]")) {
        if (known.size > 0 && !known.has(row.dataset.key)) row.classList.add("fresh");
      }
      offerCopies(part);
    }
  }

  function keepLive() {
    const place = document.querySelector("[data-live-switch]");
    const parts = document.querySelectorAll("[data-live]");
    if (!place || parts.length === 0) return;
    for (const part of parts) shown.set(part, part.innerHTML);
    const status = document.createElement("span");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    place.append(status, button);
    place.hidden = false;
    let running = true;
    let failures = 0;

    function tell() {
      status.textContent = running ? "Live" : "Paused";
      button.textContent = running ? "Pause" : "Resume";
      button.setAttribute("aria-label", running ? "Pause live updates" : "Resume live updates");
    }

    async function look() {
      if (running && !document.hidden) {
        try {
          const answer = await fetch(location.href, { headers: { "Bezant-Live": "1" }, redirect: "error", cache: "no-store" });
          if (!answer.ok) throw new Error(`status ${answer.status}`);
          bringUpToDate(new DOMParser().parseFromString(await answer.text(), "text/html"));
          failures = 0;
        } catch {
          failures += 1;
          if (failures >= FAILURES_MAX) {
            running = false;
            tell();
            status.textContent = "No longer live: reload the page";
          }
        }
      }
      setTimeout(look, LIVE_EVERY_MS);
    }

    button.addEventListener("click", () => {
      running = !running;
      failures = 0;
      tell();
    });
    tell();
    setTimeout(look, LIVE_EVERY_MS);
  }

  keepLive();
  offerCopies(document);
  document.querySelector(".rooms [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
})();
