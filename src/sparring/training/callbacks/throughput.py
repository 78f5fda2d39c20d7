"""timing.jsonl: how fast training is, and how much memory it takes."""

import json
import math
import os
from pathlib import Path

from torch.utils.tensorboard.writer import SummaryWriter

from sparring.core.jsonl import drop_later
from sparring.runs.run_directory import RunDirectory
from sparring.training.loop import Signals
from sparring.training.state import State


class Speed:
    """timing.jsonl: images a second and memory, at the log's steps."""

    def __init__(self, run: RunDirectory, every: int, writer: SummaryWriter) -> None:
        self.path, self.every, self.writer = run.timing, every, writer
        self.last: tuple[float, int] | None = None
        self.samples_per_second = math.nan

    def after_step(self, state: State, signals: Signals) -> None:
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
        self.writer.add_scalar("samples_per_second", self.samples_per_second, progress.step)

    def restore(self, step: int) -> None:
        """Drop the lines of later steps, and one that was cut off."""
        drop_later(self.path, step)


def resident_mebibytes() -> int | None:
    """Memory that this process holds, where the system tells (Linux)."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") // 2**20
