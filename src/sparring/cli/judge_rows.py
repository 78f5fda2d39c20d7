"""`sparring judge` on tables: the rows of a run, or a synthetic table in a file."""

from pathlib import Path
from typing import TYPE_CHECKING

from sparring.core.console import console
from sparring.core.errors import SettingsError

if TYPE_CHECKING:
    from sparring.inference.model import Model


def judge_rows(
    model: "Model | None", first: str, second: str | None, *, held_out: str | None, target: str | None, private: bool, seed: int, out: Path
) -> int:
    """Score rows of a model against its table, or a synthetic table (`second`) against a real one (`first`)."""
    from sparring.evaluation.judge_table_sources import judge_table_files, judge_table_model
    from sparring.evaluation.report import HTML_FILE

    screen = console()
    if model is not None:
        if second is not None:
            raise SettingsError(f"{first} is judged by the table that it was trained on. Leave out {second}, or give it as --held-out.")
        judgment = judge_table_model(model, seed=seed, target=target, private=private, held_out=held_out, out=out)
    elif second is None:
        raise SettingsError(f"{first} is taken for the real table. Name the synthetic one, too: sparring judge {first} SYNTHETIC.")
    else:
        screen.print(f"Real: {first}. Synthetic: {second}.", highlight=False)
        judgment = judge_table_files(first, second, held_out=held_out, seed=seed, target=target, private=private, out=out)
    for line in judgment.lines():
        screen.print(line, highlight=False, markup=False, soft_wrap=True)
    screen.print(f"Report: {out / HTML_FILE}", highlight=False)
    return 0
