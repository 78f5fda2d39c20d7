"""Phrases as a dataset: bits in memory or mapped from disk, made into samples batch by batch."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Int64, UInt8

from sparring.core.batch import Batch
from sparring.core.errors import SettingsError
from sparring.core.random_streams import stream_seed
from sparring.data.music.keys_and_chords import chord_table, follow_counts
from sparring.data.music.music_spec import MusicSpec, samples_of

HOLDOUT_ONE_IN, LARGEST_HOLDOUT = 8, 1024


@dataclass(frozen=True, eq=False)
class MusicDataset:
    """Phrases of songs, as bits."""

    spec: MusicSpec
    bits: UInt8[np.ndarray, "n bytes"]
    song_of: Int64[np.ndarray, " n"]
    """The number of each phrase's song."""
    bar_of: Int64[np.ndarray, " n"]
    """The number of the bar of the song with which it begins."""
    songs: tuple[str, ...]
    fingerprint: str
    """A digest of the content."""

    @property
    def labels(self) -> None:
        """None: phrases have no classes."""

    def __len__(self) -> int:
        return len(self.bits)

    @property
    def counts(self) -> tuple[int]:
        """Number of phrases, as a tuple: all are of one kind."""
        return (len(self),)

    def rolls(self, indices: Int64[np.ndarray, " n"]) -> Bool[np.ndarray, "n planes steps pitches"]:
        """The phrases with these numbers as rolls."""
        size = int(np.prod(self.spec.shape))
        return np.unpackbits(np.asarray(self.bits[indices]), axis=1, count=size).reshape(-1, *self.spec.shape).astype(bool)

    def batch(self, indices: Int64[np.ndarray, " n"]) -> Batch:
        """The phrases with these numbers."""
        return Batch(samples_of(self.rolls(indices)))

    def subset(self, indices: Int64[np.ndarray, " n"]) -> "MusicDataset":
        """A dataset of the phrases with these numbers, with the same spec."""
        return replace(self, bits=self.bits[indices], song_of=self.song_of[indices], bar_of=self.bar_of[indices])

    def chords(self, indices: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, "n bars"]:
        """Of data with chords, the chord of each bar."""
        planes = self.rolls(indices)[:, len(self.spec.tracks) - 1, :: self.spec.bar_steps]
        table = chord_table(self.spec.lowest, self.spec.pitches)
        return np.where(planes.any(axis=2), (planes.astype(int) @ table.T.astype(int)).argmax(axis=2), 0)


def holdout_phrases(dataset: MusicDataset, count: int | None, seed: int) -> tuple[Int64[np.ndarray, " n"], Int64[np.ndarray, " m"]]:
    """Numbers of the phrases that are trained on, and of those that are held out: of whole songs that the seed chooses, of `count` phrases
    or just above (None: one in eight, at most 1,024). Of one song, the last bars are held out, and what overlaps with them is left out.
    A SettingsError if nothing would be left to train on.
    """
    count = min(LARGEST_HOLDOUT, len(dataset) // HOLDOUT_ONE_IN) if count is None else count
    if count >= len(dataset):
        raise SettingsError(f"holdout must leave something to train on; {count} of {len(dataset)} phrases does not.")
    sizes = np.bincount(dataset.song_of, minlength=len(dataset.songs))
    if (sizes > 0).sum() == 1:
        order = np.argsort(dataset.bar_of, kind="stable")
        held = order[len(order) - count :]
        first = dataset.bar_of[held].min(initial=np.iinfo(np.int64).max)
        kept = np.flatnonzero(dataset.bar_of + dataset.spec.bars <= first)
        if not len(kept):
            raise SettingsError(f"holdout must leave something to train on: {count} phrases overlap with all others of the only song.")
        return kept, np.sort(held)
    order = np.random.Generator(np.random.Philox(stream_seed(seed, "music holdout", 0))).permutation(len(sizes))
    taken = order[: int(np.searchsorted(sizes[order].cumsum(), count)) + 1] if count else order[:0]
    held_out = np.isin(dataset.song_of, taken)
    if held_out.all():
        raise SettingsError(f"holdout leaves no song to train on: {count} phrases are held out in whole songs. Hold out fewer.")
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def split_holdout(dataset: MusicDataset, count: int | None, seed: int) -> tuple[MusicDataset, MusicDataset]:
    """The training set, and a holdout of whole songs. See `holdout_phrases`."""
    kept, held_out = holdout_phrases(dataset, count, seed)
    return dataset.subset(kept), dataset.subset(held_out)


def with_chord_counts(dataset: MusicDataset, rows: Int64[np.ndarray, " n"]) -> MusicDataset:
    """The dataset with how often chords follow each other in some of the phrases, where there are chords."""
    if not dataset.spec.chords:
        return dataset
    return replace(dataset, spec=dataset.spec.with_chord_counts(follow_counts(dataset.chords(rows))))
