"""Reads images from NumPy's .npy and .npz files, which are mapped into memory and never unpickled."""

import zipfile
from collections.abc import Callable
from io import BufferedIOBase
from pathlib import Path

import numpy as np
from jaxtyping import Int64, Shaped

from sparring.core.errors import DataError
from sparring.data.content_digest import file_digest
from sparring.data.listed_images import NumberedItems, Source, hash_key
from sparring.data.readers.label_table import classes_of_numbers
from sparring.data.readers.mapped_array import ArrayInFile, LazyArray

IMAGE_KEYS = ("images", "x", "x_train", "arr_0")
LABEL_KEYS = ("labels", "y", "y_train")
CHUNK = 256
RANGE_TOLERANCE = 1e-6
"""Distance by which floats may exceed their range, because of rounding in float32."""

Labels = tuple[tuple[str, ...], Int64[np.ndarray, " n"] | None]
Arrange = Callable[[Shaped[np.ndarray, "..."]], Shaped[np.ndarray, "h w c"]]


def open_array(name: str, path: Path, split: str | None) -> Source:
    """Open a .npy or .npz file of shape (n, h, w), (n, h, w, c) or (n, c, h, w), in uint8 or floats in [0, 1] or [-1, 1].

    `split` selects `x_SPLIT` and `y_SPLIT` of a .npz. Raises a DataError for other shapes, types and ranges.
    """
    path = path.resolve()
    labels: Labels = ((), None)
    try:
        if path.suffix.lower() == ".npz":
            raw, labels = _read_npz_header(path, split)
        elif split is not None:
            raise DataError(f"{path} is one array: it has no split {split!r}.")
        else:
            raw = _read_npy_header(path, lambda: path.open("rb"), None)
    except (OSError, ValueError, EOFError, NotImplementedError, zipfile.BadZipFile) as problem:
        raise DataError(f"{path} cannot be read as an array: {problem}.") from None
    return source_from_array(name, raw, labels, split)


def source_from_array(name: str, raw: ArrayInFile, labels: Labels, split: str | None) -> Source:
    """A source of the images in `raw`, with or without labels."""
    classes, numbers = labels
    count = raw.shape[0] if raw.shape else 0
    size, arrange, notes = _layout(raw)
    if count == 0:
        raise DataError(f"{raw.path} holds no images: its first axis has length 0.")
    if numbers is not None and len(numbers) != count:
        raise DataError(f"{raw.path} holds {count} images, but there are {len(numbers)} labels for them.")
    pixels = LazyArray(raw)
    to_pixels: Callable[[np.ndarray], np.ndarray] = np.asarray
    if raw.dtype.kind == "f":
        low = _lower_end_of_range(raw.path, pixels())
        notes = (*notes, f"{raw.path.name} holds floats: [{low}, 1] was taken as black to white.")
        scale = 255 / (1 - low)
        to_pixels = lambda values: np.clip(np.round((values.astype(np.float64) - low) * scale), 0, 255).astype(np.uint8)  # noqa: E731
    elif raw.dtype != np.uint8:
        raise DataError(f"{raw.path} holds {raw.dtype}; images are uint8, or floats in [0, 1] or [-1, 1]. See numpy's astype.")
    digest = "" if numbers is None else hash_key(numbers.tobytes())
    return Source(
        name=name,
        items=NumberedItems(count, numbers),
        read=lambda index: np.ascontiguousarray(arrange(to_pixels(pixels()[index]))),
        identify=lambda: hash_key("array", file_digest(raw.path), split, classes, digest),
        classes=classes,
        native_size=size,
        notes=notes,
    )


def _layout(raw: ArrayInFile) -> tuple[tuple[int, int], Arrange, tuple[str, ...]]:
    """(height, width) of the images, a function that arranges one as (h, w, c), and notes. Raises a DataError for other shapes."""
    shape = raw.shape
    channels = (1, 3, 4)
    if 0 in shape[1:]:
        raise DataError(f"{raw.path} has the shape {shape}: its images have no pixels.")
    if len(shape) == 3 and shape[2] not in channels:
        return (shape[1], shape[2]), lambda image: image[:, :, None], ()
    if len(shape) == 4 and shape[3] in channels:
        note = f"{raw.path.name} has the shape {shape}: the last axis was taken as the channels."
        return (shape[1], shape[2]), lambda image: image, (note,) if shape[1] in channels else ()
    if len(shape) == 4 and shape[1] in channels:
        return (shape[2], shape[3]), lambda image: image.transpose(1, 2, 0), ()
    single = " This looks like a single image." if len(shape) == 3 else ""
    raise DataError(f"{raw.path} has the shape {shape}; images are (n, h, w), (n, h, w, c) or (n, c, h, w) with c 1, 3 or 4.{single}")


def _lower_end_of_range(path: Path, values: Shaped[np.ndarray, "n ..."]) -> int:
    """Lower end of the range of floating-point pixels, 0 for [0, 1] or -1 for [-1, 1], from all values. Raises a DataError for others."""
    low, high = np.inf, -np.inf
    for start in range(0, len(values), CHUNK):
        rows = values[start : start + CHUNK]
        if not np.isfinite(rows).all():
            broken = start + int(np.argmin(np.isfinite(rows).reshape(len(rows), -1).all(axis=1)))
            raise DataError(f"{path}: image {broken} holds NaN or infinity.")
        low, high = min(low, float(rows.min())), max(high, float(rows.max()))
    if low < -1 - RANGE_TOLERANCE or high > 1 + RANGE_TOLERANCE:
        raise DataError(f"{path} holds floats from {low:g} to {high:g}; images are floats in [0, 1] or [-1, 1], or uint8. Scale them.")
    return -1 if low < -RANGE_TOLERANCE else 0


def _read_npy_header(path: Path, opener: Callable[[], BufferedIOBase], unpack: Callable[[], BufferedIOBase] | None) -> ArrayInFile:
    """Read the header of a .npy file."""
    with opener() as file:
        version = np.lib.format.read_magic(file)
        if version == (1, 0):
            shape, by_columns, dtype = np.lib.format.read_array_header_1_0(file)
        elif version == (2, 0):
            shape, by_columns, dtype = np.lib.format.read_array_header_2_0(file)
        else:
            raise DataError(f"{path}: version {version} of the .npy format is not read here.")
        if dtype.hasobject:
            raise DataError(f"{path} holds Python objects, which are never unpickled. Save an array of uint8 instead.")
        if by_columns and len(shape) > 1:
            raise DataError(f"{path} is stored by columns (Fortran order). Save it again with numpy.ascontiguousarray.")
        return ArrayInFile(path, tuple(shape), dtype, file.tell(), unpack)


def _read_npz_header(path: Path, split: str | None) -> tuple[ArrayInFile, Labels]:
    with zipfile.ZipFile(path) as archive:
        arrays = {info.filename.removesuffix(".npy"): info.filename for info in archive.infolist()}
    image_keys = IMAGE_KEYS if split is None else (f"x_{split}", f"images_{split}", f"{split}_images")
    label_keys = LABEL_KEYS if split is None else (f"y_{split}", f"labels_{split}", f"{split}_labels")
    key = next((key for key in image_keys if key in arrays), None)
    if key is None:
        parts = [name.removeprefix("x_") for name in arrays if name.startswith("x_")]
        hint = f" Choose a part with --split: {', '.join(parts)}." if parts else ""
        raise DataError(f"{path} has no array called {', '.join(image_keys)}. It has: {', '.join(sorted(arrays)) or 'none'}.{hint}")

    def unpack() -> BufferedIOBase:
        return zipfile.ZipFile(path).open(arrays[key])  # type: ignore[return-value]  (a ZipExtFile is one)

    raw = _read_npy_header(path, unpack, unpack)
    label_key = next((key for key in label_keys if key in arrays), None)
    if label_key is None:
        return raw, ((), None)
    with np.load(path, allow_pickle=False) as file:
        return raw, labels_from_array(path, file[label_key])


def labels_from_array(path: Path, values: np.ndarray) -> Labels:
    """Class names and class indices from integers or names of shape (n,) or (n, 1). Raises a DataError for other labels."""
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1 or values.dtype.kind not in "iuU":
        raise DataError(f"{path}: the labels are {values.dtype} of shape {values.shape}; they must be (n,) whole numbers or names.")
    return classes_of_numbers(values)
