"""Judging generated music against real music: every score between its floor and its ceiling."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float64

from sparring.core.errors import SettingsError
from sparring.core.random_streams import stream_seed
from sparring.data.music.music_spec import MusicSpec
from sparring.evaluation.bounded_scores import BoundedScore, Estimate
from sparring.evaluation.music_judgment import Finding, MeasureMeans, MusicJudgment
from sparring.evaluation.scores import Better, binomial_error
from sparring.metrics.frechet_distance import frechet_distance
from sparring.metrics.music.copies import are_copies, bars_of, largest_share
from sparring.metrics.music.distribution_distances import overlapping_area, wasserstein
from sparring.metrics.music.measures import MEASURES
from sparring.metrics.nearest_neighbors import precision_recall
from sparring.modalities.music_rolls import measures_of

Rolls = Bool[np.ndarray, "_ planes steps pitches"]
FEWEST, MOST = 16, 1024
"""Number of phrases on each side at least, and at most."""
PARTS = 10
"""Number of parts of the phrases, without each of which a score is found again for its standard error (a jackknife)."""
NEIGHBORS = 3
SHOWN = 6
SILENT, EMPTY, ONE_PHRASE, EVERYWHERE, FRAGMENTED, FAR = 0.05, 0.1, 0.2, 3.0, 0.2, 0.1
"""From which shares on, or from how far from held-out music on, something is wrong."""
COPIED = 0.05


@dataclass(frozen=True, eq=False)
class Side:
    """Phrases of one kind, and what is measured of them."""

    rolls: Rolls
    measures: Mapping[str, Float64[np.ndarray, " n"]]

    def without(self, part: int) -> "Side":
        """All phrases but every tenth."""
        rows = np.arange(len(self.rolls)) % PARTS != part
        return Side(self.rolls[rows], {name: values[rows] for name, values in self.measures.items()})


Measure = Callable[[Side, Side], float]
"""From real phrases and others to a number."""


def judge_music(
    spec: MusicSpec, training: Rolls, generated: Rolls, held_out: Rolls | None, training_all: Rolls, *, seed: int = 0
) -> MusicJudgment:
    """Score generated phrases. `training`: phrases that they are compared with; `training_all`: all that a generator may have copied. The
    result depends on the seed and on nothing else random. Without held-out phrases, half of the training ones stand in. A SettingsError for
    too few phrases.
    """
    notes: list[str] = []
    unseen = held_out
    if unseen is None:
        order = numbers_for(seed, "halves").permutation(len(training))
        training, unseen = training[np.sort(order[::2])], training[np.sort(order[1::2])]
        notes.append(
            "No phrases were held out, so scores compare with one half of the real ones, and the other half is the ceiling. It shares "
            "songs with the first, and whether phrases are copied cannot be told."
        )
    count = min(len(generated), len(unseen), len(training), MOST)
    if count < FEWEST:
        raise SettingsError(f"A judgment needs at least {FEWEST} phrases on each side, and one has {count}.")
    training, unseen, made = (
        some(each, count, seed, name) for each, name in ((training, "real"), (unseen, "held out"), (generated, "yours"))
    )
    real = side(training, spec)
    sides = {"floor": side(independent_tracks(training, seed), spec), "yours": side(made, spec), "ceiling": side(unseen, spec)}
    scores = [bounded(name, measure, real, sides, better, about) for name, measure, better, about in SCORES]
    if held_out is not None:
        scores += list(copies(spec, training_all, sides))
    return MusicJudgment(
        spec,
        {
            "training": len(training_all),
            "held out": 0 if held_out is None else len(held_out),
            "generated": len(generated),
            "scored": count,
        },
        tuple(scores),
        tuple(means(real, sides)),
        tuple(findings(spec, sides, scores)),
        (*notes, *about_sides(count)),
        seed,
        made[:SHOWN],
        unseen[:SHOWN],
    )


def numbers_for(seed: int, name: str) -> np.random.Generator:
    """Random numbers of a judgment, by what for."""
    return np.random.Generator(np.random.Philox(stream_seed(seed, f"judge music/{name}", 0)))


def some(rolls: Rolls, count: int, seed: int, name: str) -> Rolls:
    """`count` phrases that the seed chooses, in random order."""
    return rolls[numbers_for(seed, name).permutation(len(rolls))[:count]]


def side(rolls: Rolls, spec: MusicSpec) -> Side:
    """Phrases with their measures."""
    return Side(rolls, measures_of(rolls, spec))


def independent_tracks(rolls: Rolls, seed: int) -> Rolls:
    """Phrases whose tracks are those of random other phrases each: the floor. (Of a single track, whose bars are.)"""
    random, found = numbers_for(seed, "floor"), rolls.copy()
    tracks = rolls.shape[1] // 2
    for track in range(tracks):
        order = random.permutation(len(rolls))
        found[:, [track, tracks + track]] = rolls[order][:, [track, tracks + track]]
    return found


# ------------------------------------------------------------------------------------------------------------------ scores


def feature_rows(of: Side, real: Side) -> torch.Tensor:
    """Measures as rows, in standard deviations of the real ones. What a phrase lacks is the real mean."""
    columns = []
    for name in MEASURES:
        known = real.measures[name][~np.isnan(real.measures[name])]
        if len(known) and known.std() > 0:
            columns.append(np.nan_to_num((of.measures[name] - known.mean()) / known.std(), nan=0.0))
    return torch.from_numpy(np.stack(columns, axis=1)) if columns else torch.zeros(len(of.rolls), 1, dtype=torch.float64)


def mean_distance(real: Side, made: Side) -> float:
    """Mean Wasserstein distance over all measures, in standard deviations of the real values."""
    return float(np.mean([wasserstein(real.measures[name], made.measures[name]) for name in MEASURES]))


def mean_overlap(real: Side, made: Side) -> float:
    """Mean overlapping area over all measures."""
    return float(np.mean([overlapping_area(real.measures[name], made.measures[name]) for name in MEASURES]))


def distance_of(name: str) -> Measure:
    """The Wasserstein distance of one measure."""
    return lambda real, made: wasserstein(real.measures[name], made.measures[name])


SCORES: tuple[tuple[str, Measure, Better, str], ...] = (
    ("measures", mean_distance, "lower", f"mean of the Wasserstein distances of {len(MEASURES)} measures, in standard deviations"),
    ("overlap", mean_overlap, "higher", f"mean of the overlapping areas of {len(MEASURES)} measures"),
    (
        "Fréchet distance",
        lambda real, made: frechet_distance(feature_rows(real, real), feature_rows(made, real)),
        "lower",
        "of rows of all measures, in standard deviations",
    ),
    (
        "precision",
        lambda real, made: precision_recall(feature_rows(real, real), feature_rows(made, real), NEIGHBORS).precision,
        "higher",
        f"of rows of all measures, k = {NEIGHBORS}",
    ),
    (
        "recall",
        lambda real, made: precision_recall(feature_rows(real, real), feature_rows(made, real), NEIGHBORS).recall,
        "higher",
        f"of rows of all measures, k = {NEIGHBORS}",
    ),
    *(
        (name, distance_of(name), "lower", f"Wasserstein distance of the {about}, in standard deviations")
        for name, about in MEASURES.items()
    ),
)
"""Name, function of real phrases and others, which values are good, and what it is."""


def bounded(name: str, measure: Measure, real: Side, sides: Mapping[str, Side], better: Better, about: str) -> BoundedScore:
    """A score of each side, with its standard error from a jackknife."""
    found = {kind: Estimate(measure(real, each), jackknife(measure, real, each)) for kind, each in sides.items()}
    count = len(real.rolls)
    protocol = f"{about}; {count:,} phrases beside {count:,} that were trained on; jackknife over {PARTS} parts of the phrases"
    return BoundedScore(name, found["yours"], found["floor"], found["ceiling"], better, protocol)


def jackknife(measure: Measure, real: Side, made: Side) -> float:
    """Standard error of a score over which phrases are looked at."""
    found = [measure(real.without(part), made.without(part)) for part in range(PARTS)]
    return float(np.sqrt((PARTS - 1) * np.var(found)))


def copies(spec: MusicSpec, training: Rolls, sides: Mapping[str, Side]) -> Iterator[BoundedScore]:
    """Shares of phrases, and of bars, that are one that was trained on, in any key."""
    for name, cut in (("copied phrases", lambda rolls: rolls), ("copied bars", lambda rolls: bars_of(rolls, spec.bar_steps))):
        whole = cut(training)
        shares = {kind: float(are_copies(cut(each.rolls), whole).mean()) for kind, each in sides.items()}
        found = {kind: Estimate(share, binomial_error(share, len(sides[kind].rolls))) for kind, share in shares.items()}
        about = f"share of the {name.split()[1]} that are one of {len(whole):,} that were trained on, in any key; error of counting phrases"
        yield BoundedScore(name, found["yours"], found["floor"], found["ceiling"], "lower", about)


# ---------------------------------------------------------------------------------------------------------- what is shown


def mean(values: Float64[np.ndarray, " n"]) -> float:
    """Mean of what is no NaN; NaN if there is nothing."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def means(real: Side, sides: Mapping[str, Side]) -> Iterator[MeasureMeans]:
    """Means of every measure."""
    for name, about in MEASURES.items():
        yours = sides["yours"].measures[name]
        known = yours[~np.isnan(yours)]
        error = float(known.std() / max(1, len(known)) ** 0.5) if len(known) else float("nan")
        yield MeasureMeans(
            name, about, mean(real.measures[name]), mean(sides["floor"].measures[name]), mean(yours), error,
            mean(sides["ceiling"].measures[name]), wasserstein(real.measures[name], yours), overlapping_area(real.measures[name], yours),
        )  # fmt: skip


def findings(spec: MusicSpec, sides: Mapping[str, Side], scores: list[BoundedScore]) -> Iterator[Finding]:
    """What is wrong with the generated phrases, beside held-out ones."""
    made, real = sides["yours"], sides["ceiling"]
    tracks = len(spec.tracks)
    silent, silent_real = (float((~each.rolls[:, :tracks].any(axis=(1, 2, 3))).mean()) for each in (made, real))
    if silent > SILENT + silent_real:
        yield Finding("silent", f"{silent:.0%} of the phrases are silent; of real ones {silent_real:.0%}.")
    values = {name: (mean(made.measures[name]), mean(real.measures[name])) for name in MEASURES}
    if values["empty bars"][0] > values["empty bars"][1] + EMPTY:
        yield Finding(
            "empty bars",
            f"Nothing sounds in {values['empty bars'][0]:.0%} of the tracks' bars; in real music {values['empty bars'][1]:.0%}.",
        )
    same, same_real = (largest_share(each.rolls) for each in (made, real))
    if same > ONE_PHRASE + same_real:
        yield Finding("one phrase", f"{same:.0%} of the phrases are the same one, in some key; of real ones {same_real:.0%}.")
    cells, cells_real = (float(each.rolls[:, :tracks].mean()) for each in (made, real))
    if cells > EVERYWHERE * cells_real:
        yield Finding("notes everywhere", f"{cells:.1%} of the rolls sound, in real music {cells_real:.1%}.")
    for kind, name, bad in (
        ("fragments", "qualified notes", FRAGMENTED), ("dissonant", "consonance", FAR), ("no scale", "scale consistency", FAR),
    ):  # fmt: skip
        ours, theirs = values[name]
        if ours < theirs - bad:
            yield Finding(kind, f"The {MEASURES[name]} is {ours:.2f}; in real music {theirs:.2f}.")  # pyright: ignore[reportArgumentType] (a FindingKind)
    by_name = {score.name: score for score in scores}
    if "copied phrases" in by_name:
        score = by_name["copied phrases"]
        if score.yours.value > COPIED + score.ceiling.value:
            yield Finding(
                "copies phrases",
                f"{score.yours.value:.0%} of the phrases are one that was trained on, in some key; of held-out ones "
                f"{score.ceiling.value:.0%}.",
            )


def about_sides(count: int) -> Iterator[str]:
    """What the sides are, in sentences."""
    yield (
        f"Floor: real phrases whose tracks come each from another phrase. Ceiling: phrases of songs that were held out. {count:,} phrases "
        "on each side; the error after ± is one standard error. Phrases of one song overlap, so errors are too small rather than too large."
    )
