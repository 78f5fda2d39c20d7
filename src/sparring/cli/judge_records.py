"""`sparring judge` on health records: the patients of a run, or generated ones in a file."""

from pathlib import Path
from typing import TYPE_CHECKING

from sparring.core.console import console
from sparring.core.errors import SettingsError

if TYPE_CHECKING:
    from sparring.data.records.records_reading import RecordsReading
    from sparring.inference.model import Model


def judge_patients(
    model: "Model | None",
    first: str,
    second: str | None,
    reading: "RecordsReading",
    *,
    held_out: str | None,
    samples: int | None,
    seed: int,
    out: Path,
) -> int:
    """Score patients of a model against those that it was trained on, or generated ones (`second`) against real ones (`first`)."""
    from sparring.evaluation.judge import milestone_sentence
    from sparring.evaluation.judge_records_sources import judge_record_files, judge_records_model
    from sparring.evaluation.report import HTML_FILE

    screen = console()
    before = []
    if model is not None:
        if second is not None:
            raise SettingsError(f"{first} is judged by the patients that it was trained on. Leave out {second}, or give it as --held-out.")
        before = [where] if (where := milestone_sentence(model)) else []
        judgment = judge_records_model(model, samples=samples, seed=seed, held_out=held_out, out=out)
    elif second is None:
        raise SettingsError(f"{first} is taken for the real patients. Name the generated ones, too: sparring judge {first} GENERATED.")
    else:
        if problems := reading.problems():
            raise SettingsError(" ".join(problems))
        before = [f"Real: {first}. Generated: {second}."]
        judgment = judge_record_files(first, second, reading, held_out=held_out, seed=seed, out=out)
    for line in (*before, *judgment.lines()):
        screen.print(line, highlight=False, markup=False, soft_wrap=True)
    screen.print(f"Report: {out / HTML_FILE}", highlight=False)
    return 0
