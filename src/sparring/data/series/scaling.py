"""How the values of a column become numbers for networks, and back."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Float64

ScalingKind = Literal["normal scores", "standard", "range"]
"""By rank to the standard normal distribution; to mean 0 and standard deviation 1; or to [-1, 1]."""
INNER_KNOTS = 127
"""Number of quantiles, evenly spread, that normal scores are interpolated between; at both ends there are more."""
TAIL = 0.02
"""Share of the values at each end whose scores give the slope beyond the largest and smallest value."""


@dataclass(frozen=True)
class Scaling:
    """From the values of a column to numbers for networks: straight lines between knots."""

    kind: ScalingKind
    values: tuple[float, ...]
    """Values at the knots, rising (equal where many values are the same)."""
    scores: tuple[float, ...]
    """Numbers for networks at the knots, strictly rising."""
    open_ended: bool
    """Whether there may be values beyond the largest and smallest of the data: along the slope of the tails. Else they are these."""

    def to_json(self) -> dict[str, Any]:
        """A form that JSON can hold."""
        return {"kind": self.kind, "values": list(self.values), "scores": list(self.scores), "open_ended": self.open_ended}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Scaling":
        """The inverse of `to_json`. KeyError, TypeError or ValueError for what is no scaling."""
        found = cls(value["kind"], tuple(map(float, value["values"])), tuple(map(float, value["scores"])), bool(value["open_ended"]))
        if found.kind not in get_args(ScalingKind) or len(found.values) != len(found.scores) or len(found.values) < 2:
            raise ValueError("a scaling has a value and a score at each of its knots")
        if (np.diff(found.scores) <= 0).any() or (np.diff(found.values) < 0).any():
            raise ValueError("the knots of a scaling rise")
        return found

    def forward(self, values: Float64[np.ndarray, "*n"]) -> Float64[np.ndarray, "*n"]:
        """Numbers for networks; NaN where the value is missing. A value that many share has the middle of their scores."""
        knots, scores = np.asarray(self.values), np.asarray(self.scores)
        distinct, first, counts = np.unique(knots, return_index=True, return_counts=True)
        middle = (scores[first] + scores[first + counts - 1]) / 2
        found = np.interp(values, distinct, middle)
        low, high = self._slopes()
        below, above = values < distinct[0], values > distinct[-1]
        found = np.where(below & (low > 0), middle[0] + (values - distinct[0]) / max(low, 1e-300), found)
        found = np.where(above & (high > 0), middle[-1] + (values - distinct[-1]) / max(high, 1e-300), found)
        return np.where(np.isnan(values), np.nan, found)

    def inverse(self, scores: Float64[np.ndarray, "*n"]) -> Float64[np.ndarray, "*n"]:
        """Values from what networks make."""
        knots, values = np.asarray(self.scores), np.asarray(self.values)
        found = np.interp(scores, knots, values)
        if not self.open_ended:
            return found
        low, high = self._slopes()
        found = np.where(scores < knots[0], values[0] + (scores - knots[0]) * low, found)
        return np.where(scores > knots[-1], values[-1] + (scores - knots[-1]) * high, found)

    def _slopes(self) -> tuple[float, float]:
        """Values per score in the lowest and in the highest tail."""
        scores, values = np.asarray(self.scores), np.asarray(self.values)
        if self.kind != "normal scores":
            slope = (values[-1] - values[0]) / (scores[-1] - scores[0])
            return slope, slope
        edge = NormalDist().inv_cdf(1 - TAIL)
        low, high = max(1, int(np.searchsorted(scores, -edge))), min(len(scores) - 2, int(np.searchsorted(scores, edge)) - 1)
        return (
            float((values[low] - values[0]) / (scores[low] - scores[0])),
            float((values[-1] - values[high]) / (scores[-1] - scores[high])),
        )


def fit_scaling(values: Float64[np.ndarray, " n"], kind: ScalingKind, open_ended: bool) -> Scaling:
    """The scaling of a column with these values (NaN: missing), of which at least two differ."""
    present = np.sort(values[~np.isnan(values)])
    assert present[0] < present[-1], "a constant has no scale"
    if kind == "range":
        return Scaling(kind, (float(present[0]), float(present[-1])), (-1.0, 1.0), open_ended)
    if kind == "standard":
        mean, deviation = float(present.mean()), float(present.std())
        ends = (float(present[0]), float(present[-1]))
        return Scaling(kind, ends, ((ends[0] - mean) / deviation, (ends[1] - mean) / deviation), open_ended)
    ranks = _knot_ranks(len(present))
    normal = NormalDist()
    scores = [normal.inv_cdf((rank + 0.5) / len(present)) for rank in ranks]
    return Scaling(kind, tuple(present[ranks].tolist()), tuple(scores), open_ended)


def _knot_ranks(count: int) -> np.ndarray:
    """Which values in their order are knots: evenly spread ones, and more and more densely the outermost, down to the last."""
    even = np.linspace(0, count - 1, INNER_KNOTS + 2)
    outer = np.unique(np.round(np.geomspace(1, max(1, count // 50), 64)))
    return np.unique(np.round(np.concatenate([even, outer - 1, count - outer])).astype(np.int64).clip(0, count - 1))
