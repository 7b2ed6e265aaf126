// How often each site was called, and how long that took: the figures of `trace.summary()`, which
// are of all calls, also where the page does not hold them all.

const COLUMNS = [
  { key: "text", name: "Site", title: "The class that defines the method, and the method" },
  { key: "calls", name: "Calls", show: count },
  { key: "errors", name: "Errors", show: (number) => (number ? count(number) : "") },
  { key: "total_ns", name: "Total", show: duration, title: "Time in the calls, with all within" },
  { key: "self_ns", name: "Self", show: duration, title: "Time in the calls, without the traced calls within" },
  { key: "mean_ns", name: "Mean", show: duration },
  { key: "p50_ns", name: "p50", show: duration, title: "Half of the calls took at most this long" },
  { key: "p95_ns", name: "p95", show: duration, title: "95 of 100 calls took at most this long" },
  { key: "waiting_ns", name: "Waiting", show: (ns) => (ns ? duration(ns) : ""), title: "Time that coroutines and generators were suspended" },
];

class Sites {
  constructor(model, view) {
    Object.assign(this, { model, view, sortedBy: "self_ns", isRising: false });
    this.box = byId("sites");
    this.rows = figuresOf(model);
    this.columns = columnsOf(model.summary);
    this.box.addEventListener("click", (event) => this.#click(event));
    view.on("filter", () => this.#markChosen());
    this.#draw();
  }

  #click(event) {
    const found = event.target.closest("[data-site]");
    if (!found) return;
    const site = Number(found.dataset.site);
    this.view.filter({ site: this.view.site === site ? NONE : site });
    this.view.nextWhere(1, (i) => this.model.site[i] === site);
  }

  #sort(key) {
    this.isRising = this.sortedBy === key ? !this.isRising : key === "text";
    this.sortedBy = key;
    this.#draw();
    this.box.querySelector(`[data-key="${key}"]`).focus();
  }

  #draw() {
    const { sortedBy, isRising } = this;
    const sign = isRising ? 1 : -1;
    this.rows.sort((a, b) => sign * (a[sortedBy] < b[sortedBy] ? -1 : a[sortedBy] > b[sortedBy] ? 1 : 0));
    const most = Math.max(1, ...this.rows.map((row) => row.self_ns));
    const table = el("table", { class: "sites" },
      el("thead", {}, el("tr", {}, this.columns.map((column) => this.#head(column)))),
      el("tbody", {}, this.rows.map((row) => this.#row(row, most))));
    this.box.replaceChildren(table, ...this.#notes());
    this.#markChosen();
  }

  #notes() {
    const { summary, length, total } = this.model;
    const notes = [];
    if (length < total) notes.push(`Of all ${counted(total, "call")}, also those that this page does not hold.`);
    if (summary.recording) notes.push(`Without the ${duration(summary.recording)} that recording took.`);
    return notes.length ? [el("p", { class: "quiet pad" }, notes.join(" "))] : [];
  }

  #head({ key, name, title }) {
    const isSorted = this.sortedBy === key;
    return el("th", { scope: "col", "aria-sort": isSorted ? (this.isRising ? "ascending" : "descending") : null },
      el("button", { type: "button", "data-key": key, title: title ?? null, click: () => this.#sort(key) },
        name, el("i", { "aria-hidden": "true" }, isSorted ? (this.isRising ? "▲" : "▼") : "")));
  }

  #row(row, most) {
    const { site } = row;
    const share = el("i", { class: `share c${site ? site.cls.colour : COLOURS - 1}`, "aria-hidden": "true" });
    share.style.width = `${(100 * row.self_ns) / most}%`;
    const name = site === null ? bdi(row.text, "site")
      : el("button", { type: "button", "data-site": site.number, title: `Show the calls of ${row.text}` }, siteName(site));
    return el("tr", { "data-row": site && site.number }, el("th", { scope: "row" }, name, share),
      this.columns.slice(1).map(({ key, show }) =>
        el("td", { class: key === "errors" && row.errors ? "wrong" : null }, show(row[key]))));
  }

  #markChosen() {
    for (const row of this.box.querySelectorAll("[data-row]")) {
      row.classList.toggle("chosen", Number(row.dataset.row) === this.view.site);
    }
  }
}

// The figures of each site, as an object per site.
function figuresOf(model) {
  const { sites, figures } = model.summary;
  const known = new Map(model.sites.map((site) => [site.text, site]));
  return sites.map((text, place) => {
    const row = { text, site: known.get(text) ?? null };
    for (const [key, numbers] of Object.entries(figures)) row[key] = numbers[place];
    return row;
  });
}

// Columns that the summary does not have, or that would be empty, are left out.
function columnsOf({ figures }) {
  const isUseful = ({ key }) => key === "text" || (figures[key] && (key !== "waiting_ns" || figures[key].some(Boolean)));
  return COLUMNS.filter(isUseful);
}
