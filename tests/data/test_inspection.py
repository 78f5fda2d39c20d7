"""A look at everything, before anything is prepared."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sparring.core.errors import DataError
from sparring.data.images.inspect import inspect_source
from sparring.data.open_by_name import open_source
from sparring.data.preprocessing import Preprocessing
from support.image_files import encoded, noise


def test_counts_and_reasons(photos: Path) -> None:
    (photos / "dog" / "cut.png").write_bytes(encoded(noise(16, 16))[:-100])
    (photos / "cat" / "wide.jpg").write_bytes(encoded(noise(4, 12).convert("L"), "JPEG"))
    (photos / "README.md").write_text("x")
    found = inspect_source(open_source(photos))
    assert found.sizes == {(8, 8): 6, (4, 12): 1}
    assert found.modes == {"RGB": 6, "L": 1}
    assert found.formats == {"PNG": 6, "JPEG": 1}
    assert found.classes == {"cat": 4, "dog": 3}
    assert (found.found, found.usable) == (8, 7)
    assert [name for name, _ in found.bad] == ["dog/cut.png"]
    text = "\n".join(found.lines())
    assert "7 of 8 images" in text
    assert "12x4 (1)" in text
    assert "cat (4), dog (3)" in text
    assert "unusable: dog/cut.png: " in text
    assert "skipped: README.md: " in text


def test_contact_sheet_shows_the_whole_source(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(250, dtype=np.uint8)[:, None, None].repeat(50, axis=1).repeat(50, axis=2))
    sheet = inspect_source(open_source(tmp_path / "a.npy")).contact_sheet
    assert sheet.shape == (10 * 52 + 2, 10 * 52 + 2, 3)
    assert sheet[10, 10].tolist() == [0, 0, 0]
    assert sheet[-10, -10].tolist() == [249, 249, 249]
    middles = sheet[27::52, 27::52, 0].reshape(-1).astype(int)
    assert set(np.diff(middles)) <= {2, 3}


def test_contact_sheet_shows_whole_images_on_the_background(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    Image.new("RGBA", (96, 48), (255, 0, 0, 255)).save(tmp_path / "p" / "a.png")
    sheet = inspect_source(open_source(tmp_path / "p"), Preprocessing(background="blue")).contact_sheet
    assert sheet[50, 50].tolist() == [255, 0, 0]
    assert sheet[10, 50].tolist() == [0, 0, 255]


def test_nothing_usable_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "a.png").write_bytes(b"")
    found = inspect_source(open_source(tmp_path / "p"))
    assert found.usable == 0
    assert found.bad[0].reason == "the file is empty"
    assert found.contact_sheet.shape == (1, 1, 3)


def test_a_broken_source_is_one(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.zeros((4, 9, 9), np.uint8))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match="says that it holds"):
        inspect_source(open_source(path))
