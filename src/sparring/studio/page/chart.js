// Drawing on canvases, sharp on every screen.
import { color, el } from "./dom.js";

const HUES = ["true", "made", "good", "warn"];

function sharp(canvas, ratio = null) {
  const width = canvas.clientWidth || canvas.width;
  const height = ratio ? width * ratio : canvas.clientHeight || canvas.height;
  const scale = devicePixelRatio || 1;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  return { pen, width, height };
}

const short = (value) => (value !== 0 && (Math.abs(value) >= 10000 || Math.abs(value) < 0.001) ? value.toExponential(1) : String(Number(value.toPrecision(3))));
const thousands = (value) => (value >= 1e6 ? `${Number((value / 1e6).toPrecision(3))}M` : value >= 1e4 ? `${Number((value / 1e3).toPrecision(3))}k` : String(Math.round(value)));

/** Curves in one frame. `curves`: [name, [[x, y], ...]]; y may be null. */
export function plot(canvas, curves, { mark = null } = {}) {
  const { pen, width, height } = sharp(canvas);
  const places = curves.flatMap(([, curve]) => curve).filter(([, y]) => y !== null);
  if (!places.length) return;
  const left = 54, bottom = 18, top = 6, right = 6;
  let [low, high] = extremes(places.map(([, y]) => y));
  if (high - low < 1e-12 * Math.max(1, Math.abs(high))) { const room = Math.abs(high) / 10 || 0.5; low -= room; high += room; }
  const [first, last] = extremes(places.map(([x]) => x));
  const x = (value) => left + ((value - first) / Math.max(1e-9, last - first)) * (width - left - right);
  const y = (value) => top + ((high - value) / (high - low)) * (height - top - bottom);
  pen.font = "11px system-ui, sans-serif";
  pen.fillStyle = color("faint");
  pen.strokeStyle = color("line");
  pen.lineWidth = 1;
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  for (const value of [low, (low + high) / 2, high]) {
    pen.beginPath(); pen.moveTo(left, y(value)); pen.lineTo(width - right, y(value)); pen.stroke();
    pen.fillText(short(value), left - 5, Math.min(height - bottom, Math.max(top + 4, y(value))));
  }
  pen.textBaseline = "alphabetic";
  pen.textAlign = "left"; pen.fillText(thousands(first), left, height - 4);
  pen.textAlign = "right"; pen.fillText(thousands(last), width - right, height - 4);
  curves.forEach(([, curve], at) => {
    pen.strokeStyle = color(HUES[at % HUES.length]);
    pen.lineWidth = 1.6;
    pen.globalAlpha = curves.length > 8 ? 0.45 : 1;
    pen.beginPath();
    let drawing = false;
    for (const [step, value] of curve) {
      if (value === null) { drawing = false; continue; }
      if (drawing) pen.lineTo(x(step), y(value)); else pen.moveTo(x(step), y(value));
      drawing = true;
    }
    if (curve.length === 1) pen.arc(x(curve[0][0]), y(curve[0][1]), 2, 0, 7);
    pen.stroke();
  });
  pen.globalAlpha = 1;
  if (mark !== null && mark >= first && mark <= last) {
    pen.strokeStyle = color("hot"); pen.setLineDash([3, 3]);
    pen.beginPath(); pen.moveTo(x(mark), top); pen.lineTo(x(mark), height - bottom); pen.stroke(); pen.setLineDash([]);
  }
}

function extremes(values) {
  let low = Infinity, high = -Infinity;
  for (const value of values) { if (value < low) low = value; if (value > high) high = value; }
  return [low, high];
}

/** A chart with its title and the last values, as a figure. */
export function chartFigure(title, curves, options = {}) {
  const canvas = el("canvas", { className: "chart", role: "img", "aria-label": title });
  const caption = el("figcaption");
  const node = el("figure", {}, caption, canvas);
  const update = (now, mark = null) => {
    const lasts = now.map(([name, curve]) => [name, [...curve].reverse().find(([, value]) => value !== null)?.[1]]);
    caption.replaceChildren(el("b", {}, title), " ", ...(options.legend === false ? [] : lasts).map(([name, value], at) => {
      const key = el("span", { className: "key" });
      key.style.background = `var(--${HUES[at % HUES.length]})`;
      return el("span", {}, now.length > 1 ? [" ", key, name] : "", value === undefined ? "" : ` ${short(value)}`, "\u2002");
    }));
    canvas.setAttribute("aria-label", `${title}: ${lasts.map(([name, value]) => `${name} ${value === undefined ? "" : short(value)}`).join(", ")}`);
    plot(canvas, now, { ...options, mark });
  };
  return { node, update: (now = curves, mark = null) => { curves = now; update(now, mark); } };
}

export function dots(pen, side, places, extent, hue, size, alpha) {
  pen.fillStyle = hue;
  pen.globalAlpha = alpha;
  for (const [x, y] of places) {
    pen.beginPath();
    pen.arc(side / 2 + (x / extent) * (side / 2), side / 2 - (y / extent) * (side / 2), size, 0, 7);
    pen.fill();
  }
  pen.globalAlpha = 1;
}

export { sharp };
