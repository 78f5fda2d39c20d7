"""Translators in use: on files, folders, zips and films of any size."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from sparring.core.atomic_files import sweep
from sparring.core.errors import DataError, SettingsError
from sparring.core.file_kinds import kind_of, refusal
from sparring.core.hardware import keep_freed_memory
from sparring.data.pairs.derived_inputs import DerivedInput
from sparring.data.readers.folder import open_images
from sparring.games.translation import Direction
from sparring.inference.image_translator import ImageTranslator, Pixels, alike, translator_for
from sparring.inference.load import load as load_model
from sparring.inference.model import Model
from sparring.inference.tiling import TILE
from sparring.inference.translate_folder import Translated, folder_translated, written_names
from sparring.media.image_decoding import SEVERAL_FRAMES, UnusableImageError
from sparring.media.image_files import output_kind, save_gif, save_image, save_video
from sparring.media.video_files import VIDEO_ENDINGS, frame_rate, gif_frame_durations, has_audio, read_frames
from sparring.media.video_files import frame_count as frames_in

FORGIVEN = 0.02
"""Share of a film's frames that may be missing of what it says it has, for it says so in round numbers."""


def count_of(place: Path) -> int:
    """How many images there are to translate, as far as that is known before."""
    if place.is_dir() or (place.is_file() and place.suffix.lower() == ".zip"):
        return len(open_images(place))
    return frames_in(place) if place.is_file() and place.suffix.lower() in VIDEO_ENDINGS else 1


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
    cannot be read is listed. `size`: images are first brought to this shorter side. `tile`: larger images are translated in tiles.
    `noise`: see `Model.translate`; tiles of an image have the same. `made`: what is made of each image first ("edges", "scribble", "gray",
    "low-resolution", "masked"), as in training with `inputs`; lines and holes at the size that the model learned at, unless `size` is
    another. Every file is whole or not there. `max_pixels`: the largest height times width of an image that is read (None: 89,478,485). The
    notes of what is returned tell of images that are unlike those that the model learned from, where that is known.
    """
    model = model if isinstance(model, Model) else load_model(model)
    translator = translator_for(model, direction, size, tile, noise, made, max_pixels)
    watch = translator.watch
    source, target = Path(place).expanduser(), Path(out).expanduser()
    if not source.exists():
        raise DataError(f"{source} does not exist. Give an image, a folder or zip of images, or a film.")
    keep_freed_memory()
    if source.is_dir() or source.suffix.lower() == ".zip":
        return folder_translated(translator, source, target, advance)
    film = source.suffix.lower() in VIDEO_ENDINGS
    if target.is_dir() or not target.suffix:
        still = written_names([source.name])[0]
        target /= (source.name if source.suffix.lower() == ".gif" else source.with_suffix(".mp4").name) if film else still
    if target.resolve() == source.resolve():
        raise SettingsError(f"{target} is what is to be translated: choose another OUT.")
    if film and target.suffix.lower() in {".mp4", ".gif"}:
        return _film_translated(translator, source, target, advance)
    if film and source.suffix.lower() != ".gif":
        raise SettingsError(f"{source} is a film, so its translation is one: give OUT the ending .mp4 or .gif, not {target.name!r}.")
    output_kind(target, "image") if not film else output_kind(target, "video", "image")  # before anything is translated
    try:
        image, more = translator.opened(source.read_bytes(), source.name)
    except OSError as problem:
        raise DataError(f"{source} cannot be read: {problem.strerror or problem}.") from None
    except UnusableImageError as problem:
        if kind_of(source).holds != "images":
            raise DataError(refusal(source, "an image, a folder or zip of images, or a film")) from None
        raise DataError(f"{source} cannot be read: {problem}.") from None
    try:
        save_image(translator.draw([image])[0], target)
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
    translator = translator_for(model, direction, size, tile, noise, made, max_pixels)
    try:
        image, more = translator.opened(content, name)
        return translator.draw([image])[0], ((f"{name}: {SEVERAL_FRAMES}.",) if more else ()) + translator.watch.notes()
    except UnusableImageError as problem:
        raise DataError(f"{name} cannot be translated: {problem}.") from None


def _film_translated(translator: ImageTranslator, source: Path, target: Path, advance: Callable[[int], object]) -> Translated:
    count = 0

    def drawn() -> Iterator[Pixels]:
        nonlocal count
        try:
            frames = enumerate(read_frames(source))  # chance is drawn once for all of them: lines stay where they are
            for group in alike((number, translator.opened(frame, f"frame {number + 1:,}", source.name)[0]) for number, frame in frames):
                yield from translator.draw([frame for _, frame in group])
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
    return Translated(count, 0, problems, translator.watch.notes())
