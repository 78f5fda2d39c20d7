"""Reads IDX files as of MNIST: images in `*-images-idx3-ubyte`, labels beside them, compressed with gzip or not."""

import gzip
import re
import struct
from io import BufferedIOBase
from pathlib import Path

import numpy as np

from sparring.core.errors import DataError, did_you_mean
from sparring.data.listed_images import Source
from sparring.data.readers.mapped_array import ArrayInFile, LazyArray
from sparring.data.readers.npy import Labels, labels_from_array, source_from_array

IMAGES_NAME = re.compile(r"(?P<prefix>.*?)[-.]?images[-.]idx[34]-ubyte(\.gz)?")
SPLIT_SYNONYMS = {"test": "t10k", "t10k": "test"}


def find_idx_sets(folder: Path) -> dict[str, Path]:
    """The files of images directly in a folder, by the text before '-images' ('train', 't10k'); uncompressed files are preferred."""
    files = sorted((path for path in folder.iterdir() if path.is_file()), key=lambda path: (path.suffix == ".gz", path.name))
    sets: dict[str, Path] = {}
    for path in files:
        if match := IMAGES_NAME.fullmatch(path.name):
            sets.setdefault(match["prefix"], path)
    return sets


def open_idx_folder(name: str, folder: Path, split: str | None) -> Source:
    """Open the only set in a folder, or the set named by `split` ('test' is also 't10k'). Raises a DataError if there is none."""
    sets = find_idx_sets(folder)
    if split is None:
        if len(sets) > 1:
            raise DataError(f"{folder} holds several sets: {', '.join(sets)}. Choose one with --split, or give the file itself.")
        prefix = next(iter(sets))
    else:
        prefix = next((known for known in (split, SPLIT_SYNONYMS.get(split)) if known in sets), None)
        if prefix is None:
            raise DataError(f"{folder} has no set {split!r}. {did_you_mean(split, sets)}")
    return open_idx(name, sets[prefix])


def open_idx(name: str, path: Path, split: str | None = None) -> Source:
    """Open one file of images, with the file of labels beside it if there is one. Raises a DataError if either is damaged or not an IDX
    file.
    """
    if split is not None:
        raise DataError(f"{path} is one set of images: it has no split {split!r}. Leave --split out, or give its folder.")
    path = path.resolve()
    raw = _read_idx_header(path, (3, 4))
    labels: Labels = ((), None)
    stem = path.name.removesuffix(".gz")
    match = re.fullmatch(r"(.*)images([-.])idx[34]-ubyte", stem)
    if match:
        beside = [path.with_name(f"{match[1]}labels{dash}idx1-ubyte{packed}") for dash in (match[2], "-", ".") for packed in ("", ".gz")]
        found = next((file for file in beside if file.is_file()), None)
        if found is not None:
            labels = labels_from_array(found, np.array(LazyArray(_read_idx_header(found, (1,)))()))
    return source_from_array(name, raw, labels, None)


def _read_idx_header(path: Path, axes: tuple[int, ...]) -> ArrayInFile:
    packed = path.suffix.lower() == ".gz"

    def opener() -> BufferedIOBase:
        return gzip.GzipFile(path) if packed else path.open("rb")

    try:
        with opener() as file:
            start = file.read(4)
            if len(start) != 4 or start[:3] != b"\0\0\x08" or start[3] not in axes:
                raise DataError(
                    f"{path} is not an IDX file of 8-bit numbers with {' or '.join(map(str, axes))} axes: it begins with {start!r}."
                )
            shape = struct.unpack(f">{start[3]}I", file.read(4 * start[3]))
    except (OSError, EOFError, struct.error) as problem:
        raise DataError(f"{path} cannot be read as an IDX file: {problem}.") from None
    return ArrayInFile(path, shape, np.dtype(np.uint8), 4 + 4 * len(shape), opener if packed else None)
