// A page that draws images from seeds.

function startGenerator(models) {
  const controls = document.getElementById("controls"), canvas = document.getElementById("image");
  const group = (title) => {
    const made = document.createElement("fieldset"), legend = document.createElement("legend");
    legend.textContent = title;
    made.append(legend);
    controls.append(made);
    return made;
  };

  const basics = group("Image");
  const seed = document.createElement("input");
  Object.assign(seed, { type: "number", min: 0, step: 1, value: 0 });
  addControl(basics, "Seed", seed);
  const steps = document.createElement("div");
  steps.className = "buttons";
  basics.append(steps);
  const moveTo = (value) => {
    setValue(seed, Math.max(0, value));
    draw();
  };
  addButton(steps, "Previous", () => moveTo(Number(seed.value) - 1));
  addButton(steps, "Next", () => moveTo(Number(seed.value) + 1));
  addButton(steps, "Random", () => moveTo(Math.floor(Math.random() * 1e6)));

  const classes = PAGE.classes.length
    ? addControl(basics, "Class", choice([["seed", "by seed"], ...PAGE.classes.map((name, i) => [String(i), name])], "seed"))
    : null;
  const reach = PAGE.truncation === "rank" ? 3 : 1;
  const shown = (value) => (Number(value) === reach && PAGE.truncation === "rank" ? "none" : Number(value).toFixed(2));
  const truncation = addControl(basics, "Truncation", slider(0.05, reach, 0.05, reach), shown);

  let other = null, cut = null;
  if (PAGE.styles) {
    const mixing = group("Mix with another seed");
    other = document.createElement("input");
    Object.assign(other, { type: "number", min: 0, step: 1, value: 1 });
    addControl(mixing, "Other seed", other);
    cut = addControl(mixing, "From layer", slider(0, PAGE.styles.layers, 1, PAGE.styles.layers), (value) =>
      Number(value) === PAGE.styles.layers ? "not mixed" : `${Number(value) + 1} of ${PAGE.styles.layers}`);
  }

  const moves = [];
  if (PAGE.directions.length) {
    const directions = group("Directions");
    for (const { name } of PAGE.directions) moves.push(addControl(directions, name, slider(-4, 4, 0.1, 0), (value) => Number(value).toFixed(1)));
    const reset = document.createElement("div");
    reset.className = "buttons";
    directions.append(reset);
    addButton(reset, "Reset", () => {
      moves.forEach((move) => setValue(move, 0));
      draw();
    });
  }

  const classRow = (number) => {
    const row = new Float32Array(PAGE.classes.length);
    row[classes.value === "seed" ? number % PAGE.classes.length : Number(classes.value)] = 1;
    return [row, [1, row.length]];
  };
  const moved = (point) => {
    PAGE.directions.forEach(({ vector }, which) => {
      const by = Number(moves[which].value) * PAGE.unit;
      if (by) for (let i = 0; i < point.length; i++) point[i] += by * vector[i % vector.length];
    });
    return point;
  };
  const stylesOf = async (number) => {
    const latent = latentOfSeed(number, PAGE.latent.count, PAGE.latent.kind);
    const inputs = { latent: [latent, [1, latent.length]], truncation: [new Float32Array([Number(truncation.value)]), [1]] };
    if (classes) inputs.classes = classRow(number);
    return Float32Array.from((await runModel(models, "map", inputs)).data);
  };
  const imageOf = async () => {
    const number = Math.max(0, Math.floor(Number(seed.value) || 0));
    if (PAGE.styles) {
      const { layers, size } = PAGE.styles, styles = await stylesOf(number);
      if (Number(cut.value) < layers) {
        const second = await stylesOf(Math.max(0, Math.floor(Number(other.value) || 0)));
        styles.set(second.subarray(Number(cut.value) * size), Number(cut.value) * size);
      }
      return runModel(models, "synthesis", { styles: [moved(styles), [1, layers, size]] });
    }
    const by = PAGE.truncation === "rank" && Number(truncation.value) === reach ? null : Number(truncation.value);
    const latent = moved(truncatedLatent(latentOfSeed(number, PAGE.latent.count, PAGE.latent.kind), by, PAGE.truncation));
    const inputs = { latent: [latent, [1, latent.length]] };
    if (classes) inputs.classes = classRow(number);
    return runModel(models, "all", inputs);
  };
  const draw = latestOnly(async () => {
    const start = performance.now();
    showImage(canvas, await imageOf());
    say(`Drawn in ${Math.round(performance.now() - start)} ms.`);
  });
  controls.addEventListener("input", draw);
  addButton(document.getElementById("actions"), "Save image", () => saveCanvas(canvas, `seed-${seed.value}.png`));
  return draw();
}
