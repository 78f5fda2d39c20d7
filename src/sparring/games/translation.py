"""Games whose networks make images of images: what they are told, what they see, and the losses of patches."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import pad

from sparring.augment.diffaugment import diffaugment_together
from sparring.augment.paired import jittered
from sparring.core.random_streams import Streams
from sparring.core.settings_checks import Ranges
from sparring.data.images.image_sizes import size_of
from sparring.data.images.image_spec import ImageSpec
from sparring.data.pairs.pair_spec import PairBatch, PairSpec
from sparring.games.exported_parts import Direction, ExportChoices, Part, PartName, image_input
from sparring.games.game import Game, Player, Turn, evaluating
from sparring.games.image_recipe import ImageRecipe
from sparring.games.latent_game import SAMPLE_CHUNK
from sparring.games.recipe import Recipe
from sparring.games.step_context import StepContext
from sparring.losses.objectives import Losses, Objective, objective
from sparring.losses.penalties import squared_gradients
from sparring.nets.image_translation import NormName, PatchDiscriminator
from sparring.optimizers.optimizers import maker

Images = Float[Tensor, "n c h w"]
Parts = tuple[Float[Tensor, "n _ h w"], ...]
"""Images that a discriminator sees together."""
PatchObjective = Literal["non-saturating", "least-squares", "hinge"]
LARGEST_IN_COMPANY = 128
"""Images of at most this side are translated many at a time."""
OBJECTIVE_SHARE = 0.5
"""The discriminator's losses are halved, which slows it against the generator (Isola et al. 2017, section 3.3)."""
WEIGHTS: dict[PatchObjective, float] = {"non-saturating": 1.0, "least-squares": 2.0, "hinge": 1.0}
"""Of the losses: translators' least squares (Zhu et al. 2017, section 4) are without the half of Mao et al. 2017, and other terms are
weighed against them."""


class TranslationGame(Game):
    """A game that makes targets ("b") of inputs ("a"), and perhaps the other way round."""

    spec: PairSpec
    translators: Mapping[Direction, str]
    """The network of each direction, by name."""
    settings: "TranslationRecipe"

    def __init__(self, spec: PairSpec, settings: "TranslationRecipe") -> None:
        super().__init__(spec)
        self.settings = settings

    def channels_of(self, direction: Direction) -> tuple[int, int]:
        """How many go in, and come out."""
        inputs, targets = self.spec.input_channels, self.spec.channels
        return (inputs, targets) if direction == "a2b" else (targets, inputs)

    def translate(self, images: Images, direction: Direction = "a2b") -> Float[Tensor, "n o h w"]:
        """What becomes of images in [-1, 1], of any size: mirrored at their edges up to a size that the network takes, and cut back.

        In evaluation mode, without gradients. An image's translation does not depend on the others.
        """
        network = self.get_submodule(self.translators[direction])
        divisor, smallest = int(network.divisor), int(network.smallest)  # pyright: ignore[reportArgumentType]
        height, width = images.shape[2:]
        below, right = (max(smallest, -(-side // divisor) * divisor) - side for side in (height, width))
        whole = extended(images.to(self.device), below, right)
        chunk = SAMPLE_CHUNK if max(whole.shape[2:]) <= LARGEST_IN_COMPANY else 1
        found = []
        with evaluating(network):
            for piece in whole.split(chunk):
                full = pad(piece, (0, 0, 0, 0, 0, 0, 0, chunk - len(piece)))  # always as many at a time
                found.append(network(full.contiguous(memory_format=torch.channels_last))[: len(piece), :, :height, :width])
        return torch.cat(found)

    def exported_parts(self, choices: ExportChoices) -> Mapping[PartName, Part]:
        """See `capabilities.Exports`: one translator, for images whose sides are multiples of its divisor."""
        network = self.get_submodule(self.translators[choices.direction])
        divisor, smallest = int(network.divisor), int(network.smallest)  # pyright: ignore[reportArgumentType]
        channels, _ = self.channels_of(choices.direction)
        return {"all": Part(network, (image_input(channels, divisor, choices.side),), divisor=divisor, smallest=smallest)}

    def augmented_batch(self, context: StepContext) -> tuple[Images, Float[Tensor, "n o h w"]]:
        """Inputs and targets of this context, jittered and flipped: pairs in the same way."""
        batch = cast(PairBatch, context.batch)
        inputs, targets = batch.inputs, batch.targets
        settings = self.settings
        if self.spec.paired:
            inputs, targets = jittered((inputs, targets), context.streams, "pair", jitter=settings.jitter, flip=settings.flip)
        else:
            (inputs,) = jittered((inputs,), context.streams, "inputs", jitter=settings.jitter, flip=settings.flip)
            (targets,) = jittered((targets,), context.streams, "targets", jitter=settings.jitter, flip=settings.flip)
        return inputs, targets


class PatchGame(TranslationGame):
    """A game with discriminators that judge patches."""

    settings: "PatchRecipe"  # pyright: ignore[reportIncompatibleVariableOverride] (narrower)

    def __init__(self, spec: PairSpec, settings: "PatchRecipe") -> None:
        super().__init__(spec, settings)
        self.objective: Objective = objective(settings.objective)

    def patch_discriminator(self, channels: int) -> PatchDiscriminator:
        """A fresh one."""
        settings = self.settings
        return PatchDiscriminator(channels, settings.discriminator_width, settings.patch_layers, norm=settings.patch_norm)

    def patch_generator_loss(self, logits: Float[Tensor, "n 1 p q"]) -> Float[Tensor, " n"]:
        """The generator's loss for images whose patches are judged so."""
        flat = logits.flatten()
        (loss,) = self.objective.generator(flat.detach(), flat).values()
        return WEIGHTS[self.settings.objective] * _each(loss, len(logits))

    def patch_discriminator_losses(
        self, discriminator: nn.Module, real: Parts, generated: Parts, context: StepContext, name: str = ""
    ) -> Losses:
        """A discriminator's losses, by name."""
        settings = self.settings
        strength = 0 if context.step % settings.penalty_every else settings.penalty_every * settings.r1
        if strength:
            real = tuple(part.detach().requires_grad_() for part in real)
        shown = self.discriminator_input(real, context, f"real{name}"), self.discriminator_input(generated, context, f"generated{name}")
        logits = self.discriminate_together(discriminator, *shown)
        context.metrics.update({f"logits/real{name}": logits[0], f"logits/generated{name}": logits[1]})
        weight = OBJECTIVE_SHARE * WEIGHTS[settings.objective]
        losses = self.objective.discriminator(*(each.flatten() for each in logits))
        found = {f"{kind}{name}": weight * _each(loss, len(logits[0])) for kind, loss in losses.items()}
        if strength:
            of_all = logits[0].flatten(1).float().sum(dim=1)
            squared = torch.stack([squared_gradients(of_all, part) for part in real]).sum(dim=0)
            found[f"r1{name}"] = strength / 2 * squared / logits[0][0].numel()
        return found

    def discriminator_input(
        self, parts: Sequence[Float[Tensor, "n _ h w"]], context: StepContext, name: str
    ) -> Float[Tensor, "n judged h w"]:
        """What a discriminator sees: the parts as the channels of one image, augmented."""
        if self.settings.augment == "diffaugment":
            return diffaugment_together(parts, context.streams, name)
        return torch.cat([*parts], dim=1) if len(parts) > 1 else parts[0]

    def discriminate_together(self, discriminator: nn.Module, real: Tensor, generated: Tensor) -> tuple[Tensor, Tensor]:
        """A discriminator's logits of real and generated images: in one pass, where its norm does not mix images."""
        if self.settings.patch_norm == "batch":
            return discriminator(real), discriminator(generated)
        real_logits, generated_logits = discriminator(torch.cat([real, generated])).split([len(real), len(generated)])
        return real_logits, generated_logits


class OneWayGame(PatchGame):
    """One generator, from inputs to targets, against one discriminator. Both turns of a step see the same images: none is drawn twice."""

    def __init__(
        self, spec: PairSpec, settings: "PatchRecipe", generator: nn.Module, judged_channels: int, heads: nn.Module | None = None
    ) -> None:
        super().__init__(spec, settings)
        self.generator = generator
        if heads is not None:
            self.heads = heads
        self.discriminator = self.patch_discriminator(judged_channels)
        moved = ("generator",) if heads is None else ("generator", "heads")
        self.players = (
            Player("generator", moved, settings.optimizer, has_ema=settings.ema_samples > 0),
            Player("discriminator", ("discriminator",), settings.optimizer),
        )
        self.turns = (
            Turn("generator", "generator", self.play_generator),
            Turn("discriminator", "discriminator", self.play_discriminator),
        )
        self.translators = {"a2b": "generator"}
        self.sampling_networks = ("generator",)
        self.drawn: deque[tuple[Parts, Parts]] = deque()
        """What the discriminator is to judge, real and generated, from the generator's turn to its own."""

    def play_generator(self, context: StepContext) -> Losses:
        """Draw, and leave in `drawn` what the discriminator is to judge."""
        raise NotImplementedError

    def play_discriminator(self, context: StepContext) -> Losses:
        """Tell what is real from what was drawn."""
        return self.patch_discriminator_losses(self.discriminator, *self.drawn.popleft(), context)


def extended(images: Images, below: int, right: int) -> Float[Tensor, "n c p q"]:
    """With more rows and columns, mirrored at the edge as often as it takes."""
    while below or right:
        height, width = images.shape[2:]
        down, across = min(below, max(height - 1, 0)), min(right, max(width - 1, 0))
        if not (down or across):  # a single pixel has nothing to mirror
            return pad(images, (0, right, 0, below), mode="replicate")
        images = pad(images, (0, across, 0, down), mode="reflect")
        below, right = below - down, right - across
    return images


def _each(values: Float[Tensor, " m"], n: int) -> Float[Tensor, " n"]:
    """The mean of each image's patches."""
    return values.view(n, -1).mean(dim=1)


def mean_difference(one: Images, other: Images) -> Float[Tensor, " n"]:
    """Of each image, the mean absolute difference: L1."""
    return (one - other).abs().flatten(1).mean(dim=1)


class ImagePool(nn.Module):
    """Generated images of the past (Shrivastava et al. 2017), so that a discriminator does not forget what it has seen. They are kept in
    checkpoints. Each part that batches are played in has as many places as the others.
    """

    images: Float[Tensor, "size c h w"]
    filled: Tensor
    """Number of places of each part that are taken."""

    def __init__(self, size: int, spec: ImageSpec, channels: int) -> None:
        super().__init__()
        self.register_buffer("images", torch.zeros(size, channels, spec.height, spec.width))
        self.register_buffer("filled", torch.zeros((), dtype=torch.int64))

    def exchanged(self, images: Images, streams: Streams, name: str, part: int = 0, parts: int = 1) -> Images:
        """While there is room each image is kept, and given back; then half of them, by chance, change places with one of the past. Only
        places of this part, of so many, are looked at.
        """
        size = len(self.images) // parts
        if not size:
            return images
        own = self.images[part * size : (part + 1) * size]
        streams = replace(streams, device="cpu")  # read here: each reading waits for a GPU
        chances, places = streams.uniform(f"pool/{name}/chance", len(images)), streams.integers(f"pool/{name}/place", size, len(images))
        given, filled = [], int(self.filled)
        for image, chance, place in zip(images, chances.tolist(), places.tolist(), strict=True):
            if filled < size:
                own[filled] = image
                filled += 1
            elif chance >= 0:
                past = own[place].clone()
                own[place] = image
                image = past.to(images.dtype)  # noqa: PLW2901
            given.append(image)
        self.filled.fill_(filled)
        return torch.stack(given).contiguous(memory_format=torch.channels_last)


@dataclass(frozen=True, kw_only=True)
class TranslationRecipe(ImageRecipe):
    """Settings of every game of image translation. A recipe adds the game."""

    modality: ClassVar[str] = "pairs"
    translates: ClassVar[Literal["paired", "unpaired", "style"]]
    """What data it takes: pairs; two kinds; or one kind and images of a style."""
    ranges: ClassVar[Ranges] = {
        **Recipe.ranges,
        "width": {"at least": 1, "at most": 4096},
        "blocks": {"at least": 1, "at most": 64},
        "jitter": {"at least": 0, "at most": 1},
    }

    batch_size: int = 1
    """Number of images in each batch."""
    ema_samples: float = 0
    """Half-life, in images, of the exponential moving average (EMA) of the generators' weights. Images are translated with the averaged
    weights. 0: no EMA."""
    learning_rate: float = 2e-4
    """Learning rate of all networks."""
    betas: tuple[float, float] = (0.5, 0.999)
    """Adam's decay rates, for the mean and the variance of gradients."""
    norm: NormName = "instance"
    """Normalization in all networks: instance, instance-affine (with scales and offsets), batch or none. (For the discriminators, see
    discriminator_norm.)"""
    width: int = 64
    """Number of channels of the generators' largest feature maps."""
    jitter: float = 0.12
    """Enlarge images by this fraction, 0 to 1, and crop them back at a random position. 0: no jitter."""
    flip: bool = True
    """Flip half of the images horizontally, at random; the images of a pair together."""

    def incompatibilities(self, spec: PairSpec) -> list[str]:
        """See Recipe."""
        found = super().incompatibilities(spec)
        if self.translates == "paired" and not spec.paired:
            found.append("This recipe needs pairs, and these two sets have none. Without pairs, use cyclegan or cut.")
        return found

    def build(self, spec: PairSpec) -> TranslationGame:
        """See Recipe."""
        return self.game(spec)

    def game(self, spec: PairSpec) -> TranslationGame:
        """The game for such pairs."""
        raise NotImplementedError

    def optimizer(self, weights: list[nn.Parameter]) -> torch.optim.Optimizer:
        """A player's."""
        return maker("adam", self.learning_rate, betas=self.betas, momentum=0.0)(weights)


@dataclass(frozen=True, kw_only=True)
class PatchRecipe(TranslationRecipe):
    """Settings of every game of image translation whose discriminators score patches."""

    ranges: ClassVar[Ranges] = {
        **TranslationRecipe.ranges,
        "discriminator_width": {"at least": 1, "at most": 4096},
        "patch_layers": {"at least": 0, "at most": 8},
        "r1": {"at least": 0},
        "penalty_every": {"at least": 1},
    }

    objective: PatchObjective = "least-squares"
    """Losses of generator and discriminator, for each patch: non-saturating, least-squares or hinge."""
    r1: float = 0.0
    """Weight gamma of R1 for each patch: gamma / 2 times the squared gradient, at a real image, of the sum over its patches, divided by
    their number (Mescheder 2018). Some seventy patches of 34x34 cover a pixel and add up, so 0.001 is already strong. 0: no penalty, as
    in the papers of these recipes."""
    penalty_every: int = 1
    """Compute R1 only every this many steps, with a weight that is as many times larger (lazy regularization, Karras 2020: 16)."""
    discriminator_width: int = 64
    """Number of channels of the discriminators' largest feature maps."""
    augment: Literal["none", "diffaugment"] = "none"
    """Augmentation of all inputs of the discriminators, for small data sets: none or diffaugment (Zhao 2020: color, translation, cutout;
    the images of a pair alike, except for color)."""
    patch_layers: int = 3
    """Number of halvings in the discriminators, which sets the size of the patches: 3 for 70x70 pixels, 2 for 34x34, 1 for 16x16, 0 for
    single pixels."""
    discriminator_norm: NormName | None = None
    """Normalization in the discriminators: instance, instance-affine, batch or none. None: the same as norm."""

    @property
    def patch_norm(self) -> NormName:
        """The discriminators'."""
        return self.norm if self.discriminator_norm is None else self.discriminator_norm

    @property
    def steps_per_cycle(self) -> int:
        """See Recipe."""
        return self.penalty_every

    def incompatibilities(self, spec: PairSpec) -> list[str]:
        """See Recipe."""
        found = super().incompatibilities(spec)
        if self.r1 and self.patch_norm == "batch":
            found.append(
                "r1 needs gradients of single images, and batch norm mixes images. Use discriminator_norm='instance' or "
                "discriminator_norm='none'."
            )
        shorter = min(spec.height, spec.width)
        if self.patch_layers >= 1 and shorter >> self.patch_layers < 4:
            found.append(
                f"patch_layers={self.patch_layers} leaves no patch of {spec.resolution} images. Use at most "
                f"{max(1, shorter.bit_length() - 3)}, or larger images (--size)."
            )
        return found


def divisor_problems(spec: ImageSpec, divisor: int) -> list[str]:
    """What is wrong with the images' size for networks that halve it."""
    if not spec.height % divisor and not spec.width % divisor:
        return []
    nearest = size_of(*(max(1, (2 * side + divisor) // (2 * divisor)) * divisor for side in (spec.height, spec.width)))
    return [f"The sides of the images must be divisible by {divisor}, and they are {spec.resolution}. Use --size, for example {nearest}."]
