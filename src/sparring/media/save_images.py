"""`save_images`: writes images in [-1, 1], as models generate them, to files of the kind that the ending names."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from sparring.core.atomic_files import replacing
from sparring.core.errors import SettingsError
from sparring.media.image_files import grid, output_kind, save_image
from sparring.media.pixel_range import float_to_pixels


def save_images(images: Tensor | Iterable[Tensor], path: Path | str, *, columns: int | None = None) -> Path:
    """Write images as `sparring sample --out` does, and return the path.

    `images` is a tensor (n, c, h, w) of floating-point numbers in [-1, 1] (values outside are clipped) with 1 (gray), 3 (RGB) or 4 (RGBA)
    channels, or several such tensors one after the other. The ending of `path` decides what is written. `.png`, `.webp`, `.jpg` and other
    image endings: one grid with `columns` columns (by default as close to a square as possible). `.npz`: an array `images` of 8-bit pixels,
    shape (n, h, w, c). No ending, or an existing folder: single files 00000.png, 00001.png and so on. Raises a SettingsError for images or
    endings that cannot be written.
    """
    out = Path(path)
    kind = output_kind(out, "image", "array", "folder")
    batches = (_to_checked_pixels(batch) for batch in ([images] if isinstance(images, Tensor) else images))
    if kind == "folder":
        for index, image in enumerate(image for batch in batches for image in batch):
            save_image(image, out / f"{index:05d}.png")
        return out
    all_batches = list(batches)
    if not all_batches:
        raise SettingsError(f"{out}: there are no images to write.")
    pixels = np.concatenate(all_batches)
    if kind == "image":
        save_image(grid(pixels, columns), out)
        return out
    with replacing(out) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, images=pixels)
    return out


def _to_checked_pixels(images: Tensor) -> UInt8[np.ndarray, "n h w c"]:
    if not isinstance(images, Tensor) or not images.is_floating_point():
        kind = f"a tensor of {images.dtype}" if isinstance(images, Tensor) else f"a {type(images).__name__}"
        raise SettingsError(f"Images to write must be a tensor of floating-point numbers in [-1, 1], not {kind}.")
    if images.ndim != 4 or images.shape[1] not in {1, 3, 4} or not images.numel():
        raise SettingsError(
            f"Images to write must have the shape (n, c, h, w) with n at least 1 and c 1, 3 or 4, not {tuple(images.shape)}."
        )
    if not torch.isfinite(images).all():
        raise SettingsError("Some images to write have values that are infinite or NaN.")
    return float_to_pixels(images.detach()).cpu().numpy()
