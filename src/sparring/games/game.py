"""A GAN as a game. Players move their networks in turns; the trainer knows nothing else.

A recipe builds a game for a kind of data. Most systems of the literature are a `TwoPlayerGame`
(adversarial.py) with networks of their own; others subclass `Game` and say what their players and turns are.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sparring.core.data_spec import Spec
from sparring.games.step_context import StepContext
from sparring.losses.objectives import Losses


@dataclass(frozen=True)
class Player:
    """Networks that one optimizer moves."""

    name: str
    networks: tuple[str, ...]
    """Names of the game's attributes that hold them."""
    optimizer: Callable[[list[nn.Parameter]], torch.optim.Optimizer]
    has_ema: bool = False
    """Whether a moving average of the weights is kept, to sample from."""
    after_step: Callable[[], None] | None = None
    """Called after each step of its optimizer: brings the weights back to where they must stay."""


@dataclass(frozen=True)
class Turn:
    """One optimizer step of one player."""

    name: str
    player: str
    play: Callable[[StepContext], Losses]
    """From the context to named losses, one number per sample. Only the player's own parameters require gradients while it runs."""
    repeat: int = 1
    """How often in a step, with a fresh batch each time (critic steps)."""
    start: int = 0
    """First step in which it is played."""
    stop: int | None = None
    """First step in which it is no longer played."""
    row_losses: "Callable[[StepContext], RowLosses] | None" = None
    """Losses of single rows, where the turn sees real data and can be trained privately."""

    def due(self, step: int) -> bool:
        """Whether the turn is played in step number `step` (from 0)."""
        return self.start <= step and (self.stop is None or step < self.stop)


@dataclass(frozen=True)
class RowLosses:
    """What a turn minimizes for each row alone, so that gradients can be limited row by row."""

    function: Callable[..., dict[str, Tensor]]
    """From the weights of the player, by name (as `weights_of` has them), and the tensors of one row, to named losses without a shape."""
    rows: tuple[Tensor, ...]
    """Tensors whose first dimension is the rows."""


def weights_in(network: str, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Those of a player's weights that are in one of its networks, as that network names them."""
    return {name.removeprefix(f"{network}."): weight for name, weight in weights.items() if name.startswith(f"{network}.")}


@contextlib.contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients, and back to the mode of each module."""
    trained = [module for module in network.modules() if module.training]
    if trained:
        network.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module in trained:
            module.training = True


@contextlib.contextmanager
def without_tracking(*networks: nn.Module) -> Iterator[None]:
    """Batch norms take each batch's own statistics, as in training, and keep none of them."""
    norms = [module for network in networks for module in network.modules() if getattr(module, "track_running_stats", False)]
    try:
        for module in norms:
            vars(module)["track_running_stats"] = False
        yield
    finally:
        for module in norms:
            vars(module)["track_running_stats"] = True


@contextlib.contextmanager
def as_played(*networks: nn.Module) -> Iterator[None]:
    """As in training, but without gradients and without a trace: batch norms take each batch's own statistics and keep none of them;
    dropout and spectral norms' estimates rest.
    """
    with contextlib.ExitStack() as stack:
        for network in networks:
            stack.enter_context(evaluating(network))
        for network in networks:
            for module in network.modules():
                if getattr(module, "track_running_stats", False):
                    module.training = True
        with without_tracking(*networks):
            yield


class Game(nn.Module):
    """Networks, players and turns. Whatever must survive a restart is a parameter or a buffer of it."""

    players: tuple[Player, ...]
    turns: tuple[Turn, ...]
    sampling_networks: tuple[str, ...]
    """The networks that are used after training, and all that a packed model holds: the one that draws first."""
    divided: tuple[str, ...] = ()
    """Names of buffers whose rows are divided among the parts that a batch is played in: part p of P has the rows p/P to (p+1)/P."""

    def __init__(self, spec: Spec) -> None:
        super().__init__()
        self.spec = spec

    def see_first_batch(self, context: StepContext) -> None:
        """Set what depends on the first batch, before the first turn is played. `context`: that of its first part."""

    def networks_of(self, player: Player) -> list[nn.Module]:
        """The networks that `player` moves."""
        return [self.get_submodule(name) for name in player.networks]

    @property
    def device(self) -> torch.device:
        """Where the sampling networks are."""
        return next(self.get_submodule(self.sampling_networks[0]).parameters()).device
