// Steer: where in latent space images lie.
import { button, choice, clear, el, field, group, number, samePanel, save, slider, typing } from "./dom.js";

const REACH = 5;
const random = () => Math.floor(Math.random() * 100000);

export function steer(context) {
  const about = context.about.steer;
  const state = read(context.values, about);
  return state.view === "mix" && about.layers ? mixing(context, state) : sliders(context, state);
}

function read(values, about) {
  const whole = (name, otherwise) => (/^\d{1,15}$/.test(values.get(name) ?? "") ? Number(values.get(name)) : otherwise);
  const real = (name, otherwise) => (values.has(name) && Number.isFinite(Number(values.get(name))) ? Number(values.get(name)) : otherwise);
  const move = {};
  for (const part of (values.get("move") ?? "").split("_")) {
    const [which, distance] = part.split("*").map(Number);
    if (part && Number.isFinite(distance)) move[which] = distance;
  }
  const layers = (values.get("layers") ?? "").split("-").map(Number);
  return {
    view: values.get("view") ?? "", seed: whole("seed", 0), number: whole("n", 1), label: values.get("label"),
    to: whole("to", null), at: real("at", 0.5), truncation: real("truncation", null), move,
    method: values.get("method") ?? about.method ?? "weights", layers: layers.length === 2 && layers[1] ? layers : null,
    points: values.get("points"), point: whole("point", 0),
    coarse: numbers(values.get("a"), [0, 1, 2]), fine: numbers(values.get("b"), [3, 4, 5, 6]), layer: whole("layer", null),
  };
}

function numbers(text, otherwise) {
  const found = (text ?? "").split(/[\s,_]+/).filter((one) => /^\d{1,15}$/.test(one)).map(Number).slice(0, 6);
  return found.length ? found : otherwise;
}

function views(context, state, other) {
  if (!context.about.steer.layers) return null;
  const go = (view) => context.go("steer", view ? { view } : { seed: state.seed });
  return el("div", { className: "row", role: "group", "aria-label": "View" },
    button("Sliders", () => go(""), { "aria-pressed": String(other !== "mix") }),
    button("Style mixing", () => go("mix"), { "aria-pressed": String(other === "mix") }));
}

function classes(about, state, changed) {
  if (about.labels) {
    return field("Labels", el("input", { type: "text", value: state.label ?? "", placeholder: about.labels, title: `Such as ${about.labels}; empty: as in training images`, onchange: (event) => { state.label = event.target.value.trim() || null; changed(); } }));
  }
  if (!about.classes.length) return null;
  return field("Class", choice([["", "all in turn"], ...about.classes.map((name) => [name, name])], state.label ?? "", (value) => { state.label = value || null; changed(); }));
}

function shown(view, image) {
  return (answer) => {
    if (!answer) return false;
    if (answer.about.error) { view.error.textContent = answer.about.error; return false; }
    view.error.textContent = "";
    view.blob = new Blob([answer.content], { type: "image/png" });
    const before = image.src;
    image.src = URL.createObjectURL(view.blob);
    if (before) setTimeout(() => URL.revokeObjectURL(before), 1000);
    view.place.classList.remove("idle");
    return true;
  };
}

function sliders(context, state) {
  const { live, about: { steer: about, name } } = context;
  const image = el("img", { className: "pixels", alt: "The generated image" });
  const view = { place: el("div", { className: "view idle", "data-idle": "Drawing..." }, image), error: el("p", { className: "error", role: "alert" }), blob: null };
  const same = samePanel();
  const note = el("span", { className: "faint" });
  const put = shown(view, image);
  let playing = 0;

  const asked = () => ({
    model: context.model, seed: state.seed, number: state.points ? 1 : state.number, label: state.label, to: state.to, at: state.at,
    truncation: state.truncation, move: state.move, method: state.method, layers: Object.values(state.move).some(Boolean) ? state.layers : null,
    points: state.points, point: state.point,
  });
  const changed = async () => {
    context.remember({
      seed: state.seed, n: state.number === 1 ? null : state.number, label: state.label, to: state.to, at: state.to === null ? null : state.at, truncation: state.truncation,
      move: Object.entries(state.move).filter(([, far]) => far).map((pair) => pair.join("*")).join("_"), method: state.method === about.method ? null : state.method,
      layers: state.layers?.join("-"), points: state.points, point: state.points ? state.point : null,
    });
    const began = performance.now();
    const answer = await live.ask("steer", asked());
    if (!put(answer)) return;
    same.show(answer.about);
    image.classList.toggle("single", state.number === 1 || Boolean(state.points));
    image.alt = `${state.number === 1 ? "Image" : `${state.number} images`} of seed ${state.seed} of ${name}`;
    note.textContent = `${Math.round(performance.now() - began)} ms${answer.about.step === null ? "" : ` · step ${answer.about.step.toLocaleString("en")}${answer.about.training ? ", training" : ""}`}`;
  };

  // ---------------------------------------------------------------- seed, class, truncation
  const seed = number(state.seed, (value) => { state.seed = value; changed(); }, { min: 0, max: 999999999999999, step: 1 });
  const setSeed = (value) => { state.seed = Math.max(0, value); seed.value = state.seed; changed(); };
  const truncated = slider("Truncation", {
    min: 0.1, max: about.layers ? 1.5 : 3, step: 0.05, value: state.truncation ?? 1, text: (value) => (state.truncation === null ? "off" : value.toFixed(2)),
    change: (value) => { state.truncation = value; truncated.set(value); off.checked = false; changed(); },
  });
  const off = el("input", { type: "checkbox", checked: state.truncation === null, onchange: () => { state.truncation = off.checked ? null : Number(truncated.input.value); truncated.set(truncated.input.value); changed(); } });

  // ---------------------------------------------------------------- walks
  const walk = slider("Way", { min: 0, max: 1, step: 0.01, value: state.at, text: (value) => `${Math.round(100 * value)} %`, change: (value) => { if (state.to === null) aim(random()); state.at = value; changed(); } });
  const to = number(state.to ?? "", (value) => { aim(value); changed(); }, { min: 0, max: 999999999999999, step: 1, placeholder: "none" });
  const aim = (value) => { state.to = value; to.value = value ?? ""; };
  const play = button("▶ Play", () => (playing ? stop() : start()), { "aria-pressed": "false" });
  const still = button("No walk", () => { stop(); aim(null); changed(); });
  let last = 0;
  const tick = async (now) => {
    if (!playing) return;
    state.at = Math.round(1e4 * (state.at + Math.min(0.1, (now - last) / 2500))) / 1e4;
    last = now;
    if (state.at >= 1) { state.seed = state.to; seed.value = state.seed; state.points = null; if (begin) begin.value = ""; aim(random()); state.at = 0; }
    walk.set(state.at);
    await changed();
    if (playing) playing = requestAnimationFrame(tick);
  };
  const start = () => {
    if (state.to === null) { aim(random()); state.at = 0; }
    play.textContent = "⏸ Pause"; play.setAttribute("aria-pressed", "true");
    last = performance.now(); playing = requestAnimationFrame(tick);
  };
  const stop = () => { cancelAnimationFrame(playing); playing = 0; play.textContent = "▶ Play"; play.setAttribute("aria-pressed", "false"); };

  // ---------------------------------------------------------------- directions, with names that can be given
  const moves = el("div");
  const called = `names ${context.model}`;
  const given = JSON.parse(localStorage.getItem(called) ?? "{}");
  const rename = (which, found, place) => {
    const key = `${state.method} ${which}`;
    const input = el("input", { type: "text", value: given[key] ?? found, maxLength: 40, "aria-label": `Name of the direction ${found}` });
    const done = () => { if (input.value.trim() && input.value !== found) given[key] = input.value.trim(); else delete given[key]; localStorage.setItem(called, JSON.stringify(given)); directions(); };
    input.addEventListener("blur", done);
    input.addEventListener("keydown", (event) => { if (event.key === "Enter") input.blur(); });
    place.replaceWith(input);
    input.focus();
    input.select();
  };
  const directions = async () => {
    const answer = await live.ask("directions", { model: context.model, method: state.method });
    if (!answer) return;
    const { names = [], note: why, error } = answer.about;
    clear(moves).append(...names.map((found, which) => {
      const title = given[`${state.method} ${which}`] ?? found;
      const label = button(title, () => rename(which, found, label), { className: "name", title: "Give it a name", "aria-label": `${title}: give it a name` });
      return slider(title, { min: -REACH, max: REACH, step: 0.1, value: state.move[which] ?? 0, label, text: (value) => value.toFixed(1), change: (value) => { state.move[which] = value; changed(); } }).node;
    }));
    if (why || error) moves.append(el("p", { className: "faint" }, why ?? error));
  };
  const levels = about.layers ? [0, about.coarse, Math.min(about.layers, about.coarse + 4), about.layers] : [];
  const layers = about.layers ? choice([["", "all layers"], [`0-${about.coarse}`, "coarse: shape"], [`${levels[1]}-${levels[2]}`, "middle"], ...(levels[2] < levels[3] ? [[`${levels[2]}-${levels[3]}`, "fine: color, texture"]] : [])], state.layers?.join("-") ?? "",
    (value) => { state.layers = value ? value.split("-").map(Number) : null; changed(); }) : null;

  // ---------------------------------------------------------------- projected images
  const begin = about.points.length ? choice([["", "the seed"], ...about.points.flatMap((one) => Array.from({ length: Math.min(one.count, 50) }, (_, at) => [`${one.id} ${at}`, `${one.name}: image ${at + 1}`]))],
    state.points ? `${state.points} ${state.point}` : "", (value) => { [state.points, state.point] = value ? [value.split(" ")[0], Number(value.split(" ")[1])] : [null, 0]; changed(); }) : null;
  const from = begin ? field("Begin from", begin) : null;

  const copies = el("div", { className: "faint" });
  const near = context.listed.kind === "run" ? button("Is it a copy?", async () => {
    copies.textContent = "Comparing with the training images...";
    const answer = await live.ask("nearest", asked());
    if (answer) nearestShown(copies, answer);
  }, { title: "Show the training images that are nearest to this one" }) : null;

  const keys = (event) => {
    if (typing(event) || (event.target.tagName === "BUTTON" && event.key === " ")) return;
    if (event.key === "r") setSeed(random());
    else if (event.key === "n") setSeed(state.seed + 1);
    else if (event.key === "p") setSeed(state.seed - 1);
    else if (event.key === " " && about.moves) { play.click(); event.preventDefault(); }
  };
  addEventListener("keydown", keys);

  context.main.append(el("div", { className: "split" },
    el("section", { className: "card sticky", "aria-label": "Image" }, view.place, el("div", { className: "row end" }, el("div", { className: "row" },
      button("Save image", () => view.blob && save(view.blob, "image.png")), context.link(), near), note), view.error, copies),
    el("section", { className: "stack", "aria-label": "Controls" },
      views(context, state, "sliders"),
      el("div", { className: "card" },
        group("Seed", seed, button("−", () => setSeed(state.seed - 1), { "aria-label": "Seed before" }), button("+", () => setSeed(state.seed + 1), { "aria-label": "Next seed" }), button("Random", () => setSeed(random()), { title: "Key: R", className: "main" })),
        from,
        field("Images", choice([1, 4, 9, 16].map((count) => [String(count), String(count)]), String(state.number), (value) => { state.number = Number(value); changed(); })),
        classes(about, state, changed),
        truncated.node, el("label", { className: "row faint" }, off, "No truncation")),
      about.moves ? el("div", { className: "card" }, el("h2", {}, "Walk"), group("To seed", to, play, still), walk.node) : null,
      about.moves ? el("div", { className: "card" }, el("div", { className: "row end" }, el("h2", {}, "Directions"), button("Reset", () => { state.move = {}; directions(); changed(); })),
        field("Found by", choice([["weights", "weights (SeFa)"], ["principal", "principal components"]], state.method, (value) => { state.method = value; state.move = {}; directions(); changed(); })),
        layers ? field("Layers", layers) : null, moves, el("p", { className: "faint" }, "Click a name to give it another.")) : null)),
  same.node);
  if (about.moves) directions();
  changed();
  return () => { stop(); removeEventListener("keydown", keys); };
}

export function nearestShown(place, { about, content }) {
  clear(place);
  if (about.error) { place.append(el("p", { className: "error" }, about.error)); return; }
  const strip = el("img", { className: "pixels", src: URL.createObjectURL(new Blob([content], { type: "image/png" })), alt: "The nearest training images, the nearest first" });
  const far = about.distances.map((one) => `${(100 * one).toFixed(1)} %`).join(", ");
  place.append(el("div", { className: "view" }, strip),
    el("p", {}, `The nearest of ${about.compared.toLocaleString("en")} training images${about.compared < about.of ? ` (every ${Math.round(about.of / about.compared)}th of ${about.of.toLocaleString("en")})` : ""}, by root mean squared difference of pixels: ${far} of the range.`));
}

function mixing(context, state) {
  const { live, about: { steer: about } } = context;
  const image = el("img", { className: "pixels", alt: "A grid: rows have the coarse styles, columns the fine styles" });
  const view = { place: el("div", { className: "view idle", "data-idle": "Drawing..." }, image), error: el("p", { className: "error", role: "alert" }), blob: null };
  const same = samePanel();
  const put = shown(view, image);
  state.layer ??= about.coarse;
  const changed = async () => {
    context.remember({ view: "mix", a: state.coarse.join("_"), b: state.fine.join("_"), layer: state.layer, label: state.label, points: state.points });
    const answer = await live.ask("mix", { model: context.model, coarse: state.coarse, fine: state.fine, layer: state.layer, label: state.label, points: state.points });
    if (put(answer)) same.show(answer.about);
  };
  const seeds = (name, key) => {
    const input = el("input", { type: "text", value: state[key].join(" "), onchange: () => { state[key] = numbers(input.value, state[key]); input.value = state[key].join(" "); changed(); } });
    return [field(name, input), group("", button("Random", () => { state[key] = state[key].map(random); input.value = state[key].join(" "); changed(); }, { "aria-label": `Random seeds for: ${name}` }))];
  };
  const rows = about.points.length ? field("Rows from", choice([["", "the seeds"], ...about.points.map((one) => [one.id, `${one.name}: the first ${Math.min(one.count, 6)}`])], state.points ?? "",
    (value) => { state.points = value || null; changed(); })) : null;
  context.main.append(el("div", { className: "split" },
    el("section", { className: "card sticky" }, view.place, el("div", { className: "row" }, button("Save image", () => view.blob && save(view.blob, "mix.png")), context.link()), view.error),
    el("section", { className: "stack" }, views(context, state, "mix"),
      el("div", { className: "card" },
        rows, ...seeds("A: coarse styles (rows)", "coarse"), ...seeds("B: fine styles (columns)", "fine"),
        slider("Fine from layer", { min: 1, max: about.layers - 1, step: 1, value: state.layer, change: (value) => { state.layer = value; changed(); } }).node,
        classes(about, state, changed),
        el("p", { className: "faint" }, "Up to six seeds each. The first column and row are the images themselves.")))), same.node);
  changed();
  return null;
}
