// One dialogue on one time axis: drag to move, buttons or Ctrl and wheel to zoom, a cursor that tells what lies under it.
"use strict";
const data = JSON.parse(document.getElementById("tracks").textContent);
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
for (const key of ["envelope", "active", "now", "future", "bins", "best", "sure", "actual"]) {
  if (data[key]) data[key] = bytes(data[key]);
}
const { rate, seconds, bins_s: binLengths } = data;
const N = binLengths.length, W = Math.ceil(N / 8), T = data.now.length / 2, BIN = N > 6 ? 2 : 7;
const bit = (values, t, c, b) => (values[(t * 2 + c) * W + (b >> 3)] >> (b & 7)) & 1;
const truly = (t, c, b) => data.actual && t < data.known && bit(data.actual, t, c, b);
const main = document.getElementById("timeline"), small = document.getElementById("overview");
const panel = document.getElementById("window"), told = document.getElementById("told");
const LEFT = 118, RIGHT = 18, GAP = 12, SHORTEST = 1.5;
let view = { start: 0, length: Math.min(seconds, 20) }, cursor = Math.min(seconds / 2, 3), colours = {}, queued = false;

// ---- What lies where: rows from top to bottom, {name, height, draw(y)}.
const rows = [];
const put = (name, height, draw, small_) => rows.push({ name, height, draw, small: small_ });
put("", 22, ruler);
for (const c of [0, 1]) {
  put(`speaker ${c}`, 54, (g, y) => wave(g, y, 54, c), data.active ? "and P(active)" : "");
  if (data.active) put("", 20, (g, y) => activity(g, y, 20, c));
}
put("p_now", 70, (g, y) => balance(g, y, 70, data.now), "up: 0, down: 1");
put("p_future", 70, (g, y) => balance(g, y, 70, data.future), "up: 0, down: 1");
if (data.bins) put("foretold", 2 * BIN * N, (g, y) => heat(g, y, (t, c, b) => data.bins[(t * 2 + c) * N + b] / 255), "bins, near to far");
if (data.actual) put("true", 2 * BIN * N, (g, y) => heat(g, y, truly, data.known), "bins, near to far");
for (const kind of Object.keys(data.events)) put((data.names[kind] || kind).replaceAll("_", " "), 15, (g, y) => spans(g, y, 15, kind));
const tops = [];
let total = 0;
for (const row of rows) { tops.push(total); total += row.height + (row.height > 40 || row.name === "" ? GAP : 5); }

const x_of = (time) => LEFT + (time - view.start) / view.length * (main.clientWidth - LEFT - RIGHT);
const time_of = (x) => view.start + (x - LEFT) / (main.clientWidth - LEFT - RIGHT) * view.length;
const paint = (c) => colours[`c${c}`];

function ruler(g, y) {
  const rough = view.length / Math.max(main.clientWidth / 110, 2), power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((k) => k * power).find((k) => k >= rough);
  g.fillStyle = colours.soft; g.strokeStyle = colours.grid; g.textAlign = "center"; g.font = "12px " + colours.sans;
  for (let k = Math.ceil(view.start / step); k * step <= view.start + view.length; k++) {
    const x = Math.round(x_of(k * step)) + 0.5;
    g.fillText(clock(k * step, step), x, y + 14);
    g.beginPath(); g.moveTo(x, y + 20); g.lineTo(x, total - GAP); g.stroke();
  }
}

function clock(time, step) {
  const digits = step >= 1 ? 0 : step >= 0.1 ? 1 : 2;
  if (seconds < 60) return `${time.toFixed(digits)} s`;
  const minutes = Math.floor(time / 60 + 1e-9), rest = Math.max(time - 60 * minutes, 0).toFixed(digits);
  return `${minutes}:${rest.padStart(digits ? 3 + digits : 2, "0")}`;
}

// Columns of the screen -> the frames under them: fn(x, first, last).
function columns(perSecond, count, fn) {
  const end = main.clientWidth - RIGHT;
  for (let x = LEFT; x < end; x++) {
    const a = Math.floor((time_of(x)) * perSecond), b = Math.max(Math.floor(time_of(x + 1) * perSecond), a + 1);
    if (a >= 0 && a < count) fn(x, a, Math.min(b, count));
  }
}

function wave(g, y, height, c) {
  const middle = y + height / 2, count = data.envelope.length / 2;
  if (data.activity) {
    g.fillStyle = paint(c); g.globalAlpha = 0.16;
    for (const [a, b] of data.activity[c]) clipped(g, a, b, y, height);
    g.globalAlpha = 1;
  }
  g.fillStyle = colours.wave;
  columns(data.points, count, (x, a, b) => {
    let top = 0;
    for (let i = a; i < b; i++) top = Math.max(top, data.envelope[i * 2 + c]);
    const tall = Math.max(top / 255 * height, 1);
    g.fillRect(x, middle - tall / 2, 1, tall);
  });
}

function clipped(g, a, b, y, height) {
  const left = Math.max(x_of(a), LEFT), right = Math.min(x_of(b), main.clientWidth - RIGHT);
  if (right > left) g.fillRect(left, y, Math.max(right - left, 1), height);
  return right > left ? [left, right] : null;
}

const mean = (values, a, b, step, offset) => {
  let sum = 0;
  for (let t = a; t < b; t++) sum += values[t * step + offset];
  return sum / (b - a) / 255;
};

function activity(g, y, height, c) {
  g.strokeStyle = colours.grid; g.strokeRect(LEFT, y + 0.5, main.clientWidth - LEFT - RIGHT, height - 1);
  g.fillStyle = paint(c);
  columns(rate, T, (x, a, b) => { const p = mean(data.active, a, b, 2, c); g.fillRect(x, y + height * (1 - p), 1, height * p); });
}

// Above the middle speaker 0 is the more likely one, below it speaker 1.
function balance(g, y, height, values) {
  const middle = y + height / 2;
  columns(rate, T, (x, a, b) => {
    const p = mean(values, a, b, 2, 0), q = mean(values, a, b, 2, 1), share = p / Math.max(p + q, 1e-6) - 0.5;
    g.fillStyle = paint(share >= 0 ? 0 : 1);
    g.fillRect(x, share >= 0 ? middle - share * height : middle, 1, Math.max(Math.abs(share) * height, 0.5));
  });
  g.strokeStyle = colours.rule; g.strokeRect(LEFT, y + 0.5, main.clientWidth - LEFT - RIGHT, height - 1);
  g.beginPath(); g.moveTo(LEFT, middle); g.lineTo(main.clientWidth - RIGHT, middle); g.strokeStyle = colours.soft; g.stroke();
}

// The bins of both speakers as strips, the nearest of each on top.
function heat(g, y, value, count = T) {
  columns(rate, count, (x, a) => {
    for (const c of [0, 1]) {
      g.fillStyle = paint(c);
      for (let b = 0; b < N; b++) {
        g.globalAlpha = value(a, c, b);
        if (g.globalAlpha > 0.02) g.fillRect(x, y + (c * N + b) * BIN, 1, BIN > 3 ? BIN - 1 : BIN);
      }
    }
  });
  g.globalAlpha = 1; g.strokeStyle = colours.rule;
  g.strokeRect(LEFT, y - 0.5, main.clientWidth - LEFT - RIGHT, 2 * BIN * N);
  g.beginPath(); g.moveTo(LEFT, y + BIN * N - 0.5); g.lineTo(main.clientWidth - RIGHT, y + BIN * N - 0.5); g.stroke();
}

function spans(g, y, height, kind) {
  g.fillStyle = colours.grid; g.fillRect(LEFT, y + height / 2, main.clientWidth - LEFT - RIGHT, 1);
  for (const [a, b, c] of data.events[kind]) {
    g.fillStyle = paint(c);
    clipped(g, a / rate, b / rate, y + 1, height - 2);
  }
}

// The window ahead of the cursor, over both waveforms: filled as foretold, framed where true.
function ahead(g) {
  if (!data.bins) return;
  const t = Math.min(Math.max(Math.floor(cursor * rate), 0), T - 1), from = (t + 1) / rate;
  const places = rows.map((row, i) => [row.name, i]).filter(([name]) => name.startsWith("speaker"));
  g.save(); g.beginPath(); g.rect(LEFT, 0, main.clientWidth - LEFT - RIGHT, total); g.clip();
  for (const [c, [, i]] of places.entries()) {
    let time = from;
    for (let b = 0; b < N; b++) {
      const x = x_of(time), width = x_of(time + binLengths[b]) - x, y = tops[i] + 2, height = rows[i].height - 4;
      g.fillStyle = paint(c); g.globalAlpha = 0.55 * data.bins[(t * 2 + c) * N + b] / 255;
      g.fillRect(x + 1, y, width - 2, height); g.globalAlpha = 1;
      g.lineWidth = 1; g.strokeStyle = colours.soft; g.setLineDash([2, 3]); g.strokeRect(x + 1, y, width - 2, height); g.setLineDash([]);
      if (truly(t, c, b)) {
        g.lineWidth = 2; g.strokeStyle = colours.ink; g.strokeRect(x + 2, y + 1, width - 4, height - 2); g.lineWidth = 1;
      }
      time += binLengths[b];
    }
  }
  g.restore();
}

function sized(canvas, height) {
  const dots = window.devicePixelRatio || 1, width = canvas.clientWidth;
  canvas.style.height = `${height}px`;
  canvas.width = Math.round(width * dots); canvas.height = Math.round(height * dots);
  const g = canvas.getContext("2d");
  g.scale(dots, dots);
  return [g, width];
}

function draw() {
  queued = false;
  const style = getComputedStyle(document.documentElement);
  for (const name of ["ink", "soft", "rule", "grid", "wave", "sheet", "c0", "c1", "hot", "sans"]) colours[name] = style.getPropertyValue(`--${name}`).trim();
  const [g] = sized(main, total);
  rows.forEach((row, i) => {
    row.draw(g, tops[i]);
    g.fillStyle = colours.ink; g.textAlign = "left"; g.font = `600 13px ${colours.sans}`;
    const high = row.height > 40;
    g.fillText(row.name, 0, tops[i] + (high ? 16 : row.height / 2 + 4));
    g.font = `12px ${colours.sans}`; g.fillStyle = colours.soft;
    if (row.small && high) g.fillText(row.small, 0, tops[i] + 33);
  });
  ahead(g);
  const x = x_of(cursor);
  if (x >= LEFT && x <= main.clientWidth - RIGHT) { g.fillStyle = colours.hot; g.fillRect(x - 0.75, 20, 1.5, total - 20); }
  overview(); readout();
}

function overview() {
  const [g, width] = sized(small, 42), inner = width - LEFT - RIGHT, x = (time) => LEFT + time / seconds * inner;
  g.fillStyle = colours.ink; g.font = `600 13px ${colours.sans}`; g.fillText("overview", 0, 24);
  for (const c of [0, 1]) {
    g.fillStyle = paint(c);
    if (data.activity) for (const [a, b] of data.activity[c]) g.fillRect(x(a), 4 + 18 * c, Math.max(x(b) - x(a), 0.6), 15);
    else for (let i = 0; i < inner; i++) {
      const at = Math.floor(i / inner * data.envelope.length / 2), tall = data.envelope[at * 2 + c] / 255 * 15;
      g.fillRect(LEFT + i, 11.5 + 18 * c - tall / 2, 1, tall);
    }
  }
  g.strokeStyle = colours.ink; g.lineWidth = 1.5;
  g.strokeRect(x(view.start), 1, Math.max(view.length / seconds * inner, 3), 39);
}

const picture = (values, t) => [0, 1].map((c) => binLengths.map((_, b) => (bit(values, t, c, b) ? "o" : ".")).join("")).join(" / ");

function readout() {
  const t = Math.min(Math.max(Math.floor(cursor * rate), 0), T - 1), share = (values, c) => (values[t * 2 + c] / 255).toFixed(2);
  const lines = [["time", `${cursor.toFixed(2)} s (frame ${t})`], ["p_now", `${share(data.now, 0)} / ${share(data.now, 1)}`], ["p_future", `${share(data.future, 0)} / ${share(data.future, 1)}`]];
  if (data.active) lines.push(["P(active)", `${share(data.active, 0)} / ${share(data.active, 1)}`]);
  if (data.best && N <= 8) lines.push(["best class", picture(data.best, t) + (data.sure ? ` (${(data.sure[t] / 255).toFixed(2)})` : "")]);
  if (data.actual && N <= 8) lines.push(["true class", t < data.known ? picture(data.actual, t) : "beyond the end"]);
  told.replaceChildren(...lines.flatMap(([name, value]) => {
    const dt = document.createElement("dt"), dd = document.createElement("dd");
    dt.textContent = name; dd.textContent = value;
    return [dt, dd];
  }));
  if (panel) future(t);
}

function future(t) {
  const [g, width] = sized(panel, 118), span = binLengths.reduce((a, b) => a + b), x = (time) => 72 + time / span * (width - 84);
  g.font = `12px ${colours.sans}`;
  for (const c of [0, 1]) {
    let time = 0;
    g.fillStyle = colours.ink; g.textAlign = "left"; g.fillText(`speaker ${c}`, 0, 27 + 48 * c);
    for (let b = 0; b < N; b++) {
      const left = x(time) + 2, w = x(time + binLengths[b]) - x(time) - 4, y = 4 + 48 * c, p = data.bins[(t * 2 + c) * N + b] / 255;
      g.fillStyle = paint(c); g.globalAlpha = 0.75 * p; g.fillRect(left, y, w, 38); g.globalAlpha = 1;
      g.strokeStyle = colours.rule; g.lineWidth = 1; g.strokeRect(left, y, w, 38);
      if (truly(t, c, b)) { g.strokeStyle = colours.ink; g.lineWidth = 2.5; g.strokeRect(left, y, w, 38); }
      g.fillStyle = colours.ink; g.textAlign = "center"; if (w > 26) g.fillText(p.toFixed(2), left + w / 2, y + 17);
      if (bit(data.best, t, c, b)) { g.beginPath(); g.arc(left + w / 2, y + 28, 4, 0, 7); g.fill(); }
      time += binLengths[b];
      g.fillStyle = colours.soft;
      if (c && (w > 20 || b === N - 1)) g.fillText(time.toFixed(1), x(time) - (b === N - 1 ? 8 : 0), 114);
    }
  }
  g.fillStyle = colours.soft; g.textAlign = "left"; g.fillText("s ahead", 0, 114);
}

// ---- Moving about.
function show(start, length) {
  view.length = Math.min(Math.max(length, SHORTEST), seconds);
  view.start = Math.min(Math.max(start, 0), seconds - view.length);
  refresh();
}
const refresh = () => { if (!queued) { queued = true; requestAnimationFrame(draw); } };
const zoom = (factor, time = view.start + view.length / 2) => show(time - (time - view.start) * factor, view.length * factor);
const place = (event) => event.clientX - event.currentTarget.getBoundingClientRect().left;
function point(time) { cursor = Math.min(Math.max(time, 0), seconds - 1 / rate); refresh(); }

let held = null;
main.addEventListener("pointerdown", (event) => { held = { x: place(event), start: view.start }; main.setPointerCapture(event.pointerId); });
main.addEventListener("pointermove", (event) => {
  const x = place(event);
  if (held && Math.abs(x - held.x) > 3) show(held.start - (x - held.x) / (main.clientWidth - LEFT - RIGHT) * view.length, view.length);
  else if (x >= LEFT) point(time_of(x));
});
for (const name of ["pointerup", "pointercancel"]) main.addEventListener(name, (event) => { held = null; point(time_of(Math.max(place(event), LEFT))); });
main.addEventListener("wheel", (event) => {
  if (event.ctrlKey || event.metaKey) { event.preventDefault(); zoom(Math.exp(event.deltaY / 300), time_of(Math.max(place(event), LEFT))); }
  else if (event.deltaX || event.shiftKey) { event.preventDefault(); show(view.start + (event.deltaX || event.deltaY) / 600 * view.length, view.length); }
}, { passive: false });
const jump = (event) => { const time = (place(event) - LEFT) / (small.clientWidth - LEFT - RIGHT) * seconds; show(time - view.length / 2, view.length); point(time); };
small.addEventListener("pointerdown", (event) => { small.setPointerCapture(event.pointerId); jump(event); });
small.addEventListener("pointermove", (event) => { if (event.buttons) jump(event); });

const kinds = document.getElementById("kind");
function next(way) {
  const starts = (data.events[kinds && kinds.value] || []).map(([a]) => a / rate), far = 1e-6 + 0.5 / rate;
  const found = way > 0 ? starts.find((s) => s > cursor + far) : starts.filter((s) => s < cursor - far).pop();
  if (found === undefined) return;
  if (found < view.start + 0.1 * view.length || found > view.start + 0.9 * view.length) show(found - view.length / 2, view.length);
  point(found);
}
const actions = {
  in: () => zoom(0.5, cursor), out: () => zoom(2, cursor), all: () => show(0, seconds), previous: () => next(-1), next: () => next(1),
  left: () => show(view.start - 0.25 * view.length, view.length), right: () => show(view.start + 0.25 * view.length, view.length),
};
for (const button of document.querySelectorAll("button[data-do]")) button.addEventListener("click", () => actions[button.dataset.do]());
const keys = { ArrowLeft: "left", ArrowRight: "right", "+": "in", "=": "in", "-": "out", 0: "all", n: "next", p: "previous" };
addEventListener("keydown", (event) => {
  if (event.target.matches("select, input, button") && event.key.length > 1) return;
  if (keys[event.key] && !event.ctrlKey && !event.metaKey && !event.altKey) { event.preventDefault(); actions[keys[event.key]](); }
});
addEventListener("resize", refresh);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", refresh);
const asked = /^#t=([\d.]+)(?:,([\d.]+))?/.exec(location.hash);  // #t=SECONDS or #t=SECONDS,LENGTH: where to begin
if (asked) { cursor = Math.min(+asked[1], seconds); view.length = Math.min(Math.max(+(asked[2] || 20), SHORTEST), seconds); view.start = Math.min(Math.max(cursor - view.length / 2, 0), seconds - view.length); }
draw();
