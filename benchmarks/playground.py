"""The playground against a bare loop that does the same arithmetic, on ring8.

    python benchmarks/playground.py [--steps 5000] [--repeats 5]

The bare loop has the same networks, batch, losses, fused Adam and moving average, and nothing else: no streams, no finite
checks, no gradient norm, no turns. Both run on one thread, by turns; medians and the ratio of each pair. Then one whole run of the command
with its image, start of Python included."""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from torch.nn.functional import softplus

import sparring
from sparring.data.points.mixtures import Points, mixture
from sparring.playground_2d.play import networks, started

BATCH = 256


def bare(steps: int) -> float:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rules = started("gan")
    points = Points(mixture("ring8"))
    real_points = points.batch(torch.arange(len(points)).numpy()).samples
    game = networks(rules, points, (128, 128, 128))
    generator, discriminator = game.generator, game.discriminator
    averages = [weight.detach().clone() for weight in generator.parameters()]
    optimizers = [torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999), fused=True) for network in (discriminator, generator)]
    began = time.perf_counter()
    for _ in range(steps):
        real = real_points[torch.randint(len(real_points), (BATCH,))]
        with torch.no_grad():
            generated = generator(torch.rand(BATCH, rules.latent_size) * 2 - 1)
        loss = softplus(-discriminator(real)).mean() + softplus(discriminator(generated)).mean()
        loss.backward()
        optimizers[0].step()
        optimizers[0].zero_grad()
        discriminator.requires_grad_(False)
        generated = generator(torch.rand(BATCH, rules.latent_size) * 2 - 1)
        softplus(-discriminator(generated)).mean().backward()
        optimizers[1].step()
        optimizers[1].zero_grad()
        discriminator.requires_grad_(True)
        with torch.no_grad():
            torch._foreach_lerp_(averages, list(generator.parameters()), 0.01)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    bare(200)
    pairs = []
    for _ in range(arguments.repeats):
        ours = sparring.playground("gan", "ring8", batch_size=BATCH, steps=arguments.steps).seconds
        pairs.append((ours, bare(arguments.steps)))
    ours, theirs = (statistics.median(each) for each in zip(*pairs, strict=True))
    ratio = statistics.median(one / other for one, other in pairs)
    print(f"{arguments.steps:,} steps: playground {ours:.2f} s, bare loop {theirs:.2f} s, ratio {ratio:.2f}")
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        command = ["playground", "gan", "--data", "ring8", "--batch-size", str(BATCH), "--steps", str(arguments.steps)]
        subprocess.run([sys.executable, "-m", "sparring", *command, "--out", str(Path(folder) / "ring8.png")], check=True)
        print(f"the command with its image: {time.perf_counter() - began:.1f} s")


if __name__ == "__main__":
    main()
