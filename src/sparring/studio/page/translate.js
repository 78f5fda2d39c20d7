// Translate: an image from a file, the clipboard or a camera, before and after.
import { button, choice, el, field, number, samePanel, save, say, slider } from "./dom.js";

const MOST_BYTES = 16 * 2 ** 20;
const MADE = { edges: "edges", scribble: "scribbles", gray: "gray", "low-resolution": "few pixels", masked: "a hole" };

export function translate(context) {
  const { live, about: { translate: about } } = context;
  const values = context.values;
  const state = {
    direction: about.directions.includes(values.get("direction")) ? values.get("direction") : about.directions[0],
    size: values.has("size") ? (values.get("size") === "own" ? null : Number(values.get("size")) || about.side) : about.side,
    made: values.has("as") ? values.get("as") || null : about.made, noise: /^\d+$/.test(values.get("noise") ?? "") ? Number(values.get("noise")) : null,
  };
  const sent = { name: "image.png", bytes: null, source: null };
  const before = el("img", { className: "before", alt: "Before" });
  const after = el("img", { alt: "After" });
  const bar = el("div", { className: "bar" });
  const compare = el("div", { className: "compare hidden" }, after, before, bar);
  const cut = slider("Before | after", { min: 0, max: 100, step: 1, value: 50, text: (value) => `${value} %`, change: (value) => compare.style.setProperty("--cut", `${value}%`) });
  const error = el("p", { className: "error", role: "alert" });
  const notes = el("p", { className: "faint" });
  const same = samePanel("Translate the same file");
  let blob = null, camera = null, closed = false;

  const changed = async () => {
    context.remember({ direction: state.direction === about.directions[0] ? null : state.direction, size: state.size === null ? "own" : state.size === about.side ? null : state.size, as: state.made === about.made ? null : state.made ?? " ", noise: state.noise });
    if (!sent.bytes) return false;
    const began = performance.now();
    const made = state.direction === "a2b" ? state.made : null;
    const answer = await live.ask("translate", { model: context.model, name: sent.name, direction: state.direction, size: state.size, made, noise: state.noise }, sent.bytes);
    if (!answer) return false;
    error.textContent = answer.about.error ?? "";
    if (answer.about.error) return true;
    blob = new Blob([answer.content], { type: "image/png" });
    const old = after.src;
    after.src = URL.createObjectURL(blob);
    if (old) setTimeout(() => URL.revokeObjectURL(old), 1000);
    compare.classList.remove("hidden");
    notes.textContent = [`${answer.about.width} x ${answer.about.height}, ${Math.round(performance.now() - began)} ms.`, ...answer.about.notes].join(" ");
    same.show(answer.about);
    return true;
  };
  const take = async (file) => {
    if (!file) return;
    if (file.size > MOST_BYTES) { error.textContent = `${file.name} has ${file.size.toLocaleString("en")} bytes, and at most ${MOST_BYTES.toLocaleString("en")} are taken.`; return; }
    stopCamera();
    sent.name = (file.name || "image.png").slice(-100);
    sent.bytes = await file.arrayBuffer();
    if (before.src) URL.revokeObjectURL(before.src);
    before.src = URL.createObjectURL(file);
    changed();
  };
  const input = el("input", { type: "file", accept: "image/png,image/jpeg,image/webp,image/gif,image/bmp", className: "hidden", "aria-label": "Image file", onchange: () => take(input.files[0]) });
  const drop = el("div", { className: "drop" }, el("p", {}, "Drop an image here, paste one, or"), el("div", { className: "row" }, button("Choose a file", () => input.click(), { className: "main" }), button("Camera", () => (camera ? stopCamera() : startCamera()), { id: "camera", "aria-pressed": "false" })), input);
  drop.querySelector(".row").style.justifyContent = "center";
  drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => { event.preventDefault(); drop.classList.remove("over"); take(event.dataTransfer.files[0]); });
  const paste = (event) => take([...(event.clipboardData?.files ?? [])].find((file) => file.type.startsWith("image/")));
  addEventListener("paste", paste);

  // ---------------------------------------------------------------- the camera: the next picture when the last one is back
  const startCamera = async () => {
    if (!navigator.mediaDevices) { say("Browsers give the camera to this machine's own pages and to https alone.", 8); return; }
    try { camera = await navigator.mediaDevices.getUserMedia({ video: { width: 640 } }); } catch (problem) { say(`No camera: ${problem.message}`, 8); return; }
    document.getElementById("camera")?.setAttribute("aria-pressed", "true");
    const video = el("video", { muted: true, playsInline: true, srcObject: camera });
    await video.play();
    const canvas = el("canvas");
    sent.name = "camera.jpg";
    while (camera && !closed) {
      const scale = Math.min(1, (state.size ?? about.side) * 1.5 / Math.min(video.videoWidth, video.videoHeight));
      canvas.width = video.videoWidth * scale; canvas.height = video.videoHeight * scale;
      canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
      const shot = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.9));
      sent.bytes = await shot.arrayBuffer();
      const old = before.src;
      before.src = URL.createObjectURL(shot);
      if (old) URL.revokeObjectURL(old);
      if (!(await changed())) await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  const stopCamera = () => { camera?.getTracks().forEach((track) => track.stop()); camera = null; document.getElementById("camera")?.setAttribute("aria-pressed", "false"); };

  const sides = [...new Set([about.side, 2 * about.side, 4 * about.side])].filter((side) => side <= 1024);
  context.main.append(el("div", { className: "split" },
    el("section", { className: "stack" }, el("div", { className: "card" }, compare, drop, error, notes)),
    el("section", { className: "card" },
      cut.node,
      about.directions.length > 1 ? field("Direction", choice([["a2b", "from inputs to targets"], ["b2a", "from targets to inputs"]], state.direction, (value) => { state.direction = value; changed(); })) : null,
      field("Size", choice([...sides.map((side) => [String(side), `shorter side ${side}`]), ["own", "as it is"]], state.size === null ? "own" : String(state.size), (value) => { state.size = value === "own" ? null : Number(value); changed(); })),
      about.directions.includes("a2b") ? field("The image is", choice([["", "an input already"], ...Object.entries(MADE).map(([key, text]) => [key, `a photo: make ${text} of it`])], state.made ?? "", (value) => { state.made = value || null; changed(); })) : null,
      field("Noise seed", number(state.noise ?? "", (value) => { state.noise = value; changed(); }, { min: 0, step: 1, placeholder: "none" })),
      el("div", { className: "row" }, button("Save result", () => blob && save(blob, "translation.png")), button("No noise", () => { state.noise = null; changed(); }), context.link()),
      el("p", { className: "faint" }, "The image goes to the studio alone, and is not kept."))), same.node);
  return () => { closed = true; stopCamera(); removeEventListener("paste", paste); };
}
