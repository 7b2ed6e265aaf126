// The trace, as the page's data say it: calls are numbered from 0, in the order they began, and each
// field of theirs is an array. `columns.py` writes what is read here.

const COLOURS = 8;
const NONE = -1;
const ARRAYS = { b: Int8Array, h: Int16Array, i: Int32Array, d: Float64Array };

class Model {
  constructor(packed) {
    Object.assign(this, {
      header: packed.header,
      total: packed.total,
      lost: packed.lost,
      leftOutOnPurpose: packed.leftOutOnPurpose,
      findings: packed.findings,
      summary: packed.summary,
      texts: packed.texts,
      names: packed.names,
      errors: new Map(byNumber(packed.errors)),
      waits: new Map(byNumber(packed.waits)),
      leftOut: new Map(byNumber(packed.leftOut)),
    });
    this.#readColumns(packed.calls, packed.kinds);
    this.classes = packed.classes.map(([qualified, name], number) => ({ number, qualified, name }));
    this.sites = packed.sites.map(([cls, method, file, line], number) => ({
      number, cls: this.classes[cls], method, file, line, text: `${this.classes[cls].name}.${method}`,
    }));
    this.#readTracks(packed.tracks, packed.header.processes);
    this.#link();
    this.#measure();
    this.#orderClasses(packed.kinds);
  }

  #readColumns(packed, kinds) {
    const columns = Object.fromEntries(Object.entries(packed).map(([name, column]) => [name, typed(column)]));
    const { kind, instance, isSuper, duration, track } = columns;
    this.length = kind.length;
    [this.site, this.runtime] = [0, 1].map((k) => entries(kinds.map((fields) => fields[k]), kind));
    Object.assign(this, { instance, isSuper, duration, track });
    this.shape = columns.names;
    this.values = columns.arguments;
    this.firstValue = offsets(columns.names, this.names);
    this.result = new Int32Array(columns.result).map((number) => number - 1);
    this.parent = new Int32Array(columns.parent).map((back, i) => (back ? i - back : NONE));
    this.start = sums(columns.start);
    this.id = sums(columns.id);
  }

  #readTracks(tracks, details) {
    const pids = [...new Set(tracks.map(([pid]) => pid))];
    this.processes = pids.length;
    this.tracks = tracks.map(([pid, thread, task]) => {
      const process = pids.length > 1 ? `process ${pids.indexOf(pid) + 1}${details[pid] ?? ""} · ` : "";
      return { pid, thread, task, name: process + (task === null ? thread : `${thread} · ${task}`) };
    });
  }

  // Children as linked lists; how deep each call is, and how many are within.
  #link() {
    const length = this.length;
    this.firstChild = new Int32Array(length).fill(NONE);
    this.nextSibling = new Int32Array(length).fill(NONE);
    this.depth = new Int32Array(length);
    this.within = new Int32Array(length);
    const last = new Int32Array(length).fill(NONE);
    this.roots = [];
    for (let i = 0; i < length; i++) {
      const parent = this.parent[i];
      if (parent === NONE) {
        this.roots.push(i);
        continue;
      }
      this.depth[i] = this.depth[parent] + 1;
      if (last[parent] === NONE) this.firstChild[parent] = i;
      else this.nextSibling[last[parent]] = i;
      last[parent] = i;
    }
    for (let i = length - 1; i >= 0; i--) {
      if (this.parent[i] !== NONE) this.within[this.parent[i]] += this.within[i] + 1;
    }
  }

  // When each call ended, and how long it ran without the calls within it.
  #measure() {
    this.begin = this.length ? this.start.reduce((a, b) => Math.min(a, b), Infinity) : 0;
    this.finish = this.begin + 1;
    this.self = new Float64Array(this.duration);
    for (let i = 0; i < this.length; i++) {
      this.finish = Math.max(this.finish, this.start[i] + Math.max(0, this.duration[i]));
      if (this.duration[i] >= 0) this.self[i] -= this.waiting(i);
    }
    for (let i = 0; i < this.length; i++) {
      const parent = this.parent[i];
      if (parent === NONE || this.self[parent] < 0 || this.duration[i] < 0) continue;
      this.self[parent] = Math.max(0, this.self[parent] - this.duration[i] + this.waiting(i));
    }
    for (const [i, [, self]] of this.leftOut) this.self[i] = self === null ? -1 : self;
  }

  // Derived classes before their bases, as far as the calls show it; and the colour of each.
  #orderClasses(kinds) {
    const seen = new Map();
    for (const [site, runtime, mro] of kinds) {
      if (!seen.has(runtime)) seen.set(runtime, new Map());
      if (mro !== NONE) seen.get(runtime).set(this.sites[site].cls.number, mro);
    }
    const bases = new Map(this.classes.map((cls) => [cls.number, new Set()]));
    for (const places of seen.values()) {
      const line = [...places].sort((a, b) => a[1] - b[1]).map(([cls]) => cls);
      for (let i = 1; i < line.length; i++) bases.get(line[i]).add(line[i - 1]);
    }
    const defining = new Set(this.sites.map((site) => site.cls.number));
    this.lifelines = derivedFirst([...defining], bases).map((number) => this.classes[number]);
    this.#colourClasses();
  }

  // The classes with most calls have a colour each; all others share the last, which is grey.
  #colourClasses() {
    for (const cls of this.classes) Object.assign(cls, { calls: 0, colour: COLOURS - 1 });
    for (let i = 0; i < this.length; i++) this.classOf(i).calls++;
    const own = this.lifelines.length > COLOURS ? COLOURS - 1 : COLOURS;
    const coloured = new Set([...this.lifelines].sort((a, b) => b.calls - a.calls).slice(0, own));
    let next = 0;
    for (const cls of this.lifelines) if (coloured.has(cls)) cls.colour = next++;
  }

  *children(i) {
    for (let c = this.firstChild[i]; c !== NONE; c = this.nextSibling[c]) yield c;
  }

  siteOf(i) {
    return this.sites[this.site[i]];
  }

  classOf(i) {
    return this.sites[this.site[i]].cls;
  }

  waiting(i) {
    return this.waits.size ? this.waits.get(i)?.[0] ?? 0 : 0;
  }

  end(i) {
    return this.duration[i] < 0 ? this.finish : this.start[i] + this.duration[i];
  }

  // [[name, value], ...], or null where nothing was captured.
  arguments(i) {
    if (!this.shape[i]) return null;
    const names = this.names[this.shape[i] - 1];
    return names.map((name, k) => [this.texts[name], this.texts[this.values[this.firstValue[i] + k]]]);
  }

  resultText(i) {
    return this.result[i] < 0 ? null : this.texts[this.result[i]];
  }

  // [type, message], or null.
  error(i) {
    const found = this.errors.get(i);
    return found ? [this.texts[found[0]], this.texts[found[1]]] : null;
  }

  objectText(i) {
    const name = this.classes[this.runtime[i]].name;
    return this.instance[i] ? `${name}#${this.instance[i]}` : name;
  }

  isSameObject(i, j) {
    return this.runtime[i] === this.runtime[j] && this.instance[i] === this.instance[j];
  }

  // How a call was led to: "super" and "dispatch" hand over between the classes of one object.
  handOver(i) {
    const parent = this.parent[i];
    if (parent === NONE) return "root";
    if (!this.instance[i] || !this.isSameObject(i, parent)) return "call";
    if (this.isSuper[i]) return "super";
    return this.classOf(i) === this.classOf(parent) ? "self" : "dispatch";
  }
}

function byNumber(object) {
  return Object.entries(object).map(([key, value]) => [Number(key), value]);
}

// Reads a column of numbers: its type, and its bytes in base64.
function typed([code, base64]) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let k = 0; k < text.length; k++) bytes[k] = text.charCodeAt(k);
  return new ARRAYS[code](bytes.buffer);
}

function entries(table, indices) {
  return new Int32Array(indices).map((index) => table[index]);
}

// Where the arguments of each call begin.
function offsets(shapes, names) {
  const counts = [0, ...names.map((list) => list.length)];
  let end = 0;
  return new Int32Array(shapes).map((shape) => (end += counts[shape]) - counts[shape]);
}

function sums(differences) {
  let sum = 0;
  return new Float64Array(differences).map((difference) => (sum += difference));
}

// Sorts so that whatever must stand before a thing does; ties, and circles, stay in their order.
function derivedFirst(numbers, before) {
  const sorted = [];
  const waiting = new Set(numbers);
  while (waiting.size) {
    const isFree = (number) => ![...before.get(number)].some((other) => waiting.has(other));
    const next = [...waiting].find(isFree) ?? waiting.values().next().value;
    waiting.delete(next);
    sorted.push(next);
  }
  return sorted;
}

function bareName(qualified) {
  return qualified.slice(qualified.lastIndexOf(".") + 1);
}
