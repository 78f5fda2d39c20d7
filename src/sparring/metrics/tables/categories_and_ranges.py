"""What a synthetic table must not lose or add: gaps, rare categories, values out of range, keys that repeat."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from sparring.metrics.tables.column_arrays import ColumnArray, holds_numbers, missing, present

MIN_LOST_ROWS = 10
"""Number of real rows from which on a category that is never drawn counts as lost."""
MIN_EXPECTED = 5
"""Number of rows of a category that must be expected in the synthetic table: below, it may be missing by chance (e^-5 = 0.7 %)."""
RARE = 0.05
"""Share of the real rows up to which a category is called rare."""
INFLATED = 2.0
"""Ratio of drawn to real share from which on a rare category counts as inflated."""


def gap_score(real: ColumnArray, synthetic: Shaped[np.ndarray, " m"]) -> float:
    """1 minus the absolute difference of the shares of missing values."""
    return 1 - abs(float(missing(real).mean()) - float(missing(synthetic).mean()))


@dataclass(frozen=True, eq=False)
class CategoryShares:
    """How often each category of a column stands in the real and in the synthetic table."""

    real_counts: Int[np.ndarray, " c"]
    synthetic_counts: Int[np.ndarray, " c"]

    @property
    def ratios(self) -> Float[np.ndarray, " c"]:
        """Share drawn, divided by the real share: 1 is best. NaN for categories that are not in the real table."""
        real, synthetic = self.real_counts / max(self.real_counts.sum(), 1), self.synthetic_counts / max(self.synthetic_counts.sum(), 1)
        return np.divide(synthetic, real, out=np.full(len(real), np.nan), where=real > 0)

    @property
    def lost(self) -> Bool[np.ndarray, " c"]:
        """Categories with at least 10 real rows, of which at least 5 rows should have been drawn and none was."""
        expected = self.real_counts / max(self.real_counts.sum(), 1) * self.synthetic_counts.sum()
        return (self.real_counts >= MIN_LOST_ROWS) & (self.synthetic_counts == 0) & (expected >= MIN_EXPECTED)

    @property
    def inflated(self) -> Bool[np.ndarray, " c"]:
        """Rare categories that are drawn at least twice too often, by more than chance (four standard errors) explains."""
        n, m = max(self.real_counts.sum(), 1), max(self.synthetic_counts.sum(), 1)
        share, drawn = self.real_counts / n, self.synthetic_counts / m
        error = np.sqrt(np.maximum(share, 1 / n) * (1 / n + 1 / m))
        return (self.real_counts > 0) & (share <= RARE) & (drawn >= INFLATED * share) & (drawn - share > 4 * error)


def category_shares(real: Int[np.ndarray, " n"], synthetic: Int[np.ndarray, " m"]) -> CategoryShares:
    """Count the categories of two columns of codes. Missing values are left out."""
    c = int(max(real.max(initial=-1), synthetic.max(initial=-1))) + 1
    a, b = (np.bincount(present(side), minlength=c) for side in (real, synthetic))
    return CategoryShares(a, b)


def share_out_of_range(real: ColumnArray, synthetic: Shaped[np.ndarray, " m"]) -> float:
    """Share of the present synthetic values that lie outside of the real column's range, or are categories that it does not have."""
    known, drawn = present(real), present(synthetic)
    if not len(drawn):
        return 0.0
    if not len(known):
        return 1.0
    inside = (drawn >= known.min()) & (drawn <= known.max()) if holds_numbers(real) else np.isin(drawn, known)
    return 1 - float(inside.mean())


def repeated_keys(real: ColumnArray, synthetic: Shaped[np.ndarray, " m"]) -> int:
    """Number of synthetic values that repeat an earlier one in a column whose real values are all different; 0 where real ones repeat."""
    known, drawn = present(real), present(synthetic)
    return len(drawn) - len(np.unique(drawn)) if len(np.unique(known)) == len(known) else 0
