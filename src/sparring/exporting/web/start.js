// The page begins when all of it is there.

const PAGE = JSON.parse(document.getElementById("page").textContent);
const status = document.getElementById("status");
const say = (text) => (status.textContent = text);

async function start() {
  const models = await openModels();
  globalThis.sparring = { runModel: (name, inputs) => runModel(models, name, inputs) }; // for pages that have this one in a frame
  await (PAGE.kind === "generator" ? startGenerator : startTranslator)(models);
  document.body.dataset.ready = String(Math.round(performance.now()));
}

start().catch((problem) => {
  document.body.dataset.failed = String(problem);
  say(`This browser cannot run the page: ${problem}. It needs WebAssembly with SIMD and a browser of 2023 or later.`);
});
