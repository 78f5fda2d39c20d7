"""What each wish of a page is answered with. In the worker thread alone."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from sparring.core.errors import SparringError
from sparring.games.capabilities import MakesMusic, MakesSequences, Samples, Translates
from sparring.studio import learn, lines, nearest, sequences, steer, translate
from sparring.studio.asked import Asked
from sparring.studio.open_models import OpenModel, OpenModels
from sparring.studio.places import Places
from sparring.studio.watch import about_run

LANES = ("open", "directions", "steer", "mix", "lines", "save", "translate", "nearest", "learn")
"""Kinds of wishes. Of each, a client's newest counts."""


@dataclass(frozen=True)
class Wish:
    """What a client wants."""

    lane: str
    number: int
    """The client's own number of it, which the answer has, too."""
    asked: Asked


@dataclass(frozen=True)
class Answer:
    """What it gets: what is said, and the content of a file."""

    about: Mapping[str, Any]
    content: bytes = b""


class Answers:
    """The models and games of all clients."""

    def __init__(self, places: Places) -> None:
        self.models, self.games = OpenModels(places), learn.Games()
        self.of_models: Mapping[str, Callable[[Asked, OpenModel], tuple[Mapping[str, Any], bytes]]] = {
            "open": lambda _, opened: (self.described(opened), b""),
            "directions": steer.directions,
            "steer": lambda asked, opened: steer.steered(asked, opened, self.models),
            "mix": lambda asked, opened: steer.mixed(asked, opened, self.models),
            "lines": lambda asked, opened: self._of_kind(opened).drawn(asked, opened),
            "save": lambda asked, opened: self._of_kind(opened).saved(asked, opened),
            "translate": translate.translated,
            "nearest": lambda asked, opened: nearest.nearest(asked, opened, self.models),
        }
        """By lane, what is asked of a model."""

    def __call__(self, wish: Wish) -> Answer:
        """The answer; whatever goes wrong is said in it."""
        name = {"id": wish.number, "lane": wish.lane}
        try:
            about, content = self._answer(wish.lane, wish.asked)
        except SparringError as problem:
            return Answer({**name, "error": str(problem)})
        except (MemoryError, RuntimeError) as problem:  # torch is out of memory, or a network does not take such an input
            return Answer(
                {**name, "error": f"This takes more than there is, or does not fit the model: {next(iter(str(problem).splitlines()), '')}"}
            )
        except Exception as problem:  # the thread serves others, too
            logging.getLogger(__name__).warning("A wish of the page failed: %r", problem)
            return Answer({**name, "error": f"This did not work, and should have: {problem!r}. Please report it."})
        return Answer({**name, **about}, content)

    def _answer(self, lane: str, asked: Asked) -> tuple[Mapping[str, Any], bytes]:
        if lane == "learn":
            return self.games.played(asked)
        opened = self.models.get(asked.values.get("model"))
        about, content = self.of_models[lane](asked, opened)
        return {"model": opened.place.id, "step": opened.model.step, "training": opened.in_use, **about}, content

    @staticmethod
    def _of_kind(opened: OpenModel) -> ModuleType:
        """What answers for models that make no images."""
        return sequences if isinstance(opened.model.game, MakesSequences | MakesMusic) else lines

    def described(self, opened: OpenModel) -> dict[str, Any]:
        """What a model can do: its tabs, and what each needs to know."""
        model, tabs = opened.model, list[str]()
        found: dict[str, Any] = {"name": opened.place.name, "path": str(opened.place.path), "use": model.use}
        if isinstance(model.game, Translates):
            found["translate"] = translate.described(opened)
            tabs += ["translate", "draw"] if translate.can_be_drawn(model) else ["translate"]
        elif isinstance(model.game, (*lines.ABILITIES, MakesSequences, MakesMusic)):
            found["steer"] = self._of_kind(opened).described(opened)
            tabs.append("steer")
        elif isinstance(model.game, Samples):
            model.refuse_without_generator()
            found["steer"] = steer.described(opened, self.models)
            tabs.append("steer")
        if opened.place.kind == "run":
            found["about"] = about_run(opened.place)
            tabs += ["watch", "judge"]
        return {**found, "tabs": tabs}
