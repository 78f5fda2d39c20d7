"""What models that translate can do: translations of images in memory."""

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sparring.core.errors import SettingsError
from sparring.games.capabilities import Direction
from sparring.inference.tiling import TILE, in_tiles, refuse_tile
from sparring.nets.forward_hooks import fixed_dropout

if TYPE_CHECKING:
    from sparring.inference.model import Model


def translate(
    model: "Model", images: Float[Tensor, "n c h w"], *, direction: Direction = "a2b", noise: int | None = None, tile: int = TILE
) -> Float[Tensor, "n o h w"]:
    """What a translator makes of images in [-1, 1], of any size: images in [-1, 1] of that size.

    `direction`: "a2b" makes targets of inputs; "b2a" the other way round, where the recipe learns it. `noise`: the seed of one of the
    many translations that dropout gives (Isola et al. 2017, section 3.1); None: their typical one, without dropout. `tile`: images
    with a longer side are translated in tiles of about that, which fade into each other. A SettingsError says what does not fit. The
    translation of an image does not depend on the images beside it.
    """
    refuse_direction(model, direction)
    refuse_tile(tile)
    game = model.translation_game
    channels = game.channels_of(direction)[0]
    if not isinstance(images, Tensor) or not images.is_floating_point():
        kind = f"a tensor of {images.dtype}" if isinstance(images, Tensor) else f"a {type(images).__name__}"
        raise SettingsError(f"Wanted is a tensor of numbers in [-1, 1], not {kind}. Files are translated by sparring.translate.")
    if images.ndim != 4 or images.shape[1] != channels or not images.numel():
        raise SettingsError(f"The images are {tuple(images.shape)}; wanted are some, with {channels} channels (n, c, h, w).")
    shown = images.to(game.device, torch.float32)
    with noisy(model, direction, noise):
        if max(shown.shape[2:]) <= tile:
            return game.translate(shown, direction).clamp(-1, 1)
        return torch.cat([in_tiles(game, one, direction, tile) for one in shown.split(1)]).clamp(-1, 1)


def noisy(model: "Model", direction: Direction, seed: int | None) -> AbstractContextManager[None]:
    """Where translations have the noise of that seed, if it is one. A SettingsError for networks without dropout."""
    if seed is None:
        return nullcontext()
    network = model.game.get_submodule(model.translation_game.translators[direction])
    if not any(isinstance(module, nn.Dropout) for module in network.modules()):
        raise SettingsError(
            f"{model.source} has a network without dropout, so its translations have no noise: leave noise out. "
            "(Of pix2pix's U-Nets those with six halvings and more have some, as for 64x64 pixels, unless they were imported.)"
        )
    return fixed_dropout(network, seed)


def refuse_direction(model: "Model", direction: str) -> None:
    """Raise a SparringError if this model does not translate that way."""
    known = model.translation_game.translators
    if direction not in known:
        raise SettingsError(f"{model.source} was trained in the direction {' and '.join(known)}, not {direction}.")
    model.refuse_without_generator()
