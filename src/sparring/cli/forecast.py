"""`sparring forecast`: quantiles of the next steps of series, with scores beside the naive forecast."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import arg

from sparring.cli.arguments.shared import Checkpoint, Device, Run
from sparring.core.console import console

if TYPE_CHECKING:
    from rich.table import Table

    from sparring.inference.forecast import ScoredForecasts


def forecast(
    run: Run,
    steps: int = 24,
    paths: int = 256,
    start: Annotated[str | None, arg(name="from", metavar="DATE")] = None,
    series: tuple[str, ...] = (),
    held_out: bool = False,
    score: bool = True,
    data: str | None = None,
    seed: int = 0,
    out: Path | None = None,
    paths_out: Path | None = None,
    chart: Path | None = None,
    json: Path | None = None,
    device: Device = "cpu",
    checkpoint: Checkpoint = "last",
) -> int:
    """Forecast the next steps of time series with a trained model that continues a past (cgan-series, ganslicing). Forecasts are samples of
    what may come, and their quantiles. They are scored on what training held out, beside the naive forecast.

    Args:
        steps: Number of steps to forecast.
        paths: Number of samples of each series. Sample i of a seed does not depend on it.
        start: Time after which forecasts begin. Default: the end of each series.
        series: Only these series. Default: all.
        held_out: Forecast the last steps of the series that training held out, whose truth is known, in place of those that nobody knows.
        score: Score forecasts on what training held out.
        data: A table of series to forecast, read like the training data. Default: the training data.
        seed: Seed of the samples.
        out: The table of quantiles to write. Default: RUN-forecast.csv.
        paths_out: A table of all samples to write (.csv, .parquet, .feather, .jsonl, .xlsx).
        chart: The fan chart to write. Default: RUN-forecast.png.
        json: The JSON file of scores to write. Default: RUN-forecast.json.
    """
    from sparring import api
    from sparring.cli.screen_tables import show
    from sparring.cli.series_outputs import check_outputs, save_chart
    from sparring.core.atomic_files import write_json
    from sparring.core.errors import SettingsError
    from sparring.core.formatting import plural

    stem = run.resolve().stem
    out, chart, json = out or Path(f"{stem}-forecast.csv"), chart or Path(f"{stem}-forecast.png"), json or Path(f"{stem}-forecast.json")
    check_outputs(chart, json, out, paths_out)
    screen = console()
    model = api.load(run, checkpoint=checkpoint).on(device)
    found = api.forecast(model, steps, paths, seed, start=start, series=series, held_out=held_out, data=data)
    count = len(found.starts)
    what = f"{plural(steps, 'step', 'steps')} of {plural(count, 'series', 'series')}, {plural(paths, 'sample', 'samples')} each"
    screen.print(f"Forecast: {what}.")
    for note in found.notes:
        screen.print(note)
    found.save(out)
    if paths_out is not None:
        found.save_paths(paths_out)
    save_chart(found.chart(), chart)
    about = {"run": str(run), "step": model.step, "seed": seed, "paths": paths, "steps": steps, "series": count, "notes": list(found.notes)}
    if score:
        try:
            scores = api.score_forecasts(model, steps, paths, seed, data=data)
        except SettingsError as problem:
            screen.print(f"No scores: {problem}")
        else:
            about["scores"] = scores.to_json()
            for number, note in enumerate(scores.notes):
                screen.print(f"Scored: {note}" if number == 0 else note)
            show(screen, tables_of(scores))
    write_json(json, about)
    samples = "" if paths_out is None else f" Samples: {paths_out}."
    screen.print(f"Quantiles: {out}.{samples} Chart: {chart}. All figures: {json}")
    return 0


def tables_of(found: "ScoredForecasts") -> list["Table"]:
    """Scores of each column by method."""
    from sparring.cli.screen_tables import table_of

    tables = []
    for column in dict.fromkeys(score.value for score in found.scores):
        own = [score for score in found.scores if score.value == column]
        rows = [
            [score.method, str(score.crps), str(score.pinball), *(f"{each.mean:.1%}" for each in score.coverage.values())] for score in own
        ]
        rows.append(["difference", str(found.differences[column]), "", *("" for _ in own[0].coverage)])
        heads = ["", "CRPS", "pinball loss", *(f"in {level:.0%} band" for level in own[0].coverage)]
        tables.append(table_of(f"{column}: scores of {found.steps} steps ahead (lower is better), and coverage", heads, rows))
    return tables
