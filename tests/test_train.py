import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

import sparring
from sparring import recipes
from sparring.core.batch import Batch
from sparring.core.errors import CheckpointError, NonFiniteError, SettingsError
from sparring.data.images.image_spec import ImageSpec
from sparring.data.store import Store
from sparring.games.adversarial import TwoPlayerGame
from sparring.runs.config import read_config, write_config
from sparring.runs.run_directory import RunDirectory
from sparring.training import checkpoints
from sparring.training.callbacks.samples import frame_number
from sparring.training.data_order import batch_indices
from sparring.training.ema import EMA
from sparring.training.loop import TrainingContext, TurnRunner
from sparring.training.session import fabric_for, first_state, resolve
from sparring.training.settings import TrainSettings
from sparring.training.state import State
from support.runs import flipped, same_run, tensors_of


@pytest.mark.parametrize(("count", "batch_size"), [(10, 3), (7, 7), (5, 13), (64, 8)])
def test_every_item_comes_once_before_any_comes_again(count: int, batch_size: int) -> None:
    stream = np.concatenate([batch_indices(5, count, batch_size, batch) for batch in range(4 * count)])
    passes = stream[: len(stream) // count * count].reshape(-1, count)
    assert all(sorted(row) == list(range(count)) for row in passes)
    assert len({tuple(row) for row in passes}) > 1
    assert not np.array_equal(stream[:count], batch_indices(6, count, count, 0))


# ------------------------------------------------------------------------------------------ exact resume


STYLES = {"batch_size": 8, "channel_max": 8, "latent_size": 8, "style_size": 8, "mapping_layers": 2}
GROWING = {"batch_size": 8, "channel_max": 8, "latent_size": 8, "start_side": 8, "stable_samples": 32, "fading_samples": 56}
"""Interrupted after 4 steps of 8 images, when the last side begins to come in, and after 11, when all of it is there."""


@pytest.mark.parametrize(
    ("recipe", "settings"),
    [
        ("dcgan", {"width": 4, "batch_size": 8}),
        ("dcgan", {"width": 4, "batch_size": 8, "parts": 2, "condition": "concatenate", "precision": "float32"}),
        ("gan", {"batch_size": 7, "discriminator_steps": 2}),
        ("gan", {"batch_size": 7, "optimizer": "sgd", "learning_rate": 0.01, "ema_samples": 0, "warmup_samples": 70}),
        ("progan", GROWING),
        ("stylegan", {**GROWING, "style_size": 8, "mapping_layers": 2, "augment": "diffaugment"}),
        ("stylegan2", {**STYLES, "penalty_every": 3, "augment": "ada", "augment_samples": 100, "condition": "projection"}),
        ("biggan", {"width": 4, "batch_size": 4, "latent_size": 8, "shared_size": 8, "augment": "diffaugment"}),
        ("fastgan", {"channel_base": 64, "channel_max": 8, "batch_size": 4, "latent_size": 8}),
    ],
)
def test_a_resumed_run_is_the_uninterrupted_run(
    tmp_path: Path, squares: Path, quiet: Console, recipe: str, settings: dict[str, object]
) -> None:
    common = {"data": squares, "console": quiet, "seed": 3, "threads": 1, "log_every": 3, "samples": 4, **settings}
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    sparring.train(recipe, out=whole, steps=13, **common)
    sparring.train(recipe, out=parts, steps=4, **common)
    other = tmp_path / "other"
    sparring.train(recipe, out=other, steps=4, **{**common, "seed": 4})
    assert not same_run(parts, other)
    sparring.resume(parts, steps=11, console=quiet)
    sparring.resume(parts, steps=13, console=quiet)
    assert same_run(whole, parts)


@pytest.mark.parametrize("recipe", ["acgan", "cgan", "lsgan", "pacgan", "sagan", "sngan", "unrolled", "wgan", "wgan-gp"])
def test_runs_of_the_other_recipes_resume_exactly(tmp_path: Path, squares: Path, quiet: Console, recipe: str) -> None:
    common = {"data": squares, "console": quiet, "threads": 1, "samples": 4, "width": 4, "batch_size": 4, "latent_size": 8}
    sparring.train(recipe, out=tmp_path / "whole", steps=5, **common)
    sparring.train(recipe, out=tmp_path / "parts", steps=3, **common)
    sparring.resume(tmp_path / "parts", steps=5, console=quiet)
    assert same_run(tmp_path / "whole", tmp_path / "parts")


def test_a_resumed_run_refuses_other_settings_by_name(tmp_path: Path, squares: Path, quiet: Console, tiny: dict[str, object]) -> None:
    run = tmp_path / "run"
    sparring.train("dcgan", data=squares, out=run, steps=3, console=quiet, **tiny)
    with pytest.raises(SettingsError) as error:
        sparring.resume(run, learning_rate=1.0, seed=9, steps=2, crop="pad", console=quiet)
    for words in (
        "learning_rate is 0.0002 in this run, not 1.0",
        "seed is 0 in this run",
        "steps is 3 in this run",
        "crop is",
    ):
        assert words in str(error.value)
    with pytest.raises(SettingsError, match="learning_rat"):
        sparring.resume(run, learning_rat=1.0, console=quiet)
    with pytest.raises(SettingsError, match="contains a run already"):
        sparring.train("dcgan", data=squares, out=run, steps=3, console=quiet, **tiny)
    images = np.load(squares)["images"].copy()
    images[0, 0, 0] ^= 1
    changed = tmp_path / "changed.npz"
    np.savez(changed, images=images, labels=np.load(squares)["labels"])
    with pytest.raises(SettingsError, match=r"no longer the data .* was trained on"):
        sparring.resume(run, data=str(changed), steps=5, console=quiet)
    sparring.resume(run, learning_rate=0.0002, steps=4, console=quiet)
    assert checkpoints.steps(run / "checkpoints")[-1] == 4


# ------------------------------------------------------------------------------------------- checkpoints


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for step in (1, 2, 3):
        checkpoints.write(tmp_path, step, {"w": torch.full((4,), float(step)), "n": torch.tensor(step)}, {"score": {"value": 1 / step}})
    return tmp_path


def torn(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def removed(path: Path) -> None:
    path.unlink()


def altered(path: Path) -> None:
    path.write_text(path.read_text().replace("0.333", "0.111"))


@pytest.mark.parametrize(
    ("harm", "ending"),
    [
        (torn, "safetensors"),
        (flipped, "safetensors"),
        (emptied, "safetensors"),
        (removed, "safetensors"),
        (torn, "json"),
        (emptied, "json"),
        (altered, "json"),
    ],
)
def test_a_damaged_checkpoint_is_passed_over_and_said(folder: Path, harm: object, ending: str) -> None:
    harm(folder / f"step-000000003.{ending}")
    said: list[str] = []
    tensors, facts = checkpoints.read_newest(folder, said.append)
    assert tensors["w"].tolist() == [2, 2, 2, 2]
    assert facts["score"] == {"value": 1 / 2}
    assert len(said) == 1
    assert "step 3" in said[0]
    with pytest.raises(CheckpointError):
        checkpoints.read(folder, 3)


def test_without_a_whole_checkpoint_all_reasons_are_told(folder: Path) -> None:
    for step in (1, 2, 3):
        torn(folder / f"step-00000000{step}.safetensors")
    with pytest.raises(CheckpointError) as error:
        checkpoints.read_newest(folder, lambda text: None)
    assert str(error.value).count("checksum does not fit") == 3
    assert checkpoints.read_newest(folder / "none", lambda text: None) is None


def test_the_newest_and_the_best_are_kept(tmp_path: Path) -> None:
    for step, score in enumerate([5.0, 1.0, 4.0, 3.0, 2.0]):
        checkpoints.write(tmp_path, step, {"w": torch.zeros(1)}, {"score": {"value": score}})
    (tmp_path / "step-000000009.safetensors").write_bytes(b"without facts")
    checkpoints.prune(tmp_path, keep=2)
    assert checkpoints.steps(tmp_path) == [1, 3, 4]
    assert checkpoints.best(tmp_path) == 1
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json"] * 3 + [".safetensors"] * 3


# ------------------------------------------------------------------------------------------ steps by hand


def table_for(store: Store, recipe: object, **settings: object) -> tuple[State, TrainingContext]:
    resolved = resolve(TrainSettings(steps=1, threads=1, device="cpu", precision="float32", **settings))
    state = first_state(recipe, lambda: recipe.build(store.spec), 0)
    return state, TrainingContext(store, recipe, resolved, fabric_for(resolved))


def test_accumulated_gradients_are_those_of_the_whole_batch(store: Store) -> None:
    """Real images only: latents are drawn for each part anew, so the generated part is taken out by a constant generator."""
    gradients = []
    for parts in (1, 4):
        recipe = recipes.get("gan")(batch_size=16, dropout=0.0, input_dropout=0.0, optimizer="sgd", learning_rate=1.0, momentum=0.0)
        state, table = table_for(store, recipe, parts=parts)
        for weight in state.game.generator.parameters():
            torch.nn.init.zeros_(weight)
        before = [weight.detach().clone() for weight in state.game.discriminator.parameters()]
        TurnRunner(state.game, state.game.turns[0]).run(state, table, 0, 0)
        assert (state.progress.batches, state.progress.real_samples) == (1, 16)
        gradients.append([old - new.detach() for old, new in zip(before, state.game.discriminator.parameters(), strict=True)])
    for one, four in zip(*gradients, strict=True):
        torch.testing.assert_close(one, four, rtol=1e-4, atol=1e-6)


def test_the_moving_average_by_hand() -> None:
    recipe = recipes.get("gan")(generator_hidden=(3,), discriminator_hidden=(3,))
    state = first_state(recipe, lambda: recipe.build(ImageSpec(4, 4, 1)), 0)
    weight = state.game.generator.layers[0].weight
    mean = state.ema.generator.layers[0].weight
    assert state.ema.discriminator is state.game.discriminator
    first = weight.detach().clone()
    average = EMA(state, half_life=1000.0)
    with torch.no_grad():
        weight.add_(1.0)
    average.update(samples=100, samples_so_far=1_000_000)
    torch.testing.assert_close(mean, first + (1 - 0.5**0.1))
    average.update(samples=100, samples_so_far=1000)  # early on the half-life is a twentieth of what was shown: 50
    torch.testing.assert_close(mean, first + 1 - 0.5**0.1 * 0.25)


class Poisoned(TwoPlayerGame):
    """Its generator's loss is not a number from the third step on."""

    def play_generator(self, context: object) -> dict[str, torch.Tensor]:
        losses = super().play_generator(context)
        return {name: loss * (math.nan if context.step >= 2 else 1) for name, loss in losses.items()}


def test_a_non_finite_loss_stops_the_step_and_names_it(
    tmp_path: Path, squares: Path, quiet: Console, tiny: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sparring.games.adversarial.TwoPlayerGame", Poisoned)
    run = tmp_path / "run"
    with pytest.raises(NonFiniteError) as error:
        sparring.train("dcgan", data=squares, out=run, steps=9, checkpoint_every=1, console=quiet, **tiny)
    for words in ("In step 3", "turn 'generator'", "loss/generator/adversarial = nan", "last good checkpoint is that of step 2"):
        assert words in str(error.value)
    assert checkpoints.steps(run / "checkpoints")[-1] == 2
    assert all(torch.isfinite(tensor).all() for tensor in tensors_of(run).values())


def test_an_infinite_gradient_leaves_the_player_as_it_was(store: Store) -> None:
    recipe = recipes.get("dcgan")(width=4, batch_size=8)
    state, table = table_for(store, recipe)
    taker = TurnRunner(state.game, state.game.turns[0])
    weight = state.game.discriminator.head.weight
    weight.register_hook(lambda gradient: gradient * math.inf)
    before = weight.detach().clone()
    with pytest.raises(NonFiniteError, match="gradient/discriminator"):
        taker.run(state, table, 0, 0)
    assert torch.equal(weight, before)
    assert weight.grad is None
    assert state.progress.batches == 0


# ---------------------------------------------------------------------------------------- run directory


def test_a_run_directory_holds_what_it_should(tmp_path: Path, squares: Path, quiet: Console, tiny: dict[str, object]) -> None:
    run = tmp_path / "run"
    sparring.train("dcgan", data=squares, out=run, real_samples=100, **{**tiny, "console": quiet})
    config = json.loads((run / "config.json").read_text())
    assert config["recipe"] == "dcgan"
    assert config["recipe_settings"]["width"] == 4
    assert config["train_settings"]["precision"] in {"bfloat16", "float32"}
    assert len(config["data"]["fingerprint"]) == 64
    log = RunDirectory(run).read_log()
    assert [line["step"] for line in log] == [3, 6, 9, 12]
    assert log[-1]["real_samples"] == 96
    assert {
        "loss/discriminator/real",
        "loss/discriminator/generated",
        "loss/generator/adversarial",
        "logits/real",
        "gradient/generator",
    } <= set(log[0])
    assert checkpoints.steps(run / "checkpoints")[-1] == 13  # 13 x 8 images are the first to reach 100
    assert (run / "samples" / "timelapse.gif").stat().st_size > 100
    assert list((run / "tensorboard").glob("events*"))
    assert "samples_per_second" in (run / "timing.jsonl").read_text()


def test_log_lines_are_means_over_their_steps(tmp_path: Path, squares: Path, quiet: Console, tiny: dict[str, object]) -> None:
    logs = {}
    for every in (1, 3):
        run = tmp_path / str(every)
        sparring.train("dcgan", data=squares, out=run, steps=3, console=quiet, **{**tiny, "log_every": every})
        logs[every] = RunDirectory(run).read_log()
    for name in ("loss/generator/adversarial", "logits/real"):
        assert logs[3][0][name] == pytest.approx(np.mean([line[name] for line in logs[1]]))


def test_frames_come_four_to_a_doubling() -> None:
    late = sum(frame_number(images) > frame_number(images - 1) for images in range(1_000_001, 2_000_001))
    assert late == 4


def test_settings_out_of_range_are_all_named(tmp_path: Path, squares: Path, quiet: Console) -> None:
    with pytest.raises(SettingsError) as error:
        sparring.train("dcgan", data=squares, out=tmp_path / "run", steps=0, keep=0, parts=16, batch_size=8, console=quiet)
    for words in ("steps must be at least 1", "keep must be at least 1", "parts must divide the batch of 8"):
        assert words in str(error.value)
    assert not (tmp_path / "run").exists()


def test_a_gpu_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SettingsError, match="no GPU"):
        resolve(TrainSettings(device="cuda"))
    assert resolve(TrainSettings()).device == "cpu"


def test_a_file_from_a_newer_version_is_refused(tmp_path: Path, squares: Path, quiet: Console, tiny: dict[str, object]) -> None:
    run = tmp_path / "run"
    sparring.train("dcgan", data=squares, out=run, steps=2, console=quiet, **tiny)
    directory = RunDirectory(run)
    config = read_config(directory)
    write_config(directory, {**config, "recipe_settings": {**config["recipe_settings"], "telepathy": 1}})
    with pytest.raises(CheckpointError, match="telepathy"):
        sparring.load(run)
    (run / "config.json").write_text(json.dumps({**config, "format": 99}))
    with pytest.raises(CheckpointError, match="99"):
        sparring.load(run)
    shutil.rmtree(run / "checkpoints")
    write_config(directory, config)
    with pytest.raises(CheckpointError, match="no checkpoint yet"):
        sparring.load(run)


def test_data_without_labels_trains_unconditionally(store: Store, tmp_path: Path, quiet: Console, tiny: dict[str, object]) -> None:
    class Bare:
        labels = None
        counts = (len(store),)

        def __len__(self) -> int:
            return len(store)

        def batch(self, indices: np.ndarray) -> Batch:
            return replace(store.batch(indices), labels=None)

    recipe = recipes.get("dcgan")(width=4, batch_size=8)
    state, table = table_for(store, recipe)
    found = TurnRunner(state.game, state.game.turns[0]).run(state, replace(table, data=Bare()), 0, 0)
    assert torch.isfinite(found["gradient/discriminator"][0])
