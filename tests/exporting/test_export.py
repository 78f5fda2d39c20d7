"""Exported files, held against the models they are of. `benchmarks/export.py --battery` exports every recipe."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from rich.console import Console
from torch.nn.utils import parametrize

import sparring
from sparring import SparringError
from sparring.core.errors import SettingsError
from sparring.core.random_streams import Streams
from sparring.exporting import check, graph
from sparring.exporting.half import halve_weights
from sparring.exporting.traceable import traceable_copy
from sparring.exporting.web import runtime
from sparring.games.exported_parts import IMAGE, ExportChoices, Part
from sparring.nets.blocks import exporting, layers, resampling
from support.cli import call
from support.exported_models import ExportedModel, Runs
from support.labels import labeled_folder

LEVEL = 2 / 255


def run_file(file: Path, *inputs: torch.Tensor) -> torch.Tensor:
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    named = {given.name: value.numpy() for given, value in zip(session.get_inputs(), inputs, strict=True)}
    return torch.from_numpy(session.run(None, named)[0])


def said_in(file: Path) -> dict[str, Any]:
    found = {each.key: each.value for each in onnx.load(file).metadata_props}
    return {key: json.loads(value) if value[:1] in "[{" else value for key, value in found.items()}


def test_a_file_gives_the_samples_of_the_model_for_any_number_of_them(classy: ExportedModel) -> None:
    model, file = classy.model, classy.file
    latents = model.latent_game.chunk_of_latents(7, 0)
    images = run_file(file, latents, torch.eye(3)[(torch.arange(16) + 7) % 3])
    assert (images - model.sample(16, seed=7)).abs().max() < 1e-5
    assert images[:, 0].std() > 0
    one = run_file(file, latents[:1], torch.eye(3)[1:2])
    torch.testing.assert_close(one, images[:1])
    said = said_in(file)
    assert said["license"] == "CC0"
    assert said["classes"] == ["0", "1", "2"]
    assert said["inputs"][0]["draws"] == [["uniform", 100]]
    assert str(Path(sparring.__file__).parent).encode() not in file.read_bytes()


def test_the_parts_of_a_style_generator_are_the_whole(styled: ExportedModel, tmp_path: Path) -> None:
    model = styled.model
    before = model.sample(4, seed=3, truncation=0.5)
    sparring.export(model, tmp_path / "synthesis.onnx", part="synthesis", noise="input")
    latents, classes = model.latent_game.asked_for(4, 3, None)
    assert classes is not None
    styles = run_file(styled.file, latents, classes, torch.tensor([0.5]))
    synthesis = onnx.load(tmp_path / "synthesis.onnx")
    size = synthesis.graph.input[1].type.tensor_type.shape.dim[1].dim_value
    constant = [module.noise.flatten() for module in model.game.modules() if hasattr(module, "noise_strength")]
    assert size == sum(map(len, constant))
    noise = torch.cat(constant).expand(4, -1).contiguous()
    assert (run_file(tmp_path / "synthesis.onnx", styles, noise) - before).abs().max() < 1e-4
    assert torch.equal(model.sample(4, seed=3, truncation=0.5), before), "the network is as it was"
    constants = {each.name for each in synthesis.graph.initializer}
    heavy = [node for node in synthesis.graph.node if node.op_type in {"Conv", "ConvTranspose", "Gemm"}]
    assert heavy
    assert all(node.input[1] in constants for node in heavy), "phones want constant weights"


def test_several_labels_are_one_input_and_have_no_page(tmp_path: Path, quiet: Console, tiny: dict[str, object]) -> None:
    table = labeled_folder(tmp_path / "images")
    sparring.train("cgan", tmp_path / "images", tmp_path / "run", labels=table, steps=1, console=quiet, **tiny)
    model, file = sparring.load(tmp_path / "run"), tmp_path / "labeled.onnx"
    with pytest.raises(SettingsError, match="several labels or continuous ones: leave --web out"):
        sparring.export(model, file, web=tmp_path / "page.html", runtime=a_runtime(tmp_path))
    assert not file.exists(), "what was refused leaves nothing"
    sparring.export(model, file)
    said = said_in(file)
    assert len(said["classes"]) == sum(said["groups"]) == len(model.spec.condition_names)
    told = model.spec.condition_of(model.spec.usual_labels(0, 3))
    latents = model.latent_game.latents(Streams(5, 0), 3)
    with torch.no_grad():
        wanted = model.latent_game.generate(latents, told)
    torch.testing.assert_close(run_file(file, latents, told), wanted, rtol=0, atol=LEVEL / 2)


def a_runtime(folder: Path) -> Path:
    """Files of the names that a page needs, in a folder."""
    found = folder / "onnxruntime-web"
    (found / "dist").mkdir(parents=True)
    (found / "package.json").write_text('{"name": "onnxruntime-web", "version": "1.30.0"}')
    for name in (runtime.PROGRAM, runtime.WASM):
        (found / "dist" / name).write_text("")
    return found


def test_a_kernel_of_a_trace_is_not_kept(run_of: Runs) -> None:
    resampling._kept_kernel.cache_clear()
    model = sparring.load(run_of("stylegan2", size=8))
    torch.export.export(_Upsampling(), (torch.zeros(2, 3, 4, 4),), strict=False)
    assert model.sample(1).isfinite().all()


class _Upsampling(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return resampling.downsample(resampling.smooth(resampling.smooth(resampling.upsample(x), padding=2), padding=1))


def test_operations_in_the_form_for_others_give_the_same() -> None:
    class Forms(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = layers.AffineInstanceNorm(3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.norm(resampling.upsample(x))

    x = Streams(0, 0).normal("x", 2, 3, 6, 4)
    for network in (_Upsampling(), Forms()):
        traced = torch.export.export(network, (x,), strict=False).module()
        torch.testing.assert_close(traced(x), network(x), rtol=1e-5, atol=1e-5)


def test_translators_take_images_of_any_size_or_of_one(painter: ExportedModel, tmp_path: Path) -> None:
    model = painter.model
    images = Streams(0, 0).uniform("image", 3, 3, 24, 36)
    assert (run_file(painter.file, images) - model.translate(images)).abs().max() < LEVEL
    found = sparring.export(model, tmp_path / "fixed.onnx", size=16)
    assert said_in(found.file)["divisor"] == "4"
    assert [size.dim_value for size in onnx.load(found.file).graph.input[0].type.tensor_type.shape.dim[1:]] == [3, 16, 16]
    with pytest.raises(SettingsError, match="--size 16"):
        sparring.export(model, tmp_path / "odd.onnx", size=17)


def test_half_of_the_weights_size_is_at_most_a_level_off(run_of: Runs, tmp_path: Path) -> None:
    model = sparring.load(run_of("gan"))
    whole, half = (sparring.export(model, tmp_path / f"{half}.onnx", half=half) for half in (False, True))
    assert half.megabytes < 0.7 * whole.megabytes
    latents = model.latent_game.chunk_of_latents(0, 0)
    difference = (run_file(half.file, latents) - model.sample(16)).abs().max()
    assert 1e-7 < difference < LEVEL
    large = [each for each in onnx.load(half.file).graph.initializer if np.prod(each.dims) >= 32]
    assert {each.data_type for each in large} == {onnx.TensorProto.FLOAT16}


def test_weights_that_float16_has_no_room_for_stay() -> None:
    weight = np.full((8, 8), 1e5, np.float32) + np.arange(8, dtype=np.float32)
    model = onnx.helper.make_model(
        onnx.helper.make_graph(
            [],
            "g",
            [],
            [],
            [
                onnx.numpy_helper.from_array(each, name)
                for name, each in (("a", weight), ("b", weight - 1e5), ("c", 1 + (weight - 1e5) / 1e4))
            ],
        )
    )
    halve_weights(model)
    assert [each.name for each in model.graph.initializer] == ["a", "b/half", "c"]


def test_rows_of_a_table_are_drawn_the_same(run_of: Runs, tmp_path: Path) -> None:
    model = sparring.load(run_of("tabular"))
    sparring.export(model, tmp_path / "rows.onnx")
    latents = model.game.chunk_of_latents(5, 0)[:64]
    rows = run_file(tmp_path / "rows.onnx", latents)
    assert (rows - model.game.sample(64, seed=5)).abs().max() < 1e-4
    names = [each["name"] for each in said_in(tmp_path / "rows.onnx")["spec"]["encodings"]]
    assert "age" in names, "how rows are decoded"


def test_growing_networks_keep_their_level(run_of: Runs, tmp_path: Path) -> None:
    model = sparring.load(run_of("progan"))
    sparring.export(model, tmp_path / "progan.onnx")
    found = run_file(tmp_path / "progan.onnx", model.latent_game.chunk_of_latents(0, 0))
    assert (found - model.sample(16)).abs().max() < 1e-4


def test_spectral_norms_are_computed_once_and_the_model_keeps_its_own(run_of: Runs) -> None:
    model = sparring.load(run_of("biggan"))
    before = model.sample(2)
    copy = traceable_copy(model.game)
    assert not any(map(parametrize.is_parametrized, copy.modules()))
    assert any(map(parametrize.is_parametrized, model.game.modules()))
    assert torch.equal(model.sample(2), before)
    torch.testing.assert_close(sparring.Model(copy, model.recipe, model.source).sample(2), before)


@pytest.mark.parametrize("name", ["pixelcnn", "tabular-ar"])
def test_models_that_cannot_be_exported_say_why(name: str, run_of: Runs, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="one pass"):
        sparring.export(run_of(name), tmp_path / "no.onnx")
    assert not (tmp_path / "no.onnx").exists()


def test_choices_that_do_not_fit_are_all_said_at_once(run_of: Runs, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("export", run_of("gan"), tmp_path / "a.onnx", "--part", "map", "--size", 32, "--noise", "none") == 1
    said = capsys.readouterr().err
    assert all(flag in said for flag in ("--part", "--size", "--noise"))
    for wrong in ("a.pt", "a", tmp_path):
        assert call("export", run_of("gan"), wrong) == 1
        assert ".onnx" in capsys.readouterr().err


def test_a_number_of_samples_that_became_a_constant_is_found(run_of: Runs) -> None:
    game = traceable_copy(sparring.load(run_of("gan")).game)
    part = game.exported_parts(ExportChoices())["all"]

    def with_constant(latents: torch.Tensor) -> torch.Tensor:
        return part.compute(latents) + torch.zeros(len(latents), 1, 1, 1)

    with pytest.raises(SparringError):
        graph.trace(game, Part(with_constant, part.inputs), IMAGE, 0)

    def with_inverse(latents: torch.Tensor) -> torch.Tensor:
        return part.compute(latents).erfinv()

    with pytest.raises(SparringError, match=r"ONNX has no operation prims\.erf_inv"):
        graph.trace(game, Part(with_inverse, part.inputs), IMAGE, 0)


def test_the_inverse_error_function_in_its_form_for_others() -> None:
    x = torch.cat([torch.linspace(-1 + 1e-6, 1 - 1e-6, 2001), torch.tensor([0.0, 1e-6, 0.993, -0.994])])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exporting, "is_exporting", lambda: True)
        found = exporting.inverse_error_function(x)
    torch.testing.assert_close(found, torch.erfinv(x.double()).float(), rtol=2e-6, atol=1e-9)


def test_a_file_that_gives_something_else_is_not_left(run_of: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = check.run
    monkeypatch.setattr(check, "run", lambda *given: whole(*given) + 1.5 * LEVEL)
    with pytest.raises(SparringError, match=r"1\.5 of 255 levels"):
        sparring.export(run_of("gan"), tmp_path / "off.onnx")
    assert not list(tmp_path.iterdir())


def test_what_is_missing_is_named(
    run_of: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    assert call("export", run_of("gan"), tmp_path / "a.onnx") == 1
    assert "sparring[export]" in capsys.readouterr().err


def test_an_exception_is_counted_and_no_more_than_are_allowed() -> None:
    few = replace(IMAGE, exceptions=0.25)
    assert few.exceptions == 0.25
    difference = check.relative_difference(torch.tensor([[100.0], [1.0]]), torch.tensor([[101.0], [1.5]]))
    torch.testing.assert_close(difference, torch.tensor([[1 / 101], [1 / 3]]))
