// Making elements. Texts go in as text nodes alone: nothing of a trace is ever read as markup.

const SVG = "http://www.w3.org/2000/svg";

function byId(id) {
  return document.getElementById(id);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

// el("button", { class: "small", click: () => ... }, "Text", otherElement)
function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

// Text of a trace, kept from turning the direction of the text around it.
function bdi(text, className = null) {
  return el("bdi", { class: className }, text);
}

function prefersStillness() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

// Runs a function once before the next frame, however often it was asked for.
function onNextFrame(run) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      run();
    });
  };
}
