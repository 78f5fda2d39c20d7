"""Sizes of images: how people write them, and which ones networks that double sides can make."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

LARGEST_SIDE = 8192
DEFAULT_SIDE = 64
LEAST_OF_MAP, MOST_OF_MAP = 4, 16
"""Sides that the smallest map of networks may have, in pixels: 4 as in all papers, and up to 16 for the long side of a rectangle."""
SAME_PROPORTION = 0.1
"""Difference of the logarithms of two proportions up to which images are about alike: about a tenth."""
WIDTH_BY_HEIGHT = re.compile(r"(\d+)\s*[x×*]\s*(\d+)", re.IGNORECASE)  # noqa: RUF001 (people do type this sign)


def sides_of(size: int | str) -> tuple[int, int] | None:
    """(height, width) of a size as settings have it: the side of squares, or "192x128", width by height as image programs say it. None for
    what is no size.
    """
    if isinstance(size, str):
        found = WIDTH_BY_HEIGHT.fullmatch(size.strip())
        return None if found is None else (int(found[2]), int(found[1]))
    return size, size


def size_of(height: int, width: int) -> int | str:
    """A size as settings have it: the inverse of `sides_of`."""
    return height if height == width else f"{width}x{height}"


def plain_size(size: int | str | None) -> int | str | None:
    """One way to write each size: 64 for 64x64 and "64", 192x128 for "192 X 128", None for "none". What is no size stays as it is."""
    if not isinstance(size, str):
        return size
    if size.strip().lower() == "none":
        return None
    if size.strip().isdecimal():
        return int(size)
    sides = sides_of(size)
    return size if sides is None else size_of(*sides)


def halved(size: int | str) -> int | str:
    """A size with half the sides."""
    height, width = sides_of(size) or (DEFAULT_SIDE, DEFAULT_SIDE)
    return size_of(max(1, height // 2), max(1, width // 2))


def default_size(native: tuple[int, int] | None) -> int:
    """Side in pixels of the squares that images are brought to where no size is named: their own if all have this (height, width), equal
    and at most 64, else 64.
    """
    return min(DEFAULT_SIDE, native[0]) if native is not None and native[0] == native[1] else DEFAULT_SIDE


def nearest_square(side: int, smallest: int) -> int:
    """The smallest power of two that is not below an image's own side, but at most 64."""
    return min(64, max(smallest, 1 << (side - 1).bit_length()))


@dataclass(frozen=True)
class Doublings:
    """How networks come from their smallest map to an image, or back: from 4x4 by four doublings to 64x64, from 6x4 by five to 192x128."""

    smallest_map: tuple[int, int]
    """Height and width, in pixels, of the map that the doublings begin with."""
    count: int
    """How often sides are doubled."""

    @property
    def side(self) -> int:
        """Side of the square with as many doublings from 4x4. Papers give numbers of channels by it."""
        return 4 << self.count


def doublings(height: int, width: int) -> Doublings | None:
    """The most doublings with which an image begins as a map of at least 4 pixels a side. None if the map would be larger than 16 pixels on
    a side, or the image is smaller than 4.
    """
    shorter = min(height, width)
    if shorter < LEAST_OF_MAP:
        return None
    power = math.gcd(height, width)
    count = min((power & -power).bit_length() - 1, (shorter // LEAST_OF_MAP).bit_length() - 1)
    smallest_map = height >> count, width >> count
    return Doublings(smallest_map, count) if max(smallest_map) <= MOST_OF_MAP else None


def doubled_sizes_near(height: int, width: int, smallest: int, largest: int) -> list[int | str]:
    """Up to two sizes that networks can make, with sides from `smallest` to `largest`, most like one that they cannot."""
    possible = {
        (a << count, b << count)
        for count in range(int(math.log2(smallest / LEAST_OF_MAP)), int(math.log2(largest / LEAST_OF_MAP)) + 1)
        for a in range(LEAST_OF_MAP, MOST_OF_MAP + 1)
        for b in range(LEAST_OF_MAP, MOST_OF_MAP + 1)
        if smallest <= min(a, b) << count and max(a, b) << count <= largest and (height != width or a == b)
    }

    def unlike(sides: tuple[int, int]) -> float:
        down, across = (math.log(one / own) for one, own in zip(sides, (height, width), strict=True))
        found = doublings(*sides)
        larger_map = 0.0 if found is None else math.log(math.prod(found.smallest_map) / LEAST_OF_MAP**2)
        return 4 * abs(across - down) + abs(across + down) / 2 + larger_map / 5  # another proportion is worse than another scale

    return [size_of(*sides) for sides in sorted(possible, key=unlike)[:2]]


def rectangle_for(sizes: Sequence[tuple[int, int]], most: int) -> str | None:
    """The size of rectangles that keeps the proportion of images of these (height, width), if nine in ten have about the same one, which is
    not square: their own size where networks can make it and no side is above twice `most`, else one with about `most` x `most` pixels.
    """
    if not sizes:
        return None
    ratios = sorted(width / height for height, width in sizes)
    ratio = ratios[len(ratios) // 2]
    alike = sum(abs(math.log(one / ratio)) < SAME_PROPORTION for one in ratios)
    if abs(math.log(ratio)) < SAME_PROPORTION or alike < 0.9 * len(sizes):
        return None
    height, width = own = sorted(sizes)[len(sizes) // 2]
    if min(own) >= 16 and max(own) <= 2 * most and doublings(*own) is not None:
        return f"{width}x{height}"
    side = min(most, math.isqrt(height * width))
    near = doubled_sizes_near(max(1, round(side / math.sqrt(ratio))), max(1, round(side * math.sqrt(ratio))), 16, 2 * most)
    return next((size for size in near if isinstance(size, str)), None)
