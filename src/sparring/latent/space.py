"""The latent space of a trained model: w for generators with styles, z for others.

Points are tensors of shape (n, layers, style) in w and (n, latent) in z.
"""

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sparring.core.batch import Labels
from sparring.core.errors import SettingsError, listed
from sparring.games.capabilities import DrawsRowByRow
from sparring.games.game import evaluating
from sparring.games.latent_game import SAMPLE_CHUNK
from sparring.inference.labels import Asked, labels_of
from sparring.inference.model import Model
from sparring.latent.points import FoundPoints, ImagesOfPoints, Points, digest_of_weights
from sparring.nets.forward_hooks import record_feature_maps
from sparring.nets.style_generator import StyleGenerator

Label = Asked | None
Images = Float[Tensor, "n c h w"]
Maps = Float[Tensor, "_ channels h w"]
Classes = Labels | Float[Tensor, "n classes"] | None
"""Labels, a weight for each class, or None without classes."""


class LatentSpace:
    """The latent space of a model: w if its generator has styles, else z.

    Only images from `generation_function` can be differentiated. Raises a CheckpointError if the model holds no network that draws, and a
    SettingsError if it has no latent space.
    """

    def __init__(self, model: Model) -> None:
        game = model.latent_game
        model.refuse_without_generator()
        if isinstance(game, DrawsRowByRow):
            raise SettingsError(f"{model.source} draws images pixel by pixel, so it has no latent space.")
        self.model, self.game = model, game
        self.generator: Any = game.get_submodule(game.sampling_networks[0])
        """The network that draws: a generator, a decoder or a flow."""
        generator = self.generator
        self.has_styles = isinstance(generator, StyleGenerator)

    def points_of(self, images: ImagesOfPoints, label: Label = None) -> tuple[Points, Labels | None]:
        """The points and the classes of images: of the first sample of each seed, or of points that were found earlier (see `read_points`).
        Classes are None where they are not told beside the points. Raises a SettingsError for points of another model.
        """
        if isinstance(images, FoundPoints):
            return self._points_found(images, label)
        seeds = [image for image in images if not isinstance(image, FoundPoints)]
        if len(seeds) == len(images):
            return self.points_of_seeds(seeds, label), self.sample_labels(seeds, label)
        pieces = [self.points_of(image if isinstance(image, FoundPoints) else [image], label) for image in images]
        labels = [labels for _, labels in pieces if labels is not None]
        told = None if self.has_styles or len(labels) < len(pieces) else torch.cat(labels)
        return torch.cat([points for points, _ in pieces]), told

    def _points_found(self, found: FoundPoints, label: Label) -> tuple[Points, Labels | None]:
        if problems := self.misfits(found):
            raise SettingsError(problems[0] if len(problems) == 1 else listed("These points are not this model's:", problems))
        labels = found.labels if label is None and found.labels is not None else self.sample_labels(len(found.points), label)
        return found.points.to(self.game.device), None if labels is None else labels.to(self.game.device)

    def misfits(self, found: FoundPoints) -> list[str]:
        """A sentence for each reason why points that were found are not this model's, or [] if they are."""
        source, wanted, own = self.model.source, tuple(self.sample_points(1, 0).shape[1:]), tuple(found.points.shape[1:])
        problems = []
        if not len(found.points):
            problems.append("There are no points in the file.")
        if len(own) != len(wanted):
            names = {1: "z (a generator without styles)", 2: "w (a generator with styles)"}
            problems.append(f"The points are of {names.get(len(own), 'another space')}, and {source} needs those of {names[len(wanted)]}.")
        elif own != wanted:
            problems.append(f"The points have the shape {own}, and those of {source} have {wanted}: they were found with another model.")
        if found.image_shape is not None and found.image_shape != tuple(self.model.spec.shape):
            problems.append(
                f"The points are of images of shape {found.image_shape} (channels, height, width), and {source} makes "
                f"{tuple(self.model.spec.shape)}."
            )
        if not problems and found.weights is not None and found.weights != self.digest_of_weights():
            problems.append(
                f"The points were found with other weights than those of {source}: with another model or checkpoint. Name that one, or run "
                "sparring latent project again."
            )
        return problems

    def digest_of_weights(self) -> str:
        """What tells the weights of the network that draws from others."""
        return digest_of_weights(cast("nn.Module", self.generator))

    def points_of_seeds(self, seeds: Sequence[int], label: Label = None) -> Points:
        """The point of the first sample of each seed."""
        if not seeds:
            raise SettingsError("Name at least one seed.")
        latents = torch.cat([self.game.chunk_of_latents(seed, 0)[:1] for seed in seeds])
        return self.points_from_latents(latents, self.sample_labels([*seeds], label))

    def sample_points(self, n: int, seed: int, label: Label = None) -> Points:
        """The points of the first `n` samples of a seed."""
        latents = torch.cat([self.game.chunk_of_latents(seed, chunk) for chunk in range(-(-n // SAMPLE_CHUNK))])[:n]
        return self.points_from_latents(latents, self.sample_labels(n, label, seed))

    def sample_labels(self, which: Sequence[int] | int, label: Label, seed: int = 0) -> Labels | None:
        """The classes of samples, or None without classes: of the first sample of each seed in `which`, or of the first `which` samples of
        `seed`. A `label` replaces them.
        """
        n = which if isinstance(which, int) else len(which)
        if label is not None:
            return labels_of(self.model, label, n, seed)
        if not self.game.conditional:
            return None
        return (
            self.game.default_labels(seed, n) if isinstance(which, int) else torch.cat([self.game.default_labels(one, 1) for one in which])
        )

    @torch.no_grad()
    def points_from_latents(self, latents: Float[Tensor, "n latent"], labels: Labels | None) -> Points:
        """The points of latents z: z itself, or its styles w for all layers."""
        if isinstance(self.generator, StyleGenerator):
            with evaluating(self.generator):
                return self.generator.map(latents, self.game.condition(labels))
        return latents

    def generation_function(self, classes: Classes = None) -> Callable[[Points], Images]:
        """A function that maps points to images and can be differentiated. `classes` are used for z only, because w depends on them."""
        if isinstance(self.generator, StyleGenerator):
            return self.generator.synthesize
        weights = classes is not None and classes.ndim == 2 and classes.shape[1] == len(self.game.spec.condition_names)
        condition = classes if weights else self.game.condition(classes)
        return lambda points: self.game.generate(points, condition)

    @torch.no_grad()
    def generate(self, points: Points, classes: Classes = None) -> Images:
        """Images in [-1, 1] of points, generated in chunks."""
        chunks = [slice(start, start + SAMPLE_CHUNK) for start in range(0, len(points), SAMPLE_CHUNK)]
        with evaluating(self.game):
            images = [self.generation_function(None if classes is None else classes[rows])(points[rows]) for rows in chunks]
        return torch.cat(images).clamp(-1, 1)

    def generate_with_features(
        self, points: Points, labels: Labels | None, summary: Callable[[Maps], Float[Tensor, "_ features"]]
    ) -> tuple[Images, dict[int, Float[Tensor, "n features"]], dict[int, str]]:
        """Images of points; for each side of the generator's feature maps, a `summary` of the last map of that side; and for each side the
        name of the module that outputs this map.
        """
        found: dict[int, list[Tensor]] = {}
        names: dict[int, str] = {}
        images = []
        for start in range(0, len(points), SAMPLE_CHUNK):
            rows = slice(start, start + SAMPLE_CHUNK)
            with record_feature_maps(self.generator) as recorder:
                images.append(self.generate(points[rows], None if labels is None else labels[rows]))
            for side, (name, output) in recorder.maps.items():
                if side == 1:
                    continue
                found.setdefault(side, []).append(summary(output.float()))
                names[side] = name
        return torch.cat(images), {side: torch.cat(pieces) for side, pieces in found.items()}, names


class frozen:  # noqa: N801 (a context manager)
    """Context manager that puts a network into evaluation mode without gradients for its weights, and restores both afterwards."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network

    def __enter__(self) -> None:
        self.modes = [(module, module.training) for module in self.network.modules()]
        self.wanted = [(weight, weight.requires_grad) for weight in self.network.parameters()]
        self.network.eval().requires_grad_(False)

    def __exit__(self, *_: object) -> None:
        for module, training in self.modes:
            module.training = training
        for weight, wanted in self.wanted:
            weight.requires_grad_(wanted)
