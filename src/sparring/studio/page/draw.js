// Draw: a scribble becomes an image while it is drawn. Strokes are kept as lines, so they can be undone, and put into the address.
import { button, el, group, samePanel, save, slider, typing } from "./dom.js";

const COLORS = ["#000000", "#ffffff", "#c0392b", "#e67e22", "#f1c40f", "#27ae60", "#2980b9", "#8e44ad", "#795548", "#7f8c8d"];
const LONGEST_LINK = 6000;

export function draw(context) {
  const { live, about: { translate: about } } = context;
  const paper = about.paper === "black" ? "#000000" : "#ffffff";
  const ink = paper === "#000000" ? "#ffffff" : "#000000";
  const { side, width: across, height: down } = about;
  const state = { strokes: read(context.values.get("strokes")), undone: [], color: ink, width: Math.max(1, Math.round(side / 64)) };
  const board = el("canvas", { width: across, height: down, className: "board pixels", role: "img", tabIndex: 0, "aria-label": "Drawing board: draw with a mouse, a pen or a finger" });
  const pen = board.getContext("2d");
  const image = el("img", { className: "pixels", alt: "What becomes of the drawing" });
  const result = el("div", { className: "view idle", "data-idle": "Draw on the board" }, image);
  const error = el("p", { className: "error", role: "alert" });
  const note = el("p", { className: "faint" });
  const same = samePanel("Translate the same drawing");
  let now = null, drawing = null, blob = null;

  const paint = () => {
    pen.fillStyle = paper;
    pen.fillRect(0, 0, across, down);
    pen.lineCap = pen.lineJoin = "round";
    for (const { color, width, places } of now ? [...state.strokes, now] : state.strokes) {
      pen.strokeStyle = pen.fillStyle = color;
      pen.lineWidth = width;
      pen.beginPath();
      pen.moveTo(places[0], places[1]);
      for (let at = 2; at < places.length; at += 2) pen.lineTo(places[at], places[at + 1]);
      if (places.length === 2) { pen.arc(places[0], places[1], width / 2, 0, 7); pen.fill(); } else pen.stroke();
    }
  };
  let working = false, wanted = false;
  const changed = async () => {
    paint();
    if (working) { wanted = true; return; }
    working = true;
    do {
      wanted = false;
      drawing = await new Promise((resolve) => board.toBlob(resolve, "image/png"));
      const began = performance.now();
      const answer = await live.ask("translate", { model: context.model, name: "drawing.png" }, await drawing.arrayBuffer());
      if (!answer) continue;
      error.textContent = answer.about.error ?? "";
      if (answer.about.error) continue;
      blob = new Blob([answer.content], { type: "image/png" });
      const before = image.src;
      image.src = URL.createObjectURL(blob);
      if (before) setTimeout(() => URL.revokeObjectURL(before), 1000);
      result.classList.remove("idle");
      note.textContent = `${Math.round(performance.now() - began)} ms. ${answer.about.notes.join(" ")}`;
      same.show({ ...answer.about, note: "Save the drawing as drawing.png first." });
    } while (wanted);
    working = false;
  };
  const keep = () => {
    const text = written(state.strokes);
    context.remember({ strokes: text.length <= LONGEST_LINK ? text : null });
    link.disabled = text.length > LONGEST_LINK;
  };
  const place = (event) => {
    const box = board.getBoundingClientRect();
    const scale = Math.min(box.width / across, box.height / down);
    const left = box.left + (box.width - across * scale) / 2, top = box.top + (box.height - down * scale) / 2;
    return [Math.round(10 * (event.clientX - left) / scale) / 10, Math.round(10 * (event.clientY - top) / scale) / 10];
  };
  board.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    board.setPointerCapture(event.pointerId);
    now = { color: state.color, width: state.width, places: place(event) };
    changed();
    event.preventDefault();
  });
  board.addEventListener("pointermove", (event) => {
    if (!now) return;
    for (const one of event.getCoalescedEvents?.().length ? event.getCoalescedEvents() : [event]) now.places.push(...place(one));
    changed();
  });
  const done = () => { if (!now) return; state.strokes.push(now); state.undone = []; now = null; keep(); changed(); };
  board.addEventListener("pointerup", done);
  board.addEventListener("pointercancel", done);

  const undo = () => { const last = state.strokes.pop(); if (last) state.undone.push(last); keep(); changed(); };
  const redo = () => { const last = state.undone.pop(); if (last) state.strokes.push(last); keep(); changed(); };
  const keys = (event) => {
    const command = event.ctrlKey || event.metaKey;
    if (command && event.key.toLowerCase() === "z") { (event.shiftKey ? redo : undo)(); event.preventDefault(); }
    else if (command && event.key.toLowerCase() === "y") { redo(); event.preventDefault(); }
    else if (!typing(event) && event.key === "e") choose(paper);
    else if (!typing(event) && event.key === "b") choose(ink);
  };
  addEventListener("keydown", keys);

  const swatches = new Map();
  const choose = (color) => {
    state.color = color;
    for (const [own, one] of swatches) one.setAttribute("aria-pressed", String(own === color));
    eraser.setAttribute("aria-pressed", String(color === paper));
    brush.setAttribute("aria-pressed", String(color !== paper));
  };
  const brush = button("Brush", () => choose(state.color === paper ? ink : state.color), { title: "Key: B" });
  const eraser = button("Eraser", () => choose(paper), { title: "Key: E" });
  const palette = about.color && !["edges", "scribble"].includes(about.made) ? COLORS.map((color) => {
    const one = button("", () => choose(color), { className: "swatch", "aria-label": `Color ${color}` });
    one.style.background = color;
    swatches.set(color, one);
    return one;
  }) : [];
  const custom = palette.length ? el("input", { type: "color", value: "#3366cc", "aria-label": "Another color", oninput: () => choose(custom.value) }) : null;
  const link = context.link();

  context.main.append(el("div", { className: "even" },
    el("section", { className: "card", "aria-label": "Board" }, el("div", { className: "view" }, board),
      group("Tool", brush, eraser, ...palette, custom),
      slider("Width", { min: 1, max: Math.max(4, Math.round(side / 8)), step: 1, value: state.width, change: (value) => { state.width = value; } }).node,
      el("div", { className: "row" }, button("Undo", undo, { title: "Ctrl+Z" }), button("Redo", redo, { title: "Ctrl+Shift+Z" }), button("Clear", () => { state.undone = []; state.strokes = []; keep(); changed(); }), button("Save drawing", () => drawing && save(drawing, "drawing.png")))),
    el("section", { className: "card", "aria-label": "Result" }, result, error, note, el("div", { className: "row" }, button("Save result", () => blob && save(blob, "translation.png"), { className: "main" }), link))), same.node);
  choose(ink);
  paint();
  if (state.strokes.length) changed();
  return () => removeEventListener("keydown", keys);
}

/** Strokes as text for an address: color, width, and places in tenths of a pixel, each as the step from the one before. */
function written(strokes) {
  return strokes.map(({ color, width, places }) => {
    let x = 0, y = 0;
    const steps = [];
    for (let at = 0; at < places.length; at += 2) {
      const [nextX, nextY] = [Math.round(10 * places[at]), Math.round(10 * places[at + 1])];
      steps.push((nextX - x).toString(36), (nextY - y).toString(36));
      [x, y] = [nextX, nextY];
    }
    return [color.slice(1), width, ...steps].join(".");
  }).join("_");
}

function read(text) {
  const strokes = [];
  for (const part of (text ?? "").slice(0, LONGEST_LINK).split("_").filter(Boolean)) {
    const [color, width, ...steps] = part.split(".");
    let x = 0, y = 0;
    const places = [];
    for (let at = 0; at + 1 < steps.length; at += 2) { x += parseInt(steps[at], 36); y += parseInt(steps[at + 1], 36); places.push(x / 10, y / 10); }
    if (/^[0-9a-f]{6}$/.test(color) && Number(width) > 0 && places.length && places.every(Number.isFinite)) strokes.push({ color: `#${color}`, width: Number(width), places });
  }
  return strokes;
}
