// Watch: a run as it trains. It is read every two seconds, and never touched.
import { button, clear, copy, el, slider } from "./dom.js";
import { chartFigure } from "./chart.js";

const FIRST = ["loss", "score", "logits", "gradient"];

export function watch(context) {
  let sheets = [], follow = true, playing = 0, timer = 0, closed = false, last = null;
  const stepOf = (name) => (name ? Number(name.slice(5, 14)).toLocaleString("en") : "-");
  const url = (rest) => `/api/models/${context.model}/${rest}`;
  const head = el("p", { "aria-live": "polite" }, "Reading the run...");
  const charts = new Map();
  const places = el("div", { className: "stack" });
  const image = el("img", { className: "pixels", alt: "Samples of this step" });
  const which = slider("Step", { min: 0, max: 0, step: 1, value: 0, text: (at) => stepOf(sheets[at]), change: (at) => { follow = at === sheets.length - 1; sheet(at); } });
  const film = el("p", { className: "faint" });
  const findings = el("div", {}, el("p", { className: "faint" }, "Diagnosing..."));
  const how = el("div", { className: "faint" });
  const play = button("▶ Timelapse", () => (playing ? stop() : start()), { "aria-pressed": "false" });

  const sheet = (at) => {
    if (!sheets[at]) return;
    image.src = url(`samples/${sheets[at]}`);
    image.alt = `Samples at step ${stepOf(sheets[at])}`;
    which.set(at);
    if (last) context.remember({ sheet: follow ? null : sheets[at].slice(5, 14) });
  };
  const start = () => {
    let at = 0;
    play.textContent = "⏸ Pause"; play.setAttribute("aria-pressed", "true"); follow = false;
    playing = setInterval(() => { sheet(at); at = (at + 1) % Math.max(1, sheets.length); }, 180);
  };
  const stop = () => { clearInterval(playing); playing = 0; play.textContent = "▶ Timelapse"; play.setAttribute("aria-pressed", "false"); };

  const curves = (found, mark) => {
    const groups = new Map();
    for (const [name, curve] of Object.entries(found)) {
      if (["real_samples"].includes(name)) continue;
      const parts = name.split("/");
      const key = parts.slice(0, -1).join(" / ") || name;
      if (!groups.has(key)) groups.set(key, []);
      groups.get(key).push([parts.length > 1 ? parts.at(-1) : name, curve]);
    }
    const order = ([name]) => { const at = FIRST.findIndex((one) => name.startsWith(one)); return at < 0 ? FIRST.length : at; };
    for (const [name, some] of [...groups].sort((a, b) => order(a) - order(b) || a[0].localeCompare(b[0]))) {
      if (!charts.has(name)) {
        charts.set(name, chartFigure(name, some));
        grid.append(charts.get(name).node);
      }
      charts.get(name).update(some.slice(0, 4), mark);
    }
  };
  const grid = el("div", { className: "charts" });

  let stopping = false, asking = false;
  const ask = () => {
    asking = true;
    clear(how).append("Stop this training? ", button("Stop it", end, { className: "main" }), " ", button("Let it train", () => { asking = false; clear(how).append(button("Stop training", ask)); }));
  };
  const end = async () => {
    asking = false;
    let asked = false;
    try { asked = (await (await fetch(url("stop"), { method: "POST" })).json()).asked; } catch { /* the studio is away */ }
    stopping = asked;
    clear(how).append(asked ? "Stopping: it saves a checkpoint..." : "It cannot be asked from here: press Ctrl-C where it trains.");
  };

  const look = async () => {
    if (closed) return;
    let seen = null;
    try { seen = await (await fetch(url("watch"))).json(); } catch { /* the studio is away: the page says so */ }
    if (seen && !seen.there) {
      clear(head).append(el("span", { className: "error" }, last ? "The run directory is gone. What was read stays here, and the model in memory can still be steered." : "There is no such run here."));
    } else if (seen) {
      clear(head).append(el("span", { className: seen.training ? "badge on" : "badge" }, seen.training ? "training" : "at rest"), " ",
        el("b", {}, `step ${seen.step.toLocaleString("en")}`), ` · ${seen.real_samples.toLocaleString("en")} real samples`,
        context.about.about?.recipe ? ` · ${context.about.about.recipe} on ${context.about.about.data}` : "");
      const fresh = last === null;
      last = seen;
      curves(seen.curves, null);
      if (!Object.keys(seen.curves).length && !grid.children.length) grid.append(el("p", { className: "faint" }, "No line of the log yet."));
      sheets = seen.sheets;
      which.input.max = Math.max(0, sheets.length - 1);
      const asked = fresh ? context.values.get("sheet") : null;
      if (asked) { const at = sheets.findIndex((one) => one.includes(asked)); if (at >= 0) { follow = false; sheet(at); } }
      if (sheets.length && follow && !playing && !image.src.endsWith(sheets.at(-1))) sheet(sheets.length - 1);
      clear(film).append(...(seen.timelapse ? [el("a", { href: url("samples/timelapse.gif"), target: "_blank" }, "Timelapse as a GIF")] : []));
      if (!seen.training) stopping = false;
      if (!asking) clear(how).append(...(seen.training ? [stopping ? "Stopping: it saves a checkpoint..." : button("Stop training", ask), " ", stopping ? "" : seen.stop] : [el("b", {}, "To go on: "), el("code", {}, seen.resume), " ", button("Copy", () => copy(seen.resume), { "aria-label": "Copy the command" })]));
      if (seen.training || !diagnosed) diagnose();
    }
    timer = setTimeout(look, 2000);
  };

  let diagnosing = false, diagnosed = false;
  const diagnose = async () => {
    if (diagnosing) return;
    diagnosing = true;
    try {
      const found = await (await fetch(url("findings"))).json();
      if (!found.headline) return;
      diagnosed = true;
      clear(findings).append(el("p", {}, el("b", {}, found.headline)), found.milestone ? el("p", { className: "faint" }, found.milestone) : "", ...found.findings.map(finding));
    } catch { /* later */ } finally { diagnosing = false; }
  };

  const again = () => { for (const chart of charts.values()) chart.update(); };
  addEventListener("resize", again);
  places.append(head, el("div", { className: "split" },
    el("section", { className: "card", "aria-label": "Curves" }, el("h2", {}, "Curves"), grid),
    el("section", { className: "stack" },
      el("div", { className: "card" }, el("h2", {}, "Samples"), el("div", { className: "view" }, image), which.node, el("div", { className: "row end" }, play, film)),
      el("div", { className: "card", "aria-live": "polite" }, el("h2", {}, "Diagnosis"), findings),
      el("div", { className: "card" }, how))));
  context.main.append(places);
  look();
  return () => { closed = true; clearTimeout(timer); stop(); removeEventListener("resize", again); };
}

function finding(one) {
  return el("div", { className: `finding ${one.severity}` }, el("b", {}, one.title), ` ${one.certainty}`, el("p", {}, one.summary),
    el("ul", {}, one.evidence.map((text) => el("li", {}, text))),
    one.remedies.map((remedy) => el("p", {}, el("b", {}, "What to do: "), remedy.action, remedy.command ? [" ", el("code", {}, remedy.command), " ", button("Copy", () => copy(remedy.command), { "aria-label": "Copy the command" })] : "")));
}
