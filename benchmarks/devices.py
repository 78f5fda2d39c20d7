"""Several processes on one run: are the bits the same, and what do parts and sums cost?

    python benchmarks/devices.py exact [--recipes dcgan glow ...]      1, 2 and 4 processes, a stop and a change of their number between
    python benchmarks/devices.py parts                                  a step in 1, 2, 4 parts, in one process
    python benchmarks/devices.py sums                                   adding up gradients, exactly and in the fastest order, with gloo
    python benchmarks/devices.py simulate [--speedup 200]               how much of many GPUs' time would be computing

exact: six steps in four parts, one thread for each process, float32; every tensor of the last checkpoint and every byte of log.jsonl is
compared. "4, 2, 1": two steps with four processes, two with two, two with one.
parts: medians of 6 steps, after 2, in rounds that take turns.
sums: medians of 20 sums of 1 and 4 million float32, after 3.
simulate: no GPU is asked. The seconds of a step are measured on one core here and divided by --speedup; traffic is twice the gradients, as
in a ring; 450 GB/s and 5 microseconds a message among 8 GPUs (NVLink 4), 50 GB/s and 10 microseconds beyond (InfiniBand NDR)."""

import argparse
import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from rich.console import Console
from torch import distributed as dist
from torch import multiprocessing

import sparring
from sparring import recipes
from sparring.data.open_by_name import open_source
from sparring.data.prepare_store import prepare
from sparring.data.preprocessing import Preprocessing
from sparring.runs.run_directory import RunDirectory
from sparring.runs.several_processes import all_processes
from sparring.training import checkpoints
from sparring.training.loop import TrainingContext, TurnRunner
from sparring.training.processes import Processes
from sparring.training.session import first_state, machine_for, resolve
from sparring.training.settings import TrainSettings
from sparring.training.state import State

SMALL: dict[str, dict[str, Any]] = {
    name: {"width": 4, "batch_size": 8, "latent_size": 8}
    for name in ("dcgan", "cgan", "acgan", "lsgan", "wgan", "wgan-gp", "sngan", "sagan", "biggan", "unrolled")
}
STYLES = {"channel_max": 8, "latent_size": 8, "style_size": 8, "mapping_layers": 2, "batch_size": 16}
GROWING = {"channel_max": 8, "latent_size": 8, "start_side": 8, "stable_samples": 32, "fading_samples": 32, "batch_size": 16}
SMALL |= {
    "gan": {"batch_size": 8, "dropout": 0.3},
    "pacgan": {"width": 4, "batch_size": 16, "latent_size": 8, "packing": 2},
    "progan": GROWING,
    "stylegan": {**GROWING, "style_size": 8, "mapping_layers": 2},
    "stylegan2": {**STYLES, "augment": "ada", "penalty_every": 2, "augment_samples": 200},
    "fastgan": {"channel_base": 64, "channel_max": 8, "batch_size": 8, "latent_size": 8},
    "r3gan": {"channel_base": 64, "channel_max": 8, "blocks": 1, "batch_size": 8, "latent_size": 8},
    "vae": {"width": 8, "latent_size": 4, "batch_size": 8},
    "glow": {"width": 4, "levels": 2, "steps_per_level": 1, "batch_size": 8},
    "realnvp": {"width": 4, "blocks": 1, "levels": 2, "batch_size": 8},
    "pixelcnn": {"width": 4, "layers": 1, "batch_size": 8},
    "flowgan": {"width": 4, "flow_width": 4, "blocks": 1, "levels": 2, "batch_size": 8},
    "bigan": {"width": 4, "hidden": 16, "batch_size": 8},
    "vaegan": {"width": 4, "latent_size": 4, "batch_size": 8},
    "pix2pix": {"width": 4, "discriminator_width": 4, "batch_size": 4},
    "cyclegan": {"width": 4, "discriminator_width": 4, "blocks": 1, "pool": 8, "batch_size": 4},
    "cut": {"width": 4, "discriminator_width": 4, "blocks": 2, "patches": 16, "batch_size": 4},
    "tabular": {"batch_size": 40, "generator_hidden": 16, "discriminator_hidden": (16,), "layers": 1},
    "tabular-ar": {"batch_size": 40, "hidden": 16, "embedding": 4, "bins": 8},
    "ctgan": {"batch_size": 40, "packing": 5, "generator_hidden": (16,), "discriminator_hidden": (16,)},
    "tvae": {"batch_size": 40, "hidden": (16,)},
    "quantgan": {"id": "symbol", "returns": True, "window": 24, "batch_size": 16, "hidden": 8, "discriminator_hidden": 8},
    "medgan": {"batch_size": 32, "latent_size": 16, "discriminator_hidden": (32,), "autoencoder_steps": 2},
}
DATA = {"tabular": "flights", "tabular-ar": "flights", "ctgan": "flights", "tvae": "flights", "quantgan": "stocks", "medgan": "eunomia"}
PAIRS = ("pix2pix", "cyclegan", "cut")
QUIET = Console(quiet=True)


def equal(one: Path, other: Path) -> tuple[int, int, bool]:
    """How many tensors there are, how many differ, and whether the logs are the same."""

    def newest(run: Path) -> dict[str, torch.Tensor]:
        folder = RunDirectory(run).checkpoints
        return checkpoints.read(folder, checkpoints.steps(folder)[-1])[0]

    a, b = newest(one), newest(other)
    assert a.keys() == b.keys()
    different = sum(not torch.equal(a[name], b[name]) for name in a)
    return len(a), different, (one / "log.jsonl").read_bytes() == (other / "log.jsonl").read_bytes()


def exact(names: list[str]) -> None:
    """All recipes with four processes, then with two, then with one: so that the others are started only once each."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for count, until in ((4, 2), (2, 4), (1, 6)):
            with all_processes(count, "exact") as processes, kept_for_all(processes):
                for name in names:
                    data, more = DATA.get(name, "fashion10k"), {}
                    if name in PAIRS:
                        data, more = "emoji:google", {"target": "emoji:twitter", "size": 32}
                    common: dict[str, Any] = {"console": QUIET, "threads": 1, "precision": "float32", "log_every": 1, "samples": 4}
                    common |= {**more, **SMALL[name]}
                    sparring.train(name, data, folder / f"{name}-{count}", steps=6, parts=4, devices=count, **common)
                    if count == 4:
                        sparring.train(name, data, folder / f"{name}-421", steps=until, parts=4, devices=4, **common)
                    else:
                        sparring.resume(folder / f"{name}-421", steps=until, devices=count, console=QUIET)
                    print(f"{name} with {count}", file=sys.stderr, flush=True)
        print("| recipe | tensors | 2 processes | 4 processes | 4, then 2, then 1 |\n|---|---|---|---|---|")
        for name in names:
            cells, tensors = [], 0
            for other in ("2", "4", "421"):
                tensors, different, logs = equal(folder / f"{name}-1", folder / f"{name}-{other}")
                cells.append("equal" if not different and logs else f"{different} differ{'' if logs else ', log too'}")
            print(f"| `{name}` | {tensors} | {' | '.join(cells)} |", flush=True)


@contextlib.contextmanager
def kept_for_all(processes: Processes) -> Iterator[None]:
    """In the block, trainings take these processes in place of starting their own."""

    @contextlib.contextmanager
    def kept(count: int, reduce: str) -> Iterator[Processes]:
        assert (count, reduce) == (processes.count, "exact")
        yield processes

    with mock.patch("sparring.runs.train.all_processes", kept), mock.patch("sparring.runs.resume.all_processes", kept):
        yield


CASES: dict[str, tuple[int, dict[str, Any]]] = {
    "dcgan": (32, {"batch_size": 64}),
    "sngan": (32, {"batch_size": 64, "width": 32}),
    "stylegan2": (32, {"batch_size": 32, "channel_max": 64}),
}


def prepared(name: str, parts: int) -> tuple[State, TrainingContext, list[TurnRunner], Any]:
    side, settings = CASES[name]
    recipe = recipes.get(name)(**settings)
    store = prepare(open_source("fashion10k"), Preprocessing(size=side))
    resolved = resolve(TrainSettings(steps=1, threads=1, parts=parts, precision="float32", device="cpu"))
    machine = machine_for(resolved)
    fabric = machine.__enter__()
    state = first_state(recipe, lambda: recipe.build(store.spec), 0)
    context = TrainingContext(store, recipe, resolved, fabric)
    return state, context, [TurnRunner(state.game, turn) for turn in state.game.turns], machine


def step(state: State, context: TrainingContext, runners: list[TurnRunner]) -> float:
    began = time.process_time()
    for runner in runners:
        if runner.turn.due(state.progress.step):
            for repeat in range(runner.turn.repeat):
                runner.run(state, context, repeat, state.progress.real_samples)
    state.progress.step += 1
    return time.process_time() - began


def parts() -> None:
    print("| recipe | 1 part, s of one core | 2 parts | 4 parts |\n|---|---|---|---|")
    for name in CASES:
        ready = {count: prepared(name, count)[:3] for count in (1, 2, 4)}
        seconds: dict[int, list[float]] = {count: [] for count in ready}
        for round_ in range(8):
            for count, (state, context, runners) in ready.items():
                used = step(state, context, runners)
                if round_ >= 2:
                    seconds[count].append(used)
        one, *others = (statistics.median(each) for each in seconds.values())
        print(f"| `{name}` | {one:.3f} | {' | '.join(f'{other / one:.2f} times' for other in others)} |", flush=True)


def one_process(rank: int, count: int, port: int, results: "multiprocessing.SimpleQueue") -> None:
    torch.set_num_threads(1)
    store = dist.TCPStore("127.0.0.1", port, count, is_master=rank == 0)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=count)
    exactly = Processes(rank, count)
    for millions in (1, 4):
        values = [torch.randn(millions * 10**6)]
        for name, processes in (("exact", exactly), ("fast", replace(exactly, exact=False))):
            seconds = []
            for _ in range(23):
                dist.barrier()
                began = time.perf_counter()
                processes.tree_sum(values)
                seconds.append(time.perf_counter() - began)
            if rank == 0:
                results.put((count, millions, name, statistics.median(seconds[3:])))
    dist.destroy_process_group()


def sums() -> None:
    found: dict[tuple[int, int, str], float] = {}
    multiprocessing.set_start_method("spawn")
    for count in (2, 4):
        results = multiprocessing.get_context("spawn").SimpleQueue()
        multiprocessing.spawn(one_process, (count, 29500 + count, results), nprocs=count)
        while not results.empty():
            *key, seconds = results.get()
            found[tuple(key)] = seconds
    print("| processes | million numbers | exact, ms | fastest order, ms | ratio |\n|---|---|---|---|---|")
    for (count, millions, name), seconds in found.items():
        if name == "exact":
            fast = found[count, millions, "fast"]
            print(f"| {count} | {millions} | {1000 * seconds:.1f} | {1000 * fast:.1f} | {seconds / fast:.2f} |")


def reduce_seconds(count: int, size: float) -> float:
    """Of a ring or of shards that are exchanged and gathered: the slowest link carries 2 (count - 1) / count of all bytes."""
    bandwidth, latency = (450e9, 5e-6) if count <= 8 else (50e9, 10e-6)
    return 2 * (count - 1) / count * size / bandwidth + 2 * latency * (count - 1)


def simulate(speedup: float) -> None:
    print(f"A GPU is taken for {speedup:g} cores of this machine; every GPU plays one part of the size that was measured.\n")
    print("| recipe | step of a GPU, ms | gradients, MB | " + " | ".join(f"{2**power} GPUs" for power in range(3, 10)) + " |")
    print("|---" * 10 + "|")
    for name in CASES:
        state, context, runners, _ = prepared(name, 1)
        compute = statistics.median([step(state, context, runners) for _ in range(6)][2:]) / speedup
        sizes = [4 * sum(weight.numel() for weight in runner.weights) * runner.turn.repeat for runner in runners]
        cells = [f"{compute / (compute + sum(reduce_seconds(2**power, size) for size in sizes)):.2f}" for power in range(3, 10)]
        print(f"| `{name}` | {1000 * compute:.2f} | {sum(sizes) / 1e6:.1f} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["exact", "parts", "sums", "simulate", "all"])
    parser.add_argument("--recipes", nargs="+", default=list(SMALL))
    parser.add_argument("--speedup", type=float, default=200)
    asked = parser.parse_args()
    if asked.what == "all":
        for what in ("exact", "parts", "sums", "simulate"):
            subprocess.run([sys.executable, __file__, what], check=True)
    elif asked.what == "exact":
        exact(asked.recipes)
    elif asked.what == "parts":
        parts()
    elif asked.what == "sums":
        sums()
    else:
        simulate(asked.speedup)


if __name__ == "__main__":
    main()
