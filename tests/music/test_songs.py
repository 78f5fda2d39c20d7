"""Files of music: what is read of them is what is in them, and what cannot be read is named."""

import io
import zipfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import mido
import numpy as np
import pytest

from sparring.core.errors import DataError
from sparring.data.music.abc_files import read_abc, signature
from sparring.data.music.keys_and_chords import best_chords, chord_pitches, transposition_to_c
from sparring.data.music.midi_files import meter_of, midi_bytes, read_midi
from sparring.data.music.musicxml_files import read_musicxml
from sparring.data.music.open_songs import find_songs, is_music, read_songs
from sparring.data.music.songs import Song, UnusableMusicError, regular_bars, track_of
from support import music

NOTE = "<note><pitch><step>{step}</step><octave>{octave}</octave></pitch><duration>{duration}</duration>{more}</note>"


def musicxml(measures: str, head: str = "") -> bytes:
    return f"""<?xml version="1.0"?>{head}<score-partwise>
    <part-list><score-part id="P1"><part-name>Flute</part-name></score-part></part-list>
    <part id="P1">{measures}</part></score-partwise>""".encode()


def test_a_midi_file_gives_back_its_song() -> None:
    song = music.song(bars=3)
    found = read_midi(midi_bytes(song), "again")
    assert [track.name for track in found.tracks] == ["soprano", "bass"]
    assert [track.program for track in found.tracks] == [52, 42]
    for before, after in zip(song.tracks, found.tracks, strict=True):
        np.testing.assert_allclose(after.notes, before.notes)
    np.testing.assert_allclose(found.bars, song.bars)
    assert found.tempo == pytest.approx(90, abs=1e-3)


@pytest.mark.parametrize(("quarters", "meter"), [(4, (4, 4)), (3, (3, 4)), (Fraction(7, 2), (7, 8)), (Fraction(5, 4), (5, 16))])
def test_meters_are_written_as_they_are_counted(quarters: Fraction, meter: tuple[int, int]) -> None:
    assert meter_of(Fraction(quarters)) == meter
    song = Song("", (track_of([(0, 1, 60)]),), regular_bars(2 * float(quarters), float(quarters)))
    np.testing.assert_allclose(read_midi(midi_bytes(song), "").bars, song.bars)


def test_midi_of_other_programs_is_read() -> None:
    """Written by hand with mido: a note_on of velocity 0 ends a note, the tenth channel is drums, and a note without an end lasts on."""
    file = mido.MidiFile(type=0, ticks_per_beat=96)
    file.tracks.append(
        mido.MidiTrack([
            mido.MetaMessage("set_tempo", tempo=400_000), mido.MetaMessage("time_signature", numerator=3, denominator=4),
            mido.Message("program_change", program=5, channel=2),
            mido.Message("note_on", note=60, velocity=3, channel=2, time=0),
            mido.Message("note_on", note=60, velocity=0, channel=2, time=96),
            mido.Message("note_on", note=62, velocity=90, channel=2, time=0),
            mido.Message("note_on", note=36, velocity=90, channel=9, time=48),
            mido.Message("note_off", note=36, channel=9, time=24), mido.MetaMessage("end_of_track", time=120),
        ])
    )  # fmt: skip
    out = io.BytesIO()
    file.save(file=out)
    song = read_midi(out.getvalue(), "")
    piano, drums = song.tracks
    np.testing.assert_allclose(piano.notes, [[0, 1, 60], [1, 3, 62]])  # 288 ticks in all are three quarters
    np.testing.assert_allclose(drums.notes, [[1.5, 1.75, 36]])
    assert (piano.program, piano.channel, drums.drums) == (5, 2, True)
    assert song.tempo == 150
    np.testing.assert_allclose(song.bars, [[0, 3]])


def test_musicxml_has_ties_chords_voices_and_upbeats() -> None:
    measures = (
        "<measure><attributes><divisions>2</divisions></attributes>" + NOTE.format(step="G", octave=4, duration=2, more="") + "</measure>"
        "<measure>" + NOTE.format(step="C", octave=5, duration=4, more="<tie type='start'/>")
        + NOTE.format(step="C", octave=5, duration=4, more="<tie type='stop'/>")
        + "<note><chord/><pitch><step>E</step><alter>-1</alter><octave>5</octave></pitch><duration>4</duration></note>"
        "<backup><duration>8</duration></backup>" + NOTE.format(step="A", octave=3, duration=8, more="")
        + "<note><grace/><pitch><step>B</step><octave>3</octave></pitch></note></measure>"
    )  # fmt: skip
    song = read_musicxml(musicxml(measures), "")
    np.testing.assert_allclose(song.bars, [[0, 1], [1, 4]])
    np.testing.assert_allclose(song.tracks[0].notes, [[0, 1, 67], [1, 5, 57], [1, 5, 72], [3, 5, 75]])
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("META-INF/container.xml", "<container/>")
        archive.writestr("score.xml", musicxml(measures))
    np.testing.assert_array_equal(read_musicxml(packed.getvalue(), "").tracks[0].notes, song.tracks[0].notes)


def test_abc_has_keys_accidentals_lengths_and_tuplets() -> None:
    (song,) = read_abc(b"X:1\nM:3/4\nL:1/4\nK:D\nF c ^G|G =G G/|d>e z|(3abc' A,2-A,|\n", "tune.abc")
    expected = [
        (0, 1, 66), (1, 2, 73), (2, 3, 68),  # F sharp and C sharp by the key, G sharp until the bar ends
        (3, 4, 67), (4, 5, 67), (5, 5.5, 67),
        (5.5, 7, 74), (7, 7.5, 76),
        (8.5, 8.5 + 2 / 3, 81), (8.5 + 2 / 3, 8.5 + 4 / 3, 83), (8.5 + 4 / 3, 10.5, 85),
        (10.5, 13.5, 57),  # tied
    ]  # fmt: skip
    np.testing.assert_allclose(song.tracks[0].notes, expected)
    assert song.bars[0].tolist() == [0, 3]
    assert signature("Bb") == {"B": -1, "E": -1}
    assert signature("Ador") == signature("G") == {"F": 1}
    assert signature("Em") == {"F": 1}


def bomb() -> bytes:
    return musicxml("<measure/>", '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;">]>')


def zip_bomb() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("score.xml", b" " * (2**26 + 2))
    return packed.getvalue()


@pytest.mark.parametrize(
    ("read", "content", "says"),
    [
        (read_midi, b"not midi", "MThd"),
        (read_midi, midi_bytes(music.song())[:90], "broken"),
        (read_midi, midi_bytes(Song("", (track_of([]),), regular_bars(4))), "silent"),
        (read_musicxml, b"<score-partwise", "XML"),
        (read_musicxml, b"<html/>", "html"),
        (read_musicxml, bomb(), "entities"),
        (read_musicxml, zip_bomb(), "64 MB"),
        (read_musicxml, b"PK\x03\x04 damaged", "damaged"),
        (read_musicxml, musicxml("<measure><note><rest/><duration>1</duration></note></measure>"), "silent"),
        (read_musicxml, musicxml("<measure>" + NOTE.format(step="C", octave="x", duration=1, more="") + "</measure>"), "'x'"),
        (read_abc, b"just some text", "no tune"),
        (read_abc, b"X:1\nL:1/0\nK:C\nCDE", "no fraction"),
    ],
)
def test_what_is_no_music_says_why(read: Callable[[bytes, str], object], content: bytes, says: str) -> None:
    with pytest.raises(UnusableMusicError, match=says):
        read(content, "file")


def test_bad_files_are_named_all_at_once(tmp_path: Path) -> None:
    folder = music.write_songs(tmp_path / "songs", 2)
    (folder / "empty.mid").write_bytes(b"")
    (folder / "broken.mid").write_bytes(b"MThd")
    (folder / "bomb.musicxml").write_bytes(bomb())
    songs, notes = read_songs(find_songs(folder))
    assert [song.name for song in songs] == ["song-0.mid", "song-1.mid"]
    assert all(name in notes[0] for name in ("empty.mid", "broken.mid", "bomb.musicxml", "3 of 5"))
    for good in folder.glob("song-*.mid"):
        good.unlink()
    with pytest.raises(DataError) as problem:
        read_songs(find_songs(folder))
    assert all(name in str(problem.value) for name in ("empty.mid", "broken.mid", "bomb.musicxml"))


def test_music_is_told_by_its_files(tmp_path: Path) -> None:
    folder = music.write_songs(tmp_path / "songs", 1)
    (folder / "readme.txt").write_text("songs")
    (folder / "more.abc").write_text("X:1")
    assert is_music(folder)
    assert is_music("chorales")
    assert is_music(folder / "more.abc")
    assert not is_music(tmp_path / "photos")
    (tmp_path / "photos").mkdir()
    for number in range(3):
        (tmp_path / "photos" / f"{number}.png").write_bytes(b"")
    (tmp_path / "photos" / "song.mid").write_bytes(b"")
    assert not is_music(tmp_path / "photos")


def test_keys_are_found_from_notes() -> None:
    cadence = [60, 64, 67, 72, 65, 69, 72, 65, 67, 71, 74, 67, 60, 64, 67, 60]  # C, F, G and C major
    for up in range(12):
        major = Song("", (track_of([(beat, beat + 1.0, pitch + up) for beat, pitch in enumerate(cadence)]),), regular_bars(16))
        assert transposition_to_c(major) == (-up + 6) % 12 - 6
    minor = [(beat, beat + 1.0, pitch) for beat, pitch in enumerate([62, 65, 69, 62, 64, 65, 61, 62])]  # D minor, with its leading note
    assert transposition_to_c(Song("", (track_of(minor),), regular_bars(8))) == -5


def test_chords_are_found_from_weights() -> None:
    weights = np.zeros((4, 12))
    weights[0, [0, 4, 7]] = 1  # C major
    weights[1, [9, 0, 4]] = 2, 1, 1  # A minor
    weights[2, [2, 6, 9, 0]] = 1, 1, 1, 0.5  # D major with a seventh
    assert best_chords(weights).tolist() == [1, 22, 3, 0]
    assert chord_pitches(1) == [48, 52, 55]
    assert chord_pitches(22) == [57, 60, 64]
    assert chord_pitches(0) == []
