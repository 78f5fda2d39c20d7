"""What goes wrong with explicit models is found, and the coach mends it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

import sparring
from sparring.core.jsonl import read_lines
from sparring.health.diagnosis.all_rules import diagnose
from sparring.health.diagnosis.training_record import Curve, Record
from sparring.health.signals import ACTIVE_LATENTS, PAIRWISE_DISTANCE, declared
from sparring.inference.data_of_model import training_data
from sparring.metrics.pixel_statistics import mean_distance, rows_of
from sparring.modalities.image_probe import image_probe
from sparring.nets.flows import InvertibleConvolution

STEPS = np.arange(50, 1050, 50)


def record(recipe: str, settings: dict[str, float], **curves: float) -> Record:
    names = {"bits": "loss/fit/bits_per_dimension", "reconstruction": "loss/fit/reconstruction", "nats": "divergence/nats"}
    log = {names[name]: Curve(STEPS, np.full(len(STEPS), value)) for name, value in curves.items()}
    return Record(Path("run"), "run", log=log, recipe=recipe, settings=settings)


def measured(recipe: str, settings: dict[str, Any], **curves: list[float]) -> Record:
    """A record of measurements at every 300 steps."""
    count = len(next(iter(curves.values())))
    lines = tuple({"step": 300 * (i + 1)} | {name.replace("__", "/"): each[i] for name, each in curves.items()} for i in range(count))
    return Record(Path("run"), "run", measurements=lines, recipe=recipe, settings=settings, data={PAIRWISE_DISTANCE.name: 0.5})


def names(found: Record) -> list[str]:
    return [finding.name for finding in diagnose(found)]


def test_healthy_models_are_left_alone() -> None:
    assert names(record("vae", {"beta": 1.0}, reconstruction=4.0, nats=60.0)) == []
    assert names(record("glow", {"learning_rate": 1e-3}, bits=3.9)) == []


def test_silent_latents_are_a_posterior_collapse() -> None:
    (found,) = diagnose(record("vae", {"beta": 1.0}, reconstruction=5.0, nats=0.3))
    assert (found.name, found.severity, found.since) == ("posterior collapse", "severe", 0)
    assert [dict(remedy.settings) for remedy in found.remedies] == [{"free_bits": 0.1}, {"beta_warmup_samples": 50_000}]
    (strong,) = diagnose(record("vae", {"beta": 100.0}, reconstruction=5.0, nats=0.3))
    assert dict(strong.remedies[0].settings) == {"beta": 1.0}
    assert names(record("vae", {"beta": 1.0}, reconstruction=5.0, nats=1.5)) == []


def test_more_than_eight_bits_are_worse_than_uniform() -> None:
    (found,) = diagnose(record("glow", {"learning_rate": 3e-3}, bits=8.4))
    assert (found.name, found.severity) == ("worse than uniform", "severe")
    assert found.remedies[0].settings["learning_rate"] == pytest.approx(1e-3)
    assert names(record("glow", {"learning_rate": 3e-3}, bits=7.9)) == []


def test_held_out_images_that_get_less_likely_are_overfitting() -> None:
    falling = [4.0, 3.8, 3.6, 3.4, 3.2, 3.0]
    settings = {"width": 64}
    (found,) = diagnose(measured("glow", settings, bits__training=falling, bits__holdout=[4.1, 3.9, 3.8, 3.85, 3.95, 4.0]))
    assert (found.name, found.severity, found.since) == ("overfitting likelihood", "warning", 900)
    assert "step 900" in found.evidence[0]
    assert dict(found.remedies[2].settings) == {"width": 32}
    assert not diagnose(measured("glow", settings, bits__training=falling, bits__holdout=[4.1, 3.9, 3.8, 3.81, 3.82, 3.8]))
    worse = [4.0, 3.8, 3.9, 4.1, 4.2, 4.3]
    assert not diagnose(measured("glow", settings, bits__training=worse, bits__holdout=worse)), "it comes apart, which is another thing"


def test_a_model_of_few_images_overfits(tmp_path: Path, quiet: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sparring.training.callbacks.health.FIRST_SPACING", 40)
    levels = np.random.default_rng(0).integers(0, 256, (40, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "noise.npz", images=levels)
    small = {"width": 24, "layers": 2, "batch_size": 8, "threads": 1, "holdout": 20, "learning_rate": 6e-3}
    sparring.train("pixelcnn", tmp_path / "noise.npz", tmp_path / "run", steps=200, console=quiet, **small)
    assert "overfitting likelihood" in {finding.name for finding in sparring.diagnose(tmp_path / "run").findings}


def test_a_reversible_network_that_loses_something_is_found(squares: Path, tmp_path: Path, quiet: Console) -> None:
    small = {"width": 8, "levels": 2, "steps_per_level": 1, "batch_size": 8, "threads": 1, "size": 16, "channels": 1}
    model = sparring.train("glow", squares, tmp_path / "run", steps=2, console=quiet, **small)
    _, measure = image_probe(training_data(model), None)
    game = model.game
    healthy = measure(game)
    assert healthy["round_trip"] < 1e-5
    assert healthy["smallest_singular_value"] > 0.5
    convolutions = [part for part in game.modules() if isinstance(part, InvertibleConvolution)]
    with torch.no_grad():
        convolutions[0].log_diagonal[0] -= 20
    broken = measure(game)
    assert broken["smallest_singular_value"] == pytest.approx(torch.linalg.svdvals(convolutions[0].matrix().double()).min().item(), rel=0.1)
    assert broken["round_trip"] > 1e-3
    curves = {name: [healthy[name], broken[name]] for name in ("round_trip", "smallest_singular_value")}
    findings = {finding.name: finding for finding in diagnose(measured("glow", {"learning_rate": 1e-3}, **curves))}
    assert set(findings) == {"round trip error", "singular convolution"}
    assert findings["round trip error"].because_of == ("singular convolution",)
    assert findings["singular convolution"].remedies[0].settings["learning_rate"] == pytest.approx(1e-3 / 3)
    assert findings["singular convolution"].since == 600


def test_an_encoder_that_finds_nothing_or_does_not_move_is_found() -> None:
    settings = {"objective": "hinge", "latent_size": 50}
    (found,) = diagnose(measured("bigan", settings, reconstruction=[0.5, 0.49, 0.48, 0.48]))
    assert (found.name, found.severity, found.since) == ("encoder finds nothing", "severe", 0)
    assert [dict(remedy.settings) for remedy in found.remedies] == [{"objective": "non-saturating"}, {"latent_size": 16}, {}]
    assert not diagnose(measured("bigan", settings, reconstruction=[0.5, 0.4, 0.35, 0.3]))
    updates = {"encoder.head.weight": 0.0, "encoder.layers.0.weight": 0.0, "generator.project.weight": 1e-3}
    lines = tuple(
        {"step": 300 * i, "reconstruction": 0.5, "relative_updates": updates, "relative_gradients": updates} for i in (1, 2, 3, 4)
    )
    still = Record(Path("run"), "run", measurements=lines, recipe="bigan", settings=settings, data={PAIRWISE_DISTANCE.name: 0.5})
    first, second = diagnose(still)
    assert (first.name, second.name) == ("frozen network", "encoder finds nothing")
    assert "The encoder does not learn" in first.summary
    assert second.because_of == ("frozen network",)


def test_runs_measure_what_is_declared(squares: Path, tmp_path: Path, quiet: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sparring.training.callbacks.health.FIRST_SPACING", 5)
    small = {"batch_size": 8, "threads": 1, "log_every": 5, "steps": 10, "holdout": 4, "size": 16, "channels": 1, "console": quiet}
    own = {
        "glow": {"levels": 2, "steps_per_level": 1, "width": 4},
        "bigan": {"width": 4},
        "vaegan": {"width": 4},
        "flowgan": {"width": 4, "levels": 2, "blocks": 1, "flow_width": 4},
        "pixelcnn": {"width": 4, "layers": 1},
    }
    found: dict[str, set[str]] = {}
    for name, settings in own.items():
        sparring.train(name, squares, tmp_path / name, **small, **settings)
        *_, last = read_lines(tmp_path / name / "health.jsonl")
        found[name] = {signal.name for signal in declared("explicit game") if signal.name in last}
        keys = set(next(iter(read_lines(tmp_path / name / "log.jsonl")))) - {"step", "real_samples"}
        known = declared("training", "explicit")
        assert all(any(signal.matches(key) for signal in known) for key in keys), (name, keys)
    bits = {"bits/training", "bits/holdout"}
    assert found == {
        "glow": bits | {"round_trip", "smallest_singular_value"},
        "bigan": {"reconstruction"},
        "vaegan": {"reconstruction"},
        "flowgan": bits | {"round_trip"},
        "pixelcnn": bits,
    }


def test_a_flow_gan_that_forgets_likelihoods_is_found() -> None:
    (found,) = [
        each for each in diagnose(measured("flowgan", {}, bits__training=[6.0, 8.5, 9.0, 9.4])) if each.name == "worse than uniform"
    ]
    assert found.severity == "severe"


def test_a_smooth_reconstruction_of_noisy_images_is_no_failure(tmp_path: Path, quiet: Console) -> None:
    """Noise of pixels is not in the distance that is compared with that of two images."""
    random = np.random.default_rng(0)
    base = random.uniform(60, 200, (40, 4, 4)).repeat(8, axis=1).repeat(8, axis=2)
    np.savez(tmp_path / "noisy.npz", images=(base + random.normal(0, 60, (40, 32, 32))).clip(0, 255).astype(np.uint8))
    model = sparring.train("vae", tmp_path / "noisy.npz", tmp_path / "run", steps=1, width=8, batch_size=8, threads=1, console=quiet)
    data = training_data(model)
    smooth = torch.nn.functional.interpolate(torch.nn.functional.avg_pool2d(data.batch(np.arange(40)).samples, 8), scale_factor=8)
    _, measure = image_probe(data, None)
    model.game.generate = lambda *_: smooth  # pyright: ignore[reportAttributeAccessIssue]
    apart = mean_distance(rows_of(data.batch(np.arange(40)).samples)) / 16
    assert measure(model.game)["reconstruction"] < 0.75 * apart


@pytest.mark.long
def test_a_coach_mends_a_posterior_collapse(squares: Path, tmp_path: Path, quiet: Console) -> None:
    small = {"width": 8, "latent_size": 4, "batch_size": 16, "threads": 1, "holdout": 4, "log_every": 10, "learning_rate": 3e-3}
    sparring.train("vae", squares, tmp_path / "run", steps=800, beta=3000.0, coach=True, console=quiet, **small)
    interventions = json.loads((tmp_path / "run" / "config.json").read_text())["interventions"]
    assert interventions[0]["finding"] == "posterior collapse"
    assert interventions[0]["changes"] == {"beta": 1.0}
    lines = list(read_lines(tmp_path / "run" / "log.jsonl"))
    assert lines[-1]["divergence/nats"] > 2


def test_logs_hold_what_is_declared(squares: Path, tmp_path: Path, quiet: Console) -> None:
    small = {"width": 8, "batch_size": 8, "threads": 1, "log_every": 1, "steps": 2, "console": quiet}
    sparring.train("vae", squares, tmp_path / "vae", **small)
    sparring.train("glow", squares, tmp_path / "glow", levels=2, steps_per_level=1, **small)
    for name in ("vae", "glow"):
        keys = set(next(iter(read_lines(tmp_path / name / "log.jsonl")))) - {"step", "real_samples"}
        known = declared("training", "explicit")
        assert all(any(signal.matches(key) for signal in known) for key in keys), keys
        assert (ACTIVE_LATENTS.name in keys) == (name == "vae")
