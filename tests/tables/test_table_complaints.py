"""Complaints about other programs for tables that no other test covers: repository and number stand in each docstring.

The others stand where their subject is tested: kinds and gaps in test_table_kinds, types in test_table_round_trips, constraints and keys in
test_table_plan, rare categories, conditions, seeds and resuming in test_table_models, scores in test_table_metrics, copies in
test_table_privacy."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

import sparring
from sparring.core.errors import SettingsError
from sparring.inference.table_rows import draw_rows
from support.cli import call
from support.table_models import COMMON, SMALL

RECIPES = ("tabular", "tabular-ar", "ctgan", "tvae")


def trained_on(frame: pd.DataFrame, recipe: str, folder: Path, steps: int) -> Path:
    settings = SMALL[recipe] | COMMON | {"holdout": 0}
    sparring.train(recipe, frame, folder / recipe, steps=steps, console=Console(quiet=True), **settings)
    return folder / recipe


@pytest.mark.parametrize("rows", [2, 5])
@pytest.mark.parametrize("recipe", RECIPES)
def test_tiny_tables_train_and_give_rows_of_their_kind(recipe: str, rows: int, tmp_path: Path) -> None:
    """CTGAN 135, TGAN 30: silently untrained, or a crash inside scikit-learn."""
    frame = pd.DataFrame({"x": np.arange(rows) / 3, "city": (["Oslo", "Rome"] * rows)[:rows]})
    drawn, _ = draw_rows(sparring.load(trained_on(frame, recipe, tmp_path, 2)), 20, seed=0)
    assert set(drawn["city"].categories) == {"Oslo", "Rome"}
    assert drawn["x"].numbers is not None
    assert ((drawn["x"].numbers >= 0) & (drawn["x"].numbers <= frame.x.max())).all()


def test_a_batch_that_packs_do_not_divide_is_a_sentence(tmp_path: Path) -> None:
    """CTGAN 60, SDV 1231: an empty AssertionError."""
    frame = pd.DataFrame({"x": np.arange(100.0), "k": ["a", "b"] * 50})
    with pytest.raises(SettingsError, match="packing must divide the batch of 16; 10 does not"):
        sparring.train("ctgan", frame, tmp_path / "run", steps=1, console=Console(quiet=True), batch_size=16)


def test_booleans_and_gaps_keep_their_share(tmp_path: Path) -> None:
    """SDV 1528 and 2288: a boolean of 30 % true became 100 % true; gaps vanished, or all became gaps."""
    random = np.random.default_rng(0)
    n = 2000
    frame = pd.DataFrame({"member": random.random(n) < 0.3, "x": np.where(random.random(n) < 0.9, np.nan, random.normal(size=n))})
    drawn, _ = draw_rows(sparring.load(trained_on(frame, "tabular-ar", tmp_path, 150)), n, seed=0)
    true = drawn["member"].codes == [name.lower() for name in drawn["member"].categories].index("true")
    assert abs(true.mean() - 0.3) < 0.05
    assert abs(drawn["x"].missing.mean() - 0.9) < 0.05


def test_a_condition_on_a_rare_pair_is_met(tmp_path: Path) -> None:
    """SDV 1419, 1424, 1290: "Unable to sample any rows" after 100 tries."""
    frame = pd.DataFrame({"city": ["Oslo", "Rome"] * 500, "plan": ["basic", "basic"] * 500, "x": np.arange(1000.0)})
    frame.loc[0, "plan"] = "gold"
    for recipe in ("tabular", "tabular-ar"):
        model = sparring.load(trained_on(frame, recipe, tmp_path, 2))
        drawn, share = draw_rows(model, 50, seed=0, where=["city=Oslo", "plan=gold"])
        assert share == 1
        assert set(np.array(drawn["plan"].categories)[drawn["plan"].codes]) == {"gold"}
        assert set(np.array(drawn["city"].categories)[drawn["city"].codes]) == {"Oslo"}


def test_more_keys_than_their_form_has_are_unique(tmp_path: Path) -> None:
    """SDV 63, 306, 1109: keys repeated."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"id": [f"{i:03d}" for i in random.permutation(1000)[:600]], "x": random.normal(size=600), "k": ["a", "b"] * 300})
    frame.to_csv(tmp_path / "ids.csv", index=False)
    run = tmp_path / "run"
    sparring.train("tvae", tmp_path / "ids.csv", run, steps=2, console=Console(quiet=True), **SMALL["tvae"], **COMMON)
    assert call("sample", run, "-n", 3000, "--out", tmp_path / "rows.csv") == 0
    rows = pd.read_csv(tmp_path / "rows.csv", dtype=str)
    assert rows.id.is_unique
    assert not set(rows.id) & set(frame.id)
