"""Judging a model that scores rows: on held-out rows, beside boosted trees, an isolation forest and chance."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from jaxtyping import Bool, Float, Float64

from sparring.core.errors import DataError, SettingsError, did_you_mean
from sparring.core.formatting import plural
from sparring.data.tables.columns import Column, TableValues
from sparring.data.tables.date_parts import TIME_OF_DAY
from sparring.data.tables.labeled_rows import LabeledRows, fit_labeled, label_name, label_rows, split_labeled, target_codes
from sparring.data.tables.table_plan import TablePlan
from sparring.data.tables.table_store import TableReading, prepare_table
from sparring.evaluation.aligned_tables import align_tables, take_table_rows
from sparring.evaluation.bounded_scores import Estimate
from sparring.evaluation.fraud_judgment import SHARES, FraudFinding, FraudJudgment, WayScores
from sparring.evaluation.fraud_report import write_fraud_report
from sparring.games.capabilities import ScoresRows
from sparring.games.labels_recipe import LabelsRecipe
from sparring.inference.data_of_model import source_of
from sparring.inference.model import Model
from sparring.inference.score_rows import labels_of, score_values, scoring_game
from sparring.metrics.tables.alerts import (
    alert_scores,
    average_precision,
    excess_of_frauds,
    money_saved,
    paired_difference,
    reliability,
)
from sparring.metrics.tables.column_arrays import take_rows
from sparring.metrics.tables.fraud_baselines import boosted_tree_scores, isolation_scores
from sparring.modalities.file_or_frame import FRAME
from sparring.runs.config import read_config, settings_of
from sparring.runs.data_changes import refuse_changed, refuse_moved
from sparring.runs.run_directory import RunDirectory

RESAMPLES = 200
"""Number of bootstrap resamples of the held-out rows, for standard errors."""
EDGES = (1e-4, 1e-3, 0.003, 0.01, 0.03, 0.1, 0.3, 0.5, 0.7, 0.9)
"""Between the groups of probabilities whose reliability is shown."""
FEW_FRAUDS = 30
"""Below so many held-out frauds, a note says that all figures are uncertain."""
WRONG_BY = 3.0
"""Standard deviations by which the number of frauds differs from the expected one where probabilities are wrong."""


@dataclass(frozen=True, eq=False)
class FraudTables:
    """What a run learned from, and what its scores are judged on, as the file has them."""

    columns: tuple[Column, ...]
    known: TableValues
    known_labels: Bool[np.ndarray, " n"]
    unseen: TableValues
    unseen_labels: Bool[np.ndarray, " m"]
    by_time: bool


def judge_frauds(
    model: Model,
    *,
    held_out: Any = None,  # noqa: ANN401 (a path or a frame)
    amount: str | None = None,
    review_cost: float = 0.0,
    seed: int = 0,
    out: str | os.PathLike[str] | None = None,
) -> FraudJudgment:
    """Score held-out rows with a run's model, and rate its scores beside those of others that learned from the same rows.

    `held_out`: labeled rows that the run has not seen, in a file or frame; None: the rows that training held out. `amount`: the column with
    the money that a fraud takes, and `review_cost`: what looking at one alert costs, in the same unit. `out`: a folder for report.json and
    report.html. A SparringError if the training table is not where it was, if rows have no labels, or without scikit-learn.
    """
    game = scoring_game(model)
    if review_cost and amount is None:
        raise SettingsError("review_cost is compared with what frauds take: name the column of amounts, too (amount).")
    tables = tables_of(model, game, held_out)
    amounts = None if amount is None else amounts_of(tables, amount)
    truth = tables.unseen_labels
    log_odds, _ = score_values(game, tables.unseen)
    names = {game.table_spec.encodings[number].name.removesuffix(TIME_OF_DAY) for number in game.seen_columns}
    columns = [column for column in tables.columns if column.name in names]
    known, unseen = align_tables(columns, tables.known, tables.unseen).tables
    scores = {
        read_config(RunDirectory(model.source))["recipe"]: log_odds,
        "boosted trees": boosted_tree_scores(known, tables.known_labels, unseen, seed),
        "isolation forest": isolation_scores(take_rows(known, ~tables.known_labels), unseen, seed),
    }
    random = np.random.default_rng(seed)
    own, trees, apart = paired_difference(truth, log_odds, scores["boosted trees"], RESAMPLES, random)
    forest = paired_difference(truth, scores["isolation forest"], scores["isolation forest"], RESAMPLES, random)[0]
    errors = dict(zip(scores, (own, trees, forest), strict=True))
    ways = [rated(name, truth, each, errors[name], amounts, review_cost) for name, each in scores.items()]
    chance = Estimate(float(truth.mean()))
    probabilities = 1 / (1 + np.exp(-log_odds))
    difference = Estimate(ways[0].average_precision.value - ways[1].average_precision.value, apart)
    excess = excess_of_frauds(truth, probabilities)
    judgment = FraudJudgment(
        tuple(ways),
        difference,
        truth,
        (len(tables.known_labels), int(tables.known_labels.sum())),
        reliability(truth, probabilities, np.array(EDGES)),
        excess,
        amounts,
        review_cost,
        tuple(findings_of(ways[0], chance.value, difference, excess)),
        tuple(notes_of(tables, held_out, chance.value)),
        seed,
    )
    if out is not None:
        write_fraud_report(judgment, Path(out))
    return judgment


def rated(
    name: str,
    truth: Bool[np.ndarray, " n"],
    scores: Float[np.ndarray, " n"],
    error: float,
    amounts: Float64[np.ndarray, " n"] | None,
    cost: float,
) -> WayScores:
    """All figures of one way of scoring."""
    saved = None
    if amounts is not None:
        by_alerts = money_saved(truth, scores, amounts, cost)
        best = int(by_alerts.argmax())
        saved = (float(by_alerts[best]), best + 1)
    alerts = tuple(alert_scores(truth, scores, share) for share in SHARES)
    return WayScores(name, scores.astype(np.float64), Estimate(average_precision(truth, scores), error), alerts, saved)


def tables_of(model: Model, game: ScoresRows, held_out: Any) -> FraudTables:  # noqa: ANN401 (a path or a frame)
    """The labeled rows of a run, and those that it is judged on."""
    from sparring.data.tables.read_same_columns import read_like  # noqa: PLC0415 (an extra)

    dataset, training, source = dataset_of(model)
    plan = TablePlan.from_json(dataset.spec.plan)
    values = read_like(source, plan.columns)
    trained_on, unseen_rows = split_labeled(dataset, *training)
    trained_on = trained_on.subset(np.flatnonzero(trained_on.is_labeled))
    known = take_table_rows(values, trained_on.row_numbers)
    if held_out is None:
        unseen_rows = unseen_rows.subset(np.flatnonzero(unseen_rows.is_labeled))
        unseen, labels = take_table_rows(values, unseen_rows.row_numbers), unseen_rows.is_fraud
    else:
        unseen = read_like(held_out, plan.columns, partial=True)
        labels = labels_of(game, unseen)
        if labels is None:
            raise DataError(f"{held_out} does not say of every row whether it is a fraud ({dataset.spec.encodings[game.target].name!r}).")
    if not labels.any() or labels.all():
        encoding = dataset.spec.encodings[game.target]
        fraud, ordinary = (label_name(encoding, code) for code in target_codes(encoding))
        raise DataError(
            f"The {plural(len(labels), 'held-out row', 'held-out rows')} cannot rate scores: {encoding.name!r} must have both {fraud!r} "
            f"and {ordinary!r} among them. Hold out more rows in training (--holdout), or name others (--held-out)."
        )
    return FraudTables(plan.columns, known, trained_on.is_fraud, unseen, labels, dataset.labeling.time is not None)


def dataset_of(model: Model) -> tuple[LabeledRows, tuple[int | None, int], str]:
    """The rows of a run as training had them, the holdout and seed of their split, and where they are."""
    run = RunDirectory(model.source)
    if not run.exists():
        raise SettingsError(f"{model.source} does not know the table that it was trained on. Judge its run, which does.")
    source, config = source_of(model), read_config(run)
    if source == FRAME:
        raise SettingsError(
            f"{run.path} was trained on a data frame, which is not kept. Train on a file, or score new rows: sparring score."
        )
    refuse_moved(run, config["data"])
    settings = settings_of(config, run.config)
    recipe, reading = cast(LabelsRecipe, settings.recipe), cast(TableReading, settings.data["reading"])
    rows = prepare_table(source, reading, numbers_as="quantiles")
    refuse_changed(run, config["data"], source, rows, f"Or train again on it, beside {run.path}.")
    labeled = label_rows(rows, recipe.target, recipe.time, recipe.frauds_in_batch)
    split = settings.training.holdout, settings.training.seed
    return fit_labeled(labeled, *split), split, source


def amounts_of(tables: FraudTables, name: str) -> Float64[np.ndarray, " m"]:
    """The amounts of the rows that are judged on; missing ones are 0."""
    column = next((each for each in tables.columns if each.name == name), None)
    if column is None:
        raise SettingsError(f"amount: there is no column {name!r}. {did_you_mean(name, [each.name for each in tables.columns])}")
    numbers = tables.unseen[name].numbers
    if numbers is None or column.kind != "number":
        raise SettingsError(f"amount: {name!r} has no numbers ({column.reason}).")
    return np.nan_to_num(numbers)


def findings_of(own: WayScores, chance: float, difference: Estimate, excess: float) -> list[FraudFinding]:
    """What is wrong with the scores, beyond chance."""
    found = []
    error = own.average_precision.standard_error or 0.0
    if own.average_precision.value - 2 * error <= chance:
        sentence = (
            f"Scores are no better than chance, whose average precision is {chance:.4f}: train longer, or add columns that tell frauds."
        )
        found.append(FraudFinding("no better than chance", sentence))
    if difference.value < -2 * (difference.standard_error or 0.0):
        sentence = f"Boosted trees are better by {-difference.value:.3f} in average precision. Use them on this table, or train longer."
        found.append(FraudFinding("trees are better", sentence))
    if abs(excess) > WRONG_BY:
        low = excess > 0
        sentence = (
            f"The probabilities are too {'low' if low else 'high'}: there are {'more' if low else 'fewer'} frauds than they let expect "
            f"({excess:+.1f} standard deviations). Frauds have become {'more' if low else 'less'} frequent, or other ones. The ranking may "
            "still be right."
        )
        found.append(FraudFinding("probabilities too low" if low else "probabilities too high", sentence))
    return found


def notes_of(tables: FraudTables, held_out: Any, chance: float) -> list[str]:  # noqa: ANN401 (a path or a frame)
    """How the scores were found, as far as readers must know it."""
    rows, frauds = len(tables.unseen_labels), int(tables.unseen_labels.sum())
    which = "rows of another table" if held_out is not None else "last rows by time" if tables.by_time else "rows chosen at random"
    notes = [
        f"Judged on {rows:,} {which} ({plural(frauds, 'fraud', 'frauds')}, {frauds / rows:.2%}); all learned from the same "
        f"{len(tables.known_labels):,} labeled rows ({int(tables.known_labels.sum()):,} frauds). Chance has an average precision of "
        f"{chance:.4f}."
    ]
    if held_out is None and not tables.by_time:
        notes.append("In use, frauds come later than what was learned from. Without --time that is not tested, and scores may be too good.")
    if frauds < FEW_FRAUDS:
        notes.append(f"There are only {frauds} held-out frauds: all figures are uncertain.")
    return notes
