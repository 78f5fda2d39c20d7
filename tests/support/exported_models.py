"""Exported models for tests: a file, and a page where there is what pages need."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import sparring

RUNTIME = Path(os.environ.get("SPARRING_ONNXRUNTIME_WEB") or Path(__file__).parents[2] / "node_modules" / "onnxruntime-web")
Runs = Callable[..., Path]


@dataclass(frozen=True)
class ExportedModel:
    """A model, a file of it, and a page, where there is what pages need."""

    model: sparring.Model
    file: Path
    own_page: Path | None

    @property
    def page(self) -> Path:
        if self.own_page is None:
            pytest.skip(f"{RUNTIME} is absent: npm install --no-save onnxruntime-web (or set SPARRING_ONNXRUNTIME_WEB)")
        return self.own_page


def exported(run: Path, **choices: object) -> ExportedModel:
    model, web = sparring.load(run), run.parent / "page.html" if RUNTIME.is_dir() else None
    found = sparring.export(model, run.parent / "model.onnx", web=web, runtime=RUNTIME, **choices)  # pyright: ignore[reportArgumentType]
    return ExportedModel(model, found.file, found.page)
