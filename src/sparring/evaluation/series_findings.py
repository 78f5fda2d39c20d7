"""What is wrong with generated series, in plain words."""

from collections.abc import Iterator

import numpy as np

from sparring.evaluation.series_judgment import ColumnCurves, Finding, SeriesJudgment
from sparring.evaluation.series_sets import JudgedSeries, Windows
from sparring.metrics.series.seasons_and_values import quantile_distance

HALF_WAY = 50
"""Percent of the way from floor to ceiling below which memory is lost."""
REMEMBERED = 0.05
"""Mean autocorrelation of the real series from which on it has a memory that can be lost."""
SEASONAL = 0.1
"""Standard deviation of the means at the phases of the season, over that of the series, from which on there is a season to lose."""
LOST_SEASON = 0.5
"""Share of that deviation below which the season is lost."""
SHIFTED, UNSHIFTED = 0.9, 0.8
"""Correlation of a shifted profile with the real one from which on it is the season, and below which it is not where it should be."""
ALIKE = 0.5
"""Diversity below which windows are alike."""
EXPLODED = 3.0
"""Times the largest deviation of the data beyond which values explode."""
COPIED, COPIED_TIMES = 0.02, 3
"""Share of copies from which on windows are copied, and how many times that of real windows it must be."""
WRONG_VALUES = 0.15
"""Distance of a column's values, in standard deviations above that of held-out windows, from which on the column is named."""
TOLD_APART = 0.4
"""Discriminative score from which on generated windows are told apart with ease: nine of ten are recognized."""
NAMED = 6
"""Number of facts or columns that are named."""


def find_problems(judgment: SeriesJudgment, judged: JudgedSeries, base: Windows, sides: dict[str, Windows]) -> Iterator[Finding]:
    """All findings. `base` and `sides`: training windows, and floor, yours and ceiling, without the steps that were given."""
    yield from _explodes(judged, base, sides["yours"])
    yield from _alike(judgment)
    yield from _copies(judgment)
    yield from _memory(judgment)
    yield from _season(judgment, judged)
    yield from _values(judgment, base, sides)
    yield from _told_apart(judgment)
    yield from _facts(judgment)


def _explodes(judged: JudgedSeries, base: Windows, yours: Windows) -> Iterator[Finding]:
    center, largest = np.median(base.values, axis=(0, 2)), []
    for column, name in enumerate(judged.names):
        real, made = (float(np.abs(windows.values[:, column] - center[column]).max()) for windows in (base, yours))
        if made > EXPLODED * real:
            largest.append(f"{name} ({made / real:.3g} times)")
    if largest:
        yield Finding("explodes", f"Values explode: the largest deviations are far beyond those of the data, of {_some(largest)}.")


def _alike(judgment: SeriesJudgment) -> Iterator[Finding]:
    value, floor = judgment["diversity"].yours.value, judgment["diversity"].ceiling.value
    if value < ALIKE * min(1.0, floor):
        yield Finding("paths alike", f"Generated paths are alike: two of them differ by {value:.2g} times what two real ones do.")


def _copies(judgment: SeriesJudgment) -> Iterator[Finding]:
    copies = judgment.copies
    by_chance = max(copies.training, copies.held_out or 0.0)
    if copies.copies > COPIED and copies.copies > COPIED_TIMES * by_chance:
        yield Finding(
            "copies windows",
            f"Training windows are copied: {copies.copies:.1%} of the generated windows lie close to a single training window, and "
            f"{by_chance:.1%} of real windows do.",
        )


def _memory(judgment: SeriesJudgment) -> Iterator[Finding]:
    score = next((each for each in judgment.scores if each.name == ("memory" if judgment.returns else "autocorrelation")), None)
    if score is None or score.percent_of_the_way is None or score.percent_of_the_way >= HALF_WAY:
        return
    lost = [each.name for each in judgment.curves if _forgets(each)]
    if lost:
        of = "absolute returns: calm and wild times do not follow each other as in the data" if judgment.returns else "the values"
        way = max(score.percent_of_the_way, 0)
        yield Finding(
            "no memory",
            f"There is no memory in {of}. Autocorrelations of {_some(lost)} are {way:.0f} % of the way from steps in random order to "
            "held-out windows.",
        )


def _forgets(curves: ColumnCurves) -> bool:
    """Whether generated windows have less than half of the memory that the real ones have."""
    real, yours = curves.memory["real"], curves.memory["yours"]
    remembered = float(np.abs(real).mean())
    return remembered >= REMEMBERED and float((real * yours).sum()) < 0.5 * float((real**2).sum())


def _season(judgment: SeriesJudgment, judged: JudgedSeries) -> Iterator[Finding]:
    lost, shifted = [], []
    for place, curves in enumerate(judgment.curves):
        if curves.profile is None:
            continue
        real, yours = curves.profile["real"], curves.profile["yours"]
        deviation = float(judged.training.values[:, place].std())
        if real.std() < SEASONAL * deviation:
            continue
        if yours.std() < LOST_SEASON * real.std():
            lost.append(f"{curves.name} (its mean course moves {yours.std() / real.std():.0%} as much)")
        elif (shift := _shift(real, yours)) is not None:
            shifted.append(f"{curves.name} ({shift:+d} of {len(real)} steps)")
    if lost:
        yield Finding("season lost", f"The season is lost, or much weaker than in the data, in {_some(lost)}.")
    if shifted:
        yield Finding("season shifted", f"The season comes at the wrong time in {_some(shifted)}.")


def _shift(real: np.ndarray, yours: np.ndarray) -> int | None:
    """By how many steps a profile comes later than the real one; None if it is in its place, or another profile."""
    correlations = [float(np.corrcoef(real, np.roll(yours, -shift))[0, 1]) for shift in range(len(real))]
    best = int(np.argmax(correlations))
    if correlations[0] >= UNSHIFTED or correlations[best] < SHIFTED:
        return None
    return best if best <= len(real) // 2 else best - len(real)


def _values(judgment: SeriesJudgment, base: Windows, sides: dict[str, Windows]) -> Iterator[Finding]:
    wrong = []
    for place, name in enumerate(judgment.names):
        real = base.values[:, place]
        yours, best = (
            quantile_distance(real, sides[side].values[:, place]) / max(float(real.std()), 1e-300) for side in ("yours", "ceiling")
        )
        if yours > WRONG_VALUES + best:
            wrong.append((yours, f"{name} ({yours:.2f} standard deviations; held-out windows {best:.2f})"))
    if wrong:
        yield Finding("values wrong", f"Values are distributed differently: {_some([text for _, text in sorted(wrong, reverse=True)])}.")


def _told_apart(judgment: SeriesJudgment) -> Iterator[Finding]:
    score = judgment["discriminative"]
    if score.yours.value >= TOLD_APART and score.yours.value > score.ceiling.value:
        yield Finding(
            "told apart",
            f"Generated windows are told from real ones with ease: a small network recognizes {0.5 + score.yours.value:.0%}, where half is "
            f"chance (of held-out windows: {0.5 + score.ceiling.value:.0%}).",
        )


def _facts(judgment: SeriesJudgment) -> Iterator[Finding]:
    several = len({fact.column for fact in judgment.facts}) > 1
    for fact in judgment.facts:
        if not fact.inside:
            yield Finding("facts missed", f"{f'{fact.column}: ' if several else ''}{fact.sentence}")


def _some(items: list[str]) -> str:
    more = f" and {len(items) - NAMED} more" if len(items) > NAMED else ""
    return ", ".join(items[:NAMED]) + more
