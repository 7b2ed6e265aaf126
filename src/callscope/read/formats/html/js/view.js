// What is looked at: the selected call, what is folded, and which calls are shown. Each change is
// told to those who draw, by one of the names "select", "fold", "filter" and "scope".

const HIDDEN = 0;
const CONTEXT = 1; // does not fit itself, and leads to a call that does
const FITS = 2;
const OPEN_AT_FIRST = 300;

class View {
  #listeners = new Map();

  constructor(model) {
    this.model = model;
    this.selected = NONE;
    this.scope = null; // what the sequence diagram is asked to show; null lets it choose
    this.isOpen = new Uint8Array(model.length);
    this.foldedMatches = new Set();
    this.query = "";
    this.only = false;
    this.errors = false;
    this.object = NONE; // any call of the object
    this.site = NONE;
    this.classes = new Set();
    this.shown = null; // per call HIDDEN, CONTEXT or FITS; null while all are shown
    this.marked = null; // per call 1 if the query fits; null without a query
    this.#openSome();
  }

  on(names, listener) {
    for (const name of names.split(" ")) {
      if (!this.#listeners.has(name)) this.#listeners.set(name, []);
      this.#listeners.get(name).push(listener);
    }
  }

  #tell(name) {
    for (const listener of this.#listeners.get(name) ?? []) listener();
  }

  // Opens level after level, as long as that leaves a list one can look over.
  #openSome() {
    const { model } = this;
    let level = model.roots;
    let rows = level.length;
    while (level.length) {
      const next = level.flatMap((i) => [...model.children(i)]);
      rows += next.length;
      if (rows > OPEN_AT_FIRST) return;
      for (const i of level) this.isOpen[i] = 1;
      level = next;
    }
  }

  // --- what is selected ---

  select(i, { reveal = true } = {}) {
    if (i === NONE) return;
    if (reveal) this.#reveal(i);
    this.selected = i;
    this.#tell("select");
  }

  #reveal(i) {
    if (this.shown && !this.shown[i]) this.clearFilters();
    let changed = false;
    for (let p = this.model.parent[i]; p !== NONE; p = this.model.parent[p]) {
      changed ||= !this.opens(p);
      this.isOpen[p] = 1;
      this.foldedMatches.delete(p);
    }
    if (changed) this.#tell("fold");
  }

  // --- what is folded ---

  opens(i) {
    return this.shown ? !this.foldedMatches.has(i) : this.isOpen[i] === 1;
  }

  fold(i, open = !this.opens(i)) {
    if (this.shown && open) this.foldedMatches.delete(i);
    else if (this.shown) this.foldedMatches.add(i);
    else this.isOpen[i] = open ? 1 : 0;
    this.#tell("fold");
  }

  foldAll(open) {
    this.isOpen.fill(open ? 1 : 0);
    this.foldedMatches.clear();
    if (this.shown && !open) this.model.parent.forEach((p) => p !== NONE && this.foldedMatches.add(p));
    this.#tell("fold");
  }

  unfoldBelow(i) {
    const rest = [i];
    while (rest.length) {
      const next = rest.pop();
      this.isOpen[next] = 1;
      this.foldedMatches.delete(next);
      for (const child of this.model.children(next)) rest.push(child);
    }
    this.#tell("fold");
  }

  // The rows of the tree: a call's number, or ~number for the note of what is left out within it.
  rows() {
    const { model, shown } = this;
    const rows = [];
    const rest = [...model.roots].reverse();
    while (rest.length) {
      const i = rest.pop();
      if (i >= 0 && shown && !shown[i]) continue;
      rows.push(i);
      if (i < 0 || !this.opens(i)) continue;
      const from = rest.length;
      for (const child of model.children(i)) rest.push(child);
      if (!shown && model.leftOut.has(i)) rest.push(~i);
      for (let a = from, b = rest.length - 1; a < b; a++, b--) [rest[a], rest[b]] = [rest[b], rest[a]];
    }
    return rows;
  }

  // --- what is shown ---

  get isFiltered() {
    return this.classes.size > 0 || this.object !== NONE || this.site !== NONE || this.errors;
  }

  filter(changes) {
    Object.assign(this, changes);
    this.#apply();
  }

  toggleClass(number) {
    if (!this.classes.delete(number)) this.classes.add(number);
    this.#apply();
  }

  clearFilters() {
    this.classes.clear();
    this.filter({ object: NONE, site: NONE, errors: false, only: false });
  }

  #apply() {
    const { model } = this;
    const fits = this.#test();
    const found = matcher(model, this.query);
    this.marked = found && Uint8Array.from(model.site, (_, i) => (fits(i) && found(i) ? 1 : 0));
    const hides = this.isFiltered || (this.only && found);
    this.shown = hides ? this.#withContext((i) => (this.only && found ? this.marked[i] : fits(i))) : null;
    this.foldedMatches.clear();
    this.#tell("filter");
  }

  #test() {
    const { model, classes, object, site, errors } = this;
    return (i) =>
      (!classes.size || classes.has(model.classOf(i).number)) &&
      (object === NONE || model.isSameObject(i, object)) &&
      (site === NONE || model.site[i] === site) &&
      (!errors || model.errors.has(i));
  }

  #withContext(fits) {
    const shown = new Uint8Array(this.model.length);
    for (let i = shown.length - 1; i >= 0; i--) {
      if (fits(i)) shown[i] = FITS;
      const parent = this.model.parent[i];
      if (shown[i] && parent !== NONE && !shown[parent]) shown[parent] = CONTEXT;
    }
    return shown;
  }

  // Which calls one steps through: those the query fits, or else those the filters show.
  isMatch(i) {
    if (this.marked) return this.marked[i] === 1;
    return this.shown !== null && this.shown[i] === FITS;
  }

  countMatches() {
    let found = 0;
    for (let i = 0; i < this.model.length; i++) found += this.isMatch(i);
    return found;
  }

  nextMatch(step) {
    const { length } = this.model;
    const from = this.selected === NONE ? (step > 0 ? -1 : length) : this.selected;
    for (let k = 1; k <= length; k++) {
      const i = (((from + step * k) % length) + length) % length;
      if (this.isMatch(i)) return this.select(i);
    }
    return undefined;
  }

  nextWhere(step, fits) {
    for (let i = this.selected + step; i >= 0 && i < this.model.length; i += step) {
      if (fits(i)) return this.select(i);
    }
    return undefined;
  }

  // --- what the diagram shows ---

  setScope(scope) {
    this.scope = scope;
    this.#tell("scope");
  }
}
