"""DCGAN's training step alone and beside other programs, by how long threads that wait for each other keep a core busy.

    python benchmarks/beside_others.py [--rounds 9] [--cases NAME ...] [--json FILE]

OpenMP's threads spin before they sleep. Every variant is a process of its own with its own setting. In each round every variant takes its
steps alone, and then beside each of the other programs, which are stopped (SIGSTOP) while it is not their turn. Medians of the rounds."""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from sides import started_with
from sparring.core import openmp

Setting = tuple[int, dict[str, str]]
"""Threads and environment."""
Times = dict[str, dict[str, list[float]]]
"""Milliseconds a step in each round, by variant and company."""


class Case(NamedTuple):
    side: int
    channels: int
    batch: int
    width: int
    precision: str
    steps: int
    """Steps a round."""


CASES = {
    "32x32x1, batch 64, width 64, bfloat16": Case(32, 1, 64, 64, "bfloat16", 6),
    "32x32x1, batch 64, width 64, float32": Case(32, 1, 64, 64, "float32", 4),
    "32x32x1, batch 32, width 32, bfloat16": Case(32, 1, 32, 32, "bfloat16", 20),
    "32x32x1, batch 32, width 32, float32": Case(32, 1, 32, 32, "float32", 15),
    "64x64x3, batch 128, width 64, bfloat16": Case(64, 3, 128, 64, "bfloat16", 1),
}
OWN = {openmp.KEEP: "1"}
VARIANTS: dict[str, Setting] = {
    "OpenMP's own setting": (2, OWN),
    "as shipped": (2, {}),
    "GOMP_SPINCOUNT=10000": (2, {"GOMP_SPINCOUNT": "10000"}),
    "GOMP_SPINCOUNT=1000": (2, {"GOMP_SPINCOUNT": "1000"}),
    "OMP_WAIT_POLICY=passive": (2, {"OMP_WAIT_POLICY": "passive"}),
    "one thread": (1, OWN),
}
BUSY = "while True: pass"
INSTALLING = """
import os, subprocess, sys, tempfile, time, zlib
packed = zlib.compress(os.urandom(3_000_000) + bytes(30_000_000), 1)
with tempfile.TemporaryDirectory() as folder:
    while True:
        content = zlib.decompress(packed)
        for number in range(60):
            with open(os.path.join(folder, str(number)), "wb") as file:
                file.write(content[number * 500_000 : (number + 1) * 500_000])
        subprocess.run([sys.executable, "-c", "import json, email.message"])
        time.sleep(0.03)
"""
ALONE = "alone"
COMPANY = {"a busy process": [BUSY], "two busy processes": [BUSY, BUSY], "an installation": [INSTALLING]}
"""Programs that keep the processor busy, by what they are like: always; both cores; unpacking, writing, starting processes, waiting."""
TRAINING = "another training"
"""The same case, with the same setting."""


def serve(name: str, threads: int) -> None:
    """Take as many steps as each line of the input says, and say how long one took."""
    from sparring import recipes
    from sparring.core.hardware import keep_freed_memory
    from sparring.data.images.image_spec import ImageSpec
    from turns import steps_of

    import torch  # isort: skip  (after sparring, which sets what is set before torch is loaded)

    case = CASES[name]
    keep_freed_memory()
    _, _, step = steps_of(
        recipes.get("dcgan")(batch_size=case.batch, width=case.width), ImageSpec(case.side, case.side, case.channels), case.precision
    )
    torch.set_num_threads(threads)
    for number in range(3):
        step(number + 1)
    print("ready", flush=True)
    for line in sys.stdin:
        began = time.perf_counter()
        for number in range(int(line)):
            step(number + 2)
        print((time.perf_counter() - began) / int(line), flush=True)


class Server:
    """A variant's process."""

    def __init__(self, case: str, threads: int, settings: dict[str, str]) -> None:
        command = [sys.executable, __file__, "--serve", case, str(threads)]
        with started_with(settings):
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, steps: int) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()

    def answer(self) -> str:
        assert self.process.stdout is not None
        if not (line := self.process.stdout.readline()):
            raise SystemExit("A variant's process has ended.")
        return line


class Others:
    """Other programs, stopped until they are wanted."""

    def __init__(self, sources: list[str]) -> None:
        self.processes = [subprocess.Popen([sys.executable, "-c", source], start_new_session=True) for source in sources]
        time.sleep(0.5)
        self.tell(signal.SIGSTOP)

    def tell(self, number: signal.Signals) -> None:
        for process in self.processes:
            os.killpg(process.pid, number)

    def __enter__(self) -> None:
        self.tell(signal.SIGCONT)

    def __exit__(self, *_: object) -> None:
        self.tell(signal.SIGSTOP)


def measure(
    name: str, rounds: int, variants: dict[str, tuple[int, dict[str, str]]], company: list[str]
) -> dict[str, dict[str, list[float]]]:
    """Milliseconds a step in each round, by variant and company."""
    case = CASES[name]
    servers = {variant: Server(name, *setting) for variant, setting in variants.items()}
    second = {variant: Server(name, *setting) for variant, setting in variants.items()} if TRAINING in company else {}
    others = {kind: Others(COMPANY[kind]) for kind in company if kind in COMPANY}
    try:
        for server in (*servers.values(), *second.values()):
            server.answer()
        taken: Times = {variant: {kind: [] for kind in (ALONE, *company)} for variant in variants}
        for _ in range(rounds):
            for kind in (ALONE, *company):
                for variant, server in servers.items():
                    if kind == TRAINING:
                        second[variant].ask(case.steps)
                        server.ask(case.steps)
                        took = (float(server.answer()) + float(second[variant].answer())) / 2
                    elif kind == ALONE:
                        server.ask(2 * case.steps)
                        took = float(server.answer())
                    else:
                        with others[kind]:
                            server.ask(case.steps)
                            took = float(server.answer())
                    taken[variant][kind].append(1e3 * took)
        return taken
    finally:
        for server in (*servers.values(), *second.values()):
            server.process.kill()
        for each in others.values():
            each.tell(signal.SIGKILL)


def show(name: str, taken: Times) -> None:
    first = next(iter(taken.values()))
    print(f"\n{name}: milliseconds a step (beside others: and times as long as alone)")
    print("| variant | " + " | ".join(first) + " | alone, over the first |\n|" + "---|" * (len(first) + 2))
    for variant, kinds in taken.items():
        alone = statistics.median(kinds[ALONE])
        beside = [
            f"{statistics.median(times):.0f} ({statistics.median(times) / alone:.2f})" for kind, times in kinds.items() if kind != ALONE
        ]
        print(f"| {variant} | {alone:.1f} | {' | '.join(beside)} | {alone / statistics.median(first[ALONE]):.3f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--cases", nargs="*", choices=list(CASES), default=list(CASES))
    parser.add_argument("--company", nargs="*", choices=[*COMPANY, TRAINING], default=[*COMPANY, TRAINING])
    parser.add_argument("--json", type=Path, help="where to write the numbers")
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve(asked.serve[0], int(asked.serve[1]))
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that no other program is left behind
    found = {}
    for name in asked.cases:
        found[name] = measure(name, asked.rounds, VARIANTS, asked.company)
        show(name, found[name])
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
