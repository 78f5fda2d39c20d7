"""What OpenMP's library itself says it was told (OMP_DISPLAY_ENV), in processes of their own: it reads its environment once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sparring.core import openmp

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="torch has another OpenMP library there")
LIBRARYS_OWN = "300000"
"""What GCC's library takes where nobody tells it: libgomp's env.c."""
LOAD_THE_LIBRARY = """
import ctypes, glob, importlib.util
folder = importlib.util.find_spec("torch").submodule_search_locations[0]
[ctypes.CDLL(path) for path in glob.glob(f"{folder}/lib/libgomp*")]
"""
"""All of torch that reads these variables."""
TRAIN = """
import sys
import torch
import sparring
for number, threads in enumerate([1, 2, 2]):
    sparring.train("dcgan", data=sys.argv[1], out=f"{sys.argv[2]}/{number}", steps=1, width=4, batch_size=8, samples=4, threads=threads)
    print("END")
"""


def run(*command: str, **settings: str) -> subprocess.CompletedProcess[str]:
    ours = (*openmp.VARIABLES, openmp.SHORT)
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    environment |= {"OMP_DISPLAY_ENV": "verbose", **settings}
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, check=True, env=environment)


def told(done: subprocess.CompletedProcess[str]) -> str:
    """The count that the library goes by."""
    (count,) = [line.split("'")[1] for line in done.stderr.splitlines() if line.strip().startswith("GOMP_SPINCOUNT = ")]
    return count


def test_any_module_of_ours_sets_it_before_torch_is_loaded() -> None:
    done = run("-c", "import sparring.core.hardware, os; print(os.environ['GOMP_SPINCOUNT'])", **{openmp.SHORT: "1"})
    assert told(done) == str(openmp.SPIN_COUNT) != LIBRARYS_OWN
    assert done.stdout == f"{openmp.SPIN_COUNT}\n"  # so that processes that are started from here have it, too


def test_the_command_line_sets_it() -> None:
    assert told(run("-m", "sparring", "recipes", **{openmp.SHORT: "1"})) == str(openmp.SPIN_COUNT)


@pytest.mark.parametrize(
    ("settings", "count"),
    [
        ({}, LIBRARYS_OWN),
        ({"GOMP_SPINCOUNT": "77"}, "77"),
        ({"OMP_WAIT_POLICY": "passive"}, "0"),
        ({openmp.SHORT: "1"}, str(openmp.SPIN_COUNT)),
        ({openmp.SHORT: "0"}, LIBRARYS_OWN),
    ],
    ids=["default", "own count", "own policy", "turned on", "not turned on"],
)
def test_what_was_chosen_stays(settings: dict[str, str], count: str) -> None:
    assert told(run("-c", f"import sparring\n{LOAD_THE_LIBRARY}", **settings)) == count


def test_training_says_once_that_torch_was_loaded_first_if_there_are_threads_that_wait(squares: Path, tmp_path: Path) -> None:
    done = run("-c", TRAIN, str(squares), str(tmp_path), **{openmp.SHORT: "1"})
    assert told(done) == LIBRARYS_OWN
    assert [part.count("GOMP_SPINCOUNT=") for part in done.stdout.split("END")] == [0, 1, 0, 0]


@pytest.fixture
def unset(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment in which nothing was chosen, and a process in which nothing was said."""
    for variable in (*openmp.VARIABLES, openmp.SHORT):
        monkeypatch.setenv(variable, "")  # so that whatever the test sets is undone
        monkeypatch.delenv(variable)
    monkeypatch.setattr(openmp, "_UNSAID", ["late"])
    return monkeypatch


@pytest.mark.parametrize(("variable", "value"), [("GOMP_SPINCOUNT", "77"), ("OMP_WAIT_POLICY", "active"), (openmp.SHORT, "1"), (None, "")])
def test_nothing_is_said_where_nothing_was_asked_for(unset: pytest.MonkeyPatch, variable: str | None, value: str) -> None:
    if variable is not None:
        unset.setenv(variable, value)
    said: list[str] = []
    openmp.remark_once(said.append)
    assert said == (["late"] if variable == openmp.SHORT else [])  # torch is loaded in this process


def test_elsewhere_nothing_is_set(unset: pytest.MonkeyPatch) -> None:
    unset.setattr(sys, "platform", "darwin")
    unset.delitem(sys.modules, "torch")
    assert openmp.shorten_waiting() == "elsewhere"
    assert "GOMP_SPINCOUNT" not in os.environ
