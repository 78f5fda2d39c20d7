"""All that moves while a game is played, and its form in a checkpoint."""

import copy
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field

import torch
from torch import Tensor, nn

from sparring.core.errors import CheckpointError, listed
from sparring.games.game import Game, Player
from sparring.training.settings import TrainSettings


@dataclass
class Progress:
    """How far a run has come."""

    step: int = 0
    """Steps of the game."""
    real_samples: int = 0
    """Real samples shown."""
    batches: int = 0
    """Batches drawn from the data."""
    seconds: float = 0.0
    """Time spent training, without interruptions and evaluation."""
    evaluation_seconds: float = 0.0
    """Time spent on evaluation."""
    lost_steps: int = 0
    """Steps of tries that were rolled back. They and the following count towards the budget."""
    lost_real_samples: int = 0
    """Real samples shown in them."""
    lost_seconds: float = 0.0
    """Time spent on them."""

    @property
    def used_budget(self) -> dict[str, float]:
        """How much of each kind of budget is used up."""
        return {
            "real_samples": self.real_samples + self.lost_real_samples,
            "steps": self.step + self.lost_steps,
            "minutes": (self.seconds + self.lost_seconds) / 60,
        }

    def share_of(self, settings: TrainSettings) -> float:
        """Share of the budget that is used up: 1 or more when one of its limits is reached."""
        limits = ((used, getattr(settings, name)) for name, used in self.used_budget.items())
        return max((used / limit if limit else math.inf for used, limit in limits if limit is not None), default=0.0)


@dataclass
class State:
    """A game in play."""

    game: Game
    ema: Game
    """The game to sample from: the moving averages where a player is averaged, the networks themselves where not."""
    optimizers: dict[str, torch.optim.Optimizer]
    progress: Progress = field(default_factory=Progress)
    gradients: dict[str, Tensor] = field(default_factory=dict)
    """The norm of each weight's gradient in each turn of the last step, in the order of `weights_of`. Not in checkpoints."""

    @classmethod
    def fresh(cls, game: Game, has_ema: bool) -> "State":
        """The state before the first step."""
        game.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] (torch's stubs miss it)
        optimizers = {player.name: player.optimizer([weight for _, weight in weights_of(game, player)]) for player in game.players}
        return cls(game, ema_copy(game) if has_ema else game, optimizers)

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor by name."""
        found = {f"game/{name}": tensor for name, tensor in self.game.state_dict().items()}
        if self.ema is not self.game:
            found |= {f"ema/{name}": tensor for name, tensor in ema_tensors(self.ema)}
        for player in self.game.players:
            optimizer = self.optimizers[player.name]
            for name, weight in weights_of(self.game, player):
                entries = optimizer.state.get(weight, {})
                assert all(value is None or isinstance(value, Tensor) for value in entries.values()), "numbers would be lost"
                found |= {f"optimizer/{player.name}/{name}/{key}": value for key, value in entries.items() if value is not None}
        return found

    def facts(self) -> dict[str, object]:
        """All that is not a tensor, for JSON."""
        return {"progress": asdict(self.progress)}

    def restore(self, tensors: dict[str, Tensor], facts: dict[str, dict[str, float]]) -> None:
        """Take up the state of a checkpoint; a CheckpointError lists tensors that are missing or too many."""
        self.progress = Progress(**facts["progress"])  # pyright: ignore[reportArgumentType] (whole numbers stay whole in JSON)
        load_named(self.game, dict(select(tensors, "game/")))
        if self.ema is not self.game:
            load_named(self.ema, dict(select(tensors, "ema/")), {name for name, _ in ema_tensors(self.ema)})
        for player in self.game.players:
            optimizer = self.optimizers[player.name]
            saved = dict(select(tensors, f"optimizer/{player.name}/"))
            for name, weight in weights_of(self.game, player):
                entries = dict(select(saved, f"{name}/"))
                optimizer.state[weight] = {key: _like(weight, value) for key, value in entries.items()}


def select(tensors: dict[str, Tensor], prefix: str) -> Iterator[tuple[str, Tensor]]:
    """Those whose names begin with `prefix`, without it."""
    return ((name.removeprefix(prefix), tensor) for name, tensor in tensors.items() if name.startswith(prefix))


def _like(weight: Tensor, value: Tensor) -> Tensor:
    """In the memory layout of the weight: fused optimizers walk both in step."""
    if value.shape != weight.shape:
        return value.to(weight.device)
    return torch.empty_like(weight, dtype=value.dtype, requires_grad=False).copy_(value)


def load_named(game: nn.Module, tensors: dict[str, Tensor], expected: set[str] | None = None) -> None:
    """Copy tensors into a game by name. Those in `expected` (None: all there are) must be there, and no others."""
    refuse_mismatches(game, tensors, expected)
    own = game.state_dict(keep_vars=True)
    with torch.no_grad():
        for name, tensor in tensors.items():
            own[name].copy_(tensor)


def refuse_mismatches(
    game: nn.Module, tensors: dict[str, Tensor], expected: set[str] | None = None, names: Mapping[str, str] | None = None
) -> None:
    """Raise a CheckpointError that lists all tensors that are missing, not known or of another shape, as `load_named` wants them.
    `names`: what the file that they come from calls them, where it calls them otherwise.
    """
    names = names or {}
    own = game.state_dict(keep_vars=True)
    expected = set(own) if expected is None else expected
    known_as = {name: f"{names[name]}, here {name}" if name in names else name for name in expected}
    problems = [f"missing: {known_as[name]}" for name in sorted(expected - set(tensors))]
    problems += [f"not known: {names.get(name, name)}" for name in sorted(set(tensors) - expected)]
    problems += [
        f"{known_as[name]}: shape {tuple(tensors[name].shape)} where {tuple(own[name].shape)} is wanted"
        for name in sorted(expected & set(tensors))
        if own[name].shape != tensors[name].shape
    ]
    if problems:
        raise CheckpointError(listed("These tensors do not fit the game:", problems, most=len(problems)))


def weights_of(game: Game, player: Player) -> list[tuple[str, nn.Parameter]]:
    """The parameters that `player` moves, by name: all of its networks' but those that are frozen for the whole run."""
    return [
        (f"{network}.{name}", weight)
        for network in player.networks
        for name, weight in game.get_submodule(network).named_parameters()
        if weight.requires_grad
    ]


def ema_copy(game: Game) -> Game:
    """A game that shares all networks with `game` but those of averaged players, which it has copies of."""
    averaged = {id(network) for player in game.players if player.has_ema for network in game.networks_of(player)}
    shared = {id(module): module for module in game.children() if id(module) not in averaged}
    average = copy.deepcopy(game, shared)
    for player in average.players:
        if player.has_ema:
            for network in average.networks_of(player):
                network.requires_grad_(False).eval()
    return average


def ema_tensors(average: Game) -> list[tuple[str, Tensor]]:
    """The weights and statistics that are moving averages, by name in the game."""
    return [
        (f"{network}.{name}", tensor)
        for player in average.players
        if player.has_ema
        for network in player.networks
        for name, tensor in average.get_submodule(network).state_dict(keep_vars=True).items()
    ]
