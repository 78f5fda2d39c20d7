"""Numbers of order lines as normal scores, and back: the shape and the range of a column hold whatever a network makes.

A number is a rank among those of the data; numbers that repeat fill the ranks between them evenly, at random. Prices are ranks among those
of the same product, or, of products with few lines, ratios to the product's usual price among those of its group.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64

MOST_EXACT = 20_000
"""Numbers with no more distinct values than this come back as these values alone."""
GRID = 1001
"""Number of quantiles of the others."""
OWN_LINES = 20
"""Products with at least so many lines have prices of their own."""
OWN_GRID = 33
"""Number of quantiles of a product's prices, or of a group's ratios, at most."""
EDGE = 1e-6
"""Ranks keep so far from 0 and 1, where normal scores are infinite."""
LARGEST_SCORE = 5.0
"""Scores over this are numbers in [-1, 1], as samples have them."""


def normal_scores(ranks: Float64[np.ndarray, "*n"]) -> Float64[np.ndarray, "*n"]:
    """Quantiles of the standard normal distribution at ranks in [0, 1]."""
    return torch.special.ndtri(torch.from_numpy(np.clip(ranks, EDGE, 1 - EDGE))).numpy()


def ranks_of(scores: Float[np.ndarray, "*n"]) -> Float64[np.ndarray, "*n"]:
    """The inverse of `normal_scores`."""
    return torch.special.ndtr(torch.from_numpy(np.asarray(scores, np.float64))).numpy()


@dataclass(frozen=True)
class Scale:
    """The distribution of some numbers."""

    values: tuple[float, ...]
    """In increasing order: all that there are, or quantiles."""
    upto: tuple[float, ...]
    """The share of the numbers up to each, this one included (of quantiles: its rank)."""
    exact: bool
    """Whether `values` are all numbers that there are."""

    @cached_property
    def arrays(self) -> tuple[Float64[np.ndarray, " k"], Float64[np.ndarray, " k"]]:
        """`values` and `upto` as arrays."""
        return np.asarray(self.values, np.float64), np.asarray(self.upto, np.float64)

    def ranks(self, numbers: Float64[np.ndarray, " n"], chance: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        """The rank of each number. `chance`: in [0, 1), where in the ranks of equal numbers it is."""
        values, upto = self.arrays
        if not self.exact:
            return np.interp(numbers, values, upto)
        middles = (values[1:] + values[:-1]) / 2
        place = np.searchsorted(middles, numbers)
        before = np.concatenate([[0.0], upto[:-1]])
        return before[place] + chance * (upto[place] - before[place])

    def numbers(self, ranks: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        """The inverse of `ranks`."""
        values, upto = self.arrays
        if not self.exact:
            return np.interp(ranks, upto, values)
        return values[np.minimum(np.searchsorted(upto, ranks, side="right"), len(values) - 1)]

    def to_json(self) -> dict[str, Any]:
        """A form that JSON can hold."""
        return {"values": list(self.values), "upto": list(self.upto), "exact": self.exact}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Scale":
        """The inverse of `to_json`. KeyError, TypeError or ValueError for what is no scale."""
        scale = cls(tuple(map(float, value["values"])), tuple(map(float, value["upto"])), bool(value["exact"]))
        if not scale.values or len(scale.values) != len(scale.upto):
            raise ValueError("a scale has values")
        return scale


def fit_scale(numbers: Float64[np.ndarray, " n"], most_exact: int = MOST_EXACT, grid: int = GRID) -> Scale:
    """The distribution of numbers: exact if there are no more than `most_exact` distinct ones, else by `grid` quantiles."""
    distinct, counts = np.unique(numbers, return_counts=True)
    if len(distinct) <= most_exact:
        return Scale(tuple(distinct.tolist()), tuple((np.cumsum(counts) / counts.sum()).tolist()), True)
    ranks = np.linspace(0, 1, grid)
    return Scale(tuple(np.quantile(numbers, ranks).tolist()), tuple(ranks.tolist()), False)


@dataclass(frozen=True, eq=False)
class Prices:
    """The prices of all products. Without products, there is one that stands for all."""

    levels: tuple[float, ...]
    """The usual (median) price of each product."""
    own: Mapping[int, Scale]
    """Prices of the products that have enough lines, by code."""
    ratios: tuple[Scale, ...]
    """Of each group: prices over the level of their product."""
    step: float | None
    """Prices are rounded to a multiple of this from the lowest one."""
    lowest: float
    highest: float

    def ranks(
        self,
        prices: Float64[np.ndarray, " n"],
        products: Int64[np.ndarray, " n"],
        groups: Int64[np.ndarray, " n"],
        chance: Float64[np.ndarray, " n"],
    ) -> Float64[np.ndarray, " n"]:
        """The rank of each price among those of its product, or of its group's ratios."""
        found = np.zeros(len(prices))
        for scale, rows, level in self._parts(products, groups, np.asarray(self.levels)[products]):
            found[rows] = scale.ranks(prices[rows] / level, chance[rows])
        return found

    def numbers(
        self,
        ranks: Float64[np.ndarray, " n"],
        products: Int64[np.ndarray, " n"],
        groups: Int64[np.ndarray, " n"],
        levels: Float64[np.ndarray, " n"],
    ) -> Float64[np.ndarray, " n"]:
        """The inverse of `ranks`. Products that were never sold have the code -1; `levels` is the usual price of each line's product."""
        found = np.zeros(len(ranks))
        for scale, rows, level in self._parts(products, groups, levels):
            found[rows] = scale.numbers(ranks[rows]) * level
        if self.step is not None:
            found = np.round(self.lowest + np.round((found - self.lowest) / self.step) * self.step, 9)
        known = products >= 0
        return np.where(known, np.clip(found, self.lowest, self.highest), found)

    def _parts(
        self, products: Int64[np.ndarray, " n"], groups: Int64[np.ndarray, " n"], levels: Float64[np.ndarray, " n"]
    ) -> Sequence[tuple[Scale, np.ndarray, Any]]:
        """Lines with the same scale, and what their prices are divided by for it."""
        order = np.argsort(products, kind="stable")
        distinct, begins = np.unique(products[order], return_index=True)
        found: list[tuple[Scale, np.ndarray, Any]] = []
        shared = []
        for product, rows in zip(distinct, np.split(order, begins[1:]), strict=True):
            if int(product) in self.own:
                found.append((self.own[int(product)], rows, 1.0))
            else:
                shared.append(rows)
        rest = np.concatenate(shared) if shared else np.zeros(0, np.int64)
        for group in np.unique(groups[rest]):
            rows = rest[groups[rest] == group]
            found.append((self.ratios[group], rows, levels[rows]))
        return found

    def to_json(self) -> dict[str, Any]:
        """A form that JSON can hold."""
        return {
            "levels": list(self.levels),
            "own": {str(code): scale.to_json() for code, scale in self.own.items()},
            "ratios": [scale.to_json() for scale in self.ratios],
            "step": self.step,
            "lowest": self.lowest,
            "highest": self.highest,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Prices":
        """The inverse of `to_json`. KeyError, TypeError or ValueError for what are no prices."""
        return cls(
            tuple(map(float, value["levels"])),
            {int(code): Scale.from_json(scale) for code, scale in value["own"].items()},
            tuple(map(Scale.from_json, value["ratios"])),
            None if value["step"] is None else float(value["step"]),
            float(value["lowest"]),
            float(value["highest"]),
        )


def fit_prices(
    prices: Float64[np.ndarray, " n"],
    products: Int64[np.ndarray, " n"],
    group_of: Int64[np.ndarray, " products"],
    groups: int,
    step: float | None,
    everywhere: tuple[float, float],
) -> Prices:
    """The prices of lines. `group_of`: the group of each product, below `groups`; `everywhere`: lowest and highest price of all lines."""
    count = len(group_of)
    order = np.argsort(products, kind="stable")
    begins = np.searchsorted(products[order], np.arange(count + 1))
    levels, own = np.full(count, np.nan), {}
    for product in range(count):
        mine = prices[order[begins[product] : begins[product + 1]]]
        if len(mine):
            levels[product] = np.median(mine)
        if len(mine) >= OWN_LINES and count > 1:
            own[product] = fit_scale(mine, OWN_GRID, OWN_GRID)
    group_levels = [_median(prices[group_of[products] == group], float(np.median(prices))) for group in range(groups)]
    levels = np.where(np.isnan(levels), np.asarray(group_levels)[group_of], levels)
    if count == 1:
        return Prices((1.0,), {}, (fit_scale(prices),), step, *everywhere)
    ratios, seen = prices / levels[products], np.bincount(products, minlength=count)[products] > 1
    scales = []
    for group in range(groups):
        mine = ratios[seen & (group_of[products] == group)]
        scales.append(fit_scale(mine if len(mine) else ratios, OWN_GRID, OWN_GRID))
    return Prices(tuple(levels.tolist()), own, tuple(scales), step, *everywhere)


def _median(numbers: Float64[np.ndarray, " n"], otherwise: float) -> float:
    return float(np.median(numbers)) if len(numbers) else otherwise
