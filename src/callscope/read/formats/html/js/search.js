// Which calls fit a query: words that must all be found, in any part of a call.
//
//   LSTM.call  tensor    both words          class:RNN     the defining class
//   method:call          the method          object:RNN#3  the object
//   error                calls that raised   >5ms  <10us   by duration
//   thread:Worker        thread or task      site:RNN.call the site exactly
//   units=4              an argument

const SIZES = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9 };
const DURATION = /^([<>])(\d+(?:\.\d+)?)(ns|us|µs|ms|s)$/;

// Returns a function that tells of a call whether it fits; null for an empty query.
function matcher(model, query) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return null;
  const tests = words.map((word) => wordTest(model, word));
  return (i) => tests.every((test) => test(i));
}

function wordTest(model, word) {
  const limit = DURATION.exec(word);
  if (limit) {
    const ns = Number(limit[2]) * SIZES[limit[3]];
    const sign = limit[1] === ">" ? 1 : -1;
    return (i) => model.duration[i] >= 0 && sign * (model.duration[i] - ns) > 0;
  }
  if (word === "error") return (i) => model.errors.has(i);
  const [, field, wanted] = /^(\w+):(.+)$/.exec(word) ?? [];
  const test = field && fieldTest(model, field, wanted);
  return test || textTest(model, word);
}

function fieldTest(model, field, wanted) {
  const sites = (fits) => {
    const found = model.sites.map(fits);
    return (i) => found[model.site[i]];
  };
  switch (field) {
    case "class":
      return sites((site) => [site.cls.name, site.cls.qualified].some((name) => name.toLowerCase() === wanted));
    case "method":
      return sites((site) => site.method.toLowerCase() === wanted);
    case "site":
      return sites((site) => site.text.toLowerCase() === wanted);
    case "object":
      return objectTest(model, (text) => text === wanted);
    case "thread":
    case "task": {
      const found = model.tracks.map((track) => track.name.toLowerCase().includes(wanted));
      return (i) => found[model.track[i]];
    }
    default:
      return null;
  }
}

function objectTest(model, fits) {
  const known = new Map();
  return (i) => {
    const key = model.runtime[i] + "#" + model.instance[i];
    let found = known.get(key);
    if (found === undefined) known.set(key, (found = fits(model.objectText(i).toLowerCase())));
    return found;
  };
}

// Of arguments, `name=value` is found as it is shown: a word may begin in a name and end in a value.
function pairTest(texts, word) {
  const lower = texts.map((text) => text.toLowerCase());
  const splits = [...word.matchAll(/=/g)].map(({ index }) => [
    lower.map((text) => text.endsWith(word.slice(0, index))),
    lower.map((text) => text.startsWith(word.slice(index + 1))),
  ]);
  return (name, value) => splits.some(([ends, begins]) => ends[name] && begins[value]);
}

// Per call, 1 if the word is in its arguments.
function findInArguments(model, word, inText) {
  const { shape, names, values } = model;
  const inPair = word.includes("=") ? pairTest(model.texts, word) : () => false;
  const found = new Uint8Array(model.length);
  for (let i = 0, next = 0; i < model.length; i++) {
    if (!shape[i]) continue;
    for (const name of names[shape[i] - 1]) {
      const value = values[next++];
      if (inText[name] || inText[value] || inPair(name, value)) found[i] = 1;
    }
  }
  return found;
}

// Every text is looked at once, and not once per call.
function textTest(model, word) {
  const has = (text) => text.toLowerCase().includes(word);
  const inText = Uint8Array.from(model.texts, has);
  const inSite = model.sites.map((site) => has(site.text));
  const inArguments = findInArguments(model, word, inText);
  const inObject = objectTest(model, (text) => text.includes(word));
  return (i) =>
    inSite[model.site[i]] ||
    inArguments[i] === 1 ||
    (model.result[i] >= 0 && inText[model.result[i]] === 1) ||
    (model.errors.get(i)?.some((number) => inText[number]) ?? false) ||
    inObject(i);
}
