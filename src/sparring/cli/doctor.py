"""`sparring doctor`: what to know before training."""

from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import arg

from sparring.core.console import console


def doctor(
    data: Annotated[str, arg(help="What to learn from: fashion10k, emoji, a folder, zip, IDX, .npy or .npz, torchvision:NAME, hf:NAME.")],
    size: int | None = None,
    channels: Literal[1, 3, 4] | None = None,
    crop: Literal["center", "squash", "pad"] | None = None,
    max_bad: float | None = None,
    target: str | None = None,
    inputs: Literal["given", "edges", "scribble", "gray", "low-resolution", "masked"] = "given",
    side_by_side: Literal["none", "left", "right"] = "none",
    minutes: float | None = None,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    threads: int = 0,
    json: Path | None = None,
) -> int:
    """Before training: what this data makes hard, the command to start with, and how long that takes on this machine.

    Args:
        size: Side in pixels of the square images. Default: the power of two that suits them, at most 64 (128 on a GPU).
        channels: 1 gray, 3 color, 4 color with alpha. Default: 1 if every image is stored as gray, else 3.
        crop: What becomes of images that are not square. Default: center.
        max_bad: Largest share of unusable images that is put up with, from 0 to 1. Default: 0.1.
        target: For translators: where the targets lie, as --data, or a single image of a style.
        inputs: For translators: what is made of each image to be its input; the image is the target.
        side_by_side: For translators: each image holds both halves of a pair, and the input is on this side.
        minutes: How long training is to last. Default: as long as a first look takes, but ten minutes at least.
        device: What is to compute.
        threads: CPU threads; 0: as many as there are cores.
        json: A file for all that is said, and for what was measured.
    """
    from sparring import api
    from sparring.core.files import write_json

    screen = console()
    preprocessing = {"size": size, "channels": channels, "crop": crop, "max_bad": max_bad}
    named = {name: value for name, value in preprocessing.items() if value is not None}
    pairing: dict[str, Any] = {"target": target, "inputs": inputs, "side_by_side": side_by_side}
    advice = api.doctor(data, minutes=minutes, device=device, threads=threads, console=screen, **pairing, **named)
    for line in advice.lines():
        screen.print(line)
    if json is not None:
        write_json(json, advice.to_json())
    return 0
