"""Phrases that are read and checked once, then mapped into memory from the cache."""

import hashlib
import json
import math
import os
from dataclasses import asdict
from pathlib import Path

import numpy as np

from sparring.core.atomic_files import cache_folder, read_json, replacing, write_json
from sparring.core.errors import SparringError
from sparring.core.formatting import plural
from sparring.data.music.music_dataset import MusicDataset
from sparring.data.music.music_reading import MusicReading
from sparring.data.music.music_spec import MusicSpec
from sparring.data.music.open_songs import find_songs, read_songs
from sparring.data.music.phrases import Phrases, cut_phrases
from sparring.data.music.songs import Song

FORMAT = 1
"""Version of the folder's format: when it changes, all music is prepared again."""
DESCRIPTION = "music.json"
ARRAYS = ("bits", "song_of", "bar_of")


def prepare_music(source: str | os.PathLike[str], reading: MusicReading) -> tuple[MusicDataset, tuple[str, ...]]:
    """Phrases, from the cache where files with that content were prepared before, and what was found, in sentences. DataError if there are
    none.
    """
    place = find_songs(Path(source) if isinstance(source, os.PathLike) else source)
    key = json.dumps([FORMAT, place.names, place.digests, asdict(reading)])
    folder = cache_folder() / "music" / hashlib.sha256(key.encode()).hexdigest()[:32]
    found = read_prepared(folder)
    if found is None:
        songs, problems = read_songs(place)
        phrases = cut_phrases(songs, reading, place.called)
        folder.mkdir(parents=True, exist_ok=True)
        for name in ARRAYS:
            with replacing(folder / f"{name}.npy") as path, path.open("wb") as file:
                np.save(file, getattr(phrases, name))
        about = {
            "spec": phrases.spec.to_json(),
            "fingerprint": fingerprint_of(phrases),
            "songs": list(phrases.songs),
            "notes": [*problems, *phrases.notes],
        }
        write_json(folder / DESCRIPTION, about)
        found = read_prepared(folder)
        assert found is not None, "it was just written"
    dataset, notes = found
    return dataset, (summary(dataset), *notes)


def read_prepared(folder: Path) -> tuple[MusicDataset, list[str]] | None:
    """Phrases from the cache, and what was left out of them; None if there are none, or they are damaged."""
    try:
        about = read_json(folder / DESCRIPTION)
        bits, song_of, bar_of = (np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in ARRAYS)
        spec = MusicSpec.from_json(about["spec"])
        dataset = MusicDataset(spec, bits, np.asarray(song_of), np.asarray(bar_of), tuple(about["songs"]), about["fingerprint"])
        whole = len(bits) == len(song_of) == len(bar_of) and bits.shape[1] == -(-math.prod(spec.shape) // 8)
        return (dataset, list(about["notes"])) if whole else None
    except (SparringError, OSError, KeyError, TypeError, ValueError, IndexError):
        return None


def dataset_of_songs(songs: list[Song], reading: MusicReading, called: str = "these songs") -> MusicDataset:
    """Phrases of songs in memory."""
    phrases = cut_phrases(songs, reading, called)
    return MusicDataset(phrases.spec, phrases.bits, phrases.song_of, phrases.bar_of, phrases.songs, fingerprint_of(phrases))


def summary(dataset: MusicDataset) -> str:
    """What was found, in a sentence."""
    songs = len(np.unique(dataset.song_of))
    spec = dataset.spec
    tracks = ", ".join(track.name + ("" if track.single or spec.chords else " (several notes at once)") for track in spec.tracks)
    return (
        f"{plural(len(dataset), 'phrase', 'phrases')} of {plural(spec.bars, 'bar', 'bars')} ({spec.steps} steps, {spec.pitches} pitches "
        f"from {spec.lowest}) from {plural(songs, 'song', 'songs')}; tracks: {tracks}."
    )


def fingerprint_of(phrases: Phrases) -> str:
    """A digest of what the phrases are."""
    digest = hashlib.sha256(json.dumps([phrases.spec.to_json(), list(phrases.songs)], sort_keys=True).encode())
    for name in ARRAYS:
        digest.update(np.ascontiguousarray(getattr(phrases, name)).tobytes())
    return digest.hexdigest()
