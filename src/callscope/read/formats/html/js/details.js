// All that is known of the selected call; and, in short, of the one that the pointer is over.

class Details {
  constructor(model, view) {
    Object.assign(this, { model, view });
    this.box = byId("panel-details");
    this.box.addEventListener("click", (event) => this.#click(event));
    view.on("select", onNextFrame(() => this.#draw()));
    this.#draw();
  }

  #click(event) {
    const object = event.target.closest("[data-object]");
    const jump = event.target.closest("[data-jump]");
    if (object) this.view.filter({ object: Number(object.dataset.object) });
    else if (jump) this.view.select(Number(jump.dataset.jump));
  }

  #draw() {
    const { model, view } = this;
    const i = view.selected;
    if (i === NONE) {
      this.box.replaceChildren(...this.#classes());
      return;
    }
    const number = el("a", { class: "quiet", href: `#call-${model.id[i]}`, title: "Link to this call" }, `#${model.id[i]}`);
    this.box.replaceChildren(
      el("div", { class: "details-title" }, siteName(model.siteOf(i)), objectChip(model, i), handOverTag(model, i), number),
      el("dl", { class: "facts-list" }, this.#times(i), this.#values(i), this.#place(i)));
  }

  // Before a call is chosen: the classes, derived ones before their bases.
  #classes() {
    const { model } = this;
    const row = (cls) => [
      el("dt", { class: `class c${cls.colour}` }, bdi(cls.name)),
      el("dd", {}, bdi(moduleOf(cls)), el("span", { class: "quiet" }, ` · ${counted(cls.calls, "call")}`))];
    return [
      el("p", { class: "details-title" }, el("b", {}, "Classes"), el("span", { class: "quiet" }, "choose a call to see all of it")),
      el("dl", { class: "facts-list classes" }, model.lifelines.map(row))];
  }

  #fact(name, ...content) {
    return [el("dt", {}, name), el("dd", {}, content)];
  }

  #times(i) {
    const { model } = this;
    if (model.duration[i] < 0) return this.#fact("Time", `began at ${duration(model.start[i] - model.begin)}, never ended`);
    const parts = [`${duration(model.duration[i])}`];
    if (model.firstChild[i] !== NONE) parts.push(`${duration(model.self[i])} of its own`);
    if (model.waits.has(i)) parts.push(`${duration(model.waiting(i))} suspended`);
    parts.push(`began at ${duration(model.start[i] - model.begin)}`);
    return this.#fact("Time", parts.join(" · "));
  }

  #values(i) {
    const { model } = this;
    const pairs = model.arguments(i);
    const error = model.error(i);
    const result = model.resultText(i);
    const rows = (pairs ?? []).map(([name, value]) =>
      el("div", { class: "argument" }, bdi(name, "name"), " = ", valueText(value)));
    return [
      rows.length ? this.#fact("Arguments", rows) : [],
      error ? this.#fact("Error", el("span", { class: "outcome error" }, el("b", {}, bdi(error[0])), error[1] ? ": " : "", bdi(error[1]))) : [],
      result === null ? [] : this.#fact("Result", valueText(result)),
    ];
  }

  #place(i) {
    const { model } = this;
    const site = model.siteOf(i);
    const parent = model.parent[i];
    const jump = (j) => el("button", { type: "button", class: "jump", "data-jump": j }, siteName(model.siteOf(j)));
    const others = model.tracks.length > 1;
    return [
      parent === NONE ? [] : this.#fact("Called by", jump(parent), this.#ways(i)),
      this.#fact("Defined in", bdi(site.cls.qualified), " ", placeText(site.file, site.line)),
      site.cls.number === model.runtime[i] ? [] : this.#fact("Runs on", bdi(model.classes[model.runtime[i]].qualified)),
      others ? this.#fact("Track", bdi(model.tracks[model.track[i]].name)) : [],
    ];
  }

  #ways(i) {
    const words = { super: " by super()", dispatch: " through self", self: " through self" };
    return words[this.model.handOver(i)] ?? null;
  }
}

function moduleOf({ qualified, name }) {
  return qualified.endsWith(`.${name}`) ? qualified.slice(0, -name.length - 1) : qualified;
}

class Tooltip {
  constructor(model) {
    this.model = model;
    this.box = byId("tooltip");
  }

  show(i, x, y) {
    const { model, box } = this;
    if (this.call !== i) {
      const own = model.firstChild[i] === NONE ? null : ` · ${duration(model.self[i])} self`;
      box.replaceChildren(
        el("div", {}, siteName(model.siteOf(i)), argumentsText(model.arguments(i))),
        el("div", { class: "quiet" }, bdi(model.objectText(i)), " · ", duration(model.duration[i]), own),
        outcome(model, i) ?? "");
      this.call = i;
    }
    box.hidden = false;
    const { offsetWidth, offsetHeight } = box;
    box.style.left = `${Math.max(4, Math.min(x + 14, innerWidth - offsetWidth - 8))}px`;
    box.style.top = `${y + 18 + offsetHeight > innerHeight ? y - offsetHeight - 12 : y + 18}px`;
  }

  hide() {
    this.box.hidden = true;
    this.call = NONE;
  }
}
