// The frame of the page: which model, which tab, and the address that says so.
import { button, clear, el, say } from "./dom.js";
import { Live } from "./live.js";
import { draw } from "./draw.js";
import { judge } from "./judge.js";
import { learn } from "./learn.js";
import { lines } from "./lines.js";
import { music, texts } from "./sequences.js";
import { steer } from "./steer.js";
import { translate } from "./translate.js";
import { watch } from "./watch.js";

const TABS = { steer: "Steer", watch: "Watch", judge: "Judge", translate: "Translate", draw: "Draw", learn: "Learn" };
const main = document.getElementById("main");
const chooser = document.getElementById("model");
const tabs = document.getElementById("tabs");
const page = { models: [], learn: null, opened: new Map(), close: null, context: null, shown: "" };

function colors(theme) {
  document.documentElement.dataset.theme = theme;
  const other = theme === "dark" ? "light" : "dark";
  const chip = document.getElementById("theme");
  chip.textContent = theme === "dark" ? "☀" : "☾";
  chip.setAttribute("aria-label", `Change to ${other} colors`);
  chip.title = `Change to ${other} colors`;
  chip.onclick = () => { localStorage.setItem("theme", other); colors(other); dispatchEvent(new Event("resize")); };
}
const system = matchMedia("(prefers-color-scheme: dark)");
colors(localStorage.getItem("theme") ?? (system.matches ? "dark" : "light"));
system.addEventListener("change", () => { if (!localStorage.getItem("theme")) colors(system.matches ? "dark" : "light"); });

const live = new Live((there) => {
  if (there) { say("", 0); if (page.lost) { page.lost = false; begin(); } }
  else { page.lost = true; say("The studio does not answer. Is it still running? This page tries again.", 0); }
});

/** Where the page is: #MODEL/TAB?values. */
function place() {
  const [path, query = ""] = location.hash.slice(1).split("?");
  const [model = "", tab = ""] = path.split("/");
  return { model, tab, values: new URLSearchParams(query) };
}

function address(model, tab, values = new URLSearchParams()) {
  const query = values.toString();
  return `#${model}/${tab}${query ? `?${query}` : ""}`;
}

async function begin() {
  const answer = await fetch("/api/models");
  if (!answer.ok) { say("Open the whole address that sparring studio printed, token included.", 0); return; }
  Object.assign(page, await answer.json());
  page.opened.clear();
  const { model } = place();
  clear(chooser).append(...page.models.map((one) => el("option", { value: one.id }, [one.name, one.recipe && `· ${one.recipe}`, one.training && "· training"].filter(Boolean).join(" "))));
  chooser.closest("label").classList.toggle("hidden", !page.models.length);
  if (page.models.some((one) => one.id === model)) chooser.value = model;
  page.shown = "";
  await show();
}

chooser.addEventListener("change", () => { location.hash = address(chooser.value, ""); });
addEventListener("hashchange", () => show());

async function opened(model) {
  if (!page.opened.has(model)) {
    const answer = await live.ask("open", { model });
    if (!answer) return null;
    page.opened.set(model, answer.about);
  }
  return page.opened.get(model);
}

async function show() {
  const here = place();
  const model = page.models.some((one) => one.id === here.model) ? here.model : (page.models[0]?.id ?? "");
  const wanted = `${model}/${here.tab}?${here.values}`;
  if (wanted === page.shown) return;
  page.close?.();
  page.close = page.context = null;
  if (model) chooser.value = model;
  const listed = page.models.find((one) => one.id === model);
  let about = { tabs: [] };
  if (model) {
    clear(main).append(el("p", { className: "faint" }, "Loading the model..."));
    about = await opened(model);
    if (!about) return;
    if (about.error) {
      page.opened.delete(model);
      about = { ...about, tabs: listed.kind === "run" ? ["watch", "judge"] : [] };
    }
  }
  if (place().model !== here.model || place().tab !== here.tab) return; // meanwhile elsewhere
  const known = [...about.tabs, "learn"];
  const tab = known.includes(here.tab) ? here.tab : known[0];
  page.shown = `${model}/${tab}?${here.values}`;
  clear(tabs).append(...known.map((name) => el("a", { href: address(model, name), role: "tab", "aria-selected": String(name === tab), id: `tab-${name}`, tabIndex: name === tab ? 0 : -1 }, TABS[name])));
  main.setAttribute("role", "tabpanel");
  main.setAttribute("aria-labelledby", `tab-${tab}`);
  document.title = `${TABS[tab]}${listed ? ` - ${listed.name}` : ""} - Sparring studio`;
  clear(main);
  if (about.error && tab !== "learn") main.append(el("p", { className: "error" }, about.error));
  const context = {
    live, about, model, listed, main, values: here.values, learn: page.learn,
    /** Put the state into the address; the link is what others open. */
    remember(values) {
      if (page.context !== context) return; // of a tab that was left meanwhile
      const kept = new URLSearchParams(Object.entries(values).filter(([, value]) => value !== null && value !== undefined && value !== ""));
      page.shown = `${model}/${tab}?${kept}`;
      history.replaceState(null, "", address(model, tab, kept));
    },
    link: () => button("Copy link", () => navigator.clipboard.writeText(location.href).then(() => say("The link is copied."), () => say(location.href, 12))),
    go: (name, values) => { location.hash = address(model, name, new URLSearchParams(values)); },
  };
  page.context = context;
  const view = about.steer?.view;
  const open = { steer: { lines, curves: lines, texts, music }[view] ?? steer, watch, judge, translate, draw, learn }[tab];
  page.close = open(context) ?? null;
}

tabs.addEventListener("keydown", (event) => {
  const all = [...tabs.children];
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  const next = all[(all.indexOf(document.activeElement) + step + all.length) % all.length];
  next.focus();
  event.preventDefault();
});

begin();
