"""`sparring simulate`: paths of a series, and their risks beside the Monte Carlo methods of finance."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import arg

from sparring.cli.arguments.shared import Checkpoint, Device, Run
from sparring.core.console import console

if TYPE_CHECKING:
    from rich.table import Table

    from sparring.inference.simulate import Simulation


def simulate(
    run: Run,
    paths: int = 1000,
    days: Annotated[int | None, arg(aliases=("--steps",))] = None,
    start: Annotated[str | None, arg(name="from", metavar="DATE")] = None,
    regime: str | None = None,
    series: str | None = None,
    static: tuple[str, ...] = (),
    beside: tuple[str, ...] = (),
    drift: Literal["data", "model"] = "data",
    volatility: Literal["data", "model"] = "data",
    backtest: bool = False,
    data: str | None = None,
    seed: int = 0,
    out: Path | None = None,
    chart: Path | None = None,
    json: Path | None = None,
    device: Device = "cpu",
    checkpoint: Checkpoint = "last",
) -> int:
    """Simulate how a time series goes on, many times, with a trained model of series. Of models of returns (train --returns) value at risk
    and expected shortfall are computed, beside the Monte Carlo methods of finance.

    Args:
        paths: Number of paths. Path i of a seed does not depend on it.
        days: Number of steps of each path: days, if the data has a step every day. Default: 250, or as many as the model can make if
            these are fewer.
        start: Time after which paths begin, at the last value that is there. Default: the end of the data.
        regime: How much the series is to move, for models that learned regimes (cgan-series): low-volatility, middle-volatility or
            high-volatility.
        series: Which series goes on, where the data has several.
        static: Attributes of the series in place of its own, such as "sector=Energy", for models that learned them.
        beside: Monte Carlo methods to show beside it: gbm, bootstrap, block-bootstrap, garch (needs the extra finance), or none. Default:
            all that are installed, for models of returns.
        drift: Mean of the returns: data moves all by the same amount, so that it is that of the known returns, as the Monte Carlo methods
            have it; model leaves them. A small error each day is a large one in a year.
        volatility: How much returns move: data multiplies them, by one factor for each series and regime, so that paths without a past move
            as much as the returns that the model was trained on; of models that are told nothing it also adds a part of the mean of the
            last steps, so that sums over two windows do. model leaves them.
        backtest: Test the value at risk of each of the last 250 days that training held out, one day ahead, by Kupiec's test.
        data: A table of series to begin at, read like the training data. Default: the training data.
        seed: Seed of the paths.
        out: A table of all paths to write (.csv, .parquet, .feather, .jsonl, .xlsx).
        chart: The fan chart to write. Default: RUN-simulation.png.
        json: The JSON file of all figures to write. Default: RUN-simulation.json.
    """
    from sparring import api
    from sparring.cli.screen_tables import show
    from sparring.cli.series_outputs import check_outputs, save_chart
    from sparring.core.atomic_files import write_json
    from sparring.core.formatting import plural

    chart, json = chart or Path(f"{run.resolve().stem}-simulation.png"), json or Path(f"{run.resolve().stem}-simulation.json")
    check_outputs(chart, json, out)
    screen = console()
    found = api.simulate(
        api.load(run, checkpoint=checkpoint).on(device), paths, days, seed, start=start, regime=regime, series=series, statics=static,
        data=data, beside=beside or None, drift=drift, volatility=volatility, test=backtest,
    )  # fmt: skip
    about = found.to_json()
    screen.print(
        f"{plural(paths, 'path', 'paths')} of {plural(len(found.times), 'step', 'steps')}, from {about['from']} to {about['until']}."
    )
    for note in found.notes:
        screen.print(note)
    show(screen, tables_of(found))
    if out is not None:
        found.save(out)
        screen.print(f"Paths: {out}")
    save_chart(found.chart(), chart)
    write_json(json, about)
    screen.print(f"Chart: {chart}. All figures: {json}")
    return 0


def tables_of(found: "Simulation") -> list["Table"]:
    """Risks by method, and the results of the backtest."""
    from sparring.cli.screen_tables import table_of

    tables = []
    several = len(found.spec.values) > 1
    for column in dict.fromkeys(risk.value for risk in found.risks):
        own = [risk for risk in found.risks if risk.value == column]
        horizons, levels = sorted({risk.horizon for risk in own}), sorted({risk.level for risk in own})
        for level in levels:
            heads = ["", *(f"{name} {horizon}" for horizon in horizons for name in ("VaR", "ES"))]
            rows = []
            for method in dict.fromkeys(risk.method for risk in own):
                cells = [risk for risk in own if risk.method == method and risk.level == level]
                rows.append([method, *(f"{value:.2%}" for risk in cells for value in (risk.value_at_risk, risk.expected_shortfall))])
            of = f" of {column}" if several else ""
            title = f"Value at risk (VaR) and expected shortfall (ES){of} at {level:.0%}, in percent of the price, by number of steps"
            tables.append(table_of(title, heads, rows))
    for column in dict.fromkeys(each.value for each in found.backtests):
        own = [each for each in found.backtests if each.value == column]
        rows = [[each.method, f"{each.level:.0%}", str(each.exceptions), f"{each.expected:.1f}", f"{each.p_value:.3f}"] for each in own]
        of = f" of {column}" if several else ""
        title = f"One-day value at risk{of} over {own[0].days} held-out days: losses beyond it, and Kupiec's test"
        tables.append(table_of(title, ["", "level", "beyond", "expected", "p-value"], rows))
    return tables
