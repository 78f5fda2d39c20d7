"""Judging generated health records against real ones: every score between its floor and its ceiling."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from sparring.core.errors import DataError
from sparring.data.records.patient_records import PatientRecords
from sparring.evaluation.aligned_tables import random_numbers
from sparring.evaluation.bounded_scores import BoundedScore, Estimate
from sparring.evaluation.records_findings import find_problems
from sparring.evaluation.records_judgment import LOST_ABOVE, CodeScores, FrequencyScore, RecordsJudgment
from sparring.evaluation.records_privacy import attack_records
from sparring.evaluation.scores import Better
from sparring.metrics.records.code_frequencies import (
    frequencies,
    frequency_correlation,
    frequency_error,
    frequency_error_by_chance,
    lost_codes,
    numbers_distance,
)
from sparring.metrics.records.code_pairs import frequent_codes, pairs_distance, phi
from sparring.metrics.records.code_prediction import RESAMPLES, CodePredictions, predict_codes, predictable_codes
from sparring.metrics.tables.detection_and_usefulness import FOLDS, detection

FEWEST = 20
"""Number of patients that each side must have to be judged."""
MOST_PATIENTS = 20_000
"""Largest number of patients of each side that are scored."""
DETECTION_CODES = 300
"""Largest number of codes that trees see when they tell patients apart, the most frequent."""
GROUPS = 20
"""Number of groups of patients that a jackknife leaves out in turn."""
COUNTED_PATIENTS = 50
"""Counts of a code are compared if at least so many real patients have it."""


@dataclass(frozen=True, eq=False)
class Side:
    """Patients that are scored in the same way as others."""

    counts: np.ndarray
    """How often each patient has each code."""
    visits: np.ndarray | None

    @property
    def present(self) -> np.ndarray:
        """Which codes each patient has."""
        return self.counts > 0

    def __len__(self) -> int:
        return len(self.counts)

    def take(self, rows: np.ndarray) -> "Side":
        """Some of the patients."""
        return Side(self.counts[rows], None if self.visits is None else self.visits[rows])


def judge_records(
    real: PatientRecords,
    synthetic: PatientRecords,
    held_out: PatientRecords | None,
    *,
    counted: bool = False,
    labels: Mapping[str, str] | None = None,
    seed: int = 0,
) -> RecordsJudgment:
    """Score generated patients against the real ones that their generator was trained on. The result depends on the seed and on nothing
    else random.

    `held_out`: real patients that the generator has not seen; without them, half of the real ones stand in, and attacks are not possible.
    `counted`: whether it matters how often patients have codes. `labels`: names of codes. Raises a DataError for too few patients, and
    a SparringError without scikit-learn.
    """
    refuse_too_few(real, synthetic, held_out)
    notes = []
    unknown = sorted(set(synthetic.codes) - set(real.codes) - set(() if held_out is None else held_out.codes))
    if unknown:
        notes.append(
            f"Not judged: {len(unknown)} codes that no real patient has ({', '.join(unknown[:6])}{', ...' if len(unknown) > 6 else ''})."
        )
    base, yours = side_of(real, real.codes, seed), side_of(synthetic, real.codes, seed)
    unseen = None if held_out is None else side_of(held_out, real.codes, seed)
    others = unseen
    if others is None:
        notes.append(
            "No held-out patients were given, so scores compare with one random half of the real ones, and the other half is the ceiling. "
            "The generator may have seen both, and attacks on those that were trained on are not possible."
        )
        halves = np.array_split(random_numbers(seed, "patients").permutation(len(base)), 2)
        base, others = base.take(np.sort(halves[0])), base.take(np.sort(halves[1]))
    some = min(map(len, (base, yours, others)))
    sides = {
        "floor": apart(base, some, seed),
        "yours": chosen(yours, some, seed, "yours"),
        "ceiling": chosen(others, some, seed, "ceiling"),
    }
    scores = distance_scores(base, sides, counted)
    predictions, codes, predicted = prediction_scores(base, yours, others, seed)
    scores += [*predicted, detection_score(base, sides, seed)]
    names = [code if not labels or code not in labels else f"{labels[code]} ({code})" for code in real.codes]
    judgment = RecordsJudgment(
        {"training": len(real), "held out": len(held_out or ()), "generated": len(synthetic), "codes": len(real.codes)},
        tuple(scores),
        all_frequencies(base, yours, names),
        CodeScores(
            tuple(names),
            frequencies(base.present),
            frequencies(yours.present),
            tuple(names[code] for code in codes),
            predictions["ceiling"].f1 if predictions else np.zeros(0),
            predictions["yours"].f1 if predictions else np.zeros(0),
        ),
        drawn_numbers(base, yours),
        None if unseen is None else attack_records(base.present, yours.present, unseen.present, seed),
        (),
        (*notes, describe(base, sides, others)),
        seed,
    )
    return replace(judgment, findings=tuple(find_problems(judgment)))


def refuse_too_few(real: PatientRecords, synthetic: PatientRecords, held_out: PatientRecords | None) -> None:
    """Raise a DataError if a side has too few patients, or no generated code is known."""
    for name, records in (("real", real), ("generated", synthetic), ("held-out", held_out)):
        if records is not None and len(records) < FEWEST:
            raise DataError(f"There are {len(records)} {name} patients: at least {FEWEST} are needed to judge.")
    if not set(real.codes) & set(synthetic.codes):
        raise DataError(
            f"No code of the generated patients ({', '.join(synthetic.codes[:3])}, ...) is one of the real ones "
            f"({', '.join(real.codes[:3])}, ...). Are the columns the right ones?"
        )


def side_of(records: PatientRecords, codes: tuple[str, ...], seed: int) -> Side:
    """Patients with the real ones' codes: all, or random ones if there are too many."""
    if len(records) > MOST_PATIENTS:
        records = records.take(np.sort(random_numbers(seed, "most").permutation(len(records))[:MOST_PATIENTS]))
    same = records if records.codes == codes else records.with_codes(codes)
    return Side(same.dense(), None if same.visits is None else np.asarray(same.visits))


def apart(base: Side, some: int, seed: int) -> Side:
    """The floor: every code's column permuted by itself, and visits, too."""
    random = random_numbers(seed, "floor")
    counts = np.stack([random.permutation(column)[:some] for column in base.counts.T], axis=1)
    return Side(counts, None if base.visits is None else random.permutation(base.visits)[:some])


def chosen(side: Side, some: int, seed: int, name: str) -> Side:
    """So many random patients."""
    return side.take(np.sort(random_numbers(seed, name).permutation(len(side))[:some]))


def describe(base: Side, sides: Mapping[str, Side], others: Side) -> str:
    """What floor and ceiling are, and how many patients were scored."""
    return (
        "Floor: codes of the real patients permuted independently. Ceiling: other real patients. Scores compare "
        f"{len(sides['yours']):,} patients of each with {len(base):,} real ones; predictions learn from {len(base):,} patients at most, "
        f"and are tested on {len(others):,} others (their ceiling learns from real patients). After ± is one standard error."
    )


# ------------------------------------------------------------------------------------------------------------- statistics


def estimate(side: Side, statistic: Callable[[Side], float]) -> Estimate:
    """A statistic with its standard error by a jackknife of groups of patients."""
    groups = min(GROUPS, len(side))
    members = np.arange(len(side)) % groups
    left_out = np.array([statistic(side.take(np.flatnonzero(members != group))) for group in range(groups)])
    return Estimate(statistic(side), float(np.sqrt((groups - 1) * left_out.var())))


def _score(name: str, estimates: Mapping[str, Estimate], better: Better, protocol: str) -> BoundedScore:
    return BoundedScore(name, estimates["yours"], estimates["floor"], estimates["ceiling"], better, protocol)


def distance_scores(base: Side, sides: Mapping[str, Side], counted: bool) -> list[BoundedScore]:
    """How far codes, their pairs and their numbers are from those of the training patients."""
    error = f"standard error by a jackknife of {GROUPS} groups of patients, the training patients fixed"
    real = base.present
    codes = frequent_codes(real)
    known = phi(real[:, codes])
    above = max(1, int((frequencies(real) > LOST_ABOVE).sum()))

    def of(name: str, statistic: Callable[[Side], float], better: Better, about: str) -> BoundedScore:
        return _score(name, {key: estimate(side, statistic) for key, side in sides.items()}, better, f"{about}; {error}")

    found = [
        of("code frequencies", lambda side: frequency_correlation(real, side.present), "higher", "Pearson's correlation over codes"),
        of("frequency error", lambda side: frequency_error(real, side.present), "lower", "root mean squared difference over codes"),
        of(
            "codes lost",
            lambda side: len(lost_codes(real, side.present, LOST_ABOVE)) / above,
            "lower",
            f"share of the codes that more than {LOST_ABOVE:.1%} of the training patients have and none of these patients",
        ),
        of(
            "codes per patient",
            lambda side: numbers_distance(real.sum(axis=1), side.present.sum(axis=1)),
            "lower",
            "Wasserstein-1 distance in standard deviations of the training patients",
        ),
    ]
    if base.visits is not None and all(side.visits is not None for side in sides.values()):
        visits = base.visits
        found.append(of("visits per patient", lambda side: numbers_distance(visits, side.visits), "lower", "the same of numbers of visits"))  # pyright: ignore[reportArgumentType] (none is None)
    if len(codes) > 1:
        about = f"root mean squared difference of phi of all pairs of {len(codes)} codes of 1 % to 99 % of the patients, less chance"
        found.append(of("pairs of codes", lambda side: pairs_distance(known, len(base), side.present[:, codes]), "lower", about))
    if counted and (usual := [code for code in range(real.shape[1]) if real[:, code].sum() >= COUNTED_PATIENTS]):
        numbers = {code: base.counts[real[:, code], code] for code in usual}
        about = f"mean over {len(usual)} codes of the Wasserstein-1 distance, in deviations, of how often patients who have a code have it"
        found.append(of("counts", lambda side: counts_distance(numbers, side), "lower", about))
    return found


def counts_distance(numbers: Mapping[int, np.ndarray], side: Side) -> float:
    """How far counts of codes are apart, of patients who have them; 1 for codes that nobody has."""
    found = []
    for code, real in numbers.items():
        own = side.counts[side.counts[:, code] > 0, code]
        if real.std() > 0:
            found.append(numbers_distance(real, own) if len(own) else 1.0)
    return float(np.mean(found)) if found else 0.0


def prediction_scores(
    base: Side, yours: Side, others: Side, seed: int
) -> tuple[dict[str, CodePredictions], np.ndarray, list[BoundedScore]]:
    """Each code of the other real patients predicted from their other codes, after learning from as many patients of each side."""
    codes = predictable_codes(base.present, others.present)
    if not len(codes):
        return {}, codes, []
    n = min(len(base), len(yours))
    sides = {"floor": apart(base, n, seed), "yours": chosen(yours, n, seed, "learned"), "ceiling": chosen(base, n, seed, "learned")}
    found = {name: predict_codes(side.present, others.present, codes, random_numbers(seed, "resamples")) for name, side in sides.items()}
    about = (
        f"of logistic regressions that predict each of {len(codes)} codes from all others, learned from {n:,} patients and tested on "
        f"{len(others):,} others, mean over codes; the ceiling learned from training patients; standard error from {RESAMPLES} bootstrap "
        "resamples of the test patients"
    )
    f1 = {name: Estimate(float(each.f1.mean()), each.f1_error) for name, each in found.items()}
    areas = {name: Estimate(float(np.nanmean(each.auc)), each.auc_error) for name, each in found.items()}
    return (
        found,
        codes,
        [_score("prediction (F1)", f1, "higher", f"F1 {about}"), _score("prediction (AUC)", areas, "higher", f"AUC {about}")],
    )


def detection_score(base: Side, sides: Mapping[str, Side], seed: int) -> BoundedScore:
    """How well trees tell patients from training patients."""
    n = len(sides["yours"])
    codes = np.sort(np.argsort(-base.present.sum(axis=0), kind="stable")[:DETECTION_CODES])
    visits = all(side.visits is not None for side in (base, *sides.values()))

    def columns(side: Side) -> list[np.ndarray]:
        found = [column.astype(np.float64) for column in side.counts[:, codes].T]
        return [*found, side.visits.astype(np.float64)] if visits and side.visits is not None else found

    real, estimates = columns(chosen(base, n, seed, "detection")), {}
    for name, side in sides.items():
        area = detection(real, columns(side), random_numbers(seed, "folds"))
        estimates[name] = Estimate(area.value, area.standard_error)
    about = f"AUC of boosted trees, {FOLDS} folds, {n:,} patients on each side, {len(codes)} codes; DeLong's standard error, trees fixed"
    return _score("detection", estimates, "near 0.5", about)


def all_frequencies(base: Side, yours: Side, labels: list[str]) -> FrequencyScore:
    """Frequencies of codes of as many generated patients as there are training patients."""
    made = yours.present[: len(base)]
    lost = lost_codes(base.present, made, LOST_ABOVE)
    return FrequencyScore(
        len(made),
        frequency_correlation(base.present, made),
        frequency_error(base.present, made),
        frequency_error_by_chance(base.present, len(made)),
        tuple(labels[code] for code in lost),
    )


def drawn_numbers(base: Side, yours: Side) -> dict[str, dict[str, np.ndarray]]:
    """Numbers of codes and of visits of each patient, for the page."""
    found = {"codes per patient": {"real": base.present.sum(axis=1), "yours": yours.present.sum(axis=1)}}
    if base.visits is not None and yours.visits is not None:
        found["visits per patient"] = {"real": base.visits, "yours": yours.visits}
    return found
