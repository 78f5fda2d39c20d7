"""What is measured of the data and of a game in play, for the diagnosis. `signals` says what each number is; `diagnosis` what it means."""

import contextlib
import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from sparring.core.batch import Batch, Labels
from sparring.core.formatting import rounded
from sparring.core.random_streams import Streams
from sparring.data.dataset import Dataset
from sparring.games.adversarial import pack_samples
from sparring.games.capabilities import HasDiscriminator, HasLatents, Samples
from sparring.games.game import Game, as_played
from sparring.health import signals
from sparring.metrics.nearest_neighbors import expected_coverage, squared_distances
from sparring.metrics.pixel_statistics import (
    agreements,
    checkerboard,
    clusters,
    label_signs,
    mean_distance,
    own_nearest,
    radii,
    rows_of,
    saturation,
    shares,
)
from sparring.modalities import MODALITIES
from sparring.training.state import State

SAMPLE_COUNT = 128
"""Samples of a measurement, and images of each kind that the discriminator is shown."""
NEAR_DUPLICATE_DISTANCE = 0.02
"""Two images that are this near, in units of the mean distance of two real images, count as near-duplicates."""
COMPARED_IMAGES = 256
"""Real images whose neighborhoods are compared with samples."""
REFERENCE_IMAGES = 1024
"""Real images among which nearest neighbors are searched for."""
CHUNK = 64
"""Images that are read at once."""
MAX_DISCRIMINATOR_VALUES = 2**22
"""Pixel values in the images of one kind that the discriminator is shown. Of large images it is shown fewer."""
MAX_NETWORK_VALUES = 2**19
"""Pixel values in the images that go through a network at once."""
PROJECTION_DIRECTIONS = 32
"""Random directions on which samples are projected: distances along them are those of the images, to within an eighth."""
POWER_ITERATIONS = 8
NEIGHBORS = 5
CONSTANT = 1e-6
CLUSTERS = 10
CLASSES_ARE_MODES = 0.5
"""Share of nearest neighbors with the same class above which classes count as the data's modes."""


def spread_indices(count: int, most: int) -> Int64[np.ndarray, " _"]:
    """At most `most` indices below `count`, evenly spread, in a fixed order that is unrelated to theirs."""
    indices = np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64))
    return indices[Streams(0, 0, scope="vitals").integers("order", 2**31, len(indices)).argsort().numpy()]


class HealthMeasurements:
    """Measures games that are trained on `data`. `holdout`: images like these that are not trained on, if there are any."""

    def __init__(self, data: Dataset, holdout: Dataset | None, seed: int) -> None:
        self.data, self.holdout, self.seed = data, holdout, seed
        indices = spread_indices(len(data), REFERENCE_IMAGES)
        most = max(8, min(SAMPLE_COUNT, MAX_DISCRIMINATOR_VALUES // math.prod(batch_of(data, indices[:1]).samples.shape[1:])))
        self.real = batch_of(data, indices[:most])
        """Images of the data that the discriminator is shown."""
        self.held_out = batch_of(holdout, spread_indices(len(holdout), most)) if holdout is not None and len(holdout) > 1 else None
        """Held-out images that the discriminator is shown."""
        spec = getattr(data, "spec", None)
        self.comparable: Callable[[Tensor], Tensor] = (lambda samples: samples) if spec is None else spec.comparable
        """Makes samples of numbers whose differences say how unlike they are."""
        self.rows, self.labels, self.pixel_statistics = read_rows(data, indices, self.comparable)
        self.unit_distance = max(mean_distance(self.rows[:COMPARED_IMAGES]), 1e-6)
        """Mean distance of two real images: the unit of all distances."""
        self.has_images = self.real.samples.ndim == 4
        """Whether the data are images, and not points in the plane or rows of a table."""
        self.probe = None if spec is None else MODALITIES[spec.kind].probe(data, holdout, seed)
        """What is measured of this kind of data alone."""

    def measure_data(self) -> dict[str, Any]:
        """Everything that is known of the data alone."""
        rows, nearest = self.rows, own_nearest(self.rows)[0]
        found: dict[signals.Signal, Any] = {
            signals.IMAGE_COUNT: len(self.data),
            signals.HOLDOUT_COUNT: 0 if self.holdout is None else len(self.holdout),
            signals.SHAPE: list(self.real.samples.shape[1:]),
            **self.pixel_statistics,
            signals.PAIRWISE_DISTANCE: self.unit_distance / rows.shape[1] ** 0.5,
            signals.NEAREST_OTHER: nearest.median().item() / self.unit_distance,
            signals.NEAR_DUPLICATES: (nearest < NEAR_DUPLICATE_DISTANCE * self.unit_distance).double().mean().item(),
            signals.MEASURED_COUNT: len(rows),
            signals.DISCRIMINATOR_COUNT: len(self.real),
        }
        if self.probe is not None:
            found |= {signals.PROBED[name]: value for name, value in self.probe[0].items()}
        if self.labels is not None:
            found |= label_agreement(rows, self.labels)
        found |= {
            signals.DATA_MODE_SHARES: shares(self.modes, self.mode_count),
            signals.MODES_ARE: "classes" if self.modes is self.labels else "clusters",
        }
        return as_line(found)

    def measure_game(self, state: State) -> dict[str, Any]:
        """Everything that is measured of a game as it stands. The game is not changed."""
        found: dict[signals.Signal, Any] = {signals.SPECTRAL_NORMS: spectral_norms(state.game)}
        game: Any = state.game
        ema: Any = state.ema
        has_discriminator, ema_samples = isinstance(state.game, HasDiscriminator), isinstance(state.ema, Samples)
        if isinstance(state.game, Samples):
            with watching_constant_channels(game) as constant:
                images, labels = self.generate(game)
                logits = logits_of(game, self.real) if has_discriminator else None
            found[signals.CONSTANT_CHANNELS] = constant
            if logits is not None:
                found |= self.measure_discriminator(game, Batch(images, labels), logits)
            found |= self.measure_samples(images, labels)
            rows = [self.rows_of(images)]
            if ema_samples and ema is not game:
                rows.append(self.rows_of(ema.sample(len(self.real), self.seed, self.requested_labels(game))))
                of_ema = self.measure_diversity(rows[1])
                found |= {own: of_ema[signal] for signal, own in zip(signals.SAMPLE_DIVERSITY, signals.EMA_SAMPLE_DIVERSITY, strict=True)}
            nearest = squared_distances(torch.cat(rows), self.rows).argmin(dim=1)
            found[signals.MODE_SHARES] = shares(self.modes[nearest], self.mode_count)
            if self.probe is not None:
                found |= {signals.PROBED[name]: value for name, value in self.probe[1](ema).items()}
        return as_line(found)

    def generate(self, game: Any) -> tuple[Float[Tensor, "n ..."], Labels | None]:  # noqa: ANN401 (a game that samples)
        """Samples of the same latents every time, generated as in training, and the labels that were asked for."""
        if not has_latents(game):
            return game.sample(len(self.real), self.seed), None
        latents = game.latents(Streams(self.seed, 0, device=game.device, scope="vitals"), len(self.real))
        labels = self.requested_labels(game)
        chunks = torch.arange(len(latents), device=game.device).split(images_at_once(game))
        with as_played(game):
            images = [game.generate(latents[some], game.condition(None if labels is None else labels[some])).float() for some in chunks]
        return torch.cat(images), labels

    def requested_labels(self, game: Any) -> Labels | None:  # noqa: ANN401
        """Labels to generate, as often as the data has them."""
        labels = self.real.labels
        return labels.to(game.device) if game.conditional and labels is not None else None

    def measure_discriminator(self, game: Any, generated: Batch, real: Float[Tensor, " packs"]) -> dict[signals.Signal, Any]:  # noqa: ANN401
        """How well the discriminator separates real, held-out and generated images. `real`: its logits of images that are trained on."""
        of_generated = logits_of(game, generated)
        found: dict[signals.Signal, Any] = {
            signals.MEAN_LOGIT_OF_GENERATED: of_generated.mean().item(),
            signals.MEAN_LOGIT_OF_REAL: real.mean().item(),
            signals.BATCH_NORM: any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in game.discriminator.modules()),
            signals.LOGIT_SPREAD: torch.cat([real, of_generated]).std().item(),
            signals.AUC_REAL: auc(real, of_generated),
        }
        if self.held_out is not None and len(self.held_out) >= game.settings.packing:
            of_held_out = logits_of(game, self.held_out)
            found |= {
                signals.MEAN_LOGIT_OF_HOLDOUT: of_held_out.mean().item(),
                signals.AUC_HOLDOUT: auc(of_held_out, of_generated),
                signals.AUC_TRAINING: auc(real, of_held_out),
            }
        return found

    def measure_samples(self, images: Float[Tensor, "n ..."], labels: Labels | None) -> dict[signals.Signal, Any]:
        """How samples compare with real images. `labels`: those that were asked for."""
        images = images.cpu()
        rows = self.rows_of(images)
        nearest, indices = squared_distances(rows, self.rows).sqrt().min(dim=1)
        found: dict[signals.Signal, Any] = {
            **self.measure_diversity(rows),
            signals.NEAREST_REAL: nearest.median().item() / self.unit_distance,
            signals.PROJECTION: self.project(rows),
            signals.SAMPLE_MEAN: images.mean().item(),
            signals.SATURATION: saturation(images),
        }
        if self.has_images:
            found[signals.CHECKERBOARD] = checkerboard(images)
        if self.held_out is not None:
            distances = squared_distances(self.rows_of(self.held_out.samples), self.rows).sqrt().amin(dim=1)
            found[signals.NEAREST_REAL_OF_HOLDOUT] = distances.median().item() / self.unit_distance
        if self.labels is not None and labels is not None:
            found[signals.CLASS_AGREEMENT] = (self.labels[indices] == labels.cpu()).double().mean().item()
            if self.modes is self.labels:
                found[signals.CLASS_AGREEMENT_BY_CLASS] = agreements(labels.cpu(), self.labels[indices], self.mode_count)
        return found

    def rows_of(self, images: Float[Tensor, "n ..."]) -> Float[Tensor, "n d"]:
        """Images as rows of numbers that can be compared."""
        return rows_of(self.comparable(images.cpu()))

    @cached_property
    def modes(self) -> Int64[Tensor, " n"]:
        """The mode of each real image: its class where neighbors mostly share theirs, else one of ten clusters."""
        if self.labels is not None:
            agreement = label_agreement(self.rows, self.labels)
            if agreement[signals.LABEL_AGREEMENT] > max(CLASSES_ARE_MODES, 2 * agreement[signals.LABEL_AGREEMENT_BY_CHANCE]):
                return self.labels
        return clusters(self.rows, min(CLUSTERS, len(self.rows)))

    @property
    def mode_count(self) -> int:
        """Number of modes of the data."""
        return int(self.modes.max()) + 1

    def measure_diversity(self, rows: Float[Tensor, "n d"]) -> dict[signals.Signal, Any]:
        """How samples spread over the real images."""
        real = self.rows[:COMPARED_IMAGES]
        k = min(NEIGHBORS, len(real) - 1, len(rows) - 1)
        between = squared_distances(real, rows)
        real_radii, sample_radii = radii(real, k), radii(rows, k)
        covered = (between <= real_radii[:, None]).any(dim=1).double().mean().item()
        own, real_own = own_nearest(rows)[0], own_nearest(real[: len(rows)])[0]
        near = NEAR_DUPLICATE_DISTANCE * self.unit_distance
        return {
            signals.DIVERSITY: mean_distance(rows) / self.unit_distance,
            signals.NEAREST_SAMPLE: own.median().item() / max(real_own.median().item(), near),
            signals.SAMPLE_NEAR_DUPLICATES: (own < near).double().mean().item(),
            signals.RECALL: (between <= sample_radii[None]).any(dim=1).double().mean().item(),
            signals.PRECISION: (between <= real_radii[:, None]).any(dim=0).double().mean().item(),
            signals.COVERAGE: min(1.0, covered / max(expected_coverage(len(real), len(rows), k), 1e-6)),
        }

    def project(self, rows: Float[Tensor, "n d"]) -> list[float]:
        """All samples together, joined to one vector, along fixed random directions, in units of the real images' distance. The mean
        squared difference of two such lists is that of the samples themselves (Johnson and Lindenstrauss 1984).
        """
        axes = Streams(0, 0, scope="vitals").normal("directions", rows.numel(), PROJECTION_DIRECTIONS)
        return [rounded(value) for value in (rows.flatten() @ axes / (len(rows) ** 0.5 * self.unit_distance)).tolist()]


def as_line(found: dict[signals.Signal, Any]) -> dict[str, Any]:
    """Measurements by the names of their signals, for JSON."""
    return {signal.name: rounded(value) if isinstance(value, float) else value for signal, value in found.items()}


def label_agreement(rows: Float[Tensor, "n d"], labels: Int64[Tensor, " n"]) -> dict[signals.Signal, Any]:
    """How often a real image's nearest neighbor has its class, and how often it would by chance."""
    found = label_signs(rows, labels)
    return {
        signals.CLASS_SHARES: found["classes"],
        signals.LABEL_AGREEMENT: found["agreement"],
        signals.LABEL_AGREEMENT_BY_CLASS: found["agreements"],
        signals.LABEL_AGREEMENT_BY_CHANCE: found["agreement_by_chance"],
    }


def read_rows(
    data: Dataset, indices: Int64[np.ndarray, " n"], comparable: Callable[[Tensor], Tensor]
) -> tuple[Float[Tensor, "n d"], Int64[Tensor, " n"] | None, dict[signals.Signal, float]]:
    """Rows of these images (of what `comparable` makes of them), their labels as the game gets them, and statistics of their pixels. A few
    images are read at a time, for they may be large.
    """
    rows: list[Tensor] = []
    labels: list[Tensor] = []
    means: dict[signals.Signal, float] = defaultdict(float)
    mean_square = 0.0
    minimum, maximum = math.inf, -math.inf
    for start in range(0, len(indices), CHUNK):
        batch = batch_of(data, indices[start : start + CHUNK])
        images = batch.samples
        rows.append(rows_of(comparable(images)))
        labels += [] if batch.labels is None or batch.labels.ndim > 1 else [batch.labels]
        minimum, maximum = min(minimum, images.min().item()), max(maximum, images.max().item())
        mean_square += images.square().mean().item() * len(images) / len(indices)
        measured = {signals.DATA_MEAN: images.mean().item(), signals.DATA_SATURATION: saturation(images)}
        if images.ndim == 4:
            measured[signals.DATA_CHECKERBOARD] = checkerboard(images)
        for signal, value in measured.items():
            means[signal] += value * len(images) / len(indices)
    deviation = math.sqrt(max(0.0, mean_square - means[signals.DATA_MEAN] ** 2))
    statistics = {signals.MINIMUM: minimum, signals.MAXIMUM: maximum, signals.STANDARD_DEVIATION: deviation, **means}
    return torch.cat(rows), torch.cat(labels) if labels else None, statistics


def batch_of(data: Dataset, indices: Int64[np.ndarray, " n"]) -> Batch:
    """Some of the data as the game gets it."""
    batch = data.batch(indices if len(data.counts) == 1 else np.stack([indices % count for count in data.counts], axis=1))
    return batch.to(torch.device("cpu"))


def has_latents(game: Game) -> bool:
    """Whether a game makes samples of latents."""
    return isinstance(game, HasLatents)


def logits_of(game: Any, batch: Batch) -> Float[Tensor, " packs"]:  # noqa: ANN401 (a game with a discriminator)
    """The discriminator's logits of images, without augmentation or noise."""
    whole = len(batch) - len(batch) % game.settings.packing
    images = pack_samples(batch.samples[:whole].to(game.device), game.settings.packing)
    labels = None
    if batch.labels is not None and game.conditional:
        labels = batch.labels[:whole].to(game.device).view(len(images), -1, *batch.labels.shape[1:])
    chunks = torch.arange(len(images), device=game.device).split(images_at_once(game))
    with as_played(game):
        logits = [game.discriminate(images[some], None if labels is None else labels[some].flatten(0, 1))[0] for some in chunks]
    return torch.cat(logits).float().cpu()


def images_at_once(game: Game) -> int:
    """Number of images that go through a network together."""
    return max(8, min(SAMPLE_COUNT, MAX_NETWORK_VALUES // math.prod(game.spec.shape)))


def auc(a: Float[Tensor, " n"], b: Float[Tensor, " m"]) -> float:
    """The area under the ROC curve: the probability that a number of `a` is larger than one of `b`, ties counted half (Mann and Whitney
    1947).
    """
    return ((a[:, None] > b[None]).double().mean() + 0.5 * (a[:, None] == b[None]).double().mean()).item()


def spectral_norms(game: Game) -> dict[str, float]:
    """The largest singular value of each weight with two dimensions or more, as a matrix of outputs by all else."""
    found = {}
    with torch.no_grad():
        for player in game.players:
            for network in player.networks:
                for name, weight in game.get_submodule(network).named_parameters():
                    if weight.ndim > 1 and min(weight.shape[0], weight[0].numel()) > 1:
                        found[f"{network}.{name}"] = rounded(largest_singular_value(weight.detach().flatten(1)))
    return found


def largest_singular_value(matrix: Float[Tensor, "rows columns"]) -> float:
    """The largest singular value by power iteration, which starts from the same vector every time."""
    vector = torch.ones(matrix.shape[1], device=matrix.device) + torch.arange(matrix.shape[1], device=matrix.device) % 7
    for _ in range(POWER_ITERATIONS):
        vector = nn.functional.normalize(matrix.T @ (matrix @ vector), dim=0, eps=1e-20)
    return (matrix @ vector).norm().item()


@contextlib.contextmanager
def watching_constant_channels(network: nn.Module) -> Iterator[dict[str, float]]:
    """Gives a dictionary that fills with the share of channels (or units) of each layer's output that have the same value everywhere and in
    all images: dead channels. Layers without any are not in it.
    """
    found: dict[str, float] = {}
    has_constant_input: dict[str, bool] = {}

    def hook_before(name: str) -> Any:  # noqa: ANN401 (a hook)
        def hook(module: nn.Module, inputs: object) -> None:
            has_constant_input[name] = is_constant(inputs)  # before rectifiers write into them

        return hook

    def hook_after(name: str) -> Any:  # noqa: ANN401 (a hook)
        def hook(module: nn.Module, inputs: object, output: object) -> None:
            if (
                isinstance(output, Tensor)
                and output.ndim in (2, 4)
                and output.is_floating_point()
                and len(output) > 1
                and (output.shape[1] > 1 or output.ndim == 4)
            ):
                share = constant_channels(output).double().mean().item()
                if share and not (share == 1 and has_constant_input[name]):  # a layer with a constant input is not dead itself
                    found[name] = max(found.get(name, 0.0), rounded(share))

        return hook

    # layers with weights of their own, or with neither weights nor sublayers; not modules that compute weights
    watched = [
        (name, module)
        for name, module in network.named_modules()
        if "parametrizations" not in name
        and (list(module.parameters(recurse=False)) or is_parametrized(module) or not list(module.children()))
    ]
    handles = [module.register_forward_pre_hook(hook_before(name)) for name, module in watched]
    handles += [module.register_forward_hook(hook_after(name)) for name, module in watched]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def is_constant(inputs: object) -> bool:
    """Whether a layer's input is the same for all images of a batch."""
    given = inputs[0] if isinstance(inputs, tuple) and inputs else None
    if not isinstance(given, Tensor) or given.ndim == 0 or len(given) < 2 or not (given[0] == given[1]).all():  # most differ at once
        return False
    return bool((given == given[:1]).all())


def constant_channels(output: Float[Tensor, "n channels ..."]) -> Bool[Tensor, " channels"]:
    """Which channels have the same value in all images and pixels."""
    others = [dimension for dimension in range(output.ndim) if dimension != 1]
    maximum, minimum = output.detach().amax(dim=others).float(), output.detach().amin(dim=others).float()
    return maximum - minimum <= CONSTANT * torch.maximum(maximum.abs(), minimum.abs()).max().clamp_min(CONSTANT)
