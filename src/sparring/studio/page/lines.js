// Steer, for models of tables and series: rows under conditions, and curves.
import { button, choice, clear, el, field, group, number, samePanel, save, say } from "./dom.js";
import { chartFigure } from "./chart.js";

const random = () => Math.floor(Math.random() * 100000);

export function lines(context) {
  const { live, about: { steer: about } } = context;
  const curves = about.view === "curves";
  const count = Number(context.values.get("n"));
  const state = {
    seed: Number(context.values.get("seed")) || 0,
    n: Number.isInteger(count) && count > 0 && count <= 200 ? count : curves ? 6 : 20,
    where: context.values.getAll("where").join("\n").split("\n").filter(Boolean),
  };
  const place = el("div", { className: curves ? "charts" : "scroll", tabIndex: 0, role: "region", "aria-label": curves ? "Curves" : "Rows" });
  const error = el("p", { className: "error", role: "alert" });
  const note = el("p", { className: "faint" });
  const same = samePanel();
  let charts = [];

  const asked = () => ({ model: context.model, number: state.n, seed: state.seed, where: state.where });
  const changed = async () => {
    context.remember({ seed: state.seed, n: state.n, where: state.where.join("\n") });
    const answer = await live.ask("lines", asked());
    if (!answer) return;
    error.textContent = answer.about.error ?? "";
    if (answer.about.error) return;
    (curves ? showCurves : showTable)(answer.about);
    note.textContent = answer.about.share < 0.999 ? `${(100 * answer.about.share).toPrecision(2)} % of what was drawn meets the conditions.` : "";
    same.show(answer.about);
  };
  const showTable = ({ columns, lines: rows }) => clear(place).append(el("table", {},
    el("thead", {}, el("tr", {}, columns.map((name) => el("th", { scope: "col" }, name)))),
    el("tbody", {}, rows.map((row) => el("tr", {}, row.map((cell) => el("td", {}, cell)))))));
  const showCurves = ({ columns, lines: rows }) => {
    const window = columns.indexOf("window"), step = columns.indexOf("step");
    clear(place);
    charts = about.values.filter((name) => columns.includes(name)).map((name) => {
      const at = columns.indexOf(name), found = new Map();
      rows.forEach((row, line) => {
        const own = row[window] ?? "0", value = row[at] === "" ? null : Number(row[at]);
        if (!found.has(own)) found.set(own, []);
        found.get(own).push([step < 0 ? line : Number(row[step]), Number.isFinite(value) ? value : null]);
      });
      const chart = chartFigure(name, [...found].map(([own, curve]) => [`window ${own}`, curve]), { legend: false });
      chart.node.querySelector("canvas").style.height = "200px";
      place.append(chart.node);
      chart.update();
      return chart;
    });
  };
  const saved = button("Save CSV", async () => {
    const answer = await live.ask("save", asked());
    if (answer?.about.error) say(answer.about.error, 8);
    else if (answer) save(new Blob([answer.content], { type: "text/csv" }), "lines.csv");
  });

  // ---------------------------------------------------------------- conditions
  const conditions = el("ul", { className: "stack", "aria-label": "Conditions" });
  conditions.style.cssText = "list-style:none;padding:0;margin:8px 0";
  const listed = () => clear(conditions).append(...state.where.map((one, at) => el("li", { className: "row end" }, el("code", {}, one),
    button("Remove", () => { state.where.splice(at, 1); listed(); changed(); }, { "aria-label": `Remove the condition ${one}` }))));
  const maker = () => {
    if (!about.columns.length) return null;
    let column = about.columns[0].name, relation = "=";
    const offers = el("datalist", { id: "values" });
    const value = el("input", { type: "text", "aria-label": "Value", placeholder: "value", list: "values", maxLength: 200 });
    const offer = () => clear(offers).append(...(about.columns.find((one) => one.name === column)?.values ?? []).map((one) => el("option", { value: one })));
    offer();
    const add = () => { if (!value.value.trim() || state.where.length >= 20) return; state.where.push(`${column}${relation}${value.value.trim()}`); value.value = ""; listed(); changed(); };
    value.addEventListener("keydown", (event) => { if (event.key === "Enter") add(); });
    return el("div", { className: "card" }, el("h2", {}, "Conditions"),
      el("div", { className: "row" }, choice(about.columns.map((one) => [one.name, one.name]), column, (name) => { column = name; offer(); }, { "aria-label": "Column" }),
        choice(["=", "!=", ">=", "<=", ">", "<"].map((one) => [one, one]), relation, (one) => { relation = one; }, { "aria-label": "Relation" }), value, offers, button("Add", add, { className: "main" })),
      conditions, el("p", { className: "faint" }, "They hold in every row. \"missing\" is a value, too."));
  };

  const seed = number(state.seed, (value) => { state.seed = value; changed(); }, { min: 0, step: 1 });
  const again = () => { if (charts.length) charts.forEach((chart) => chart.update()); };
  addEventListener("resize", again);
  context.main.append(el("div", { className: "split" },
    el("section", { className: "card" }, place, error, note),
    el("section", { className: "stack" },
      el("div", { className: "card" },
        group("Seed", seed, button("Random", () => { state.seed = random(); seed.value = state.seed; changed(); }, { className: "main" })),
        field(`Number of ${about.items}`, number(state.n, (value) => { state.n = value; changed(); }, { min: 1, max: 200, step: 1 })),
        el("div", { className: "row" }, saved, context.link())),
      maker())), same.node);
  listed();
  changed();
  return () => removeEventListener("resize", again);
}
