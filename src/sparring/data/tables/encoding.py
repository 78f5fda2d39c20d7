"""How the values of a column become what networks see, and back.

Every column becomes a code (which of a few things its value is) and, where that leaves a number open, a position in [-1, 1]. A number that
repeats often is an atom: a code of its own, so that it comes back exactly. All other numbers have the code of a piece: one piece with
quantiles (a position is a rank, so that the shape and the range of the column hold by construction), or the modes of a Gaussian mixture
(Xu et al. 2019, section 4.2). A missing value is one more code.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64, Int32

from sparring.data.tables.columns import ColumnValues
from sparring.data.tables.gaussian_modes import SPREAD, assign_modes, fit_modes

ATOM_SHARE = 0.005
"""A number is an atom if at least this share of the rows has it ..."""
ATOM_COUNT = 20
"""... and at least this many rows."""
MOST_DISTINCT = 400
"""Numbers of columns with no more distinct values than this are all atoms."""
FEWEST_REPEATS = 3
"""Mean number of rows for each distinct value, below which the values of a column are not all atoms."""
GRID = 1001
"""Number of quantiles of a column."""
MOST_SNAPPED, FEWEST_SNAPPED_REPEATS = 4096, 2
"""Numbers of columns with no more distinct values than this, and at least so many rows for each, are drawn from these values alone: times
such as 1059 have no 1075 beside them."""


@dataclass(frozen=True)
class Encoding:
    """How one column is encoded. Codes are numbered: categories or atoms, then missing (if any value is), then pieces."""

    name: str
    categories: tuple[str, ...] = ()
    """Categories by code, of columns that are not numeric."""
    atoms: tuple[float, ...] = ()
    """Numbers that are codes of their own, in increasing order."""
    has_missing: bool = False
    """Whether there is a code for missing values."""
    grid: tuple[float, ...] = ()
    """Increasing quantiles of the numbers that are not atoms; empty if there are none, or if they have modes."""
    ranks: tuple[float, ...] = ()
    """The rank of each number in `grid`, 0 to 1."""
    modes: tuple[tuple[float, float], ...] = ()
    """Mean and standard deviation of each mode of the numbers that are not atoms."""
    lowest: float = 0.0
    """Smallest number that is not an atom."""
    highest: float = 0.0
    """Largest number that is not an atom."""
    step: float | None = None
    """Numbers are rounded to `lowest` plus a multiple of this."""
    snaps: bool = False
    """Whether `grid` has all numbers of the column, and no others are drawn."""
    shares: tuple[float, ...] = ()
    """Share of the rows with each code."""

    @property
    def is_numeric(self) -> bool:
        """Whether the column's values are numbers."""
        return not self.categories

    @property
    def kinds(self) -> int:
        """Number of categories or atoms."""
        return len(self.categories) or len(self.atoms)

    @property
    def missing_code(self) -> int:
        """The code of missing values; -1 if there is none."""
        return self.kinds if self.has_missing else -1

    @property
    def first_piece(self) -> int:
        """The code of the first piece: codes from here on have a position."""
        return self.kinds + self.has_missing

    @property
    def pieces(self) -> int:
        """Number of pieces: of modes, or 1 for quantiles, or 0 where all numbers are atoms."""
        return len(self.modes) or bool(self.grid)

    @property
    def codes(self) -> int:
        """Number of codes: categories or atoms, the missing value, and pieces."""
        return self.first_piece + self.pieces

    def to_json(self) -> dict[str, Any]:
        """A form that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Encoding":
        """The inverse of `to_json`. KeyError, TypeError or ValueError for what is no encoding."""
        fields: dict[str, Any] = {name: tuple(part) if isinstance(part, list) else part for name, part in value.items()}
        fields["modes"] = tuple((float(mean), float(deviation)) for mean, deviation in value["modes"])
        encoding = cls(**fields)
        if encoding.codes < 1 or len(encoding.grid) != len(encoding.ranks):
            raise ValueError(f"no column is encoded like {encoding.name!r}")
        return encoding

    # ------------------------------------------------------------------------------------------------------- there and back

    def encode(self, values: ColumnValues, seed: int = 0) -> tuple[Int32[np.ndarray, " n"], Float32[np.ndarray, " n"]]:
        """Code and position of every value. Positions of codes without one are 0. `seed`: of the modes that numbers are assigned to.
        ValueError for a category that is not known.
        """
        if values.codes is not None:
            return self._encode_categories(values), np.zeros(len(values), np.float32)
        numbers = values.numbers
        assert numbers is not None
        codes = np.full(len(numbers), self.missing_code, np.int32)
        positions = np.zeros(len(numbers), np.float32)
        present = ~np.isnan(numbers)
        atoms = np.asarray(self.atoms)
        places = np.minimum(np.searchsorted(atoms, numbers), max(0, len(atoms) - 1))
        is_atom = present & (atoms[places] == numbers) if len(atoms) else np.zeros(len(numbers), bool)
        codes[is_atom] = places[is_atom]
        rest = present & ~is_atom
        if self.modes:
            piece, position = assign_modes(numbers[rest], self.modes, seed)
            codes[rest], positions[rest] = self.first_piece + piece, position
        elif self.grid:
            codes[rest] = self.first_piece
            positions[rest] = 2 * np.interp(numbers[rest], self.grid, self.ranks) - 1
        elif rest.any() and len(atoms):  # a number between atoms, of a table that is not the one that was fitted
            above = np.clip(np.searchsorted(atoms, numbers[rest]), 1, max(1, len(atoms) - 1))
            below_is_nearer = numbers[rest] - atoms[above - 1] <= atoms[np.minimum(above, len(atoms) - 1)] - numbers[rest]
            codes[rest] = np.where(below_is_nearer, above - 1, np.minimum(above, len(atoms) - 1))
        if not self.has_missing and (codes < 0).any():
            codes[codes < 0] = int(np.argmax(self.shares))
        return codes, positions

    def _encode_categories(self, values: ColumnValues) -> Int32[np.ndarray, " n"]:
        assert values.codes is not None
        known = {category: code for code, category in enumerate(self.categories)}
        if unknown := [category for category in values.categories if category not in known]:
            raise ValueError(f"{self.name!r} has no category {unknown[0]!r}")
        lookup = np.array([*(known[category] for category in values.categories), self.missing_code], np.int32)
        return lookup[values.codes]

    def decode(self, codes: Int32[np.ndarray, " n"], positions: Float32[np.ndarray, " n"]) -> ColumnValues:
        """The values of codes and positions. Positions are limited to [-1, 1]."""
        if not self.is_numeric:
            found = codes.astype(np.int32)
            return ColumnValues(codes=np.where(found == self.missing_code, -1, found).astype(np.int32), categories=self.categories)
        numbers = np.full(len(codes), np.nan)
        is_atom = codes < len(self.atoms)
        if self.atoms:
            numbers[is_atom] = np.asarray(self.atoms)[codes[is_atom]]
        in_piece = codes >= self.first_piece
        if in_piece.any():
            numbers[in_piece] = self._numbers_at(codes[in_piece] - self.first_piece, positions[in_piece])
        return ColumnValues(numbers=numbers)

    def _numbers_at(self, pieces: Int32[np.ndarray, " n"], positions: Float32[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        """Numbers at positions in pieces: on their step, and never outside of the range."""
        within = np.clip(positions.astype(np.float64), -1, 1)
        if self.modes:
            mean, deviation = np.asarray(self.modes)[pieces].T
            found = mean + SPREAD * deviation * within
        elif self.snaps:
            ranks = np.asarray(self.ranks)
            return np.asarray(self.grid)[np.searchsorted((ranks[1:] + ranks[:-1]) / 2, (within + 1) / 2)]
        else:
            found = np.interp((within + 1) / 2, self.ranks, self.grid)
        if self.step is not None:
            found = self.lowest + np.round((found - self.lowest) / self.step) * self.step
            found = np.round(found, max(decimals(self.step), decimals(self.lowest)))  # 2010.3, not 2010.3000000000002
        return np.clip(found, self.lowest, self.highest)


def fit_encoding(name: str, values: ColumnValues, *, step: float | None = None, modes: bool = False, seed: int = 0) -> Encoding:
    """The encoding of a column. `modes`: numbers that are not atoms get modes instead of quantiles."""
    has_missing = bool(values.missing.any())
    if values.codes is not None:
        counts = np.bincount(values.codes[values.codes >= 0], minlength=len(values.categories)).astype(float)
        counts = np.append(counts, float((values.codes < 0).sum())) if has_missing else counts
        return Encoding(name, tuple(values.categories), has_missing=has_missing, shares=tuple(counts / len(values)))
    numbers = values.numbers
    assert numbers is not None
    present = np.sort(numbers[~np.isnan(numbers)])
    distinct, counts = np.unique(present, return_counts=True)
    if len(distinct) <= MOST_DISTINCT and len(present) >= FEWEST_REPEATS * len(distinct):
        is_atom = np.ones(len(distinct), bool)
    else:
        is_atom = counts >= max(ATOM_COUNT, ATOM_SHARE * len(numbers))
    if modes and not has_peak(counts, len(numbers)):  # the paper's columns are modes alone
        is_atom = np.zeros(len(distinct), bool)
    rest = present[~np.repeat(is_atom, counts)]
    encoding = Encoding(name, atoms=tuple(distinct[is_atom].tolist()), has_missing=has_missing)
    if len(rest):
        encoding = replace(encoding, lowest=float(rest[0]), highest=float(rest[-1]), step=step)
        others = int((~is_atom).sum())
        snaps = not modes and others <= MOST_SNAPPED and len(rest) >= FEWEST_SNAPPED_REPEATS * others
        grid, ranks = ((), ()) if modes else quantiles(rest, len(rest) if snaps else GRID)
        encoding = replace(encoding, grid=grid, ranks=ranks, modes=fit_modes(rest) if modes else (), snaps=snaps)
    codes, _ = encoding.encode(values, seed)
    return replace(encoding, shares=tuple((np.bincount(codes, minlength=encoding.codes) / max(1, len(codes))).tolist()))


def decimals(number: float) -> int:
    """Number of digits after the point that a number is written with, at most 12."""
    return len(f"{number:.12f}".rstrip("0").partition(".")[2])


PEAK_SHARE = 0.05
"""For modes: a number that at least this share of the rows has is an atom, which no mode can represent."""


def has_peak(counts: np.ndarray, rows: int) -> bool:
    """Whether one number is so frequent that modes cannot represent it."""
    return bool(counts.max(initial=0) >= PEAK_SHARE * rows)


def quantiles(numbers: Float64[np.ndarray, " n"], count: int = GRID) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """`count` quantiles of increasing numbers, and their ranks: the middle of the ranks of all that are equal."""
    places = np.unique(np.linspace(0, len(numbers) - 1, min(count, len(numbers))).round().astype(int))
    grid = np.unique(numbers[places])
    first, last = np.searchsorted(numbers, grid, "left"), np.searchsorted(numbers, grid, "right") - 1
    ranks = (first + last) / 2 / max(1, len(numbers) - 1)
    if len(grid) > 1:
        ranks[0], ranks[-1] = 0.0, 1.0
    return tuple(grid.tolist()), tuple(ranks.tolist())
