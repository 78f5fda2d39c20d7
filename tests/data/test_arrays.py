"""Arrays and IDX files: layouts, ranges, labels, and what is refused."""

import gzip
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from sparring.core.errors import DataError
from sparring.data.open_by_name import open_source
from sparring.data.prepare_store import prepare

RANDOM = np.random.default_rng(0)
GRAY = RANDOM.integers(0, 256, (5, 6, 6), np.uint8)
COLOR = RANDOM.integers(0, 256, (5, 6, 6, 3), np.uint8)


def saved(path: Path, array: np.ndarray) -> Path:
    np.save(path, array, allow_pickle=True)
    return path


def write_idx(path: Path, array: np.ndarray) -> Path:
    content = b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.mark.parametrize(
    ("array", "expected"),
    [(GRAY, GRAY[..., None]), (COLOR, COLOR), (np.ascontiguousarray(COLOR.transpose(0, 3, 1, 2)), COLOR)],
)
def test_layouts(tmp_path: Path, array: np.ndarray, expected: np.ndarray) -> None:
    store = prepare(open_source(saved(tmp_path / "a.npy", array)))
    assert np.array_equal(store.pixels, expected)
    assert store.labels is None
    assert store.names[3] == "000003"


def test_channels_last_where_both_are_possible(tmp_path: Path) -> None:
    array = RANDOM.integers(0, 256, (2, 3, 9, 3), np.uint8)
    source = open_source(saved(tmp_path / "a.npy", array))
    assert source.native_size == (3, 9)
    assert "last axis" in source.notes[0]


@pytest.mark.parametrize(
    ("low", "values", "expected"),
    [("0", [0.0, 0.5, 1.0, 0.2], [0, 128, 255, 51]), ("-1", [-1.0, 0.0, 1.0, 0.6], [0, 128, 255, 204])],
)
def test_floats(tmp_path: Path, low: str, values: list[float], expected: list[int]) -> None:
    source = open_source(saved(tmp_path / "a.npy", np.array(values, np.float32).reshape(1, 2, 2)))
    assert np.asarray(source.read(0)).reshape(-1).tolist() == expected
    assert f"[{low}, 1]" in source.notes[0]


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.full((2, 5, 5), np.nan), "image 0 holds NaN"),
        (np.stack([np.zeros((5, 5)), np.full((5, 5), np.inf)]), "image 1 holds NaN or infinity"),
        (np.full((2, 5, 5), 200.0), "from 200 to 200"),
        (np.full((2, 5, 5), -1.5), "from -1.5"),
        (np.zeros((2, 5, 5), np.int64), "int64"),
        (np.zeros((4, 4, 3), np.uint8), "single image"),
        (np.zeros((4, 5, 6, 7), np.uint8), "shape"),
        (np.zeros((0, 5, 5), np.uint8), "length 0"),
        (np.zeros((4, 0, 4), np.uint8), "no pixels"),
        (np.zeros((4,), np.uint8), "shape"),
        (np.array([{"a": 1}], dtype=object), "never unpickled"),
        (np.asfortranarray(np.zeros((2, 5, 5), np.uint8)), "Fortran"),
    ],
)
def test_refused(tmp_path: Path, array: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        open_source(saved(tmp_path / "a.npy", array))


def test_torn_arrays(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.npy", GRAY)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match="says that it holds"):
        prepare(open_source(path))
    path.write_bytes(b"no array")
    with pytest.raises(DataError, match="cannot be read as an array"):
        open_source(path)
    (tmp_path / "a.npz").write_bytes(b"PK\3\4")
    with pytest.raises(DataError, match="cannot be read as an array"):
        open_source(tmp_path / "a.npz")


@pytest.mark.parametrize(("x", "y"), [("images", "labels"), ("x", "y"), ("x_train", "y_train")])
def test_npz_with_labels(tmp_path: Path, x: str, y: str) -> None:
    np.savez_compressed(tmp_path / "a.npz", **{x: COLOR, y: np.array([[7], [3], [7], [9], [3]])})
    store = prepare(open_source(tmp_path / "a.npz"))
    assert store.spec.classes == ("3", "7", "9")
    assert store.labels is not None
    assert store.labels.tolist() == [1, 0, 1, 2, 0]
    assert np.array_equal(store.pixels, COLOR)


def test_npz_splits_and_faults(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x_train=COLOR, y_train=np.arange(5), x_test=COLOR[:2], y_test=np.array(["b", "a"]))
    source = open_source(path, split="test")
    assert (len(source), source.classes) == (2, ("a", "b"))
    np.savez(path, COLOR)
    assert open_source(path).classes == ()
    np.savez(path, photos=COLOR)
    with pytest.raises(DataError, match="It has: photos"):
        open_source(path)
    np.savez(path, images=COLOR, labels=np.arange(4))
    with pytest.raises(DataError, match="5 images, but there are 4 labels"):
        open_source(path)
    np.savez(path, images=COLOR, labels=np.eye(5))
    with pytest.raises(DataError, match="labels are float64"):
        open_source(path)
    np.savez(path, images=np.array([None]), labels=np.arange(1))
    with pytest.raises(DataError, match="never unpickled"):
        open_source(path)


def test_packed_arrays_are_mapped_not_loaded(tmp_path: Path, cache: Path) -> None:
    big = np.zeros((4000, 64, 64), np.uint8)  # 16 MB
    np.savez_compressed(tmp_path / "a.npz", images=big)
    source = open_source(tmp_path / "a.npz")
    tracemalloc.start()
    assert np.asarray(source.read(3999)).shape == (64, 64, 1)
    assert tracemalloc.get_traced_memory()[1] < 8e6
    tracemalloc.stop()
    assert list(cache.iterdir()) == []  # the unpacked file has no name


@pytest.mark.parametrize("packed", ["", ".gz"])
@pytest.mark.parametrize("dash", ["-", "."])
def test_idx_with_labels(tmp_path: Path, packed: str, dash: str) -> None:
    images = write_idx(tmp_path / f"train-images{dash}idx3-ubyte{packed}", GRAY)
    write_idx(tmp_path / f"train-labels{dash}idx1-ubyte{packed}", np.array([1, 0, 1, 5, 0], np.uint8))
    for place in (images, tmp_path):
        store = prepare(open_source(place))
        assert np.array_equal(store.pixels[..., 0], GRAY)
        assert store.labels is not None
        assert store.labels.tolist() == [1, 0, 1, 2, 0]
        assert store.spec.classes == ("0", "1", "5")


def test_idx_sets_in_one_folder(tmp_path: Path) -> None:
    write_idx(tmp_path / "train-images-idx3-ubyte", GRAY)
    write_idx(tmp_path / "t10k-images-idx3-ubyte.gz", GRAY[:2])
    with pytest.raises(DataError, match="several sets: train, t10k"):
        open_source(tmp_path)
    assert len(open_source(tmp_path, split="train")) == 5
    assert len(open_source(tmp_path, split="test")) == 2
    with pytest.raises(DataError, match=r"no set 'trian'\. Did you mean 'train'"):
        open_source(tmp_path, split="trian")


def test_torn_idx(tmp_path: Path) -> None:
    path = write_idx(tmp_path / "a-images-idx3-ubyte", GRAY)
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(DataError, match="longer"):
        prepare(open_source(path))
    path.write_bytes(b"\0\0\x0d\3")
    with pytest.raises(DataError, match="not an IDX file"):
        open_source(path)
    packed = write_idx(tmp_path / "b-images-idx3-ubyte.gz", GRAY)
    packed.write_bytes(packed.read_bytes()[:-30])
    with pytest.raises(DataError, match="damaged"):
        prepare(open_source(packed))
    write_idx(tmp_path / "c-images-idx3-ubyte", GRAY)
    write_idx(tmp_path / "c-labels-idx1-ubyte", np.zeros(4, np.uint8))
    with pytest.raises(DataError, match="5 images, but there are 4 labels"):
        open_source(tmp_path / "c-images-idx3-ubyte")


def test_a_changed_file_is_prepared_again(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.npy", GRAY)
    first = prepare(open_source(path))
    saved(path, 255 - GRAY)
    second = prepare(open_source(path))
    assert first.fingerprint != second.fingerprint
    assert np.array_equal(second.pixels[..., 0], 255 - GRAY)
    assert np.array_equal(first.pixels[..., 0], GRAY)
