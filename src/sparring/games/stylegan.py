"""The game of StyleGAN's generators, which draw from styles: style mixing, truncation, path-length regularization."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call

from sparring.core.batch import Labels
from sparring.core.random_streams import Streams
from sparring.core.settings_checks import Ranges
from sparring.data.images.image_spec import ImageSpec
from sparring.games.adversarial import AdversarialRecipe, TwoPlayerGame
from sparring.games.adversarial_settings import equalized_problems
from sparring.games.exported_parts import ExportChoices, Input, Output, Part, PartName
from sparring.games.step_context import StepContext
from sparring.nets.progressive_growing import Growth
from sparring.nets.style_generator import StyleGenerator

PATH_EVERY, PATH_DECAY, PATH_SHARE = 4, 0.01, 0.5
"""The path-length penalty: in every so many steps, the pace of its running mean, and on which share of the batch (Karras et al. 2020,
section 3.2 and appendix B; the authors' code)."""


class StyleGame(TwoPlayerGame):
    """A style generator against a discriminator."""

    generator: StyleGenerator
    path_mean: Float[Tensor, ""]

    def __init__(
        self, spec: ImageSpec, generator: StyleGenerator, discriminator: nn.Module, settings: "StyleRecipe", growth: Growth | None = None
    ) -> None:
        super().__init__(spec, generator, discriminator, settings, growth)
        self.style_rules = settings
        self.truncation = "styles"
        self.register_buffer("path_mean", torch.zeros(()))

    def generate(
        self, latents: Float[Tensor, "n latent"], condition: Float[Tensor, "n classes"] | None, truncation: float | None = None
    ) -> Float[Tensor, "n c h w"]:
        """See LatentGame. Truncation is in w."""
        return self.generator.synthesize(self.generator.map(latents, condition, 1.0 if truncation is None else truncation)).clamp(-1, 1)

    def exported_parts(self, choices: ExportChoices) -> Mapping[PartName, Part]:
        """See `capabilities.Exports`: the whole generator, with truncation as an input, and its two networks apart."""
        generator, count = self.generator, len(self.latent_inputs)
        shape, maps = (generator.layers, generator.mapping.style_size), noise_maps(generator.synthesis)
        noise_size = sum(noise.numel() for noise in maps.values())

        def styles_of(*inputs: Tensor) -> Tensor:
            latents, *condition, truncation = inputs
            w = generator.mean.lerp(generator.styles(latents, condition[0] if condition else None), truncation)
            return w[:, None].expand(-1, generator.layers, -1)

        def images_of(w: Tensor, *noise: Tensor) -> Tensor:
            if not noise:
                return generator.synthesize(w, "none" if choices.noise == "none" else "const").clamp(-1, 1)
            pieces = noise[0].split([each.numel() for each in maps.values()], dim=1)
            named = {name: piece.unflatten(1, (1, *maps[name].shape)) for name, piece in zip(maps, pieces, strict=True)}
            return functional_call(generator.synthesis, named, (w, "const")).clamp(-1, 1)

        def generate(*inputs: Tensor) -> Tensor:
            return images_of(styles_of(*inputs[: count + 1]), *inputs[count + 1 :])

        truncation = Input("truncation", "the share of the way from the mean style: 1 is all of it", lambda n, _: torch.tensor([0.7]), {})
        from_latents = (*self.latent_inputs, truncation)
        styles = Input("styles", "a style for each layer, as the part 'map' gives them", lambda n, _: self.example_styles(n))
        own_noise = Input(
            "noise", "normal numbers for all layers, one after the other", lambda n, _: Streams(n, 0).normal("noise", n, noise_size),
            draws=(("normal", noise_size),),
        )  # fmt: skip
        more = (own_noise,) if choices.noise == "input" else ()
        return {
            "all": Part(generate, (*from_latents, *more), truncation="styles"),
            "map": Part(styles_of, from_latents, Output("styles", f"styles, (n, {shape[0]}, {shape[1]})", 1e-4, 2e-2)),
            "synthesis": Part(images_of, (styles, *more)),
        }

    def example_styles(self, n: int) -> Float[Tensor, "n layers style"]:
        """Styles of the first latents of a stream."""
        labels = self.spec.usual_labels(0, n) if self.conditional else None
        with torch.no_grad():
            return self.generator.map(self.latents(Streams(n, 0, scope="export"), n), self.condition(labels))

    def styles(self, context: StepContext, n: int, labels: Labels | None) -> Float[Tensor, "n layers style"]:
        """Styles to draw from in training: with a chance of `style_mixing` those of one latent up to a layer, of another from there on."""
        condition = self.condition(labels)
        w, layers = self.generator.map(self.latents(context.streams, n), condition), self.generator.layers_in_use
        if (context.streams.uniform("mixing/chance", 1).item() + 1) / 2 < self.style_rules.style_mixing:
            others = self.generator.map(context.streams.normal("mixing/latent", n, self.settings.latent_size), condition)
            place = 1 + int(context.streams.integers("mixing/place", layers - 1, 1))
            w = torch.cat([w[:, :place], others[:, place:]], dim=1)
        return w

    def generate_fakes(self, context: StepContext, labels: Labels | None) -> Float[Tensor, "n c h w"]:
        """See TwoPlayerGame."""
        return self.generator.synthesize(self.styles(context, context.batch_size, labels), "random")

    def generator_penalties(
        self, context: StepContext, labels: Labels | None, generated: Float[Tensor, "n ..."]
    ) -> dict[str, Float[Tensor, " _"]]:
        """See TwoPlayerGame; every few steps the path lengths are among them, and as much stronger."""
        losses = super().generator_penalties(context, labels, generated)
        weight = self.style_rules.path_length
        if weight and context.step % PATH_EVERY == 0:
            n = max(1, int(context.batch_size * PATH_SHARE))
            streams = replace(context.streams, scope=f"{context.streams.scope}/path")  # latents of its own
            w = self.styles(replace(context, streams=streams), n, None if labels is None else labels[:n])
            w.requires_grad_()  # also those of a mapping network that is frozen
            images = self.generator.synthesize(w, "random")
            lengths = path_lengths(images, w, streams.normal("noise", *images.shape))
            self.path_mean.lerp_(lengths.detach().mean(), PATH_DECAY)
            context.metrics["path_length"] = lengths.detach()
            losses["path_length"] = PATH_EVERY * weight * (lengths - self.path_mean).square()
        return losses


def noise_maps(synthesis: nn.Module) -> dict[str, Tensor]:
    """The constant noise of a synthesis network's layers, by the name of its buffer, in the order of the layers."""
    return {name: buffer for name, buffer in synthesis.named_buffers() if name.rpartition(".")[2] == "noise"}


def path_lengths(
    images: Float[Tensor, "n c h w"], w: Float[Tensor, "n layers style"], noise: Float[Tensor, "n c h w"]
) -> Float[Tensor, " n"]:
    """How much images change in a random direction as the styles that they were drawn from do: equation 4 of Karras et al. 2020; can be
    differentiated once more.
    """
    scaled = noise / math.sqrt(images.shape[2] * images.shape[3])
    (gradients,) = torch.autograd.grad((images * scaled).sum(), w, create_graph=True)
    return gradients.square().sum(dim=2).mean(dim=1).sqrt()


@dataclass(frozen=True, kw_only=True)
class StyleRecipe(AdversarialRecipe):
    """Settings of every game with a style generator."""

    ranges: ClassVar[Ranges] = {
        **AdversarialRecipe.ranges,
        "style_size": {"at least": 1, "at most": 2**16},
        "style_mixing": {"at least": 0, "at most": 1},
        "path_length": {"at least": 0},
        "mapping_layers": {"at least": 1, "at most": 64},
        "mapping_rate": {"more than": 0},
        "mapping_width": {"at least": 1, "at most": 2**16},
        "embedding_size": {"at least": 1, "at most": 2**16},
    }

    latent_size: int = 512
    """Number of dimensions of the latent vector z."""
    style_size: int = 512
    """Number of dimensions of the style vector w."""
    style_mixing: float = 0.9
    """Probability, 0 to 1, that the images of a training batch have the styles of one latent in the first layers and of another in the
    rest."""
    path_length: float = 0.0
    """Weight of path length regularization: a step in w should change the image by the same amount everywhere (Karras 2020: 2). 0: no
    regularization."""
    mapping_layers: int = 8
    """Number of layers of the mapping network from z to w."""
    mapping_rate: float = 0.01
    """Learning rate of the mapping network, as a multiple of the other layers' rate."""
    mapping_width: int | None = None
    """Number of units in each hidden layer of the mapping network. None: style_size."""
    embedding_size: int | None = None
    """Number of dimensions of the class embedding that enters the mapping network. None: style_size."""

    @property
    def steps_per_cycle(self) -> int:
        """See Recipe."""
        return math.lcm(self.penalty_every, PATH_EVERY)

    def incompatibilities(self, spec: ImageSpec) -> list[str]:
        """See Recipe."""
        found = super().incompatibilities(spec)
        if self.condition == "concatenate":
            found.append(
                "condition='concatenate' does not work with style generators. Use condition='projection' or condition='auxiliary'."
            )
        return found + equalized_problems(self)
