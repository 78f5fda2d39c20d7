"""Opens and prepares the two sides of pairs or of two sets: inputs and targets."""

import contextlib
import csv
import io
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import Bool, UInt8

from sparring.core.atomic_files import sha256_of_file
from sparring.core.errors import DataError, SettingsError, listed
from sparring.data.content_digest import file_digest
from sparring.data.images.sizes_and_range import common_size
from sparring.data.listed_images import Item, Source, hash_key
from sparring.data.open_by_name import open_source
from sparring.data.pairs.derived_inputs import DERIVATIONS
from sparring.data.pairs.pairing import Pairing
from sparring.data.prepare_store import prepare
from sparring.data.preprocessing import Preprocessing
from sparring.data.readers.folder_layouts import is_training, split_part, split_set
from sparring.data.store import NAMES, Store
from sparring.media.image_decoding import IMAGE_ENDINGS, UnusableImageError, decode_image

Channels = tuple[int, int]
"""Number of channels of inputs and of targets: 1, 3 or 4."""
DERIVATION_VERSION = 1
"""Version of derived inputs: when it changes, they are derived again."""


@dataclass(frozen=True, eq=False)
class Side:
    """The prepared inputs or targets of pairs or of two sets, with the names by which partners are found."""

    store: Store
    pair_names: list[str]
    """What each image is called, for its partner: see `_pair_names`. Pieces of images are numbered."""
    whole_names: list[str]
    """The same of the image that each is, or is a piece of."""
    is_holdout: Bool[np.ndarray, " n"] | None
    """Which images are of parts that are not trained on; None where the data has no such parts."""


def native_size(data: str, pairing: Pairing, preprocessing: Preprocessing) -> tuple[int, int] | None:
    """(height, width) of all images of the data (of each half if they hold two side by side), or None if sizes differ."""
    size = common_size(_open_with_splits(open_source, data, preprocessing.split, for_judging=False).source, preprocessing.max_pixels)
    return size if size is None or pairing.side_by_side == "none" else (size[0], size[1] // 2)


def open_sides(
    data: str, pairing: Pairing, preprocessing: Preprocessing, channels: Channels | None, progress: bool, *, for_judging: bool
) -> tuple[Side, Side]:
    """Prepare inputs and targets. `for_judging` takes only the splits that are not for training, if the data has splits."""
    of_inputs, of_targets = channels or (preprocessing.channels, preprocessing.channels)
    for_inputs, for_targets = (replace(preprocessing, channels=each, split=None) for each in (of_inputs, of_targets))

    def side(opened: _OpenedSource, preprocessing: Preprocessing, called: list[str] | None = None) -> Side:
        names = [item.name for item in opened.source.items]
        by_path, held_out = _pair_names(names, opened.source.top, opened.parts)
        called, cut = called or by_path, preprocessing.crop == "random"
        store = prepare(opened.source.cut_like(called) if cut else opened.source, preprocessing, progress=progress)
        wholes = [name.rpartition(" ")[0] for name in store.names] if cut else store.names
        place_of = {name: place for place, name in enumerate(names)}
        places = [place_of[whole] for whole in wholes]
        pair_names = [called[place] + name.removeprefix(whole) for name, whole, place in zip(store.names, wholes, places, strict=True)]
        return Side(store, pair_names, [called[place] for place in places], None if held_out is None else held_out[places])

    first = _open_with_splits(open_source, data, preprocessing.split, for_judging)
    if pairing.pair_table is not None or pairing.input_mark is not None or pairing.target_mark is not None:
        second = None if pairing.target is None else _open_with_splits(open_target, pairing.target, preprocessing.split, for_judging)
        if pairing.pair_table is None:
            of_names = names_by_marks(pairing)
        else:
            known = [{name for source in (one.source,) for name in _all_names(source)} for one in (first, second or first)]
            of_names = names_by_table(pairing.pair_table, known[0], known[1])
        sides = []
        for opened, column, settings in ((first, 0, for_inputs), (second or first, 1, for_targets)):
            names = [item.name for item in opened.source.items]
            called = [
                next((found for one in (bare, PurePosixPath(name)) if (found := of_names(one, column)) is not None), None)
                for name, bare in zip(names, _bare_names(names), strict=True)
            ]
            if not any(called):
                raise DataError(f"{opened.source.name} has no {('inputs', 'targets')[column]} of these names: {_examples(opened.source)}.")
            chosen = replace(opened, source=opened.source.select([name is not None for name in called], ("pairs", column, called)))
            sides.append(side(chosen, settings, [name for name in called if name is not None]))
        return sides[0], sides[1]
    if pairing.target is not None:
        second = _open_with_splits(open_target, pairing.target, preprocessing.split, for_judging)
        return side(first, for_inputs), side(second, for_targets)
    sets = {split_set(part) for part in first.parts}
    if pairing.inputs == "given" and pairing.side_by_side == "none":
        if sets != {"a", "b"}:
            raise SettingsError(
                "Image translation needs inputs and targets. Give --target (a second set), --inputs (what to derive from each image) or "
                f"--side-by-side (left or right: the side of the input in images that hold both).{_side_by_side_hint(first.source)}"
            )
        a, b = (first.of_set(one) for one in ("a", "b"))
        return side(a, for_inputs), side(b, for_targets)
    if sets - {""}:
        raise DataError(
            f"{data} holds {first.source.layout}: leave --inputs and --side-by-side out, or give one of its folders as the data."
        )
    if pairing.inputs == "given":
        halves = [_half_of_images(first.source, half) for half in ((0, 1) if pairing.side_by_side == "left" else (1, 0))]
        return side(replace(first, source=halves[0]), for_inputs), side(replace(first, source=halves[1]), for_targets)
    of_photographs = side(first, for_targets)
    targets = of_photographs.store
    make = DERIVATIONS[pairing.inputs]
    made = Source(
        f"{pairing.inputs} of {data}",
        [Item(name) for name in targets.names],
        lambda index: make(np.asarray(targets.pixels[index]), index),
        lambda: hash_key("made", DERIVATION_VERSION, pairing.inputs, targets.fingerprint, sha256_of_file(targets.folder / NAMES)),
        native_size=(targets.spec.height, targets.spec.width),
    )
    alike = replace(Preprocessing(size=targets.spec.size), channels=of_inputs if channels else None)
    return replace(of_photographs, store=prepare(made, alike, progress=progress)), of_photographs


@dataclass(frozen=True)
class _OpenedSource:
    """A source for one or both sides, and the splits (train, testA, ...) that it consists of, if any."""

    source: Source
    parts: tuple[str, ...]

    def of_set(self, which: str) -> "_OpenedSource":
        """The splits that belong to set "a" or "b"."""
        parts = tuple(part for part in self.parts if split_set(part) == which)
        return _OpenedSource(self.source.select_splits(parts), parts)


def _open_with_splits(opener: Callable[..., Source], place: str, split: str | None, for_judging: bool) -> _OpenedSource:
    """A source with all of its parts, those that `split` names ("test": testA and testB, too), or if it is judged those not trained on."""
    whole = None
    if split is not None:
        with contextlib.suppress(DataError):  # where there are several sets one must be named
            whole = opener(place)
        chosen = () if whole is None else tuple(one for one in whole.splits if one == split or split_part(one) == split.lower())
        if whole is None or not chosen:
            return _OpenedSource(open_source(place, split=split), ())
    else:
        whole = opener(place)
        held_out = tuple(one for one in whole.splits if not is_training(one))
        chosen = held_out if for_judging and held_out else whole.splits
    return _OpenedSource(whole.select_splits(chosen) if whole.splits else whole, chosen)


def _side_by_side_hint(source: Source) -> str:
    """A hint, if images seem to hold two side by side."""
    size = common_size(source)
    wide = size is not None and size[1] == 2 * size[0]
    return f" All images are {size[1]}x{size[0]}, as if each held both: --side-by-side left?" if wide and size else ""


def open_target(place: str) -> Source:
    """Open a source as `open_source` does, or a single image."""
    path = Path(place).expanduser()
    if path.suffix.lower() in IMAGE_ENDINGS and path.is_file():
        return Source(place, [Item(path.name)], lambda _: path.read_bytes(), lambda: hash_key("image", path.name, file_digest(path)))
    return open_source(place)


def _half_of_images(source: Source, side: int) -> Source:
    def read(index: int) -> UInt8[np.ndarray, "h w c"]:
        pixels = np.asarray(decode_image(source.read(index)).image)
        pixels = pixels[:, :, None] if pixels.ndim == 2 else pixels
        width = pixels.shape[1]
        if width % 2:
            raise UnusableImageError(f"{width} pixels wide: two images side by side have an even width")
        half = pixels[:, side * width // 2 : (side + 1) * width // 2]
        return half if half.shape[2] != 2 else np.concatenate([half[:, :, :1].repeat(3, axis=2), half[:, :, 1:]], axis=2)

    native = source.native_size and (source.native_size[0], source.native_size[1] // 2)
    items = [Item(item.name) for item in source.items]
    return replace(source, items=items, read=read, identify=lambda: hash_key("half", side, source.key), native_size=native, classes=())


def _pair_names(names: Sequence[str], top: str, parts: Sequence[str]) -> tuple[list[str], Bool[np.ndarray, " n"] | None]:
    """Names without an image's ending, and without the folders that all of them lie in; and which are of parts that are not trained on.

    Of data in parts (trainA, testA, ...) the part's own name stands before, without its set: "train/1", "test/1".
    """
    if not parts:
        top = os.path.commonpath([PurePosixPath(name).parent for name in names]) if names else ""
        bare = [PurePosixPath(name).relative_to(top) if top else PurePosixPath(name) for name in names]
        return [_without_ending(name) for name in bare], None
    stems, held_out = [], []
    for name in names:
        part = next(part for part in parts if name.startswith(f"{top}{part}/"))
        stems.append(f"{split_part(part)}/{_without_ending(PurePosixPath(name[len(top) + len(part) + 1 :]))}")
        held_out.append(not is_training(part))
    if all(held_out):
        return stems, None
    return stems, np.array(held_out) if any(held_out) else None


def _bare_names(names: Sequence[str]) -> list[PurePosixPath]:
    """Names without the folders that all of them lie in."""
    top = os.path.commonpath([PurePosixPath(name).parent for name in names]) if names else ""
    return [PurePosixPath(name).relative_to(top) if top else PurePosixPath(name) for name in names]


def _examples(source: Source) -> str:
    names = [item.name for item in source.items[:3]]
    return f"{', '.join(names)}{', ...' if len(source.items) > 3 else ''}"


def names_by_marks(pairing: Pairing) -> Callable[[PurePosixPath, int], str | None]:
    """What files are called without the mark of their side; None for files that do not have it (where both sides lie together)."""

    def without(name: PurePosixPath, column: int) -> str | None:
        mark, stem = (pairing.input_mark, pairing.target_mark)[column], PurePosixPath(_without_ending(name))
        if mark is not None and stem.name.endswith(mark):
            return str(stem.with_name(stem.name.removesuffix(mark) or "unnamed"))
        if mark is not None and stem.name.startswith(mark):
            return str(stem.with_name(stem.name.removeprefix(mark)))
        return None if pairing.target is None else str(stem)

    return without


def _all_names(source: Source) -> Iterator[str]:
    """What a table may call a source's files: in full, and without the folders that all lie in; without endings."""
    names = [item.name for item in source.items]
    for name in (*map(PurePosixPath, names), *_bare_names(names)):
        yield _without_ending(name)


def names_by_table(path: str, inputs: set[str], targets: set[str]) -> Callable[[PurePosixPath, int], str | None]:
    """What the row that names a file calls its input; None for files that no row names. `inputs`, `targets`: all names that files have.
    Raises a DataError if the table cannot be read, names a file twice, or names one that is not there.
    """
    try:
        text = Path(path).expanduser().read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as problem:
        raise DataError(f"{path} cannot be read as a table of pairs: {problem}") from None
    separator = "\t" if text.partition("\n")[0].count("\t") else ","
    rows = [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(text), delimiter=separator) if any(row)]
    columns = [0, 1]
    if rows and {"input", "target"} <= {cell.lower() for cell in rows[0]}:
        heading = [cell.lower() for cell in rows.pop(0)]
        columns = [heading.index("input"), heading.index("target")]
    if not rows or any(len(row) <= max(columns) for row in rows):
        raise DataError(f"{path} needs two columns in every row: the file of an input, and that of its target.")
    found, called = [], [_without_ending(PurePosixPath(row[columns[0]].replace("\\", "/"))) for row in rows]
    for column, there in zip(columns, (inputs, targets), strict=True):
        files = [_without_ending(PurePosixPath(row[column].replace("\\", "/"))) for row in rows]
        if gone := [file for file in files if file not in there]:
            raise DataError(listed(f"{path} names files that are not in the data:", gone))
        if doubled := [file for file, count in Counter(files).items() if count > 1]:
            raise DataError(listed(f"{path} names some files in several rows; each can have one partner:", doubled))
        found.append(dict(zip(files, called, strict=True)))
    return lambda name, column: found[column].get(_without_ending(name))


def _without_ending(name: PurePosixPath) -> str:
    return str(name.with_suffix("") if name.suffix.lower() in IMAGE_ENDINGS else name)
