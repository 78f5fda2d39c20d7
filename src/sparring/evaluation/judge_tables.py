"""Judging a synthetic table against a real one: every score between its floor and its ceiling."""

from collections.abc import Sequence

import numpy as np

from sparring.core.errors import SettingsError, did_you_mean
from sparring.data.tables.columns import Column, TableValues
from sparring.data.tables.constraints import Constraint
from sparring.evaluation.aligned_tables import (
    align_tables,
    choose_rows,
    count_rows,
    draw_independently,
    random_numbers,
    take_table_rows,
)
from sparring.evaluation.bounded_scores import BoundedScore, Estimate
from sparring.evaluation.scores import COVERAGE_NEIGHBORS, PRECISION_NEIGHBORS, Better, binomial_error
from sparring.evaluation.table_findings import find_problems
from sparring.evaluation.table_judgment import ColumnScore, PairScore, TableJudgment
from sparring.evaluation.table_privacy import AttackedModel, attack_tables
from sparring.metrics.nearest_neighbors import Neighborhoods, OwnNeighbors
from sparring.metrics.tables.categories_and_ranges import gap_score, share_out_of_range
from sparring.metrics.tables.column_arrays import TableArrays, missing, take_rows
from sparring.metrics.tables.detection_and_usefulness import FOLDS, detection, usefulness
from sparring.metrics.tables.nearest_rows import column_ranges, embed_rows
from sparring.metrics.tables.privacy_attacks import copy_test, match_rows
from sparring.metrics.tables.shapes_and_trends import (
    RESAMPLES,
    PreparedTables,
    Quality,
    bin_by_own_range,
    bin_by_real_quantiles,
    compare,
    resampled,
)

DETECTION_ROWS = 20_000
"""Largest number of rows on each side that trees learn to tell apart."""
NEIGHBORHOOD_ROWS = 4_000
"""Largest number of rows on each side of precision, recall, density and coverage."""
WORST_PAIRS = 20
"""Number of pairs of columns that a judgment names."""
SDMETRICS = "quality (SDMetrics)"
Sides = dict[str, list[np.ndarray]]
"""Rows of one count that are all scored in the same way: floor, yours, ceiling."""


def judge_tables(
    real: TableValues,
    synthetic: TableValues,
    held_out: TableValues | None,
    columns: tuple[Column, ...],
    constraints: Sequence[Constraint] = (),
    *,
    target: str | None = None,
    private: bool = False,
    seed: int = 0,
    model: AttackedModel | None = None,
) -> TableJudgment:
    """Score a synthetic table against the real one that its generator was trained on.

    `held_out` are real rows of the same source that the generator has not seen; without them, half of the real rows stand in, and copies
    cannot be told. `constraints` hold in every real row. `target` names a column to predict (usefulness). `private` adds attacks on the
    training rows, and `model` is what they may use beside the synthetic rows. The result depends on the seed and on nothing else random.
    Raises a DataError if the tables do not fit each other, a SettingsError for an unknown target or for attacks without held-out rows,
    and a SparringError without scikit-learn.
    """
    modeled = _modeled_columns(columns, target)
    if (private or model is not None) and held_out is None:
        raise SettingsError(
            "Attacks compare training rows with rows that were held out, and there are none. Give a table of held-out rows (held_out)."
        )
    notes = []
    unseen = held_out
    if unseen is None:
        notes.append(
            "No held-out rows were given, so scores compare with one random half of the real rows, and the other half is the ceiling. The "
            "generator may have seen both, and whether it copies rows cannot be told."
        )
        halves = np.array_split(random_numbers(seed, "halves").permutation(count_rows(real)), 2)
        reference, unseen = (take_table_rows(real, np.sort(half)) for half in halves)
    else:
        reference = real
    aligned = align_tables(modeled, reference, synthetic, unseen)
    base, drawn, control = aligned.tables
    sides = _equal_sides(base, drawn, control, seed)
    ours, theirs, measured = _quality_scores(base, sides, seed)
    scores = [*ours, *theirs, *_gap_scores(base, sides, seed), _detection_score(base, sides, seed)]
    if target is not None:
        scores.append(_usefulness_score(base, sides, control, [column.name for column in modeled].index(target), seed))
    scores += _neighborhood_scores(base, sides, seed)
    tested = None
    if held_out is not None:
        tested = copy_test(drawn, base, control, column_ranges(base, control), random_numbers(seed, "copies"))
    known = [np.concatenate(both) for both in zip(base, control, strict=True)]
    everything = base if held_out is not None else known
    privacy = attack_tables(aligned, real, held_out, model=model, seed=seed) if held_out is not None and (private or model) else None
    by_column = _column_scores(modeled, known, drawn, measured)
    notes.append(_describe_sides(base, sides))
    judgment = TableJudgment(
        real,
        synthetic,
        columns,
        tuple(scores),
        by_column,
        _worst_pairs(modeled, measured),
        float(match_rows(drawn, everything).mean()),
        float(match_rows(control, base).mean()),
        tested,
        privacy,
        (),
        (),
        tuple(notes),
        seed,
    )
    return find_problems(judgment, aligned, everything, known, constraints)


def _modeled_columns(columns: Sequence[Column], target: str | None) -> list[Column]:
    """The columns that are judged. Raises a SettingsError if there are none, or if the target is not one of them."""
    modeled = [column for column in columns if column.is_modeled]
    names = [column.name for column in modeled]
    if not modeled:
        raise SettingsError("The table has no column of numbers or categories, so there is nothing to judge.")
    if target is not None and target not in names:
        raise SettingsError(f"There is no column {target!r} of numbers or categories to predict. {did_you_mean(target, names)}")
    if target is not None and len(names) == 1:
        raise SettingsError(f"{target!r} is the only column of numbers or categories, so nothing can be learned to predict it from.")
    return modeled


def _equal_sides(base: TableArrays, drawn: TableArrays, control: TableArrays, seed: int) -> Sides:
    """Floor, synthetic rows and ceiling, with equally many rows: most scores are worse for fewer rows."""
    rows = min(len(table[0]) for table in (base, drawn, control))
    return {
        "floor": draw_independently(base, rows, random_numbers(seed, "floor")),
        "yours": choose_rows(drawn, rows, random_numbers(seed, "synthetic rows")),
        "ceiling": choose_rows(control, rows, random_numbers(seed, "held-out rows")),
    }


def _describe_sides(base: TableArrays, sides: Sides) -> str:
    rows = len(sides["yours"][0])
    return (
        "Floor: columns of the real table permuted independently. Ceiling: real rows that were held out. Scores compare "
        f"{rows:,} random rows of each with {len(base[0]):,} real rows. The error after ± is one standard error."
    )


def _score(name: str, estimates: dict[str, Estimate], better: Better, protocol: str) -> BoundedScore:
    return BoundedScore(name, estimates["yours"], estimates["floor"], estimates["ceiling"], better, protocol)


def _quality_scores(base: TableArrays, sides: Sides, seed: int) -> tuple[list[BoundedScore], list[BoundedScore], dict[str, Quality]]:
    """Quality, shapes and trends; quality by SDMetrics' definition; and what was measured of each side."""
    measured = {}
    found: dict[str, dict[str, Estimate]] = {name: {} for name in ("quality", "column shapes", "pair trends", SDMETRICS)}
    for side, rows in sides.items():
        measured[side], ours = _measure(bin_by_real_quantiles(base, rows), seed)
        _, theirs = _measure(bin_by_own_range(base, rows), seed)
        for name, estimate in (*zip(("quality", "column shapes", "pair trends"), ours, strict=True), (SDMETRICS, theirs[0])):
            found[name][side] = estimate
    error = f"standard error from {RESAMPLES} bootstrap resamples of the rows of both sides"
    about = f"numbers in tenths of the real column; all pairs; {error}"
    marked = f"SDMetrics 0.32's definition: bins of each side's own range, only pairs associated in the real table; {error}"
    ours = [_score(name, found[name], "higher", about) for name in found if name != SDMETRICS and not np.isnan(found[name]["yours"].value)]
    return ours, [_score(SDMETRICS, found[SDMETRICS], "higher", marked)], measured


def _measure(tables: PreparedTables, seed: int) -> tuple[Quality, tuple[Estimate, Estimate, Estimate]]:
    """Shapes and trends, with quality, mean shape and mean trend as estimates."""
    quality = compare(tables)
    spread = np.array([(each.value, each.shape, each.trend) for each in resampled(tables, random_numbers(seed, "resamples"))]).std(axis=0)
    values = quality.value, quality.shape, quality.trend
    first, second, third = (Estimate(float(value), float(error)) for value, error in zip(values, spread, strict=True))
    return quality, (first, second, third)


def _gap_scores(base: TableArrays, sides: Sides, seed: int) -> list[BoundedScore]:
    """The mean gap score of the columns with missing values on any side; empty if there are none."""
    places = [i for i in range(len(base)) if any(missing(table[i]).any() for table in (base, *sides.values()))]
    if not places:
        return []
    estimates = {}
    for side, rows in sides.items():
        random, n, m = random_numbers(seed, "gaps"), len(base[0]), len(rows[0])

        def mean(first: TableArrays, second: TableArrays) -> float:
            return float(np.mean([gap_score(first[i], second[i]) for i in places]))

        spread = [mean(take_rows(base, random.integers(0, n, n)), take_rows(rows, random.integers(0, m, m))) for _ in range(RESAMPLES)]
        estimates[side] = Estimate(mean(base, rows), float(np.std(spread)))
    return [_score("gaps", estimates, "higher", f"{len(places)} columns with gaps; standard error from {RESAMPLES} bootstrap resamples")]


def _detection_score(base: TableArrays, sides: Sides, seed: int) -> BoundedScore:
    rows = min(DETECTION_ROWS, len(sides["yours"][0]))
    real = choose_rows(base, rows, random_numbers(seed, "detection, real"))
    estimates = {}
    for side, table in sides.items():
        area = detection(real, choose_rows(table, rows, random_numbers(seed, "detection")), random_numbers(seed, "folds"))
        estimates[side] = Estimate(area.value, area.standard_error)
    about = f"AUC of boosted trees, {FOLDS} folds, {rows:,} rows on each side; DeLong's standard error, trees fixed"
    return _score("detection", estimates, "near 0.5", about)


def _usefulness_score(base: TableArrays, sides: Sides, control: TableArrays, target: int, seed: int) -> BoundedScore:
    """Trained on permuted columns, synthetic rows, or real rows of the generator's; always tested on held-out rows."""
    rows = len(sides["yours"][0])
    trained = {**sides, "ceiling": choose_rows(base, rows, random_numbers(seed, "usefulness"))}
    found = {side: usefulness(table, control, target, random_numbers(seed, "trees")) for side, table in trained.items()}
    about = (
        f"{found['yours'].measure} of boosted trees trained on {rows:,} rows and tested on {len(control[0]):,} held-out ones; "
        "the ceiling is trained on real rows; standard error from bootstrap resamples of the test rows, trees fixed"
    )
    return _score("usefulness", {side: Estimate(each.value, each.standard_error) for side, each in found.items()}, "higher", about)


def _neighborhood_scores(base: TableArrays, sides: Sides, seed: int) -> list[BoundedScore]:
    """Precision, recall, density and coverage of rows as points (see `embed_rows`), with equally many rows on each side."""
    n = min(NEIGHBORHOOD_ROWS, len(sides["yours"][0]))
    real = choose_rows(base, n, random_numbers(seed, "neighborhoods, real"))
    tables = [choose_rows(table, n, random_numbers(seed, "neighborhoods")) for table in sides.values()]
    points, *others = embed_rows(real, *tables)
    own = OwnNeighbors.find(points, COVERAGE_NEIGHBORS)
    found: dict[str, dict[str, Estimate]] = {"precision": {}, "recall": {}, "density": {}, "coverage": {}}
    for side, rows in zip(sides, others, strict=True):
        near = Neighborhoods.find(points, rows, (PRECISION_NEIGHBORS, COVERAGE_NEIGHBORS), own, OwnNeighbors.find(rows, COVERAGE_NEIGHBORS))
        first, second = near.precision_recall(PRECISION_NEIGHBORS), near.density_coverage(COVERAGE_NEIGHBORS)
        counts = near.in_real_balls[COVERAGE_NEIGHBORS].double() / COVERAGE_NEIGHBORS
        found["density"][side] = Estimate(second.density, float(counts.std()) / n**0.5)
        for name, share in (("precision", first.precision), ("recall", first.recall), ("coverage", second.coverage)):
            found[name][side] = Estimate(share, binomial_error(share, n))
    about = (
        f"{n:,} rows on each side, numbers by their position in the real column; k = {PRECISION_NEIGHBORS} for precision and recall, "
        f"{COVERAGE_NEIGHBORS} for density and coverage; standard error of counting, neighborhoods fixed"
    )
    return [_score(name, each, "near 1" if name == "density" else "higher", about) for name, each in found.items()]


def _column_scores(
    columns: Sequence[Column], real: TableArrays, drawn: TableArrays, measured: dict[str, Quality]
) -> tuple[ColumnScore, ...]:
    shapes, best = measured["yours"].shapes, measured["ceiling"].shapes
    return tuple(
        ColumnScore(
            column.name,
            float(shapes[i]),
            float(best[i]),
            float(missing(real[i]).mean()),
            float(missing(drawn[i]).mean()),
            share_out_of_range(real[i], drawn[i]),
        )
        for i, column in enumerate(columns)
    )


def _worst_pairs(columns: Sequence[Column], measured: dict[str, Quality]) -> tuple[PairScore, ...]:
    floor, yours, ceiling = (measured[side].trends for side in ("floor", "yours", "ceiling"))
    known = np.argwhere(np.tri(len(columns), k=-1, dtype=bool) & ~np.isnan(yours) & ~np.isnan(ceiling))
    worst = sorted(known.tolist(), key=lambda pair: yours[*pair] - ceiling[*pair])[:WORST_PAIRS]
    return tuple(
        PairScore(columns[j].name, columns[i].name, float(yours[i, j]), float(floor[i, j]), float(ceiling[i, j])) for i, j in worst
    )
