"""`sparring judge` on models that reword texts."""

from pathlib import Path
from typing import TYPE_CHECKING

from sparring.core.console import console

if TYPE_CHECKING:
    from sparring.inference.model import Model


def judge_rewordings(model: "Model", *, samples: int | None, seed: int, out: Path) -> int:
    """Say what is expected of rewordings of held-out texts, beside other ways."""
    from sparring import api
    from sparring.evaluation.report import HTML_FILE

    screen = console()
    for line in api.judge_rewordings(model, samples=samples, seed=seed, out=out).lines():
        screen.print(line)
    screen.print(f"Report: {out / HTML_FILE}")
    return 0
