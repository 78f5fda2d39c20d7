"""Judging the rows of a model of tables, or a synthetic table in a file, against the real table."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from sparring.core.errors import SettingsError
from sparring.data.tables.columns import TableValues
from sparring.data.tables.private_encoding import published
from sparring.data.tables.table_dataset import holdout_rows
from sparring.data.tables.table_plan import TablePlan
from sparring.data.tables.table_spec import TableSpec
from sparring.data.tables.table_store import TableReading, fingerprint_of, learned_values
from sparring.evaluation.judge_tables import judge_tables
from sparring.evaluation.table_judgment import TableJudgment
from sparring.evaluation.table_privacy import AttackedModel
from sparring.evaluation.table_report import write_table_report
from sparring.games.capabilities import HasDiscriminator, HasLikelihood, MakesRows, ScoresRows
from sparring.inference.data_of_model import source_of
from sparring.inference.load import load
from sparring.inference.model import Model
from sparring.inference.table_rows import draw_rows
from sparring.modalities.file_or_frame import FRAME
from sparring.runs.config import read_config, settings_of
from sparring.runs.run_directory import RunDirectory

MOST_SCORED = 4096
"""Number of rows that a model scores at once."""


def judge_table_model(
    model: Model,
    *,
    samples: int | None = None,
    seed: int = 0,
    target: str | None = None,
    private: bool = False,
    held_out: Any = None,  # noqa: ANN401 (a path or a frame)
    out: str | os.PathLike[str] | None = None,
) -> TableJudgment:
    """Score rows of a run against the table that it was trained on.

    `samples`: number of rows that are drawn (None: as many as the model was trained on). `held_out`: rows that the run has not seen, in a
    file or frame; None: the rows that training held out. `target`: a column to predict. `private`: attacks on the training rows, too.
    `out`: a folder for report.json and report.html. Raises a SparringError if the run's table is not where it was.
    """
    from sparring.data.tables.open_table import open_table  # noqa: PLC0415 (an extra)
    from sparring.data.tables.read_same_columns import read_like  # noqa: PLC0415 (an extra)

    if isinstance(model.game, ScoresRows):
        raise SettingsError(f"{model.source} scores rows, and its scores are judged: sparring judge {model.source}.")
    run = RunDirectory(model.source)
    if not run.exists():
        raise SettingsError(
            f"{model.source} does not know the table that it was trained on. Draw rows, and judge them: "
            f"sparring sample {model.source} --out rows.csv; sparring judge TABLE rows.csv"
        )
    source = source_of(model)
    config = read_config(run)
    settings = settings_of(config, run.config)
    if source == FRAME:
        raise SettingsError(
            f"{run.path} was trained on a data frame, which is not kept. In Python, judge_table_files(frame, model.rows(n)) takes it again."
        )
    reading = cast(TableReading, settings.data["reading"])
    plan, values = open_table(source, table=None if reading.table is None else Path(reading.table), drop=reading.drop)
    if (now := fingerprint_of(plan.columns, values)) != config["data"]["fingerprint"]:
        raise SettingsError(
            f"{source} is no longer the table that {run.path} was trained on (its fingerprint is {now[:12]}, and was "
            f"{config['data']['fingerprint'][:12]}), so which rows were held out is not known. Restore it, or judge files: sparring sample "
            f"{run.path} --out rows.csv; sparring judge TRAINING.csv rows.csv"
        )
    count = len(next(iter(values.values())))
    trained_on, unseen = holdout_rows(count, settings.training.holdout, settings.training.seed)
    real = taken(values, trained_on)
    control = taken(values, unseen) if held_out is None else read_like(held_out, plan.columns)
    if held_out is None and not len(unseen):
        control = None
    rows, _ = draw_rows(model, samples or len(trained_on), seed=seed)
    attacks = attacked(model) if private else None
    rules = (*plan.constraints, *plan.seen_only)
    judgment = judge_tables(real, rows, control, plan.columns, rules, target=target, private=private, seed=seed, model=attacks)
    if out is not None:
        write_table_report(judgment, Path(out), real_rows=not private)
    return judgment


def judge_table_files(
    real: Any,  # noqa: ANN401 (a path or a frame)
    synthetic: Any,  # noqa: ANN401
    *,
    held_out: Any = None,  # noqa: ANN401
    seed: int = 0,
    target: str | None = None,
    private: bool = False,
    out: str | os.PathLike[str] | None = None,
) -> TableJudgment:
    """Score a synthetic table, by whatever program, against the real one. See `judge_table_model`."""
    from sparring.data.tables.open_table import open_table  # noqa: PLC0415 (an extra)
    from sparring.data.tables.read_same_columns import read_like  # noqa: PLC0415 (an extra)

    plan, values = open_table(real)
    made = read_like(synthetic, plan.columns)
    control = None if held_out is None else read_like(held_out, plan.columns)
    rules = (*plan.constraints, *plan.seen_only)
    judgment = judge_tables(values, made, control, plan.columns, rules, target=target, private=private, seed=seed)
    if out is not None:
        write_table_report(judgment, Path(out), real_rows=not private)
    return judgment


def taken(values: TableValues, rows: np.ndarray) -> TableValues:
    """Some rows of a table."""
    return {name: each.take(rows) for name, each in values.items()}


def attacked(model: Model) -> AttackedModel:
    """What an attacker gets who has the model itself: the discriminator's logit of each row, or the row's likelihood, and what its training
    promises. SettingsError for packed models, which have lost the discriminator.
    """
    game, spec = model.game, cast(MakesRows, model.game).table_spec
    if isinstance(game, HasLikelihood):
        return AttackedModel("likelihood", scored(spec, game.log_likelihood), spec.privacy)
    if not isinstance(game, HasDiscriminator):
        return AttackedModel(privacy=spec.privacy)
    step = "last" if model.step is None else str(model.step)
    whole = load(model.source, checkpoint=step, whole=True) if model.discriminator is None else model
    if whole.discriminator is None:
        raise SettingsError(f"{model.source} holds no discriminator. Judge its run.")
    two = cast(Any, whole.game)
    if two.settings.packing > 1:
        return AttackedModel(privacy=spec.privacy)
    return AttackedModel("discriminator", scored(spec, lambda rows: two.discriminate(rows, None)[0]), spec.privacy)


def scored(spec: TableSpec, score: Callable[[Float[Tensor, "n width"]], Float[Tensor, " n"]]) -> Callable[[TableValues], np.ndarray]:
    """A score of rows as networks see them, as a score of a table's rows."""
    plan = TablePlan.from_json(spec.plan)

    def score_values(values: TableValues) -> Float[np.ndarray, " n"]:
        learned = learned_values(plan, values, spec)
        codes, positions = spec.encode({each.name: published(learned[each.name], each) for each in spec.encodings})
        parts = torch.from_numpy(codes.astype(np.int64)).split(MOST_SCORED), torch.from_numpy(positions).split(MOST_SCORED)
        with torch.no_grad():
            found = [score(spec.rows_of(*part)) for part in zip(*parts, strict=True)]
        return torch.cat(found).float().numpy()

    return score_values
