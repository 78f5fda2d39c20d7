"""What was named on the command line: runs, packed models, folders of both, and points of projected images, each by an opaque id.

The page knows ids alone: no client names a path.
"""

import hashlib
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sparring.core.errors import CheckpointError, listed
from sparring.core.file_kinds import kind_of, refusal
from sparring.inference.load import IMPORTED
from sparring.runs.run_directory import RunDirectory

POINTS = "points.npz"
"""The file of `sparring latent project`."""
MOST_PLACES = 500
"""Number of models that are listed."""
Kind = Literal["run", "model", "points"]


@dataclass(frozen=True)
class Place:
    """A run directory, a model, or a file of points."""

    path: Path
    """As it was named, or below a folder as that was named."""
    kind: Kind

    @property
    def id(self) -> str:
        """The same in every session, so that bookmarks stay, and nothing that leads back to the path."""
        return hashlib.sha256(f"sparring studio {self.path.resolve()}".encode(errors="surrogateescape")).hexdigest()[:12]

    @property
    def name(self) -> str:
        """For people: the last two parts of the path."""
        return (
            "/".join(self.path.parts[-2:]) if len(self.path.parts) > 1 and not self.path.is_absolute() else self.path.name or str(self.path)
        )

    @property
    def quoted(self) -> str:
        """The path as a word of a command line."""
        return shlex.quote(str(self.path))

    @property
    def run(self) -> RunDirectory:
        """The run directory, of a run."""
        return RunDirectory(self.path)


class Places:
    """What was named. Folders are looked through anew whenever they are asked for, so a run that begins later is found."""

    def __init__(self, named: Sequence[Path]) -> None:
        """A CheckpointError lists everything that is neither a run, a model, points, nor a folder with one of these in it."""
        self.named = tuple(named)
        self._known: dict[str, Place] = {}
        problems = [problem for path in named if (problem := _problem_of(path))]
        if problems:
            raise CheckpointError(problems[0] if len(problems) == 1 else listed("These cannot be shown:", problems))

    def all(self) -> list[Place]:
        """All models and runs, in the order in which they were named; in a folder by name."""
        found = [place for path in self.named for place in _places_at(path)]
        unique = {place.id: place for place in found[:MOST_PLACES]}
        self._known |= unique
        return list(unique.values())

    def models(self) -> list[Place]:
        """Those that are no points."""
        return [place for place in self.all() if place.kind != "points"]

    def points(self) -> list[Place]:
        """The files of points."""
        return [place for place in self.all() if place.kind == "points"]

    def find(self, name: object) -> Place | None:
        """The place with that id; also one that was there once, and was deleted since."""
        if name not in self._known:
            self.all()
        return self._known.get(name) if isinstance(name, str) else None


def _problem_of(path: Path) -> str | None:
    try:
        if not path.exists():
            return f"{path} does not exist. Give a run directory, a packed .safetensors file, or a folder with some of these."
        if next(_places_at(path), None) is not None:
            return None
        if path.is_dir() and kind_of(path).holds == "other":
            return f"{path} holds no run and no packed model. Train one with: sparring train dcgan --data fashion10k --minutes 5"
        return refusal(path, "a run directory, a packed model or a folder of these")
    except OSError as problem:
        return f"{path} cannot be read: {problem.strerror or problem}."


def _places_at(path: Path) -> Iterator[Place]:
    """What lies at a path: itself, or what lies in it."""
    own = _place_at(path)
    if own is not None:
        yield own
        return
    if not path.is_dir():
        return
    for inside in sorted(path.iterdir()):
        if not inside.name.startswith(".") and (found := _place_at(inside)) is not None:
            yield found


def _place_at(path: Path) -> Place | None:
    try:
        if path.name == POINTS and path.is_file():
            return Place(path, "points")
        if path.is_dir():
            if RunDirectory(path).exists() and kind_of(path).holds == "model":
                return Place(path, "run")
            if (path / IMPORTED).is_file():
                return Place(path, "model")
            return Place(path / POINTS, "points") if (path / POINTS).is_file() else None
        return Place(path, "model") if path.suffix == ".safetensors" and kind_of(path).holds == "model" else None
    except OSError:
        return None
