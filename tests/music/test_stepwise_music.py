"""Voices drawn step by step: probabilities against enumeration, gradients, likelihood, the game."""

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor

from sparring.core.batch import Batch
from sparring.core.random_streams import Streams
from sparring.data.music.music_spec import MusicSpec, TrackSpec, canonical, rolls_of, samples_of
from sparring.games.likelihood_first import advantages
from sparring.games.step_context import StepContext
from sparring.games.stepwise_music import StepwiseMusicGAN
from sparring.nets.stepwise_voices import drawing_order
from sparring.recipes.musegan import MuseGAN

SPEC = MusicSpec((TrackSpec("a"), TrackSpec("b", single=False)), 1, 2, 1.0, 60, 2)
"""Two steps of two pitches, so that all phrases can be listed."""


def game(spec: MusicSpec = SPEC, **settings: object) -> StepwiseMusicGAN:
    torch.manual_seed(0)
    made = MuseGAN(**{"width": 4, "latent_size": 2, "batch_size": 4, **settings}).build(spec)  # pyright: ignore[reportArgumentType]
    assert isinstance(made, StepwiseMusicGAN)
    return made


def all_rolls(spec: MusicSpec) -> Tensor:
    """All phrases in their one form that such tracks can have."""
    size = int(np.prod(spec.shape))
    bits = np.array(list(itertools.product((False, True), repeat=size))).reshape(-1, *spec.shape)
    tracks = len(spec.tracks)
    fits = (canonical(bits) == bits).all(axis=(1, 2, 3))
    for number, track in enumerate(spec.tracks):
        if track.single:
            fits &= bits[:, number].sum(axis=2).max(axis=1) <= 1
    return samples_of(bits[fits & ~(bits[:, tracks:] & ~bits[:, :tracks]).any(axis=(1, 2, 3))])


def uneven(made: StepwiseMusicGAN) -> StepwiseMusicGAN:
    """With weights so large that phrases differ in how likely they are."""
    with torch.no_grad():
        for layer in (*made.stepwise.events, *made.stepwise.now, made.stepwise.before, *made.stepwise.told):
            for weight in layer.parameters():
                weight.copy_(torch.randn_like(weight))
    return made


def context_of(samples: Tensor, seed: int = 0, step: int = 0) -> StepContext:
    return StepContext(lambda: Batch(samples), lambda: None, len(samples), Streams(seed, step), step, 0)


def test_probabilities_of_all_phrases_sum_to_one() -> None:
    """Of 9 phrases of one voice by 25 of two pitches: a voice has (silence or 2 notes) and then (the same, or goes on)."""
    made, rolls = uneven(game()), all_rolls(SPEC)
    assert len(rolls) == (3 + 2 * 4) * (2 + 3) ** 2
    parts = made.latents(Streams(1, 0), 1)[:, : made.latent_parts].expand(len(rolls), -1)
    likely = made.stepwise.log_probabilities(parts, rolls).sum(dim=(1, 2)).exp()
    assert likely.sum().item() == pytest.approx(1, abs=1e-5)
    assert likely.max() > 3 * likely.mean()


def test_phrases_are_drawn_as_often_as_is_likely() -> None:
    made, rolls, n = uneven(game()), all_rolls(SPEC), 4000
    parts = made.latents(Streams(1, 0), 1)[:, : made.latent_parts]
    chances = torch.rand(n, made.stepwise.chances, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        drawn = made.stepwise(torch.cat([parts.expand(n, -1), chances], dim=1))
        expected = n * made.stepwise.log_probabilities(parts.expand(len(rolls), -1), rolls).sum(dim=(1, 2)).exp()
    counts = (drawn[:, None] == rolls).all(dim=(2, 3, 4)).sum(dim=0)
    assert counts.sum() == n  # there is no other phrase
    assert ((counts - expected).abs() < 4.5 * (expected + 1).sqrt()).all()


def test_rewards_move_weights_along_the_gradient_of_their_mean() -> None:
    """Against the derivative of the mean logit over all phrases, each as often as it is likely, with the latents of the batch."""
    made, rolls = uneven(game(batch_size=2000)), all_rolls(SPEC)
    weights = [made.stepwise.events[0].bias, made.stepwise.before.weight, made.stepwise.told[1].weight]
    context = context_of(rolls[:1].expand(2000, -1, -1, -1))
    found = torch.autograd.grad(made.play_generator(context)["adversarial"].mean(), weights)
    with torch.no_grad():
        rewards, _ = made.discriminate(rolls, None)
    latents = made.latents(context.streams, 2000)[:200, : made.latent_parts]
    likely = made.stepwise.log_probabilities(latents.repeat_interleave(len(rolls), 0), rolls.repeat(200, 1, 1, 1)).sum(dim=(1, 2)).exp()
    exact = torch.autograd.grad(-(likely * rewards.repeat(200)).sum(), weights)
    for one, other in zip(found, exact, strict=True):
        assert torch.cosine_similarity(one.flatten(), other.flatten(), dim=0) > 0.95


def test_advantages_are_above_the_mean_of_the_others() -> None:
    rewards = torch.tensor([1.0, 2.0, 6.0])
    expected = torch.tensor([1 - 4.0, 2 - 3.5, 6 - 1.5]) / rewards.std()
    torch.testing.assert_close(advantages(rewards), expected, rtol=1e-2, atol=0)
    assert advantages(torch.ones(1)).tolist() == [0]


def test_outer_voices_are_drawn_first_and_a_given_one_before_them() -> None:
    assert drawing_order(4, None) == [0, 3, 1, 2]
    assert drawing_order(4, 1) == [1, 0, 3, 2]
    assert drawing_order(1, None) == [0]


def test_voices_are_drawn_after_those_before_them() -> None:
    """A change of the soprano at one step changes what is likely of the others there, and of all at the next, and nothing earlier."""
    spec = MusicSpec(tuple(map(TrackSpec, "sat")), 1, 4, 4.0, 60, 5)
    made = uneven(game(spec))
    rolls = torch.full((2, *spec.shape), -1.0)
    rolls[:, [0, 1, 2], :, 2] = rolls[:, [3, 4, 5], 0, 2] = 1
    rolls[1, [0, 3], 2, 2], rolls[1, [0, 3], 2, 3], rolls[1, 3, 3, 2] = -1, 1, 1
    parts = made.latents(Streams(0, 0), 1)[:, : made.latent_parts].expand(2, -1)
    logits = made.stepwise.logits_of(made.stepwise.told_features(parts, None, None), samples_of(canonical((rolls > 0).numpy())))
    changed = [(one[0] != one[1]).any(dim=(1, 2)).tolist() for one in logits]
    assert changed == [[False, False, False, True], [False, False, True, True], [False, False, True, True]]


def test_a_given_voice_is_taken_as_it_is_and_the_others_know_it() -> None:
    made = uneven(game(given="b"))
    rolls = all_rolls(SPEC)[::3][:60]
    given, known = made.given_planes(rolls), torch.ones(len(rolls), 1, 1, 1)
    latents = made.latents(Streams(0, 0), 1).expand(len(rolls), -1)
    with torch.no_grad():
        drawn = made.stepwise(latents, None, given, known)
        likely = made.stepwise.log_probabilities(latents[:, : made.latent_parts], drawn, given, known)
    assert torch.equal(made.given_planes(drawn), given)
    assert len(drawn[:, [0, 2]].unique(dim=0)) > 1  # by the same numbers
    assert (likely[:, :, 1] == 0).all()
    assert (likely[:, :, 0] < 0).any()


def test_the_loop_of_an_exported_file_draws_the_same_for_any_number_of_phrases(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("jaxtyping_packages", None):
        pytest.skip("torch cannot trace the body of a loop through checks of shapes")
    generator = uneven(game()).stepwise.requires_grad_(False)
    latents = game().latents(Streams(0, 0), 5)
    expected = generator(latents)
    generator.fix_for_export()
    traced = torch.export.export(generator, (latents[:3],), dynamic_shapes=({0: torch.export.Dim("n")},), strict=False)
    nodes = [node for node in traced.graph.nodes if "scan" in str(node.target)]
    assert len(nodes) >= 1
    assert torch.equal(traced.module()(latents), expected)


def thirds(n: int, seed: int = 0) -> Tensor:
    """Phrases of a voice that moves by steps on each beat, and one that is always a third below it."""
    random = np.random.default_rng(seed)
    spec = third_spec()
    rolls = np.zeros((n, *spec.shape), bool)
    pitches = 6 + np.cumsum(random.integers(-1, 2, (n, 4)), axis=1)
    for phrase, beat in np.ndindex(n, 4):
        steps = slice(2 * beat, 2 * beat + 2)
        for track, below in enumerate((0, 2)):
            rolls[phrase, track, steps, pitches[phrase, beat] - below] = True
            rolls[phrase, 2 + track, 2 * beat, pitches[phrase, beat] - below] = True
    return samples_of(canonical(rolls))


def third_spec() -> MusicSpec:
    return MusicSpec((TrackSpec("a"), TrackSpec("b")), 1, 8, 4.0, 60, 12)


@pytest.fixture(scope="module")
def fitted() -> StepwiseMusicGAN:
    made = game(third_spec(), width=8, latent_nats=1.0, fit_dropout=0.0)
    data = thirds(256)
    optimizer = torch.optim.Adam([*made.generator.parameters(), *made.encoder.parameters()], 1e-2)
    for step in range(120):
        losses = made.play_fit(context_of(data[torch.arange(16) + 16 * (step % 16)], step=step))
        optimizer.zero_grad()
        sum(loss.mean() for loss in losses.values()).backward()  # pyright: ignore[reportAttributeAccessIssue]
        optimizer.step()
    return made


def test_a_generator_learns_by_likelihood_how_voices_fit(fitted: StepwiseMusicGAN) -> None:
    """What is left is the entropy of the data, of which no bound can be less: four moves of three each."""
    rolls = (fitted.sample(64, seed=1) > 0).numpy()
    second = rolls[:, 1].argmax(axis=2)
    assert rolls[:, :2].any(axis=3).all()
    assert (rolls[:, 0].argmax(axis=2) - second == 2).mean() > 0.97
    assert (rolls[:, 2:, 1::2].sum() + 1) / rolls[:, 2:].sum() < 0.03
    context = context_of(thirds(256, seed=1))
    held_out = fitted.play_fit(context)["negative_log_likelihood"].mean() * 16 + context.metrics["latent_nats"]
    assert 4 * np.log(3) - 0.1 < held_out.item() < 4 * np.log(3) + 2


def test_the_game_changes_what_the_discriminator_rewards(fitted: StepwiseMusicGAN) -> None:
    """A discriminator that likes high voices: they rise, and still fit."""
    made = game(third_spec(), width=8)
    made.load_state_dict(fitted.state_dict())
    heights = torch.linspace(-1, 1, 12)

    def liking(samples: Tensor, labels: None) -> tuple[Tensor, Tensor]:
        return ((samples[:, 0] + 1) / 2 @ heights).mean(dim=1), samples.new_zeros(len(samples), 0)

    before = liking(made.sample(64), None)[0].mean()
    made.discriminate = liking  # pyright: ignore[reportAttributeAccessIssue]
    optimizer = torch.optim.Adam(made.generator.parameters(), 1e-3)
    data = thirds(64)
    for step in range(40):
        loss = made.play_generator(context_of(data, step=step))["adversarial"].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    rolls = rolls_of(made.sample(64))
    assert liking(made.sample(64), None)[0].mean() > before + 0.1
    assert (rolls[:, 0].argmax(axis=2) - rolls[:, 1].argmax(axis=2) == 2).mean() > 0.8


def test_settings_of_other_voices_are_named() -> None:
    assert any("latent_nats" in problem for problem in MuseGAN(voices="chords", latent_nats=3).problems(SPEC))
    assert any("unroll" in problem for problem in MuseGAN(unroll=2).problems(SPEC))
    assert not MuseGAN(voices="chords", unroll=2).problems(SPEC)


def test_the_rate_falls_until_the_game_begins() -> None:
    recipe = MuseGAN(fit_steps=100, batch_size=10)
    assert [recipe.rate_factor(samples) for samples in (0, 500, 1000, 5000)] == pytest.approx([1, 0.5, 1, 1])
    assert MuseGAN(voices="chords").rate_factor(500) == 1
