"""A small additive synthesizer: notes as sums of sines that fade. Enough to hear what a model composes."""

import numpy as np
from jaxtyping import Float32

from sparring.data.music.songs import Song

RATE = 16_000
"""Samples of a second, in files."""
PARTIALS = (1.0, 0.45, 0.28, 0.14, 0.08)
"""Loudness of the harmonics."""
ATTACK, RELEASE, DECAY = 0.012, 0.06, 1.1
"""Seconds until a note is at its loudest, until it is gone after its end, and until it has faded to a third."""
PEAK = 0.85


def render(song: Song, rate: int = RATE) -> Float32[np.ndarray, " samples"]:
    """The song as sound in [-1, 1], of one channel. Drums are short noise."""
    second = 60 / song.tempo
    length = int((song.bars[-1].sum() * second + RELEASE + 0.05) * rate)
    out = np.zeros(length, np.float32)
    random = np.random.Generator(np.random.Philox(0))
    for track in song.tracks:
        for begin, end, pitch in track.notes.tolist():
            tone = drum(random, rate) if track.drums else note(pitch, (end - begin) * second, rate)
            start = int(begin * second * rate)
            tone = tone[: max(0, length - start)]
            out[start : start + len(tone)] += tone
    loudest = float(np.abs(out).max(initial=0))
    return out * np.float32(PEAK / loudest) if loudest > 0 else out


def note(pitch: float, seconds: float, rate: int) -> Float32[np.ndarray, " samples"]:
    """One note: harmonics below half of the rate, the higher the faster they fade."""
    frequency = 440 * 2 ** ((pitch - 69) / 12)
    time = np.arange(int((seconds + RELEASE) * rate)) / rate
    envelope = np.minimum(time / ATTACK, 1) * np.clip((seconds + RELEASE - time) / RELEASE, 0, 1)
    sound = np.zeros(len(time))
    for number, loudness in enumerate(PARTIALS, 1):
        if number * frequency < rate / 2:
            sound += loudness * np.exp(-time * number**0.5 / DECAY) * np.sin(2 * np.pi * number * frequency * time)
    return (sound * envelope).astype(np.float32)


def drum(random: np.random.Generator, rate: int) -> Float32[np.ndarray, " samples"]:
    """One stroke."""
    time = np.arange(int(0.12 * rate)) / rate
    return (random.standard_normal(len(time)) * np.exp(-time / 0.03) * 0.5).astype(np.float32)
