"""LatentGAN, ORGAN and steering: codes and tokens belong together, phases follow each other, and molecules go where they are wanted."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

import sparring
from sparring import recipes
from sparring.core.batch import Batch
from sparring.core.errors import SettingsError
from sparring.core.random_streams import Streams
from sparring.data.sequences.pieces import with_pieces
from sparring.data.sequences.sequence_dataset import SequenceDataset
from sparring.data.sequences.sequence_spec import SequenceSpec
from sparring.games.capabilities import HasCodes
from sparring.games.latent_sequences import LatentSequenceGame
from sparring.games.molecule_rewards import rewards_of
from sparring.games.recipe import check
from sparring.games.step_context import StepContext
from sparring.inference.model import Model
from sparring.inference.molecules_of_model import Want, draw_molecules, draw_wanted, wanted, wants_of
from sparring.latent.molecule_steering import codes_of_samples, probe_direction, steer_molecules
from sparring.latent.sequence_walks import codes_of_seeds, codes_of_texts, walk_between
from sparring.nets.latentgan import CodeGenerator, normalized
from sparring.recipes.latentgan import LatentGAN
from sparring.recipes.organ import ORGAN
from support.molecules import moses
from support.runs import same_run
from support.texts import COMMON, counting, dataset, spec_of, titles, write_titles

SMALL: dict[str, Any] = {
    "code_size": 6, "decoder_hidden": 8, "generator_hidden": (8,), "discriminator_hidden": (8,), "latent_size": 4, "batch_size": 8,
}  # fmt: skip


def game_of(spec: SequenceSpec, **settings: object) -> LatentSequenceGame:
    torch.manual_seed(0)
    recipe = LatentGAN(**{**SMALL, **settings})
    check(recipe, spec)
    return recipe.build(spec)


def context_of(samples: torch.Tensor, step: int = 0) -> StepContext:
    batch = Batch(samples.float())
    return StepContext(lambda: batch, lambda: None, len(samples), Streams(0, step), step, 0)


def learn_codes(game: LatentSequenceGame, samples: torch.Tensor, steps: int) -> float:
    optimizer = torch.optim.Adam([*game.encoder.parameters(), *game.decoder.parameters()], 0.01)
    loss = torch.zeros(())
    for step in range(steps):
        loss = game.play_autoencoder(context_of(samples, step))["reconstruction"].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


@pytest.fixture(scope="session")
def molecules() -> SequenceDataset:
    return dataset(list(moses(120)), notation="selfies")


@pytest.fixture(scope="session")
def model(molecules: SequenceDataset) -> Model:
    """A model whose autoencoder has learned a little to write pieces, and whose generator has not."""
    game = game_of(with_pieces(molecules, molecules, 10).spec, code_size=16, decoder_hidden=48)
    learn_codes(game, molecules.batch(np.arange(64)).samples, 60)
    return Model(game.eval(), LatentGAN(**SMALL), Path("nowhere"))


@pytest.mark.parametrize("pieces", [(), (("a", "b", "c"), ("e", "f"), ("s", "t"))])
def test_counting_from_0_to_19_is_learned(pieces: tuple[tuple[str, ...], ...]) -> None:
    spec = replace(spec_of("abcdefghijklmnopqrst", 20), pieces=pieces)
    game = game_of(spec, decoder_hidden=32, code_noise=1.0, temperature=0.0)
    assert learn_codes(game, torch.from_numpy(counting(16)), 100) < 0.1
    samples = torch.from_numpy(counting(50))
    assert torch.equal(game.of_codes(game.encoded(samples.float())).long(), samples)
    optimizers = {player.name: torch.optim.Adam(game.get_submodule(player.networks[0]).parameters(), 0.01) for player in game.players}
    for step in range(40):
        for turn in game.turns[1:]:
            loss = torch.stack([each.mean() for each in turn.play(context_of(samples[:16], step)).values()]).sum()
            optimizers[turn.player].zero_grad()
            loss.backward()
            optimizers[turn.player].step()
    assert torch.equal(game.sample(50, seed=1).long(), samples)


@pytest.mark.parametrize(
    ("pieces", "written"),
    [((), [[1, 2, 3, 1, 2], [3, 0], [2, 2, 0]]), ((("a", "b"),), [[4, 3, 4, 0], [3, 0], [2, 2, 0]])],
)
def test_the_loss_is_the_cross_entropy_of_each_piece(pieces: tuple[tuple[str, ...], ...], written: list[list[int]]) -> None:
    """By the decoder's own steps, one at a time, as it writes; in nats a token, of which there are 5, 2 and 3 with the ends."""
    game = game_of(replace(spec_of("abc", 5), pieces=pieces), code_noise=0.0).eval()
    tokens = torch.tensor([[1, 2, 3, 1, 2], [3, 0, 0, 0, 0], [2, 2, 0, 0, 0]])
    found = game.play_autoencoder(context_of(tokens))["reconstruction"]
    codes, sums = normalized(game.encoder(tokens)), []
    for code, row in zip(codes, written, strict=True):
        state = tuple(each[0] for each in game.decoder.first_state(code[None]))
        before, total = torch.tensor(0), 0.0
        told = game.decoder.told(code[None])[0]
        for place, piece in enumerate(row):
            out, state = game.decoder.cell((game.decoder.embed(before) + told[place])[None], state)
            total -= game.decoder.head(torch.cat([out[0], told[place]])).log_softmax(dim=0)[piece].item()
            before = torch.tensor(piece)
        sums.append(total)
    assert torch.allclose(found, torch.tensor(sums) / np.mean([5, 2, 3]), atol=1e-5)


def test_pieces_are_written_as_their_tokens() -> None:
    """A decoder that wants one piece above all writes it until the sequence is full."""
    game = game_of(replace(spec_of("abc", 5), pieces=(("a", "b"),)))
    with torch.no_grad():
        game.decoder.head.bias[4] = 100.0
    assert torch.equal(game.sample(3, seed=1), torch.tensor([[1.0, 2.0, 1.0, 2.0, 1.0]]).expand(3, -1))


def test_what_is_written_is_the_likeliest_token_at_each_step() -> None:
    game = game_of(spec_of("abc", 6)).eval()
    codes = game.encoder(torch.tensor([[1, 2, 3, 0, 0, 0], [3, 3, 3, 3, 3, 3]]))
    written = game.decoded(codes).long()
    logits = game.decoder(codes, written, torch.tensor([6, 6])).view(2, 6, 4)
    ended = (written == 0).cumsum(dim=1) > 1
    assert torch.equal(torch.where(ended, written, logits.argmax(dim=2)), written)
    assert (written[ended] == 0).all()


def test_the_unknown_token_is_never_written() -> None:
    spec = SequenceSpec("characters", 5, ("a", "\ufffd"))
    game = game_of(spec)
    with torch.no_grad():
        game.decoder.head.bias[2] = 100.0
    assert not (game.sample(40) == 2).any()


def test_phases(molecules: SequenceDataset) -> None:
    game = game_of(molecules.spec, autoencoder_steps=3)
    played = [[turn.name for turn in game.turns if turn.due(step)] for step in (0, 2, 3)]
    assert played == [["autoencoder"], ["autoencoder"], ["discriminator", "generator"]]
    recipe = LatentGAN(autoencoder_steps=10, batch_size=10)
    assert [recipe.rate_factor(samples) for samples in (0, 50, 100, 10_000)] == [1.0, 0.5, 1.0, 1.0]


@pytest.mark.parametrize(
    "settings", [{}, {"packing": 2}, {"objective": "wasserstein", "gradient_penalty": 10.0, "r1": 0.0, "r2": 0.0}, {"unroll": 1}]
)
def test_both_play_for_codes(molecules: SequenceDataset, settings: dict[str, object]) -> None:
    game = game_of(molecules.spec, **settings)
    optimizer = {player.name: player.optimizer([*game.get_submodule(player.networks[0]).parameters()]) for player in game.players}
    for turn in game.turns[1:]:
        context = context_of(molecules.batch(np.arange(8)).samples)
        context = StepContext(context.draw, context.draw_labels, 8, context.streams, 0, 0, optimizers=optimizer)
        torch.stack([loss.mean() for loss in turn.play(context).values()]).sum().backward()
        assert all(weight.grad is not None for weight in game.get_submodule(turn.player).parameters())


def test_samples_are_seen_as_the_codes_they_are(molecules: SequenceDataset) -> None:
    game = game_of(molecules.spec, packing=2).eval()
    with torch.no_grad():
        game.encoder.head.weight.mul_(100)  # far above the smallest variance that is divided by
    samples = molecules.batch(np.arange(8)).samples
    codes = game.encoder(samples.long()).detach()
    assert torch.equal(game.discriminate(samples.view(4, -1), None)[0], game.discriminate(codes.view(4, 2, -1), None)[0])
    assert torch.allclose(codes.mean(dim=1), torch.zeros(8), atol=1e-6)
    assert torch.allclose(codes.square().mean(dim=1), torch.ones(8), atol=0.02)


def test_samples_do_not_depend_on_how_many_are_asked_for(model: Model) -> None:
    game: Any = model.game
    whole = game.sample(300, seed=5)
    assert torch.equal(torch.cat([game.sample(200, seed=5), game.sample(100, seed=5, first=200)]), whole)
    assert isinstance(game, HasCodes)
    assert torch.equal(game.of_codes(codes_of_samples(game, 100, 5, 0), game.chances(100, 5)), whole[:100])
    assert torch.equal(game.chances(70, 5, first=230), game.chances(300, 5)[230:])
    assert not torch.equal(game.chances(300, 6), game.chances(300, 5))


def test_tokens_are_drawn_by_what_the_decoder_says_of_them() -> None:
    """Chances at equal distances give each token its share, which is its softmax over the temperature, to one in so many."""
    spec, rows = spec_of("abcdef", 4), 2000
    game = game_of(spec, temperature=1.0).eval()
    with torch.no_grad():
        game.decoder.head.bias.copy_(torch.linspace(-1, 1, spec.vocabulary))
    code = game.encoder(torch.tensor([[1, 2, 0, 0]]))
    told, chances = game.decoder.told(normalized(code))[0, :1], torch.rand(rows, spec.length)
    chances[:, 0] = torch.arange(rows) / rows
    with torch.no_grad():
        out, _ = game.decoder.cell((game.decoder.embed(torch.tensor(0)) + told)[None], game.decoder.first_state(normalized(code)))
        logits = game.decoder.head(torch.cat([out[0, 0], told[0]]))
    for temperature in (None, 0.5):
        first = game.decoded(code.expand(rows, -1), chances, temperature)[:, 0].long()
        wanted_shares = (logits / (temperature or 1.0)).softmax(dim=0)
        assert torch.allclose(first.bincount(minlength=spec.vocabulary) / rows, wanted_shares, atol=1 / rows)


def test_temperature_is_that_of_tokens(model: Model) -> None:
    game: Any = model.game
    assert torch.equal(game.sample(50, seed=1), game.sample(50, seed=1, truncation=LatentGAN.temperature))
    cold = game.sample(50, seed=1, truncation=1e-4)
    assert torch.equal(cold, game.of_codes(codes_of_samples(game, 50, 1, 0)))
    assert not torch.equal(cold, game.sample(50, seed=1))


def test_the_game_sees_several_codes_of_each_sequence_with_noise(molecules: SequenceDataset) -> None:
    game = game_of(molecules.spec, code_size=64, noisy_copies=50, code_noise=0.75)
    samples = molecules.batch(np.arange(8)).samples
    context = game.at_current_level(context_of(samples))
    seen, clean = context.batch.samples.view(8, 50, 64), game.encoder(samples.long())
    assert context.batch_size == 400
    likeness = (seen * clean[:, None]).mean(dim=2)  # by hand, of unit variances: 1 / sqrt(1 + noise^2)
    assert likeness.mean().item() == pytest.approx(0.8, abs=0.01)
    assert seen.var(dim=1).min() > 0.1
    assert game.generate_fakes(context, None).shape == (400, 1, 64)
    plain = game_of(molecules.spec, noisy_copies=0)
    assert torch.equal(plain.at_current_level(context_of(samples)).batch.samples[:, 0], plain.encoder(samples.long()))


def test_runs_resume_exactly(tmp_path: Path) -> None:
    path = write_titles(tmp_path)
    settings: dict[str, Any] = {**SMALL, **COMMON, "autoencoder_steps": 3, "console": Console(quiet=True)}
    sparring.train("latentgan", path, tmp_path / "whole", steps=6, **settings)
    for steps in (2, 4, 6):
        if steps == 2:
            sparring.train("latentgan", path, tmp_path / "parts", steps=2, **settings)
        else:
            sparring.resume(tmp_path / "parts", steps=steps, console=Console(quiet=True))
    assert same_run(tmp_path / "whole", tmp_path / "parts")


def test_what_older_models_do_not_name_is_as_it_was(tmp_path: Path) -> None:
    """A run whose config.json has no word of the newer settings has the same networks, and writes the likeliest tokens, one by one."""
    was = {"temperature": 0.0, "noisy_copies": 0, "straight": False, "pieces": 0, "encoder_channels": 128, "decoder_dropout": 0.0}
    settings: dict[str, Any] = {**SMALL, **COMMON, "autoencoder_steps": 2, "console": Console(quiet=True)}
    samples = sparring.train("latentgan", write_titles(tmp_path), tmp_path / "run", steps=3, **settings, **was).game.sample(20)
    path = tmp_path / "run" / "config.json"
    config = json.loads(path.read_text())
    config["recipe_settings"] = {name: value for name, value in config["recipe_settings"].items() if name not in was}
    path.write_text(json.dumps(config))
    old = sparring.load(tmp_path / "run")
    assert {name: getattr(old.recipe, name) for name in was} == was
    assert torch.equal(old.game.sample(20), samples)


def test_the_straight_way_is_added() -> None:
    torch.manual_seed(0)
    generator = CodeGenerator(32, 8, (16,), straight=True)
    latents = torch.randn(5, 8)
    assert generator.straight is not None
    by_hand = generator.layers(latents) + latents @ generator.straight.weight.T
    assert torch.allclose(
        generator(latents)[:, 0], (by_hand - by_hand.mean(1, True)) / by_hand.std(1, correction=0, keepdim=True), atol=1e-4
    )


# ---------------------------------------------------------------------------------------------------------------- steering


def test_a_probe_finds_the_direction_that_a_property_grows_in() -> None:
    random = torch.manual_seed(0)
    codes = torch.randn(4000, 8, generator=random)
    truth = torch.tensor([3.0, 0, 0, -4.0, 0, 0, 0, 0])
    found = probe_direction(codes, codes @ truth + torch.randn(4000, generator=random))
    assert torch.nn.functional.cosine_similarity(found, truth, dim=0) > 0.99
    assert (found @ truth).item() == pytest.approx(5, rel=0.1)  # one standard deviation of the property, which is |truth|
    turned = torch.randn(8, 8, generator=random)
    oblique = probe_direction(codes @ turned, codes @ truth)
    assert (oblique @ torch.linalg.pinv(turned) @ truth) > 0  # where directions of codes are not alike, too


def test_more_molecules_are_as_wanted_after_steering(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sparring.latent.molecule_steering.PROBED", 256)
    heavy = float(np.median([len(each or "") for each in draw_molecules(model, 64).smiles]))
    wants = wants_of([f"weight>{12 * heavy:.0f}"])
    drawn, before, fulfilled = steer_molecules(model, 64, wants)
    assert fulfilled.mean() > before
    assert np.array_equal(wanted(drawn.smiles, wants), fulfilled)
    unchanged = draw_molecules(model, 64).smiles
    assert all(now == was for now, was, done in zip(drawn.smiles, unchanged, fulfilled, strict=True) if not done)


def test_those_that_are_wanted_are_drawn(model: Model) -> None:
    weights = [Want("weight", True, 100.0)]
    drawn, found = draw_wanted(model, 20, weights)
    assert wanted(found, weights).all()
    assert len(found) == 20
    assert drawn.smiles[-1] == found[-1]  # the last that was drawn is the last that was needed
    assert "Valid" in drawn.lines()[0]


def test_wishes() -> None:
    assert wants_of(["qed>0.8", " LogP <= 3"]) == (Want("qed", True, 0.8), Want("logp", False, 3.0))
    assert wanted(["CCO", "C1CC", None, "c1ccccc1"], wants_of(["weight<60"])).tolist() == [True, False, False, False]
    with pytest.raises(SettingsError) as problem:
        wants_of(["qd>0.8", "qed", "weight=3"])
    assert str(problem.value).count("\n") == 3
    assert "'qed'" in str(problem.value)


def test_from_one_molecule_to_another(model: Model, molecules: SequenceDataset) -> None:
    game: Any = model.game
    found = walk_between(model, codes_of_texts(model, molecules.texts()[:2]), 4)
    assert len(found) == 5
    encoded = molecules.spec.texts_of(game.of_codes(game.encoded(molecules.batch(np.arange(2)).samples)).long().numpy())
    assert [found[0], found[4]] == encoded
    likeliest = molecules.spec.texts_of(game.sample(1, seed=0, truncation=1e-4).long().numpy())
    assert walk_between(model, codes_of_seeds(model, (0, 1)), 3)[0] == likeliest[0]


def test_what_cannot_be_walked_between_is_said(model: Model, molecules: SequenceDataset) -> None:
    with pytest.raises(SettingsError) as problem:
        codes_of_texts(model, ("C1CC", "[Fe]", "C" * 300))
    assert str(problem.value).count("\n") == 3
    without = Model(recipes.get("lm")(embedding=4, hidden=6).build(molecules.spec), LatentGAN(**SMALL), Path("nowhere"))
    with pytest.raises(SettingsError, match="no codes"):
        codes_of_seeds(without, (0,))


# ------------------------------------------------------------------------------------------------------------------- ORGAN

SMALL_ORGAN: dict[str, Any] = {"embedding": 4, "hidden": 6, "filters": 2, "discriminator_embedding": 4, "batch_size": 4}


def organ_of(spec: SequenceSpec, **settings: object) -> Any:  # noqa: ANN401
    torch.manual_seed(0)
    return ORGAN(**{**SMALL_ORGAN, **settings}).build(spec)


def test_rewards_are_mixed(molecules: SequenceDataset) -> None:
    samples = molecules.batch(np.arange(4)).samples
    worth = {}
    for share in (0.0, 0.25, 1.0):
        game = organ_of(molecules.spec, adversarial_share=share, rollouts=1)
        with torch.no_grad():
            worth[share] = game.eval().worth_of(context_of(samples), samples.long(), None)
    objective = torch.tensor(rewards_of(molecules.spec.texts_of(samples.long().numpy()), "qed"))
    assert torch.allclose(worth[0.0], objective[:, None].expand_as(worth[0.0]))
    assert torch.allclose(worth[0.25], 0.25 * worth[1.0] + 0.75 * worth[0.0], atol=1e-6)


def test_rewards_are_raised() -> None:
    """With rewards alone, a model of two tokens learns to write what is a molecule."""
    spec = SequenceSpec("smiles", 2, ("C", "("))
    game = organ_of(spec, adversarial_share=0.0, reward="valid", rollouts=1, dropout=0.0, batch_size=32)
    begin = np.mean(rewards_of(spec.texts_of(game.sample(200, seed=0).long().numpy()), "valid", repeated=False))
    optimizer = torch.optim.Adam(game.model.parameters(), 0.05)
    for step in range(25):
        loss = game.play_generator(context_of(torch.ones(32, 2), step))["policy"].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert np.mean(rewards_of(spec.texts_of(game.sample(200, seed=0).long().numpy()), "valid", repeated=False)) > max(0.9, begin + 0.2)


def test_organ_is_for_molecules() -> None:
    words = dataset(titles()).spec
    assert "rewards molecules" in " ".join(ORGAN(**SMALL_ORGAN).problems(words))
