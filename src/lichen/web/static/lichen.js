// The console's keys: j k move, enter opens, / filters, ? lists, m e w u answer, 1 2 3 scope. No page needs more.
"use strict";

const one = (what, within = document) => within.querySelector(what);
const all = (what, within = document) => [...within.querySelectorAll(what)];

// ---- the queue ------------------------------------------------------------------------------------------------------

const queue = {
  at: -1,
  rows: () => all("[data-row]").filter((row) => !row.hidden),

  mark(to, focus) {
    const rows = this.rows();
    all("[data-at]").forEach((row) => row.removeAttribute("data-at"));
    if (!rows.length) { this.at = -1; return; }
    this.at = Math.max(0, Math.min(to, rows.length - 1));
    rows[this.at].setAttribute("data-at", "");
    if (focus) {
      one("a", rows[this.at]).focus({ preventScroll: true });
      rows[this.at].scrollIntoView({ block: "nearest" });
    }
  },

  open(query = "") {
    const row = this.rows()[this.at];
    if (row) location.assign(one("a", row).getAttribute("href") + query);
  },

  filter(text) {
    const wanted = text.trim().toLowerCase().split(/\s+/).filter(Boolean);
    all("[data-row]").forEach((row) => {
      const said = row.textContent.toLowerCase();
      row.hidden = !wanted.every((word) => said.includes(word));
    });
    const none = one("#none-match");
    if (none) none.hidden = !wanted.length || this.rows().length > 0;
    this.mark(0, false);
  },

  begin() {
    this.mark(0, false);
    document.addEventListener("focusin", (event) => {
      const row = event.target.closest?.("[data-row]");
      if (row) this.mark(this.rows().indexOf(row), false);
    });
    const input = one("#filter");
    input.addEventListener("input", () => this.filter(input.value));
    input.addEventListener("keydown", (event) => {
      if (event.key === "Escape") { input.value = ""; this.filter(""); input.blur(); event.stopPropagation(); }
      if (event.key === "Enter" || event.key === "ArrowDown") { event.preventDefault(); this.mark(0, true); }
    });
  },

  key(key) {
    const answer = answers[key];
    if (answer) this.open(`?answer=${answer}`);
    else if (key === "j") this.mark(this.at + 1, true);
    else if (key === "k") this.mark(this.at - 1, true);
    else if (key === "Enter") this.open();
    else if (key === "/") one("#filter").focus();
    else return false;
    return true;
  },
};

// ---- an alert: an answer is chosen, its consequence comes, and only then can it be given ------------------------------

const answers = { m: "malicious", e: "benign-expected", w: "detector-wrong", u: "unsure" };
const scopes = { 1: "alert", 2: "subject", 3: "pattern" };

const alertPage = {
  asked: 0,

  choose(name, value) {
    const input = one(`#choose [name="${name}"][value="${value}"]`);
    if (!input || input.disabled) return;
    input.checked = true;
    this.weigh(true);
  },

  async weigh(focus) {
    const form = one("#choose"), place = one("#consequence");
    one("#answer-button")?.setAttribute("disabled", "");
    all("[data-act]").forEach((set) => { set.disabled = set.dataset.act !== one("#act")?.value; });
    const chosen = new FormData(form);
    if (!chosen.get("answer")) return;
    if (chosen.get("scope") !== "pattern") { chosen.delete("act"); chosen.delete("field"); }
    const mine = ++this.asked;
    place.classList.add("waiting");
    let html;
    try {
      const answered = await fetch(`${form.dataset.consequence}?${new URLSearchParams(chosen)}`);
      html = await answered.text();
      if (!answered.ok) html = this.fault(html);
    } catch { html = this.fault(""); }
    if (mine !== this.asked) return;
    place.innerHTML = html; // our own template, escaped on the server; the policy forbids any script in it
    place.classList.remove("waiting");
    if (focus) one("#answer-button")?.focus({ preventScroll: true });
  },

  fault(page) {
    const said = one("main h1", new DOMParser().parseFromString(page, "text/html"))?.textContent;
    const told = document.createElement("p");
    told.textContent = said || "The console does not answer. Is lichen run still running?";
    return told.outerHTML;
  },

  give() {
    const button = one("#answer-button");
    if (button && !button.disabled && !one(".waiting")) one("#give").requestSubmit(button);
  },

  begin() {
    const form = one("#choose");
    form.addEventListener("change", () => this.weigh(false));
    form.addEventListener("submit", (event) => { event.preventDefault(); this.give(); });
    document.addEventListener("submit", (event) => {
      if (event.target.id === "give") setTimeout(() => one("#answer-button")?.setAttribute("disabled", ""));
    });
    const events = one("#story");
    all("[data-events]").forEach((link) => link.addEventListener("click", () => {
      const named = new Set(link.dataset.events.split(" ").map((uid) => `event-${uid}`));
      all(".moment", events).forEach((moment) => moment.classList.toggle("named", named.has(moment.id)));
    }));
    if (new FormData(form).get("answer")) one("#answer-button")?.focus({ preventScroll: true });
  },

  key(key) {
    const here = one("[data-alert]").dataset;
    if (answers[key]) this.choose("answer", answers[key]);
    else if (scopes[key]) this.choose("scope", scopes[key]);
    else if (key === "j" && here.after) location.assign(`/alerts/${here.after}`);
    else if (key === "k" && here.before) location.assign(`/alerts/${here.before}`);
    else if (key === "Enter") this.give();
    else if (key === "Escape") location.assign("/");
    else return false;
    return true;
  },
};

// ---- every page -----------------------------------------------------------------------------------------------------

const page = one("#filter") ? queue : one("[data-alert]") ? alertPage : null;

function pressed(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || one("dialog[open]")) return;
  const within = event.target;
  if (within.matches("textarea, select, input:not([type=radio], [type=checkbox])")) return;
  // Enter on a link, a button or a disclosure is theirs; a chosen radio button is not a reason to wait
  if (event.key === "Enter" && within.closest("a, button, summary")) return;
  let done = page?.key(event.key);
  if (!done && event.key === "?") { one("#keys")?.showModal(); done = true; }
  if (!done && event.key === "r") { location.reload(); done = true; }
  if (!done && event.key === "Escape" && !page) { location.assign("/"); done = true; }
  if (done) event.preventDefault();
}

async function pulse() {
  let told;
  try {
    const answered = await fetch("/pulse");
    if (!answered.ok) return;
    told = await answered.json();
  } catch { return; }
  all("[data-pulse]").forEach((place) => { place.textContent = told[place.dataset.pulse]; });
  if (page !== queue || location.search.includes("show=answered")) return;
  const known = new Set(all("[data-row] a").map((link) => link.getAttribute("href").split("/").pop()));
  const fresh = told.waiting.filter((uid) => !known.has(uid)).length;
  if (fresh && (document.hidden || !known.size)) location.reload();
  else if (fresh) one("#fresh").textContent = `${fresh} new since this page was loaded: r shows ${fresh === 1 ? "it" : "them"}.`;
}

page?.begin();
document.addEventListener("keydown", pressed);
if (one("[data-pulse]")) setInterval(pulse, 10000);
