// The list of calls: only the rows in sight are in the document.

const ROW_HEIGHT = 26;
const SPARE_ROWS = 8;
// Browsers cut off what is higher, some at 10 million pixels. A longer list is scrolled in larger steps.
const MOST_HEIGHT = 8_000_000;

class Tree {
  #elements = new Map();
  #rows = [];
  #place = new Map();

  constructor(model, view, findingOf) {
    Object.assign(this, { model, view, findingOf });
    this.box = byId("tree");
    this.space = el("div", { class: "tree-space", role: "presentation" });
    this.box.append(this.space);
    this.longest = Math.max(1, model.duration.reduce((a, b) => Math.max(a, b), 0));
    this.draw = onNextFrame(() => this.#draw());
    this.box.addEventListener("scroll", this.draw, { passive: true });
    this.box.addEventListener("click", (event) => this.#click(event));
    this.box.addEventListener("dblclick", (event) => this.#doubleClick(event));
    new ResizeObserver(this.draw).observe(this.box);
    view.on("fold filter", () => this.refresh());
    view.on("select", () => this.#showSelected());
    this.refresh();
  }

  // Reads anew which rows there are.
  refresh() {
    this.#rows = this.view.rows();
    this.#place = null;
    this.space.style.height = `${this.#spaceHeight}px`;
    this.#clear();
    const { model, view } = this;
    const matches = view.marked || view.shown ? `${count(view.countMatches())} of ` : "";
    byId("calls-shown").textContent = matches + counted(model.length, "call");
    this.draw();
  }

  get #height() {
    return this.#rows.length * ROW_HEIGHT;
  }

  get #spaceHeight() {
    return Math.min(MOST_HEIGHT, this.#height);
  }

  // How many pixels of the list one pixel of its scroll bar stands for.
  get #scale() {
    const seen = this.box.clientHeight;
    return this.#height > MOST_HEIGHT ? (this.#height - seen) / (this.#spaceHeight - seen) : 1;
  }

  #clear() {
    for (const element of this.#elements.values()) element.remove();
    this.#elements.clear();
  }

  #draw() {
    const top = this.box.scrollTop * this.#scale;
    const first = Math.max(0, Math.floor(top / ROW_HEIGHT) - SPARE_ROWS);
    const last = Math.min(this.#rows.length, Math.ceil((top + this.box.clientHeight) / ROW_HEIGHT) + SPARE_ROWS);
    for (const [place, element] of this.#elements) {
      if (place >= first && place < last) continue;
      element.remove();
      this.#elements.delete(place);
    }
    for (let place = first; place < last; place++) {
      if (!this.#elements.has(place)) this.#elements.set(place, this.#make(place));
      this.#elements.get(place).style.top = `${place * ROW_HEIGHT - top + this.box.scrollTop}px`;
    }
    this.#markSelected();
  }

  #make(place) {
    const { model, view } = this;
    const i = this.#rows[place];
    const row = i < 0 ? leftOutRow(model, ~i) : callRow(model, i, {
      longest: this.longest,
      finding: this.findingOf.get(i),
      isOpen: view.opens(i),
      isMatch: view.marked !== null && view.marked[i] === 1,
      isContext: view.shown !== null && view.shown[i] === CONTEXT,
    });
    row.setAttribute("aria-setsize", this.#rows.length);
    row.setAttribute("aria-posinset", place + 1);
    this.space.append(row);
    return row;
  }

  #markSelected() {
    let active = null;
    for (const [place, element] of this.#elements) {
      const isSelected = this.#rows[place] === this.view.selected;
      if (isSelected !== (element.ariaSelected === "true")) element.ariaSelected = String(isSelected);
      if (isSelected) active = element.id;
    }
    if (active) this.box.setAttribute("aria-activedescendant", active);
    else this.box.removeAttribute("aria-activedescendant");
  }

  placeOf(i) {
    this.#place ??= new Map(this.#rows.map((row, place) => [row, place]));
    return this.#place.get(i);
  }

  #showSelected() {
    const place = this.placeOf(this.view.selected);
    if (place !== undefined) {
      const scale = this.#scale;
      const top = place * ROW_HEIGHT;
      const seen = this.box.scrollTop * scale;
      const height = this.box.clientHeight;
      if (top < seen) this.box.scrollTop = Math.max(0, top - height / 4) / scale;
      else if (top + ROW_HEIGHT > seen + height) this.box.scrollTop = (top - (height * 3) / 4) / scale;
    }
    this.draw();
  }

  #click(event) {
    const row = event.target.closest("[data-call]");
    if (!row) return;
    const i = Number(row.dataset.call);
    const object = event.target.closest("[data-object]");
    if (event.target.closest("[data-fold]")) {
      this.view.fold(i);
      return;
    }
    this.view.select(i, { reveal: false });
    if (object) this.view.filter({ object: Number(object.dataset.object) });
    this.#showSelected();
  }

  #doubleClick(event) {
    const row = event.target.closest("[data-call]");
    if (row && !event.target.closest("[data-fold], [data-object]")) this.view.fold(Number(row.dataset.call));
  }

  // --- moving ---

  move(by) {
    const { view } = this;
    const from = view.selected === NONE ? -1 : this.placeOf(view.selected) ?? -1;
    const to = Math.min(this.#rows.length - 1, Math.max(0, from + by));
    const step = by < 0 ? -1 : 1;
    const found = this.#callFrom(to, step) ?? this.#callFrom(to, -step);
    if (found !== undefined) view.select(found, { reveal: false });
  }

  // The call of a row, or of the next that is not a note.
  #callFrom(place, step) {
    while (this.#rows[place] < 0) place += step;
    return this.#rows[place];
  }

  movePage(direction) {
    this.move(direction * Math.max(1, Math.floor(this.box.clientHeight / ROW_HEIGHT) - 1));
  }

  moveToEnd(direction) {
    this.move(direction * this.#rows.length);
  }

  // Unfolds, or goes to the first call within.
  inward() {
    const { view, model } = this;
    const i = view.selected;
    if (i === NONE || (model.firstChild[i] === NONE && !model.leftOut.has(i))) return;
    if (!view.opens(i)) view.fold(i, true);
    else this.move(1);
  }

  // Folds, or goes to the call that led here.
  outward() {
    const { view, model } = this;
    const i = view.selected;
    if (i === NONE) return;
    if (model.firstChild[i] !== NONE && view.opens(i)) view.fold(i, false);
    else view.select(model.parent[i]);
  }
}
