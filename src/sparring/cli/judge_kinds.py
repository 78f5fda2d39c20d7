"""What `sparring judge` does with models and files of other kinds than images."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparring.core.errors import SettingsError

if TYPE_CHECKING:
    from sparring.inference.model import Model


@dataclass(frozen=True)
class KindJudged:
    """A kind of data, or of models, that is judged in its own way."""

    called: str
    """What messages call it, after "is"."""
    options: Collection[str]
    """Options that it takes, as they are written, beside seed and out. B: the second positional argument."""
    run: Callable[..., int]
    """From the model, the first argument and the options that were given (underscores for dashes) to the exit code."""

    def judge(self, model: "Model | None", first: str, given: Mapping[str, Any], *, seed: int, out: Path) -> int:
        """Judge, with the options that were given. A SettingsError names all that have no use here."""
        if refused := [str(given["B"]) if name == "B" else f"--{name}" for name in given if name not in self.options]:
            raise SettingsError(f"{first} is {self.called}: leave out {', '.join(refused)}.")
        return self.run(model, first, {name.replace("-", "_"): value for name, value in given.items()}, seed=seed, out=out)


RECORDS = {"patient", "code", "time", "count", "visits", "values", "records"}
"""Options that say where records are in a file."""


def kind_judged(
    model: "Model | None", first: str, *, holds_records: bool, holds_orders: bool, holds_texts: bool = False
) -> KindJudged | None:
    """How a model, or else the file `first`, is judged; None for images. `holds_records` and others: whether options say that it has
    some.
    """
    from sparring.data.music.open_songs import is_music
    from sparring.data.records.records_reading import are_records
    from sparring.data.sequences.sequences_reading import are_sequences
    from sparring.data.tables.table_files import is_table
    from sparring.games.capabilities import (
        MakesMusic,
        MakesOrders,
        MakesRecords,
        MakesRows,
        MakesSequences,
        Rewords,
        ScoresRows,
        SimulatesSeries,
    )

    if model is not None:
        kinds = (
            (SimulatesSeries, KindJudged("a model of time series", {"B", "samples"}, _paths)),
            (MakesRecords, KindJudged("a model of health records", {"B", "held-out", "samples"}, _patients)),
            (MakesOrders, KindJudged("a model of orders", {"B", "held-out", "samples"}, _lines)),
            (Rewords, KindJudged("a model that rewords texts", {"samples"}, _rewordings)),
            (MakesSequences, KindJudged("a model of texts", {"B", "samples", "temperatures", "extractor"}, _texts)),
            (MakesMusic, KindJudged("a model of music", {"B", "held-out", "samples"}, _phrases)),
            (ScoresRows, KindJudged("a model that scores rows", {"held-out", "amount", "review-cost"}, _frauds)),
            (MakesRows, KindJudged("a model of tables", {"B", "held-out", "target", "private"}, _rows)),
        )
        return next((kind for ability, kind in kinds if isinstance(model.game, ability)), None)
    if holds_orders:
        return KindJudged("taken for a log of orders", {"B", "held-out", "orders"}, _lines)
    if holds_texts or are_sequences(first):
        return KindJudged("taken for texts", {"B", "held-out", "text", "extractor"}, _texts)
    if holds_records or are_records(first):
        return KindJudged("taken for health records", {"B", "held-out", *RECORDS}, _patients)
    if is_music(first):
        return KindJudged("taken for music", {"B", "held-out"}, _phrases)
    return KindJudged("a table", {"B", "held-out", "target", "private"}, _rows) if is_table(first) else None


def _paths(model: "Model", first: str, given: Mapping[str, Any], *, seed: int, out: Path) -> int:
    from sparring.cli.judge_paths import judge_paths

    return judge_paths(model, given.get("B"), samples=given.get("samples"), seed=seed, out=out)


def _frauds(model: "Model", first: str, given: Mapping[str, Any], *, seed: int, out: Path) -> int:
    from sparring.cli.judge_frauds import judge_frauds

    found = {"held_out": given.get("held_out"), "amount": given.get("amount"), "review_cost": given.get("review_cost", 0.0)}
    return judge_frauds(model, **found, seed=seed, out=out)


def _patients(model: "Model | None", first: str, given: Mapping[str, Any], *, seed: int, out: Path) -> int:
    from sparring.cli.judge_records import judge_patients
    from sparring.data.records.records_reading import RecordsReading

    reading = RecordsReading(**{name: given[name] for name in RECORDS - {"records"} if name in given})
    found = {"held_out": given.get("held_out"), "samples": given.get("samples")}
    return judge_patients(model, first, given.get("B"), reading, **found, seed=seed, out=out)


def _lines(model: "Model | None", first: str, given: Mapping[str, Any], *, seed: int, out: Path) -> int:
    from sparring.cli.judge_lines import judge_lines

    found = {"roles": given.get("orders", ()), "held_out": given.get("held_out"), "samples": given.get("samples")}
    return judge_lines(model, first, given.get("B"), **found, seed=seed, out=out)


def _phrases(model: "Model | None", first: str, given: Mapping[str, Any], *, seed: int, out: Path) -> int:
    from sparring.cli.judge_phrases import judge_phrases

    found = {"held_out": given.get("held_out"), "samples": given.get("samples")}
    return judge_phrases(model, first, given.get("B"), **found, seed=seed, out=out)


def _rows(model: "Model | None", first: str, given: Mapping[str, Any], *, seed: int, out: Path) -> int:
    from sparring.cli.judge_rows import judge_rows

    found = {"held_out": given.get("held_out"), "target": given.get("target"), "private": given.get("private", False)}
    return judge_rows(model, first, given.get("B"), **found, seed=seed, out=out)


def _texts(model: "Model | None", first: str, given: Mapping[str, Any], *, seed: int, out: Path) -> int:
    from sparring.cli.judge_texts import judge_texts

    found = {name: given.get(name) for name in ("text", "held_out", "samples", "extractor")}
    return judge_texts(model, first, given.get("B"), **found, temperatures=given.get("temperatures", ()), seed=seed, out=out)


def _rewordings(model: "Model", first: str, given: Mapping[str, Any], *, seed: int, out: Path) -> int:
    from sparring.cli.judge_rewordings import judge_rewordings

    return judge_rewordings(model, samples=given.get("samples"), seed=seed, out=out)
