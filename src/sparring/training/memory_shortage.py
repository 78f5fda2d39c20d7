"""What is said when memory is short, and what to do then."""

import contextlib
import gc
import re
from collections.abc import Callable, Iterator

import torch

from sparring.core.errors import MemoryShortageError
from sparring.core.hardware import free_memory
from sparring.games.recipe import Recipe
from sparring.training.settings import TrainSettings


def ways_out(recipe: Recipe, settings: TrainSettings, fits: int | None, resuming: str = "") -> str:
    """What to do where memory is short. `fits`: the most images at once that fit, or None if that is not known."""
    batch, part, now = recipe.batch_size, recipe.smallest_part, settings.parts
    most = batch // now - 1 if fits is None else fits
    powers = (now << doublings for doublings in range(1, max(1, batch // now).bit_length()))
    parts = next((parts for parts in powers if batch % (parts * part) == 0 and batch // parts <= most), None)
    split = f"--parts {parts} (of {batch // parts} each)" if parts else ""
    if resuming:
        return f"Go on with: {resuming} {split}" if split else "Free some memory, or start a new run with a smaller --batch-size or --size."
    known = "" if fits is None else f" (up to {rounded_down(fits):,} fit)" if fits else " (not even one image fits)"
    smaller = f"Take a smaller --batch-size{known}"
    return ", ".join([smaller, *([f"or {split}, the same step in parts"] if split else []), "or a smaller --size."])


def rounded_down(number: int) -> int:
    """To two figures, for more are not known."""
    unit = 10 ** max(0, len(str(number)) - 2)
    return number // unit * unit


def gibibytes(size: float) -> str:
    """Bytes as a person reads them."""
    return f"{size / 2**30:,.1f} GiB" if size >= 2**30 else f"{max(1, round(size / 2**20)):,} MiB"


SHORT = re.compile(
    r"can't allocate memory|not enough memory|out of memory|bad allocation|bad_alloc|alloc_failed|cannot allocate memory", re.IGNORECASE
)
"""In the messages of RuntimeErrors that mean too little memory: torch's on processors, on Windows, on GPUs; C++'s; cuDNN's."""


def is_shortage(problem: BaseException) -> bool:
    """Whether an exception means that there was too little memory."""
    return isinstance(problem, MemoryError | torch.OutOfMemoryError) or (
        isinstance(problem, RuntimeError) and bool(SHORT.search(str(problem)))
    )


@contextlib.contextmanager
def shortage_explained(recipe: Recipe, settings: TrainSettings, resume_command: Callable[[], str]) -> Iterator[None]:
    """In the block, running out of memory is raised as a MemoryShortageError that says what was tried and what to do.

    `resume_command`: gives the command that goes on with the run, "" if there is nothing to go on with.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as problem:
        if not is_shortage(problem):
            raise
        asked = asked_for(str(problem))
    else:
        return
    # Not in the handler: by now what the failed step held is freed.
    gc.collect()
    free = free_memory(settings.device)
    there = "" if free is None else f" {gibibytes(free)} are free now."
    where = " on the GPU" if settings.device == "cuda" else ""
    raise MemoryShortageError(
        f"Out of memory{where} in training with {recipe.batch_size // settings.parts:,} images at once{asked}.{there} "
        f"{ways_out(recipe, settings, None, resume_command())}"
    )


def asked_for(message: str) -> str:
    """How much memory could not be had, by torch's message, in brackets; "" if it does not tell."""
    found = re.search(r"tried to allocate ([\d.]+) (\w+)", message, re.IGNORECASE)
    if found is None:
        return ""
    amount = gibibytes(float(found[1])) if found[2].lower() == "bytes" else f"{found[1]} {found[2]}"
    return f" ({amount} more were asked for)"
