"""Measures of music against hand cases and MusPy's definitions, and collapses made on purpose."""

import numpy as np
import pytest

from sparring.data.music.music_reading import MusicReading
from sparring.data.music.music_store import prepare_music
from sparring.data.music.roll_songs import notes_of
from sparring.metrics.music.copies import are_copies, bars_of, largest_share
from sparring.metrics.music.distribution_distances import overlapping_area, wasserstein
from sparring.metrics.music.measures import MEASURES, leaps, measure_phrases, tonal_centroids

STEPS, BAR, LOWEST = 32, 16, 48


def phrase(*tracks: list[tuple[int, int, int]], pitches: int = 36) -> np.ndarray:
    """Tracks of notes (first step, number of steps, pitch) as a roll."""
    roll = np.zeros((1, 2 * len(tracks), STEPS, pitches), bool)
    for track, notes in enumerate(tracks):
        for begin, length, pitch in notes:
            roll[0, track, begin : begin + length, pitch - LOWEST] = True
            roll[0, len(tracks) + track, begin, pitch - LOWEST] = True
    return roll


def measured(rolls: np.ndarray, **more: object) -> dict[str, np.ndarray]:
    sounding, begins = np.split(rolls, 2, axis=1)
    return measure_phrases(sounding, begins, lowest=LOWEST, bar_steps=BAR, steps_per_quarter=4.0, **more)  # pyright: ignore[reportArgumentType]


def test_one_note_again_and_again() -> None:
    found = {name: values[0] for name, values in measured(phrase([(4 * beat, 4, 60) for beat in range(8)])).items()}
    expected = {
        "pitch range": 0, "pitches used": 1, "classes used": 1, "pitch entropy": 0, "class entropy": 0, "polyphony": 1,
        "scale consistency": 1,
        "empty bars": 0, "groove consistency": 1, "note length": 1, "qualified notes": 1, "leaps": 0,
    }  # fmt: skip
    assert {name: found[name] for name in expected} == expected
    assert np.isnan(found["consonance"])  # one track
    assert np.isnan(found["tonal distance"])


def test_two_tracks_by_hand() -> None:
    soprano = [(0, 4, 72), (4, 4, 74), (8, 8, 81)]  # C, D, A; a fifth is no leap
    bass = [(0, 8, 48), (8, 1, 49)]  # C, C sharp
    found = {name: values[0] for name, values in measured(phrase(soprano, bass)).items()}
    assert found["pitch range"] == 33
    assert found["pitches used"] == 5
    assert found["classes used"] == 4
    assert found["class entropy"] == pytest.approx(-(0.4 * np.log2(0.4) + 3 * 0.2 * np.log2(0.2)))
    assert found["polyphony"] == pytest.approx((8 * 2 + 2 + 7) / 16)
    assert found["scale consistency"] == 0.8  # all but one note in C major
    assert found["empty bars"] == 0.5  # the second bar of each
    assert found["groove consistency"] == 1 - 3 / 16
    assert found["note length"] == pytest.approx((16 + 9) / 4 / 5)
    assert found["qualified notes"] == 0.8
    assert found["consonance"] == pytest.approx(5 / 9)  # two octaves; a ninth; A over C sharp, a minor sixth
    assert found["leaps"] == 0


def test_intervals_that_are_consonant() -> None:
    for interval in range(25):
        roll = phrase([(0, 4, 50 + interval)], [(0, 4, 50)])
        assert measured(roll)["consonance"][0] == float(interval % 12 in {0, 3, 4, 5, 7, 8, 9})


def test_tonal_centroids_are_harte_s() -> None:
    """A fifth is nearer than a semitone and a tritone (Harte et al. 2006); the center is where all classes are."""
    points = tonal_centroids(np.eye(12))
    away = np.linalg.norm(points - points[0], axis=1)
    assert away[7] == pytest.approx(away[5])
    assert away[7] < away[1]
    assert away[7] < away[6]
    np.testing.assert_allclose(tonal_centroids(np.ones(12)), 0, atol=1e-12)
    np.testing.assert_allclose(points[0], [0, 0, 0, 1, 1, 0.5], atol=1e-12)


def test_leaps_are_larger_than_a_fifth() -> None:
    begins = phrase([(0, 2, 60), (4, 2, 67), (8, 2, 75), (12, 2, 60)])[:, 1:]
    assert leaps(begins)[0] == pytest.approx(2 / 3)


def test_silence_has_nothing_to_measure() -> None:
    found = measured(np.zeros((1, 4, STEPS, 36), bool))
    assert found["empty bars"][0] == 1
    assert all(np.isnan(found[name][0]) for name in MEASURES if name not in {"empty bars", "groove consistency"})


def test_drums_have_no_pitch() -> None:
    tune, drums = [(0, 4, 60)], [(0, 1, 50), (16, 1, 51)]
    with_drums, without = measured(phrase(tune, drums), drums=(1,)), measured(phrase(tune))
    assert with_drums["pitches used"] == without["pitches used"]
    assert with_drums["empty bars"][0] == 0.25


def test_measures_are_muspy_s() -> None:
    """Against MusPy itself, where it is installed, on 20 chorales (the definitions that both have)."""
    muspy = pytest.importorskip("muspy")
    data, _ = prepare_music("chorales", MusicReading())
    rolls = data.rolls(np.arange(0, 2000, 100))
    rolls[:, :, -1] = False  # MusPy counts another bar where a note ends with the last one
    sounding, begins = np.split(rolls, 2, axis=1)
    found = measure_phrases(sounding, begins, lowest=data.spec.lowest, bar_steps=BAR, steps_per_quarter=4.0)
    for number, roll in enumerate(rolls):
        tracks = []
        for track in range(4):
            notes = [
                muspy.Note(time=int(4 * begin), pitch=pitch, duration=int(4 * (end - begin)))
                for begin, end, pitch in notes_of(roll, track, data.spec)
            ]
            tracks.append(muspy.Track(notes=notes))
        song = muspy.Music(resolution=4, tracks=tracks)
        ours = {name: values[number] for name, values in found.items()}
        assert ours["pitch range"] == muspy.pitch_range(song)
        assert ours["pitches used"] == muspy.n_pitches_used(song)
        assert ours["classes used"] == muspy.n_pitch_classes_used(song)
        assert ours["pitch entropy"] == pytest.approx(muspy.pitch_entropy(song))
        assert ours["class entropy"] == pytest.approx(muspy.pitch_class_entropy(song))
        assert ours["polyphony"] == pytest.approx(muspy.polyphony(song))
        assert ours["scale consistency"] == pytest.approx(muspy.scale_consistency(song))
        assert ours["groove consistency"] == pytest.approx(muspy.groove_consistency(song, BAR))


def test_wasserstein_and_overlap_have_closed_forms() -> None:
    random = np.random.default_rng(0)
    real = random.standard_normal(4000)
    assert wasserstein(real, real) == 0
    assert overlapping_area(real, real) == pytest.approx(1, abs=1e-3)
    assert wasserstein(real, real + 0.5) == pytest.approx(0.5 / real.std())
    # two normal densities whose means are d apart overlap by 2 Phi(-d / 2)
    assert overlapping_area(real, random.standard_normal(4000) + 2) == pytest.approx(2 * 0.158655, abs=0.03)
    assert overlapping_area(real, real + 100) == pytest.approx(0, abs=1e-6)
    constant = np.full(5, 3.0)
    assert wasserstein(constant, constant + 2) == 2
    nothing = np.full(4, np.nan)
    assert (wasserstein(nothing, nothing), wasserstein(real, nothing)) == (0, 1)
    assert (overlapping_area(nothing, nothing), overlapping_area(real, nothing)) == (1, 0)


def good_music(n: int, seed: int = 0) -> np.ndarray:
    """A melody in C major of quarter notes, some of them in eighths, over thirds and sixths, with a rest here and there."""
    random = np.random.default_rng(seed)
    scale = np.array([0, 2, 4, 5, 7, 9, 11])
    phrases = []
    for _ in range(n):
        degrees = np.clip(np.cumsum(random.integers(-1, 2, 8)) + random.integers(5, 8), 3, 13)
        high, low = ([48 + 12 * (each // 7) + scale[each % 7] for each in degrees - down] for down in (0, 2))
        lengths = random.choice([3, 4], 8)
        phrases.append(phrase(*([(4 * beat, int(lengths[beat]), int(pitch)) for beat, pitch in enumerate(line)] for line in (high, low))))
    return np.concatenate(phrases)


def looped(rolls: np.ndarray) -> np.ndarray:
    bar = rolls[:1, :, :BAR]
    return np.concatenate([bar, bar], axis=2).repeat(len(rolls), axis=0)


def moved(rolls: np.ndarray, up: int) -> np.ndarray:
    """The second track a tritone away."""
    found = rolls.copy()
    found[:, [1, 3]] = np.roll(rolls[:, [1, 3]], up, axis=3)
    return found


def jumping(rolls: np.ndarray) -> np.ndarray:
    """Every other beat an octave higher."""
    found = rolls.copy()
    for beat in range(0, STEPS, 8):
        found[:, :, beat : beat + 4] = np.roll(rolls[:, :, beat : beat + 4], 12, axis=3)
    return found


def shifted(rolls: np.ndarray) -> np.ndarray:
    """The second bar a step late."""
    found = rolls.copy()
    found[:, :, BAR + 1 :] = rolls[:, :, BAR:-1]
    found[:, :, BAR] = False
    return found


COLLAPSES = {
    "one bar looped": (looped, {"pitches used", "pitch entropy", "classes used", "class entropy", "note length", "pitch range"}),
    "silence": (np.zeros_like, {"empty bars"}),
    "all on": (np.ones_like, {"polyphony", "consonance", "pitch range", "scale consistency", "qualified notes"}),
    "crumbs": (lambda rolls: rolls[:, [2, 3, 2, 3]], {"qualified notes", "note length"}),
    "other voices": (lambda rolls: moved(rolls, 6), {"consonance", "tonal distance", "scale consistency"}),
    "jumps": (jumping, {"leaps"}),
    "syncopes": (shifted, {"groove consistency"}),
}  # fmt: skip


@pytest.mark.parametrize("collapse", COLLAPSES)
def test_every_measure_sees_a_collapse(collapse: str) -> None:
    make, seen_by = COLLAPSES[collapse]
    real, other = measured(good_music(60)), measured(good_music(60, 1))
    broken = measured(make(good_music(60, 1)))
    for name in seen_by:
        usual = wasserstein(real[name], other[name])
        assert wasserstein(real[name], broken[name]) > max(2 * usual, 0.1), name
        assert overlapping_area(real[name], broken[name]) < overlapping_area(real[name], other[name]), name


def test_every_measure_has_a_collapse_that_it_sees() -> None:
    assert set().union(*(seen for _, seen in COLLAPSES.values())) == set(MEASURES)


def test_copies_are_found_in_any_key() -> None:
    rolls = good_music(20)
    assert are_copies(rolls, rolls).all()
    assert are_copies(np.roll(rolls, 3, axis=3), rolls).all()
    changed = rolls.copy()
    changed[:, :, 0] = False
    assert not are_copies(changed, rolls).any()
    assert not are_copies(np.zeros_like(rolls), np.zeros_like(rolls)).any()  # silence is no copy
    bars = bars_of(rolls, BAR)
    assert bars.shape[:2] == (40, 4)
    assert (bars[1] == rolls[0, :, BAR:]).all()
    assert largest_share(looped(rolls)) == 1
    assert largest_share(rolls) <= 0.1
