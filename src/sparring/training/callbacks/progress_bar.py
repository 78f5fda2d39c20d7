"""What a person sees while a game is played."""

import itertools
import math
import time
from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Column

from sparring.core.formatting import clock
from sparring.training.callbacks.callback import Callback, Metrics
from sparring.training.callbacks.log import Log
from sparring.training.callbacks.throughput import Throughput
from sparring.training.settings import TrainSettings
from sparring.training.state import State

BAR_SECONDS, LINE_SECONDS = 0.5, 15.0


class ProgressBar(Callback):
    """A progress bar on a terminal, a line now and then elsewhere: the time that is left, speed and losses."""

    def __init__(self, console: Console, settings: TrainSettings, log: Log, throughput: Throughput) -> None:
        self.console, self.settings, self.log, self.throughput = console, settings, log, throughput
        self.bar_width = max(8, min(40, console.width // 6))
        # Not refreshed by a thread of its own: that takes the interpreter's lock from the step in mid-flight.
        self.bar = Progress(
            BarColumn(self.bar_width),
            TextColumn("{task.description}", table_column=Column(no_wrap=True, overflow="crop")),
            console=console,
            transient=True,
            auto_refresh=False,
        )
        self.task = self.bar.add_task("starting", total=1.0)
        self.began: tuple[float, float] | None = None
        self.shown = time.monotonic()
        if console.is_terminal:
            self.bar.start()

    def on_step_end(self, state: State, metrics: Metrics) -> None:
        """Refresh the line if the last refresh is long enough ago."""
        now = time.monotonic()
        share = min(1.0, state.progress.share_of(self.settings))
        if self.began is None:
            self.began = (now, share)
        if now - self.shown < (BAR_SECONDS if self.console.is_terminal else LINE_SECONDS):
            return
        self.shown = now
        since, at = self.began
        left = (now - since) / (share - at) * (1 - share) if share > at else math.inf
        parts = self.parts(state, share, left)
        if self.console.is_terminal:
            text = "  ".join(fitting(parts, self.console.width - self.bar_width - 1))
            self.bar.update(self.task, completed=share, description=text, refresh=True)
        else:
            self.console.print("  ".join(parts), highlight=False, markup=False, soft_wrap=True)

    def parts(self, state: State, share: float, left: float) -> list[str]:
        """Parts of the line, the most important first. `share`: share of the budget that is used up; `left`: seconds of training left."""
        progress, speed = state.progress, self.throughput.samples_per_second
        rate = [f"{speed:,.0f} samples/s"] if math.isfinite(speed) else []
        time_left = [f"{clock(left)} left"] if math.isfinite(left) else []
        losses = [self.losses()] if self.log.latest else []
        return [f"{share:4.0%}", *time_left, *rate, f"step {progress.step:,}", *losses, f"{progress.real_samples:,} samples"]

    def losses(self) -> str:
        """The latest mean loss of each turn."""
        totals: dict[str, float] = {}
        for name, value in self.log.latest.items():
            kind, _, rest = name.partition("/")
            if kind == "loss":
                turn = rest.partition("/")[0]
                totals[turn] = totals.get(turn, 0.0) + value
        return "  ".join(f"{turn} {total:.3f}" for turn, total in totals.items())

    def close(self) -> None:
        """Remove the bar from the terminal."""
        if self.console.is_terminal:  # elsewhere rich would write an empty line
            self.bar.stop()


def fitting(parts: Sequence[str], width: int) -> list[str]:
    """The first parts that together fit into `width` columns, with two spaces between them."""
    ends = itertools.accumulate(len(part) + 2 for part in parts)
    return [part for part, end in zip(parts, ends, strict=True) if end - 2 <= width]
