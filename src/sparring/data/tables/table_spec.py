"""What one row of a table is, as networks see it, and a batch of rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float, Float32, Int32, Int64
from torch import Tensor

from sparring.core.batch import Batch
from sparring.core.data_spec import Spec
from sparring.data.tables.columns import ColumnValues
from sparring.data.tables.encoding import Encoding
from sparring.data.tables.privacy import PrivacyBudget


@dataclass(frozen=True)
class Block:
    """The place of one column in a row as networks see it: an indicator for each code, then the position (if there are pieces)."""

    name: str
    start: int
    codes: int
    first_piece: int
    """Codes from here on have a position; equal to `codes` if none has one."""

    @property
    def has_position(self) -> bool:
        """Whether there is a position."""
        return self.first_piece < self.codes

    @property
    def indicators(self) -> slice:
        """The places of the indicators."""
        return slice(self.start, self.start + self.codes)

    @property
    def stop(self) -> int:
        """The place after the last one."""
        return self.start + self.codes + self.has_position


@dataclass(frozen=True)
class TableSpec(Spec):
    """Rows of a table."""

    kind: ClassVar[str] = "tables"

    encodings: tuple[Encoding, ...]
    """How each column that is modeled is encoded."""
    plan: Mapping[str, Any]
    """All columns and what holds between them: a `TablePlan` as JSON."""
    privacy: PrivacyBudget | None = None
    """What training may spend of differential privacy; None: it is not private."""
    classes: tuple[str, ...] = ()
    """Empty: classes of rows are a column like others."""

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """The places of the columns in a row."""
        found, start = [], 0
        for encoding in self.encodings:
            block = Block(encoding.name, start, encoding.codes, encoding.first_piece)
            found.append(block)
            start = block.stop
        return tuple(found)

    @property
    def shape(self) -> tuple[int]:
        """(width,): indicators and positions of all columns."""
        return (self.blocks[-1].stop,)

    def to_json(self) -> dict[str, Any]:
        """See Spec."""
        said = {"kind": self.kind, "encodings": [each.to_json() for each in self.encodings], "plan": dict(self.plan)}
        return said if self.privacy is None else {**said, "privacy": self.privacy.to_json()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "TableSpec":
        """The inverse of `to_json`. KeyError, TypeError or ValueError for what is no table."""
        privacy = None if "privacy" not in value else PrivacyBudget.from_json(value["privacy"])
        spec = cls(tuple(map(Encoding.from_json, value["encodings"])), value["plan"], privacy)
        if not spec.encodings:
            raise ValueError("a table has columns")
        return spec

    def __str__(self) -> str:
        return f"{len(self.encodings)} columns, {self.shape[0]} numbers wide"

    # ---------------------------------------------------------------------------------------------------------- rows and values

    def encode(self, values: Mapping[str, ColumnValues], seed: int = 0) -> tuple[Int32[np.ndarray, "n c"], Float32[np.ndarray, "n c"]]:
        """Codes and positions of rows; a column each."""
        found = [encoding.encode(values[encoding.name], seed + number) for number, encoding in enumerate(self.encodings)]
        return np.stack([codes for codes, _ in found], axis=1), np.stack([positions for _, positions in found], axis=1)

    def decode(self, codes: Int32[np.ndarray, "n c"], positions: Float32[np.ndarray, "n c"]) -> dict[str, ColumnValues]:
        """Values of codes and positions, by column."""
        return {each.name: each.decode(codes[:, i], positions[:, i]) for i, each in enumerate(self.encodings)}

    def rows_of(self, codes: Int64[Tensor, "n c"], positions: Float[Tensor, "n c"]) -> Float[Tensor, "n width"]:
        """Rows as networks see them, from codes and positions."""
        rows = torch.zeros(len(codes), self.shape[0], device=codes.device)
        starts = torch.tensor([block.start for block in self.blocks], device=codes.device)
        rows.scatter_(1, starts + codes, 1.0)
        with_position = [number for number, block in enumerate(self.blocks) if block.has_position]
        places = [self.blocks[number].stop - 1 for number in with_position]
        rows[:, places] = positions[:, with_position].to(rows.dtype)
        return rows

    def codes_of(self, rows: Float[Tensor, "n width"]) -> tuple[Int64[Tensor, "n c"], Float[Tensor, "n c"]]:
        """Codes (the largest indicator of each column) and positions of rows as networks make them."""
        codes = torch.stack([rows[:, block.indicators].argmax(dim=1) for block in self.blocks], dim=1)
        zero = rows.new_zeros(len(rows))
        positions = torch.stack([rows[:, block.stop - 1] if block.has_position else zero for block in self.blocks], dim=1)
        return codes, positions


@dataclass(frozen=True)
class TableBatch(Batch):
    """Rows: `samples` as networks see them, and what they were made of."""

    codes: Int64[Tensor, "n c"] = None  # pyright: ignore[reportAssignmentType] (required: it follows a field with a default)
    """The code of each column."""
    positions: Float[Tensor, "n c"] = None  # pyright: ignore[reportAssignmentType]
    """The position of each column; 0 where the code has none."""
    condition: Float[Tensor, "n told"] | None = None
    """Indicators of the category that each row was chosen by, of all columns of categories; None where rows come in order."""
