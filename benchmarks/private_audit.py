"""Does private training keep its promise? An attack with the model itself, on rows that were made to be found.

    python benchmarks/private_audit.py adult.parquet table.json [--epsilons 1 3 10] [--seeds 5] [--canaries 1000] [--json FILE]

A canary is a row whose columns have nothing to do with each other: each value is any of its column's, with equal chances. Fair coins
decide which canaries are added to the table. A model is trained on it, and gives the likelihood of each canary; the likeliest are said to
have been in the table. The audit (Steinke et al. 2023) turns right guesses into a lower bound on epsilon, which holds with 95 % confidence.
Models that are not private, after the usual ten passes and after a hundred, show that the attack finds something where there is something
to find. `table.json` is what `sparring data inspect` writes."""

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console

import sparring
from sparring.data.tables.open_table import open_table
from sparring.data.tables.read_same_columns import read_like
from sparring.evaluation.judge_table_sources import attacked
from sparring.metrics.tables.privacy_audit import audit_privacy

PLAIN = {"not private, 10 passes": {"passes": 10}, "not private, 100 passes": {"passes": 100}}


def canaries_of(table: pa.Table, count: int, random: np.random.Generator) -> pa.Table:
    """Rows of values that are there, each column by itself and each value as likely as others."""
    columns = []
    for column in table.columns:
        values = pa.chunked_array([column.unique()])
        columns.append(values.take(pa.array(random.integers(0, len(values), count))))
    return pa.table(columns, names=table.column_names)


def audit(table: pa.Table, settings: dict[str, Any], count: int, seed: int, delta: float) -> dict[str, float]:
    """Train once, and attack."""
    random = np.random.default_rng(seed)
    canaries = canaries_of(table, count, random)
    added = random.random(count) < 0.5
    rows = pa.concat_tables([table, canaries.filter(pa.array(added)).cast(table.schema)])
    rows = rows.take(pa.array(random.permutation(rows.num_rows)))
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "rows.parquet"
        pq.write_table(rows, path)
        model = sparring.train(
            "tabular-ar", path, Path(scratch) / "run", seed=seed, threads=1, holdout=0, console=Console(quiet=True), **settings
        )
        plan, _ = open_table(path)
        score = attacked(model).score
        assert score is not None
        scores = score(read_like(canaries.cast(table.schema), plan.columns))
    found = audit_privacy(scores[added], scores[~added], delta)
    return {"epsilon": found.epsilon, "guesses": found.guesses, "right": found.right}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("source", type=Path)
    arguments.add_argument("kinds", type=Path)
    arguments.add_argument("--epsilons", type=float, nargs="+", default=[1.0, 3.0, 10.0])
    arguments.add_argument("--seeds", type=int, default=5)
    arguments.add_argument("--rows", type=int, default=10_000)
    arguments.add_argument("--canaries", type=int, default=1000)
    arguments.add_argument("--json", type=Path)
    asked = arguments.parse_args()
    table = pq.read_table(asked.source).replace_schema_metadata(None)
    table = table.take(pa.array(np.random.default_rng(0).permutation(table.num_rows)[: asked.rows]))
    delta = 1 / (10 * asked.rows)
    cases = {f"epsilon {epsilon:g}": {"epsilon": epsilon, "delta": delta, "table": str(asked.kinds)} for epsilon in asked.epsilons}
    results: dict[str, list[dict[str, float]]] = {}
    for name, settings in (cases | PLAIN).items():
        for seed in range(asked.seeds):
            found = audit(table, settings, asked.canaries, seed, delta if "epsilon" in settings else 0.0)
            results.setdefault(name, []).append(found)
            print(name, seed, found, flush=True)
    print("\n| training | proved epsilon, median (largest) | right guesses |\n|---|---|---|")
    for name, found in results.items():
        proved = [each["epsilon"] for each in found]
        share = sum(each["right"] for each in found) / sum(each["guesses"] for each in found)
        print(f"| {name} | {statistics.median(proved):.2f} ({max(proved):.2f}) | {share:.0%} |")
    if asked.json:
        asked.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
