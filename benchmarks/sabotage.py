"""Runs made to fail on purpose, and as many healthy ones: how often `sparring diagnose` is right, and how soon.

    python benchmarks/sabotage.py [--part tune test] [--seeds 5] [--jobs 2] [--only KIND ...] [--runs FOLDER] [--out FILE.md]

Every failure is made by a setting that a person could choose, or by a fault that is built into data or networks. Training is Sparring's
own, on one thread for each job. A run counts as diagnosed if one of the findings that its failure is known by is first or second of those
above a note (and, if the failure begins late, was not before it began). A healthy run counts as a false alarm if anything above a note is
found. Runs that are there already are only diagnosed. The parts differ in recipe and data: the rules of the diagnosis were made while
looking at "tune" only; "test" came next, and then "fresh", "unseen", "further" and "last", each when the rules had been changed by those
before."""

import argparse
import contextlib
import io
import math
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MethodType
from typing import Any
from unittest import mock

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from sparring.core.batch import Batch
from sparring.core.random_streams import Streams
from sparring.data.store import Store
from sparring.data.subset import Subset, split_holdout
from sparring.games.adversarial import TwoPlayerGame
from sparring.games.step_context import StepContext
from sparring.games.stylegan import StyleGame
from sparring.health.diagnosis.all_rules import diagnose
from sparring.health.diagnosis.diagnose import diagnose as diagnose_run
from sparring.health.diagnosis.training_record import Record
from sparring.losses.objectives import Losses
from sparring.nets.style_generator import StyleGenerator

Patch = Callable[[], contextlib.AbstractContextManager[object]]


@dataclass(frozen=True)
class Setup:
    """What is trained: a recipe, data, healthy settings, and how many steps."""

    recipe: str
    data: str
    steps: int
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def points(self) -> bool:
        return self.data in {"ring8", "grid25", "moons", "spiral", "swissroll"}

    @property
    def name(self) -> str:
        return f"{self.recipe}-{self.data.replace(':', '-')}"


SMALL = {"width": 16, "batch_size": 32, "threads": 1}
LIGHT = {"width": 8, "batch_size": 16, "threads": 1}
STEADY = {
    **SMALL, "objective": "relativistic", "r1": 0.05, "r2": 0.05, "penalty_every": 4, "learning_rate": 5e-4, "betas": (0.0, 0.99),
    "discriminator_norm": "none",
}  # fmt: skip
STYLES = {
    "channel_base": 256, "channel_max": 32, "mapping_layers": 2, "latent_size": 64, "style_size": 64, "batch_size": 16, "threads": 1,
}  # fmt: skip
BEST = {"objective": "relativistic", "r1": 0.1, "r2": 0.1, "betas": (0.0, 0.99), "latent_size": 2, "linear_decay": True}
RATE = {"learning_rate": 5e-4}
PARTS: dict[str, tuple[Setup, ...]] = {
    "tune": (
        Setup("gan", "ring8", 1500, BEST),
        Setup("dcgan", "fashion10k", 500, SMALL),
        Setup("pacgan", "moons", 1500),
        Setup("cgan", "fashion10k", 500, SMALL),
        Setup("lsgan", "fashion10k", 500, SMALL),
    ),
    "test": (Setup("wgan-gp", "spiral", 500, RATE), Setup("acgan", "fashion10k", 500, SMALL), Setup("dcgan", "emoji", 500, STEADY)),
    "fresh": (
        Setup("sngan", "grid25", 800, RATE),
        Setup("cgan", "emoji", 500, SMALL),
        Setup("sagan", "fashion10k", 500, {**LIGHT, "attention": 8}),
    ),
    "unseen": (Setup("wgan", "moons", 1200), Setup("pacgan", "emoji", 500, SMALL), Setup("stylegan2", "fashion10k", 400, STYLES)),
    "further": (
        Setup("unrolled", "swissroll", 300),
        Setup("lsgan", "emoji", 500, SMALL),
        Setup("gan", "grid25", 1200, BEST),
    ),
    "last": (
        Setup("dcgan", "emoji", 500, {**SMALL, "objective": "hinge"}),
        Setup("gan", "fashion10k", 800, {"threads": 1}),
        Setup("lsgan", "spiral", 800),
    ),
}
HEALTHY: dict[str, tuple[Setup, ...]] = {
    "tune": (
        Setup("gan", "ring8", 1500, BEST),
        Setup("gan", "moons", 700),
        Setup("pacgan", "moons", 1500),
        Setup("gan", "spiral", 2000, {**BEST, "linear_decay": False}),
        Setup("dcgan", "fashion10k", 500, SMALL),
        Setup("dcgan", "fashion10k", 1200, SMALL),
        Setup("wgan-gp", "fashion10k", 200, SMALL),
        Setup("cgan", "fashion10k", 500, SMALL),
        Setup("lsgan", "fashion10k", 500, SMALL),
        Setup("gan", "fashion10k", 800, {"threads": 1}),
    ),
    "test": (
        Setup("wgan-gp", "spiral", 500, RATE),
        Setup("gan", "grid25", 2500, BEST),
        Setup("sngan", "moons", 800, RATE),
        Setup("acgan", "fashion10k", 500, SMALL),
        Setup("dcgan", "emoji", 500, STEADY),
        Setup("dcgan", "emoji", 1200, {**STEADY, "augment": "diffaugment"}),
        Setup("lsgan", "fashion10k", 900, SMALL),
        Setup("sngan", "fashion10k", 150, {**SMALL, "width": 8}),
        Setup("stylegan2", "fashion10k", 200, STYLES),
    ),
    "fresh": (
        Setup("sngan", "grid25", 800, RATE),
        Setup("wgan", "ring8", 1200),
        Setup("unrolled", "ring8", 400),
        Setup("gan", "swissroll", 1500, BEST),
        Setup("cgan", "emoji", 500, SMALL),
        Setup("sagan", "fashion10k", 500, {**LIGHT, "attention": 8}),
        Setup("pacgan", "fashion10k", 600, SMALL),
        Setup("biggan", "fashion10k", 350, LIGHT),
        Setup("wgan-gp", "emoji", 350, SMALL),
        Setup("stylegan2", "emoji", 500, STYLES),
        Setup("dcgan", "fashion10k", 2000, {"width": 16, "threads": 1}),
    ),
    "unseen": (
        Setup("wgan", "moons", 1200),
        Setup("lsgan", "moons", 800),
        Setup("unrolled", "spiral", 500),
        Setup("pacgan", "emoji", 500, SMALL),
        Setup("stylegan2", "fashion10k", 400, STYLES),
        Setup("sngan", "emoji", 300, LIGHT),
        Setup("biggan", "emoji", 350, LIGHT),
        Setup("acgan", "emoji", 500, SMALL),
        Setup("cgan", "fashion10k", 1000, SMALL),
        Setup("dcgan", "fashion10k", 600, {**SMALL, "objective": "hinge"}),
        Setup("gan", "emoji", 800, {"threads": 1}),
    ),
    "further": (
        Setup("unrolled", "swissroll", 300),
        Setup("lsgan", "emoji", 500, SMALL),
        Setup("wgan-gp", "fashion10k", 300, SMALL),
        Setup("gan", "grid25", 1200, BEST),
        Setup("wgan", "emoji", 500, SMALL),
        Setup("sngan", "fashion10k", 700, LIGHT),
        Setup("sagan", "emoji", 350, LIGHT),
        Setup("progan", "fashion10k", 600, {"channel_base": 256, "channel_max": 32, "batch_size": 16, "threads": 1}),
        Setup("stylegan", "emoji", 500, STYLES),
        Setup("dcgan", "fashion10k", 500, {**SMALL, "augment": "ada", "width": 8}),
        Setup("dcgan", "emoji", 400, {"width": 16, "batch_size": 64, "threads": 1}),
        Setup("pacgan", "spiral", 1000),
        Setup("sngan", "ring8", 1500),
        Setup("acgan", "fashion10k", 1200, LIGHT),
    ),
    "last": (
        Setup("dcgan", "emoji", 500, {**SMALL, "objective": "hinge"}),
        Setup("gan", "fashion10k", 1200, {"threads": 1}),
        Setup("lsgan", "spiral", 800),
        Setup("wgan-gp", "moons", 400, RATE),
        Setup("pacgan", "ring8", 1200),
        Setup("pacgan", "fashion10k", 900, SMALL),
        Setup("cgan", "emoji", 600, {**SMALL, "augment": "diffaugment"}),
        Setup("acgan", "emoji", 900, LIGHT),
        Setup("unrolled", "moons", 400),
        Setup("wgan", "grid25", 1000),
        Setup("sngan", "spiral", 800),
        Setup("stylegan2", "emoji", 300, {**STYLES, "batch_size": 8}),
        Setup("cgan", "fashion10k", 1400, {**SMALL, "width": 24}),
    ),
}


@dataclass(frozen=True)
class Failure:
    """A way to make a run fail."""

    found: tuple[str, ...]
    """Names of the findings that it is known by."""
    settings: Mapping[str, Any] | Callable[[Mapping[str, Any]], Mapping[str, Any]] = field(default_factory=dict)
    patch: Patch = contextlib.nullcontext
    where: Callable[[Setup], bool] = lambda setup: True
    steps: float = 1.0
    """How many times the setup's own steps are taken."""
    count: int | None = None
    """Number of images (or points) that are used, if not all are."""
    curable: bool = False
    """Whether changed settings can cure it."""
    onset: int = 0
    """The step at which it begins."""

    def settings_for(self, setup: Setup) -> dict[str, Any]:
        usual = usual_settings(setup)
        changed = self.settings(usual) if callable(self.settings) else self.settings
        return {**setup.settings, **changed}


def usual_settings(setup: Setup) -> dict[str, Any]:
    from dataclasses import asdict

    from sparring import recipes

    kind = recipes.get(setup.recipe)
    return {**asdict(kind()), **(kind.settings_for["points"] if setup.points else {}), **setup.settings}  # pyright: ignore[reportAttributeAccessIssue]


# ------------------------------------------------------------------------------------------- faults


@contextlib.contextmanager
def building(change: Callable[[TwoPlayerGame], None]) -> Iterator[None]:
    """Every game that is built is changed."""
    whole = TwoPlayerGame.__init__

    def changed(self: TwoPlayerGame, *given: object, **named: object) -> None:
        whole(self, *given, **named)  # pyright: ignore[reportArgumentType]
        change(self)

    with mock.patch.object(TwoPlayerGame, "__init__", changed):
        yield


@contextlib.contextmanager
def seeing(change: Callable[[Batch], Batch]) -> Iterator[None]:
    """All real images are changed on their way into the game."""
    whole = Store.batch
    with mock.patch.object(Store, "batch", lambda self, places: change(whole(self, places))):
        yield


@contextlib.contextmanager
def lacking_classes() -> Iterator[None]:
    """Half of the classes are never trained on; measurements see all."""
    from dataclasses import replace

    from sparring import api
    from sparring.modalities import images

    def some(store: Store, count: int | None, seed: int) -> tuple[Subset, Subset]:
        whole, apart = split_holdout(store, count, seed)
        assert whole.labels is not None
        present = np.unique(store.labels)
        kept = np.isin(whole.labels, np.random.default_rng(seed).permutation(present)[: max(1, len(present) // 2)])
        part = Subset(store, whole.indices[kept])
        vars(part)["whole"] = whole
        return part, apart

    measure = api.INSTRUMENTS.measure_health
    seeing_all = replace(api.INSTRUMENTS, measure_health=lambda data, apart, seed: measure(vars(data)["whole"], apart, seed))
    with mock.patch.object(images, "split_holdout", some), mock.patch.object(api, "INSTRUMENTS", seeing_all):
        yield


def with_images(change: Callable[[Tensor], Tensor]) -> Callable[[Batch], Batch]:
    return lambda batch: replace(batch, samples=change(batch.samples))


def deaden(game: TwoPlayerGame) -> None:
    """The generator's second rectifier never opens (the last, in residual networks, whose norms come first)."""
    biased = [module for module in game.generator.modules() if isinstance(module, nn.Linear | nn.BatchNorm2d | nn.ConvTranspose2d)]
    biased = [module for module in biased if module.bias is not None]
    biased[1 if len(biased) > 2 else -1].bias.data.fill_(-1000.0)


def add_checkers(game: TwoPlayerGame) -> None:
    """Images have a pattern that the generator cannot take away."""

    def patterned(output: Tensor) -> Tensor:
        rows, columns = (1 - 2 * (torch.arange(size) % 2).float() for size in output.shape[2:])
        pattern = rows[:, None] * columns
        return output - (output * pattern).mean(dim=(2, 3), keepdim=True) * pattern + 0.25 * pattern

    on_images(game, patterned)


def on_images(game: TwoPlayerGame, change: Callable[[Tensor], Tensor]) -> None:
    """What the generator draws is changed."""
    if not isinstance(game, StyleGame):
        game.generator.register_forward_hook(lambda module, inputs, output: change(output))
        return

    def synthesize(generator: StyleGenerator, *given: object, **named: object) -> Tensor:
        return change(type(generator).synthesize(generator, *given, **named))  # pyright: ignore[reportArgumentType]

    vars(game.generator)["synthesize"] = MethodType(synthesize, game.generator)  # a method, so that copies of the game have their own


def saturate(game: TwoPlayerGame) -> None:
    """Images are black and white, though gradients pass as if they were not."""
    on_images(game, lambda output: output + (output.sign() - output).detach())


def mix_batches(game: TwoPlayerGame) -> None:
    """The discriminator's batch norms see real and generated images together when it is trained."""
    whole = game.discriminate

    def discriminator_losses(context: StepContext, real: Tensor, generated: Tensor, labels: Tensor | None) -> Losses:
        both = torch.cat([real, generated])
        logits, _ = whole(both, None if labels is None else torch.cat([labels, labels]))
        of_real, of_generated = logits.chunk(2)
        context.metrics.update({"logits/real": of_real, "logits/generated": of_generated})
        return dict(game.objective.discriminator(of_real, of_generated))

    vars(game)["discriminator_losses"] = discriminator_losses


def stick_loader(game: TwoPlayerGame) -> None:
    """From a step on the discriminator is shown one real image, again and again."""
    whole, kept = game.discriminator_losses, []

    def discriminator_losses(context: StepContext, real: Tensor, generated: Tensor, labels: Tensor | None) -> Losses:
        if context.step >= LATE:
            kept[:] = kept or [real[:1].clone()]
            real = kept[0].expand_as(real)
        return whole(context, real, generated, labels)

    vars(game)["discriminator_losses"] = discriminator_losses


@contextlib.contextmanager
def one_image() -> Iterator[None]:
    """All real images are the first, a little noise apart."""
    whole = Store.batch

    def batch(self: Store, places: np.ndarray) -> Batch:
        images = whole(self, 0 * places).samples
        noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(int(places.sum())))
        return replace(whole(self, places), samples=images + 0.004 * noise)

    with mock.patch.object(Store, "batch", batch):
        yield


def labeled(setup: Setup) -> bool:
    return setup.recipe in {"cgan", "acgan"}


def imaged(setup: Setup) -> bool:
    return not setup.points


def normed(setup: Setup) -> bool:
    return imaged(setup) and setup.recipe in {"dcgan", "lsgan", "acgan"} and "discriminator_norm" not in setup.settings


BOUNDED = {"sngan", "sagan", "wgan"}
"""Recipes whose critic stays bounded whatever the objective: by spectral norm, or by clipping."""
LATE = 500
"""The step from which on what begins late is so."""
PLAIN = {"objective": "non-saturating", "r1": 0.0, "r2": 0.0, "gradient_penalty": 0.0}
FAILURES: dict[str, Failure] = {
    "generator too strong": Failure(
        ("mode collapse", "weak discriminator", "learning rate"),
        lambda usual: {
            **PLAIN,
            "learning_rate": 10 * usual["learning_rate"],
            "discriminator_learning_rate": min(usual["learning_rate"], usual["discriminator_learning_rate"] or math.inf) / 5,
        },
        curable=True,
    ),
    "latents stuck": Failure(("mode collapse",), patch=lambda: building(stick)),
    "half of the classes": Failure(
        ("missing modes", "mode collapse"), patch=lacking_classes, where=lambda setup: setup.data == "fashion10k", steps=2.6
    ),
    "modes lost": Failure(
        ("missing modes", "mode collapse"),
        {**PLAIN, "latent_size": 16, "betas": (0.5, 0.999), "linear_decay": False},
        where=lambda setup: setup.data == "ring8",
        steps=3.3,
        curable=True,
    ),
    "saturating": Failure(
        ("vanishing gradients",),
        lambda usual: {
            **PLAIN,
            "objective": "saturating",
            "discriminator_steps": 3,
            "discriminator_learning_rate": 5 * usual["learning_rate"],
        },
        where=lambda setup: setup.recipe in {"dcgan", "acgan"},
        curable=True,
    ),
    "discriminator asleep": Failure(("weak discriminator", "learning rate"), {"discriminator_learning_rate": 1e-7}, curable=True),
    "momentum": Failure(
        ("oscillation", "divergence", "not finite"),
        lambda usual: {
            **PLAIN,
            "objective": "saturating",
            "betas": (0.95, 0.95),
            "learning_rate": 2 * usual["learning_rate"],
            **steady(usual),
        },
        where=lambda setup: setup.points and setup.recipe not in BOUNDED,
        curable=True,
    ),
    "unbounded critic": Failure(
        ("divergence", "oscillation", "not finite"),
        lambda usual: {**PLAIN, "objective": "wasserstein", "betas": (0.5, 0.9), "learning_rate": 1e-3, **steady(usual)},
        where=lambda setup: setup.recipe not in BOUNDED,
        curable=True,
    ),
    "blown up": Failure(
        ("not finite", "divergence", "learning rate"),
        {**PLAIN, "objective": "wasserstein", "learning_rate": 30.0, "optimizer": "sgd"},
        curable=True,
    ),
    "few images": Failure(
        ("discriminator overfitting", "few images", "memorization"), count=300, steps=2.0, where=imaged, curable=True
    ),
    "thirty images": Failure(("few images", "memorization"), count=30, where=imaged),
    "one image": Failure(("near duplicates",), patch=one_image, where=imaged),
    "loader stuck": Failure(
        ("data loading", "mode collapse"),
        patch=lambda: building(stick_loader),
        where=lambda setup: imaged(setup) and setup.steps == LATE,
        steps=2.4,
        onset=LATE,
    ),
    "pale images": Failure(("value range", "near duplicates"), patch=lambda: seeing(with_images(lambda x: 0.02 * x)), where=imaged),
    "zero to one": Failure(("value range",), patch=lambda: seeing(with_images(lambda x: (x + 1) / 2)), where=imaged),
    "zero to 255": Failure(("value range",), patch=lambda: seeing(with_images(lambda x: 127.5 * (x + 1))), where=imaged),
    "labels shuffled": Failure(("uninformative labels",), where=labeled),
    "rates ten times": Failure(("learning rate",), lambda usual: {"learning_rate": 20 * usual["learning_rate"]}, curable=True),
    "rates a tenth": Failure(("learning rate",), lambda usual: {"learning_rate": usual["learning_rate"] / 20}, curable=True),
    "generator frozen": Failure(
        ("frozen network",), lambda usual: {"learning_rate": 1e-12, "discriminator_learning_rate": usual["learning_rate"]}
    ),
    "dead rectifiers": Failure(
        ("dead layers",), patch=lambda: building(deaden), where=lambda setup: setup.recipe != "stylegan2"
    ),
    "checkers": Failure(("checkerboard artifacts",), patch=lambda: building(add_checkers), where=imaged),
    "saturated": Failure(("saturated samples",), patch=lambda: building(saturate), where=imaged),
    "batches mixed": Failure(("batch norm mixing",), patch=lambda: building(mix_batches), where=normed),
}  # fmt: skip


def steady(usual: Mapping[str, Any]) -> dict[str, Any]:
    """Rates that do not fall, where they would."""
    return {"linear_decay": False} if "linear_decay" in usual else {}


def stick(game: TwoPlayerGame) -> None:
    """All latents of a batch are its first."""
    whole = game.latents

    def latents(streams: Streams, n: int) -> Float[Tensor, "n latent"]:
        return whole(streams, n)[:1].expand(n, -1).contiguous()

    vars(game)["latents"] = latents


# --------------------------------------------------------------------------------------------- runs


def train(setup: Setup, kind: str | None, seed: int, out: Path, **more: Any) -> None:  # noqa: ANN401 (settings)
    """Train one run in `out`. `more`: settings of training beside or instead of its own."""
    from rich.console import Console

    import sparring
    from sparring.core.errors import NonFiniteError
    from sparring.data.open_by_name import open_source
    from sparring.data.prepare_store import prepare
    from sparring.data.preprocessing import Preprocessing

    torch.set_num_threads(1)
    failure = Failure(()) if kind is None else FAILURES[kind]
    settings = {"steps": round(setup.steps * failure.steps), "seed": seed, **failure.settings_for(setup), **more}
    quiet = Console(file=io.StringIO())
    with contextlib.suppress(NonFiniteError), failure.patch():
        if setup.points:
            sparring.playground(setup.recipe, setup.data, run=out, console=quiet, **settings)
            return
        store = prepare(open_source(setup.data), Preprocessing(size=32))
        if failure.count is not None:
            chosen = np.random.default_rng(seed).permutation(len(store))[: failure.count]
            folder = out.with_name(f"{out.name}-data.npz")
            folder.parent.mkdir(parents=True, exist_ok=True)
            labels = {} if store.labels is None else {"labels": store.labels[chosen]}
            np.savez(folder, images=store.pixels[chosen], **labels)
            store = prepare(open_source(str(folder)), Preprocessing(size=32))
        if kind == "labels shuffled":
            assert store.labels is not None
            store = replace(store, labels=np.random.default_rng(seed).permutation(store.labels))
        sparring.train(setup.recipe, data=store, out=out, console=quiet, keep=1, **settings)


def train_if_missing(task: tuple[Setup, str | None, int, Path]) -> str:
    """Train a run if it is not there yet. Gives how long it took, or why it could not be trained."""
    setup, kind, seed, out = task
    if (out / "done").exists():
        return ""
    shutil.rmtree(out, ignore_errors=True)
    began = time.perf_counter()
    try:
        train(setup, kind, seed, out)
    except Exception as problem:  # the others are trained all the same
        return f"{out.name}: {type(problem).__name__}: {problem}"
    shutil.rmtree(out / "tensorboard", ignore_errors=True)
    (out / "done").touch()
    return f"{out.name}: {time.perf_counter() - began:.0f} s"


def tasks(parts: list[str], seeds: int, only: list[str] | None, runs: Path) -> list[tuple[Setup, str | None, int, Path]]:
    found = []
    for part in parts:
        failing = [(setup, kind) for kind, failure in FAILURES.items() for setup in PARTS[part] if failure.where(setup)]
        healthy = [(setup, None) for setup in HEALTHY[part]]
        for setup, kind in [*failing, *healthy]:
            if only and (kind or "healthy") not in only:
                continue
            # as many healthy runs as failing ones, over the healthy setups
            count = seeds if kind else -(-seeds * len(failing) // len(healthy))
            length = "" if kind else f"-{setup.steps}"
            found += [
                (setup, kind, seed, runs / part / f"{kind or 'healthy'}-{setup.name}{length}-{seed}".replace(" ", "-"))
                for seed in range(count)
            ]
    return found


@dataclass(frozen=True)
class Outcome:
    """What was found in a run, and whether that is right."""

    kind: str | None
    setup: str
    right: bool
    """Of a failing run: whether the right finding was first or second. Of a healthy one: whether nothing above a note was found."""
    found: str
    """Names of the findings."""
    waited: int | None = None
    """Steps from the onset (the first step, for most) to the measurement at which the verdict was right for the first time."""


def findings_of(record: Record) -> list[str]:
    """The names of all findings above a note, the weightiest first."""
    return [finding.name for finding in diagnose(record) if finding.severity != "note"]


def diagnosed(task: tuple[Setup, str | None, int, Path]) -> Outcome:
    """The outcome of a run; for a failing one also at each measurement, to see how soon it is right."""
    setup, kind, _, out = task
    record = diagnose_run(out).record
    found = findings_of(record)
    if kind is None:
        return Outcome(None, f"{setup.name}, {setup.steps} steps", not found, ", ".join(found))
    right, onset = set(FAILURES[kind].found), FAILURES[kind].onset
    steps = [line["step"] for line in record.measurements]
    right_at = {step: bool(right & set(findings_of(record if step == steps[-1] else record.until(step))[:2])) for step in steps}
    too_soon = any(right_at[step] for step in steps if step <= onset)
    waited = next((step - onset for step in steps if step > onset and right_at[step]), None)
    return Outcome(kind, setup.name, bool(right & set(found[:2])) and not too_soon, ", ".join(found[:2]), waited)


def table(part: str, outcomes: list[Outcome]) -> list[str]:
    """The part's results as markdown."""
    failing, healthy = [one for one in outcomes if one.kind], [one for one in outcomes if not one.kind]
    right, alarms = sum(one.right for one in failing), sum(not one.right for one in healthy)
    lines = [
        f"**{part}**: {right} of {len(failing)} failing runs diagnosed ({right / max(1, len(failing)):.1%}), "
        f"{alarms} of {len(healthy)} healthy ones with a false alarm ({alarms / max(1, len(healthy)):.1%}).\n",
        "| failure | diagnosed | steps to the verdict, median | other verdicts |",
        "|---|---|---|---|",
    ]
    for kind in FAILURES:
        runs = [one for one in failing if one.kind == kind]
        if runs:
            waits = sorted(one.waited for one in runs if one.waited is not None)
            wrong = sorted({f"{one.setup}: {one.found or 'nothing'}" for one in runs if not one.right})
            soon = waits[len(waits) // 2] if waits else ""
            lines.append(f"| {kind} | {sum(one.right for one in runs)} of {len(runs)} | {soon} | {'; '.join(wrong)} |")
    lines += ["", "| healthy | without a false alarm | false alarms |", "|---|---|---|"]
    for setup in dict.fromkeys(one.setup for one in healthy):
        runs = [one for one in healthy if one.setup == setup]
        found = ", ".join(sorted({one.found for one in runs if one.found}))
        lines.append(f"| {setup} | {sum(one.right for one in runs)} of {len(runs)} | {found} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--part", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--only", nargs="+", metavar="KIND")
    parser.add_argument("--runs", type=Path, default=Path("runs/benchmarks/sabotage"))
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks/sabotage.md"))
    asked = parser.parse_args()
    chosen = tasks(asked.part, asked.seeds, asked.only, asked.runs)
    with ProcessPoolExecutor(asked.jobs) as pool:
        for line in pool.map(train_if_missing, chosen):
            if line:
                print(line, flush=True)
    trained = [task for task in chosen if (task[3] / "done").exists()]
    lines = [f"\n{time.strftime('%Y-%m-%d %H:%M')}, {asked.seeds} seeds\n"]
    for part in asked.part:
        lines += ["", *table(part, [diagnosed(task) for task in trained if task[3].parent.name == part])]
    print("\n".join(lines))
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    with asked.out.open("a") as file:
        file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
