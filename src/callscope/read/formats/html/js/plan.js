// What the sequence diagram shows: as many calls as one can look over, the outer ones first, and
// calls that are much like the one before them folded into one line.

const MOST_CALLS = 60;
const ALIKE_FROM = 4; // so many like calls in a row are folded

// The calls of the diagram's scope: {calls: [where it begins], chosen: whether by the user}.
function scopeOf(model, view) {
  if (view.scope !== null) return view.scope === NONE ? model.roots : [view.scope];
  if (model.length <= MOST_CALLS || view.selected === NONE) return model.roots;
  let scope = view.selected;
  for (let i = scope; i !== NONE && model.within[i] < MOST_CALLS; i = model.parent[i]) scope = i;
  if (model.firstChild[scope] === NONE && model.parent[scope] !== NONE) scope = model.parent[scope];
  return [scope];
}

class Plan {
  // Each step is {kind: "call" | "return" | "alike" | "more", call, from, ...}; `from` is the shown
  // call that led to it, or NONE.
  steps = [];

  constructor(model, view, scope, unfolded) {
    Object.assign(this, { model, view, unfolded });
    this.groups = new Map(); // per shown call, the groups of like calls within it that are shown
    this.room = MOST_CALLS;
    const calls = scope.length === 1 ? scope : this.#visible(scope);
    const top = this.#group(calls, this.room);
    this.room -= top.length;
    this.#expand(top);
    this.#emitAll(top, NONE);
    const cut = calls.length - top.reduce((sum, group) => sum + group.length, 0);
    if (cut) this.steps.push({ kind: "more", call: NONE, from: NONE, within: cut });
  }

  // The given calls; where filters hide one, what fits within it takes its place.
  #visible(calls) {
    const { shown } = this.view;
    if (!shown) return calls;
    const found = [];
    const rest = [...calls].reverse();
    while (rest.length && found.length < 5_000) {
      const i = rest.pop();
      if (shown[i] === FITS) found.push(i);
      else if (shown[i]) for (const child of [...this.model.children(i)].reverse()) rest.push(child);
    }
    return found;
  }

  #kind(i) {
    const { model } = this;
    const first = model.firstChild[i];
    return `${model.site[i]} ${model.within[i]} ${first === NONE ? "" : model.site[first]} ${model.errors.has(i)}`;
  }

  // The first runs of like calls, each a list of which the first is shown.
  #group(calls, most) {
    const groups = [];
    for (let k = 0; k < calls.length && groups.length < most; ) {
      let end = k + 1;
      while (end < calls.length && this.#kind(calls[end]) === this.#kind(calls[k])) end++;
      const folds = end - k >= ALIKE_FROM && !this.unfolded.has(calls[k]);
      if (folds) groups.push(calls.slice(k, end));
      else for (let m = k; m < end && groups.length < most; m++) groups.push([calls[m]]);
      k = end;
    }
    return groups;
  }

  // Level by level, while there is room.
  #expand(top) {
    const queue = top.map(([call]) => call);
    for (let k = 0; k < queue.length && this.room > 0; k++) {
      const call = queue[k];
      if (this.model.firstChild[call] === NONE) continue;
      const groups = this.#group(this.#visible([...this.model.children(call)]), this.room + 1);
      if (groups.length > this.room) continue;
      this.room -= groups.length;
      this.groups.set(call, groups);
      queue.push(...groups.map(([first]) => first));
    }
  }

  // Puts down the steps in order of time; no recursion, for depth.
  #emitAll(top, from) {
    const rest = top.map((group) => () => this.#emit(group, from)).reverse();
    while (rest.length) {
      const more = rest.pop()();
      if (more) rest.push(...more.reverse());
    }
  }

  #emit(group, from) {
    const [call, ...others] = group;
    const within = this.groups.get(call) ?? [];
    const hidden = this.groups.has(call) ? 0 : this.model.within[call];
    this.steps.push({ kind: "call", call, from, hidden });
    return [
      ...within.map((inner) => () => this.#emit(inner, call)),
      () => {
        this.steps.push({ kind: "return", call, from });
        if (others.length) this.steps.push({ kind: "alike", call, from, others });
        return null;
      },
    ];
  }
}
