"""Small songs whose notes are known."""

from pathlib import Path

import numpy as np

from sparring.data.music.midi_files import midi_bytes
from sparring.data.music.songs import Song, regular_bars, track_of

SMALL = {"bars": 2, "width": 4, "batch_size": 4, "latent_size": 2, "fit_steps": 1, "discriminator_fit_steps": 1}
SMALL_LM = {"bars": 2, "batch_size": 4, "embedding": 3, "hidden": 8, "head": 8}
COMMON = {"threads": 1, "log_every": 1, "samples": 4, "checkpoint_every": 2, "device": "cpu", "precision": "float32"}
SCALE = (0, 2, 4, 5, 7, 9, 11)


def song(name: str = "song", bars: int = 8, seed: int = 0, transposed: int = 0) -> Song:
    """A soprano of quarter notes in C major, of which some are repeated, over a bass of half notes a tenth below."""
    random = np.random.default_rng(seed)
    degrees = np.clip(np.cumsum(random.integers(-1, 2, 4 * bars)), -4, 9)
    high = [int(72 + 12 * (degree // 7) + SCALE[degree % 7] + transposed) for degree in degrees]
    soprano = [(float(beat), beat + 1.0, pitch) for beat, pitch in enumerate(high)]
    low = [int(72 + 12 * ((degree - 9) // 7) + SCALE[(degree - 9) % 7] + transposed) for degree in degrees[::2]]
    bass = [(2.0 * half, 2.0 * half + 2, pitch) for half, pitch in enumerate(low)]
    return Song(name, (track_of(soprano, "soprano", 52), track_of(bass, "bass", 42)), regular_bars(4 * bars), 90.0)


def songs(count: int = 6, bars: int = 8) -> list[Song]:
    return [song(f"song-{number}", bars, number) for number in range(count)]


def write_songs(folder: Path, count: int = 6, bars: int = 8) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for each in songs(count, bars):
        (folder / f"{each.name}.mid").write_bytes(midi_bytes(each))
    return folder
