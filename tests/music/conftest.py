"""Small runs that several tests share."""

from pathlib import Path

import pytest
from rich.console import Console

import sparring
from support import music


@pytest.fixture(scope="session")
def songs_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return music.write_songs(tmp_path_factory.mktemp("songs") / "songs", 8)


@pytest.fixture(scope="session")
def muse_run(songs_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tracks, of which the soprano may be given, in C."""
    out = tmp_path_factory.mktemp("muse") / "run"
    settings = {**music.SMALL, **music.COMMON, "holdout": 20, "given": "soprano", "key": "C"}
    sparring.train("musegan", str(songs_folder), out, console=Console(quiet=True), steps=4, **settings)
    return out


@pytest.fixture(scope="session")
def melody_run(songs_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("midi") / "run"
    settings = {**music.SMALL, **music.COMMON, "holdout": 20, "melody": "soprano"}
    sparring.train("midinet", str(songs_folder), out, console=Console(quiet=True), steps=4, **settings)
    return out
