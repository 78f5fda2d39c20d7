"""Writes the report of generated texts: report.json for programs, and report.html, one self-contained page, for people."""

from pathlib import Path

import jinja2
import markupsafe
import numpy as np

from sparring import __version__
from sparring.core.atomic_files import write_bytes, write_json
from sparring.evaluation.bounded_scores import score_row
from sparring.evaluation.molecule_scores import MEANINGS
from sparring.evaluation.report import HTML_FILE, JSON_FILE
from sparring.evaluation.series_svg import line_chart
from sparring.evaluation.text_judgment import TextJudgment
from sparring.media.draw_molecules import molecule_svg

EXPLANATIONS = {
    "BLEU": ("Share of the n-grams of samples that held-out texts have, too (BLEU).", "One good text, repeated, is perfect here."),
    "LM score": (
        "How unlikely an n-gram model of the training set finds samples, in nats a token. Far below the ceiling: the same few phrases.",
        "Sees a few tokens at a time, and nothing of what is missing.",
    ),
    "reverse LM score": (
        "How unlikely an n-gram model of the samples finds held-out texts, in nats a token: it sees what samples lack.",
        "Falls with the number of samples: all sides have as many.",
    ),
    "JS distance": (
        "How far the shares of n-grams are from those of held-out texts (Jensen-Shannon).",
        "Far from 0 by chance: read it beside the ceiling.",
    ),
    "self-BLEU": ("How like each other samples are. Above the ceiling: too little variety.", "Random tokens are varied, too."),
    "distinct-": ("Number of different n-grams for each n-gram.", "Falls with the number of samples."),
    "distinct samples": ("Share of the samples that are different from each other.", "Says nothing of near repetitions."),
    "most frequent sample": ("Share of the samples that are the most frequent one.", "Sees exact repetitions alone."),
    "copies": ("Share of the samples that are in the training set.", "Short texts are there by chance: held-out ones, too."),
    "near copies": (
        "Share of the samples of which at most one token in five differs from a training text.",
        "A few near copies are missed.",
    ),
    "unseen": ("Share of n-grams that no training text has.", "Nonsense is unseen, too."),
    "length distance": ("How far the lengths are from those of held-out texts.", "Nothing of what is in them."),
    "mean length": ("Number of tokens on average.", "Nothing of how lengths vary."),
    "longest run": ("How often one token comes in a row at most, on average.", "Data may have runs, too."),
    "ended": ("Share of the samples that end before the largest length.", "Nothing of where they end."),
    "form kept": ("Share of the samples whose lines have as many tokens as in the data's verse.", "Nothing of rhyme or sense."),
    "Fréchet distance": (
        "Distance of the features of samples and of held-out texts.",
        "Biased for few samples: read it beside the ceiling.",
    ),
}
"""By the beginning of a score's name, what it means, and what it cannot show."""


def write_texts_report(judgment: TextJudgment, folder: Path) -> Path:
    """Write report.json and report.html into `folder`, and return the path of report.html."""
    write_json(folder / JSON_FILE, {"sparring": __version__, **judgment.to_json()})
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("sparring.evaluation", "."), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    page = environment.get_template("texts_report.html.jinja").render(
        version=__version__,
        judgment=judgment,
        rows=[score_row(score, explanation(score.name)) for score in judgment.scores],
        curves=_curves(judgment),
        molecule_rows=[score_row(score, MEANINGS[score.name][1:]) for score in judgment.molecules],
        drawn=_drawn if judgment.molecules else None,
    )
    write_bytes(folder / HTML_FILE, page.encode())
    return folder / HTML_FILE


def _drawn(text: str) -> markupsafe.Markup:
    """A molecule as a picture in the page, of drawing instructions alone."""
    return markupsafe.Markup(molecule_svg(text))  # noqa: S704 (RDKit's)


def explanation(name: str) -> tuple[str, str]:
    """What a score means, and what it cannot show."""
    found = [each for each in EXPLANATIONS if name.startswith(each)]
    return EXPLANATIONS[max(found, key=len)] if found else ("", "")


def _curves(judgment: TextJudgment) -> list[tuple[str, str]]:
    """A chart of each score over temperatures; none for fewer than two."""
    points = judgment.temperatures
    if len(points) < 2:
        return []
    x = np.array([each.temperature for each in points])
    ceilings = {score.name: score.ceiling.value for score in judgment.scores}
    found = []
    for name in points[0].scores:
        y = np.array([each.scores[name] for each in points])
        flat = np.array([ceilings.get(name, y[0])] * len(x))
        found.append((name, line_chart([("ceiling", x, flat), ("yours", x, y)], f"{name} over temperatures")))
    return found
