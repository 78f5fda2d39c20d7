"""Makes src/sparring/data/music/bundled_files/chorales.npz of the chorales of J. S. Bach in the package music21.

    python tools/build_chorales.py music21-10.5.1-py3-none-any.whl

Kept are pieces of four voices, as begin, length and pitch of every note in sixteenth notes, and bars. Pieces that are another one,
perhaps in another key, are left out.
"""

import sys
import zipfile
from pathlib import Path

import numpy as np

from sparring.data.music.musicxml_files import read_musicxml
from sparring.data.music.songs import UnusableMusicError

OUT = Path(__file__).parent.parent / "src" / "sparring" / "data" / "music" / "bundled_files" / "chorales.npz"
VOICES = ("soprano", "alto", "tenor", "bass")
TEMPO = 84.0
"""Quarter notes in a minute: a choice of ours."""


def main(wheel: str) -> None:
    names, notes, song_of, voice_of, bars, bar_song, seen = [], [], [], [], [], [], set()
    with zipfile.ZipFile(wheel) as archive:
        for entry in sorted(each for each in archive.namelist() if each.startswith("music21/corpus/bach/") and each.endswith(".mxl")):
            try:
                song = read_musicxml(archive.read(entry), entry)
            except UnusableMusicError as problem:
                print(entry, problem)
                continue
            if len(song.tracks) != len(VOICES) or any(track.name.casefold() not in {*VOICES, ""} for track in song.tracks):
                print(entry, [track.name for track in song.tracks])
                continue
            arrays = [np.round(track.notes * [4, 4, 1]).astype(int) for track in song.tracks]
            arrays = [each[each[:, 1] > each[:, 0]] for each in arrays]
            means = [each[:, 2].mean() for each in arrays]
            same = np.concatenate([each - [0, 0, arrays[0][0, 2]] for each in arrays]).tobytes()
            if sorted(means, reverse=True) != means or same in seen:
                print(entry, "again" if same in seen else means)
                continue
            seen.add(same)
            number = len(names)
            names.append(Path(entry).stem)
            for voice, each in enumerate(arrays):
                notes.append(np.stack([each[:, 0], each[:, 1] - each[:, 0], each[:, 2]], axis=1))
                song_of.append(np.full(len(each), number))
                voice_of.append(np.full(len(each), voice))
            bars.append(np.round(song.bars * 4).astype(int))
            bar_song.append(np.full(len(bars[-1]), number))
    joined = np.concatenate
    np.savez_compressed(
        OUT, names=np.array(names), voices=np.array(VOICES), notes=joined(notes).astype(np.int16), song_of=joined(song_of).astype(np.int16),
        voice_of=joined(voice_of).astype(np.int8), bars=joined(bars).astype(np.int16), bar_song=joined(bar_song).astype(np.int16),
        tempo=np.float64(TEMPO),
    )  # fmt: skip
    print(f"{len(names)} chorales, {sum(map(len, notes)):,} notes, {OUT.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(sys.argv[1])
