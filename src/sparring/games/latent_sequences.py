"""A GAN of the codes that an autoencoder makes of sequences: the autoencoder learns first, then the GAN (Prykhodko et al. 2019)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, cast

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn.functional import cross_entropy

from sparring.core.batch import Batch, Labels
from sparring.core.errors import SettingsError
from sparring.core.random_streams import Streams
from sparring.core.settings_checks import Ranges
from sparring.data.sequences.pieces import Pieces
from sparring.data.sequences.sequence_spec import SequenceSpec
from sparring.games.adversarial import TwoPlayerGame
from sparring.games.adversarial_settings import AdversarialSettings
from sparring.games.exported_parts import ExportChoices, Part, PartName
from sparring.games.game import Player, Turn, evaluating
from sparring.games.sequence_game import SAMPLE_CHUNK, draw_codes, places_read
from sparring.games.step_context import StepContext
from sparring.losses.objectives import Losses, ObjectiveName
from sparring.nets import mlp
from sparring.nets.latentgan import CodeGenerator, SequenceDecoder, SequenceEncoder, normalized
from sparring.optimizers.optimizers import maker


class LatentSequenceGame(TwoPlayerGame):
    """Three players. The autoencoder learns codes that sequences can be recovered from; then generator and discriminator play for these
    codes. What the discriminator sees are codes of shape (n, 1, code); samples are tokens.
    """

    sample_chunk = SAMPLE_CHUNK

    def __init__(self, spec: SequenceSpec, settings: "LatentSequenceRecipe") -> None:
        classes = settings.class_counts(spec)
        generator = CodeGenerator(
            settings.code_size, settings.latent_size, settings.generator_hidden, straight=settings.straight, **classes[0]
        )
        shape = (settings.packing, settings.code_size)
        discriminator = mlp.Discriminator(
            shape, settings.discriminator_hidden, minibatch_deviation=settings.minibatch_deviation, **classes[1]
        )
        super().__init__(spec, generator, discriminator, settings)
        self.own = settings
        self.pieces = Pieces(spec) if spec.pieces else None
        vocabulary = spec.vocabulary if self.pieces is None else len(self.pieces)
        self.encoder = SequenceEncoder(spec.vocabulary, spec.length, settings.code_size, settings.encoder_channels)
        self.decoder = SequenceDecoder(
            vocabulary, spec.length, settings.code_size, settings.decoder_hidden, dropout=settings.decoder_dropout
        )
        optimizer = maker("adam", settings.autoencoder_learning_rate, betas=settings.autoencoder_betas, momentum=0.0)
        self.players = (Player("autoencoder", ("encoder", "decoder"), optimizer, has_ema=settings.ema_samples > 0), *self.players)
        begin = settings.autoencoder_steps
        self.turns = (
            Turn("autoencoder", "autoencoder", self.play_autoencoder, stop=begin),
            *(replace(turn, start=begin) for turn in self.turns),
        )
        self.sampling_networks = ("generator", "decoder", "encoder")

    @property
    def sequence_spec(self) -> SequenceSpec:
        """See `capabilities.MakesSequences`."""
        return cast(SequenceSpec, self.spec)

    # ------------------------------------------------------------------------------------------------------- turns

    def play_autoencoder(self, context: StepContext) -> Losses:
        """Recover sequences from their codes, to which noise is added so that codes nearby are of the same sequence: in nats a token, the
        end being one.
        """
        tokens = context.batch.samples.long()
        codes = self.encoder(tokens)
        noisy = codes + self.own.code_noise * context.streams.normal("codes", *codes.shape)
        pieces = tokens if self.pieces is None else self.pieces.of_tokens(tokens)
        read = places_read(pieces)
        logits = self.decoder(normalized(noisy), pieces, read.sum(dim=1).long()).float()
        wanted = pieces[read > 0]
        errors = torch.zeros_like(read).masked_scatter(read > 0, cross_entropy(logits, wanted, reduction="none"))
        context.metrics["autoencoder/wrong_tokens"] = (logits.argmax(dim=1) != wanted).float().mean()
        return {"reconstruction": errors.sum(dim=1) / places_read(tokens).sum(dim=1).mean()}

    def at_current_level(self, context: StepContext) -> StepContext:
        """See TwoPlayerGame: real samples are codes, with noise as the decoder learned from, and several of each sequence."""
        copies = max(1, self.own.noisy_copies)

        def several(labels: Labels | None) -> Labels | None:
            return None if labels is None else labels.repeat_interleave(copies, dim=0)

        def encoded() -> Batch:
            with torch.no_grad():
                codes = self.encoder(context.batch.samples.long()).repeat_interleave(copies, dim=0)
                if self.own.noisy_copies:
                    codes = normalized(codes + self.own.code_noise * context.streams.normal("codes", *codes.shape))
                return Batch(codes[:, None], several(context.batch.labels))

        return replace(context, draw=encoded, draw_labels=lambda: several(context.draw_labels()), batch_size=context.batch_size * copies)

    def discriminate(
        self,
        shown: Float[Tensor, "packs ..."],
        labels: Labels | None,
        weights: Any = None,  # noqa: ANN401 (see TwoPlayerGame)
    ) -> tuple[Float[Tensor, " packs"], Float[Tensor, "packs classes"]]:
        """See TwoPlayerGame. Sequences, which are packed as one row, are encoded before."""
        if shown.ndim == 2:
            tokens = shown.reshape(-1, self.sequence_spec.length).long()
            shown = self.encoder(tokens).view(len(shown), -1, self.own.code_size)
        return super().discriminate(shown, labels, weights)

    # ----------------------------------------------------------------------------------------------------- samples

    def sample(
        self, n: int, seed: int = 0, labels: Labels | None = None, first: int = 0, truncation: float | None = None
    ) -> Float[Tensor, "n length"]:
        """See LatentGame. Where tokens are drawn, truncation is the temperature."""
        if not self.own.temperature:
            return super().sample(n, seed, labels, first, truncation)
        latents, condition = self.asked_for(n, seed, labels, first)
        offset = first % self.sample_chunk
        codes = self.in_chunks(lambda rows, conditions: self.generator(rows, conditions)[:, 0], latents, condition, offset)
        return self.in_chunks(lambda rows, chances: self.decoded(rows, chances, truncation), codes, self.chances(n, seed, first), offset)

    def generate(
        self, latents: Float[Tensor, "n latent"], condition: Float[Tensor, "n classes"] | None, truncation: float | None = None
    ) -> Float[Tensor, "n length"]:
        """See LatentGame: the likeliest sequence of each generated code."""
        return self.decoded(super().generate(latents, condition, truncation)[:, 0])

    def codes_of(self, latents: Float[Tensor, "n latent"], condition: Float[Tensor, "n classes"] | None) -> Float[Tensor, "n code"]:
        """See `capabilities.HasCodes`."""
        return self.in_chunks(lambda rows, conditions: self.generator(rows, conditions)[:, 0], latents, condition)

    def encoded(self, samples: Float[Tensor, "n length"]) -> Float[Tensor, "n code"]:
        """See `capabilities.HasCodes`."""
        return self.in_chunks(lambda rows, _: self.encoder(rows.long()), samples, None)

    def chances(self, n: int, seed: int, first: int = 0) -> Float[Tensor, "n length"] | None:
        """See `capabilities.HasCodes`: a number for each token."""
        if not self.own.temperature:
            return None
        drawn = []
        for chunk in range(first // self.sample_chunk, -(-(first + n) // self.sample_chunk)):
            streams = Streams(seed, chunk, device=self.device, scope="sample")
            drawn.append((streams.uniform("tokens", self.sample_chunk, self.sequence_spec.length) + 1) / 2)
        return torch.cat(drawn)[first % self.sample_chunk :][:n]

    def of_codes(self, codes: Float[Tensor, "n code"], chances: Float[Tensor, "n length"] | None = None) -> Float[Tensor, "n length"]:
        """See `capabilities.HasCodes`."""
        return self.in_chunks(self.decoded, codes, chances)

    def decoded(
        self, codes: Float[Tensor, "n code"], chances: Float[Tensor, "n length"] | None = None, temperature: float | None = None
    ) -> Float[Tensor, "n length"]:
        """The sequence of each code, which need not be normalized: drawn by `chances` at a temperature (None: the recipe's), or without
        them the likeliest token at each step.
        """
        spec, unknown = self.sequence_spec, self.sequence_spec.unknown
        heat = self.own.temperature if temperature is None else temperature

        def choose(logits: Float[Tensor, "n vocabulary"], place: int) -> Int64[Tensor, " n"]:
            if chances is not None:
                return draw_codes(logits, chances[:, place], heat, unknown)
            if unknown is not None:
                logits = logits.index_fill(1, torch.tensor([unknown], device=logits.device), -torch.inf)
            return logits.argmax(dim=1)

        with evaluating(self.decoder):
            written = self.decoder.decode(normalized(codes), spec.length, choose)
        return (written if self.pieces is None else self.pieces.tokens_of(written, spec.length)).float()

    def exported_parts(self, choices: ExportChoices) -> Mapping[PartName, Part]:
        """See `capabilities.Exports`: there is none."""
        raise SettingsError(
            f"This model writes a sequence token by token, in {self.sequence_spec.length} passes of its decoder, and an exported file is "
            "one pass. Use it with Sparring."
        )


@dataclass(frozen=True, kw_only=True)
class LatentSequenceRecipe(AdversarialSettings):
    """An autoencoder of sequences, and a GAN of its codes."""

    modality: ClassVar[str] = "sequences"
    settings_for: ClassVar[Mapping[str, Mapping[str, object]]] = {}
    ranges: ClassVar[Ranges] = {
        **AdversarialSettings.ranges,
        "code_size": {"at least": 2, "at most": 2**14},
        "pieces": {"at least": 0, "at most": 2**12},
        "encoder_channels": {"at least": 1, "at most": 2**12},
        "decoder_hidden": {"at least": 1, "at most": 2**14},
        "decoder_dropout": {"at least": 0, "less than": 1},
        "generator_hidden": {"at least": 1, "at most": 2**14},
        "discriminator_hidden": {"at least": 1, "at most": 2**14},
        "autoencoder_steps": {"at least": 1},
        "autoencoder_learning_rate": {"more than": 0},
        "autoencoder_betas": {"at least": 0, "less than": 1},
        "code_noise": {"at least": 0},
        "noisy_copies": {"at least": 0, "at most": 1024},
        "temperature": {"at least": 0},
    }
    of_older_runs: ClassVar[Mapping[str, object]] = {
        "straight": False, "noisy_copies": 0, "temperature": 0.0, "pieces": 0, "encoder_channels": 128, "decoder_dropout": 0.0,
    }  # fmt: skip

    batch_size: int = 64
    """Number of real sequences in each batch."""
    code_size: int = 40
    """Number of dimensions of the codes that the autoencoder makes of sequences."""
    pieces: int = 100
    """Number of frequent runs of tokens that the decoder writes as one (byte pair encoding of the training data). 0: token by token."""
    encoder_channels: int = 64
    """Channels of the encoder's convolutions; the last has twice as many."""
    decoder_hidden: int = 256
    """Number of units of the decoder's LSTM."""
    decoder_dropout: float = 0.1
    """Share of what goes into the decoder's LSTM and comes out of it that is left out at random while it learns."""
    generator_hidden: tuple[int, ...] = (256, 256)
    """Number of units of each hidden layer of the generator of codes."""
    straight: bool = True
    """Add a linear map of the latent to what the generator's hidden layers give: codes are nearly normal, and so are latents."""
    discriminator_hidden: tuple[int, ...] = (256, 256)
    """Number of units of each hidden layer of the discriminator of codes."""
    autoencoder_steps: int = 9000
    """Number of steps in which the autoencoder learns alone. The GAN learns after it."""
    autoencoder_learning_rate: float = 3e-3
    """Learning rate of the autoencoder at first. It falls to nothing over its steps."""
    autoencoder_betas: tuple[float, float] = (0.9, 0.99)
    """Adam's decay rates of the autoencoder, for the mean and the variance of gradients."""
    code_noise: float = 1.0
    """Standard deviation of the noise that is added to codes while the autoencoder learns. Codes have a standard deviation of 1. With less,
    sequences are recovered more exactly, and generated codes make less sense."""
    noisy_copies: int = 8
    """Number of times that the game sees each code of its batch, each time with noise as the decoder learned from. 0: once, without
    noise."""
    temperature: float = 0.1
    """Temperature at which each token of a sample is chosen at random, as likely as the decoder says. 1: as it has learned; less: the
    likelier ones more often. 0: the likeliest."""
    objective: ObjectiveName = "relativistic"
    """Losses of generator and discriminator. (For the others, see `sparring train dcgan --help`.)"""
    learning_rate: float = 1e-3
    """Learning rate of generator and discriminator."""
    betas: tuple[float, float] = (0.0, 0.99)
    """Adam's decay rates of generator and discriminator, for the mean and the variance of gradients."""
    r1: float | None = 1.0
    """Weight gamma of R1, which is gamma / 2 times the squared gradient at real codes. 0: no penalty. None: by the number of steps."""
    r2: float | None = 1.0
    """Weight gamma of R2, the same at generated codes. None: the same as R1's."""
    penalty_every: int = 2
    """Compute gradient penalties only every this many steps, with weights that are as many times larger (lazy regularization)."""

    def rate_factor(self, real_samples: int) -> float:
        """See Recipe. The autoencoder's rate falls along a line."""
        left = 1 - real_samples / (self.autoencoder_steps * self.batch_size)
        return super().rate_factor(real_samples) * (max(left, 0.02) if left > 0 else 1.0)

    def incompatibilities(self, spec: SequenceSpec) -> list[str]:
        """See Recipe."""
        found = super().incompatibilities(spec)
        if self.augment != "none":
            found.append("augment is for images. Leave it out.")
        return found

    def remarks(self, spec: SequenceSpec) -> list[str]:
        """See Recipe."""
        return [*super().remarks(spec), f"The generator begins to play in step {self.autoencoder_steps + 1:,} (--autoencoder-steps)."]

    def class_counts(self, spec: SequenceSpec) -> tuple[dict[str, int], dict[str, int]]:
        """How many classes generator and discriminator are told, and how (see `games.adversarial`)."""
        count = len(spec.condition_names)
        told = self.condition in {"concatenate", "auxiliary"}
        return (
            {"concatenated": count if told else 0, "normalized": count if self.condition == "projection" else 0},
            {
                "concatenated": count * self.packing if self.condition == "concatenate" else 0,
                "projected": count * self.packing if self.condition == "projection" else 0,
                "named": count if self.condition == "auxiliary" else 0,
            },
        )

    def build(self, spec: SequenceSpec) -> LatentSequenceGame:
        """See Recipe."""
        return LatentSequenceGame(spec, self)
