import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file

import sparring
from sparring import recipes
from sparring.core.errors import CheckpointError, SettingsError, SparringError
from sparring.data.images.image_spec import ImageSpec
from sparring.inference.interpolation import spherical
from sparring.inference.model import Model
from sparring.metrics.sliced_wasserstein import sliced_wasserstein
from sparring.training import checkpoints


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, squares: Path) -> Path:
    """A run of a DCGAN that knows classes."""
    run = tmp_path_factory.mktemp("runs") / "trained"
    sparring.train(
        "dcgan", data=squares, out=run, steps=30, checkpoint_every=5, keep=2, condition="concatenate", console=Console(quiet=True),
        width=4, batch_size=8, latent_size=5, threads=1, samples=4,
    )  # fmt: skip
    return run


def test_train_is_a_verb_and_a_room() -> None:
    assert callable(sparring.train)
    assert sparring.training.settings.TrainSettings().seed == 0
    assert set(sparring.__all__) <= {name for name in sparring.__all__ if hasattr(sparring, name)}
    with pytest.raises(AttributeError):
        _ = sparring.trian


def test_packages_are_there_after_a_plain_import() -> None:
    program = "import sparring; print(sparring.latent.__name__, sparring.runs.__name__)"
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert out.split() == ["sparring.latent", "sparring.runs"]


def test_a_packed_model_draws_the_same_images_without_a_discriminator(trained: Path, tmp_path: Path) -> None:
    model = sparring.load(trained)
    path = sparring.pack(model, tmp_path / "model.safetensors")
    packed = sparring.load(path)
    assert torch.equal(model.sample(20, seed=2), packed.sample(20, seed=2))
    assert packed.spec == model.spec
    assert {name.partition(".")[0] for name in load_file(path)} == {"generator"}
    assert path.stat().st_size < next(trained.glob("checkpoints/*.safetensors")).stat().st_size / 4


def test_what_was_not_loaded_is_not_moved(squares: Path, tmp_path: Path, tiny: dict[str, object]) -> None:
    run = tmp_path / "run"
    sparring.train("dcgan", data=squares, out=run, steps=1, augment="ada", console=Console(quiet=True), **tiny)
    model = sparring.load(run)
    absent = [name for name, part in model.game.named_children() if any(one.is_meta for one in (*part.parameters(), *part.buffers()))]
    assert len(absent) == 2, "the discriminator, and the chance of augmentation, which is a buffer"
    assert model.on("cpu").sample(1).isfinite().all()


def test_models_are_where_they_are_told_to_be(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = sparring.load(trained)
    assert torch.equal(model.on("cpu").sample(3), sparring.load(trained).sample(3))
    assert model.discriminator is None, "what was not loaded stays away"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SettingsError, match="no GPU"):
        model.on("cuda")


def test_samples_come_from_the_moving_average(trained: Path) -> None:
    tensors, _ = checkpoints.read(trained / "checkpoints", 30)
    own = dict(sparring.load(trained).game.named_parameters())
    assert torch.equal(own["generator.project.weight"], tensors["ema/generator.project.weight"])
    assert not torch.equal(own["generator.project.weight"], tensors["game/generator.project.weight"])


def test_samples_by_class(trained: Path) -> None:
    model = sparring.load(trained)
    assert torch.equal(model.sample(6, label="1"), model.sample(6, label=1))
    assert not torch.equal(model.sample(6, label=0), model.sample(6, label=1))
    for wrong, words in [("2", "called '2'"), (2, "from 0 .* to 1"), (-1, "from 0"), ("sneaker", "no class called")]:
        with pytest.raises(SettingsError, match=words):
            model.sample(1, label=wrong)


def test_checkpoints_by_name(trained: Path) -> None:
    kept = checkpoints.steps(trained / "checkpoints")
    assert kept[-2:] == [25, 30]
    best = checkpoints.best(trained / "checkpoints")
    assert best in kept
    assert torch.equal(sparring.load(trained, checkpoint="best").sample(2), sparring.load(trained, checkpoint=best).sample(2))
    assert not torch.equal(sparring.load(trained, checkpoint=25).sample(2), sparring.load(trained).sample(2))
    with pytest.raises(CheckpointError, match="keeps no checkpoint 7"):
        sparring.load(trained, checkpoint=7)
    with pytest.raises(CheckpointError, match="keeps no checkpoint newest"):
        sparring.load(trained, checkpoint="newest")


def test_spherical_interpolation_by_hand() -> None:
    x, y = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 2.0])
    assert spherical(x, y, 0.0).tolist() == pytest.approx([1, 0])
    assert spherical(x, y, 1.0).tolist() == pytest.approx([0, 2], abs=1e-6)
    middle = spherical(x, y, 0.5)  # 45 degrees, length 1.5
    assert middle.tolist() == pytest.approx([1.5 / 2**0.5] * 2)
    assert spherical(x, x, 0.3).tolist() == pytest.approx([1, 0])


def test_interpolation_goes_through_its_stops(trained: Path) -> None:
    model = sparring.load(trained)
    walk = model.interpolate([4, 9, 2], labels=[0], frames=5)
    assert walk.shape == (11, 1, 16, 16)
    for frame, seed in [(0, 4), (5, 9), (10, 2)]:
        torch.testing.assert_close(walk[frame], model.sample(1, seed=seed, label=0)[0])
    between = model.interpolate([4], labels=[0, 1], frames=4)
    torch.testing.assert_close(between[0], model.sample(1, seed=4, label=0)[0])
    torch.testing.assert_close(between[-1], model.sample(1, seed=4, label=1)[0])
    assert not torch.allclose(between[2], between[0])
    for wrong in ({"seeds": [1]}, {"seeds": [1, 2, 3], "labels": [0, 1]}, {"frames": 0}):
        with pytest.raises(SettingsError):
            model.interpolate(**wrong)


@pytest.mark.parametrize("content", [b"", b"\x80\x04\x95", b"{}" * 50, (8).to_bytes(8, "little") + b'{"a": 1}'])
def test_files_that_are_no_models_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="not a run directory or a model that"):
        sparring.load(path)
    with pytest.raises(CheckpointError, match="does not exist"):
        sparring.load(tmp_path / "absent")
    with pytest.raises(CheckpointError, match=r"no config\.json"):
        sparring.load(tmp_path)


def test_a_model_file_names_no_code_of_its_own(trained: Path, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    about = {
        "format": 2,
        "recipe": "../../evil",
        "recipe_settings": {},
        "spec": {"kind": "images", "height": 16, "width": 16, "channels": 1, "classes": []},
    }
    save_file({"w": torch.zeros(1)}, tmp_path / "evil.safetensors", metadata={"sparring": json.dumps(about)})
    with pytest.raises(SettingsError, match="no recipe"):
        sparring.load(tmp_path / "evil.safetensors")
    for change in (
        *({"recipe": wrong} for wrong in (5, "dcgn")),
        *({"recipe_settings": wrong} for wrong in (5, [["a"]], {"width": "x"}, {"width": -1}, {"width": 400_000}, {"condition": "concat"})),
        *({"spec": wrong} for wrong in (3, {**about["spec"], "height": 1e400}, {**about["spec"], "height": 0})),
    ):
        save_file(
            {"w": torch.zeros(1)}, tmp_path / "odd.safetensors", metadata={"sparring": json.dumps({**about, "recipe": "dcgan", **change})}
        )
        with pytest.raises(SparringError):
            sparring.load(tmp_path / "odd.safetensors")
    about["recipe"] = "dcgan"
    save_file({"w": torch.zeros(1)}, tmp_path / "bare.safetensors", metadata={"sparring": json.dumps(about)})
    with pytest.raises(CheckpointError, match=r"missing: generator\.project\.weight"):
        sparring.load(tmp_path / "bare.safetensors")


def test_a_prepared_store_can_be_handed_in_and_found_again(squares: Path, tmp_path: Path, quiet: Console, tiny: dict[str, object]) -> None:
    store = sparring.prepare(sparring.open_source(squares))
    sparring.train("dcgan", data=store, out=tmp_path / "run", steps=2, console=quiet, **tiny)
    sparring.resume(tmp_path / "run", steps=3, console=quiet)
    assert checkpoints.steps(tmp_path / "run" / "checkpoints")[-1] == 3


def test_sliced_wasserstein() -> None:
    random = torch.Generator().manual_seed(0)
    sample = torch.randn(400, 6, generator=random)
    assert sliced_wasserstein(sample, sample[torch.randperm(400, generator=random)]) == pytest.approx(0, abs=1e-6)
    # In one dimension a shift by 3 costs 3, whichever way the axis points.
    assert sliced_wasserstein(sample[:, :1], sample[:, :1] + 3) == pytest.approx(3, rel=1e-5)
    # In d dimensions a shift s costs |s . axis|, whose mean over the sphere is |s| Gamma(d/2) / (sqrt(pi) Gamma((d+1)/2)): 2/pi for d = 2
    shift = torch.tensor([1.0, 0.0])
    assert sliced_wasserstein(sample[:, :2], sample[:, :2] + shift, directions=20_000) == pytest.approx(2 / np.pi, rel=0.02)
    collapsed = sample[:1].expand(400, -1)
    assert sliced_wasserstein(sample, collapsed) > 10 * sliced_wasserstein(sample, torch.randn(400, 6, generator=random))


def test_mistakes_in_calls_are_named(trained: Path) -> None:
    model = sparring.load(trained)
    for call in (lambda: model.sample(0), lambda: model.sample(2, first=-3)):
        with pytest.raises(SettingsError):
            call()


def test_default_walks(trained: Path) -> None:
    model = sparring.load(trained)
    assert len(model.interpolate(frames=2)) == 7
    assert len(model.interpolate(labels=[0, 1, 0], frames=2)) == 5
    assert torch.equal(torch.cat(list(model.sample_in_pieces(1030))), model.sample(1030))


def test_training_leaves_the_callers_torch_as_it_was(squares: Path, tmp_path: Path, quiet: Console, tiny: dict[str, object]) -> None:
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    threads = torch.get_num_threads()
    sparring.train("dcgan", data=squares, out=tmp_path / "run", steps=2, console=quiet, **tiny)
    assert torch.equal(torch.rand(3), wanted)
    assert torch.get_num_threads() == threads


def test_an_altered_config_is_noticed(squares: Path, tmp_path: Path, quiet: Console, tiny: dict[str, object]) -> None:
    run = tmp_path / "run"
    sparring.train("dcgan", data=squares, out=run, steps=2, console=quiet, **tiny)
    config = (run / "config.json").read_text()
    (run / "config.json").write_text(config.replace('"learning_rate": 0.0002', '"learning_rate": 0.5'))
    with pytest.raises(CheckpointError, match=r"learning_rate: 0\.0002 in the checkpoint, 0\.5 in config"):
        sparring.resume(run, steps=4, console=quiet)


def test_budgets_that_are_not_named_stay_unless_used_up(squares: Path, tmp_path: Path, quiet: Console, tiny: dict[str, object]) -> None:
    run = tmp_path / "run"
    sparring.train("dcgan", data=squares, out=run, steps=3, minutes=5, console=quiet, **tiny)
    sparring.resume(run, console=quiet)
    assert "The budget of this run is used up (--steps 3)" in quiet.file.getvalue()
    assert "Nothing left to do: step 3" in quiet.file.getvalue()
    sparring.resume(run, real_samples=40, console=quiet)
    settings = json.loads((run / "config.json").read_text())["train_settings"]
    assert (settings["real_samples"], settings["steps"], settings["minutes"]) == (40, None, 5)
    assert checkpoints.steps(run / "checkpoints")[-1] == 5


def test_checkpoints_without_a_config_are_not_taken_for_ones_own(
    squares: Path, tmp_path: Path, quiet: Console, tiny: dict[str, object]
) -> None:
    run = tmp_path / "run"
    sparring.train("dcgan", data=squares, out=run, steps=2, console=quiet, **tiny)
    (run / "config.json").unlink()
    with pytest.raises(SettingsError, match=r"no config\.json"):
        sparring.train("dcgan", data=squares, out=run, steps=2, console=quiet, **tiny)


def test_train_shows_its_own_signature() -> None:
    import inspect

    assert "recipe" in inspect.signature(sparring.train).parameters


def test_classes_called_by_numbers_are_asked_for_by_their_names() -> None:
    recipe = recipes.get("cgan")(width=4, latent_size=5)  # pyright: ignore[reportCallIssue] (cgan's settings)
    model = Model(recipe.build(ImageSpec(16, 16, 1, ("1", "2", "10"))), recipe, Path("run"))
    assert [model.label_of(name) for name in ("1", "2", "10")] == [0, 1, 2]
    assert model.label_of(0) == 0
    with pytest.raises(SettingsError, match="no class called '0'"):
        model.label_of("0")
    named = Model(recipe.build(ImageSpec(16, 16, 1, ("cat", "dog"))), recipe, Path("run"))
    assert [named.label_of(name) for name in ("dog", "1")] == [1, 1]
