"""Networks that tell frauds from ordinary rows of a table: what a row is, what it should be, and how likely it is a fraud."""

import itertools
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, log_softmax

from sparring.nets.tabular_gan import ColumnShape, RowHead, RowInput

SMALLEST_TAIL = 1e-4
"""Distance from the ends of [-1, 1], of positions, below which tails are not stretched further."""


def stretched(positions: Float[Tensor, "n p"]) -> Float[Tensor, "n p"]:
    """Positions in [-1, 1] with their ends pulled apart (a logistic quantile, about -5 to 5): frauds lie in the tails of columns."""
    inside = positions.clamp(-1, 1) * (1 - SMALLEST_TAIL)
    return ((1 + inside) / (1 - inside)).log() / 2


class RowFeatures(nn.Module):
    """Rows as perceptrons see them: indicators (of many codes, an embedding), positions, and these stretched."""

    def __init__(self, columns: Sequence[ColumnShape]) -> None:
        super().__init__()
        self.look = RowInput(columns)
        ends = itertools.accumulate(column.width for column in columns)
        self.places = [end - 1 for end, column in zip(ends, columns, strict=True) if column.has_position]
        self.width = self.look.width + len(self.places)

    def forward(self, rows: Float[Tensor, "n width"]) -> Float[Tensor, "n features"]:
        """(n, width) to (n, features)."""
        return torch.cat([self.look(rows), stretched(rows[:, self.places])], dim=1)


class DenoisingAutoencoder(nn.Module):
    """What a row should be, from a row of which some cells are wrong or not there (Vincent et al. 2010)."""

    def __init__(self, columns: Sequence[ColumnShape], hidden: int, code_size: int) -> None:
        super().__init__()
        self.columns = tuple(columns)
        self.features = RowFeatures(columns)
        self.encoder = nn.Sequential(nn.Linear(self.features.width, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())
        self.code = nn.Linear(hidden, code_size)
        self.decoder = nn.Sequential(nn.Linear(code_size, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())
        self.head = RowHead(hidden, columns)
        self.log_deviations = nn.Parameter(torch.zeros(len(self.columns)))
        self._place(columns)

    def _place(self, columns: Sequence[ColumnShape]) -> None:
        """Find the places of codes and pieces in a row, so that columns with equally many codes are computed together."""
        starts = [0, *itertools.accumulate(column.width for column in columns)]
        sizes = sorted({column.codes for column in columns})
        by_size = [[number for number, column in enumerate(columns) if column.codes == size] for size in sizes]
        with torch.device("cpu"):  # places are numbers, and networks may be built without any
            self.groups = [
                torch.tensor([[starts[number] + code for code in range(size)] for number in numbers])
                for size, numbers in zip(sizes, by_size, strict=True)
            ]
            self.order = torch.tensor([number for numbers in by_size for number in numbers]).argsort()
            self.with_position = torch.tensor([number for number, column in enumerate(columns) if column.has_position], dtype=torch.int64)
            owned = [[starts[i] + code for code in range(columns[i].first_piece, columns[i].codes)] for i in self.with_position.tolist()]
            self.piece_places = torch.tensor([place for places in owned for place in places], dtype=torch.int64)
            self.pieces = torch.zeros(len(self.piece_places), len(owned))
            for column, number in enumerate(column for column, places in enumerate(owned) for _ in places):
                self.pieces[column, number] = 1

    def encode(self, rows: Float[Tensor, "n width"]) -> Float[Tensor, "n code"]:
        """The code of each row."""
        return self.code(self.encoder(self.features(rows)))

    def forward(self, rows: Float[Tensor, "n width"]) -> Float[Tensor, "n width"]:
        """Logits of codes, and stretched positions, of what each row should be."""
        return self.head(self.decoder(self.encode(rows)))

    def cell_nats(
        self, expected: Float[Tensor, "n width"], rows: Float[Tensor, "n width"]
    ) -> tuple[Float[Tensor, "n columns"], Float[Tensor, "n columns"]]:
        """How unlikely each cell's code is, in nats (cross-entropy), and half the squared distance of its stretched position from the
        expected one, in standard deviations; 0 where there is none.
        """
        places, owners = self.features.places, self.with_position
        of_codes = torch.cat([self._code_nats(expected, rows, group) for group in self.groups], dim=1)[:, self.order]
        far = (stretched(rows[:, places]) - expected[:, places]) / self.log_deviations[owners].exp()
        in_pieces = rows[:, self.piece_places] @ self.pieces.to(rows)
        of_positions = torch.zeros_like(of_codes)
        of_positions[:, owners] = in_pieces * far.square() / 2
        return of_codes, of_positions

    def _code_nats(
        self, expected: Float[Tensor, "n width"], rows: Float[Tensor, "n width"], group: Int64[Tensor, "some codes"]
    ) -> Float[Tensor, "n some"]:
        """Of columns with equally many codes, whose places are the rows of `group`."""
        shape = (len(rows), *group.shape)
        return -(rows[:, group.flatten()].view(shape) * log_softmax(expected[:, group.flatten()].view(shape), dim=2)).sum(dim=2)

    def surprise(self, expected: Float[Tensor, "n width"], rows: Float[Tensor, "n width"]) -> Float[Tensor, "n columns"]:
        """How unlikely each cell is, in nats, without constants: of the code, and of a normal distribution of the stretched position."""
        of_codes, of_positions = self.cell_nats(expected, rows)
        return of_codes + of_positions + (of_positions.detach() > 0) * self.log_deviations


class FraudDiscriminator(nn.Module):
    """Two logits for each row, of a fraud and of an ordinary row; a generated row has a third one, which is always 0 (Salimans et al. 2016,
    section 5). Beside the row it sees `more` numbers.
    """

    def __init__(self, columns: Sequence[ColumnShape], hidden: tuple[int, ...], dropout: float, more: int = 0) -> None:
        super().__init__()
        self.features = RowFeatures(columns)
        sizes = (self.features.width + more, *hidden)
        self.layers = nn.ModuleList(nn.Linear(before, after) for before, after in itertools.pairwise(sizes))
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(sizes[-1], 2)

    def forward(self, rows: Float[Tensor, "n width"], more: Float[Tensor, "n more"] | None = None) -> Float[Tensor, "n 2"]:
        """Logits of (fraud, ordinary)."""
        x = self.features(rows) if more is None else torch.cat([self.features(rows), more], dim=1)
        for layer in self.layers:
            x = self.dropout(leaky_relu(layer(x), 0.2))
        return self.head(x)


class Calibration(nn.Module):
    """Scale and shift of log-odds (Platt 1999)."""

    def __init__(self) -> None:
        super().__init__()
        self.log_scale, self.shift = nn.Parameter(torch.zeros(())), nn.Parameter(torch.zeros(()))

    def forward(self, log_odds: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        """Log-odds that agree with how often it was a fraud."""
        return self.log_scale.exp() * log_odds + self.shift
