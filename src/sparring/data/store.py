"""Stores of prepared images in the cache, mapped into memory."""

import functools
import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64, UInt8

from sparring.core.atomic_files import read_json, sha256_of_file
from sparring.core.batch import Batch
from sparring.core.errors import DataError
from sparring.data.images.image_labels import rows_of_labels
from sparring.data.images.image_spec import ImageSpec
from sparring.data.listed_images import hash_key
from sparring.data.preparation_report import ImportReport, import_report_from_json
from sparring.media.pixel_range import pixels_to_float
from sparring.media.value_range import ValueRange

FORMAT = 4
"""Version of the folder's format: when it changes, all data is prepared again."""
PIXELS, LABELS, NAMES, ORIGINS, DESCRIPTION = "pixels.raw", "labels.npy", "names.json", "origins.npy", "store.json"


@dataclass(frozen=True, eq=False)
class Store:
    """Images of one size, which never change. Stores with equal fingerprints hold the same images."""

    folder: Path
    spec: ImageSpec
    pixels: UInt8[np.memmap, "n h w c"]
    """Pixels, mapped from disk and read-only."""
    labels: Int64[np.ndarray, " n"] | None
    """Class of each image, or None without classes."""
    label_values: Float64[np.ndarray, "n labels"] | None
    """Of several or continuous labels: for each image the number of its class or its number, for each label; else None."""
    fingerprint: str
    """SHA-256 of pixels, labels and spec, independent of the source."""
    report: ImportReport
    """What happened to the files of the source."""
    black_white: ValueRange | None = None
    """The values used as black and white in images of more than 8 bits a value, or None if there are none."""
    are_pieces: bool = False
    """Whether the images are pieces that were cut out of larger ones: several of each, whose names say which."""

    def __len__(self) -> int:
        return len(self.pixels)

    def of_one_image(self) -> list[Int64[np.ndarray, " _"]]:
        """Indices of the images that are of one image of the source: several pieces, or the image itself."""
        if not self.are_pieces:
            return [np.array([index]) for index in range(len(self))]
        groups: dict[str, list[int]] = {}
        for index, name in enumerate(self.names):
            groups.setdefault(name.rpartition(" ")[0], []).append(index)
        return [np.array(group) for group in groups.values()]

    @property
    def counts(self) -> tuple[int]:
        """Number of images, as a tuple of one because all are of one kind."""
        return (len(self),)

    def __reduce__(self) -> tuple[Any, ...]:
        return open_store, (self.folder,)  # the pixels stay on disk

    @functools.cached_property
    def names(self) -> Sequence[str]:
        """Name of each image in its source. Raises a DataError if the file of names is damaged."""
        names = read_json(self.folder / NAMES, DataError)
        if not isinstance(names, list) or len(names) != len(self):
            raise DataError(f"{self.folder / NAMES} does not hold {len(self)} names. Delete {self.folder} and prepare the data again.")
        return names

    @functools.cached_property
    def origins(self) -> Int64[np.ndarray, "n 3"]:
        """Height and width in pixels of each upright image in its source, and its EXIF orientation (1: not turned).

        Raises a DataError if the file of origins is damaged.
        """
        try:
            origins = np.load(self.folder / ORIGINS, allow_pickle=False)
        except (OSError, ValueError, EOFError):
            origins = np.zeros(0)
        if origins.shape != (len(self), 3):
            raise DataError(
                f"{self.folder / ORIGINS} does not describe {len(self)} images. Delete {self.folder} and prepare the data again."
            )
        return origins

    @functools.cached_property
    def label_rows(self) -> Float32[np.ndarray, "n labels"] | None:
        """See HasLabelRows."""
        return None if self.label_values is None else rows_of_labels(self.spec.labels, self.label_values)

    def batch(self, indices: Int64[np.ndarray, " n"]) -> Batch:
        """The images at these indices as floats in [-1, 1], with their labels. Raises an IndexError for indices outside the store."""
        images = pixels_to_float(torch.from_numpy(self.pixels.view(np.ndarray)[indices]))
        labels = self.labels if self.label_rows is None else self.label_rows
        return Batch(images, None if labels is None else torch.from_numpy(labels[indices]))


def open_store_if_present(folder: Path) -> Store | None:
    """The store in a folder, or None if `prepare` did not write the folder. Raises a DataError if the store is damaged."""
    return open_store(folder) if (folder / DESCRIPTION).is_file() and (folder / PIXELS).is_file() else None


def open_store(folder: Path) -> Store:
    """Open the store in a folder that `prepare` wrote. Raises a DataError if it is missing, incomplete or altered."""
    described = read_json(folder / DESCRIPTION, DataError)
    damaged = f"The prepared data in {folder} is damaged or was altered. Delete that folder and prepare the data again."
    if not isinstance(described, dict) or described.get("checksum") != description_checksum(described) or described.get("format") != FORMAT:
        raise DataError(damaged)
    spec = ImageSpec.from_json(described["spec"])
    shape = (described["count"], spec.height, spec.width, spec.channels)
    try:
        whole = (folder / PIXELS).stat().st_size == math.prod(shape) and sha256_of_file(folder / NAMES) == described["names_sha256"]
        labels = np.load(folder / LABELS, allow_pickle=False) if spec.condition_names else None
        wanted = (shape[0], len(spec.labels)) if spec.labels else shape[:1]
        whole = whole and (labels is None or (labels.shape == wanted and hash_key(labels.tobytes()) == described["labels_key"]))
        pixels = np.memmap(folder / PIXELS, np.uint8, "r", shape=shape) if whole else None
    except (OSError, ValueError, EOFError):
        pixels, labels = None, None
    if pixels is None:
        raise DataError(damaged)
    black_white = None if described["black_white"] is None else (float(described["black_white"][0]), float(described["black_white"][1]))
    report, pieces = import_report_from_json(described["report"]), described["preprocessing"].get("crop") == "random"
    classes, values = (None, labels) if spec.labels else (labels, None)
    return Store(folder, spec, pixels, classes, values, described["fingerprint"], report, black_white, pieces)


def description_checksum(described: dict[str, Any]) -> str:
    """Checksum of a store's description, except the checksum itself."""
    rest = {key: value for key, value in described.items() if key != "checksum"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()
