"""The declared signals are what runs write, what rules read, and nothing else."""

import ast
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

import sparring
from sparring import recipes
from sparring.augment.ada import AdaptiveChance
from sparring.core.jsonl import read_lines
from sparring.core.random_streams import Streams
from sparring.data.images.image_spec import ImageSpec
from sparring.games.adversarial import TwoPlayerGame
from sparring.games.step_context import StepContext
from sparring.health import signals
from sparring.health.diagnosis import record_questions, rules
from sparring.health.signals import AUGMENTATION, PATH_LENGTH, Signal, Source, declared
from sparring.runs.run_directory import RunDirectory
from support.tiny import TINY

READERS = [*sorted(Path(rules.__path__[0]).glob("*.py")), Path(record_questions.__file__)]


@pytest.fixture
def grays(tmp_path: Path) -> Path:
    """Images of four classes that are told apart by their gray."""
    labels = np.arange(80) % 4
    images = 60 * labels[:, None, None, None] + np.random.default_rng(0).integers(0, 30, (80, 16, 16, 1))
    np.savez(tmp_path / "grays.npz", images=images.astype(np.uint8), labels=labels)
    return tmp_path / "grays.npz"


def names(*sources: Source) -> set[str]:
    return {signal.name for signal in declared(*sources)}


def train(recipe: str, data: Path, out: Path, console: Console, **settings: object) -> RunDirectory:
    sparring.train(recipe, data, out, console=console, **{**TINY, "device": "cpu", "precision": "float32", "size": 16, **settings})
    return RunDirectory(out)


def test_a_run_measures_exactly_what_is_declared(grays: Path, tmp_path: Path, quiet: Console) -> None:
    run = train("cgan", grays, tmp_path / "run", quiet, steps=100, holdout=10)
    first, measured = read_lines(run.health)
    assert set(first["data"]) == names("data")
    assert set(measured) == names("game", "weights")
    assert first["data"][signals.MODES_ARE.name] == "classes"


def test_a_log_holds_exactly_what_is_declared(grays: Path, tmp_path: Path, quiet: Console) -> None:
    plain = train("dcgan", grays, tmp_path / "plain", quiet, steps=3)
    styled = {name: value for name, value in TINY.items() if name not in {"width", "latent_size"}}
    settings = {"channel_base": 64, "channel_max": 8, "latent_size": 5, "style_size": 5, "mapping_layers": 1, "path_length": 2.0}
    sparring.train(
        "stylegan2", grays, tmp_path / "styled", console=quiet, size=16, steps=3, device="cpu", precision="float32", **styled, **settings
    )
    keys = {key for run in (plain, RunDirectory(tmp_path / "styled")) for line in read_lines(run.log) for key in line}
    keys -= {signals.STEP.name, signals.REAL_SAMPLES.name}
    assert unknown(keys) == set()
    unwritten = {signal for signal in declared("training") if not any(signal.matches(key) for key in keys)}
    assert unwritten == {AUGMENTATION}, "which is tested below"
    assert any(PATH_LENGTH.matches(key) for key in keys)


def test_an_adaptive_augmentation_logs_what_is_declared() -> None:
    game = recipes.get("dcgan")(width=4, latent_size=5, batch_size=8).build(ImageSpec(16, 16, 1))
    assert isinstance(game, TwoPlayerGame)
    logits = {"logits/real": torch.ones(8), "logits/generated": torch.zeros(8)}
    context = StepContext(lambda: pytest.fail("no data is needed"), lambda: None, 8, Streams(0, 0), 0, 0, metrics=logits)
    game.adapt(AdaptiveChance(0.6, 1000, None), context)
    assert unknown(set(context.metrics)) == set()
    assert sum(AUGMENTATION.matches(key) for key in context.metrics) == 2


def unknown(keys: set[str]) -> set[str]:
    return {key for key in keys if not any(signal.matches(key) for signal in declared("training"))}


def test_no_two_signals_of_a_line_have_the_same_name() -> None:
    sources: list[tuple[Source, ...]] = [
        ("data", "table data", "series data", "records data", "orders data", "sequences data", "molecules data", "music data"),
        (
            "game",
            "weights",
            "table game",
            "explicit game",
            "series game",
            "records game",
            "orders game",
            "sequences game",
            "molecules game",
            "music game",
            "rewordings game",
        ),
        ("training", "explicit"),
        ("sheets",),
        ("real images beside sheets",),
    ]
    for group in sources:
        assert len(names(*group)) == len(declared(*group)), group
    assert sum(len(declared(*group)) for group in sources) == len(signals.ALL_SIGNALS)
    assert all(signal.range and signal.meaning.endswith(".") for signal in signals.ALL_SIGNALS)


def test_a_key_with_a_star_stands_for_all_that_begin_so() -> None:
    loss = Signal("loss/generator/*", "any", "A loss.", "training")
    assert [loss.matches(key) for key in ("loss/generator", "loss/generator/r1", "loss/generators/r1", "loss")] == [
        True,
        True,
        False,
        False,
    ]
    assert loss.prefix == "loss/generator"
    exact = Signal("logits/real", "any", "A logit.", "training")
    assert [exact.matches(key) for key in ("logits/real", "logits/real/a", "logits")] == [True, False, False]


def test_a_rule_that_names_an_unknown_signal_fails_when_it_is_imported(tmp_path: Path) -> None:
    rule = Path(rules.__path__[0]) / "samples.py"
    text = rule.read_text(encoding="utf-8")
    assert "    DIVERSITY,\n" in text
    for replacement, problem in (("    DIVERSITY,\n", None), ("    DIVERSTY,\n", "cannot import name 'DIVERSTY'")):
        path = tmp_path / f"rule_{problem is None}.py"
        path.write_text(text.replace("    DIVERSITY,\n", replacement), encoding="utf-8")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        if problem is None:
            spec.loader.exec_module(module)
        else:
            with pytest.raises(ImportError, match=problem):
                spec.loader.exec_module(module)


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """The calls in a module, by the name of what is called."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            yield name, node


@pytest.mark.parametrize("path", READERS, ids=lambda path: path.stem)
def test_rules_make_no_signals_of_their_own(path: Path) -> None:
    """Neither by a name in quotes, which no import would check, nor by a declaration beside the others."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for name, call in calls(tree):
        assert name not in {"Signal", "sign"}, ast.unparse(call)
        if name in {"signal", "vectors", "per_weight"}:
            assert not isinstance(call.args[0], ast.Constant | ast.JoinedStr), ast.unparse(call)
    measured = {"data", "measurements", "line", "log"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
            owner = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
            assert owner not in measured, ast.unparse(node)
