"""Exported models: every recipe as a file that is checked, and how large and how fast files and pages are.

    python benchmarks/export.py --battery [RECIPE ...]       # trains every recipe for a moment and exports it, whole and with half weights
    python benchmarks/export.py --figures [--runtime node_modules/onnxruntime-web] [--rounds 15]

Figures: networks with their first weights, one image at a time; medians of rounds, in which torch and onnxruntime take turns. `native` is
onnxruntime on two threads; `page` is one thread of WebAssembly in headless Chromium, in the page that `--web` writes, opened from disk; its
time has the copy of the image out of the runtime in it. WebGPU is computed by SwiftShader, without a GPU: whether it computes right,
not how fast. `ready` is from the start of loading to the first image."""

import argparse
import json
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
LEVEL = 2 / 255


def battery(names: Sequence[str]) -> None:
    """Every recipe, after two steps: the file's size and difference, with whole and with half weights."""
    import sparring
    from sparring import SparringError, recipes
    from support.every_recipe import train

    print("| recipe | part | MB | largest difference | half: MB | largest difference | seconds |\n|---|---|---|---|---|---|---|")
    for name in names or recipes.names():
        with tempfile.TemporaryDirectory() as folder:
            model = sparring.load(train(name, Path(folder)))
            for part in ("all", "map", "synthesis") if name in {"stylegan", "stylegan2"} else ("all",):
                start = time.monotonic()
                try:
                    cells = " | ".join(both_files(model, part, Path(folder)))
                    print(f"| `{name}` | {part} | {cells} | {time.monotonic() - start:.0f} |", flush=True)
                except SparringError as problem:
                    print(f"| `{name}` | {part} | none: {problem} | | | | |", flush=True)
                except Exception:
                    print(f"| `{name}` | {part} | FAILED: {traceback.format_exc(limit=-1).splitlines()[-1]} | | | | |", flush=True)


def both_files(model: Any, part: Any, folder: Path) -> list[str]:  # noqa: ANN401
    """Size and largest difference of the file of a part, with whole and with half weights. It is traced once."""
    from sparring.exporting import export
    from sparring.exporting.check import check_file
    from sparring.exporting.graph import trace
    from sparring.exporting.half import halve_weights
    from sparring.exporting.traceable import traceable_copy
    from sparring.games.exported_parts import ExportChoices

    choices = ExportChoices()
    chosen, output = export.find_part(model, part, choices)
    game, sides, found = traceable_copy(model.game), export.sides_to_try(chosen, choices), []
    graph = trace(game, export.parts_of(game, choices)[part], output, sides[0])
    for half in (False, True):
        if half:
            halve_weights(graph)
        file = folder / f"{half}.onnx"
        file.write_bytes(graph.SerializeToString())
        off = check_file(file, model.game, chosen, output, sides, half=half).in_words(output)
        found += [f"{file.stat().st_size / 1e6:.2f}", off.removeprefix("at most ").replace(" from torch", "")]
    return found


def fresh_model(name: str, spec: Any, **settings: object) -> Any:  # noqa: ANN401
    """A model with its first weights, which is as large and as fast as a trained one."""
    import torch

    import sparring
    from sparring import recipes

    torch.manual_seed(0)
    recipe = recipes.get(name)(**settings)  # pyright: ignore[reportCallIssue]
    game = recipe.build(spec)
    game.requires_grad_(False).eval()
    return sparring.Model(game, recipe, Path(name))


def models() -> dict[str, tuple[Any, int | None]]:
    """By title: models, and of translators the side of the image."""
    from sparring.data.images.image_spec import ImageSpec
    from sparring.data.pairs.pair_spec import PairSpec

    pairs = PairSpec(256, 256, 3, input_channels=3, paired=False)
    paired = PairSpec(256, 256, 3, input_channels=3, paired=True)
    ten = tuple(map(str, range(10)))
    return {
        "`cgan` 32x32": (fresh_model("cgan", ImageSpec(32, 32, 1, ten), condition="concatenate"), None),
        "`stylegan2` 64x64, at most 64 channels": (fresh_model("stylegan2", ImageSpec(64, 64, 3), channel_max=64, channel_base=4096), None),
        "`style-transfer` 256x256, width 8, 3 blocks (for phones)": (fresh_model("style-transfer", pairs, width=8, blocks=3), 256),
        "`style-transfer` 256x256 (defaults)": (fresh_model("style-transfer", pairs), 256),
        "`pix2pix` 256x256, width 32": (fresh_model("pix2pix", paired, width=32), 256),
    }


def native(file: Path, inputs: dict[str, Any], threads: int) -> Any:  # noqa: ANN401
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, inputs)


def timed(work: Any) -> float:  # noqa: ANN401
    start = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - start)


def in_browser(html: str, part: str, inputs: dict[str, Any], rounds: int, flags: Sequence[str] = ()) -> tuple[float, float, Any]:
    """Milliseconds until the page is ready, of one run (the median), and the output."""
    import numpy as np

    from support.browser import chromium

    given = {name: [value.ravel().tolist(), list(value.shape)] for name, value in inputs.items()}
    with tempfile.TemporaryDirectory() as folder, chromium(*flags) as browser:
        page = Path(folder, "page.html")
        page.write_text(html)
        browser.open(page.as_uri())
        ready = browser.wait("document.body && (document.body.dataset.ready || document.body.dataset.failed)", 300)
        if not ready.isdecimal():
            raise RuntimeError(ready)
        times, values, shape = browser.run(
            f"""(async () => {{
            const inputs = {json.dumps(given)};
            for (const given of Object.values(inputs)) given[0] = new Float32Array(given[0]);
            const times = [];
            let found;
            for (let i = 0; i < {rounds}; i++) {{
              const start = performance.now();
              found = await sparring.runModel("{part}", inputs);
              times.push(performance.now() - start);
            }}
            return [times, Array.from(found.data), found.dims];
            }})()"""
        )
    return float(ready), median(times), np.array(values, np.float32).reshape(shape)


def figures(runtime_folder: Path, rounds: int) -> None:
    """One row for each model."""
    import numpy as np
    import torch

    import sparring
    from sparring.exporting.web.page import make_page, parts_on_page
    from sparring.exporting.web.runtime import Runtime, find_runtime
    from sparring.games.exported_parts import ExportChoices
    from sparring.games.game import evaluating

    runtime = find_runtime(runtime_folder)
    dist = runtime_folder / "dist"
    on_gpu = Runtime(
        runtime.version, (dist / "ort.webgpu.bundle.min.mjs").read_bytes(), (dist / "ort-wasm-simd-threaded.asyncify.wasm").read_bytes()
    )
    swift = ("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan")
    print(
        "| model | MB | half: MB | torch, ms | native, 2 threads | native, 1 thread | page, ms | page, MB | ready, s | levels off: native, "
        "page, WebGPU |\n|---|---|---|---|---|---|---|---|---|---|"
    )
    for title, (model, side) in models().items():
        with tempfile.TemporaryDirectory() as folder:
            files = {}
            for half in (False, True):
                files[half] = sparring.export(model, Path(folder, f"{half}.onnx"), half=half, size=side or "free")
            graphs = {}
            for name in parts_on_page(model):
                own = files[True] if name == "all" else sparring.export(model, Path(folder, f"{name}.onnx"), half=True, part=name)
                graphs[name] = own.file.read_bytes()
            part = model.game.exported_parts(ExportChoices(side=side))["all"]
            values = [given.example(1, side or 0) for given in part.inputs]
            inputs = {given.name: value.numpy() for given, value in zip(part.inputs, values, strict=True)}
            torch.set_num_threads(1)  # two wait for each other wherever others use the cores

            def ours(part: Any = part, values: Any = values, model: Any = model) -> torch.Tensor:  # noqa: ANN401
                with evaluating(model.game):
                    return part.compute(*values)

            runs = {"torch": ours, "two": native(files[False].file, inputs, 2), "one": native(files[False].file, inputs, 1)}
            times: dict[str, list[float]] = {name: [] for name in runs}
            for _ in range(rounds):
                for name, work in runs.items():
                    times[name].append(timed(work))
            wanted = ours().numpy()
            off = [np.abs(native(files[False].file, inputs, 1)()[0] - wanted).max()]
            html = make_page(model, graphs, runtime, side=side)
            whole = {"all": files[False].file.read_bytes()}
            last = "all" if "all" in graphs else "synthesis"
            if last == "synthesis":
                with torch.no_grad():
                    inputs = {"styles": model.generator.map(values[0], truncation=values[1].item()).numpy()}
                whole = {name: Path(folder, f"{name}.onnx").read_bytes() for name in graphs}
            ready, page_ms, found = in_browser(html, last, inputs, rounds)
            off.append(np.abs(found.clip(-1, 1) - wanted).max())
            gpu_html = make_page(model, whole, on_gpu, side=side).replace('executionProviders: ["wasm"]', 'executionProviders: ["webgpu"]')
            try:
                _, _, found = in_browser(gpu_html, last, inputs, 1, swift)
                off.append(np.abs(found.clip(-1, 1) - wanted).max())
            except (RuntimeError, TimeoutError) as problem:
                print(f"WebGPU, {title}: {str(problem)[:300]}")
                off.append(float("nan"))
        middle = {name: median(each) for name, each in times.items()}
        print(
            f"| {title} | {files[False].megabytes:.2f} | {files[True].megabytes:.2f} | {middle['torch']:.1f} | {middle['two']:.1f} | "
            f"{middle['one']:.1f} | {page_ms:.1f} | {len(html) / 1e6:.1f} | {ready / 1000:.2f} | "
            f"{', '.join(f'{each / LEVEL:.2g}' for each in off)} |",
            flush=True,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--battery", nargs="*", metavar="RECIPE")
    parser.add_argument("--figures", action="store_true")
    parser.add_argument("--runtime", type=Path, default=Path("node_modules", "onnxruntime-web"))
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    if options.battery is not None:
        battery(options.battery)
    if options.figures:
        figures(options.runtime, options.rounds)
