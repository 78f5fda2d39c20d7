"""health.jsonl: what a diagnosis is made from, measured now and then, seldom enough to cost next to nothing."""

import json
import os
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from sparring.core.formatting import rounded
from sparring.core.jsonl import cut_back
from sparring.training.callbacks.callback import Callback, Metrics
from sparring.training.state import State, weights_of

FIRST_SPACING = 100
MEASUREMENTS_AT_A_SPACING = 16


@runtime_checkable
class Measurements(Protocol):
    """Measures data and games, for JSON, and changes nothing."""

    def measure_data(self) -> dict[str, Any]:
        """What is measured of the data."""
        ...

    def measure_game(self, state: State) -> dict[str, Any]:
        """What is measured of a game as it stands."""
        ...


def measurement_due(step: int) -> bool:
    """Whether something is measured after this step: every 100 steps up to 1,600, every 200 up to 3,200, and so on. It depends on the step
    alone, so that a resumed run has the same measurements.
    """
    spacing = FIRST_SPACING
    while step > spacing * MEASUREMENTS_AT_A_SPACING:
        spacing *= 2
    return step > 0 and step % spacing == 0


class HealthRecorder(Callback):
    """Writes health.jsonl: first what is measured of the data, then, when it is due, what is measured of the game and its samples, and how
    large the gradient and the last step of each weight were, relative to the weight.
    """

    def __init__(self, path: Path, measurements: Measurements) -> None:
        self.path, self.measurements = path, measurements
        self.weights_before: dict[str, list[Tensor]] = {}

    def on_start(self, state: State) -> None:
        """Start a new file with what is measured of the data; or drop lines of later steps, and one that was cut off."""
        cut_back(self.path, state.progress.step)
        if not state.progress.step:
            self.write({"step": 0, "real_samples": 0, "data": self.measurements.measure_data()})
        self.keep_weights(state)

    def on_step_end(self, state: State, metrics: Metrics) -> None:
        """Measure the game if it is time."""
        progress = state.progress
        if measurement_due(progress.step):
            weights, game = self.measure_weights(state), self.measurements.measure_game(state)
            self.write({"step": progress.step, "real_samples": progress.real_samples, **weights, **game})
        self.keep_weights(state)

    def keep_weights(self, state: State) -> None:
        """Keep the weights if the next step's update will be measured."""
        due = measurement_due(state.progress.step + 1)
        players = state.game.players if due else ()
        self.weights_before = {player.name: [weight.detach().clone() for _, weight in weights_of(state.game, player)] for player in players}

    def measure_weights(self, state: State) -> dict[str, Any]:
        """The norms of each weight's gradient and of its last update, relative to the weight's norm: of players that had a turn."""
        gradients: dict[str, float] = {}
        updates: dict[str, float] = {}
        due = [turn for turn in state.game.turns if turn.due(state.progress.step - 1)]
        turns = {turn.player: turn.name for turn in due}  # the last turn that a player had
        for player in state.game.players:
            if player.name not in turns:
                continue
            named = weights_of(state.game, player)
            sizes = norms([weight for _, weight in named]).clamp_min(1e-12)
            names = [name for name, _ in named]
            if (norms_of_gradients := state.gradients.get(turns[player.name])) is not None:
                gradients |= by_name(names, norms_of_gradients.cpu() / sizes)
            if player.name in self.weights_before:
                moved = torch._foreach_sub([weight.detach() for _, weight in named], self.weights_before[player.name])  # pyright: ignore[reportPrivateImportUsage]
                updates |= by_name(names, norms(list(moved)) / sizes)
        return {"relative_gradients": gradients, "relative_updates": updates}

    def write(self, line: dict[str, Any]) -> None:
        """Add a line, which is on the disk when this returns: a checkpoint must not be newer than its measurements."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())


def norms(tensors: list[Tensor]) -> Tensor:
    """The Euclidean norm of each tensor, on the CPU."""
    return torch.stack(torch._foreach_norm([tensor.detach() for tensor in tensors])).cpu()  # pyright: ignore[reportPrivateImportUsage]


def by_name(names: list[str], values: Tensor) -> dict[str, float]:
    """Rounded values by name, for JSON."""
    return {name: rounded(value) for name, value in zip(names, values.tolist(), strict=True)}
