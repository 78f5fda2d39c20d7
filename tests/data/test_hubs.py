"""Data sets by name, without a network."""

import builtins
import struct
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sparring.core.errors import DataError, SparringError
from sparring.data.open_by_name import open_source
from sparring.data.prepare_store import prepare
from sparring.data.preprocessing import Preprocessing
from support.image_files import encoded


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hub-cache")
    datasets.disable_progress_bars()
    return datasets


def idx(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes())


def test_torchvision_reads_what_lies_in_the_cache(cache: Path, no_network: None) -> None:
    raw = cache / "torchvision" / "FashionMNIST" / "FashionMNIST" / "raw"
    images = np.random.default_rng(0).integers(0, 256, (4, 28, 28), np.uint8)
    for prefix, count in (("train", 4), ("t10k", 2)):
        idx(raw / f"{prefix}-images-idx3-ubyte", images[:count])
        idx(raw / f"{prefix}-labels-idx1-ubyte", np.array([9, 0, 3, 9], np.uint8)[:count])
    source = open_source("torchvision:FashionMNIST")
    assert source.classes[9] == "Ankle boot"
    assert source.native_size == (28, 28)
    store = prepare(source)
    assert np.array_equal(store.pixels[..., 0], images)
    assert store.labels is not None
    assert store.labels.tolist() == [9, 0, 3, 9]
    assert len(open_source("torchvision:fashionmnist:test")) == 2
    assert len(open_source("torchvision:FashionMNIST", split="test")) == 2
    with pytest.raises(DataError, match="'train' and 'test', not 'val'"):
        open_source("torchvision:FashionMNIST:val")


def test_torchvision_download_fails_with_what_to_put_where(cache: Path, no_network: None) -> None:
    with pytest.raises(DataError) as caught:
        open_source("torchvision:KMNIST:test")
    text = str(caught.value)
    assert "could not be downloaded" in text
    assert "t10k-images-idx3-ubyte" in text
    assert str(cache / "torchvision" / "KMNIST" / "KMNIST" / "raw") in text
    with pytest.raises(DataError, match="could not be downloaded"):
        open_source("torchvision:CIFAR10")


def test_torchvision_wrong_name() -> None:
    with pytest.raises(DataError, match=r"no data set 'CIFAR11'\. Did you mean .*'cifar10'"):
        open_source("torchvision:CIFAR11")
    for nothing in ("torchvision:", "torchvision:VisionDataset", "torchvision:ImageFolder"):
        with pytest.raises(DataError, match="no data set"):
            open_source(nothing)
    with pytest.raises(DataError, match="needs a name"):
        open_source("hf:")


def rows() -> dict[str, list[Any]]:
    images = [{"bytes": encoded(Image.new("RGB", (6, 6), (40 * i, 0, 0))), "path": None} for i in range(4)]
    images[2] = {"bytes": b"torn", "path": None}
    return {"image": images, "kind": [1, 0, 1, -1], "text": ["a", "b", "c", "d"]}


def table(datasets: Any) -> Any:  # noqa: ANN401
    kinds = {"image": datasets.Image(), "kind": datasets.ClassLabel(names=["sun", "moon"]), "text": datasets.Value("string")}
    return datasets.Dataset.from_dict(rows(), features=datasets.Features(kinds))


def test_hub_saved_to_disk(hub: Any, tmp_path: Path) -> None:  # noqa: ANN401
    table(hub).save_to_disk(tmp_path / "saved")
    source = open_source(f"hf:{tmp_path / 'saved'}")
    assert source.classes == ("sun", "moon")
    assert [problem.reason for problem in source.problems] == ["no label"]
    store = prepare(source, Preprocessing(max_bad=0.6))
    assert store.pixels[:, 0, 0, 0].tolist() == [0, 40]
    assert store.labels is not None
    assert store.labels.tolist() == [1, 0]
    assert {name for name, _ in store.report.quarantined} == {"000002", "000003"}
    again = open_source(f"hf:{tmp_path / 'saved'}")
    assert again.key == source.key


def test_hub_splits(hub: Any, tmp_path: Path) -> None:  # noqa: ANN401
    whole = table(hub)
    hub.DatasetDict(train=whole, test=whole.select([0])).save_to_disk(tmp_path / "both")
    source = open_source(f"hf:{tmp_path / 'both'}")
    assert any("'train' is used (there are also: test)" in note for note in source.notes)
    assert len(source) == 3
    assert len(open_source(f"hf:{tmp_path / 'both'}", split="test")) == 1
    with pytest.raises(DataError, match="Did you mean 'test'"):
        open_source(f"hf:{tmp_path / 'both'}", split="tests")


def test_hub_folder_of_images(hub: Any, photos: Path, no_network: None) -> None:  # noqa: ANN401
    source = open_source(f"hf:{photos}")
    assert source.classes == ("cat", "dog")
    store = prepare(source)
    assert sorted(store.pixels[:, 0, 0, 0].tolist()) == [10, 20, 30, 110, 120, 130]
    assert store.labels is not None
    assert (store.pixels[:, 0, 0, 0] > 100).tolist() == (store.labels == 1).tolist()


def test_hub_without_images(hub: Any, tmp_path: Path) -> None:  # noqa: ANN401
    hub.Dataset.from_dict({"a": [1]}).save_to_disk(tmp_path / "numbers")
    with pytest.raises(DataError, match=r"no column of images\. Its columns are: a"):
        open_source(f"hf:{tmp_path / 'numbers'}")


def test_hub_failing(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ANN401
    def fail(name: str) -> None:
        raise ConnectionError(f"Couldn't reach {name!r} on the Hub")

    monkeypatch.setattr(hub, "load_dataset", fail)
    with pytest.raises(DataError, match=r"(?s)nobody/nothing.*could not be loaded.*Couldn't reach.*save_to_disk"):
        open_source("hf:nobody/nothing")


def test_hub_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:  # noqa: ANN401
        if name == "datasets":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(SparringError, match=r"pip install 'sparring\[datasets\]'"), warnings.catch_warnings():
        open_source("hf:nobody/nothing")
