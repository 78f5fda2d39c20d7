"""What is written while a game is played: the log, speed, sample grids, TensorBoard, checkpoints."""

import json
import math
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image
from tensorboard.compat.proto.summary_pb2 import Summary  # pyright: ignore[reportAttributeAccessIssue] (made at run time)
from torch import Tensor
from torch.utils.tensorboard.writer import SummaryWriter

from sparring.core.errors import CheckpointError, NonFiniteError, listed
from sparring.core.files import write_bytes
from sparring.core.pictures import png, save_gif
from sparring.core.runs import RunDirectory
from sparring.game import Game
from sparring.train import checkpoints
from sparring.train.loop import Signals, Watcher
from sparring.train.settings import COACHING, MACHINE, TrainSettings
from sparring.train.state import Progress, State, select

FRAMES_A_DOUBLING = 4
FIRST_FRAME_IMAGES = 4000
TIMELAPSE_WIDTH = 400

Score = Callable[[Game], dict[str, Any]]
"""Rates a game by its pictures: "value", lower is better, and the protocol it was found by."""
Sheet = Callable[[Game], UInt8[np.ndarray, "h w c"]]
"""Draws what a game can do as one picture."""


class Log:
    """log.jsonl: the mean of every signal over the steps since the last line, and the learning rates. It holds nothing
    that depends on time, so an interrupted run's log is the same to the byte as one that was never interrupted.
    """

    def __init__(self, run: RunDirectory, every: int, writer: SummaryWriter) -> None:
        self.path, self.every, self.writer = run.log, every, writer
        self.waiting: Signals = {}
        self.sums: dict[str, float] = {}
        self.counts: dict[str, int] = {}
        self.latest: dict[str, float] = {}

    def after_step(self, state: State, signals: Signals) -> None:
        """Take note, and write a line if it is time."""
        for name, values in signals.items():
            self.waiting.setdefault(name, []).extend(values)
        progress = state.progress
        if progress.step % self.every:
            return
        self.add_up()
        rates = {f"rate/{player}": optimiser.param_groups[0]["lr"] for player, optimiser in state.optimisers.items()}
        self.latest = {name: self.sums[name] / self.counts[name] for name in sorted(self.sums)} | rates
        self.sums, self.counts = {}, {}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": progress.step, "images": progress.images, **self.latest}) + "\n")
        for name, value in self.latest.items():
            self.writer.add_scalar(name, value, progress.step)

    def add_up(self) -> None:
        """Take what waits into the sums: many steps at once, for a step has better things to do. The sums are the same, to the
        bit, whenever it is done: a mean for each value, added in their order.
        """
        for name, values in self.waiting.items():
            for value in torch.stack(values).cpu().double().numpy().reshape(len(values), -1):
                self.sums[name] = self.sums.get(name, 0.0) + float(value.mean())
            self.counts[name] = self.counts.get(name, 0) + len(values)
        self.waiting = {}

    def tensors(self) -> dict[str, Tensor]:
        """The sums of the line in the making, for a checkpoint."""
        self.add_up()
        return {f"log/{name}": torch.tensor(value, dtype=torch.float64) for name, value in self.sums.items()}

    def facts(self) -> dict[str, Any]:
        """How long the log is, synced to the disk, and the counts of the line in the making."""
        with self.path.open("ab") as file:
            os.fsync(file.fileno())
            return {"bytes": file.tell(), "counts": self.counts}

    def restore(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Go back to where a checkpoint was written. A CheckpointError if the log has lost lines since."""
        self.waiting, self.counts = {}, facts["counts"]
        self.sums = {name: value.item() for name, value in select(tensors, "log/")}
        size = self.path.stat().st_size if self.path.exists() else 0
        if size < facts["bytes"]:
            raise CheckpointError(
                f"{self.path} has {size} bytes, and had {facts['bytes']} at the last checkpoint: restore it, or lines are lost."
            )
        os.truncate(self.path, facts["bytes"])


class Speed:
    """timing.jsonl: pictures a second and memory, at the log's steps."""

    def __init__(self, run: RunDirectory, every: int, writer: SummaryWriter) -> None:
        self.path, self.every, self.writer = run.timing, every, writer
        self.last: tuple[float, int] | None = None
        self.images_per_second = math.nan

    def after_step(self, state: State, signals: Signals) -> None:
        """Write a line if it is time."""
        progress = state.progress
        if self.last is None:
            self.last = (progress.seconds, progress.images)
        if progress.step % self.every:
            return
        now, (since, images) = progress.seconds, self.last
        self.last = (now, progress.images)
        if progress.images == images:
            return
        self.images_per_second = (progress.images - images) / (now - since)
        line = {"step": progress.step, "seconds": round(progress.seconds, 3), "images_per_second": round(self.images_per_second, 2)}
        if resident := resident_mebibytes():
            line["resident_mebibytes"] = resident
        if progress.judging_seconds:
            line["judging_share"] = round(progress.judging_seconds / (progress.judging_seconds + progress.seconds), 4)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        self.writer.add_scalar("images_per_second", self.images_per_second, progress.step)

    def restore(self, step: int) -> None:
        """Drop the lines of later steps, and one that was cut off."""
        drop_later(self.path, step)


def drop_later(path: Path, step: int) -> None:
    """Take from a file with a JSON object a line those of later steps, and one that was cut off."""
    if path.exists():
        try:
            lines = path.read_text(encoding="utf-8").split("\n")[:-1]
            kept = [line for line in lines if json.loads(line)["step"] <= step]
        except (ValueError, KeyError, TypeError) as problem:
            raise CheckpointError(f"{path} is damaged ({problem}): mend it, or move it away.") from None
        write_bytes(path, "".join(f"{line}\n" for line in kept).encode())


def resident_mebibytes() -> int | None:
    """Memory that this process holds, where the system tells (Linux)."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") // 2**20


def frame_number(images: int) -> int:
    """Grows by one four times for every doubling of the pictures shown: early pictures change fastest."""
    return math.floor(FRAMES_A_DOUBLING * math.log2(1 + images / FIRST_FRAME_IMAGES))


class Samples:
    """samples/step-N.png: what the averaged game draws, of the same latents or pictures throughout."""

    def __init__(self, run: RunDirectory, settings: TrainSettings, sheet: Sheet, writer: SummaryWriter) -> None:
        self.folder, self.settings, self.sheet, self.writer = run.samples, settings, sheet, writer
        self.last_images = 0

    def after_step(self, state: State, signals: Signals) -> None:
        """Draw a grid if it is time."""
        progress, every = state.progress, self.settings.sample_every
        before, self.last_images = self.last_images, progress.images
        if progress.step % every == 0 if every else frame_number(progress.images) > frame_number(before):
            self.draw(state)

    def draw(self, state: State) -> None:
        """Draw a grid now."""
        sheet = self.sheet(state.average)
        height, width, channels = sheet.shape
        file = png(sheet)
        write_bytes(self.folder / f"{self.stem(state.progress.step)}.png", file)
        # `SummaryWriter.add_image` would encode it once more.
        image = Summary.Image(height=height, width=width, colorspace=channels, encoded_image_string=file)
        self.writer.file_writer.add_summary(Summary(value=[Summary.Value(tag="samples", image=image)]), state.progress.step)  # pyright: ignore[reportOptionalMemberAccess]

    def restore(self, progress: Progress) -> None:
        """Drop the grids of later steps."""
        self.last_images = progress.images
        for path in self.folder.glob("step-*.png"):
            if path.stem > self.stem(progress.step):
                path.unlink()

    @staticmethod
    def stem(step: int) -> str:
        """The name of a step's grid: in order of the alphabet too."""
        return f"step-{step:09d}"

    def timelapse(self) -> Path | None:
        """Join all grids, made smaller, into samples/timelapse.gif."""
        frames = []
        for path in sorted(self.folder.glob("step-*.png")):
            with Image.open(path) as picture:
                smaller = picture.reduce(-(-picture.width // TIMELAPSE_WIDTH))
                frames.append(np.atleast_3d(np.array(smaller)))
        if len(frames) < 2:
            return None
        target = self.folder / "timelapse.gif"
        save_gif(frames, target, frames_per_second=6, hold_last=3)
        return target


@runtime_checkable
class Adviser(Watcher, Protocol):
    """A watcher that may end a sitting to change how the run is trained: a coach. What it knows is in every checkpoint."""

    @property
    def healthy(self) -> Sequence[int]:
        """The steps whose checkpoints it may want to go back to: they are written, and kept."""
        ...

    @property
    def asks(self) -> bool:
        """Whether the sitting shall end now."""
        ...

    def not_finite(self, progress: Progress) -> bool:
        """Told that the game is no longer finite (ending.json says why). Whether it knows what to do."""
        ...

    def facts(self) -> dict[str, Any]:
        """What it must remember, for a checkpoint."""
        ...

    def restore(self, facts: dict[str, Any]) -> None:
        """Take up what a checkpoint remembers."""
        ...


class Keeper:
    """checkpoints/: the newest few, the best by the score that is handed in (lower is better), and those that an adviser wants."""

    def __init__(
        self,
        run: RunDirectory,
        settings: TrainSettings,
        log: Log,
        score: Score | None,
        identity: dict[str, Any],
        adviser: Adviser | None = None,
    ) -> None:
        self.folder, self.settings, self.log, self.score, self.identity = run.checkpoints, settings, log, score, identity
        self.adviser = adviser
        self.last_seconds = 0.0
        self.saved_step: int | None = None

    def after_step(self, state: State, signals: Signals) -> None:
        """Save if it is time."""
        progress, every = state.progress, self.settings.checkpoint_every
        due = progress.step % every == 0 if every else progress.seconds - self.last_seconds >= 60 * self.settings.checkpoint_minutes
        if due or progress.step in self.wanted:
            self.save(state)

    @property
    def wanted(self) -> Sequence[int]:
        """Steps whose checkpoints the adviser wants."""
        return () if self.adviser is None else self.adviser.healthy

    def save(self, state: State, score: dict[str, Any] | None = None) -> None:
        """Write a checkpoint now, if this step has none yet, with `score` if it has been judged, and delete those no longer wanted."""
        step = state.progress.step
        if self.saved_step == step:
            return
        tensors = self.finite_tensors(state)
        facts: dict[str, Any] = {**state.facts(), "identity": self.identity, "log": self.log.facts()}
        if self.adviser is not None:
            facts |= self.adviser.facts()
        if score is None and self.score is not None:
            score = self.score(state.average)
        if score is not None:
            facts["score"] = score
        checkpoints.write(self.folder, step, tensors, facts)
        checkpoints.prune(self.folder, self.settings.keep, self.wanted)
        self.last_seconds, self.saved_step = state.progress.seconds, step

    def finite_tensors(self, state: State) -> dict[str, Tensor]:
        """All that a checkpoint holds; a NonFiniteError if anything in it is not finite."""
        tensors = state.tensors() | self.log.tensors()
        if bad := [name for name, tensor in tensors.items() if not tensor.isfinite().all()]:
            raise NonFiniteError(
                f"After step {state.progress.step}, these are no longer finite: {', '.join(bad)}. No checkpoint was written."
            )
        return tensors

    def restore(self, state: State, facts: dict[str, Any]) -> None:
        """Go on from a checkpoint. A CheckpointError names every setting in which it is not of this run."""
        before = {name: value for name, value in facts["identity"].items() if name not in (*COACHING, *MACHINE)}  # older ones have them
        names = sorted(name for name in before.keys() | self.identity.keys() if before.get(name) != self.identity.get(name))
        if names:
            problems = [f"{name}: {before.get(name)!r} in the checkpoint, {self.identity.get(name)!r} in config.json" for name in names]
            raise CheckpointError(listed("config.json was altered since the last checkpoint:", problems))
        if self.adviser is not None:
            self.adviser.restore(facts)
        checkpoints.remove_after(self.folder, state.progress.step)
        self.last_seconds, self.saved_step = state.progress.seconds, state.progress.step


class Judge:
    """scores.jsonl: the moving average judged in every so many steps, and a checkpoint with each judgement."""

    def __init__(self, run: RunDirectory, every: int, score: Score, writer: SummaryWriter, keeper: Keeper) -> None:
        self.path, self.every, self.score, self.writer, self.keeper = run.scores, every, score, writer, keeper

    def after_step(self, state: State, signals: Signals) -> None:
        """Judge if it is time. What it takes is not counted as training."""
        progress = state.progress
        if progress.step % self.every:
            return
        began = time.monotonic()
        self.keeper.finite_tensors(state)  # what is not finite has no score
        found = self.score(state.average)
        progress.judging_seconds += time.monotonic() - began
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": progress.step, "images": progress.images, **found}) + "\n")
            file.flush()
            os.fsync(file.fileno())  # a checkpoint of this step must not outlive its line
        self.writer.add_scalar(found["name"], found["value"], progress.step)
        self.keeper.save(state, found)

    def restore(self, step: int) -> None:
        """Drop the judgements of later steps, and one that was cut off."""
        drop_later(self.path, step)
