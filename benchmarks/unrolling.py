"""What unrolling costs: time of a step and peak memory against K, the steps of the discriminator that the generator looks ahead.

    python benchmarks/unrolling.py

DCGAN at 32x32x1, batch 64, on the embedded garments; a fresh process for each K, the median of the steps after the first five."""

import itertools
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STEPS, SKIPPED = 25, 5


def one(unroll: int) -> None:
    import sparring
    from sparring.training import loop, session  # the session too: its display is to keep the function as it is

    moments: list[float] = []
    share_spent = loop.share_spent
    assert session.play is loop.play

    def clocked(*arguments: object) -> float:  # asked once before every step
        moments.append(time.perf_counter())
        return share_spent(*arguments)

    loop.share_spent = clocked
    with tempfile.TemporaryDirectory() as folder:
        sparring.train("dcgan", "fashion10k", Path(folder) / "run", size=32, batch_size=64, unroll=unroll, steps=STEPS)
    steps = [after - before for before, after in itertools.pairwise(moments)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"RESULT {statistics.median(steps[SKIPPED:]):.4f} {peak:.0f}")


def main() -> None:
    if len(sys.argv) > 1:
        one(int(sys.argv[1]))
        return
    print("| K | step, ms | times K = 0 | peak memory, MiB |\n|---|---|---|---|")
    first = None
    for unroll in (0, 1, 2, 5, 10):
        done = subprocess.run([sys.executable, __file__, str(unroll)], capture_output=True, text=True, check=True, env=dict(os.environ))
        seconds, peak = next(line.split()[1:] for line in done.stdout.splitlines() if line.startswith("RESULT"))
        first = first or float(seconds)
        print(f"| {unroll} | {1000 * float(seconds):.0f} | {float(seconds) / first:.1f} | {peak} |", flush=True)


if __name__ == "__main__":
    main()
