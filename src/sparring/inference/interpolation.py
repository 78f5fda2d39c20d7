"""Ways from one latent to the next."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

Step = Callable[[Tensor, Tensor, float], Tensor]


def spherical(start: Float[Tensor, " d"], end: Float[Tensor, " d"], share: float) -> Float[Tensor, " d"]:
    """The point at `share` (0 to 1) of the way from `start` to `end` along a great circle (Shoemake 1985; for latents White 2016).
    Lengths change evenly; opposite or parallel latents are joined by a straight line.
    """
    cosine = torch.nn.functional.cosine_similarity(start, end, dim=0).clamp(-1, 1)
    angle = torch.arccos(cosine)
    if torch.sin(angle) < 1e-4:
        return torch.lerp(start, end, share)
    direction = torch.sin((1 - share) * angle) * start / start.norm() + torch.sin(share * angle) * end / end.norm()
    return direction / torch.sin(angle) * torch.lerp(start.norm(), end.norm(), share)


def walk(stops: Float[Tensor, "stops d"], frames: int, step: Step) -> Float[Tensor, "places d"]:
    """From stop to stop, `frames` places from each to the next, the last stop included: (stops - 1) * frames + 1 places."""
    places = [(i // frames, i % frames / frames) for i in range((len(stops) - 1) * frames)]
    return torch.stack([*(step(stops[stop], stops[stop + 1], share) for stop, share in places), stops[-1]])
