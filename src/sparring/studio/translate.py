"""The answers of the tabs Translate and Draw."""

from typing import Any, cast

from sparring.core.errors import DataError, SettingsError
from sparring.data.pairs.derived_inputs import DerivedInput
from sparring.games.capabilities import Direction
from sparring.inference.model import Model
from sparring.inference.translate_files import translate_content
from sparring.media.image_decoding import UnusableImageError, read_header
from sparring.media.image_files import png
from sparring.studio import same_file
from sparring.studio.asked import Asked
from sparring.studio.open_models import OpenModel

MOST_BYTES = 16 * 2**20
"""Size of an image that is sent."""
MOST_PIXELS = 2**24
"""Height times width of an image that is sent; read from its header, before a pixel is decoded."""
MOST_TRANSLATED = 2**21
"""Height times width at which images are translated: larger ones take a processor too long for a page."""
FORMATS = ("PNG", "JPEG", "MPO", "WEBP", "GIF", "BMP")
"""Formats that browsers and cameras make, as Pillow calls them. (An MPO is a JPEG of some phones.)"""
LINES = ("edges", "scribble")
"""Inputs that are made of images and can be drawn by hand."""
MADE = ("edges", "scribble", "gray", "low-resolution", "masked")


def described(opened: OpenModel) -> dict[str, Any]:
    """What the page needs to know: directions, size, and what drawings begin with."""
    model = opened.model
    known = model.input_statistics.get("a2b")
    white = known.ranges.get("white", (1.0, 1.0)) if known is not None else (1.0, 1.0)
    return {
        "directions": list(model.translation_game.translators),
        "side": min(model.spec.height, model.spec.width),
        "height": model.spec.height,
        "width": model.spec.width,
        "made": None if known is None else known.made,
        "color": model.translation_game.channels_of("a2b")[0] >= 3,
        "paper": "white" if sum(white) / 2 >= 0.5 else "black",
    }


def can_be_drawn(model: Model) -> bool:
    """Whether its inputs are something that a hand draws: lines or colored areas, learned from pairs."""
    known = model.input_statistics.get("a2b")
    paired = getattr(model.recipe, "translates", "") == "paired"
    return paired and "a2b" in model.translation_game.translators and (known is None or known.made in (None, *LINES))


def translated(asked: Asked, opened: OpenModel) -> tuple[dict[str, Any], bytes]:
    """The translation of the image that was sent, as a PNG. What is decoded is never more than the limits allow."""
    model = opened.model
    size, made = asked.whole_or_none("size", 1, 4096), asked.text("made")
    if made is not None:
        asked.choice("made", "", MADE)
    name = asked.text("name") or "image.png"
    refuse_unusable(asked.content, size or (min(model.spec.height, model.spec.width) if made in LINES else None))
    settings = {
        "direction": asked.choice("direction", "a2b", ("a2b", "b2a")),
        "size": size,
        "noise": asked.whole_or_none("noise", 0),
        "made": made,
    }
    pixels, notes = translate_content(
        model,
        asked.content,
        name,
        direction=cast(Direction, settings["direction"]),
        size=size,
        noise=cast("int | None", settings["noise"]),
        made=cast("DerivedInput | None", made),
        max_pixels=MOST_PIXELS,
    )
    own = {word: value for word, value in settings.items() if value is not None and (word, value) != ("direction", "a2b")}
    about = {"notes": list(notes), "height": pixels.shape[0], "width": pixels.shape[1]}
    return {**about, **same_file.translated(opened, name, own).to_json()}, png(pixels)


def refuse_unusable(content: bytes, size: int | None) -> None:
    """Raise a DataError for what is no image of a known format, or too large, by its header alone. `size`: the shorter side that it is
    brought to, if it is.
    """
    if len(content) > MOST_BYTES:
        raise DataError(f"The image has {len(content):,} bytes, and at most {MOST_BYTES:,} are taken. Save it smaller.")
    try:
        _, header = read_header(content, MOST_PIXELS)
    except UnusableImageError as problem:
        raise DataError(f"This image cannot be used: {str(problem).partition('; if you trust')[0]}.") from None
    if header.format not in FORMATS:
        raise DataError(f"This is a file of the format {header.format}, and the page takes {', '.join(FORMATS[:2] + FORMATS[3:])}.")
    height, width = header.height, header.width
    if size is not None:
        factor = size / max(1, min(height, width))
        height, width = round(height * factor), round(width * factor)
    if height * width > MOST_TRANSLATED:
        raise SettingsError(
            f"At {width} x {height} pixels a translation takes too long for a page. Choose a smaller size, or use the command: sparring "
            "translate."
        )
