// One drawing of the flame chart onto its canvas.

const MOST_STEPS = 200;

class FlamePaint {
  constructor(context, width, height, flame) {
    Object.assign(this, { context, width, height, flame, model: flame.model, view: flame.view });
    const style = getComputedStyle(document.documentElement);
    const read = (name) => style.getPropertyValue(name).trim();
    // `light-dark()` is only worked out where a colour is used.
    const probe = flame.probe ??= document.body.appendChild(el("i", { class: "probe", "aria-hidden": "true" }));
    const colour = (name) => {
      probe.style.color = `var(${name})`;
      return getComputedStyle(probe).color;
    };
    this.ink = colour("--ink");
    this.quiet = colour("--quiet");
    this.line = colour("--line");
    this.panel = colour("--panel");
    this.wrong = colour("--wrong");
    this.fills = Array.from({ length: COLOURS }, (_, n) => colour(`--fill-${n}`));
    this.edges = Array.from({ length: COLOURS }, (_, n) => colour(`--c${n}`));
    this.font = read("--mono");
    this.scale = width / (flame.to - flame.from);
  }

  x(time) {
    return (time - this.flame.from) * this.scale;
  }

  // [what it says of the time since the begin, x] of each line of the grid.
  *#ticks() {
    const { from, to } = this.flame;
    const zero = this.model.begin;
    const step = roundStep(to - from, Math.max(2, this.width / 110));
    const first = Math.ceil((from - zero) / step) * step;
    const isClose = step * MOST_STEPS < first; // the whole time would say the same at each line
    for (let k = 0; first + k * step + zero < to; k++) {
      const time = first + k * step;
      const label = isClose && k ? `+${roundDuration(k * step)}` : time ? roundDuration(time) : "0";
      yield [label, Math.round(this.x(time + zero))];
    }
  }

  grid() {
    this.context.fillStyle = this.line;
    for (const [, x] of this.#ticks()) this.context.fillRect(x, AXIS_HEIGHT, 1, this.height);
  }

  lanes() {
    const { context, flame } = this;
    context.font = `11px ${this.font}`;
    context.textBaseline = "middle";
    for (const track of flame.layout.tracks) {
      const top = AXIS_HEIGHT + track.top - flame.box.scrollTop;
      if (track.titleTop !== track.top) this.#title(track);
      track.lanes.forEach((calls, level) => {
        const y = top + level * LANE_HEIGHT;
        if (y > -LANE_HEIGHT && y < this.height) this.#lane(calls, y);
      });
    }
  }

  #title(track) {
    const { context, flame } = this;
    const y = AXIS_HEIGHT + track.titleTop - flame.box.scrollTop + TRACK_TITLE / 2;
    context.fillStyle = this.panel;
    context.fillRect(4, y - 7, context.measureText(track.name).width + 8, 14);
    context.fillStyle = this.quiet;
    context.fillText(track.name, 8, y, this.width - 16);
  }

  // Calls narrower than a pixel are drawn once per pixel.
  #lane(calls, y) {
    const { model, flame } = this;
    let drawn = -1;
    for (let k = firstAfter(model, calls, flame.from); k < calls.length; k++) {
      const i = calls[k];
      if (model.start[i] > flame.to) return;
      const left = Math.max(-2, this.x(model.start[i]));
      const right = Math.min(this.width + 2, this.x(model.end(i)));
      if (right < drawn && i !== flame.view.selected) continue;
      this.#call(i, left, Math.max(right, left + 1), y);
      drawn = Math.ceil(Math.max(right, left + 1));
    }
  }

  #call(i, left, right, y) {
    const { context, model, view } = this;
    const width = right - left;
    const gap = width > 3 ? 1 : 0;
    const colour = model.classOf(i).colour;
    const fades = (view.shown && view.shown[i] !== FITS) || (view.marked && !view.marked[i]);
    const isThin = width < 2.5; // pale colours would not be seen
    context.globalAlpha = (fades ? 0.28 : 1) * (isThin ? 0.6 : 1);
    context.fillStyle = isThin ? this.edges[colour] : this.fills[colour];
    context.beginPath();
    context.roundRect(left, y + 1, width - gap, LANE_HEIGHT - 2, width > 6 ? 3 : 0);
    context.fill();
    if (model.waits.has(i)) this.#suspensions(i, y);
    if (width > 6) {
      context.fillStyle = model.errors.has(i) ? this.wrong : this.edges[colour];
      context.fillRect(left, y + 1, 2.5, LANE_HEIGHT - 2);
    }
    if (i === view.selected) {
      context.strokeStyle = this.ink;
      context.lineWidth = 1.5;
      context.strokeRect(left + 0.75, y + 1.75, Math.max(1, width - gap - 1.5), LANE_HEIGHT - 3.5);
    }
    if (width > 34) this.#label(i, left, width, y);
    context.globalAlpha = 1;
  }

  // While it is suspended, a call is only outlined.
  #suspensions(i, y) {
    const { context, model } = this;
    const spans = model.waits.get(i)[1];
    for (let k = 0; k < spans.length; k += 2) {
      const begin = model.start[i] + spans[k];
      const end = spans[k + 1] < 0 ? model.end(i) : begin + spans[k + 1];
      const left = Math.max(-2, this.x(begin));
      const width = Math.min(this.width + 2, this.x(end)) - left;
      if (width < 1) continue;
      context.fillStyle = this.panel;
      context.fillRect(left, y + 3, width, LANE_HEIGHT - 6);
    }
  }

  #label(i, left, width, y) {
    const { context, model } = this;
    const from = Math.max(left, 0) + 8;
    const room = left + width - from - 4;
    const character = 6.7;
    const site = model.siteOf(i);
    let text = site.text;
    if (text.length * character > room) text = site.method;
    if (text.length * character > room) text = `${text.slice(0, Math.floor(room / character) - 1)}…`;
    if (text.length < 3) return;
    context.fillStyle = this.ink;
    context.fillText(text, from, y + LANE_HEIGHT / 2 + 0.5);
  }

  axis() {
    const { context, width } = this;
    context.fillStyle = this.panel;
    context.fillRect(0, 0, width, AXIS_HEIGHT);
    context.fillStyle = this.line;
    context.fillRect(0, AXIS_HEIGHT - 1, width, 1);
    context.font = `10.5px ${this.font}`;
    for (const [label, x] of this.#ticks()) {
      context.fillStyle = this.quiet;
      if (x + 8 + context.measureText(label).width < width) context.fillText(label, x + 4, AXIS_HEIGHT / 2);
    }
  }
}
