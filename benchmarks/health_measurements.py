"""What the measurements of a run's health cost: the time of a measurement beside that of the steps between two, and memory.

    python benchmarks/health_measurements.py [--rounds 5]

Steps are the trainer's own turns on the bundled garments (32x32) and emoji (64x64), with two threads. A round times ten steps and one
measurement; medians of the rounds. The share is that of a run's first 1,600 steps, where a measurement comes every 100 steps; later they
are rarer. What a measurement keeps for the next (a copy of the weights, in the last step before it) is counted. Memory is what the process
holds after the first measurement and did not before the measurements were set up."""

import argparse
import gc
import statistics
import time
from typing import Any

import torch

from sparring import recipes
from sparring.core.hardware import keep_freed_memory
from sparring.data.open_by_name import open_source
from sparring.data.prepare_store import prepare
from sparring.data.preprocessing import Preprocessing
from sparring.data.subset import split_holdout
from sparring.health.measurements import HealthMeasurements
from sparring.training.callbacks.health import FIRST_SPACING
from sparring.training.callbacks.throughput import resident_mebibytes
from turns import steps_of

CASES: dict[str, tuple[str, int, dict[str, Any]]] = {
    "dcgan, 32x32, width 32, batch 64": ("fashion10k", 32, {"width": 32, "batch_size": 64}),
    "dcgan, 32x32, width 64, batch 128": ("fashion10k", 32, {}),
    "dcgan, 64x64, width 32, batch 64": ("emoji", 64, {"width": 32, "batch_size": 64}),
    "dcgan, 64x64, width 64, batch 128": ("emoji", 64, {}),
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    keep_freed_memory()
    torch.set_num_threads(2)
    print("| game | a step, ms | a measurement, ms | share of the time | memory, MiB |\n|---|---|---|---|---|")
    for name, (data, side, settings) in CASES.items():
        store = prepare(open_source(data), Preprocessing(size=side))
        state, _, step = steps_of(recipes.get("dcgan")(**settings), store.spec, "bfloat16")
        step(0)
        gc.collect()
        before = resident_mebibytes() or 0
        measurements = HealthMeasurements(*split_holdout(store, None, 0), 0)
        measurements.measure_data()
        measurements.measure_game(state)
        memory = (resident_mebibytes() or 0) - before
        of_steps, of_measurements = [], []
        for _ in range(asked.rounds):
            began = time.perf_counter()
            for number in range(10):
                step(number)
            of_steps.append((time.perf_counter() - began) / 10)
            began = time.perf_counter()
            kept = [weight.detach().clone() for weight in state.game.parameters()]
            measurements.measure_game(state)
            of_measurements.append(time.perf_counter() - began)
            del kept
        a_step, a_measurement = statistics.median(of_steps), statistics.median(of_measurements)
        share = a_measurement / (FIRST_SPACING * a_step + a_measurement)
        print(f"| {name} | {1000 * a_step:.1f} | {1000 * a_measurement:.0f} | {share:.1%} | {memory} |", flush=True)


if __name__ == "__main__":
    main()
