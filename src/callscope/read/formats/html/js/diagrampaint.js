// The drawing of a sequence diagram: names above, arrows and activations below, and what arrows mean.

class DiagramPaint {
  constructor(model, diagram) {
    Object.assign(this, { model, diagram });
  }

  heads() {
    const row = el("div", { class: "heads" });
    row.style.width = `${this.diagram.width}px`;
    this.diagram.lines.forEach((cls, place) => {
      const head = cls
        ? el("span", { class: `head c${cls.colour}`, title: cls.qualified }, bdi(cls.name))
        : el("span", { class: "head outside" }, "caller");
      head.style.left = `${this.diagram.xs[place]}px`;
      row.append(head);
    });
    return row;
  }

  picture() {
    const picture = svg("svg", { class: "sequence", width: this.diagram.width, height: this.diagram.height,
      role: "img", "aria-label": this.#inWords() });
    for (const x of this.diagram.xs) picture.append(svg("line", { class: "lifeline", x1: x, x2: x, y1: 0, y2: this.diagram.height }));
    for (const bar of this.diagram.bars.sort((a, b) => a.level - b.level)) picture.append(this.#bar(bar));
    for (const step of this.diagram.plan.steps) {
      if (step.kind === "call") picture.append(this.#arrow(step));
      else if (step.kind === "return" && step.text) picture.append(this.#back(step));
      else if (step.kind === "alike" || step.kind === "more") picture.append(this.#note(step));
    }
    return picture;
  }

  #inWords() {
    const calls = this.diagram.plan.steps.filter((step) => step.kind === "call");
    return `Sequence diagram. ${calls.map((step) => this.model.siteOf(step.call).text).join(", ")}.`;
  }

  #bar({ call, x, from, to, step }) {
    return svg("rect", { class: `bar-of-call c${this.model.classOf(call).colour}`, "data-step": step.number,
      "data-of": call, x: x - BAR / 2, y: from, width: BAR, height: Math.max(14, to - from), rx: 2 });
  }

  #text(x, y, step, anchor = "start") {
    const { before, text, kind } = step.label;
    const label = svg("text", { class: "label", x, y, "text-anchor": anchor });
    const open = text.indexOf("(", before.length);
    const cut = open < 0 ? text.length : open;
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
    const to = this.diagram.x(step.call);
    if (step.isLoop) {
      const from = this.diagram.x(step.from) + BAR / 2;
      const x = to + BAR / 2;
      group.append(
        svg("path", { class: "shaft", d: `M${from},${step.y} H${x + LOOP - 8} v18 H${x + 7}` }),
        head(x, step.y + 18, -1),
        this.#text(from + 6, step.y - 6, step));
    } else {
      const side = to > this.diagram.x(step.from) ? 1 : -1;
      const start = this.diagram.edge(step.from, side);
      const end = this.diagram.edge(step.call, -side);
      group.append(
        svg("path", { class: "shaft", d: `M${start},${step.y} H${end - side * 8}` }),
        head(end, step.y, side),
        this.#text((start + end) / 2, step.y - 6, step, "middle"));
      if (step.from === NONE) group.append(svg("circle", { class: "origin", cx: start, cy: step.y, r: 3.5 }));
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
    const from = this.diagram.x(step.call);
    const to = this.diagram.x(step.from);
    const side = to > from ? 1 : -1;
    const group = svg("g", { class: isError ? "back error" : "back", "data-step": step.number });
    const isLoop = this.diagram.classOf(step.call) === this.diagram.classOf(step.from);
    const start = this.diagram.edge(step.call, side);
    const end = this.diagram.edge(step.from, -side);
    if (isLoop) group.append(svg("text", { class: "label", x: from + BAR / 2 + 8, y: step.y + 3 }, isError ? step.text : `→ ${step.text}`));
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
    const x = isAlike ? this.diagram.x(step.call) + BAR / 2 + 6 : this.diagram.xs[0] + 12;
    const text = isAlike ? `⟳ ${counted(step.others.length, "more like this", "more like this")}`
      : `⋯ ${counted(step.within, "more call")} after these; choose one in the list`;
    return svg("text", { class: isAlike ? "note link" : "note", x, y: step.y + 10, "data-step": step.number,
      "data-act": isAlike ? "unfold" : null }, text);
  }

  legend() {
    const sample = (kind, text) => el("span", { class: "key" },
      svg("svg", { class: "sequence sample", width: 34, height: 12, "aria-hidden": "true" },
        svg("g", { class: `arrow ${kind}` }, svg("path", { class: "shaft", d: "M1,6 H25" }), head(33, 6, 1))), text);
    return el("p", { class: "sequence-legend" },
      sample("super", "super(): up the hierarchy"),
      sample("dispatch", "dispatch: to another class of the same object"),
      sample("call", "any other call"));
  }
}

function head(x, y, side) {
  return svg("path", { class: "tip", d: `M${x - side * 9},${y - 4.5} L${x - side},${y} L${x - side * 9},${y + 4.5} Z` });
}
