"""A game of series whose attributes are generated, too: attributes first, then the range of a window, then its steps (Lin et al. 2020)."""

from dataclasses import dataclass
from typing import Any, ClassVar, cast

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from sparring.core.batch import Labels
from sparring.core.random_streams import Streams
from sparring.core.settings_checks import Ranges
from sparring.data.series.series_spec import SeriesSpec
from sparring.games.adversarial import Weights
from sparring.games.exported_parts import Draws
from sparring.games.series_gan import CHUNK, SeriesAdversarialRecipe, SeriesGame, in_chunks, padded
from sparring.games.step_context import StepContext
from sparring.losses import penalties
from sparring.nets.doppelganger import AttributesFirstGenerator, WindowAndAttributeCritics, normalized_by_range


class DoppelGANgerGame(SeriesGame):
    """A generator of attributes, ranges and steps against two critics. One sees attributes, range, and the window stretched by its range
    (the paper's auto-normalization), the other attributes and range alone.
    """

    settings: "DoppelGANgerRecipe"

    def __init__(
        self,
        spec: SeriesSpec,
        generator: AttributesFirstGenerator,
        discriminator: WindowAndAttributeCritics,
        settings: "DoppelGANgerRecipe",
    ) -> None:
        super().__init__(spec, generator, discriminator, settings)

    @property
    def longest_path(self) -> int | None:
        """See `capabilities.SimulatesSeries`: a range is that of a window."""
        return self.series_spec.steps

    # ----------------------------------------------------------------------------------------------------- samples

    @property
    def latent_draws(self) -> Draws:
        """See LatentGame."""
        return ((self.settings.latent, cast(Any, self.generator).noise_size),)

    def latents(self, streams: Streams, n: int) -> Float[Tensor, "n latent"]:
        """See LatentGame: the noise of attributes, range, and all passes of the GRU."""
        draw = streams.normal if self.settings.latent == "normal" else streams.uniform
        return draw("latent", n, cast(Any, self.generator).noise_size)

    def generate(
        self, latents: Float[Tensor, "n latent"], condition: Float[Tensor, "n _"] | None, truncation: float | None = None
    ) -> Float[Tensor, "n channels t"]:
        """See LatentGame. There is no condition."""
        if truncation is not None:
            latents = latents * min(1.0, truncation)
        values, _, chosen = self.generator(latents)
        return with_statics(values, chosen)

    def generate_fakes(self, context: StepContext, labels: Labels | None) -> Float[Tensor, "n channels t"]:
        """See TwoPlayerGame. Attributes are shares of categories, which have gradients."""
        values, shares, _ = self.generator(self.latents(context.streams, context.batch_size))
        return with_statics(values, shares)

    def simulate(
        self,
        n: int,
        steps: int,
        seed: int,
        first: int,
        past: Float32[np.ndarray, "n values p"] | None,
        known: Float32[np.ndarray, "n known p_and_steps"] | None,
    ) -> Float[Tensor, "n values {steps}"]:
        """See `capabilities.SimulatesSeries`. Attributes are those that are known, and drawn where none is; there is no past."""
        assert steps <= self.series_spec.steps, f"{steps} steps are more than the {self.series_spec.steps} of a window"

        def draw(chunk: int) -> Tensor:
            low, high = max(first, chunk * CHUNK), min(first + n, (chunk + 1) * CHUNK)
            given = None
            if known is not None:
                statics = torch.from_numpy(np.ascontiguousarray(known[low - first : high - first, :, -1:]))
                given = padded(statics, low - chunk * CHUNK).to(self.device)[:, :, 0]
            streams = Streams(seed, chunk, device=self.device, scope="simulate")
            return self.generator(self.latents(streams, CHUNK), given)[0][:, :, :steps]

        return in_chunks(self, draw, n, first)

    # ---------------------------------------------------------------------------------------- what the critics see

    def seen(self, shown: Float[Tensor, "packs packed t"]) -> Float[Tensor, "packs packing features"]:
        """Windows as the critics see them: attributes, middle and half of the range of each value, and steps stretched by it."""
        packing, values = self.settings.packing, len(self.series_spec.values)
        windows = shown.reshape(len(shown) * packing, -1, shown.shape[2])
        stretched, middle, half = normalized_by_range(windows[:, :values])
        features = torch.cat([windows[:, values:, 0], middle, half, stretched.flatten(1)], dim=1)
        return features.view(len(shown), packing, -1)

    def discriminator_outputs(self, weights: Weights | None, *inputs: Tensor | None) -> Any:  # noqa: ANN401
        """See TwoPlayerGame."""
        shown, condition = inputs
        assert shown is not None
        return super().discriminator_outputs(weights, self.seen(shown), condition)

    def gradient_norms(
        self, points: Float[Tensor, "packs packed t"], labels: Labels | None, weights: Weights | None
    ) -> Float[Tensor, " packs"]:
        """See TwoPlayerGame. Gradients are by what the critics see: by a window that hardly moves, and is stretched, they would be huge."""
        return self._gradient_norms(points, weights, 0)

    def _gradient_norms(self, points: Float[Tensor, "packs packed t"], weights: Weights | None, critic: int) -> Float[Tensor, " packs"]:
        seen = self.seen(points).detach().requires_grad_()
        outputs = super().discriminator_outputs(weights, seen, None).to(seen.dtype)
        return penalties.gradient_norms(outputs[:, critic], seen)

    # ------------------------------------------------------------------------------------ the critic of attributes

    def of_attributes(self, shown: Float[Tensor, "packs packed t"], weights: Weights | None = None) -> Float[Tensor, " packs"]:
        """Logits of the critic that sees attributes and ranges alone."""
        return self.discriminate(shown, None, weights)[1][:, 0]

    def discriminator_losses(
        self,
        context: StepContext,
        real: Float[Tensor, "n channels t"],
        generated: Float[Tensor, "n channels t"],
        labels: Labels | None,
        weights: Weights | None = None,
    ) -> dict[str, Float[Tensor, " packs"]]:
        """See TwoPlayerGame: the losses of both critics (section 4.2 of the paper, equation 2)."""
        settings = self.settings
        losses = super().discriminator_losses(context, real, generated, labels, weights)
        if not settings.attribute_weight:
            return losses
        shown = self.discriminator_input(real, "real", context), self.discriminator_input(generated, "generated", context)
        logits = [self.of_attributes(each, weights) for each in shown]
        losses |= {f"attributes/{name}": loss for name, loss in self.objective.discriminator(*logits).items()}
        if settings.gradient_penalty and not context.step % settings.penalty_every:
            sides = penalties.one_sided_penalty if settings.gradient_penalty_sides == "one" else penalties.two_sided_penalty
            share = (context.streams.uniform("penalty/share of attributes", len(shown[0])) + 1) / 2
            norms = self._gradient_norms(penalties.interpolated(*shown, share), weights, 1)
            losses["attributes/gradient_penalty"] = settings.penalty_every * settings.gradient_penalty * sides(norms)
        return losses

    def generator_penalties(
        self, context: StepContext, labels: Labels | None, generated: Float[Tensor, "n channels t"]
    ) -> dict[str, Float[Tensor, " _"]]:
        """See TwoPlayerGame: attributes and ranges that their own critic takes for real."""
        found = super().generator_penalties(context, labels, generated)
        if not self.settings.attribute_weight:
            return found
        logits = self.of_attributes(self.discriminator_input(generated, "generated", context))
        compared = logits.detach()
        if self.objective.compares:
            compared = self.of_attributes(self.discriminator_input(context.batch.samples, "real", context))
        losses = self.objective.generator(compared, logits)
        return found | {f"attributes/{name}": self.settings.attribute_weight * loss for name, loss in losses.items()}


def with_statics(values: Float[Tensor, "n v t"], statics: Float[Tensor, "n width"]) -> Float[Tensor, "n channels t"]:
    """A window as SeriesSpec says: values, then the statics in every step."""
    return torch.cat([values, statics[:, :, None].expand(-1, -1, values.shape[2])], dim=1)


@dataclass(frozen=True, kw_only=True)
class DoppelGANgerRecipe(SeriesAdversarialRecipe):
    """A generator of attributes, ranges and steps against two critics. A recipe gives sizes."""

    known: ClassVar[tuple[str, ...]] = ("statics",)
    ranges: ClassVar[Ranges] = {**SeriesAdversarialRecipe.ranges, "attribute_weight": {"at least": 0}}

    attribute_weight: float = 1.0
    """Weight alpha of the critic of attributes and ranges in the generator's loss. 0: there is no such critic."""

    def incompatibilities(self, spec: SeriesSpec) -> list[str]:
        """See Recipe."""
        found = super().incompatibilities(spec)
        if self.r1 != 0 or self.r2 != 0:
            found.append(
                "r1 and r2 are of gradients at windows as they are, which are huge where a window hardly moves. Set both to 0, and use "
                "gradient_penalty or dragan, which are of windows stretched by their range."
            )
        if self.unroll:
            found.append("unroll is for games with one discriminator, and this has two. Set it to 0.")
        return found
