"""Songs as phrases, and back."""

from pathlib import Path

import numpy as np
import pytest

from sparring.core.errors import DataError, SettingsError
from sparring.data.music.midi_files import midi_bytes, read_midi
from sparring.data.music.music_dataset import MusicDataset, holdout_phrases, with_chord_counts
from sparring.data.music.music_reading import MusicReading
from sparring.data.music.music_spec import MusicSpec, TrackSpec, canonical, rolls_of, samples_of
from sparring.data.music.music_store import dataset_of_songs, prepare_music
from sparring.data.music.phrases import joined_bars, roll_at
from sparring.data.music.piano_roll import COLORS, draw_roll, draw_rolls
from sparring.data.music.roll_songs import notes_of, song_of_roll, song_of_rolls
from sparring.data.music.songs import Song, Track, regular_bars, track_of
from sparring.data.music.synthesizer import render
from support import music


@pytest.fixture(scope="module")
def dataset() -> MusicDataset:
    return dataset_of_songs(music.songs(), MusicReading(bars=2))


def random_rolls(spec: MusicSpec, n: int, seed: int = 0) -> np.ndarray:
    return canonical(np.random.default_rng(seed).random((n, *spec.shape)) < 0.1)


def test_a_phrase_holds_its_notes(dataset: MusicDataset) -> None:
    spec = dataset.spec
    assert (spec.bars, spec.bar_steps, spec.steps, spec.bar_quarters) == (2, 16, 32, 4)
    assert len(dataset) == 6 * 7  # a phrase begins with every bar but the last
    assert [(track.name, track.program, track.single) for track in spec.tracks] == [("soprano", 52, True), ("bass", 42, True)]
    roll, song = dataset.rolls(np.array([1]))[0], music.song("song-0", seed=0)
    expected = [(note[0] - 4, note[1] - 4, int(note[2])) for note in song.tracks[0].notes.tolist() if 4 <= note[0] < 12]
    assert notes_of(roll, 0, spec) == expected
    assert roll[0].sum() == 32
    assert roll[2].sum() == 8  # one begin for each quarter note, repeated ones too
    assert roll[2].sum(axis=1)[::4].tolist() == [1] * 8


def test_midi_is_the_identity_on_whatever_a_roll_holds() -> None:
    spec = MusicSpec((TrackSpec("piano", 3, single=False), TrackSpec("drums", drums=True, single=False)), 2, 12, 3.0, 40, 30, tempo=77.0)
    for roll in random_rolls(spec, 5):
        song = read_midi(midi_bytes(song_of_roll(roll, spec)), "")
        assert (roll_at(song, spec, 0) == roll).all()
        assert [track.drums for track in song.tracks] == [False, True]
        assert song.bars[:, 1].tolist() == [3, 3]
    samples = samples_of(roll[None])
    assert set(samples.unique().tolist()) == {-1.0, 1.0}
    assert (rolls_of(samples)[0] == roll).all()


def test_rolls_have_one_form() -> None:
    raw = np.zeros((1, 2, 4, 1), bool)
    raw[0, 0, [0, 1, 3], 0] = True  # sounds at 0, 1 and 3
    raw[0, 1, [1, 2], 0] = True  # begins at 1, and at 2 where nothing sounds
    assert canonical(raw)[0, 1, :, 0].tolist() == [True, True, False, True]
    assert (canonical(canonical(raw)) == canonical(raw)).all()


def test_notes_are_cut_at_phrases_and_put_on_the_grid() -> None:
    song = Song("", (track_of([(3.0, 5.0, 60), (5.07, 5.1, 61)]),), regular_bars(8))
    spec = MusicSpec((TrackSpec("a"),), 1, 16, 4.0, 60, 2)
    first, second = roll_at(song, spec, 0), roll_at(song, spec, 4)
    assert np.flatnonzero(first[0, :, 0]).tolist() == [12, 13, 14, 15]
    assert np.flatnonzero(second[0, :, 0]).tolist() == [0, 1, 2, 3]
    assert second[1, 0, 0]  # what is held over begins anew
    assert np.flatnonzero(second[0, :, 1]).tolist() == [4]  # a step at least


def test_bars_divided_in_the_middle_are_joined() -> None:
    bars = np.array([[0, 1], [1, 4], [5, 3], [8, 1], [9, 4], [13, 3.0]])
    assert joined_bars(bars, 4.0).tolist() == [[0, 1], [1, 4], [5, 4], [9, 4], [13, 3]]


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    waltz = Song("waltz", music.song().tracks, regular_bars(30, 3.0))
    short = Song("short", music.song(bars=1).tracks, regular_bars(4))
    lonely = Song("lonely", music.song().tracks[:1], regular_bars(32))
    for song in (*music.songs(3), waltz, short, lonely):
        (tmp_path / f"{song.name}.mid").write_bytes(midi_bytes(song))
    data, notes = prepare_music(tmp_path, MusicReading(bars=2, highest=76))
    said = "\n".join(notes)
    assert all(words in said for words in ("without the tracks soprano, bass", "lonely.mid", "short.mid", "waltz.mid", "above 76"))
    assert data.spec.lowest + data.spec.pitches - 1 == 76
    assert prepare_music(tmp_path, MusicReading(bars=2, highest=76))[0].fingerprint == data.fingerprint  # from the cache
    waltzes, _ = prepare_music(tmp_path, MusicReading(bars=2, meter="3/4"))
    assert (waltzes.spec.bar_quarters, waltzes.spec.bar_steps, len(np.unique(waltzes.song_of))) == (3, 12, 1)


@pytest.mark.parametrize(
    "reading",
    [MusicReading(lowest=5, highest=10), MusicReading(bars=64), MusicReading(tracks=("tuba",)), MusicReading(melody="tuba")],
)
def test_readings_that_leave_nothing_are_refused(reading: MusicReading) -> None:
    with pytest.raises(DataError):
        dataset_of_songs(music.songs(2), reading)


def test_settings_out_of_range_are_all_named() -> None:
    reading = MusicReading(bars=0, meter="x", lowest=80, highest=70, tracks=("bass",), melody="soprano")
    assert len(reading.problems()) == 4
    assert not MusicReading().problems()


def test_tracks_can_be_named_in_many_ways() -> None:
    for name in ("bass", "Bass", "track 2", "program 43"):
        assert dataset_of_songs(music.songs(2), MusicReading(tracks=(name,))).spec.tracks[0].program == 42


def test_songs_come_to_one_key() -> None:
    songs = [music.song(f"{up}", seed=2, transposed=up) for up in (0, 3, 5)]
    data = dataset_of_songs(songs, MusicReading(bars=8, key="C"))
    rolls = data.rolls(np.arange(3))
    assert (rolls[0] == rolls[1]).all()
    assert (rolls[0] == rolls[2]).all()
    own = dataset_of_songs(songs, MusicReading(bars=8)).rolls(np.arange(3))
    assert not (own[0] == own[1]).all()


def test_a_melody_comes_over_chords() -> None:
    notes = [(0, 4, 48), (0, 4, 52), (0, 4, 55), (4, 8, 45), (4, 8, 48), (4, 8, 52)]  # C major, A minor
    song = Song("", (track_of([(0, 8, 72)], "tune"), track_of(notes, "piano")), regular_bars(8))
    data = dataset_of_songs([song], MusicReading(bars=2, melody="tune"))
    assert data.spec.chords
    assert data.chords(np.array([0])).tolist() == [[1, 22]]
    assert notes_of(data.rolls(np.array([0]))[0], 0, data.spec) == [(0, 8, 72)]
    counts = np.array(with_chord_counts(data, np.array([0])).spec.chord_counts)
    assert counts.sum() == 2
    assert counts[25, 1] == counts[1, 22] == 1


def test_whole_songs_are_held_out(dataset: MusicDataset) -> None:
    kept, held = holdout_phrases(dataset, 10, 0)
    assert set(dataset.song_of[kept]).isdisjoint(dataset.song_of[held])
    assert len(held) == 14
    with pytest.raises(SettingsError):
        holdout_phrases(dataset, len(dataset), 0)
    single = dataset_of_songs(music.songs(1), MusicReading(bars=2))
    kept, held = holdout_phrases(single, 2, 0)
    assert (held.tolist(), kept.tolist()) == ([5, 6], [0, 1, 2, 3])  # bar 5 is in phrases 4 and 5


def test_spec_survives_json(dataset: MusicDataset) -> None:
    assert MusicSpec.from_json(dataset.spec.to_json()) == dataset.spec
    for name, value in (("pitches", 200), ("tempo", -1), ("bars", 0), ("tracks", [])):
        with pytest.raises(ValueError, match="no music"):
            MusicSpec.from_json({**dataset.spec.to_json(), name: value})


def test_piano_rolls_have_a_color_for_each_track(dataset: MusicDataset) -> None:
    roll = np.zeros(dataset.spec.shape, bool)
    roll[1, 4:8, 3] = True
    roll[3, 4, 3] = True
    image = draw_roll(roll, dataset.spec, 4, 4)
    assert image.shape == (4 * dataset.spec.pitches, 4 * 32, 3)
    row = image[-4 * 3 - 2]
    assert row[5 * 4 + 1].tolist() == list(COLORS[1])
    assert row[4 * 4].sum() < sum(COLORS[1])  # the begin is dark
    assert draw_rolls(dataset.rolls(np.arange(4)), dataset.spec, 2).shape[2] == 3


def test_a_note_sounds_at_its_frequency() -> None:
    rate = 8000
    song = Song("", (Track(np.array([[0, 2.0, 69]])),), regular_bars(4), 120.0)
    sound = render(song, rate)
    assert abs(sound).max() == pytest.approx(0.85, abs=1e-3)
    spectrum = np.abs(np.fft.rfft(sound[:rate]))
    assert spectrum.argmax() == 440  # one second: a bin is a hertz
    assert np.abs(sound[int(1.2 * rate) :]).max() < 1e-6  # silent after its end
    assert not render(Song("", (Track(np.zeros((0, 3))),), regular_bars(4)), rate).any()


def test_phrases_follow_each_other_in_a_song(dataset: MusicDataset) -> None:
    rolls = dataset.rolls(np.array([0, 2]))
    song = song_of_rolls([*rolls], dataset.spec)
    assert len(song.bars) == 4
    np.testing.assert_allclose(song.tracks[0].notes[:, 0], np.arange(16))
