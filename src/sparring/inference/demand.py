"""The demand for a product that a model of orders foresees, beside the log's own history."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from jaxtyping import Float64, Int64

from sparring.core.errors import DataError, SettingsError
from sparring.data.orders.order_lines import lines_of
from sparring.data.orders.order_spec import YEAR, OrdersSpec
from sparring.data.orders.order_store import prepare_orders
from sparring.data.tables.columns import ColumnValues
from sparring.data.tables.conditions import all_hold
from sparring.data.tables.date_parts import local_times, zone_of
from sparring.inference.data_of_model import source_of
from sparring.inference.orders_of_model import draw_orders, orders_spec_of, parse_orders_where
from sparring.modalities.file_or_frame import FRAME
from sparring.modalities.order_kinds import months_of
from sparring.runs.config import read_config, settings_of
from sparring.runs.run_directory import RunDirectory

if TYPE_CHECKING:
    from sparring.inference.model import Model

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
RESAMPLES = 400
"""Number of years that a band is made of."""
BAND = (0.1, 0.9)
"""Quantiles of a month between which 80 of 100 years are."""
NAMED = 5
"""Number of customers' groups that are named."""


@dataclass(frozen=True, eq=False)
class Demand:
    """Lines of a typical year by month, foreseen and in the log."""

    conditions: tuple[str, ...]
    drawn: int
    """Number of lines that the model drew."""
    a_year: float | None
    """Number of lines in a year of the log that meet the conditions; None: the product was never sold, so shares are told instead."""
    years: float
    """Number of years of the log."""
    foreseen: Float64[np.ndarray, " 12"]
    low: Float64[np.ndarray, " 12"]
    high: Float64[np.ndarray, " 12"]
    """Lines by month, and the band of single years: chance alone, for as many lines a year. Shares in percent for new products."""
    history: Float64[np.ndarray, " 12"] | None
    """Mean lines by month in the log's own years; None for new products, or where the log is not known."""
    prices: tuple[float, float, float] | None
    """The 10 %, 50 % and 90 % quantile of the price of the lines drawn."""
    pieces: float | None
    """Mean quantity of a line."""
    groups: tuple[tuple[str, float], ...]
    """The groups of customers that buy most, and their share of the lines."""
    notes: tuple[str, ...]

    @property
    def unit(self) -> str:
        """What the figures of months are."""
        return "lines" if self.a_year is not None else "% of its lines"

    def lines(self) -> list[str]:
        """The table for a terminal."""
        of = " and ".join(self.conditions) or "everything"
        head = f"{'month':6}{'log':>9}{'foreseen':>11}{'80 of 100 years':>20}"
        found = [f"Demand for {of}, by {self.drawn:,} lines drawn, in {self.unit} a month:", head]
        for place, month in enumerate(MONTHS):
            past = "-" if self.history is None else f"{self.history[place]:.1f}"
            found.append(f"{month:6}{past:>9}{self.foreseen[place]:11.1f}{f'{self.low[place]:.1f} to {self.high[place]:.1f}':>20}")
        return [*found, *self.sentences()]

    def sentences(self) -> list[str]:
        """What else is foreseen."""
        found = []
        if self.prices is not None:
            low, middle, high = self.prices
            found.append(f"Price: {middle:,.6g} (median), 80 % of the lines from {low:,.6g} to {high:,.6g}.")
        if self.pieces is not None:
            found.append(f"Quantity: {self.pieces:.3g} pieces a line on average.")
        if self.groups:
            found.append("Customers: " + ", ".join(f"{name} {share:.0%}" for name, share in self.groups) + ".")
        return [*found, *self.notes]


def foresee_demand(model: "Model", n: int = 4000, *, seed: int = 0, where: Iterable[str] | Mapping[str, str] = ()) -> Demand:
    """Lines of a typical year by month under conditions ("product=SKU"), as a model foresees them. A SettingsError for logs without dates.

    The model knows when in the year a line comes, and not how many there will be: a year has as many lines as the log has in one that meet
    the conditions. Bands are what chance makes of so few lines.
    """
    spec = orders_spec_of(model)
    if not spec.days:
        raise SettingsError("This log has no dates, so no demand by month can be foreseen. Ask for lines: --out lines.csv.")
    texts = tuple(where) if not isinstance(where, Mapping) else tuple(f"{name}={value}" for name, value in where.items())
    conditions, new = parse_orders_where(spec, texts)
    rows, _ = draw_orders(model, n, seed=seed, where=texts, customers="own")
    share = np.bincount(_months(spec, rows), minlength=12) / n
    span = (spec.days[-1] - spec.days[0] + 1) / YEAR
    notes = [] if span >= 1 else [f"The log has {span * 12:.0f} months: months that it does not have are not foreseen."]
    history = a_year = None
    if new is None:
        history, a_year, more = _history(model, spec, [condition.text for condition in conditions], span)
        notes += more
    count, random = a_year if a_year is not None else 100.0, np.random.default_rng(seed)
    years = random.multinomial(max(1, round(count)), share, size=RESAMPLES)
    low, high = np.quantile(years, BAND, axis=0)
    if new is not None:
        notes.append("It was never sold, so how much of it will be is not known: months are shares of its lines; the band is of 100 lines.")
    return Demand(
        texts,
        n,
        a_year,
        span,
        share * count,
        low,
        high,
        history,
        _prices(spec, rows),
        _pieces(spec, rows),
        _groups(spec, rows),
        tuple(notes),
    )


def _months(spec: OrdersSpec, rows: Mapping[str, ColumnValues]) -> Int64[np.ndarray, " n"]:
    column = spec.roles["time"]
    local = local_times(np.asarray(rows[column.name].numbers), zone_of(column))
    return np.floor(local / 86_400).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12


def _history(
    model: "Model", spec: OrdersSpec, texts: list[str], span: float
) -> tuple[Float64[np.ndarray, " 12"] | None, float | None, list[str]]:
    """Mean lines by month in the log, lines a year, and what is to be said of it."""
    try:
        source = source_of(model)
        settings = settings_of(read_config(run := RunDirectory(model.source)), run.config)
        if source == FRAME:
            raise SettingsError("a data frame is not kept")
        data, _ = prepare_orders(source, cast(Any, settings.data["orders"]))
    except (SettingsError, DataError) as problem:
        return None, None, [f"Without the log, months are shares in percent, and its own history is not shown: {problem}"]
    every = np.arange(len(data))
    rows = lines_of(data.spec, data.codes_at(every), data.numbers)
    role_of = {role: column.name for role, column in data.spec.roles.items()}
    conditions, _ = parse_orders_where(data.spec, texts)
    named = [type(each)(role_of[each.column], each.relation, each.value, each.text) for each in conditions]
    kept = np.flatnonzero(all_hold(named, rows)) if named else every
    counts = np.bincount(months_of(data.spec, data.codes_at(kept)["day"]), minlength=12)
    first, last = (np.datetime64(day, "D") for day in (spec.days[0], spec.days[-1]))
    seen = Counter(
        int(month) % 12 for month in np.arange(first.astype("datetime64[M]").astype(int), last.astype("datetime64[M]").astype(int) + 1)
    )
    times = np.array([max(1, seen[month]) for month in range(12)])
    return counts / times, len(kept) / max(span, 1.0), []


def _prices(spec: OrdersSpec, rows: Mapping[str, ColumnValues]) -> tuple[float, float, float] | None:
    if "price" not in spec.roles:
        return None
    low, middle, high = np.quantile(np.asarray(rows[spec.roles["price"].name].numbers), [0.1, 0.5, 0.9])
    return float(low), float(middle), float(high)


def _pieces(spec: OrdersSpec, rows: Mapping[str, ColumnValues]) -> float | None:
    return float(np.mean(np.asarray(rows[spec.roles["quantity"].name].numbers))) if "quantity" in spec.roles else None


def _groups(spec: OrdersSpec, rows: Mapping[str, ColumnValues]) -> tuple[tuple[str, float], ...]:
    if "customer_group" not in spec.roles:
        return ()
    values = rows[spec.roles["customer_group"].name]
    assert values.codes is not None
    counts = Counter(values.codes[values.codes >= 0].tolist())
    return tuple((values.categories[code], count / len(values)) for code, count in counts.most_common(NAMED))
