import io
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from sparring.core.hardware import core_count
from sparring.data.images.image_spec import ImageSpec
from sparring.data.open_source import open_source
from sparring.data.store import Preprocessing, Store, prepare
from tiny import TINY


def pytest_configure() -> None:
    """Workers share the cores: torch's threads wait for each other at the end of every operation, for long where there are too many."""
    torch.set_num_threads(max(1, core_count() // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))))


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
