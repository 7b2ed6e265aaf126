// The sequence diagram: a lifeline per class of the hierarchy, and an arrow per call, from the class
// whose method calls to the class whose method runs.

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
    const paint = new DiagramPaint(model, new Diagram(model, this.plan, this.box.clientWidth));
    this.box.replaceChildren(paint.heads(), paint.picture(), paint.legend());
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
