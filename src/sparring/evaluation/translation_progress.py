"""Progress of a translator in training: sheets of held-out images, and the score of a checkpoint."""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from torch import Tensor

from sparring.data.pairs.pairs import Pairs
from sparring.evaluation.features import convert_channels
from sparring.games.game import Game
from sparring.games.translation import TranslationGame, mean_difference
from sparring.media.image_files import grid
from sparring.media.pixels import float_to_pixels
from sparring.metrics.sliced_wasserstein import downsampled_rows, sliced_wasserstein

SHEET_PAIRS, SCORED_PAIRS = 8, 64
"""Number of held-out pairs on a sheet, and in a checkpoint's score."""


def to_color_pixels(images: Float[Tensor, "n c h w"]) -> UInt8[np.ndarray, "n h w 3"]:
    """Images in [-1, 1] with 1, 3 or 4 channels as 8-bit RGB pixels."""
    return convert_channels(float_to_pixels(images).cpu().numpy(), 3)


def translation_sheet(pairs: Pairs, count: int = SHEET_PAIRS) -> Callable[[Game], UInt8[np.ndarray, "h w 3"]]:
    """A function that draws `count` held-out pairs as a grid: input | translation | target, and if the game translates both ways, the
    target's translation. Style transfer has no target column.
    """
    batch = pairs.holdout_batch(count)
    assert batch.inputs is not None
    inputs, targets = batch.inputs, batch.images

    def sheet(game: Game) -> UInt8[np.ndarray, "h w 3"]:
        assert isinstance(game, TranslationGame)
        columns = [inputs, game.translate(inputs), targets]
        if "b2a" in game.translators:
            columns.append(game.translate(targets, "b2a"))
        elif game.rules.translates == "style":
            columns.pop()
        rows = np.stack([to_color_pixels(column) for column in columns], axis=1)
        return grid(rows.reshape(-1, *rows.shape[2:]), columns=len(columns) * (2 if len(rows) > 1 else 1))

    return sheet


def checkpoint_score(pairs: Pairs) -> Callable[[Game], dict[str, Any]]:
    """A function that scores a translator on held-out images, lower is better.

    The score is the L1 error on pairs, else the sliced Wasserstein distance of translations to targets.
    """
    batch = pairs.holdout_batch(SCORED_PAIRS)
    assert batch.inputs is not None
    inputs, targets = batch.inputs, batch.images
    paired = pairs.spec.paired

    def score(game: Game) -> dict[str, Any]:
        assert isinstance(game, TranslationGame)
        translations = game.translate(inputs).cpu()
        if paired:
            return {"name": "L1 on held-out pairs", "value": mean_difference(translations, targets).mean().item() / 2, "pairs": len(inputs)}
        n = min(len(translations), len(targets))
        value = sliced_wasserstein(downsampled_rows(targets[:n]), downsampled_rows(translations[:n]))
        return {"name": "sliced Wasserstein distance of translations to targets", "value": value, "real": n, "generated": n}

    return score
