"""Pairs of pictures, or pictures of two kinds: two stores, and what of them goes together."""

import functools
import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Int64, UInt8

from sparring.core.batch import Batch, pixels_to_float
from sparring.core.errors import DataError, SettingsError, listed
from sparring.core.files import sha256_of_file
from sparring.core.settings import Ranges, range_problems, type_problems
from sparring.core.specs import PairSpec
from sparring.data.decode import PICTURE_ENDINGS, UnusableError, load
from sparring.data.embedded import STYLES
from sparring.data.making import MAKERS, Made
from sparring.data.preparation import Preparation
from sparring.data.records import Item, Source, key_of
from sparring.data.source import open_source
from sparring.data.store import NAMES, Store, prepare

Kind = Literal["paired", "unpaired", "style"]
Places = Int64[np.ndarray, " _"]
Channels = tuple[int, int]
"""Of inputs and of targets: 1, 3 or 4."""
LACKING = 0.5
"""Share of the pictures without a partner from which on two sets are no pairs."""
NAMED = 10
"""Of the pictures without a partner, where the others go on."""
MAKING = 1
"""Of the inputs that are made of pictures: another number and they are made again."""


@dataclass(frozen=True, kw_only=True)
class Pairing:
    """Which pictures go together, and as what."""

    ranges: ClassVar[Ranges] = {"held_out": {"at least": 0, "less than": 1}}

    target: str | None = None
    """Where the targets lie: as --data, or a single picture. Names that are the same (but for the ending) make pairs."""
    inputs: Made | Literal["given"] = "given"
    """What inputs are: given, or made of each picture, which is then the target: edges, scribble, grey, low-resolution, masked."""
    side_by_side: Literal["none", "left", "right"] = "none"
    """Each picture holds both halves of a pair, and the input is on this side."""
    held_out: float = 0.1
    """Share of the pictures that are not trained on, to show and judge by."""
    subject_until: str | None = None
    """Names are of one subject up to this text; all of its pictures are held out together. None: "-" for emoji, else the whole name."""
    twins: bool | None = None
    """Two sets without pairs show the same subjects, under the same names: each is trained on in one set alone, and judged by its twin.
    None: so it is for emoji."""

    def problems(self) -> list[str]:
        """All that is wrong with it, in a sentence each."""
        found = type_problems(self) or range_problems(self, self.ranges)
        ways = [self.target is not None, self.inputs != "given", self.side_by_side != "none"]
        if sum(ways) > 1:
            found.append("target, inputs and side_by_side each say where pairs come from: give one of them.")
        return found


@dataclass(frozen=True, eq=False)
class Pairs:
    """Inputs and targets that a translator is trained on, and those that are held out. What the trainer asks of a store."""

    inputs: Store
    targets: Store
    spec: PairSpec
    places: tuple[Places, Places]
    """Which inputs and which targets are trained on; of pairs, the i-th go together."""
    held_out: tuple[Places, Places]
    """Which are not; where twins are known, the i-th go together."""
    twins: bool
    """Whether it is known what each held-out input should become."""
    notes: tuple[str, ...] = ()
    """What was decided, and what has no partner, in whole sentences."""
    labels: None = None

    @property
    def counts(self) -> tuple[int, ...]:
        """One for pairs; else one for each kind."""
        return (len(self),) if self.spec.paired else (len(self.places[0]), len(self.places[1]))

    @functools.cached_property
    def fingerprint(self) -> str:
        """SHA-256 of both stores and of what goes together."""
        parts = [self.inputs.fingerprint.encode(), self.targets.fingerprint.encode(), str(self.spec).encode()]
        return hashlib.sha256(b"\0".join([*parts, *(places.tobytes() for places in (*self.places, *self.held_out))])).hexdigest()

    def __len__(self) -> int:
        return len(self.places[0])

    def batch(self, indices: Int64[np.ndarray, "n ..."]) -> Batch:
        """Pairs, or (with a column for each kind) an input and a target that have nothing to do with each other."""
        a, b = (indices, indices) if indices.ndim == 1 else indices.T
        return self._of(self.places[0][a], self.places[1][b])

    def shown(self, most: int) -> Batch:
        """So many held-out inputs and targets, from all of them (pairs and twins go together); trained ones where none are held out."""
        (whole,) = self.shown_in_pieces(most, most)
        return whole

    def shown_in_pieces(self, most: int, size: int) -> Iterator[Batch]:
        """The same, `size` at a time."""
        first, second = self.held_out if min(map(len, self.held_out)) else self.places
        count = min(len(first), len(second))
        some = np.linspace(0, count - 1, min(most, count)).astype(np.int64)
        for start in range(0, len(some), size):
            yield self._of(*(places[some[start : start + size]] for places in (first, second)))

    def reversed(self) -> "Pairs":
        """The same, with inputs and targets in each other's place."""
        spec = replace(self.spec, channels=self.spec.input_channels, input_channels=self.spec.channels)
        return replace(self, inputs=self.targets, targets=self.inputs, spec=spec, places=self.places[::-1], held_out=self.held_out[::-1])

    def _of(self, inputs: Places, targets: Places) -> Batch:
        pictures = (pixels_to_float(torch.from_numpy(store.pixels.view(np.ndarray)[at])) for store, at in self._sides(inputs, targets))
        inputs_there, targets_there = pictures
        return Batch(targets_there, inputs=inputs_there)

    def _sides(self, inputs: Places, targets: Places) -> tuple[tuple[Store, Places], tuple[Store, Places]]:
        return (self.inputs, inputs), (self.targets, targets)

    def lines(self) -> list[str]:
        """For the terminal."""
        stores = [self.targets] if self.inputs is self.targets else [self.inputs, self.targets]
        return [*(line for store in stores for line in store.report.lines()), *self.notes]


def open_pairs(data: str, pairing: Pairing, preparation: Preparation, kind: Kind, *, progress: bool = False) -> Pairs:
    """Prepare both sides and find what goes together. `preparation` has a size. A DataError lists what has no partner, if that is too
    much.
    """
    _refuse(pairing)
    inputs, targets = _stores(data, pairing, preparation, None, progress)
    until = ("-" if data.startswith("emoji") and data in STYLES else "") if pairing.subject_until is None else pairing.subject_until
    stems = [_stems(store.names) for store in (inputs, targets)]
    shared = sorted(set(stems[0]) & set(stems[1]))
    if kind == "paired":
        return _paired(inputs, targets, stems, shared, until, pairing)
    twins = _are_emoji(data, pairing) if pairing.twins is None else pairing.twins
    spec = _spec(inputs, targets, paired=False)
    if kind == "style" or not twins:
        rest, held = zip(*(_split(stem, until, pairing.held_out) for stem in stems), strict=True)
        if kind == "style":  # every picture of the style counts
            rest, held = (rest[0], np.arange(len(targets))), (held[0], np.arange(len(held[0])) % len(targets))
        return Pairs(inputs, targets, spec, rest, held, twins=False)
    return _apart(inputs, targets, stems, shared, until, pairing.held_out, spec)


def open_to_judge(
    data: str, pairing: Pairing, preparation: Preparation, channels: Channels, *, paired: bool, progress: bool = False
) -> Pairs:
    """Pairs, or two sets, that nothing was trained on: all are held out. `preparation` has a size.

    `paired`: whether what is to be judged has learnt from pairs. Then two sets are pairs by their names; else they are two sets of which
    (`pairing.twins`, or emoji) those of the same names are pairs, too. A DataError lists what has no partner, if that is too much.
    """
    _refuse(pairing)
    inputs, targets = _stores(data, pairing, preparation, channels, progress)
    stems = [_stems(store.names) for store in (inputs, targets)]
    shared = sorted(set(stems[0]) & set(stems[1]))
    every = np.arange(len(inputs)), np.arange(len(targets))
    twins = (paired or _are_emoji(data, pairing)) if pairing.twins is None else pairing.twins
    if pairing.target is not None and not twins:
        none = every[0][:0], every[1][:0]
        return Pairs(inputs, targets, _spec(inputs, targets, paired=False), every, none, twins=False)
    try:
        pairs = _paired(inputs, targets, stems, shared, "", replace(pairing, held_out=0.0))
    except DataError as problem:
        if pairing.target is None:
            raise
        raise DataError(f"{problem}\nIf they are two sets, not pairs, say --no-twins.") from None
    return replace(pairs, spec=replace(pairs.spec, paired=paired), places=pairs.places if paired else every, held_out=pairs.places)


def _are_emoji(data: str, pairing: Pairing) -> bool:
    """Whether both sets are embedded ones of the same subjects."""
    return all(place is not None and place.startswith("emoji") and place in STYLES for place in (data, pairing.target))


def _refuse(pairing: Pairing) -> None:
    if problems := pairing.problems():
        raise SettingsError(listed("These settings cannot be used:", problems))
    if pairing.target is None and pairing.inputs == "given" and pairing.side_by_side == "none":
        raise SettingsError(
            "Pictures are made of pictures here. Give --target (a second set), --inputs (what to make of each picture) or --side-by-side."
        )


def _stores(data: str, pairing: Pairing, preparation: Preparation, channels: Channels | None, progress: bool) -> tuple[Store, Store]:
    source, (of_inputs, of_targets) = open_source(data), channels or (preparation.channels, preparation.channels)
    for_inputs, for_targets = (replace(preparation, channels=each) for each in (of_inputs, of_targets))
    if pairing.target is not None:
        return prepare(source, for_inputs, progress=progress), prepare(open_target(pairing.target), for_targets, progress=progress)
    if pairing.inputs == "given":
        sides = (0, 1) if pairing.side_by_side == "left" else (1, 0)
        inputs, targets = (
            prepare(_half(source, side), each, progress=progress) for side, each in zip(sides, (for_inputs, for_targets), strict=True)
        )
        return inputs, targets
    targets = prepare(source, for_targets, progress=progress)
    make = MAKERS[pairing.inputs]
    made = Source(
        f"{pairing.inputs} of {data}",
        [Item(name) for name in targets.names],
        lambda index: make(np.asarray(targets.pixels[index]), index),
        key_of("made", MAKING, pairing.inputs, targets.fingerprint, sha256_of_file(targets.folder / NAMES)),
        native_size=(targets.spec.height, targets.spec.width),
    )
    alike = replace(Preparation(size=targets.spec.height), channels=of_inputs if channels else None)
    return prepare(made, alike, progress=progress), targets


def open_target(place: str) -> Source:
    """What `open_source` opens, or a single picture."""
    path = Path(place).expanduser()
    if path.suffix.lower() in PICTURE_ENDINGS and path.is_file():
        status = path.stat()
        key = key_of("picture", str(path.resolve()), status.st_size, status.st_mtime_ns)
        return Source(place, [Item(path.name)], lambda _: path.read_bytes(), key)
    return open_source(place)


def _half(source: Source, side: int) -> Source:
    def read(index: int) -> UInt8[np.ndarray, "h w c"]:
        pixels = np.asarray(load(source.read(index)).image)
        pixels = pixels[:, :, None] if pixels.ndim == 2 else pixels
        width = pixels.shape[1]
        if width % 2:
            raise UnusableError(f"{width} pixels wide: two pictures side by side have an even width")
        half = pixels[:, side * width // 2 : (side + 1) * width // 2]
        return half if half.shape[2] != 2 else np.concatenate([half[:, :, :1].repeat(3, axis=2), half[:, :, 1:]], axis=2)

    native = source.native_size and (source.native_size[0], source.native_size[1] // 2)
    return replace(source, read=read, key=key_of("half", side, source.key), native_size=native, classes=())


def _stems(names: Sequence[str]) -> list[str]:
    """Names without a picture's ending, and without the folders that all of them lie in."""
    top = os.path.commonpath([PurePosixPath(name).parent for name in names]) if names else ""
    bare = [PurePosixPath(name).relative_to(top) if top else PurePosixPath(name) for name in names]
    return [str(name.with_suffix("") if name.suffix.lower() in PICTURE_ENDINGS else name) for name in bare]


def _spec(inputs: Store, targets: Store, *, paired: bool) -> PairSpec:
    a, b = inputs.spec, targets.spec
    return PairSpec(b.height, b.width, b.channels, (), a.channels, paired)


def _by_chance(subjects: Sequence[str]) -> list[str]:
    """The subjects there are, in an order that has nothing to do with their names."""
    return sorted(set(subjects), key=lambda subject: hashlib.blake2b(subject.encode(), digest_size=8).digest())


def _subjects(stems: Sequence[str], until: str) -> list[str]:
    return [stem.partition(until)[0] if until else stem for stem in stems]


def _held_out(subjects: Sequence[str], share: float) -> set[str]:
    """Subjects that are not trained on: a share, but one at least and not all."""
    order = _by_chance(subjects)
    count = min(len(order) - 1, max(1, round(share * len(order)))) if share else 0
    return set(order[:count])


def _split(stems: Sequence[str], until: str, share: float) -> tuple[Places, Places]:
    subjects = _subjects(stems, until)
    held = _held_out(subjects, share)
    out = np.array([subject in held for subject in subjects])
    return np.flatnonzero(~out), np.flatnonzero(out)


def _paired(inputs: Store, targets: Store, stems: list[list[str]], shared: list[str], until: str, pairing: Pairing) -> Pairs:
    together = set(shared)
    lacking = [
        f"{name}: no {other} of that name"
        for names, stem, other in ((inputs.names, stems[0], "target"), (targets.names, stems[1], "input"))
        for name, one in zip(names, stem, strict=True)
        if one not in together
    ]
    doubled = [f"{stem}: several files of that name" for one in stems for stem, count in Counter(one).items() if count > 1]
    if not shared or doubled or len(lacking) > LACKING * (len(inputs) + len(targets)):
        heading = (
            f"Pairs are pictures of the same name (but for the ending). {len(shared)} have a partner, and these are in the way. "
            "Add, rename or remove files:"
        )
        raise DataError(listed(heading, doubled + lacking))
    counted = "1 picture has no partner and is" if len(lacking) == 1 else f"{len(lacking)} pictures have no partner and are"
    notes = [listed(f"{counted} not used:", lacking, most=NAMED)] if lacking else []
    rest, held = _split(shared, until, pairing.held_out)
    first, second = ({stem: place for place, stem in enumerate(one)} for one in stems)
    both = [tuple(np.array([where[shared[i]] for i in chosen], np.int64) for where in (first, second)) for chosen in (rest, held)]
    return Pairs(inputs, targets, _spec(inputs, targets, paired=True), both[0], both[1], twins=True, notes=tuple(notes))  # pyright: ignore[reportArgumentType] (two each)


def _apart(inputs: Store, targets: Store, stems: list[list[str]], shared: list[str], until: str, share: float, spec: PairSpec) -> Pairs:
    """Two sets of the same subjects: no picture that is trained on has a twin that is."""
    subjects = [_subjects(one, until) for one in stems]
    held = _held_out(_subjects(shared, until), share)
    both = set(subjects[0]) & set(subjects[1])
    trained = [subject for subject in _by_chance(list(both)) if subject not in held]
    sides = (set(subjects[0]) - both) | set(trained[::2]), (set(subjects[1]) - both) | set(trained[1::2])
    rest = tuple(
        np.array([place for place, subject in enumerate(one) if subject in side], np.int64)
        for one, side in zip(subjects, sides, strict=True)
    )
    if not min(map(len, rest)):
        raise DataError(
            "The two sets show the same few subjects, so none is left for one of the sets. Give more pictures, or --no-twins "
            "if pictures of the same name have nothing to do with each other."
        )
    where = [{stem: place for place, stem in enumerate(one)} for one in stems]
    out = [stem for stem in shared if stem.partition(until)[0] in held] if until else [stem for stem in shared if stem in held]
    kept = tuple(np.array([one[stem] for stem in out], np.int64) for one in where)
    note = f"The two sets show the same subjects: each is in one of them alone, {len(rest[0])} inputs and {len(rest[1])} targets."
    return Pairs(inputs, targets, spec, rest, kept, twins=True, notes=(note,))  # pyright: ignore[reportArgumentType] (two each)
