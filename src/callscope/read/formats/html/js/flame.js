// The flame chart: time runs to the right, calls within a call stand below it, a track per thread
// and task.

const AXIS_HEIGHT = 22;
const LEAST_SPAN_NS = 10;
const ZOOM = 1.5;

class Flame {
  constructor(model, view, tooltip) {
    Object.assign(this, { model, view, tooltip });
    this.box = byId("flame-scroll");
    this.canvas = byId("flame");
    this.layout = lanesOf(model);
    this.draw = onNextFrame(() => this.#draw());
    this.all();
    const height = `${this.layout.height + AXIS_HEIGHT + 8}px`;
    byId("flame-height").style.height = height;
    this.box.style.setProperty("--content", height);
    this.#listen();
    view.on("select filter", () => this.#showSelected());
  }

  #listen() {
    const { box } = this;
    box.addEventListener("scroll", this.draw, { passive: true });
    box.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    box.addEventListener("pointerdown", (event) => this.#press(event));
    box.addEventListener("pointermove", (event) => this.#hover(event));
    box.addEventListener("pointerleave", () => this.tooltip.hide());
    box.addEventListener("dblclick", (event) => this.zoomTo(this.#callAt(event)));
    byId("flame-in").addEventListener("click", () => this.zoom(1 / ZOOM));
    byId("flame-out").addEventListener("click", () => this.zoom(ZOOM));
    byId("flame-all").addEventListener("click", () => this.all());
    new ResizeObserver(this.draw).observe(box);
    for (const query of ["(prefers-color-scheme: dark)", "(resolution: 1dppx)"]) {
      matchMedia(query).addEventListener("change", this.draw);
    }
  }

  // --- what part of the time is seen ---

  all() {
    const margin = (this.model.finish - this.model.begin) * 0.005;
    this.#show(this.model.begin - margin, this.model.finish + margin);
  }

  #show(from, to) {
    const { begin, finish } = this.model;
    const margin = (finish - begin) * 0.02;
    const span = Math.min(Math.max(to - from, LEAST_SPAN_NS), finish - begin + 2 * margin);
    this.from = Math.min(Math.max(from, begin - margin), finish + margin - span);
    this.to = this.from + span;
    this.draw();
  }

  zoom(factor, at = 0.5) {
    const span = this.to - this.from;
    const fixed = this.from + span * at;
    this.#show(fixed - span * factor * at, fixed + span * factor * (1 - at));
  }

  pan(part) {
    const by = (this.to - this.from) * part;
    this.#show(this.from + by, this.to + by);
  }

  zoomTo(i) {
    if (i === NONE) return;
    const margin = Math.max(LEAST_SPAN_NS, this.model.end(i) - this.model.start[i]) * 0.05;
    this.#show(this.model.start[i] - margin, this.model.end(i) + margin);
  }

  #showSelected() {
    const i = this.view.selected;
    if (i !== NONE) {
      const { model } = this;
      const span = this.to - this.from;
      if (model.end(i) < this.from || model.start[i] > this.to) {
        this.#show(model.start[i] - span / 4, model.start[i] + (span * 3) / 4);
      }
      const top = this.#top(i);
      const height = this.box.clientHeight - AXIS_HEIGHT;
      if (top < this.box.scrollTop || top + LANE_HEIGHT > this.box.scrollTop + height) {
        this.box.scrollTop = Math.max(0, top - height / 3);
      }
    }
    this.draw();
  }

  // --- the pointer ---

  #time(x) {
    return this.from + ((this.to - this.from) * x) / this.canvas.clientWidth;
  }

  #point(event) {
    const edge = this.box.getBoundingClientRect();
    return [event.clientX - edge.left, event.clientY - edge.top];
  }

  #wheel(event) {
    const [x] = this.#point(event);
    if (event.ctrlKey || event.metaKey) this.zoom(ZOOM ** (event.deltaY / 100), x / this.canvas.clientWidth);
    else if (event.deltaX || event.shiftKey) this.pan((event.deltaX || event.deltaY) / this.canvas.clientWidth);
    else return;
    event.preventDefault();
  }

  #press(event) {
    if (event.button) return;
    const [x] = this.#point(event);
    const from = this.from;
    let moved = false;
    const move = (later) => {
      const by = later.clientX - event.clientX;
      moved ||= Math.abs(by) > 3;
      if (!moved) return;
      const span = this.to - this.from;
      const start = from - (span * by) / this.canvas.clientWidth;
      this.#show(start, start + span);
    };
    const release = () => {
      removeEventListener("pointermove", move);
      removeEventListener("pointercancel", release);
      if (!moved && x >= 0) this.view.select(this.#callAt(event));
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", release, { once: true });
    addEventListener("pointercancel", release, { once: true });
  }

  #hover(event) {
    const i = this.#callAt(event);
    this.box.style.cursor = i === NONE ? "" : "pointer";
    if (i === NONE) this.tooltip.hide();
    else this.tooltip.show(i, event.clientX, event.clientY);
  }

  #callAt(event) {
    const [x, y] = this.#point(event);
    const { model } = this;
    if (y < AXIS_HEIGHT) return NONE;
    const pixel = (this.to - this.from) / this.canvas.clientWidth;
    const time = this.#time(x);
    for (const track of this.layout.tracks) {
      const calls = track.lanes[Math.floor((y - AXIS_HEIGHT + this.box.scrollTop - track.top) / LANE_HEIGHT)];
      if (!calls) continue;
      const i = calls[firstAfter(model, calls, time - pixel)];
      if (i !== undefined && model.start[i] <= time + pixel) return i;
    }
    return NONE;
  }

  // --- drawing ---

  #top(i) {
    return this.layout.tracks[this.model.track[i]].top + this.layout.lane[i] * LANE_HEIGHT;
  }

  #draw() {
    const { canvas, box } = this;
    const width = box.clientWidth;
    const height = box.clientHeight;
    if (!width || !height) return;
    const ratio = devicePixelRatio || 1;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    const paint = new FlamePaint(context, width, height, this);
    paint.grid();
    paint.lanes();
    paint.axis();
    const all = this.model.finish - this.model.begin;
    const seen = this.to - this.from;
    byId("flame-range").textContent = seen < all ? `${duration(seen)} of ${duration(all)}` : duration(all);
  }
}
