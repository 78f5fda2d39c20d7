"""The page of a verdict: report.html, one file that needs nothing else, for people; and diagnosis.json for programs."""

import base64
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from PIL import Image

from sparring import __version__
from sparring.core.atomic_files import write_bytes, write_json
from sparring.core.formatting import flags
from sparring.health import signals
from sparring.health.diagnosis.charts import chart
from sparring.health.diagnosis.finding import Finding
from sparring.health.diagnosis.record_questions import has_no_pixels
from sparring.health.diagnosis.verdict import Verdict, certainty, since, title
from sparring.health.signals import Signal

JSON, HTML = "diagnosis.json", "report.html"
WIDEST = 1024
"""Side in pixels beyond which sample grids are shown smaller."""
SHEET_IMAGES, SHEET_SIDE = 64, 64
"""How many images of a folder are shown, and their side in pixels."""


def percent(share: float) -> str:
    """A share as people write it."""
    return f"{100 * share:.3g} %"


def whole_number(number: int) -> str:
    """A whole number as people write it."""
    return f"{number:,}"


def three_figures(value: float) -> str:
    """A number with three significant figures."""
    return f"{value:.3g}"


@dataclass(frozen=True)
class Panel:
    """A curve that every page shows, if it was recorded."""

    title: str
    explanation: str
    signal: Signal
    including: tuple[float, ...] = ()
    """Values that the scale includes."""


PANELS = (
    Panel("AUC, real against generated", "1: always separated, 0.5: not at all", signals.AUC_REAL, (0.5, 1)),
    Panel("AUC, held-out against generated", "the same for images that are not trained on", signals.AUC_HOLDOUT, (0.5, 1)),
    Panel("diversity", "mean distance of two samples; 1: as two real ones", signals.DIVERSITY, (0, 1)),
    Panel("coverage", "share of real images with a sample nearby", signals.COVERAGE, (0, 1)),
    Panel("gradient of the generator", "its norm", signals.GENERATOR_GRADIENT),
    Panel("loss of the discriminator", "", signals.DISCRIMINATOR_LOSS),
    Panel("loss of the generator", "", signals.GENERATOR_LOSS),
    Panel("spread of samples", "mean distance of two samples of a moment", signals.SHEET_SPREAD, (0,)),
    Panel("movement", "distance from the moment before", signals.SHEET_MOVEMENT, (0,)),
    Panel("return", "near 0: samples are what they were before", signals.SHEET_RETURN, (0, 1)),
    Panel("distance of two windows", "1: as two real ones", signals.WINDOWS_APART, (0, 1)),
    Panel("distance of two futures of a past", "in the same unit; 0: noise is ignored", signals.FUTURES_APART, (0,)),
    Panel("season", "share of the variance that it explains", signals.SEASON_STRENGTH, (0, 1)),
    Panel("largest value", "1: as in the data", signals.LARGEST_VALUE, (0, 1)),
    Panel("frequencies of codes", "root mean squared difference to the data's", signals.CODE_FREQUENCIES, (0,)),
    Panel("pairs of codes", "root mean squared difference of their correlations", signals.CODE_PAIRS, (0,)),
    Panel("consonance", "share of the intervals between tracks", signals.CONSONANCE, (0, 1)),
    Panel("longer notes", "share of the notes that are longer than a step", signals.QUALIFIED_NOTES, (0, 1)),
    Panel("empty bars", "share of the bars of tracks in which nothing sounds", signals.EMPTY_BARS, (0, 1)),
    Panel("saturation", "share of values at either end of the range", signals.SATURATION, (0,)),
    Panel("checkerboard", "share of the variation that alternates from pixel to pixel", signals.CHECKERBOARD, (0,)),
)
OF_PIXELS = (signals.SATURATION, signals.DATA_SATURATION)
"""Signals that say nothing of series, whose values have no range, nor of health records, which are all zeros and ones."""
DATA_TABLE: tuple[tuple[Signal, str, Callable[[Any], str]], ...] = (
    (signals.IMAGE_COUNT, "trained on", whole_number),
    (signals.HOLDOUT_COUNT, "held out", whole_number),
    (signals.SHAPE, "shape", lambda shape: "x".join(map(str, shape))),
    (signals.MINIMUM, "smallest value", three_figures),
    (signals.MAXIMUM, "largest value", three_figures),
    (signals.DATA_MEAN, "mean", three_figures),
    (signals.STANDARD_DEVIATION, "standard deviation", three_figures),
    (signals.PAIRWISE_DISTANCE, "mean distance of two (root mean square)", three_figures),
    (signals.NEAREST_OTHER, "median distance to the nearest other, in units of the mean distance of two", three_figures),
    (signals.NEAR_DUPLICATES, "with a near-duplicate among the others", percent),
    (signals.DATA_SATURATION, "values at either end of the range", percent),
    (signals.DATA_CHECKERBOARD, "variation that alternates from pixel to pixel", percent),
    (signals.CLASS_SHARES, "classes", lambda shares: f"{len(shares)}, from {percent(min(shares))} to {percent(max(shares))} of the images"),
    (signals.LABEL_AGREEMENT, "nearest neighbor is of the same class", percent),
    (signals.LABEL_AGREEMENT_BY_CHANCE, "the same by chance", percent),
    (signals.SEPARATE_WINDOWS, "trained on, without overlap", whole_number),
    (signals.SEPARATE_WINDOWS_OF_HOLDOUT, "held out, without overlap", whole_number),
    (signals.SEASON_OF_DATA, "variance that the season explains", percent),
    (signals.MEASURED_COUNT, "number that all of this was measured on", whole_number),
)


def write(verdict: Verdict, folder: Path) -> Path:
    """Write report.html and diagnosis.json into `folder`. Gives the path of the page."""
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
        findings=[for_template(finding, verdict) for finding in verdict.findings],
        samples=[{"image": image, "caption": caption} for image, caption in sample_images(verdict)],
        panels=panels(verdict),
        data=[
            (label, written(signal.of(record.data)))
            for signal, label, written in DATA_TABLE
            if signal.name in record.data and not (has_no_pixels(record) and signal in OF_PIXELS)
        ],
        unbroken=unbroken,
        noun={
            "points": "points",
            "series": "windows",
            "records": "patients",
            "orders": "lines",
            "sequences": "texts",
            "music": "phrases",
        }.get(record.kind_of_data, "images"),
    )


def for_template(finding: Finding, verdict: Verdict) -> dict[str, Any]:
    """A finding as the template takes it."""
    name, until = title(finding), verdict.record.last_step
    return {
        "finding": finding,
        "title": name[:1].upper() + name[1:],
        "since": since(finding).strip(),
        "certainty": certainty(finding),
        "curves": [(label, chart(curve, label, until=until, mark=finding.since)) for label, curve in finding.curves.items()],
        "remedies": [(remedy.action, verdict.command(remedy) or " ".join(flags(remedy.settings))) for remedy in finding.remedies],
    }


def panels(verdict: Verdict) -> list[tuple[Panel, Markup]]:
    """The curves that every page shows, if they were recorded. The step at which the main finding began is marked in all of them."""
    record, mark = verdict.record, None if verdict.main is None else verdict.main.since
    curves = [(panel, record.signal(panel.signal)) for panel in PANELS]
    return [
        (panel, chart(curve, panel.title, until=record.last_step, mark=mark, including=panel.including, width=340))
        for panel, curve in curves
        if len(curve) and not (has_no_pixels(record) and panel.signal in OF_PIXELS)
    ]


def sample_images(verdict: Verdict) -> list[tuple[str, str]]:
    """Sample grids from before and after the main finding began, and their captions. Those that cannot be read are left out."""
    chosen = verdict.before_and_after
    began = "before it began" if verdict.main is not None and verdict.main.since else "at the beginning" if verdict.main else "halfway"
    found = []
    for index, (step, path) in enumerate(chosen):
        if (image := as_data_url(path)) is not None:
            found.append((image, f"step {step:,}, {began if index < len(chosen) - 1 else 'the newest'}"))
    return found


def as_data_url(path: Path) -> str | None:
    """An image, or the first ones in a folder, as the source of an image; None if it cannot be read."""
    try:
        image = contact_sheet(path) if path.is_dir() else open_image(path)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    if max(image.size) > WIDEST:
        image.thumbnail((WIDEST, WIDEST))
    file = io.BytesIO()
    image.save(file, format="PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def open_image(path: Path) -> Image.Image:
    """An image in a mode that PNG and resizing know."""
    with Image.open(path) as image:
        return image.copy() if image.mode == "L" else image.convert("RGB")


def contact_sheet(folder: Path) -> Image.Image:
    """The first images in a folder, in rows of eight."""
    paths = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in Image.registered_extensions()][:SHEET_IMAGES]
    sheet = Image.new("RGB", (8 * (SHEET_SIDE + 2) + 2, -(-len(paths) // 8) * (SHEET_SIDE + 2) + 2), "white")
    for index, path in enumerate(paths):
        row, column = divmod(index, 8)
        sheet.paste(open_image(path).resize((SHEET_SIDE, SHEET_SIDE)), (2 + column * (SHEET_SIDE + 2), 2 + row * (SHEET_SIDE + 2)))
    return sheet


def unbroken(command: str) -> list[str]:
    """A command in pieces that a line should not be broken in: a flag with its values."""
    return re.split(r" (?=--[a-z])", command)
