"""What `sparring sample` does with models of other kinds than images."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sparring.core.console import console
from sparring.core.errors import SettingsError

if TYPE_CHECKING:
    from sparring.inference.model import Model

ENDINGS = {".html", ".mid", ".midi", ".wav", ".txt", ".smi", ".smiles", ".abc"}
"""Endings of files that are written, beside those of tables and images."""
SHOWN_TEXTS = 5
"""Number of texts that are printed, too."""


@dataclass(frozen=True)
class Asked:
    """What was asked for on the command line."""

    number: int
    seed: int
    label: tuple[str, ...]
    truncation: float | None
    where: tuple[str, ...]
    customers: Literal["own", "fresh"] | None
    want: tuple[str, ...]
    invalid: Literal["drop", "keep"]


@dataclass(frozen=True)
class KindSampled:
    """Models of one kind, which are sampled in their own way."""

    makes: str
    """What they make, in the plural."""
    flags: Collection[str]
    """Flags that they take, as they are written, beside number, seed and out."""
    ending: str
    """Of the file that is written where none is named."""
    write: Callable[["Model", Asked, Path], int]
    """Draws and writes what is asked for; gives the exit code."""
    hint: str = ""
    """What to do instead of flags that they do not take, as a sentence."""

    def check(self, run: Path, given: Sequence[str]) -> None:
        """Raise a SettingsError that names all flags without a use here."""
        if unused := [f"--{flag}" for flag in given if flag not in self.flags]:
            raise SettingsError(f"{run} makes {self.makes}: leave out {' and '.join(unused)}. {self.hint}".rstrip())


def kind_sampled(model: "Model") -> KindSampled | None:
    """How a model is sampled; None for images."""
    from sparring.games.capabilities import MakesMusic, MakesOrders, MakesRecords, MakesRows, MakesSequences, SimulatesSeries
    from sparring.inference.molecules_of_model import makes_molecules

    texts = KindSampled("texts", {"label", "truncation"}, ".txt", _texts)
    if isinstance(model.game, MakesSequences) and makes_molecules(model):
        texts = KindSampled("molecules", {"truncation", "want", "invalid"}, ".smi", _molecules)
    conditions = "Ask for them with --where."
    kinds = (
        (MakesSequences, texts),
        (MakesMusic, KindSampled("phrases of music", {"truncation"}, ".mid", _phrases)),
        (MakesOrders, KindSampled("order lines", {"where", "customers"}, ".csv", _lines, conditions)),
        (MakesRows, KindSampled("rows of a table", {"where"}, ".csv", _rows, conditions)),
        (MakesRecords, KindSampled("patients of health records", (), ".csv", _patients)),
        (
            SimulatesSeries,
            KindSampled(
                "windows of time series",
                (),
                ".csv",
                _windows,
                "Paths that begin at a date, of a regime or with attributes: sparring simulate",
            ),
        ),
    )
    return next((kind for ability, kind in kinds if isinstance(model.game, ability)), None)


def _molecules(model: "Model", asked: Asked, out: Path) -> int:
    from sparring.cli.sample_molecules import sample_molecules
    from sparring.core.rdkit_molecules import has_rdkit

    if not has_rdkit() and not asked.want and asked.invalid == "drop":
        return _texts(model, asked, out)
    return sample_molecules(model, asked.number, asked.seed, asked.truncation, asked.want, asked.invalid, out)


def _texts(model: "Model", asked: Asked, out: Path) -> int:
    from sparring.inference.texts import draw_texts, save_texts, sequence_spec_of, text_ending_of

    text_ending_of(out)  # before anything is drawn
    if len(asked.label) > 1:
        raise SettingsError(f"Texts are of one class, or of all in turn: name one with --label, not {len(asked.label)}.")
    texts = draw_texts(model, asked.number, seed=asked.seed, label=asked.label[0] if asked.label else None, temperature=asked.truncation)
    written = [text for text in texts if text is not None]
    save_texts(written, out)
    items, lost = sequence_spec_of(model).cut.items, asked.number - len(written)
    left_out = f" ({lost:,} of {asked.number:,} sequences stand for none)" if lost else ""
    console().print(f"{len(written):,} {items}: {out}{left_out}", highlight=False)
    for text in written[:SHOWN_TEXTS]:
        console().print(f"  {text}".replace("\n", "\n  "), highlight=False, markup=False)
    return 0


def _rows(model: "Model", asked: Asked, out: Path) -> int:
    from sparring.core.formatting import plural
    from sparring.data.tables.writing import output_table_kind
    from sparring.inference.table_rows import draw_rows, save_rows

    output_table_kind(out)  # before anything is drawn
    rows, share = draw_rows(model, asked.number, seed=asked.seed, where=asked.where)
    save_rows(model, rows, out)
    rejected = "" if share > 0.999 else f" ({share:.1%} of the rows that were drawn meet the conditions)"
    console().print(f"{plural(asked.number, 'row', 'rows')}: {out}{rejected}", highlight=False)
    return 0


def _lines(model: "Model", asked: Asked, out: Path) -> int:
    from sparring.core.formatting import plural
    from sparring.data.tables.writing import output_table_kind
    from sparring.evaluation.demand_report import write_demand_report
    from sparring.inference.demand import foresee_demand
    from sparring.inference.orders_of_model import draw_orders, save_orders

    screen = console()
    if out.suffix.lower() == ".html":
        if asked.customers is not None:
            raise SettingsError("--customers is for lines, and a page of demand has none. Leave it out.")
        demand = foresee_demand(model, asked.number, seed=asked.seed, where=asked.where)
        write_demand_report(demand, out)
        for line in demand.lines():
            screen.print(line, highlight=False, markup=False, soft_wrap=True)
        screen.print(f"Demand: {out}", highlight=False)
        return 0
    output_table_kind(out)  # before anything is drawn
    lines, share = draw_orders(model, asked.number, seed=asked.seed, where=asked.where, customers=asked.customers)
    save_orders(model, lines, out)
    rejected = "" if share > 0.999 else f" ({share:.1%} of the lines that were drawn meet the conditions)"
    screen.print(f"{plural(asked.number, 'order line', 'order lines')}: {out}{rejected}", highlight=False)
    return 0


def _windows(model: "Model", asked: Asked, out: Path) -> int:
    from sparring.core.formatting import plural
    from sparring.inference.paths import is_typed, save_series_table, windows_table
    from sparring.inference.series_of_model import series_spec_of

    typed, spec = is_typed(out), series_spec_of(model)
    save_series_table(spec, windows_table(model, asked.number, asked.seed, typed=typed), out)
    prices = " (prices, which are 100 before the first step)" if spec.values[0].returns else ""
    console().print(f"{plural(asked.number, 'window', 'windows')} of {spec.steps} steps: {out}{prices}", highlight=False)
    return 0


def _phrases(model: "Model", asked: Asked, out: Path) -> int:
    from sparring.core.formatting import plural
    from sparring.inference.music_of_model import draw_phrases, music_output, music_spec_of, save_phrases

    music_output(out)  # before anything is drawn
    spec = music_spec_of(model)
    save_phrases(draw_phrases(model, asked.number, seed=asked.seed, truncation=asked.truncation), spec, out, asked.seed)
    console().print(f"{plural(asked.number, 'phrase', 'phrases')} of {plural(spec.bars, 'bar', 'bars')}: {out}", highlight=False)
    return 0


def _patients(model: "Model", asked: Asked, out: Path) -> int:
    from sparring.core.formatting import plural
    from sparring.data.tables.writing import output_table_kind
    from sparring.inference.patients import draw_patients, save_patients

    output_table_kind(out)  # before anything is drawn
    without = save_patients(model, draw_patients(model, asked.number, seed=asked.seed), out)
    absent = f" ({plural(without, 'patient has', 'patients have')} no code, and no row in a long file)" if without else ""
    console().print(f"{plural(asked.number, 'patient', 'patients')}: {out}{absent}", highlight=False)
    return 0
