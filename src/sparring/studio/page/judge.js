// Judge: the reports that lie in a run.
import { button, choice, clear, copy, el, number, field } from "./dom.js";
import { nearestShown } from "./steer.js";

export function judge(context) {
  const place = el("div", { className: "stack" });
  const url = (rest) => `/api/models/${context.model}/${rest}`;
  context.main.append(place, copies(context));
  (async () => {
    const seen = await (await fetch(url("watch"))).json();
    const reports = seen.reports ?? [];
    const path = context.about.path ?? context.listed.name;
    const make = (verb) => `sparring ${verb} ${/^[\w./-]+$/.test(path) ? path : `'${path}'`}`;
    if (!reports.length) {
      clear(place).append(el("div", { className: "card" }, el("h2", {}, "No report lies in this run yet"), ...["judge", "diagnose"].map((verb) => el("p", { className: "row" }, el("code", {}, make(verb)), button("Copy", () => copy(make(verb)), { "aria-label": `Copy: ${make(verb)}` })))));
      return;
    }
    const wanted = reports.some((one) => one.id === context.values.get("report")) ? context.values.get("report") : reports[0].id;
    const frame = el("iframe", { title: "Report", sandbox: "" });
    const open = (id) => {
      frame.src = url(`reports/${id}`);
      frame.title = reports.find((one) => one.id === id).title;
      context.remember({ report: id });
    };
    clear(place).append(el("div", { className: "row end" }, choice(reports.map((one) => [one.id, one.title]), wanted, open, { "aria-label": "Report" }), context.link()), frame);
    open(wanted);
  })();
  return null;
}

/** Which training images lie nearest to a sample. */
function copies(context) {
  if (context.about.steer?.view !== "images") return "";
  const found = el("div", { className: "faint" });
  const shown = el("img", { className: "pixels single hidden", alt: "The sample" });
  shown.style.width = "220px";
  let seed = 0;
  const compare = async () => {
    const image = await context.live.ask("steer", { model: context.model, seed });
    if (!image) return;
    if (image.about.error) { found.textContent = image.about.error; return; }
    shown.classList.remove("hidden");
    shown.src = URL.createObjectURL(new Blob([image.content], { type: "image/png" }));
    found.textContent = "Comparing with the training images...";
    const answer = await context.live.ask("nearest", { model: context.model, seed });
    if (answer) nearestShown(found, answer);
  };
  return el("div", { className: "card" }, el("h2", {}, "Is a sample a copy?"),
    el("div", { className: "row" }, field("Seed", number(0, (value) => { seed = value; }, { min: 0, step: 1 })), button("Show the nearest training images", compare, { className: "main" })), el("div", { className: "even" }, shown, found));
}
