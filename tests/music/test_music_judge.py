"""The judge of music: real music beside itself, and collapses made on purpose."""

from pathlib import Path

import numpy as np
import pytest

from sparring.core.errors import SettingsError
from sparring.data.music.midi_files import midi_bytes
from sparring.data.music.music_dataset import MusicDataset, split_holdout
from sparring.data.music.music_reading import MusicReading
from sparring.data.music.music_spec import canonical
from sparring.data.music.music_store import dataset_of_songs, prepare_music
from sparring.data.music.roll_songs import song_of_roll
from sparring.evaluation.judge_music import independent_tracks, judge_music
from sparring.evaluation.judge_music_sources import judge_music_files
from sparring.evaluation.music_judgment import MusicJudgment
from sparring.evaluation.music_report import write_music_report
from support import music


@pytest.fixture(scope="module")
def halves() -> tuple[MusicDataset, MusicDataset]:
    data, _ = prepare_music("chorales", MusicReading(bars=2, phrase_every=4, key="C"))
    return split_holdout(data, 150, 0)


def judged(halves: tuple[MusicDataset, MusicDataset], generated: np.ndarray) -> MusicJudgment:
    training, held_out = (each.rolls(np.arange(len(each))) for each in halves)
    return judge_music(halves[0].spec, training[:80], generated, held_out, training)


def other_chorales(halves: tuple[MusicDataset, MusicDataset]) -> np.ndarray:
    return halves[0].rolls(np.arange(150, 230))


def by_name(judgment: MusicJudgment) -> dict[str, float]:
    return {score.name: score.yours.value for score in judgment.scores}


def test_real_music_is_near_the_ceiling_and_strangers_near_the_floor(halves: tuple[MusicDataset, MusicDataset]) -> None:
    real = judged(halves, other_chorales(halves))
    strangers = judged(halves, independent_tracks(other_chorales(halves), 1))
    assert {finding.kind for finding in real.findings} == {"copies phrases"}  # which they are
    assert "dissonant" in {finding.kind for finding in strangers.findings}
    scores = {score.name: score for score in real.scores}
    for name in ("measures", "Fréchet distance", "consonance"):
        assert (scores[name].percent_of_the_way or 0) > 80
        assert by_name(strangers)[name] > 2 * scores[name].yours.value
    assert scores["copied phrases"].yours.value == 1
    assert scores["copied phrases"].ceiling.value < 0.1
    assert scores["consonance"].yours.standard_error is not None


def without(rolls: np.ndarray, track: int) -> np.ndarray:
    found = rolls.copy()
    found[:, [track, 4 + track]] = False
    return found


def chromatic(rolls: np.ndarray) -> np.ndarray:
    """Every other step a semitone higher."""
    found = rolls.copy()
    found[:, :, ::4] = np.roll(rolls[:, :, ::4], 1, axis=3)
    return canonical(found)


@pytest.mark.parametrize(
    ("collapse", "kind"),
    [
        (np.zeros_like, "silent"),
        (lambda rolls: canonical(np.ones_like(rolls)), "notes everywhere"),
        (lambda rolls: rolls[:1].repeat(len(rolls), axis=0), "one phrase"),
        (lambda rolls: without(rolls, 1), "empty bars"),
        (lambda rolls: rolls[:, [4, 5, 6, 7, 4, 5, 6, 7]], "fragments"),
        (chromatic, "no scale"),
    ],
)
def test_collapses_are_named(halves: tuple[MusicDataset, MusicDataset], collapse: object, kind: str) -> None:
    judgment = judged(halves, collapse(other_chorales(halves)))  # pyright: ignore[reportCallIssue]
    assert kind in {finding.kind for finding in judgment.findings}
    assert by_name(judgment)["measures"] > 0.4


def test_files_are_judged_and_a_page_has_sound(halves: tuple[MusicDataset, MusicDataset], tmp_path: Path) -> None:
    real, made = music.write_songs(tmp_path / "real", 12), tmp_path / "made"
    made.mkdir()
    data = dataset_of_songs(music.songs(20), MusicReading(bars=4))
    for number, roll in enumerate(data.rolls(np.arange(18))):
        (made / f"{number}.mid").write_bytes(midi_bytes(song_of_roll(roll, data.spec)))
    judgment = judge_music_files(real, made, out=tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert page.count("<audio") >= 6
    assert page.count("data:image/png") == 12
    assert len(page) < 4_000_000
    assert not any("http" in line for line in page.splitlines())
    assert "Ceiling" in "\n".join(judgment.lines())
    with pytest.raises(SettingsError, match="at least 16"):
        judge_music_files(real, music.write_songs(tmp_path / "few", 1))


def test_names_of_tracks_are_escaped(tmp_path: Path) -> None:
    songs = music.songs(8)
    for song in songs:
        object.__setattr__(song.tracks[0], "name", "<script>")
    data = dataset_of_songs(songs, MusicReading(bars=2))
    rolls = data.rolls(np.arange(len(data)))
    page = write_music_report(judge_music(data.spec, rolls, rolls, None, rolls), tmp_path).read_text(encoding="utf-8")
    assert "<script>" not in page
