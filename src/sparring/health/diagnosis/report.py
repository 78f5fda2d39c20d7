"""The page of a verdict: report.html, one file that needs nothing else, for people; and diagnosis.json for programs."""

import base64
import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from PIL import Image

from sparring import __version__
from sparring.core.files import write_bytes, write_json
from sparring.core.formatting import flags
from sparring.health.diagnosis.charts import chart
from sparring.health.diagnosis.finding import Finding
from sparring.health.diagnosis.record import Record, Series
from sparring.health.diagnosis.verdict import Verdict, certainty, since, title

JSON, HTML = "diagnosis.json", "report.html"
WIDEST = 1024
"""Samples are shown no larger than so many pixels."""
SHOWN, SHOWN_SIDE = 64, 64


def percent(share: float) -> str:
    """A share as a person writes it."""
    return f"{100 * share:.3g} %"


def count(number: int) -> str:
    """A whole number as a person writes it."""
    return f"{number:,}"


def figures(value: float) -> str:
    """Three of them."""
    return f"{value:.3g}"


@dataclass(frozen=True)
class Panel:
    """A curve that every page shows, if it was recorded."""

    title: str
    says: str
    series: Callable[[Record], Series]
    including: tuple[float, ...] = ()
    """What the scale reaches to."""


PANELS = (
    Panel("real told from generated", "1: always, 0.5: not at all", lambda record: record.sign("told/real"), (0.5, 1)),
    Panel("held-out told from generated", "as above, of images not trained on", lambda record: record.sign("told/held_out"), (0.5, 1)),
    Panel("diversity", "mean distance of two samples; 1: as two real ones", lambda record: record.sign("diversity"), (0, 1)),
    Panel("coverage", "share of real images with a sample near by", lambda record: record.sign("coverage"), (0, 1)),
    Panel("gradient to the generator", "its norm", lambda record: record.logged("gradient/generator")),
    Panel("loss of the discriminator", "", lambda record: record.logged("loss/discriminator")),
    Panel("loss of the generator", "", lambda record: record.logged("loss/generator")),
    Panel("spread of samples", "mean distance of two of a moment", lambda record: record.sign("sheet/spread"), (0,)),
    Panel("movement", "distance from the moment before", lambda record: record.sign("sheet/moved"), (0,)),
    Panel("return", "near 0: it is where it was before", lambda record: record.sign("sheet/returned"), (0, 1)),
    Panel("saturation", "share of numbers at either end of the range", lambda record: record.sign("saturation"), (0,)),
    Panel("checkerboard", "share of differences that alternate from pixel to pixel", lambda record: record.sign("checkerboard"), (0,)),
)
DATA_SIGNS: Mapping[str, tuple[str, Callable[[Any], str]]] = {
    "count": ("trained on", count),
    "held_out": ("held out", count),
    "shape": ("shape", lambda shape: "x".join(map(str, shape))),
    "least": ("smallest number", figures),
    "most": ("largest number", figures),
    "mean": ("mean", figures),
    "deviation": ("standard deviation", figures),
    "spread": ("difference of two images, root mean square", figures),
    "nearest": ("distance to the nearest other, in units of that of any two", figures),
    "twins": ("with a near copy among the others", percent),
    "saturation": ("numbers at either end of the range", percent),
    "checkerboard": ("differences that alternate from pixel to pixel", percent),
    "classes": ("classes", lambda shares: f"{len(shares)}, from {percent(min(shares))} to {percent(max(shares))} of the images"),
    "agreement": ("nearest neighbor of the same class", percent),
    "agreement_by_chance": ("the same by chance", percent),
    "looked_at": ("looked at for all of this", count),
}


def write(verdict: Verdict, folder: Path) -> Path:
    """Write report.html and diagnosis.json into `folder`; gives the path of the page."""
    write_json(folder / JSON, {"sparring": __version__, **verdict.to_json()})
    page = folder / HTML
    write_bytes(page, html(verdict).encode())
    return page


def html(verdict: Verdict) -> str:
    """The page."""
    record = verdict.record
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("sparring.health.diagnosis", "."), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("report.html.jinja").render(
        version=__version__,
        verdict=verdict,
        record=record,
        state="sick" if not verdict.healthy else "unsure" if verdict.too_early or verdict.young else "healthy",
        findings=[shown(finding, verdict) for finding in verdict.findings],
        samples=[{"image": image, "about": about} for image, about in samples(verdict)],
        panels=panels(verdict),
        data=[(label, say(record.data[name])) for name, (label, say) in DATA_SIGNS.items() if name in record.data],
        words=words,
        noun="points" if record.about_data.get("points") else "images",
    )


def shown(finding: Finding, verdict: Verdict) -> dict[str, Any]:
    """A finding as the template takes it."""
    name, until = title(finding), verdict.record.last_step
    return {
        "finding": finding,
        "title": name[:1].upper() + name[1:],
        "since": since(finding).strip(),
        "certainty": certainty(finding),
        "curves": [(label, chart(series, label, until=until, mark=finding.since)) for label, series in finding.curves.items()],
        "remedies": [(remedy.what, verdict.command(remedy) or " ".join(flags(remedy.settings))) for remedy in finding.remedies],
    }


def panels(verdict: Verdict) -> list[tuple[Panel, Markup]]:
    """The curves that are always shown, as far as there are any; the moment of the main finding is marked in all of them."""
    record, mark = verdict.record, None if verdict.main is None else verdict.main.since
    drawn = [(panel, panel.series(record)) for panel in PANELS]
    return [
        (panel, chart(series, panel.title, until=record.last_step, mark=mark, including=panel.including, width=340))
        for panel, series in drawn
        if len(series)
    ]


def samples(verdict: Verdict) -> list[tuple[str, str]]:
    """Images of samples before and after, and what they are. Those that cannot be read (any more) are left out."""
    chosen = verdict.before_and_after
    began = "before it began" if verdict.main is not None and verdict.main.since else "at the beginning" if verdict.main else "half-way"
    found = []
    for place, (step, path) in enumerate(chosen):
        if (image := embedded(path)) is not None:
            found.append((image, f"step {step:,}, {began if place < len(chosen) - 1 else 'the newest'}"))
    return found


def embedded(path: Path) -> str | None:
    """A image, or the first ones in a folder, as the source of an image; None if it cannot be read."""
    try:
        image = contact_sheet(path) if path.is_dir() else opened(path)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    if max(image.size) > WIDEST:
        image.thumbnail((WIDEST, WIDEST))
    file = io.BytesIO()
    image.save(file, format="PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def opened(path: Path) -> Image.Image:
    """A image in a mode that PNG and resizing know."""
    with Image.open(path) as image:
        return image.copy() if image.mode == "L" else image.convert("RGB")


def contact_sheet(folder: Path) -> Image.Image:
    """The first images in a folder, in rows of eight."""
    paths = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in Image.registered_extensions()][:SHOWN]
    sheet = Image.new("RGB", (8 * (SHOWN_SIDE + 2) + 2, -(-len(paths) // 8) * (SHOWN_SIDE + 2) + 2), "white")
    for place, path in enumerate(paths):
        row, column = divmod(place, 8)
        sheet.paste(opened(path).resize((SHOWN_SIDE, SHOWN_SIDE)), (2 + column * (SHOWN_SIDE + 2), 2 + row * (SHOWN_SIDE + 2)))
    return sheet


def words(command: str) -> list[str]:
    """A command in pieces that a line should not be broken in: a flag with its values."""
    return re.split(r" (?=--[a-z])", command)
