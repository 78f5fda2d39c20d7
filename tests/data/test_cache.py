"""What lies in the cache, and removing it."""

import os
import time
from pathlib import Path

import numpy as np
import pytest

import sparring
from sparring.data.cache import KINDS, cache_entries, remove
from sparring.data.open_by_name import open_source
from support.cli import call

OLD = f"{'0123456789abcdef' * 2}.json"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with prepared images and a digest."""
    monkeypatch.setenv("SPARRING_CACHE", str(tmp_path / "cache"))
    pixels = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 3), np.uint8)
    np.savez(tmp_path / "squares.npz", x=pixels)
    sparring.prepare(open_source(tmp_path / "squares.npz"))
    (tmp_path / "cache/digests").mkdir(exist_ok=True)
    (tmp_path / f"cache/digests/{OLD}").write_text("{}" * 500)
    long_ago = time.time() - 40 * 86_400
    os.utime(tmp_path / f"cache/digests/{OLD}", (long_ago, long_ago))
    return tmp_path / "cache"


def test_entries_are_listed_with_what_they_are(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, *rest = cache_entries()
    assert (old.kind, old.size, old.path.name) == ("digests", 1000, OLD), "the longest unused first"
    (prepared,) = (entry for entry in rest if entry.kind == "data")
    assert "squares.npz, 12 images of 8x8x3" in prepared.about
    assert prepared.size >= 12 * 8 * 8 * 3
    assert cache_entries("data") == [prepared]
    assert call("cache", "list") == 0
    said = capsys.readouterr().out
    assert "12 images of 8x8x3" in said
    assert "prepared images: " in said
    assert str(cache) in said.replace("\n", "")
    for kind in KINDS:
        assert call("cache", "list", "--kind", kind) == 0


def test_what_is_removed_is_made_again(cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("cache", "clean", "--dry-run") == 0
    assert len(cache_entries()) >= 2
    assert call("cache", "clean", "--unused-days", 30) == 0
    assert "Removed 1.0 kB in 1 entry" in capsys.readouterr().out
    assert [entry.kind for entry in cache_entries("data")] == ["data"]
    store = sparring.prepare(open_source(tmp_path / "squares.npz"))
    before = store.pixels[3].copy()
    for entry in cache_entries():
        remove(entry)
    assert cache_entries() == []
    assert (store.pixels[3] == before).all(), "who reads it goes on"
    again = sparring.prepare(open_source(tmp_path / "squares.npz"))
    assert again.fingerprint == store.fingerprint
    assert call("cache", "clean", "--unused-days", -1) == 1


def test_an_empty_cache_and_a_damaged_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARRING_CACHE", str(tmp_path / "none"))
    assert cache_entries() == []
    assert call("cache", "list") == 0
    broken = tmp_path / "none/data" / ("ab" * 16)
    broken.mkdir(parents=True)
    (broken / "store.json").write_text("{")
    (tmp_path / "none/data/.half.tmp").mkdir()
    (tmp_path / "none/data/my photos").mkdir()
    (tmp_path / "none/data/my photos/a.png").write_bytes(b"mine")
    assert [entry.about for entry in cache_entries()] == ["damaged"]
    assert call("cache", "clean") == 0
    assert (tmp_path / "none/data/my photos/a.png").read_bytes() == b"mine", "what is not ours stays"
    assert not broken.exists()
