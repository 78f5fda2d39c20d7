"""tensorboard/: the same numbers and image grids for TensorBoard. Other callbacks write into it."""

from pathlib import Path

from tensorboard.compat.proto.summary_pb2 import Summary  # pyright: ignore[reportAttributeAccessIssue] (made at run time)
from torch.utils.tensorboard.writer import SummaryWriter

from sparring.training.callbacks.callback import Callback
from sparring.training.state import State


class TensorBoard(Callback):
    """Event files in a folder. It comes first among the callbacks: those that write into it start after it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.writer: SummaryWriter | None = None

    def on_start(self, state: State) -> None:
        """Open the files; what an interrupted session wrote after this step is no longer shown."""
        step = state.progress.step
        self.writer = SummaryWriter(str(self.folder), purge_step=step + 1 if step else None, flush_secs=30)

    def scalar(self, name: str, value: float, step: int) -> None:
        """Add a number."""
        assert self.writer is not None, "TensorBoard is the first of the callbacks"
        self.writer.add_scalar(name, value, step)

    def image(self, name: str, png: bytes, shape: tuple[int, int, int], step: int) -> None:
        """Add an encoded image (`SummaryWriter.add_image` would encode it once more). `shape`: (height, width, channels)."""
        assert self.writer is not None, "TensorBoard is the first of the callbacks"
        image = Summary.Image(height=shape[0], width=shape[1], colorspace=shape[2], encoded_image_string=png)
        self.writer.file_writer.add_summary(Summary(value=[Summary.Value(tag=name, image=image)]), step)  # pyright: ignore[reportOptionalMemberAccess]

    def close(self) -> None:
        """Write what is left."""
        if self.writer is not None:
            self.writer.close()
