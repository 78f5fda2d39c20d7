"""One session of a run: from its last checkpoint, or its beginning, to the end of its budget or a request to stop."""

import contextlib
import logging
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Literal

import torch
from lightning_fabric import Fabric
from rich.console import Console

from sparring.core.atomic_files import write_json
from sparring.core.errors import NonFiniteError
from sparring.core.formatting import clock
from sparring.core.hardware import core_count, has_fast_bfloat16, keep_freed_memory, refuse_absent_gpu, repeatable
from sparring.core.random_streams import stream_seed
from sparring.data.dataset import Dataset, PrivateDataset
from sparring.games.game import Game
from sparring.games.recipe import Recipe
from sparring.training import checkpoints
from sparring.training.callbacks.callback import Callback, InterveningCallback
from sparring.training.callbacks.checkpointer import Checkpointer
from sparring.training.loop import TrainingContext, train
from sparring.training.memory_shortage import shortage_explained
from sparring.training.private_gradients import PrivateTraining, private_training
from sparring.training.processes import ALONE, Processes, way_on_named
from sparring.training.settings import TrainSettings
from sparring.training.state import Progress, State

EndReason = Literal["budget", "stopped", "intervention"]


@dataclass(frozen=True)
class SessionResult:
    """How a session ended."""

    reason: EndReason
    """"budget": it is used up. "stopped": Ctrl-C. "intervention": a coach wants to change the run."""
    progress: Progress
    """How far the run has come."""


@dataclass(frozen=True, kw_only=True)
class Session:
    """A game to train, on what data, and what happens meanwhile. `settings` are resolved (see `resolve`)."""

    recipe: Recipe
    build: Callable[[], Game]
    """Makes the game, with fresh weights from torch's random numbers."""
    data: Dataset
    settings: TrainSettings
    callbacks: Sequence[Callback]
    """In the order in which they are called. A Checkpointer among them makes the run one that can be resumed."""
    begin_with: Callable[[State], None] | None = None
    """Gives a state before its first step other weights than random ones (transfer learning)."""
    ending: Path | None = None
    """ending.json: where it is written that training is no longer finite."""
    resume_command: str = ""
    """The command that goes on with the run, for messages."""
    processes: Processes = ALONE
    """Who plays the parts of each batch."""

    def run(self, console: Console) -> SessionResult:
        """Train from the newest whole checkpoint (from the beginning if there is none) until the budget is used up, Ctrl-C, or an
        intervention. A NonFiniteError ends it with the last good checkpoint in place, unless a coach knows what to do. A
        MemoryShortageError says what would fit.
        """
        checkpointer = next((callback for callback in self.callbacks if isinstance(callback, Checkpointer)), None)
        coach = next((callback for callback in self.callbacks if isinstance(callback, InterveningCallback)), None)

        def resumable() -> str:
            return self.resume_command if checkpointer is not None and any(checkpoints.steps(checkpointer.folder)) else ""

        with (
            shortage_explained(self.recipe, self.settings, resumable),
            way_on_named(resumable),
            machine_for(self.settings, self.processes.local_rank) as fabric,
        ):
            state = first_state(self.recipe, self.build, self.settings.seed)
            for game in (state.game, state.ema):
                game.to(fabric.device)
            resumed = checkpointer is not None and self.restore(state, checkpointer, console)
            if self.begin_with is not None and not resumed:
                self.begin_with(state)
            share(state, self.processes)
            if self.ending is not None:
                self.ending.unlink(missing_ok=True)
            try:
                for callback in self.callbacks:
                    callback.on_start(state)
                private = self.private_training(state.game, console)
                context = TrainingContext(self.data, self.recipe, self.settings, fabric, private, self.begin_with is None, self.processes)
                with stop_requests() as stopped:
                    reason = train(state, context, self.callbacks, lambda: stopped() or (coach is not None and coach.wants_stop))
                    if reason == "stopped" and not stopped():
                        reason = "intervention"
                    for callback in self.callbacks:
                        callback.on_end(state, reason)
                if private is not None:
                    console.print(private.account(state.progress.step))
            except NonFiniteError as problem:
                if self.ending is not None:
                    write_json(self.ending, {"reason": "not finite", "step": state.progress.step, "message": str(problem)})
                if coach is None or not coach.on_not_finite(state):
                    raise NonFiniteError(f"{problem}\n{remedy(checkpointer)}" if checkpointer is not None else str(problem)) from None
                reason = "intervention"
            finally:
                for callback in self.callbacks:
                    callback.close()
        assert reason in {"budget", "stopped", "intervention"}
        return SessionResult(reason, state.progress)  # pyright: ignore[reportArgumentType]

    def private_training(self, game: Game, console: Console) -> PrivateTraining | None:
        """How gradients are made private, which is said; None for data that is not private."""
        if not isinstance(self.data, PrivateDataset):
            return None
        private = private_training(game, self.recipe, self.data)
        console.print(private.plan)
        return private

    def restore(self, state: State, checkpointer: Checkpointer, console: Console) -> bool:
        """Go back to the newest whole checkpoint, if there is one."""
        found = checkpoints.read_newest(checkpointer.folder, say=console.print)
        if found is None:
            return False
        tensors, facts = found
        state.restore(tensors, facts)
        checkpointer.refuse_altered_settings(facts)
        for callback in self.callbacks:
            if callback.name:
                callback.load_state(facts["callbacks"].get(callback.name, {}))
        progress = state.progress
        at = f"step {progress.step:,} ({progress.real_samples:,} real samples, {clock(progress.seconds)} of training)"
        console.print(f"Resuming at {at}.")
        return True


def resolve(settings: TrainSettings) -> TrainSettings:
    """The settings with every "auto" replaced by what this machine has, so that a run is resumed as it was begun."""
    refuse_absent_gpu(settings.device)
    device = settings.device if settings.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    precision = settings.precision
    if precision == "auto":
        precision = "bfloat16" if has_fast_bfloat16(torch.device(device)) else "float32"
    threads, parts = settings.threads or max(1, core_count() // settings.devices), max(settings.parts, settings.devices)
    return replace(settings, device=device, precision=precision, threads=threads, parts=parts)


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """In the block torch's random numbers start at `seed`; after it they go on as before."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def first_state(recipe: Recipe, build: Callable[[], Game], seed: int) -> State:
    """The state before the first step: weights are a function of the seed."""
    with seeded(stream_seed(seed, "first weights", 0)):
        return State.fresh(build().train(), has_ema=recipe.ema_samples > 0)


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


def share(state: State, processes: Processes) -> None:
    """Give every process the state of the first one."""
    if processes.count > 1:
        tensors, facts = processes.share(state.tensors()), processes.agreed(state.facts())
        if processes.rank:
            state.restore(tensors, facts)


@contextlib.contextmanager
def machine_for(settings: TrainSettings, gpu: int = 0) -> Iterator[Fabric]:
    """Lightning Fabric in the settings' precision, on their device and threads; the caller's torch is left as it was. `gpu`: which one,
    where there are several.
    """
    keep_freed_memory()
    threads = torch.get_num_threads()
    torch.set_num_threads(settings.threads)
    try:
        devices = [torch.cuda.current_device()] if settings.device == "cuda" else []
        with torch.random.fork_rng(devices=devices), repeatable(settings.device):
            yield fabric_for(settings, gpu)
    finally:
        torch.set_num_threads(threads)


def remedy(checkpointer: Checkpointer) -> str:
    """What to do when a run is no longer finite."""
    where = "No checkpoint was written yet."
    if checkpointer.saved_step is not None:
        where = f"The last good checkpoint is that of step {checkpointer.saved_step:,}, in {checkpointer.folder}."
    return f"{where} Lower learning rates, or float32 in place of bfloat16, are the usual remedies: start a new run with them."


def fabric_for(settings: TrainSettings, gpu: int = 0) -> Fabric:
    """Lightning Fabric on the device and in the precision of the settings."""
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    devices = [gpu] if settings.device == "cuda" else 1
    return Fabric(accelerator=settings.device, devices=devices, precision="bf16-mixed" if settings.precision == "bfloat16" else "32-true")
