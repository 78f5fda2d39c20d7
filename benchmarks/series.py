"""Time series: stylized facts of generated returns beside Monte Carlo, forecasts and allocation of network demand, and what steps cost.

    python benchmarks/series.py facts --prices FILE [--recipes quantgan ...] [--minutes 20] [--seeds 0 1 2 3 4]
    python benchmarks/series.py demand --homes FILE [--recipes ganslicing] [--minutes 20] [--seeds 0 1 2 3 4]
    python benchmarks/series.py apart [--shares FILE] [--homes FILE] [--recipes ...] [--minutes 20]
    python benchmarks/series.py speed [--rounds 9]

FILE: daily prices of an index (columns date and price, as skfolio's sp500_index.csv.gz); of shares, a column each (sp500_dataset.csv.gz);
homes as shared/data/network/fcc_mba.csv (600 homes, 56 quarter-days each). Recipes train one after the other with all cores. Facts are of
64 paths of 1,000 days each; bands are 95 % block-bootstrap bands of the real series. Demand is forecast for homes that were held out."""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console

import sparring
from sparring.evaluation.judge_series_sources import judge_series_model
from sparring.inference.allocate import allocate
from sparring.inference.forecast import score_forecasts
from sparring.inference.model import Model
from sparring.inference.monte_carlo import available_methods, simulate_returns
from sparring.inference.paths import log_returns
from sparring.inference.series_of_model import series_of
from sparring.inference.simulate import MomentsOf, simulate
from sparring.metrics.series.risk import LEVELS, exceedances, kupiec_test, value_at_risk
from sparring.metrics.series.stylized_facts import bands, facts

if TYPE_CHECKING:
    import pandas as pd

PATHS, DAYS = 64, 1000
MONTH, YEAR = 20, 250
HOMES: dict[str, Any] = {
    "rows_per_series": 56, "period": 4, "static": ("isp", "technology", "state"), "value": ("traffic_byte_counter",),
}  # fmt: skip
RESOURCES = (0.75, 1.0, 1.25, 1.5, 2.0, 2.5)
"""Resources, over the mean demand, at which accepted requests are compared."""
FORECAST: dict[str, Any] = {"window": 36, "past": 28}
"""A week of quarter-days, and the two days that follow it."""


def trained(recipe: str, data: Path, run: Path, minutes: float, seed: int, **settings: Any) -> Model:  # noqa: ANN401
    return sparring.train(recipe, str(data), run, minutes=minutes, seed=seed, console=Console(quiet=True), **settings)


def compare_facts(asked: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """Every fact of recipes and Monte Carlo methods, and whether it lies in the band of the real series."""
    found: dict[str, list[dict[str, float]]] = {}
    real: dict[str, Any] = {}
    for seed in asked.seeds:
        for recipe in asked.recipes or ["quantgan", "cgan-series", "timegan", "timevae"]:
            model = trained(recipe, asked.prices, scratch / f"{recipe}-{seed}", asked.minutes, seed, returns=True)
            column = model.spec.values[0]
            if not real:
                series = series_of(model)
                prices = series.dataset.raw[:, 0]
                returns = np.diff(np.log(prices[~np.isnan(prices)]))[None]
                real = {name: vars(band) for name, band in bands(returns, np.random.default_rng(0)).items()}
                for method in available_methods():
                    paths = [simulate_returns(method, returns.T, PATHS, DAYS, each)[:, 0] for each in asked.seeds]
                    found[method] = [facts(each) for each in paths]
            days = min(DAYS, model.game.longest_path or DAYS)
            made = model.game.simulate(PATHS * DAYS // days, days, seed, 0, None, None)[:, 0].double().numpy()
            found.setdefault(recipe, []).append(facts(column.scaling.inverse(made)))
            about = {"recipe": recipe, "seed": seed, "step": model.step, "risks": risks(model, seed)}
            print(json.dumps({**about, **found[recipe][-1]}), flush=True)
    names = list(found)
    print(f"\n| fact | real | band | {' | '.join(names)} |\n|{'---|' * (3 + len(names))}")
    for fact, band in real.items():
        cells = []
        for name in names:
            values = [each[fact] for each in found[name] if fact in each]
            inside = sum(band["low"] <= value <= band["high"] for value in values)
            cells.append(f"{statistics.median(values):.3f} ({inside} of {len(values)})" if values else "-")
        print(f"| {fact} | {band['value']:.3f} | {band['low']:.3f} to {band['high']:.3f} | {' | '.join(cells)} |")
    return {"real": real, "found": found}


def risks(model: Model, seed: int) -> dict[str, Any]:
    """Deviations of a day, of a month and of a year in percent, of the data and of paths with the data's volatility and with the model's
    own; and Kupiec's p-values of the value at risk of a month, over the months side by side that training saw and those held out.
    """
    series = series_of(model)
    returns = log_returns(series, 0, len(series.dataset.times) - 1)[:, 0]
    seen = int(series.training.starts[-1]) + model.spec.steps - 1  # the first row has no return
    found: dict[str, Any] = {"data": deviations(returns[None]), "training": deviations(returns[None, :seen])}
    ways: dict[str, MomentsOf] = {"calibrated": "data", "its own": "model"}
    for way, volatility in ways.items():
        made = simulate(model, 2000, YEAR, seed, beside=["none"], volatility=volatility)
        paths = np.diff(np.log(made.paths[made.name][:, 0] / made.start.values[0]), axis=1, prepend=0.0)
        found[way] = deviations(paths) | {"calibration": made.settings["calibration"]}
        for name, real in (("training", returns[:seen]), ("held out", returns[seen:])):
            months = real[: len(real) // MONTH * MONTH].reshape(-1, MONTH).sum(axis=1)
            beyond = exceedances(months, value_at_risk(paths[:, :MONTH].sum(axis=1))[:, None])
            tests = {str(level): (int(each.sum()), kupiec_test(each, level).p_value) for level, each in zip(LEVELS, beyond, strict=True)}
            found[way][f"of {len(months)} months, {name}"] = tests
    return found


def deviations(returns: np.ndarray) -> dict[str, float]:
    """Standard deviations of a step, of sums of a month and of a year, of "paths steps", in percent."""
    upto = np.cumsum(np.pad(returns, ((0, 0), (1, 0))), axis=1)
    return {str(steps): 100 * float((upto[:, steps:] - upto[:, :-steps]).std()) for steps in (1, MONTH, YEAR)}


def compare_demand(asked: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """CRPS and coverage beside the seasonal naive forecast, and requests accepted with equal resources."""
    results: dict[str, Any] = {}
    for recipe in asked.recipes or ["ganslicing", "cgan-series"]:
        for seed in asked.seeds:
            model = trained(recipe, asked.homes, scratch / f"{recipe}-{seed}", asked.minutes, seed, **HOMES, **FORECAST)
            scores = score_forecasts(model, FORECAST["window"] - FORECAST["past"])
            shared = allocate(model)
            line = {
                "seed": seed,
                "step": model.step,
                **{f"{each.method}: CRPS": each.crps.mean for each in scores.scores},
                **{f"{each.method}: coverage": {level: cover.mean for level, cover in each.coverage.items()} for each in scores.scores},
                "difference": str(scores.differences["traffic_byte_counter"]),
                "allocation": {name: vars(each) for name, each in shared.outcomes.items()},
                "accepted with resources of": {
                    f"{times:g} times the demand": {name: curve.accepted_at(times * shared.demand) for name, curve in shared.curves.items()}
                    for times in RESOURCES
                },
                "at equal resources": {name: shared.at_equal(name) for name in shared.curves if name != shared.name},
            }
            results.setdefault(recipe, []).append(line)
            print(json.dumps({"recipe": recipe, **line}, default=float), flush=True)
    return results


def compare_apart(asked: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """Discriminative and predictive scores on shares and on homes, the same windows of 24 steps for all."""
    shares: dict[str, Any] = {"returns": True, "value": ("AAPL", "BAC", "CVX", "GE", "JNJ")}
    cases = {"shares": (asked.shares, shares), "homes": (asked.homes, HOMES)}
    cases = {name: case for name, case in cases.items() if case[0] is not None}
    results: dict[str, Any] = {}
    for case, (data, settings) in cases.items():
        for recipe in asked.recipes or ["timegan", "quantgan", "doppelganger", "timevae", "cgan-series"]:
            past = {"past": 12} if recipe in {"cgan-series", "ganslicing"} else {}
            kept = {name: value for name, value in settings.items() if name != "static" or recipe in {"doppelganger", "cgan-series"}}
            model = trained(recipe, data, scratch / f"{case}-{recipe}", asked.minutes, asked.seeds[0], window=24, **kept, **past)
            judgment = judge_series_model(model)
            scores = {each.name: each.yours.value for each in judgment.scores}
            results.setdefault(case, {})[recipe] = scores
            print(json.dumps({"case": case, "recipe": recipe, "step": model.step, **scores}), flush=True)
    return results


# ------------------------------------------------------------------------------------------------------------------ speed


def plain_quantgan(batch: int, steps: int, hidden: int, judging: int, blocks: int) -> dict[str, Any]:
    """The same networks as they would be written first: Conv1d, float32, Adam as it comes, both networks' gradients in both turns."""
    import torch
    from torch import nn
    from torch.nn.functional import avg_pool1d, leaky_relu, softplus

    scales = [4, 16, 64]

    class Blocks(nn.Module):
        def __init__(self, channels: int, width: int) -> None:
            super().__init__()
            self.enter = nn.Conv1d(channels, width, 1)
            self.first = nn.ModuleList(nn.Conv1d(width, width, 2, dilation=2**number) for number in range(blocks))
            self.second = nn.ModuleList(nn.Conv1d(width, width, 2, dilation=2**number) for number in range(blocks))
            self.field = 2 ** (blocks + 1) - 1

        def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
            x, found = leaky_relu(self.enter(x), 0.2), []
            for first, second in zip(self.first, self.second, strict=True):
                x = leaky_relu(second(leaky_relu(first(x), 0.2)), 0.2)
                found.append(x)
            return found

    class Generator(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = Blocks(3 * (1 + len(scales)), hidden)
            self.skips = nn.ModuleList(nn.Conv1d(hidden, hidden, 1) for _ in range(blocks))
            self.leave = nn.Conv1d(hidden, 2, 1)
            self.innovation = nn.Sequential(
                nn.Conv1d(3, hidden, 1), nn.LeakyReLU(0.2), nn.Conv1d(hidden, hidden, 1), nn.LeakyReLU(0.2), nn.Conv1d(hidden, 1, 1)
            )
            self.lead = self.blocks.field + max(scales) - 1

        def forward(self, noise: torch.Tensor) -> torch.Tensor:
            length = noise.shape[2] - self.lead
            inner = noise[:, :, :-1]
            wide = length + self.blocks.field - 1
            means = [avg_pool1d(inner, scale, 1)[:, :, -wide:] * scale**0.5 for scale in scales]
            total = 0
            for skip, features in zip(self.skips, self.blocks(torch.cat([inner[:, :, -wide:], *means], 1)), strict=True):
                total = total + skip(features[:, :, -length:])
            drift, size = self.leave(leaky_relu(total, 0.2)).chunk(2, 1)
            return drift + softplus(size) * self.innovation(noise[:, :, -length:])

    class Discriminator(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = Blocks(2, judging)
            self.leave = nn.Sequential(nn.Linear(2 * judging * blocks, 2 * judging), nn.LeakyReLU(0.2), nn.Linear(2 * judging, 1))

        def forward(self, windows: torch.Tensor) -> torch.Tensor:
            found = []
            for features in self.blocks(torch.cat([windows, windows.abs()], 1)):
                found += [features.mean(2), (features.var(2, correction=0) + 1e-4).sqrt()]
            return self.leave(torch.cat(found, 1))[:, 0]

    generator, discriminator = Generator(), Discriminator()
    rates = ((discriminator, 1e-3), (generator, 5e-4))
    adams = [torch.optim.Adam(network.parameters(), lr=rate, betas=(0.0, 0.99)) for network, rate in rates]
    real, count = torch.randn(batch, 1, steps), [0]

    def step() -> None:
        made = generator(torch.randn(batch, 3, steps + generator.lead))
        adams[0].zero_grad()
        shown, drawn = real.clone().requires_grad_(), made.detach().requires_grad_()
        of_real, of_made = discriminator(shown), discriminator(drawn)
        loss = softplus(of_made - of_real).mean()
        if count[0] % 4 == 0:
            for logits, windows in ((of_real, shown), (of_made, drawn)):
                (slope,) = torch.autograd.grad(logits.sum(), windows, create_graph=True)
                loss = loss + 4 * 0.05 * slope.square().sum((1, 2)).mean()
        loss.backward()
        adams[0].step()
        adams[1].zero_grad()
        made = generator(torch.randn(batch, 3, steps + generator.lead))
        softplus(discriminator(real) - discriminator(made)).mean().backward()
        adams[1].step()
        count[0] += 1

    return {"step": step}


def our_quantgan(settings: dict[str, Any], precision: str) -> dict[str, Any]:
    from sparring import recipes
    from sparring.data.series.series_reading import SeriesReading
    from sparring.data.series.series_store import prepare_series
    from turns import steps_of_data

    recipe: Any = recipes.get("quantgan")(**settings)
    frame = walk(4000)
    data, _ = prepare_series(frame, SeriesReading(returns=True), window=recipe.usual_window, past=0, scaling=recipe.scaling, known=())
    _, _, step = steps_of_data(recipe, data.spec, data, precision)
    count = [0]

    def one() -> None:
        step(count[0])
        count[0] += 1

    return {"step": one}


def walk(days: int, interval: str = "B") -> "pd.DataFrame":
    import pandas as pd

    prices = 100 * np.exp(np.cumsum(0.01 * np.random.default_rng(0).standard_normal(days)))
    return pd.DataFrame({"date": pd.date_range("1990-01-01", periods=days, freq=interval), "price": prices})


def measure_speed(asked: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """Steps a second beside a plain loop; seconds for 10,000 paths of 250 days."""
    from sides import Sides, Variant
    from sparring import recipes
    from sparring.nets.temporal import blocks_for

    recipe: Any = recipes.get("quantgan")()
    sizes = (recipe.batch_size, recipe.usual_window, recipe.hidden, recipe.discriminator_hidden, blocks_for(recipe.usual_window))
    sides = Sides(
        {
            "plain, stock allocator": Variant(plain_quantgan, sizes, False),
            "plain, tuned allocator": Variant(plain_quantgan, sizes, True),
            "ours, bfloat16": Variant(our_quantgan, ({}, "bfloat16"), True),
            "ours, float32": Variant(our_quantgan, ({}, "float32"), True),
        }
    )
    medians = {name: each["step"] for name, each in sides.medians(asked.rounds, {"step": 4}).items()}
    sides.close()
    print("| variant | ms a step | over plain |\n|---|---|---|")
    for name, seconds in medians.items():
        print(f"| {name} | {seconds * 1e3:.0f} | {medians['plain, stock allocator'] / seconds:.2f} |")
    walk(4000).to_csv(scratch / "walk.csv", index=False)
    model = sparring.train("quantgan", str(scratch / "walk.csv"), scratch / "walk", returns=True, steps=4, console=Console(quiet=True))
    times = []
    for seed in range(3):
        began = time.perf_counter()
        model.game.simulate(10_000, 250, seed, 0, None, None)
        times.append(time.perf_counter() - began)
    print(f"\n10,000 paths of 250 days: {statistics.median(times):.1f} s")
    peaks = {days: peak_memory(days, scratch) for days in (4_000, 100_000, 1_000_000)}
    print("| steps of the series | peak memory, MB |\n|---|---|")
    for days, peak in peaks.items():
        print(f"| {days:,} | {peak:.0f} |")
    return {"medians": medians, "paths": times, "peaks": peaks}


def peak_memory(days: int, scratch: Path) -> float:
    """Peak memory in MB of a training of twenty steps on a series of so many steps, in a process of its own."""
    data = scratch / f"walk-{days}.parquet"
    walk(days, "min").to_parquet(data)
    code = (
        "import resource, sys, sparring; from rich.console import Console; "
        "sparring.train('quantgan', sys.argv[1], sys.argv[2], returns=True, steps=20, console=Console(quiet=True)); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
    )
    found = subprocess.run([sys.executable, "-c", code, data, scratch / f"run-{days}"], capture_output=True, text=True, check=True)
    return float(found.stdout.split()[-1])


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    tasks = {"facts": compare_facts, "demand": compare_demand, "apart": compare_apart, "speed": measure_speed}
    parser.add_argument("task", choices=tasks)
    parser.add_argument("--prices", type=Path)
    parser.add_argument("--shares", type=Path)
    parser.add_argument("--homes", type=Path)
    parser.add_argument("--recipes", nargs="+")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--runs", type=Path, help="where to keep the runs")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args(arguments)
    needed = {"facts": ["prices"], "demand": ["homes"], "apart": [], "speed": []}[asked.task]
    if missing := [name for name in needed if getattr(asked, name) is None]:
        parser.error(f"{asked.task} needs --{' and --'.join(missing)}")
    with tempfile.TemporaryDirectory() as scratch:
        found = tasks[asked.task](asked, asked.runs or Path(scratch))
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1, default=float) + "\n")


if __name__ == "__main__":
    main()
