"""A table as a product of conditionals: one player predicts each column of a row from any set of the others."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, cast

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from sparring.core.batch import Labels
from sparring.core.errors import SettingsError
from sparring.core.random_streams import Streams
from sparring.core.settings_checks import Ranges
from sparring.data.tables.conditions import Restriction
from sparring.data.tables.encoding import Encoding
from sparring.data.tables.table_spec import TableBatch, TableSpec
from sparring.games.capabilities import LikelihoodKind
from sparring.games.exported_parts import ExportChoices, Part, PartName
from sparring.games.game import Game, Player, RowLosses, Turn, evaluating, weights_in
from sparring.games.private_recipe import FEWEST_ROWS, PrivateRecipe
from sparring.games.recipe import Recipe
from sparring.games.step_context import StepContext
from sparring.losses.objectives import Losses
from sparring.nets.tabular_autoregressive import ColumnPredictor, width_for
from sparring.optimizers.optimizers import maker

SAMPLE_CHUNK = 2048
"""Rows are always computed in chunks of this many, so that row i of a seed does not depend on how many are asked for."""
MOST_TARGETS = 24
"""Number of columns that are predicted in one step, so that wide tables need no more memory."""
UNKNOWN = -1


@dataclass(frozen=True)
class Size:
    """Sizes of the networks where the settings leave them open."""

    bins: int
    embedding: int
    hidden: int | None
    """None: by the number of columns."""
    dropout: float


SIZE, PRIVATE_SIZE = Size(100, 16, None, 0.1), Size(32, 8, 32, 0.0)
"""Every weight of a private model has noise of its own, so it has few."""


class AutoregressiveTableGame(Game):
    """One player that learns every conditional of a table (see `nets.tabular_autoregressive`)."""

    def __init__(self, spec: TableSpec, settings: "AutoregressiveRecipe") -> None:
        super().__init__(spec)
        self.settings, self.encodings = settings, spec.encodings
        size = PRIVATE_SIZE if spec.privacy is not None else SIZE
        self.bins = settings.bins or size.bins
        self.tokens = tuple(each.first_piece + each.pieces * self.bins for each in self.encodings)
        hidden = settings.hidden or size.hidden or width_for(len(self.tokens))
        dropout = size.dropout if settings.dropout is None else settings.dropout
        places = torch.cat([token_places(each, self.bins) for each in self.encodings])
        self.predictor = ColumnPredictor(self.tokens, settings.embedding or size.embedding, hidden, dropout, places)
        self._begin_at_shares()
        rate = settings.learning_rate if spec.privacy is None else settings.private_learning_rate
        optimizer = maker("adam", rate, betas=settings.betas, momentum=0.0, weight_decay=settings.weight_decay)
        self.players = (Player("predictor", ("predictor",), optimizer, has_ema=settings.ema_samples > 0),)
        self.turns = (Turn("predict", "predictor", self.play, row_losses=self.row_losses),)
        self.sampling_networks = ("predictor",)

    conditional: ClassVar[bool] = False
    """Rows are asked for by cells (`sample_cells`), not by class."""

    @property
    def table_spec(self) -> TableSpec:
        """What a row is."""
        return cast(TableSpec, self.spec)

    def _begin_at_shares(self) -> None:
        """Biases of the heads that predict each token as often as it is in the data."""
        for encoding, head in zip(self.encodings, self.predictor.heads, strict=True):
            assert isinstance(head, nn.Linear)
            shares = torch.tensor(encoding.shares)
            spread = torch.cat([shares[: encoding.first_piece], (shares[encoding.first_piece :] / self.bins).repeat_interleave(self.bins)])
            with torch.no_grad():
                head.bias.copy_((spread + 1e-6).log())
                head.weight.mul_(0.1)

    def exported_parts(self, choices: ExportChoices) -> Mapping[PartName, Part]:
        """See `capabilities.Exports`: there is none."""
        raise SettingsError(
            f"This model draws a row column by column, in {len(self.tokens)} passes of its network, and an exported file is one pass. Use "
            "it with Sparring, or train a recipe that makes rows at once: tabular, ctgan or tvae."
        )

    # ------------------------------------------------------------------------------------------------------------- training

    def play(self, context: StepContext) -> Losses:
        """Predict columns from those before them: half of the rows in the table's order, the others in orders of their own."""
        tokens, known, targets = self.tasks(context)
        losses = self.losses_of(tokens, known, targets)
        return {"negative_log_likelihood": losses.sum(dim=0) * (tokens.shape[1] / len(targets))}

    def row_losses(self, context: StepContext) -> RowLosses:
        """See Turn."""
        tokens, known, targets = self.tasks(context)

        def losses(weights: dict[str, Tensor], tokens: Int64[Tensor, " c"], known: Bool[Tensor, "t c"]) -> dict[str, Tensor]:
            found = self.losses_of(tokens[None], known[:, None], targets, weights_in("predictor", weights))
            return {"negative_log_likelihood": found.sum() * (len(tokens) / len(targets))}

        return RowLosses(losses, (tokens, known.transpose(0, 1)))

    def tasks(self, context: StepContext) -> tuple[Int64[Tensor, "n c"], Bool[Tensor, "t n c"], Int64[Tensor, " t"]]:
        """Tokens of a batch, which columns to predict, and which columns of each row are known for each of these."""
        batch = cast(TableBatch, context.batch)
        tokens = self.tokens_of(batch.codes, batch.positions)
        rows, columns = tokens.shape
        place = context.streams.uniform("order", rows, columns).argsort(dim=1).argsort(dim=1)
        in_order = context.streams.uniform("in order", rows, 1) < 2 * self.settings.in_order - 1
        place = torch.where(in_order, torch.arange(columns, device=place.device), place)
        targets = torch.arange(columns, device=place.device)
        if columns > MOST_TARGETS:
            targets = context.streams.uniform("targets", columns).argsort()[:MOST_TARGETS].sort().values
        return tokens, place.t()[targets][:, :, None] > place[None], targets

    def losses_of(
        self,
        tokens: Int64[Tensor, "n c"],
        known: Bool[Tensor, "t n c"],
        targets: Int64[Tensor, " t"],
        weights: dict[str, Tensor] | None = None,
    ) -> Float[Tensor, "t n"]:
        """Negative logarithm of the probability of each target's token, given the columns that are known. `weights`: in place of the
        predictor's own.
        """
        asked = tokens, known, targets
        logits = self.predictor(*asked) if weights is None else functional_call(self.predictor, weights, asked)
        each = zip(logits, tokens.t()[targets], strict=True)
        return torch.stack([cross_entropy(own.float(), truth, reduction="none") for own, truth in each])

    # ---------------------------------------------------------------------------------------------- tokens and positions

    def tokens_of(self, codes: Int64[Tensor, "n c"], positions: Float[Tensor, "n c"]) -> Int64[Tensor, "n c"]:
        """Tokens of rows: codes, where those of pieces are split by position."""
        first = torch.tensor([each.first_piece for each in self.encodings], device=codes.device)
        bins = ((positions + 1) / 2 * self.bins).long().clamp(0, self.bins - 1)
        return torch.where(codes < first, codes, first + (codes - first) * self.bins + bins)

    def codes_of(self, tokens: Int64[Tensor, "n c"], within: Float[Tensor, "n c"]) -> tuple[Int64[Tensor, "n c"], Float[Tensor, "n c"]]:
        """Codes and positions of tokens. `within`: the place in the token's bin, 0 to 1."""
        first = torch.tensor([each.first_piece for each in self.encodings], device=tokens.device)
        in_piece = tokens >= first
        past = tokens - first
        codes = torch.where(in_piece, first + past // self.bins, tokens)
        positions = 2 * (past % self.bins + within) / self.bins - 1
        return codes, torch.where(in_piece, positions, torch.zeros_like(positions))

    # ------------------------------------------------------------------------------------------------------------- sampling

    def sample(
        self, n: int, seed: int = 0, labels: Labels | None = None, first: int = 0, truncation: float | None = None
    ) -> Float[Tensor, "n width"]:
        """See `capabilities.Samples`. There are no classes and no truncation."""
        return self.table_spec.rows_of(*self.complete_cells(n, seed, first, {}, None))

    def complete_cells(
        self,
        n: int,
        seed: int,
        first: int,
        restrictions: Mapping[int, Restriction],
        given: tuple[Int64[Tensor, "n c"], Float[Tensor, "n c"], Bool[Tensor, "n c"]] | None,
    ) -> tuple[Int64[Tensor, "n c"], Float[Tensor, "n c"]]:
        """See `capabilities.CompletesRows`. Columns with restrictions are drawn first."""
        limits = {number: TokenLimits.of(each, self.encodings[number].first_piece, self.bins) for number, each in restrictions.items()}
        known_tokens = None if given is None else torch.where(given[2], self.tokens_of(given[0], given[1]), UNKNOWN)
        codes, positions = [], []
        with evaluating(self):
            for chunk in range(first // SAMPLE_CHUNK, -(-(first + n) // SAMPLE_CHUNK)):
                start = chunk * SAMPLE_CHUNK
                some = slice(max(first - start, 0), min(first + n - start, SAMPLE_CHUNK))
                streams = Streams(seed, chunk, device=self.device, scope="sample")
                tokens = torch.full((SAMPLE_CHUNK, len(self.tokens)), UNKNOWN, device=self.device)
                if known_tokens is not None:
                    tokens[some] = known_tokens[start + some.start - first : start + some.stop - first].to(self.device)
                found = self.fill_chunk(tokens, streams, limits)
                codes.append(found[0][some])
                positions.append(found[1][some])
        drawn = torch.cat(codes), torch.cat(positions)
        return drawn if given is None else (drawn[0], torch.where(given[2].to(self.device), given[1].to(self.device), drawn[1]))

    def fill_chunk(
        self, tokens: Int64[Tensor, "n c"], streams: Streams, limits: Mapping[int, "TokenLimits"]
    ) -> tuple[Int64[Tensor, "n c"], Float[Tensor, "n c"]]:
        """Codes and positions of rows in which some tokens are known, with the random numbers of these rows."""
        return self.fill(tokens, (streams.uniform("cells", *tokens.shape, 2) + 1) / 2, limits)

    def fill(
        self, tokens: Int64[Tensor, "n c"], draws: Float[Tensor, "n c 2"], limits: Mapping[int, "TokenLimits"]
    ) -> tuple[Int64[Tensor, "n c"], Float[Tensor, "n c"]]:
        """Draw the tokens that are not known, column after column: those with limits first. `draws`: uniform in [0, 1)."""
        tokens, within = tokens.clone(), draws[:, :, 1].clone()
        known, predictor = tokens != UNKNOWN, self.predictor
        in_order = not limits and not known.any()
        embedded = predictor.embedded(tokens.clamp(min=0))
        for column in sorted(range(len(self.tokens)), key=lambda column: (column not in limits, column)):
            chances = predictor.logits(embedded, None if in_order else known, column).float().softmax(dim=1)
            if (limit := limits.get(column)) is not None:
                chances = limit.applied(chances)
            upto = chances.cumsum(dim=1)
            drawn = torch.searchsorted(upto, draws[:, column, :1].contiguous() * upto[:, -1:], right=True)[:, 0]
            last = (chances > 0).long().cumsum(dim=1).argmax(dim=1)  # rounding must not lead past the last token that is allowed
            tokens[:, column] = torch.where(known[:, column], tokens[:, column], torch.minimum(drawn, last))
            if limit is not None:
                within[:, column] = limit.place(tokens[:, column], within[:, column])
            known[:, column] = True
            embedded[:, column] = predictor.embedding_of(tokens[:, column] + predictor.starts[column])
        return self.codes_of(tokens, within)

    likelihood_kind: ClassVar[LikelihoodKind] = "exact"
    """See `capabilities.HasLikelihood`."""

    def log_likelihood(self, samples: Float[Tensor, "n width"], labels: Labels | None = None) -> Float[Tensor, " n"]:
        """See `capabilities.HasLikelihood`. Of the tokens, in the table's order; there are no classes."""
        tokens = self.tokens_of(*self.table_spec.codes_of(samples))
        columns = torch.arange(len(self.tokens), device=tokens.device)
        known = (columns[:, None] > columns)[:, None].expand(-1, len(tokens), -1)
        with evaluating(self):
            return -self.losses_of(tokens, known, columns).sum(dim=0)


def token_places(encoding: Encoding, bins: int) -> Float[Tensor, " tokens"]:
    """The place of each token of a column among its values, 0 to 1, by how often they are; NaN for tokens that have no order."""
    if not encoding.is_numeric:
        return torch.full((encoding.codes,), torch.nan)
    in_pieces = np.repeat(np.arange(encoding.first_piece, encoding.codes, dtype=np.int32), bins)
    codes = np.concatenate([np.arange(encoding.first_piece, dtype=np.int32), in_pieces])
    middles = np.tile((np.arange(bins, dtype=np.float32) + 0.5) / bins * 2 - 1, encoding.pieces)
    numbers = encoding.decode(codes, np.concatenate([np.zeros(encoding.first_piece, np.float32), middles])).numbers
    assert numbers is not None
    of_codes = np.asarray(encoding.shares)
    of_bins = np.repeat(of_codes[encoding.first_piece :] / bins, bins)
    shares = np.concatenate([of_codes[: encoding.first_piece], of_bins])
    known = ~np.isnan(numbers)
    order = np.flatnonzero(known)[np.argsort(numbers[known], kind="stable")]
    upto = np.cumsum(shares[order])
    places = np.full(len(codes), np.nan)
    places[order] = (upto - shares[order] / 2) / max(upto[-1], 1e-12) if len(order) else 0.0
    return torch.tensor(places.tolist())


@dataclass(frozen=True, eq=False)
class TokenLimits:
    """What the tokens of one column may be."""

    first_piece: int
    low: Float[Tensor, " tokens"]
    """Where the part of each token that is allowed begins, 0 to 1."""
    high: Float[Tensor, " tokens"]
    """Where it ends; equal to `low` for tokens that are not allowed."""

    @classmethod
    def of(cls, restriction: Restriction, first_piece: int, bins: int) -> "TokenLimits":
        """From what codes and positions may be."""
        allowed = torch.from_numpy(restriction.codes)
        places = torch.arange(bins)
        low = ((restriction.low + 1) / 2 * bins - places).clamp(0, 1)
        high = ((restriction.high + 1) / 2 * bins - places).clamp(0, 1)
        if restriction.low >= restriction.high:  # a single number: the whole of its bin leads there
            at = min(int((restriction.low + 1) / 2 * bins), bins - 1)
            place = (restriction.low + 1) / 2 * bins - at
            low, high = torch.where(places == at, place, 0.0), torch.where(places == at, place + 1e-6, 0.0)
        codes, pieces = allowed[:first_piece].float(), allowed[first_piece:].float().repeat_interleave(bins)
        repeat = len(allowed) - first_piece
        lows = torch.cat([torch.zeros_like(codes), low.repeat(repeat)])
        highs = torch.cat([codes, torch.where(pieces > 0, high.repeat(repeat), low.repeat(repeat))])
        return cls(first_piece, lows, highs)

    def applied(self, chances: Float[Tensor, "n tokens"]) -> Float[Tensor, "n tokens"]:
        """Chances of the tokens that are allowed; where all of them are zero, tokens that are allowed are equally likely."""
        weights = (self.high - self.low).clamp(min=0).to(chances.device)
        allowed = chances * weights
        none = allowed.sum(dim=1, keepdim=True) <= 0
        return torch.where(none, weights.expand_as(allowed), allowed)

    def place(self, tokens: Int64[Tensor, " n"], within: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        """Places in the bins of tokens, moved into the part of each bin that is allowed."""
        low, high = self.low.to(tokens.device)[tokens], self.high.to(tokens.device)[tokens]
        return low + within * (high - low).clamp(min=0)


@dataclass(frozen=True, kw_only=True)
class AutoregressiveRecipe(PrivateRecipe):
    """An autoregressive model of rows."""

    modality: ClassVar[str] = "tables"
    numbers_as: ClassVar[str] = "quantiles"
    """How numbers become positions (see `data.tables.encoding`)."""
    ranges: ClassVar[Ranges] = {
        **Recipe.ranges,
        **PrivateRecipe.private_ranges,
        "weight_decay": {"at least": 0},
        "private_learning_rate": {"more than": 0},
        "bins": {"at least": 1, "at most": 2**12},
        "embedding": {"at least": 1, "at most": 2**10},
        "hidden": {"at least": 1, "at most": 2**12},
        "dropout": {"at least": 0, "less than": 1},
        "in_order": {"at least": 0, "at most": 1},
        "passes": {"at least": 1},
        "critic": {"at least": 0, "at most": 64},
    }

    batch_size: int = 500
    """Number of rows in each batch."""
    ema_samples: float = 50_000
    """Half-life, in rows, of the moving average of the weights."""
    learning_rate: float = 2e-3
    """Learning rate, until it begins to fall."""
    private_learning_rate: float = 0.012
    """Learning rate of private training, until it begins to fall."""
    betas: tuple[float, float] = (0.9, 0.99)
    """Adam's decay rates, for the mean and the variance of gradients."""
    weight_decay: float = 0.0
    """Weight decay: this many times the weights are added to the gradient."""
    constant_rate_samples: int = 40_000
    """Number of rows from which the learning rate falls with the square root of their number."""
    bins: int | None = None
    """Number of tokens that the ranks of a column's numbers are split into. Within a token all ranks are equally likely. None: 100, or 32
    in private training."""
    embedding: int | None = None
    """Size of the embedding of each cell. None: 16, or 8 in private training."""
    hidden: int | None = None
    """Number of hidden units of each column's predictor. None: by the number of columns, or 32 in private training."""
    dropout: float | None = None
    """Dropout rate of the hidden units. None: 0.1, or 0 in private training."""
    in_order: float = 0.5
    """Share of the rows that are learned in the table's order, which is that of sampling. The others come in random orders, which rows
    with known cells need."""

    critic: int = 0
    """Number of candidates for each row, among which a critic chooses: a network that learns beside the model to tell its rows from real
    ones. 0: no critic."""
    passes: int = 10
    """Number of passes through the table after which training ends, unless real_samples or steps is given. More passes repeat its rows."""

    def enough_samples(self, spec: TableSpec, count: int) -> int:
        """See Recipe."""
        return super().enough_samples(spec, count) or max(FEWEST_ROWS, self.passes * count)

    def incompatibilities(self, spec: TableSpec) -> list[str]:
        """See Recipe."""
        found = super().incompatibilities(spec)
        if self.critic and spec.privacy is not None:
            found.append("critic has no private training. Leave it out, or epsilon.")
        return found
