"""MuseGAN and MidiNet: networks by hand, samples, what is given, and learning."""

import hashlib
import itertools
from typing import Literal

import numpy as np
import pytest
import torch
from torch.nn.functional import softmax

from sparring.core.batch import Batch
from sparring.core.errors import SettingsError
from sparring.core.random_streams import Streams
from sparring.data.music.keys_and_chords import CHORDS, follow_counts
from sparring.data.music.music_reading import MusicReading
from sparring.data.music.music_spec import MusicSpec, TrackSpec, canonical, rolls_of, samples_of
from sparring.data.music.music_store import dataset_of_songs
from sparring.games.melody_gan import MelodyGAN, numbers_of
from sparring.games.music_gan import MusicGAN
from sparring.games.step_context import StepContext
from sparring.nets import chord_voices
from sparring.nets import music as nets
from sparring.recipes.midinet import MidiNet
from sparring.recipes.musegan import MuseGAN
from support import music

SPEC = MusicSpec((TrackSpec("a"), TrackSpec("b", single=False)), 2, 8, 4.0, 58, 20)


def game(**settings: object) -> MusicGAN:
    torch.manual_seed(0)
    return MuseGAN(**{"width": 4, "latent_size": 3, "batch_size": 4, "voices": "chords", **settings}).build(SPEC)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(("steps", "factors"), [(16, [4, 4]), (12, [4, 3]), (24, [4, 3, 2]), (1, []), (7, [7]), (35, [5, 7])])
def test_factors_multiply_to_the_steps(steps: int, factors: list[int]) -> None:
    assert nets.factors_of(steps) == factors


def test_binary_neurons_are_steps_with_the_gradient_of_a_sigmoid() -> None:
    logits = torch.tensor([-2.0, 0.5, 3.0], requires_grad=True)
    out = nets.binary(logits)
    assert out.tolist() == pytest.approx([0, 1, 1])
    out.sum().backward()
    soft = torch.sigmoid(logits.detach())
    torch.testing.assert_close(logits.grad, soft * (1 - soft))


def test_one_at_most_is_the_largest_with_the_gradient_of_a_softmax() -> None:
    logits = torch.tensor([[[0.1, 2.0, -1.0], [0.0, 0.1, 0.2]]], dtype=torch.float64, requires_grad=True)
    rest = torch.tensor([[[0.0], [5.0]]], dtype=torch.float64)
    out = nets.one_at_most(logits, rest)
    assert out.round().tolist() == [[[0, 1, 0], [0, 0, 0]]]
    out[0, 0, 0].backward()
    jacobian = torch.autograd.functional.jacobian(lambda x: softmax(torch.cat([x, rest[0, 0]]), 0), logits.detach()[0, 0])
    torch.testing.assert_close(logits.grad[0, 0], jacobian[0])  # pyright: ignore[reportOptionalSubscript]


def test_choices_are_drawn_as_often_as_is_likely() -> None:
    shares = torch.tensor([0.5, 0.2, 0.3], dtype=torch.float64).expand(1, 1000, 3)
    out = chord_voices.drawn_choice(shares, (torch.arange(1000, dtype=torch.float64)[None] + 0.5) / 1000)
    assert out.sum(dim=1)[0].tolist() == [500, 200, 300]
    assert out.sum(dim=2).unique().tolist() == [1]


def test_notes_are_held_until_the_next_one_begins() -> None:
    notes = torch.nn.functional.one_hot(torch.tensor([[0, 1, 1, 2, 2]]), 3).float()[..., :2]  # the last two are silence
    sounding = chord_voices.held(notes, torch.tensor([[1.0, 0.0, 1.0, 0.0, 1.0]]))
    assert sounding[0].tolist() == [[1, 0], [1, 0], [0, 1], [0, 1], [0, 0]]


def test_gradients_of_a_voice_are_those_of_its_mean_over_all_draws() -> None:
    """Two steps, two pitches and silence: all 18 draws and their probabilities, by hand."""
    torch.manual_seed(0)
    logits = torch.randn(1, 2, 3, dtype=torch.float64, requires_grad=True)
    onsets = torch.randn(1, 2, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(2, 2, 2, dtype=torch.float64)  # of what sounds and what begins, at each step, for each pitch
    drawn = torch.stack(chord_voices.drawn_voice(logits, onsets, torch.rand(1, 2, 2, dtype=torch.float64)))[:, 0]
    found = torch.autograd.grad((drawn * weights).sum(), (logits, onsets))
    shares, begin = softmax(logits[0], dim=1), torch.sigmoid(onsets[0, 1])
    mean = torch.zeros((), dtype=torch.float64)
    for first, second, begins in itertools.product(range(3), range(3), (True, False)):
        probability = shares[0, first] * shares[1, second] * (begin if begins else 1 - begin)
        value = weights[:, 0, first].sum() if first < 2 else torch.tensor(0.0)
        later = second if begins else first
        value = value + (weights[0, 1, later] if later < 2 else 0) + (weights[1, 1, later] if later < 2 and begins else 0)
        mean = mean + probability * value
    expected = torch.autograd.grad(mean, (logits, onsets))
    torch.testing.assert_close(found[0], expected[0])
    torch.testing.assert_close(found[1], expected[1])


def test_voices_begin_with_the_registers_and_rhythms_of_the_data() -> None:
    """Of 64 phrases with a quarter note on each beat, or one in two, always D and A in two octaves."""
    spec = MusicSpec((TrackSpec("a"), TrackSpec("b")), 2, 16, 4.0, 48, 36)
    random, rolls = np.random.default_rng(0), np.zeros((64, *spec.shape), bool)
    for phrase, beat in np.ndindex(64, 8):
        steps = slice(4 * beat, 4 * beat + 4)
        again = beat % 2 == 0 or random.random() < 0.5
        for track, pitch in enumerate((26, 9)):
            rolls[phrase, track, steps, pitch] = True
            rolls[phrase, 2 + track, 4 * beat, pitch] = again
    rolls = canonical(rolls)
    torch.manual_seed(0)
    made = MuseGAN(width=8, latent_size=4, voices="chords").build(spec)
    context = StepContext(lambda: Batch(samples_of(rolls)), lambda: None, 64, Streams(0, 0), 0, 0)
    made.see_first_batch(context)
    drawn = rolls_of(made.sample(128, seed=1))
    assert drawn[:, 0, :, 26].mean() > 0.7
    assert drawn[:, 1, :, 9].mean() > 0.7
    begins = drawn[:, 2:].any(axis=3).reshape(128, 2, 8, 4).mean(axis=(0, 1))
    assert begins[::2, 0].min() > 0.9
    assert 0.3 < begins[1::2, 0].mean() < 0.7
    assert begins[:, 1:].max() < 0.1
    before = {name: value.clone() for name, value in made.state_dict().items()}
    rolls[:] = False
    made.see_first_batch(context)  # as after transfer: what was learned stays
    assert all(torch.equal(value, before[name]) for name, value in made.state_dict().items())


def test_chords_fit_a_track_that_is_given() -> None:
    """Under C sharp sound the six triads that have it, before anything is learned."""
    spec = MusicSpec((TrackSpec("a"), TrackSpec("b")), 2, 16, 4.0, 48, 36)
    torch.manual_seed(0)
    made = MuseGAN(width=8, latent_size=4, given="a", voices="chords").build(spec)
    given = torch.full((64, 2, 32, 36), -1.0)
    given[:, 0, :, 25] = given[:, 1, ::4, 25] = 1
    classes = {
        (root + step) % 12
        for root, steps in ((1, (0, 4, 7)), (9, (0, 4, 7)), (6, (0, 4, 7)), (1, (0, 3, 7)), (10, (0, 3, 7)), (6, (0, 3, 7)))
        for step in steps
    }
    heard = np.array([pitch % 12 in classes for pitch in range(48, 84)])

    def fitting(rolls: np.ndarray) -> float:
        return rolls[:, 1][..., heard].sum() / rolls[:, 1].sum()

    alone, accompanying = rolls_of(made.sample(64)), rolls_of(made.accompany(given, seed=0))
    assert fitting(accompanying) > 0.8 > 0.7 > fitting(alone)


def test_the_discriminator_is_told_of_leaps() -> None:
    told = nets.MovesToFeatures(1, 24, 3)
    with torch.no_grad():
        told.map.weight.copy_(torch.eye(3))
    rolls = torch.full((1, 1, 4, 24), -1.0)
    for step, pitch in enumerate((12, 12, 24 - 6, 0)):
        rolls[0, 0, step, pitch] = 1
    height, move, distance = told(rolls)[0].T
    assert height.tolist() == pytest.approx([0, 0, 0.5, -1])
    assert move.tolist() == pytest.approx([0, 0, 0.5, -1.5])
    assert distance.tolist() == pytest.approx([0.01, 0.01, 0.5001, 1.50003], abs=1e-4)


@pytest.mark.parametrize(
    ("voices", "names", "phrases"),
    [("auto", "554ea30a6f274cfa", "b404a237b41227ab"), ("chords", "af7b196c115b9dd4", "39177248a7158302")],
)
def test_models_of_before_make_the_same_phrases(voices: str, names: str, phrases: str) -> None:
    """`voices` was "auto" by default, then "chords", and runs say so. Digests of the programs of then."""
    made = game(voices=voices)
    shapes = "\n".join(f"{name} {tuple(value.shape)}" for name, value in made.state_dict().items())
    assert hashlib.sha256(shapes.encode()).hexdigest()[:16] == names
    assert hashlib.sha256((made.sample(20, seed=3) > 0).numpy().tobytes()).hexdigest()[:16] == phrases


def test_weights_of_pitch_classes_are_shared_by_octaves() -> None:
    by_class = torch.arange(12.0)
    assert nets.by_column(by_class, 58, 16).tolist() == [(58 + column) % 12 for column in range(16)]


def test_the_discriminator_hears_intervals() -> None:
    """Two tracks a third apart count as a third at any height, and in the order of the tracks."""
    heard = nets.IntervalsToFeatures(2, 58, 12)
    with torch.no_grad():
        heard.map.weight.copy_(torch.eye(12))
    rolls = torch.full((3, 2, 1, 20), -1.0)
    for number, (low, high) in enumerate([(2, 6), (9, 13), (13, 9)]):
        rolls[number, 0, 0, low] = rolls[number, 1, 0, high] = 1
    assert heard(rolls).argmax(dim=2).flatten().tolist() == [4, 4, 8]
    assert heard(rolls).sum().item() == 3


def test_samples_are_rolls_in_their_one_form_with_single_voices() -> None:
    drawn = game().sample(20, seed=3)
    assert drawn.shape == (20, 4, 16, 20)
    assert set(drawn.round(decimals=4).unique().tolist()) <= {-1.0, 1.0}
    rolls = (drawn > 0).numpy()
    assert (canonical(rolls) == rolls).all()
    assert rolls[:, 0].sum(axis=2).max() <= 1
    assert rolls[:, 1].sum(axis=2).max() > 1  # which may have several notes
    free = (game(voices="free").sample(4) > 0).numpy()
    assert free[:, 0].sum(axis=2).max() > 1


def test_samples_do_not_depend_on_how_they_are_split() -> None:
    made = game()
    whole = made.sample(20, seed=1)
    assert torch.equal(torch.cat([made.sample(7, seed=1), made.sample(13, seed=1, first=7)]), whole)
    assert not torch.equal(made.sample(20, seed=2), whole)


def test_latents_of_one_track_change_that_track_alone() -> None:
    made, size = game(), 3
    latents = made.latents(Streams(0, 0), 6)
    assert latents.shape[1] == size * (1 + 2) * (1 + 2) + 2 * 2 * 16  # and by what each track's notes are drawn, at each step
    changed = latents.clone()
    begin = size + 2 * size + size  # after those of all tracks, and of the first track
    changed[:, begin : begin + size] += 5
    with torch.no_grad():
        before, after = made.generator(latents), made.generator(changed)
    assert torch.equal(before[:, [0, 2]], after[:, [0, 2]])
    assert not torch.equal(before[:, [1, 3]], after[:, [1, 3]])


def test_the_given_track_comes_back_unchanged_and_matters() -> None:
    made = game(given="b")
    random = np.random.default_rng(0)
    rolls = samples_of(canonical(random.random((9, *SPEC.shape)) < 0.2))
    given = rolls[:, [1, 3]]
    out = made.accompany(given, seed=0)
    assert torch.equal(out[:, [1, 3]], given)
    assert not torch.equal(out[:, [0, 2]], made.accompany(given.flip(0), seed=0)[:, [0, 2]])
    parts = torch.cat([made.accompany(given[:4], 0), made.accompany(given[4:], 0, first=4)])
    assert torch.equal(parts, out)
    with pytest.raises(SettingsError):
        game().accompany(given, 0)


def test_in_training_a_share_of_the_phrases_is_given() -> None:
    made = game(given="a", given_share=0.5)
    real = samples_of(canonical(np.random.default_rng(0).random((64, *SPEC.shape)) < 0.2))
    context = StepContext(lambda: Batch(real), lambda: None, 64, Streams(0, 0), 0, 0)
    fakes = made.generate_fakes(context, None)
    same = (fakes[:, [0, 2]] == real[:, [0, 2]]).all(dim=(1, 2, 3)).float().mean().item()
    assert 0.3 < same < 0.7


def test_settings_that_do_not_fit_are_named() -> None:
    assert any("'c'" in problem for problem in MuseGAN(given="c").problems(SPEC))
    assert any("given_share" in problem for problem in MuseGAN(given_share=0.2).problems(SPEC))
    assert any("melody" in problem for problem in MidiNet().problems(SPEC))
    assert not MuseGAN(given="B").problems(SPEC)


# ----------------------------------------------------------------------------------------------------------------- MidiNet


def melody_game() -> MelodyGAN:
    torch.manual_seed(0)
    data = dataset_of_songs(music.songs(3), MusicReading(bars=2, melody="soprano"))
    spec = data.spec.with_chord_counts(follow_counts(np.tile([1, 8], (4, 1))))
    return MidiNet(width=4, latent_size=3, batch_size=4).build(spec)


def test_chords_are_told_as_the_paper_does() -> None:
    told = numbers_of(torch.tensor([0, 1, 13, 22]))
    assert told[0].sum() == 0
    assert told[1].tolist() == [1, *[0] * 12]
    assert told[2].tolist() == [1, *[0] * 11, 1]
    assert told[3].argmax() == 9


def test_chords_follow_as_in_the_data_and_are_written() -> None:
    made = melody_game()
    rolls = rolls_of(made.sample(8))
    spec = made.music_spec
    assert rolls.shape == (8, *spec.shape)
    chords = made.chords_of(torch.rand(50, 2, generator=torch.Generator().manual_seed(0)))
    assert (chords == torch.tensor([1, 8])).all()  # C, then G: all that there is
    columns = np.flatnonzero(rolls[0, 1, 0]) + spec.lowest
    assert columns.tolist() == [48, 52, 55]
    assert rolls[0, 3].any(axis=1).nonzero()[0].tolist() == [0, 16]
    assert (canonical(rolls) == rolls).all()


def test_bars_of_phrases_are_found_with_chords_and_the_bar_before() -> None:
    made = melody_game()
    data = dataset_of_songs(music.songs(3), MusicReading(bars=2, melody="soprano"))
    samples = data.batch(np.arange(4)).samples
    bars, chords, before = made.bars_of(samples)
    assert bars.shape == (8, 2, 16, made.music_spec.pitches)
    assert torch.equal(bars[1], samples[0, [0, 2], 16:])
    assert torch.equal(before[1], bars[0])
    assert (before[0] == -1).all()
    expected = numbers_of(torch.from_numpy(data.chords(np.arange(4)).reshape(-1)))
    torch.testing.assert_close(chords, expected)
    assert len(made.shares) == CHORDS + 1


# ---------------------------------------------------------------------------------------------------------------- learning


@pytest.mark.parametrize("voices", ["chords", "auto"])
def test_a_generator_learns_what_it_is_trained_on(voices: Literal["chords", "auto"]) -> None:
    """One phrase with a scale: the generator comes to play it, by gradients through its binary neurons."""
    spec = MusicSpec((TrackSpec("a"), TrackSpec("b", single=False)), 1, 8, 4.0, 60, 12)
    roll = np.zeros((1, *spec.shape), bool)
    for step in range(8):
        roll[0, 0, step, step], roll[0, 2, step, step] = True, True
        roll[0, 1, step, [0, 4]] = True
    roll = canonical(roll)
    target = samples_of(roll)
    torch.manual_seed(0)
    generator = MuseGAN(width=8, latent_size=2, voices=voices).build(spec).generator
    optimizer = torch.optim.Adam(generator.parameters(), 3e-2 if voices == "chords" else 1e-2)
    latents = torch.cat([torch.randn(4, nets.latent_total(generator.shape, 2)), torch.rand(4, generator.chances)], dim=1)
    for _ in range(100 if voices == "chords" else 60):
        loss = (generator(latents) - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert (rolls_of(generator(latents)) == roll).mean() > (0.97 if voices == "chords" else 0.99)  # which draws, and seldom errs
