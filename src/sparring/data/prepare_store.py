"""Prepares images for a store: decodes and checks them once, and writes the store's files."""

import contextlib
import functools
import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64, UInt8

from sparring.core.atomic_files import cache_folder, replacing, sha256_of_file, write_json
from sparring.core.errors import DataError, listed
from sparring.core.formatting import plural
from sparring.core.parallel_map import in_order, progress_bar
from sparring.core.random_streams import stream_seed
from sparring.data.images.image_labels import ImageLabel, describe_label
from sparring.data.images.image_sizes import default_size
from sparring.data.images.image_spec import ImageSpec
from sparring.data.images.sizes_and_range import SharedRange, common_size, shared_range, value_range_notes
from sparring.data.listed_images import Item, Problem, Source, hash_key, name_examples
from sparring.data.preparation_report import ImportReport
from sparring.data.preprocessing import Preprocessing, check_and_parse_background
from sparring.data.readers.folder_layouts import is_training
from sparring.data.readers.label_columns import with_label_columns
from sparring.data.store import (
    DESCRIPTION,
    FORMAT,
    LABELS,
    NAMES,
    ORIGINS,
    PIXELS,
    Store,
    description_checksum,
    open_store,
)
from sparring.data.store_writing import PixelWriter, discard, publish, temporary_folder
from sparring.media.image_decoding import Color, Crop, UnusableImageError, decode_image, fit_to_size, random_pieces
from sparring.media.value_range import ValueRange

LEAST_LOST = 0.005
"""Share of an image that is lost, or distorted, without a word."""


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
    decode = functools.partial(
        _decode_for_store, source, sides=sides, preprocessing=preprocessing, background=background, black_white=black_white
    )
    writer = PixelWriter(folder / PIXELS, preprocessing.channels)
    try:
        written = _write_pixels(source, decode, writer, progress=progress, workers=workers)
        _check_unusable_share(source, preprocessing, len(set(written.used)), written.quarantined)
        writer.close()
    finally:
        writer.abandon()
    used = written.used
    labels = np.asarray([source.items[index].label for index in used], np.dtype("<i8")) if source.classes else None
    described = _described_labels(source, used)
    if described:
        labels = np.stack([column.values[used] for column in source.labels], axis=1).astype("<f8")
    notes = [*source.notes, *(f"{note}: {len(names):,} ({name_examples(names)})." for note, names in written.remarks.items())]
    if labels is not None and source.classes:
        left = Counter(labels.tolist())
        empty = [name for label, name in enumerate(source.classes) if not left[label]]
        notes.extend([f"Classes without a usable image: {', '.join(empty)}."] if empty else [])
    names = [source.items[index].name for index in used]
    if preprocessing.crop == "random":
        pieces = "squares" if sides[0] == sides[1] else "pieces"
        notes.append(f"{len(set(used)):,} images were cut into {len(used):,} {pieces} of {sides[1]}x{sides[0]}, at random places.")
        names = [f"{name} {number}" for name, group in itertools.groupby(names) for number, _ in enumerate(group)]
    origin_rows = np.array(written.origins, np.int64)
    warnings = [
        *_crop_warnings(origin_rows, names, sides, preprocessing.crop),
        *value_range_notes(written.deep, black_white.found, preprocessing),
    ]
    report = ImportReport(
        len(source) + len(source.problems), len(set(used)), tuple(written.quarantined), source.skipped, tuple(notes), tuple(warnings)
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
        black_white=black_white.found if written.deep else None,
    )


@dataclass
class _Written:
    """What became of a source's items when their pixels were written."""

    quarantined: list[Problem]
    used: list[int] = field(default_factory=list)
    """The item that each image of the store comes from, by its place in the source."""
    origins: list[tuple[int, int, int]] = field(default_factory=list)
    deep: list[str] = field(default_factory=list)
    """Names of the items with more than 8 bits in each channel."""
    remarks: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Names of the items that each note is about."""


def _write_pixels(
    source: Source, decode: Callable[[int], list[_StoreImage] | str], writer: PixelWriter, *, progress: bool, workers: int | None
) -> _Written:
    """Decode all items of a source and write their pixels, in order. An item that `decode` gives a reason for is quarantined."""
    written = _Written(list(source.problems))

    def decode_all(indices: range) -> list[list[_StoreImage] | str]:
        return [decode(index) for index in indices]

    with progress_bar(f"Preparing {source.name}", len(source), progress) as advance:
        results = itertools.chain.from_iterable(_with_progress(in_order(decode_all, len(source), workers), advance))
        for index, result in enumerate(results):
            name = source.items[index].name
            if isinstance(result, str):
                written.quarantined.append(Problem(name, result))
                continue
            for image in result:
                writer.add(image.pixels)
                written.used.append(index)
                written.origins.append(image.origin)
            written.deep.extend([name] if result[0].deep else [])
            for note in result[0].notes:
                written.remarks[note].append(name)
    return written


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
        item = source.items[index]
        seed = stream_seed(0, f"squares of {item.name if item.cut_as is None else item.cut_as}", 0)
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
    write_json(folder / DESCRIPTION, {**described, "checksum": description_checksum(described)})
