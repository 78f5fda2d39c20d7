"""The web page of a model, in a real browser, from disk."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import sparring
from sparring.core.errors import SettingsError
from sparring.exporting.web.page import make_page
from sparring.exporting.web.runtime import Runtime, find_runtime
from support.browser import Browser, chromium, needs_chromium
from support.cli import call
from support.exported_models import ExportedModel, Runs

PIXELS = """(() => {
  const canvas = document.getElementById("image");
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  return [canvas.height, canvas.width, Array.from(pixels)];
})()"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


def open_page(browser: Browser, page: Path) -> None:
    browser.open(page.as_uri())
    assert browser.wait("document.body && (document.body.dataset.ready || document.body.dataset.failed)").isdecimal(), browser.errors


def drawn(browser: Browser, change: str, said: str = "Drawn") -> torch.Tensor:
    """The image after a change of the controls, (channels, height, width), levels from 0 to 255."""
    browser.run(f"document.getElementById('status').textContent = ''; {change}")
    browser.wait(f"document.getElementById('status').textContent.startsWith('{said}')")
    height, width, pixels = browser.run(PIXELS)
    return torch.tensor(pixels).view(height, width, 4).permute(2, 0, 1)[:3]


def set_control(label: str, value: float | str) -> str:
    """Code that moves a control as a person does."""
    return f"""
    {{ const row = [...document.querySelectorAll("label")].find((each) => each.firstChild.textContent === {json.dumps(label)});
      const control = row.querySelector("input, select");
      control.value = {json.dumps(value)};
      control.dispatchEvent(new Event("input", {{ bubbles: true }})); }}"""


def levels(images: torch.Tensor) -> torch.Tensor:
    return ((images[0].clamp(-1, 1) + 1) * 127.5).round()


@needs_chromium
def test_a_seed_in_the_page_is_that_of_the_command_line(browser: Browser, classy: ExportedModel) -> None:
    open_page(browser, classy.page)
    model = classy.model
    for seed in (0, 11, 4_000_000_001):
        image = drawn(browser, set_control("Seed", seed))
        assert (image - levels(model.sample(1, seed=seed))).abs().max() <= 1
    other = drawn(browser, set_control("Class", "2"))
    assert (other - levels(model.sample(1, seed=4_000_000_001, label=2))).abs().max() <= 1
    nearer = drawn(browser, set_control("Truncation", 0.5))
    assert (nearer - levels(model.sample(1, seed=4_000_000_001, label=2, truncation=0.5))).abs().max() <= 1
    asked = [each["params"]["request"]["url"] for each in browser.events if each.get("method") == "Network.requestWillBeSent"]
    assert asked
    assert all(address.startswith(("file:", "data:", "blob:")) for address in asked), "it needs no network"


@needs_chromium
def test_styles_are_moved_and_mixed(browser: Browser, styled: ExportedModel) -> None:
    open_page(browser, styled.page)
    model = styled.model
    generator = model.generator
    assert generator is not None
    one, other = (generator.map(model.latent_game.chunk_of_latents(seed, 0)[:1], torch.eye(3)[seed % 3][None]) for seed in (5, 6))
    with torch.no_grad():
        alone, mixed = (generator.synthesize(w).clamp(-1, 1) for w in (one, torch.cat([one[:, :2], other[:, 2:]], dim=1)))
    assert (drawn(browser, set_control("Seed", 5)) - levels(alone)).abs().max() <= 1
    found = drawn(browser, set_control("Other seed", 6) + set_control("From layer", 2))
    assert (found - levels(mixed)).abs().max() <= 1
    assert (found - levels(alone)).abs().max() > 1
    moved = drawn(browser, set_control("Direction 1", 3))
    assert (moved - found).abs().max() > 1


@needs_chromium
def test_images_are_dropped_and_drawn(browser: Browser, painter: ExportedModel) -> None:
    open_page(browser, painter.page)
    model = painter.model
    pixels = np.random.default_rng(0).integers(0, 256, (32, 48, 3), np.uint8)
    rgba = np.concatenate([pixels, np.full((32, 48, 1), 255, np.uint8)], axis=2).ravel().tolist()
    drop = f"""
    {{ const canvas = new OffscreenCanvas(48, 32);
      canvas.getContext("2d").putImageData(new ImageData(new Uint8ClampedArray({rgba}), 48, 32), 0, 0);
      canvas.convertToBlob().then((blob) => {{
        const data = new DataTransfer();
        data.items.add(new File([blob], "a.png", {{ type: "image/png" }}));
        document.dispatchEvent(new DragEvent("drop", {{ dataTransfer: data }}));
      }}); }}"""
    found = drawn(browser, drop, "Translated")
    images = torch.from_numpy(pixels).permute(2, 0, 1)[None] / 127.5 - 1
    assert (found - levels(model.translate(images))).abs().max() <= 1

    blank = drawn(browser, "[...document.querySelectorAll('button')].find((each) => each.textContent === 'Clear').click()", "Translated")
    place = browser.run("(({ x, y }) => [x, y])(document.getElementById('board').getBoundingClientRect())")
    browser.run("document.getElementById('status').textContent = ''")
    for kind, by in (("mousePressed", 20), ("mouseMoved", 90), ("mouseReleased", 90)):
        browser.call("Input.dispatchMouseEvent", type=kind, x=place[0] + by, y=place[1] + by, button="left", buttons=1, clickCount=1)
    browser.wait("document.getElementById('status').textContent.startsWith('Translated')")
    sketch = drawn(browser, "", "")
    assert (sketch - blank).abs().max() > 1
    undone = drawn(browser, "[...document.querySelectorAll('button')].find((each) => each.textContent === 'Undo').click()", "Translated")
    assert torch.equal(undone, blank)


@needs_chromium
def test_a_file_that_is_no_image_is_refused(browser: Browser, painter: ExportedModel) -> None:
    open_page(browser, painter.page)
    drop = """
    { const data = new DataTransfer();
      data.items.add(new File(["<script>"], "a.png", { type: "image/png" }));
      document.dispatchEvent(new DragEvent("drop", { dataTransfer: data })); }"""
    browser.run(f"document.getElementById('status').textContent = ''; {drop}")
    assert "cannot be read" in browser.wait("document.getElementById('status').textContent")


def test_names_of_classes_cannot_leave_their_script(run_of: Runs) -> None:
    model = sparring.load(run_of("cgan"))
    evil = "</script><script>alert(1)</script>"
    model.game.spec = replace(model.spec, classes=(evil, "b", "c"))
    html = make_page(model, {"all": b""}, Runtime("1.30.0", b"", b""), license_of_weights=evil)
    assert "alert(1)" in html
    assert evil not in html


def test_what_a_page_needs_is_said(
    run_of: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run = run_of("tabular")
    assert call("export", run, "a.onnx", "--web", "page.html") == 1
    assert "npm install onnxruntime-web" in capsys.readouterr().err
    assert call("export", run, "a.onnx", "--web", "page.txt") == 1
    assert "page.html" in capsys.readouterr().err
    package = tmp_path / "node_modules" / "onnxruntime-web"
    (package / "dist").mkdir(parents=True)
    for about, problem in (
        ('{"name": "onnxruntime-web", "version": "1.2.0"}', "oldest"),
        ('{"name": "left-pad", "version": "1.20.0"}', "left-pad"),
        ('{"name": 3}', "cannot be read"),
        ('{"name": "onnxruntime-web", "version": "1.30.0"}', "No such file"),
    ):
        (package / "package.json").write_text(about)
        with pytest.raises(SettingsError, match=problem):
            find_runtime(None)
    for name in ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"):
        (package / "dist" / name).write_bytes(b"")
    assert find_runtime(tmp_path).version == "1.30.0"
    assert call("export", run, "a.onnx", "--web", "page.html") == 1
    assert "rows" in capsys.readouterr().err
    assert not (tmp_path / "a.onnx").exists()
