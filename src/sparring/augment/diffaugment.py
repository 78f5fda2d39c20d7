"""DiffAugment (Zhao et al. 2020: Differentiable Augmentation for Data-Efficient GAN Training). It can be differentiated twice."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from sparring.augment.random_draws import Images, PerImage, RandomDraws, per_image_factor
from sparring.core.random_streams import Streams


def diffaugment(images: Images, streams: Streams, name: str) -> Images:
    """DiffAugment's full policy: color changes, translation by up to an eighth of the side, and a cutout of half the side.

    `name` is part of the names of the random streams.
    """
    return diffaugment_together([images], streams, name)


def diffaugment_together(parts: Sequence[Float[Tensor, "n _ h w"]], streams: Streams, name: str) -> Float[Tensor, "n c h w"]:
    """DiffAugment of images that belong together, concatenated along the channels: translation and cutout are the same, colors differ."""
    n, _, height, width = parts[0].shape
    draws = RandomDraws(streams, name, n, 1.0)

    def drawn(kind: str) -> PerImage:
        return draws.uniform(kind).to(parts[0].device)

    colored = []
    for number, part in enumerate(parts):
        which = f"/{number}" if number else ""
        x = part + per_image_factor(drawn(f"brightness{which}") / 2)
        mean = x.mean(dim=1, keepdim=True)
        x = mean + (x - mean) * per_image_factor(drawn(f"saturation{which}") + 1)
        mean = x.mean(dim=(1, 2, 3), keepdim=True)
        colored.append(mean + (x - mean) * per_image_factor(drawn(f"contrast{which}") / 2 + 1))
    x = torch.cat(colored, dim=1) if len(colored) > 1 else colored[0]
    reaches = {"down": (height + 4) // 8, "right": (width + 4) // 8}
    down, right = (((drawn(way) + 1) / 2 * (2 * reach + 1)).floor() - reach for way, reach in reaches.items())
    rows, columns = torch.arange(height, device=x.device), torch.arange(width, device=x.device)
    x = _translate(x, down.long(), right.long())
    top, left = (((drawn(way) + 1) / 2 * (side + 1)).floor() - side // 4 for way, side in (("top", height), ("left", width)))
    out_rows = (rows >= top[:, None]) & (rows < top[:, None] + height // 2)
    out_columns = (columns >= left[:, None]) & (columns < left[:, None] + width // 2)
    kept = ~(out_rows[:, :, None] & out_columns[:, None, :])
    return x * kept[:, None]


def _translate(x: Images, down: Tensor, right: Tensor) -> Images:
    """Each image translated by whole pixels, with zeros at the free edges."""
    n, _, height, width = x.shape
    rows = torch.arange(height, device=x.device)[None] - down[:, None]
    columns = torch.arange(width, device=x.device)[None] - right[:, None]
    inside = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[:, None, :]
    picked = x.permute(0, 2, 3, 1)[
        torch.arange(n, device=x.device)[:, None, None], rows.clamp(0, height - 1)[:, :, None], columns.clamp(0, width - 1)[:, None, :]
    ]
    return picked.permute(0, 3, 1, 2) * inside[:, None]
