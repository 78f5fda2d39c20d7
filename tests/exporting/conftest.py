"""Models that are trained and exported once for all tests of exporting. (Tracing a network takes seconds.)"""

from pathlib import Path

import pytest

from support.every_recipe import train
from support.exported_models import ExportedModel, Runs, exported


@pytest.fixture(scope="session")
def run_of(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """From the name of a recipe to a run of it, which is trained once."""
    made: dict[str, Path] = {}

    def find(name: str, **settings: object) -> Path:
        if name not in made:
            made[name] = train(name, tmp_path_factory.mktemp(name), **settings)
        return made[name]

    return find


@pytest.fixture(scope="session")
def classy(run_of: Runs) -> ExportedModel:
    """A generator with classes."""
    return exported(run_of("cgan"), license="CC0")


@pytest.fixture(scope="session")
def styled(run_of: Runs) -> ExportedModel:
    """A style generator: the file is that of its mapping network."""
    return exported(run_of("stylegan2", size=8), part="map")


@pytest.fixture(scope="session")
def painter(run_of: Runs) -> ExportedModel:
    """A translator for images of any size."""
    return exported(run_of("style-transfer"))
