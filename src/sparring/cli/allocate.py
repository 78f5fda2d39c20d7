"""`sparring allocate`: slices of a network that are given what was forecast."""

import math
from pathlib import Path
from typing import TYPE_CHECKING

from sparring.cli.arguments.shared import Checkpoint, Device, Run
from sparring.core.console import console

if TYPE_CHECKING:
    from rich.table import Table

    from sparring.inference.allocate import Allocation


def allocate(
    run: Run,
    quantile: float = 0.95,
    capacity: float | None = None,
    steps: int | None = None,
    paths: int = 256,
    value: str | None = None,
    data: str | None = None,
    seed: int = 0,
    chart: Path | None = None,
    json: Path | None = None,
    device: Device = "cpu",
    checkpoint: Checkpoint = "last",
) -> int:
    """Give slices of a network (each series is one) what their demand is forecast to need, over what training held out, with a trained
    model that continues a past (ganslicing, cgan-series). Requests accepted and resources used are shown beside static shares, the naive
    forecast, and an oracle.

    Args:
        quantile: Quantile of the forecast that a slice is given.
        capacity: What all slices together may have in a step, in the unit of the demand. Default: no limit.
        steps: Number of steps that are forecast at a time. Default: as many as follow the past in a window.
        paths: Number of samples of each forecast.
        value: Column of the demand, where the model learned several.
        data: A table of demand, read like the training data. Default: what training held out.
        seed: Seed of the samples.
        chart: The allocation curve to write. Default: RUN-allocation.png.
        json: The JSON file of all figures to write. Default: RUN-allocation.json.
    """
    from sparring import api
    from sparring.cli.screen_tables import show
    from sparring.cli.series_outputs import check_outputs, save_chart
    from sparring.core.atomic_files import write_json

    stem = run.resolve().stem
    chart, json = chart or Path(f"{stem}-allocation.png"), json or Path(f"{stem}-allocation.json")
    check_outputs(chart, json)
    screen = console()
    model = api.load(run, checkpoint=checkpoint).on(device)
    found = api.allocate(model, quantile, capacity, seed, steps=steps, paths=paths, value=value, data=data)
    for note in found.notes:
        screen.print(note)
    show(screen, [table_of_ways(found)])
    for way, figures in found.compared.items():
        more, fewer = figures.values()
        saved = f", {-fewer:+.1%} resources at equal requests" if math.isfinite(fewer) else ", which accepts more than it can"
        screen.print(f"{found.name} beside {way}: {more:+.1%} requests accepted at equal resources{saved}.")
    save_chart(found.chart(), chart)
    write_json(json, {"run": str(run), "step": model.step, "seed": seed, "paths": paths, **found.to_json()})
    screen.print(f"Curve: {chart}. All figures: {json}")
    return 0


def table_of_ways(found: "Allocation") -> "Table":
    """Outcomes of all ways at the quantile."""
    from sparring.cli.screen_tables import table_of
    from sparring.core.formatting import figures, plural

    rows = [
        [way, f"{one.accepted:.2%}", figures(one.resources), figures(one.over_provisioned), figures(one.under_provisioned)]
        for way, one in found.outcomes.items()
    ]
    heads = ["", "requests accepted", "resources", "not used", "demand not met"]
    slices = plural(found.slices, "slice", "slices")
    title = f"Allocation by the {found.quantile:.0%} quantile: means of a step over {slices}, mean demand {figures(found.demand)}"
    return table_of(title, heads, rows)
