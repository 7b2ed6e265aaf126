// The sequence diagram: a lifeline per class of the hierarchy, and an arrow per call, from the class
// whose method calls to the class whose method runs.

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

class Sequence {
  #unfolded = new Set();

  constructor(model, view, tooltip) {
    Object.assign(this, { model, view, tooltip });
    this.box = byId("sequence");
    this.draw = onNextFrame(() => this.#draw());
    view.on("scope filter", this.draw);
    view.on("select", () => this.#select());
    this.box.addEventListener("click", (event) => this.#click(event));
    this.box.addEventListener("pointermove", (event) => this.#hover(event));
    this.box.addEventListener("pointerleave", () => this.tooltip.hide());
    new ResizeObserver(this.draw).observe(this.box);
  }

  #select() {
    const scope = scopeOf(this.model, this.view);
    if (scope.length !== this.scope?.length || scope[0] !== this.scope[0]) this.draw();
    else this.#markSelected();
  }

  #click(event) {
    const found = event.target.closest("[data-step]");
    if (!found) return;
    const step = this.plan.steps[Number(found.dataset.step)];
    if (found.dataset.act === "unfold") {
      this.#unfolded.add(step.call);
      this.draw();
    } else if (found.dataset.act === "scope") this.view.setScope(step.call);
    else if (step.call !== NONE) this.view.select(step.call);
  }

  #hover(event) {
    const found = event.target.closest("[data-step]");
    const call = found ? this.plan.steps[Number(found.dataset.step)].call : NONE;
    if (call === NONE) this.tooltip.hide();
    else this.tooltip.show(call, event.clientX, event.clientY);
  }

  #draw() {
    if (!this.box.clientWidth) return;
    const { model, view } = this;
    this.scope = scopeOf(model, view);
    this.plan = new Plan(model, view, this.scope, this.#unfolded);
    this.#crumbs();
    this.#place();
    this.#layOut();
    this.box.replaceChildren(this.#heads(), this.#picture(), this.#legend());
    this.#markSelected();
  }

  #crumbs() {
    const { model, view } = this;
    const [first] = this.scope;
    const line = [];
    const isWhole = this.scope === model.roots || first === undefined;
    for (let i = isWhole ? NONE : first; i !== NONE; i = model.parent[i]) line.unshift(i);
    const steps = line.length > 5 ? [...line.slice(0, 1), null, ...line.slice(-3)] : line;
    const link = (i, text) => el("button", { type: "button", class: "crumb", click: () => view.setScope(i),
      "aria-current": i === (isWhole ? NONE : first) ? "true" : null }, bdi(text));
    const parts = [link(NONE, "All calls")];
    for (const i of steps) parts.push("›", i === null ? "…" : link(i, model.siteOf(i).text));
    if (view.scope !== null) {
      parts.push(el("button", { type: "button", class: "small follow", click: () => view.setScope(null),
        title: "Show what is around the selected call again" }, "Follow selection"));
    }
    byId("crumbs").replaceChildren(...parts);
  }

  // --- where things are ---

  #classOf(call) {
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
    const used = new Set(this.plan.steps.filter((step) => step.call !== NONE).map((step) => this.#classOf(step.call)));
    if (this.scope.length === 1 && this.model.parent[this.scope[0]] !== NONE) used.delete(NONE);
    this.lines = [null, ...this.model.lifelines.filter((cls) => used.has(cls.number))];
    this.places = new Map(this.lines.map((cls, place) => [cls ? cls.number : NONE, place]));
    const calls = this.plan.steps.filter((step) => step.kind === "call");
    for (const step of calls) step.label = this.#label(step);
    let gaps;
    for (let longest = LONGEST_LABEL; longest >= SHORTEST_LABEL; longest--) {
      gaps = this.#gaps(calls, longest);
      if (gaps.reduce((a, b) => a + b, LEFT) <= this.box.clientWidth) break;
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
    const ends = [step.from, step.call].map((call) => this.places.get(this.#classOf(call)));
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
    const extra = Math.min(90, Math.max(0, (this.box.clientWidth - 4 - needed) / gaps.length));
    let x = LEFT;
    this.xs = gaps.map((gap) => {
      const here = x;
      x += gap + extra;
      return here;
    });
    this.width = Math.max(x, this.box.clientWidth - 2);
    for (const step of this.plan.steps) if (step.label) step.label.text = this.#cut(step.label.text, step);
  }

  // The heights of all steps, and how long each activation is.
  #layOut() {
    let y = 30;
    const open = new Map();
    const nested = new Map();
    this.bars = [];
    this.plan.steps.forEach((step, number) => {
      const cls = this.#classOf(step.call);
      step.number = number;
      if (step.kind === "call") {
        const level = nested.get(cls) ?? 0;
        nested.set(cls, level + 1);
        step.y = y;
        step.isLoop = cls === this.#classOf(step.from);
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

  // The x where a call's activation, or the outside, is left or reached.
  #x(call) {
    return call === NONE ? this.xs[0] : this.open.get(call)?.x ?? this.xs[this.places.get(this.#classOf(call))];
  }

  // --- drawing ---

  #heads() {
    const row = el("div", { class: "heads" });
    row.style.width = `${this.width}px`;
    this.lines.forEach((cls, place) => {
      const head = cls
        ? el("span", { class: `head c${cls.colour}`, title: cls.qualified }, bdi(cls.name))
        : el("span", { class: "head outside" }, "caller");
      head.style.left = `${this.xs[place]}px`;
      row.append(head);
    });
    return row;
  }

  #picture() {
    const picture = svg("svg", { class: "sequence", width: this.width, height: this.height,
      role: "img", "aria-label": this.#inWords() });
    for (const x of this.xs) picture.append(svg("line", { class: "lifeline", x1: x, x2: x, y1: 0, y2: this.height }));
    for (const bar of this.bars.sort((a, b) => a.level - b.level)) picture.append(this.#bar(bar));
    for (const step of this.plan.steps) {
      if (step.kind === "call") picture.append(this.#arrow(step));
      else if (step.kind === "return" && step.text) picture.append(this.#back(step));
      else if (step.kind === "alike" || step.kind === "more") picture.append(this.#note(step));
    }
    return picture;
  }

  #inWords() {
    const calls = this.plan.steps.filter((step) => step.kind === "call");
    return `Sequence diagram. ${calls.map((step) => this.model.siteOf(step.call).text).join(", ")}.`;
  }

  #bar({ call, x, from, to, step }) {
    return svg("rect", { class: `bar-of-call c${this.model.classOf(call).colour}`, "data-step": step.number,
      "data-of": call, x: x - BAR / 2, y: from, width: BAR, height: Math.max(14, to - from), rx: 2 });
  }

  #text(x, y, step, anchor = "start") {
    const { before, text, kind } = step.label;
    const label = svg("text", { class: "label", x, y, "text-anchor": anchor });
    const cut = (text.indexOf("(", before.length) + text.length + 1) % (text.length + 1);
    label.append(
      svg("tspan", { class: kind === "super" || kind === "dispatch" ? "lead hand" : "lead" }, text.slice(0, before.length)),
      svg("tspan", { class: "method" }, text.slice(before.length, cut)),
      svg("tspan", { class: "lead" }, text.slice(cut)));
    return label;
  }

  #arrow(step) {
    const { kind } = step.label;
    const colour = this.model.classOf(step.call).colour;
    const group = svg("g", { class: `arrow ${kind} c${colour}`, "data-step": step.number, "data-of": step.call });
    const to = this.#x(step.call);
    if (step.isLoop) {
      const from = this.#x(step.from) + BAR / 2;
      const x = to + BAR / 2;
      group.append(
        svg("path", { class: "shaft", d: `M${from},${step.y} H${x + LOOP - 8} v18 H${x + 7}` }),
        head(x, step.y + 18, -1),
        this.#text(from + 6, step.y - 6, step));
    } else {
      const from = this.#x(step.from);
      const side = to > from ? 1 : -1;
      const start = from + (step.from === NONE ? 0 : side * (BAR / 2));
      const end = to - side * (BAR / 2);
      group.append(
        svg("path", { class: "shaft", d: `M${start},${step.y} H${end - side * 8}` }),
        head(end, step.y, side),
        this.#text((start + end) / 2, step.y - 6, step, "middle"));
      if (step.from === NONE) group.append(svg("circle", { class: "origin", cx: from, cy: step.y, r: 3.5 }));
    }
    if (step.hidden) group.append(this.#hidden(step, to + BAR / 2 + 6));
    return group;
  }

  #hidden(step, x) {
    return svg("text", { class: "note link", x, y: step.y + (step.isLoop ? 36 : 18), "data-step": step.number, "data-act": "scope" },
      `+ ${counted(step.hidden, "call")} within`);
  }

  #back(step) {
    const isError = this.model.errors.has(step.call);
    const from = this.#x(step.call);
    const to = this.#x(step.from);
    const side = to > from ? 1 : -1;
    const group = svg("g", { class: isError ? "back error" : "back", "data-step": step.number });
    const isLoop = this.#classOf(step.call) === this.#classOf(step.from);
    const start = from + side * (BAR / 2);
    const end = to - (step.from === NONE ? 0 : side * (BAR / 2));
    if (isLoop) group.append(svg("text", { class: "label", x: from + BAR / 2 + 8, y: step.y + 3 }, `→ ${step.text}`));
    else {
      group.append(
        svg("path", { class: "shaft", d: `M${start},${step.y} H${end}` }),
        svg("path", { class: "tip", d: `M${end - side * 7},${step.y - 4} L${end},${step.y} L${end - side * 7},${step.y + 4}` }),
        svg("text", { class: "label", x: (start + end) / 2, y: step.y - 5, "text-anchor": "middle" }, step.text));
    }
    return group;
  }

  #note(step) {
    const isAlike = step.kind === "alike";
    const x = isAlike ? this.#x(step.call) + BAR / 2 + 6 : this.xs[0] + 12;
    const text = isAlike ? `⟳ ${counted(step.others.length, "more like this", "more like this")}`
      : `⋯ ${counted(step.within, "more call")} after these; choose one in the list`;
    return svg("text", { class: isAlike ? "note link" : "note", x, y: step.y + 10, "data-step": step.number,
      "data-act": isAlike ? "unfold" : null }, text);
  }

  #legend() {
    const sample = (kind, text) => el("span", { class: "key" },
      svg("svg", { class: "sequence sample", width: 34, height: 12, "aria-hidden": "true" },
        svg("g", { class: `arrow ${kind}` }, svg("path", { class: "shaft", d: "M1,6 H25" }), head(33, 6, 1))), text);
    return el("p", { class: "sequence-legend" },
      sample("super", "super(): up the hierarchy"),
      sample("dispatch", "dispatch: to another class of the same object"),
      sample("call", "any other call"));
  }

  #markSelected() {
    const selected = String(this.view.selected);
    for (const element of this.box.querySelectorAll("[data-of]")) {
      const isSelected = element.dataset.of === selected;
      element.classList.toggle("selected", isSelected);
      if (isSelected && element.tagName === "g") this.#scrollTo(element);
    }
  }

  #scrollTo(element) {
    const y = this.plan.steps[Number(element.dataset.step)].y + 40;
    const { scrollTop, clientHeight } = this.box;
    if (y < scrollTop + 50 || y > scrollTop + clientHeight - 30) this.box.scrollTop = y - clientHeight / 2;
  }
}

function head(x, y, side) {
  return svg("path", { class: "tip", d: `M${x - side * 9},${y - 4.5} L${x - side},${y} L${x - side * 9},${y + 4.5} Z` });
}
