"""Which tracks of songs are learned: those that most songs have, or those that were asked for."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from sparring.core.errors import DataError, did_you_mean
from sparring.data.music.songs import Song, Track

BY_NUMBER = re.compile(r"(track|channel|program) (\d+)$")


def name_of(track: Track, number: int) -> str:
    """What a track is called: its name, or "drums", or its number."""
    return track.name.casefold() or ("drums" if track.drums else f"track {number + 1}")


def names_of(song: Song) -> tuple[str, ...]:
    """What the tracks of a song are called; of equal names, all but the first have a number."""
    found: list[str] = []
    for number, track in enumerate(song.tracks):
        name = name_of(track, number)
        found.append(name if name not in found else f"{name} {sum(each.startswith(name) for each in found) + 1}")
    return tuple(found)


def found_track(song: Song, wanted: str) -> Track | None:
    """The track that a name means, or "track 1", "channel 1", "program 33" (all from 1), "drums"; None if there is none."""
    names = names_of(song)
    if wanted.casefold() in names:
        return song.tracks[names.index(wanted.casefold())]
    if wanted.casefold() == "drums":
        return next((each for each in song.tracks if each.drums), None)
    match = BY_NUMBER.match(wanted.casefold())
    if match is None:
        return None
    number = int(match[2]) - 1
    if match[1] == "track":
        return song.tracks[number] if 0 <= number < len(song.tracks) else None
    return next((each for each in song.tracks if getattr(each, match[1]) == number and not (match[1] == "program" and each.drums)), None)


def usual_tracks(songs: Sequence[Song]) -> tuple[str, ...]:
    """The tracks that most songs have: the most frequent names, if half of the songs have those; else the first ones of as many as most
    songs have.
    """
    by_name = Counter(map(names_of, songs)).most_common(1)[0]
    having = sum(all(found_track(song, name) is not None for name in by_name[0]) for song in songs)
    if 2 * having >= len(songs):
        return by_name[0]
    count = Counter(len(song.tracks) for song in songs).most_common(1)[0][0]
    return tuple(f"track {number + 1}" for number in range(count))


def with_tracks(songs: Sequence[Song], wanted: tuple[str, ...]) -> tuple[list[Song], tuple[str, ...], list[str]]:
    """The songs that have all of these tracks (none given: those of most songs), with these alone and in this order; what they are called;
    and names of the songs that lack one. A DataError if no song has them.
    """
    names = wanted or usual_tracks(songs)
    kept, left_out = [], []
    for song in songs:
        tracks = [found_track(song, name) for name in names]
        if all(each is not None for each in tracks):
            kept.append(replace(song, tracks=tuple(track for track in tracks if track is not None)))
        else:
            left_out.append(song.name)
    if not kept:
        known = sorted({name for song in songs for name in names_of(song)})
        missing = [name for name in names if name.casefold() not in known] or names
        raise DataError(f"No song has the tracks {', '.join(names)}. {did_you_mean(missing[0], known)}")
    return kept, names, left_out
