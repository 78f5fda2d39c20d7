"""Judging the lines of a model of orders, or of a file, against the log that a model was trained on or that is in another file."""

import os
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from jaxtyping import Float64, Int64

from sparring.core.errors import DataError, SettingsError, did_you_mean, listed
from sparring.data.orders.order_dataset import OrdersDataset, holdout_lines
from sparring.data.orders.order_lines import entities_of
from sparring.data.orders.order_reading import ROLES, OrderReading
from sparring.data.orders.order_spec import OrdersSpec
from sparring.data.orders.order_store import prepare_orders, refit
from sparring.evaluation.judge_orders import Lines, judge_orders
from sparring.evaluation.order_judgment import OrdersJudgment
from sparring.evaluation.orders_report import write_orders_report
from sparring.games.capabilities import MakesOrders
from sparring.inference.data_of_model import source_of
from sparring.inference.model import Model
from sparring.inference.orders_of_model import orders_spec_of
from sparring.modalities.file_or_frame import FRAME
from sparring.runs.config import read_config, settings_of
from sparring.runs.run_directory import RunDirectory

DRAWN_AT_ONCE = 8192


def judge_orders_model(
    model: Model,
    other: Any = None,  # noqa: ANN401 (a path or a frame)
    *,
    samples: int | None = None,
    seed: int = 0,
    out: str | os.PathLike[str] | None = None,
) -> OrdersJudgment:
    """Score lines of a run against the log that it was trained on.

    `other`: a file or frame of generated lines with the log's columns, by whatever program, that is scored in place of the model's own.
    `samples`: number of lines that are drawn (None: as many as the model was trained on). `out`: a folder for report.json and report.html.
    Raises a SettingsError if the run's log is not where it was or has changed.
    """
    spec = orders_spec_of(model)
    run = RunDirectory(model.source)
    if not run.exists():
        raise SettingsError(
            f"{model.source} does not know the log that it was trained on. Draw lines, and judge them: sparring sample {model.source} "
            "--out lines.csv; sparring judge LOG lines.csv --orders customer=COLUMN product=COLUMN"
        )
    config = read_config(run)
    settings = settings_of(config, run.config)
    if (source := source_of(model)) == FRAME:
        raise SettingsError(
            f"{run.path} was trained on a data frame, which is not kept. In Python, judge_order_files(frame, lines, reading) "
            "takes it again."
        )
    reading = cast(OrderReading, settings.data["orders"])
    data, _ = prepare_orders(source, reading)
    if data.fingerprint != config["data"]["fingerprint"]:
        raise SettingsError(
            f"{source} is no longer the log that {run.path} was trained on (its fingerprint is {data.fingerprint[:12]}, and was "
            f"{config['data']['fingerprint'][:12]}), so which lines were held out is not known. Restore it."
        )
    kept, unseen = holdout_lines(data, settings.training.holdout, settings.training.seed)
    training, held_out = lines_at(data, spec, kept), lines_at(data, spec, unseen) if len(unseen) else None
    if other is None:
        model.refuse_without_generator()
        generated = generated_by(model, samples or len(training), seed)
    else:
        generated = read_like(other, spec, reading)
    return _reported(judge_orders(training, generated, held_out, seed=seed), out)


def judge_order_files(
    log: Any,  # noqa: ANN401 (a path or a frame)
    generated: Any,  # noqa: ANN401
    reading: OrderReading,
    *,
    held_out: Any = None,  # noqa: ANN401
    seed: int = 0,
    out: str | os.PathLike[str] | None = None,
) -> OrdersJudgment:
    """Score generated lines, by whatever program, against a real log. See `judge_orders_model`. `held_out`: real lines that the generator
    has not seen.
    """
    data, _ = prepare_orders(log, reading)
    data = refit(data, np.arange(len(data)))
    training = lines_at(data, data.spec, np.arange(len(data)))
    unseen = None if held_out is None else read_like(held_out, data.spec, reading)
    return _reported(judge_orders(training, read_like(generated, data.spec, reading), unseen, seed=seed), out)


def _reported(judgment: OrdersJudgment, out: str | os.PathLike[str] | None) -> OrdersJudgment:
    if out is not None:
        write_orders_report(judgment, Path(out))
    return judgment


def lines_at(data: OrdersDataset, spec: OrdersSpec, rows: Int64[np.ndarray, " n"]) -> Lines:
    """Lines of a log, with the counts of the spec."""
    return Lines(spec, data.codes_at(rows), {name: np.asarray(each[rows]) for name, each in data.numbers.items()})


def generated_by(model: Model, n: int, seed: int) -> Lines:
    """Lines that a model draws."""
    spec, game = orders_spec_of(model), cast(MakesOrders, model.game)
    samples = torch.cat([game.draw_lines(min(DRAWN_AT_ONCE, n - first), seed, first, {}) for first in range(0, n, DRAWN_AT_ONCE)])
    found, scores = spec.codes_of(samples)
    codes = {name: each.cpu().numpy() for name, each in found.items()}
    return Lines(spec, codes, spec.numbers_of(scores.cpu().float().numpy(), codes.get("product", np.zeros(n, np.int64))))


def read_like(source: Any, spec: OrdersSpec, reading: OrderReading) -> Lines:  # noqa: ANN401 (a path or a frame)
    """Lines of another file in the codes of a log. Those of customers, products or days that the log does not have are left out; a
    DataError if too few are left. (Fresh customers are new ones: they are put in the place of the log's, the most frequent first.)
    """
    from sparring.data.orders.read_orders import local_days, read_orders  # noqa: PLC0415 (an extra)

    raw = read_orders(source, reading)
    missing = [role for role in spec.roles if role not in raw.roles]
    if missing:
        raise DataError(f"{source} lacks {', '.join(missing)}, which the log has.")
    codes: dict[str, Int64[np.ndarray, " n"]] = {}
    for role in ("product", "customer"):
        if role in spec.sizes:
            values = raw.values[role]
            assert values.codes is not None
            codes[role] = _places(values.categories, np.bincount(values.codes), spec, role)[values.codes]
    if spec.days:
        of_line, _ = local_days(raw.roles["time"], np.asarray(raw.values["time"].numbers))
        days = np.asarray(spec.days)
        nearest = np.clip(np.searchsorted(days, of_line), 0, len(days) - 1)
        codes["day"] = np.where(days[nearest] == of_line, nearest, -1)
    numbers: dict[str, Float64[np.ndarray, " n"]] = {
        role: np.asarray(raw.values[role].numbers) for role in ("price", "quantity") if role in spec.numbers
    }
    if "clock" in spec.numbers:
        numbers["clock"] = local_days(raw.roles["time"], np.asarray(raw.values["time"].numbers))[1]
    known = np.all([each >= 0 for each in codes.values()], axis=0)
    if known.sum() < len(known) / 2:
        raise DataError(
            f"{source}: {int((~known).sum()):,} of {len(known):,} lines name products or days that the log does not have. "
            "Is it of this log?"
        )
    return Lines(spec, codes, numbers).take(np.flatnonzero(known))


def _places(names: tuple[str, ...], counts: Int64[np.ndarray, " k"], spec: OrdersSpec, role: str) -> Int64[np.ndarray, " k"]:
    """The code of each name in the log; -1: it is not there. Customers of whom none is there are invented: the most frequent takes the
    place of the most frequent.
    """
    places = {name: place for place, name in enumerate(entities_of(spec, role).names)}
    found = np.array([places.get(name, -1) for name in names], np.int64)
    if role == "customer" and (found < 0).all():
        most = np.argsort(-spec.counts_of(role), kind="stable")[: len(names)]
        found[np.argsort(-counts, kind="stable")[: len(most)]] = most
    return found


def reading_from(texts: tuple[str, ...]) -> OrderReading:
    """Roles of columns as they are written ("customer=id"). A SettingsError lists all that cannot be understood."""
    given = {role: column for role, _, column in (text.partition("=") for text in texts)}
    problems = [f"{role!r} is no role of a column. {did_you_mean(role, ROLES)}" for role in given if role not in ROLES]
    problems += [f"{role}: name a column, such as {role}=COLUMN." for role, column in given.items() if role in ROLES and not column]
    if problems:
        raise SettingsError(listed("These roles cannot be used:", problems))
    reading = OrderReading(**given)
    if problems := reading.problems():
        raise SettingsError(listed("These roles cannot be used:", problems))
    return reading
