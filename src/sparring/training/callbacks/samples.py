"""samples/: image grids of the same latents or inputs throughout training, and a timelapse of them."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image
from tensorboard.compat.proto.summary_pb2 import Summary  # pyright: ignore[reportAttributeAccessIssue] (made at run time)
from torch.utils.tensorboard.writer import SummaryWriter

from sparring.core.files import write_bytes
from sparring.games.game import Game
from sparring.media.image_files import png, save_gif
from sparring.runs.run_directory import RunDirectory
from sparring.training.loop import Signals
from sparring.training.settings import TrainSettings
from sparring.training.state import Progress, State

FRAMES_A_DOUBLING = 4


FIRST_FRAME_SAMPLES = 4000


TIMELAPSE_WIDTH = 400


Sheet = Callable[[Game], UInt8[np.ndarray, "h w c"]]
"""Draws what a game can do as one image."""


def frame_number(real_samples: int) -> int:
    """Grows by one four times for every doubling of the images shown: early images change fastest."""
    return math.floor(FRAMES_A_DOUBLING * math.log2(1 + real_samples / FIRST_FRAME_SAMPLES))


class Samples:
    """samples/step-N.png: what the averaged game draws, of the same latents or images throughout."""

    def __init__(self, run: RunDirectory, settings: TrainSettings, sheet: Sheet, writer: SummaryWriter) -> None:
        self.folder, self.settings, self.sheet, self.writer = run.samples, settings, sheet, writer
        self.last_samples = 0

    def after_step(self, state: State, signals: Signals) -> None:
        """Draw a grid if it is time."""
        progress, every = state.progress, self.settings.sample_every
        before, self.last_samples = self.last_samples, progress.real_samples
        if progress.step % every == 0 if every else frame_number(progress.real_samples) > frame_number(before):
            self.draw(state)

    def draw(self, state: State) -> None:
        """Draw a grid now."""
        sheet = self.sheet(state.ema)
        height, width, channels = sheet.shape
        file = png(sheet)
        write_bytes(self.folder / f"{self.stem(state.progress.step)}.png", file)
        # `SummaryWriter.add_image` would encode it once more.
        image = Summary.Image(height=height, width=width, colorspace=channels, encoded_image_string=file)
        self.writer.file_writer.add_summary(Summary(value=[Summary.Value(tag="samples", image=image)]), state.progress.step)  # pyright: ignore[reportOptionalMemberAccess]

    def restore(self, progress: Progress) -> None:
        """Drop the grids of later steps."""
        self.last_samples = progress.real_samples
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
            with Image.open(path) as image:
                smaller = image.reduce(-(-image.width // TIMELAPSE_WIDTH))
                frames.append(np.atleast_3d(np.array(smaller)))
        if len(frames) < 2:
            return None
        target = self.folder / "timelapse.gif"
        save_gif(frames, target, frames_per_second=6, hold_last=3)
        return target
