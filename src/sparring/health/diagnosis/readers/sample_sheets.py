"""Sample sheets of another program: what its samples over time show by their pixels alone.

Each moment becomes a measurement of the signals that `sparring.health.signals` declares for sheets, as far as they can be measured.
`Record.data_config` holds `tiles` (samples of a moment), `tile` (their side in pixels, if they were found in a sheet), `same_latents`
(whether samples at the same place in the sheets are nearer to each other, from moment to moment, than to those at other places), `notes`.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Float64, Num, UInt8
from PIL import Image

from sparring.core.errors import DataError, SettingsError
from sparring.core.formatting import rounded
from sparring.health.diagnosis.training_record import Record
from sparring.health.signals import (
    REAL_HIGH,
    REAL_LOW,
    REAL_SPREAD,
    SHEET_CHECKERBOARD,
    SHEET_HIGH,
    SHEET_LOW,
    SHEET_MOVEMENT,
    SHEET_NEAR_DUPLICATES,
    SHEET_NOISE,
    SHEET_NOISE_OF_DIFFERENCES,
    SHEET_NOISE_OF_MEAN,
    SHEET_RETURN,
    SHEET_SPREAD,
    STEP,
)

ENDINGS = (".png", ".jpg", ".jpeg", ".webp")
MAX_MOMENTS, MAX_TILES, MAX_VALUES = 64, 64, 2**22
SHEETS_TO_FIND_TILES = 6
"""Number of sheets in which tiles are searched for."""
NEAR_DUPLICATE_DISTANCE = 0.05
"""Two samples that are this near, in units of the mean distance, count as near-duplicates."""
SIDE = 16
SMALLEST_TILE, SMALLEST_SEAMLESS_TILE, WIDEST_GAP = 8, 16, 16
FEWEST_FOR_A_MEAN = 4
"""Samples of a moment from which on their mean is one."""
SAME_LATENTS_RATIO = 0.9
"""Distance of samples at the same place over that of samples at different places, below which sheets show the same latents."""
STEP_WORDS = ("global_step", "step", "iteration", "iter", "kimg", "tick", "epoch", "ep")

Pixels = UInt8[np.ndarray, "_ _ 3"]
"""An image of any size, in color."""
MeasurePixels = Callable[[UInt8[np.ndarray, "n h w c"]], Mapping[str, float]]
"""Measures images by their pixels: saturation, checkerboard."""


@dataclass(frozen=True)
class Layout:
    """How tiles are arranged in a sheet."""

    side: int
    gap: int
    border: int
    count: int | None = None
    """Number of tiles that are filled; None: all."""
    scale: int = 1
    """How many times tiles were enlarged."""

    def starts(self, length: int) -> range:
        """The first pixels of the tiles along a side of the sheet."""
        return range(self.border, length - self.border - self.side + 1, self.side + self.gap)

    def fits(self, length: int) -> bool:
        """Whether a side of that length holds whole tiles."""
        return (length - 2 * self.border + self.gap) % (self.side + self.gap) == 0 and length >= self.side + 2 * self.border

    def gap_lines(self, length: int) -> list[int]:
        """The lines of pixels that belong to no tile."""
        inside = {start + offset for start in self.starts(length) for offset in range(self.side)}
        return [line for line in range(length) if line not in inside]

    def cut(self, sheet: Pixels) -> list[Pixels]:
        """The tiles of a sheet in reading order."""
        rows, columns = (self.starts(length) for length in sheet.shape[:2])
        tiles = [sheet[top : top + self.side, left : left + self.side] for top in rows for left in columns]
        return [tile[:: self.scale, :: self.scale] for tile in tiles[: self.count]]


def read_sample_sheets(folder: Path, measure_pixels: MeasurePixels, tile: int | None = None) -> Record:
    """The samples in a folder: images whose names have a step, or a folder of images for each step. `tile`: the side in pixels of the tiles
    in a sheet. Without it, tiles are found by gaps or seams between them; if there are none, an image counts as one sample. A DataError
    says what is missing.
    """
    found = moments(folder)
    chosen = [found[index] for index in sorted({round(at) for at in np.linspace(0, len(found) - 1, min(len(found), MAX_MOMENTS))})]
    several = any(len(paths) > 1 for _, paths in chosen)
    layout, notes = (None, []) if several and tile is None else find_layout([paths[0] for _, paths in chosen], tile)
    lossless = all(path.suffix.lower() == ".png" for _, paths in chosen for path in paths)
    measured = []
    for step, paths in chosen:  # one moment at a time: sheets may be large
        samples = samples_of(paths, layout)
        measured.append((step, [row_of(sample) for sample in samples], measure(samples, measure_pixels, lossless)))
    count = max(1, int(np.median([len(rows) for _, rows, _ in measured])))
    complete = [moment for moment in measured if len(moment[1]) >= count]
    if len(complete) < len(measured):
        notes = [*notes, f"{len(measured) - len(complete)} of {len(measured)} moments are left out: their images are smaller or fewer."]
    rows = np.stack([np.stack(rows[:count]) for _, rows, _ in complete])
    movements, same_latents = measure_movement(rows)
    measurements = tuple(
        {STEP.name: step, **measure_spread(of_moment), **movement, **of_pixels}
        for (step, _, of_pixels), of_moment, movement in zip(complete, rows, movements, strict=True)
    )
    return Record(
        folder,
        "samples",
        measurements=measurements,
        data_config={
            "source": str(folder),
            "tiles": count,
            "tile": None if layout is None else layout.side,
            "same_latents": same_latents,
            "notes": [
                "Steps are the numbers in the files' names.",
                *notes,
                *([] if several or layout else notes_on_single_images(len(found))),
                *notes_on_missing_signals(count, len(complete), same_latents),
            ],
        },
        sheets=tuple((step, paths[0].parent if len(paths) > 1 and paths[0].parent != folder else paths[0]) for step, paths in chosen),
    )


def notes_on_single_images(count: int) -> Iterator[str]:
    """What many single images in one folder may mean."""
    if count > MAX_MOMENTS:
        yield (
            f"Each of {count:,} images counts as a moment of training. If they are samples of one moment, put the samples of each moment "
            "into a folder of their own that is named by its step. sparring judge gives a score of them."
        )


def notes_on_missing_signals(count: int, moments: int, same_latents: bool) -> Iterator[str]:
    """What could not be measured."""
    if count == 1:
        yield "Each moment has a single sample, so it cannot be seen whether samples are alike."
    elif moments > 1 and not same_latents:
        yield "Samples at the same place do not resemble each other from moment to moment: movement is that of the mean sample."


# ---------------------------------------------------------------------------------------------------- files


def moments(folder: Path) -> list[tuple[int, list[Path]]]:
    """The steps in their order, with their images. Raises a DataError if there are none."""
    images = images_in(folder)
    found = by_step(images)
    if not found:
        subfolders = [one for one in sorted(folder.iterdir()) if one.is_dir()]
        inside = {one: images for one in subfolders if (images := images_in(one))}
        found = {step: [path for one in folders for path in inside[one]] for step, folders in by_step(list(inside)).items()}
    if not found:
        raise DataError(
            f"{folder} has no samples over time. Give a run directory, images ({', '.join(ENDINGS)}) with a step in their names "
            "(fakes000120.png, samples_epoch_5.png), or a folder of images for each step."
        )
    return sorted(found.items())


def images_in(folder: Path) -> list[Path]:
    """The images in a folder, in the order of their names."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in ENDINGS and path.is_file() and not path.name.startswith("."))


def by_step(paths: Sequence[Path]) -> dict[int, list[Path]]:
    """Paths by the step in their names. Of several numbers, the step is the one after a word for it, or else the first that differs from
    name to name. Names that are unlike most are left out.
    """
    patterns = Counter(pattern for path in paths if "#" in (pattern := re.sub(r"\d+", "#", path.stem)))
    if not patterns:
        return {}
    pattern = patterns.most_common(1)[0][0]
    chosen = [path for path in paths if re.sub(r"\d+", "#", path.stem) == pattern]
    numbers = [[int(each) for each in re.findall(r"\d+", path.stem)] for path in chosen]
    position = position_of_step(pattern, numbers)
    found: dict[int, list[Path]] = {}
    for path, own in zip(chosen, numbers, strict=True):
        found.setdefault(own[position], []).append(path)
    return found


def position_of_step(pattern: str, numbers: Sequence[Sequence[int]]) -> int:
    """Which of the numbers in a name is the step."""
    before = [re.sub(r"[^a-z_]", "", text.lower().rstrip("_-= .")) for text in pattern.split("#")[:-1]]
    for word in STEP_WORDS:
        for position, text in enumerate(before):
            if re.search(rf"(^|_){word}s?$", text):
                return position
    return next((position for position, values in enumerate(zip(*numbers, strict=True)) if len(set(values)) > 1), 0)


def read_image(path: Path) -> Pixels:
    """The pixels of an image in color. A DataError says which file cannot be read."""
    try:
        with Image.open(path) as image:
            return np.array(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as problem:
        raise DataError(f"{path} cannot be read: {problem}. Remove it from the folder, or wait until it is written.") from None


def samples_of(paths: Sequence[Path], layout: Layout | None) -> list[Pixels]:
    """All samples of a moment: tiles, or whole images."""
    samples: list[Pixels] = []
    for path in paths[: MAX_TILES if layout is None else 1]:
        sheet = read_image(path)
        if layout is None:
            samples.append(sheet)
        elif layout.fits(sheet.shape[0]) and layout.fits(sheet.shape[1]):
            samples += layout.cut(sheet)
    return samples[:MAX_TILES]


# ---------------------------------------------------------------------------------------------------- tiles


def find_layout(paths: Sequence[Path], tile: int | None) -> tuple[Layout | None, list[str]]:
    """How tiles are arranged in these sheets, and notes about it. Raises a SettingsError if tiles of that side do not fit."""
    chosen = [paths[round(at)] for at in np.linspace(0, len(paths) - 1, min(len(paths), SHEETS_TO_FIND_TILES))]
    sheets = [read_image(path) for path in chosen]
    size = Counter(sheet.shape for sheet in sheets).most_common(1)[0][0]
    sheets = [sheet for sheet in sheets if sheet.shape == size]
    tolerance = 2 if chosen[0].suffix.lower() == ".png" else 40
    layout = with_gaps(sheets, tile, tolerance) or (with_seams(sheets) if tile is None else without_gaps(size, tile))
    if layout is None and tile is not None:
        raise SettingsError(
            f"tile is {tile}, and the images are {size[1]}x{size[0]}: they do not hold whole tiles of that side, with or without gaps."
        )
    if layout is None:
        return None, ["No tiles were found, so each image counts as one sample. If they are sheets, give the side of a tile: --tile 64."]
    layout = without_empty_tiles(layout, sheets)
    return layout, [f"Sheets of {layout.count} tiles of {layout.side}x{layout.side} pixels."]


def with_gaps(sheets: Sequence[Pixels], tile: int | None, tolerance: int) -> Layout | None:
    """The smallest square tiles between which all sheets have lines of a single color."""
    height, width = sheets[0].shape[:2]
    rows = [lines_of_one_color(sheet.swapaxes(0, 1), tolerance) for sheet in sheets]
    columns = [lines_of_one_color(sheet, tolerance) for sheet in sheets]
    if all(one.all() for one, _ in [*rows, *columns]):
        return None  # the sheets are empty
    sides = range(SMALLEST_TILE, min(height, width) + 1) if tile is None else [tile]
    for side in sides:
        for gap in range(1, min(WIDEST_GAP, side) + 1):
            for layout in (Layout(side, gap, gap), Layout(side, gap, 0)):
                if not layout.fits(height) or not layout.fits(width):
                    continue
                across, down = layout.gap_lines(width), layout.gap_lines(height)
                if len(layout.starts(height)) * len(layout.starts(width)) > 1 and all(
                    same_color([column, row], [across, down], tolerance) for column, row in zip(columns, rows, strict=True)
                ):
                    return layout
    return None


def lines_of_one_color(sheet: Pixels, tolerance: int) -> tuple[np.ndarray, np.ndarray]:
    """For each column, whether all of its pixels have one color, and the color."""
    middle = np.median(sheet[:: max(1, len(sheet) // 256)], axis=0).astype(np.int16)
    return (np.abs(sheet.astype(np.int16) - middle).max(axis=(0, 2)) <= tolerance), middle


def same_color(lines: Sequence[tuple[np.ndarray, np.ndarray]], indices: Sequence[Sequence[int]], tolerance: int) -> bool:
    """Whether all lines at these indices have one and the same color."""
    if not all(flat[list(at)].all() for (flat, _), at in zip(lines, indices, strict=True)):
        return False
    colors = np.concatenate([color[list(at)] for (_, color), at in zip(lines, indices, strict=True)])
    return bool(np.ptp(colors, axis=0).max() <= tolerance)


def with_seams(sheets: Sequence[Pixels]) -> Layout | None:
    """The smallest square tiles, side by side without a gap, at each of whose seams pixels differ far more than elsewhere."""
    height, width = sheets[0].shape[:2]
    across = np.mean([np.abs(np.diff(sheet.astype(np.int16), axis=1)).mean(axis=(0, 2)) for sheet in sheets], axis=0)
    down = np.mean([np.abs(np.diff(sheet.astype(np.int16), axis=0)).mean(axis=(1, 2)) for sheet in sheets], axis=0)
    for side in range(SMALLEST_SEAMLESS_TILE, max(height, width)):
        if height % side == 0 and width % side == 0 and all(seams_stand_out(steps, side) for steps in (across, down) if len(steps) >= side):
            return Layout(side, 0, 0)
    return None


def seams_stand_out(steps: Float64[np.ndarray, " n"], side: int) -> bool:
    """Whether every step from one tile to the next is twice the usual."""
    at = np.arange(side - 1, len(steps), side)
    return bool(steps[at].min() > 2 * np.median(np.delete(steps, at)))


def without_gaps(size: tuple[int, ...], tile: int) -> Layout | None:
    """Tiles of that side without gaps, if they fit."""
    layout = Layout(tile, 0, 0)
    return layout if tile > 0 and layout.fits(size[0]) and layout.fits(size[1]) else None


def without_empty_tiles(layout: Layout, sheets: Sequence[Pixels]) -> Layout:
    """The layout without tiles that are empty in all sheets (the last row is not always full), and with the size that tiles had before they
    were enlarged by whole pixels.
    """
    tiles = [layout.cut(sheet) for sheet in sheets]
    count = max((index + 1 for own in tiles for index, tile in enumerate(own) if np.ptp(tile)), default=len(tiles[0]))
    scales = (scale for scale in range(8, 1, -1) if layout.side % scale == 0 and layout.side // scale >= SMALLEST_TILE)
    scale = next((scale for scale in scales if all(in_blocks(tile, scale) for own in tiles for tile in own[:count])), 1)
    return replace(layout, count=count, scale=scale)


def in_blocks(tile: Pixels, size: int) -> bool:
    """Whether a tile consists of squares of one color, `size` pixels wide."""
    small = tile[::size, ::size]
    return np.array_equal(small.repeat(size, axis=0).repeat(size, axis=1), tile)


# ---------------------------------------------------------------------------------------------------- measurements


def row_of(sample: Pixels) -> Float64[np.ndarray, " d"]:
    """An image as values in [-1, 1], averaged down to 16x16."""
    small = Image.fromarray(sample).resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(small, np.float64).ravel() / 127.5 - 1


def measure_spread(rows: Float64[np.ndarray, "n d"]) -> dict[str, float]:
    """How far apart the samples of a moment are, and how many of them have a near-duplicate."""
    n = len(rows)
    if n < 2:
        return {}
    between = distances(rows, rows)
    mean = float(between.sum() / (n * (n - 1)))
    np.fill_diagonal(between, np.inf)
    duplicates = float((between.min(axis=1) <= NEAR_DUPLICATE_DISTANCE * mean).mean())
    return {SHEET_SPREAD.name: rounded(mean), SHEET_NEAR_DUPLICATES.name: rounded(duplicates)}


def measure_movement(rows: Float64[np.ndarray, "times n d"]) -> tuple[list[dict[str, float]], bool]:
    """How far samples moved from moment to moment, and whether they came back; and whether sheets show the same latents throughout."""
    ratios = [same_place_ratio(a, b) for a, b in pairwise(rows)] or [0.0]
    same_latents = rows.shape[1] == 1 or bool(np.median(ratios) < SAME_LATENTS_RATIO)
    followed = rows if same_latents else rows.mean(axis=1, keepdims=True)
    between = np.array([[root_mean_square(a - b).mean() for b in followed] for a in followed])
    found: list[dict[str, float]] = [{} for _ in rows]
    for time in range(1, len(rows)):
        found[time][SHEET_MOVEMENT.name] = rounded(between[time, time - 1])
        quotients = [
            between[time, earlier] / farthest for earlier in range(time - 1) if (farthest := between[time, earlier + 1 : time].max()) > 0
        ]
        if quotients:
            found[time][SHEET_RETURN.name] = rounded(min(quotients))
    return found, same_latents


def same_place_ratio(a: Float64[np.ndarray, "n d"], b: Float64[np.ndarray, "n d"]) -> float:
    """Distance of samples at the same place over that of samples at different places: 1 if places do not matter."""
    between = distances(a, b)
    elsewhere = between[~np.eye(len(a), dtype=bool)].mean()
    return float(np.diag(between).mean() / elsewhere) if elsewhere else 1.0


def distances(a: Float64[np.ndarray, "n d"], b: Float64[np.ndarray, "m d"]) -> Float64[np.ndarray, "n m"]:
    """The distances between all rows of one and all rows of another."""
    return np.stack([root_mean_square(row - b) for row in a])


def root_mean_square(difference: Float64[np.ndarray, "n d"]) -> Float64[np.ndarray, " n"]:
    """The root mean square of each row."""
    return np.sqrt(np.square(difference).mean(axis=-1))


def measure(samples: Sequence[Pixels], measure_pixels: MeasurePixels, lossless: bool) -> dict[str, float]:
    """What the pixels of a moment's samples show by themselves. Only samples of the first one's size are measured."""
    if not samples:
        return {}
    same_size = [sample for sample in samples if sample.shape == samples[0].shape]
    some = np.stack(same_size[: max(1, MAX_VALUES // samples[0].size)])
    low, high = ends_of(some, 0.01)
    found = {**measure_pixels(some), SHEET_NOISE.name: noise_level(some), SHEET_LOW.name: low, SHEET_HIGH.name: high}
    if len(some) >= FEWEST_FOR_A_MEAN:
        mean = some.mean(axis=0, dtype=np.float32)
        found |= {SHEET_NOISE_OF_MEAN.name: noise_level(mean[None]), SHEET_NOISE_OF_DIFFERENCES.name: noise_level(some - mean)}
    return {name: rounded(value) for name, value in found.items() if lossless or name != SHEET_CHECKERBOARD.name}


def measure_real_images(images: UInt8[np.ndarray, "n h w c"]) -> dict[str, float]:
    """What sheets are compared with: of the images that samples are to be like."""
    colors = [np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image[:, :, :3] for image in images]
    low, high = ends_of(images[..., :3], 0.1)
    spread = measure_spread(np.stack([row_of(np.ascontiguousarray(image)) for image in colors])).get(SHEET_SPREAD.name, 0.0)
    return {name: rounded(value) for name, value in ((REAL_LOW.name, low), (REAL_HIGH.name, high), (REAL_SPREAD.name, spread))}


def ends_of(samples: UInt8[np.ndarray, "n h w c"], share: float) -> tuple[float, float]:
    """Values of [-1, 1] beyond which that share of the values lies, at either end."""
    low, high = np.quantile(samples, (share, 1 - share)) / 127.5 - 1
    return float(low), float(high)


def noise_level(samples: Num[np.ndarray, "n h w 3"]) -> float:
    """Half of the mean squared difference of neighboring pixels, over the variance of each image's pixels; 0 for images of one color."""
    values = samples.astype(np.float32)
    across, down = (float(np.square(np.diff(values, axis=axis)).mean()) for axis in (1, 2))
    variance = float(values.var(axis=(1, 2)).mean())
    return (across + down) / 4 / variance if variance else 0.0
