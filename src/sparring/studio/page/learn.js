// Learn: a GAN on points in the plane, step by step. What is drawn by hand is learned, too.
import { button, choice, color, el, field, group, number, samePanel } from "./dom.js";
import { chartFigure, dots, sharp } from "./chart.js";

const SPEEDS = [["slow", "slow motion", 1, 700], ["one", "step by step", 1, 120], ["ten", "10 steps", 10, 0], ["fifty", "50 steps", 50, 0]];
const LONGEST = 400;

export function learn(context) {
  const { live, learn: about } = context;
  const values = context.values;
  const among = (name, known, otherwise) => (known.includes(values.get(name)) ? values.get(name) : otherwise);
  const state = {
    recipe: among("recipe", about.games.map((one) => one.name), "gan"), data: among("data", [...about.data, "drawn"], "ring8"), seed: Number(values.get("seed")) || 0,
    rate: Number(among("rate", ["0.1", "0.3", "1", "3", "10"], "1")), players: among("players", ["both", "discriminator", "generator"], "both"), speed: among("speed", SPEEDS.map(([key]) => key), "ten"),
    strokes: JSON.parse(values.get("strokes") ?? "[]"),
  };
  const panel = (title, hint) => { const canvas = el("canvas", { role: "img", "aria-label": title }); return { canvas, node: el("figure", {}, el("figcaption", {}, el("b", {}, title), ` ${hint}`), canvas) }; };
  const density = panel("Points", "true blue, generated orange");
  const surface = panel("Discriminator", "blue: real, red: generated");
  const push = panel("Gradients", "where the generator is pushed");
  const chart = chartFigure("losses", []);
  const error = el("p", { className: "error", role: "alert" });
  const score = el("p", { "aria-live": "off" });
  const same = samePanel("Play the same game");
  const history = new Map();
  let seen = null, playing = false, anew = true, closed = false, timer = 0, stroke = null;

  const ask = async (steps) => {
    const answer = await live.ask("learn", { recipe: state.recipe, data: state.data, strokes: state.data === "drawn" ? state.strokes : [], seed: state.seed, rate: state.rate, players: state.players, steps, anew });
    if (!answer || closed) return;
    error.textContent = answer.about.error ?? "";
    if (answer.about.error) { stop(); return; }
    if (anew) history.clear();
    anew = false;
    seen = unpack(answer, about.side);
    for (const [name, value] of Object.entries(seen.losses)) {
      const short = name.split("/").slice(1).join(" ");
      if (!history.has(short)) history.set(short, []);
      const curve = history.get(short);
      curve.push([seen.step, value]);
      if (curve.length > LONGEST) curve.splice(0, curve.length - LONGEST);
    }
    show();
    same.show({ ...answer.about, note: answer.about.command ? undefined : "What was drawn by hand, or played by one player alone, has no command." });
  };
  const show = () => {
    if (!seen) return;
    score.textContent = `Step ${seen.step.toLocaleString("en")} · modes ${seen.modes} of ${seen.of} · ${Math.round(100 * seen.quality)} % of high quality`;
    chart.update([...history].slice(0, 4));
    paintPoints(); paintSurface(); paintPushes();
  };
  const frame = (canvas) => { const { pen, width } = sharp(canvas, 1); return { pen, side: width }; };
  const paintPoints = () => {
    const { pen, side } = frame(density.canvas);
    if (stroke || state.data === "drawn") drawStrokes(pen, side);
    if (!seen || stroke) return;
    dots(pen, side, seen.true, seen.extent, color("true"), 1.5, 0.45);
    dots(pen, side, seen.made, seen.extent, color("made"), 1.7, 0.6);
  };
  const drawStrokes = (pen, side) => {
    const extent = stroke ? 2.5 : (seen?.extent ?? 2.5);
    pen.strokeStyle = color("true"); pen.globalAlpha = 0.5; pen.lineWidth = 8; pen.lineCap = pen.lineJoin = "round";
    for (const line of stroke ? [...state.strokes, stroke] : stroke === null && !seen ? state.strokes : []) {
      pen.beginPath();
      line.forEach(([x, y], at) => { const to = [side / 2 + (x / extent) * side / 2, side / 2 - (y / extent) * side / 2]; if (at) pen.lineTo(...to); else pen.moveTo(...to); });
      if (line.length === 1) pen.lineTo(side / 2 + (line[0][0] / extent) * side / 2 + 0.1, side / 2 - (line[0][1] / extent) * side / 2);
      pen.stroke();
    }
    pen.globalAlpha = 1;
  };
  const paintSurface = () => {
    const { pen, side } = frame(surface.canvas);
    const cells = seen.side, sorted = [...seen.field].filter(Number.isFinite).sort((a, b) => a - b);
    const middle = sorted[sorted.length >> 1] ?? 0, reach = Math.max(1e-6, (sorted.at(-Math.ceil(sorted.length / 100)) ?? 1) - middle, middle - (sorted[Math.floor(sorted.length / 100)] ?? 0));
    const small = el("canvas", { width: cells, height: cells }), brush = small.getContext("2d"), pixels = brush.createImageData(cells, cells);
    const blue = rgb("#2166ac"), red = rgb("#b2182b"), pale = document.documentElement.dataset.theme === "dark" ? rgb("#2b333c") : rgb("#f7f7f7");
    for (let row = 0; row < cells; row += 1) for (let column = 0; column < cells; column += 1) {
      const value = Math.max(-1, Math.min(1, (seen.field[row * cells + column] - middle) / reach)), at = 4 * ((cells - 1 - row) * cells + column), to = value > 0 ? blue : red;
      for (let part = 0; part < 3; part += 1) pixels.data[at + part] = pale[part] + (to[part] - pale[part]) * Math.abs(value || 0);
      pixels.data[at + 3] = 255;
    }
    brush.putImageData(pixels, 0, 0);
    pen.imageSmoothingEnabled = true; pen.imageSmoothingQuality = "high";
    pen.drawImage(small, 0, 0, side, side);
    dots(pen, side, seen.made, seen.extent, color("ink"), 1, 0.3);
  };
  const paintPushes = () => {
    const { pen, side } = frame(push.canvas);
    dots(pen, side, seen.true, seen.extent, color("true"), 1.2, 0.18);
    const longest = Math.max(1e-12, ...seen.pushes.map(([x, y]) => Math.hypot(x, y) || 0));
    pen.strokeStyle = color("made"); pen.lineWidth = 1.3; pen.globalAlpha = 0.75;
    seen.pushes.forEach(([x, y], at) => {
      const length = Math.hypot(x, y);
      if (!(length > 0)) return;
      const reach = 0.11 * side * Math.log1p(1000 * length / longest) / Math.log1p(1000);
      const from = [side / 2 + (seen.at[at][0] / seen.extent) * side / 2, side / 2 - (seen.at[at][1] / seen.extent) * side / 2];
      const to = [from[0] + reach * x / length, from[1] - reach * y / length], angle = Math.atan2(to[1] - from[1], to[0] - from[0]);
      pen.beginPath(); pen.moveTo(...from); pen.lineTo(...to);
      for (const turn of [2.6, -2.6]) { pen.moveTo(...to); pen.lineTo(to[0] + 4 * Math.cos(angle + turn), to[1] + 4 * Math.sin(angle + turn)); }
      pen.stroke();
    });
    pen.globalAlpha = 1;
  };

  const run = async () => {
    if (!playing || closed) return;
    const [, , steps, pause] = SPEEDS.find(([key]) => key === state.speed);
    await ask(steps);
    timer = setTimeout(run, pause);
  };
  const play = button("▶ Play", () => (playing ? stop() : start()), { className: "main", "aria-pressed": "false" });
  const start = () => { playing = true; play.textContent = "⏸ Pause"; play.setAttribute("aria-pressed", "true"); run(); };
  const stop = () => { playing = false; clearTimeout(timer); play.textContent = "▶ Play"; play.setAttribute("aria-pressed", "false"); };
  const keep = () => context.remember({ recipe: state.recipe, data: state.data, seed: state.seed, rate: state.rate === 1 ? null : state.rate, players: state.players === "both" ? null : state.players, speed: state.speed === "ten" ? null : state.speed, strokes: state.data === "drawn" ? JSON.stringify(state.strokes) : null });
  const restart = () => { anew = true; keep(); seen = state.data === "drawn" && !state.strokes.length ? null : seen; if (state.data !== "drawn" || state.strokes.length) ask(0); else paintPoints(); };

  // ---------------------------------------------------------------- a density that is drawn
  const place = (event) => { const box = density.canvas.getBoundingClientRect(); return [((event.clientX - box.left) / box.width * 2 - 1) * 2.5, (1 - (event.clientY - box.top) / box.height * 2) * 2.5].map((one) => Math.round(100 * one) / 100); };
  density.canvas.classList.add("board");
  density.canvas.style.background = "var(--card)";
  density.canvas.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    stop();
    if (state.data !== "drawn") { state.data = "drawn"; state.strokes = []; data.value = "drawn"; }
    density.canvas.setPointerCapture(event.pointerId);
    stroke = [place(event)];
    paintPoints();
  });
  density.canvas.addEventListener("pointermove", (event) => {
    if (!stroke) return;
    const next = place(event), last = stroke.at(-1);
    if (Math.hypot(next[0] - last[0], next[1] - last[1]) > 0.08) stroke.push(next);
    paintPoints();
  });
  const lift = () => { if (!stroke) return; if (state.strokes.length < 40) state.strokes.push(stroke.slice(0, 200)); stroke = null; restart(); };
  density.canvas.addEventListener("pointerup", lift);
  density.canvas.addEventListener("pointercancel", lift);

  const data = choice([...about.data.map((name) => [name, name]), ["drawn", "what I draw"]], state.data, (value) => { state.data = value; restart(); });
  addEventListener("resize", show);
  context.main.append(el("div", { className: "stack" },
    el("section", { className: "card" }, el("div", { className: "trio" }, density.node, surface.node, push.node), error,
      el("div", { className: "row end" }, el("div", { className: "row" }, play, button("One step", () => { stop(); ask(1); }), button("Begin anew", () => restart())), score)),
    el("div", { className: "even" },
      el("section", { className: "card" }, el("h2", {}, "Game"),
        field("Recipe", choice(about.games.map((one) => [one.name, `${one.name}: ${one.title}`]), state.recipe, (value) => { state.recipe = value; restart(); })),
        field("Points", data),
        group("", button("Clear the drawing", () => { state.strokes = []; state.data = "drawn"; data.value = "drawn"; stop(); seen = null; restart(); })),
        field("Seed", number(state.seed, (value) => { state.seed = value; restart(); }, { min: 0, step: 1 })),
        field("Learning rate", choice([["0.1", "a tenth"], ["0.3", "x 0.3"], ["1", "the recipe's"], ["3", "x 3"], ["10", "x 10"]], String(state.rate), (value) => { state.rate = Number(value); restart(); })),
        field("Who plays", choice([["both", "both players"], ["discriminator", "the discriminator alone"], ["generator", "the generator alone"]], state.players, (value) => { state.players = value; keep(); })),
        field("Speed", choice(SPEEDS.map(([key, text]) => [key, text]), state.speed, (value) => { state.speed = value; keep(); })),
        el("p", { className: "faint" }, "Draw on the left panel to make points of your own."), context.link()),
      el("section", { className: "card" }, el("h2", {}, "Losses"), chart.node))), same.node);
  if (state.data === "drawn" && !state.strokes.length) { paintPoints(); error.textContent = "Draw a few strokes on the left panel."; } else ask(0);
  return () => { closed = true; stop(); removeEventListener("resize", show); };
}

function rgb(text) { return [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16)); }

function unpack({ about, content }, side) {
  const numbers = new Float32Array(content);
  let begin = 0;
  const pairs = (count) => { const found = Array.from({ length: count }, (_, at) => [numbers[begin + 2 * at], numbers[begin + 2 * at + 1]]); begin += 2 * count; return found; };
  const [trueCount, madeCount, , arrowCount] = about.counts;
  const found = { ...about, side, true: pairs(trueCount), made: pairs(madeCount) };
  found.field = numbers.subarray(begin, begin + side * side);
  begin += side * side;
  return { ...found, at: pairs(arrowCount), pushes: pairs(arrowCount) };
}
