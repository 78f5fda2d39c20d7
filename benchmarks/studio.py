"""How soon the studio answers a slider, with 1, 4, 16 and 32 clients; whether its memory grows; beside Gradio.

    python benchmarks/studio.py [--seconds 10] [--soak 60] [--browser] [--gradio PYTHON] [--json FILE]

The model is StyleGAN2 at 64x64 with at most 64 channels (its weights do not matter for the time). Every client moves a slider twenty times
a second, as a hand does, and takes what comes. The time of a wish is from sending it to having its image; wishes that newer ones replaced
have none. `--browser`: moves of a slider in Chromium, from the event to the image that is drawn. `--gradio`: a Python with gradio and what
Sparring needs, in which the same model is served by a Gradio page, driven by the same browser. `--soak`: seconds of 32 clients over which
the server's memory is watched."""

import argparse
import asyncio
import json
import os
import re
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from websockets.asyncio.client import connect

import sparring
from sparring.data.images.image_spec import ImageSpec
from sparring.inference.model import Model
from sparring.recipes.stylegan2 import StyleGAN2

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from support.browser import chromium

TOKEN = "benchmark-of-the-studio"
RATE = 20.0
MOVES = 40
MODEL: list[str] = []
"""The id of the model, once it is known."""

GRADIO_PAGE = """
import sys
import gradio
import sparring
from sparring.latent.steering import Steering, steer, steering_directions
from sparring.media.pixel_range import float_to_pixels

model = sparring.load(sys.argv[1])
found = steering_directions(model, "principal")

def draw(distance):
    return float_to_pixels(steer(model, Steering(move={0: distance}, method="principal"), directions=found)).numpy()[0]

with gradio.Blocks() as page:
    slider, image = gradio.Slider(-5, 5, step=0.05, label="way"), gradio.Image(format="png")
    slider.input(draw, slider, image, show_progress="hidden", trigger_mode="always_last")
page.launch(server_name="127.0.0.1", server_port=int(sys.argv[2]), quiet=True)
"""

DRAG = """(async () => {
  const slider = (%s), image = () => (%s);
  const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set;
  const move = (value) => { set.call(slider, value); slider.dispatchEvent(new Event('input', { bubbles: true })); };
  const frame = () => new Promise((done) => setTimeout(done, 1));
  const changed = async (before, until) => {
    while (performance.now() < until) {
      const now = image();
      if (now && now.src !== before && now.complete && now.naturalWidth) return true;
      await frame();
    }
    return false;
  };
  const times = [];
  for (let at = 0; at < %d + 5; at += 1) {
    const before = image()?.src, began = performance.now();
    move(-4 + (at %% 40) * 0.2 + Math.random() * 0.1);
    if (await changed(before, began + 5000) && at >= 5) times.push(performance.now() - began);
    await new Promise((done) => setTimeout(done, 50));
  }
  const seen = new Set();
  let watching = true;
  (async () => { while (watching) { const now = image(); if (now?.complete) seen.add(now.src); await frame(); } })();
  await new Promise((done) => setTimeout(done, 300));
  seen.clear();
  for (let at = 0; at < %d; at += 1) { move(4 - at * 0.2 - Math.random() * 0.1); await new Promise((done) => setTimeout(done, 50)); }
  await new Promise((done) => setTimeout(done, 1000));
  watching = false;
  return { times, seen: seen.size };
})()"""


def packed(folder: Path) -> Path:
    """The model, in a file."""
    torch.manual_seed(0)
    recipe = StyleGAN2(channel_max=64, latent_size=64, style_size=64)
    game = recipe.build(ImageSpec(64, 64, 3, ())).requires_grad_(False).eval()
    return sparring.pack(Model(game, recipe, folder), folder / "model.safetensors")


def started(model: Path) -> tuple[subprocess.Popen[str], str]:
    """The studio in a process of its own, and its address."""
    command = [sys.executable, "-m", "sparring", "studio", str(model), "--port", "0", "--token", TOKEN]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    assert process.stdout is not None
    address = re.search(r"http://([\d.:]+)/", process.stdout.readline())
    assert address is not None
    return process, address[1]


def message(values: dict[str, Any]) -> bytes:
    head = json.dumps(values).encode()
    return struct.pack(">I", len(head)) + head


async def client(address: str, number: int, seconds: float, times: list[float], counts: list[int], all_there: asyncio.Barrier) -> None:
    """One who moves a slider, once everybody is there."""
    headers = {"Authorization": f"Bearer {TOKEN}", "Origin": f"http://{address}"}
    async with connect(f"ws://{address}/live", additional_headers=headers, proxy=None, compression=None) as socket:
        await socket.send(message({"id": 0, "lane": "open", "model": MODEL[0]}))
        await socket.recv()
        await socket.send(message({"id": 0, "lane": "steer", "model": MODEL[0], "move": {"0": 1}, "method": "principal"}))
        await socket.recv()
        await all_there.wait()
        await asyncio.sleep(number / RATE / 32)
        sent: dict[int, float] = {}

        async def take() -> None:
            while True:
                data = await socket.recv()
                assert isinstance(data, bytes)
                (length,) = struct.unpack_from(">I", data)
                about = json.loads(data[4 : 4 + length])
                assert "error" not in about, about
                times.append(time.perf_counter() - sent[about["id"]])

        taking = asyncio.create_task(take())
        until, at = time.perf_counter() + seconds, 0
        while time.perf_counter() < until:
            at += 1
            sent[at] = time.perf_counter()
            wish = {
                "id": at,
                "lane": "steer",
                "model": MODEL[0],
                "seed": number,
                "move": {"0": at % 80 / 20 - 2},
                "method": "principal",
            }
            await socket.send(message(wish))
            await asyncio.sleep(1 / RATE)
        counts.append(at)
        await asyncio.sleep(0.5)
        taking.cancel()


def measured(address: str, clients: int, seconds: float) -> dict[str, float]:
    """Times of so many clients at once."""
    times: list[float] = []
    counts: list[int] = []

    async def all_of_them() -> None:
        all_there = asyncio.Barrier(clients)
        await asyncio.gather(*(client(address, number, seconds, times, counts, all_there) for number in range(clients)))

    asyncio.run(all_of_them())
    p50, p95 = np.quantile(times, (0.5, 0.95)) * 1000
    return {"clients": clients, "p50": p50, "p95": p95, "images_per_second": len(times) / seconds, "answered": len(times) / sum(counts)}


def in_browser(address: str, slider: str, image: str, ready: str) -> dict[str, float]:
    """Times of single moves in Chromium, and how many of 40 moves of a drag are seen."""
    with chromium() as page:
        page.size(1200, 900)
        page.open(address)
        page.wait(ready, 180)
        time.sleep(2)
        found = page.run(DRAG % (slider, image, MOVES, MOVES))
    times = np.array(found["times"])
    return {
        "p50": float(np.quantile(times, 0.5)),
        "p95": float(np.quantile(times, 0.95)),
        "worst": float(times.max()),
        "moves": len(times),
        "seen": found["seen"],
    }


def beside_gradio(python: str, model: Path, folder: Path) -> dict[str, float]:
    """The same model behind a Gradio page."""
    program, port = folder / "page.py", 8093
    program.write_text(GRADIO_PAGE)
    environment = {**os.environ, "GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1"}
    process = subprocess.Popen([python, str(program), str(model), str(port)], env=environment)
    try:
        slider = "document.querySelector('input[type=range]')"
        image = "document.querySelector('[data-testid=image] img, .image-frame img, img[src*=file]')"
        return in_browser(f"http://127.0.0.1:{port}/", slider, image, f"!!{slider}")
    finally:
        process.terminate()
        process.wait(20)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--soak", type=float, default=60)
    parser.add_argument("--browser", action="store_true")
    parser.add_argument("--gradio")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = packed(folder)
        process, address = started(model)
        server = psutil.Process(process.pid)
        try:
            MODEL.append(_id_of(address))
            found["alone"] = _alone(model)
            print(f"one image, in Python: {found['alone']:.1f} ms")
            found["latency"] = []
            for clients in (1, 4, 16, 32):
                row = measured(address, clients, chosen.seconds)
                found["latency"].append(row)
                print(
                    f"{clients:3} clients: p50 {row['p50']:6.1f} ms, p95 {row['p95']:6.1f} ms, {row['images_per_second']:5.0f} images/s, "
                    f"{row['answered']:.0%} of the moves shown"
                )
            before = server.memory_info().rss
            soak = measured(address, 32, chosen.soak)
            after = server.memory_info().rss
            found["soak"] = {**soak, "seconds": chosen.soak, "mib_before": before / 2**20, "mib_after": after / 2**20}
            memory = f"memory {before / 2**20:.0f} MiB, then {after / 2**20:.0f} MiB"
            print(f"soak, 32 clients, {chosen.soak:.0f} s: p95 {soak['p95']:.0f} ms; {memory}")
            if chosen.browser:
                found["browser"] = in_browser(
                    f"http://{address}/?token={TOKEN}#{MODEL[0]}/steer",
                    "[...document.querySelectorAll('.field input[type=range]')].at(-1)",
                    "document.querySelector('.view img')",
                    "document.querySelectorAll('.field input[type=range]').length >= 10",
                )
                print("in Chromium:", found["browser"])
        finally:
            process.terminate()
            process.wait(20)
        if chosen.gradio:
            found["gradio"] = beside_gradio(chosen.gradio, model, folder)
            print("Gradio in Chromium:", found["gradio"])
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=1))


def _id_of(address: str) -> str:
    import urllib.request

    wish = urllib.request.Request(f"http://{address}/api/models", headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(wish) as answer:
        return json.load(answer)["models"][0]["id"]


def _alone(path: Path) -> float:
    """Milliseconds for one image without any server."""
    from sparring.latent.steering import Steering, steer, steering_directions

    model = sparring.load(path)
    directions = steering_directions(model, "principal")
    times = []
    for at in range(40):
        began = time.perf_counter()
        steer(model, Steering(move={0: at / 20}, method="principal"), directions=directions)
        times.append(1000 * (time.perf_counter() - began))
    return statistics.median(times)


if __name__ == "__main__":
    main()
