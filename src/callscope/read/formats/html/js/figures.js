// How times and counts are written.

const UNITS = [
  [1e9, "s"],
  [1e6, "ms"],
  [1e3, "µs"],
];

function duration(ns) {
  if (ns < 0 || ns === null) return "…";
  for (const [size, unit] of UNITS) {
    // 999.96 µs would be rounded to 1000 µs.
    if (ns >= size * 0.9995) return `${significant(ns / size)} ${unit}`;
  }
  return `${Math.round(ns)} ns`;
}

// The same for a round time: without the zeros at its end.
function roundDuration(ns) {
  return duration(ns).replace(/(\.\d*?)0+ /, "$1 ").replace(". ", " ");
}

function significant(value) {
  if (value >= 100) return value.toFixed(value < 1000 ? 0 : 1);
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function count(number) {
  return number.toLocaleString("en-US");
}

function counted(number, one, many = `${one}s`) {
  return `${count(number)} ${number === 1 ? one : many}`;
}

// A round step, of 1, 2 or 5 times a power of ten, of which about `wanted` fit into `range`.
function roundStep(range, wanted) {
  const rough = range / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough);
}
