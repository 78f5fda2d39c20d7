"""Writes the report of generated music: report.json for programs, and report.html, one self-contained page with piano rolls and sound."""

import base64
from pathlib import Path

import jinja2
import numpy as np
from jaxtyping import Bool
from markupsafe import Markup, escape

from sparring import __version__
from sparring.core.atomic_files import write_bytes, write_json
from sparring.data.music.music_spec import MusicSpec
from sparring.data.music.piano_roll import COLORS, draw_roll
from sparring.data.music.roll_songs import song_of_roll
from sparring.data.music.synthesizer import render
from sparring.evaluation.bounded_scores import score_row
from sparring.evaluation.music_judgment import MusicJudgment
from sparring.evaluation.report import HTML_FILE, JSON_FILE
from sparring.media.audio_files import wav_bytes
from sparring.media.image_files import png
from sparring.metrics.music.measures import MEASURES

PAGE_RATE, PAGE_SECONDS = 8_000, 120
"""Samples of a second of sound in a page, and seconds of sound in all at most: two megabytes and a half."""
EXPLANATIONS = {
    "measures": ("How far apart the distributions of all measures below are, on average.", "Each by itself: not what goes with what."),
    "overlap": ("How much of the distributions of measures is common to both.", "Smooths over what lies close together."),
    "Fréchet distance": (
        "How far apart all measures are together, as normal distributions.",
        "Nothing beyond means and covariances of the measures.",
    ),
    "precision": (
        "Share of the generated phrases whose measures are near those of a real one.",
        "One phrase again and again can be precise.",
    ),
    "recall": (
        "Share of the real phrases near whose measures a generated one is.",
        "Outliers among the generated ones widen what is near.",
    ),
    "copied phrases": ("Share of the phrases that are one of training, in any key.", "A changed note makes it another phrase."),
    "copied bars": ("The same of single bars.", "Held-out music repeats bars, too: read it beside the ceiling."),
} | {name: (f"How far apart the distributions are of the {about}.", "Nothing of other measures.") for name, about in MEASURES.items()}
"""What each score means, and what it cannot show."""


def write_music_report(judgment: MusicJudgment, folder: Path) -> Path:
    """Write report.json and report.html into `folder`, and return the path of report.html."""
    write_json(folder / JSON_FILE, {"sparring": __version__, **judgment.to_json()})
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("sparring.evaluation", "."), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    page = environment.get_template("music_report.html.jinja").render(
        version=__version__,
        judgment=judgment,
        rows=[score_row(score, EXPLANATIONS[score.name]) for score in judgment.scores],
        key=track_key(judgment.spec),
        yours=players(judgment.shown, judgment.spec),
        real=players(judgment.shown_real, judgment.spec),
    )
    write_bytes(folder / HTML_FILE, page.encode())
    return folder / HTML_FILE


def track_key(spec: MusicSpec) -> list[tuple[str, Markup]]:
    """Names of the tracks and their colors."""
    return [(track.name, Markup("rgb({}, {}, {})").format(*COLORS[number % len(COLORS)])) for number, track in enumerate(spec.tracks)]


def players(rolls: Bool[np.ndarray, "n planes steps pitches"], spec: MusicSpec) -> list[Markup]:
    """Phrases as images with sound, as far as there is room for sound in a page."""
    with_sound = int(PAGE_SECONDS / 2 / max(spec.seconds, 1e-9))
    return [player(roll, spec, number, with_sound=number < max(1, with_sound)) for number, roll in enumerate(rolls)]


def player(roll: Bool[np.ndarray, "planes steps pitches"], spec: MusicSpec, number: int, *, with_sound: bool) -> Markup:
    """One phrase as an image, with something to play it."""
    image = base64.b64encode(png(draw_roll(roll, spec))).decode()
    found = Markup('<img alt="{}" src="data:image/png;base64,{}">').format(f"piano roll of phrase {number + 1}", image)
    if with_sound and spec.seconds <= PAGE_SECONDS:
        sound = wav_bytes(render(song_of_roll(roll, spec), PAGE_RATE), PAGE_RATE)
        found += Markup('<audio controls preload="none" src="data:audio/wav;base64,{}"></audio>').format(
            escape(base64.b64encode(sound).decode())
        )
    return found
