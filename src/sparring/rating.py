"""Floor 5: translators shown and rated by pictures that they were not trained on."""

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from sparring.core.batch import float_to_pixels, pixels_to_float
from sparring.core.errors import SettingsError
from sparring.core.pictures import grid
from sparring.core.runs import RunDirectory
from sparring.core.terminal import console
from sparring.data.pairs import Pairing, Pairs, open_pairs
from sparring.data.preparation import Preparation
from sparring.data.source import open_source
from sparring.game import Game
from sparring.judge.extractors import open_extractor
from sparring.judge.features import with_channels
from sparring.judge.frechet import Gaussian, between
from sparring.judge.paired import PerceptualDistance, paired_scores
from sparring.judge.pictures import of_store
from sparring.judge.seen import see
from sparring.judge.sliced import coarse, sliced_wasserstein
from sparring.loading import from_json
from sparring.models import Model
from sparring.nets import lite0
from sparring.trained_on import source_of
from sparring.translation import Direction, TranslationGame, TranslationRecipe, mean_difference

SHOWN, SCORED, JUDGED = 8, 64, 2000
"""Held-out pictures in a sheet and in a checkpoint's score, and inputs that are translated for a Fréchet distance."""


def pairs_of(
    data: str | os.PathLike[str], recipe: TranslationRecipe, preparation: Preparation, pairing: Pairing, *, progress: bool
) -> Pairs:
    """The pairs of some data, at the recipe's size unless one is named."""
    if preparation.size is None:
        native = None if pairing.side_by_side != "none" else open_source(os.fspath(data)).native_size
        preparation = replace(preparation, size=recipe.size_for(native))
    return open_pairs(os.fspath(data), pairing, preparation, recipe.translates, progress=progress)


def in_colour(pictures: Float[Tensor, "n c h w"]) -> UInt8[np.ndarray, "n h w 3"]:
    """As 8-bit colour pictures, whatever their channels are."""
    return with_channels(float_to_pixels(pictures).cpu().numpy(), 3)


def sheet_of(pairs: Pairs, count: int = SHOWN) -> Callable[[Game], UInt8[np.ndarray, "h w 3"]]:
    """What draws held-out pictures and what becomes of them: input | output | target (| what becomes of the target)."""
    shown = pairs.shown(count)
    assert shown.inputs is not None
    inputs, targets = shown.inputs, shown.images

    def sheet(game: Game) -> UInt8[np.ndarray, "h w 3"]:
        assert isinstance(game, TranslationGame)
        columns = [inputs, game.translate(inputs), targets]
        if "b2a" in game.translators:
            columns.append(game.translate(targets, "b2a"))
        elif game.rules.translates == "style":
            columns.pop()
        rows = np.stack([in_colour(column) for column in columns], axis=1)
        return grid(rows.reshape(-1, *rows.shape[2:]), columns=len(columns) * (2 if len(rows) > 1 else 1))

    return sheet


def score_on(pairs: Pairs) -> Callable[[Game], dict[str, Any]]:
    """What rates translators by held-out pictures, lower is better: L1 for pairs, else how far translations are from targets."""
    shown = pairs.shown(SCORED)
    assert shown.inputs is not None
    inputs, targets = shown.inputs, shown.images
    paired = pairs.spec.paired

    def score(game: Game) -> dict[str, Any]:
        assert isinstance(game, TranslationGame)
        drawn = game.translate(inputs).cpu()
        if paired:
            return {"name": "L1 on held-out pairs", "value": mean_difference(drawn, targets).mean().item() / 2, "pairs": len(inputs)}
        n = min(len(drawn), len(targets))
        value = sliced_wasserstein(coarse(targets[:n]), coarse(drawn[:n]))
        return {"name": "sliced Wasserstein distance of translations to targets", "value": value, "real": n, "generated": n}

    return score


def pairs_for(model: Model) -> Pairs:
    """The pairs that a run was trained on."""
    if not RunDirectory(model.source).exists():
        raise SettingsError(
            f"{model.source} is a packed or imported model, which knows no pairs to be judged by. Judge the run that it is of."
        )
    data = source_of(model)
    recorded = RunDirectory(model.source).read_config()["data"]
    assert isinstance(model.recipe, TranslationRecipe)
    preparation = replace(model.preparation, size=model.spec.height)
    pairing = from_json(Pairing, recorded["pairing"] or {})
    pairs = pairs_of(data, model.recipe, preparation, pairing, progress=console().is_terminal)
    if pairs.fingerprint != recorded["fingerprint"]:
        raise SettingsError(f"{data} is no longer what {model.source} was trained on.")
    return pairs


def colour_shifted(
    inputs: Float[Tensor, "n _ h w"], like: Float[Tensor, "_ _ h w"], targets: Float[Tensor, "_ o h w"]
) -> Float[Tensor, "n o h w"]:
    """Inputs whose colours are moved, channel by channel, as it takes to bring the mean and spread of inputs `like` them to the targets':
    what a translator must beat.
    """
    inputs, like = (with_as_many(pictures, targets.shape[1]) for pictures in (inputs, like))
    mean, deviation = like.mean((0, 2, 3), keepdim=True), like.std((0, 2, 3), keepdim=True)
    wanted, spread = targets.mean((0, 2, 3), keepdim=True), targets.std((0, 2, 3), keepdim=True)
    return ((inputs - mean) / deviation.clamp_min(1e-6) * spread + wanted).clamp(-1, 1)


def with_as_many(pictures: Float[Tensor, "n _ h w"], channels: int) -> Float[Tensor, "n channels h w"]:
    """Pictures with so many channels: as they are, or grey."""
    return pictures if pictures.shape[1] == channels else pictures.mean(1, keepdim=True).expand(-1, channels, -1, -1)


def laid_on_white(pictures: Float[Tensor, "n _ h w"]) -> Float[Tensor, "n _ h w"]:
    """Pictures without alpha."""
    return pixels_to_float(torch.from_numpy(in_colour(pictures))) if pictures.shape[1] == 4 else pictures


@dataclass(frozen=True)
class Ratings:
    """How good translations are, beside those who do not translate."""

    scores: Mapping[str, Mapping[str, float]]
    """By way ("translations", "inputs" as they are, "colours shifted") and name: L1, PSNR, SSIM, distance-lite0 to the true targets, where
    they are known; FD-lite0 to all targets, where there are no pairs."""
    protocol: Mapping[str, Any]
    """All that they depend on beside the model."""

    def to_json(self) -> dict[str, Any]:
        """Both; what is infinite is null."""
        finite = {way: {name: value if math.isfinite(value) else None for name, value in one.items()} for way, one in self.scores.items()}
        return {"scores": finite, "protocol": dict(self.protocol)}


def judge_translations(model: Model, pairs: Pairs | None = None, *, direction: Direction = "a2b") -> Ratings:
    """Scores of translations, beside those of the inputs as they are and of a mere shift of their colours.

    Where the true target of each held-out input is known: L1, PSNR, SSIM, distance in lite0's features. Where there are no pairs: the
    Fréchet distance of up to 2,000 translations of inputs that were trained on to all targets. `pairs`: by default those that the run
    was trained on. `direction`: "b2a" makes inputs of targets, where the recipe learns it. A SettingsError if there is nothing to judge
    by.
    """
    model.refuse_direction(direction)
    game = model.translation_game
    pairs = pairs_for(model) if pairs is None else pairs
    pairs = pairs if direction == "a2b" else pairs.reversed()
    fair = not pairs.spec.paired and game.rules.translates != "style" and min(pairs.counts) > 1
    known = pairs.twins and len(pairs.held_out[0]) > 0
    if not fair and not known:
        raise SettingsError(
            f"{model.source} cannot be judged: no held-out input has a known target, and there are no two sets to compare. "
            "Look at its samples."
        )
    held = pairs.shown(JUDGED)
    some = np.arange(min(JUDGED // 4, *pairs.counts))
    trained = pairs.batch(some if pairs.spec.paired else np.stack([some, some], axis=1))
    assert held.inputs is not None
    assert trained.inputs is not None
    like, channels = trained.inputs, pairs.spec.channels

    def ways(inputs: Tensor) -> Mapping[str, Tensor]:
        return {
            "translations": model.translate(inputs, direction=direction).cpu(),
            "inputs": with_as_many(inputs, channels),
            "colours shifted": colour_shifted(inputs, like, trained.images),
        }

    found: dict[str, dict[str, float]] = {name: {} for name in ("translations", "inputs", "colours shifted")}
    extractor = open_extractor("lite0")
    protocol: dict[str, Any] = {"direction": direction, **extractor.identity()}
    if known:
        protocol["held_out_pairs"] = len(held)
        distance = PerceptualDistance(lite0.load(lite0.weights_file()))
        for name, pictures in ways(held.inputs).items():
            found[name] |= paired_scores(laid_on_white(pictures), laid_on_white(held.images), distance)
    if fair:
        targets = Gaussian.of(see(of_store(pairs.targets, "targets"), extractor).rows)  # looked at once, and remembered
        places = pairs.places[0][:JUDGED]
        protocol |= {"trained_inputs": len(places), "targets": targets.n}
        rows = {"inputs": see(of_store(pairs.inputs, "inputs"), extractor).rows[places]}
        inputs = pixels_to_float(torch.from_numpy(pairs.inputs.pixels.view(np.ndarray)[places]))
        drawn = {name: pictures for name, pictures in ways(inputs).items() if name not in rows}
        rows |= {name: extractor.extract([float_to_pixels(pictures).numpy()]).rows for name, pictures in drawn.items()}
        for name, features in rows.items():
            found[name]["FD-lite0"] = between(Gaussian.of(features), targets)
    return Ratings(found, protocol)
