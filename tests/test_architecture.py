"""What DESIGN's rules say of the code's arrangement, held against the code."""

import ast
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "sparring"
KINDS = {
    "Store", "Pairs", "Points", "Subset", "ImageSpec", "PairSpec", "PointSpec", "PairBatch", "ImageRecipe", "TranslationRecipe",
    "AdversarialRecipe", "GrowingRecipe", "TranslationGame", "LatentGame", "TwoPlayerGame",
}  # fmt: skip
"""Classes that only one kind of data, or games on one kind of data, have."""


def test_only_adapters_branch_on_the_kind_of_data() -> None:
    ladders = [
        f"{path.relative_to(SOURCE)}:{node.lineno}"
        for path in SOURCE.rglob("*.py")
        if path.parent.name != "modalities"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"isinstance", "issubclass"}
        if {name.id for name in ast.walk(node.args[1]) if isinstance(name, ast.Name)} & KINDS
    ]
    assert not ladders


def test_the_table_of_layers_in_contributing_is_that_of_the_import_rules() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    text = (ROOT / "CONTRIBUTING.md").read_text()
    table = [re.findall(r"`([a-z_0-9]+)`", row) for row in re.findall(r"^\| (`[^|]*`) \|", text, re.MULTILINE)]
    assert table == [layer.split(" | ") for layer in layers if layer != "__main__"]


def test_nothing_but_the_api_stands_beside_the_packages() -> None:
    assert {path.name for path in SOURCE.glob("*.py")} == {"__init__.py", "__main__.py", "api.py"}


def test_only_one_module_writes_the_configuration_of_a_run() -> None:
    others = [path for path in SOURCE.rglob("*.py") if "config.json" in path.read_text() and "write_json(run.config" in path.read_text()]
    assert [path.relative_to(SOURCE).as_posix() for path in others] == ["runs/config.py"]
