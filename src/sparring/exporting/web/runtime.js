// Models in the browser: what lies in the page is unpacked, and run by onnxruntime-web's WebAssembly. Nothing is fetched, nothing is sent.

async function unpacked(id) {
  const text = document.getElementById(id).textContent.trim();
  const packed = await fetch(`data:application/octet-stream;base64,${text}`);
  const stream = packed.body.pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function openModels() {
  const [program, wasm, ...models] = await Promise.all(["runtime", "wasm", ...PAGE.models.map((name) => `model-${name}`)].map(unpacked));
  const address = URL.createObjectURL(new Blob([program], { type: "text/javascript" }));
  const ort = await import(address);
  ort.env.wasm.wasmBinary = wasm.buffer;
  ort.env.wasm.numThreads = 1; // a page without a server has one thread
  ort.env.logLevel = "error";
  const sessions = {};
  for (const [place, name] of PAGE.models.entries()) {
    sessions[name] = await ort.InferenceSession.create(models[place], { executionProviders: ["wasm"] });
  }
  return { ort, sessions };
}

// The output of a model for inputs by name, each [numbers, shape].
async function runModel({ ort, sessions }, name, inputs) {
  const given = {};
  for (const [key, [numbers, shape]] of Object.entries(inputs)) given[key] = new ort.Tensor("float32", numbers, shape);
  const found = await sessions[name].run(given);
  return Object.values(found)[0];
}

// One after the other, and of those that wait only the newest: a slider is never behind.
function latestOnly(work) {
  let running = null, waiting = null;
  return function ask(...given) {
    if (running) {
      waiting = given;
      return running;
    }
    running = (async () => {
      try {
        await work(...given);
        while (waiting) {
          const next = waiting;
          waiting = null;
          await work(...next);
        }
      } finally {
        running = null;
      }
    })();
    return running;
  };
}

// Values in [-1, 1], (channels, height, width), as pixels of a canvas.
function showImage(canvas, { data, dims }) {
  const [, channels, height, width] = dims, size = height * width;
  canvas.width = width;
  canvas.height = height;
  const image = new ImageData(width, height);
  const level = (value) => Math.round((Math.max(-1, Math.min(1, value)) + 1) * 127.5);
  for (let place = 0; place < size; place++) {
    for (let color = 0; color < 3; color++) image.data[4 * place + color] = level(data[(channels < 3 ? 0 : color) * size + place]);
    image.data[4 * place + 3] = channels === 4 ? level(data[3 * size + place]) : 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

function saveCanvas(canvas, name) {
  canvas.toBlob((blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
}

// A row of the page with a label and a control; `show` says the value beside a slider.
function addControl(parent, text, control, show) {
  const row = document.createElement("label"), title = document.createElement("span");
  row.className = "row";
  title.textContent = text;
  row.append(title, control);
  if (show) {
    const value = document.createElement("output");
    const update = () => (value.textContent = show(control.value));
    control.addEventListener("input", update);
    control.addEventListener("reset-value", update);
    update();
    row.append(value);
  }
  parent.append(row);
  return control;
}

function slider(low, high, step, value) {
  const made = document.createElement("input");
  Object.assign(made, { type: "range", min: low, max: high, step, value });
  return made;
}

function setValue(control, value) {
  control.value = value;
  control.dispatchEvent(new Event("reset-value"));
}

function addButton(parent, text, action) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.addEventListener("click", action);
  parent.append(made);
  return made;
}

function choice(options, value) {
  const made = document.createElement("select");
  for (const [key, text] of options) made.append(new Option(text, key));
  made.value = value;
  return made;
}
