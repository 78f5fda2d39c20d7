"""Training steps on one CUDA GPU, Sparring's against the plain way of running the same networks.

    python benchmarks/gpu.py [--rounds 5] [--only dcgan stylegan2 r3gan pix2pix-1 pix2pix-8 cyclegan] [--json FILE]
    python benchmarks/gpu.py --count [--only ...] [--json FILE]      # without a GPU: what one step computes and queues

Plain: the loops of step.py, styles.py and translation.py, and R3GAN's after its authors' (on Sparring's networks): contiguous, eager, Adam
as it comes, in float32 or with the whole step under autocast to bfloat16. "TF32" is torch's default: float32, but convolutions round their
inputs. Ours: the trainer's own turns; "as shipped" is how a run on a GPU is set up (repeatable algorithms, no TF32), "free" is without
that. A step of stylegan2 and of r3gan is the mean over a cycle of lazy penalties. Medians of rounds in which the variants take turns in one
process; a block of steps begins and ends with an idle GPU, and between its steps only the loop itself waits. Peak memory is what a
variant's own tensors take at most. All cases together take at most about 8 minutes: one that has had its time plays fewer rounds.

What to look for where ours is slower: a GPU that waits for Python takes as long in every precision, and then the number of operations
decides (--count): instance norms that leave channels-last memory, reflection padding by many kernels, casts around small operations. Python
itself is held up by images converted to floats and random numbers drawn on the CPU, copied from memory that is not pinned, and by readings
that wait (losses at the end of each turn, StyleGAN2's place of style mixing; torch.cuda.set_sync_debug_mode("warn") names each)."""

import argparse
import contextlib
import functools
import gc
import json
import math
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy, instance_norm, softplus
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

import step as dcgan_steps
import styles
import translation
from sparring import recipes
from sparring.core import mirror_padding
from sparring.core.errors import SparringError
from sparring.core.hardware import core_count, has_fast_bfloat16, keep_freed_memory, repeatable
from sparring.data.images.image_spec import ImageSpec
from sparring.games.recipe import Recipe
from sparring.nets import image_translation
from sparring.nets.blocks import convolution
from sparring.nets.blocks.layers import InstanceNorm
from turns import steps_of

SIDE, CHANNELS = 64, 3
BLOCK_SECONDS, WARM_STEPS = 0.4, 5
SECONDS_A_CASE = 60
COUNTED_BATCH, SMALL_BATCH = 2, 8
"""Larger batches than SMALL_BATCH are counted with COUNTED_BATCH images: a step's operations are the same, each as much smaller."""

Step = Callable[[int], object]
"""Plays the step of a number, from 1 on."""


# ------------------------------------------------------------------------------------------------------- cases


def plain_dcgan(batch: int) -> Step:
    played = dcgan_steps.plain_step(SIDE, CHANNELS, batch, 64, "contiguous")
    return lambda _: played()


def our_dcgan(batch: int) -> tuple[Recipe, ImageSpec]:
    return recipes.get("dcgan")(batch_size=batch, width=64), ImageSpec(SIDE, SIDE, CHANNELS)


def plain_stylegan2(batch: int) -> Step:
    phases = styles.plain_steps(SIDE, batch)

    def step(number: int) -> None:
        phases["main"]()
        if number % 4 == 0:
            phases["path"]()
        if number % 16 == 0:
            phases["r1"]()

    return step


def our_stylegan2(batch: int) -> tuple[Recipe, ImageSpec]:
    settings = {"mapping_layers": styles.LAYERS, "r1": styles.R1, "path_length": styles.PATH, "style_mixing": 1.0}
    return recipes.get("stylegan2")(batch_size=batch, **settings), ImageSpec(SIDE, SIDE, CHANNELS)


def plain_r3gan(batch: int) -> Step:
    """The loop of the authors' Trainer.py, with penalties as seldom as ours."""
    recipe, spec = our_r3gan(batch)
    game: Any = recipe.build(spec).train()
    generator, discriminator, every = game.generator, game.discriminator, game.settings.penalty_every
    settings = {"lr": game.settings.learning_rate, "betas": game.settings.betas}
    adams = {network: torch.optim.Adam(network.parameters(), **settings) for network in (generator, discriminator)}
    real = torch.rand(batch, *spec.shape) * 2 - 1

    def generated() -> Tensor:
        return generator(torch.randn(batch, game.settings.latent_size))

    def penalty(logits: Tensor, images: Tensor) -> Tensor:
        (gradients,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
        return gradients.square().sum(dim=(1, 2, 3))

    def generator_loss() -> Tensor:
        return softplus(discriminator(real) - discriminator(generated())).mean()

    def discriminator_loss(strength: int) -> Tensor:
        images, fakes = (each.detach().clone().requires_grad_(strength > 0) for each in (real, generated()))
        real_logits, fake_logits = discriminator(images)[:, 0], discriminator(fakes)[:, 0]
        losses = softplus(fake_logits - real_logits)
        if strength:
            losses = losses + strength / 2 * (game.r1 * penalty(real_logits, images) + game.r2 * penalty(fake_logits, fakes))
        return losses.mean()

    def turn(network: nn.Module, loss: Callable[[], Tensor]) -> None:
        generator.requires_grad_(network is generator)
        discriminator.requires_grad_(network is discriminator)
        adams[network].zero_grad()
        loss().backward()
        adams[network].step()

    def step(number: int) -> None:
        turn(discriminator, functools.partial(discriminator_loss, 0 if number % every else every))
        turn(generator, generator_loss)

    return step


def our_r3gan(batch: int) -> tuple[Recipe, ImageSpec]:
    return recipes.get("r3gan")(architecture="paper", channel_base=2048, batch_size=batch), ImageSpec(SIDE, SIDE, CHANNELS)


def plain_translation(name: str, batch: int) -> Step:
    played = {"cyclegan": translation.plain_cyclegan, "pix2pix": translation.plain_pix2pix}[name](batch)["step"]
    return lambda _: played()


class Case(NamedTuple):
    plain: Callable[[int], Step]
    """The plain loop, by its batch."""
    ours: Callable[[int], tuple[Recipe, ImageSpec]]
    """Recipe and data, by the batch."""
    batch: int
    every: tuple[int, ...] = ()
    """How seldom penalties are computed: each only in every so many steps."""
    counted_on: str = "meta"
    """Where the plain loop is counted: without computing it, unless its networks ask their device for autocast."""

    @property
    def cycle(self) -> int:
        """Number of steps after which the penalties come round again."""
        return math.lcm(*self.every)


CYCLEGAN, PIX2PIX = (
    (functools.partial(plain_translation, name), functools.partial(translation.our_recipe, name)) for name in ("cyclegan", "pix2pix")
)
CASES = {
    "dcgan": Case(plain_dcgan, our_dcgan, 128),
    "stylegan2": Case(plain_stylegan2, our_stylegan2, 32, (4, 16)),
    "r3gan": Case(plain_r3gan, our_r3gan, 64, (4,), "cpu"),
    "pix2pix-1": Case(*PIX2PIX, 1),
    "pix2pix-8": Case(*PIX2PIX, 8),
    "cyclegan": Case(*CYCLEGAN, 1),
}


def our_step(case: Case, batch: int, precision: str) -> Step:
    """The trainer's own turns, on its own device, as a session begins them."""
    recipe, spec = case.ours(batch)
    assert recipe.steps_per_cycle == case.cycle
    state, context, step = steps_of(recipe, spec, precision)
    for game in (state.game, state.ema):
        game.to(context.fabric.device)
    return step


@contextlib.contextmanager
def plain_way(device: str, precision: str = "float32", tf32: bool = True) -> Iterator[None]:
    """In the block the plain loops, which name no device and no precision, run in these. (Not by a default device for all that they do:
    each of torch's functions would pass through Python then.)
    """
    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(torch, "randn", functools.partial(torch.randn, device=device)))
        if not tf32:
            stack.callback(setattr, torch.backends.cudnn, "allow_tf32", torch.backends.cudnn.allow_tf32)
            torch.backends.cudnn.allow_tf32 = False
        if precision == "bfloat16":
            stack.enter_context(mock.patch.object(nn.functional, "binary_cross_entropy", functools.partial(in_float32, device)))
            # Cast weights may be used again until the optimizer's step, as if each turn had a block of its own.
            stack.callback(register_optimizer_step_post_hook(lambda *_: torch.clear_autocast_cache()).remove)
            stack.enter_context(torch.autocast(device, torch.bfloat16))
        yield


def in_float32(device: str, judged: Tensor, *rest: Any, **more: Any) -> Tensor:  # noqa: ANN401 (as torch's)
    """DCGAN's loss, which autocast refuses to compute."""
    with torch.autocast(device, enabled=False):
        return binary_cross_entropy(judged.float(), *rest, **more)


def plain_step(case: Case, batch: int, device: str) -> Step:
    """To be called in a block of `plain_way`, as its steps."""
    with torch.device(device):
        return case.plain(batch)


# ------------------------------------------------------------------------------------------------------- times


class Variant(NamedTuple):
    make: Callable[[Case], Step]
    settings: Callable[[], AbstractContextManager[object]]
    """Within such a block it is made and run."""


def plain(precision: str, tf32: bool) -> Variant:
    return Variant(lambda case: plain_step(case, case.batch, "cuda"), lambda: plain_way("cuda", precision, tf32))


def ours(precision: str, shipped: bool) -> Variant:
    make = functools.partial(our_step, precision=precision)
    return Variant(lambda case: make(case, case.batch), lambda: repeatable("cuda") if shipped else contextlib.nullcontext())


BASES = "plain, TF32", "plain, bfloat16"
VARIANTS = {
    "plain, TF32": plain("float32", tf32=True),
    "plain, float32": plain("float32", tf32=False),
    "plain, bfloat16": plain("bfloat16", tf32=True),
    "ours, float32, as shipped": ours("float32", shipped=True),
    "ours, bfloat16, as shipped": ours("bfloat16", shipped=True),
    "ours, TF32, free": ours("float32", shipped=False),
    "ours, bfloat16, free": ours("bfloat16", shipped=False),
}


class Contender:
    """A variant of a case on the GPU, warmed up."""

    def __init__(self, case: Case, variant: Variant) -> None:
        self.settings, self.cycle, self.cycles = variant.settings, case.cycle, -(-WARM_STEPS // case.cycle)
        gc.collect()
        torch.cuda.reset_peak_memory_stats()
        others = torch.cuda.memory_allocated()
        with self.settings():
            self.step = variant.make(case)
        self.seconds()
        self.peak = torch.cuda.max_memory_allocated() - others
        self.cycles = 1
        self.cycles = max(1, round(BLOCK_SECONDS / (self.cycle * self.seconds())))

    def seconds(self) -> float:
        """How long a step takes, in a block of steps that begins and ends with an idle GPU."""
        with self.settings():
            torch.cuda.synchronize()
            began = time.perf_counter()
            for _ in range(self.cycles):
                for number in range(1, self.cycle + 1):
                    self.step(number)
            torch.cuda.synchronize()
            return (time.perf_counter() - began) / (self.cycles * self.cycle)


def start_products() -> None:
    """Have cuBLAS take its memory now, so that it is no variant's, and as much as repeatable results need."""
    with repeatable("cuda"):
        for dtype in (torch.float32, torch.bfloat16):
            x = torch.ones(64, 64, device="cuda", dtype=dtype, requires_grad=True)
            (x @ x).sum().backward()


def time_case(name: str, rounds: int) -> dict[str, object]:
    """Print a case's rows of the table."""
    case, until = CASES[name], time.monotonic() + SECONDS_A_CASE
    contenders: dict[str, Contender] = {}
    failures: dict[str, str] = {}
    for variant, made in VARIANTS.items():
        try:
            contenders[variant] = Contender(case, made)
        except (RuntimeError, SparringError) as problem:  # the others are worth their time
            failures[variant] = str(problem).partition("\n")[0]
    taken: dict[str, list[float]] = {variant: [] for variant in contenders}
    for done in range(rounds):
        if done and time.monotonic() > until:
            break
        for variant, contender in contenders.items():
            taken[variant].append(contender.seconds())
    medians = {variant: statistics.median(seconds) for variant, seconds in taken.items()}
    for variant in VARIANTS:
        if variant in failures:
            print(f"| {name} | {variant} | failed: {failures[variant]} | | | | |", flush=True)
            continue
        seconds = medians[variant]
        over = " | ".join(f"{medians[base] / seconds:.2f}" if base in medians else "" for base in BASES)
        speed = f"{seconds * 1e3:.2f} | {case.batch / seconds:,.0f}"
        print(f"| {name} | {variant} | {speed} | {over} | {contenders[variant].peak / 2**20:,.0f} |", flush=True)
    peaks = {variant: contender.peak for variant, contender in contenders.items()}
    return {"case": name, "batch": case.batch, "medians": medians, "rounds": taken, "peak_bytes": peaks, "failures": failures}


def time_cases(names: list[str], rounds: int, out: Path | None) -> None:
    keep_freed_memory()
    torch.set_num_threads(core_count())
    torch.manual_seed(0)
    start_products()
    machine = f"{torch.cuda.get_device_name()}, {core_count()} cores, torch {torch.__version__}"
    print(f"{machine}\n\n| case | variant | ms a step | images/s | over {' | over '.join(BASES)} | peak memory, MiB |\n|{'---|' * 7}")
    found = []
    for name in names:
        found.append(time_case(name, rounds))
        torch.cuda.empty_cache()
        write(out, {"machine": machine, "cases": found})


# ------------------------------------------------------------------------------------------------------- counts


class Counter(TorchDispatchMode):
    """Counts the floating-point operations of matrix products and convolutions, and all operations that a GPU would be given: not views,
    allocations and the optimizers' (one for a list of weights, or many, as the device is). Not torch's own FlopCounterMode: its hooks on
    modules do not bear gradients of gradients.
    """

    def __init__(self) -> None:
        super().__init__()
        self.floating, self.queued, self.optimizing = 0, 0, False

    def __enter__(self) -> "Counter":
        self.hooks = [
            register_optimizer_step_pre_hook(lambda *_: setattr(self, "optimizing", True)),
            register_optimizer_step_post_hook(lambda *_: setattr(self, "optimizing", False)),
        ]
        return super().__enter__()

    def __exit__(self, *problem: Any) -> None:  # noqa: ANN401 (as torch's)
        super().__exit__(*problem)
        for hook in self.hooks:
            hook.remove()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: ANN401 (torch's own signature)
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        self.floating += floating_operations(func, args, kwargs, out)
        is_view = any(each.alias_info is not None and not each.alias_info.is_write for each in func._schema.returns)
        self.queued += not (is_view or self.optimizing or "empty" in func.__name__)
        return out


def floating_operations(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> int:  # noqa: ANN401 (as torch's)
    """By torch's formulas, of which that for the gradient of a convolution's weights forgets its groups."""
    formula = flop_registry.get(func.overloadpacket)
    if formula is None:
        return 0
    if func.overloadpacket is not torch.ops.aten.convolution_backward:
        return formula(*args, **kwargs, out_val=out)
    *rest, groups, (wants_input, wants_weight, _) = args
    of_input = formula(*rest, groups, [wants_input, False, False], out_val=out)
    return of_input + formula(*rest, groups, [False, wants_weight, False], out_val=out) // groups


@contextlib.contextmanager
def gpu_branches() -> Iterator[None]:
    """In the block, Sparring's networks take on a CPU the ways that they take on a GPU."""

    def mirrored(x: Tensor, across: int, along: int) -> Tensor:
        return mirror_padding._of_pieces(mirror_padding._of_pieces(x, 3, across), 2, along)

    with (
        mock.patch.object(image_translation, "mirrored", mirrored),
        mock.patch.object(InstanceNorm, "forward", lambda _, x: instance_norm(x)),
        mock.patch.object(convolution, "_product_is_faster", return_value=False),
    ):
        yield


def counted(case: Case, step: Step) -> tuple[float, float]:
    """Floating-point operations and operations queued, in a mean step. (Penalties come first: what is made once is counted in the rarest
    step.)
    """
    found: dict[tuple[bool, ...], tuple[int, int]] = {}
    kinds = [tuple(number % each == 0 for each in case.every) for number in range(1, case.cycle + 1)]
    for number, kind in reversed(list(enumerate(kinds, 1))):
        if kind not in found:
            with Counter() as counter:
                step(number)
            found[kind] = counter.floating, counter.queued
    floating, queued = zip(*(found[kind] for kind in kinds), strict=True)
    return statistics.mean(floating), statistics.mean(queued)


def count_case(name: str) -> dict[str, object]:
    """Print a case's row of the table."""
    case = CASES[name]
    batch = COUNTED_BATCH if case.batch > SMALL_BATCH else case.batch
    counts: dict[str, tuple[float, float]] = {}
    with plain_way(case.counted_on):
        counts["plain"] = counted(case, plain_step(case, batch, case.counted_on))
    for precision in ("float32", "bfloat16"):
        if precision == "float32" or has_fast_bfloat16(torch.device("cpu")):  # elsewhere it takes minutes
            with gpu_branches():
                counts[f"ours, {precision}"] = counted(case, our_step(case, batch, precision))
    floating = {way: count * case.batch / batch for way, (count, _) in counts.items()}
    queued = {way: count for way, (_, count) in counts.items()}
    cells = [f"{floating[way] / 1e9:,.1f}" for way in ("plain", "ours, float32")]
    cells += [f"{floating['plain'] / floating['ours, float32']:.2f}"]
    cells += [f"{queued[way]:,.0f}" if way in queued else "" for way in ("plain", "ours, float32", "ours, bfloat16")]
    print(f"| {name} | {' | '.join(cells)} |", flush=True)
    return {"case": name, "batch": case.batch, "floating": floating, "queued": queued}


def count_cases(names: list[str], out: Path | None) -> None:
    print("| case | plain, GFLOP a step | ours | plain over ours | plain, operations queued | ours, float32 | ours, bfloat16 |")
    print(f"|{'---|' * 7}")
    write(out, [count_case(name) for name in names])


def write(out: Path | None, found: object) -> None:
    if out is not None:
        out.write_text(json.dumps(found, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--count", action="store_true", help="count operations on the CPU; time nothing")
    parser.add_argument("--json", type=Path, help="where to write the numbers")
    asked = parser.parse_args()
    if asked.count:
        count_cases(asked.only, asked.json)
    elif torch.cuda.is_available():
        time_cases(asked.only, asked.rounds, asked.json)
    else:
        print("torch sees no CUDA GPU here, so there is nothing to time: --count tells what a step computes and queues.")
        sys.exit(2)


if __name__ == "__main__":
    main()
