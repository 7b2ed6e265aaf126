// How one call is written: the parts that the tree, the diagram and the details share, and its row.

const DEEPEST_INDENT = 32;
const INDENT = 18;
const LONGEST_ARGUMENTS = 400;

const HAND_OVERS = {
  super: { sign: "↑", word: "super", title: "handed over by super(), to a class further up" },
  dispatch: { sign: "↷", word: "dispatch", title: "handed over to another class of the same object" },
};

function siteName(site) {
  return el("span", { class: "site", title: `${site.cls.qualified}.${site.method}` },
    el("span", { class: `class c${site.cls.colour}` }, bdi(site.cls.name)), ".",
    bdi(site.method, "method"));
}

function valueKind(text) {
  if (/^b?['"]/.test(text)) return "text";
  if (/^-?[\d.]/.test(text) && !/[a-z[]/i.test(text.slice(1).replace(/e[+-]?\d+$/, ""))) return "number";
  return /^(True|False|None)$/.test(text) ? "word" : "other";
}

function valueText(text) {
  return bdi(text, `value ${valueKind(text)}`);
}

function argumentsText(pairs) {
  if (pairs === null) return null;
  const parts = [];
  let length = 0;
  for (const [name, value] of pairs) {
    if (parts.length) parts.push(", ");
    if (length > LONGEST_ARGUMENTS) {
      parts.push("…");
      break;
    }
    length += name.length + value.length;
    parts.push(bdi(name, "name"), "=", valueText(value));
  }
  return el("span", { class: "arguments" }, "(", parts, ")");
}

function outcome(model, i) {
  const error = model.error(i);
  if (error) {
    return el("span", { class: "outcome error" }, el("b", {}, "✕ ", bdi(bareName(error[0]))),
      error[1] ? [": ", bdi(error[1])] : null);
  }
  if (model.duration[i] < 0) return el("span", { class: "outcome quiet" }, "never ended");
  const result = model.resultText(i);
  return result === null ? null : el("span", { class: "outcome" }, "→ ", valueText(result));
}

// Where something is written; of an installed package, without the folder it is installed in.
function placeText(file, line) {
  if (file === null) return null;
  const suffix = line === null ? "" : `:${line}`;
  const short = file.replace(/^.*[\\/](?:site|dist)-packages[\\/]/, "");
  return el("code", { class: "where", title: `${file}${suffix}` }, bdi(`${short}${suffix}`));
}

// [MyLayer#1]; `data-object` makes it show the calls of that object when it is clicked.
function objectChip(model, i) {
  const text = model.objectText(i);
  if (!model.instance[i]) return el("span", { class: "object plain" }, bdi(text));
  return el("button", { type: "button", class: "object", tabindex: -1, "data-object": i,
    title: `Show the calls of ${text}` }, bdi(text));
}

function handOverTag(model, i) {
  const found = HAND_OVERS[model.handOver(i)];
  if (!found) return null;
  return el("span", { class: "hand-over", title: found.title }, found.sign, " ", found.word);
}

function durationBar(model, i, longest) {
  const total = Math.max(0, model.duration[i]);
  const bar = el("span", { class: `time-bar c${model.classOf(i).colour}`, "aria-hidden": "true" });
  const whole = el("i", { class: "whole" });
  const own = el("i", { class: "own" });
  whole.style.width = `${(100 * total) / longest}%`;
  own.style.width = `${(100 * Math.max(0, model.self[i])) / longest}%`;
  bar.append(whole, own);
  return bar;
}

function indentOf(depth) {
  return INDENT * Math.min(depth, DEEPEST_INDENT);
}

// `marks` says what is special of a call: a finding's severity, whether it is open or selected.
function callRow(model, i, { longest, finding, isOpen, isMatch, isContext }) {
  const folds = model.firstChild[i] !== NONE || model.leftOut.has(i);
  const indent = el("span", { class: "indent" });
  indent.style.width = `${indentOf(model.depth[i])}px`;
  const classes = ["row", isMatch && "match", isContext && "context"].filter(Boolean);
  return el("div",
    { class: classes.join(" "), role: "treeitem", id: `row-${i}`, "data-call": i,
      "aria-level": model.depth[i] + 1, "aria-expanded": folds ? String(isOpen) : null },
    el("span", { class: "call" },
      indent,
      el("span", { class: folds ? "twisty" : "twisty leaf", "data-fold": folds, "aria-hidden": "true" }),
      model.depth[i] > DEEPEST_INDENT ? el("span", { class: "deep" }, String(model.depth[i])) : null,
      finding ? el("span", { class: `flag ${finding}`, title: `A finding names this call (${finding})` }, "▲") : null,
      siteName(model.siteOf(i)),
      argumentsText(model.arguments(i)),
      objectChip(model, i),
      handOverTag(model, i),
      outcome(model, i),
      folds && !isOpen && model.within[i] ? el("span", { class: "within" }, `+${count(model.within[i])}`) : null),
    durationBar(model, i, longest),
    el("span", { class: "duration" }, duration(model.duration[i])));
}

function leftOutRow(model, i) {
  const indent = el("span", { class: "indent" });
  indent.style.width = `${indentOf(model.depth[i] + 1)}px`;
  const within = counted(model.leftOut.get(i)[0], "more call");
  return el("div", { class: "row note", role: "treeitem", "aria-level": model.depth[i] + 2 }, indent,
    el("span", { class: "twisty leaf" }), `⋯ ${within} within, left out of this page`);
}
