"""The command line, and the Python, that write the same file as the page shows, to the byte."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sparring.core.formatting import flags
from sparring.latent.steering import Steering
from sparring.studio.open_models import OpenModel
from sparring.studio.places import Place


@dataclass(frozen=True)
class SameFile:
    """How else to come by a file. "" where there is no such way."""

    command: str
    python: str

    def to_json(self) -> dict[str, str]:
        """Both texts."""
        return {"command": self.command, "python": self.python}


def _command(verb: str, opened: OpenModel, settings: Mapping[str, Any], files: Sequence[str] = ()) -> str:
    checkpoint = {"checkpoint": opened.checkpoint}
    return " ".join(["sparring", verb, opened.place.quoted, *map(shlex.quote, files), *flags({**settings, **checkpoint})])


def _load(opened: OpenModel) -> str:
    checkpoint = "" if opened.checkpoint is None else f", checkpoint={opened.checkpoint}"
    return f"sparring.load({str(opened.place.path)!r}{checkpoint})"


def steered(opened: OpenModel, steering: Steering, points: Place | None) -> SameFile:
    """Of images at a place in latent space."""
    own = {name: value for name, value in vars(steering).items() if value != getattr(Steering(), name)}
    if steering.to is None:
        own.pop("at", None)
    if not steering.move:
        own.pop("method", None)
        own.pop("layers", None)
    arguments = ", ".join(f"{name}={value!r}" for name, value in own.items())
    read = "" if points is None else f", points=read_points(Path({str(points.path)!r}))"
    moves = {"move": [f"{which}={distance!r}" for which, distance in steering.move.items()]} if steering.move else {}
    words = {**own, **moves, "points": None if points is None else points.path}
    imports = "" if points is None else "from pathlib import Path\n\n"
    reader = "" if points is None else "from sparring.latent.points import read_points\n"
    return SameFile(
        _command("latent steer", opened, {**words, "out": "image.png"}),
        f"{imports}import sparring\n{reader}from sparring.latent.steering import Steering, steer\n\n"
        f'images = steer({_load(opened)}, Steering({arguments}){read})\nsparring.save_images(images, "image.png")\n',
    )


def sampled(opened: OpenModel, number: int, seed: int, label: str | None, truncation: float | None) -> SameFile:
    """Of samples of a model without a latent space to move in."""
    chosen = {"seed": seed, "label": label, "truncation": truncation}
    arguments = "".join(f", {name}={value!r}" for name, value in chosen.items() if value is not None)
    return SameFile(
        _command("sample", opened, {"number": number, **chosen, "out": "image.png"}),
        f'import sparring\n\nimages = {_load(opened)}.sample({number}{arguments})\nsparring.save_images(images, "image.png")\n',
    )


def mixed(
    opened: OpenModel, coarse: Sequence[int | str], fine: Sequence[int], layer: int, label: str | None, points: Place | None
) -> SameFile:
    """Of a grid of mixed styles. `coarse`: seeds, or the images p0, p1 and so on of a file of points."""
    named = "" if label is None else f", label={label!r}"
    file = None if points is None else points.path
    rows = f"{tuple(coarse)}" if points is None else f"images_named({coarse!r}, read_points(Path({str(file)!r})))"
    imports = "" if points is None else "from pathlib import Path\n\n"
    reader = "" if points is None else "from sparring.latent.points import images_named, read_points\n"
    return SameFile(
        _command(
            "latent mix", opened, {"coarse": coarse, "fine": fine, "layer": layer, "label": label, "points": file, "out": "image.png"}
        ),
        f"{imports}import sparring\nfrom sparring.latent.mixing import style_mixing_grid\n{reader}\n"
        f"images = style_mixing_grid({_load(opened)}, {rows}, {tuple(fine)}, layer={layer}{named})\n"
        f'sparring.save_images(images.flatten(0, 1), "image.png", columns={len(fine) + 1})\n',
    )


def walked(opened: OpenModel, stops: Sequence[int | str], points: Place | None) -> str:
    """The command for a film of a walk from seed to seed, or from the images p0, p1 and so on of a file of points."""
    file = None if points is None else points.path
    return _command("interpolate", opened, {"seeds": stops, "points": file, "frames": 24, "out": "walk.gif"})


def lines(opened: OpenModel, number: int, seed: int, where: Sequence[str], *, frame: str) -> SameFile:
    """Of rows, order lines, patients or windows. `frame`: the call in Python, without its arguments; "" if there is none."""
    conditions = f", where={tuple(where)!r}" if where else ""
    call = f"import sparring\n\nframe = {_load(opened)}.{frame}({number}, seed={seed}{conditions})\n" if frame else ""
    return SameFile(_command("sample", opened, {"number": number, "seed": seed, "where": list(where) or None, "out": "lines.csv"}), call)


def texts(opened: OpenModel, settings: Mapping[str, Any]) -> SameFile:
    """Of texts."""
    number, rest = settings["number"], {name: value for name, value in settings.items() if name != "number" and value is not None}
    arguments = "".join(f", {name}={value!r}" for name, value in rest.items())
    return SameFile(
        _command("sample", opened, {**settings, "out": "texts.txt"}),
        f"import sparring\n\ntexts = {_load(opened)}.texts({number}{arguments})\n",
    )


def phrases(opened: OpenModel, number: int, seed: int) -> SameFile:
    """Of phrases of music."""
    return SameFile(
        _command("sample", opened, {"number": number, "seed": seed, "out": "songs.mid"}),
        f"import sparring\n\nsongs = {_load(opened)}.songs({number}, seed={seed})\n",
    )


def translated(opened: OpenModel, name: str, settings: Mapping[str, Any]) -> SameFile:
    """Of the translation of a file of that name."""
    words = {"as" if word == "made" else word: value for word, value in settings.items()}
    arguments = "".join(f", {word}={value!r}" for word, value in settings.items() if value is not None)
    return SameFile(
        _command("translate", opened, words, [name, "translation.png"]),
        f'import sparring\n\nsparring.translate({_load(opened)}, {name!r}, "translation.png"{arguments})\n',
    )
