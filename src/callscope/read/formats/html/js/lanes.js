// Where the flame chart draws each call: tracks below each other, and lanes within each, such that
// no two calls of a lane overlap. A suspended generator keeps its lane while others run.

const LANE_HEIGHT = 20;
const TRACK_TITLE = 20;
const TRACK_GAP = 6;

// Returns {lane: per call, tracks: [{top, lanes: [[calls in order of start]], name}], height}.
function lanesOf(model) {
  const lane = new Int32Array(model.length);
  const ends = model.tracks.map(() => []);
  const lanes = model.tracks.map(() => []);
  const order = new Int32Array(model.length).map((_, i) => i).sort((a, b) => model.start[a] - model.start[b] || a - b);
  for (const i of order) {
    const track = model.track[i];
    const parent = model.parent[i];
    let level = parent !== NONE && model.track[parent] === track ? lane[parent] + 1 : 0;
    while (ends[track][level] > model.start[i]) level++;
    lane[i] = level;
    ends[track][level] = model.end(i);
    (lanes[track][level] ??= []).push(i);
  }
  const tracks = [];
  let top = 0;
  model.tracks.forEach((track, number) => {
    if (number) top += TRACK_GAP;
    const title = model.tracks.length > 1 ? TRACK_TITLE : 0;
    tracks.push({ name: track.name, top: top + title, titleTop: top, lanes: lanes[number] });
    top += title + lanes[number].length * LANE_HEIGHT;
  });
  return { lane, tracks, height: top };
}

// The place of the first call of a lane that ends after a time; calls of a lane do not overlap.
function firstAfter(model, calls, time) {
  let low = 0;
  let high = calls.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (model.end(calls[middle]) < time) low = middle + 1;
    else high = middle;
  }
  return low;
}
