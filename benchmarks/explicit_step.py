"""Training steps of explicit models, Sparring's against the plain way of running them.

    python benchmarks/explicit_step.py [--recipes vae glow pixelcnn] [--rounds 9] [--one-thread] [--json FILE]
    pip install normflows                      # if it is there, its Glow is timed, too (MIT)

Plain: the same networks as PyTorch runs them by default (float32, contiguous, eager, Adam as it comes, no moving average). Ours: the
trainer's own turns, with the moving average. The variants take turns (sides.py); medians of the rounds. With --one-thread it is the
processor's time that counts, which other programs on the machine change less, and both sides keep freed memory."""

import argparse
import importlib.util
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sides import Sides, Steps, Variant

SIDE = 32
CASES: dict[str, dict[str, Any]] = {"vae": {"batch_size": 128}, "glow": {"batch_size": 64}, "pixelcnn": {"batch_size": 32}}


def images_of(batch: int) -> Any:  # noqa: ANN401 (torch is imported by the process)
    import torch

    return torch.randint(0, 256, (batch, 1, SIDE, SIDE)).float() / 127.5 - 1


def plain_steps(recipe: str) -> Steps:
    """The game's own loss on contiguous float32 networks."""
    import torch

    from sparring import recipes
    from sparring.data.images.image_spec import ImageSpec

    game: Any = recipes.get(recipe)(**CASES[recipe]).build(ImageSpec(SIDE, SIDE, 1)).to(memory_format=torch.contiguous_format)
    images = images_of(CASES[recipe]["batch_size"])
    optimizer = torch.optim.Adam(game.parameters(), lr=1e-3)

    def loss() -> Any:  # noqa: ANN401
        if recipe == "vae":
            from sparring.losses.likelihoods import normal_divergence

            mean, log_variance = game.encoder(images, None)
            latents = mean + (log_variance / 2).exp() * torch.randn_like(mean)
            return (normal_divergence(mean, log_variance).sum(dim=1) - game.log_pixels(images, latents, None)).mean()
        if recipe == "glow":
            return -game.encode_pixels(images, torch.rand_like(images), None)[1].mean()
        return -game.log_probability(images, None).mean()

    return {"step": step_of(optimizer, loss)}


def normflows_steps() -> Steps:
    """normflows' Glow with as many levels and steps, and couplings of the same width."""
    import normflows as nf  # pyright: ignore[reportMissingImports]
    import torch

    levels, steps, width = 3, 8, 64
    bases, flows, merges = [], [], []
    for level in range(levels):
        channels = 2 ** (levels + 1 - level)
        flows.append([nf.flows.GlowBlock(channels, width, split_mode="channel", scale=True) for _ in range(steps)] + [nf.flows.Squeeze()])
        side = SIDE // 2 ** (levels - level)
        if level:
            merges.append(nf.flows.Merge())
        bases.append(nf.distributions.GlowBase((channels if not level else channels // 2, side, side)))
    model = nf.MultiscaleFlow(bases, flows, merges)
    images = (images_of(CASES["glow"]["batch_size"]) + 1) / 2 - 0.5
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    return {"step": step_of(optimizer, lambda: model.forward_kld(images + torch.rand_like(images) / 256))}


def step_of(optimizer: Any, loss: Callable[[], Any]) -> Callable[[], None]:  # noqa: ANN401
    def step() -> None:
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    return step


def our_steps(recipe: str) -> Steps:
    from sparring import recipes
    from sparring.data.images.image_spec import ImageSpec
    from turns import steps_of

    _, _, step = steps_of(recipes.get(recipe)(**CASES[recipe]), ImageSpec(SIDE, SIDE, 1), "bfloat16")
    return {"step": lambda: step(1)}


def processor_seconds(variants: dict[str, Variant], rounds: int) -> dict[str, float]:
    """The processor's seconds for a step of each variant on one thread: medians of rounds in which they take turns, in this process."""
    import torch

    import sides
    from sparring.core.hardware import keep_freed_memory

    torch.set_num_threads(1)
    sides.THREADS = 1
    keep_freed_memory()
    steps = {name: variant.make(*variant.arguments)["step"] for name, variant in variants.items()}
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for number in range(rounds + 1):
        for name, step in steps.items():
            began = time.process_time()
            step()
            if number:  # the first warms up
                taken[name].append(time.process_time() - began)
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def sampling_seconds() -> tuple[float, float]:
    """Seconds to sample 16 images pixel by pixel: by a pass of the whole network for every pixel (timed on 20 of them), and ours."""
    import torch

    from sparring import recipes
    from sparring.core.random_streams import Streams
    from sparring.data.images.image_spec import ImageSpec

    game: Any = recipes.get("pixelcnn")().build(ImageSpec(SIDE, SIDE, 1)).eval()
    images, latents = images_of(16), game.latents(Streams(0, 0), 16)
    passes = 20
    with torch.no_grad():
        game.predictor(images)
        began = time.perf_counter()
        for _ in range(passes):
            game.predictor(images)
        plain = (time.perf_counter() - began) / passes * SIDE * SIDE
        began = time.perf_counter()
        game.generate(latents, None)
    return plain, time.perf_counter() - began


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--rounds", type=int, default=9)
    arguments.add_argument("--json", type=Path)
    arguments.add_argument("--recipes", nargs="+", choices=CASES, default=list(CASES))
    arguments.add_argument("--one-thread", action="store_true", help="the processor's time, on one thread")
    asked = arguments.parse_args()
    results: dict[str, dict[str, float]] = {}
    print("| recipe | variant | ms a step | images/s | over plain |\n|---|---|---|---|---|")
    for recipe in asked.recipes:
        variants = {"plain": Variant(plain_steps, (recipe,), False), "ours": Variant(our_steps, (recipe,), True)}
        if recipe == "glow" and importlib.util.find_spec("normflows"):
            variants["normflows"] = Variant(normflows_steps, (), False)
        if asked.one_thread:
            found = processor_seconds(variants, asked.rounds)
        else:
            sides = Sides(variants)
            found = {name: times["step"] for name, times in sides.medians(asked.rounds, {"step": 3}).items()}
            sides.close()
        results[recipe] = found
        for name, seconds in found.items():
            batch = CASES[recipe]["batch_size"]
            print(f"| {recipe} | {name} | {seconds * 1e3:.0f} | {batch / seconds:.0f} | {found['plain'] / seconds:.2f} |", flush=True)
    if "pixelcnn" in asked.recipes:
        plain, cached = sampling_seconds()
        results["pixelcnn, 16 samples"] = {"plain": plain, "ours": cached}
        print(f"\n16 samples of pixelcnn: {cached:.2f} s; by the whole network for each pixel {plain:.0f} s ({plain / cached:.0f} times).")
    if asked.json:
        asked.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
