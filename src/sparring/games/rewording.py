"""A game that writes texts anew, in the manner of a class, around what is to be kept of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, cast

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, one_hot

from sparring.core.batch import Labels
from sparring.core.errors import SettingsError
from sparring.core.random_streams import Streams
from sparring.core.settings_checks import Ranges
from sparring.data.sequences.sequence_spec import END, SequenceSpec
from sparring.games.capabilities import LikelihoodKind
from sparring.games.exported_parts import ExportChoices, Part, PartName
from sparring.games.game import Player, Turn, evaluating
from sparring.games.recipe import Recipe
from sparring.games.sequence_game import SequenceGame, draw_codes, places_read
from sparring.games.step_context import StepContext
from sparring.games.text_scorers import TextScorers
from sparring.losses.objectives import OBJECTIVES, Losses, ObjectiveName
from sparring.nets.rewriter import START, Memory, Rewriter, StateDiscriminator
from sparring.optimizers.optimizers import maker

NOTHING = 0.1
"""Share of the texts that are reconstructed from nothing at all, so that the writer knows how likely texts are by themselves."""
REWORDED_CHUNK = 256
"""Rewordings are always computed in chunks of this many, so that those of a text do not depend on the other texts."""


class RewordingGame(SequenceGame):
    """A writer learns to write each text from what a random choice of its words leaves of it, and the class of the text. Asked for
    the other class, its states are to look to a discriminator like those of real texts of that class (professor forcing, as in the
    cross-aligned autoencoder of Shen et al. 2017, section 4.2), a scorer is to believe it, and the text must be found again in what it
    wrote. The scorers learn beside it.
    """

    likelihood_kind: ClassVar[LikelihoodKind] = "exact"
    """See `capabilities.HasLikelihood`: of texts that nothing is kept of."""

    def __init__(self, spec: SequenceSpec, settings: "RewordingRecipe") -> None:
        super().__init__(spec)
        self.settings, classes = settings, len(spec.classes)
        self.writer = Rewriter(spec.vocabulary, classes, settings.embedding, settings.hidden, settings.dropout)
        self.discriminator = StateDiscriminator(settings.hidden, classes, settings.discriminator_channels)
        self.scorers = TextScorers(spec.tokens, spec.kept_tokens)
        adam = partial(maker, "adam", momentum=0.0)
        self.players = (
            Player("writer", ("writer",), adam(settings.learning_rate, betas=settings.betas), has_ema=settings.ema_samples > 0),
            Player("discriminator", ("discriminator",), adam(settings.discriminator_learning_rate, betas=(0.5, 0.99))),
            Player("scorers", ("scorers",), adagrad(settings.scorer_learning_rate)),
        )
        begins = settings.reconstruction_samples // settings.batch_size
        self.turns = (
            Turn("score", "scorers", self.play_scorers, stop=settings.scorer_samples // settings.batch_size),
            Turn("reconstruct", "writer", self.play_reconstruct, stop=begins),
            Turn("discriminator", "discriminator", self.play_discriminator, start=begins),
            Turn("reword", "writer", self.play_reword, start=begins),
        )
        self.sampling_networks = ("writer", "scorers")

    # ------------------------------------------------------------------------------------------------------------- training

    def play_scorers(self, context: StepContext) -> Losses:
        """Tell the last class from the first, each scorer on the texts that are its own, and find how sure scorers may be of others. Texts
        of other classes say nothing.
        """
        codes, labels = context.batch.samples.long(), cast(Tensor, context.batch.labels)
        last = len(self.spec.classes) - 1
        extreme, high = ((labels == 0) | (labels == last)).float(), (labels == last).float()
        learned = self.scorers.learns(codes) * extreme[:, None]
        found = binary_cross_entropy_with_logits(self.scorers(codes), high[:, None].expand_as(learned), reduction="none")
        with torch.no_grad():
            unseen = self.scorers.unseen(codes)
        calibrated = binary_cross_entropy_with_logits(self.scorers.slope * unseen + self.scorers.shift, high, reduction="none")
        return {"cross_entropy": (found * learned).sum(dim=1), "calibration": calibrated * extreme}

    def play_reconstruct(self, context: StepContext) -> Losses:
        """Write each text from what is left of it."""
        codes = trimmed(context.batch.samples.long())
        memory = self.writer.read(self.with_gaps(codes, context.streams, nothing=NOTHING))
        return {"reconstruction": self.nats(codes, memory, self.known(codes, context.batch.labels))[0]}

    def play_discriminator(self, context: StepContext) -> Losses:
        """Tell states of the writer on real texts from those where it writes by itself."""
        codes = trimmed(context.batch.samples.long())
        known = self.known(codes, context.batch.labels)
        with torch.no_grad():
            memory = self.writer.read(self.with_gaps(codes, context.streams))
            states = self.writer.states(codes, memory, known)[0]
            asked = self.other_class(known)
            written = self.write_alone(codes.shape[1], memory, asked, context.streams)
            states_alone = self.writer.states(written, memory, asked)[0]
        real = self.discriminator(states, places_read(codes), known)
        alone = self.discriminator(states_alone, places_read(written), asked)
        return OBJECTIVES[self.settings.objective].discriminator(real, alone)

    def play_reword(self, context: StepContext) -> Losses:
        """Write each text from what is left of it, in the other class: like real ones, to a scorer's liking, and so that it can be found
        again.
        """
        settings, codes = self.settings, trimmed(context.batch.samples.long())
        known = self.known(codes, context.batch.labels)
        whole = self.writer.read(self.with_gaps(codes, context.streams, nothing=NOTHING))
        reconstruction, states = self.nats(codes, whole, known)
        memory, asked = self.writer.read(self.with_gaps(codes, context.streams, "reworded")), self.other_class(known)
        written = self.write_alone(codes.shape[1], memory, asked, context.streams)
        nats, states_alone = self.nats(written, memory, asked)
        real = self.discriminator(states.detach(), places_read(codes), known)
        adversarial = OBJECTIVES[settings.objective].generator(real, self.discriminator(states_alone, places_read(written), asked))
        reward = self.reward(codes, written, asked)
        context.metrics["reward"] = reward.mean()
        again = self.writer.read(self.with_gaps(written, context.streams, "again"))
        return {
            "reconstruction": reconstruction,
            **{name: settings.adversarial * each for name, each in adversarial.items()},
            "reward": settings.reward * standardized(reward) * nats,
            "back_translation": settings.back_translation * self.nats(codes, again, known)[0],
        }

    def reward(self, codes: Int64[Tensor, "n t"], written: Int64[Tensor, "n t"], asked: Float[Tensor, "n classes"]) -> Float[Tensor, " n"]:
        """What the guiding scorer says of texts, in the direction that is asked for, less the words to be kept that are lost or made up."""
        with torch.no_grad():
            towards = asked[:, -1] - asked[:, 0]
            return self.scorers(written)[:, 0] * towards - self.settings.keeping * self.astray(codes, written)

    def astray(self, codes: Int64[Tensor, "n t"], written: Int64[Tensor, "n u"]) -> Float[Tensor, " n"]:
        """Number of words to be kept that are in one text alone."""
        lost = self.scorers.kept[codes] & ~(codes[:, :, None] == written[:, None]).any(dim=2)
        made_up = self.scorers.kept[written] & ~(written[:, :, None] == codes[:, None]).any(dim=2)
        return (lost.sum(dim=1) + made_up.sum(dim=1)).float()

    def known(self, codes: Int64[Tensor, "n t"], labels: Labels | None) -> Float[Tensor, "n classes"]:
        """The class of each text, one-hot; zeros for texts whose class the expecting scorers learn from, and no one else sees."""
        shown = self.shown_classes(codes)[:, None]
        return one_hot(cast(Tensor, labels), len(self.spec.classes)).float() * shown

    def other_class(self, known: Float[Tensor, "n classes"]) -> Float[Tensor, "n classes"]:
        """The first class for texts of the last one, the last for all others, and none for those without one."""
        last = known.shape[1] - 1
        flipped = torch.where(known[:, last] > 0, 0, last)
        return one_hot(flipped, known.shape[1]).float() * known.sum(dim=1, keepdim=True)

    def with_gaps(self, codes: Int64[Tensor, "n t"], streams: Streams, name: str = "gaps", nothing: float = 0.0) -> Int64[Tensor, "n t"]:
        """Texts without a random choice of the words that need not be kept: of each text, another share of them. Of the share `nothing` of
        the texts no word is left.
        """
        share, chance = streams.uniform(f"{name} share", len(codes), 1), streams.uniform(name, *codes.shape)
        emptied = streams.uniform(f"{name} emptied", len(codes), 1) < 2 * nothing - 1
        return without(codes, ((chance < share) & ~self.scorers.kept[codes]) | emptied)

    def nats(
        self, codes: Int64[Tensor, "n t"], memory: Memory, condition: Float[Tensor, "n classes"]
    ) -> tuple[Float[Tensor, " n"], Float[Tensor, "n t hidden"]]:
        """Negative log-likelihood of texts over the mean number of their tokens, and the states of the writer."""
        read = places_read(codes)
        with torch.autocast(codes.device.type, enabled=False):
            states, predicting = self.writer.states(codes, memory, condition)
            each = cross_entropy(self.writer.logits_of(predicting[read > 0]), codes[read > 0], reduction="none")
        spread = torch.zeros(codes.shape, device=codes.device).masked_scatter(read > 0, each)
        return spread.sum(dim=1) / read.sum(dim=1).mean(), states

    def write_alone(
        self, length: int, memory: Memory, condition: Float[Tensor, "n classes"], streams: Streams
    ) -> Int64[Tensor, "n length"]:
        """Texts by the writer itself, without gradients."""
        with torch.no_grad():
            chance = (streams.uniform("written", len(condition), length) + 1) / 2
            return self.write(memory, condition, chance, torch.ones(len(condition), device=self.device))

    # ------------------------------------------------------------------------------------------------------------- in use

    def draw(self, streams: Streams, n: int, condition: Float[Tensor, "n classes"] | None, temperature: float) -> Int64[Tensor, "n length"]:
        """See SequenceGame: texts of which nothing is given."""
        length = self.sequence_spec.length
        chance = (streams.uniform("tokens", n, length) + 1) / 2
        assert condition is not None
        return self.write(
            self.of_nothing(n), condition, chance, torch.full((n,), temperature, device=self.device), self.sequence_spec.unknown
        )

    def of_nothing(self, n: int) -> Memory:
        """What is read of texts without words."""
        return self.writer.read(torch.full((n, 1), END, device=self.device))

    def write(
        self,
        memory: Memory,
        condition: Float[Tensor, "n classes"],
        chance: Float[Tensor, "n length"],
        temperatures: Float[Tensor, " n"],
        unknown: int | None = None,
    ) -> Int64[Tensor, "n length"]:
        """Codes of texts around what was read. `chance`: uniform numbers in [0, 1), which decide. `unknown`: a code not to be drawn."""
        writer = self.writer
        drawn = torch.full(chance.shape, END, device=chance.device)
        codes, state = torch.full((len(chance),), START, device=chance.device), writer.first_state(memory, condition)
        going = torch.ones(len(chance), dtype=torch.bool, device=chance.device)
        with torch.autocast(chance.device.type, enabled=False):
            for place in range(chance.shape[1]):
                logits, state = writer.step(writer.embedding(codes), state, memory, condition)
                codes = draw_codes(logits / temperatures[:, None], chance[:, place], 1.0, unknown)
                going = going & (codes != END)
                if not going.any():
                    break
                drawn[:, place] = torch.where(going, codes, END)
        return drawn

    def log_likelihood(self, samples: Float[Tensor, "n length"], labels: Labels | None = None) -> Float[Tensor, " n"]:
        """See `capabilities.HasLikelihood`. Without labels, of texts of the last class."""
        codes = cast(Tensor, samples).long()
        labels = torch.full((len(codes),), len(self.spec.classes) - 1, device=codes.device) if labels is None else labels
        with evaluating(self):
            found, _ = self.nats(codes, self.of_nothing(len(codes)), cast(Tensor, self.condition(labels)))
            return -found * places_read(codes).sum(dim=1).mean()

    def reword(self, codes: Int64[Tensor, "n length"], draws: int, seed: int = 0) -> Int64[Tensor, "n draws length"]:
        """See `capabilities.Rewords`."""
        texts = REWORDED_CHUNK // draws
        if not len(codes) or not texts:
            raise SettingsError(f"There must be texts to reword, and from 1 to {REWORDED_CHUNK} drawn for each.")
        found = []
        with evaluating(self):
            for some in codes.split(texts):
                chunk = torch.full((texts, codes.shape[1]), END, device=self.device)
                chunk[: len(some)] = some
                found.append(self.reword_chunk(chunk, draws, seed)[: len(some)])
        return torch.cat(found)

    def liking(self, codes: Int64[Tensor, "n length"]) -> Float[Tensor, " n"]:
        """See `capabilities.Rewords`."""
        with evaluating(self):
            return self.scorers(codes)[:, 0]

    def expected(self, codes: Int64[Tensor, "n length"]) -> Float[Tensor, " n"]:
        """See `capabilities.Rewords`."""
        with evaluating(self):
            return self.scorers.expected(codes)

    def shown_classes(self, codes: Int64[Tensor, "n length"]) -> Bool[Tensor, " n"]:
        """See `capabilities.Rewords`."""
        return self.scorers.learns(codes)[:, 0]

    def reword_chunk(self, codes: Int64[Tensor, "n length"], draws: int, seed: int) -> Int64[Tensor, "n draws length"]:
        """Rewordings by the random numbers of each text. Of the first half, the words that the guiding scorer likes least go first; of the
        others, any. How many go, and the temperature, rise from the first to the last.
        """
        n, length = codes.shape
        streams = [Streams(seed, 0, device=self.device, scope=f"reword/{row.tolist()}") for row in codes]
        chance = torch.stack([(each.uniform("tokens", draws, length) + 1) / 2 for each in streams]).flatten(0, 1)
        noise = torch.stack([(each.uniform("gaps", draws, length) + 1) / 2 for each in streams])
        level = torch.linspace(0, 1, (draws + 1) // 2, device=self.device).repeat(2)[:draws]
        movable = (codes != END) & ~self.scorers.kept[codes]
        liking = self.scorers.liking()[codes].masked_fill(~movable, torch.inf)
        rank = liking.argsort(dim=1).argsort(dim=1) / movable.sum(dim=1, keepdim=True).clamp(min=1)
        by_liking = torch.arange(draws, device=self.device) < draws // 2
        order = torch.where(by_liking[None, :, None], rank[:, None] + (noise - 0.5) * 0.4, noise)
        gone = (order < 0.15 + 0.85 * level[None, :, None]) & movable[:, None]
        repeated = codes.repeat_interleave(draws, dim=0)
        memory = self.writer.read(without(repeated, gone.flatten(0, 1)))
        condition = one_hot(torch.full((n * draws,), len(self.spec.classes) - 1, device=self.device), len(self.spec.classes)).float()
        temperatures = (0.6 + 0.4 * level).repeat(n)
        return self.write(memory, condition, chance, temperatures).view(n, draws, length)

    def exported_parts(self, choices: ExportChoices) -> Mapping[PartName, Part]:
        """See `capabilities.Exports`: there is none."""
        raise SettingsError(
            f"This model writes a text token by token, in up to {self.sequence_spec.length} passes of its network, and an exported file is "
            "one pass. Use it with `sparring reword`."
        )


def standardized(rewards: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """Rewards less their mean, over their standard deviation: weights of the log-likelihoods of what was drawn, whose gradient is that of
    the mean reward (Williams 1992, with a baseline), but for a factor.
    """
    return (rewards - rewards.mean()) / rewards.std(correction=0).clamp(min=1e-3)


def trimmed(codes: Int64[Tensor, "n length"]) -> Int64[Tensor, "n t"]:
    """Codes without the places after the end of the longest text."""
    return codes[:, : min(codes.shape[1], int((codes != END).sum(dim=1).amax()) + 1)]


def without(codes: Int64[Tensor, "n length"], gone: Bool[Tensor, "n length"]) -> Int64[Tensor, "n length"]:
    """Codes without some of them; the others move up."""
    left = (codes != END) & ~gone
    order = (~left).long().argsort(dim=1, stable=True)
    return torch.where(left, codes, END).gather(1, order)


def adagrad(rate: float) -> Callable[[list[nn.Parameter]], torch.optim.Optimizer]:
    """A function that creates AdaGrad (Duchi et al. 2011), which gives rare features a large rate."""
    return lambda weights: torch.optim.Adagrad(weights, lr=rate)


@dataclass(frozen=True, kw_only=True)
class RewordingRecipe(Recipe):
    """A writer, a discriminator of its states, and scorers."""

    modality: ClassVar[str] = "sequences"
    ranges: ClassVar[Ranges] = {
        **Recipe.ranges,
        "embedding": {"at least": 1, "at most": 2**12},
        "hidden": {"at least": 2, "at most": 2**14},
        "dropout": {"at least": 0, "less than": 1},
        "discriminator_channels": {"at least": 1, "at most": 2**12},
        "discriminator_learning_rate": {"more than": 0},
        "scorer_learning_rate": {"more than": 0},
        "scorer_samples": {"at least": 1},
        "reconstruction_samples": {"at least": 0},
        "adversarial": {"at least": 0},
        "reward": {"at least": 0},
        "keeping": {"at least": 0},
        "back_translation": {"at least": 0},
    }

    batch_size: int = 64
    """Number of texts in each batch."""
    ema_samples: float = 20_000
    """Half-life, in texts, of the moving average of the writer's weights."""
    learning_rate: float = 2e-3
    """Learning rate of the writer, until it begins to fall."""
    betas: tuple[float, float] = (0.9, 0.99)
    """Adam's decay rates for the writer, for the mean and the variance of gradients."""
    constant_rate_samples: int | None = 100_000
    """Number of texts from which learning rates fall with the square root of their number. None: they stay constant."""
    discriminator_learning_rate: float = 5e-4
    """Learning rate of the discriminator, until it begins to fall."""
    objective: ObjectiveName = "non-saturating"
    """Losses of the discriminator and of the writer against it. (See `sparring train dcgan --help`.)"""
    reconstruction_samples: int = 120_000
    """Number of texts for which the writer learns to reconstruct alone, before the others play."""
    adversarial: float = 0.1
    """Weight of the adversarial loss of the writer."""
    reward: float = 0.1
    """Weight of the scorer's reward for the writer, which is divided by its standard deviation."""
    keeping: float = 2.0
    """What each word to be kept that is lost or made up takes from the reward, in log-odds."""
    back_translation: float = 0.2
    """Weight of finding each text again in what was made of it."""
    scorer_samples: int = 150_000
    """Number of texts that the scorers learn from."""
    scorer_learning_rate: float = 0.1
    """Learning rate of the scorers."""
    embedding: int = 128
    """Number of dimensions of each token's vector."""
    hidden: int = 256
    """Number of units that read and write; an even number."""
    dropout: float = 0.2
    """Dropout rate of embeddings, and of what predicts tokens."""
    discriminator_channels: int = 64
    """Number of channels of each convolution of the discriminator."""

    def incompatibilities(self, spec: SequenceSpec) -> list[str]:
        """See Recipe."""
        found = super().incompatibilities(spec)
        if self.hidden % 2:
            found.append(f"hidden must be even; {self.hidden} is not.")
        if len(spec.classes) < 2:
            found.append("There are no classes to reword between. Give --score COLUMN (score=...), a number for each text.")
        return found

    def build(self, spec: SequenceSpec) -> RewordingGame:
        """See Recipe."""
        return RewordingGame(spec, self)
