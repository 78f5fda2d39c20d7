"""The exponential moving average (EMA) of weights, which samples are drawn from."""

import torch
from torch import Tensor

from sparring.training.state import State, ema_tensors


class EMA:
    """Moves the averages in `state.ema` after the weights and statistics of `state.game`. `half_life`: in real samples. `ramp`: whether
    the first weights are to be soon forgotten, as they are where they are random.
    """

    RAMP = 0.05
    """With a ramp, the half-life is at most this share of the real samples so far (as in StyleGAN2)."""

    def __init__(self, state: State, half_life: float, *, ramp: bool = True) -> None:
        names = [name for name, _ in ema_tensors(state.ema)] if state.ema is not state.game else []
        ours = dict(ema_tensors(state.ema))
        theirs = state.game.state_dict(keep_vars=True)
        # a spectral norm's singular vectors have length 1, which their mean has not
        floating = [name for name in names if ours[name].is_floating_point() and not name.endswith(("._u", "._v"))]
        self.half_life, self.ramp = half_life, ramp
        self.averages = [ours[name] for name in floating]
        self.sources: list[Tensor] = [theirs[name] for name in floating]
        self.counts = [(ours[name], theirs[name]) for name in names if name not in set(floating)]

    def update(self, samples: int, samples_so_far: int) -> None:
        """Take one step, in which the game saw `samples` real samples."""
        if not self.averages or not samples:
            return
        half_life = min(self.half_life, samples_so_far * self.RAMP) if self.ramp else self.half_life
        with torch.no_grad():
            torch._foreach_lerp_(self.averages, self.sources, 1 - 0.5 ** (samples / half_life))  # pyright: ignore[reportPrivateImportUsage]
            for average, source in self.counts:
                average.copy_(source)
