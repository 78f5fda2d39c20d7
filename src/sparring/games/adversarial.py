"""One generator against one discriminator, with everything that papers freely join to that game.

Objective, penalties, stabilizers, condition, packing and unrolling are settings of every adversarial recipe, whatever
its networks are. A recipe gives the networks; this file plays the game.
"""

import math
from dataclasses import dataclass, replace
from typing import Any, TypedDict

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from sparring.augment import ada, diffaugment
from sparring.core.batch import Batch, Labels
from sparring.core.data_spec import Spec
from sparring.core.random_streams import Streams
from sparring.games.adversarial_settings import AdversarialSettings
from sparring.games.exported_parts import Draws
from sparring.games.game import Player, Turn
from sparring.games.image_recipe import SamplingImageRecipe
from sparring.games.latent_game import LatentGame
from sparring.games.step_context import StepContext
from sparring.losses import penalties
from sparring.losses.objectives import Losses, objective
from sparring.nets.blocks.layers import spectrally_normalized
from sparring.nets.progressive_growing import Growing, Growth, downsample_to_level
from sparring.optimizers.differentiable_steps import DifferentiableSteps

SQRT_2 = math.sqrt(2)
Weights = dict[str, Tensor]
"""A network's weights by name, in place of its own."""


class TwoPlayerGame(LatentGame):
    """A generator against a discriminator.

    The generator is `network(latent, condition)` and gives images. The discriminator is `network(images, condition)`
    and gives (n, 1) logits; with the condition "auxiliary" (n, 1 + classes): the logit, and one for each class.

    The discriminator's turn sums the gradients of a batch of real and a batch of generated images, each
    passed by itself (so batch norm sees them apart). The generator's turn goes through the discriminator
    without moving it.
    """

    def __init__(
        self, spec: Spec, generator: nn.Module, discriminator: nn.Module, settings: AdversarialSettings, growth: Growth | None = None
    ) -> None:
        super().__init__(spec)
        self.growth = growth
        self.growing = [module for network in (generator, discriminator) for module in network.modules() if isinstance(module, Growing)]
        self.generator = generator
        self.discriminator = spectrally_normalized(discriminator) if settings.spectral_norm else discriminator
        self.settings = settings
        self.truncation = "rank" if settings.latent == "normal" else "scale"
        self.augmentation = None
        if settings.augment == "ada":
            self.augmentation = ada.AdaptiveChance(settings.augment_target, settings.augment_samples, settings.augment_chance)
        self.r1, self.r2 = settings.r1_for(spec), settings.r2_for(spec)
        self.objective = objective(settings.objective, settings.label_smoothing)
        self.players = (
            Player("generator", ("generator",), settings.optimizer_maker(settings.learning_rate), has_ema=True),
            Player(
                "discriminator",
                ("discriminator",),
                settings.optimizer_maker(
                    settings.discriminator_learning_rate or settings.learning_rate, settings.discriminator_weight_decay
                ),
                after_step=self.clip_weights if settings.weight_clip else None,
            ),
        )
        self.turns = (
            Turn("discriminator", "discriminator", self.play_discriminator, repeat=settings.discriminator_steps),
            Turn("generator", "generator", self.play_generator),
        )
        self.sampling_networks = ("generator",)

    @property
    def conditional(self) -> bool:
        """Whether the generator is told a class."""
        return self.settings.condition != "none"

    @property
    def latent_draws(self) -> Draws:
        """See LatentGame."""
        return ((self.settings.latent, self.settings.latent_size),)

    def latents(self, streams: Streams, n: int) -> Float[Tensor, "n latent"]:
        """Normal or uniform in [-1, 1), as the recipe says."""
        draw = streams.normal if self.settings.latent == "normal" else streams.uniform
        return draw("latent", n, self.settings.latent_size)

    def generate(
        self, latents: Float[Tensor, "n latent"], condition: Float[Tensor, "n classes"] | None, truncation: float | None = None
    ) -> Float[Tensor, "n ..."]:
        """See LatentGame. Truncation is in the latents: each number within so much of zero (Brock et al. 2019, section 3.1)."""
        if truncation is not None:
            latents = truncated(latents, truncation) if self.settings.latent == "normal" else latents * min(1.0, truncation)
        return self.generator(latents, condition)

    def generate_fakes(self, context: StepContext, labels: Labels | None) -> Float[Tensor, "n ..."]:
        """Images that the generator draws in training."""
        return self.generator(self.latents(context.streams, context.batch_size), self.condition(labels))

    def generator_penalties(
        self, context: StepContext, labels: Labels | None, generated: Float[Tensor, "n ..."]
    ) -> dict[str, Float[Tensor, " _"]]:
        """What the generator minimizes beside its losses on the images that it generated."""
        if not self.settings.orthogonal:
            return {}
        # an embedding of classes has no filters
        filters = (weight for name, weight in self.generator.named_parameters() if not name.startswith("embed."))
        weighted = self.settings.orthogonal * penalties.orthogonal(filters)
        return {"orthogonal": weighted.expand(context.batch_size)}

    # ------------------------------------------------------------------------------------------- turns

    def play_discriminator(self, context: StepContext) -> Losses:
        """Tell real images from generated ones of the same classes."""
        context = self.at_current_level(context)
        labels = self.vicinal_labels(context, context.batch.labels)
        with torch.no_grad():
            generated = self.generate_fakes(context, labels)
        losses = self.discriminator_losses(context, context.batch.samples, generated, labels)
        if self.augmentation is not None:
            self.adapt(self.augmentation, context)
        return losses

    def play_generator(self, context: StepContext) -> Losses:
        """Draw images that the discriminator takes for real: the one there is, or the one it would become (unrolling)."""
        settings, context = self.settings, self.at_current_level(context)
        for network in self.growing:
            network.samples_seen.fill_(context.real_samples)
        sees_data = self.objective.compares or settings.unroll > 0
        labels = None if not self.conditional else context.batch.labels if sees_data else context.draw_labels()
        labels = self.vicinal_labels(context, labels)
        generated = self.generate_fakes(context, labels)
        weights = self.unrolled_weights(context, generated, labels) if settings.unroll else None
        logits, class_logits = self.discriminate(self.discriminator_input(generated, "generated", context), labels, weights)
        real = (
            self.discriminate(self.discriminator_input(context.batch.samples, "real", context), labels, weights)[0]
            if sees_data
            else logits.detach()
        )
        if settings.unroll and self.objective.zero_sum:
            # Whatever the discriminator will lose is gained, its losses on real images included: they depend on its next steps.
            losses = {name: -loss for name, loss in self.objective.discriminator(real, logits).items()}
        else:
            losses = dict(self.objective.generator(real, logits))
        if settings.condition == "auxiliary":
            losses["class"] = self.class_losses(class_logits, labels)
        return losses | self.generator_penalties(context, labels, generated)

    def vicinal_labels(self, context: StepContext, labels: Labels | None) -> Labels | None:
        """The labels that both networks are told in place of `labels`: of continuous ones others nearby, so that an image counts for all
        values in its vicinity, with equal weights (hard) or as exp(-nu d^2) with nu = 1 / kappa^2 (soft). So the real images of a value are
        those of the hard and the soft vicinal loss of Ding et al. 2021 (arXiv:2011.07466, section 2).
        """
        if not self.conditional or labels is None or labels.ndim == 1 or self.settings.vicinity == "none":
            return labels
        hard = self.settings.vicinity == "hard"
        noise = context.streams.uniform("vicinity", *labels.shape) if hard else context.streams.normal("vicinity", *labels.shape) / SQRT_2
        return self.spec.vicinal(labels, noise)

    def class_losses(self, logits: Float[Tensor, "n weights"], labels: Labels | None) -> Float[Tensor, " n"]:
        """Cross-entropy with the classes asked for: the log-likelihood L_C of Odena et al. 2017, section 3. Of several labels, the sum; of
        continuous ones, with the weights of their knots.
        """
        assert labels is not None
        if labels.ndim == 1:
            return cross_entropy(logits, labels, reduction="none")
        groups = self.spec.condition_groups
        parts = zip(logits.split(groups, dim=1), self.spec.condition_of(labels).split(groups, dim=1), strict=True)
        return torch.stack([cross_entropy(part, wanted, reduction="none") for part, wanted in parts]).sum(dim=0)

    def at_current_level(self, context: StepContext) -> StepContext:
        """The context at the level that growing networks have come to: they are told it, and real images have its side."""
        growth = self.growth
        if growth is None:
            return context
        level = growth.level(context.real_samples)
        for network in self.growing:
            network.training_level = level
        return replace(context, draw=lambda: Batch(downsample_to_level(context.batch.samples, growth, level), context.batch.labels))

    # ---------------------------------------------------------------------------- what the discriminator sees

    def discriminator_input(
        self, samples: Float[Tensor, "n c *rest"], name: str, context: StepContext
    ) -> Float[Tensor, "packs packed *rest"]:
        """Samples as the discriminator sees them: augmented, with noise (Arjovsky and Bottou 2017), and packed (Lin et al. 2018)."""
        if self.augmentation is not None:
            samples = ada.adaptive_augment(samples, self.augmentation.chance.item(), context.streams, name)
        elif self.settings.augment == "diffaugment":
            samples = diffaugment.diffaugment(samples, context.streams, name)
        if level := self.settings.noise_at(context.real_samples):
            samples = samples + level * context.streams.normal(f"noise/{name}", *samples.shape)
        return pack_samples(samples, self.settings.packing)

    def discriminate(
        self, shown: Float[Tensor, "packs ..."], labels: Labels | None, weights: Weights | None = None
    ) -> tuple[Float[Tensor, " packs"], Float[Tensor, "packs classes"]]:
        """The discriminator's logits, and its class logits if it names classes; `weights` in place of its own."""
        condition = None
        if self.settings.condition in {"concatenate", "projection"}:
            one_hot = self.condition(labels)
            assert one_hot is not None
            condition = one_hot.reshape(len(shown), -1)
        outputs = self.discriminator_outputs(weights, shown, condition).to(shown.dtype)
        return outputs[:, 0], outputs[:, 1:]

    def discriminator_outputs(self, weights: Weights | None, *inputs: Tensor | None) -> Any:  # noqa: ANN401 (whatever the network gives)
        """What the discriminator's network gives; `weights` in place of its own."""
        return self.discriminator(*inputs) if weights is None else functional_call(self.discriminator, weights, inputs)

    def discriminate_real(
        self, context: StepContext, shown: Float[Tensor, "packs ..."], labels: Labels | None, weights: Weights | None
    ) -> tuple[Float[Tensor, " packs"], Float[Tensor, "packs classes"], dict[str, Float[Tensor, " packs"]]]:
        """What `discriminate` gives for real samples in the discriminator's own turn, and what it minimizes on them beside the objective:
        nothing, unless a game says so.
        """
        return *self.discriminate(shown, labels, weights), {}

    def discriminator_losses(
        self,
        context: StepContext,
        real: Float[Tensor, "n ..."],
        generated: Float[Tensor, "n ..."],
        labels: Labels | None,
        weights: Weights | None = None,
    ) -> dict[str, Float[Tensor, " packs"]]:
        """All that the discriminator minimizes; `weights` in place of its own."""
        settings = self.settings
        # Lazily (Karras et al. 2020, section 3.1): seldom, and as much stronger.
        strength = 0 if context.step % settings.penalty_every else settings.penalty_every
        # R1 and R2 are of gradients through augmentation (as in the code of Karras et al.)
        real = requiring_gradients(real) if strength and self.r1 else real
        generated = requiring_gradients(generated) if strength and self.r2 else generated
        shown_real, shown_generated = (
            self.discriminator_input(real, "real", context),
            self.discriminator_input(generated, "generated", context),
        )
        real_logits, real_classes, on_real = self.discriminate_real(context, shown_real, labels, weights)
        generated_logits, generated_classes = self.discriminate(shown_generated, labels, weights)
        context.metrics.update({"logits/real": real_logits, "logits/generated": generated_logits})
        losses = {**self.objective.discriminator(real_logits, generated_logits), **on_real}
        if settings.drift:
            losses["drift"] = settings.drift * real_logits.square()
        if settings.condition == "auxiliary":
            losses["class/real"] = self.class_losses(real_classes, labels)
            losses["class/generated"] = self.class_losses(generated_classes, labels)
        if not strength:
            return losses
        if self.r1:
            losses["r1"] = strength * self.r1 / 2 * penalties.squared_gradients(real_logits, real)
        if self.r2:
            losses["r2"] = strength * self.r2 / 2 * penalties.squared_gradients(generated_logits, generated)
        if settings.gradient_penalty:
            sides = penalties.one_sided_penalty if settings.gradient_penalty_sides == "one" else penalties.two_sided_penalty
            share = (context.streams.uniform("penalty/share", len(shown_real)) + 1) / 2
            points = penalties.interpolated(shown_real, shown_generated, share)
            losses["gradient_penalty"] = strength * settings.gradient_penalty * sides(self.gradient_norms(points, labels, weights))
        if settings.dragan:
            points = penalties.perturbed(shown_real, context.streams.normal("penalty/noise", *shown_real.shape))
            losses["dragan"] = strength * settings.dragan * penalties.two_sided_penalty(self.gradient_norms(points, labels, weights))
        return losses

    def gradient_norms(self, points: Float[Tensor, "packs ..."], labels: Labels | None, weights: Weights | None) -> Float[Tensor, " packs"]:
        """How long the logits' gradients are at these points."""
        points.requires_grad_()
        return penalties.gradient_norms(self.discriminate(points, labels, weights)[0], points)

    def adapt(self, augmentation: ada.AdaptiveChance, context: StepContext) -> None:
        """Augment more or less, as sure as the discriminator is. Where logits have no zero of their own (objectives that compare, critics)
        they are compared with those of generated images.
        """
        logits = context.metrics["logits/real"].detach()
        if self.objective.compares or self.objective.is_critic:
            logits = logits - context.metrics["logits/generated"].detach()
        augmentation.adapt(logits, context.batch_size * context.parts)
        context.metrics.update({"augment/chance": augmentation.chance.clone(), "augment/sure": augmentation.sign_mean.clone()})

    # ------------------------------------------------------------------------------- the discriminator's weights

    def unrolled_weights(self, context: StepContext, generated: Float[Tensor, "n ..."], labels: Labels | None) -> Weights:
        """The discriminator's weights after its next steps on this batch, as a function of the generated images: equations
        7 to 9 of Metz et al. 2017. The steps are its own optimizer's; nothing of them is kept.
        """
        moved = {id(weight) for group in context.optimizers["discriminator"].param_groups for weight in group["params"]}
        own = [(name, weight) for name, weight in self.discriminator.named_parameters() if id(weight) in moved]  # others are frozen
        names, weights = [name for name, _ in own], [weight.detach().requires_grad_() for _, weight in own]
        steps = DifferentiableSteps(context.optimizers["discriminator"])
        apart = replace(context, metrics={})
        for _ in range(self.settings.unroll):
            losses = self.discriminator_losses(apart, context.batch.samples, generated, labels, dict(zip(names, weights, strict=True)))
            total = torch.stack([loss.mean() for loss in losses.values()]).sum()
            gradients = torch.autograd.grad(total, weights, create_graph=True, allow_unused=True, materialize_grads=True)
            weights = steps.step(weights, gradients)
            if clip := self.settings.weight_clip:
                weights = [weight.clamp(-clip, clip) for weight in weights]
        return dict(zip(names, weights, strict=True))

    def clip_weights(self) -> None:
        """Bring every weight of the critic back into [-clip, clip] (Arjovsky et al. 2017, algorithm 1)."""
        with torch.no_grad():
            for weight in filter(lambda weight: weight.requires_grad, self.discriminator.parameters()):
                weight.clamp_(-self.settings.weight_clip, self.settings.weight_clip)


def truncated(latents: Float[Tensor, "n latent"], threshold: float) -> Float[Tensor, "n latent"]:
    """Normal latents as draws from the normal distribution within `threshold` of zero: each number keeps its rank, so that nearer
    thresholds move an image and do not exchange it. (Brock et al. 2019 draw those outside again: the same distribution.)
    """
    share = math.erf(threshold / math.sqrt(2))
    return math.sqrt(2) * torch.erfinv(share * torch.erf(latents.double() / math.sqrt(2))).to(latents.dtype)


def requiring_gradients(samples: Float[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
    """The samples as a tensor that losses can be differentiated by."""
    return samples if samples.requires_grad else samples.detach().requires_grad_()


def pack_samples(samples: Float[Tensor, "n c *rest"], packing: int) -> Float[Tensor, "packs packed *rest"]:
    """Every `packing` samples in a row as one, their channels (or columns) one after the other."""
    if packing == 1:
        return samples
    joined = samples.reshape(len(samples) // packing, -1, *samples.shape[2:])
    return joined.contiguous(memory_format=torch.channels_last) if joined.ndim == 4 else joined


class GeneratorClasses(TypedDict):
    """Keywords of a generator's network, of which one at most is not 0."""

    concatenated: int
    normalized: int


class DiscriminatorClasses(TypedDict):
    """Keywords of a discriminator's network, of which one at most is not 0."""

    concatenated: int
    projected: int
    named: int


@dataclass(frozen=True, kw_only=True)
class AdversarialRecipe(AdversarialSettings, SamplingImageRecipe):
    """A game of a generator against a discriminator. A recipe adds the networks."""

    def networks(self, spec: Any) -> tuple[nn.Module, nn.Module]:  # noqa: ANN401 (the Spec of its kind of data)
        """A generator and a discriminator for such data, as `TwoPlayerGame` wants them."""
        raise NotImplementedError

    def build(self, spec: Any) -> LatentGame:  # noqa: ANN401 (the Spec of its kind of data)
        """See Recipe."""
        return TwoPlayerGame(spec, *self.networks(spec), settings=self)

    def generator_classes(self, spec: Spec) -> GeneratorClasses:
        """How many classes the generator's network is told, and how."""
        concatenated = self.condition in {"concatenate", "auxiliary"}
        return {
            "concatenated": len(spec.condition_names) if concatenated else 0,
            "normalized": len(spec.condition_names) if self.condition == "projection" else 0,
        }

    def discriminator_classes(self, spec: Spec) -> DiscriminatorClasses:
        """How many classes the discriminator's network is told, and how, or how many it names."""
        count = len(spec.condition_names)
        return {
            "concatenated": count * self.packing if self.condition == "concatenate" else 0,
            "projected": count * self.packing if self.condition == "projection" else 0,
            "named": count if self.condition == "auxiliary" else 0,
        }
