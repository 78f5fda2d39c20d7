"""`sparring judge` on models of time series."""

from pathlib import Path
from typing import TYPE_CHECKING

from sparring.core.console import console

if TYPE_CHECKING:
    from sparring.inference.model import Model


def judge_paths(model: "Model", data: str | None, *, samples: int | None, seed: int, out: Path) -> int:
    """Score windows of a model against the series that it was trained on, or those in `data`."""
    from sparring.evaluation.judge import milestone_sentence
    from sparring.evaluation.judge_series_sources import judge_series_model
    from sparring.evaluation.report import HTML_FILE

    screen = console()
    judgment = judge_series_model(model, data, samples=samples, seed=seed, out=out)
    for line in (*([where] if (where := milestone_sentence(model)) else []), *judgment.lines()):
        screen.print(line, highlight=False, markup=False, soft_wrap=True)
    screen.print(f"Report: {out / HTML_FILE}", highlight=False)
    return 0
