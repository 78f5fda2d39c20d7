"""Floor 5: translators in use: on files, folders, zips and films of any size."""

import contextlib
import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image, ImageColor
from torch import Tensor

from sparring.core.batch import float_to_pixels, pixels_to_float
from sparring.core.errors import DataError, SettingsError, SparringError, listed, missing_extra
from sparring.core.files import put_bytes, read_json, write_json
from sparring.core.machine import keep_freed_memory
from sparring.core.pictures import encoded, save_film, save_gif, save_picture
from sparring.data.decode import UnusableError, load
from sparring.data.folders import open_pictures
from sparring.game import SAMPLE_CHUNK
from sparring.models import Model, preparation_of
from sparring.models import load as load_model
from sparring.translation import LARGEST_IN_COMPANY, Direction

Picture = UInt8[np.ndarray, "h w c"]
TILE, OVERLAP = 512, 64
"""Pictures larger than a tile are translated in tiles that overlap by so much on each side."""
MARK = ".sparring-translation.json"
"""In a folder of translations: what made them."""
AT_ONCE = 2**26
"""Numbers in the pictures of a folder that are in memory together."""
WRITABLE = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"}
FILMS = {".mp4", ".mov", ".avi", ".mkv", ".webm", ".gif"}


def translated(model: Model, picture: Picture, direction: Direction = "a2b", *, tile: int = TILE) -> Picture:
    """What becomes of one picture, of any size: in tiles if it is larger than one, that fade into each other."""
    return _all_translated(model, [picture], direction, tile)[0]


def _all_translated(model: Model, pictures: Sequence[Picture], direction: Direction, tile: int) -> list[Picture]:
    """Of pictures of one size."""
    height, width = pictures[0].shape[:2]
    if max(height, width) <= tile:
        batch = pixels_to_float(torch.from_numpy(np.stack(pictures)))
        return list(float_to_pixels(model.translate(batch, direction=direction)).cpu().numpy())
    return [_tiled(model, picture, direction, tile) for picture in pictures]


def _tiled(model: Model, picture: Picture, direction: Direction, tile: int) -> Picture:
    height, width = picture.shape[:2]
    whole = pixels_to_float(torch.from_numpy(picture[None]))
    total: Tensor | None = None
    weights = torch.zeros(1, 1, height, width)
    for top in _starts(height, tile):
        for left in _starts(width, tile):
            part = whole[:, :, top : top + tile, left : left + tile]
            drawn = model.translate(part, direction=direction).cpu()
            weight = (_ramp(part.shape[2])[:, None] * _ramp(part.shape[3]))[None, None]
            total = torch.zeros(1, drawn.shape[1], height, width) if total is None else total
            total[:, :, top : top + tile, left : left + tile] += drawn * weight
            weights[:, :, top : top + tile, left : left + tile] += weight
    assert total is not None
    return float_to_pixels(total / weights).numpy()[0]


def _starts(length: int, tile: int) -> list[int]:
    """Where tiles begin, so that they overlap by 2 * OVERLAP at least and the last ends with the picture."""
    if length <= tile:
        return [0]
    count = -(-(length - tile) // max(1, tile - 2 * OVERLAP)) + 1
    return [round(place * (length - tile) / (count - 1)) for place in range(count)]


def _ramp(length: int) -> Float[Tensor, " length"]:
    """Rises from the edges of a tile over the overlap."""
    place = torch.arange(length) + 1.0
    return torch.minimum(place, place.flip(0)).clamp_max(2 * OVERLAP)


def count_of(place: Path) -> int:
    """How many pictures there are to translate, as far as that is known before."""
    return len(open_pictures(place)) if place.is_dir() or (place.is_file() and place.suffix.lower() == ".zip") else 1


@dataclass(frozen=True)
class Translated:
    """What became of a folder."""

    written: int
    there: int
    """Translations that an earlier sitting had written."""
    problems: tuple[str, ...] = ()
    """Files that could not be used, and why."""


@dataclass(frozen=True)
class _Way:
    """How pictures are translated."""

    model: Model
    direction: Direction
    size: int | None
    tile: int
    background: str

    def read(self, content: bytes | Picture) -> Picture:
        """A file as the network wants it."""
        channels = self.model.translation_game.channels_of(self.direction)[0]
        return _as_wanted(load(content).image, channels, self.size, self.background)

    def draw(self, pictures: Sequence[Picture]) -> list[Picture]:
        """What becomes of pictures of one size."""
        return _all_translated(self.model, pictures, self.direction, self.tile)

    def mark(self, source: Path) -> dict[str, Any]:
        """What its translations of a source depend on."""
        names = self.model.game.sampling_networks
        tensors = {name: tensor for name, tensor in self.model.game.state_dict().items() if name.partition(".")[0] in names}
        sums = [(name, tensor.sum(dtype=torch.float64).item(), tensor.flatten()[:1].tolist()) for name, tensor in tensors.items()]
        weights = hashlib.sha256(repr(sums).encode()).hexdigest()[:12]  # other weights have other sums
        about = {"weights": weights, "direction": self.direction, "size": self.size, "tile": self.tile, "background": self.background}
        return {"of": str(source.resolve()), **about}


def translate(
    model: Model | str | os.PathLike[str],
    place: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    direction: Direction = "a2b",
    size: int | None = None,
    tile: int = TILE,
    advance: Callable[[int], object] = lambda _: None,
) -> Translated:
    """Translate a picture file, a folder, a zip or a film, into a file, a folder or a film.

    Names stay; what is there already is passed over, so a half-done folder is gone on with; what cannot be read is listed. `size`: pictures
    are first brought to this shorter side. `tile`: larger pictures are translated in tiles. Every file is whole or not there.
    """
    model = model if isinstance(model, Model) else load_model(model)
    model.refuse_direction(direction)
    if tile <= 4 * OVERLAP or (size is not None and size < 1):
        raise SettingsError(f"tile must be more than {4 * OVERLAP} and size at least 1, not {tile} and {size}.")
    source, target = Path(place).expanduser(), Path(out).expanduser()
    if not source.exists():
        raise DataError(f"{source} does not exist. Give a picture, a folder or zip of pictures, or a film.")
    keep_freed_memory()
    way = _Way(model, direction, size, tile, preparation_of(model).background)
    if source.is_dir() or source.suffix.lower() == ".zip":
        return _folder(way, source, target, advance)
    target = target / source.name if target.is_dir() or not target.suffix else target
    if target.resolve() == source.resolve():
        raise SettingsError(f"{target} is what is to be translated: choose another OUT.")
    if source.suffix.lower() in FILMS and target.suffix.lower() in {".mp4", ".gif"}:
        return _film_translated(way, source, target, advance)
    if source.suffix.lower() in FILMS - {".gif"}:
        raise SettingsError(f"{source} is a film, so its translation is one: give OUT the ending .mp4 or .gif, not {target.name!r}.")
    try:
        picture = way.read(source.read_bytes())
    except (OSError, UnusableError) as problem:
        raise DataError(f"{source} cannot be read: {problem}.") from None
    save_picture(way.draw([picture])[0], target)
    return Translated(1, 0)


def _as_wanted(image: Image.Image, channels: int, size: int | None, background: str) -> Picture:
    if size is not None:
        factor = size / min(image.size)
        image = image.resize((max(1, round(image.width * factor)), max(1, round(image.height * factor))), Image.Resampling.LANCZOS)
    if image.mode in {"LA", "RGBA"}:
        image = image.convert("RGBA")
        if channels != 4:
            image = Image.alpha_composite(Image.new("RGBA", image.size, background), image)
    pixels = np.array(image.convert({1: "L", 3: "RGB", 4: "RGBA"}[channels])).reshape(image.height, image.width, channels)
    if channels == 4:
        pixels[pixels[:, :, 3] == 0, :3] = ImageColor.getrgb(background)[:3]  # as in training
    return pixels


def _folder(way: _Way, source: Path, target: Path, advance: Callable[[int], object]) -> Translated:
    """Some pictures are read, then translated, then written. (Threads for the files take longer: they wait for the network's.)"""
    _refuse_place(source, target)
    pictures = open_pictures(source)
    names = [_written_name(item.name) for item in pictures.items]
    if doubled := sorted(name for name, count in Counter(names).items() if count > 1):
        raise DataError(listed("Translations of these would have the same name. Rename some of them:", doubled))
    _mark(target, way.mark(source))
    ours = {PurePosixPath(name).name for name in names}
    for leftover in target.rglob(".*.tmp"):  # of a sitting that was killed
        if leftover.name[1:].rsplit(".", 2)[0] in ours:
            leftover.unlink(missing_ok=True)
    left = [index for index, name in enumerate(names) if not (target / name).exists()]
    advance(len(names) - len(left))

    def decoded(index: int) -> Picture | str:
        try:
            return way.read(pictures.read(index))
        except SparringError:
            raise
        except Exception as problem:  # what a damaged file raises is up to its format
            return f"{pictures.items[index].name}: {problem}"

    def write(picture: Picture, index: int) -> str | None:
        try:
            put_bytes(target / names[index], encoded(picture, target / names[index]))
        except OSError as problem:
            return f"{names[index]}: it cannot be written: {problem.strerror or problem}"
        return None

    problems, count, at_once = [f"{name}: {reason}" for name, reason in pictures.problems], 0, SAMPLE_CHUNK
    coming = iter(left)
    while some := list(islice(coming, at_once)):
        found = {index: decoded(index) for index in some}
        problems += [problem for problem in found.values() if isinstance(problem, str)]
        readable = [(index, picture) for index, picture in found.items() if not isinstance(picture, str)]
        for group in _alike(iter(readable)):
            drawn = way.draw([picture for _, picture in group])
            failed = [problem for (index, _), one in zip(group, drawn, strict=True) if (problem := write(one, index)) is not None]
            problems += failed
            count += len(group) - len(failed)
        at_once = min([SAMPLE_CHUNK, *(max(1, AT_ONCE // picture.size) for _, picture in readable)])
        advance(len(some))
    return Translated(count, len(names) - len(left), tuple(problems))


def _refuse_place(source: Path, target: Path) -> None:
    """Raise a SettingsError if the translations of many pictures should not go there."""
    if target.exists() and not target.is_dir():
        raise SettingsError(f"{target} is a file. Many translations need a folder: choose another OUT.")
    if target.suffix.lower() in WRITABLE | FILMS | {".zip"} and not target.is_dir():
        raise SettingsError(f"{target} would be a folder with the ending of a file. Many translations need a folder: choose another OUT.")
    if source.resolve() in (target.resolve(), *target.resolve().parents):
        raise SettingsError(f"{target} lies in {source}, where its translations would be translated again. Choose another OUT.")


def _alike(pictures: Iterator[tuple[int, Picture]]) -> Iterator[list[tuple[int, Picture]]]:
    """Neighbours of one size, as many as the network takes at a time."""
    for shape, same in groupby(pictures, key=lambda each: each[1].shape):
        most = SAMPLE_CHUNK if max(shape[:2]) <= LARGEST_IN_COMPANY else 1
        while group := list(islice(same, most)):
            yield group


def _written_name(name: str) -> str:
    path = PurePosixPath(name)
    return name if path.suffix.lower() in WRITABLE else str(path.with_suffix(".png"))


def _mark(target: Path, mark: dict[str, Any]) -> None:
    """Note in the folder what its translations depend on; a SettingsError if others are there."""
    if (target / MARK).exists():
        before = read_json(target / MARK)
        if before != mark:
            differing = [f"{name}: {before.get(name)!r} there, {value!r} now" for name, value in mark.items() if before.get(name) != value]
            raise SettingsError(listed(f"{target} holds other translations. Choose another folder. What differs:", differing))
    else:
        write_json(target / MARK, mark)


def _film_translated(way: _Way, source: Path, target: Path, advance: Callable[[int], object]) -> Translated:
    count = 0

    def drawn() -> Iterator[Picture]:
        nonlocal count
        for group in _alike((number, way.read(frame)) for number, frame in enumerate(frames_of(source))):
            yield from way.draw([frame for _, frame in group])
            count += len(group)
            advance(len(group))

    if target.suffix.lower() == ".gif":
        save_gif(list(drawn()), target, frames_per_second=rate_of(source))
    else:
        save_film(drawn(), target, frames_per_second=rate_of(source))
    return Translated(count, 0)


@contextlib.contextmanager
def _opened(film: Path) -> Iterator[None]:
    """What a damaged film raises is up to its format: here a DataError."""
    try:
        yield
    except (OSError, RuntimeError, EOFError, IndexError, StopIteration, Image.DecompressionBombError) as problem:
        raise DataError(f"{film} cannot be read as a film: {str(problem).partition(chr(10))[0] or 'it is damaged'}.") from None


def frames_of(film: Path) -> Iterator[Picture]:
    """The frames of a film, in order. A DataError if it is none, or is damaged."""
    with _opened(film):
        if film.suffix.lower() == ".gif":
            with Image.open(film, formats=["GIF"]) as image:
                for number in range(getattr(image, "n_frames", 1)):
                    image.seek(number)
                    yield np.asarray(image.convert("RGB"))
            return
        frames, about = _film(film)
        width, height = about["size"]
        for frame in frames:
            yield np.frombuffer(frame, np.uint8).reshape(height, width, 3)


def rate_of(film: Path) -> float:
    """Frames a second. A DataError if it is no film."""
    with _opened(film):
        if film.suffix.lower() == ".gif":
            with Image.open(film, formats=["GIF"]) as image:
                return 1000 / max(20, image.info.get("duration", 100))
        return float(_film(film)[1]["fps"])


def _film(film: Path) -> tuple[Iterator[bytes], dict[str, Any]]:
    """Its frames, and what is known of it."""
    try:
        import imageio_ffmpeg  # noqa: PLC0415 (an extra)
    except ImportError:
        raise missing_extra("imageio-ffmpeg", "video", "Reading a film") from None
    frames = imageio_ffmpeg.read_frames(str(film))
    return frames, next(frames)  # pyright: ignore[reportReturnType] (first what is known of it, then its frames)
