"""Translates a folder or zip of images into a folder, which notes what its files were made of: half-done work is taken up again."""

import copy
import errno
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from threading import Event, local
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8

from sparring.core.atomic_files import put_bytes, read_json, sweep, write_json
from sparring.core.errors import DataError, SettingsError, SparringError, listed
from sparring.core.file_kinds import kind_of, refusal
from sparring.core.hardware import workers
from sparring.data.open_by_name import Source
from sparring.data.readers.folder import content_digests, open_images
from sparring.games.latent_game import SAMPLE_CHUNK
from sparring.games.translation import LARGEST_IN_COMPANY
from sparring.inference.image_translator import ImageTranslator, Pixels, alike
from sparring.inference.model import Model
from sparring.media.image_decoding import SEVERAL_FRAMES, UnusableImageError
from sparring.media.image_files import WRITABLE_ENDINGS, encode_image
from sparring.media.video_files import VIDEO_ENDINGS

MARK = ".sparring-translation.json"
"""In a folder of translations: what made them."""
HOPELESS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
"""Of writing: the next file fares no better."""
LARGEST_OF_ONE_THREAD = 256
"""Images of at most this side are translated by as many threads, each its own."""


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


def folder_translated(translator: ImageTranslator, source: Path, target: Path, advance: Callable[[int], object]) -> Translated:
    """Translate the images of `source` that have no translation in `target` yet; see `translate`."""
    _refuse_place(source, target)
    images = open_images(source)
    if not images.items:
        others = [f"{name}: {reason}" for name, reason in (*images.problems, *images.skipped)]
        if kind_of(source).holds == "weights":
            raise DataError(refusal(source, "a folder of images"))
        raise DataError(listed(f"{source} holds no images. Files in it: {len(others)}.", others))
    names = written_names([item.name for item in images.items])
    _mark(target, translator.mark(source), names, content_digests(source, [item.name for item in images.items]))
    sweep(target / name for name in (MARK, *names))
    left = [index for index, name in enumerate(names) if not _written(target / name)]
    advance(len(names) - len(left))
    problems, count = [f"{name}: {reason}" for name, reason in images.problems], 0
    threads, here = torch.get_num_threads(), local()
    size = min(max(SAMPLE_CHUNK, len(left) // (4 * threads)), 4 * SAMPLE_CHUNK)
    parts = [left[start : start + size] for start in range(0, len(left), size)]

    def begin() -> None:  # networks of its own, for hooks and modes of shared ones would meet
        here.translator = replace(translator, model=_beside(translator.model))

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
    return Translated(count, len(names) - len(left), tuple(problems), (*notes, *sorted(work.notes), *translator.watch.notes()))


@dataclass
class _FolderWork:
    """What threads do on a folder: each reads some images, translates and writes them, by itself."""

    here: local
    """`here.translator`: that of the thread that asks, with networks of its own."""
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
        for group in alike(iter(sorted(small, key=lambda each: each[1].shape))):
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
            image, more = self.here.translator.opened(self.images.read(index), self._name(index))
        except SparringError:
            raise
        except Exception as problem:  # what a damaged file raises is up to its format
            raise UnusableImageError(str(problem)) from None
        if more:
            self.notes.append(f"{self._name(index)}: {SEVERAL_FRAMES}.")
        return image

    def _draw(self, images: list[Pixels]) -> list[UInt8[np.ndarray, "h w o"]]:
        if max(images[0].shape) <= LARGEST_OF_ONE_THREAD:
            return self.here.translator.draw(images)
        return self.together.submit(lambda: self.here.translator.draw(images)).result()

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


def written_names(names: Sequence[str]) -> list[str]:
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
