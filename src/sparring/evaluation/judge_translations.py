"""Translators shown and rated by images that they were not trained on."""

import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from sparring.core.console import console
from sparring.core.errors import SettingsError
from sparring.core.parallel import progress_bar
from sparring.data.images.image_spec import ImageSpec
from sparring.data.pairs.made_inputs import Made
from sparring.data.pairs.pair_spec import PairSpec
from sparring.data.pairs.pairs import Pairing, Pairs, native_size, open_pairs, open_to_judge
from sparring.data.preprocessing import Preprocessing
from sparring.data.store import Store
from sparring.evaluation.extractors import open_extractor
from sparring.evaluation.feature_cache import see
from sparring.evaluation.features import Extractor
from sparring.evaluation.image_sets import of_store
from sparring.evaluation.perceptual_distance import PerceptualDistance, scored
from sparring.evaluation.scores import few_for_features
from sparring.games.game import Game
from sparring.games.translation import Direction, TranslationGame, TranslationRecipe, mean_difference
from sparring.inference.model import Model
from sparring.inference.training_data import preprocessing_of, source_of
from sparring.media.image_files import grid
from sparring.media.pixels import float_to_pixels, pixels_to_float, with_channels
from sparring.metrics.frechet_distance import Gaussian, between
from sparring.metrics.paired_images import means
from sparring.metrics.sliced_wasserstein import coarse, sliced_wasserstein
from sparring.nets.feature_extractors import efficientnet_lite0
from sparring.runs.config import from_json, read_config
from sparring.runs.data_changes import refuse_changed, refuse_moved
from sparring.runs.run_directory import RunDirectory

Place = str | os.PathLike[str]
Way = Callable[[Float[Tensor, "n _ h w"]], Float[Tensor, "n o h w"]]
"""What makes something of inputs."""
SHOWN, SCORED, JUDGED = 8, 64, 2000
"""Held-out images in a sheet and in a checkpoint's score, and pairs and inputs that are judged at most ..."""
PIXELS_AT_A_TIME, MOST_AT_A_TIME = 2**22, 256
"""... so many at a time, for memory's sake."""
Moments = tuple[Float[Tensor, "1 c 1 1"], Float[Tensor, "1 c 1 1"]]
"""Mean and standard deviation of each channel."""


def pairs_of(data: Place, recipe: TranslationRecipe, preprocessing: Preprocessing, pairing: Pairing, *, progress: bool) -> Pairs:
    """The pairs of some data, at the recipe's size unless one is named."""
    if preprocessing.size is None:
        preprocessing = replace(preprocessing, size=recipe.size_for(native_size(os.fspath(data), pairing, preprocessing)))
    return open_pairs(os.fspath(data), pairing, preprocessing, recipe.translates, progress=progress)


def in_color(images: Float[Tensor, "n c h w"]) -> UInt8[np.ndarray, "n h w 3"]:
    """As 8-bit color images, whatever their channels are."""
    return with_channels(float_to_pixels(images).cpu().numpy(), 3)


def sheet_of(pairs: Pairs, count: int = SHOWN) -> Callable[[Game], UInt8[np.ndarray, "h w 3"]]:
    """What draws held-out images and what becomes of them: input | output | target (| what becomes of the target)."""
    shown = pairs.shown(count)
    inputs, targets = shown.inputs, shown.targets

    def sheet(game: Game) -> UInt8[np.ndarray, "h w 3"]:
        assert isinstance(game, TranslationGame)
        columns = [inputs, game.translate(inputs), targets]
        if "b2a" in game.translators:
            columns.append(game.translate(targets, "b2a"))
        elif game.settings.translates == "style":
            columns.pop()
        rows = np.stack([in_color(column) for column in columns], axis=1)
        return grid(rows.reshape(-1, *rows.shape[2:]), columns=len(columns) * (2 if len(rows) > 1 else 1))

    return sheet


def score_on(pairs: Pairs) -> Callable[[Game], dict[str, Any]]:
    """What rates translators by held-out images, lower is better: L1 for pairs, else how far translations are from targets."""
    shown = pairs.shown(SCORED)
    inputs, targets = shown.inputs, shown.targets
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
            f"{model.source} is a packed or imported model, which knows no pairs to be judged by. Name some: inputs, and --target (a "
            "second set), --inputs (what to make of each image) or --side-by-side."
        )
    data, run = source_of(model), RunDirectory(model.source)
    recorded = read_config(run)["data"]
    refuse_moved(run, recorded)
    preprocessing = replace(model.preprocessing, size=model.spec.height)
    pairing = from_json(Pairing, recorded["pairing"] or {})
    assert isinstance(model.recipe, TranslationRecipe)
    pairs = pairs_of(data, model.recipe, preprocessing, pairing, progress=console().is_terminal)
    refuse_changed(run, recorded, data, pairs, f"Or score with other images: sparring judge {run.path} INPUTS.")
    return pairs


def pairs_named(model: Model, data: Place, pairing: Pairing, size: int | None = None) -> Pairs:
    """Pairs to judge a model by, all of them: prepared as what it was trained on, but for `size`."""
    channels = model.translation_game.channels_of("a2b")
    preprocessing = preprocessing_of(model)
    preprocessing = preprocessing if size is None else replace(preprocessing, size=size)
    assert isinstance(model.spec, PairSpec)
    return open_to_judge(os.fspath(data), pairing, preprocessing, channels, paired=model.spec.paired, progress=console().is_terminal)


def moments(pieces: Iterable[Float[Tensor, "_ c _ _"]]) -> Moments:
    """The mean and the standard deviation of each channel over all images."""
    count, total, squared = 0, torch.zeros(()), torch.zeros(())
    for piece in pieces:
        wide = piece.double()
        count += piece[:, 0].numel()
        total, squared = total + wide.sum((0, 2, 3)), squared + wide.square().sum((0, 2, 3))
    mean = total / count
    variance = (squared - count * mean.square()) / max(count - 1, 1)
    return mean[None, :, None, None].float(), variance.clamp_min(0).sqrt()[None, :, None, None].float()


def color_shift(of_inputs: Moments, of_targets: Moments) -> Way:
    """What moves the colors of inputs, channel by channel, as it takes to bring their mean and spread to the targets': what a translator
    must beat. Inputs are taken with as many channels as targets have.
    """
    (mean, deviation), (wanted, spread) = of_inputs, of_targets

    def shifted(inputs: Tensor) -> Tensor:
        return ((with_as_many(inputs, wanted.shape[1]) - mean) / deviation.clamp_min(1e-6) * spread + wanted).clamp(-1, 1)

    return shifted


def with_as_many(images: Float[Tensor, "n _ h w"], channels: int) -> Float[Tensor, "n channels h w"]:
    """Images with so many channels: as they are, or gray."""
    return images if images.shape[1] == channels else images.mean(1, keepdim=True).expand(-1, channels, -1, -1)


def laid_on_white(images: Float[Tensor, "n _ h w"]) -> Float[Tensor, "n _ h w"]:
    """Images without alpha."""
    return pixels_to_float(torch.from_numpy(in_color(images))) if images.shape[1] == 4 else images


@dataclass(frozen=True)
class Ratings:
    """How good translations are, beside those who do not translate."""

    scores: Mapping[str, Mapping[str, float]]
    """By way ("translations", "inputs" as they are, "colors shifted") and name: L1, PSNR, SSIM, distance-lite0 to the true targets, where
    they are known; FD-lite0 to all targets, where there are two sets."""
    protocol: Mapping[str, Any]
    """All that they depend on beside the model."""
    notes: tuple[str, ...] = ()
    """What a reader should bear in mind, in whole sentences."""

    def to_json(self) -> dict[str, Any]:
        """All of it; what is infinite is null."""
        finite = {way: {name: value if math.isfinite(value) else None for name, value in one.items()} for way, one in self.scores.items()}
        return {"scores": finite, "protocol": dict(self.protocol), "notes": list(self.notes)}


def judge_translations(
    model: Model,
    data: Pairs | Place | None = None,
    *,
    direction: Direction = "a2b",
    size: int | None = None,
    target: Place | None = None,
    inputs: Made | Literal["given"] = "given",
    side_by_side: Literal["none", "left", "right"] = "none",
    twins: bool | None = None,
) -> Ratings:
    """Scores of translations, beside those of the inputs as they are and of a mere shift of their colors.

    Where the true target of each held-out input is known: L1, PSNR, SSIM, distance in lite0's features. Where there are two sets: the
    Fréchet distance of translations of inputs (those that a run was trained on, if it is judged by its own) to all targets. Of more than
    2,000 pairs or inputs so many are judged, evenly from all of them.

    `data`: by default what the run was trained on; else pairs, or inputs, with `target`, `inputs` or `side_by_side` as in training, of
    which none were trained on, at `size` (in pixels; the model's own by default). `twins`: whether two sets are pairs by their names; by
    default as the model was trained (imported ones: pairs). `direction`: "b2a" makes inputs of targets, where the recipe learns it. A
    SettingsError or a DataError if there is nothing to judge by.
    """
    model.refuse_direction(direction)
    pairing = Pairing(target=None if target is None else os.fspath(target), inputs=inputs, side_by_side=side_by_side, twins=twins)
    pairs, about, notes = _judged_by(model, data, pairing, size)
    pairs = pairs if direction == "a2b" else pairs.reversed()
    fair = not pairs.spec.paired and model.translation_game.settings.translates != "style" and min(pairs.counts) > 1
    known = pairs.twins and len(pairs.held_out[0]) > 0
    if not fair and not known:
        raise SettingsError(
            f"{model.source} cannot be judged: no held-out input has a known target, and there are no two sets that should become alike. "
            "Look at its samples."
        )
    extractor = open_extractor("lite0")
    ways = _ways(model, pairs, direction)
    found: dict[str, dict[str, float]] = {name: {} for name in ways}
    protocol: dict[str, Any] = {"direction": direction, "size": pairs.spec.height, **about, "fingerprint": pairs.fingerprint}
    protocol |= extractor.identity()
    total = (min(JUDGED, len(pairs.held_out[0])) if known else 0) + (min(JUDGED, len(pairs.places[0])) if fair else 0)
    with progress_bar(f"Judging {model.source}", total, console().is_terminal) as advance:
        if known:
            protocol["pairs"] = min(JUDGED, len(pairs.held_out[0]))
            for name, scores in _beside_targets(pairs, ways, advance).items():
                found[name] |= scores
        if fair:
            targets = Gaussian.of(see(of_store(pairs.targets, "targets"), extractor).rows)  # looked at once, and remembered
            rows = _features(pairs, ways, extractor, advance)
            fewest, features = rows["translations"].shape
            protocol |= {"inputs": fewest, "targets": targets.n}
            notes += [note for note in [few_for_features(min(fewest, targets.n), features)] if note]
            for name, each in rows.items():
                found[name]["FD-lite0"] = between(Gaussian.of(each), targets)
    return Ratings(found, protocol, tuple(notes))


def _judged_by(model: Model, data: Pairs | Place | None, pairing: Pairing, size: int | None) -> tuple[Pairs, dict[str, Any], list[str]]:
    """Pairs, what the protocol says of them, and notes."""
    if data is None or isinstance(data, Pairs):
        if pairing != Pairing() or size is not None:
            raise SettingsError("target, inputs, side_by_side, twins and size are of data that is named: name it, or leave them out.")
        return pairs_for(model) if data is None else data, {}, []
    pairs = pairs_named(model, data, pairing, size)
    about = {"data": os.fspath(data), "target": pairing.target, "made": pairing.inputs, "side_by_side": pairing.side_by_side}
    return pairs, {**about, "twins": pairs.twins}, list(dict.fromkeys(pairs.lines()))  # of two sets that are alike once


def _ways(model: Model, pairs: Pairs, direction: Direction) -> dict[str, Way]:
    """A translator, and what it must beat."""
    channels, some = pairs.spec.channels, np.arange(min(JUDGED // 4, *pairs.counts))
    of_inputs = moments(with_as_many(piece, channels) for piece in _pieces(pairs.inputs, pairs.places[0][some]))
    return {
        "translations": lambda inputs: model.translate(inputs, direction=direction).cpu(),
        "inputs": lambda inputs: with_as_many(inputs, channels),
        "colors shifted": color_shift(of_inputs, moments(_pieces(pairs.targets, pairs.places[1][some]))),
    }


def _pieces(store: Store, places: Int64[np.ndarray, " _"]) -> Iterator[Float[Tensor, "_ c h w"]]:
    """These images, as many at a time as memory is meant for."""
    size = _at_a_time(store.spec)
    for start in range(0, len(places), size):
        yield pixels_to_float(torch.from_numpy(store.pixels.view(np.ndarray)[places[start : start + size]]))


def _at_a_time(spec: ImageSpec) -> int:
    return max(1, min(MOST_AT_A_TIME, PIXELS_AT_A_TIME // (spec.height * spec.width)))


def _beside_targets(pairs: Pairs, ways: Mapping[str, Way], advance: Callable[[int], object]) -> dict[str, dict[str, float]]:
    """How far what each way makes of held-out inputs is from their true targets."""
    distance = PerceptualDistance(efficientnet_lite0.load(efficientnet_lite0.weights_file()))
    pieces: dict[str, list[Mapping[str, Tensor]]] = {name: [] for name in ways}
    for held in pairs.shown_in_pieces(JUDGED, _at_a_time(pairs.spec)):
        assert held.inputs is not None
        for name, way in ways.items():
            pieces[name].append(scored(laid_on_white(way(held.inputs)), laid_on_white(held.targets), distance))
        advance(len(held))
    return {name: means(each) for name, each in pieces.items()}


def _features(
    pairs: Pairs, ways: Mapping[str, Way], extractor: Extractor, advance: Callable[[int], object]
) -> dict[str, Float[Tensor, "n d"]]:
    """Of what each way makes of inputs; those of the inputs themselves are remembered."""
    every = pairs.places[0]
    places = every[np.linspace(0, len(every) - 1, min(JUDGED, len(every))).astype(np.int64)]

    def made(name: str) -> Iterator[UInt8[np.ndarray, "n h w c"]]:
        for inputs in _pieces(pairs.inputs, places):
            yield float_to_pixels(ways[name](inputs)).numpy()
            if name == "translations":
                advance(len(inputs))

    seen = see(of_store(pairs.inputs, "inputs"), extractor).rows
    return {name: seen[places] if name == "inputs" else extractor.extract(made(name)).rows for name in ways}
