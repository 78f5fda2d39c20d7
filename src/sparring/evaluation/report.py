"""The report of a judgement: report.json for programs, and report.html, one file that needs nothing else, for people."""

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
from sparring.evaluation.image_sets import Pictures
from sparring.evaluation.scores import Judgement, Score
from sparring.media.image_files import grid, png

JSON, HTML = "report.json", "report.html"
SHOWN, COLUMNS = 64, 8
SMALLEST_SIDE = 64
"""Pictures are enlarged by whole pixels until they are about so large."""

MEANINGS = {
    "FD": (
        "Distance of the two Gaussians that fit the features of real and generated pictures.",
        "Sees means and covariances alone; grows as samples get fewer; sees what its network sees.",
    ),
    "FD-infinite": ("The Fréchet distance, extrapolated to endless samples.", "The real pictures stay as many as they are."),
    "KD": (
        "Distance of the two distributions under a polynomial kernel; no bias from the number of samples.",
        "Sees three moments; one number cannot tell bad pictures from missing ones.",
    ),
    "IS": (
        "Whether each picture is surely of one class, and all classes are there.",
        "Never looks at real pictures, and is content with one picture for each class; its classes are the network's, not yours.",
    ),
    "precision": (
        "Share of the samples that lie among real pictures: quality.",
        "Misses what is not drawn. One real outlier forgives much.",
    ),
    "recall": (
        "Share of the real pictures that lie among samples: variety.",
        "Grows when samples scatter; says nothing of how good they look.",
    ),
    "density": ("How densely real pictures lie about the samples.", "Above 1 where samples keep to the densest parts."),
    "coverage": ("Share of the real pictures that have a sample in their neighbourhood.", "A single sample near by is enough."),
    "diversity": ("Mean distance of two samples, over that of two real pictures.", "Noise is diverse, too."),
    "memorisation": (
        "How often a sample is nearer to a training picture than a comparison picture is. 0.5: nothing memorised.",
        "Blurred pictures are near to everything; look at the pairs.",
    ),
    "copies": (
        "Share of the samples that are nearer to a training picture than 99 % of the comparison pictures.",
        "Copies that are moved or mirrored may pass.",
    ),
    "class accuracy": (
        "Share of the samples that the classifier takes for the class that was asked for.",
        "The classifier errs, too; typical pictures of a class are easier to name than real ones.",
    ),
}


@dataclass(frozen=True)
class Row:
    """A score as a person reads it."""

    name: str
    value: str
    doubt: str
    better: str
    warning: str
    meaning: str
    blind: str


@dataclass(frozen=True)
class Bar:
    """A score of one class."""

    label: str
    value: str
    share: float
    """Of the longest bar, in percent."""


def write(judgement: Judgement, folder: Path) -> Path:
    """Write report.json and report.html into `folder`; gives the path of the page."""
    write_json(folder / JSON, {"sparring": __version__, **judgement.to_json()})
    page = folder / HTML
    write_bytes(page, html(judgement).encode())
    return page


def html(judgement: Judgement) -> str:
    """The page."""
    real, fake = judgement.real, judgement.fake
    rows = [row(score) for score in judgement.scores]
    pairs = judgement.pairs
    return _template().render(
        version=__version__,
        real=real,
        fake=fake,
        protocol=judgement.scores[0].protocol,
        sentences=judgement.sentences,
        notes=judgement.notes,
        rows=rows,
        groups=_bars(judgement.by_class),
        real_sheet=_picture(_sheet(real.pick(_some(real)))),
        fake_sheet=_picture(_sheet(fake.pick(_some(fake)))),
        pairs=[
            {
                "sample": _picture(_enlarged(sample)),
                "training": _picture(_enlarged(training)),
                "about": f"sample {pair.sample}, {pair.training_name}: {pair.distance:.2f}",
            }
            for pair, sample, training in zip(
                pairs, fake.pick([pair.sample for pair in pairs]), real.pick([pair.training for pair in pairs]), strict=True
            )
        ],
    )


def row(score: Score) -> Row:
    """A score in words."""
    meaning, blind = MEANINGS[meaning_of(score.name)]
    value, doubt = formatted(score)
    return Row(score.name, value, doubt, score.better, score.warning, meaning, blind)


def meaning_of(name: str) -> str:
    """Which of `MEANINGS` a score's name has: FID and FD-lite0 are both FD."""
    if name in MEANINGS:
        return name
    if name.endswith("-infinite"):
        return "FD-infinite"
    return {"F": "FD", "K": "KD", "I": "IS"}[name[0]]


def formatted(score: Score) -> tuple[str, str]:
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
        groups.append((name, [Bar(score.label or "", formatted(score)[0], max(0.0, 100 * score.value / longest)) for score in group]))
    return groups


def _some(pictures: Pictures) -> list[int]:
    """A fair choice of pictures to show: the first ones of a model's seed are as random as any."""
    if pictures.seed is not None:
        return list(range(min(SHOWN, pictures.count)))
    return sorted(Streams(0, 0, scope="report").integers("shown", pictures.count, min(SHOWN, pictures.count)).tolist())


def _sheet(pictures: UInt8[np.ndarray, "n h w c"]) -> UInt8[np.ndarray, "rows columns c"]:
    return grid(pictures, columns=COLUMNS)


def _enlarged(picture: UInt8[np.ndarray, "h w c"]) -> UInt8[np.ndarray, "h2 w2 c"]:
    times = max(1, round(SMALLEST_SIDE / max(picture.shape[:2])))
    return picture.repeat(times, axis=0).repeat(times, axis=1)


def _picture(pixels: UInt8[np.ndarray, "h w c"]) -> str:
    return "data:image/png;base64," + base64.b64encode(png(pixels)).decode()


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("sparring.judge", "."), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("report.html.jinja")
