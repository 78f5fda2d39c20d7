"""`sparring judge` on texts: those of a run, or of a file, beside real ones."""

from pathlib import Path
from typing import TYPE_CHECKING

from sparring.core.console import console
from sparring.core.errors import SettingsError

if TYPE_CHECKING:
    from sparring.inference.model import Model


def judge_texts(
    model: "Model | None",
    first: str,
    second: str | None,
    *,
    text: str | None,
    held_out: str | None,
    samples: int | None,
    extractor: str | None,
    temperatures: tuple[float, ...],
    seed: int,
    out: Path,
) -> int:
    """Score texts of a model (or those in `second`) against its data, or texts in a file (`second`) against real ones (`first`)."""
    from sparring.data.sequences.sequences_reading import SequencesReading
    from sparring.evaluation.judge import milestone_sentence
    from sparring.evaluation.judge_text_sources import judge_text_files, judge_texts_model
    from sparring.evaluation.report import HTML_FILE

    screen, where = console(), None
    if model is not None:
        if refused := [flag for flag, value in (("--text", text), ("--held-out", held_out)) if value]:
            raise SettingsError(f"{first} knows the column of its texts, and what was held out. Leave out {' and '.join(refused)}.")
        judgment = judge_texts_model(model, second, samples=samples, extractor=extractor, temperatures=temperatures, seed=seed, out=out)
        where = milestone_sentence(model)
    elif second is None:
        raise SettingsError(f"{first} is taken for real texts. Name the generated ones, too: sparring judge {first} GENERATED.")
    else:
        screen.print(f"Real: {first}. Generated: {second}.", highlight=False)
        judgment = judge_text_files(first, second, SequencesReading(text=text), held_out=held_out, extractor=extractor, seed=seed, out=out)
    for line in (*([where] if where else []), *judgment.lines()):
        screen.print(line, highlight=False, markup=False, soft_wrap=True)
    screen.print(f"Report: {out / HTML_FILE}", highlight=False)
    return 0
