"""One sitting of a run: from its last checkpoint, or its beginning, to the end of its budget or a request to stop."""

import contextlib
import logging
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from types import FrameType
from typing import Any

import torch
from lightning_fabric import Fabric
from rich.console import Console
from torch.utils.tensorboard.writer import SummaryWriter

from sparring.core.errors import NonFiniteError
from sparring.core.files import write_json
from sparring.core.hardware import core_count, has_fast_bfloat16, keep_freed_memory, refuse_absent_gpu, repeatable
from sparring.core.random_streams import stream_seed
from sparring.data.dataset import Data
from sparring.games.game import Game
from sparring.games.recipe import Recipe
from sparring.runs.run_directory import RunDirectory
from sparring.training import checkpoints
from sparring.training.callbacks.callback import Adviser
from sparring.training.callbacks.checkpointer import Checkpointer, Score
from sparring.training.callbacks.evaluator import Judge
from sparring.training.callbacks.health import HealthRecorder, Measurements
from sparring.training.callbacks.log import Log
from sparring.training.callbacks.progress_bar import Display, clock
from sparring.training.callbacks.samples import Samples, Sheet
from sparring.training.callbacks.throughput import Speed
from sparring.training.loop import Table, Watcher, play
from sparring.training.memory_shortage import shortage_said
from sparring.training.settings import TrainSettings
from sparring.training.state import Progress, State


@dataclass(frozen=True)
class Ending:
    """How a sitting ended."""

    reason: str
    """"budget" or "stopped"; "verdict" if the run's adviser asked for it."""
    progress: Progress
    """How far the run has come."""


def resolve(settings: TrainSettings) -> TrainSettings:
    """The settings with every "auto" replaced by what this machine has, so that a run is resumed as it was begun."""
    refuse_absent_gpu(settings.device)
    device = settings.device if settings.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    precision = settings.precision
    if precision == "auto":
        precision = "bfloat16" if has_fast_bfloat16(torch.device(device)) else "float32"
    return replace(settings, device=device, precision=precision, threads=settings.threads or core_count())


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Torch's random numbers start at `seed` in the block, and go on as before after it."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def first_state(recipe: Recipe, build: Callable[[], Game], seed: int) -> State:
    """The state before the first step: weights are a function of the seed."""
    with seeded(stream_seed(seed, "first weights", 0)):
        return State.fresh(build().train(), averaged=recipe.ema_samples > 0)


@contextlib.contextmanager
def stop_requests() -> Iterator[Callable[[], bool]]:
    """Gives a function that tells whether Ctrl-C (or SIGTERM) came. A second Ctrl-C interrupts at once."""
    asked = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        asked.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def machine_for(settings: TrainSettings) -> Iterator[Fabric]:
    """Lightning Fabric in the settings' precision, on their device and threads; the caller's torch is left as it was."""
    keep_freed_memory()
    threads = torch.get_num_threads()
    torch.set_num_threads(settings.threads)
    try:
        devices = [torch.cuda.current_device()] if settings.device == "cuda" else []
        with torch.random.fork_rng(devices=devices), repeatable(settings.device):
            yield fabric_for(settings)
    finally:
        torch.set_num_threads(threads)


def sit(
    run: RunDirectory,
    recipe: Recipe,
    build: Callable[[], Game],
    data: Data,
    settings: TrainSettings,
    score: Score | None,
    sheet: Sheet,
    measurements: Measurements,
    identity: dict[str, Any],
    console: Console,
    adviser: Adviser | None = None,
) -> Ending:
    """Play on from the newest whole checkpoint of `run` (from the beginning if there is none) until the budget is spent or Ctrl-C.

    `run` is locked and `settings` are resolved. `score` rates what is drawn: every `evaluate_every` steps, or else at each
    checkpoint. `sheet` draws it. `measurements` measure its health. `identity`: what every checkpoint of the run must agree on.
    `adviser`: what may end the sitting too. A NonFiniteError ends it with the last good checkpoint in place, unless the adviser knows
    what to do.
    """
    with shortage_said(run, recipe, settings), machine_for(settings) as fabric:
        state = first_state(recipe, build, settings.seed)
        for game in (state.game, state.ema):
            game.to(fabric.device)
        found = checkpoints.read_newest(run.checkpoints, say=console.print)
        if found is not None:
            state.restore(*found)
        writer = SummaryWriter(str(run.tensorboard), purge_step=state.progress.step + 1 if found else None, flush_secs=30)
        log, speed = Log(run, settings.log_every, writer), Speed(run, settings.log_every, writer)
        every = settings.evaluate_every if score is not None else None
        health = HealthRecorder(run, measurements)
        samples, checkpointer = (
            Samples(run, settings, sheet, writer),
            Checkpointer(run, settings, log, None if every else score, identity, adviser),
        )
        judges = [Judge(run, every, score, writer, checkpointer)] if every and score is not None else []
        run.sweep()
        run.ending.unlink(missing_ok=True)
        if found is not None:
            checkpointer.restore(state, found[1])
            log.restore(found[0], found[1]["log"])
            speed.restore(state.progress.step)
            for judge in judges:
                judge.restore(state.progress.step)
            health.restore(state)
            samples.restore(state.progress)
            at = f"step {state.progress.step:,} ({state.progress.real_samples:,} images, {clock(state.progress.seconds)} of training)"
            console.print(f"Going on from {at}.")
        else:
            run.log.unlink(missing_ok=True)
            run.timing.unlink(missing_ok=True)
            run.scores.unlink(missing_ok=True)
            health.begin()
            samples.restore(Progress())
            samples.draw(state)
        display = Display(console, settings, log, speed)
        # An adviser sees what the others wrote, and is saved with what it makes of it.
        watchers: list[Watcher] = [log, speed, health, samples, *([adviser] if adviser else []), *judges, checkpointer, display]
        try:
            reason = play_and_save(state, Table(data, recipe, settings, fabric), watchers, checkpointer, adviser)
            if reason == "budget":
                samples.draw(state)
        except NonFiniteError as problem:
            note_ending(run, state, problem)
            if adviser is None or not adviser.not_finite(state.progress):
                raise NonFiniteError(f"{problem}\n{remedy(checkpointer)}") from None
            reason = "verdict"
        finally:
            display.close()
            writer.close()
        if reason != "verdict":
            samples.timelapse()
        return Ending(reason, state.progress)


def play_and_save(state: State, table: Table, watchers: list[Watcher], checkpointer: Checkpointer, adviser: Adviser | None) -> str:
    """`play`, with a checkpoint at either end. It ends for a "verdict" too: when the adviser asks for it."""
    with stop_requests() as stop_asked:
        checkpointer.save(state)
        reason = play(state, table, watchers, lambda: stop_asked() or (adviser is not None and adviser.asks))
        if reason == "stopped" and not stop_asked():
            reason = "verdict"
        checkpointer.save(state)
    return reason


def note_ending(run: RunDirectory, state: State, problem: NonFiniteError) -> None:
    """Write down that the game is no longer finite."""
    write_json(run.ending, {"reason": "not finite", "step": state.progress.step, "message": str(problem)})


def remedy(checkpointer: Checkpointer) -> str:
    """What to do when a run is no longer finite."""
    where = "No checkpoint was written yet."
    if checkpointer.saved_step is not None:
        where = f"The last good checkpoint is that of step {checkpointer.saved_step:,}, in {checkpointer.folder}."
    return f"{where} Lower learning rates, or float32 in place of bfloat16, are the usual remedies: start a new run with them."


def fabric_for(settings: TrainSettings) -> Fabric:
    """Lightning Fabric on the device and in the precision of the settings."""
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    return Fabric(accelerator=settings.device, devices=1, precision="bf16-mixed" if settings.precision == "bfloat16" else "32-true")
