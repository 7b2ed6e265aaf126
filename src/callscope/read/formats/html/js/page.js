// Puts the page together: what stands above the panels, which of them is shown, and the link to a
// call in the address.

const WRITE_ADDRESS_MS = 150;
const PANELS = ["calls", "flame", "sequence", "sites", "findings"];

class Panels {
  constructor(model, whenShown) {
    this.main = byId("main");
    this.whenShown = whenShown;
    this.tabs = [...this.main.querySelectorAll("[role=tab]")];
    for (const tab of this.tabs) {
      tab.setAttribute("aria-controls", `panel-${tab.dataset.panel}`);
      tab.addEventListener("click", () => this.show(tab.dataset.panel));
    }
    const found = model.findings.length;
    if (found) this.#tab("findings").append(" ", el("span", { class: "badge" }, count(found)));
    addEventListener("resize", () => this.#mark());
    this.#mark();
  }

  #tab(panel) {
    return this.tabs.find((tab) => tab.dataset.panel === panel);
  }

  // On a narrow screen one panel is shown at a time; on a wide one, the calls and the timeline always.
  show(panel) {
    this.main.dataset.narrow = panel;
    if (!["calls", "flame"].includes(panel)) this.main.dataset.panel = panel;
    this.#mark();
    this.whenShown();
  }

  step(by) {
    const shown = this.tabs.filter((tab) => tab.offsetParent);
    const at = shown.findIndex((tab) => tab.getAttribute("aria-selected") === "true");
    const next = shown[(at + by + shown.length) % shown.length];
    this.show(next.dataset.panel);
    next.focus();
  }

  #mark() {
    const isNarrow = this.#tab("calls").offsetParent !== null;
    const current = isNarrow ? this.main.dataset.narrow : this.main.dataset.panel;
    for (const tab of this.tabs) {
      const isCurrent = tab.dataset.panel === current;
      tab.setAttribute("aria-selected", String(isCurrent));
      tab.tabIndex = isCurrent ? 0 : -1;
    }
  }
}

function showFacts(model) {
  const { header } = model;
  byId("targets").textContent = header.targets.join(", ") || "callscope";
  const objects = new Set();
  for (let i = 0; i < model.length; i++) if (model.instance[i]) objects.add(`${model.runtime[i]}#${model.instance[i]}`);
  const facts = [
    counted(model.total, "call"), counted(objects.size, "object"),
    counted(model.lifelines.length, "class", "classes"), duration(model.finish - model.begin),
    model.errors.size ? counted(model.errors.size, "error") : null,
    `Python ${header.python}`, new Date(header.startMs).toLocaleString("sv-SE").slice(0, 16),
  ];
  byId("facts").append(...facts.filter(Boolean).map((fact) => el("span", {}, bdi(fact))));
}

function showLeftOut(model) {
  const parts = [];
  const missing = model.total - model.length;
  if (missing) {
    parts.push(`This page holds ${count(model.length)} of ${count(model.total)} calls; ${count(missing)} that began later are left out.`,
      " To see the rest: trace.save(\"trace.jsonl\") keeps all of it, and a narrower recording (methods=, where=) fits a page.");
  }
  if (model.lost) parts.push(` ${counted(model.lost, "more call was", "more calls were")} made and not kept by the recording (max_calls=).`);
  if (model.leftOutOnPurpose) parts.push(` ${counted(model.leftOutOnPurpose, "more call was", "more calls were")} left out of the recording by sampling.`);
  byId("left-out").textContent = parts.join("");
  byId("left-out").hidden = !parts.length;
}

function showLegend(model, view) {
  const chips = model.lifelines.map((cls) => {
    const button = el("button", { type: "button", class: `chip c${cls.colour}`, "aria-pressed": "false",
      title: `${cls.qualified}: show only its calls`, click: () => view.toggleClass(cls.number) }, el("i", { class: "dot" }), bdi(cls.name));
    view.on("filter", () => button.setAttribute("aria-pressed", String(view.classes.has(cls.number))));
    return el("li", {}, button);
  });
  byId("legend").replaceChildren(...chips);
}

function showPills(model, view) {
  const pill = (text, changes) => el("li", {}, el("button", { type: "button", class: "pill",
    title: "Remove this filter", click: () => view.filter(changes) }, bdi(text), " ×"));
  const pills = [];
  if (view.object !== NONE) pills.push(pill(`object ${model.objectText(view.object)}`, { object: NONE }));
  if (view.site !== NONE) pills.push(pill(model.sites[view.site].text, { site: NONE }));
  byId("pills").replaceChildren(...pills);
  byId("only-errors").setAttribute("aria-pressed", String(view.errors));
  byId("only-matches").setAttribute("aria-pressed", String(view.only));
  const found = view.marked ? view.countMatches() : 0;
  byId("matches").textContent = view.marked ? counted(found, "match", "matches") : "";
  document.querySelector(".search").classList.toggle("searching", view.marked !== null);
}

function listenAbove(view) {
  const search = onNextFrame(() => view.filter({ query: byId("query").value }));
  byId("query").addEventListener("input", search);
  byId("next-match").addEventListener("click", () => view.nextMatch(1));
  byId("previous-match").addEventListener("click", () => view.nextMatch(-1));
  byId("only-matches").addEventListener("click", () => view.filter({ only: !view.only }));
  byId("only-errors").addEventListener("click", () => view.filter({ errors: !view.errors }));
  byId("unfold-all").addEventListener("click", () => view.foldAll(true));
  byId("fold-all").addEventListener("click", () => view.foldAll(false));
}

// #call-123 in the address selects that call, and the address follows what is selected.
function followAddress(model, view) {
  const read = () => {
    const [, id] = /^#call-(\d+)$/.exec(location.hash) ?? [];
    const i = model.id.indexOf(Number(id));
    if (i !== NONE && i !== view.selected) view.select(i);
  };
  const write = () => {
    try {
      history.replaceState(null, "", `#call-${model.id[view.selected]}`);
    } catch {
      // Some browsers let a local file change nothing of its address.
    }
  };
  let later = 0;
  view.on("select", () => {
    clearTimeout(later);
    later = setTimeout(write, WRITE_ADDRESS_MS); // browsers refuse many changes in a short time
  });
  addEventListener("hashchange", read);
  read();
}

function start() {
  const model = new Model(JSON.parse(byId("trace").textContent));
  byId("trace").remove();
  const view = new View(model);
  const tooltip = new Tooltip(model);
  showFacts(model);
  showLeftOut(model);
  showLegend(model, view);
  const tree = new Tree(model, view, Findings.flags(model));
  const flame = new Flame(model, view, tooltip);
  const sequence = new Sequence(model, view, tooltip);
  new Sites(model, view);
  new Findings(model, view);
  new Details(model, view);
  const redraw = () => [tree, flame, sequence].forEach((part) => part.draw());
  const panels = new Panels(model, redraw);
  const theme = new Theme(redraw);
  new Keys({ model, view, tree, flame, theme, panels });
  view.on("filter", () => showPills(model, view));
  listenAbove(view);
  followAddress(model, view);
}

start();
