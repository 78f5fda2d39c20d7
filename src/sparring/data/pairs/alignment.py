"""Checks whether the two images of a pair are aligned, by their shapes, their EXIF orientations, and the positions of their edges."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Bool, Float, Int64, UInt8
from PIL import Image

from sparring.core.errors import DataError, listed
from sparring.media.image_decoding import ORIENTATION_TRANSPOSES, Crop

Maps = Float[np.ndarray, "n side side"]
MAX_COMPARED, MIN_COMPARED = 256, 12
"""Largest and smallest number of pairs whose edges are compared."""
SIDE = 16
"""Side of the edge maps that are compared."""
MIN_IMPROVEMENT, MIN_STANDARD_ERRORS = 0.1, 4
"""Smallest improvement of the correlation by another position, and in standard errors, that is reported."""
CENTER_SHARES = (0.5, 0.65, 0.8)
"""Shares of the side: one of the two images may be such a central crop of the other."""


def check_pair_shapes(names: Sequence[str], inputs: Int64[np.ndarray, "n 3"], targets: Int64[np.ndarray, "n 3"], crop: Crop) -> None:
    """Raise a DataError that lists pairs whose images have different aspect ratios, because they would not be aligned.

    `inputs` and `targets` have the pairs' rows in `Store.origins`. Squashed images may have any shape, unless one of
    them lies on its side.
    """
    (height, width, _), (other_height, other_width, _) = inputs.T, targets.T
    alike = _same_shape(height, width, other_height, other_width)
    on_its_side = ~alike & _same_shape(height, width, other_width, other_height)
    wrong = np.flatnonzero(on_its_side if crop == "squash" else ~alike).tolist()
    if not wrong:
        return
    told = [f"{names[index]}: input {_describe_origin(inputs[index])}, target {_describe_origin(targets[index])}" for index in wrong]
    advice = []
    if on_its_side.any():
        advice.append("Where one lies on its side, a program has dropped its EXIF orientation or turned its pixels: save both upright.")
    if not on_its_side.all() and crop != "squash":
        advice.append("If both show the whole scene and one was squeezed to another shape: --crop squash. Else cut both in the same way.")
    heading = f"{len(wrong):,} of {len(names):,} pairs are of two shapes, so their images would show different places. {' '.join(advice)}"
    raise DataError(listed(heading, told, most=10))


def check_pair_sizes(names: Sequence[str], inputs: Int64[np.ndarray, "n 3"], targets: Int64[np.ndarray, "n 3"]) -> None:
    """Raise a DataError that lists pairs whose images have different sizes, because pieces at the same places would show something else."""
    wrong = np.flatnonzero((inputs[:, :2] != targets[:, :2]).any(axis=1)).tolist()
    if wrong:
        told = [f"{names[index]}: input {_describe_origin(inputs[index])}, target {_describe_origin(targets[index])}" for index in wrong]
        heading = (
            f"{len(wrong):,} of {len(names):,} pairs are of two sizes, so that pieces of them (--crop random) would show different places. "
            "Bring both images to one size, or choose another --crop."
        )
        raise DataError(listed(heading, told, most=10))


def _same_shape(height: np.ndarray, width: np.ndarray, other_height: np.ndarray, other_width: np.ndarray) -> Bool[np.ndarray, " n"]:
    """Whether two shapes have the same aspect ratio, up to rounding of a side to whole pixels."""
    apart = np.abs(height * other_width - width * other_height)
    return (apart < np.maximum(width, other_width)) | (apart < np.maximum(height, other_height))


def _describe_origin(origin: Int64[np.ndarray, " 3"]) -> str:
    height, width, orientation = origin.tolist()
    return f"{width}x{height}" + (f" (turned by its EXIF orientation, {orientation})" if orientation != 1 else "")


def alignment_warnings(
    inputs: Callable[[Int64[np.ndarray, " n"]], UInt8[np.ndarray, "n h w _"]],
    targets: Callable[[Int64[np.ndarray, " n"]], UInt8[np.ndarray, "n h w _"]],
    turned_on_one_side: Bool[np.ndarray, " pairs"],
) -> list[str]:
    """Warnings about the alignment of prepared pairs, in whole sentences; empty if their edges agree best as they are.

    `inputs` and `targets` return the images of the pairs at these indices. `turned_on_one_side` marks pairs with an EXIF orientation in
    only one image; they are also reported if edges allow no conclusion.
    """
    found = []
    for some, which in ((np.flatnonzero(turned_on_one_side), "pairs with an EXIF orientation in one image alone"), (None, "pairs")):
        numbers = np.arange(len(turned_on_one_side)) if some is None else some
        if not len(numbers):
            continue
        numbers = numbers[np.linspace(0, len(numbers) - 1, min(MAX_COMPARED, len(numbers))).astype(np.int64)]
        better = _misalignment(inputs(numbers), targets(numbers))
        if better is not None:
            found.append(f"Of {len(numbers):,} {which} {better} Look at samples/ before you go on.")
        elif some is not None:
            found.append(f"{len(some):,} {which}: whether the other lies as it does cannot be told for sure. Look at samples/.")
    return found


def _misalignment(inputs: UInt8[np.ndarray, "n h w _"], targets: UInt8[np.ndarray, "n h w _"]) -> str | None:
    """A clause on how targets seem to be displaced relative to inputs, or None if they seem to be aligned."""
    if len(inputs) < MIN_COMPARED:
        return None
    whole_inputs, whole_targets = _edge_maps(inputs, 1), _edge_maps(targets, 1)
    as_they_are = _agreement(whole_inputs, whole_targets)
    positions = {
        f"targets seem to be {_describe_transpose(turn)}": (whole_inputs, _transpose_maps(whole_targets, turn))
        for turn in ORIENTATION_TRANSPOSES
    }
    for share in CENTER_SHARES:
        positions[f"targets seem to show the middle of their inputs alone, about {share:.0%} of the side."] = (
            _edge_maps(inputs, share),
            whole_targets,
        )
        positions[f"inputs seem to show the middle of their targets alone, about {share:.0%} of the side."] = (
            whole_inputs,
            _edge_maps(targets, share),
        )
    agreements = {clause: _agreement(*maps) for clause, maps in positions.items()}
    best = max(agreements, key=lambda clause: agreements[clause].mean())
    if _significantly_greater(agreements[best], as_they_are, MIN_IMPROVEMENT):
        return f"{best} (Their edges agree at {agreements[best].mean():.2f} so, and at {as_they_are.mean():.2f} as they are.)"
    if not any(
        _maps_are_related(one, other)
        for one in (whole_inputs, _brightness_maps(inputs))
        for other in (whole_targets, _brightness_maps(targets))
    ):
        return "images of one name have no more in common than others. Are they pairs, and do they show the same place?"
    return None


def _maps_are_related(one: Maps, other: Maps) -> bool:
    """Whether maps of the same pair agree more, or less, than maps of different pairs."""
    own, others = _agreement(one, other), _agreement(one, np.roll(other, 1, axis=0))
    return _significantly_greater(own, others, 0) or _significantly_greater(others, own, 0)


def _significantly_greater(one: Float[np.ndarray, " n"], other: Float[np.ndarray, " n"], margin: float) -> bool:
    apart = one - other
    return bool(apart.mean() > margin + MIN_STANDARD_ERRORS * apart.std() / len(apart) ** 0.5)


def _central_gray(pixels: UInt8[np.ndarray, "n h w c"], share: float, side: int) -> Maps:
    """The central `share` of each image in gray, resized to `side`."""
    height, width = pixels.shape[1:3]
    rows, columns = (round(length * (1 - share) / 2) for length in (height, width))
    gray = pixels[:, rows : height - rows, columns : width - columns, :3].mean(axis=3).astype(np.float32)
    return np.stack([np.asarray(Image.fromarray(one).resize((side, side), Image.Resampling.BILINEAR)) for one in gray])


def _brightness_maps(pixels: UInt8[np.ndarray, "n h w c"]) -> Maps:
    """Brightness of each image on a 16x16 grid."""
    return _central_gray(pixels, 1, SIDE)


def _edge_maps(pixels: UInt8[np.ndarray, "n h w c"], share: float) -> Maps:
    """Change of brightness on a 16x16 grid over the central `share` of each image."""
    fine = _central_gray(pixels, share, 4 * SIDE)
    down, across = np.gradient(fine, axis=(1, 2))
    return np.hypot(down, across).reshape(len(fine), SIDE, 4, SIDE, 4).mean(axis=(2, 4))


def _agreement(one: Maps, other: Maps) -> Float[np.ndarray, " n"]:
    """Correlation of the two maps of each pair, after subtracting the mean map of each side."""
    a, b = ((maps - maps.mean(axis=0)).reshape(len(maps), -1) for maps in (one, other))
    return (a * b).sum(axis=1) / np.maximum(np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1), 1e-9)


def _transpose_maps(maps: Maps, turn: int) -> Maps:
    return np.stack([np.asarray(Image.fromarray(one).transpose(ORIENTATION_TRANSPOSES[turn])) for one in maps.astype(np.float32)])


def _describe_transpose(turn: int) -> str:
    """How targets are turned relative to inputs, if `ORIENTATION_TRANSPOSES[turn]` aligns them."""
    names = {
        2: "mirrored.",
        3: "upside down.",
        4: "mirrored and upside down.",
        5: "on their side and mirrored.",
        6: "on their side, turned to the left.",
        7: "on their side and mirrored.",
        8: "on their side, turned to the right.",
    }
    return names[turn]
