"""A game of rows in which only the discriminator sees real ones, so that limiting its gradients makes all of it private."""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import grad

from sparring.core.batch import Batch
from sparring.data.tables.table_spec import TableSpec
from sparring.games.game import RowLosses, weights_in
from sparring.games.step_context import StepContext
from sparring.games.table_gan import CompletingTableGame, TableAdversarialRecipe
from sparring.losses.objectives import Losses

Weights = dict[str, Tensor]


class PrivateTableGame(CompletingTableGame):
    """The discriminator's gradients are limited row by row: each real row is with one generated row, which has its known cells. The
    generator learns from the discriminator alone (Xie et al. 2018): its known cells are those of rows that it has made itself.
    """

    def __init__(self, spec: TableSpec, generator: nn.Module, discriminator: nn.Module, settings: TableAdversarialRecipe) -> None:
        super().__init__(spec, generator, discriminator, settings)
        first, *others = self.turns
        self.turns = (replace(first, row_losses=self.discriminator_row_losses), *others)

    def play_generator(self, context: StepContext) -> Losses:
        """See TwoPlayerGame."""
        with torch.no_grad():
            own = self.generate(self.latents(replace(context.streams, scope=f"{context.streams.scope}/own"), context.batch_size), None)
        return super().play_generator(replace(context, draw=lambda: Batch(own)))

    def discriminator_row_losses(self, context: StepContext) -> RowLosses:
        """See Turn.row_losses."""
        batch = context.batch
        context = replace(context, draw=lambda: batch, batch_size=len(batch.samples))
        with torch.no_grad():
            generated = self.generate_fakes(context, None)
        strength = 0 if context.step % self.settings.penalty_every else self.settings.penalty_every

        def losses(
            weights: Weights, real: Float[Tensor, " w"], generated: Float[Tensor, " w"], told: Float[Tensor, " c"]
        ) -> dict[str, Tensor]:
            own = weights_in("discriminator", weights)

            def logit(row: Float[Tensor, " w"]) -> Float[Tensor, ""]:
                return self.discriminate(torch.cat([row, told])[None], None, own)[0][0]

            sides = self.objective.discriminator(logit(real)[None], logit(generated)[None])
            found = {name: loss.sum() for name, loss in sides.items()}
            for name, gamma, row in (("r1", self.r1, real), ("r2", self.r2, generated)):
                if strength and gamma:
                    found[name] = strength * gamma / 2 * grad(logit)(row).square().sum()
            return found

        return RowLosses(losses, (batch.samples, generated, self.told(context)))
