"""The images that come with the package."""

import csv
import gzip
import hashlib
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sparring.core.errors import DataError
from sparring.data.open_by_name import open_source, source_names
from sparring.data.prepare_store import prepare
from sparring.data.preprocessing import Preprocessing

FOLDER = Path(__file__).resolve().parents[2] / "src" / "sparring" / "data" / "images" / "bundled_files"


def test_names() -> None:
    assert source_names() == ["emoji", "emoji:google", "emoji:twitter", "fashion10k", "fashion10k:stacked"]
    for name in source_names():
        with pytest.raises(DataError, match="no split"):
            open_source(name, split="test")


def test_fashion() -> None:
    source = open_source("fashion10k")
    assert (len(source), source.native_size) == (10_000, (28, 28))
    assert source.classes[:2] == ("t-shirt", "trouser")
    assert source.classes[9] == "ankle boot"
    store = prepare(source)
    assert store.spec.shape == (1, 28, 28)
    assert store.labels is not None
    assert np.bincount(store.labels).tolist() == [1000] * 10
    assert store.names[0] == "000000"


def test_emoji() -> None:
    google, twitter = open_source("emoji"), open_source("emoji:twitter")
    assert [item.name for item in google.items] == [item.name for item in twitter.items]
    assert google.key == open_source("emoji:google").key != twitter.key
    assert len(google) == 3786
    assert "Animals & Nature" in google.classes
    crab = next(i for i, item in enumerate(google.items) if item.name == "1f980.png")
    assert google.classes[google.items[crab].label or 0] == "Animals & Nature"
    assert np.asarray(google.read(crab)).shape == (64, 64, 4)
    store = prepare(google)
    assert store.spec.shape == (3, 64, 64)
    assert store.pixels[crab, 0, 0].tolist() == [255, 255, 255]
    with pytest.raises(IndexError):
        google.read(3786)


def test_fashion_equals_the_original(shared_data: Path) -> None:
    source = open_source("fashion10k")
    raw = gzip.decompress((shared_data / "fashion-mnist" / "t10k-images-idx3-ubyte.gz").read_bytes())[16:]
    labels = gzip.decompress((shared_data / "fashion-mnist" / "t10k-labels-idx1-ubyte.gz").read_bytes())[8:]
    images = np.frombuffer(raw, np.uint8).reshape(10_000, 28, 28)
    assert all(np.array_equal(np.asarray(source.read(i))[:, :, 0], images[i]) for i in range(10_000))
    assert [item.label for item in source.items] == list(labels)


@pytest.mark.parametrize("style", ["google", "twitter"])
def test_emoji_equal_the_originals(shared_data: Path, style: str) -> None:
    source = open_source(f"emoji:{style}")
    with (shared_data / "emoji-labels.csv").open(encoding="utf-8", newline="") as file:
        categories = {row["file"]: row["category"] for row in csv.DictReader(file)}
    with zipfile.ZipFile(shared_data / f"emoji-{style}-64.zip") as archive:
        assert [item.name for item in source.items] == sorted(archive.namelist())
        for i, item in enumerate(source.items):
            original = np.asarray(Image.open(io.BytesIO(archive.read(item.name))).convert("RGBA"))
            pixels = np.asarray(source.read(i))
            assert np.array_equal(pixels[:, :, 3], original[:, :, 3])
            seen = original[:, :, 3] > 0
            assert np.array_equal(pixels[seen], original[seen])
            assert source.classes[-1 if item.label is None else item.label] == categories[item.name]


def test_the_original_archive_and_the_embedded_set_prepare_alike(shared_data: Path) -> None:
    settings = Preprocessing(size=16, background="navy")
    embedded, original = prepare(open_source("emoji"), settings), prepare(open_source(shared_data / "emoji-google-64.zip"), settings)
    assert np.array_equal(embedded.pixels, original.pixels)


def test_files_are_small_licensed_and_unaltered() -> None:
    files = sorted(file for file in FOLDER.iterdir() if file.is_file())
    assert sum(file.stat().st_size for file in files) < 25e6
    text = (FOLDER / "LICENSES.md").read_text("utf-8")
    for needed in ("Zalando SE", "Cal Henderson", "Copyright Twitter, Inc and other contributors", "Apache License, Version 2.0"):
        assert needed in text
    for table in FOLDER.glob("*.json"):
        for sheet, checksum in json.loads(table.read_text("utf-8"))["sha256"].items():
            assert hashlib.sha256((FOLDER / f"{sheet}.webp").read_bytes()).hexdigest() == checksum


def test_opening_sources_needs_no_torch() -> None:
    code = (
        "import sys, sparring.data.open_by_name as source, sparring.data.images.inspect\n"
        "source.open_source('emoji')\n"
        "assert not {'torch', 'rich', 'datasets'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(("name", "word"), [("chorales", "musegan"), ("moses20k", "lm"), ("oracle", "lm"), ("flights", "doctor")])
def test_sets_of_other_kinds_are_told_from_unknown_names(name: str, word: str) -> None:
    with pytest.raises(DataError, match=f"sparring .*{word} --data {name}"):
        open_source(name)
