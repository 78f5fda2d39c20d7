"""Runs on music resume to the bit, in parts too."""

from pathlib import Path

import pytest
from rich.console import Console

import sparring
from support import every_recipe
from support.runs import same_run


@pytest.mark.parametrize("name", ["musegan", "midinet"])
def test_a_run_resumes_to_the_bit(name: str, tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "cut").mkdir()
    settings = {"parts": 2, **({"given": "bass"} if name == "musegan" else {})}
    whole = every_recipe.train(name, tmp_path / "whole", steps=3, **settings)
    cut = every_recipe.train(name, tmp_path / "cut", steps=1, **settings)
    sparring.resume(cut, steps=3, console=Console(quiet=True))
    assert same_run(whole, cut)
    other = every_recipe.train(name, tmp_path, steps=3, seed=1, **settings)
    assert not same_run(whole, other)
