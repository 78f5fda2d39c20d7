"""MIDI files in and out."""

import io
import itertools
import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from jaxtyping import Float64

from sparring.core.errors import missing_extra
from sparring.data.music.songs import DRUM_CHANNEL, MOST_BARS, Song, Track, UnusableMusicError, refuse_too_many, regular_bars, track_of

USUAL_TEMPO = 500_000
"""Microseconds of a quarter note, where a file says nothing."""
TICKS = 480
"""Ticks of a quarter note in files that are written, at the least."""
VELOCITY = 80
CHANNELS = 16


def mido_module() -> Any:  # noqa: ANN401 (a module)
    """The library that reads and writes MIDI files. A SparringError if it is not installed."""
    try:
        import mido  # noqa: PLC0415 (an extra)
    except ImportError:
        raise missing_extra("mido", "music", "Reading and writing MIDI files") from None
    return mido


def read_midi(content: bytes, name: str) -> Song:
    """The song in a MIDI file. Sustain pedals, bends, dynamics and changes of tempo after the first are not kept. UnusableMusicError for
    what is no MIDI file, or is damaged.
    """
    mido = mido_module()
    if not content.startswith(b"MThd"):
        raise UnusableMusicError("is no MIDI file: it does not begin with MThd")
    try:
        file = mido.MidiFile(file=io.BytesIO(content), clip=True)
    except Exception as problem:  # whatever the parser stumbles on
        raise UnusableMusicError(f"is a broken MIDI file ({str(problem) or type(problem).__name__})") from None
    if file.ticks_per_beat <= 0:
        raise UnusableMusicError("counts time in frames of film (SMPTE), not in bars")
    found = [read_track(messages, file.ticks_per_beat, number) for number, messages in enumerate(file.tracks)]
    tracks = tuple(track for each in found for track in each.tracks)
    if not tracks:
        raise UnusableMusicError("is silent: it has no notes")
    tempos, meters = [one for each in found for one in each.tempos], [one for each in found for one in each.meters]
    bars = bars_of(sorted(meters), file.ticks_per_beat, max(each.end for each in found))
    return Song(name, tracks, bars, 60e6 / min(tempos, default=(0, USUAL_TEMPO))[1])


@dataclass
class FoundTrack:
    """What a track of a file says. Moments are in ticks."""

    tracks: list[Track] = field(default_factory=list)
    """The notes of each of its channels."""
    tempos: list[tuple[int, int]] = field(default_factory=list)
    """Moments, and microseconds of a quarter note from then on."""
    meters: list[tuple[int, float]] = field(default_factory=list)
    """Moments, and quarter notes of a bar from then on."""
    end: int = 0


def read_track(messages: Any, ticks_per_quarter: int, number: int) -> FoundTrack:  # noqa: ANN401 (mido's messages)
    """One track of a file: its notes by channel, and changes of tempo and meter."""
    found, notes, open_notes = FoundTrack(), defaultdict[int, list[tuple[int, int, int]]](list), dict[tuple[int, int], int]()
    label, programs, moment = "", dict[int, int](), 0
    for message in messages:
        moment += message.time
        if message.type == "track_name":
            label = label or message.name
        elif message.type == "set_tempo":
            found.tempos.append((moment, message.tempo))
        elif message.type == "time_signature":
            found.meters.append((moment, 4 * message.numerator / message.denominator))
        elif message.type == "program_change":
            programs.setdefault(message.channel, message.program)
        elif message.type in {"note_on", "note_off"}:
            begin = open_notes.pop((message.channel, message.note), None)
            if begin is not None:
                notes[message.channel].append((begin, moment, message.note))
            if message.type == "note_on" and message.velocity > 0:
                open_notes[message.channel, message.note] = moment
    for (channel, pitch), begin in open_notes.items():  # never ended: they last as long as the track
        notes[channel].append((begin, moment, pitch))
    for channel in sorted(notes):
        refuse_too_many(len(notes[channel]))
        in_quarters = [(begin / ticks_per_quarter, end / ticks_per_quarter, pitch) for begin, end, pitch in notes[channel] if end > begin]
        if in_quarters:
            several = f" {channel + 1}" if len(notes) > 1 and label and number else ""
            track = track_of(in_quarters, label + several, programs.get(channel, 0), drums=channel == DRUM_CHANNEL, channel=channel)
            found.tracks.append(track)
    found.end = moment
    return found


def bars_of(meters: list[tuple[int, float]], ticks_per_quarter: int, end: int) -> Float64[np.ndarray, "bars 2"]:
    """Bars by the time signatures of a file: moments in ticks, and lengths in quarter notes. 4/4 until the first."""
    changes = [(moment / ticks_per_quarter, length) for moment, length in meters if length > 0]
    if not changes or changes[0][0] > 0:
        changes.insert(0, (0.0, 4.0))
    changes.append((end / ticks_per_quarter, 0.0))
    found = []
    for (begin, length), (until, _) in itertools.pairwise(changes):
        if until > begin:
            if (until - begin) / length > MOST_BARS:
                raise UnusableMusicError(f"is over {MOST_BARS:,} bars long")
            found.append(regular_bars(until - begin, length) + np.array([begin, 0]))
    return np.concatenate(found) if found else regular_bars(0)


# ----------------------------------------------------------------------------------------------------------------- writing


def midi_bytes(song: Song) -> bytes:
    """The song as a MIDI file of format 1: one track for tempo and meter, then one for each of its tracks. All bars have the length of the
    first. Notes that begin and end on a grid are written exactly, and the end of the last bar is the end of every track.
    """
    mido = mido_module()
    quarters = Fraction(float(song.bars[0, 1])).limit_denominator(64)
    per_quarter = ticks_for(song)
    numerator, denominator = meter_of(quarters)
    file = mido.MidiFile(type=1, ticks_per_beat=per_quarter)
    end = round(float(song.bars[:, 1].sum()) * per_quarter)
    file.tracks.append(
        mido.MidiTrack([
            mido.MetaMessage("set_tempo", tempo=round(60e6 / song.tempo)),
            mido.MetaMessage("time_signature", numerator=numerator, denominator=denominator),
            mido.MetaMessage("end_of_track", time=end),
        ])
    )  # fmt: skip
    channels = itertools.cycle(channel for channel in range(CHANNELS) if channel != DRUM_CHANNEL)
    for track in song.tracks:
        channel = DRUM_CHANNEL if track.drums else next(channels)
        messages = mido.MidiTrack([
            mido.MetaMessage("track_name", name=track.name.encode("latin-1", "replace").decode("latin-1")),
            mido.Message("program_change", program=track.program, channel=channel),
        ])  # fmt: skip
        before = 0
        for moment, kind, pitch in note_events(track, per_quarter):
            messages.append(mido.Message(kind, note=pitch, velocity=VELOCITY, channel=channel, time=moment - before))
            before = moment
        messages.append(mido.MetaMessage("end_of_track", time=max(0, end - before)))
        file.tracks.append(messages)
    out = io.BytesIO()
    file.save(file=out)
    return out.getvalue()


def ticks_for(song: Song) -> int:
    """Ticks of a quarter note that hold every begin and end of a note exactly, if there are such of at most 32,767."""
    moments = np.unique(np.concatenate([each.notes[:, :2].reshape(-1) for each in song.tracks] or [np.zeros(1)]))
    parts = {Fraction(float(each)).limit_denominator(192).denominator for each in moments}
    return common if TICKS <= (common := math.lcm(TICKS, *parts)) < 2**15 else TICKS


def meter_of(quarters: Fraction) -> tuple[int, int]:
    """A time signature of bars of so many quarter notes."""
    denominator = 4
    while (quarters * denominator / 4).denominator != 1 and denominator < 64:
        denominator *= 2
    return max(1, round(quarters * denominator / 4)), denominator


def note_events(track: Track, per_quarter: int) -> Iterator[tuple[int, str, int]]:
    """Begins and ends of notes in ticks, ends first, so that a repeated note is two."""
    found = []
    for begin, end, pitch in track.notes.tolist():
        found += [(round(begin * per_quarter), 1, int(pitch)), (round(end * per_quarter), 0, int(pitch))]
    for moment, begins, pitch in sorted(found):
        yield moment, "note_on" if begins else "note_off", pitch
