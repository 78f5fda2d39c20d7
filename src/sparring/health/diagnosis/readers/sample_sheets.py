"""Samples that another program drew as it trained: what can be told from their pixels alone.

Each moment becomes a checkup of these signs, so far as they can be had:

sheet/spread    Mean distance of two samples of that moment, averaged down to 16x16: the root mean squared difference of their numbers in
                [-1, 1]. Needs two samples or more. There are no real images to divide it by: compare it with its own past.
sheet/twins     Share of the samples of that moment that have a near twin among the others.
sheet/moved     Distance, in the same unit, from the moment before: of each sample from the one in the same place, if the samples show the
                same latents throughout (see `recognized` below); else of the mean sample.
sheet/returned  How much nearer it is to an earlier moment than to the farthest in between: the least quotient of the two distances.
                1 or more: it went on and on; near 0: it is where it was before; about a half by chance alone, where samples of other
                latents are drawn each time. From the third moment on.
sheet/grain     How much a pixel differs from the one beside it: half the mean squared difference, over the variance of a sample's pixels.
                1 in noise; in small images 0.06 to 0.24, single ones 0.02 to 0.68.
saturation      As in `vitals`.
checkerboard    As in `vitals`, of PNG files alone: lossy files do not keep it. Images that were enlarged by whole pixels are made small
                again first.

`about_data` holds `tiles` (samples of a moment), `tile` (their side in pixels, if they were found in a sheet), `recognized` (whether
samples in the same place are nearer to each other, from moment to moment, than to those in other places) and `notes`.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Float64, UInt8
from PIL import Image

from sparring.core.errors import DataError, SettingsError
from sparring.core.formatting import rounded
from sparring.health.diagnosis.record import Record

ENDINGS = (".png", ".jpg", ".jpeg", ".webp")
MOST_MOMENTS, MOST_TILES, MOST_NUMBERS = 64, 64, 2**22
LOOKED_AT = 6
"""Sheets by which tiles are found."""
NEAR_TWINS = 0.05
"""Samples so near, in units of the mean distance, are twins."""
SIDE = 16
SMALLEST_TILE, SMALLEST_SEAMLESS_TILE, WIDEST_GAP = 8, 16, 16
RECOGNIZED = 0.9
STEP_WORDS = ("global_step", "step", "iteration", "iter", "kimg", "tick", "epoch", "ep")

Pixels = UInt8[np.ndarray, "_ _ 3"]
"""A image of any size, in color."""
Examine = Callable[[UInt8[np.ndarray, "n h w c"]], Mapping[str, float]]
"""Gives the signs of images by their pixels: saturation, checkerboard."""


@dataclass(frozen=True)
class Layout:
    """How tiles lie in a sheet."""

    side: int
    gap: int
    border: int
    count: int | None = None
    """Tiles that are filled; None: all."""
    scale: int = 1
    """By how much tiles were enlarged."""

    def starts(self, length: int) -> range:
        """Where tiles start along a side of the sheet."""
        return range(self.border, length - self.border - self.side + 1, self.side + self.gap)

    def fits(self, length: int) -> bool:
        """Whether a side of the sheet is so many whole tiles."""
        return (length - 2 * self.border + self.gap) % (self.side + self.gap) == 0 and length >= self.side + 2 * self.border

    def between(self, length: int) -> list[int]:
        """The lines that belong to no tile."""
        inside = {start + place for start in self.starts(length) for place in range(self.side)}
        return [line for line in range(length) if line not in inside]

    def cut(self, sheet: Pixels) -> list[Pixels]:
        """The tiles in reading order."""
        rows, columns = (self.starts(length) for length in sheet.shape[:2])
        tiles = [sheet[top : top + self.side, left : left + self.side] for top in rows for left in columns]
        return [tile[:: self.scale, :: self.scale] for tile in tiles[: self.count]]


def read_samples(folder: Path, examine: Examine, tile: int | None = None) -> Record:
    """The samples in a folder: images whose names hold a step, or a folder of images for each step. `tile`: the side in pixels of the
    tiles in a sheet; found by itself where a gap or a seam shows it, else a whole image counts as one sample. A DataError says what is
    missing.
    """
    found = moments(folder)
    chosen = [found[place] for place in sorted({round(place) for place in np.linspace(0, len(found) - 1, min(len(found), MOST_MOMENTS))})]
    several = any(len(paths) > 1 for _, paths in chosen)
    layout, notes = (None, []) if several and tile is None else laid_out([paths[0] for _, paths in chosen], tile)
    lossless = all(path.suffix.lower() == ".png" for _, paths in chosen for path in paths)
    seen = []
    for step, paths in chosen:  # one moment at a time: sheets may be large
        samples = samples_of(paths, layout)
        seen.append((step, [row_of(sample) for sample in samples], looks(samples, examine, lossless)))
    count = max(1, int(np.median([len(rows) for _, rows, _ in seen])))
    whole = [moment for moment in seen if len(moment[1]) >= count]
    if len(whole) < len(seen):
        notes = [*notes, f"Left out, for their images are smaller or fewer: {len(seen) - len(whole)} of {len(seen)} moments."]
    rows = np.stack([np.stack(rows[:count]) for _, rows, _ in whole])
    movements, recognized = moved(rows)
    checkups = tuple(
        {"step": step, **spread(of_moment), **movement, **signs}
        for (step, _, signs), of_moment, movement in zip(whole, rows, movements, strict=True)
    )
    return Record(
        folder,
        "samples",
        checkups=checkups,
        about_data={
            "source": str(folder),
            "tiles": count,
            "tile": None if layout is None else layout.side,
            "recognized": recognized,
            "notes": [
                "Steps are the numbers in the files' names.",
                *notes,
                *([] if several or layout else flat_folder(len(found))),
                *remarks(count, len(whole), recognized),
            ],
        },
        sheets=tuple((step, paths[0].parent if len(paths) > 1 and paths[0].parent != folder else paths[0]) for step, paths in chosen),
    )


def flat_folder(count: int) -> Iterator[str]:
    """What many single images side by side may mean."""
    if count > MOST_MOMENTS:
        yield (
            f"Each of {count:,} images counts as a moment of training. If they are samples of one and the same moment, put those of each "
            "moment into a folder of their own, named by its step; a score of them is given by: sparring judge."
        )


def remarks(count: int, times: int, recognized: bool) -> Iterator[str]:
    """What could not be measured."""
    if count == 1:
        yield "Each moment has a single sample, so whether samples are alike cannot be seen."
    elif times > 1 and not recognized:
        yield "Samples in the same place do not resemble each other from moment to moment: movement is that of the mean sample."


# ---------------------------------------------------------------------------------------------------- files


def moments(folder: Path) -> list[tuple[int, list[Path]]]:
    """Steps, in order, with their images; a DataError if there are none."""
    images = images_in(folder)
    by_step = numbered(images)
    if not by_step:
        below = [one for one in sorted(folder.iterdir()) if one.is_dir()]
        inside = {one: found for one in below if (found := images_in(one))}
        by_step = {step: [path for one in folders for path in inside[one]] for step, folders in numbered(list(inside)).items()}
    if not by_step:
        raise DataError(
            f"{folder} has no samples over time: wanted are a run directory, images ({', '.join(ENDINGS)}) with a step in their names "
            "(fakes000120.png, samples_epoch_5.png), or a folder of images for each step."
        )
    return sorted(by_step.items())


def images_in(folder: Path) -> list[Path]:
    """The images in a folder, by name."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in ENDINGS and path.is_file() and not path.name.startswith("."))


def numbered(paths: Sequence[Path]) -> dict[int, list[Path]]:
    """Paths by the step in their names. Of several numbers the step is the one after a word for it, or else the first that differs from
    name to name; names that are unlike most are left out.
    """
    patterns = Counter(pattern for path in paths if "#" in (pattern := re.sub(r"\d+", "#", path.stem)))
    if not patterns:
        return {}
    pattern = patterns.most_common(1)[0][0]
    chosen = [path for path in paths if re.sub(r"\d+", "#", path.stem) == pattern]
    numbers = [[int(each) for each in re.findall(r"\d+", path.stem)] for path in chosen]
    place = place_of_step(pattern, numbers)
    found: dict[int, list[Path]] = {}
    for path, own in zip(chosen, numbers, strict=True):
        found.setdefault(own[place], []).append(path)
    return found


def place_of_step(pattern: str, numbers: Sequence[Sequence[int]]) -> int:
    """Which of the numbers in a name is the step."""
    before = [re.sub(r"[^a-z_]", "", text.lower().rstrip("_-= .")) for text in pattern.split("#")[:-1]]
    for word in STEP_WORDS:
        for place, text in enumerate(before):
            if re.search(rf"(^|_){word}s?$", text):
                return place
    return next((place for place, values in enumerate(zip(*numbers, strict=True)) if len(set(values)) > 1), 0)


def read(path: Path) -> Pixels:
    """Pixels in color; a DataError says which file cannot be read."""
    try:
        with Image.open(path) as image:
            return np.array(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as problem:
        raise DataError(f"{path} cannot be read: {problem}. Take it out of the folder, or wait until it is written.") from None


def samples_of(paths: Sequence[Path], layout: Layout | None) -> list[Pixels]:
    """All samples of a moment: tiles, or whole images."""
    samples: list[Pixels] = []
    for path in paths[: MOST_TILES if layout is None else 1]:
        sheet = read(path)
        if layout is None:
            samples.append(sheet)
        elif layout.fits(sheet.shape[0]) and layout.fits(sheet.shape[1]):
            samples += layout.cut(sheet)
    return samples[:MOST_TILES]


# ---------------------------------------------------------------------------------------------------- tiles


def laid_out(paths: Sequence[Path], tile: int | None) -> tuple[Layout | None, list[str]]:
    """How tiles lie in these sheets, and what to say about it. A SettingsError if tiles of that side do not fit."""
    looked_at = [paths[round(place)] for place in np.linspace(0, len(paths) - 1, min(len(paths), LOOKED_AT))]
    sheets = [read(path) for path in looked_at]
    size = Counter(sheet.shape for sheet in sheets).most_common(1)[0][0]
    sheets = [sheet for sheet in sheets if sheet.shape == size]
    tolerance = 2 if looked_at[0].suffix.lower() == ".png" else 40
    layout = with_gaps(sheets, tile, tolerance) or (with_seams(sheets) if tile is None else without_gaps(size, tile))
    if layout is None and tile is not None:
        raise SettingsError(
            f"tile is {tile}, and the images are {size[1]}x{size[0]}: that is no whole number of tiles, with or without gaps."
        )
    if layout is None:
        return None, ["No tiles were found, so each image counts as one sample. If they are sheets, give the side of a tile: --tile 64."]
    layout = filled(layout, sheets)
    return layout, [f"Sheets of {layout.count} tiles of {layout.side}x{layout.side} pixels."]


def with_gaps(sheets: Sequence[Pixels], tile: int | None, tolerance: int) -> Layout | None:
    """The smallest square tiles between which all sheets have lines of a single color."""
    height, width = sheets[0].shape[:2]
    rows = [lines_of_one_color(sheet.swapaxes(0, 1), tolerance) for sheet in sheets]
    columns = [lines_of_one_color(sheet, tolerance) for sheet in sheets]
    if all(one.all() for one, _ in [*rows, *columns]):
        return None  # nothing is drawn at all
    sides = range(SMALLEST_TILE, min(height, width) + 1) if tile is None else [tile]
    for side in sides:
        for gap in range(1, min(WIDEST_GAP, side) + 1):
            for layout in (Layout(side, gap, gap), Layout(side, gap, 0)):
                if not layout.fits(height) or not layout.fits(width):
                    continue
                across, down = layout.between(width), layout.between(height)
                if len(layout.starts(height)) * len(layout.starts(width)) > 1 and all(
                    same_color([column, row], [across, down], tolerance) for column, row in zip(columns, rows, strict=True)
                ):
                    return layout
    return None


def lines_of_one_color(sheet: Pixels, tolerance: int) -> tuple[np.ndarray, np.ndarray]:
    """Of each column whether its pixels are all the same, and its color."""
    middle = np.median(sheet[:: max(1, len(sheet) // 256)], axis=0).astype(np.int16)
    return (np.abs(sheet.astype(np.int16) - middle).max(axis=(0, 2)) <= tolerance), middle


def same_color(lines: Sequence[tuple[np.ndarray, np.ndarray]], places: Sequence[Sequence[int]], tolerance: int) -> bool:
    """Whether the lines at these places are of a single color, all of them."""
    if not all(flat[list(at)].all() for (flat, _), at in zip(lines, places, strict=True)):
        return False
    colors = np.concatenate([color[list(at)] for (_, color), at in zip(lines, places, strict=True)])
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
    """Tiles of that side, side by side, if they fit."""
    layout = Layout(tile, 0, 0)
    return layout if tile > 0 and layout.fits(size[0]) and layout.fits(size[1]) else None


def filled(layout: Layout, sheets: Sequence[Pixels]) -> Layout:
    """The layout without places that are empty in all sheets (the last row is not always full), and with the size that tiles had before
    they were enlarged by whole pixels.
    """
    tiles = [layout.cut(sheet) for sheet in sheets]
    count = max((place + 1 for own in tiles for place, tile in enumerate(own) if np.ptp(tile)), default=len(tiles[0]))
    scales = (scale for scale in range(8, 1, -1) if layout.side % scale == 0 and layout.side // scale >= SMALLEST_TILE)
    scale = next((scale for scale in scales if all(in_blocks(tile, scale) for own in tiles for tile in own[:count])), 1)
    return replace(layout, count=count, scale=scale)


def in_blocks(tile: Pixels, size: int) -> bool:
    """Whether a tile is made of squares of one color, so many pixels wide."""
    small = tile[::size, ::size]
    return np.array_equal(small.repeat(size, axis=0).repeat(size, axis=1), tile)


# ---------------------------------------------------------------------------------------------------- signs


def row_of(sample: Pixels) -> Float64[np.ndarray, " d"]:
    """A image as numbers in [-1, 1], averaged down to 16x16."""
    small = Image.fromarray(sample).resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(small, np.float64).ravel() / 127.5 - 1


def spread(rows: Float64[np.ndarray, "n d"]) -> dict[str, float]:
    """How far apart the samples of a moment are, and how many of them have a twin."""
    n = len(rows)
    if n < 2:
        return {}
    apart = distances(rows, rows)
    mean = float(apart.sum() / (n * (n - 1)))
    np.fill_diagonal(apart, np.inf)
    return {"sheet/spread": rounded(mean), "sheet/twins": rounded(float((apart.min(axis=1) <= NEAR_TWINS * mean).mean()))}


def moved(rows: Float64[np.ndarray, "times n d"]) -> tuple[list[dict[str, float]], bool]:
    """How far samples went from moment to moment, and whether they came back; and whether each is recognized from moment to moment."""
    recognized = rows.shape[1] == 1 or bool(np.median([likeness(a, b) for a, b in pairwise(rows)] or [0.0]) < RECOGNIZED)
    places = rows if recognized else rows.mean(axis=1, keepdims=True)
    apart = np.array([[rms(a - b).mean() for b in places] for a in places])
    signs: list[dict[str, float]] = [{} for _ in rows]
    for time in range(1, len(rows)):
        signs[time]["sheet/moved"] = rounded(apart[time, time - 1])
        quotients = [
            apart[time, earlier] / farthest for earlier in range(time - 1) if (farthest := apart[time, earlier + 1 : time].max()) > 0
        ]
        if quotients:
            signs[time]["sheet/returned"] = rounded(min(quotients))
    return signs, recognized


def likeness(a: Float64[np.ndarray, "n d"], b: Float64[np.ndarray, "n d"]) -> float:
    """Distance of samples in the same place over that of samples in different places: 1 where places do not matter."""
    between = distances(a, b)
    elsewhere = between[~np.eye(len(a), dtype=bool)].mean()
    return float(np.diag(between).mean() / elsewhere) if elsewhere else 1.0


def distances(a: Float64[np.ndarray, "n d"], b: Float64[np.ndarray, "m d"]) -> Float64[np.ndarray, "n m"]:
    """Between all rows."""
    return np.stack([rms(row - b) for row in a])


def rms(difference: Float64[np.ndarray, "n d"]) -> Float64[np.ndarray, " n"]:
    """Root mean square of each row."""
    return np.sqrt(np.square(difference).mean(axis=-1))


def looks(samples: Sequence[Pixels], examine: Examine, lossless: bool) -> dict[str, float]:
    """What pixels alone say: of those that have the size of the first."""
    if not samples:
        return {}
    alike = [sample for sample in samples if sample.shape == samples[0].shape]
    some = alike[: max(1, MOST_NUMBERS // samples[0].size)]
    signs = {**examine(np.stack(some)), "sheet/grain": grain(np.stack(some))}
    return {name: rounded(value) for name, value in signs.items() if lossless or name != "checkerboard"}


def grain(samples: UInt8[np.ndarray, "n h w 3"]) -> float:
    """How much pixels differ from their neighbors, beside how much from all: see above. 0 of images of a single color."""
    values = samples.astype(np.float32)
    across, down = (float(np.square(np.diff(values, axis=axis)).mean()) for axis in (1, 2))
    variance = float(values.var(axis=(1, 2)).mean())
    return (across + down) / 4 / variance if variance else 0.0
