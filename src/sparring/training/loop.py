"""The training loop: turns in order, one optimizer step each, until the budget is used up."""

import contextlib
import functools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from sparring.core.batch import Batch, Labels
from sparring.core.errors import NonFiniteError
from sparring.core.random_streams import Streams, seed_torch
from sparring.data.dataset import ChoosesSamples, Dataset, HasLabelRows
from sparring.games.game import Game, Player, Turn
from sparring.games.recipe import Recipe
from sparring.games.step_context import StepContext
from sparring.training.callbacks.callback import Callback
from sparring.training.data_order import batch_indices
from sparring.training.ema import EMA
from sparring.training.parts import TurnParts
from sparring.training.private_gradients import PrivateTraining
from sparring.training.processes import ALONE, Processes
from sparring.training.settings import TrainSettings
from sparring.training.state import State, weights_of


@dataclass(frozen=True)
class TrainingContext:
    """What stays the same for a whole session."""

    data: Dataset
    recipe: Recipe
    settings: TrainSettings
    fabric: Fabric
    private: PrivateTraining | None = None
    """How gradients are made private; None: they are not."""
    from_scratch: bool = True
    """Whether the first weights were random."""
    processes: Processes = ALONE
    """Who plays the parts of each batch."""


def train(state: State, context: TrainingContext, callbacks: Sequence[Callback], stop_requested: Callable[[], bool]) -> str:
    """Train until the budget is used up ("budget") or a stop is requested ("stopped"), as the first process finds. `state` changes with
    every step.
    """
    settings, progress = context.settings, state.progress
    began = time.monotonic() - progress.seconds - progress.evaluation_seconds
    ema = EMA(state, context.recipe.ema_samples, ramp=context.from_scratch)
    turns = [TurnRunner(state.game, turn) for turn in state.game.turns]

    def reason_to_end() -> str:
        if progress.share_of(settings) >= 1 or (context.private is not None and context.private.is_spent(progress.step)):
            return "budget"
        return "stopped" if stop_requested() else ""

    while not (reason := context.processes.agreed(reason_to_end())):
        metrics = take_step(state, context, turns, ema)
        progress.seconds = time.monotonic() - began - progress.evaluation_seconds
        for callback in callbacks:
            callback.on_step_end(state, metrics)
    return reason


def take_step(state: State, context: TrainingContext, turns: Sequence["TurnRunner"], ema: EMA) -> dict[str, list[Tensor]]:
    """One step of the game: every turn of `turns` that is due, at the rates of the moment. Losses and metrics by name."""
    progress, metrics = state.progress, dict[str, list[Tensor]]()
    if not progress.step and turns:
        turns[0].see_first_batch(state, context)
    factor = context.recipe.rate_factor(progress.real_samples)
    for optimizer in state.optimizers.values():
        set_rate(optimizer, factor)
    before = progress.real_samples
    for turn in turns:
        if turn.turn.due(progress.step):
            for repeat in range(turn.turn.repeat):
                for name, values in turn.run(state, context, repeat, before).items():
                    metrics.setdefault(name, []).extend(values)
    progress.step += 1
    ema.update(progress.real_samples - before, progress.real_samples)
    return metrics


def set_rate(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Set the learning rate of every group to `factor` times the one that it was made with."""
    for group in optimizer.param_groups:
        group["lr"] = group.setdefault("first_lr", group["lr"]) * factor


def indices_of(data: Dataset, seed: int, batch_size: int, batch: int) -> Int64[np.ndarray, "n ..."]:
    """Indices of the samples in batch number `batch`: a column for each set, where data consists of several."""
    orders = [batch_indices(seed, count, batch_size, batch, number) for number, count in enumerate(data.counts)]
    return orders[0] if len(orders) == 1 else np.stack(orders, axis=1)


class TurnRunner:
    """Runs one turn of a game: losses, gradients, and the player's optimizer step if all is finite."""

    def __init__(self, game: Game, turn: Turn) -> None:
        self.game, self.turn = game, turn
        self.player: Player = next(player for player in game.players if player.name == turn.player)
        own = {id(module) for network in game.networks_of(self.player) for module in network.modules()}
        others = [module for module in game.modules() if id(module) not in own]
        self.named_weights = dict(weights_of(game, self.player))
        self.weights = list(self.named_weights.values())
        moved = {id(weight) for weight in self.weights}
        self.frozen_weights = [weight for weight in game.parameters() if id(weight) not in moved and weight.requires_grad]
        self.frozen_statistics = [module for module in others if getattr(module, "track_running_stats", False)]
        # A spectral norm's estimate is a statistic too, and moves only in training.
        self.frozen_parametrizations = [
            module for one in others if is_parametrized(one) for module in parametrizations_of(one) if module.training
        ]

    @contextlib.contextmanager
    def other_players_frozen(self) -> Iterator[None]:
        """Weights of other players get no gradients, and their batch norms update no statistics."""
        for weight in self.frozen_weights:
            weight.requires_grad_(False)
        for module in self.frozen_statistics:
            vars(module)["track_running_stats"] = False
        for module in self.frozen_parametrizations:
            module.training = False
        try:
            yield
        finally:
            for weight in self.frozen_weights:
                weight.requires_grad_(True)
            for module in self.frozen_statistics:
                vars(module)["track_running_stats"] = True
            for module in self.frozen_parametrizations:
                module.training = True

    def run(self, state: State, context: TrainingContext, repeat: int, real_samples: int) -> dict[str, list[Tensor]]:
        """One optimizer step on a fresh batch; gives losses and metrics by name. A NonFiniteError leaves the player as it was."""
        progress, optimizer = state.progress, state.optimizers[self.player.name]
        processes, parts = context.processes, context.settings.parts
        found: dict[str, list[Tensor]] = {}
        used_data = False
        together = TurnParts(self.game, self.weights, parts, processes) if parts > 1 else None
        with self.other_players_frozen():
            for part in processes.own_parts(parts):
                step_context = self.step_context(state, context, repeat, part, real_samples)
                seed_torch(step_context.streams.seed_of("torch"), context.fabric.device)
                for name, value in self.add_gradients(step_context, context).items():
                    found.setdefault(name, []).append(value.detach() if together is None else value.detach().clone())
                used_data |= step_context.used_data
                if together is not None:
                    together.add(part)
        if together is not None:
            together.finish()
            found = processes.gather_metrics(found)
        state.gradients[self.turn.name] = norms = self.gradient_norms()
        found[f"gradient/{self.turn.name}"] = [norms.norm()]
        self.check_finite(found, progress.step)
        optimizer.step()
        if self.player.after_step is not None:
            self.player.after_step()
        optimizer.zero_grad(set_to_none=True)
        progress.batches += used_data
        progress.real_samples += context.recipe.batch_size if self.counts_samples(progress.step) else 0
        return found

    def see_first_batch(self, state: State, context: TrainingContext) -> None:
        """Let the game set what depends on the first part of the first batch, which every process looks at."""
        with context.fabric.autocast():
            self.game.see_first_batch(self.step_context(state, context, 0, 0, 0))

    def add_gradients(self, step_context: StepContext, context: TrainingContext) -> dict[str, Tensor]:
        """Add the gradients of the losses to those of the weights; gives losses and the turn's metrics by name."""
        if context.private is not None:
            return context.private.add_gradients(self.turn, self.named_weights, step_context)
        loss, measured = self.losses(step_context, context.fabric)
        parts = context.settings.parts
        context.fabric.backward(loss if parts == 1 else loss / parts)
        return measured

    def losses(self, step_context: StepContext, fabric: Fabric) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """The scalar that is minimized, and its terms and the turn's metrics by name."""
        with fabric.autocast():
            losses = self.turn.play(step_context)
        means = {f"loss/{self.turn.name}/{name}": loss.mean() for name, loss in losses.items()}
        return functools.reduce(torch.add, means.values()), means | step_context.metrics

    def step_context(self, state: State, context: TrainingContext, repeat: int, part: int, real_samples: int) -> StepContext:
        """What the turn gets to see: its part of the next batch, and random streams of its own."""
        settings, progress, device = context.settings, state.progress, context.fabric.device
        data, size = context.data, context.recipe.batch_size // settings.parts
        batch = progress.batches

        def draw() -> Batch:
            if isinstance(data, ChoosesSamples):
                return data.choose(streams, size).to(device)
            indices = indices_of(data, settings.seed, context.recipe.batch_size, batch)
            return data.batch(indices[part * size : (part + 1) * size]).to(device)

        def draw_labels() -> Labels | None:
            labels = data.label_rows if isinstance(data, HasLabelRows) and data.label_rows is not None else data.labels
            if labels is None:
                return None
            indices = streams.integers("labels", len(data), size).cpu().numpy()
            return torch.from_numpy(labels[indices]).to(device)

        streams = Streams(settings.seed, progress.step, device=device, scope=f"{self.turn.name}/{repeat}/{part}")
        return StepContext(
            draw, draw_labels, size, streams, progress.step, real_samples, optimizers=state.optimizers, part=part, parts=settings.parts
        )

    def counts_samples(self, step: int) -> bool:
        """Whether real samples are counted in this turn: in the first that is played in the step."""
        return self.turn is next((turn for turn in self.game.turns if turn.due(step)), None)

    def gradient_norms(self) -> Float[Tensor, " weights"]:
        """Euclidean norm of the gradient of each weight of the player, 0 where there is none."""
        if all(weight.grad is not None for weight in self.weights):
            return torch.stack(torch._foreach_norm([weight.grad for weight in self.weights]))  # pyright: ignore[reportPrivateImportUsage, reportArgumentType]
        return torch.stack([weight.new_zeros(()) if weight.grad is None else weight.grad.norm() for weight in self.weights])

    def check_finite(self, found: dict[str, list[Tensor]], step: int) -> None:
        """Raise a NonFiniteError that names the turn and every term that is infinite or not a number."""
        device = self.weights[0].device
        terms = torch.stack([value.to(device, torch.float64) for values in found.values() for value in values if value.ndim == 0])
        if not math.isfinite(sum(terms.tolist())):  # read at once: each reading waits for a GPU
            for weight in self.weights:
                weight.grad = None
            named = ", ".join(
                f"{name} = {value.double().mean().item()}"
                for name, values in found.items()
                for value in values
                if not value.isfinite().all()
            )
            raise NonFiniteError(f"In step {step + 1}, the turn {self.turn.name!r} is no longer finite: {named}. The step was not taken.")


def parametrizations_of(module: nn.Module) -> list[nn.Module]:
    """Modules that compute the weights of `module` from others (spectral norm)."""
    lists = module.get_submodule("parametrizations").children()
    return [one for each in lists for one in each.children()]
