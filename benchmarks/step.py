"""A full DCGAN training step, Sparring's against the plain way of running the same networks.

    python benchmarks/step.py [--rounds 15]

Plain: the networks and the loop of the public PyTorch example (float32, contiguous, eager, one batch of
generated images for both turns, Adam as it comes). Ours: the trainer's own turns. The variants take turns
(sides.py); medians of the rounds."""

import argparse
import itertools
import json
import time
from collections.abc import Callable

from sides import THREADS, Sides, Steps, Variant

CASES = {"64x64x3, batch 128": (64, 3, 128, 64), "32x32x1, batch 64": (32, 1, 64, 64)}


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


def plain_steps(case: tuple[int, int, int, int], memory_format: str = "contiguous") -> Steps:
    return {"step": plain_step(*case, memory_format)}


def our_steps(case: tuple[int, int, int, int], precision: str) -> Steps:
    from torch.utils.flop_counter import FlopCounterMode

    from sparring import recipes
    from sparring.data.images.image_spec import ImageSpec
    from turns import steps_of

    side, channels, batch, width = case
    _, _, step = steps_of(recipes.get("dcgan")(batch_size=batch, width=width), ImageSpec(side, side, channels), precision)

    def operations() -> int:
        with FlopCounterMode(display=False) as counter:
            step(1)
        return counter.get_total_flops()

    return {"step": lambda: step(1), "operations": operations}


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
    shipped = "ours bfloat16, as shipped (tuned allocator)"
    sides = Sides(
        {
            "plain, stock allocator": Variant(plain_steps, (case,), False),
            "plain, tuned allocator": Variant(plain_steps, (case,), True),
            shipped: Variant(our_steps, (case, "bfloat16"), True),
            "ours bfloat16, stock allocator": Variant(our_steps, (case, "bfloat16"), False),
            "ours float32, as shipped (tuned allocator)": Variant(our_steps, (case, "float32"), True),
        }
    )
    steps = 2 if case[0] == 64 else 10
    medians = {variant: times["step"] for variant, times in sides.medians(rounds, {"step": steps}).items()}
    operations = sides.ask(shipped, "operations")
    sides.close()
    assert operations is not None
    print(f"\n{name}: {operations / 1e9:.0f} GFLOP a step")
    print("| variant | ms a step | images/s | over plain, stock | over plain, tuned |\n|---|---|---|---|---|")
    for variant, seconds in medians.items():
        stock, tuned = (medians[f"plain, {allocator} allocator"] / seconds for allocator in ("stock", "tuned"))
        print(f"| {variant} | {seconds * 1e3:.1f} | {case[2] / seconds:.0f} | {stock:.2f} | {tuned:.2f} |")
    share = operations / medians[shipped] / peak["bfloat16"]
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
