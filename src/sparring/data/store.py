"""Stores of prepared images in the cache: decoded and checked once, then mapped into memory."""

import contextlib
import functools
import hashlib
import itertools
import json
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64, UInt8

from sparring.core.atomic_files import cache_folder, read_json, replacing, sha256_of_file, write_json
from sparring.core.batch import Batch
from sparring.core.errors import DataError, listed
from sparring.core.formatting import plural
from sparring.core.parallel_map import in_order, progress_bar
from sparring.core.random_streams import stream_seed
from sparring.data.images.image_labels import ImageLabel, describe_label, rows_of_labels
from sparring.data.images.image_sizes import default_size
from sparring.data.images.image_spec import ImageSpec
from sparring.data.images.sizes_and_range import SharedRange, common_size, shared_range, value_range_notes
from sparring.data.listed_images import Item, Problem, Source, hash_key, name_examples
from sparring.data.preparation_report import ImportReport, import_report_from_json
from sparring.data.preprocessing import Preprocessing, check_and_parse_background
from sparring.data.readers.folder_layouts import is_training
from sparring.data.readers.label_columns import with_label_columns
from sparring.data.store_writing import PixelWriter, discard, publish, temporary_folder
from sparring.media.image_decoding import Color, Crop, UnusableImageError, decode_image, fit_to_size, random_pieces
from sparring.media.pixel_range import pixels_to_float
from sparring.media.value_range import ValueRange

__all__ = ["ImportReport", "Preprocessing", "Store", "open_store", "open_store_if_present", "prepare"]

FORMAT = 4
"""Version of the folder's format: when it changes, all data is prepared again."""
LEAST_LOST = 0.005
"""Share of an image that is lost, or distorted, without a word."""
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
    if (
        not isinstance(described, dict)
        or described.get("checksum") != _description_checksum(described)
        or described.get("format") != FORMAT
    ):
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


def _description_checksum(described: dict[str, Any]) -> str:
    """Checksum of a store's description, except the checksum itself."""
    rest = {key: value for key, value in described.items() if key != "checksum"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def prepare(source: Source, preprocessing: Preprocessing | None = None, *, progress: bool = False, workers: int | None = None) -> Store:
    """Decode, check, crop and resize every image of a source into a store in the cache, or open the store if it exists.

    `progress` shows a progress bar on the terminal. `workers` is the number of threads (None: one for each processor). Unusable images are
    left out and listed in the store's report. Raises a DataError if the share of unusable images exceeds `max_bad`, if no image is left, or
    if the disk is full, and a SettingsError for invalid settings.
    """
    preprocessing = preprocessing or Preprocessing()
    background = check_and_parse_background(preprocessing)
    source = usable_source(source, preprocessing)
    settings = {**asdict(preprocessing), "background": background}
    for name in ("proportion", "labels", "label_columns"):  # of what is made of samples; what the source knows
        del settings[name]
    folder = cache_folder() / "data" / hash_key(FORMAT, source.key, sorted(settings.items()))
    with contextlib.suppress(DataError):
        return open_store(folder)
    try:
        with temporary_folder(folder) as temporary:
            _write_store(source, preprocessing, background, temporary, progress=progress, workers=workers)
            while not publish(temporary, folder):
                try:  # another process was first, or the folder is damaged
                    return open_store(folder)
                except DataError:
                    discard(folder)
    except OSError as problem:
        hint = "Set SPARRING_CACHE to a folder with more room."
        raise DataError(f"The prepared data cannot be written below {folder.parent}: {problem}. {hint}") from problem
    return open_store(folder)


def usable_source(source: Source, preprocessing: Preprocessing) -> Source:
    """The source, without its classes if they are not to be used, or with the labels of a table. Raises a DataError if a split must be
    chosen first, or for what is wrong with the table.
    """
    if source.splits:
        first = next(filter(is_training, source.splits), source.splits[0])
        raise DataError(
            f"{source.name} holds {source.layout}: these folders are not classes. Choose one: --split {first} (split={first!r} in Python). "
            "Translators (pix2pix, cyclegan, cut) use all of them."
        )
    if preprocessing.labels is not None:
        return with_label_columns(source, preprocessing.labels, preprocessing.label_columns)
    if preprocessing.classes == "given" or not source.classes:
        return source
    items = [Item(item.name) for item in source.items]
    return replace(source, items=items, classes=(), identify=lambda: hash_key("no classes", source.key))


@dataclass(frozen=True)
class _StoreImage:
    """An image that is ready to be written to a store."""

    pixels: UInt8[np.ndarray, "h w c"]
    notes: tuple[str, ...]
    origin: tuple[int, int, int]
    """The image's row in `Store.origins`."""
    deep: bool
    """Whether the image has more than 8 bits a value."""


def _write_store(
    source: Source, preprocessing: Preprocessing, background: Color, folder: Path, *, progress: bool, workers: int | None
) -> None:
    """Write all files of a store into `folder`."""
    sides = preprocessing.sides
    if sides is None:
        side = default_size(common_size(source, preprocessing.max_pixels, workers))
        sides = side, side
    black_white = shared_range([source], preprocessing, workers)
    used: list[int] = []
    origins: list[tuple[int, int, int]] = []
    deep: list[str] = []
    quarantined = list(source.problems)
    remarks: dict[str, list[str]] = defaultdict(list)
    writer = PixelWriter(folder / PIXELS, preprocessing.channels)

    def decode(indices: range) -> list[list[_StoreImage] | str]:
        return [_decode_for_store(source, index, sides, preprocessing, background, black_white) for index in indices]

    try:
        with progress_bar(f"Preparing {source.name}", len(source), progress) as advance:
            results = itertools.chain.from_iterable(_with_progress(in_order(decode, len(source), workers), advance))
            for index, result in enumerate(results):
                if isinstance(result, str):
                    quarantined.append(Problem(source.items[index].name, result))
                    continue
                for image in result:
                    writer.add(image.pixels)
                    used.append(index)
                    origins.append(image.origin)
                deep.extend([source.items[index].name] if result[0].deep else [])
                for note in result[0].notes:
                    remarks[note].append(source.items[index].name)
        _check_unusable_share(source, preprocessing, len(set(used)), quarantined)
        writer.close()
    finally:
        writer.abandon()
    labels = np.asarray([source.items[index].label for index in used], np.dtype("<i8")) if source.classes else None
    described = _described_labels(source, used)
    if described:
        labels = np.stack([column.values[used] for column in source.labels], axis=1).astype("<f8")
    notes = [*source.notes, *(f"{note}: {len(names):,} ({name_examples(names)})." for note, names in remarks.items())]
    if labels is not None and source.classes:
        left = Counter(labels.tolist())
        empty = [name for label, name in enumerate(source.classes) if not left[label]]
        notes.extend([f"Classes without a usable image: {', '.join(empty)}."] if empty else [])
    names = [source.items[index].name for index in used]
    if preprocessing.crop == "random":
        pieces = "squares" if sides[0] == sides[1] else "pieces"
        notes.append(f"{len(set(used)):,} images were cut into {len(used):,} {pieces} of {sides[1]}x{sides[0]}, at random places.")
        names = [f"{name} {number}" for name, group in itertools.groupby(names) for number, _ in enumerate(group)]
    origin_rows = np.array(origins, np.int64)
    warnings = [*_crop_warnings(origin_rows, names, sides, preprocessing.crop), *value_range_notes(deep, black_white.found, preprocessing)]
    report = ImportReport(
        len(source) + len(source.problems), len(set(used)), tuple(quarantined), source.skipped, tuple(notes), tuple(warnings)
    )
    spec = ImageSpec(*sides, writer.channels, source.classes, labels=described)
    with replacing(folder / ORIGINS) as temporary, temporary.open("wb") as file:
        np.save(file, origin_rows, allow_pickle=False)
    _write_description(
        folder,
        source,
        spec=spec,
        labels=labels,
        names=names,
        writer=writer,
        report=report,
        preprocessing=preprocessing,
        black_white=black_white.found if deep else None,
    )


def _described_labels(source: Source, used: Sequence[int]) -> tuple[ImageLabel, ...]:
    """What the labels of a source are, for the images that are used. Raises a DataError if one has a single value there."""
    same = [name for name, _, values in source.labels if len(np.unique(values[used])) < 2]
    if same:
        problems = [f"all {len(used):,} images that can be used have the same {name}" for name in same]
        raise DataError(listed(f"{source.name}: labels tell images apart. Leave these out (--label-columns), or mend the table:", problems))
    return tuple(describe_label(name, classes, values[used]) for name, classes, values in source.labels)


def _crop_warnings(origins: Int64[np.ndarray, "n 3"], names: Sequence[str], sides: tuple[int, int], crop: Crop) -> list[str]:
    """Warnings if images were cropped or distorted to the proportion of (height, width)."""
    across, down = origins[:, 1] / sides[1], origins[:, 0] / sides[0]
    lost = 1 - np.minimum(across, down) / np.maximum(across, down)
    other = np.flatnonzero(lost > LEAST_LOST).tolist()
    if not len(other) or crop in {"pad", "random"}:
        return []
    square, lost, resolution = sides[0] == sides[1], lost[other], f"{sides[1]}x{sides[0]}"
    which = f"{len(other):,} of {len(names):,} images ({name_examples([names[index] for index in other])})"
    if crop == "squash":
        return [f"Squeezed to {'squares' if square else resolution}: {which} are not {'square' if square else 'of that shape'}."]
    amount = f"on average {lost.mean():.0%} of each, at most {lost.max():.0%}" if lost.max() > lost.min() else f"{lost.max():.0%} of each"
    to = "central square" if square else f"middle, in the proportion of {resolution}"
    return [
        f"Cropped to the {to}: {which} lose their sides, {amount}. To keep all of each image: --crop pad (adds borders) or --crop squash "
        "(distorts)."
    ]


def _with_progress(
    chunks: Iterator[list[list[_StoreImage] | str]], advance: Callable[[int], object]
) -> Iterator[list[list[_StoreImage] | str]]:
    for chunk in chunks:
        yield chunk
        advance(len(chunk))


def _decode_for_store(
    source: Source, index: int, sides: tuple[int, int], preprocessing: Preprocessing, background: Color, black_white: SharedRange
) -> list[_StoreImage] | str:
    """The prepared image (the pieces that were cut out of it), or the reason why it is unusable."""
    cut = preprocessing.crop == "random"
    try:
        decoded = decode_image(
            source.read(index), None if cut else max(sides), black_white=black_white, max_pixels=preprocessing.max_pixels
        )
        seed = stream_seed(0, f"squares of {source.items[index].name}", 0)
        pieces = random_pieces(decoded.image, sides, seed) if cut else [decoded.image]
        fitted = [fit_to_size(piece, sides, preprocessing.crop, background, preprocessing.channels) for piece in pieces]
    except DataError:  # the whole source is broken
        raise
    except UnusableImageError as problem:
        return str(problem)
    except Exception as problem:  # from the reader: a file that was removed, a damaged zip entry
        return f"cannot be read: {problem}"
    notes = decoded.notes
    if any(own < side for own, side in zip(decoded.upright_size, sides, strict=True)):
        least = f"{sides[0]} pixels on a side" if sides[0] == sides[1] else f"{sides[1]}x{sides[0]}"
        notes = (*notes, f"smaller than {least}, so enlarged")
    if preprocessing.channels != 4 and decoded.image.mode in ("LA", "RGBA"):
        notes = (*notes, f"transparency laid on {preprocessing.background}")
    origin, deep = (*decoded.upright_size, decoded.orientation), decoded.black_white is not None
    return [_StoreImage(pixels, notes, origin, deep) for pixels in fitted]


def _check_unusable_share(source: Source, preprocessing: Preprocessing, used: int, quarantined: list[Problem]) -> None:
    """Raise a DataError if no image is usable, or if more than the share `max_bad` is unusable."""
    bad = len(quarantined)
    reasons = [f"{name}: {reason}" for name, reason in quarantined]
    if not used:
        raise DataError(listed(f"{source.name}: none of {plural(bad, 'image', 'images')} can be used:", reasons))
    if bad > preprocessing.max_bad * (bad + used):
        counted = f"{bad} of {plural(bad + used, 'image', 'images')} ({bad / (bad + used):.0%})"
        share = f"{counted} cannot be used, more than max_bad = {preprocessing.max_bad:.0%}"
        raise DataError(listed(f"{source.name}: {share}. Fix or remove these, or raise max_bad:", reasons))


def _write_description(
    folder: Path,
    source: Source,
    *,
    spec: ImageSpec,
    labels: Int64[np.ndarray, " n"] | Float64[np.ndarray, "n labels"] | None,
    names: list[str],
    writer: PixelWriter,
    report: ImportReport,
    preprocessing: Preprocessing,
    black_white: ValueRange | None,
) -> None:
    """Write all files of a store except the pixels, the description last."""
    fingerprint = writer.sha256.copy()
    fingerprint.update(b"" if labels is None else labels.tobytes())
    fingerprint.update(json.dumps(spec.to_json(), sort_keys=True).encode())
    if labels is not None:
        with replacing(folder / LABELS) as temporary, temporary.open("wb") as file:
            np.save(file, labels, allow_pickle=False)
    write_json(folder / NAMES, names)
    described: dict[str, Any] = {
        "format": FORMAT,
        "source": source.name,
        "count": writer.count,
        "spec": spec.to_json(),
        "fingerprint": fingerprint.hexdigest(),
        "names_sha256": sha256_of_file(folder / NAMES),
        "labels_key": None if labels is None else hash_key(labels.tobytes()),
        "preprocessing": asdict(preprocessing),
        "black_white": black_white,
        "report": asdict(report),
    }
    described = json.loads(json.dumps(described))  # tuples become lists, as they do on the way back
    write_json(folder / DESCRIPTION, {**described, "checksum": _description_checksum(described)})
