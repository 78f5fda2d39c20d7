"""Images in [-1, 1], as models make them, into files of whatever kind the ending says."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from sparring.core.errors import SettingsError
from sparring.core.files import replacing
from sparring.media.image_files import grid, output_kind, save_image
from sparring.media.pixels import float_to_pixels


def save_images(images: Tensor | Iterable[Tensor], path: Path | str, *, columns: int | None = None) -> Path:
    """Write images as `sparring sample --out` does, and give the path.

    `images`: a tensor (n, c, h, w) of floating-point numbers in [-1, 1] (what lies outside is clipped) with 1 (gray), 3 (RGB) or
    4 (RGBA) channels, or several such tensors one after the other. `path`: its ending says how. `.png`, `.webp`, `.jpg` and other
    image endings: one grid, with so many `columns` (as near a square as can be, unless given); `.npz`: an array `images` of 8-bit
    pixels, shape (n, h, w, c); no ending, or a folder that is there: single files 00000.png, 00001.png, .... Raises a SettingsError
    for images or endings that cannot be written.
    """
    place = Path(path)
    kind = output_kind(place, "image", "array", "folder")
    pieces = (_to_checked_pixels(piece) for piece in ([images] if isinstance(images, Tensor) else images))
    if kind == "folder":
        for index, image in enumerate(image for piece in pieces for image in piece):
            save_image(image, place / f"{index:05d}.png")
        return place
    whole = list(pieces)
    if not whole:
        raise SettingsError(f"{place}: there are no images to write.")
    pixels = np.concatenate(whole)
    if kind == "image":
        save_image(grid(pixels, columns), place)
        return place
    with replacing(place) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, images=pixels)
    return place


def _to_checked_pixels(images: Tensor) -> UInt8[np.ndarray, "n h w c"]:
    if not isinstance(images, Tensor) or not images.is_floating_point():
        kind = f"a tensor of {images.dtype}" if isinstance(images, Tensor) else f"a {type(images).__name__}"
        raise SettingsError(f"Images to write are a tensor of floating-point numbers in [-1, 1], not {kind}.")
    if images.ndim != 4 or images.shape[1] not in {1, 3, 4} or not images.numel():
        raise SettingsError(f"Images to write have the shape (n, c, h, w), n at least 1 and c 1, 3 or 4, not {tuple(images.shape)}.")
    if not torch.isfinite(images).all():
        raise SettingsError("Some images to write have values that are infinite or not a number.")
    return float_to_pixels(images.detach()).cpu().numpy()
