// Steer, for models of texts, molecules and music.
import { button, choice, clear, el, field, group, number, samePanel, save, say, slider } from "./dom.js";

const random = () => Math.floor(Math.random() * 100000);

/** The controls that both share: a seed, a number, and a place for what is drawn. */
function frame(context, label, usual, asked, show, further) {
  const { live, about: { steer: about } } = context;
  const count = Number(context.values.get("n"));
  const state = { seed: Number(context.values.get("seed")) || 0, n: Number.isInteger(count) && count > 0 && count <= about.most ? count : usual };
  const place = el("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": label });
  const error = el("p", { className: "error", role: "alert" });
  const same = samePanel();
  const ask = (lane, more = {}) => live.ask(lane, { model: context.model, number: state.n, seed: state.seed, ...asked(), ...more });
  const changed = async () => {
    context.remember({ seed: state.seed, n: state.n });
    const answer = await ask("lines");
    if (!answer) return;
    error.textContent = answer.about.error ?? "";
    if (answer.about.error) return;
    show(place, answer);
    same.show(answer.about);
  };
  const file = async (more, use) => {
    const answer = await ask("save", more);
    if (answer?.about.error) say(answer.about.error, 8);
    else if (answer) use(answer);
  };
  const seed = number(state.seed, (value) => { state.seed = value; changed(); }, { min: 0, step: 1 });
  context.main.append(el("div", { className: "split" },
    el("section", { className: "card" }, place, error),
    el("section", { className: "card" },
      group("Seed", seed, button("Random", () => { state.seed = random(); seed.value = state.seed; changed(); }, { className: "main" })),
      field(`Number of ${about.items}`, number(state.n, (value) => { state.n = value; changed(); }, { min: 1, max: about.most, step: 1 })),
      ...further(changed, file), el("div", { className: "row" }, context.link()))), same.node);
  changed();
}

export function texts(context) {
  const { about: { steer: about } } = context;
  let temperature = null, label = null;
  frame(context, "Texts", 20, () => ({ temperature, label }),
    (place, answer) => clear(place).append(el("ol", {}, answer.about.texts.map((text) =>
      el("li", { style: "white-space: pre-line; overflow-wrap: anywhere", className: text === null ? "faint" : "" }, text ?? "(no text)")))),
    (changed, file) => [
      slider("Temperature", { min: 0.1, max: 2, step: 0.05, value: 1, text: (value) => value.toFixed(2), change: (value) => { temperature = value === 1 ? null : value; changed(); } }).node,
      about.classes.length ? field("Class", choice([["", "all in turn"], ...about.classes.map((one) => [one, one])], "", (value) => { label = value || null; changed(); })) : null,
      button("Save", () => file({}, (answer) => save(new Blob([answer.content], { type: "text/plain" }), answer.about.name))),
    ]);
  return () => {};
}

export function music(context) {
  let shown = null;
  const player = el("audio", { controls: true, "aria-label": "The phrases, one after the other" });
  player.hidden = true;
  const release = (node) => { if (node?.src) URL.revokeObjectURL(node.src); };
  frame(context, "Piano rolls", 4, () => ({}),
    (place, answer) => {
      release(shown);
      shown = el("img", { alt: "Phrases as piano rolls: time across, pitch up, a color for each track", src: URL.createObjectURL(new Blob([answer.content], { type: "image/png" })) });
      shown.style.maxWidth = "100%";
      clear(place).append(shown);
      player.hidden = true;
    },
    (changed, file) => [
      el("div", { className: "row" },
        button("Listen", () => file({ as: "wav" }, (answer) => {
          release(player);
          player.src = URL.createObjectURL(new Blob([answer.content], { type: "audio/wav" }));
          player.hidden = false;
          player.play().catch(() => say("Press play to listen."));
        }), { className: "main" }),
        button("Save MIDI", () => file({ as: "mid" }, (answer) => save(new Blob([answer.content], { type: "audio/midi" }), answer.about.name)))),
      player,
    ]);
  return () => { release(shown); release(player); };
}
