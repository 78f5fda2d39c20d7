"""Transfer learning: what a run begins with, what does not move, and what is refused."""

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console
from torch import Tensor

import sparring
from sparring.core.errors import CheckpointError, SettingsError
from sparring.data.images.image_spec import ImageSpec
from sparring.data.store import Store
from sparring.games.recipe import Recipe
from sparring.recipes.dcgan import DCGAN
from sparring.recipes.stylegan2 import StyleGAN2
from sparring.recipes.vae import VAE
from sparring.runs.run_directory import RunDirectory
from sparring.runs.transfer import usual_settings
from sparring.training import checkpoints
from sparring.training.session import first_state
from sparring.training.state import State, weights_of
from sparring.training.transfer import StartingWeights, Taken, freeze, layers_of, take_over
from support.golden import GOLDEN, golden
from support.runs import same_run, tensors_of
from support.tiny import TINY

STYLE = StyleGAN2(channel_base=64, channel_max=8, latent_size=6, style_size=6, mapping_layers=2, minibatch_deviation=False)
PLAIN = DCGAN(width=4, latent_size=5)
COLOR = ImageSpec(16, 16, 3)


def first_weights(run: Path) -> Mapping[str, Tensor]:
    return checkpoints.read(RunDirectory(run).checkpoints, 0)[0]


@pytest.fixture(scope="module")
def source(squares: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of six steps."""
    run = tmp_path_factory.mktemp("source") / "run"
    sparring.train("dcgan", squares, run, steps=6, precision="float32", console=Console(quiet=True), **TINY)
    return run


def weights_of_source(recipe: Recipe, spec: ImageSpec) -> tuple[State, StartingWeights]:
    """A game with weights that are not random ones, and what a run can begin with of it."""
    state = first_state(recipe, lambda: recipe.build(spec).train(), seed=3)
    with torch.no_grad():
        for name, tensor in state.game.state_dict(keep_vars=True).items():
            if tensor.is_floating_point():
                tensor.add_(torch.rand_like(tensor) * 0.1 + (0.5 if name.endswith("var") else 0))
    tensors = {name: tensor.clone() for name, tensor in state.game.state_dict().items()}
    return state, StartingWeights("a model", recipe, spec, tensors, {name: 2 * tensor for name, tensor in tensors.items()})


def begun(recipe: Recipe, spec: ImageSpec, source: StartingWeights) -> tuple[State, Taken]:
    state = first_state(recipe, lambda: recipe.build(spec).train(), seed=4)
    return state, take_over(state, recipe, spec, source)


# --------------------------------------------------------------------------------------------------------- whole runs


def test_a_run_begins_with_weights_averages_and_optimizers_of_another(
    source: Path, squares: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sparring.train(
        "dcgan", squares, tmp_path / "run", start_from=source, steps=2, learning_rate=1e-5, threads=1, console=Console(width=500)
    )
    last, first = tensors_of(source), first_weights(tmp_path / "run")
    assert last.keys() == first.keys()
    assert any(name.startswith("optimizer/") for name in first)
    assert any(name.startswith("ema/") for name in first)
    assert all(torch.equal(last[name], first[name]) for name in first)
    settings = json.loads((tmp_path / "run" / "config.json").read_text())["recipe_settings"]
    assert settings["width"] == TINY["width"], "the settings of what it begins with"
    assert settings["learning_rate"] == 1e-5, "but for those that are given"
    assert settings["warmup_samples"] == 0, "no ramp where optimizers go on"
    said = capsys.readouterr().out
    assert f"Beginning with {source} at step 6" in said
    assert re.search(r"(\d+) of \1 tensors taken as they are", said)


def test_a_packed_model_has_no_optimizers_so_rates_rise(source: Path, squares: Path, tmp_path: Path, quiet: Console) -> None:
    sparring.pack(sparring.load(source), tmp_path / "packed.safetensors")
    sparring.train("dcgan", squares, tmp_path / "run", start_from=tmp_path / "packed.safetensors", steps=1, threads=1, console=quiet)
    first, last = first_weights(tmp_path / "run"), tensors_of(source)
    settings = json.loads((tmp_path / "run" / "config.json").read_text())["recipe_settings"]
    assert settings["warmup_samples"] == 20 * settings["batch_size"]
    generator = [name for name in first if name.startswith("ema/")]
    assert generator
    assert all(torch.equal(first[name], last[name]) for name in generator)
    assert torch.equal(first["game/generator.project.weight"], last["ema/generator.project.weight"]), "a packed model is the average"
    assert not torch.equal(first["game/discriminator.head.weight"], last["game/discriminator.head.weight"]), "which it lacks"


def test_an_interrupted_run_ends_the_same_and_needs_its_source_no_more(source: Path, squares: Path, tmp_path: Path, quiet: Console) -> None:
    own = tmp_path / "source"
    shutil.copytree(source, own)
    begin = {"start_from": own, "precision": "float32", "freeze_discriminator": 1, "threads": 1, "log_every": 3, "console": quiet}
    sparring.train("dcgan", squares, tmp_path / "whole", steps=6, **begin)
    sparring.train("dcgan", squares, tmp_path / "parts", steps=3, **begin)
    shutil.rmtree(own)
    sparring.resume(tmp_path / "parts", steps=6, console=quiet)
    assert same_run(tmp_path / "whole", tmp_path / "parts")


def test_a_run_that_ended_before_its_first_checkpoint_begins_with_the_same(
    source: Path, squares: Path, tmp_path: Path, quiet: Console
) -> None:
    own = tmp_path / "source"
    shutil.copytree(source, own)
    begin = {"start_from": own, "precision": "float32", "threads": 1, "log_every": 3, "console": quiet}
    for name in ("whole", "cut", "moved"):
        sparring.train("dcgan", squares, tmp_path / name, steps=3, **begin)
    for name in ("cut", "moved"):
        shutil.rmtree(tmp_path / name / "checkpoints")
        (tmp_path / name / "log.jsonl").unlink()
    sparring.resume(tmp_path / "cut", console=quiet)
    assert same_run(tmp_path / "whole", tmp_path / "cut")
    sparring.resume(own, steps=7, console=quiet)
    with pytest.raises(SettingsError, match=r"is to begin with .* at step 6, and now there is .* at step 7"):
        sparring.resume(tmp_path / "moved", console=quiet)


def test_frozen_layers_do_not_move(source: Path, squares: Path, tmp_path: Path, quiet: Console) -> None:
    sparring.train("dcgan", squares, tmp_path / "run", start_from=source, steps=3, freeze_discriminator=1, threads=1, console=quiet)
    first, last = first_weights(tmp_path / "run"), tensors_of(tmp_path / "run")
    moved = {name for name in first if name.startswith("game/") and not torch.equal(first[name], last[name])}
    assert "game/discriminator.layers.0.weight" not in moved
    assert {"game/discriminator.layers.2.weight", "game/discriminator.head.weight", "game/generator.project.weight"} <= moved
    assert not any(name.startswith("optimizer/discriminator/discriminator.layers.0") for name in last)


@golden
def test_a_run_begins_with_official_weights(squares: Path, tmp_path: Path, quiet: Console) -> None:
    official = GOLDEN / "stylegan2ada-32-cond10.pkl"
    sparring.train(
        "stylegan2",
        squares,
        tmp_path / "run",
        start_from=official,
        steps=1,
        batch_size=4,
        classes="none",
        freeze_mapping=True,
        threads=1,
        console=quiet,
    )
    model, first = sparring.import_weights(official), first_weights(tmp_path / "run")
    assert model.generator is not None
    for name, tensor in model.generator.state_dict().items():
        if "mapping" not in name:
            assert torch.equal(first[f"game/generator.{name}"], tensor), name
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["data"]["spec"]["height"] == 32, "its side"
    assert config["recipe_settings"]["condition"] == "none", "for this data has no classes"
    last = tensors_of(tmp_path / "run")
    assert torch.equal(first["game/generator.mapping.layers.0.weight"], last["game/generator.mapping.layers.0.weight"])


# ----------------------------------------------------------------------------------------------- what does not fit as it is


def test_classes_go_by_their_names() -> None:
    recipe = replace(STYLE, condition="projection")
    spec, other = replace(COLOR, classes=("cat", "dog")), replace(COLOR, classes=("bird", "dog", "cow"))
    _, source = weights_of_source(recipe, spec)
    state, taken = begun(recipe, other, source)
    embed, before = state.game.get_parameter("generator.mapping.embed.weight"), source.networks["generator.mapping.embed.weight"]
    gain = (3 / 2) ** 0.5  # weights are divided by the root of the number of classes
    assert torch.allclose(embed[:, 1], before[:, 1] * gain)
    assert torch.allclose(embed[:, 0], before.mean(dim=1) * gain)
    assert torch.allclose(embed[:, 2], before.mean(dim=1) * gain)
    assert set(taken.adapted) == {"generator.mapping.embed.weight", "discriminator.mapping.embed.weight"}
    state, taken = begun(recipe, replace(COLOR, classes=("dog", "cat")), source)
    assert torch.equal(state.game.get_parameter("generator.mapping.embed.weight"), before.flip(1)), "also where there are as many"
    concatenated = replace(PLAIN, condition="concatenate")
    _, source = weights_of_source(concatenated, spec)
    state, taken = begun(concatenated, other, source)
    project, before = state.game.get_parameter("generator.project.weight"), source.networks["generator.project.weight"]
    assert torch.equal(project[:, :5], before[:, :5])
    assert torch.equal(project[:, 6], before[:, 6])
    assert torch.allclose(project[:, 5], before[:, 5:].mean(dim=1))


@torch.no_grad()
def test_classes_that_are_new_change_nothing_at_first() -> None:
    plain, source = weights_of_source(STYLE, COLOR)
    conditional = replace(STYLE, condition="projection")
    state, taken = begun(conditional, replace(COLOR, classes=("cat", "dog")), source)
    z = torch.randn(4, 6)
    mapped = state.game.get_submodule("generator")
    was = plain.game.get_submodule("generator")
    assert torch.allclose(mapped.map(z, torch.tensor([0, 1, 0, 1])), was.map(z), atol=1e-6)  # pyright: ignore[reportCallIssue]
    assert "generator.mapping.embed.weight" in taken.new
    spec = replace(COLOR, classes=("cat", "dog"))
    plain, source = weights_of_source(PLAIN, COLOR)
    state, taken = begun(replace(PLAIN, condition="projection"), spec, source)
    z = torch.randn(4, 5)
    classes = torch.tensor([[1.0, 0], [0, 1], [1, 0], [0, 1]])
    generators = [each.game.eval().get_submodule("generator") for each in (state, plain)]
    assert torch.allclose(generators[0](z, classes), generators[1](z), atol=1e-5), "batch norms too"


@pytest.mark.parametrize("recipe", [PLAIN, STYLE], ids=["dcgan", "stylegan2"])
@torch.no_grad()
def test_colors_from_gray_and_gray_from_colors(recipe: Recipe) -> None:
    gray, clear = replace(COLOR, channels=1), replace(COLOR, channels=4)
    z = torch.randn(3, recipe.latent_size)  # pyright: ignore[reportAttributeAccessIssue]
    images = torch.rand(3, 1, 16, 16) * 2 - 1

    def drawn(state: State) -> Tensor:
        generator = state.game.eval().get_submodule("generator")
        return generator.synthesize(generator.map(z), noise="none") if recipe is STYLE else generator(z)  # pyright: ignore[reportCallIssue]

    def scored(state: State, seen: Tensor) -> Tensor:
        return state.game.eval().get_submodule("discriminator")(seen)

    before, source = weights_of_source(recipe, gray)
    state, taken = begun(recipe, COLOR, source)
    assert not taken.new
    assert len(taken.adapted) >= 2
    assert torch.allclose(drawn(state), drawn(before).expand(-1, 3, -1, -1), atol=1e-5)
    assert torch.allclose(scored(state, images.expand(-1, 3, -1, -1)), scored(before, images), atol=1e-5)
    state, _ = begun(recipe, clear, source)
    assert torch.allclose(drawn(state)[:, :3], drawn(before).expand(-1, 3, -1, -1), atol=1e-5)
    assert torch.allclose(
        scored(state, torch.cat([images.expand(-1, 3, -1, -1), torch.rand(3, 1, 16, 16)], 1)), scored(before, images), atol=1e-5
    )
    before, source = weights_of_source(recipe, COLOR)
    state, _ = begun(recipe, gray, source)
    assert torch.allclose(scored(state, images), scored(before, images.expand(-1, 3, -1, -1)), atol=1e-5)
    if recipe is STYLE:  # whose images are no tanh
        assert torch.allclose(drawn(state), drawn(before).mean(dim=1, keepdim=True), atol=1e-5)


def test_averages_are_averages() -> None:
    _, source = weights_of_source(PLAIN, COLOR)
    state, _ = begun(PLAIN, COLOR, source)
    name = "generator.project.weight"
    assert torch.equal(state.ema.get_parameter(name), 2 * source.networks[name])
    state, _ = begun(PLAIN, COLOR, replace(source, averages={}))
    assert torch.equal(state.ema.get_parameter(name), source.networks[name]), "or the weights, where there are none"


# ------------------------------------------------------------------------------------------------------- settings


def test_settings_follow_from_what_a_run_begins_with() -> None:
    _, source = weights_of_source(replace(PLAIN, augment="ada"), COLOR)
    usual = usual_settings(DCGAN, source, {"learning_rate": 1.0})
    assert (usual["width"], usual["size"], usual["channels"], usual["augment"], usual["learning_rate"]) == (4, 16, 3, "ada", 1.0)
    assert usual["augment_samples"] == 100_000
    assert "augment_samples" not in usual_settings(DCGAN, source, {"augment": "none"}), "which would be refused"
    assert usual_settings(DCGAN, source, {"augment_samples": 7})["augment_samples"] == 7
    assert usual_settings(DCGAN, source, {"warmup_samples": 0})["warmup_samples"] == 0
    assert "objective" not in usual_settings(sparring.recipes.get("lsgan"), source, {}), "what defines a recipe stays"  # pyright: ignore[reportAttributeAccessIssue]


def test_rates_that_fell_go_on_where_the_source_ended() -> None:
    recipe = replace(PLAIN, learning_rate=1e-3, discriminator_learning_rate=4e-3, constant_rate_samples=100)
    _, source = weights_of_source(recipe, COLOR)
    source = replace(source, real_samples=400)
    usual = usual_settings(DCGAN, source)
    names = ("learning_rate", "discriminator_learning_rate", "constant_rate_samples")
    assert [usual[name] for name in names] == [0.0005, 0.002, 400]
    onward = replace(recipe, **{name: usual[name] for name in names})
    assert [onward.learning_rate * onward.rate_factor(more) for more in (0, 400, 1600)] == pytest.approx([5e-4, 5e-4, 2.5e-4])
    for given in ({"learning_rate": 1.0}, {"constant_rate_samples": 7}):
        found = usual_settings(DCGAN, source, given)
        assert {name: found[name] for name in names} == {**{name: usual[name] for name in names}, **given}
    early = replace(source, real_samples=99)
    assert usual_settings(DCGAN, early)["learning_rate"] == 1e-3
    assert usual_settings(DCGAN, replace(source, recipe=replace(recipe, constant_rate_samples=None)))["learning_rate"] == 1e-3


def test_that_rates_go_on_is_said(squares: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], quiet: Console) -> None:
    """The source sees eight images, four times as many as its rates are constant for."""
    game = {**TINY, "batch_size": 4, "threads": 1, "learning_rate": 1e-3, "constant_rate_samples": 2}
    sparring.train("dcgan", squares, tmp_path / "source", steps=2, console=quiet, **game)
    for name, given in (("goes on", {}), ("given", {"learning_rate": 1e-5})):
        loud = Console(width=500)
        sparring.train("dcgan", squares, tmp_path / name, start_from=tmp_path / "source", steps=1, console=loud, **given)
        said = "Learning rates begin where the source's ended: --learning-rate 0.0005." in capsys.readouterr().out
        assert said == (not given)
        settings = json.loads((tmp_path / name / "config.json").read_text())["recipe_settings"]
        assert (settings["learning_rate"], settings["constant_rate_samples"]) == (given.get("learning_rate", 5e-4), 8)


def test_what_cannot_be_begun_with_is_refused(source: Path, store: Store, squares: Path, tmp_path: Path, quiet: Console) -> None:
    def refusal(recipe: str = "dcgan", **settings: object) -> str:
        with pytest.raises((SettingsError, CheckpointError)) as caught:
            sparring.train(recipe, squares, tmp_path / "run", steps=1, threads=1, console=quiet, **settings)
        assert not any((tmp_path / "run").glob("checkpoints/*"))
        return str(caught.value)

    assert "fit those of" in (said := refusal(start_from=source, width=8))
    assert "generator.project.weight: (" in said
    assert "does not exist" in refusal(start_from=tmp_path / "nothing")
    assert "name what to begin with" in refusal(freeze_discriminator=1)
    assert "must be less than 3" in refusal(start_from=source, freeze_discriminator=9)
    assert "no mapping network" in refusal(start_from=source, freeze_mapping=True)
    assert "grow" in refusal("progan", start_from=source)
    assert "coach" in refusal(start_from=source, coach=True)
    (tmp_path / "empty").mkdir()
    assert "config.json" in refusal(start_from=tmp_path / "empty")


def test_optimizers_of_another_kind_begin_anew(source: Path, squares: Path, tmp_path: Path, quiet: Console) -> None:
    sparring.train("dcgan", squares, tmp_path / "run", start_from=source, steps=2, optimizer="rmsprop", threads=1, console=quiet)
    first = first_weights(tmp_path / "run")
    assert not any(name.startswith("optimizer/") for name in first)
    settings = json.loads((tmp_path / "run" / "config.json").read_text())["recipe_settings"]
    assert settings["warmup_samples"] == 20 * settings["batch_size"]


def test_what_a_recipe_says_and_prepared_data_are_taken_as_they_are(source: Path, store: Store, tmp_path: Path, quiet: Console) -> None:
    recipe = DCGAN(learning_rate=1e-5)
    sparring.train(recipe, store, tmp_path / "run", start_from=source, steps=1, threads=1, console=quiet)
    settings = json.loads((tmp_path / "run" / "config.json").read_text())["recipe_settings"]
    assert (settings["learning_rate"], settings["width"]) == (1e-5, TINY["width"])


def test_unrolling_with_frozen_layers(source: Path, squares: Path, tmp_path: Path, quiet: Console) -> None:
    settings = {"start_from": source, "steps": 2, "unroll": 2, "freeze_discriminator": 1, "threads": 1, "console": quiet}
    sparring.train("dcgan", squares, tmp_path / "run", **settings)
    first, last = first_weights(tmp_path / "run"), tensors_of(tmp_path / "run")
    assert torch.equal(first["game/discriminator.layers.0.weight"], last["game/discriminator.layers.0.weight"])


def test_layers_are_counted_from_the_image_on() -> None:
    game = STYLE.build(COLOR)
    names = {id(weight): name for name, weight in game.named_parameters()}
    layers = [[names[id(weight)] for weight in layer] for layer in layers_of(game.get_submodule("discriminator"))]
    assert [layer[0] for layer in layers[:4]] == [
        f"discriminator.blocks.0.{part}.weight" for part in ("from_image", "first", "second", "skip")
    ], "as NVIDIA's programs count them"
    assert layers[1] == ["discriminator.blocks.0.first.weight", "discriminator.blocks.0.first.bias"]
    freeze(game, 2, mapping=True)
    player = next(player for player in game.players if "discriminator" in player.networks)
    assert not any("blocks.0.from_image" in name or "blocks.0.first" in name for name, _ in weights_of(game, player))
    with pytest.raises(SettingsError, match="no discriminator"):
        freeze(VAE().build(COLOR), 1, mapping=False)
