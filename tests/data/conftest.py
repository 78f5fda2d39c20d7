"""Every test has a cache of its own, and images are made where they are needed."""

from pathlib import Path

import pytest
from PIL import Image


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("SPARRING_CACHE", str(folder))
    return folder


@pytest.fixture
def shared_data() -> Path:
    folder = Path(__file__).resolve().parents[2].parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the original archives are not here ({folder})")
    return folder


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two classes of three 8x8 images of one color: cat/0..2 are red 10, 20, 30; dog/0..2 are red 110, 120, 130."""
    folder = tmp_path / "photos"
    for start, kind in ((10, "cat"), (110, "dog")):
        (folder / kind).mkdir(parents=True)
        for i in range(3):
            Image.new("RGB", (8, 8), (start + 10 * i, 0, 0)).save(folder / kind / f"{i}.png")
    return folder
