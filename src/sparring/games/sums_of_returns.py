"""Sums of generated returns over many steps, drawn to the variance that those of the data have: what risks over weeks and months are.

No paper's: a discriminator hardly sees the variance of sums. In windows of 127 steps their mean has a deviation of a tenth of a step's, and
its penalized gradient must not follow so small a number.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import pad

from sparring.data.series.scaling import Scaling
from sparring.data.series.series_spec import SeriesSpec

LENGTHS = (1, 5, 20, 50)
"""Numbers of steps of the sums, as far as they are shorter than a window: a day, a week, a month and more of trading days. The last sum is
that of a whole window."""


MEMORY = 10
"""Number of batches over which the errors of generated sums are averaged: those of one batch are mostly chance, and would drown what the
discriminator says."""


class SumsOfReturns(nn.Module):
    """The mean squares of sums of returns less their mean, of all real windows so far, and how far generated windows are from them."""

    total: Tensor
    """Mean squares of the real sums, (values, lengths), summed over batches, in a unit of each value's own."""
    count: Tensor
    """Number of these batches."""
    errors: Tensor
    """Relative errors of the generated mean squares, (values, lengths): an exponential moving average."""

    def __init__(self, spec: SeriesSpec) -> None:
        super().__init__()
        self.lengths = (*(length for length in LENGTHS if length < spec.steps), spec.steps)
        self.knots = [knots_of(column.scaling) for column in spec.values]
        """They follow from the spec, so they are no buffers."""
        self.register_buffer("total", torch.zeros(len(spec.values), len(self.lengths)))
        self.register_buffer("count", torch.zeros(()))
        self.register_buffer("errors", torch.zeros(len(spec.values), len(self.lengths)))

    def in_units(self, seen: Float[Tensor, "n values t"]) -> Float[Tensor, "n values t"]:
        """Returns less their mean over the batch, from values as networks see them."""
        returns = torch.stack([unscaled(seen[:, place].float(), *knots) for place, knots in enumerate(self.knots)], dim=1)
        return returns - returns.mean(dim=(0, 2), keepdim=True)

    def forward(self, generated: Float[Tensor, "n values t"], real: Float[Tensor, "n values t"]) -> Float[Tensor, ""]:
        """Half the squared relative errors of the generated mean squares, their mean over values and lengths. The errors are those of the
        last batches together; the gradient is that of this batch.
        """
        found = mean_squares(self.in_units(generated), self.lengths).mean(dim=0)
        with torch.no_grad():
            self.total += mean_squares(self.in_units(real), self.lengths).mean(dim=0)
            self.count += 1
            wanted = (self.total / self.count).clamp_min(torch.finfo(torch.float32).tiny)
            self.errors.lerp_(found / wanted - 1, 1 / MEMORY)
            errors = self.errors.clone()
        relative = found / wanted
        return (errors.square() / 2 + errors * (relative - relative.detach())).mean()


def mean_squares(returns: Float[Tensor, "n values t"], lengths: Sequence[int]) -> Float[Tensor, "n values lengths"]:
    """For each window the mean of the squares of all sums of so many successive steps."""
    upto = pad(returns.cumsum(dim=2), (1, 0))
    return torch.stack([(upto[:, :, length:] - upto[:, :, :-length]).square().mean(dim=2) for length in lengths], dim=2)


def knots_of(scaling: Scaling) -> tuple[Float[Tensor, " knots"], Float[Tensor, " knots"]]:
    """Scores, and values in a unit that makes them numbers of about 1, between which a scaling has straight lines; the outermost stand for
    those beyond all knots.
    """
    far = 2 * max(abs(scaling.scores[0]), abs(scaling.scores[-1]))
    scores = np.array([-far, *scaling.scores, far])
    values = scaling.inverse(scores)
    return torch.from_numpy(scores.astype(np.float32)), torch.from_numpy((values / values[1:-1].std()).astype(np.float32))


def unscaled(seen: Float[Tensor, "n t"], scores: Float[Tensor, " knots"], values: Float[Tensor, " knots"]) -> Float[Tensor, "n t"]:
    """`Scaling.inverse` of tensors, with gradients."""
    scores, values = scores.to(seen.device), values.to(seen.device)
    place = (torch.searchsorted(scores, seen.detach().contiguous()) - 1).clamp(0, len(scores) - 2)
    slopes = (values[1:] - values[:-1]) / (scores[1:] - scores[:-1])
    return values[place] + slopes[place] * (seen - scores[place])
