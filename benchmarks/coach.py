"""What a coach is worth: runs that fail because of their settings, with and without `--coach`, beside a healthy one of the same budget.

    python benchmarks/coach.py [--steps 2500] [--seeds 1] [--jobs 2] [--only KIND ...] [--setups NAME ...] [--runs FOLDER] [--out FILE.md]

The failures are those of sabotage.py that settings can cure, on its images. The score is FD-lite0 of 1,000 samples of the EMA generator
against all of the data. Steps that the coach rolled back count towards its budget. A run counts as cured if its score is at most a quarter
above the healthy run's."""

import argparse
import functools
import json
import os
import shutil
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import sparring
from sabotage import FAILURES, PARTS, Setup, train
from sparring.core.errors import SparringError
from sparring.data.open_by_name import open_source
from sparring.data.prepare_store import prepare
from sparring.data.preprocessing import Preprocessing
from sparring.evaluation.judge import FrechetScorer

SAMPLES = 1000
WITHIN = 1.25
SETUPS = {setup.name: setup for part in PARTS.values() for setup in part if not setup.points}


@functools.lru_cache(1)
def judge(data: str) -> FrechetScorer:
    return FrechetScorer(prepare(open_source(data), Preprocessing(size=32)), "lite0", SAMPLES, 0)


def scored(task: tuple[str, str | None, int, bool, int, Path]) -> tuple[str, float, str]:
    """Name, score and what the coach did, of a run, which is trained if it is not there yet."""
    name, kind, seed, coached, steps, out = task
    setup: Setup = SETUPS[name]
    if not (out / "done").exists():
        shutil.rmtree(out, ignore_errors=True)
        train(setup, kind, seed, out, steps=steps, coach=coached)
        (out / "done").touch()
    try:
        score = judge(setup.data)(sparring.load(out).game)["value"]
    except SparringError:  # it never gave finite samples
        score = float("nan")
    done = json.loads((out / "config.json").read_text()).get("interventions", [])
    return out.name, score, "; ".join(f"{one['finding']}: {', '.join(one['changes'])}" for one in done)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=2500)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--only", nargs="+", metavar="KIND")
    parser.add_argument("--setups", nargs="+", choices=SETUPS, default=list(SETUPS))
    parser.add_argument("--runs", type=Path, default=Path("runs/benchmarks/coach"))
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks/coach.md"))
    asked = parser.parse_args()
    rows = [
        (name, kind, seed)
        for seed in range(asked.seeds)
        for name in asked.setups
        for kind, failure in FAILURES.items()
        if failure.curable and failure.where(SETUPS[name]) and (not asked.only or kind in asked.only)
    ]
    tasks = {}
    for name, kind, seed in rows:
        for label, what, coached in (("healthy", None, False), (kind, kind, False), (f"{kind}-coached", kind, True)):
            out = asked.runs / f"{label}-{name}-{seed}".replace(" ", "-")
            tasks[out.name] = (name, what, seed, coached, asked.steps, out)
    scores, actions = {}, {}
    with ProcessPoolExecutor(asked.jobs) as pool:
        for name, score, taken in pool.map(scored, tasks.values()):
            print(name, f"{score:.1f}", taken, flush=True)
            scores[name], actions[name] = score, taken
    lines, cured, alone = ["| failure | setup | healthy | failing | coached | what the coach did |", "|---|---|---|---|---|---|"], 0, 0
    for name, kind, seed in rows:
        healthy, failing, coached = (f"{label}-{name}-{seed}".replace(" ", "-") for label in ("healthy", kind, f"{kind}-coached"))
        well = WITHIN * scores[healthy]
        cured, alone = cured + (scores[coached] <= well), alone + (scores[failing] <= well)
        numbers = " | ".join(f"{scores[one]:.1f}" for one in (healthy, failing, coached))
        lines.append(f"| {kind} | {name} | {numbers} | {actions[coached] or 'nothing'} |")
    lines.append(
        f"\nWithin a quarter of the healthy run: {cured} of {len(rows)} with the coach, {alone} without, after {asked.steps:,} steps."
    )
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    with asked.out.open("a") as file:
        file.write("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
