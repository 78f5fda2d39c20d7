"""Tars and films as data."""

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sparring.core.errors import DataError
from sparring.data.open_by_name import open_source
from sparring.data.prepare_store import prepare
from sparring.data.preprocessing import Preprocessing
from sparring.media.image_files import save_gif_or_video


def png(gray: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((8, 8), gray, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def tar(path: Path, entries: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:  # pyright: ignore[reportArgumentType, reportCallIssue]
        for name, content in entries.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def test_a_tar_is_read_like_a_folder(tmp_path: Path) -> None:
    entries = {f"set/{kind}/{number}.png": png(40 * number + add) for number in range(5) for kind, add in (("a", 0), ("b", 5))}
    path = tar(tmp_path / "set.tar", entries | {"./set/a/.DS_Store": b"x", "set/notes.txt": b"words"})
    store = prepare(open_source(path))
    assert store.spec.classes == ("a", "b")
    assert sorted(store.pixels[:, 0, 0, 0].tolist()) == sorted([40 * n for n in range(5)] + [40 * n + 5 for n in range(5)])
    assert any("hidden" in note for note in store.report.notes)
    before = open_source(path).key
    tar(path, {**entries, "set/a/0.png": png(99)})
    assert open_source(path).key != before, "known by its content"


def test_tars_that_are_not_read(tmp_path: Path) -> None:
    packed = tar(tmp_path / "set.tar.gz", {"a.png": png(1)}, "w:gz")
    with pytest.raises(DataError, match=r"unpacked first"):
        open_source(packed)
    with pytest.raises(DataError, match="lead out of it"):
        open_source(tar(tmp_path / "evil.tar", {"../../a.png": png(1)}))
    (tmp_path / "torn.tar").write_bytes(b"nothing" * 200)
    with pytest.raises(DataError, match="cannot be read as a tar"):
        open_source(tmp_path / "torn.tar")


def test_all_frames_of_a_short_film_and_some_of_a_long_one(tmp_path: Path) -> None:
    frames = [np.full((16, 24, 3), 3 * number, np.uint8) for number in range(60)]
    save_gif_or_video(frames[:6], tmp_path / "short.gif")
    store = prepare(open_source(tmp_path / "short.gif"), Preprocessing(size=16))
    assert len(store) == 6
    assert np.abs(store.pixels[:, 4, 4, 0].astype(int) - [0, 3, 6, 9, 12, 15]).max() <= 2
    pytest.importorskip("imageio_ffmpeg")
    long = [np.full((16, 32, 3), number, np.uint8) for number in range(240)]
    save_gif_or_video(long, tmp_path / "long.mp4")
    source = open_source(tmp_path / "long.mp4")
    store = prepare(source, Preprocessing(size=16))
    assert 5 <= len(store) < 120, "some of each second"
    levels = store.pixels[:, 8, 8, 0].astype(int)
    assert (np.diff(levels) > 0).all(), "in order"
    assert any("th frame of 240 taken" in note for note in store.report.notes)
    (tmp_path / "torn.mp4").write_bytes(b"x" * 100)
    with pytest.raises(DataError, match="cannot be read as a video"):
        open_source(tmp_path / "torn.mp4")
