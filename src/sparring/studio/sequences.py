"""The answers of the tab Steer for models that make texts, molecules or music."""

import tempfile
from pathlib import Path
from typing import Any

from sparring.data.music.midi_files import midi_bytes
from sparring.data.music.piano_roll import draw_rolls
from sparring.data.music.roll_songs import song_of_rolls
from sparring.data.music.synthesizer import RATE, render
from sparring.games.capabilities import MakesMusic, MakesSequences
from sparring.inference.music_of_model import draw_phrases, music_spec_of
from sparring.inference.texts import draw_texts, save_texts, sequence_spec_of
from sparring.media.audio_files import wav_bytes
from sparring.media.image_files import png
from sparring.studio import same_file
from sparring.studio.asked import Asked
from sparring.studio.open_models import OpenModel

MOST_TEXTS, MOST_PHRASES = 200, 16
"""Number of texts or phrases that are drawn at most."""
COLDEST, HOTTEST = 0.1, 2.0
"""Temperatures that can be chosen."""
FORMATS = ("png", "mid", "wav")
"""What phrases of music can be asked for as: an image, notes, or sound."""


def described(opened: OpenModel) -> dict[str, Any]:
    """What the page needs to know."""
    if isinstance(opened.model.game, MakesMusic):
        spec = music_spec_of(opened.model)
        return {"view": "music", "items": "phrases", "bars": spec.bars, "most": MOST_PHRASES}
    spec = sequence_spec_of(opened.model)
    return {"view": "texts", "items": spec.cut.items, "classes": list(spec.classes), "most": MOST_TEXTS}


def drawn(asked: Asked, opened: OpenModel) -> tuple[dict[str, Any], bytes]:
    """Texts, None for sequences that stand for none; or phrases of music as piano rolls, as notes or as sound."""
    if isinstance(opened.model.game, MakesSequences):
        texts, settings = _texts(asked, opened)
        return {"texts": texts, **same_file.texts(opened, settings).to_json()}, b""
    number, seed = asked.whole("number", 4, 1, MOST_PHRASES), asked.whole("seed", 0, 0)
    form = asked.choice("as", "png", FORMATS)
    rolls, spec = draw_phrases(opened.model, number, seed=seed), music_spec_of(opened.model)
    same = same_file.phrases(opened, number, seed).to_json()
    if form == "png":
        return same, png(draw_rolls(rolls, spec))
    song = song_of_rolls(list(rolls), spec)
    return {"name": f"songs.{form}", **same}, midi_bytes(song) if form == "mid" else wav_bytes(render(song), RATE)


def saved(asked: Asked, opened: OpenModel) -> tuple[dict[str, Any], bytes]:
    """The same, as the file that `sparring sample` writes."""
    if isinstance(opened.model.game, MakesMusic):
        return drawn(asked, opened)
    texts, settings = _texts(asked, opened)
    with tempfile.TemporaryDirectory(prefix="sparring-studio-") as folder:  # gone at once: the writer wants a file
        save_texts([text for text in texts if text is not None], Path(folder) / "texts.txt")
        content = (Path(folder) / "texts.txt").read_bytes()
    return {"name": "texts.txt", **same_file.texts(opened, settings).to_json()}, content


def _texts(asked: Asked, opened: OpenModel) -> tuple[list[str | None], dict[str, Any]]:
    """Texts, and what was asked for."""
    settings: dict[str, Any] = {"number": asked.whole("number", 20, 1, MOST_TEXTS), "seed": asked.whole("seed", 0, 0)}
    settings |= {"label": asked.text("label") or None, "temperature": asked.number_or_none("temperature", COLDEST, HOTTEST)}
    rest = {name: value for name, value in settings.items() if name != "number"}
    return draw_texts(opened.model, settings["number"], **rest), settings
