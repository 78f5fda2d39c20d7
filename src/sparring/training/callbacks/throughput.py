"""timing.jsonl: how fast training is, and how much memory it takes."""

import json
import math
import os
from pathlib import Path

from sparring.core.jsonl import cut_back
from sparring.training.callbacks.callback import Callback, Metrics
from sparring.training.callbacks.tensorboard import TensorBoard
from sparring.training.state import State


class Throughput(Callback):
    """Real samples per second and memory, at the log's steps."""

    def __init__(self, path: Path, every: int, board: TensorBoard) -> None:
        self.path, self.every, self.board = path, every, board
        self.last: tuple[float, int] | None = None
        self.samples_per_second = math.nan

    def on_start(self, state: State) -> None:
        """Drop lines of later steps, and one that was cut off."""
        cut_back(self.path, state.progress.step)

    def on_step_end(self, state: State, metrics: Metrics) -> None:
        """Write a line if it is time."""
        progress = state.progress
        if self.last is None:
            self.last = (progress.seconds, progress.real_samples)
        if progress.step % self.every:
            return
        now, (since, samples) = progress.seconds, self.last
        self.last = (now, progress.real_samples)
        if progress.real_samples == samples:
            return
        self.samples_per_second = (progress.real_samples - samples) / (now - since)
        line = {"step": progress.step, "seconds": round(progress.seconds, 3), "samples_per_second": round(self.samples_per_second, 2)}
        if resident := resident_mebibytes():
            line["resident_mebibytes"] = resident
        if progress.evaluation_seconds:
            line["evaluation_share"] = round(progress.evaluation_seconds / (progress.evaluation_seconds + progress.seconds), 4)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        self.board.scalar("samples_per_second", self.samples_per_second, progress.step)


def resident_mebibytes() -> int | None:
    """Memory that this process holds, in MiB; None where the system does not tell (other than Linux)."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") // 2**20
