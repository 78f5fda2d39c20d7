"""CycleGAN: unpaired image translation in both directions."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from sparring.core.settings_checks import Ranges
from sparring.data.pairs.pair_spec import PairSpec
from sparring.games.game import Player, Turn
from sparring.games.step_context import StepContext
from sparring.games.translation import ImagePool, PatchGame, PatchRecipe, divisor_problems, mean_difference
from sparring.losses.objectives import Losses
from sparring.nets import image_translation as nets


class CycleGANGame(PatchGame):
    """Two generators, each the other's way back, and two discriminators."""

    settings: "CycleGAN"  # pyright: ignore[reportIncompatibleVariableOverride] (narrower)

    def __init__(self, spec: PairSpec, settings: "CycleGAN") -> None:
        super().__init__(spec, settings)
        a, b = spec.input_channels, spec.channels
        self.a2b, self.b2a = (
            nets.ResidualGenerator(
                *ends,
                settings.width,
                settings.blocks,
                norm=settings.norm,
                resized=settings.resized,
                antialiased=settings.antialiased,
                shortcut=settings.shortcut,
            )
            for ends in ((a, b), (b, a))
        )
        self.discriminator_a = self.patch_discriminator(a)
        self.discriminator_b = self.patch_discriminator(b)
        self.pool_a, self.pool_b = ImagePool(settings.pool, spec, a), ImagePool(settings.pool, spec, b)
        self.divided = ("pool_a.images", "pool_b.images")
        self.players = (
            Player("generators", ("a2b", "b2a"), settings.optimizer, has_ema=settings.ema_samples > 0),
            Player("discriminators", ("discriminator_a", "discriminator_b"), settings.optimizer),
        )
        self.turns = (
            Turn("generators", "generators", self.play_generators),
            Turn("discriminators", "discriminators", self.play_discriminators),
        )
        self.translators = {"a2b": "a2b", "b2a": "b2a"}
        self.sampling_networks = ("a2b", "b2a")
        self.drawn: deque[tuple[Tensor, Tensor, Tensor, Tensor]] = deque()
        """Real and generated images of both kinds, from the generators' turn to the discriminators': no image is drawn twice."""

    def play_generators(self, context: StepContext) -> Losses:
        """Draw images of the other kind that convince, that lead back (equation 2), and of images of its own kind the same ones."""
        a, b = self.augmented_batch(context)
        settings = self.settings
        images_b, *same_b = self.passed(self.a2b, a, *([b] if settings.identity else []))
        images_a, back_a, *same_a = self.passed(self.b2a, b, images_b, *([a] if settings.identity else []))
        (back_b,) = self.passed(self.a2b, images_a)
        self.drawn.append((a, images_a.detach(), b, images_b.detach()))
        losses = {
            "adversarial/a2b": self.patch_generator_loss(
                self.discriminator_b(self.discriminator_input([images_b], context, "convincing/b"))
            ),
            "adversarial/b2a": self.patch_generator_loss(
                self.discriminator_a(self.discriminator_input([images_a], context, "convincing/a"))
            ),
            "cycle/a": settings.cycle * mean_difference(back_a, a),
            "cycle/b": settings.cycle * mean_difference(back_b, b),
        }
        for kind, same, own in (("a", same_a, a), ("b", same_b, b)):
            losses |= {f"identity/{kind}": settings.identity * mean_difference(one, own) for one in same}
        return losses

    def passed(self, generator: nets.ResidualGenerator, *batches: Tensor) -> Sequence[Tensor]:
        """What a generator makes of each of some batches: in one pass, where its norm does not mix images."""
        if self.settings.norm == "batch":
            return [generator(batch) for batch in batches]
        return generator(torch.cat(batches)).split([len(batch) for batch in batches])

    def play_discriminators(self, context: StepContext) -> Losses:
        """Tell images of each kind from those that were drawn, now or some time ago."""
        a, drawn_a, b, drawn_b = self.drawn.popleft()
        losses: dict[str, Tensor] = {}
        for kind, real, drawn, pool, discriminator in (
            ("a", a, drawn_a, self.pool_a, self.discriminator_a),
            ("b", b, drawn_b, self.pool_b, self.discriminator_b),
        ):
            shown = pool.exchanged(drawn, context.streams, kind, context.part, context.parts)
            losses |= self.patch_discriminator_losses(discriminator, (real,), (shown,), context, f"/{kind}")
        return losses


@dataclass(frozen=True, kw_only=True)
class CycleGAN(PatchRecipe):
    """Residual generators in both directions, least-squares PatchGANs, and cycle consistency.

    The paper trains 100 epochs of about 1,000 images at a constant learning rate, and 100 more while it falls. For images below 256x256,
    use `--blocks 6`; on a laptop, `--width 24` to `--width 32`.
    """

    title: ClassVar[str] = "Unpaired image translation in both directions, with cycle consistency"
    paper: ClassVar[str] = (
        "Zhu, Park, Isola, Efros 2017: Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks (arXiv:1703.10593)"
    )
    data: ClassVar[str] = "two sets of images: --data and --target; squares or rectangles"
    translates = "unpaired"
    ranges: ClassVar[Ranges] = {
        **PatchRecipe.ranges,
        "cycle": {"at least": 0},
        "identity": {"at least": 0},
        "pool": {"at least": 0, "at most": 10_000},
    }

    decay_from_samples: int | None = 100_000
    """Number of images from which learning rates fall linearly. None: they stay constant."""
    decay_until_samples: int | None = 200_000
    """Number of images at which learning rates have fallen to zero. None: they stay constant."""
    blocks: int = 9
    """Number of residual blocks of each generator."""
    resized: bool = False
    """Upsample by nearest-neighbor interpolation and a convolution, in place of the paper's transposed convolutions, which can leave a
    checkerboard pattern."""
    antialiased: bool = False
    """Blur where the residual generator changes sides, down and up, in place of strided and transposed convolutions (Zhang 2019), as the
    authors of CUT do by default. It takes more time."""
    shortcut: bool = False
    """Let the generator predict only the change, which is added to the input. For sets that differ in style, not in shape. (Not in the
    paper.)"""
    cycle: float = 10.0
    """Weight of cycle consistency: the mean absolute difference between an image and its translation there and back."""
    identity: float = 5.0
    """Weight of the identity loss: a generator should not change an image that already belongs to its output set. 0: none."""
    pool: int = 50
    """Number of earlier translations that are kept to train each discriminator on, divided among the parts of a batch. 0: none."""

    def incompatibilities(self, spec: PairSpec) -> list[str]:
        """See Recipe."""
        found = super().incompatibilities(spec) + divisor_problems(spec, nets.ResidualGenerator.divisor)
        if self.resized and self.antialiased:
            found.append("resized and antialiased are two ways to upsample: leave one of them out.")
        if spec.input_channels != spec.channels:
            differ = "images of both kinds, and these have different channels"
            if self.identity:
                found.append(f"identity compares {differ}: set it to 0, or use --channels.")
            if self.shortcut:
                found.append(f"shortcut adds {differ}: leave it out, or use --channels.")
        return found

    def game(self, spec: PairSpec) -> CycleGANGame:
        """See TranslationRecipe."""
        return CycleGANGame(spec, self)


RECIPE = CycleGAN
