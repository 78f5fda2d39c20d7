"""A model of health records that is trained in a moment."""

from pathlib import Path

from rich.console import Console

import sparring
from support.records import SMALL, write_long

READING = {"patient": "person", "code": "code", "time": "day"}


def tiny_run(folder: Path, patients: int = 150, **settings: object) -> Path:
    """A run of medgan on a long file in that folder."""
    how = {**SMALL, **READING, "steps": 4, **settings}
    sparring.train("medgan", write_long(folder, patients), folder / "run", console=Console(quiet=True), **how)
    return folder / "run"


def tiny_model(folder: Path) -> sparring.Model:
    """The same as a packed model, which knows no data."""
    return sparring.load(sparring.pack(sparring.load(tiny_run(folder)), folder / "model.safetensors"))
