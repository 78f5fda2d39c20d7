"""An autoregressive model of a table and a critic, which chooses each row among candidates of the model."""

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from sparring.core.random_streams import Streams
from sparring.data.tables.table_spec import TableBatch, TableSpec
from sparring.games.autoregressive_table import UNKNOWN, AutoregressiveRecipe, AutoregressiveTableGame, TokenLimits
from sparring.games.game import Player, Turn, evaluating
from sparring.games.step_context import StepContext
from sparring.games.table_gan import column_shapes
from sparring.losses.objectives import Losses, objective
from sparring.nets.tabular_gan import Discriminator, gumbel
from sparring.optimizers.optimizers import maker

HIDDEN, DROPOUT = (256, 256), 0.5
"""Sizes of the critic's hidden layers, and how many of their units are left out in training, so that it does not learn single rows."""


class ResampledTableGame(AutoregressiveTableGame):
    """Two players: the predictor learns as without a critic, and the critic learns to tell the predictor's rows from real ones. A row is
    chosen among candidates by how much likelier the critic finds it to be real than generated: the ratio of both densities, if the critic
    is right (importance resampling; Azadi et al. 2019 reject by it).
    """

    def __init__(self, spec: TableSpec, settings: AutoregressiveRecipe) -> None:
        super().__init__(spec, settings)
        self.critic = Discriminator(column_shapes(spec), HIDDEN, dropout=DROPOUT)
        self.objective = objective("non-saturating")
        optimizer = maker("adam", settings.learning_rate, betas=settings.betas, momentum=0.0, weight_decay=0.0)
        self.players = (*self.players, Player("critic", ("critic",), optimizer, has_ema=settings.ema_samples > 0))
        start = settings.constant_rate_samples // settings.batch_size
        self.turns = (*self.turns, Turn("critic", "critic", self.play_critic, start=start))
        self.sampling_networks = ("predictor", "critic")

    def play_critic(self, context: StepContext) -> Losses:
        """Tell real rows from those of the predictor as it is now."""
        real = cast(TableBatch, context.batch).samples
        tokens = torch.full((len(real), len(self.tokens)), UNKNOWN, device=real.device)
        with evaluating(self.predictor):
            generated = self.table_spec.rows_of(*super().fill_chunk(tokens, context.streams, {}))
        return self.objective.discriminator(self.critic(real)[:, 0], self.critic(generated)[:, 0])

    def fill_chunk(
        self, tokens: Int64[Tensor, "n c"], streams: Streams, limits: Mapping[int, TokenLimits]
    ) -> tuple[Int64[Tensor, "n c"], Float[Tensor, "n c"]]:
        """See AutoregressiveTableGame. Candidate k of a row is the same however many there are."""
        asked = [replace(streams, scope=f"{streams.scope}/candidate {number}") for number in range(self.settings.critic)]
        found = [super(ResampledTableGame, self).fill_chunk(tokens, each, limits) for each in asked]
        codes, positions = (torch.stack(each) for each in zip(*found, strict=True))
        logits = torch.stack([self.critic(self.table_spec.rows_of(*each))[:, 0] for each in zip(codes, positions, strict=True)])
        noise = torch.stack([streams.uniform(f"choice {number}", len(tokens)) for number in range(self.settings.critic)])
        chosen = (logits.float() + gumbel(noise)).argmax(dim=0)
        rows = torch.arange(len(tokens), device=tokens.device)
        return codes[chosen, rows], positions[chosen, rows]
