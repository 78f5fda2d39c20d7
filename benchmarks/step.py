"""A full DCGAN training step, Sparring's against the plain way of running the same networks.

    python benchmarks/step.py [--rounds 15]

Plain: the networks and the loop of the public PyTorch example (float32, contiguous, eager, one batch of
generated pictures for both turns, Adam as it comes). Ours: the trainer's own turns, reading from a store.
Each variant lives in a process of its own, so that each has its own allocator settings; the processes take
turns, a few steps at a time, so that a slow moment of the machine hits all. Medians of the rounds."""

import argparse
import itertools
import json
import multiprocessing
import statistics
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

CASES = {"64x64x3, batch 128": (64, 3, 128, 64), "32x32x1, batch 64": (32, 1, 64, 64)}
THREADS = 2


def plain_step(resolution: int, channels: int, batch: int, width: int, memory_format: str) -> Callable[[], None]:
    import torch
    from torch import nn

    doublings = resolution.bit_length() - 3
    widths = [width * 2**power for power in range(doublings - 1, -1, -1)]
    layers: list[nn.Module] = [nn.ConvTranspose2d(100, widths[0], 4, 1, 0, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU(True)]
    for before, after in itertools.pairwise(widths):
        layers += [nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU(True)]
    generator = nn.Sequential(*layers, nn.ConvTranspose2d(widths[-1], channels, 4, 2, 1, bias=False), nn.Tanh())
    layers = [nn.Conv2d(channels, width, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, True)]
    for before, after in itertools.pairwise(widths[::-1]):
        layers += [nn.Conv2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after), nn.LeakyReLU(0.2, True)]
    discriminator = nn.Sequential(*layers, nn.Conv2d(widths[0], 1, 4, 1, 0, bias=False), nn.Sigmoid())
    real = torch.rand(batch, channels, resolution, resolution) * 2 - 1
    if memory_format == "channels_last":
        generator, discriminator = (network.to(memory_format=torch.channels_last) for network in (generator, discriminator))
        real = real.contiguous(memory_format=torch.channels_last)
    loss = nn.BCELoss()
    adam_d = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    adam_g = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    ones, zeros = torch.ones(batch), torch.zeros(batch)

    def step() -> None:
        discriminator.zero_grad()
        loss(discriminator(real).view(-1), ones).backward()
        generated = generator(torch.randn(batch, 100, 1, 1))
        loss(discriminator(generated.detach()).view(-1), zeros).backward()
        adam_d.step()
        generator.zero_grad()
        loss(discriminator(generated).view(-1), ones).backward()
        adam_g.step()

    return step


def our_step(resolution: int, channels: int, batch: int, width: int, precision: str) -> Callable[[], None]:
    import numpy as np
    import torch

    from sparring import recipes
    from sparring.core.batch import Batch, pixels_to_float
    from sparring.core.specs import ImageSpec
    from sparring.train.loop import Table, TurnTaker
    from sparring.train.session import fabric_for, first_state, resolve
    from sparring.train.settings import TrainSettings

    class Noise:
        labels = None
        pixels = np.random.default_rng(0).integers(0, 256, (2000, resolution, resolution, channels), np.uint8)

        def __len__(self) -> int:
            return len(self.pixels)

        def batch(self, indices: np.ndarray) -> Batch:
            return Batch(pixels_to_float(torch.from_numpy(self.pixels[indices])))

    recipe = recipes.get("dcgan")(batch_size=batch, width=width)
    settings = resolve(TrainSettings(steps=1, threads=THREADS, precision=precision))
    state = first_state(recipe, lambda: recipe.build(ImageSpec(resolution, resolution, channels)), 0)
    table = Table(Noise(), recipe, settings, fabric_for(settings))
    turns = [TurnTaker(state.game, turn) for turn in state.game.turns]

    def step() -> None:
        for turn in turns:
            turn.take(state, table, 0, state.progress.images)
        state.progress.step += 1

    return step


def work(pipe: Connection, variant: str, case: tuple[int, int, int, int], tuned: bool) -> None:
    import torch

    from sparring.core.machine import keep_freed_memory

    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    if tuned:
        keep_freed_memory()
    kind, _, option = variant.partition(" ")
    step = plain_step(*case, option) if kind == "plain" else our_step(*case, option)
    for _ in range(3):
        step()
    pipe.send("ready")
    while (steps := pipe.recv()) is not None:
        if steps == "operations":
            from torch.utils.flop_counter import FlopCounterMode

            with FlopCounterMode(display=False) as counter:
                step()
            pipe.send(counter.get_total_flops())
            continue
        began = time.perf_counter()
        for _ in range(steps):
            step()
        pipe.send((time.perf_counter() - began) / steps)


def matrix_peak() -> dict[str, float]:
    """Best of several products of two 2048x2048 matrices, in operations a second."""
    import torch

    torch.set_num_threads(THREADS)
    peak = {}
    for dtype in (torch.float32, torch.bfloat16):
        a, b = (torch.randn(2048, 2048).to(dtype) for _ in range(2))
        times = []
        for _ in range(10):
            began = time.perf_counter()
            a @ b
            times.append(time.perf_counter() - began)
        peak[str(dtype).removeprefix("torch.")] = 2 * 2048**3 / min(times)
    return peak


def compare(name: str, case: tuple[int, int, int, int], rounds: int, peak: dict[str, float]) -> dict[str, object]:
    variants = {
        "plain, stock allocator": ("plain contiguous", False),
        "plain, tuned allocator": ("plain contiguous", True),
        "ours bfloat16, as shipped (tuned allocator)": ("ours bfloat16", True),
        "ours bfloat16, stock allocator": ("ours bfloat16", False),
        "ours float32, as shipped (tuned allocator)": ("ours float32", True),
    }
    steps = 2 if case[0] == 64 else 10
    context = multiprocessing.get_context("spawn")
    pipes: dict[str, Connection] = {}
    for variant, (kind, tuned) in variants.items():
        pipes[variant], theirs = context.Pipe()
        context.Process(target=work, args=(theirs, kind, case, tuned), daemon=True).start()
        assert pipes[variant].recv() == "ready"
    times: dict[str, list[float]] = {variant: [] for variant in variants}
    for _ in range(rounds):
        for variant, pipe in pipes.items():
            pipe.send(steps)
            times[variant].append(pipe.recv())
    ours = pipes["ours bfloat16, as shipped (tuned allocator)"]
    ours.send("operations")
    operations = ours.recv()
    for pipe in pipes.values():
        pipe.send(None)
    medians = {variant: statistics.median(values) for variant, values in times.items()}
    print(f"\n{name}: {operations / 1e9:.0f} GFLOP a step")
    print("| variant | ms a step | img/s | over plain, stock | over plain, tuned |\n|---|---|---|---|---|")
    for variant, seconds in medians.items():
        stock, tuned = (medians[f"plain, {allocator} allocator"] / seconds for allocator in ("stock", "tuned"))
        print(f"| {variant} | {seconds * 1e3:.1f} | {case[2] / seconds:.0f} | {stock:.2f} | {tuned:.2f} |")
    share = operations / medians["ours bfloat16, as shipped (tuned allocator)"] / peak["bfloat16"]
    print(
        f"The bfloat16 step runs at {share:.0%} of the bfloat16 matrix peak "
        f"({peak['bfloat16'] / 1e9:.0f} GFLOP/s; float32 {peak['float32'] / 1e9:.0f})."
    )
    return {"case": name, "medians": medians, "operations": operations, "peak": peak, "rounds": rounds, "steps_a_round": steps}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", help="where to write the numbers")
    arguments = parser.parse_args()
    peaks = matrix_peak()
    results = [compare(name, case, arguments.rounds, peaks) for name, case in CASES.items()]
    if arguments.json:
        from pathlib import Path

        Path(arguments.json).write_text(json.dumps(results, indent=2))
