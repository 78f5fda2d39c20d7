"""Translators in use: on files, folders, zips and films of any size."""

import copy
import errno
import hashlib
import os
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import groupby, islice
from pathlib import Path, PurePosixPath
from threading import Event, local
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image, ImageColor

from sparring.core.atomic_files import put_bytes, read_json, sweep, write_json
from sparring.core.errors import DataError, SettingsError, SparringError, listed
from sparring.core.file_kinds import kind_of, refusal
from sparring.core.hardware import keep_freed_memory, workers
from sparring.data.listed_images import name_examples
from sparring.data.open_by_name import Source
from sparring.data.pairs.derived_inputs import DERIVATIONS, SIZE_DEPENDENT, DerivedInput, parse_derived_input
from sparring.data.pairs.input_statistics import InputStatistics
from sparring.data.readers.folder import content_digests, open_images
from sparring.games.latent_game import SAMPLE_CHUNK
from sparring.games.translation import LARGEST_IN_COMPANY, Direction
from sparring.inference.data_of_model import preprocessing_of
from sparring.inference.load import load as load_model
from sparring.inference.model import Model
from sparring.inference.tiling import TILE, refuse_tile
from sparring.media.image_decoding import SEVERAL_FRAMES, UnusableImageError, decode_image
from sparring.media.image_files import WRITABLE_ENDINGS, encode_image, output_kind, save_gif, save_image, save_video
from sparring.media.pixel_range import float_to_pixels, pixels_to_float
from sparring.media.video_files import VIDEO_ENDINGS, frame_rate, gif_frame_durations, has_audio, read_frames
from sparring.media.video_files import frame_count as frames_in

Pixels = UInt8[np.ndarray, "h w c"]
FORGIVEN = 0.02
"""Share of a film's frames that may be missing of what it says it has, for it says so in round numbers."""
MARK = ".sparring-translation.json"
"""In a folder of translations: what made them."""
LARGEST_SIDE = 2**15
"""That an image may get by being resized: narrow ones would grow without end."""
HOPELESS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
"""Of writing: the next file fares no better."""
LARGEST_OF_ONE_THREAD = 256
"""Images of at most this side are translated by as many threads, each its own."""


def count_of(place: Path) -> int:
    """How many images there are to translate, as far as that is known before."""
    if place.is_dir() or (place.is_file() and place.suffix.lower() == ".zip"):
        return len(open_images(place))
    return frames_in(place) if place.is_file() and place.suffix.lower() in VIDEO_ENDINGS else 1


@dataclass(frozen=True)
class Translated:
    """What became of a folder."""

    written: int
    there: int
    """Translations that an earlier sitting had written."""
    problems: tuple[str, ...] = ()
    """Files that could not be used, and why."""
    notes: tuple[str, ...] = ()
    """What was passed over, and what was translated in part."""


@dataclass(frozen=True)
class _Watch:
    """Notes which images are unlike those that a model learned from. Several threads add to it."""

    known: InputStatistics | None
    """None: nothing is known, so nothing is noted."""
    made: DerivedInput | None
    """What is made of each image first."""
    seen: list[str] = field(default_factory=list)
    unlike: dict[str, str] = field(default_factory=dict)
    """By name, how an image is unlike the others."""
    sizes: dict[str, str] = field(default_factory=dict)
    """By name, sizes that are far from what was learned."""

    def look(self, name: str, image: Pixels) -> None:
        """Take note of an image, as the network is given it."""
        if self.known is None:
            return
        height, width = image.shape[:2]
        self.seen.append(name)
        if (difference := self.known.difference(image)) is not None:
            self.unlike[name] = difference
        if self.known.is_of_other_size(height, width):
            self.sizes[name] = f"{height}x{width}"

    def notes(self) -> tuple[str, ...]:
        """A sentence for each way in which images are unlike, however many are."""
        known, found = self.known, []
        if known is None:
            return ()
        if self.made is not None and known.made is not None and self.made != known.made:
            found.append(f"This model learned from inputs of the kind {known.made!r}, and --as makes {self.made!r}.")
        if self.unlike:
            first = min(self.unlike)
            found.append(f"{self._which(self.unlike)} unlike the inputs this model learned from: {self._of(first)}{self.unlike[first]}.")
            found[-1] += self._advice()
        if self.sizes:
            side, first = known.side, min(self.sizes)
            what = self.sizes[first] if len(self.seen) == 1 else f"of a very different size ({first}: {self.sizes[first]})"
            found.append(
                f"{self._which(self.sizes)} {what}, and this model learned at {side}x{side}: use --size {side} if results look wrong."
            )
        return tuple(found)

    def _which(self, some: Mapping[str, str]) -> str:
        if len(self.seen) == 1:
            return f"{next(iter(some))} is"
        return f"{len(some):,} of {len(self.seen):,} images ({name_examples(sorted(some))}) {'is' if len(some) == 1 else 'are'}"

    def _of(self, name: str) -> str:
        return "" if len(self.seen) == 1 else f"for {name}, "

    def _advice(self) -> str:
        made = None if self.known is None else self.known.made
        if made is None:
            return " Expect little of that: it knows images like those alone."
        if self.made is None:
            return f" To make that kind of input of photographs first, add --as {made} (in Python: made={made!r})."
        return ""


@dataclass(frozen=True)
class _Way:
    """How images are translated."""

    model: Model
    direction: Direction
    size: int | None
    tile: int
    noise: int | None
    background: str
    made: DerivedInput | None = None
    max_pixels: int | None = None
    """Largest height times width of an image that is read; None: Pillow's limit."""
    watch: _Watch = field(default_factory=lambda: _Watch(None, None))

    def opened(self, content: bytes | Pixels, name: str, subject: str | None = None) -> tuple[UInt8[np.ndarray, "_ _ o"], bool]:
        """A file, or a film's frame, as the network wants it, and whether the file holds more frames than that. `subject`: what chance is
        drawn by where an input is made, `name` by default.
        """
        learned = self.model.preprocessing.value_range  # of images of more than 8 bits a value
        loaded = decode_image(content, black_white=None if learned is None else lambda: learned, max_pixels=self.max_pixels)
        channels = self.model.translation_game.channels_of(self.direction)[0]
        image = loaded.image
        if self.made is not None:
            subject_pixels = _as_wanted(image, self.model.spec.channels, self.making_size, self.background)
            made = DERIVATIONS[self.made](subject_pixels, zlib.crc32((subject or name).encode(errors="surrogateescape")))
            image = Image.fromarray(made[:, :, 0] if made.shape[2] == 1 else made)
        pixels = _as_wanted(image, channels, self.size if self.made is None else None, self.background)
        self.watch.look(name, pixels)
        return pixels, SEVERAL_FRAMES in loaded.notes

    @property
    def making_size(self) -> int | None:
        """The shorter side that images are brought to before inputs are made of them: what the model learned at, where that matters and
        none is asked for.
        """
        return min(self.model.spec.height, self.model.spec.width) if self.size is None and self.made in SIZE_DEPENDENT else self.size

    def draw(self, images: Sequence[Pixels]) -> list[UInt8[np.ndarray, "h w o"]]:
        """What becomes of images of one size. An UnusableError if they take too much memory."""
        batch = pixels_to_float(torch.from_numpy(np.stack(images)))
        try:
            drawn = self.model.translate(batch, direction=self.direction, noise=self.noise, tile=self.tile)
            return list(float_to_pixels(drawn).cpu().numpy())
        except (RuntimeError, MemoryError) as problem:
            raise UnusableImageError(f"it cannot be translated: {next(iter(str(problem).splitlines()), type(problem).__name__)}") from None

    def mark(self, source: Path) -> dict[str, Any]:
        """What its translations of a source depend on."""
        names = self.model.game.sampling_networks
        tensors = {name: tensor for name, tensor in self.model.game.state_dict().items() if name.partition(".")[0] in names}
        whole = hashlib.sha256()
        for name, tensor in sorted(tensors.items()):
            whole.update(name.encode())
            whole.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
        weights = whole.hexdigest()[:12]
        about = {"weights": weights, "direction": self.direction, "size": self.size, "tile": self.tile, "background": self.background}
        place = os.fsencode(source.resolve()).decode(errors="backslashreplace")
        chosen = {name: value for name, value in (("noise", self.noise), ("made", self.made)) if value is not None}
        return {"of": place, **about, **chosen}


def translate(
    model: Model | str | os.PathLike[str],
    place: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    direction: Direction = "a2b",
    size: int | None = None,
    tile: int = TILE,
    noise: int | None = None,
    made: DerivedInput | Literal["gray"] | None = None,
    max_pixels: int | None = None,
    advance: Callable[[int], object] = lambda _: None,
) -> Translated:
    """Translate an image file, a folder, a zip or a film, into a file, a folder or a film.

    Names stay; what is there already in a folder is passed over, so a half-done one is gone on with (a single file is written anew); what
    cannot be read is listed. `size`: images
    are first brought to this shorter side. `tile`: larger images are translated in tiles. `noise`: see `Model.translate`; tiles of a
    image have the same. `made`: what is made of each image first ("edges", "scribble", "gray", "low-resolution", "masked"), as in
    training with `inputs`; lines and holes at the size that the model learned at, unless `size` is another. Every file is whole or not
    there. `max_pixels`: the largest height times width of an image that is read (None: 89,478,485). The notes of what is returned tell of
    images that are unlike those that the model learned from, where that is known.
    """
    model = model if isinstance(model, Model) else load_model(model)
    way = _way_of(model, direction, size, tile, noise, made, max_pixels)
    watch = way.watch
    source, target = Path(place).expanduser(), Path(out).expanduser()
    if not source.exists():
        raise DataError(f"{source} does not exist. Give an image, a folder or zip of images, or a film.")
    keep_freed_memory()
    if source.is_dir() or source.suffix.lower() == ".zip":
        return _folder(way, source, target, advance)
    film = source.suffix.lower() in VIDEO_ENDINGS
    if target.is_dir() or not target.suffix:
        still = _written_names([source.name])[0]
        target /= (source.name if source.suffix.lower() == ".gif" else source.with_suffix(".mp4").name) if film else still
    if target.resolve() == source.resolve():
        raise SettingsError(f"{target} is what is to be translated: choose another OUT.")
    if film and target.suffix.lower() in {".mp4", ".gif"}:
        return _film_translated(way, source, target, advance)
    if film and source.suffix.lower() != ".gif":
        raise SettingsError(f"{source} is a film, so its translation is one: give OUT the ending .mp4 or .gif, not {target.name!r}.")
    output_kind(target, "image") if not film else output_kind(target, "video", "image")  # before anything is translated
    try:
        image, more = way.opened(source.read_bytes(), source.name)
    except OSError as problem:
        raise DataError(f"{source} cannot be read: {problem.strerror or problem}.") from None
    except UnusableImageError as problem:
        if kind_of(source).holds != "images":
            raise DataError(refusal(source, "an image, a folder or zip of images, or a film")) from None
        raise DataError(f"{source} cannot be read: {problem}.") from None
    try:
        save_image(way.draw([image])[0], target)
    except UnusableImageError as problem:
        raise DataError(f"{source}: {problem}.") from None
    return Translated(1, 0, notes=((f"{source}: {SEVERAL_FRAMES}.",) if more else ()) + watch.notes())


def translate_content(
    model: Model,
    content: bytes,
    name: str,
    *,
    direction: Direction = "a2b",
    size: int | None = None,
    tile: int = TILE,
    noise: int | None = None,
    made: DerivedInput | Literal["gray"] | None = None,
    max_pixels: int | None = None,
) -> tuple[Pixels, tuple[str, ...]]:
    """The translation of one image in memory, as `translate` writes it of a file of that `name`, and the notes on it.

    A DataError if the content is no image that can be read; otherwise as `translate`.
    """
    way = _way_of(model, direction, size, tile, noise, made, max_pixels)
    try:
        image, more = way.opened(content, name)
        return way.draw([image])[0], ((f"{name}: {SEVERAL_FRAMES}.",) if more else ()) + way.watch.notes()
    except UnusableImageError as problem:
        raise DataError(f"{name} cannot be translated: {problem}.") from None


def _way_of(
    model: Model,
    direction: Direction,
    size: int | None,
    tile: int,
    noise: int | None,
    made: DerivedInput | Literal["gray"] | None,
    max_pixels: int | None,
) -> _Way:
    """How images are translated with these settings; a SettingsError if they do not fit the model or each other."""
    kind = None if made is None else parse_derived_input(made)
    model.refuse_direction(direction)
    refuse_tile(tile)
    if size is not None and size < 1:
        raise SettingsError(f"size must be at least 1, not {size}.")
    if kind is not None and direction != "a2b":
        raise SettingsError(f"{kind!r} makes inputs, and {direction} translates targets: leave out what is to be made (--as).")
    model.noisy(direction, noise)  # says if there is none
    watch = _Watch(model.input_statistics.get(direction), kind)
    return _Way(model, direction, size, tile, noise, preprocessing_of(model).background, kind, max_pixels, watch)


def _as_wanted(image: Image.Image, channels: int, size: int | None, background: str) -> Pixels:
    if size is not None:
        factor = size / min(image.size)
        width, height = (max(1, round(side * factor)) for side in image.size)
        if factor > 1 and max(width, height) > LARGEST_SIDE:
            raise UnusableImageError(f"it is {image.width}x{image.height}, and with a shorter side of {size} it would be {width}x{height}")
        image = image.resize((width, height), Image.Resampling.LANCZOS)
    if image.mode in {"LA", "RGBA"}:
        image = image.convert("RGBA")
        if channels != 4:
            image = Image.alpha_composite(Image.new("RGBA", image.size, background), image)
    pixels = np.array(image.convert({1: "L", 3: "RGB", 4: "RGBA"}[channels])).reshape(image.height, image.width, channels)
    if channels == 4:
        pixels[pixels[:, :, 3] == 0, :3] = ImageColor.getrgb(background)[:3]  # as in training
    return pixels


def _folder(way: _Way, source: Path, target: Path, advance: Callable[[int], object]) -> Translated:
    _refuse_place(source, target)
    images = open_images(source)
    if not images.items:
        others = [f"{name}: {reason}" for name, reason in (*images.problems, *images.skipped)]
        if kind_of(source).holds == "weights":
            raise DataError(refusal(source, "a folder of images"))
        raise DataError(listed(f"{source} holds no images. Files in it: {len(others)}.", others))
    names = _written_names([item.name for item in images.items])
    _mark(target, way.mark(source), names, content_digests(source, [item.name for item in images.items]))
    sweep(target / name for name in (MARK, *names))
    left = [index for index, name in enumerate(names) if not _written(target / name)]
    advance(len(names) - len(left))
    problems, count = [f"{name}: {reason}" for name, reason in images.problems], 0
    threads, here = torch.get_num_threads(), local()
    size = min(max(SAMPLE_CHUNK, len(left) // (4 * threads)), 4 * SAMPLE_CHUNK)
    parts = [left[start : start + size] for start in range(0, len(left), size)]

    def begin() -> None:  # networks of its own, for hooks and modes of shared ones would meet
        here.way = replace(way, model=_beside(way.model))

    with workers(1, threads, begin) as together, workers(threads, 1, begin) as pool:
        work = _FolderWork(here, images, target, names, together)
        try:
            for part, failed in zip(parts, pool.map(work.translate, parts), strict=True):
                count += len(part) - len(failed)
                problems += failed
                advance(len(part))
        except BaseException:  # an interruption among them
            work.stopped.set()
            raise
    notes = [f"passed over: {name}: {reason}" for name, reason in images.skipped]
    return Translated(count, len(names) - len(left), tuple(problems), (*notes, *sorted(work.notes), *way.watch.notes()))


@dataclass
class _FolderWork:
    """What threads do on a folder: each reads some images, translates and writes them, by itself."""

    here: local
    """`here.way`: this thread's."""
    images: Source
    target: Path
    names: Sequence[str]
    """Of the files to be written there."""
    together: ThreadPoolExecutor
    """Translates large images: one at a time, as they need much memory, with all cores."""
    notes: list[str] = field(default_factory=list)
    stopped: Event = field(default_factory=Event)
    """Set when no more should be begun."""

    def translate(self, some: Sequence[int]) -> list[str]:
        """What went wrong with these images: a line for each that is not written. Small ones are sorted, so that more are alike."""
        problems: list[str] = []

        def decoded() -> Iterator[tuple[int, Pixels]]:
            for index in some:
                if self.stopped.is_set():
                    return
                try:
                    yield index, self._read(index)
                except UnusableImageError as problem:
                    problems.append(f"{self._name(index)}: {problem}")

        small: list[tuple[int, Pixels]] = []
        for index, image in decoded():
            if max(image.shape[:2]) <= LARGEST_IN_COMPANY:
                small.append((index, image))
            else:
                problems += self._translate_alike([(index, image)])
        for group in _alike(iter(sorted(small, key=lambda each: each[1].shape))):
            problems += [] if self.stopped.is_set() else self._translate_alike(group)
        return problems

    def _translate_alike(self, group: list[tuple[int, Pixels]]) -> list[str]:
        try:
            drawn = self._draw([image for _, image in group])
        except UnusableImageError as problem:
            if len(group) == 1:
                return [f"{self._name(group[0][0])}: {problem}"]
            return [problem for one in group for problem in self._translate_alike([one])]
        return [problem for (index, _), image in zip(group, drawn, strict=True) if (problem := self._write(index, image))]

    def _name(self, index: int) -> str:
        return self.images.items[index].name

    def _read(self, index: int) -> Pixels:
        try:
            image, more = self.here.way.opened(self.images.read(index), self._name(index))
        except SparringError:
            raise
        except Exception as problem:  # what a damaged file raises is up to its format
            raise UnusableImageError(str(problem)) from None
        if more:
            self.notes.append(f"{self._name(index)}: {SEVERAL_FRAMES}.")
        return image

    def _draw(self, images: list[Pixels]) -> list[UInt8[np.ndarray, "h w o"]]:
        if max(images[0].shape) <= LARGEST_OF_ONE_THREAD:
            return self.here.way.draw(images)
        return self.together.submit(lambda: self.here.way.draw(images)).result()

    def _write(self, index: int, image: Pixels) -> str | None:
        file = self.target / self.names[index]
        try:
            put_bytes(file, encode_image(image, file))
        except OSError as problem:
            if problem.errno in HOPELESS:
                raise DataError(f"{file} cannot be written: {problem.strerror}. What is there is whole: go on when it can be.") from None
            return f"{self.names[index]}: it cannot be written: {problem.strerror or problem}"
        except ValueError as problem:  # a format's encoder may find an image too large
            return f"{self.names[index]}: it cannot be written: {problem}"
        return None


def _beside(model: Model) -> Model:
    """The model with modules of its own, and the same weights."""
    tensors = {id(tensor): tensor for tensor in (*model.game.parameters(), *model.game.buffers())}
    return replace(model, game=copy.deepcopy(model.game, tensors))


def _refuse_place(source: Path, target: Path) -> None:
    """Raise a SettingsError if the translations of many images should not go there."""
    if target.exists() and not target.is_dir():
        raise SettingsError(f"{target} is a file. Many translations need a folder: choose another OUT.")
    if target.suffix.lower() in WRITABLE_ENDINGS | VIDEO_ENDINGS | {".zip"} and not target.is_dir():
        raise SettingsError(f"{target} would be a folder with the ending of a file. Many translations need a folder: choose another OUT.")
    if source.resolve() in (target.resolve(), *target.resolve().parents):
        raise SettingsError(f"{target} lies in {source}, where its translations would be translated again. Choose another OUT.")


def _alike(images: Iterator[tuple[int, Pixels]]) -> Iterator[list[tuple[int, Pixels]]]:
    """Neighbors of one size, as many as the network takes at a time. No more are asked for before."""
    for shape, same in groupby(images, key=lambda each: each[1].shape):
        most = SAMPLE_CHUNK if max(shape[:2]) <= LARGEST_IN_COMPANY else 1
        while group := list(islice(same, most)):
            yield group


def _written_names(names: Sequence[str]) -> list[str]:
    """What translations of these files are called: the same, but for .png where a format is only read. Where that would be the name of
    another's, it comes after the whole name: a.gif.png.
    """
    written = [name if _kept(name) else str(PurePosixPath(name).with_suffix(".png")) for name in names]
    counts, taken = Counter(written), {name for name in names if _kept(name)}
    found = []
    for own, name in zip(names, written, strict=True):
        if not _kept(own):
            name = name if counts[name] == 1 else f"{own}.png"  # noqa: PLW2901
            while name in taken:
                name += ".png"  # noqa: PLW2901
            taken.add(name)
        found.append(name)
    return found


def _kept(name: str) -> bool:
    """Whether a still image is written in the format of that file."""
    return PurePosixPath(name).suffix.lower() in WRITABLE_ENDINGS - {".gif"}


def _written(path: Path) -> bool:
    """Whether it is there, and not one that a power cut has left empty."""
    return _exists(path) and path.stat().st_size > 0


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # its name is too long: it will be reported when it cannot be written
        return False


def _mark(target: Path, mark: dict[str, Any], names: Sequence[str], digests: Mapping[str, str]) -> None:
    """Note in the folder what its translations depend on; a SettingsError if others, or other files of these names, are there. `names`: of
    translations; `digests`: of what is translated, by name, in the same order. Translations of what has changed since are taken away.
    """
    if (target / MARK).exists():
        before = read_json(target / MARK)
        known = before.pop("files", {})
        if before != mark:
            now = dict.fromkeys(before) | mark
            differing = [f"{name}: {before.get(name)!r} there, {value!r} now" for name, value in now.items() if before.get(name) != value]
            raise SettingsError(listed(f"{target} holds other translations. Choose another folder. What differs:", differing))
        for written, (name, digest) in zip(names, digests.items(), strict=True):
            if known.get(name, digest) != digest:
                (target / written).unlink(missing_ok=True)
        if known != digests:
            write_json(target / MARK, mark | {"files": digests})
    elif there := [name for name in names if _exists(target / name)]:
        raise SettingsError(listed(f"{target} holds files of the same names, which are no translations. Choose another folder:", there))
    else:
        write_json(target / MARK, mark | {"files": digests})


def _film_translated(way: _Way, source: Path, target: Path, advance: Callable[[int], object]) -> Translated:
    count = 0

    def drawn() -> Iterator[Pixels]:
        nonlocal count
        try:
            frames = enumerate(read_frames(source))  # chance is drawn once for all of them: lines stay where they are
            for group in _alike((number, way.opened(frame, f"frame {number + 1:,}", source.name)[0]) for number, frame in frames):
                yield from way.draw([frame for _, frame in group])
                count += len(group)
                advance(len(group))
        except UnusableImageError as problem:
            raise DataError(f"{source}, frame {count + 1}: {problem}.") from None

    sweep([target])
    expected, from_gif = frames_in(source), source.suffix.lower() == ".gif"
    if target.suffix.lower() == ".gif":
        save_gif(list(drawn()), target, frames_per_second=frame_rate(source), durations=gif_frame_durations(source) if from_gif else ())
    else:
        save_video(drawn(), target, frames_per_second=frame_rate(source), audio=source if has_audio(source) else None)
    short = count < (1 - FORGIVEN) * expected - 1
    problems = (f"{source}: it breaks off after {count:,} of about {expected:,} frames.",) if short else ()
    return Translated(count, 0, problems, way.watch.notes())
