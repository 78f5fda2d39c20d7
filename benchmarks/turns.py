"""A trainer's own steps, for timing: on images of noise, without anything that is written as a run goes."""

from collections.abc import Callable

import numpy as np
import torch

from sides import THREADS
from sparring.core.batch import Batch
from sparring.core.data_spec import Spec
from sparring.data.dataset import Dataset
from sparring.data.images.image_spec import ImageSpec
from sparring.data.pairs.pair_spec import PairBatch
from sparring.games.recipe import Recipe
from sparring.media.pixel_range import pixels_to_float
from sparring.training.loop import TrainingContext, TurnRunner
from sparring.training.session import fabric_for, first_state, resolve
from sparring.training.settings import TrainSettings
from sparring.training.state import State


class Noise:
    """A store of 2,000 images of noise, or of pairs of them."""

    labels = None
    counts = (2000,)

    def __init__(self, spec: ImageSpec) -> None:
        self.pixels = [
            np.random.default_rng(seed).integers(0, 256, (len(self), spec.height, spec.width, channels), np.uint8)
            for seed, channels in enumerate(spec.known_channels)
        ]

    def __len__(self) -> int:
        return self.counts[0]

    def batch(self, indices: np.ndarray) -> Batch:
        images, *inputs = (pixels_to_float(torch.from_numpy(pixels[indices])) for pixels in self.pixels)
        return PairBatch(images, inputs=inputs[0]) if inputs else Batch(images)


def steps_of(recipe: Recipe, spec: ImageSpec, precision: str) -> tuple[State, TrainingContext, Callable[[int], None]]:
    """The state before the first step, where it is played, and what plays the step of a number: on images of noise."""
    return steps_of_data(recipe, spec, Noise(spec), precision)


def steps_of_data(recipe: Recipe, spec: Spec, data: Dataset, precision: str) -> tuple[State, TrainingContext, Callable[[int], None]]:
    """See `steps_of`; on other data."""
    settings = resolve(TrainSettings(steps=1, threads=THREADS, precision=precision))
    state = first_state(recipe, lambda: recipe.build(spec), 0)
    table = TrainingContext(data, recipe, settings, fabric_for(settings))
    takers = [TurnRunner(state.game, turn) for turn in state.game.turns]

    def step(number: int) -> None:
        state.progress.step = number
        for taker in takers:
            for repeat in range(taker.turn.repeat if taker.turn.due(number) else 0):
                taker.run(state, table, repeat, state.progress.real_samples)

    return state, table, step
