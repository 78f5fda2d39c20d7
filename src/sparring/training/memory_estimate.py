"""How much memory a step of a game will take, before it is played."""

import contextlib
import gc
import math
import weakref
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakIdKeyDictionary

from sparring.core.data_spec import Spec
from sparring.core.errors import MemoryShortageError, NonFiniteError
from sparring.core.hardware import free_memory
from sparring.data.dataset import Dataset
from sparring.games.recipe import Recipe
from sparring.training.loop import TrainingContext, TurnRunner
from sparring.training.memory_shortage import gibibytes, ways_out
from sparring.training.session import first_state, machine_for
from sparring.training.settings import TrainSettings
from sparring.training.state import State

SMALL, LARGE = 2, 4
"""Images in the two steps that are measured, in units of the recipe's smallest part."""
FROM = 16
"""In the same units, microbatches that are no larger are not measured: it would take as long as a step of theirs."""
LAVISH = 2**16
"""Bytes for each pixel of a microbatch that no recipe takes at its own widths: where they are there, nothing is measured."""
BESIDE = {"cpu": 1.4, "cuda": 1.0}
"""What a process holds at its height, over what its tensors take: kernels have buffers of their own, and freed memory lies in pieces. (On
processors 1.2 to 1.6 where that is more than some 300 MiB; not measured on GPUs.)"""
FULLY_GROWN = 10**12
"""Images shown, in the steps that are measured: networks that grow have their full side then."""


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of the tensors that operations make while it is on, from when they are made until they are freed."""

    def __init__(self) -> None:
        super().__init__()
        self.live = 0
        self.timeline: list[int] = []
        """What was alive after each operation."""
        self.storages = WeakIdKeyDictionary()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: ANN401 (torch's own signature)
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, Tensor):
                self.count(tensor.untyped_storage())
        self.timeline.append(self.live)
        return out

    def count(self, storage: torch.UntypedStorage) -> None:
        """Take a storage into the count, unless it is in it."""
        if storage in self.storages or storage.device.type == "meta":
            return
        size = storage.nbytes()
        self.storages[storage] = weakref.finalize(storage, self.freed, size)
        self.live += size

    def freed(self, size: int) -> None:
        """A storage of that size is gone."""
        self.live -= size


@dataclass(frozen=True, eq=False)
class Need:
    """What a step takes: after each of its operations, a straight line in the images of a microbatch. (Which operation is the height of it
    depends on that: with few images the optimizers' steps, with many the activations.)
    """

    fixed: Float64[np.ndarray, " operations"]
    """Bytes whatever the microbatch is."""
    each: Float64[np.ndarray, " operations"]
    """Bytes for each image of it."""

    def of(self, images: int) -> float:
        """Bytes for a microbatch of so many images."""
        return float((self.fixed + self.each * images).max())

    def most(self, free: float) -> int:
        """The largest microbatch that fits into so many bytes; 0 if none does."""
        growing = self.each > 0
        if self.of(1) > free:
            return 0
        return int(((free - self.fixed[growing]) / self.each[growing]).min())


def estimate(recipe: Recipe, spec: Spec, data: Dataset, settings: TrainSettings) -> Need | None:
    """What a step takes, by steps of two tiny batches, with all turns and penalties, on the settings' device. Nothing of them is kept. None
    if such steps cannot be played.
    """
    part = recipe.smallest_part
    with machine_for(settings) as fabric, contextlib.suppress(NonFiniteError, ValueError):
        state = first_state(recipe, lambda: recipe.build(spec), settings.seed)
        for game in (state.game, state.ema):
            game.to(fabric.device)
        weights = {id(each): each for game in (state.game, state.ema) for each in (*game.parameters(), *game.buffers())}
        mode, before = LiveBytes(), sum(each.nbytes for each in weights.values())

        def lived(images: int) -> Float64[np.ndarray, " operations"]:
            mode.timeline.clear()
            with mode:
                step(
                    state,
                    TrainingContext(data, replace(recipe, batch_size=images * part), replace(settings, parts=1, devices=1), fabric),
                )
            return np.array(mode.timeline, np.float64) + before

        lived(SMALL)  # the optimizers' states are made here
        small, large = lived(SMALL), lived(LARGE)
        if len(small) != len(large):  # some images are gone through one by one
            small = np.interp(np.linspace(0, 1, len(large)), np.linspace(0, 1, len(small)), small)
        each = np.maximum(0.0, (large - small) / ((LARGE - SMALL) * part))
        beside = BESIDE[settings.device]
        return Need(beside * np.maximum(0.0, large - each * LARGE * part), beside * each)
    return None


def step(state: State, context: TrainingContext) -> None:
    """One step with all turns that there ever are."""
    for turn in state.game.turns:
        state.progress.step = turn.start
        TurnRunner(state.game, turn).run(state, context, 0, FULLY_GROWN)
    state.gradients.clear()


def refuse_too_large(
    recipe: Recipe, spec: Spec, data: Dataset, settings: TrainSettings, *, resuming: str = "", free: int | None = None
) -> Need | None:
    """Raise a MemoryShortageError if a step will not fit into memory: how much it takes, what there is, and what would fit. Gives what was
    measured; None where that was not worth while, or cannot be done. `resuming`: the command that goes on with the run, if there is one.
    `free`: bytes of memory there are; by default what the system says.
    """
    microbatch = recipe.batch_size // settings.parts
    if microbatch <= FROM * recipe.smallest_part:
        return None
    free = free_memory(settings.device) if free is None else free
    if free is None or microbatch * math.prod(spec.shape[1:]) * LAVISH <= free:
        return None
    need = estimate(recipe, spec, data, settings)
    gc.collect()
    if need is not None and need.of(microbatch) > free:
        fits = need.most(free) // recipe.smallest_part * recipe.smallest_part
        raise MemoryShortageError(
            f"A step with {microbatch:,} images at once takes about {gibibytes(need.of(microbatch))} of memory, and {gibibytes(free)} are "
            f"free here{' on the GPU' if settings.device == 'cuda' else ''}. {ways_out(recipe, settings, fits, resuming)}"
        )
    return need
