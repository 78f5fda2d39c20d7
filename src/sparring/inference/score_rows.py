"""How likely rows of a table are frauds, which are worth an alert, and which of their cells are odd."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor

from sparring.core.errors import DataError, SettingsError, did_you_mean, listed
from sparring.data.tables.cell_text import cell_text, number_text
from sparring.data.tables.columns import Column, ColumnValues, TableValues
from sparring.data.tables.date_parts import TIME_OF_DAY
from sparring.data.tables.labeled_rows import target_codes
from sparring.data.tables.table_format import RawTable
from sparring.data.tables.table_plan import TablePlan
from sparring.data.tables.table_spec import TableSpec
from sparring.data.tables.table_store import learned_values
from sparring.games.capabilities import ScoresRows
from sparring.inference.model import Model

ALERTS = 0.01
"""Share of the rows that get an alert, where nobody says."""
MOST_REASONS, LEAST_SURPRISE = 3, 1.0
"""Number of cells that are named for an alert, and nats by which a cell must be less likely than the expected one to be named."""
SCORED_AT_ONCE = 16_384
"""Number of rows that are made into indicators together."""


@dataclass(frozen=True)
class OddCell:
    """A cell that is far from what the other cells of its row let expect."""

    column: str
    value: str
    expected: str
    nats: float
    """How much less likely it is than the expected value, as a difference of logarithms."""

    def __str__(self) -> str:
        return f"{self.column} is {self.value or 'missing'} (expected {self.expected or 'missing'})"


@dataclass(frozen=True, eq=False)
class ScoredRows:
    """Rows with their probabilities."""

    table: RawTable
    """The rows as they were read."""
    probabilities: Float64[np.ndarray, " n"]
    """Of each row: that it is a fraud."""
    alerts: Int64[np.ndarray, " k"]
    """Numbers of the rows with an alert, the most likely fraud first."""
    reasons: tuple[tuple[OddCell, ...], ...]
    """For each alert, its oddest cells; empty where none is odd by itself."""
    labels: Bool[np.ndarray, " n"] | None
    """Which rows are frauds, if the table says so of each row."""
    unknown: dict[str, int]
    """By column, number of rows with a category that training never saw."""


def scoring_game(model: Model) -> ScoresRows:
    """The game of a model that scores rows; a SettingsError if it does not."""
    if not isinstance(model.game, ScoresRows):
        raise SettingsError(f"{model.source} does not score rows: fraudgan does. Use it with: {model.use}")
    return model.game


def score_rows(model: Model, source: Any, *, alerts: float = ALERTS) -> ScoredRows:  # noqa: ANN401 (a path or a frame)
    """How likely rows are frauds, which are worth an alert, and why. `alerts`: share of the rows that get one. Labels and times need not be
    there. A DataError names all other columns that are not there, or cannot be read as what they were in training.
    """
    game = scoring_game(model)
    if not 0 < alerts <= 1:
        raise SettingsError(f"alerts is the share of the rows that get an alert: more than 0 and at most 1, not {alerts:g}.")
    from sparring.data.tables.reading import read_table  # noqa: PLC0415 (an extra)

    plan = TablePlan.from_json(game.table_spec.plan)
    raw = read_table(source)
    values = read_for_scoring(raw, plan, game)
    log_odds, unknown = score_values(game, values)
    order = np.argsort(-log_odds, kind="stable")[: max(1, round(alerts * len(log_odds)))]
    reasons = reasons_of(game, plan, {name: each.take(order) for name, each in values.items()})
    return ScoredRows(raw, 1 / (1 + np.exp(-log_odds)), order, reasons, labels_of(game, values), unknown)


ADDED = ("fraud_probability", "fraud_alert", "fraud_reasons")
"""Columns that a scored table has beside its own."""


def save_scores(scored: ScoredRows, out: Path) -> None:
    """Write rows as they were read, with three columns more. A SettingsError if they have such columns."""
    from sparring.data.tables.arrow import pa  # noqa: PLC0415 (an extra)
    from sparring.data.tables.writing import output_table_kind, write_table  # noqa: PLC0415 (an extra)

    if there := [name for name in ADDED if name in scored.table.table.column_names]:
        raise SettingsError(f"{scored.table.name} has columns of scores already: {', '.join(there)}. Score the table without them.")
    alert = np.zeros(len(scored.probabilities), bool)
    alert[scored.alerts] = True
    reasons: list[str | None] = [None] * len(alert)
    for row, cells in zip(scored.alerts.tolist(), scored.reasons, strict=True):
        reasons[row] = "; ".join(map(str, cells)) or None
    as_text = output_table_kind(out) == "csv"
    probability = [f"{value:.6g}" for value in scored.probabilities] if as_text else pa.array(scored.probabilities)
    flags = ["yes" if each else "no" for each in alert] if as_text else pa.array(alert)
    table = scored.table.table
    for name, values in zip(ADDED, (probability, flags, pa.array(reasons, pa.string())), strict=True):
        table = table.append_column(name, pa.array(values, pa.string()) if isinstance(values, list) else values)
    write_table(table, out, scored.table.format)


def read_for_scoring(raw: RawTable, plan: TablePlan, game: ScoresRows) -> dict[str, ColumnValues]:
    """The columns that the model knows; those that it does not look at are missing if they are not there."""
    from sparring.data.tables.read_same_columns import values_like  # noqa: PLC0415 (an extra)

    names = raw.table.column_names
    needed = {game.table_spec.encodings[number].name.removesuffix(TIME_OF_DAY) for number in game.seen_columns}
    if absent := [name for name in needed if name not in names]:
        raise DataError(listed(f"{raw.name} lacks columns:", [f"{name!r}. {did_you_mean(name, names)}" for name in sorted(absent)]))
    return values_like(raw, plan.columns, partial=True)


def score_values(game: ScoresRows, values: TableValues) -> tuple[Float64[np.ndarray, " n"], dict[str, int]]:
    """Log-odds of rows by their values, and for each column in how many rows its category is unknown."""
    spec = game.table_spec
    encoded = encode_known(spec, values)
    n = len(encoded.codes)
    with torch.no_grad():
        found = [game.log_odds(encoded.rows(slice(first, first + SCORED_AT_ONCE))).cpu() for first in range(0, n, SCORED_AT_ONCE)]
    seen = {spec.encodings[number].name for number in game.seen_columns}
    unknown = {name: int(rows.sum()) for name, rows in encoded.unknown.items() if rows.any() and name in seen}
    return torch.cat(found).double().numpy(), unknown


@dataclass(frozen=True, eq=False)
class EncodedRows:
    """Rows as codes and positions, and which cells have a category that training never saw."""

    spec: TableSpec
    codes: Int64[np.ndarray, "n c"]
    positions: np.ndarray
    unknown: dict[str, Bool[np.ndarray, " n"]]

    def rows(self, some: slice) -> Tensor:
        """Some rows as networks see them: an unknown category has no indicator at all."""
        rows = self.spec.rows_of(torch.from_numpy(self.codes[some]), torch.from_numpy(np.ascontiguousarray(self.positions[some])))
        for block in self.spec.blocks:
            if block.name in self.unknown:
                rows[torch.from_numpy(self.unknown[block.name][some]), block.indicators] = 0
        return rows


def encode_known(spec: TableSpec, values: TableValues) -> EncodedRows:
    """Rows as codes and positions, whatever categories they have."""
    learned = learned_values(TablePlan.from_json(spec.plan), values, spec)
    unknown, known = {}, {}
    for encoding in spec.encodings:
        each = learned[encoding.name]
        known[encoding.name] = each
        if each.codes is not None:
            index = {category: code for code, category in enumerate(encoding.categories)}
            codes = np.array([*(index.get(category, -2) for category in each.categories), -1], np.int32)[each.codes]
            unknown[encoding.name] = codes == -2 if encoding.has_missing else codes < 0
            known[encoding.name] = ColumnValues(codes=np.maximum(codes, -1).astype(np.int32), categories=encoding.categories)
        elif not encoding.has_missing:
            unknown[encoding.name] = each.missing
    codes, positions = spec.encode(known)
    codes = np.maximum(codes, 0).astype(np.int64)
    return EncodedRows(spec, codes, positions, unknown)


def labels_of(game: ScoresRows, values: TableValues) -> Bool[np.ndarray, " n"] | None:
    """Which rows are frauds; None unless all rows say so."""
    encoding = game.table_spec.encodings[game.target]
    each = values[encoding.name]
    if each.missing.all():
        return None
    fraud, _ = target_codes(encoding)
    if each.numbers is not None:
        return None if each.missing.any() else each.numbers == encoding.atoms[fraud]
    assert each.codes is not None
    return None if each.missing.any() else np.array([*each.categories, ""])[each.codes] == encoding.categories[fraud]


def reasons_of(game: ScoresRows, plan: TablePlan, values: TableValues) -> tuple[tuple[OddCell, ...], ...]:
    """For each of some rows, the cells that are furthest from what the others let expect."""
    spec = game.table_spec
    encoded = encode_known(spec, values)
    device = cast(Any, game).device
    pieces = [
        game.expected_cells(encoded.rows(slice(first, first + SCORED_AT_ONCE)).to(device))
        for first in range(0, len(encoded.codes), SCORED_AT_ONCE)
    ]
    expected, nats = (torch.cat(parts).cpu() for parts in zip(*pieces, strict=True))
    codes, positions = spec.codes_of(expected)
    usual = spec.decode(codes.numpy().astype(np.int32), positions.numpy())
    learned = learned_values(plan, values, spec)
    columns = {column.name: column for column in plan.columns}
    found = []
    for row, own in enumerate(nats.numpy()):
        order = [number for number in np.argsort(-own, kind="stable")[:MOST_REASONS] if own[number] >= LEAST_SURPRISE]
        cells = []
        for number in order:
            name = spec.encodings[number].name
            column = columns[name.removesuffix(TIME_OF_DAY)]
            column = replace(column, kind="duration") if name.endswith(TIME_OF_DAY) else column
            texts = [cell_text(column, learned[name], row), expected_text(column, usual[name], row)]
            cells.append(OddCell(name, texts[0], texts[1], float(own[number])))
        found.append(tuple(cells))
    return tuple(found)


def expected_text(column: Column, values: ColumnValues, row: int) -> str:
    """What was expected of a cell, as text: numbers with three digits, for nobody expects more exactly."""
    if column.kind == "number" and values.numbers is not None:
        return number_text(column, float(f"{values.numbers[row]:.3g}"))
    return cell_text(column, values, row)
