"""The report of a judgment: report.json for programs, and report.html, one file that needs nothing else, for people."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2
import numpy as np
from jaxtyping import UInt8

from sparring import __version__
from sparring.core.files import write_bytes, write_json
from sparring.core.random_streams import Streams
from sparring.evaluation.image_sets import ImageSet
from sparring.evaluation.scores import Judgment, Score
from sparring.media.image_files import grid, png

JSON_FILE, HTML_FILE = "report.json", "report.html"
SHEET_SIZE, SHEET_COLUMNS = 64, 8
MIN_DISPLAY_SIDE = 64
"""Images are enlarged by whole pixels until they are about so large."""

MEANINGS = {
    "FD": (
        "Distance of the two Gaussians that fit the features of real and generated images.",
        "Sees means and covariances alone; grows as samples get fewer; sees what its network sees.",
    ),
    "FD-infinite": ("The Fréchet distance, extrapolated to endless samples.", "The real images stay as many as they are."),
    "KD": (
        "Distance of the two distributions under a polynomial kernel; no bias from the number of samples.",
        "Sees three moments; one number cannot tell bad images from missing ones.",
    ),
    "IS": (
        "Whether each image is surely of one class, and all classes are there.",
        "Never looks at real images, and is content with one image for each class; its classes are the network's, not yours.",
    ),
    "precision": (
        "Share of the samples that lie among real images: quality.",
        "Misses what is not drawn. One real outlier forgives much.",
    ),
    "recall": (
        "Share of the real images that lie among samples: variety.",
        "Grows when samples scatter; says nothing of how good they look.",
    ),
    "density": ("How densely real images lie about the samples.", "Above 1 where samples keep to the densest parts."),
    "coverage": ("Share of the real images that have a sample in their neighborhood.", "A single sample near by is enough."),
    "diversity": ("Mean distance of two samples, over that of two real images.", "Noise is diverse, too."),
    "memorization": (
        "How often a sample is nearer to a training image than a comparison image is. 0.5: nothing memorized.",
        "Blurred images are near to everything; look at the pairs.",
    ),
    "copies": (
        "Share of the samples that are nearer to a training image than 99 % of the comparison images.",
        "Copies that are moved or mirrored may pass.",
    ),
    "class accuracy": (
        "Share of the samples that the classifier takes for the class that was asked for.",
        "The classifier errs, too; typical images of a class are easier to name than real ones.",
    ),
}


@dataclass(frozen=True)
class ScoreRow:
    """A score as a person reads it."""

    name: str
    value: str
    error: str
    better: str
    warning: str
    meaning: str
    limitation: str


@dataclass(frozen=True)
class Bar:
    """A score of one class."""

    label: str
    value: str
    share: float
    """Of the longest bar, in percent."""


def write_report(judgment: Judgment, folder: Path) -> Path:
    """Write report.json and report.html into `folder`; gives the path of the page."""
    write_json(folder / JSON_FILE, {"sparring": __version__, **judgment.to_json()})
    page = folder / HTML_FILE
    write_bytes(page, report_html(judgment).encode())
    return page


def report_html(judgment: Judgment) -> str:
    """The page."""
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
    """A score in words."""
    meaning, blind = MEANINGS[explanation_key(score.name)]
    value, doubt = format_score(score)
    return ScoreRow(score.name, value, doubt, score.better, score.warning, meaning, blind)


def explanation_key(name: str) -> str:
    """Which of `MEANINGS` a score's name has: FID and FD-lite0 are both FD."""
    if name in MEANINGS:
        return name
    if name.endswith("-infinite"):
        return "FD-infinite"
    return {"F": "FD", "K": "KD", "I": "IS"}[name[0]]


def format_score(score: Score) -> tuple[str, str]:
    """Value and standard error with as many figures as the doubt deserves."""
    value, error = score.value, score.standard_error
    size = abs(error) if error else abs(value) / 100
    places = 4 if size == 0 else int(np.clip(1 - np.floor(np.log10(size)), 0, 6))
    return f"{value:.{places}f}", "" if error is None else f"± {error:.{places}f}"


def _bars(scores: Sequence[Score]) -> list[tuple[str, list[Bar]]]:
    """Scores by class as bars, a group for each name."""
    names = dict.fromkeys(score.name for score in scores)
    groups = []
    for name in names:
        group = [score for score in scores if score.name == name]
        longest = max(*(abs(score.value) for score in group), 1e-12)
        groups.append((name, [Bar(score.label or "", format_score(score)[0], max(0.0, 100 * score.value / longest)) for score in group]))
    return groups


def _sheet_indices(images: ImageSet) -> list[int]:
    """A fair choice of images to show: the first ones of a model's seed are as random as any."""
    if images.seed is not None:
        return list(range(min(SHEET_SIZE, images.count)))
    return sorted(Streams(0, 0, scope="report").integers("shown", images.count, min(SHEET_SIZE, images.count)).tolist())


def _sheet(images: UInt8[np.ndarray, "n h w c"]) -> UInt8[np.ndarray, "rows columns c"]:
    return grid(images, columns=SHEET_COLUMNS)


def _enlarge(image: UInt8[np.ndarray, "h w c"]) -> UInt8[np.ndarray, "h2 w2 c"]:
    times = max(1, round(MIN_DISPLAY_SIDE / max(image.shape[:2])))
    return image.repeat(times, axis=0).repeat(times, axis=1)


def _data_url(pixels: UInt8[np.ndarray, "h w c"]) -> str:
    return "data:image/png;base64," + base64.b64encode(png(pixels)).decode()


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("sparring.evaluation", "."), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("report.html.jinja")
