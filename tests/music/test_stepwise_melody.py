"""MidiNet's melodies drawn step by step: probabilities against enumeration, likelihood, rewards, and the generator of before."""

import hashlib
import itertools

import numpy as np
import pytest
import torch
from torch import Tensor

from sparring.core.batch import Batch
from sparring.core.random_streams import Streams
from sparring.data.music.keys_and_chords import CHORDS, chord_table, follow_counts
from sparring.data.music.music_reading import MusicReading
from sparring.data.music.music_spec import MusicSpec, TrackSpec, canonical, rolls_of, samples_of
from sparring.data.music.music_store import dataset_of_songs
from sparring.games.melody_gan import MelodyGAN
from sparring.games.step_context import StepContext
from sparring.games.stepwise_melody import StepwiseMelodyGAN
from sparring.recipes.midinet import MidiNet
from support import music

NEVER = tuple(tuple(0 for _ in range(CHORDS)) for _ in range(CHORDS + 1))
TRACKS = (TrackSpec("melody"), TrackSpec("chords", single=False))
SPEC = MusicSpec(TRACKS, 2, 2, 1.0, 48, 2, chords=True, chord_counts=NEVER)
"""Two bars of two steps with two pitches, so that all melodies can be listed."""
CHORD_SPEC = MusicSpec(TRACKS, 2, 4, 4.0, 48, 20, chords=True, chord_counts=NEVER)


def game(spec: MusicSpec = SPEC, **settings: object) -> StepwiseMelodyGAN:
    torch.manual_seed(0)
    made = MidiNet(**{"width": 4, "latent_size": 2, "batch_size": 4, **settings}).build(spec)  # pyright: ignore[reportArgumentType]
    assert isinstance(made, StepwiseMelodyGAN)
    return made


def uneven(made: StepwiseMelodyGAN) -> StepwiseMelodyGAN:
    """With weights so large that melodies differ in how likely they are."""
    with torch.no_grad():
        for layer in (*made.stepwise.events, made.stepwise.before, *made.stepwise.told):
            for weight in layer.parameters():
                weight.copy_(torch.randn_like(weight))
    return made


def all_melodies() -> Tensor:
    """All phrases of one voice in their one form, over a track without chords."""
    found = []
    for events in itertools.product(range(4), repeat=SPEC.steps):  # silence, goes on, either pitch begins
        roll, before = np.zeros(SPEC.shape, bool), None
        for step, event in enumerate(events):
            before = event - 2 if event >= 2 else before if event == 1 else None
            if before is not None:
                roll[0, step, before], roll[2, step, before] = True, event >= 2
        found.append(roll)
    return samples_of(np.unique(np.stack(found), axis=0))


def context_of(samples: Tensor, step: int = 0) -> StepContext:
    return StepContext(lambda: Batch(samples), lambda: None, len(samples), Streams(0, step), step, 0)


def test_probabilities_of_all_melodies_sum_to_one() -> None:
    """Of 164 melodies: after silence 3 ways to go on, after a note 4, over the bar line too."""
    sounding, silent = 2, 1
    for _ in range(3):
        sounding, silent = 2 * silent + 3 * sounding, silent + sounding
    melodies = all_melodies()
    assert len(melodies) == sounding + silent
    made = uneven(game())
    noise = torch.randn(2, 2).repeat(len(melodies), 1)
    likely = made.log_likelihood(noise, melodies).exp()
    assert likely.sum().item() == pytest.approx(1, abs=1e-5)
    assert likely.max() > 3 * likely.mean()


def test_melodies_are_drawn_as_often_as_is_likely() -> None:
    made, melodies, n = uneven(game()), all_melodies(), 4000
    noise = torch.randn(1, 2, 2)
    chances = torch.rand(n, 2, made.generator.chances, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        drawn = made.melodies(torch.cat([noise.expand(n, -1, -1), chances], dim=2), torch.zeros(n, 2, 13))
        expected = n * made.log_likelihood(noise[0].repeat(len(melodies), 1), melodies).exp()
    counts = (drawn[:, None] == melodies[:, [0, 2]]).all(dim=(2, 3, 4)).sum(dim=0)
    assert counts.sum() == n  # there is no other melody
    assert ((counts - expected).abs() < 4.5 * (expected + 1).sqrt()).all()


def test_rewards_move_weights_along_the_gradient_of_their_mean() -> None:
    """Against the derivative of the mean logit over all melodies, each as often as it is likely, with the noise of the batch."""
    made, melodies = uneven(game()), all_melodies()
    weights = [made.stepwise.events[0].bias, made.stepwise.before.weight, made.stepwise.told[0].weight]
    context = context_of(melodies[:1].expand(3000, -1, -1, -1))
    found = torch.autograd.grad(made.play_generator(context)["adversarial"].mean(), weights)
    with torch.no_grad():
        rewards, _ = made.discriminate(melodies, None)
    noise = made.bar_noise(made.latents(context.streams, 6000))[0][:100, :, :2]
    likely = made.log_likelihood(noise.repeat_interleave(len(melodies), 0).flatten(0, 1), melodies.repeat(100, 1, 1, 1)).exp()
    exact = torch.autograd.grad(-(likely * rewards.repeat(100)).sum(), weights)
    for one, other in zip(found, exact, strict=True):
        assert torch.cosine_similarity(one.flatten(), other.flatten(), dim=0) > 0.95


def chord_notes(n: int, seed: int = 0) -> Tensor:
    """C or G major in each bar, whose melody is one of two notes that the chord has, held for half a bar, and then the other."""
    random = np.random.default_rng(seed)
    rolls, table = np.zeros((n, *CHORD_SPEC.shape), bool), chord_table(48, 20)
    for phrase, bar in np.ndindex(n, 2):
        chord = random.choice([1, 8])
        first = random.permutation([0, 1])
        steps = slice(4 * bar, 4 * bar + 4)
        rolls[phrase, 1, steps] = table[chord]
        rolls[phrase, 3, 4 * bar] = table[chord]
        for half, note in enumerate(np.flatnonzero(table[chord])[first]):
            begin = 4 * bar + 2 * half
            rolls[phrase, 0, begin : begin + 2, note] = True
            rolls[phrase, 2, begin, note] = True
    return samples_of(canonical(rolls))


@pytest.fixture(scope="module")
def fitted() -> StepwiseMelodyGAN:
    made = game(CHORD_SPEC, width=8, fit_dropout=0.0)
    data = chord_notes(256)
    optimizer = torch.optim.Adam(made.generator.parameters(), 1e-2)
    for step in range(160):
        loss = made.play_fit(context_of(data[torch.arange(32) + 32 * (step % 8)], step))["negative_log_likelihood"].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return made


def test_a_melody_learns_by_likelihood_what_its_chord_asks_for(fitted: StepwiseMelodyGAN) -> None:
    """What is left is the entropy of the data, of which nothing can be less: one choice of two in each bar."""
    with torch.no_grad():
        nats = fitted.play_fit(context_of(chord_notes(256, seed=1)))["negative_log_likelihood"].mean().item() * CHORD_SPEC.steps
        generated = fitted.generate_fakes(context_of(chord_notes(64, seed=2)), None)
    assert 2 * np.log(2) - 0.1 < nats < 2 * np.log(2) + 0.3
    rolls = rolls_of(generated)
    assert (rolls[:, 0] & rolls[:, 1]).sum() / rolls[:, 0].sum() > 0.95
    assert len(np.unique(rolls[:, 0], axis=0)) >= 8  # two chords and two ways in each of two bars: 16


def test_samples_do_not_depend_on_how_they_are_split(fitted: StepwiseMelodyGAN) -> None:
    assert fitted.latents(Streams(0, 0), 3).shape == (3, 2 * 2 + 2 + 2 * 4)
    assert sum(count for _, count in fitted.latent_draws) == 2 * 2 + 2 + 2 * 4
    drawn = fitted.sample(20, seed=1)
    assert torch.equal(torch.cat([fitted.sample(7, seed=1), fitted.sample(13, seed=1, first=7)]), drawn)
    assert (canonical(rolls_of(drawn)) == rolls_of(drawn)).all()


def test_the_game_changes_what_the_discriminator_rewards(fitted: StepwiseMelodyGAN) -> None:
    """A discriminator that likes melodies whose bars begin with the lower note: they come to, and still fit their chords."""
    made = game(CHORD_SPEC, width=8)
    made.load_state_dict(fitted.state_dict())
    heights = torch.linspace(-1, 1, 20)

    def liking(samples: Tensor, labels: None) -> tuple[Tensor, Tensor]:
        height = (samples[:, 0] + 1) / 2 @ heights
        return (height[:, 2:4] - height[:, 0:2]).sum(dim=1), samples.new_zeros(len(samples), 0)

    before = liking(made.sample(64), None)[0].mean()
    made.discriminate = liking  # pyright: ignore[reportAttributeAccessIssue]
    optimizer = torch.optim.Adam(made.generator.parameters(), 2e-3)
    data = chord_notes(64)
    for step in range(30):
        loss = made.play_generator(context_of(data, step))["adversarial"].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    generated = made.generate_fakes(context_of(data), None)
    assert liking(generated, None)[0].mean() > before + 0.2
    rolls = rolls_of(generated)
    assert (rolls[:, 0] & rolls[:, 1]).sum() / rolls[:, 0].sum() > 0.9


def test_models_of_before_make_the_same_melodies() -> None:
    """Runs of before name no `voices`. Digests of the program of then."""
    torch.manual_seed(0)
    data = dataset_of_songs(music.songs(3), MusicReading(bars=2, melody="soprano"))
    spec = data.spec.with_chord_counts(follow_counts(np.random.default_rng(0).integers(0, 25, (40, 2))))
    assert MidiNet.of_older_runs == {"voices": "likeliest"}
    made = MidiNet(width=4, latent_size=3, batch_size=4, voices="likeliest").build(spec)
    assert type(made) is MelodyGAN
    shapes = "\n".join(f"{name} {tuple(value.shape)}" for name, value in made.state_dict().items())
    assert hashlib.sha256(shapes.encode()).hexdigest()[:16] == "ae92d75755daf06d"
    assert hashlib.sha256((made.sample(20, seed=3) > 0).numpy().tobytes()).hexdigest()[:16] == "44074bfccc12dfe5"


def test_settings_of_other_voices_are_named() -> None:
    assert any("fit_steps" in problem for problem in MidiNet(voices="likeliest", fit_steps=3).problems(SPEC))
    assert any("unroll" in problem for problem in MidiNet(unroll=2).problems(SPEC))
    assert not MidiNet(voices="likeliest", unroll=2).problems(SPEC)
