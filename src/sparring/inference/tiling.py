"""Images too large to be translated at once, in tiles that show no seams."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate

from sparring.core.errors import SettingsError
from sparring.games.translation import Direction, TranslationGame, extended
from sparring.nets.blocks.layers import shared_statistics

OVERLAP = 64
"""Tiles overlap by so much on each side."""
TILE = 1024
"""Images with a longer side are translated in tiles."""


def refuse_tile(tile: int) -> None:
    """Raise a SettingsError if tiles of that side would be little but overlap."""
    if tile <= 4 * OVERLAP:
        raise SettingsError(f"tile must be more than {4 * OVERLAP}, not {tile}.")


def in_tiles(game: TranslationGame, image: Float[Tensor, "1 c h w"], direction: Direction, tile: int) -> Float[Tensor, "1 o h w"]:
    """What becomes of one image in [-1, 1]: in tiles of about that side, which fade into each other.

    All begin where the network's own grid does, or they would be drawn from other samples of the image than their neighbors; and
    instance norms take the statistics of the whole image, reduced to a tile's size, or each tile would have colors of its own.
    """
    network = game.get_submodule(game.translators[direction])
    divisor = int(network.divisor)  # pyright: ignore[reportArgumentType]
    tile = -(-tile // divisor) * divisor
    height, width = image.shape[2:]
    if max(height, width) <= tile:
        return game.translate(image, direction)
    whole = extended(image, -height % divisor, -width % divisor)
    total = torch.zeros(1, game.channels_of(direction)[1], *whole.shape[2:])
    weights = torch.zeros(1, 1, *whole.shape[2:])
    with shared_statistics(network, lambda: game.translate(reduced(image, tile), direction)):
        for top in starts(whole.shape[2], tile, divisor):
            for left in starts(whole.shape[3], tile, divisor):
                part = whole[:, :, top : top + tile, left : left + tile]
                weight = (ramp(part.shape[2])[:, None] * ramp(part.shape[3]))[None, None]
                total[:, :, top : top + tile, left : left + tile] += game.translate(part, direction).cpu() * weight
                weights[:, :, top : top + tile, left : left + tile] += weight
    return (total / weights)[:, :, :height, :width].to(image.device)


def reduced(image: Float[Tensor, "1 c h w"], side: int) -> Float[Tensor, "1 c p q"]:
    """An image whose longer side is that."""
    factor = side / max(image.shape[2:])
    size = [max(1, round(length * factor)) for length in image.shape[2:]]
    return interpolate(image, size=size, mode="bilinear", antialias=True)


def starts(length: int, tile: int, divisor: int) -> list[int]:
    """Where tiles begin, so that they overlap by 2 * OVERLAP at least, and the last ends with the image: on multiples of the divisor,
    which divides `length` and `tile`.
    """
    if length <= tile:
        return [0]
    step = max(divisor, (tile - 2 * OVERLAP) // divisor * divisor)
    return [*range(0, length - tile, step), length - tile]


def ramp(length: int) -> Float[Tensor, " length"]:
    """Rises from the edges of a tile over the overlap."""
    place = torch.arange(length) + 1.0
    return torch.minimum(place, place.flip(0)).clamp_max(2 * OVERLAP)
