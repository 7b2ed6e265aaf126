// Where the parts of the sequence diagram are: how far apart the lifelines, how high each step.

const ROW = 36;
const RETURN_ROW = 26;
const END_GAP = 8;
const LOOP = 30;
const LEFT = 34;
const CHARACTER = 6.9;
const LONGEST_LABEL = 46;
const SHORTEST_LABEL = 14;
const BAR = 10;
const SHIFT = 5;
const MARGIN = 22;

class Diagram {
  // `room` is how wide the panel is; the diagram is wider if it has to be.
  constructor(model, plan, room) {
    Object.assign(this, { model, plan, room });
    this.#place();
    this.#layOut();
  }

  classOf(call) {
    return call === NONE ? NONE : this.model.classOf(call).number;
  }

  // How the call would be written by who makes it.
  #label(step) {
    const { model } = this;
    const i = step.call;
    const isDirect = model.parent[i] === step.from;
    const kind = isDirect ? model.handOver(i) : "call";
    const method = model.siteOf(i).method;
    const pairs = model.arguments(i) ?? [];
    const written = pairs.map(([name, value]) => `${name}=${value}`).join(", ");
    const before = { super: "super().", dispatch: "self.", self: "self." }[kind] ?? `${model.objectText(i)}.`;
    return { kind, before, text: `${before}${method}(${written})` };
  }

  // The lifelines, far enough from each other for what is written between them.
  #place() {
    const used = new Set(this.plan.steps.filter((step) => step.call !== NONE).map((step) => this.classOf(step.call)));
    this.lines = [null, ...this.model.lifelines.filter((cls) => used.has(cls.number))];
    this.places = new Map(this.lines.map((cls, place) => [cls ? cls.number : NONE, place]));
    const calls = this.plan.steps.filter((step) => step.kind === "call");
    for (const step of calls) step.label = this.#label(step);
    let gaps;
    for (let longest = LONGEST_LABEL; longest >= SHORTEST_LABEL; longest--) {
      gaps = this.#gaps(calls, longest);
      if (gaps.reduce((a, b) => a + b, LEFT) <= this.room) break;
    }
    this.#spread(gaps);
  }

  // How much room each lifeline needs to its right, if labels are cut to a length.
  #gaps(calls, longest) {
    const half = (cls) => (cls ? cls.name.length * 7.4 + 34 : 30) / 2;
    const gaps = this.lines.map((cls, place) => {
      const next = this.lines[place + 1];
      return next === undefined ? half(cls) + 12 : half(cls) + half(next) + 8;
    });
    for (const step of calls) {
      const [a, b] = this.#ends(step);
      const width = Math.min(longest, step.label.text.length) * CHARACTER + MARGIN;
      if (a === b) gaps[a] = Math.max(gaps[a], width);
      else this.#widen(gaps, a, b, width + BAR);
    }
    return gaps;
  }

  // The places of the lifelines that a step lies between, the left one first.
  #ends(step) {
    const ends = [step.from, step.call].map((call) => this.places.get(this.classOf(call)));
    return ends.sort((a, b) => a - b);
  }

  // As much of a text as there is room for, between two lifelines or after one.
  #cut(text, step) {
    const [a, b] = this.#ends(step);
    const right = a === b ? this.xs[a + 1] ?? this.width : this.xs[b];
    const room = Math.max(12, Math.floor((right - this.xs[a] - MARGIN) / CHARACTER));
    return text.length > room ? `${text.slice(0, room - 1)}…` : text;
  }

  #widen(gaps, from, to, width) {
    let has = 0;
    for (let place = from; place < to; place++) has += gaps[place];
    if (has < width) for (let place = from; place < to; place++) gaps[place] += (width - has) / (to - from);
  }

  // Wide panels give the lifelines some more room.
  #spread(gaps) {
    const needed = gaps.reduce((a, b) => a + b, LEFT);
    const extra = Math.min(90, Math.max(0, (this.room - 4 - needed) / gaps.length));
    let x = LEFT;
    this.xs = gaps.map((gap) => {
      const here = x;
      x += gap + extra;
      return here;
    });
    this.width = Math.max(x, this.room - 2);
    for (const step of this.plan.steps) if (step.label) step.label.text = this.#cut(step.label.text, step);
  }

  // The heights of all steps, and how long each activation is.
  #layOut() {
    let y = 30;
    const open = new Map();
    const nested = new Map();
    this.bars = [];
    this.plan.steps.forEach((step, number) => {
      const cls = this.classOf(step.call);
      step.number = number;
      if (step.kind === "call") {
        const level = nested.get(cls) ?? 0;
        nested.set(cls, level + 1);
        step.y = y;
        step.isLoop = cls === this.classOf(step.from);
        open.set(step.call, { step, level, x: this.xs[this.places.get(cls)] + level * SHIFT });
        y += ROW + (step.isLoop ? 8 : 0) - (step.hidden ? 0 : 6);
      } else if (step.kind === "return") {
        const bar = open.get(step.call);
        step.text = this.#returnText(step);
        step.y = step.text ? y : y - 10;
        y += step.text ? RETURN_ROW : END_GAP - 4;
        nested.set(cls, nested.get(cls) - 1);
        this.bars.push({ ...bar, call: step.call, from: bar.step.y + (bar.step.isLoop ? 14 : 0), to: step.y + (step.text ? 0 : 2) });
        y += END_GAP;
      } else {
        step.y = y - 2;
        y += 32;
      }
    });
    this.open = open;
    this.height = y + 6;
  }

  #returnText(step) {
    const error = this.model.error(step.call);
    const text = error ? `✕ ${bareName(error[0])}${error[1] ? `: ${error[1]}` : ""}` : this.model.resultText(step.call);
    return text === null ? null : this.#cut(text, step);
  }

  // Where an arrow leaves or reaches a call's activation, or the outside, on its left or right side.
  edge(call, side) {
    if (call === NONE) return this.xs[0];
    const lifeline = this.xs[this.places.get(this.classOf(call))];
    return side < 0 ? lifeline - BAR / 2 : this.x(call) + BAR / 2;
  }

  // The x where a call's activation, or the outside, is left or reached.
  x(call) {
    return call === NONE ? this.xs[0] : this.open.get(call)?.x ?? this.xs[this.places.get(this.classOf(call))];
  }
}
