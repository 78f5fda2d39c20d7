"""Runs that are cut short in every way must end as if they had never been: see also benchmarks/kills.py."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from rich.console import Console

import sparring
from sparring.core.errors import ProcessLostError
from sparring.core.jsonl import read_lines
from sparring.runs import several_processes
from sparring.runs.run_directory import RunDirectory
from sparring.training import checkpoints
from sparring.training.loop import TurnRunner
from support.runs import flipped, kept, same_run
from support.tiny import TINY

needs_kill = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")


def forget_after(run: Path, step: int) -> None:
    """As if the run had been killed before any checkpoint later than `step`."""
    checkpoints.remove_after(RunDirectory(run).checkpoints, step)
    assert kept(run)[-1] == step


def seconds_of_last(run: Path) -> float:
    folder = RunDirectory(run).checkpoints
    return checkpoints.read_facts(folder, kept(run)[-1])["progress"]["seconds"]


def timing_of(run: Path) -> list[dict[str, float]]:
    """Every line of timing.jsonl; an error if one is torn."""
    text = RunDirectory(run).timing.read_text()
    assert text.endswith("\n")
    return read_lines(RunDirectory(run).timing)


def assert_side_files_agree(run: Path, whole: Path) -> None:
    """Nothing beside the log and the checkpoints tells of the interruption but speed."""
    images = [{path.name: path.read_bytes() for path in RunDirectory(each).samples.iterdir()} for each in (run, whole)]
    assert sorted(images[0]) == sorted(images[1])
    assert images[0] == images[1]
    steps = [line["step"] for line in timing_of(run)]
    assert all(before < after for before, after in itertools.pairwise(steps)), steps
    assert steps[-1] == timing_of(whole)[-1]["step"]
    assert [path for path in run.rglob("*") if path.name.endswith(".tmp")] == []


# -------------------------------------------------------------------------- what a kill leaves, by hand


@pytest.mark.parametrize(("threads", "log_every"), [(1, 1), (2, 7)])
def test_a_log_ahead_of_the_checkpoint_is_taken_back(
    tmp_path: Path, squares: Path, quiet: Console, tiny: dict[str, object], threads: int, log_every: int
) -> None:
    """Step 22 is none that the whole run saves at: what is left of its checkpoint must not stay among the good ones."""
    common = {**tiny, "data": squares, "console": quiet, "checkpoint_every": 5, "keep": 9, "threads": threads, "log_every": log_every}
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    sparring.train("dcgan", out=whole, steps=25, **common)
    sparring.train("dcgan", out=parts, steps=22, **common)
    folder = RunDirectory(parts).checkpoints
    for step in (15, 20):
        checkpoints.remove(folder, step)
    flipped(folder / "step-000000022.safetensors")
    assert kept(parts) == [0, 5, 10, 22]
    assert RunDirectory(parts).read_log()[-1]["step"] > 20
    sparring.resume(parts, steps=25, console=quiet)
    assert "Resuming at step 10 " in quiet.file.getvalue()
    assert same_run(parts, whole)
    assert kept(parts) == kept(whole) == [0, 5, 10, 15, 20, 25]


def test_stale_side_files_go(tmp_path: Path, squares: Path, quiet: Console, tiny: dict[str, object]) -> None:
    common = {**tiny, "data": squares, "console": quiet, "checkpoint_every": 5, "keep": 9, "log_every": 2, "sample_every": 4}
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    sparring.train("dcgan", out=whole, steps=24, **common)
    sparring.train("dcgan", out=parts, steps=22, **common)
    run = RunDirectory(parts)
    forget_after(parts, 10)
    with run.timing.open("a") as file:
        file.write('{"step": 24, "sec')
    for place in (run.path / ".config.json", run.samples / ".step-000000024.png", run.checkpoints / ".step-000000025.safetensors"):
        place.with_name(f"{place.name}.0abc.tmp").write_bytes(b"half")
    sparring.resume(parts, steps=24, console=quiet)
    assert same_run(parts, whole)
    assert_side_files_agree(parts, whole)
    assert [line["step"] for line in timing_of(parts)][:5] == [2, 4, 6, 8, 10]


# --------------------------------------------------------------------------------------------- SIGKILL

WORST = {"steps": 18, "checkpoint_every": 5, "sample_every": 4, "keep": 9, **TINY}

BOMB = """
import json, os, signal, sys
import sparring
from sparring.training import checkpoints, session

def killing(function, call, just_before):
    calls = []
    def bomb(*arguments):
        calls.append(arguments)
        if len(calls) == call:
            just_before(*arguments)
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments)
    return bomb

def half(path, tensors):
    save_tensors(path, tensors)
    os.truncate(path, os.path.getsize(path) // 2)

save_tensors = checkpoints.save_tensors
data, folder, settings = sys.argv[1:]
for moment, name, bomb in [
    ("before the first", "write", killing(checkpoints.write, 1, lambda *_: None)),
    ("tensors half written", "save_tensors", killing(save_tensors, 4, half)),
    ("tensors without facts", "write_json", killing(checkpoints.write_json, 4, lambda *_: None)),
]:
    child = os.fork()
    if not child:
        setattr(checkpoints, name, bomb)
        sparring.train("dcgan", data, os.path.join(folder, moment), **json.loads(settings))
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL, moment
"""
"""Three runs in processes that kill themselves at a checkpoint's worst moments, two of them in that of step 15."""


@pytest.fixture(scope="module")
def killed_runs(squares: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("killed")
    environment = {**os.environ, "SPARRING_CACHE": str(folder / "cache")}
    subprocess.run([sys.executable, "-c", BOMB, squares, folder, json.dumps(WORST)], env=environment, stdout=subprocess.DEVNULL, check=True)
    return folder


@pytest.fixture(scope="module")
def worst_whole(squares: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that they must equal once they are resumed."""
    run = tmp_path_factory.mktemp("whole") / "run"
    sparring.train("dcgan", data=squares, out=run, console=Console(quiet=True), **WORST)
    return run


def before_the_first(folder: Path) -> bool:
    return not folder.exists() and (folder.parent / "config.json").exists()


def half_written(folder: Path) -> bool:
    return len(list(folder.glob(".step-000000015.*.tmp"))) == 1 and not (folder / "step-000000015.safetensors").exists()


def without_facts(folder: Path) -> bool:
    return (folder / "step-000000015.safetensors").exists() and not (folder / "step-000000015.json").exists()


@needs_kill
@pytest.mark.parametrize(
    ("moment", "as_said", "last"),
    [
        ("before the first", before_the_first, []),
        ("tensors half written", half_written, [0, 5, 10]),
        ("tensors without facts", without_facts, [0, 5, 10]),
    ],
)
def test_killed_at_the_worst_moment(
    quiet: Console, killed_runs: Path, worst_whole: Path, moment: str, as_said: Callable[[Path], bool], last: list[int]
) -> None:
    killed = killed_runs / moment
    assert as_said(RunDirectory(killed).checkpoints)
    assert kept(killed) == last
    sparring.resume(killed, console=quiet)
    assert ("Resuming at step 10 " in quiet.file.getvalue()) == bool(last)
    assert same_run(killed, worst_whole)
    assert kept(killed) == kept(worst_whole) == [0, 5, 10, 15, 18]
    assert_side_files_agree(killed, worst_whole)


@needs_kill
def test_killed_from_outside_three_times(tmp_path: Path, squares: Path, quiet: Console, tiny: dict[str, object]) -> None:
    """The command itself: killed as soon as its log has lines, in the writing of a checkpoint, and some steps later."""
    settings = {**tiny, "steps": 90, "checkpoint_every": 4, "sample_every": 9}
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    run = RunDirectory(killed)
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
    resuming: list[object] = ["resume", killed]

    def half_written_found(since: int) -> bool:
        """Given up after two seconds of play."""
        if not kept(killed)[-1] > since:
            return False
        give_up = time.monotonic() + 2
        while time.monotonic() < give_up:
            if any(run.checkpoints.glob(".step-*.tmp")):
                return True
        return True

    commands = [["train", "dcgan", f"--data={squares}", f"--out={killed}", *flags], resuming, resuming]
    moments: list[Callable[[int], bool]] = [
        lambda _: len(run.read_log()) >= 3,
        half_written_found,
        lambda since: len(run.read_log()) * settings["log_every"] > since + 10,
    ]
    since = 0
    for arguments, reached in zip(commands, moments, strict=True):
        process = subprocess.Popen([sys.executable, "-m", "sparring", *arguments], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline and not reached(since):
            time.sleep(0.001)
        process.kill()
        assert process.wait() == -signal.SIGKILL, "it ended before it could be killed"
        assert since < kept(killed)[-1] < settings["steps"]
        since = kept(killed)[-1]
    subprocess.run([sys.executable, "-m", "sparring", *resuming], stdout=subprocess.DEVNULL, check=True)
    sparring.train("dcgan", data=squares, out=whole, console=quiet, **settings)
    assert same_run(killed, whole)
    assert kept(killed)[-1] == kept(whole)[-1] == settings["steps"]
    assert_side_files_agree(killed, whole)


# ---------------------------------------------------------------------------------------------- minutes


class Clock:
    """The loop's clock, which only turns move: an eighth of a second each, so a step of DCGAN takes a quarter."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        take = TurnRunner.run

        def taken(*arguments: object) -> object:
            self.now += 0.125
            return take(*arguments)

        monkeypatch.setattr(TurnRunner, "run", taken)
        monkeypatch.setattr("sparring.training.loop.time", SimpleNamespace(monotonic=lambda: self.now))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@needs_kill
def test_a_process_that_is_killed_ends_training_and_the_run_goes_on_exactly(
    squares: Path, tmp_path: Path, quiet: Console, tiny: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    common = {"data": squares, "console": quiet, "parts": 2, "checkpoint_every": 2, **tiny}
    started: list[subprocess.Popen[bytes]] = []
    start, play = subprocess.Popen, TurnRunner.run

    def kept(*arguments: object, **options: object) -> subprocess.Popen[bytes]:
        started.append(start(*arguments, **options))  # pyright: ignore[reportCallIssue, reportArgumentType]
        return started[-1]

    def killing(self: TurnRunner, state: object, *arguments: object) -> dict[str, list[torch.Tensor]]:
        if state.progress.step == 3 and started[-1].poll() is None:  # pyright: ignore[reportAttributeAccessIssue]
            started[-1].kill()
            started[-1].wait()
        return play(self, state, *arguments)  # pyright: ignore[reportArgumentType]

    sparring.train("dcgan", out=tmp_path / "whole", steps=5, **common)
    with monkeypatch.context() as patch:
        patch.setattr(several_processes.subprocess, "Popen", kept)
        patch.setattr(TurnRunner, "run", killing)
        with pytest.raises(ProcessLostError, match="sparring resume"):
            sparring.train("dcgan", out=tmp_path / "killed", steps=5, devices=2, **common)
    sparring.resume(tmp_path / "killed", devices=1, console=quiet)
    assert same_run(tmp_path / "whole", tmp_path / "killed")


def test_minutes_are_counted_over_all_sittings(
    tmp_path: Path, squares: Path, quiet: Console, tiny: dict[str, object], clock: Clock
) -> None:
    """0.02 minutes are 1.2 s, so step 5 at 1.25 s is the first beyond them; 0.045 minutes are 2.7 s: step 11 at 2.75 s."""
    run = tmp_path / "run"
    model = sparring.train("dcgan", data=squares, out=run, minutes=0.02, console=quiet, **tiny)
    assert (model.ending.reason, kept(run)[-1], seconds_of_last(run)) == ("budget", 5, 1.25)
    clock.now += 86_400
    model = sparring.resume(run, minutes=0.045, console=quiet)
    assert (model.ending.reason, kept(run)[-1], seconds_of_last(run)) == ("budget", 11, 2.75)


def test_a_real_clock_ends_a_run_near_its_minutes(tmp_path: Path, squares: Path, quiet: Console, tiny: dict[str, object]) -> None:
    run = tmp_path / "run"
    began = time.monotonic()
    sparring.train("dcgan", data=squares, out=run, minutes=0.02, console=quiet, **tiny)
    assert 1.2 <= seconds_of_last(run) <= min(time.monotonic() - began, 2.4)
    assert kept(run)[-1] >= 3


def test_checkpoints_by_minutes(tmp_path: Path, squares: Path, quiet: Console, tiny: dict[str, object], clock: Clock) -> None:
    """One a second, which is every fourth step, counted from the last one, be it that of an earlier sitting."""
    run = tmp_path / "run"
    sparring.train("dcgan", data=squares, out=run, steps=10, checkpoint_minutes=1 / 60, keep=20, console=quiet, **tiny)
    assert kept(run) == [0, 4, 8, 10]
    clock.now += 86_400
    sparring.resume(run, steps=19, console=quiet)
    assert kept(run) == [0, 4, 8, 10, 14, 18, 19]
