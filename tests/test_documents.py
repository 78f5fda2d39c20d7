"""What README and CONTRIBUTING promise."""

import re
import tomllib
from pathlib import Path

import pytest
from rich.console import Console

import sparring
from sparring import recipes
from sparring.runs.run_directory import RunDirectory

ROOT = Path(__file__).parent.parent


def test_the_recipe_in_contributing_works(tmp_path: Path, squares: Path, quiet: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    code = re.search(r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL)[1]
    (tmp_path / "hingegan.py").write_text(code)
    monkeypatch.setattr(recipes, "__path__", [*recipes.__path__, str(tmp_path)])
    assert "hingegan" in recipes.names()
    run = tmp_path / "run"
    model = sparring.train("hingegan", data=squares, out=run, steps=2, batch_size=8, samples=4, log_every=1, console=quiet)
    assert model.sample(3).shape == (3, 1, 16, 16)
    assert all(line["loss/discriminator/real"] >= 0 for line in RunDirectory(run).read_log())


DOCUMENTS = ["README.md", "CONTRIBUTING.md", *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_to_files_lead_somewhere(document: str) -> None:
    text = (ROOT / document).read_text()
    targets = re.findall(r"\]\(([^)#:]+)\)", text) + re.findall(r'src="([^":]+)"', text)
    missing = [target for target in targets if not ((ROOT / document).parent / target).exists()]
    assert not missing


def test_commands_in_the_readme_exist() -> None:
    verbs = re.findall(r"^ *sparring ([a-z]+)", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert len(verbs) > 5
    assert set(verbs) <= set(verbs.VERBS)


def test_missing_extras_name_extras_that_exist() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = {
        match[1] for path in (ROOT / "src").rglob("*.py") for match in re.finditer(r'missing_extra\("[^"]+", "([^"]+)"', path.read_text())
    }
    assert {"video", "datasets"} <= named <= set(extras)
