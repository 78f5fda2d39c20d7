"""Several processes that train one run: those that torchrun has started, or those that are started here.

The first process (rank 0) is the one that a person called: it reads settings, writes the run directory, evaluates and decides. The others
play along (play_along.py).
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch.distributed import TCPStore  # pyright: ignore[reportPrivateImportUsage]

from sparring.core.errors import SettingsError
from sparring.core.formatting import plural
from sparring.training.processes import ALONE, Processes, connected
from sparring.training.settings import TrainSettings

HERE = "127.0.0.1"
"""Where processes of one machine meet: nobody else can listen."""
PORT = "SPARRING_PORT"
"""Environment variable of a process that was started here: the port where the first one listens."""
SECONDS_TO_END = 30
"""How long processes that were started here may take to end, before they are killed."""


def started_count() -> int:
    """Number of processes that torchrun has started; 1: it has not."""
    return int(os.environ.get("WORLD_SIZE", "1")) if "RANK" in os.environ else 1


def plays_along() -> bool:
    """Whether this process is one of several, and not the first."""
    return started_count() > 1 and os.environ["RANK"] != "0"


def device_count(asked: int | None, otherwise: int) -> int:
    """Number of processes that train: as many as torchrun has started, as asked for, or `otherwise`. SettingsError if that cannot be."""
    count = started_count()
    if count == 1:
        return otherwise if asked is None else asked
    if asked not in {None, count}:
        raise SettingsError(f"{count} processes were started, and devices is {asked}. Leave devices out.")
    if count.bit_count() != 1:
        raise SettingsError(f"{count} processes were started, and it must be a power of two (1, 2, 4, ...).")
    return count


def refuse_processes(training: TrainSettings, *, data_in_memory: bool) -> None:
    """Raise a SettingsError if several processes are to train on data that only this one has, or on more GPUs than there are here."""
    if training.devices > 1 and data_in_memory:
        raise SettingsError("With several devices every process reads the data: give the place where it lies, not the data itself.")
    if training.device == "cuda" and started_count() == 1 and training.devices > (there := torch.cuda.device_count()):
        raise SettingsError(
            f"torch finds {plural(there, 'GPU', 'GPUs')} here, and devices is {training.devices}. Take fewer, or --device cpu."
        )


@contextlib.contextmanager
def all_processes(count: int, reduce: str) -> Iterator[Processes]:
    """In the block, so many processes train together, and this is the first of them."""
    if count == 1:
        yield ALONE
        return
    with contextlib.ExitStack() as stack:
        if started_count() > 1:
            processes = stack.enter_context(connected(0, count, int(os.environ.get("LOCAL_RANK", "0"))))
        else:
            store = TCPStore(HERE, 0, count, is_master=True, wait_for_workers=False)
            stack.enter_context(others_started(count, store.port))
            processes = stack.enter_context(connected(0, count, 0, store))
        processes = replace(processes, exact=reduce == "exact")
        yield processes
        processes.agreed(None)  # not where an error ends the block: the others notice that the connection is closed


@contextlib.contextmanager
def others_started(count: int, port: int) -> Iterator[None]:
    """In the block, all processes but the first run on this machine, in the background."""
    others = [
        subprocess.Popen(
            [sys.executable, "-m", "sparring.runs.play_along"],
            env={**os.environ, "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(count), PORT: str(port)},
            stdin=subprocess.DEVNULL,
        )
        for rank in range(1, count)
    ]
    try:
        yield
    except BaseException:
        for other in others:
            other.kill()
        raise
    finally:
        for other in others:
            try:
                other.wait(SECONDS_TO_END)
            except subprocess.TimeoutExpired:
                other.kill()
                other.wait()
