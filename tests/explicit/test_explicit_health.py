"""What goes wrong with explicit models is found, and the coach mends it."""

import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import sparring
from sparring.core.jsonl import read_lines
from sparring.health.diagnosis.all_rules import diagnose
from sparring.health.diagnosis.training_record import Curve, Record
from sparring.health.signals import ACTIVE_LATENTS, declared

STEPS = np.arange(50, 1050, 50)


def record(recipe: str, settings: dict[str, float], **curves: float) -> Record:
    names = {"bits": "loss/fit/bits_per_dimension", "reconstruction": "loss/fit/reconstruction", "nats": "divergence/nats"}
    log = {names[name]: Curve(STEPS, np.full(len(STEPS), value)) for name, value in curves.items()}
    return Record(Path("run"), "run", log=log, recipe=recipe, settings=settings)


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
