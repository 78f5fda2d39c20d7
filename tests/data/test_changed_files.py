"""What is said of data that is no longer what it was: files are added, removed, changed and relabeled on purpose."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sparring.data.changed_files import changes_since
from sparring.data.open_by_name import open_source
from sparring.data.prepare_store import prepare
from sparring.data.preprocessing import Preprocessing
from sparring.data.store import Store


def save(path: Path, value: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((16, 16), value, np.uint8)).save(path)


def prepared(folder: Path) -> Store:
    return prepare(open_source(folder), Preprocessing(size=16))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for value in range(6):
        save(tmp_path / "images" / ("dark" if value < 3 else "light") / f"{value}.png", 40 * value)
    return tmp_path / "images"


def test_added_removed_and_changed_files_are_named(folder: Path) -> None:
    before = prepared(folder).fingerprint
    (folder / "dark" / "0.png").unlink()
    save(folder / "dark" / "new.png", 7)
    save(folder / "light" / "4.png", 200)
    removed, added, changed = changes_since(before, prepared(folder))
    assert removed.startswith("1 removed")
    assert "dark/0.png" in removed
    assert added.startswith("1 added")
    assert "dark/new.png" in added
    assert changed.startswith("1 changed")
    assert "light/4.png" in changed


def test_nothing_is_said_of_what_is_the_same(folder: Path) -> None:
    before = prepared(folder)
    save(folder / "light" / "5.png", 1)
    (changed,) = changes_since(before.fingerprint, prepared(folder))
    assert "light/5.png" in changed
    assert "light/4.png" not in changed


def test_without_the_old_state_nothing_is_known(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARRING_CACHE", str(tmp_path / "cache"))
    before = prepared(folder)
    save(folder / "light" / "5.png", 1)
    shutil.rmtree(before.folder)
    assert changes_since(before.fingerprint, prepared(folder)) == []
    assert changes_since("0" * 64, prepared(folder)) == []
