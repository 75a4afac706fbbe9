// What the page cannot do without a script: keys, the time zone of the browser, and small comforts.
// Every view works without it.

const FIELDS = {
  year: "numeric",
  month: "2-digit",
  day: "2-digit",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
  timeZoneName: "short",
};

/** Shows times in the zone of the browser, if the reader chose that. The server has written them in UTC. */
function localize(root) {
  if (document.documentElement.dataset.zone !== "browser") return;
  const format = new Intl.DateTimeFormat("sv", FIELDS);
  for (const element of root.querySelectorAll("time[datetime]")) {
    const text = format.format(new Date(element.dateTime));
    if (element.textContent !== text) element.textContent = text;
  }
}

/** The rows that `j` and `k` select; `x` checks the box of one. */
const rows = () => [...document.querySelectorAll("tr[data-row]")];

function select(step) {
  const all = rows();
  if (all.length === 0) return;
  const at = all.findIndex((row) => row.hasAttribute("data-selected"));
  const next = at === -1 ? (step > 0 ? 0 : all.length - 1) : at + step;
  const row = all[Math.min(Math.max(next, 0), all.length - 1)];
  if (at !== -1) all[at].removeAttribute("data-selected");
  row.setAttribute("data-selected", "");
  row.querySelector("a")?.focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
}

/** Elements name their keys in `data-key`: "t", or "g t" for two keys in a row. */
let prefix = "";
let forget;

function press(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  const { target, key } = event;
  if (target.matches?.("input:not([type=checkbox]), textarea, select, [contenteditable]")) {
    if (key === "Escape") target.blur();
    return;
  }
  if (document.querySelector("dialog[open]") && key !== "Escape") return;
  if (prefix === "" && (key === "j" || key === "k")) return select(key === "j" ? 1 : -1);
  if (prefix === "" && key === "x") {
    return document.querySelector("tr[data-selected] input[type=checkbox]")?.click();
  }
  const wanted = prefix + key;
  const element = [...document.querySelectorAll("[data-key]")]
    .find((one) => one.dataset.key === wanted);
  clearTimeout(forget);
  prefix = prefix === "" && key === "g" ? "g " : "";
  if (prefix !== "") forget = setTimeout(() => (prefix = ""), 1500);
  if (!element) return;
  event.preventDefault();
  if (element.matches("input")) {
    element.focus();
    element.select();
  } else element.click();
}

document.addEventListener("keydown", press);

document.addEventListener("click", (event) => {
  const opener = event.target.closest?.("[data-dialog]");
  const dialog = opener && document.getElementById(opener.dataset.dialog);
  if (dialog?.showModal) {
    event.preventDefault();
    dialog.showModal();
  }
});

// A selection applies at once; without scripts its form has a button.
document.addEventListener("change", (event) => {
  if (event.target.matches?.("select[data-submit]")) event.target.form.requestSubmit();
});

// A second press sends no second change while the first one is under way.
document.addEventListener("submit", (event) => {
  const { target, submitter } = event;
  if (event.defaultPrevented || target.method !== "post" || !submitter) return;
  if ("sent" in target.dataset) return event.preventDefault();
  target.dataset.sent = "";
  setTimeout(() => delete target.dataset.sent, 3000);
});

document.addEventListener("htmx:after:swap", () => localize(document));

/** Reads a part again that could not be read, or opens a stream again that was refused: no later change may come. */
function tryAgain({ target, detail }) {
  const status = detail?.ctx?.response?.status;
  if (status >= 400 && status < 500 && status !== 429) return;
  setTimeout(() => {
    if (document.hidden) return tryAgain({ target });
    const live = document.getElementById("live");
    live?.dispatchEvent(new Event(target === live ? "again" : "changed"));
  }, 2000 + 3000 * Math.random());
}

document.addEventListener("htmx:response:error", tryAgain);
document.addEventListener("htmx:error", tryAgain);

for (const element of document.querySelectorAll("[data-scripted]")) element.hidden = false;
localize(document);
