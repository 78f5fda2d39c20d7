"""The loop: turns in order, one optimizer step each, until the budget is spent."""

import contextlib
import functools
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int64
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from sparring.core.batch import Batch
from sparring.core.errors import NonFiniteError
from sparring.core.random_streams import Streams
from sparring.data.dataset import Data
from sparring.games.game import Game, Player, Turn
from sparring.games.recipe import Recipe
from sparring.games.step_context import StepContext
from sparring.training.data_order import batch_indices
from sparring.training.ema import Average
from sparring.training.settings import TrainSettings
from sparring.training.state import Progress, State, weights_of


def indices_of(data: Data, seed: int, batch_size: int, batch: int) -> Int64[np.ndarray, "n ..."]:
    """The places of the items that batch number `batch` holds."""
    orders = [batch_indices(seed, count, batch_size, batch, kind) for kind, count in enumerate(data.counts)]
    return orders[0] if len(orders) == 1 else np.stack(orders, axis=1)


Labels = Int64[Tensor, " n"] | None
"""Named here, for annotations of inner functions are worked out at every call."""
Signals = dict[str, list[Tensor]]
"""What a step measured, by name: a tensor for each repeat of a turn. Their means are what is meant; whoever wants them takes them."""


@runtime_checkable
class Watcher(Protocol):
    """What the loop tells of itself: a recorder, a checkpointer of checkpoints."""

    def after_step(self, state: State, signals: Signals) -> None:
        """Called when a step is complete, with what its turns measured."""
        ...


@dataclass(frozen=True)
class Table:
    """Where a game is played: the data, the settings and the device. Fixed for the whole run."""

    data: Data
    recipe: Recipe
    settings: TrainSettings
    fabric: Fabric


def play(state: State, table: Table, watchers: list[Watcher], stop_asked: Callable[[], bool]) -> str:
    """Play until the budget is spent ("budget") or a stop is asked for ("stopped"); `state` moves with every step."""
    settings, progress = table.settings, state.progress
    began = time.monotonic() - progress.seconds - progress.evaluation_seconds
    average = Average(state, table.recipe.ema_samples)
    turns = [TurnTaker(state.game, turn) for turn in state.game.turns]
    while share_spent(progress, settings) < 1:
        if stop_asked():
            return "stopped"
        signals: Signals = {}
        factor = table.recipe.rate_factor(progress.real_samples)
        for optimizer in state.optimizers.values():
            set_rate(optimizer, factor)
        before = progress.real_samples
        for turn in turns:
            if turn.turn.due(progress.step):
                for repeat in range(turn.turn.repeat):
                    for name, values in turn.take(state, table, repeat, before).items():
                        signals.setdefault(name, []).extend(values)
        progress.step += 1
        average.follow(progress.real_samples - before, progress.real_samples)
        progress.seconds = time.monotonic() - began - progress.evaluation_seconds
        for watcher in watchers:
            watcher.after_step(state, signals)
    return "budget"


def share_spent(progress: Progress, settings: TrainSettings) -> float:
    """How much of the budget is used up: 1 or more when one of its limits is reached."""
    limits = ((used, getattr(settings, name)) for name, used in progress.spent.items())
    return max((used / limit if limit else math.inf for used, limit in limits if limit is not None), default=0.0)


def set_rate(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Set every group's learning rate to `factor` times what it was made with."""
    for group in optimizer.param_groups:
        group["lr"] = group.setdefault("first_lr", group["lr"]) * factor


class TurnTaker:
    """Plays one turn of a game: losses, gradients, and the player's optimizer step if all is finite."""

    def __init__(self, game: Game, turn: Turn) -> None:
        self.game, self.turn = game, turn
        self.player: Player = next(player for player in game.players if player.name == turn.player)
        own = {id(module) for network in game.networks_of(self.player) for module in network.modules()}
        others = [module for module in game.modules() if id(module) not in own]
        self.weights = [weight for _, weight in weights_of(game, self.player)]
        moved = {id(weight) for weight in self.weights}
        self.frozen_weights = [weight for weight in game.parameters() if id(weight) not in moved and weight.requires_grad]
        self.frozen_statistics = [module for module in others if getattr(module, "track_running_stats", False)]
        # A spectral norm's estimate is a statistic too, and moves only in training.
        self.frozen_parametrizations = [
            module for one in others if is_parametrized(one) for module in parametrizations_of(one) if module.training
        ]

    @contextlib.contextmanager
    def moving_only_the_player(self) -> Iterator[None]:
        """Other players' weights get no gradients, and their batch norms count nothing."""
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

    def take(self, state: State, table: Table, repeat: int, real_samples: int) -> Signals:
        """One optimizer step on a fresh batch; gives the losses and signals. A NonFiniteError leaves the player as it was."""
        settings, progress, optimizer = table.settings, state.progress, state.optimizers[self.player.name]
        found: Signals = {}
        used_data = False
        with self.moving_only_the_player():
            for part in range(settings.gradient_accumulation):
                context = self.step_context(state, table, repeat, part, real_samples)
                seed_torch(context.streams.seed_of("torch"), table.fabric.device)
                loss, measured = self.losses(context, table.fabric)
                table.fabric.backward(loss if settings.gradient_accumulation == 1 else loss / settings.gradient_accumulation)
                for name, value in measured.items():
                    found.setdefault(name, []).append(value.detach())
                used_data |= context.used_data
        state.gradients[self.turn.name] = norms = self.gradient_norms()
        found[f"gradient/{self.turn.name}"] = [norms.norm()]
        self.check_finite(found, progress.step)
        optimizer.step()
        if self.player.after_step is not None:
            self.player.after_step()
        optimizer.zero_grad(set_to_none=True)
        progress.batches += used_data
        progress.real_samples += table.recipe.batch_size if self.counts_samples else 0
        return found

    def losses(self, context: StepContext, fabric: Fabric) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """What is minimized, and its terms and the turn's signals by name."""
        with fabric.autocast():
            losses = self.turn.play(context)
        means = {f"loss/{self.turn.name}/{name}": loss.mean() for name, loss in losses.items()}
        return functools.reduce(torch.add, means.values()), means | context.signals

    def step_context(self, state: State, table: Table, repeat: int, part: int, real_samples: int) -> StepContext:
        """What the turn gets to see: its part of the next batch, and streams of its own."""
        settings, progress, device = table.settings, state.progress, table.fabric.device
        size = table.recipe.batch_size // settings.gradient_accumulation
        batch = progress.batches

        def draw() -> Batch:
            places = indices_of(table.data, settings.seed, table.recipe.batch_size, batch)
            return table.data.batch(places[part * size : (part + 1) * size]).to(device)

        def draw_labels() -> Labels:
            if table.data.labels is None:
                return None
            places = streams.integers("labels", len(table.data), size).cpu().numpy()
            return torch.from_numpy(table.data.labels[places]).to(device)

        streams = Streams(settings.seed, progress.step, device=device, scope=f"{self.turn.name}/{repeat}/{part}")
        return StepContext(draw, draw_labels, size, streams, progress.step, real_samples, optimizers=state.optimizers)

    @property
    def counts_samples(self) -> bool:
        """Images shown are counted where the first turn of the game sees them."""
        return self.turn is self.game.turns[0]

    def gradient_norms(self) -> Float[Tensor, " weights"]:
        """Euclidean norm of the gradient of each weight of the player, 0 where there is none."""
        if all(weight.grad is not None for weight in self.weights):
            return torch.stack(torch._foreach_norm([weight.grad for weight in self.weights]))  # pyright: ignore[reportPrivateImportUsage, reportArgumentType]
        return torch.stack([weight.new_zeros(()) if weight.grad is None else weight.grad.norm() for weight in self.weights])

    def check_finite(self, found: Signals, step: int) -> None:
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
    """What computes the weights of `module` from others (spectral norm)."""
    lists = module.get_submodule("parametrizations").children()
    return [one for each in lists for one in each.children()]


def seed_torch(seed: int, device: torch.device) -> None:
    """Set torch's own random numbers (dropout). Not `torch.manual_seed`, which queues work for absent GPUs at every call."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
