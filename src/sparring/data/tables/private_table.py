"""Opens a table for private training: all that a model gets to know of it before it trains is from noisy counts, or known to everybody."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float64

from sparring.core.errors import SettingsError, listed
from sparring.core.privacy_accounting import refuse_without_accountant
from sparring.core.random_streams import Streams
from sparring.core.secret_streams import SecretStreams, new_key
from sparring.data.tables.column_facts import ColumnFacts, facts_of
from sparring.data.tables.columns import BOOLEAN, Column, ColumnValues, TableValues
from sparring.data.tables.date_parts import DAY, TIME_OF_DAY, split_dates
from sparring.data.tables.encoding import Encoding
from sparring.data.tables.identifiers import IdentifierPattern
from sparring.data.tables.privacy import PrivacyBudget, PrivacySettings, budget_for
from sparring.data.tables.private_encoding import NoisyCounter, private_encoding, published
from sparring.data.tables.table_dataset import TableDataset
from sparring.data.tables.table_json import KnownColumn
from sparring.data.tables.table_plan import TablePlan
from sparring.data.tables.table_spec import TableBatch, TableSpec
from sparring.data.tables.table_store import fingerprint_of

if TYPE_CHECKING:
    from sparring.data.tables.open_table import OpenedTable

DIGITS = 9
"""Length of identifiers that are made without looking at the table's."""
COUNTED = 1001
"""Number of values that stand for a column of numbers where its typical values are looked for."""


@dataclass(frozen=True, eq=False)
class PrivateRows(TableDataset):
    """Rows that are chosen for a batch by a chance each, independent of all others, as the counting of privacy wants it."""

    noise_seed: int = 0
    """Seed of the choice and of the noise, which must stay secret."""

    @property
    def budget(self) -> PrivacyBudget:
        """What may be spent."""
        assert self.spec.privacy is not None
        return self.spec.privacy

    def secret(self, streams: Streams) -> SecretStreams:
        """Random numbers that nobody can guess, for the same moment as `streams`."""
        return SecretStreams(self.noise_seed, streams.step, streams.part, streams.device, streams.scope)

    def choose(self, streams: Streams, n: int) -> TableBatch:
        """See ChoosesSamples: each row with the chance of `n` in all rows, so that there are about `n`, and perhaps none."""
        return self.batch(np.flatnonzero(self.secret(streams).shares("rows", len(self)) < n / len(self)))

    def subset(self, indices: np.ndarray) -> "PrivateRows":
        """See TableDataset."""
        return PrivateRows(self.spec, self.codes[indices], self.positions[indices], self.fingerprint, noise_seed=self.noise_seed)


def prepare_private_table(source: Any, table: str | None, drop: tuple[str, ...], settings: PrivacySettings) -> PrivateRows:  # noqa: ANN401 (a path or a frame)
    """The rows of a table with encodings that are private. Nothing is cached. DataError or SettingsError if it cannot be used.

    Names, kinds and formats of columns are taken as known to everybody, which is why a table.json must say them.
    """
    from sparring.data.tables.open_table import read_columns, refuse_nothing_to_learn  # noqa: PLC0415 (an extra)

    refuse_without_accountant()
    if table is None:
        raise SettingsError(
            "epsilon needs table, too: a table.json in which you have checked what everybody may know of the table (names and kinds of its "
            "columns). sparring data inspect TABLE writes one."
        )
    opened = read_columns(source, table=Path(table), drop=drop)
    refuse_unsaid(table, opened)
    columns = tuple(_public(column) for column in opened.columns)
    facts = {column.name: ColumnFacts() for column in columns}
    plan = TablePlan(columns, (), opened.format.without_traces(), opened.dropped, facts)
    refuse_nothing_to_learn(opened.name, plan)
    seed = new_key() if settings.noise_seed is None else settings.noise_seed
    learned = split_dates(plan.reduce(opened.values), columns, names=_names_with_times(columns))
    rows = len(next(iter(learned.values())))
    budget = budget_for(settings, rows)
    spec, plan = _private_spec(plan, learned, opened.choices.known, budget, seed)
    shown = {encoding.name: published(learned[encoding.name], encoding, seed) for encoding in spec.encodings}
    codes, positions = spec.encode(shown)
    return PrivateRows(spec, codes, positions, fingerprint_of(opened.columns, opened.values), noise_seed=seed)


def _public(column: Column) -> Column:
    """A column without what its values say of it. That a value is constant is known from all rows, so it is a category like others. Of the
    words for gaps only the one that is written stays: the others may stand in a single row.
    """
    text = None if column.text is None else {name: value for name, value in column.text.items() if name != "also"}
    if text is not None and "missing_texts" in text:
        text["missing_texts"] = [text["missing"]] if text.get("missing") is not None else []
    return replace(column, kind="category" if column.kind == "constant" else column.kind, reason="", text=text)


def refuse_unsaid(table: str, opened: "OpenedTable") -> None:
    """Raise a SettingsError that names every column of which a table.json does not say the kind, or the step of its numbers, or says
    another kind than the column has: a single row could make it another.
    """
    problems = []
    for column in opened.columns:
        kind = opened.choices.overrides.get(column.name, {}).get("kind")
        if kind is None:
            problems.append(f"{column.name!r} is not there, or without its kind.")
        elif kind != column.kind:
            problems.append(f"{column.name!r} is a {kind} there, and a {column.kind} here ({column.reason}). Change it, or leave it out.")
        elif kind == "boolean" and opened.choices.known[column.name].categories is not None:
            problems.append(f"{column.name!r} is a boolean: its values are known by that. Leave out categories.")
        elif (column.text or {}).get("pattern") and "pattern" not in opened.choices.overrides[column.name]:
            problems.append(f"{column.name!r} has no pattern there, which says how its dates are written: {column.text['pattern']!r}?")  # pyright: ignore[reportOptionalSubscript]
        elif column.is_numeric and not opened.choices.known[column.name].has_step:
            problems.append(f"{column.name!r} has no step there: 1 for integers, 0.01 for cents, 86400 for days, or null.")
    if problems:
        raise SettingsError(listed(f"With epsilon, {table} must say what everybody may know of each column:", problems))


def _names_with_times(columns: tuple[Column, ...]) -> set[str]:
    """Names of what is learned, where dates with times are two columns: those that have no step of whole days."""
    names = {column.name for column in columns}
    return names | {
        column.name + TIME_OF_DAY for column in columns if column.kind == "datetime" and (column.step is None or column.step % DAY != 0)
    }


def _private_spec(
    plan: TablePlan, learned: TableValues, known: Mapping[str, KnownColumn], budget: PrivacyBudget, seed: int
) -> tuple[TableSpec, TablePlan]:
    of = {name: _known_part(name, known.get(name.removesuffix(TIME_OF_DAY), KnownColumn()), learned) for name in learned}
    of |= {column.name: KnownColumn(categories=BOOLEAN) for column in plan.columns if column.kind == "boolean"}
    counter = NoisyCounter(
        budget, [(each.numbers is not None, of[name]) for name, each in learned.items()], SecretStreams(seed, 0, scope="encodings")
    )
    steps = {column.name: DAY if column.name + TIME_OF_DAY in learned else column.step for column in plan.columns}
    encodings = tuple(private_encoding(name, each, of[name], counter, steps.get(name)) for name, each in learned.items())
    by_name = {encoding.name: encoding for encoding in encodings}
    facts = {column.name: _facts(column, by_name) for column in plan.columns}
    plan = replace(plan, facts=facts)
    return TableSpec(encodings, plan.to_json(), privacy=budget), plan


def _known_part(name: str, known: KnownColumn, learned: TableValues) -> KnownColumn:
    """What is known of a column that is learned: times of day are from 0 to 24 hours, and days are whole."""
    if name.endswith(TIME_OF_DAY) and name.removesuffix(TIME_OF_DAY) in learned:
        return KnownColumn(0.0, DAY)
    if name + TIME_OF_DAY in learned and (ends := known.range) is not None:
        return KnownColumn(float(np.floor(ends[0] / DAY) * DAY), float(np.floor(ends[1] / DAY) * DAY) + DAY)
    return known


def _facts(column: Column, encodings: Mapping[str, Encoding]) -> ColumnFacts:
    """What is kept of a column: from its encoding, as if this were the column."""
    if column.kind == "identifier":
        places = ("123456789", *["0123456789"] * (DIGITS - 1))
        return ColumnFacts(identifiers=IdentifierPattern(places, ((0, 9 * 10 ** (DIGITS - 1)),)))
    encoding = encodings[column.name]
    shares = np.array(encoding.shares)
    missing = float(shares[encoding.missing_code]) if encoding.has_missing else 0.0
    if not encoding.is_numeric:
        counts = np.round(shares[: encoding.kinds] * COUNTED).astype(int) + 1
        values = ColumnValues(codes=np.repeat(np.arange(encoding.kinds, dtype=np.int32), counts), categories=encoding.categories)
        return replace(facts_of(column, values), missing=missing)
    numbers = _numbers_of(encoding)
    if column.name + TIME_OF_DAY in encodings:
        numbers = np.append(numbers, numbers.max() + DAY)
    return replace(facts_of(column, ColumnValues(numbers=numbers)), missing=missing)


def _numbers_of(encoding: Encoding) -> Float64[np.ndarray, " n"]:
    """Numbers that are spread as an encoding says, its smallest and largest among them."""
    codes = np.repeat(np.arange(encoding.codes), np.round(np.array(encoding.shares) * COUNTED).astype(int) + 1).astype(np.int32)
    positions = np.zeros(len(codes), np.float32)
    in_piece = codes >= encoding.first_piece
    positions[in_piece] = np.linspace(-1, 1, int(in_piece.sum()))
    numbers = encoding.decode(codes, positions).numbers
    assert numbers is not None
    return numbers[~np.isnan(numbers)]
