"""medGAN's game: an autoencoder learns records first; then a generator in its code space plays against a discriminator of records.

Where codes are drawn in rounds, effects of codes on later ones are learned first, by likelihood, and there is no autoencoder: what it would
say of a record is said by the codes that are there already.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, cast

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from sparring.core.batch import Labels
from sparring.core.random_streams import Streams
from sparring.core.settings_checks import Ranges
from sparring.data.records.records_spec import RecordsSpec
from sparring.games.adversarial import TwoPlayerGame
from sparring.games.adversarial_settings import AdversarialSettings
from sparring.games.exported_parts import Draws
from sparring.games.game import Player, Turn
from sparring.games.step_context import StepContext
from sparring.games.table_gan import chunk_for
from sparring.losses.objectives import Losses
from sparring.nets import records as nets
from sparring.nets.record_rounds import Rounds

CERTAIN = 100.0
"""A logit from which on an indicator is sure to come."""


class RecordGame(TwoPlayerGame):
    """Latents become codes, and codes become records: latents are followed by the noise of the indicators."""

    def __init__(
        self,
        spec: RecordsSpec,
        encoder: nn.Module | None,
        decoder: nn.Module,
        generator: nn.Module,
        discriminator: nn.Module,
        settings: "RecordAdversarialRecipe",
    ) -> None:
        super().__init__(spec, generator, discriminator, settings)
        self.encoder, self.decoder = encoder, decoder
        self.own_settings = settings
        self.width = spec.shape[0]
        self.sample_chunk = chunk_for(self.width)
        self.below = torch.from_numpy(spec.previous)
        """For each indicator, the place of the one below it, or -1. It follows from the spec, so it is no buffer."""
        self.indicators = nets.Indicators(self.below, settings.temperature)
        chances = chances_of(spec)
        self.certain = CERTAIN * ((chances >= 1).float() - (chances <= 0).float())
        """Added to the logits, so that what all patients have or none has comes so. It follows from the spec, too."""
        self.rounds = Rounds(rounds_of(spec, settings.rounds), self.indicators) if settings.rounds > 1 else None
        makers = ("decoder",) if self.rounds is None else ("decoder", "rounds")
        finetuned = makers if settings.decoder_learns else ()
        generating, discriminating = self.players
        first_player, first_turn = self.first_phase()
        self.players = (first_player, Player("generator", ("generator", *finetuned), generating.optimizer, has_ema=True), discriminating)
        begins = settings.autoencoder_steps
        self.turns = (
            first_turn,
            Turn("discriminator", "discriminator", self.play_discriminator, repeat=settings.discriminator_steps, start=begins),
            Turn("generator", "generator", self.play_generator, start=begins),
        )
        self.sampling_networks = ("generator", *makers)

    def first_phase(self) -> tuple[Player, Turn]:
        """Who learns before the game begins, and how."""
        settings = self.own_settings
        if self.rounds is None:
            player = Player("autoencoder", ("encoder", "decoder"), settings.optimizer_maker(settings.autoencoder_learning_rate))
            return player, Turn("autoencoder", player.name, self.play_autoencoder, stop=settings.autoencoder_steps)
        player = Player("likelihood", ("decoder", "rounds"), settings.optimizer_maker(settings.likelihood_learning_rate))
        return player, Turn("likelihood", player.name, self.play_likelihood, stop=settings.autoencoder_steps)

    @property
    def records_spec(self) -> RecordsSpec:
        """What a record is."""
        return cast(RecordsSpec, self.spec)

    def play_autoencoder(self, context: StepContext) -> Losses:
        """Records again from their codes: the cross-entropy of all indicators (equation 2), of those whose lower one is there."""
        assert self.encoder is not None
        records = context.batch.samples
        return {"reconstruction": self.log_losses(self.decoder(self.encoder(records)), records)}

    def play_likelihood(self, context: StepContext) -> Losses:
        """Each code of records, given those of the rounds before, where nothing else is known."""
        records = context.batch.samples
        return self.likelihood_losses(self.decoder(records.new_zeros(len(records), self.settings.latent_size)), records)

    def generator_penalties(self, context: StepContext, labels: Labels | None, generated: Tensor) -> dict[str, Float[Tensor, " n"]]:
        """See TwoPlayerGame. Where codes come in rounds, real records go on to be likely, whatever the latents."""
        losses = super().generator_penalties(context, labels, generated)
        if self.rounds is None or not self.own_settings.likelihood:
            return losses
        likely = self.likelihood_losses(self.logits(self.latents(context.streams, context.batch_size)), context.batch.samples)
        return losses | {name: self.own_settings.likelihood * loss for name, loss in likely.items()}

    def likelihood_losses(self, logits: Float[Tensor, "n width"], records: Float[Tensor, "n width"]) -> Losses:
        """How unlikely records are, in nats, and how many effects say so: a share of the penalty for each of the patients."""
        assert self.rounds is not None
        penalty = self.own_settings.sparsity / self.records_spec.patients * self.rounds.complexity()
        return {"likelihood": self.log_losses(self.rounds.given(logits, records), records), "sparsity": penalty.expand(len(records))}

    def log_losses(self, logits: Float[Tensor, "n width"], records: Float[Tensor, "n width"]) -> Float[Tensor, " n"]:
        """How unlikely records are by these logits, in nats, of all indicators whose lower one is there."""
        losses = binary_cross_entropy_with_logits(logits, records, reduction="none")
        return (losses * self.at_stake(records)).sum(dim=1)

    def at_stake(self, records: Float[Tensor, "n width"]) -> Float[Tensor, "n width"]:
        """1 for each indicator that may be there: the first ones, and those above one that is there."""
        below = self.below.to(records.device)
        return torch.where(below < 0, torch.ones_like(records), records[:, below.clamp_min(0)])

    @property
    def latent_draws(self) -> Draws:
        """See LatentGame."""
        return (*super().latent_draws, ("uniform", self.width))

    def latents(self, streams: Streams, n: int) -> Float[Tensor, "n latent"]:
        """See LatentGame."""
        return torch.cat([super().latents(streams, n), streams.uniform("indicators", n, self.width)], dim=1)

    def generate_fakes(self, context: StepContext, labels: Labels | None) -> Float[Tensor, "n width"]:
        """See TwoPlayerGame. Where the discriminator sees chances, records are these."""
        latents = self.latents(context.streams, context.batch_size)
        logits, noise = self.logits(latents), latents[:, self.settings.latent_size :]
        if self.own_settings.discriminator_sees == "chances":
            return self.indicators.chances(logits) if self.rounds is None else self.rounds.chances(logits, noise)
        return self.drawn(logits, noise)

    def drawn(self, logits: Float[Tensor, "n width"], noise: Float[Tensor, "n width"]) -> Float[Tensor, "n width"]:
        """Records with the noise of their indicators."""
        return self.indicators(logits, noise) if self.rounds is None else self.rounds(logits, noise)

    def logits(self, latents: Float[Tensor, "n latent"]) -> Float[Tensor, "n width"]:
        """Logits of all indicators, without effects of codes on each other."""
        logits = self.decoder(self.generator(latents[:, : self.settings.latent_size])).float()
        return logits + self.certain.to(logits.device)

    def generate(
        self, latents: Float[Tensor, "n latent"], condition: Float[Tensor, "n classes"] | None, truncation: float | None = None
    ) -> Float[Tensor, "n width"]:
        """See LatentGame. There is no condition; truncation is in the latents."""
        noise = latents[:, self.settings.latent_size :]
        if truncation is not None:
            latents = latents.clamp(-truncation, truncation)
        return self.drawn(self.logits(latents), noise)

    def discriminator_input(self, samples: Float[Tensor, "n width"], name: str, context: StepContext) -> Float[Tensor, "n twice"]:
        """See TwoPlayerGame. Beside each record is the mean of its batch."""
        return nets.beside_mean(super().discriminator_input(samples, name, context))

    def discriminate(
        self,
        shown: Float[Tensor, "n seen"],
        labels: Labels | None,
        weights: Any = None,  # noqa: ANN401 (see TwoPlayerGame)
    ) -> tuple[Float[Tensor, " n"], Float[Tensor, "n classes"]]:
        """See TwoPlayerGame. Records that come without the mean of their batch are taken for a batch."""
        return super().discriminate(nets.beside_mean(shown) if shown.shape[1] == self.width else shown, labels, weights)


@dataclass(frozen=True, kw_only=True)
class RecordAdversarialRecipe(AdversarialSettings):
    """A game of a generator of records against a discriminator. A recipe gives defaults."""

    modality: ClassVar[str] = "records"
    data: ClassVar[str] = "health records (a long file with --patient and --code, a folder of OMOP tables, or a matrix)"
    settings_for: ClassVar[Any] = {}
    of_older_runs: ClassVar[Mapping[str, object]] = {"rounds": 1}
    ranges: ClassVar[Ranges] = {
        **AdversarialSettings.ranges,
        "autoencoder_steps": {"at least": 0},
        "autoencoder_learning_rate": {"more than": 0},
        "rounds": {"at least": 1, "at most": 2**14},
        "sparsity": {"at least": 0},
        "likelihood": {"at least": 0},
        "likelihood_learning_rate": {"more than": 0},
        "generator_layers": {"at least": 1, "at most": 64},
        "discriminator_hidden": {"at least": 1, "at most": 2**14},
        "sharpness": {"more than": 0},
        "temperature": {"more than": 0},
    }

    batch_size: int = 250
    """Number of real patients in each batch."""
    ema_samples: float = 100_000
    """Half-life, in real patients, of the exponential moving average (EMA) of the weights. 0: no EMA."""
    learning_rate: float = 2e-3
    """Learning rate of generator, decoder and discriminator."""
    latent_size: int = 128
    """Number of dimensions of the latent vector, and of the code that the autoencoder makes of a record."""
    generator_layers: int = 4
    """Number of layers of the generator."""
    discriminator_hidden: tuple[int, ...] = (256, 128)
    """Number of units in each hidden layer of the discriminator."""
    rounds: int = 1
    """Number of rounds in which the codes of a patient come, each given all codes of the rounds before. 1: all at once, as in the paper."""
    autoencoder_steps: int = 300
    """Number of steps before the game begins: of the autoencoder or, with rounds, of the effects of codes on later ones, by likelihood."""
    autoencoder_learning_rate: float = 1e-3
    """Learning rate of the autoencoder."""
    likelihood_learning_rate: float = 0.03
    """Learning rate of the effects of codes on later ones before the game begins. In the game it is the generator's."""
    sparsity: float = 2.0
    """Weight of a penalty of log(1 + |w|) on each effect w of a code on a later one, beside the sum of the log losses of all training
    patients: an effect must be seen in a few of them."""
    likelihood: float = 1.0
    """Weight of the likelihood of real patients in the generator's losses, with rounds. 0: the game alone."""
    decoder_learns: bool = True
    """Whether the decoder goes on learning with the generator, as in the authors' code. Otherwise it stays as the autoencoder left it."""
    discriminator_sees: Literal["records", "chances"] = "records"
    """What the discriminator sees of generated patients: records whose codes come at random by their chances (records), or the chances
    themselves (chances), as in the paper."""
    sharpness: float = 3.0
    """Factor of the decoder's logits. Where it is larger, less of what comes is left to chance once the code is known."""
    temperature: float = 1.0
    """Temperature of the relaxation through which gradients of random codes flow."""
    constant_rate_samples: int | None = 200_000
    """Number of real patients from which learning rates fall with the square root of their number. None: they stay constant."""

    def incompatibilities(self, spec: RecordsSpec) -> list[str]:
        """See Recipe."""
        found = super().incompatibilities(spec)
        for name, why in (
            ("augment", "for images"),
            ("condition", "for classes, and patients have none"),
            ("minibatch_deviation", "for images"),
        ):
            if getattr(self, name) != getattr(type(self), name):
                found.append(f"{name} is {why}. Leave it out.")
        if self.packing != 1:
            found.append("packing is not for records, whose discriminator sees the mean of its batch already. Leave it out.")
        unused = ("sparsity", "likelihood", "likelihood_learning_rate") if self.rounds == 1 else ("autoencoder_learning_rate",)
        for name in unused:
            if getattr(self, name) != getattr(type(self), name):
                found.append(f"{name} does nothing with rounds of {self.rounds}. Leave it out, or set rounds otherwise.")
        if self.rounds > 1 and not self.decoder_learns:
            found.append(
                f"With rounds ({self.rounds}) no autoencoder teaches the decoder, so it has to learn in the game: leave out "
                "decoder_learns, or set rounds to 1."
            )
        return found

    def remarks(self, spec: RecordsSpec) -> list[str]:
        """See Recipe."""
        learned = "The autoencoder learns" if self.rounds == 1 else "Effects of codes on later ones are learned"
        first = f"{learned} alone for {self.autoencoder_steps:,} steps, and the game begins after them (--autoencoder-steps)."
        return [*super().remarks(spec), *([first] if self.autoencoder_steps else [])]

    def build(self, spec: RecordsSpec) -> RecordGame:
        """See Recipe."""
        width = spec.shape[0]
        decoder = nets.Decoder(self.latent_size, width, self.sharpness)
        decoder.begin_at(chances_of(spec))
        encoder = nets.Encoder(width, self.latent_size) if self.rounds == 1 else None
        if encoder is None:
            nn.init.zeros_(decoder.layer.weight)  # what effects have learned is not disturbed when the game begins
        generator = nets.Generator(self.latent_size, self.generator_layers)
        return RecordGame(spec, encoder, decoder, generator, nets.Discriminator(width, self.discriminator_hidden), self)


def rounds_of(spec: RecordsSpec, rounds: int) -> Int64[Tensor, " width"]:
    """The round of each indicator. Those of a round come independently, so items that are about as frequent are in different ones: they are
    more often of one kind, and exclude each other.
    """
    ranks = np.argsort(np.argsort(-spec.shares[spec.firsts], kind="stable"), kind="stable")
    return torch.from_numpy(np.repeat(ranks % rounds, [len(item.thresholds) for item in spec.items]))


def chances_of(spec: RecordsSpec) -> Float[Tensor, " width"]:
    """How often each indicator is there where the one below it is."""
    shares, below = spec.shares, spec.previous
    of_below = [1.0 if place < 0 else max(shares[place], 1e-9) for place in below.tolist()]
    with torch.device("cpu"):
        return torch.tensor([share / other for share, other in zip(shares.tolist(), of_below, strict=True)])
