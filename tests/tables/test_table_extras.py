"""Libraries that are optional: what is missing is said, with how to install it."""

import subprocess
import sys
from pathlib import Path

import pytest

from support.runs import kept
from support.tables import csv_of

WITHOUT = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == {module!r}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
from sparring.cli.main import main
main(["data", "inspect", {path!r}])
"""


def inspected_without(module: str, path: Path) -> subprocess.CompletedProcess[str]:
    code = WITHOUT.format(module=module, path=str(path))
    return subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, cwd=path.parent)


@pytest.mark.parametrize(("module", "ending", "extra"), [("pyarrow", "csv", "sparring[tables]"), ("openpyxl", "xlsx", "sparring[excel]")])
def test_a_missing_library_is_named_with_its_extra(tmp_path: Path, module: str, ending: str, extra: str) -> None:
    done = inspected_without(module, csv_of(tmp_path, {"a": [1, 2], "b": [3, 4]}, f"t.{ending}"))
    assert done.returncode == 1
    assert extra in done.stderr
    assert "Traceback" not in done.stderr


def test_pandas_is_not_needed(tmp_path: Path) -> None:
    done = inspected_without("pandas", csv_of(tmp_path, {"a": [1, 2, 2], "b": ["x", "y", "y"]}))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "t-table.json").exists()


@pytest.mark.long
def test_all_but_tables_works_without_arrow(squares: Path, tmp_path: Path) -> None:
    code = WITHOUT.format(module="pyarrow", path="").rpartition("main(")[0]
    code += "import sparring.api\nfrom sparring import recipes\n[recipes.get(name) for name in recipes.names()]\n"
    images = ["train", "dcgan", "--data", str(squares), "--steps", "1", "--width", "4", "--out", "run"]
    code += f"try:\n    main({images})\nexcept SystemExit as ended:\n    assert not ended.code, ended.code\n"
    code += "sys.stderr.write('after images: ')\nmain(['train', 'tabular-ar', '--data', 'flights', '--steps', '1', '--out', 'other'])"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    assert "sparring[tables]" in done.stderr.partition("after images: ")[2], done.stderr
    assert "Traceback" not in done.stderr
    assert kept(tmp_path / "run")[-1] == 1
