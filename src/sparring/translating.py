"""Floor 5: translators in use: on files, folders, zips and films of any size, while they are trained, and judged."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from sparring.core.batch import float_to_pixels, pixels_to_float
from sparring.core.errors import DataError, SettingsError, SparringError, listed, missing_extra
from sparring.core.files import read_json, write_json
from sparring.core.machine import keep_freed_memory
from sparring.core.pictures import grid, save_film, save_gif, save_picture
from sparring.core.runs import RunDirectory
from sparring.core.terminal import console
from sparring.data.decode import UnusableError, load
from sparring.data.pairs import Pairing, Pairs, open_pairs
from sparring.data.preparation import Preparation
from sparring.data.source import open_source
from sparring.game import SAMPLE_CHUNK, Game
from sparring.judge.extractors import open_extractor
from sparring.judge.features import with_channels
from sparring.judge.frechet import Gaussian, between
from sparring.judge.paired import PerceptualDistance, paired_scores
from sparring.judge.sliced import coarse, sliced_wasserstein
from sparring.models import Model, from_json, source_of
from sparring.nets import lite0
from sparring.translation import Direction, TranslationGame, TranslationRecipe, mean_difference

Picture = UInt8[np.ndarray, "h w c"]
SHOWN, SCORED, JUDGED = 8, 64, 2000
"""Held-out pictures in a sheet and in a checkpoint's score, and inputs that are translated for a Fréchet distance."""
TILE, OVERLAP = 512, 64
"""Pictures larger than a tile are translated in tiles that overlap by so much on each side."""
MARK = ".sparring-translation.json"
"""In a folder of translations: what made them."""
WRITABLE = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"}
FILMS = {".mp4", ".mov", ".avi", ".mkv", ".webm", ".gif"}


# ------------------------------------------------------------------------------------------------ while training


def pairs_of(
    data: str | os.PathLike[str], recipe: TranslationRecipe, preparation: Preparation, pairing: Pairing, *, progress: bool
) -> Pairs:
    """The pairs of some data, at the recipe's size unless one is named."""
    if preparation.size is None:
        native = None if pairing.side_by_side != "none" else open_source(os.fspath(data)).native_size
        preparation = replace(preparation, size=recipe.size_for(native))
    return open_pairs(os.fspath(data), pairing, preparation, recipe.translates, progress=progress)


def in_colour(pictures: Float[Tensor, "n c h w"]) -> UInt8[np.ndarray, "n h w 3"]:
    """As 8-bit colour pictures, whatever their channels are."""
    return with_channels(float_to_pixels(pictures).cpu().numpy(), 3)


def sheet_of(pairs: Pairs, count: int = SHOWN) -> Callable[[Game], Picture]:
    """What draws held-out pictures and what becomes of them: input | output | target (| what becomes of the target)."""
    shown = pairs.shown(count)
    assert shown.inputs is not None
    inputs, targets = shown.inputs, shown.images

    def sheet(game: Game) -> Picture:
        assert isinstance(game, TranslationGame)
        columns = [inputs, game.translate(inputs), targets]
        if "b2a" in game.translators:
            columns.append(game.translate(targets, "b2a"))
        elif game.rules.translates == "style":
            columns.pop()
        rows = np.stack([in_colour(column) for column in columns], axis=1)
        return grid(rows.reshape(-1, *rows.shape[2:]), columns=len(columns) * (2 if len(rows) > 1 else 1))

    return sheet


def score_on(pairs: Pairs) -> Callable[[Game], dict[str, Any]]:
    """What rates translators by held-out pictures, lower is better: L1 for pairs, else how far translations are from targets."""
    shown = pairs.shown(SCORED)
    assert shown.inputs is not None
    inputs, targets = shown.inputs, shown.images
    paired = pairs.spec.paired

    def score(game: Game) -> dict[str, Any]:
        assert isinstance(game, TranslationGame)
        drawn = game.translate(inputs)
        if paired:
            return {"name": "L1 on held-out pairs", "value": mean_difference(drawn, targets).mean().item() / 2, "pairs": len(inputs)}
        n = min(len(drawn), len(targets))
        value = sliced_wasserstein(coarse(targets[:n]), coarse(drawn[:n].cpu()))
        return {"name": "sliced Wasserstein distance of translations to targets", "value": value, "real": n, "generated": n}

    return score


# --------------------------------------------------------------------------------------------------------- files


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
    if place.is_dir() or place.suffix.lower() == ".zip":
        return len(open_source(str(place)))
    return 1


@dataclass(frozen=True)
class Translated:
    """What became of a folder."""

    written: int
    there: int
    """Translations that an earlier sitting had written."""
    problems: tuple[str, ...]
    """Files that could not be used, and why."""


def translate(
    model: Model,
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
    model.translation_game  # noqa: B018 (says so if there is none)
    if tile <= 4 * OVERLAP or (size is not None and size < 1):
        raise SettingsError(f"tile must be more than {4 * OVERLAP} and size at least 1, not {tile} and {size}.")
    keep_freed_memory()
    source, target = Path(place).expanduser(), Path(out).expanduser()
    channels = model.translation_game.channels_of(direction)[0] if direction in model.translation_game.translators else 3

    def read(content: bytes | Picture) -> Picture:
        return _as_wanted(load(content).image, channels, size)

    if source.suffix.lower() in FILMS and source.is_file() and target.suffix.lower() in FILMS:
        frames = [translated(model, read(frame), direction, tile=tile) for frame, _ in _counted(frames_of(source), advance)]
        (save_gif if target.suffix.lower() == ".gif" else save_film)(frames, target, frames_per_second=rate_of(source))
        return Translated(len(frames), 0, ())
    if source.is_file() and source.suffix.lower() != ".zip":
        target = target / source.name if target.is_dir() or not target.suffix else target
        try:
            save_picture(translated(model, read(source.read_bytes()), direction, tile=tile), target)
        except (OSError, UnusableError) as problem:
            raise DataError(f"{source} cannot be read: {problem}.") from None
        return Translated(1, 0, ())
    return _folder(model, source, target, direction, tile, read, advance)


def _as_wanted(image: Image.Image, channels: int, size: int | None) -> Picture:
    if size is not None:
        factor = size / min(image.size)
        image = image.resize((max(1, round(image.width * factor)), max(1, round(image.height * factor))), Image.Resampling.LANCZOS)
    if image.mode in {"LA", "RGBA"} and channels != 4:
        image = image.convert("RGBA")
        base = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(base, image)
    pixels = np.array(image.convert({1: "L", 3: "RGB", 4: "RGBA"}[channels]))
    return pixels.reshape(*pixels.shape[:2], channels)


def _folder(
    model: Model,
    source: Path,
    target: Path,
    direction: Direction,
    tile: int,
    read: Callable[[bytes | Picture], Picture],
    advance: Callable[[int], object],
) -> Translated:
    """Reading goes ahead in one thread and writing follows in another, while the network works."""
    pictures = open_source(str(source))
    _mark(model, target, direction, tile)
    names = [_written_name(item.name) for item in pictures.items]
    doubled = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if doubled:
        raise DataError(listed("Translations of these would have the same name:", doubled))
    ours = {PurePosixPath(name).name for name in names}
    for leftover in target.rglob(".*.tmp"):  # of a sitting that was killed
        if leftover.name[1:].rsplit(".", 2)[0] in ours:
            leftover.unlink(missing_ok=True)
    left = [index for index, name in enumerate(names) if not (target / name).exists()]
    advance(len(names) - len(left))
    problems = [f"{name}: {reason}" for name, reason in pictures.problems]

    def decoded(index: int) -> Picture | str:
        try:
            return read(pictures.read(index))
        except SparringError:
            raise
        except Exception as problem:  # what a damaged file raises is up to its format
            return str(problem)

    written: list[Future[None]] = []
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        readable = _ahead(reader, decoded, left, problems, pictures.items)
        for group in _alike(readable):
            drawn = _all_translated(model, [picture for _, picture in group], direction, tile)
            written += [writer.submit(save_picture, one, target / names[index]) for (index, _), one in zip(group, drawn, strict=True)]
            while len(written) > 4 * SAMPLE_CHUNK:
                written.pop(0).result()
            advance(len(group))
        for one in written:
            one.result()
    return Translated(len(left) - len(problems) + len(pictures.problems), len(names) - len(left), tuple(problems))


def _ahead(
    reader: ThreadPoolExecutor,
    decoded: Callable[[int], Picture | str],
    left: Sequence[int],
    problems: list[str],
    items: Sequence[Any],
) -> Iterator[tuple[int, Picture]]:
    """What can be read, in order, some of it in advance; what cannot goes into the problems."""
    waiting: list[tuple[int, Future[Picture | str]]] = []
    for index in [*left, *[None] * 4 * SAMPLE_CHUNK]:
        if index is not None:
            waiting.append((index, reader.submit(decoded, index)))
        if waiting and (index is None or len(waiting) > 4 * SAMPLE_CHUNK):
            number, future = waiting.pop(0)
            found = future.result()
            if isinstance(found, str):
                problems.append(f"{items[number].name}: {found}")
            else:
                yield number, found
    assert not waiting


def _alike(pictures: Iterator[tuple[int, Picture]]) -> Iterator[list[tuple[int, Picture]]]:
    """Neighbours of one size, as many as the network takes at a time."""
    for _, same in groupby(pictures, key=lambda each: each[1].shape):
        group: list[tuple[int, Picture]] = []
        for each in same:
            group.append(each)
            if len(group) == SAMPLE_CHUNK:
                yield group
                group = []
        if group:
            yield group


def _written_name(name: str) -> str:
    path = PurePosixPath(name)
    return name if path.suffix.lower() in WRITABLE else str(path.with_suffix(".png"))


def _mark(model: Model, target: Path, direction: Direction, tile: int) -> None:
    """Note in the folder what its translations are made by; a SettingsError if others are there."""
    if target.exists() and not target.is_dir():
        raise SettingsError(f"{target} is a file. Many translations need a folder.")
    mark = {"model": str(model.source.resolve()), "step": model.step, "direction": direction, "tile": tile}
    if (target / MARK).exists():
        before = read_json(target / MARK)
        if before != mark:
            raise SettingsError(f"{target} holds translations by {before}, and now asked for are {mark}. Choose another folder.")
    else:
        write_json(target / MARK, mark)


def _counted(frames: Iterator[Picture], advance: Callable[[int], object]) -> Iterator[tuple[Picture, int]]:
    for number, frame in enumerate(frames):
        yield frame, number
        advance(1)


def frames_of(film: Path) -> Iterator[Picture]:
    """The frames of a film, in order."""
    if film.suffix.lower() == ".gif":
        with Image.open(film) as image:
            for number in range(getattr(image, "n_frames", 1)):
                image.seek(number)
                yield np.asarray(image.convert("RGB"))
        return
    frames, (width, height) = _opened_film(film)
    for frame in frames:
        yield np.frombuffer(frame, np.uint8).reshape(height, width, 3)


def rate_of(film: Path) -> float:
    """Frames a second."""
    if film.suffix.lower() == ".gif":
        with Image.open(film) as image:
            return 1000 / max(20, image.info.get("duration", 100))
    return float(_film(film)[1]["fps"])


def _opened_film(film: Path) -> tuple[Iterator[bytes], tuple[int, int]]:
    frames, about = _film(film)
    return frames, about["size"]


def _film(film: Path) -> tuple[Iterator[bytes], dict[str, Any]]:
    try:
        import imageio_ffmpeg  # noqa: PLC0415 (an extra)
    except ImportError:
        raise missing_extra("imageio-ffmpeg", "video", "Reading a film") from None
    frames = imageio_ffmpeg.read_frames(str(film))
    try:
        return frames, next(frames)  # pyright: ignore[reportReturnType] (first what is known of it, then its frames)
    except (OSError, RuntimeError, IndexError, StopIteration) as problem:
        raise DataError(f"{film} cannot be read as a film: {str(problem).splitlines()[0] if str(problem) else 'it is damaged'}.") from None


# ------------------------------------------------------------------------------------------------------- judging


def pairs_for(model: Model) -> Pairs:
    """The pairs that a run was trained on."""
    data = source_of(model)
    recorded = RunDirectory(model.source).read_config()["data"]
    assert isinstance(model.recipe, TranslationRecipe)
    preparation = replace(from_json(Preparation, recorded["preparation"]), size=model.spec.height)
    pairing = from_json(Pairing, recorded["pairing"] or {})
    pairs = pairs_of(data, model.recipe, preparation, pairing, progress=console().is_terminal)
    if pairs.fingerprint != recorded["fingerprint"]:
        raise SettingsError(f"{data} is no longer what {model.source} was trained on.")
    return pairs


def colour_shifted(
    inputs: Float[Tensor, "n _ h w"], like: Float[Tensor, "_ _ h w"], targets: Float[Tensor, "_ o h w"]
) -> Float[Tensor, "n o h w"]:
    """Inputs whose colours are moved, channel by channel, as it takes to bring the mean and spread of inputs `like` them to the targets':
    what a translator must beat.
    """
    inputs, like = (with_as_many(pictures, targets.shape[1]) for pictures in (inputs, like))
    mean, deviation = like.mean((0, 2, 3), keepdim=True), like.std((0, 2, 3), keepdim=True)
    wanted, spread = targets.mean((0, 2, 3), keepdim=True), targets.std((0, 2, 3), keepdim=True)
    return ((inputs - mean) / deviation.clamp_min(1e-6) * spread + wanted).clamp(-1, 1)


def with_as_many(pictures: Float[Tensor, "n _ h w"], channels: int) -> Float[Tensor, "n channels h w"]:
    """Pictures with so many channels: as they are, or grey."""
    return pictures if pictures.shape[1] == channels else pictures.mean(1, keepdim=True).expand(-1, channels, -1, -1)


def laid_on_white(pictures: Float[Tensor, "n _ h w"]) -> Float[Tensor, "n _ h w"]:
    """Pictures without alpha."""
    return pixels_to_float(torch.from_numpy(in_colour(pictures))) if pictures.shape[1] == 4 else pictures


def judge_translations(model: Model, pairs: Pairs | None = None) -> dict[str, dict[str, float]]:
    """Scores of held-out inputs' translations, beside those of the inputs as they are and of a mere shift of their colours.

    Where each input's target is known: L1, PSNR, SSIM, distance in lite0's features. Where the two are different sets: Fréchet distance
    of up to 2,000 translations to all targets.
    """
    pairs = pairs_for(model) if pairs is None else pairs
    found: dict[str, dict[str, float]] = {name: {} for name in ("translations", "inputs", "colours shifted")}
    held = pairs.shown(JUDGED)
    some = np.arange(min(JUDGED // 4, *pairs.counts))
    trained = pairs.batch(some if pairs.spec.paired else np.stack([some, some], axis=1))
    assert held.inputs is not None
    assert trained.inputs is not None
    like, channels = trained.inputs, pairs.spec.channels

    def ways(inputs: Tensor) -> Mapping[str, Tensor]:
        return {
            "translations": model.translate(inputs).cpu(),
            "inputs": with_as_many(inputs, channels),
            "colours shifted": colour_shifted(inputs, like, trained.images),
        }

    if pairs.twins:
        distance = PerceptualDistance(lite0.load(lite0.weights_file()))
        for name, pictures in ways(held.inputs).items():
            found[name] |= paired_scores(laid_on_white(pictures), laid_on_white(held.images), distance)
    if not pairs.spec.paired and pairs.counts[-1] > 1:
        extractor = open_extractor("lite0")

        def seen(pictures: Tensor) -> Gaussian:
            return Gaussian.of(extractor.extract([float_to_pixels(pictures).numpy()]).rows)

        targets = seen(pixels_to_float(torch.from_numpy(pairs.targets.pixels.view(np.ndarray).copy())))
        places = pairs.places[0][:JUDGED]
        inputs = pixels_to_float(torch.from_numpy(pairs.inputs.pixels.view(np.ndarray)[places]))
        for name, pictures in ways(inputs).items():
            found[name]["FD-lite0"] = between(seen(pictures), targets)
    return found
