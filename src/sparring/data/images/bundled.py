"""The image sets that come with the package. `tools/build_embedded.py` creates their files."""

import json
import threading
from importlib.resources import files
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from sparring.core.errors import DataError
from sparring.data.images.stacked_channels import stacked_source
from sparring.data.listed_images import Item, NumberedItems, Source, hash_key

BUNDLED_SETS = {
    "emoji": "emoji-google",
    "emoji:google": "emoji-google",
    "emoji:twitter": "emoji-twitter",
    "fashion10k": "fashion10k",
    "fashion10k:stacked": "fashion10k",
}
"""Name of the sprite sheet of each bundled set."""


def open_bundled(name: str, split: str | None) -> Source:
    """Open one of the sets in `BUNDLED_SETS`. Raises a DataError if a split is requested, because they have none."""
    if split is not None:
        raise DataError(f"{name} has no splits, so there is no split {split!r}. Leave --split out.")
    sheet = BUNDLED_SETS[name]
    folder = files("sparring.data.images") / "bundled_files"
    table: dict[str, Any] = json.loads((folder / f"{sheet.split('-')[0]}.json").read_text("utf-8"))
    labels = np.asarray(table["labels"], np.int64)
    if table["names"]:
        items = [Item(file, label) for file, label in zip(table["names"], table["labels"], strict=True)]
    else:
        items = NumberedItems(len(labels), labels)
    images = _SpriteSheet(sheet, table["side"], len(labels))
    key = hash_key("embedded", sheet, table["sha256"][sheet])
    source = Source(name, items, images.read, lambda: key, tuple(table["classes"]), (table["side"], table["side"]))
    return stacked_source(name, source) if name.endswith(":stacked") else source


class _SpriteSheet:
    """Many small images in one large image, row by row, which is decoded when the first is read."""

    def __init__(self, sheet: str, side: int, count: int) -> None:
        self._file = files("sparring.data.images") / "bundled_files" / f"{sheet}.webp"
        self._side = side
        self._count = count
        self._lock = threading.Lock()
        self._pixels: UInt8[np.ndarray, "rows columns c"] | None = None

    def read(self, index: int) -> UInt8[np.ndarray, "h w c"]:
        if not 0 <= index < self._count:
            raise IndexError(index)
        pixels = self._decoded()
        side = self._side
        row, column = divmod(index, pixels.shape[1] // side)
        return pixels[row * side : (row + 1) * side, column * side : (column + 1) * side]

    def _decoded(self) -> UInt8[np.ndarray, "rows columns c"]:
        with self._lock:
            if self._pixels is None:
                with self._file.open("rb") as file, Image.open(file) as image:
                    # WebP has no gray mode, so a gray sheet has three equal channels.
                    self._pixels = np.asarray(image) if image.mode == "RGBA" else np.asarray(image)[:, :, :1].copy()
            return self._pixels
