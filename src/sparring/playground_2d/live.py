"""A game on points that is played step by step, by whoever watches: both players in turn, or one alone."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from sparring.core.errors import SettingsError
from sparring.data.points.mixtures import Mixture, Points
from sparring.games.adversarial import AdversarialRecipe
from sparring.playground_2d.drawing import Snapshot
from sparring.playground_2d.play import PlaygroundSettings, networks, snapshot
from sparring.training.ema import EMA
from sparring.training.loop import TrainingContext, TurnRunner, take_step
from sparring.training.session import fabric_for, first_state, resolve
from sparring.training.settings import TrainSettings


class LiveGame:
    """The same game as `playground` plays, to the bit, as long as both players play."""

    def __init__(self, recipe: AdversarialRecipe, mixture: Mixture, settings: PlaygroundSettings | None = None) -> None:
        """`settings`: seed and hidden layers of the game; the number of steps is up to `play`."""
        chosen = settings or PlaygroundSettings()
        self.mixture, points = mixture, Points(mixture, seed=chosen.seed)
        training = resolve(TrainSettings(steps=1, seed=chosen.seed, device="cpu", precision="float32", threads=1))
        with _computing_alone():
            self.state = first_state(recipe, lambda: networks(recipe, points, chosen.hidden), chosen.seed)
        self.context = TrainingContext(points, recipe, training, fabric_for(training))
        self.ema = EMA(self.state, recipe.ema_samples, ramp=True)
        self.turns = [TurnRunner(self.state.game, turn) for turn in self.state.game.turns]

    @property
    def players(self) -> tuple[str, ...]:
        """The names of the players."""
        return tuple(player.name for player in self.state.game.players)

    def play(self, steps: int, players: Collection[str] | None = None) -> dict[str, float]:
        """Play so many steps, with these players alone (None: all), and give the losses of the last by name.

        A SettingsError for players that there are not; a NonFiniteError if a loss is no longer finite.
        """
        if unknown := set(players or ()) - set(self.players):
            raise SettingsError(f"There is no player {sorted(unknown)[0]!r}. There are: {', '.join(self.players)}.")
        turns = [turn for turn in self.turns if players is None or turn.player.name in players]
        metrics: dict[str, list[Any]] = {}
        with _computing_alone():
            for _ in range(steps):
                metrics = take_step(self.state, self.context, turns, self.ema)
        return {name: float(values[-1].mean()) for name, values in metrics.items() if name.startswith("loss/")}

    def snapshot(self, *, samples: int, side: int, arrows: int) -> Snapshot:
        """See `playground_2d.play.snapshot`."""
        with _computing_alone():
            return snapshot(self.state, self.mixture, samples=samples, side=side, arrows=arrows)


@contextmanager
def _computing_alone() -> Iterator[None]:
    """In the block torch computes as the playground does: with one thread, and with random numbers of its own."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        torch.set_num_threads(threads)
