"""Commands on music, from songs to songs."""

import json
import re
import wave
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sparring
from sparring.core.errors import SettingsError
from sparring.data.music.midi_files import midi_bytes, read_midi
from sparring.data.music.music_reading import MusicReading
from sparring.data.music.music_store import prepare_music
from sparring.data.music.songs import Song, regular_bars, track_of
from sparring.evaluation.compare import compare
from sparring.evaluation.judge_music_sources import judge_music_model
from sparring.health.doctor.doctor import doctor
from sparring.inference.model import Model
from sparring.inference.music_of_model import draw_phrases
from support import music
from support.cli import call


@pytest.fixture(scope="module")
def model(muse_run: Path) -> Model:
    return sparring.load(muse_run)


def test_phrases_are_written_as_files(muse_run: Path, model: Model, tmp_path: Path) -> None:
    assert call("sample", muse_run, "-n", "3", "--seed", "1", "--out", tmp_path / "songs") == 0
    files = sorted((tmp_path / "songs").iterdir())
    assert [path.name for path in files] == ["seed-1-001.mid", "seed-1-002.mid", "seed-1-003.mid"]
    expected = model.songs(3, seed=1)
    for path, song in zip(files, expected, strict=True):
        found = read_midi(path.read_bytes(), "")
        assert found.tempo == pytest.approx(90, abs=1e-3)
        assert {(track.name, track.program) for track in found.tracks} <= {("soprano", 52), ("bass", 42)}
        for track in found.tracks:
            np.testing.assert_allclose(track.notes, next(one for one in song.tracks if one.name == track.name).notes)
    assert call("sample", muse_run, "-n", "2", "--out", tmp_path / "all.wav") == 0
    with wave.open(str(tmp_path / "all.wav")) as file:
        assert file.getnframes() / file.getframerate() == pytest.approx(2 * 2 * 4 * 60 / 90, abs=0.2)
    assert call("sample", muse_run, "-n", "4", "--out", tmp_path / "all.png") == 0
    assert Image.open(tmp_path / "all.png").width > 250


def test_phrases_do_not_depend_on_how_many_there_are(model: Model) -> None:
    whole = draw_phrases(model, 9, seed=3)
    assert (draw_phrases(model, 4, seed=3, first=5) == whole[5:]).all()


def test_a_packed_model_makes_the_same_phrases(muse_run: Path, model: Model, tmp_path: Path) -> None:
    sparring.pack(model, tmp_path / "model.safetensors")
    packed = sparring.load(tmp_path / "model.safetensors")
    assert (draw_phrases(packed, 5) == draw_phrases(model, 5)).all()
    with pytest.raises(SettingsError, match="judge REAL"):
        judge_music_model(packed)


def test_one_phrase_turns_into_another(muse_run: Path, model: Model, tmp_path: Path) -> None:
    assert call("interpolate", muse_run, "--seeds", "0", "1", "--frames", "3", "--out", tmp_path / "walk.mid") == 0
    song = read_midi((tmp_path / "walk.mid").read_bytes(), "")
    assert len(song.bars) == 4 * 2
    first, last = draw_phrases(model, 1, seed=0), draw_phrases(model, 1, seed=1)
    begins = {round(note[0], 4) for track in song.tracks for note in track.notes.tolist()}
    for place, roll in ((0, first), (24, last)):
        expected = {round(place + step / 4, 4) for step in np.flatnonzero(roll[0, 2:].any(axis=(0, 2)))}
        assert {begin for begin in begins if place <= begin < place + 8} == expected


def melody(bars: int = 3, up: int = 0, length: float = 4.0) -> Song:
    notes = [(0.3, 1.0, 72 + up), (1.0, 2.5, 74 + up), (length, length + 1, 76 + up), (2 * length, 3 * length - 0.1, 72 + up)]
    return Song("melody", (track_of([(0, 1, 40)], "drone"), track_of(notes, "soprano", 3)), regular_bars(bars * length, length), 70.0)


@pytest.mark.parametrize("up", [0, 1, 24, -19])
def test_a_melody_comes_back_unchanged_with_other_voices(model: Model, up: int, tmp_path: Path) -> None:
    """Also off the grid, in other keys, and octaves away from what the model knows."""
    song = model.harmonize(melody(up=up), seed=0)
    assert [track.name for track in song.tracks] == ["soprano", "bass"]
    np.testing.assert_array_equal(song.tracks[0].notes, melody(up=up).tracks[1].notes)
    assert song.tempo == 70
    other = model.harmonize(melody(up=up), seed=1)
    assert song.tracks[1].notes.tolist() != other.tracks[1].notes.tolist()


def test_the_command_harmonizes_in_both_spellings(muse_run: Path, tmp_path: Path) -> None:
    (tmp_path / "tune.mid").write_bytes(midi_bytes(melody()))
    for verb in ("harmonize", "harmonise"):
        assert call(verb, muse_run, tmp_path / "tune.mid", "--out", tmp_path / f"{verb}.mid") == 0
    found = read_midi((tmp_path / "harmonize.mid").read_bytes(), "")
    np.testing.assert_allclose(found.tracks[0].notes, melody().tracks[1].notes, atol=2e-3)
    assert (tmp_path / "harmonize.mid").read_bytes() == (tmp_path / "harmonise.mid").read_bytes()


def test_a_chorale_with_an_upbeat_can_be_harmonized(model: Model) -> None:
    notes = [(0.0, 1.0, 72), (1.0, 3.0, 74), (3.0, 5.0, 72), (5.0, 9.0, 71)]
    song = Song("", (track_of(notes, "soprano"),), np.array([[0, 1], [1, 4], [5, 4.0]]))
    found = model.harmonize(song)
    np.testing.assert_allclose(found.tracks[0].notes[:, 0], np.array([0, 1, 3, 5]) + 3)
    assert found.bars[:, 1].tolist() == [4, 4, 4]


def test_melodies_that_do_not_fit_say_why(model: Model, melody_run: Path) -> None:
    wide = Song("wide", (track_of([(0, 1, 10), (1, 2, 120)]),), regular_bars(4))
    for song, says in ((melody(length=3.0), "4/4"), (wide, "span 110"), (Song("none", (track_of([]),), regular_bars(4)), "no notes")):
        with pytest.raises(SettingsError, match=says):
            model.harmonize(song)
    with pytest.raises(SettingsError, match="There are: drone, soprano"):
        model.harmonize(melody(), track="tuba")
    with pytest.raises(SettingsError, match="--given soprano"):
        sparring.load(melody_run).harmonize(melody())


def test_runs_are_judged_and_compared(muse_run: Path, melody_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("judge", muse_run, "--samples", "20") == 0
    said = capsys.readouterr().out
    assert "consonance" in said
    report = json.loads((muse_run / "report.json").read_text(encoding="utf-8"))
    assert {score["name"] for score in report["scores"]} >= {"measures", "precision", "copied bars", "empty bars"}
    assert report["counts"]["scored"] <= 20
    with pytest.raises(SettingsError, match="--melody"):
        compare([muse_run, melody_run])


def test_what_has_no_use_for_music_is_refused(muse_run: Path, model: Model, tmp_path: Path) -> None:
    for words in (
        ["sample", muse_run, "--where", "key=C", "--out", tmp_path / "x.mid"],
        ["sample", muse_run, "--out", tmp_path / "x.csv"],
        ["interpolate", muse_run, "--space", "w", "--out", tmp_path / "x.mid"],
        ["judge", muse_run, "--truncation", "0.5"],
        ["latent", "mix", muse_run, "--out", tmp_path / "x.png"],
        ["eye", "filters", muse_run, "--out", tmp_path / "x.png"],
    ):
        assert call(*words) == 1
    with pytest.raises(SettingsError, match="music"):
        model.sample(1)


def test_songs_are_inspected_and_advised(songs_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("data", "inspect", songs_folder, "--out", tmp_path / "some.png") == 0
    said = capsys.readouterr().out
    assert "8 songs" in said
    assert Image.open(tmp_path / "some.png").height > 50
    advice = doctor(str(songs_folder), minutes=3, threads=1)
    assert "musegan" in "\n".join(advice.lines())
    assert re.search(r"--given soprano.*\n.*--melody soprano", "\n".join(advice.lines()))
    assert json.dumps(advice.to_json())


def test_a_run_needs_its_songs(muse_run: Path, songs_folder: Path) -> None:
    data, _ = prepare_music(songs_folder, MusicReading(bars=2, key="C"))
    assert json.loads((muse_run / "config.json").read_text(encoding="utf-8"))["data"]["fingerprint"] == data.fingerprint
    extra = songs_folder / "extra.mid"
    extra.write_bytes(midi_bytes(music.song(seed=99)))
    try:
        with pytest.raises(SettingsError, match="no longer"):
            judge_music_model(sparring.load(muse_run))
    finally:
        extra.unlink()
