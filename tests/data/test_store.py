"""The store: built once, whole or not there, and equal however it was built."""

import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sparring.core.errors import DataError, SettingsError
from sparring.data import content_digest
from sparring.data.listed_images import Source
from sparring.data.open_by_name import open_source
from sparring.data.prepare_store import prepare
from sparring.data.preprocessing import Preprocessing
from sparring.data.store import Store, open_store
from support.image_files import encoded, noise


def counted(source: Source) -> tuple[Source, list[int]]:
    """The same source, and the list of what is read of it."""
    reads: list[int] = []

    def read(index: int) -> bytes | np.ndarray:
        reads.append(index)
        return source.read(index)

    return replace(source, read=read), reads


def stores_in(cache: Path) -> list[str]:
    return sorted(path.name for path in (cache / "data").iterdir())


def test_the_second_time_nothing_is_read(photos: Path) -> None:
    source, reads = counted(open_source(photos))
    first = prepare(source)
    assert sorted(set(reads)) == list(range(6))
    reads.clear()
    second = prepare(counted(open_source(photos))[0])
    again = prepare(source)
    assert reads == []
    assert first.folder == second.folder == again.folder
    assert second.report == first.report
    assert second.fingerprint == first.fingerprint


@pytest.mark.parametrize(
    "changed",
    [
        Preprocessing(size=5),
        Preprocessing(channels=1),
        Preprocessing(crop="pad"),
        Preprocessing(background="red"),
        Preprocessing(max_bad=0.2),
    ],
)
def test_another_setting_is_another_store(photos: Path, changed: Preprocessing) -> None:
    first = prepare(open_source(photos))
    source, reads = counted(open_source(photos))
    assert prepare(source, changed).folder != first.folder
    assert len(reads) >= 6


@pytest.mark.parametrize("settled", [True, False])
def test_other_pixels_are_another_store_whatever_the_times_say(photos: Path, settled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        content_digest, "SETTLE_NANOSECONDS", -(10**12) if settled else 2 * 10**9
    )  # as if all was written long ago; or just now
    file = photos / "cat" / "0.png"
    status = file.stat()
    first = prepare(open_source(photos))
    other = bytearray(file.read_bytes())
    Image.new("RGB", (8, 8), (11, 0, 0)).save(file)
    assert len(other) == file.stat().st_size, "only the pixels differ"
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    second = prepare(open_source(photos))
    assert second.fingerprint != first.fingerprint
    assert int(second.pixels[0, 0, 0, 0]) == 11


def test_files_that_did_not_change_are_not_read_again(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content_digest, "SETTLE_NANOSECONDS", -(10**12))
    names = [f"{kind}/{i}.png" for kind in ("cat", "dog") for i in range(3)]
    before = content_digest.file_digests(photos, names)
    assert len(set(before)) == 6
    monkeypatch.setattr(content_digest.hashlib, "blake2b", None)  # whoever reads now fails
    assert content_digest.file_digests(photos, names) == before


def test_the_same_files_elsewhere_are_the_same_store(photos: Path, tmp_path: Path) -> None:
    first = prepare(open_source(photos))
    shutil.copytree(photos, tmp_path / "copy")
    os.utime(tmp_path / "copy" / "cat" / "0.png", ns=(1, 1))
    assert prepare(open_source(tmp_path / "copy")).folder == first.folder
    (tmp_path / "copy" / "cat").rename(tmp_path / "copy" / "fox")
    assert prepare(open_source(tmp_path / "copy")).spec.classes == ("dog", "fox")


def test_arrays_and_zips_are_told_apart_by_content(tmp_path: Path) -> None:
    found = []
    for value in (1, 2):
        np.save(tmp_path / "a.npy", np.full((3, 8, 8), value, np.uint8))
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            archive.writestr("x.png", encoded(Image.new("L", (8, 8), value)))
        for name in ("a.npy", "a.zip"):
            os.utime(tmp_path / name, ns=(1, 1))
            found.append(int(prepare(open_source(tmp_path / name)).pixels[0, 0, 0, 0]))
    assert found == [1, 1, 2, 2]


def test_deep_images_share_one_range(tmp_path: Path) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    for i, value in enumerate((1000, 2000, 4095)):
        Image.fromarray(np.full((8, 8), value, np.uint16)).save(folder / f"{i}.png")
    store = prepare(open_source(folder))
    assert store.pixels[:, 0, 0, 0].tolist() == [62, 125, 255]  # of 4095: 62.27, 124.5 and 255
    assert any("0 to 4,095" in line and "--value-range" in line for line in store.report.warnings)
    given = prepare(open_source(folder), Preprocessing(value_range=(1000.0, 3000.0)))
    assert given.pixels[:, 0, 0, 0].tolist() == [0, 128, 255]
    for i, value in enumerate((-1024, 0, 3072)):
        Image.fromarray(np.full((8, 8), value, np.int32)).save(folder / f"{i}.tif")
        (folder / f"{i}.png").unlink()
    assert prepare(open_source(folder)).pixels[:, 0, 0, 0].tolist() == [0, 64, 255]  # 1024 / 4096
    with pytest.raises(SettingsError, match="value_range is 5 5"):
        prepare(open_source(folder), Preprocessing(value_range=(5.0, 5.0)))


def test_sides_that_are_cut_off_are_said(tmp_path: Path) -> None:
    (tmp_path / "wide").mkdir()
    for i in range(3):
        noise(48, 80, i).save(tmp_path / "wide" / f"{i}.png")
    said = {crop: prepare(open_source(tmp_path / "wide"), Preprocessing(crop=crop)).report.warnings for crop in ("center", "squash", "pad")}
    assert "3 of 3 images" in said["center"][0]
    assert "40%" in said["center"][0]
    assert "--crop pad" in said["center"][0]
    assert "3 of 3 images" in said["squash"][0]
    assert said["pad"] == ()


def test_one_background_by_two_names_is_one_store(photos: Path) -> None:
    first = prepare(open_source(photos), Preprocessing(background="red"))
    assert prepare(open_source(photos), Preprocessing(background="#ff0000")).folder == first.folder


def test_size_is_the_images_own_only_if_all_are_equal_and_square(photos: Path) -> None:
    assert prepare(open_source(photos)).spec.shape == (3, 8, 8)
    noise(9, 9).save(photos / "cat" / "9.png")
    assert prepare(open_source(photos)).spec.shape == (3, 64, 64)
    for file in photos.rglob("*.png"):
        noise(6, 9).save(file)
    assert prepare(open_source(photos)).spec.shape == (3, 64, 64)
    assert prepare(open_source(photos), Preprocessing(size=16)).spec.shape == (3, 16, 16)


def test_gray_until_the_first_color(tmp_path: Path) -> None:
    folder = tmp_path / "gray"
    folder.mkdir()
    images = np.random.default_rng(0).integers(0, 256, (40, 5, 5), np.uint8)
    for i, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{i:02d}.png")
    gray = prepare(open_source(folder))
    assert gray.spec.channels == 1
    assert np.array_equal(gray.pixels[..., 0], images)
    Image.new("RGB", (5, 5), (1, 2, 3)).save(folder / "20.png")
    mixed = prepare(open_source(folder))
    assert mixed.spec.channels == 3
    expected = images[..., None].repeat(3, axis=3)
    expected[20] = (1, 2, 3)
    assert np.array_equal(mixed.pixels, expected)
    assert mixed.fingerprint == prepare(open_source(folder), Preprocessing(channels=3)).fingerprint
    assert prepare(open_source(folder), Preprocessing(channels=1)).spec.channels == 1
    four = prepare(open_source(folder), Preprocessing(channels=4))
    assert four.pixels.shape == (40, 5, 5, 4)
    assert (four.pixels[..., 3] == 255).all()


def test_many_threads_give_what_one_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for i in range(150):
        noise(10 + i % 7, 12, i).save(folder / f"{i}.png")
    one = prepare(open_source(folder), Preprocessing(size=8), workers=1)
    monkeypatch.setenv("SPARRING_CACHE", str(tmp_path / "other"))
    four = prepare(open_source(folder), Preprocessing(size=8), workers=4)
    assert one.folder != four.folder
    assert (one.folder / "pixels.raw").read_bytes() == (four.folder / "pixels.raw").read_bytes()
    assert one.fingerprint == four.fingerprint
    assert list(one.names) == list(four.names)


def test_batch_gathers_the_images(photos: Path) -> None:
    store = prepare(open_source(photos))
    batch = store.batch(np.array([5, 0, 5]))
    assert batch.samples.shape == (3, 3, 8, 8)
    assert batch.samples.is_contiguous(memory_format=torch.channels_last)
    expected = [130 / 127.5 - 1, 10 / 127.5 - 1, 130 / 127.5 - 1]
    torch.testing.assert_close(batch.samples[:, 0, 3, 4], torch.tensor(expected))
    assert (batch.samples[:, 1:] == -1).all()
    assert batch.labels is not None
    assert batch.labels.tolist() == [1, 0, 1]
    batch.samples.zero_()
    assert store.pixels[5, 0, 0, 0] == 130
    with pytest.raises(IndexError):
        store.batch(np.array([6]))


def test_pixels_are_mapped_and_read_only(photos: Path) -> None:
    store = prepare(open_source(photos))
    assert isinstance(store.pixels, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        store.pixels[0] = 0
    sent = pickle.dumps(store)
    assert len(sent) < 1000
    back: Store = pickle.loads(sent)
    assert back.fingerprint == store.fingerprint


def test_notes_tell_what_was_done(tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    Image.new("RGBA", (20, 20), (0, 0, 0, 0)).save(folder / "clear.png")
    frames = [Image.new("RGB", (20, 20), color) for color in ("red", "blue")]
    frames[0].save(folder / "moving.gif", save_all=True, append_images=frames[1:])
    Image.new("L", (4, 4)).save(folder / "small.png")
    store = prepare(open_source(folder), Preprocessing(size=16))
    assert "several frames: the first is used: 1 (moving.gif)." in store.report.notes
    assert "transparency laid on white: 1 (clear.png)." in store.report.notes
    assert "smaller than 16 pixels on a side, so enlarged: 1 (small.png)." in store.report.notes
    assert store.pixels[1, 3, 3].tolist() == [255, 0, 0]


def test_a_class_without_usable_images_stays_and_is_told(photos: Path) -> None:
    (photos / "eel").mkdir()
    (photos / "eel" / "0.png").write_bytes(b"")
    store = prepare(open_source(photos), Preprocessing(max_bad=0.2))
    assert store.spec.classes == ("cat", "dog", "eel")
    assert "Classes without a usable image: eel." in store.report.notes


def test_all_wrong_settings_at_once(photos: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        prepare(open_source(photos), Preprocessing(size=0, background="whiteish", max_bad=2.0))
    assert all(word in str(caught.value) for word in ("size is 0", "'whiteish'", "max_bad is 2.0"))


def test_an_error_on_the_way_leaves_nothing(photos: Path, cache: Path) -> None:
    source = open_source(photos)

    def read(index: int) -> bytes:
        if index == 4:
            raise KeyboardInterrupt
        return (photos / source.items[index].name).read_bytes()

    with pytest.raises(KeyboardInterrupt):
        prepare(replace(source, read=read), Preprocessing(size=8))
    assert stores_in(cache) == []


KILLED = """
import os, sys, time
from dataclasses import replace
from sparring.data.open_by_name import open_source
from sparring.data.prepare_store import prepare
from sparring.data.preprocessing import Preprocessing

source = open_source(sys.argv[1])
def read(index):
    print("reading", flush=True)
    time.sleep(60)
prepare(replace(source, read=read), Preprocessing(size=8))
"""


def test_a_killed_process_leaves_no_store_and_is_swept_up(photos: Path, cache: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(photos)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"reading\n"
    assert [name[-4:] for name in stores_in(cache)] == [".tmp"]
    store = prepare(open_source(photos))  # a living neighbor's folder is not touched
    assert len(stores_in(cache)) == 2
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    other = prepare(open_source(photos), Preprocessing(size=4))
    assert stores_in(cache) == sorted([store.folder.name, other.folder.name])


def test_two_at_once_both_end_with_a_good_store(photos: Path, cache: Path) -> None:
    source = open_source(photos)
    together = threading.Barrier(2)

    def read(index: int) -> bytes:
        if index == 5:
            together.wait(10)
        return (photos / source.items[index].name).read_bytes()

    stores: list[Store] = []
    threads = [threading.Thread(target=lambda: stores.append(prepare(replace(source, read=read), Preprocessing(size=8)))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stores) == 2
    assert stores[0].folder == stores[1].folder
    assert stores[0].pixels[:, 0, 0, 0].tolist() == stores[1].pixels[:, 0, 0, 0].tolist() == [10, 20, 30, 110, 120, 130]
    assert stores_in(cache) == [stores[0].folder.name]


def spoil_json(folder: Path) -> None:
    content = (folder / "store.json").read_text()
    (folder / "store.json").write_text(content[: len(content) // 2])


def alter_json(folder: Path) -> None:
    described = json.loads((folder / "store.json").read_text())
    described["spec"]["classes"] = ["dog", "cat"]
    (folder / "store.json").write_text(json.dumps(described))


def cut_pixels(folder: Path) -> None:
    with (folder / "pixels.raw").open("r+b") as file:
        file.truncate(100)


def alter_labels(folder: Path) -> None:
    np.save(folder / "labels.npy", np.zeros(6, np.int64))


@pytest.mark.parametrize("spoil", [spoil_json, alter_json, cut_pixels, alter_labels, lambda folder: (folder / "names.json").unlink()])
def test_a_spoilt_store_is_noticed_and_rebuilt(photos: Path, cache: Path, spoil) -> None:  # noqa: ANN001
    store = prepare(open_source(photos))
    spoil(store.folder)
    with pytest.raises(DataError):
        open_store(store.folder)
    rebuilt = prepare(open_source(photos))
    assert rebuilt.fingerprint == store.fingerprint
    assert rebuilt.pixels[:, 0, 0, 0].tolist() == [10, 20, 30, 110, 120, 130]
    assert stores_in(cache) == [store.folder.name]
    assert open_store(store.folder).report == store.report


def test_reading_back_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="missing"):
        open_store(tmp_path / "nothing")


def test_a_file_that_vanishes_is_quarantined(photos: Path) -> None:
    source = open_source(photos)
    (photos / "cat" / "1.png").unlink()
    store = prepare(source, Preprocessing(max_bad=0.2))
    assert [name for name, _ in store.report.quarantined] == ["cat/1.png"]
    assert store.pixels[:, 0, 0, 0].tolist() == [10, 30, 110, 120, 130]


def test_progress_is_shown_on_standard_error(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prepare(open_source(photos), progress=True)
    assert capsys.readouterr().out == ""


def test_a_large_jpeg_in_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "large"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(encoded(Image.new("RGB", (1600, 1200), (200, 100, 50)), "JPEG", quality=95))
    started = time.perf_counter()
    store = prepare(open_source(folder), Preprocessing(size=32))
    assert time.perf_counter() - started < 5
    assert np.abs(store.pixels[0].astype(int) - [200, 100, 50]).max() <= 2
