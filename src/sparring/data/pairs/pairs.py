"""Pairs of images, or two sets of images: two stores, and which of their images belong together."""

import functools
import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Int64

from sparring.core.errors import DataError, SettingsError, listed
from sparring.data.images.bundled import BUNDLED_SETS
from sparring.data.pairs.alignment import alignment_warnings, check_pair_shapes, check_pair_sizes
from sparring.data.pairs.open_sides import Channels, Side, native_size, open_sides
from sparring.data.pairs.pair_spec import PairBatch, PairSpec
from sparring.data.pairs.pairing import Pairing, check_pairing
from sparring.data.preprocessing import Preprocessing
from sparring.data.store import Store
from sparring.media.pixel_range import pixels_to_float

__all__ = ["Channels", "Pairing", "Pairs", "native_size", "open_pairs", "open_pairs_for_judging"]

Kind = Literal["paired", "unpaired", "style"]
Indices = Int64[np.ndarray, " _"]
MAX_UNPAIRED_SHARE = 0.5
"""Largest share of images without a partner: beyond it, two sets do not count as pairs."""
MAX_NAMED = 10
"""Largest number of images without a partner that a note names."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """Training and held-out inputs and targets of a translator, with the interface that training needs."""

    inputs: Store
    targets: Store
    spec: PairSpec
    training_indices: tuple[Indices, Indices]
    """Indices of training inputs and of training targets; in paired data, the i-th of both form a pair."""
    holdout_indices: tuple[Indices, Indices]
    """Indices of held-out inputs and of held-out targets; if `twins`, the i-th of both belong together."""
    twins: bool
    """Whether the true target of each held-out input is known."""
    notes: tuple[str, ...] = ()
    """Decisions, and images without a partner, in whole sentences."""
    labels: None = None

    @property
    def counts(self) -> tuple[int, ...]:
        """Number of pairs, as a tuple of one; or the numbers of training inputs and targets for two sets."""
        return (len(self),) if self.spec.paired else (len(self.training_indices[0]), len(self.training_indices[1]))

    @functools.cached_property
    def fingerprint(self) -> str:
        """SHA-256 of both stores and of which images belong together."""
        parts = [self.inputs.fingerprint.encode(), self.targets.fingerprint.encode(), str(self.spec).encode()]
        return hashlib.sha256(
            b"\0".join([*parts, *(places.tobytes() for places in (*self.training_indices, *self.holdout_indices))])
        ).hexdigest()

    def __len__(self) -> int:
        return len(self.training_indices[0])

    def batch(self, indices: Int64[np.ndarray, "n ..."]) -> PairBatch:
        """Pairs, or (with a column for each kind) an input and a target that have nothing to do with each other."""
        a, b = (indices, indices) if indices.ndim == 1 else indices.T
        return self._read(self.training_indices[0][a], self.training_indices[1][b])

    def holdout_batch(self, most: int) -> PairBatch:
        """So many held-out inputs and targets, from all of them (pairs and twins go together); trained ones where none are held out."""
        (whole,) = self.holdout_batches(most, most)
        return whole

    def holdout_batches(self, most: int, size: int) -> Iterator[PairBatch]:
        """The same, `size` at a time."""
        first, second = self.holdout_indices if min(map(len, self.holdout_indices)) else self.training_indices
        count = min(len(first), len(second))
        some = np.linspace(0, count - 1, min(most, count)).astype(np.int64)
        for start in range(0, len(some), size):
            yield self._read(*(places[some[start : start + size]] for places in (first, second)))

    def swapped(self) -> "Pairs":
        """The same pairs with inputs and targets exchanged."""
        spec = replace(self.spec, channels=self.spec.input_channels, input_channels=self.spec.channels)
        return replace(
            self,
            inputs=self.targets,
            targets=self.inputs,
            spec=spec,
            training_indices=self.training_indices[::-1],
            holdout_indices=self.holdout_indices[::-1],
        )

    def _read(self, inputs: Indices, targets: Indices) -> PairBatch:
        images = (pixels_to_float(torch.from_numpy(store.pixels.view(np.ndarray)[at])) for store, at in self._sides(inputs, targets))
        inputs_there, targets_there = images
        return PairBatch(targets_there, inputs=inputs_there)

    def _sides(self, inputs: Indices, targets: Indices) -> tuple[tuple[Store, Indices], tuple[Store, Indices]]:
        return (self.inputs, inputs), (self.targets, targets)

    def lines(self) -> list[str]:
        """The reports of both stores and the notes, for the terminal."""
        stores = [self.targets] if self.inputs is self.targets else [self.inputs, self.targets]
        return [*(line for store in stores for line in store.report.lines()), *self.notes]


def open_pairs(data: str, pairing: Pairing, preprocessing: Preprocessing, kind: Kind, *, progress: bool = False) -> Pairs:
    """Prepare inputs and targets for training, and find which belong together. `preprocessing` must have a size.

    Raises a DataError that lists the images without a partner if there are too many, and a SettingsError if the settings do not fit.
    """
    check_pairing(pairing)
    if kind == "style" and preprocessing.crop == "random":
        raise SettingsError("crop='random' would cut the images of a style into pieces. Use center, squash or pad.")
    sides = open_sides(data, pairing, preprocessing, None, progress, for_judging=False)
    until = ("-" if data.startswith("emoji") and data in BUNDLED_SETS else "") if pairing.subject_until is None else pairing.subject_until
    shared = sorted(set(sides[0].pair_names) & set(sides[1].pair_names))
    if kind == "paired":
        return _match_pairs(sides, shared, until, pairing, preprocessing)
    twins = _are_bundled_emoji(data, pairing) if pairing.twins is None else pairing.twins
    inputs, targets = sides[0].store, sides[1].store
    spec = _pair_spec(inputs, targets, paired=False)
    if twins and preprocessing.crop == "random":
        _check_sizes(sides)
    if kind == "style" or not twins:
        rest, held = zip(*(_split_holdout(side.whole_names, until, pairing.held_out, side.is_holdout) for side in sides), strict=True)
        if kind == "style":  # every image of the style counts
            rest, held = (rest[0], np.arange(len(targets))), (held[0], np.arange(len(held[0])) % len(targets))
        return Pairs(inputs, targets, spec, rest, held, twins=False, notes=_holdout_notes(sides))
    return _separate_twins(sides, shared, until, pairing.held_out, spec)


def open_pairs_for_judging(
    data: str, pairing: Pairing, preprocessing: Preprocessing, channels: Channels, *, paired: bool, progress: bool = False
) -> Pairs:
    """Prepare pairs or two sets that nothing was trained on, all of them held out. `preprocessing` must have a size.

    `paired` says whether the judged model was trained on pairs. If so, two sets form pairs by their names; else they form pairs only if
    `pairing.twins` is true or for emoji. Raises a DataError that lists the images without a partner if there are too many.
    """
    check_pairing(pairing)
    sides = open_sides(data, pairing, preprocessing, channels, progress, for_judging=True)
    shared = sorted(set(sides[0].pair_names) & set(sides[1].pair_names))
    inputs, targets = sides[0].store, sides[1].store
    every = np.arange(len(inputs)), np.arange(len(targets))
    twins = (paired or _are_bundled_emoji(data, pairing)) if pairing.twins is None else pairing.twins
    two_sets = pairing.target is not None or (pairing.inputs == "given" and pairing.side_by_side == "none")
    if two_sets and not twins:
        none = every[0][:0], every[1][:0]
        return Pairs(inputs, targets, _pair_spec(inputs, targets, paired=False), every, none, twins=False)
    try:
        sides = (replace(sides[0], is_holdout=None), replace(sides[1], is_holdout=None))  # all are judged by
        pairs = _match_pairs(sides, shared, "", replace(pairing, held_out=0.0), preprocessing)
    except DataError as problem:
        if not two_sets or "--no-twins" in str(problem):
            raise
        raise DataError(f"{problem}\nIf they are two sets, not pairs, say --no-twins.") from None
    return replace(
        pairs,
        spec=replace(pairs.spec, paired=paired),
        training_indices=pairs.training_indices if paired else every,
        holdout_indices=pairs.training_indices,
    )


def _are_bundled_emoji(data: str, pairing: Pairing) -> bool:
    """Whether both sets are bundled emoji, which show the same subjects."""
    return all(place is not None and place.startswith("emoji") and place in BUNDLED_SETS for place in (data, pairing.target))


def _holdout_notes(sides: tuple[Side, Side]) -> tuple[str, ...]:
    """A note on how many images are held out because their split is not for training; empty if none are."""
    counts = [0 if side.is_holdout is None else int(side.is_holdout.sum()) for side in sides]
    return (f"Held out: {counts[0]:,} inputs and {counts[1]:,} targets, the parts that are not called train.",) if any(counts) else ()


def _pair_spec(inputs: Store, targets: Store, *, paired: bool) -> PairSpec:
    a, b = inputs.spec, targets.spec
    return PairSpec(b.height, b.width, b.channels, (), a.channels, paired)


def _shuffled_subjects(subjects: Sequence[str]) -> list[str]:
    """All different subjects, in a pseudorandom order."""
    return sorted(set(subjects), key=lambda subject: hashlib.blake2b(subject.encode(), digest_size=8).digest())


def _subjects(names: Sequence[str], until: str) -> list[str]:
    return [name.partition(until)[0] if until else name for name in names]


def _holdout_subjects(subjects: Sequence[str], share: float) -> set[str]:
    """Subjects that are held out: a share of them, but at least one and not all; none if the share is 0."""
    order = _shuffled_subjects(subjects)
    count = min(len(order) - 1, max(1, round(share * len(order)))) if share else 0
    return set(order[:count])


def _split_holdout(
    names: Sequence[str], until: str, share: float, parts_held_out: Bool[np.ndarray, " n"] | None = None
) -> tuple[Indices, Indices]:
    if parts_held_out is not None:
        return np.flatnonzero(~parts_held_out), np.flatnonzero(parts_held_out)
    subjects = _subjects(names, until)
    held = _holdout_subjects(subjects, share)
    out = np.array([subject in held for subject in subjects])
    return np.flatnonzero(~out), np.flatnonzero(out)


def _match_pairs(sides: tuple[Side, Side], shared: list[str], until: str, pairing: Pairing, preprocessing: Preprocessing) -> Pairs:
    inputs, targets, stems = sides[0].store, sides[1].store, [side.pair_names for side in sides]
    together = set(shared)
    if preprocessing.crop == "random" and pairing.inputs == "given":  # of two sizes there are not as many pieces, so this comes first
        _check_sizes(sides)
    lacking = [
        f"{name}: no {other} of that name"
        for names, stem, other in ((inputs.names, stems[0], "target"), (targets.names, stems[1], "input"))
        for name, one in zip(names, stem, strict=True)
        if one not in together
    ]
    doubled = [f"{stem}: several files of that name" for one in stems for stem, count in Counter(one).items() if count > 1]
    if not shared or doubled or len(lacking) > MAX_UNPAIRED_SHARE * (len(inputs) + len(targets)):
        heading = (
            f"Pairs are images of the same name (but for the ending). {len(shared)} have a partner, and these are in the way. "
            "Add, rename or remove files:"
        )
        raise DataError(listed(heading, doubled + lacking))
    counted = "1 image has no partner and is" if len(lacking) == 1 else f"{len(lacking)} images have no partner and are"
    notes = [listed(f"{counted} not used:", lacking, most=MAX_NAMED)] if lacking else []
    first, second = ({stem: place for place, stem in enumerate(one)} for one in stems)
    places = tuple(np.array([where[stem] for stem in shared], np.int64) for where in (first, second))
    if pairing.inputs == "given":  # those that are made of their targets, and halves of one image, lie as they should
        notes += _check_alignment(inputs, targets, places, shared, pairing, preprocessing)
    parts = sides[0].is_holdout
    wholes = [sides[0].whole_names[place] for place in places[0].tolist()]
    rest, held = _split_holdout(wholes, until, pairing.held_out, None if parts is None else parts[places[0]])
    both = [(places[0][chosen], places[1][chosen]) for chosen in (rest, held)]
    notes += _holdout_notes(sides)
    return Pairs(inputs, targets, _pair_spec(inputs, targets, paired=True), both[0], both[1], twins=True, notes=tuple(notes))


def _check_sizes(sides: tuple[Side, Side]) -> None:
    """Raise a DataError if the images of some pairs, out of which pieces are cut, have different sizes."""
    first, second = (dict(zip(side.whole_names, side.store.origins, strict=True)) for side in sides)
    shared = sorted(first.keys() & second.keys())
    if shared:
        check_pair_sizes(shared, np.stack([first[name] for name in shared]), np.stack([second[name] for name in shared]))


def _check_alignment(
    inputs: Store, targets: Store, places: tuple[Indices, ...], shared: list[str], pairing: Pairing, preprocessing: Preprocessing
) -> list[str]:
    """Warnings about the alignment of pairs. Raises a DataError if their images have different shapes."""
    first, second = inputs.origins[places[0]], targets.origins[places[1]]
    if pairing.side_by_side == "none":
        check_pair_shapes(shared, first, second, preprocessing.crop)
    return alignment_warnings(
        lambda numbers: inputs.pixels.view(np.ndarray)[places[0][numbers]],
        lambda numbers: targets.pixels.view(np.ndarray)[places[1][numbers]],
        (first[:, 2] != 1) != (second[:, 2] != 1),
    )


def _separate_twins(sides: tuple[Side, Side], shared: list[str], until: str, share: float, spec: PairSpec) -> Pairs:
    """Split two sets of the same subjects so that no training image has its twin among the training images of the other set."""
    inputs, targets, stems = sides[0].store, sides[1].store, [side.pair_names for side in sides]
    subjects = [_subjects(side.whole_names, until) for side in sides]
    subject_of = dict(zip(stems[0], subjects[0], strict=True))
    parts = sides[0].is_holdout
    if parts is None:
        held = _holdout_subjects([subject_of[name] for name in shared], share)
    else:
        held = {subject for subject, out in zip(subjects[0], parts.tolist(), strict=True) if out}
    both = set(subjects[0]) & set(subjects[1])
    trained = [subject for subject in _shuffled_subjects(list(both)) if subject not in held]
    of_sides = (set(subjects[0]) - both) | set(trained[::2]), (set(subjects[1]) - both) | set(trained[1::2])
    rest = tuple(
        np.array([place for place, subject in enumerate(one) if subject in own], np.int64)
        for one, own in zip(subjects, of_sides, strict=True)
    )
    if not min(map(len, rest)):
        raise DataError(
            "The two sets show the same few subjects, so none is left for one of the sets. Give more images, or --no-twins "
            "if images of the same name have nothing to do with each other."
        )
    where = [{stem: place for place, stem in enumerate(one)} for one in stems]
    out = [stem for stem in shared if subject_of[stem] in held]
    kept = tuple(np.array([one[stem] for stem in out], np.int64) for one in where)
    note = f"The two sets show the same subjects: each is in one of them alone, {len(rest[0])} inputs and {len(rest[1])} targets."
    return Pairs(inputs, targets, spec, rest, kept, twins=True, notes=(note, *_holdout_notes(sides)))  # pyright: ignore[reportArgumentType] (two each)
