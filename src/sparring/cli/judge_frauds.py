"""`sparring judge` on models that score rows."""

from pathlib import Path
from typing import TYPE_CHECKING

from sparring.core.console import console

if TYPE_CHECKING:
    from sparring.inference.model import Model


def judge_frauds(model: "Model", *, held_out: str | None, amount: str | None, review_cost: float, seed: int, out: Path) -> int:
    """Rate the scores of held-out rows, beside those of others."""
    from sparring import api
    from sparring.evaluation.report import HTML_FILE

    screen = console()
    judgment = api.judge_frauds(model, held_out=held_out, amount=amount, review_cost=review_cost, seed=seed, out=out)
    for line in judgment.lines():
        screen.print(line, highlight=False, markup=False, soft_wrap=True)
    screen.print(f"Report: {out / HTML_FILE}", highlight=False)
    return 0
