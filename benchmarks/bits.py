"""Digests of what 50 steps of seven recipes give, to tell whether a change of the code changed a number.

    python benchmarks/bits.py before.json         # on the old code
    python benchmarks/bits.py after.json --beside before.json

Of each run: the tensors of its last checkpoint, the numbers in its log, samples of the model, and its scores. Names are left out: a
renamed tensor, signal or score is the same, a number that differs in its last bit is not. Both runs need the same machine. Scores are
compared to six digits: the matrix products behind a Fréchet distance and its error differ from process to process in the eighth."""

import argparse
import hashlib
import json
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

STEPS = 50
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "dcgan": ("squares", {"batch_size": 32, "width": 16}),
    "cgan": ("squares", {"batch_size": 32, "width": 16}),
    "stylegan2": ("emoji:google", {"batch_size": 16, "channel_max": 16, "latent_size": 32, "style_size": 32, "size": 32, "augment": "ada"}),
    "progan": ("squares", {"batch_size": 16, "channel_max": 16, "stable_samples": 200, "fading_samples": 200}),
    "cyclegan": ("emoji:google", {"target": "emoji:twitter", "size": 32, "batch_size": 2, "width": 8, "blocks": 2}),
    "pix2pix": ("emoji:google", {"target": "emoji:twitter", "size": 32, "batch_size": 4, "width": 8}),
}


def write_squares(path: Path) -> Path:
    """400 gray 32x32 images in two classes: bright squares on black, and dark ones on white."""
    random = np.random.default_rng(0)
    images, labels = np.zeros((400, 32, 32, 1), np.uint8), np.arange(400) % 2
    for image, label in zip(images, labels, strict=True):
        top, left = random.integers(0, 16, 2)
        image[top : top + 16, left : left + 16] = random.integers(150, 256)
        image[:] = 255 - image if label else image
    np.savez(path, images=images, labels=labels)
    return path


def digest(values: Iterable[bytes]) -> str:
    return hashlib.sha256(b"".join(sorted(hashlib.sha256(value).digest() for value in values))).hexdigest()[:16]


def numbers(value: object, digits: int = 17) -> list[bytes]:
    if isinstance(value, dict):
        return [number for each in value.values() for number in numbers(each, digits)]
    if isinstance(value, list):
        return [number for each in value for number in numbers(each, digits)]
    return [f"{value:.{digits}g}".encode()] if isinstance(value, int | float) and not isinstance(value, bool) else []


def of_run(folder: Path) -> dict[str, str]:
    newest = sorted((folder / "checkpoints").glob("*.safetensors"), key=lambda path: int(path.stem.rpartition("-")[2]))[-1]
    tensors = load_file(newest)
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return {
        "tensors": digest(str(array.shape).encode() + array.tobytes() for name, array in tensors.items() if not name.startswith("log/")),
        "log": digest(b"%d" % place + digest(numbers(line)).encode() for place, line in enumerate(log)),
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("out", type=Path)
    arguments.add_argument("--beside", type=Path)
    asked = arguments.parse_args()
    import torch

    import sparring

    torch.set_num_threads(2)
    found: dict[str, dict[str, str]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        squares = write_squares(Path(scratch) / "squares.npz")
        for name, (named, settings) in CASES.items():
            data = squares if named == "squares" else named
            run = Path(scratch) / name
            model = sparring.train(name, data, run, steps=STEPS, log_every=10, seed=5, samples=16, threads=2, **settings)
            found[name] = of_run(run)
            if "target" in settings:
                images = torch.linspace(-1, 1, 2 * 3 * 32 * 32).reshape(2, 3, 32, 32)
                found[name]["samples"] = digest([model.translate(images).cpu().numpy().tobytes()])
                scores = sparring.judge_translations(model).to_json()
            else:
                found[name]["samples"] = digest([model.sample(20, seed=3).cpu().numpy().tobytes()])
                scores = sparring.judge(model, samples=200, out=Path(scratch) / f"{name}-report").to_json()
            found[name]["scores"] = digest(numbers({"scores": scores["scores"]}, digits=6))
            print(name, found[name], flush=True)
        outcome = sparring.playground("gan", data="ring8", run=Path(scratch) / "gan", steps=STEPS, seed=5)
        log = [json.loads(line) for line in (Path(scratch) / "gan" / "log.jsonl").read_text().splitlines()]
        found["gan on ring8"] = {
            "log": digest(b"%d" % place + digest(numbers(line)).encode() for place, line in enumerate(log)),
            "samples": digest([np.asarray(outcome.samples).tobytes()]),
        }
        print("gan on ring8", found["gan on ring8"], flush=True)
    asked.out.write_text(json.dumps(found, indent=1) + "\n")
    if asked.beside is not None:
        before = json.loads(asked.beside.read_text())
        differing = [f"{name}: {what}" for name in found for what in found[name] if before.get(name, {}).get(what) != found[name][what]]
        print("The same to the bit." if not differing else f"Different: {', '.join(differing)}")


if __name__ == "__main__":
    main()
