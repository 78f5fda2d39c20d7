"""Training steps alone and beside a busy process, by how long threads that wait for each other keep a core busy.

    python benchmarks/company.py [--rounds 5]

DCGAN at 32x32x1 in float32: batch 64, and a small one (batch 32, width 32). OpenMP's threads spin before they sleep (GOMP_SPINCOUNT, of
GCC's library, which torch uses on Linux); every variant is a process of its own, and all take turns (medians). The busy process counts."""

import argparse
import os
import statistics
import subprocess
import sys
import time

CASES = {"batch 64, width 64": (64, 64, 10), "batch 32, width 32": (32, 32, 30)}
"""Batch, width, and steps a round."""
VARIANTS: dict[str, tuple[int, dict[str, str]]] = {
    "two threads, as they come": (2, {}),
    "two threads, GOMP_SPINCOUNT=10000": (2, {"GOMP_SPINCOUNT": "10000"}),
    "two threads, GOMP_SPINCOUNT=1000": (2, {"GOMP_SPINCOUNT": "1000"}),
    "one thread": (1, {}),
}


def serve(batch: int, width: int, threads: int) -> None:
    """Take as many steps as each line of the input says, and say how long one took."""
    import torch

    from sparring import recipes
    from sparring.data.images.image_spec import ImageSpec
    from sparring.core.hardware import keep_freed_memory
    from turns import steps_of

    keep_freed_memory()
    _, _, step = steps_of(recipes.get("dcgan")(batch_size=batch, width=width), ImageSpec(32, 32, 1), "float32")
    torch.set_num_threads(threads)
    step(1)
    print("ready", flush=True)
    for line in sys.stdin:
        began = time.perf_counter()
        for number in range(int(line)):
            step(number + 2)
        print((time.perf_counter() - began) / int(line), flush=True)


def answer(process: subprocess.Popen[str], question: str = "") -> str:
    """The next line that it says."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(question)
    process.stdin.flush()
    return process.stdout.readline()


def medians(processes: dict[str, subprocess.Popen[str]], rounds: int, count: int) -> dict[str, float]:
    """Milliseconds that a step takes each of them."""
    taken = {variant: [] for variant in processes}
    for _ in range(rounds):
        for variant, process in processes.items():
            taken[variant].append(float(answer(process, f"{count}\n")))
    return {variant: 1e3 * statistics.median(seconds) for variant, seconds in taken.items()}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--serve", type=int, nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve(*asked.serve)
        return
    print("| step | variant | alone, ms | beside a busy process, ms |\n|---|---|---|---|")
    for name, (batch, width, count) in CASES.items():
        processes = {
            variant: subprocess.Popen(
                [sys.executable, __file__, "--serve", str(batch), str(width), str(threads)],
                env={**os.environ, **settings},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for variant, (threads, settings) in VARIANTS.items()
        }
        for process in processes.values():
            answer(process)
        alone = medians(processes, asked.rounds, count)
        busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        beside = medians(processes, asked.rounds, count)
        busy.kill()
        for variant, process in processes.items():
            print(f"| {name} | {variant} | {alone[variant]:.0f} | {beside[variant]:.0f} |", flush=True)
            process.kill()


if __name__ == "__main__":
    main()
