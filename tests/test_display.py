"""What is shown while a game is played, on terminals of several widths."""

import io
import math
from unittest.mock import Mock

import pytest
from rich.console import Console

from sparring.core.parallel_map import progress_bar
from sparring.training.callbacks.log import Log
from sparring.training.callbacks.progress_bar import ProgressBar, clock, fitting
from sparring.training.callbacks.throughput import Throughput
from sparring.training.settings import TrainSettings
from sparring.training.state import Progress, State

LOSSES = {"loss/discriminator/real": 0.25, "loss/discriminator/generated": 0.5, "loss/generator/fooling": 1.5, "norm/generator": 9.0}


def shown(width: int, monkeypatch: pytest.MonkeyPatch, *, terminal: bool = True, latest: dict[str, float] = LOSSES) -> str:
    """What stands after a quarter of a run, one minute after its beginning."""
    console = Console(file=io.StringIO(), width=width, force_terminal=terminal, color_system=None)
    clock = Mock(**{"monotonic.return_value": 1000.0})
    monkeypatch.setattr("sparring.training.callbacks.progress_bar.time", clock)
    display = ProgressBar(
        console, TrainSettings(steps=400), Mock(spec=Log, latest=latest), Mock(spec=Throughput, samples_per_second=1234.25)
    )
    for now, step in ((1000.0, 0), (1060.0, 100)):
        clock.monotonic.return_value = now
        display.on_step_end(Mock(spec=State, progress=Progress(step=step, real_samples=step * 128)), {})
    written = console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue] (it is the one above)
    display.close()
    return written.strip().splitlines()[-1].split("\r")[-1].removeprefix("\x1b[2K")


@pytest.mark.parametrize(
    ("width", "there", "gone"),
    [
        (40, ["25%", "3:00 left"], ["generator"]),
        (60, ["25%", "3:00 left", "1,234 samples/s"], ["generator", "12,800 samples"]),
        (80, ["25%", "3:00 left", "1,234 samples/s", "step 100"], ["12,800 samples"]),
        (120, ["3:00 left", "step 100", "discriminator 0.750  generator 1.500", "12,800 samples"], ["norm"]),
    ],
)
def test_the_time_that_is_left_is_the_last_to_go(width: int, there: list[str], gone: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    line = shown(width, monkeypatch)
    assert all(words in line for words in there), line
    assert not any(words in line for words in gone), line
    assert len(line.rstrip()) <= width


def test_elsewhere_than_on_a_terminal_nothing_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    line = shown(40, monkeypatch, terminal=False)
    assert line == "25%  3:00 left  1,234 samples/s  step 100  discriminator 0.750  generator 1.500  12,800 samples"
    assert "left  1,234 samples/s  step 100  12,800" in shown(40, monkeypatch, terminal=False, latest={})


def test_parts_fit() -> None:
    assert fitting(["abc", "de", "f"], 7) == ["abc", "de"]
    assert fitting(["abc", "de", "f"], 6) == ["abc"]
    assert fitting(["abc", "de", "f"], 10) == ["abc", "de", "f"]
    assert clock(math.inf) == "-"


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_a_bar_over_files_keeps_its_counts(width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb-but-not-so-called")
    with progress_bar("Looking at images (inception-v3-compat, float32)", 20_000, shown=True) as advance:
        advance(1_000)
    assert "1,000 of 20,000" in capsys.readouterr().err
