"""What of a game other programs can run: functions of tensors, and what goes into them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from jaxtyping import Float
from torch import Tensor

from sparring.core.data_spec import Spec
from sparring.core.random_streams import Streams

NoiseInput = Literal["const", "none", "input"]
"""The noise of a style generator in an exported file: constant, none, or an input of its own. (Files have no random numbers of their own
that could be repeated.)"""
PartName = Literal["all", "map", "synthesis"]
"""All of a generator, or of a style generator one of its two networks: from latents to styles, or from styles to images."""
Direction = Literal["a2b", "b2a"]
"""Which way a translator goes: from inputs to targets, or back."""
Kind = Literal["normal", "uniform", "share"]
"""How numbers of an input are drawn: standard normal, uniform in [-1, 1), or uniform in [0, 1)."""
Truncation = Literal["styles", "rank", "scale"]
"""What truncation does: styles come nearer to their mean, numbers of latents keep their rank within a threshold, or latents are scaled."""
Draws = tuple[tuple[Kind, int], ...]
"""How the numbers of one row of an input are drawn, from the first to the last: so many of each kind."""
Example = Callable[[int, int], Float[Tensor, "n ..."]]
"""From a number of samples and, for images, a side, to values such as are used: the same every time."""


@dataclass(frozen=True)
class Input:
    """One input of an exported function."""

    name: str
    """As the file names it."""
    meaning: str
    """A phrase that says what it is and which values it takes."""
    example: Example
    """Values to trace and to check with."""
    free: Mapping[int, str] = field(default_factory=lambda: {0: "n"})
    """By dimension, the name of its size where any will do: "n", or "4*h" for multiples of 4."""
    least: int = 1
    """The smallest size of a free dimension other than the number of samples, before any factor."""
    draws: Draws = ()
    """How to draw its numbers at random, if that is how they come."""


@dataclass(frozen=True)
class Output:
    """What an exported function gives."""

    name: str
    """As the file names it."""
    meaning: str
    """A phrase that says what it is and which values it has."""
    tolerance: float
    """By how much another program's numbers may differ, absolutely, or if they are larger than 1 relative to their size."""
    half_tolerance: float
    """The same of a file with float16 weights."""
    exceptions: float = 0.0
    """Share of the numbers that may differ by more: where categories are drawn, two of them may be as good as equal. Of a file with
    float16 weights ten times as many."""


@dataclass(frozen=True)
class ExportChoices:
    """What a person chooses of an exported function."""

    noise: NoiseInput = "const"
    """Of a style generator: the noise of its layers."""
    direction: Direction = "a2b"
    """Of a translator: which way it goes."""
    side: int | None = None
    """Of a translator: the side of images in pixels; None: any multiple of its divisor."""


@dataclass(frozen=True)
class Part:
    """A function of tensors that stands for a game, or for a part of it, in another program."""

    compute: Callable[..., Float[Tensor, "n ..."]]
    """From the inputs, in their order, to the output. It uses networks of the game and needs no gradients."""
    inputs: tuple[Input, ...]
    output: Output | None = None
    """What it gives; None: samples of the game's kind of data."""
    truncation: Truncation | None = None
    """Of a part that takes latents: what truncation does."""
    divisor: int | None = None
    """Of a part that takes images: their sides must be multiples of this."""
    smallest: int | None = None
    """Of a part that takes images: their smallest side."""


LEVEL = 2 / 255
"""One of the 255 steps between black and white, of values in [-1, 1]."""
IMAGE = Output("image", "images with values in [-1, 1], (n, channels, height, width)", LEVEL, LEVEL)
TRANSLATION = Output("translation", "translated images with values in [-1, 1], of the same size", LEVEL, LEVEL)


def latent_input(draw: Callable[[Streams, int], Tensor], draws: Draws) -> Input:
    """The input for latents that a game draws with `draw`, and that consist of `draws`."""
    return Input("latent", f"{described(draws)} for each sample", lambda n, _: draw(Streams(n, 0, scope="export"), n), draws=draws)


def label_input(spec: Spec) -> Input:
    """The input for what samples are asked for: their classes, or their several or continuous labels."""

    def example(n: int, _: int) -> Tensor:
        return spec.condition_of(spec.usual_labels(0, n))

    if spec.classes:
        return Input("classes", "a weight for each class: 1 for the class that is wanted, 0 for the others", example)
    return Input(
        "labels", "weights from 0 to 1, in the order of `classes`; those of one label, as many as `groups` says, sum to 1", example
    )


def image_input(channels: int, divisor: int, side: int | None) -> Input:
    """The input for images to be translated: `side` by `side`, or of any size that is a multiple of `divisor`."""

    def example(n: int, given: int) -> Tensor:
        return Streams(n, given, scope="export").uniform("image", n, channels, side or given, side or given)

    sizes = f"{side}x{side}" if side else f"sides that are multiples of {divisor}"
    free = {0: "n"} if side else {0: "n", 2: f"{divisor}*h", 3: f"{divisor}*w"}
    return Input("image", f"images with values in [-1, 1], {sizes}", example, free)


def described(draws: Draws) -> str:
    """A phrase for what a latent consists of."""
    kinds = {"normal": "standard normal numbers", "uniform": "numbers uniform in [-1, 1)", "share": "numbers uniform in [0, 1)"}
    return ", then ".join(f"{count} {kinds[kind]}" for kind, count in draws)
