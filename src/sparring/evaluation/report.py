"""Writes the report of a judgment: report.json for programs, and report.html, one self-contained page, for people."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2
import numpy as np
from jaxtyping import UInt8

from sparring import __version__
from sparring.core.atomic_files import write_bytes, write_json
from sparring.core.random_streams import Streams
from sparring.evaluation.image_sets import ImageSet
from sparring.evaluation.judgment import Judgment
from sparring.evaluation.scores import Score
from sparring.media.image_files import grid, png

JSON_FILE, HTML_FILE = "report.json", "report.html"
SHEET_SIZE, SHEET_COLUMNS = 64, 8
"""Number of images, and of columns, in each of the report's image grids."""
MIN_DISPLAY_SIDE = 64
"""Smaller images are enlarged by a whole factor to about this side in pixels."""

EXPLANATIONS = {
    "FD": (
        "Fréchet distance between Gaussians fitted to the features of real and generated images.",
        "Uses means and covariances only, is larger for fewer samples, and depends on the feature network.",
    ),
    "FD-infinite": ("The Fréchet distance, extrapolated to infinitely many samples.", "The number of real images stays as it is."),
    "KD": (
        "Squared distance of the two feature distributions under a polynomial kernel, without bias from the number of samples.",
        "Uses three moments only, and cannot tell bad images from missing ones.",
    ),
    "IS": (
        "Whether each image clearly belongs to one class, and all classes occur.",
        "Ignores real images, is satisfied with one image for each class, and uses the network's classes rather than yours.",
    ),
    "precision": (
        "Share of the samples that lie among real images: quality.",
        "Does not notice what is missing. One real outlier covers many bad samples.",
    ),
    "recall": (
        "Share of the real images that lie among samples: variety.",
        "Grows when samples scatter, and says nothing about their quality.",
    ),
    "density": ("How densely real images surround the samples.", "Above 1 if samples stay in the densest regions."),
    "coverage": ("Share of the real images that have a sample in their neighborhood.", "A single nearby sample is enough."),
    "diversity": ("Mean distance between two samples, divided by that between two real images.", "Noise is diverse, too."),
    "memorization": (
        "How often a sample is nearer to a training image than a comparison image is. 0.5: nothing is memorized.",
        "Blurred images are near to everything; look at the pairs.",
    ),
    "copies": (
        "Share of the samples that are nearer to a training image than 99% of the comparison images are.",
        "May miss copies that were shifted or mirrored.",
    ),
    "accuracy of": (
        "Share of the images in which the label is recognized that was asked for, by a linear classifier of features of real images.",
        "Read it beside the same of real images, and of shuffled labels, which is what a generator reaches that ignores them.",
    ),
    "error of": (
        "Mean absolute difference between the value asked for and the one that a linear model of features of real images finds.",
        "Read it beside the same of real images, and of shuffled labels, which is what a generator reaches that ignores them.",
    ),
    "recognized": (
        "Share of the images of a class that a linear classifier of features of real images takes for that class.",
        "Read it beside the same of real images that the classifier was not fitted to.",
    ),
    "class accuracy": (
        "Share of the samples that the classifier assigns to the requested class.",
        "The classifier makes errors, too, and typical images of a class are easier to classify than real ones.",
    ),
}
"""What each score means, and what it cannot show."""


@dataclass(frozen=True)
class ScoreRow:
    """One score as the report's table shows it, all in text."""

    name: str
    value: str
    error: str
    better: str
    warning: str
    meaning: str
    limitation: str


@dataclass(frozen=True)
class Bar:
    """One bar in a bar chart of a score by class."""

    label: str
    """Name of the class."""
    value: str
    """The score as text."""
    share: float
    """Length in percent of the longest bar."""


def write_report(judgment: Judgment, folder: Path) -> Path:
    """Write report.json and report.html into `folder`, and return the path of report.html."""
    write_json(folder / JSON_FILE, {"sparring": __version__, **judgment.to_json()})
    page = folder / HTML_FILE
    write_bytes(page, report_html(judgment).encode())
    return page


def report_html(judgment: Judgment) -> str:
    """The report as an HTML page, with its images embedded."""
    real, fake = judgment.real, judgment.fake
    rows = [score_row(score) for score in judgment.scores]
    pairs = judgment.pairs
    return _template().render(
        version=__version__,
        real=real,
        fake=fake,
        protocol=judgment.scores[0].protocol,
        sentences=judgment.sentences,
        notes=judgment.notes,
        rows=rows,
        groups=_bars(judgment.by_class),
        real_sheet=_data_url(_sheet(real.pick(_sheet_indices(real)))),
        fake_sheet=_data_url(_sheet(fake.pick(_sheet_indices(fake)))),
        pairs=[
            {
                "sample": _data_url(_enlarge(sample)),
                "training": _data_url(_enlarge(training)),
                "about": f"sample {pair.sample}, {pair.training_name}: {pair.distance:.2f}",
            }
            for pair, sample, training in zip(
                pairs, fake.pick([pair.sample for pair in pairs]), real.pick([pair.training for pair in pairs]), strict=True
            )
        ],
    )


def score_row(score: Score) -> ScoreRow:
    """The table row of one score."""
    meaning, limitation = EXPLANATIONS[explanation_key(score.name)]
    value, error = format_score(score)
    return ScoreRow(score.name, value, error, score.better, score.warning, meaning, limitation)


def explanation_key(name: str) -> str:
    """The key in `EXPLANATIONS` of a score: "FD" for FID and FD-lite0."""
    if name in EXPLANATIONS:
        return name
    if name.endswith("-infinite"):
        return "FD-infinite"
    return (
        next((key for key in ("accuracy of", "error of") if name.startswith(f"{key} ")), "") or {"F": "FD", "K": "KD", "I": "IS"}[name[0]]
    )


def format_score(score: Score) -> tuple[str, str]:
    """Value and standard error as text, with two significant digits of the standard error: ("12.3", "± 1.2")."""
    value, error = score.value, score.standard_error
    size = abs(error) if error else abs(value) / 100
    decimals = 4 if size == 0 else int(np.clip(1 - np.floor(np.log10(size)), 0, 6))
    return f"{value:.{decimals}f}", "" if error is None else f"± {error:.{decimals}f}"


def _bars(scores: Sequence[Score]) -> list[tuple[str, list[Bar]]]:
    """Bar charts of scores by class, one for each score."""
    names = dict.fromkeys(score.name for score in scores)
    groups = []
    for name in names:
        group = [score for score in scores if score.name == name]
        longest = max(*(abs(score.value) for score in group), 1e-12)
        groups.append((name, [Bar(score.label or "", format_score(score)[0], max(0.0, 100 * score.value / longest)) for score in group]))
    return groups


def _sheet_indices(images: ImageSet) -> list[int]:
    """Indices of the images to display: random ones of a data set, the first ones of a model's seed."""
    if images.seed is not None:
        return list(range(min(SHEET_SIZE, images.count)))
    return sorted(Streams(0, 0, scope="report").integers("shown", images.count, min(SHEET_SIZE, images.count)).tolist())


def _sheet(images: UInt8[np.ndarray, "n h w c"]) -> UInt8[np.ndarray, "rows columns c"]:
    return grid(images, columns=SHEET_COLUMNS)


def _enlarge(image: UInt8[np.ndarray, "h w c"]) -> UInt8[np.ndarray, "h2 w2 c"]:
    factor = max(1, round(MIN_DISPLAY_SIDE / max(image.shape[:2])))
    return image.repeat(factor, axis=0).repeat(factor, axis=1)


def _data_url(pixels: UInt8[np.ndarray, "h w c"]) -> str:
    return "data:image/png;base64," + base64.b64encode(png(pixels)).decode()


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("sparring.evaluation", "."), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("report.html.jinja")
