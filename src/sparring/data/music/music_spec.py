"""What one phrase is, as networks see it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

from sparring.core.data_spec import Spec


@dataclass(frozen=True)
class TrackSpec:
    """One track of all phrases."""

    name: str
    program: int = 0
    """General MIDI program, from 0, that it is written with."""
    drums: bool = False
    single: bool = True
    """Whether no two notes of it sound at once, in all of the data."""


@dataclass(frozen=True)
class MusicSpec(Spec):
    """Phrases of so many bars. A sample has two planes of steps by pitches for each track, of 1 (yes) and -1 (no): first of all tracks
    which pitches sound, then of all tracks which notes begin. So two notes of one pitch in a row are told from one that is held.
    """

    kind: ClassVar[str] = "music"

    tracks: tuple[TrackSpec, ...]
    bars: int
    bar_steps: int
    """Number of steps of a bar."""
    bar_quarters: float
    """Length of a bar in quarter notes."""
    lowest: int
    """Pitch of the first column (MIDI: 60 is middle C)."""
    pitches: int
    """Number of pitches."""
    tempo: float = 120.0
    """Quarter notes in a minute, with which phrases are written and heard."""
    key: Literal["own", "C"] = "own"
    """Whether songs were transposed to C major or A minor."""
    chords: bool = False
    """Whether the last track is of chords: in each bar a triad, or nothing."""
    chord_counts: tuple[tuple[int, ...], ...] = ()
    """Of data with chords, how often one follows the other in what is trained on: a row for each chord before (first: nothing, 12 major, 12
    minor), and a last row for those that phrases begin with."""
    classes: tuple[str, ...] = ()

    @property
    def steps(self) -> int:
        """Number of steps of a phrase."""
        return self.bars * self.bar_steps

    @property
    def shape(self) -> tuple[int, int, int]:
        """(2 * tracks, steps, pitches)."""
        return 2 * len(self.tracks), self.steps, self.pitches

    @property
    def steps_per_quarter(self) -> float:
        """Number of steps of a quarter note."""
        return self.bar_steps / self.bar_quarters

    @property
    def seconds(self) -> float:
        """How long a phrase lasts."""
        return self.bars * self.bar_quarters * 60 / self.tempo

    def track_number(self, name: str) -> int | None:
        """The number of the track of that name, whatever its case; None if there is none."""
        return next((number for number, each in enumerate(self.tracks) if each.name.casefold() == name.casefold()), None)

    def with_chord_counts(self, counts: Shaped[np.ndarray, "26 25"]) -> "MusicSpec":
        """The spec with how often chords follow each other."""
        return replace(self, chord_counts=tuple(map(tuple, counts.astype(int).tolist())))

    def to_json(self) -> dict[str, Any]:
        """See Spec."""
        return {"kind": self.kind, **asdict(self)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "MusicSpec":
        """The inverse of `to_json`. KeyError, TypeError or ValueError for what is no music."""
        tracks = tuple(
            TrackSpec(str(each["name"]), int(each["program"]), bool(each["drums"]), bool(each["single"])) for each in value["tracks"]
        )
        counts = tuple(tuple(map(int, row)) for row in value["chord_counts"])
        numbers: dict[str, Any] = {name: int(value[name]) for name in ("bars", "bar_steps", "lowest", "pitches")}
        spec = cls(
            tracks, bar_quarters=float(value["bar_quarters"]), tempo=float(value["tempo"]), key="C" if value["key"] == "C" else "own",
            chords=bool(value["chords"]), chord_counts=counts, **numbers,
        )  # fmt: skip
        within = spec.lowest >= 0 and spec.pitches >= 1 and spec.lowest + spec.pitches <= 128
        programs = all(0 <= each.program < 128 for each in tracks)
        if not tracks or not within or not programs or min(spec.bars, spec.bar_steps) < 1 or not 0 < spec.bar_quarters <= 64:
            raise ValueError("no music is like that")
        if not 0 < spec.tempo < 1e4 or (spec.chords and {len(row) for row in counts} - {25}):
            raise ValueError("no music is like that")
        return spec

    def __str__(self) -> str:
        names = ", ".join(each.name for each in self.tracks)
        return f"phrases of {self.bars} bars, {self.steps} steps, {self.pitches} pitches from {self.lowest}: {names}"


def rolls_of(samples: Float[Tensor, "n planes steps pitches"]) -> Bool[np.ndarray, "n planes steps pitches"]:
    """Samples as rolls of yes and no, in their one form: only notes that sound begin, and a note begins wherever a pitch sounds that did
    not before. Numbers above 0 are yes.
    """
    return canonical((samples.detach() > 0).cpu().numpy())


def canonical(rolls: Bool[np.ndarray, "n planes steps pitches"]) -> Bool[np.ndarray, "n planes steps pitches"]:
    """Rolls in their one form (see `rolls_of`)."""
    sounding, begins = np.split(rolls, 2, axis=1)
    before = np.zeros_like(sounding)
    before[:, :, 1:] = sounding[:, :, :-1]
    return np.concatenate([sounding, sounding & (begins | ~before)], axis=1)


def samples_of(rolls: Bool[np.ndarray, "n planes steps pitches"]) -> Float[Tensor, "n planes steps pitches"]:
    """Rolls of yes and no as samples, in channels-last memory."""
    found = torch.from_numpy(np.ascontiguousarray(rolls.astype(np.float32) * 2 - 1))
    return found.contiguous(memory_format=torch.channels_last)
