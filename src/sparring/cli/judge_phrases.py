"""`sparring judge` on music: the phrases of a run, or of files, beside real songs."""

from pathlib import Path
from typing import TYPE_CHECKING

from sparring.core.console import console
from sparring.core.errors import SettingsError

if TYPE_CHECKING:
    from sparring.inference.model import Model


def judge_phrases(
    model: "Model | None", first: str, second: str | None, *, held_out: str | None, samples: int | None, seed: int, out: Path
) -> int:
    """Score phrases of a model (or those in `second`) against its songs, or generated songs in files (`second`) against real ones
    (`first`).
    """
    from sparring.evaluation.judge import milestone_sentence
    from sparring.evaluation.judge_music_sources import judge_music_files, judge_music_model
    from sparring.evaluation.report import HTML_FILE

    screen, where = console(), None
    if model is not None:
        if held_out is not None:
            raise SettingsError(f"{first} knows which songs were held out. Leave --held-out out.")
        judgment, where = judge_music_model(model, second, samples=samples, seed=seed, out=out), milestone_sentence(model)
    elif second is None:
        raise SettingsError(f"{first} is taken for real music. Name the generated songs, too: sparring judge {first} GENERATED.")
    else:
        screen.print(f"Real: {first}. Generated: {second}.", highlight=False)
        judgment = judge_music_files(first, second, held_out=held_out, seed=seed, out=out)
    for line in (*([where] if where else []), *judgment.lines()):
        screen.print(line, highlight=False, markup=False, soft_wrap=True)
    screen.print(f"Report: {out / HTML_FILE}", highlight=False)
    return 0
