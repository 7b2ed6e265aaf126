// What `trace.findings()` says is wrong, and the way to the calls it names.

const SHOWN_CALLS = 5;

class Findings {
  constructor(model, view) {
    Object.assign(this, { model, view });
    this.box = byId("findings");
    this.#draw();
  }

  // Per call, the worst severity of the findings that name it.
  static flags(model) {
    const flags = new Map();
    for (const { severity, calls } of model.findings) {
      for (const i of calls) if (flags.get(i) !== "error") flags.set(i, severity === "error" ? "error" : "warning");
    }
    return flags;
  }

  #draw() {
    const { findings } = this.model;
    if (!findings.length) {
      this.box.replaceChildren(el("p", { class: "empty" }, this.#nothing()));
      return;
    }
    this.box.replaceChildren(el("ol", { class: "findings" }, findings.map((finding) => this.#card(finding))));
  }

  #nothing() {
    const { lost, leftOutOnPurpose, header } = this.model;
    if (lost || leftOutOnPurpose || header.isFiltered) {
      return [el("b", {}, "Nothing was looked for"),
        "Mistakes can be told only from a recording of all calls: one without where=, sample= or max_per_second=, and within max_calls=."];
    }
    return [el("b", {}, "✓ Nothing found"),
      "No __init__ was missed or run twice, no object was used half-made, no template method was bypassed, and no result dropped."];
  }

  #card(finding) {
    const isError = finding.severity === "error";
    return el("li", { class: `finding ${isError ? "error" : "warning"}` },
      el("p", { class: "message" }, el("span", { class: `badge ${isError ? "error" : "warning"}` }, isError ? "error" : "warning"),
        bdi(finding.message)),
      finding.advice ? el("p", { class: "advice" }, bdi(finding.advice)) : null,
      el("p", { class: "facts-of" }, placeText(finding.file, finding.line), el("code", { class: "quiet" }, finding.id)),
      el("p", { class: "jumps" }, this.#jumps(finding)));
  }

  #jumps({ calls, count: number }) {
    const { model, view } = this;
    const jump = (i) => el("button", { type: "button", class: "jump", click: () => view.select(i) },
      siteName(model.siteOf(i)), " ", el("span", { class: "quiet" }, `[${model.objectText(i)}]`));
    const parts = calls.slice(0, SHOWN_CALLS).map(jump);
    const rest = number - parts.length;
    if (rest > 0) parts.push(el("span", { class: "quiet" }, `and ${counted(rest, "more call")}`));
    return parts;
  }
}
