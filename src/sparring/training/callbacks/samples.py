"""samples/: grids of the same latents or inputs throughout training, and a timelapse of them."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from sparring.core.atomic_files import write_bytes
from sparring.games.game import Game
from sparring.media.image_files import png, save_gif
from sparring.training.callbacks.callback import Callback, Metrics
from sparring.training.callbacks.tensorboard import TensorBoard
from sparring.training.state import State

FRAMES_PER_DOUBLING = 4
FIRST_FRAME_SAMPLES = 4000
TIMELAPSE_WIDTH = 400

SampleGrid = Callable[[Game], UInt8[np.ndarray, "h w c"]]
"""Draws samples of a game as one image."""


def frame_number(real_samples: int) -> int:
    """Number of the timelapse's frame after so many real samples: it grows by four for every doubling, for samples change most early on."""
    return math.floor(FRAMES_PER_DOUBLING * math.log2(1 + real_samples / FIRST_FRAME_SAMPLES))


class SampleGrids(Callback):
    """samples/step-N.png: samples of the EMA."""

    def __init__(self, folder: Path, every: int | None, draw_grid: SampleGrid, board: TensorBoard) -> None:
        self.folder, self.every, self.draw_grid, self.board = folder, every, draw_grid, board
        self.last_samples = 0

    def on_start(self, state: State) -> None:
        """Drop the grids of later steps; draw untrained networks."""
        self.last_samples, step = state.progress.real_samples, state.progress.step
        for path in self.folder.glob("step-*.png"):
            if path.stem > self.stem(step) or not step:
                path.unlink()
        if not step:
            self.draw(state)

    def on_step_end(self, state: State, metrics: Metrics) -> None:
        """Draw a grid if it is time."""
        progress, every = state.progress, self.every
        before, self.last_samples = self.last_samples, progress.real_samples
        if progress.step % every == 0 if every else frame_number(progress.real_samples) > frame_number(before):
            self.draw(state)

    def on_end(self, state: State, reason: str) -> None:
        """Draw the end, and write the timelapse, unless the run goes on at once."""
        if reason == "budget":
            self.draw(state)
        if reason != "intervention":
            self.write_timelapse()

    def draw(self, state: State) -> None:
        """Draw a grid now."""
        grid = self.draw_grid(state.ema)
        file, step = png(grid), state.progress.step
        write_bytes(self.folder / f"{self.stem(step)}.png", file)
        height, width, channels = grid.shape
        self.board.image("samples", file, (height, width, channels), step)

    @staticmethod
    def stem(step: int) -> str:
        """The name of a step's grid, without its ending; the alphabet's order is that of the steps."""
        return f"step-{step:09d}"

    def write_timelapse(self) -> Path | None:
        """Join all grids, made smaller, into samples/timelapse.gif; None if there are fewer than two."""
        frames = []
        for path in sorted(self.folder.glob("step-*.png")):
            with Image.open(path) as image:
                smaller = image.reduce(-(-image.width // TIMELAPSE_WIDTH))
                frames.append(np.atleast_3d(np.array(smaller)))
        if len(frames) < 2:
            return None
        target = self.folder / "timelapse.gif"
        save_gif(frames, target, frames_per_second=6, hold_last=3)
        return target
