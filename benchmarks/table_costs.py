"""What tables cost before and after training: from the file to the first step, memory, rows a second, modes, nearest rows.

    python benchmarks/table_costs.py adult.parquet flights.csv [--rounds 3] [--json FILE]

On one thread, each part in a process of its own; seconds are the processor's, medians of the rounds."""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def first_step(path: Path) -> dict[str, float]:
    """From the file to a dataset and its networks, without what is in the cache."""
    from sparring.data.tables.table_store import TableReading, prepare_table
    from sparring.recipes.tabular import Tabular

    with tempfile.TemporaryDirectory() as cache:
        os.environ["SPARRING_CACHE"] = cache
        before, began = peak(), time.process_time()
        dataset = prepare_table(path, TableReading())
        prepared = time.process_time() - began
        Tabular().build(dataset.spec)
        return {"prepare, s": prepared, "networks, s": time.process_time() - began - prepared, "MB above imports": peak() - before}


def many_values(distinct: int) -> dict[str, float]:
    """Memory of 50 steps on 5,000 rows with a column of so many different values."""
    import pyarrow as pa
    from rich.console import Console

    import sparring

    random = np.random.default_rng(0)
    names = [f"value-{number}" for number in range(distinct)]
    column = [*names, *random.choice(names, 20_000 - distinct)]
    table = pa.table({"wide": column, "n": random.normal(size=20_000)})
    with tempfile.TemporaryDirectory() as scratch:
        sparring.train("tabular", table, Path(scratch) / "run", steps=20, threads=1, console=Console(quiet=True))
    return {"MB": peak()}


def training(path: Path) -> dict[str, float]:
    """Peak memory of 200 steps from the file on, above that of torch after a small step of its own."""
    import torch
    from rich.console import Console

    torch.set_num_threads(1)
    network = torch.nn.Linear(64, 64)
    network(torch.randn(500, 64)).sum().backward()
    torch.optim.Adam(network.parameters()).step()
    torch_alone = peak()
    import sparring

    with tempfile.TemporaryDirectory() as scratch:
        os.environ["SPARRING_CACHE"] = f"{scratch}/cache"
        sparring.train("tabular", path, Path(scratch) / "run", steps=200, threads=1, holdout=0, console=Console(quiet=True))
    return {"MB above torch": peak() - torch_alone}


def modes(path: Path) -> dict[str, float]:
    """Weighted expectation maximization against scikit-learn's variational mixture, on the table's columns of numbers."""
    from sklearn.mixture import BayesianGaussianMixture

    from sparring.data.tables.gaussian_modes import fit_modes
    from sparring.data.tables.open_table import open_table

    plan, values = open_table(path)
    columns = [values[name].numbers for name in plan.modeled]
    numbers = [each[~np.isnan(each)] for each in columns if each is not None]
    began = time.process_time()
    for each in numbers:
        fit_modes(each)
    ours = time.process_time() - began
    began = time.process_time()
    for each in numbers:
        BayesianGaussianMixture(n_components=10, weight_concentration_prior=0.001, n_init=1, random_state=0).fit(each[:, None])
    return {"ours, s": ours, "scikit-learn, s": time.process_time() - began}


PARTS: dict[str, Callable[..., dict[str, float]]] = {
    "first step": first_step,
    "many values": many_values,
    "training": training,
    "modes": modes,
}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("adult", type=Path)
    arguments.add_argument("flights", type=Path)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--json", type=Path)
    arguments.add_argument("--one", nargs=2)
    asked = arguments.parse_args()
    if asked.one:
        part, what = asked.one
        print(json.dumps(PARTS[part](int(what) if what.isdecimal() else Path(what))))
        return
    jobs = [("first step", str(asked.adult)), ("first step", str(asked.flights)), ("many values", "5"), ("many values", "5000")]
    results: dict[str, dict[str, Any]] = {}
    for part, what in [*jobs, ("training", str(asked.adult)), ("modes", str(asked.adult))]:
        rounds = []
        for _ in range(asked.rounds):
            command = [sys.executable, __file__, str(asked.adult), str(asked.flights), "--one", part, what]
            environment = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
            done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})
            if done.returncode:
                raise SystemExit(done.stderr)
            rounds.append(json.loads(done.stdout.splitlines()[-1]))
        results[f"{part}: {Path(what).name}"] = {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}
        print(f"{part}: {Path(what).name}", results[f"{part}: {Path(what).name}"], flush=True)
    if asked.json:
        asked.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
