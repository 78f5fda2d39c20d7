"""The vital signs of data and of a game in play. What they mean is said in `diagnose`."""

import contextlib
import math
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from sparring.core.batch import Batch
from sparring.core.formatting import rounded
from sparring.core.random_streams import Streams
from sparring.data.dataset import Dataset
from sparring.games.adversarial import TwoPlayerGame, pack_samples
from sparring.games.game import Game, as_played
from sparring.games.latent_game import LatentGame
from sparring.games.protocols import HasDiscriminator, Samples
from sparring.metrics.nearest_neighbors import best_coverage, squared_distances
from sparring.metrics.pixel_space import (
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
from sparring.training.state import State

SAMPLES = 128
"""Samples, and images of each kind that the discriminator is shown, in a checkup."""
NEAR_TWINS = 0.02
"""Two images so near, in units of the real images' spread, are the same."""
COMPARED = 256
"""Real images that samples are compared with."""
REFERENCE = 1024
"""Real images that nearest neighbors are looked for among."""
PIECE = 64
LARGEST = 2**22
"""Numbers in the images of a kind that are shown to the discriminator; of large images there are fewer."""
AT_ONCE = 2**19
"""Numbers in the images that networks get at once."""
DIRECTIONS = 32
"""Random directions by which images of the same latents are followed: distances along them are those of the images, to an eighth."""
POWER_STEPS = 8
NEIGHBORS = 5
CONSTANT = 1e-6
CLUSTERS = 10
MOSTLY = 0.5
"""Of neighbors that share a class: then classes are kinds that can be told by eye."""


def evenly(count: int, most: int) -> Int64[np.ndarray, " _"]:
    """At most so many places among `count`, evenly spread, in an order that has nothing to do with theirs."""
    places = np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64))
    return places[Streams(0, 0, scope="vitals").integers("order", 2**31, len(places)).argsort().numpy()]


class Examiner:
    """Takes the signs of games that are played on `data`; `held_out`: images like these that are not trained on, if there are any."""

    def __init__(self, data: Dataset, held_out: Dataset | None, seed: int) -> None:
        self.data, self.held_out, self.seed = data, held_out, seed
        places = evenly(len(data), REFERENCE)
        most = max(8, min(SAMPLES, LARGEST // math.prod(shown(data, places[:1]).samples.shape[1:])))
        self.real = shown(data, places[:most])
        """Those that the discriminator is shown."""
        self.apart = shown(held_out, evenly(len(held_out), most)) if held_out is not None and len(held_out) > 1 else None
        self.rows, self.labels, self.looks = looked_over(data, places)
        self.spread = max(mean_distance(self.rows[:COMPARED]), 1e-6)
        """Mean distance of two real images: the unit of all distances."""
        self.imaged = self.real.samples.ndim == 4
        """Whether samples have pixels, in which networks leave traces."""

    def data_signs(self) -> dict[str, Any]:
        """What can be said of the data alone."""
        rows, nearest = self.rows, own_nearest(self.rows)[0]
        signs: dict[str, Any] = {
            "count": len(self.data),
            "held_out": 0 if self.held_out is None else len(self.held_out),
            "shape": list(self.real.samples.shape[1:]),
            **self.looks,
            "spread": self.spread / rows.shape[1] ** 0.5,
            "nearest": nearest.median().item() / self.spread,
            "twins": (nearest < NEAR_TWINS * self.spread).double().mean().item(),
            "looked_at": len(rows),
            "shown": len(self.real),
        }
        if self.labels is not None:
            signs |= label_signs(rows, self.labels)
        signs |= {"kinds": shares(self.kinds, self.kinds_there_are), "kinds_are": "classes" if self.kinds is self.labels else "clusters"}
        return {name: rounded(value) if isinstance(value, float) else value for name, value in signs.items()}

    def __call__(self, state: State) -> dict[str, Any]:
        """The signs of the game as it stands."""
        signs: dict[str, Any] = {"spectral": spectral_norms(state.game)}
        game = state.game
        if isinstance(game, Samples):
            with channels_watched(game) as constant:
                images, labels = self.draw(game)
                logits = self.logits_of_real(game) if isinstance(game, HasDiscriminator) else None
            signs["constant"] = constant
            if isinstance(game, HasDiscriminator) and logits is not None:
                signs |= self.discriminator_signs(game, Batch(images, labels), logits)
            signs |= self.image_signs(images, labels)
            rows = [rows_of(images.cpu())]
            if isinstance(state.ema, Samples) and state.ema is not game:
                rows.append(rows_of(state.ema.sample(len(self.real), self.seed, self.asked_for(game)).cpu()))
                signs |= {f"ema/{name}": value for name, value in self.variety(rows[1]).items()}
            places = squared_distances(torch.cat(rows), self.rows).argmin(dim=1)
            signs["kinds"] = shares(self.kinds[places], self.kinds_there_are)
        return {name: rounded(value) if isinstance(value, float) else value for name, value in signs.items()}

    def draw(self, game: LatentGame) -> tuple[Float[Tensor, "n ..."], Int64[Tensor, " n"] | None]:
        """Images of the same latents throughout, as the generator draws them in training, and the classes asked for."""
        latents = game.latents(Streams(self.seed, 0, device=game.device, scope="vitals"), len(self.real))
        labels = self.asked_for(game)
        rows = torch.arange(len(latents), device=game.device).split(at_once(game))
        with as_played(game):
            images = [game.generate(latents[some], game.condition(None if labels is None else labels[some])).float() for some in rows]
        return torch.cat(images), labels

    def asked_for(self, game: LatentGame) -> Int64[Tensor, " n"] | None:
        """Classes to draw, as often as the data has them."""
        labels = self.real.labels
        return labels.to(game.device) if game.conditional and labels is not None else None

    def logits_of_real(self, game: TwoPlayerGame) -> Float[Tensor, " packs"]:
        """The discriminator's, of images that it is trained on."""
        return logits_of(game, self.real)

    def discriminator_signs(self, game: TwoPlayerGame, generated: Batch, real: Float[Tensor, " packs"]) -> dict[str, Any]:
        """How the discriminator tells real, held-out and generated images apart: mean logits and their spread, and the chance that
        one of the first kind has the higher logit (0.5: not at all).
        """
        logits = {"generated": logits_of(game, generated), "real": real}
        if self.apart is not None and len(self.apart) >= game.settings.packing:
            logits["held_out"] = logits_of(game, self.apart)
        signs: dict[str, Any] = {f"logit/{name}": each.mean().item() for name, each in logits.items()}
        signs["batch_norm"] = any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in game.discriminator.modules())
        signs["logit/spread"] = torch.cat([logits["real"], logits["generated"]]).std().item()
        signs["told/real"] = chance_higher(logits["real"], logits["generated"])
        if "held_out" in logits:
            signs["told/held_out"] = chance_higher(logits["held_out"], logits["generated"])
            signs["told/trained"] = chance_higher(logits["real"], logits["held_out"])
        return signs

    def image_signs(self, images: Float[Tensor, "n ..."], labels: Int64[Tensor, " n"] | None) -> dict[str, Any]:
        """What samples look like beside real images."""
        images = images.cpu()
        rows = rows_of(images)
        distances = squared_distances(rows, self.rows).sqrt()
        nearest, places = distances.min(dim=1)
        signs: dict[str, Any] = {
            **self.variety(rows),
            "nearest": nearest.median().item() / self.spread,
            "place": self.place(rows),
            "mean": images.mean().item(),
            "saturation": saturation(images),
        }
        if self.imaged:
            signs["checkerboard"] = checkerboard(images)
        if self.apart is not None:
            signs["nearest/held_out"] = (
                squared_distances(rows_of(self.apart.samples), self.rows).sqrt().amin(dim=1).median().item() / self.spread
            )
        if self.labels is not None and labels is not None:
            signs["as_asked"] = (self.labels[places] == labels.cpu()).double().mean().item()
            if self.kinds is self.labels:
                signs["as_asked/kinds"] = agreements(labels.cpu(), self.labels[places], self.kinds_there_are)
        return signs

    @cached_property
    def kinds(self) -> Int64[Tensor, " n"]:
        """What kind of image each real one is: its class where neighbors mostly share it, else one of ten clusters."""
        if self.labels is not None:
            signs = label_signs(self.rows, self.labels)
            if signs["agreement"] > max(MOSTLY, 2 * signs["agreement_by_chance"]):
                return self.labels
        return clusters(self.rows, min(CLUSTERS, len(self.rows)))

    @property
    def kinds_there_are(self) -> int:
        """How many."""
        return int(self.kinds.max()) + 1

    def variety(self, rows: Float[Tensor, "n d"]) -> dict[str, Any]:
        """How samples spread over the real images: 1 is as far as those do."""
        real = self.rows[:COMPARED]
        k = min(NEIGHBORS, len(real) - 1, len(rows) - 1)
        between = squared_distances(real, rows)
        real_radii, sample_radii = radii(real, k), radii(rows, k)
        covered = (between <= real_radii[:, None]).any(dim=1).double().mean().item()
        own, real_own = own_nearest(rows)[0], own_nearest(real[: len(rows)])[0]
        return {
            "diversity": mean_distance(rows) / self.spread,
            "apart": own.median().item() / max(real_own.median().item(), NEAR_TWINS * self.spread),
            "repeats": (own < NEAR_TWINS * self.spread).double().mean().item(),
            "recall": (between <= sample_radii[None]).any(dim=1).double().mean().item(),
            "precision": (between <= real_radii[:, None]).any(dim=0).double().mean().item(),
            "coverage": min(1.0, covered / max(best_coverage(len(real), len(rows), k), 1e-6)),
        }

    def place(self, rows: Float[Tensor, "n d"]) -> list[float]:
        """Where all samples together are: their rows, joined, along random directions, in units of the real images' spread. The mean
        squared difference of two such lists is that of the images themselves (Johnson and Lindenstrauss 1984).
        """
        axes = Streams(0, 0, scope="vitals").normal("directions", rows.numel(), DIRECTIONS)
        return [rounded(value) for value in (rows.flatten() @ axes / (len(rows) ** 0.5 * self.spread)).tolist()]


def looked_over(
    data: Dataset, places: Int64[np.ndarray, " n"]
) -> tuple[Float[Tensor, "n d"], Int64[Tensor, " n"] | None, dict[str, float]]:
    """Rows of these images, their labels as the game gets them, and signs of their pixels; a few images at a time, for they may be
    large.
    """
    rows: list[Tensor] = []
    labels: list[Tensor] = []
    sums: dict[str, float] = defaultdict(float)
    least, most = math.inf, -math.inf
    for start in range(0, len(places), PIECE):
        batch = shown(data, places[start : start + PIECE])
        images = batch.samples
        rows.append(rows_of(images))
        labels += [] if batch.labels is None else [batch.labels]
        least, most = min(least, images.min().item()), max(most, images.max().item())
        measured = {"mean": images.mean().item(), "square": images.square().mean().item(), "saturation": saturation(images)}
        if images.ndim == 4:
            measured["checkerboard"] = checkerboard(images)
        for name, value in measured.items():
            sums[name] += value * len(images) / len(places)
    deviation = math.sqrt(max(0.0, sums.pop("square") - sums["mean"] ** 2))
    return torch.cat(rows), torch.cat(labels) if labels else None, {"least": least, "most": most, "deviation": deviation, **sums}


def shown(data: Dataset, chosen: Int64[np.ndarray, " n"]) -> Batch:
    """Some of the data as the game gets it."""
    batch = data.batch(chosen if len(data.counts) == 1 else np.stack([chosen % count for count in data.counts], axis=1))
    return batch.to(torch.device("cpu"))


def logits_of(game: TwoPlayerGame, batch: Batch) -> Float[Tensor, " packs"]:
    """The discriminator's logits of images as they are, without augmentation or noise."""
    whole = len(batch) - len(batch) % game.settings.packing
    images = pack_samples(batch.samples[:whole].to(game.device), game.settings.packing)
    labels = None if batch.labels is None else batch.labels[:whole].to(game.device)
    told = labels if game.conditional else None
    packs = torch.arange(len(images), device=game.device).split(at_once(game))
    of_pack = None if told is None else told.view(len(images), -1)
    with as_played(game):
        found = [game.discriminate(images[some], None if of_pack is None else of_pack[some].flatten())[0] for some in packs]
    return torch.cat(found).float().cpu()


def at_once(game: Game) -> int:
    """So many images go through a network together."""
    return max(8, min(SAMPLES, AT_ONCE // math.prod(game.spec.shape)))


def chance_higher(a: Float[Tensor, " n"], b: Float[Tensor, " m"]) -> float:
    """That a number of `a` is larger than one of `b`, ties counted half: the area under the ROC curve (Mann and Whitney 1947)."""
    return ((a[:, None] > b[None]).double().mean() + 0.5 * (a[:, None] == b[None]).double().mean()).item()


def spectral_norms(game: Game) -> dict[str, float]:
    """The largest singular value of each weight with two dimensions or more, by power iteration, as (outputs, all else)."""
    found = {}
    with torch.no_grad():
        for player in game.players:
            for network in player.networks:
                for name, weight in game.get_submodule(network).named_parameters():
                    if weight.ndim > 1 and min(weight.shape[0], weight[0].numel()) > 1:
                        found[f"{network}.{name}"] = rounded(largest_singular_value(weight.detach().flatten(1)))
    return found


def largest_singular_value(matrix: Float[Tensor, "rows columns"]) -> float:
    """By power iteration from the same start every time."""
    vector = torch.ones(matrix.shape[1], device=matrix.device) + torch.arange(matrix.shape[1], device=matrix.device) % 7
    for _ in range(POWER_STEPS):
        vector = nn.functional.normalize(matrix.T @ (matrix @ vector), dim=0, eps=1e-20)
    return (matrix @ vector).norm().item()


@contextlib.contextmanager
def channels_watched(network: nn.Module) -> Iterator[dict[str, float]]:
    """Gives a dictionary that fills with the share of channels (or units) of each layer's output that are the same everywhere, in all
    images: dead ones. Layers without any are not in it.
    """
    found: dict[str, float] = {}
    given_the_same: dict[str, bool] = {}

    def look_before(name: str) -> Any:  # noqa: ANN401 (a hook)
        def hook(module: nn.Module, inputs: object) -> None:
            given_the_same[name] = alike(inputs)  # before rectifiers write into them

        return hook

    def look(name: str) -> Any:  # noqa: ANN401 (a hook)
        def hook(module: nn.Module, inputs: object, output: object) -> None:
            if (
                isinstance(output, Tensor)
                and output.ndim in (2, 4)
                and output.is_floating_point()
                and len(output) > 1
                and (output.shape[1] > 1 or output.ndim == 4)
            ):
                share = constant_channels(output).double().mean().item()
                if share and not (share == 1 and given_the_same[name]):  # what always gets the same is not dead itself
                    found[name] = max(found.get(name, 0.0), rounded(share))

        return hook

    # what has weights of its own, or neither weights nor parts; not what computes weights
    watched = [
        (name, module)
        for name, module in network.named_modules()
        if "parametrizations" not in name
        and (list(module.parameters(recurse=False)) or is_parametrized(module) or not list(module.children()))
    ]
    handles = [module.register_forward_pre_hook(look_before(name)) for name, module in watched]
    handles += [module.register_forward_hook(look(name)) for name, module in watched]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def alike(inputs: object) -> bool:
    """Whether a layer is given the same for all of a batch."""
    given = inputs[0] if isinstance(inputs, tuple) and inputs else None
    if not isinstance(given, Tensor) or given.ndim == 0 or len(given) < 2 or not (given[0] == given[1]).all():  # most differ at once
        return False
    return bool((given == given[:1]).all())


def constant_channels(output: Float[Tensor, "n channels ..."]) -> Bool[Tensor, " channels"]:
    """Which channels are the same in all images and places."""
    others = [dimension for dimension in range(output.ndim) if dimension != 1]
    most, least = output.detach().amax(dim=others).float(), output.detach().amin(dim=others).float()
    return most - least <= CONSTANT * torch.maximum(most.abs(), least.abs()).max().clamp_min(CONSTANT)
