"""Translates images of files: brings them to what a network wants, and compares them with what it learned from."""

import hashlib
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image, ImageColor

from sparring.core.errors import SettingsError
from sparring.data.listed_images import name_examples
from sparring.data.pairs.derived_inputs import DERIVATIONS, SIZE_DEPENDENT, DerivedInput, parse_derived_input
from sparring.data.pairs.input_statistics import InputStatistics
from sparring.games.latent_game import SAMPLE_CHUNK
from sparring.games.translation import LARGEST_IN_COMPANY, Direction
from sparring.inference.data_of_model import preprocessing_of
from sparring.inference.model import Model
from sparring.inference.tiling import refuse_tile
from sparring.media.image_decoding import SEVERAL_FRAMES, UnusableImageError, decode_image
from sparring.media.pixel_range import float_to_pixels, pixels_to_float

Pixels = UInt8[np.ndarray, "h w c"]
LARGEST_SIDE = 2**15
"""That an image may get by being resized: narrow ones would grow without end."""


@dataclass(frozen=True)
class Watch:
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
class ImageTranslator:
    """A model, and the settings with which it translates images of files: it reads them as the network wants them, and draws."""

    model: Model
    direction: Direction
    size: int | None
    tile: int
    noise: int | None
    background: str
    made: DerivedInput | None = None
    max_pixels: int | None = None
    """Largest height times width of an image that is read; None: Pillow's limit."""
    watch: Watch = field(default_factory=lambda: Watch(None, None))

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
        """What becomes of images of one size. An UnusableImageError if they take too much memory."""
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


def translator_for(
    model: Model,
    direction: Direction,
    size: int | None,
    tile: int,
    noise: int | None,
    made: DerivedInput | Literal["gray"] | None,
    max_pixels: int | None,
) -> ImageTranslator:
    """The translator of a model with these settings; a SettingsError if they do not fit the model or each other."""
    kind = None if made is None else parse_derived_input(made)
    model.refuse_direction(direction)
    refuse_tile(tile)
    if size is not None and size < 1:
        raise SettingsError(f"size must be at least 1, not {size}.")
    if kind is not None and direction != "a2b":
        raise SettingsError(f"{kind!r} makes inputs, and {direction} translates targets: leave out what is to be made (--as).")
    model.noisy(direction, noise)  # says if there is none
    watch = Watch(model.input_statistics.get(direction), kind)
    return ImageTranslator(model, direction, size, tile, noise, preprocessing_of(model).background, kind, max_pixels, watch)


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


def alike(images: Iterator[tuple[int, Pixels]]) -> Iterator[list[tuple[int, Pixels]]]:
    """Neighbors of one size, as many as the network takes at a time. No more are asked for before."""
    for shape, same in groupby(images, key=lambda each: each[1].shape):
        most = SAMPLE_CHUNK if max(shape[:2]) <= LARGEST_IN_COMPANY else 1
        while group := list(islice(same, most)):
            yield group
