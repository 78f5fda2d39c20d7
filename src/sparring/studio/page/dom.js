// Small helpers for making elements. Text is always set as text: nothing that comes from a model or a file becomes markup.

export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name in node && name !== "list" && name !== "style") node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

let statusTimer = 0;

export function say(text, seconds = 4) {
  const place = document.getElementById("status");
  place.textContent = text;
  clearTimeout(statusTimer);
  if (seconds) statusTimer = setTimeout(() => (place.textContent = ""), 1000 * seconds);
}

let numbers = 0;

/** A slider with its name and value; `change(value)` is called with every movement. */
export function slider(name, { min, max, step, value, change, text = (number) => String(number), label = null }) {
  const id = `slider-${(numbers += 1)}`;
  const shown = el("output", { htmlFor: id }, text(value));
  const input = el("input", {
    type: "range", id, min, max, step, value, "aria-label": label ? name : null,
    oninput: () => { shown.textContent = text(Number(input.value)); change(Number(input.value)); },
  });
  input.setAttribute("value", value);
  input.value = value;
  const node = el("div", { className: "field" }, label ?? el("label", { htmlFor: id }, name), input, shown);
  return {
    node, input,
    set(number) { input.value = number; shown.textContent = text(Number(number)); },
  };
}

export function field(name, control, { wide = true } = {}) {
  if (!control.id) control.id = `field-${(numbers += 1)}`;
  return el("div", { className: wide ? "field wide" : "field" }, el("label", { htmlFor: control.id }, name), control);
}

/** A group of controls under one name. */
export function group(name, ...controls) {
  if (name && controls[0]?.tagName === "INPUT") controls[0].setAttribute("aria-label", name);
  return el("div", { className: "field wide", role: "group", "aria-label": name }, el("span", { className: "faint" }, name), el("div", { className: "row" }, ...controls));
}

export function choice(options, value, change, props = {}) {
  const node = el("select", { ...props, onchange: () => change(node.value) },
    options.map(([key, text]) => el("option", { value: key, selected: key === value }, text)));
  return node;
}

export function number(value, change, props = {}) {
  const node = el("input", { type: "number", value, ...props, oninput: () => { if (node.value !== "" && node.checkValidity()) change(Number(node.value)); } });
  return node;
}

export function button(text, action, props = {}) {
  return el("button", { type: "button", ...props, onclick: action }, text);
}

export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    say("Copied.");
  } catch {
    say("The browser does not allow copying here. Select the text and copy it.");
  }
}

export function save(blob, name) {
  const link = el("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

/** What makes the same file elsewhere: the command line and the Python. */
export function samePanel(heading = "Make the same file") {
  const body = el("div");
  const node = el("details", { className: "same card", open: false }, el("summary", {}, heading), body);
  return {
    node,
    show({ command, python, walk, note }) {
      const parts = [["On the command line", command], ["The walk as a film", walk], ["In Python", python]].filter(([, text]) => text);
      body.replaceChildren(
        ...parts.map(([title, text]) => el("div", {},
          el("div", { className: "row end" }, el("h3", {}, title), button("Copy", () => copy(text), { "aria-label": `Copy: ${title}` })),
          el("pre", { tabIndex: 0 }, text))),
        ...(note || !parts.length ? [el("p", { className: "faint" }, note ?? "Nothing outside this page makes this.")] : []),
      );
    },
  };
}

export function clear(node) { node.replaceChildren(); return node; }

export function color(name) { return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim(); }

export function typing(event) { return /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) || event.ctrlKey || event.metaKey || event.altKey; }
