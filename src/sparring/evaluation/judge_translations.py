"""`sparring judge` for translators: scores of their translations, beside those of simple baselines."""

import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from sparring.core.console import console
from sparring.core.errors import SettingsError
from sparring.core.parallel_map import progress_bar
from sparring.data.images.image_spec import ImageSpec
from sparring.data.pairs.derived_inputs import DerivedInput
from sparring.data.pairs.pairs import Pairing, Pairs
from sparring.data.store import Store
from sparring.evaluation.feature_cache import load_or_extract_features
from sparring.evaluation.features import Extractor
from sparring.evaluation.image_sets import image_set_from_store
from sparring.evaluation.open_extractor import open_extractor
from sparring.evaluation.perceptual_distance import PerceptualDistance, paired_scores
from sparring.evaluation.scores import small_sample_warning
from sparring.evaluation.translation_pairs import PathLike, open_pairs_to_judge, pairs_of_run
from sparring.games.translation import Direction
from sparring.inference.model import Model
from sparring.media.pixel_range import float_to_pixels, pixels_to_float
from sparring.metrics.frechet_distance import Gaussian, gaussian_frechet_distance
from sparring.metrics.paired_images import mean_scores
from sparring.modalities.pairs import in_color
from sparring.nets.feature_extractors import efficientnet_lite0

ImageMap = Callable[[Float[Tensor, "n _ h w"]], Float[Tensor, "n o h w"]]
"""A translator or a baseline: maps inputs to images with the targets' channels."""
MAX_JUDGED = 2000
"""Largest number of pairs and of inputs that are judged; of more, this number is taken at equal spacing."""
MAX_BATCH_PIXELS, MAX_BATCH_IMAGES = 2**22, 256
"""Largest number of pixels, and of images, that are processed at once, to limit memory."""
BASELINE_IMAGES = MAX_JUDGED // 4
"""Largest number of images that color statistics are computed from."""
ChannelMoments = tuple[Float[Tensor, "1 c 1 1"], Float[Tensor, "1 c 1 1"]]
"""Mean and standard deviation of each channel."""


@dataclass(frozen=True)
class TranslationScores:
    """Scores of translations, beside those of inputs that are left as they are and of inputs whose colors are matched to the targets."""

    scores: Mapping[str, Mapping[str, float]]
    """Scores by candidate ("translations", "inputs", "colors shifted") and name: L1, PSNR, SSIM and distance-lite0 where true targets are
    known; FD-lite0 to all targets where there are two sets."""
    protocol: Mapping[str, Any]
    """Everything except the model that the scores depend on."""
    notes: tuple[str, ...] = ()
    """Sentences for readers of the scores."""

    def to_json(self) -> dict[str, Any]:
        """All fields as plain values; infinite scores become null."""
        finite = {
            candidate: {name: value if math.isfinite(value) else None for name, value in scores.items()}
            for candidate, scores in self.scores.items()
        }
        return {"scores": finite, "protocol": dict(self.protocol), "notes": list(self.notes)}


def judge_translations(
    model: Model,
    data: Pairs | PathLike | None = None,
    *,
    direction: Direction = "a2b",
    size: int | str | None = None,
    target: PathLike | None = None,
    inputs: DerivedInput | Literal["given"] = "given",
    side_by_side: Literal["none", "left", "right"] = "none",
    twins: bool | None = None,
) -> TranslationScores:
    """Score translations, beside inputs that are left as they are and inputs whose colors are matched to the targets.

    Where the true target of each held-out input is known, the scores are L1, PSNR, SSIM and the perceptual distance in lite0's features.
    Where there are two sets, it is the Fréchet distance of translated inputs to all targets (for a run judged by its own data, translated
    training inputs). At most 2,000 pairs and inputs are judged, taken at equal spacing.

    `data` is by default the run's own data; else it is pairs, or inputs with `target`, `inputs` or `side_by_side` as in training, none of
    which were trained on, prepared at `size` pixels (by default the model's own size). `twins` says whether two sets form pairs by their
    file names; by default as in training (imported models: yes). `direction` "b2a" translates targets to inputs, if the recipe learns that.

    Raises a SettingsError or a DataError if there is nothing to judge by.
    """
    model.refuse_direction(direction)
    pairing = Pairing(target=None if target is None else os.fspath(target), inputs=inputs, side_by_side=side_by_side, twins=twins)
    pairs, about_data, notes = _open_judged_pairs(model, data, pairing, size)
    pairs = pairs if direction == "a2b" else pairs.swapped()
    sets_should_match = not pairs.spec.paired and model.translation_game.settings.translates != "style" and min(pairs.counts) > 1
    targets_known = pairs.twins and len(pairs.holdout_indices[0]) > 0
    if not sets_should_match and not targets_known:
        raise SettingsError(
            f"{model.source} cannot be judged: no held-out input has a known target, and there are no two sets that should become alike. "
            "Look at its samples instead."
        )
    extractor = open_extractor("lite0")
    candidates = _candidates(model, pairs, direction)
    scores: dict[str, dict[str, float]] = {name: {} for name in candidates}
    protocol: dict[str, Any] = {"direction": direction, "size": pairs.spec.size, **about_data, "fingerprint": pairs.fingerprint}
    protocol |= extractor.identity()
    judged_pairs = min(MAX_JUDGED, len(pairs.holdout_indices[0])) if targets_known else 0
    judged_inputs = min(MAX_JUDGED, len(pairs.training_indices[0])) if sets_should_match else 0
    with progress_bar(f"Judging {model.source}", judged_pairs + judged_inputs, console().is_terminal) as advance:
        if targets_known:
            protocol["pairs"] = judged_pairs
            for name, against_targets in _scores_against_targets(pairs, candidates, advance).items():
                scores[name] |= against_targets
        if sets_should_match:
            target_features = load_or_extract_features(image_set_from_store(pairs.targets, "targets"), extractor).rows  # cached
            targets = Gaussian.fit(target_features)
            features = _candidate_features(pairs, candidates, extractor, advance)
            n, d = features["translations"].shape
            protocol |= {"inputs": n, "targets": targets.n}
            notes += [note for note in [small_sample_warning(n, d)] if note]
            for name, rows in features.items():
                scores[name]["FD-lite0"] = gaussian_frechet_distance(Gaussian.fit(rows), targets)
    return TranslationScores(scores, protocol, tuple(notes))


def _open_judged_pairs(
    model: Model, data: Pairs | PathLike | None, pairing: Pairing, size: int | str | None
) -> tuple[Pairs, dict[str, Any], list[str]]:
    """The pairs to judge by, their description for the protocol, and notes."""
    if not isinstance(data, str | os.PathLike):
        if pairing != Pairing() or size is not None:
            raise SettingsError("target, inputs, side_by_side, twins and size apply to named data only: name data, or leave them out.")
        return pairs_of_run(model) if data is None else data, {}, []
    pairs = open_pairs_to_judge(model, data, pairing, size)
    about = {"data": os.fspath(data), "target": pairing.target, "made": pairing.inputs, "side_by_side": pairing.side_by_side}
    return pairs, {**about, "twins": pairs.twins}, list(dict.fromkeys(pairs.lines()))  # two equal sets have the same notes


def _candidates(model: Model, pairs: Pairs, direction: Direction) -> dict[str, ImageMap]:
    """The translator and the baselines that it must beat, by name."""
    channels, some = pairs.spec.channels, np.arange(min(BASELINE_IMAGES, *pairs.counts))
    of_inputs = channel_moments(match_channel_count(batch, channels) for batch in _batches(pairs.inputs, pairs.training_indices[0][some]))
    of_targets = channel_moments(_batches(pairs.targets, pairs.training_indices[1][some]))
    return {
        "translations": lambda inputs: model.translate(inputs, direction=direction).cpu(),
        "inputs": lambda inputs: match_channel_count(inputs, channels),
        "colors shifted": color_matching(of_inputs, of_targets),
    }


def channel_moments(batches: Iterable[Float[Tensor, "_ c _ _"]]) -> ChannelMoments:
    """Mean and standard deviation of each channel over all pixels of all images."""
    count, total, squared = 0, torch.zeros(()), torch.zeros(())
    for batch in batches:
        double = batch.double()
        count += batch[:, 0].numel()
        total, squared = total + double.sum((0, 2, 3)), squared + double.square().sum((0, 2, 3))
    mean = total / count
    variance = (squared - count * mean.square()) / max(count - 1, 1)
    return mean[None, :, None, None].float(), variance.clamp_min(0).sqrt()[None, :, None, None].float()


def color_matching(of_inputs: ChannelMoments, of_targets: ChannelMoments) -> ImageMap:
    """The baseline that shifts and scales each channel of inputs so that mean and standard deviation become those of the targets.

    Inputs are first converted to the targets' number of channels.
    """
    (mean, deviation), (target_mean, target_deviation) = of_inputs, of_targets

    def match_colors(inputs: Tensor) -> Tensor:
        converted = match_channel_count(inputs, target_mean.shape[1])
        return ((converted - mean) / deviation.clamp_min(1e-6) * target_deviation + target_mean).clamp(-1, 1)

    return match_colors


def match_channel_count(images: Float[Tensor, "n _ h w"], channels: int) -> Float[Tensor, "n channels h w"]:
    """Images with this number of channels: unchanged if they have it, else their gray values in each channel."""
    return images if images.shape[1] == channels else images.mean(1, keepdim=True).expand(-1, channels, -1, -1)


def flatten_alpha(images: Float[Tensor, "n _ h w"]) -> Float[Tensor, "n _ h w"]:
    """RGBA images in [-1, 1] laid on white; images without alpha are unchanged."""
    return pixels_to_float(torch.from_numpy(in_color(images))) if images.shape[1] == 4 else images


def _batches(store: Store, indices: Int64[np.ndarray, " _"]) -> Iterator[Float[Tensor, "_ c h w"]]:
    """The images at these indices, in batches that fit the memory limit."""
    size = _batch_size(store.spec)
    for start in range(0, len(indices), size):
        yield pixels_to_float(torch.from_numpy(store.pixels.view(np.ndarray)[indices[start : start + size]]))


def _batch_size(spec: ImageSpec) -> int:
    return max(1, min(MAX_BATCH_IMAGES, MAX_BATCH_PIXELS // (spec.height * spec.width)))


def _scores_against_targets(
    pairs: Pairs, candidates: Mapping[str, ImageMap], advance: Callable[[int], object]
) -> dict[str, dict[str, float]]:
    """Mean scores of each candidate's images against the true targets of held-out inputs."""
    distance = PerceptualDistance(efficientnet_lite0.load(efficientnet_lite0.weights_file()))
    chunks: dict[str, list[Mapping[str, Tensor]]] = {name: [] for name in candidates}
    for batch in pairs.holdout_batches(MAX_JUDGED, _batch_size(pairs.spec)):
        assert batch.inputs is not None
        for name, candidate in candidates.items():
            chunks[name].append(paired_scores(flatten_alpha(candidate(batch.inputs)), flatten_alpha(batch.samples), distance))
        advance(len(batch))
    return {name: mean_scores(each) for name, each in chunks.items()}


def _candidate_features(
    pairs: Pairs, candidates: Mapping[str, ImageMap], extractor: Extractor, advance: Callable[[int], object]
) -> dict[str, Float[Tensor, "n d"]]:
    """Features of each candidate's images, by name; those of the inputs themselves are cached on disk."""
    training = pairs.training_indices[0]
    indices = training[np.linspace(0, len(training) - 1, min(MAX_JUDGED, len(training))).astype(np.int64)]

    def pixels_of(name: str) -> Iterator[UInt8[np.ndarray, "n h w c"]]:
        for inputs in _batches(pairs.inputs, indices):
            yield float_to_pixels(candidates[name](inputs)).numpy()
            if name == "translations":
                advance(len(inputs))

    input_rows = load_or_extract_features(image_set_from_store(pairs.inputs, "inputs"), extractor).rows
    return {name: input_rows[indices] if name == "inputs" else extractor.extract(pixels_of(name)).rows for name in candidates}
