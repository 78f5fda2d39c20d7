"""DCGAN's training step alone and beside other programs, by how long threads that wait for each other keep a core busy.

    python benchmarks/beside_others.py [--rounds 9] [--cases NAME ...] [--company KIND ...] [--variants NAME ...] [--json FILE]

OpenMP's threads spin before they sleep. Every variant is a process of its own with its own setting. In each round every variant takes its
steps alone and beside each kind of other programs, in random order; these are stopped (SIGSTOP) while it is not their turn. A measurement
waits until nothing else keeps the processor busy, and is taken again if something did meanwhile. Medians of the rounds, with the least and
the most."""

import argparse
import contextlib
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
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
OWN = {openmp.SHORT: "0"}
VARIANTS: dict[str, Setting] = {
    "OpenMP's own setting": (2, OWN),
    "short waits": (2, {openmp.SHORT: "1"}),
    **{f"GOMP_SPINCOUNT={count}": (2, {"GOMP_SPINCOUNT": str(count)}) for count in (30000, 10000, 3000, 1000)},
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
COMPANY = {
    "a busy process": (False, [BUSY]),
    "one of another terminal": (True, [BUSY]),
    "two of another terminal": (True, [BUSY, BUSY]),
    "an installation": (True, [INSTALLING]),
}
"""Whether they have a session of their own, and what they run. Linux shares a processor between sessions first and inside of them then
(autogroup). The last one unpacks, writes, starts processes and waits by turns, as pip does."""
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

    def __init__(self, apart: bool, sources: list[str]) -> None:
        how = {"start_new_session": True} if apart else {"process_group": 0}
        self.processes = [subprocess.Popen([sys.executable, "-c", source], **how) for source in sources]
        time.sleep(0.5)
        self.tell(signal.SIGSTOP)

    def tell(self, number: signal.Signals) -> None:
        for process in self.processes:
            os.killpg(process.pid, number)

    def __enter__(self) -> None:
        self.tell(signal.SIGCONT)

    def __exit__(self, *_: object) -> None:
        self.tell(signal.SIGSTOP)


class Strangers:
    """What keeps the processor busy and is none of ours (Linux; elsewhere nothing is seen)."""

    def __init__(self, ours: list[subprocess.Popen[str] | subprocess.Popen[bytes]]) -> None:
        self.ours = [os.getpid(), *(process.pid for process in ours)]

    def seconds(self) -> float:
        """Of computing since the machine was started; a few hundredths off, as what we did is read a moment later."""
        if not Path("/proc/stat").exists():
            return 0.0
        user, nice, system, _, _, hard, soft, *_ = map(int, Path("/proc/stat").read_text().split(maxsplit=8)[1:8])
        ticks = user + nice + system + hard + soft
        for process in self.ours:  # with children that have ended
            ticks -= sum(map(int, Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:15]))
        return ticks / os.sysconf("SC_CLK_TCK")

    @contextlib.contextmanager
    def watched(self) -> Iterator[Callable[[], bool]]:
        """Waits until there are none; gives what tells whether none came."""
        while True:
            before = self.seconds()
            time.sleep(0.25)
            if self.seconds() - before < 0.02:
                break
        before, began = self.seconds(), time.monotonic()
        yield lambda: self.seconds() - before < 0.03 + 0.03 * (time.monotonic() - began)


def measure(name: str, rounds: int, variants: dict[str, Setting], company: list[str]) -> Times:
    case = CASES[name]
    servers = {variant: [Server(name, *setting)] for variant, setting in variants.items()}
    if TRAINING in company:
        for variant, setting in variants.items():
            servers[variant].append(Server(name, *setting))
    others = {kind: Others(*COMPANY[kind]) for kind in company if kind in COMPANY}
    ours = [server.process for both in servers.values() for server in both]
    strangers = Strangers([*ours, *(process for each in others.values() for process in each.processes)])

    def milliseconds(variant: str, kind: str) -> float:
        taking = servers[variant][: 2 if kind == TRAINING else 1]
        for server in taking:
            server.ask(case.steps)
        return 1e3 * statistics.mean(float(server.answer()) for server in taking)

    try:
        for server in (server for both in servers.values() for server in both):
            server.answer()
        taken: Times = {variant: {kind: [] for kind in (ALONE, *company)} for variant in variants}
        for _ in range(rounds):
            todo = [(variant, kind) for variant in variants for kind in (ALONE, *company)]
            random.shuffle(todo)
            while todo:
                variant, kind = todo.pop()
                with strangers.watched() as undisturbed, others.get(kind, contextlib.nullcontext()):
                    took = milliseconds(variant, kind)
                    if undisturbed():
                        taken[variant][kind].append(took)
                    else:
                        todo.insert(0, (variant, kind))
        return taken
    finally:
        for process in ours:
            process.kill()
        for each in others.values():
            each.tell(signal.SIGKILL)


def show(name: str, taken: Times) -> None:
    first = next(iter(taken.values()))
    print(f"\n{name}: milliseconds a step (least to most), and times as long as alone")
    print("| variant | " + " | ".join(first) + " | alone, over the first |\n|" + "---|" * (len(first) + 2))
    for variant, kinds in taken.items():
        alone, *beside = (statistics.median(kinds[kind]) for kind in first)
        ranges = [f"({min(times):.0f} to {max(times):.0f})" for times in kinds.values()]
        shown = " | ".join(f"{time:.0f} {spread}, {time / alone:.2f}" for time, spread in zip(beside, ranges[1:], strict=True))
        print(f"| {variant} | {alone:.1f} {ranges[0]} | {shown} | {alone / statistics.median(first[ALONE]):.3f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--cases", nargs="*", choices=list(CASES), default=list(CASES))
    parser.add_argument("--company", nargs="*", choices=[*COMPANY, TRAINING], default=[*COMPANY, TRAINING])
    parser.add_argument("--variants", nargs="*", choices=list(VARIANTS), default=list(VARIANTS))
    parser.add_argument("--json", type=Path, help="where to write the numbers")
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve(asked.serve[0], int(asked.serve[1]))
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that no other program is left behind
    found = {}
    for name in asked.cases:
        found[name] = measure(name, asked.rounds, {variant: VARIANTS[variant] for variant in asked.variants}, asked.company)
        show(name, found[name])
        if asked.json:
            asked.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
