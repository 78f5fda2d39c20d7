"""`sparring reword`: texts written anew, with what is expected of them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

from sparring.cli.arguments.shared import Checkpoint, Device, Run
from sparring.core.console import console

if TYPE_CHECKING:
    from sparring.inference.reword_table import RewordedTable

SHOWN = 3
"""Number of texts that are printed with their rewordings."""


def reword(
    run: Run,
    file: Annotated[
        Positional[Path], arg(metavar="FILE", help="The texts: a table with a column of them, or a text file with one on a line.")
    ],
    text: str | None = None,
    number: Annotated[int, arg(aliases=("-n",), help="Largest number of rewordings of each text.")] = 5,
    keep: tuple[str, ...] = (),
    seed: int = 0,
    out: Path | None = None,
    data: str | None = None,
    device: Device = "cpu",
    checkpoint: Checkpoint = "last",
) -> int:
    """Reword texts so that they are expected to score higher, with a model of texts that have a score (reword). Every rewording keeps the
    numbers, names and telling words of its text, and has no others of that kind. What is expected comes from scorers that have seen neither
    the text nor the training of the model; it is correlation, not cause.

    Args:
        text: Column of the texts. Default: that of the training data, or the only column of texts.
        keep: Further words that no rewording may lose or make up, such as rooftop balcony.
        seed: Seed of the rewordings. Those of a text depend on the text and the seed alone.
        out: What to write: the table with columns for rewordings and what is expected of them (.csv, .parquet, .feather, .jsonl, .xlsx), or
            a page (.html). Default: FILE-reworded.csv.
        data: The training data, if it is not where it was.
    """
    from sparring import api
    from sparring.data.tables.writing import output_table_kind, write_table
    from sparring.evaluation.rewording_page import write_rewording_page
    from sparring.inference.reword_table import CORRELATION, with_rewordings

    out = out or file.with_name(f"{file.name.split('.')[0]}-reworded.csv")
    is_page = out.suffix.lower() == ".html"
    if not is_page:
        output_table_kind(out)  # before anything is loaded
    model = api.load(run, checkpoint=checkpoint).on(device)
    table = api.reword_table(model, file, text=text, n=number, seed=seed, keep=keep, data=data)
    if is_page:
        write_rewording_page(table, out)
    else:
        write_table(with_rewordings(table, number), out, table.raw.format)
    screen = console()
    for line in (*result_lines(table), *example_lines(table), CORRELATION):
        screen.print(line)
    screen.print(f"All texts: {out}")
    return 0


def result_lines(table: "RewordedTable") -> list[str]:
    """What scorers are worth, what was made, and what is expected of it."""
    from sparring.core.formatting import plural
    from sparring.evaluation.bounded_scores import align

    found, lines = [each for each in table.texts if each.original is not None], []
    rated = table.ranking
    if rated is not None:
        lines.append(
            f"Scorers: AUC {rated.auc:.3f} ± {rated.standard_error:.3f} on {rated.positives + rated.negatives:,} texts that they have not "
            "learned from (0.5 is chance, 1 perfect)."
        )
    count = sum(len(each.rewordings) for each in found)
    lines.append(f"{plural(len(found), 'text', 'texts')}, {plural(count, 'rewording', 'rewordings')}.")
    head = ("", "expected share in the highest third", "", "keeps all it must", "shares words")
    lines += align(
        [head, *((way.name, f"{way.expected:.1%}", f"± {way.error:.1%}", f"{way.kept:.1%}", f"{way.shared:.0%}") for way in table.ways)]
    )
    return [*lines, *table.notes]


def example_lines(table: "RewordedTable") -> list[str]:
    """The first texts with rewordings."""
    lines = []
    for each in [each for each in table.texts if each.rewordings][:SHOWN]:
        assert each.original is not None
        lines.append(f"  {each.original.expected:.0%}  {each.text}")
        lines += [f"    {own.expected:.0%}  {own.text}" for own in each.rewordings]
    return lines
