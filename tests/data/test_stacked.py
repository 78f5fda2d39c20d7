"""Three garments as one color image: 1,000 modes."""

import hashlib
import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pytest
from jaxtyping import Int64, UInt8

from sparring.core.errors import DataError
from sparring.data.images.inspect import inspect_source
from sparring.data.images.stacked_channels import stacked_choices
from sparring.data.listed_images import Item
from sparring.data.open_by_name import Source, open_source
from sparring.data.prepare_store import prepare
from sparring.data.preprocessing import Preprocessing


@pytest.fixture(scope="module")
def images() -> UInt8[np.ndarray, "50000 28 28 3"]:
    source = open_source("fashion10k:stacked")
    return np.stack([np.asarray(source.read(index)) for index in range(len(source))])


@pytest.fixture(scope="module")
def garments_seen(images: UInt8[np.ndarray, "50000 28 28 3"]) -> Int64[np.ndarray, "50000 3"]:
    """Which garment each channel shows, found by its pixels alone; a KeyError if it is none."""
    garments = open_source("fashion10k")
    known = {np.asarray(garments.read(index)).tobytes(): index for index in range(len(garments))}
    assert len(known) == 10_000
    channels = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    return np.array([[known[channel.tobytes()] for channel in image] for image in channels])


def part(source: Source, indices: Sequence[int]) -> Source:
    """Those images of a source alone."""
    items = [source.items[index] for index in indices]
    return Source(source.name, items, lambda index: source.read(indices[index]), lambda: f"{source.key} {indices}", source.classes)


def test_shape() -> None:
    source = open_source("fashion10k:stacked")
    assert (len(source), source.native_size, source.classes) == (50_000, (28, 28), ())
    assert source.items[7] == Item("000007")
    for outside in (-1, 50_000):
        with pytest.raises(IndexError):
            source.read(outside)


def test_it_is_the_same_everywhere_and_always(images: UInt8[np.ndarray, "50000 28 28 3"]) -> None:
    assert stacked_choices(10_000)[:2].tolist() == [[5361, 3770, 4437], [3832, 8244, 9259]]
    assert hashlib.sha256(images.tobytes()).hexdigest()[:16] == "a10c2b4289067f15"
    assert open_source("fashion10k:stacked").key == open_source("fashion10k:stacked").key != open_source("fashion10k").key


def test_every_channel_is_a_garment_to_the_bit(garments_seen: Int64[np.ndarray, "50000 3"]) -> None:
    assert np.array_equal(garments_seen, stacked_choices(10_000))


def test_garments_are_chosen_evenly_and_independently(garments_seen: Int64[np.ndarray, "50000 3"]) -> None:
    labels = np.array([item.label for item in open_source("fashion10k").items])
    modes = np.bincount(labels[garments_seen] @ np.array([100, 10, 1]), minlength=1000)
    assert (len(modes), modes.sum()) == (1000, 50_000)
    assert modes.min() >= 25
    assert modes.max() <= 80
    # Chi-squared with k degrees of freedom: k on average, with a variance of 2 k.
    assert abs(((modes - 50) ** 2 / 50).sum() - 999) < 4 * np.sqrt(2 * 999)
    garments = np.bincount(garments_seen.ravel(), minlength=10_000)
    assert abs(((garments - 15) ** 2 / 15).sum() - 9_999) < 4 * np.sqrt(2 * 9_999)
    assert np.abs(np.corrcoef(garments_seen, rowvar=False) - np.eye(3)).max() < 4 / np.sqrt(50_000)


def test_preparing_enlarges_each_garment_by_itself() -> None:
    some = (0, 49_999, 4711)
    store = prepare(part(open_source("fashion10k:stacked"), some), Preprocessing(size=32))
    assert store.spec.shape == (3, 32, 32)
    assert store.labels is None
    for image, chosen in zip(store.pixels, stacked_choices(10_000)[list(some)].tolist(), strict=True):
        garments = prepare(part(open_source("fashion10k"), chosen), Preprocessing(size=32)).pixels
        assert np.array_equal(image, np.concatenate(list(garments), axis=2))


def test_inspection() -> None:
    found = inspect_source(part(open_source("fashion10k:stacked"), range(0, 50_000, 500)))
    assert (found.usable, found.bad, found.classes, found.modes) == (100, (), {}, {"RGB": 100})


def test_it_is_found_by_name() -> None:
    with pytest.raises(DataError, match="'fashion10k:stacked'"):
        open_source("fashion10k:stackd")
    with pytest.raises(DataError, match="no split"):
        open_source("fashion10k:stacked", split="test")


def test_opening_needs_no_torch() -> None:
    code = "import sys, sparring.data.open_by_name as source\nsource.open_source('fashion10k:stacked')\nassert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
