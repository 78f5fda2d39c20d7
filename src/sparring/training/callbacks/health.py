"""vitals.jsonl: the signs by which a diagnosis is made, taken now and then, seldom enough to cost next to nothing."""

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
CHECKUPS_AT_A_SPACING = 16


@runtime_checkable
class Examine(Protocol):
    """Takes signs, for JSON, and changes nothing."""

    def __call__(self, state: State) -> dict[str, Any]:
        """Those of a game as it stands."""
        ...

    def data_signs(self) -> dict[str, Any]:
        """Those of the data."""
        ...


def checkup_due(step: int) -> bool:
    """Every 100 steps up to 1,600, every 200 up to 3,200, and so on: a function of the step, so that a resumed run has the same."""
    spacing = FIRST_SPACING
    while step > spacing * CHECKUPS_AT_A_SPACING:
        spacing *= 2
    return step > 0 and step % spacing == 0


class HealthRecorder(Callback):
    """Takes the signs when it is time: those of the game and its images, and of each weight how large its gradient and its last step
    were, relative to itself. The data's own come first, before the first step.
    """

    def __init__(self, path: Path, examine: Examine) -> None:
        self.path, self.examine = path, examine
        self.before: dict[str, list[Tensor]] = {}

    def on_start(self, state: State) -> None:
        """A new file with the data's measurements; or drop lines of later steps, and one that was cut off."""
        cut_back(self.path, state.progress.step)
        if not state.progress.step:
            self.write({"step": 0, "real_samples": 0, "data": self.examine.data_signs()})
        self.keep(state)

    def on_step_end(self, state: State, metrics: Metrics) -> None:
        """Take the signs if it is time."""
        progress = state.progress
        if checkup_due(progress.step):
            line = {"step": progress.step, "real_samples": progress.real_samples, **self.of_weights(state), **self.examine(state)}
            self.write(line)
        self.keep(state)

    def keep(self, state: State) -> None:
        """Keep the weights if signs will be taken after the next step."""
        due = checkup_due(state.progress.step + 1)
        players = state.game.players if due else ()
        self.before = {player.name: [weight.detach().clone() for _, weight in weights_of(state.game, player)] for player in players}

    def of_weights(self, state: State) -> dict[str, Any]:
        """Gradients and last updates by weight, relative to the weight's norm."""
        gradients: dict[str, float] = {}
        updates: dict[str, float] = {}
        turns = {turn.player: turn.name for turn in state.game.turns}  # the last turn that a player has
        for player in state.game.players:
            named = weights_of(state.game, player)
            sizes = norms([weight for _, weight in named]).clamp_min(1e-12)
            names = [name for name, _ in named]
            if (norms_of_gradients := state.gradients.get(turns.get(player.name, ""))) is not None:
                gradients |= by_name(names, norms_of_gradients.cpu() / sizes)
            if player.name in self.before:
                moved = torch._foreach_sub([weight.detach() for _, weight in named], self.before[player.name])  # pyright: ignore[reportPrivateImportUsage]
                updates |= by_name(names, norms(list(moved)) / sizes)
        return {"gradients": gradients, "updates": updates}

    def write(self, line: dict[str, Any]) -> None:
        """Add a line that is on the disk when this returns: a checkpoint must not outlive it."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())


def norms(tensors: list[Tensor]) -> Tensor:
    """Euclidean norm of each, on the CPU."""
    return torch.stack(torch._foreach_norm([tensor.detach() for tensor in tensors])).cpu()  # pyright: ignore[reportPrivateImportUsage]


def by_name(names: list[str], values: Tensor) -> dict[str, float]:
    """As a dictionary for JSON."""
    return {name: rounded(value) for name, value in zip(names, values.tolist(), strict=True)}
