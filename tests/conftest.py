import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # before torch: threads that wait for each other leave the cores to the other worker

import functools
import gc
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning_fabric.utilities import registry
from PIL import Image
from rich.console import Console

import sparring
from sparring.core.hardware import core_count
from sparring.data.images.image_spec import ImageSpec
from sparring.data.open_by_name import open_source
from sparring.data.prepare_store import prepare
from sparring.data.preprocessing import Preprocessing
from sparring.data.store import Store
from support.tiny import SMALL, TINY


def pytest_configure() -> None:
    """Workers share the cores: torch's threads wait for each other at the end of every operation, for long where there are too many."""
    torch.set_num_threads(max(1, core_count() // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))))


def pytest_collection_finish() -> None:
    """What all tests have imported stays: the garbage collector need not search it again in each of them."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def quick_runs() -> Iterator[None]:
    """What takes longer than a small training, and is always the same. Files are not forced onto the disk: no test cuts the power, and a
    killed process loses nothing that it has written. (Processes that tests start do force them.) Which plugins of Fabric are installed is
    looked up once.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "entry_points", functools.cache(registry.entry_points))
        patch.setattr(os, "fsync", os.fstat)  # which refuses what is no file, too
        yield


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing is read from or left in the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARRING_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        yield


@pytest.fixture(scope="session")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An .npz of 60 gray 16x16 images in two classes: bright squares on black and dark ones on white."""
    random = np.random.default_rng(0)
    images = np.zeros((60, 16, 16, 1), np.uint8)
    labels = np.arange(60) % 2
    for image, label in zip(images, labels, strict=True):
        top, left = random.integers(0, 8, 2)
        image[top : top + 8, left : left + 8] = random.integers(150, 256)
        if label:
            image[:] = 255 - image
    path = tmp_path_factory.mktemp("squares") / "squares.npz"
    np.savez(path, images=images, labels=labels)
    return path


@pytest.fixture
def store(squares: Path) -> Store:
    return prepare(open_source(squares), Preprocessing(size=16))


@pytest.fixture
def gray16() -> ImageSpec:
    return ImageSpec(16, 16, 1, ("bright", "dark"))


@pytest.fixture
def quiet() -> Console:
    return Console(file=io.StringIO(), width=200)


@pytest.fixture
def tiny() -> dict[str, object]:
    return dict(TINY)


@pytest.fixture(scope="session")
def places(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Twelve images of a bright square, and the same with colors exchanged."""
    folder = tmp_path_factory.mktemp("pairs")
    random = np.random.default_rng(0)
    for number in range(12):
        image = np.full((32, 32, 3), 30, np.uint8)
        top, left = random.integers(0, 16, 2)
        image[top : top + 14, left : left + 14] = (250, 60, 20)
        for name, pixels in (("a", image), ("b", image[:, :, ::-1])):
            (folder / name).mkdir(exist_ok=True)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return str(folder / "a"), str(folder / "b")


@pytest.fixture(scope="session")
def faces(tmp_path_factory: pytest.TempPathFactory) -> str:
    """160 emoji as files."""
    folder, source = tmp_path_factory.mktemp("faces"), sparring.open_source("emoji")
    for number in np.linspace(0, len(source) - 1, 160).astype(int).tolist():
        pixels = source.read(number)
        assert isinstance(pixels, np.ndarray)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return str(folder)


@pytest.fixture(scope="session")
def scribbler(tmp_path_factory: pytest.TempPathFactory, faces: str) -> Path:
    run, quiet = tmp_path_factory.mktemp("runs") / "scribbler", Console(quiet=True)
    sparring.train("pix2pix", faces, run, inputs="scribble", held_out=0.5, size=32, steps=1, threads=1, console=quiet, **SMALL["pix2pix"])
    return run
