// A page that translates images: from files, a webcam, or a drawing.

function startTranslator(models) {
  const controls = document.getElementById("controls"), actions = document.getElementById("actions");
  const before = document.getElementById("before"), after = document.getElementById("image"), stack = document.getElementById("stack");
  const { channels, divisor, smallest, side: fixed } = PAGE.input;

  // ------------------------------------------------------------------------------------------------------- from a picture to a tensor
  const sizes = [128, 192, 256, 384, 512].map((side) => Math.max(smallest, Math.round(side / divisor) * divisor));
  const start = Math.max(smallest, Math.round(PAGE.input.trained / divisor) * divisor);
  const options = [...new Set([...sizes, start])].sort((a, b) => a - b).map((side) => [String(side), `${side} pixels`]);
  const size = fixed ? null : addControl(controls, "Shorter side", choice(options, String(start)));

  const paint = (source, width, height) => {
    const shorter = fixed || Number(size.value), context = before.getContext("2d", { willReadFrequently: true });
    const scale = shorter / Math.min(width, height);
    const whole = (side) => (fixed ? fixed : Math.max(smallest, Math.round((side * scale) / divisor) * divisor));
    before.width = whole(width);
    before.height = whole(height);
    const larger = Math.max(before.width / width, before.height / height); // what stands out is cut off on both sides
    const [drawnWidth, drawnHeight] = [width * larger, height * larger];
    context.drawImage(source, (before.width - drawnWidth) / 2, (before.height - drawnHeight) / 2, drawnWidth, drawnHeight);
  };
  const tensorOf = () => {
    const { width, height } = before, count = width * height;
    const pixels = before.getContext("2d", { willReadFrequently: true }).getImageData(0, 0, width, height).data;
    const numbers = new Float32Array(channels * count);
    for (let place = 0; place < count; place++) {
      const [red, green, blue, alpha] = pixels.subarray(4 * place, 4 * place + 4);
      const values = channels === 1 ? [Math.round(0.299 * red + 0.587 * green + 0.114 * blue)] : [red, green, blue, alpha];
      for (let color = 0; color < channels; color++) numbers[color * count + place] = values[color] / 127.5 - 1;
    }
    return [numbers, [1, channels, height, width]];
  };
  const translate = latestOnly(async (source, width, height) => {
    const begin = performance.now();
    paint(source, width, height);
    showImage(after, await runModel(models, "all", { image: tensorOf() }));
    stack.style.aspectRatio = `${before.width} / ${before.height}`;
    const took = performance.now() - begin;
    say(`Translated in ${Math.round(took)} ms (${(1000 / took).toFixed(1)} images a second).`);
  });

  // ------------------------------------------------------------------------------------------------------------------ files
  let shown = null; // what is translated again when the size changes
  const show = async (source, width, height) => {
    shown = [source, width, height];
    await translate(source, width, height);
  };
  const showFile = async (file) => {
    if (!file || !file.type.startsWith("image/")) return say("This is no image. Choose a PNG, JPEG or WebP file.");
    stopCamera();
    try {
      const image = await createImageBitmap(file);
      await show(image, image.width, image.height);
    } catch {
      say("This image cannot be read. Choose a PNG, JPEG or WebP file.");
    }
  };
  const chooser = document.createElement("input");
  Object.assign(chooser, { type: "file", accept: "image/*" });
  chooser.addEventListener("change", () => showFile(chooser.files[0]));
  addControl(controls, "Image (or drop or paste one)", chooser);
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    showFile(event.dataTransfer.files[0]);
  });
  document.addEventListener("paste", (event) => {
    if (event.clipboardData.files.length) showFile(event.clipboardData.files[0]);
  });
  if (size) size.addEventListener("change", () => shown && translate(...shown));

  // ----------------------------------------------------------------------------------------------------------------- webcam
  const video = document.createElement("video");
  video.muted = video.playsInline = true;
  let stream = null;
  const stopCamera = () => {
    if (!stream) return;
    stream.getTracks().forEach((track) => track.stop());
    stream = null;
    camera.textContent = "Start webcam";
  };
  const buttons = document.createElement("div");
  buttons.className = "buttons";
  controls.append(buttons);
  const camera = addButton(buttons, "Start webcam", async () => {
    if (stream) return stopCamera();
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: true });
    } catch {
      return say("There is no webcam, or the browser does not allow it.");
    }
    camera.textContent = "Stop webcam";
    video.srcObject = stream;
    await video.play();
    while (stream) {
      await show(video, video.videoWidth, video.videoHeight);
      await new Promise(requestAnimationFrame);
    }
  });

  // ---------------------------------------------------------------------------------------------------------------- drawing
  const board = document.getElementById("board"), context = board.getContext("2d");
  const past = [];
  let pen = null;
  board.width = board.height = fixed || start;
  const tools = document.getElementById("tools");
  const paper = addControl(tools, "Paper", choice([["#ffffff", "white"], ["#000000", "black"]], PAGE.input.dark ? "#000000" : "#ffffff"));
  const color = document.createElement("input");
  Object.assign(color, { type: "color", value: PAGE.input.dark ? "#ffffff" : "#000000" });
  addControl(tools, "Pen", color);
  const width = addControl(tools, "Width", slider(1, 24, 1, 3), (value) => `${value} pixels`);
  const eraser = document.createElement("input");
  eraser.type = "checkbox";
  addControl(tools, "Eraser", eraser);
  const clear = () => {
    past.push(context.getImageData(0, 0, board.width, board.height));
    context.fillStyle = paper.value;
    context.fillRect(0, 0, board.width, board.height);
  };
  const showBoard = () => {
    stopCamera();
    return show(board, board.width, board.height);
  };
  const line = (event) => {
    const place = board.getBoundingClientRect();
    const at = [((event.clientX - place.left) * board.width) / place.width, ((event.clientY - place.top) * board.height) / place.height];
    context.strokeStyle = eraser.checked ? paper.value : color.value;
    context.lineWidth = width.value;
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    context.moveTo(...(pen || at));
    context.lineTo(...at);
    context.stroke();
    pen = at;
    showBoard();
  };
  board.addEventListener("pointerdown", (event) => {
    board.setPointerCapture(event.pointerId);
    past.push(context.getImageData(0, 0, board.width, board.height));
    if (past.length > 50) past.shift();
    line(event);
  });
  board.addEventListener("pointermove", (event) => pen && line(event));
  for (const kind of ["pointerup", "pointercancel"]) board.addEventListener(kind, () => (pen = null));
  paper.addEventListener("change", () => {
    clear();
    showBoard();
  });
  const drawing = document.createElement("div");
  drawing.className = "buttons";
  tools.append(drawing);
  addButton(drawing, "Undo", () => {
    if (past.length) context.putImageData(past.pop(), 0, 0);
    showBoard();
  });
  addButton(drawing, "Clear", () => {
    clear();
    showBoard();
  });
  clear();
  past.length = 0;
  document.getElementById("drawing").hidden = false;

  // ---------------------------------------------------------------------------------------------------------- before and after
  const compare = addControl(actions, "Before and after", slider(0, 100, 1, 0), (value) => `${value} %`);
  const divide = () => stack.style.setProperty("--before", `${compare.value}%`);
  compare.addEventListener("input", divide);
  divide();
  before.hidden = false;
  addButton(actions, "Save image", () => saveCanvas(after, "translated.png"));
  return showBoard();
}
