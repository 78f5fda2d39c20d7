"""What a turn may use while it is played: data, random numbers, the step."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from sparring.core.batch import Batch, Labels
from sparring.core.random_streams import Streams


@dataclass(frozen=True)
class StepContext:
    """What a turn may use when it is played."""

    draw: Callable[[], Batch]
    """Fetches the real data of this turn."""
    draw_labels: Callable[[], Labels | None]
    """Draws classes as often as they are in the data."""
    batch_size: int
    """How many real samples there are, and generated ones should be: those of one part of a batch."""
    streams: Streams
    """Random numbers of this turn alone."""
    step: int
    """Steps of the game completed before this one."""
    real_samples: int
    """Real samples shown before this step."""
    metrics: dict[str, Tensor] = field(default_factory=dict)
    """What the turn wants logged beside its losses: tensors, of which the mean is taken."""
    optimizers: Mapping[str, torch.optim.Optimizer] = field(default_factory=dict)
    """Every player's, to look at and not to move."""
    part: int = 0
    """Number of this part of the batch."""
    parts: int = 1
    """Number of parts that each batch is played in."""

    @cached_property
    def batch(self) -> Batch:
        """Real data, fresh for every repeat of a turn; fetched when first asked for, so a turn that needs none skips none."""
        return self.draw()

    @property
    def used_data(self) -> bool:
        """Whether the turn asked for real data."""
        return "batch" in vars(self)
