// How often each site was called, and how long that took; times are of the calls that ended.

const COLUMNS = [
  { key: "text", name: "Site", title: "The class that defines the method, and the method" },
  { key: "calls", name: "Calls", show: count },
  { key: "errors", name: "Errors", show: (number) => (number ? count(number) : "") },
  { key: "total", name: "Total", show: duration, title: "Time in the calls, with all within; recursion counts at each level" },
  { key: "self", name: "Self", show: duration, title: "Time in the calls, without the traced calls within" },
  { key: "mean", name: "Mean", show: duration },
  { key: "p50", name: "p50", show: duration, title: "Half of the calls took at most this long" },
  { key: "p95", name: "p95", show: duration, title: "95 of 100 calls took at most this long" },
];

class Sites {
  constructor(model, view) {
    Object.assign(this, { model, view, sortedBy: "self", isRising: false });
    this.box = byId("sites");
    this.rows = statistics(model);
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
    const most = Math.max(1, ...this.rows.map((row) => row.self));
    const table = el("table", { class: "sites" },
      el("thead", {}, el("tr", {}, COLUMNS.map((column) => this.#head(column)))),
      el("tbody", {}, this.rows.map((row) => this.#row(row, most))));
    const parts = [table];
    if (this.model.length < this.model.total) {
      parts.push(el("p", { class: "quiet pad" }, `Of the ${counted(this.model.length, "call")} that this page holds.`));
    }
    this.box.replaceChildren(...parts);
    this.#markChosen();
  }

  #head({ key, name, title }) {
    const isSorted = this.sortedBy === key;
    return el("th", { scope: "col", "aria-sort": isSorted ? (this.isRising ? "ascending" : "descending") : null },
      el("button", { type: "button", "data-key": key, title: title ?? null, click: () => this.#sort(key) },
        name, el("i", { "aria-hidden": "true" }, isSorted ? (this.isRising ? "▲" : "▼") : "")));
  }

  #row(row, most) {
    const share = el("i", { class: `share c${row.site.cls.colour}`, "aria-hidden": "true" });
    share.style.width = `${(100 * row.self) / most}%`;
    const name = el("button", { type: "button", class: "site-button", "data-site": row.site.number,
      title: `Show the calls of ${row.text}` }, siteName(row.site));
    return el("tr", { "data-row": row.site.number }, el("th", { scope: "row" }, name, share),
      COLUMNS.slice(1).map(({ key, show }) => el("td", { class: key === "errors" && row.errors ? "wrong" : null },
        row[key] === null ? "" : show(row[key]))));
  }

  #markChosen() {
    for (const row of this.box.querySelectorAll("[data-row]")) {
      row.classList.toggle("chosen", Number(row.dataset.row) === this.view.site);
    }
  }
}

function statistics(model) {
  const rows = model.sites.map((site) => ({ site, text: site.text, calls: 0, errors: 0, total: 0, self: 0, times: [] }));
  for (let i = 0; i < model.length; i++) {
    const row = rows[model.site[i]];
    row.calls++;
    row.errors += model.errors.has(i);
    if (model.duration[i] < 0) continue;
    row.total += model.duration[i];
    row.self += Math.max(0, model.self[i]);
    row.times.push(model.duration[i]);
  }
  for (const row of rows) {
    const times = Float64Array.from(row.times).sort();
    delete row.times;
    row.mean = times.length ? row.total / times.length : null;
    row.p50 = percentile(times, 0.5);
    row.p95 = percentile(times, 0.95);
  }
  return rows;
}

// The least time that so large a part of the calls did not exceed.
function percentile(sorted, part) {
  return sorted.length ? sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] : null;
}
