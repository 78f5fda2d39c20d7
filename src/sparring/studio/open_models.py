"""Models in use: loaded when they are first asked for, the newest checkpoint of runs that train, the few that were used last."""

import time
from collections import OrderedDict
from dataclasses import dataclass, field

from sparring.core.errors import CheckpointError, SettingsError, SparringError
from sparring.inference.load import load
from sparring.inference.model import Model
from sparring.latent.directions import Directions
from sparring.latent.points import FoundPoints, read_points
from sparring.latent.space import LatentSpace
from sparring.latent.steering import SteeringMethod, steering_directions
from sparring.studio.places import Place, Places
from sparring.training import checkpoints

MOST_MODELS = 4
"""Number of models that are kept in memory."""
LOOK_SECONDS = 3.0
"""A run is looked at for a newer checkpoint this often at most."""


@dataclass
class OpenModel:
    """A model in memory, and what was found of it."""

    place: Place
    model: Model
    looked: float
    """When it was last compared with what lies on the disk."""
    in_use: bool = False
    """Whether a process is training it."""
    directions: dict[str, Directions] = field(default_factory=dict)

    @property
    def checkpoint(self) -> int | None:
        """The step that commands have to name, since "last" will soon be another; None if "last" is right."""
        return self.model.step if self.in_use else None

    def directions_by(self, method: SteeringMethod) -> Directions:
        """The directions to move images along. A SettingsError if there are none."""
        if method not in self.directions:
            self.directions[method] = steering_directions(self.model, method)
        return self.directions[method]


class OpenModels:
    """The models of a stage. For its worker thread alone."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.models: OrderedDict[str, OpenModel] = OrderedDict()
        self.found_points: dict[str, FoundPoints] = {}

    def get(self, name: object) -> OpenModel:
        """The model with that id. A SparringError if it is not known or cannot be loaded; one that was loaded before it was deleted or
        damaged stays as it was.
        """
        place = self.places.find(name)
        if place is None or place.kind == "points":
            raise SettingsError("There is no such model here any more. Choose one from the list.")
        found = self.models.get(place.id)
        if found is None:
            found = OpenModel(place, load(place.path), time.monotonic(), place.kind == "run" and place.run.in_use())
            self.models[place.id] = found
        elif place.kind == "run" and time.monotonic() - found.looked > LOOK_SECONDS:
            found = self._renewed(found)
        self.models.move_to_end(place.id)
        while len(self.models) > MOST_MODELS:
            self.models.popitem(last=False)
        return found

    def _renewed(self, found: OpenModel) -> OpenModel:
        run = found.place.run
        found.looked, found.in_use = time.monotonic(), run.in_use()
        try:
            newest = max(checkpoints.steps(run.checkpoints), default=None)
            if newest is None or newest == found.model.step:
                return found
            newer = OpenModel(found.place, load(found.place.path), found.looked, found.in_use)
        except (SparringError, OSError):  # it was deleted, or is being written
            return found
        self.models[found.place.id] = newer
        return newer

    def points_for(self, opened: OpenModel) -> list[Place]:
        """The files of points whose images this model can draw."""
        space = LatentSpace(opened.model)
        fitting = []
        for place in self.places.points():
            try:
                if not space.misfits(self.points(place.id)):
                    fitting.append(place)
            except SparringError:
                continue
        return fitting

    def points(self, name: object) -> FoundPoints:
        """The points with that id. A CheckpointError if it is not known."""
        place = self.places.find(name)
        if place is None or place.kind != "points":
            raise CheckpointError("There is no such file of points here any more.")
        if place.id not in self.found_points:
            self.found_points[place.id] = read_points(place.path)
        return self.found_points[place.id]
