"""`sparring judge` on orders: the lines of a run, or of a file, beside a log."""

from pathlib import Path
from typing import TYPE_CHECKING

from sparring.core.console import console
from sparring.core.errors import SettingsError

if TYPE_CHECKING:
    from sparring.inference.model import Model


def judge_lines(
    model: "Model | None",
    first: str,
    second: str | None,
    *,
    roles: tuple[str, ...],
    held_out: str | None,
    samples: int | None,
    seed: int,
    out: Path,
) -> int:
    """Score lines of a model (or those in `second`) against its log, or generated lines in a file (`second`) against a log (`first`)."""
    from sparring.evaluation.judge import milestone_sentence
    from sparring.evaluation.judge_order_sources import judge_order_files, judge_orders_model, reading_from
    from sparring.evaluation.report import HTML_FILE

    screen, where = console(), None
    if model is not None:
        if refused := [flag for flag, value in (("--orders", roles), ("--held-out", held_out)) if value]:
            raise SettingsError(f"{first} knows the roles of its log's columns, and what was held out. Leave out {' and '.join(refused)}.")
        judgment, where = judge_orders_model(model, second, samples=samples, seed=seed, out=out), milestone_sentence(model)
    elif second is None:
        raise SettingsError(f"{first} is taken for the real log. Name the generated lines, too: sparring judge {first} GENERATED.")
    else:
        screen.print(f"Real: {first}. Generated: {second}.", highlight=False)
        judgment = judge_order_files(first, second, reading_from(roles), held_out=held_out, seed=seed, out=out)
    for line in (*([where] if where else []), *judgment.lines()):
        screen.print(line, highlight=False, markup=False, soft_wrap=True)
    screen.print(f"Report: {out / HTML_FILE}", highlight=False)
    return 0
