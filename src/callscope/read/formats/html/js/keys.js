// The keyboard, and the page that says what it does.

const KEYS = [
  ["↑ ↓  or  k j", "move to the call above or below"],
  ["→ ←", "unfold or go in; fold or go out"],
  ["Enter", "show the call in the timeline and the diagram"],
  ["*", "unfold everything within"],
  ["PgUp PgDn Home End", "move by a page, or to the ends"],
  ["/", "search; Enter and Shift+Enter go through the matches"],
  ["n N", "next and previous match"],
  ["e E", "next and previous error"],
  ["o", "only the calls of this object, or all again"],
  ["[ ]", "previous and next call of this object"],
  ["f", "only what matches"],
  ["+ − 0", "zoom the timeline in and out, or show all of it"],
  ["1 … 5", "calls, timeline, sequence, sites, findings"],
  ["t", "light, dark, or as the system"],
  ["Esc", "leave the search, remove the filters"],
];

const TERMS = [
  ["lstm tensor", "both words, in any part of a call"],
  ["units=4", "an argument"],
  ["class:RNN  method:call", "the class that defines it; its name"],
  ["object:LSTM#1", "the object"],
  ["error  >5ms  <10us", "calls that raised; by duration"],
  ["thread:worker  task:", "thread or task"],
];

class Keys {
  constructor({ model, view, tree, flame, theme, panels }) {
    Object.assign(this, { model, view, tree, flame, theme, panels });
    this.query = byId("query");
    this.dialog = byId("keys");
    this.#describe();
    byId("help").addEventListener("click", () => this.dialog.showModal());
    addEventListener("keydown", (event) => this.#press(event));
  }

  #describe() {
    const list = (rows) => el("dl", { class: "keys" }, rows.map(([keys, what]) => [
      el("dt", {}, keys.split("  ").map((key) => el("kbd", {}, key))), el("dd", {}, what)]));
    this.dialog.replaceChildren(
      el("h2", { id: "keys-title" }, "Keys"), list(KEYS),
      el("h2", {}, "Search"), list(TERMS),
      el("form", { method: "dialog" }, el("button", { class: "small" }, "Close")));
    this.dialog.addEventListener("click", (event) => event.target === this.dialog && this.dialog.close());
  }

  #press(event) {
    if (this.dialog.open || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target === this.query) this.#pressInSearch(event);
    else if (this.#run(event)) event.preventDefault();
  }

  #pressInSearch(event) {
    if (event.key === "Enter") this.view.nextMatch(event.shiftKey ? -1 : 1);
    else if (event.key === "ArrowDown") this.tree.box.focus();
    else if (event.key === "Escape") {
      this.query.value = "";
      this.view.filter({ query: "" });
      this.tree.box.focus();
    } else return;
    event.preventDefault();
  }

  // Returns whether the key did anything.
  #run(event) {
    const { view, tree, flame, panels } = this;
    // A button that has the focus keeps the keys that press it, and panels that scroll theirs.
    if (event.target.closest("button, a") && ["Enter", " "].includes(event.key)) return false;
    const scrolls = event.target.closest(".scroll");
    if (scrolls && /^(Arrow|Page|Home|End)/.test(event.key)) return false;
    if (event.target.closest("[role=tablist]") && /^Arrow(Left|Right)$/.test(event.key)) {
      panels.step(event.key === "ArrowRight" ? 1 : -1);
      return true;
    }
    const actions = {
      ArrowDown: () => tree.move(1), j: () => tree.move(1),
      ArrowUp: () => tree.move(-1), k: () => tree.move(-1),
      ArrowRight: () => tree.inward(), ArrowLeft: () => tree.outward(),
      PageDown: () => tree.movePage(1), PageUp: () => tree.movePage(-1),
      Home: () => tree.moveToEnd(-1), End: () => tree.moveToEnd(1),
      Enter: () => this.#jump(), "*": () => view.selected !== NONE && view.unfoldBelow(view.selected),
      "/": () => this.query.select(),
      n: () => view.nextMatch(1), N: () => view.nextMatch(-1),
      e: () => view.nextWhere(1, (i) => this.model.errors.has(i)),
      E: () => view.nextWhere(-1, (i) => this.model.errors.has(i)),
      o: () => this.#toggleObject(),
      "]": () => this.#stepObject(1), "[": () => this.#stepObject(-1),
      f: () => view.filter({ only: !view.only }),
      "+": () => flame.zoom(1 / ZOOM), "=": () => flame.zoom(1 / ZOOM), "-": () => flame.zoom(ZOOM),
      0: () => flame.all(), t: () => this.theme.next(),
      "?": () => this.dialog.showModal(),
      Escape: () => view.clearFilters(),
    };
    PANELS.forEach((panel, number) => (actions[number + 1] = () => panels.show(panel)));
    const action = Object.hasOwn(actions, event.key) ? actions[event.key] : null;
    action?.();
    return action !== null;
  }

  #jump() {
    if (this.view.selected === NONE) return;
    this.flame.zoomTo(this.view.selected);
    this.view.setScope(this.view.selected);
  }

  #toggleObject() {
    const { view } = this;
    if (view.object !== NONE) view.filter({ object: NONE });
    else if (view.selected !== NONE && this.model.instance[view.selected]) view.filter({ object: view.selected });
  }

  #stepObject(step) {
    const { view, model } = this;
    if (view.selected !== NONE) view.nextWhere(step, (i) => model.isSameObject(i, view.selected));
  }
}
