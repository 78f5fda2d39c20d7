"""Differentially private gradients (Abadi et al. 2016, algorithm 1): limited row by row, summed, and with noise."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.func import grad, vmap

from sparring.core.errors import SettingsError
from sparring.core.privacy_accounting import NoisySums, epsilon_spent, noise_for
from sparring.core.random_streams import seed_torch
from sparring.data.dataset import PrivateDataset
from sparring.games.game import Game, RowLosses, Turn
from sparring.games.private_recipe import PrivateRecipe
from sparring.games.recipe import Recipe
from sparring.games.step_context import StepContext

CHUNK_NUMBERS = 2**24
"""Numbers that the gradients of the rows which are computed together may have."""


@dataclass(frozen=True)
class PrivateTraining:
    """How much noise the gradients of a run get, and for how many steps that is enough."""

    data: PrivateDataset
    batch_size: int
    """Mean number of rows in a batch; gradients are divided by it."""
    steps: int
    """Number of steps that the noise is computed for."""
    sums_per_step: int
    """Number of turns of a step that see real rows."""
    noise: float
    """Standard deviation of the noise, in the largest length of one row's gradient."""
    longest: float
    """The largest length of one row's gradient; longer ones are shortened."""

    def spent(self, steps: int) -> float:
        """Epsilon that the encodings and so many steps have spent together."""
        return epsilon_spent(sums_of(self.data, self.noise, self.batch_size, steps * self.sums_per_step), self.data.budget.noise_delta)

    def is_spent(self, steps: int) -> bool:
        """Whether the budget allows no step after these."""
        return steps >= self.steps

    @property
    def plan(self) -> str:
        """What is going to happen, in a sentence."""
        budget = self.data.budget
        return (
            f"Private training: epsilon {budget.epsilon:g} at delta {budget.delta:.1g} allows {self.steps:,} steps of about "
            f"{self.batch_size:,} rows, with noise of {self.noise:.2f} times the largest gradient of a row."
        )

    def account(self, steps: int) -> str:
        """What was spent, in a sentence."""
        budget = self.data.budget
        end = " The budget is used up: this run cannot train for longer." if self.is_spent(steps) else ""
        return f"Spent so far: epsilon {self.spent(steps):.3g} of {budget.epsilon:g}, at delta {budget.delta:.1g}.{end}"

    def add_gradients(self, turn: Turn, weights: Mapping[str, nn.Parameter], context: StepContext) -> dict[str, Tensor]:
        """Set the gradients of a turn's weights; gives its losses by name. Turns that see no real data need no noise."""
        if turn.row_losses is None:
            losses = turn.play(context)
            if context.used_data:  # no assertion, which can be turned off
                raise RuntimeError(f"the turn {turn.name!r} sees real data, and nothing limits how much")
            means = {f"loss/{turn.name}/{name}": loss.mean() for name, loss in losses.items()}
            torch.stack(list(means.values())).sum().backward()
            return means | context.metrics
        # A row's own random numbers must not be those of its place in the batch, which tells who is missing before it.
        streams = self.data.secret(context.streams)
        seed_torch(streams.seed_of("torch"), next(iter(weights.values())).device)
        total, means = limited_sum(turn.row_losses(replace(context, streams=streams)), weights, self.longest)
        for name, weight in weights.items():
            noise = streams.normal(f"noise/{name}", *weight.shape) * (self.noise * self.longest)
            weight.grad = (total[name] + noise) / self.batch_size
        return {f"loss/{turn.name}/{name}": mean for name, mean in means.items()}


def limited_sum(losses: RowLosses, weights: Mapping[str, nn.Parameter], longest: float) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The sum over rows of each row's gradient, shortened to `longest` where it is longer, and the mean of each loss (none of no rows).
    Rows whose gradient is not finite count for nothing: that training stops there would tell of them.
    """
    fixed = {name: weight.detach() for name, weight in weights.items()}

    def total(weights: dict[str, Tensor], *row: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        found = losses.function(weights, *row)
        return torch.stack(list(found.values())).sum(), {name: loss.detach() for name, loss in found.items()}

    by_row = vmap(grad(total, has_aux=True), in_dims=(None, *(0 for _ in losses.rows)), randomness="different")
    size = max(1, CHUNK_NUMBERS // sum(weight.numel() for weight in fixed.values()))
    summed = {name: torch.zeros_like(weight) for name, weight in fixed.items()}
    sums: dict[str, Tensor] = {}
    rows, counted = len(losses.rows[0]), 0
    for start in range(0, rows, size):
        gradients, found = by_row(fixed, *(each[start : start + size] for each in losses.rows))
        lengths = torch.stack([each.flatten(1).norm(dim=1) for each in gradients.values()]).norm(dim=0)
        finite = lengths.isfinite() & torch.stack(list(found.values())).isfinite().all(dim=0)
        factors, counted = (longest / lengths[finite].clamp(min=1e-12)).clamp(max=1), counted + int(finite.sum())
        for name, each in gradients.items():
            summed[name] += torch.einsum("n,n...->...", factors, each[finite])
        for name, loss in found.items():
            sums[name] = sums.get(name, torch.zeros(())) + loss[finite].sum()
    return summed, {name: value / counted for name, value in sums.items()} if counted else {}


def sums_of(data: PrivateDataset, noise: float, batch_size: int, count: int) -> list[NoisySums]:
    """All that is told of the rows: what the encodings are from, and `count` gradients."""
    return [data.budget.encodings, *([NoisySums(noise, min(1.0, batch_size / len(data)), count)] if count else [])]


def private_training(game: Game, recipe: Recipe, data: PrivateDataset) -> PrivateTraining:
    """How a game is trained privately on this data. SettingsError if there are fewer rows than in a batch, or no noise is enough."""
    assert isinstance(recipe, PrivateRecipe), "the adapter lets no other recipe have private data"
    samples = recipe.enough_samples(game.spec, len(data))
    assert samples is not None
    if recipe.batch_size > len(data):
        raise SettingsError(f"batch_size ({recipe.batch_size}) must be at most the number of rows that are trained on, {len(data)}.")
    steps = math.ceil(samples / recipe.batch_size)
    per_step = sum(turn.repeat for turn in game.turns if turn.row_losses is not None)
    budget = data.budget
    noise = noise_for(budget.epsilon, budget.noise_delta, lambda noise: sums_of(data, noise, recipe.batch_size, steps * per_step))
    return PrivateTraining(data, recipe.batch_size, steps, per_step, noise, recipe.longest_gradient)
