"""Generators and discriminators for rows of tables.

A row has, for each column, an indicator for each code, followed by a position if some codes have one (see `data.tables.table_spec`).
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, linear, relu, softmax

WIDE = 200
"""Columns with more codes than this are seen and made through an embedding."""
EMBEDDED = 32
"""Size of that embedding."""


@dataclass(frozen=True)
class ColumnShape:
    """The numbers of one column in a row."""

    codes: int
    """Number of indicators."""
    first_piece: int
    """Indicators from here on are of codes with a position; equal to `codes` if none has one."""

    @property
    def has_position(self) -> bool:
        """Whether a position follows the indicators."""
        return self.first_piece < self.codes

    @property
    def width(self) -> int:
        """Number of numbers in a row."""
        return self.codes + self.has_position


def row_width(columns: Sequence[ColumnShape]) -> int:
    """Number of numbers in a row of these columns."""
    return sum(column.width for column in columns)


def gumbel(uniform: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Numbers of the standard Gumbel distribution, from uniform ones in [-1, 1)."""
    share = ((uniform + 1) / 2).clamp(1e-7, 1 - 1e-7)
    return -(-share.log()).log()


class Cells(nn.Module):
    """Makes rows of outputs: codes are drawn by the Gumbel-max trick, with gradients straight through to a softmax (Jang et al. 2017).

    `temperature` is that of the softmax. `hard`: indicators are 0 or 1; else they are the softmax itself. `bounded`: positions go through
    tanh. Positions of codes that have none are 0 where indicators are hard.
    """

    def __init__(self, columns: Sequence[ColumnShape], temperature: float, *, hard: bool) -> None:
        super().__init__()
        self.columns, self.temperature, self.hard = tuple(columns), temperature, hard

    def forward(self, outputs: Float[Tensor, "n width"], noise: Float[Tensor, "n width"]) -> Float[Tensor, "n width"]:
        """Rows from logits of codes and unbounded positions. `noise`: uniform in [-1, 1); that of positions is not used."""
        noisy = outputs + gumbel(noise)
        parts, start = [], 0
        for column in self.columns:
            own = noisy[:, start : start + column.codes]
            chances = drawn = torch.zeros_like(own)
            if self.hard:
                drawn.scatter_(1, own.argmax(dim=1, keepdim=True), 1.0)
            if not self.hard or torch.is_grad_enabled():  # else nothing flows through the softmax
                chances = softmax(own / self.temperature, dim=1)
                chances = drawn + chances - chances.detach() if self.hard else chances
            parts.append(chances)
            if column.has_position:
                place = start + column.codes
                position = outputs[:, place : place + 1].tanh()
                if self.hard:
                    position = position * chances[:, column.first_piece :].sum(dim=1, keepdim=True)
                parts.append(position)
            start += column.width
        return torch.cat(parts, dim=1)


class RowHead(nn.Module):
    """Logits of codes and unbounded positions from features; the logits of columns with many codes come from an embedding."""

    def __init__(self, features: int, columns: Sequence[ColumnShape]) -> None:
        super().__init__()
        self.sizes = [EMBEDDED if column.codes > WIDE else column.codes for column in columns]
        self.columns = tuple(columns)
        self.linear = nn.Linear(features, sum(self.sizes) + sum(column.has_position for column in columns))
        wide = {str(number): column.codes for number, column in enumerate(columns) if column.codes > WIDE}
        self.tables = nn.ParameterDict({name: nn.Parameter(torch.randn(EMBEDDED, codes) * EMBEDDED**-0.5) for name, codes in wide.items()})
        self.biases = nn.ParameterDict({name: nn.Parameter(torch.zeros(codes)) for name, codes in wide.items()})

    def forward(self, features: Float[Tensor, "n features"]) -> Float[Tensor, "n width"]:
        """Outputs in the order of a row."""
        outputs = self.linear(features)
        if not self.tables and not any(column.has_position for column in self.columns[:-1]):
            return outputs
        parts, start = [], 0
        for number, (column, size) in enumerate(zip(self.columns, self.sizes, strict=True)):
            own = outputs[:, start : start + size]
            parts.append(own @ self.tables[str(number)] + self.biases[str(number)] if str(number) in self.tables else own)
            start += size
            if column.has_position:
                parts.append(outputs[:, start : start + 1])
                start += 1
        return torch.cat(parts, dim=1)

    def begin_at(self, shares: Sequence[Sequence[float]]) -> None:
        """Set biases so that codes are drawn about as often as in the data. `shares`: of each code, by column."""
        with torch.no_grad():
            start = 0
            for number, (column, size) in enumerate(zip(self.columns, self.sizes, strict=True)):
                logs = (torch.tensor(shares[number]) + 1e-6).log()
                if str(number) in self.biases:
                    self.biases[str(number)].copy_(logs)
                else:
                    self.linear.bias[start : start + size] = logs
                start += size + column.has_position


class RowInput(nn.Module):
    """Rows as the first layer sees them: indicators of columns with many codes are embedded."""

    def __init__(self, columns: Sequence[ColumnShape]) -> None:
        super().__init__()
        self.columns = tuple(columns)
        wide = {str(number): column.codes for number, column in enumerate(columns) if column.codes > WIDE}
        self.tables = nn.ParameterDict({name: nn.Parameter(torch.randn(codes, EMBEDDED)) for name, codes in wide.items()})
        self.width = sum(min(column.codes, EMBEDDED if column.codes > WIDE else column.codes) + column.has_position for column in columns)

    def forward(self, rows: Float[Tensor, "n width"]) -> Float[Tensor, "n smaller"]:
        """Rows with embeddings in place of many indicators."""
        if not self.tables:
            return rows
        parts, start = [], 0
        for number, column in enumerate(self.columns):
            own = rows[:, start : start + column.codes]
            parts.append(own @ self.tables[str(number)] if str(number) in self.tables else own)
            if column.has_position:
                parts.append(rows[:, start + column.codes : start + column.width])
            start += column.width
        return torch.cat(parts, dim=1)


class ResidualGenerator(nn.Module):
    """Rows from latents: a perceptron whose hidden layers are added to what they see.

    The latents are `latent_size` numbers, followed by the noise of the cells: one number for each number of a row. A condition, if
    `condition` is not 0, has so many numbers and is joined to the latent.
    """

    def __init__(
        self, columns: Sequence[ColumnShape], latent_size: int, hidden: int, layers: int, *, temperature: float, condition: int = 0
    ) -> None:
        super().__init__()
        self.latent_size = latent_size
        self.first = nn.Linear(latent_size + condition, hidden)
        self.norms = nn.ModuleList(nn.LayerNorm(hidden) for _ in range(layers))
        self.layers = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(layers))
        self.head = RowHead(hidden, columns)
        self.cells = Cells(columns, temperature, hard=True)

    def forward(
        self, latents: Float[Tensor, "n latents"], condition: Float[Tensor, "n condition"] | None = None
    ) -> Float[Tensor, "n width"]:
        """Rows: indicators are 0 or 1, positions are in [-1, 1]. No condition is one of zeros."""
        latent, noise = latents[:, : self.latent_size], latents[:, self.latent_size :]
        if condition is None:
            x = linear(latent, self.first.weight[:, : self.latent_size], self.first.bias)
        else:
            x = self.first(torch.cat([latent, condition], dim=1))
        for norm, layer in zip(self.norms, self.layers, strict=True):
            x = x + layer(relu(norm(x)))
        return self.cells(self.head(relu(x)).float(), noise)


class Discriminator(nn.Module):
    """One logit for each row, from a perceptron with leaky rectifiers. `packing` rows that are scored together lie one after the other.
    `condition` more numbers may follow each row.
    """

    def __init__(
        self, columns: Sequence[ColumnShape], hidden: tuple[int, ...], *, packing: int = 1, condition: int = 0, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.columns, self.packing, self.rows_wide = tuple(columns), packing, row_width(columns)
        self.look = RowInput(columns)
        sizes = (packing * (self.look.width + condition), *hidden)
        self.layers = nn.ModuleList(nn.Linear(before, after) for before, after in itertools.pairwise(sizes))
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(sizes[-1], 1)

    def forward(self, rows: Float[Tensor, "packs packed"], condition: Float[Tensor, "packs _"] | None = None) -> Float[Tensor, "packs 1"]:
        """Logits of packs of rows."""
        single = rows.reshape(len(rows) * self.packing, -1)
        seen = torch.cat([self.look(single[:, : self.rows_wide]), single[:, self.rows_wide :]], dim=1)
        x = seen.reshape(len(rows), -1)
        for layer in self.layers:
            x = self.dropout(leaky_relu(layer(x), 0.2))
        return self.head(x)


class ConcatenatingGenerator(nn.Module):
    """CTGAN's generator (Xu et al. 2019, section 4.4): each hidden layer (linear, batch norm, rectifier) is joined to what it saw.

    The latents are `latent_size` numbers, followed by the noise of the cells. `condition` numbers are joined to the latent. Codes are the
    softmax itself, which the discriminator sees.
    """

    def __init__(
        self, columns: Sequence[ColumnShape], latent_size: int, hidden: tuple[int, ...], *, temperature: float, condition: int
    ) -> None:
        super().__init__()
        self.latent_size = latent_size
        sizes = [latent_size + condition]
        layers = []
        for units in hidden:
            layers.append(nn.Sequential(nn.Linear(sizes[-1], units), nn.BatchNorm1d(units), nn.ReLU()))
            sizes.append(sizes[-1] + units)
        self.layers = nn.ModuleList(layers)
        self.head = RowHead(sizes[-1], columns)
        self.cells = Cells(columns, temperature, hard=False)

    def outputs(self, latent: Float[Tensor, "n latent"], condition: Float[Tensor, "n condition"] | None) -> Float[Tensor, "n width"]:
        """Logits of codes and unbounded positions."""
        x = latent if condition is None else torch.cat([latent, condition], dim=1)
        for layer in self.layers:
            x = torch.cat([layer(x), x], dim=1)
        return self.head(x)

    def forward(
        self, latents: Float[Tensor, "n latents"], condition: Float[Tensor, "n condition"] | None = None
    ) -> Float[Tensor, "n width"]:
        """Rows: a softmax for each column's codes, positions in [-1, 1]."""
        return self.cells(self.outputs(latents[:, : self.latent_size], condition).float(), latents[:, self.latent_size :])
