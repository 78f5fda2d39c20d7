"""The answers of the tab Learn: games on points in the plane, played step by step."""

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sparring import recipes
from sparring.core.errors import NonFiniteError, SettingsError
from sparring.core.formatting import flags
from sparring.core.random_streams import Streams
from sparring.data.points.mixtures import MIXTURES, Mixture, drawn, mixture
from sparring.playground_2d.live import LiveGame
from sparring.playground_2d.play import PlaygroundSettings, started
from sparring.studio.asked import Asked
from sparring.studio.same_file import SameFile

MOST_GAMES = 16
"""Number of games that are kept: those that were played last."""
MOST_STEPS = 50
"""Number of steps for one wish, so that others' turns come soon."""
SAMPLES, SIDE, ARROWS = 1000, 40, 150
"""Of what is shown: generated points, places of the discriminator's surface along a side, and gradients."""
MOST_STROKES, MOST_PLACES = 40, 200
"""Number of strokes of a drawing, and of places of a stroke."""
HIDDEN = (64, 64)
"""Hidden layers of both networks: enough for these data, and fast."""


def known_games() -> list[dict[str, str]]:
    """Recipes that can be played, with what they are."""
    return [{"name": name, "title": recipes.get(name).title} for name in recipes.names() if "points" in recipes.get(name).settings_for]


def described() -> dict[str, Any]:
    """What the page needs to know to make its controls."""
    return {"games": known_games(), "data": list(MIXTURES), "side": SIDE}


@dataclass
class _Table:
    """A game that is being played."""

    identity: tuple[object, ...]
    """What was asked for."""
    game: LiveGame
    fair: bool = True
    """Whether both players have played every step."""


class Games:
    """The games of all clients. For the worker thread alone."""

    def __init__(self) -> None:
        self.games: OrderedDict[int, _Table] = OrderedDict()

    def played(self, asked: Asked) -> tuple[dict[str, Any], bytes]:
        """Play on, or begin anew if what is asked for is another game: numbers for people, and float32 arrays for the drawing."""
        recipe = asked.choice("recipe", "gan", [game["name"] for game in known_games()])
        data = asked.choice("data", "ring8", [*MIXTURES, "drawn"])
        strokes = _strokes(asked.values.get("strokes", [])) if data == "drawn" else []
        seed, rate = asked.whole("seed", 0, 0), asked.number("rate", 1.0, 0.01, 100)
        players = {"both": None, "discriminator": ("discriminator",), "generator": ("generator",)}
        who = asked.choice("players", "both", list(players))
        steps = asked.whole("steps", 0, 0, MOST_STEPS)
        identity = (recipe, data, repr(strokes), seed, rate)
        known = self.games.get(asked.client)
        if known is None or known.identity != identity or asked.values.get("anew") is True:
            points = drawn(strokes) if data == "drawn" else mixture(data)
            known = self.games[asked.client] = _Table(identity, _game(recipe, points, seed, rate))
        self.games.move_to_end(asked.client)
        while len(self.games) > MOST_GAMES:
            self.games.popitem(last=False)
        known.fair &= who == "both" or not steps
        try:
            losses = known.game.play(steps, players[who])
        except NonFiniteError as problem:
            del self.games[asked.client]
            raise SettingsError(f"{problem} Begin anew, or with a lower rate.") from None
        can_be_repeated = known.fair and data != "drawn"
        same = _same_game(recipe, data, seed, rate, known.game.state.progress.step) if can_be_repeated else SameFile("", "")
        return _shown(known.game, losses, same)


def _strokes(given: object) -> list[list[tuple[float, float]]]:
    """What was drawn. A SettingsError for anything but a few lists of places."""
    strokes = given if isinstance(given, list) and 0 < len(given) <= MOST_STROKES else []
    found = [[_place(place) for place in stroke] for stroke in strokes if isinstance(stroke, list) and len(stroke) <= MOST_PLACES]
    if not any(found):
        raise SettingsError("Draw something first: a few strokes on the left panel.")
    return found


def _place(given: object) -> tuple[float, float]:
    match given:
        case [int() | float() as x, int() | float() as y]:
            return float(x), float(y)
    raise SettingsError(f"A place of a drawing is two numbers, not {given!r:.60}.")


def _rates(recipe: str, factor: float) -> dict[str, float]:
    """The learning rates of a recipe, times the factor; none if they stay as they are."""
    chosen = started(recipe)
    rates = {name: getattr(chosen, name) for name in ("learning_rate", "discriminator_learning_rate")}
    return {name: value * factor for name, value in rates.items() if value is not None and factor != 1}


def _game(recipe: str, points: Mixture, seed: int, rate: float) -> LiveGame:
    return LiveGame(replace(started(recipe), **_rates(recipe, rate)), points, PlaygroundSettings(seed=seed, hidden=HIDDEN))


def _same_game(recipe: str, data: str, seed: int, rate: float, steps: int) -> SameFile:
    """The command and the Python that play the same game. Nothing plays what was drawn by hand, or what one player played alone."""
    chosen = {"steps": max(1, steps), "seed": seed, "hidden": HIDDEN, **_rates(recipe, rate)}
    words = ["sparring playground", recipe, "--data", data, *flags(chosen)]
    arguments = "".join(f", {name}={value!r}" for name, value in chosen.items())
    return SameFile(" ".join(words), f'import sparring\n\nprint(sparring.playground("{recipe}", "{data}"{arguments}).count)\n')


def _shown(game: LiveGame, losses: dict[str, float], same: SameFile) -> tuple[dict[str, Any], bytes]:
    snapshot = game.snapshot(samples=SAMPLES, side=SIDE, arrows=ARROWS)
    true = game.mixture.sample(SAMPLES, Streams(0, 0, scope="shown"))[0]
    arrays = (true, snapshot.samples, snapshot.field, snapshot.arrows_at, snapshot.arrows)
    content = b"".join(np.ascontiguousarray(array.detach().cpu().numpy(), "<f4").tobytes() for array in arrays)
    about = {
        "step": snapshot.step,
        "extent": game.mixture.extent,
        "counts": [len(true), len(snapshot.samples), SIDE, len(snapshot.arrows)],
        "modes": snapshot.count.modes,
        "of": snapshot.count.of,
        "quality": snapshot.count.high_quality,
        "losses": losses,
    }
    return {**about, **same.to_json()}, content
