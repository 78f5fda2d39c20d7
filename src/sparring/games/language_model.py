"""Sequences as a product of conditionals: one player predicts each token from those before it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, cast

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn.functional import cross_entropy

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
from sparring.losses.objectives import Losses
from sparring.nets.language_model import LanguageModel
from sparring.nets.recurrent import RecurrentCore
from sparring.nets.relational_memory import RelationalCore
from sparring.nets.transformer import TransformerCore
from sparring.optimizers.optimizers import maker

HEAD_WIDTH, TRANSFORMER_LAYERS = 32, 4


def negative_log_likelihood(
    model: LanguageModel, codes: Int64[Tensor, "n t"], condition: Float[Tensor, "n classes"] | None
) -> Float[Tensor, "n t"]:
    """Negative logarithm of the probability of each token and of the end; 0 in the places after it. In float32."""
    read = places_read(codes) > 0
    used = int(read.sum(dim=1).max())  # beyond the longest nothing is read
    with torch.autocast(codes.device.type, enabled=False):
        hidden = model.hidden(codes[:, :used], condition)[read[:, :used]]
        found = cross_entropy(model.logits_of(hidden), codes[read], reduction="none")
    return torch.zeros(codes.shape, device=codes.device).masked_scatter(read, found)


def draw_sequences(
    model: LanguageModel,
    spec: SequenceSpec,
    chance: Float[Tensor, "n length"],
    condition: Float[Tensor, "n classes"] | None,
    temperature: float = 1.0,
) -> Int64[Tensor, "n length"]:
    """Codes of sequences, token after token. `chance`: uniform numbers in [0, 1), which decide."""
    codes, state = model.begin(len(chance), condition)
    drawn = torch.full(chance.shape, END, device=chance.device)
    going = torch.ones(len(chance), dtype=torch.bool, device=chance.device)
    with torch.autocast(chance.device.type, enabled=False):
        for place in range(spec.length):
            logits, state = model.step(codes, state)
            codes = draw_codes(logits, chance[:, place], temperature, spec.unknown)
            going = going & (codes != END)
            if not going.any():
                break
            drawn[:, place] = torch.where(going, codes, END)
    return drawn


class LanguageModelGame(SequenceGame):
    """One player that makes the sequences of the data likelier."""

    likelihood_kind: ClassVar[LikelihoodKind] = "exact"
    """See `capabilities.HasLikelihood`."""

    def __init__(self, spec: SequenceSpec, settings: "LanguageModelRecipe") -> None:
        super().__init__(spec)
        self.settings = settings
        self.model = settings.network_for(spec)
        optimizer = maker("adam", settings.learning_rate, betas=settings.betas, momentum=0.0, weight_decay=settings.weight_decay)
        self.players = (Player("model", ("model",), optimizer, has_ema=settings.ema_samples > 0),)
        self.turns = (Turn("fit", "model", self.play),)
        self.sampling_networks = ("model",)

    def play(self, context: StepContext) -> Losses:
        """Make the sequences of a batch likelier: nats a token, the end being one."""
        codes = context.batch.samples.long()
        found = negative_log_likelihood(self.model, codes, self.condition(context.batch.labels))
        return {"negative_log_likelihood": found.sum(dim=1) / places_read(codes).sum(dim=1).mean()}

    def draw(self, streams: Streams, n: int, condition: Float[Tensor, "n classes"] | None, temperature: float) -> Int64[Tensor, "n length"]:
        """See SequenceGame."""
        chance = (streams.uniform("tokens", n, self.sequence_spec.length) + 1) / 2
        return draw_sequences(self.model, self.sequence_spec, chance, condition, temperature)

    def log_likelihood(self, samples: Float[Tensor, "n length"], labels: Labels | None = None) -> Float[Tensor, " n"]:
        """See `capabilities.HasLikelihood`."""
        codes = cast(Tensor, samples).long()
        with evaluating(self):
            return -negative_log_likelihood(self.model, codes, self.condition(labels)).sum(dim=1)

    def exported_parts(self, choices: ExportChoices) -> Mapping[PartName, Part]:
        """See `capabilities.Exports`: there is none."""
        raise SettingsError(
            f"This model draws a sequence token by token, in up to {self.sequence_spec.length} passes of its network, and an exported file "
            "is one pass. Use it with Sparring."
        )


@dataclass(frozen=True, kw_only=True)
class LanguageModelRecipe(Recipe):
    """A language model of sequences."""

    modality: ClassVar[str] = "sequences"
    ranges: ClassVar[Ranges] = {
        **Recipe.ranges,
        "weight_decay": {"at least": 0},
        "embedding": {"at least": 1, "at most": 2**12},
        "hidden": {"at least": 1, "at most": 2**14},
        "layers": {"at least": 1, "at most": 64},
        "slots": {"at least": 1, "at most": 64},
        "dropout": {"at least": 0, "less than": 1},
    }

    batch_size: int = 64
    """Number of texts in each batch."""
    ema_samples: float = 20_000
    """Half-life, in texts, of the moving average of the weights."""
    learning_rate: float = 2e-3
    """Learning rate, until it begins to fall."""
    betas: tuple[float, float] = (0.9, 0.99)
    """Adam's decay rates, for the mean and the variance of gradients."""
    weight_decay: float = 0.0
    """Weight decay: this many times the weights are added to the gradient."""
    constant_rate_samples: int | None = 100_000
    """Number of texts from which the learning rate falls with the square root of their number. None: it stays constant."""
    network: Literal["gru", "transformer", "relational"] = "gru"
    """What reads the tokens: gated recurrent units, faster for short texts on a CPU; a transformer; or a relational memory."""
    embedding: int = 128
    """Number of dimensions of each token's vector."""
    hidden: int = 384
    """Number of units of each layer, or of each slot of a relational memory. Of a transformer and of such a memory, a multiple of 32, the
    width of a head."""
    layers: int | None = None
    """Number of layers. None: 1, or 4 of a transformer. A relational memory has one."""
    slots: int = 1
    """Number of slots of a relational memory. (Nie et al. 2019: one.)"""
    dropout: float = 0.1
    """Dropout rate of what goes into each layer and comes out of the last."""

    def incompatibilities(self, spec: SequenceSpec) -> list[str]:
        """See Recipe."""
        found = super().incompatibilities(spec)
        if self.network != "gru" and self.hidden % HEAD_WIDTH:
            named = "transformer" if self.network == "transformer" else "relational memory"
            found.append(f"hidden must be a multiple of {HEAD_WIDTH} for a {named}; {self.hidden} is not.")
        if self.network == "relational" and (self.layers or 1) > 1:
            found.append(f"A relational memory has one layer; layers is {self.layers}. More slots make it larger.")
        if self.network != "relational" and self.slots > 1:
            found.append(f'slots ({self.slots}) are of a relational memory: add network="relational".')
        return found

    def network_for(self, spec: SequenceSpec) -> LanguageModel:
        """The network for such data."""
        classes = len(spec.classes)
        if self.network == "gru":
            core = RecurrentCore(self.embedding, self.hidden, self.layers or 1, classes)
        elif self.network == "relational":
            core = RelationalCore(self.embedding, self.hidden, self.slots, self.hidden // HEAD_WIDTH, classes)
        else:
            layers, heads = self.layers or TRANSFORMER_LAYERS, self.hidden // HEAD_WIDTH
            core = TransformerCore(self.embedding, self.hidden, layers, heads, spec.length, self.dropout, classes)
        return LanguageModel(spec.vocabulary, self.embedding, core, self.dropout)

    def build(self, spec: SequenceSpec) -> LanguageModelGame:
        """See Recipe."""
        return LanguageModelGame(spec, self)
