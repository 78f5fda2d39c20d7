"""What one order line is, as networks see it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64, Int64
from torch import Tensor

from sparring.core.data_spec import Spec
from sparring.data.orders.scales import LARGEST_SCORE, Prices, Scale, normal_scores, ranks_of
from sparring.data.tables.columns import Column
from sparring.data.tables.table_format import TableFormat

ENTITIES = ("customer", "product", "day")
NUMBERS = ("price", "quantity", "clock")
"""The parts of a line: one of a list, and numbers. The clock is the time of day."""
YEAR, WEEK, THURSDAY = 365.2425, 7, 4
"""Days of a year and of a week; 1970 began on a Thursday (Monday is 1)."""


@dataclass(frozen=True)
class Entities:
    """The customers or the products of a log."""

    names: tuple[str, ...]
    counts: tuple[int, ...]
    """Number of lines of each that were trained on."""
    groups: tuple[str, ...]
    """Names of the groups; empty if there are none."""
    group_of: tuple[int, ...]
    """The group of each; one more than the last for those without."""

    def to_json(self) -> dict[str, Any]:
        """A form that JSON can hold."""
        return {"names": list(self.names), "counts": list(self.counts), "groups": list(self.groups), "group_of": list(self.group_of)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Entities":
        """The inverse of `to_json`. KeyError, TypeError or ValueError for what are none."""
        numbers = (tuple(map(int, value[name])) for name in ("counts", "group_of"))
        counts, group_of = numbers
        found = cls(tuple(map(str, value["names"])), counts, tuple(map(str, value["groups"])), group_of)
        if not len(found.names) == len(found.counts) == len(found.group_of):
            raise ValueError("each has a count and a group")
        if not all(0 <= group <= len(found.groups) for group in found.group_of):
            raise ValueError("groups are those that are named, or one more")
        return found

    @property
    def shares(self) -> Float64[np.ndarray, " k"]:
        """Share of the lines of each."""
        counts = np.asarray(self.counts, np.float64)
        return counts / counts.sum()


@dataclass(frozen=True)
class OrdersSpec(Spec):
    """Order lines. A sample has a number for each part, in the order of `ENTITIES` and `NUMBERS`, as far as the log has them: places in the
    lists of customers, products and days, from -1 to 1; and normal scores over 5.
    """

    kind: ClassVar[str] = "orders"

    customers: Entities | None
    products: Entities | None
    days: tuple[int, ...]
    """Days on which something was sold, since 1970 by local clocks; empty without dates."""
    day_counts: tuple[int, ...]
    """Number of lines of each that were trained on."""
    prices: Prices | None
    quantity: Scale | None
    clock: Scale | None
    """Seconds since midnight; None where dates have no times."""
    columns: Mapping[str, Any]
    """The columns of the source by role: `Column` as JSON, in the source's order."""
    format: Mapping[str, Any]
    """How the source was stored: `TableFormat` as JSON."""
    classes: tuple[str, ...] = ()

    @cached_property
    def sizes(self) -> dict[str, int]:
        """The entities that lines have, and how many there are of each."""
        found = {"customer": self.customers, "product": self.products, "day": self.days or None}
        return {name: len(each.names if isinstance(each, Entities) else each) for name, each in found.items() if each is not None}

    @cached_property
    def numbers(self) -> tuple[str, ...]:
        """The numbers that lines have."""
        return tuple(name for name in NUMBERS if getattr(self, "prices" if name == "price" else name) is not None)

    @property
    def shape(self) -> tuple[int]:
        """(parts,): one number for each entity and each number of a line."""
        return (len(self.sizes) + len(self.numbers),)

    def counts_of(self, name: str) -> Int64[np.ndarray, " k"]:
        """How many lines that were trained on each customer, product or day has."""
        if name == "day":
            return np.asarray(self.day_counts, np.int64)
        found = self.customers if name == "customer" else self.products
        assert found is not None
        return np.asarray(found.counts, np.int64)

    @cached_property
    def product_groups(self) -> Int64[np.ndarray, " products"]:
        """The group of each product; without products, one group of one that stands for all."""
        return np.zeros(1, np.int64) if self.products is None else np.asarray(self.products.group_of, np.int64)

    @cached_property
    def log_levels(self) -> Float32[np.ndarray, " products"]:
        """Standardized logarithms of the usual prices of products; zeros without prices."""
        if self.prices is None or self.products is None:
            return np.zeros(len(self.product_groups), np.float32)
        logs = np.log(np.asarray(self.prices.levels))
        mean, deviation = self._level_statistics
        return ((logs - mean) / deviation).astype(np.float32)

    @cached_property
    def _level_statistics(self) -> tuple[float, float]:
        assert self.prices is not None
        logs = np.log(np.asarray(self.prices.levels))
        return float(logs.mean()), max(float(logs.std()), 1e-6)

    def log_level(self, price: float) -> float:
        """A usual price as `log_levels` has it."""
        mean, deviation = self._level_statistics
        return (float(np.log(price)) - mean) / deviation

    @cached_property
    def day_features(self) -> Float32[np.ndarray, "days features"]:
        """Of each day: how far the log has come, and its place in the year and in the week, on circles."""
        days = np.asarray(self.days, np.float64)
        waves = [wave(2 * np.pi * days / period) for period in (YEAR, WEEK) for wave in (np.cos, np.sin)]
        return np.stack([days, *waves], axis=1).astype(np.float32) if len(days) else np.zeros((0, 5), np.float32)

    @cached_property
    def day_months(self) -> Int64[np.ndarray, " days"]:
        """Month of each day, 0 to 11."""
        return np.asarray(self.days, np.int64).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12

    def to_json(self) -> dict[str, Any]:
        """See Spec."""
        parts = {name: getattr(self, name) for name in ("customers", "products", "prices", "quantity", "clock")}
        return {
            "kind": self.kind,
            **{name: None if each is None else each.to_json() for name, each in parts.items()},
            "days": list(self.days),
            "day_counts": list(self.day_counts),
            "columns": dict(self.columns),
            "format": dict(self.format),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "OrdersSpec":
        """The inverse of `to_json`. KeyError, TypeError or ValueError for what are no orders."""
        kinds = {"customers": Entities, "products": Entities, "prices": Prices, "quantity": Scale, "clock": Scale}
        parts: dict[str, Any] = {name: None if value[name] is None else kind.from_json(value[name]) for name, kind in kinds.items()}
        days, counts = tuple(map(int, value["days"])), tuple(map(int, value["day_counts"]))
        spec = cls(**parts, days=days, day_counts=counts, columns=value["columns"], format=value["format"])
        if not spec.sizes or len(days) != len(counts):
            raise ValueError("orders have customers or products")
        return spec

    def __str__(self) -> str:
        counts = ", ".join(f"{size:,} {name}s" for name, size in self.sizes.items())
        return f"order lines of {counts}" + (f", with {' and '.join(self.numbers)}" if self.numbers else "")

    # -------------------------------------------------------------------------------------------------------------- the source

    @property
    def roles(self) -> dict[str, Column]:
        """The columns of the source by role, in its order."""
        return {role: Column.from_json(column) for role, column in self.columns.items()}

    @property
    def table_format(self) -> TableFormat:
        """How the source was stored."""
        return TableFormat.from_json(self.format)

    # ----------------------------------------------------------------------------------------------------- samples and values

    def samples_of(
        self, codes: Mapping[str, Int64[np.ndarray, " n"]], scores: Float32[np.ndarray, "n numbers"]
    ) -> Float32[np.ndarray, "n parts"]:
        """Samples from codes of entities and normal scores."""
        places = [2 * (codes[name] + 0.5) / size - 1 for name, size in self.sizes.items()]
        return np.concatenate([np.stack(places, axis=1), scores / LARGEST_SCORE], axis=1).astype(np.float32)

    def codes_of(self, samples: Float[Tensor, "n parts"]) -> tuple[dict[str, Int64[Tensor, " n"]], Float[Tensor, "n numbers"]]:
        """Codes by entity, and normal scores of the numbers, of lines as `samples_of` makes them."""
        codes = {
            name: (((samples[:, place] + 1) / 2) * size).floor().long().clamp(0, size - 1)
            for place, (name, size) in enumerate(self.sizes.items())
        }
        return codes, samples[:, len(self.sizes) :] * LARGEST_SCORE

    def join(self, codes: Mapping[str, Int64[Tensor, " n"]], scores: Float[Tensor, "n numbers"]) -> Float[Tensor, "n parts"]:
        """Lines as `samples_of` makes them, from codes by entity and normal scores of the numbers."""
        places = [2 * (codes[name].double() + 0.5) / size - 1 for name, size in self.sizes.items()]
        return torch.cat([torch.stack(places, dim=1).float(), scores / LARGEST_SCORE], dim=1)

    def scores(
        self, numbers: Mapping[str, Float64[np.ndarray, " n"]], products: Int64[np.ndarray, " n"], chance: Float64[np.ndarray, "n 3"]
    ) -> Float32[np.ndarray, "n numbers"]:
        """Normal scores of numbers. `chance`: in [0, 1), where in the ranks of equal numbers each is."""
        found = []
        for name in self.numbers:
            draws = chance[:, NUMBERS.index(name)]
            if name == "price":
                assert self.prices is not None
                ranks = self.prices.ranks(numbers[name], products, self.product_groups[products], draws)
            else:
                ranks = getattr(self, name).ranks(numbers[name], draws)
            found.append(normal_scores(ranks))
        return np.stack(found, axis=1).astype(np.float32) if found else np.zeros((len(products), 0), np.float32)

    def numbers_of(
        self,
        scores: Float32[np.ndarray, "n numbers"],
        products: Int64[np.ndarray, " n"],
        groups: Int64[np.ndarray, " n"] | None = None,
        levels: Float64[np.ndarray, " n"] | None = None,
    ) -> dict[str, Float64[np.ndarray, " n"]]:
        """The inverse of `scores`. `groups`, `levels`: of products that were never sold (code -1), and of the others as well."""
        found = {}
        for place, name in enumerate(self.numbers):
            ranks = ranks_of(scores[:, place])
            if name == "price":
                assert self.prices is not None
                groups = self.product_groups[products] if groups is None else groups
                levels = np.asarray(self.prices.levels)[products] if levels is None else levels
                found[name] = self.prices.numbers(ranks, products, groups, levels)
            else:
                found[name] = getattr(self, name).numbers(ranks)
        return found
