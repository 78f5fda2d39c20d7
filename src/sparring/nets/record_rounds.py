"""Records drawn in rounds, each given what came in those before: a fully visible sigmoid belief network (Neal 1992: Connectionist learning
of belief networks, section 3) whose biases are a decoder's logits.
"""

import itertools

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from sparring.nets.records import Indicators, climbed, ladder_steps, logistic

SMOOTH = 1e-2
"""Effects of about this size and below count with their square, so that the penalty has a gradient at zero."""


class Rounds(nn.Module):
    """Effects of indicators on those of later rounds, and how indicators are drawn with them."""

    def __init__(self, rounds: Int64[Tensor, " width"], indicators: Indicators) -> None:
        """`rounds`: that of each indicator, from 0 on and none empty. Those of an item are in the same round."""
        super().__init__()
        self.indicators = indicators
        self.effects = nn.Parameter(torch.zeros(len(rounds), len(rounds)))
        """Of the indicator of a row on the logit of that of a column, both in the order in which they are drawn. Those that are not of a
        later round have none: see `later`."""
        with torch.device("cpu"):  # these follow from the data, and have values where weights have none yet
            self.order = torch.argsort(rounds, stable=True)
            self.places = torch.argsort(self.order)
            """Where each indicator is in that order."""
            self.later = (rounds[self.order][:, None] < rounds[self.order]).float()
            below = indicators.previous[self.order]
            below = torch.where(below < 0, below, self.places[below.clamp_min(0)])
        self.spans = list(itertools.pairwise([0, *torch.bincount(rounds).cumsum(0).tolist()]))
        self.ladders = [ladder_steps((below[start:stop] - start).tolist()) for start, stop in self.spans]

    def given(self, logits: Float[Tensor, "n width"], records: Float[Tensor, "n width"]) -> Float[Tensor, "n width"]:
        """Logits of all indicators of records, each given those of the rounds before. `logits`: without effects."""
        effects = self.effects * self.later.to(logits.device)
        return logits + (records[:, self.order.to(logits.device)] @ effects)[:, self.places.to(logits.device)]

    def forward(self, logits: Float[Tensor, "n width"], noise: Float[Tensor, "n width"]) -> Float[Tensor, "n width"]:
        """Indicators, 0 or 1. `noise`: uniform in [-1, 1). Gradients go straight through to the logits that each was drawn by, and to its
        effects, but not to what came before: a chain of so many guesses would say little.
        """
        records = self.drawn(logits, noise)
        if not (torch.is_grad_enabled() and logits.requires_grad):
            return records
        return self.indicators(self.given(logits, records), noise)

    def chances(self, logits: Float[Tensor, "n width"], noise: Float[Tensor, "n width"]) -> Float[Tensor, "n width"]:
        """The chance of each indicator, given those that were drawn in the rounds before."""
        return self.indicators.chances(self.given(logits, self.drawn(logits, noise)))

    def drawn(self, logits: Float[Tensor, "n width"], noise: Float[Tensor, "n width"]) -> Float[Tensor, "n width"]:
        """Indicators without gradients."""
        with torch.no_grad():
            noisy = (logits + logistic(noise))[:, self.order.to(logits.device)]
            found = noisy[:, :0]
            for (start, stop), ladder in zip(self.spans, self.ladders, strict=True):
                own = noisy[:, start:stop] + found @ self.effects[:start, start:stop].to(noisy.dtype)
                found = torch.cat([found, climbed((own > 0).to(noisy.dtype), ladder)], dim=1)
            return found[:, self.places.to(logits.device)]

    def complexity(self) -> Float[Tensor, ""]:
        """The sum over effects w of log(1 + |w|), which leaves large ones nearly as they are and draws small ones to zero (Candes, Wakin,
        Boyd 2008: Enhancing sparsity by reweighted l1 minimization, section 2.2).
        """
        return torch.log1p((self.effects.square() + SMOOTH**2).sqrt() - SMOOTH).sum()
