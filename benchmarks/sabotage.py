"""Runs made sick on purpose, and as many healthy ones: how often `sparring diagnose` is right, and how soon.

    python benchmarks/sabotage.py [--part tune test] [--seeds 5] [--jobs 2] [--only KIND ...] [--runs FOLDER] [--out FILE.md]

Every sickness is made by a setting that a person could choose, or by a fault built into data or networks; training is Sparring's own, on
one thread for each job. A run counts as told if one of the findings that its sickness is known by comes first or second of those above a
note (and of what begins late, if it did not before); a healthy one as falsely accused if anything above a note is found. Runs that are
there already are only diagnosed. The parts differ in recipe and data: the rules of `diagnose` were made while looking at "tune" alone;
"test" came next, and then "fresh", "unseen", "further" and "last", each when the rules had been changed by those before."""

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
from sparring.data.subset import Part, split_holdout
from sparring.games.adversarial import TwoPlayerGame
from sparring.games.step_context import StepContext
from sparring.games.style import StyleGame
from sparring.health.diagnosis.all_rules import diagnose
from sparring.health.diagnosis.diagnose import diagnose as diagnose_run
from sparring.health.diagnosis.record import Record
from sparring.losses.objectives import Losses
from sparring.nets.style_generator import StyleGenerator

Patch = Callable[[], contextlib.AbstractContextManager[object]]


@dataclass(frozen=True)
class Ground:
    """What games of the ward are played with: a recipe, data, settings that are healthy, and how many steps."""

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
PARTS: dict[str, tuple[Ground, ...]] = {
    "tune": (
        Ground("gan", "ring8", 1500, BEST),
        Ground("dcgan", "fashion10k", 500, SMALL),
        Ground("pacgan", "moons", 1500),
        Ground("cgan", "fashion10k", 500, SMALL),
        Ground("lsgan", "fashion10k", 500, SMALL),
    ),
    "test": (Ground("wgan-gp", "spiral", 500, RATE), Ground("acgan", "fashion10k", 500, SMALL), Ground("dcgan", "emoji", 500, STEADY)),
    "fresh": (
        Ground("sngan", "grid25", 800, RATE),
        Ground("cgan", "emoji", 500, SMALL),
        Ground("sagan", "fashion10k", 500, {**LIGHT, "attention": 8}),
    ),
    "unseen": (Ground("wgan", "moons", 1200), Ground("pacgan", "emoji", 500, SMALL), Ground("stylegan2", "fashion10k", 400, STYLES)),
    "further": (
        Ground("unrolled", "swissroll", 300),
        Ground("lsgan", "emoji", 500, SMALL),
        Ground("gan", "grid25", 1200, BEST),
    ),
    "last": (
        Ground("dcgan", "emoji", 500, {**SMALL, "objective": "hinge"}),
        Ground("gan", "fashion10k", 800, {"threads": 1}),
        Ground("lsgan", "spiral", 800),
    ),
}
HEALTHY: dict[str, tuple[Ground, ...]] = {
    "tune": (
        Ground("gan", "ring8", 1500, BEST),
        Ground("gan", "moons", 700),
        Ground("pacgan", "moons", 1500),
        Ground("gan", "spiral", 2000, {**BEST, "linear_decay": False}),
        Ground("dcgan", "fashion10k", 500, SMALL),
        Ground("dcgan", "fashion10k", 1200, SMALL),
        Ground("wgan-gp", "fashion10k", 200, SMALL),
        Ground("cgan", "fashion10k", 500, SMALL),
        Ground("lsgan", "fashion10k", 500, SMALL),
        Ground("gan", "fashion10k", 800, {"threads": 1}),
    ),
    "test": (
        Ground("wgan-gp", "spiral", 500, RATE),
        Ground("gan", "grid25", 2500, BEST),
        Ground("sngan", "moons", 800, RATE),
        Ground("acgan", "fashion10k", 500, SMALL),
        Ground("dcgan", "emoji", 500, STEADY),
        Ground("dcgan", "emoji", 1200, {**STEADY, "augment": "diffaugment"}),
        Ground("lsgan", "fashion10k", 900, SMALL),
        Ground("sngan", "fashion10k", 150, {**SMALL, "width": 8}),
        Ground("stylegan2", "fashion10k", 200, STYLES),
    ),
    "fresh": (
        Ground("sngan", "grid25", 800, RATE),
        Ground("wgan", "ring8", 1200),
        Ground("unrolled", "ring8", 400),
        Ground("gan", "swissroll", 1500, BEST),
        Ground("cgan", "emoji", 500, SMALL),
        Ground("sagan", "fashion10k", 500, {**LIGHT, "attention": 8}),
        Ground("pacgan", "fashion10k", 600, SMALL),
        Ground("biggan", "fashion10k", 350, LIGHT),
        Ground("wgan-gp", "emoji", 350, SMALL),
        Ground("stylegan2", "emoji", 500, STYLES),
        Ground("dcgan", "fashion10k", 2000, {"width": 16, "threads": 1}),
    ),
    "unseen": (
        Ground("wgan", "moons", 1200),
        Ground("lsgan", "moons", 800),
        Ground("unrolled", "spiral", 500),
        Ground("pacgan", "emoji", 500, SMALL),
        Ground("stylegan2", "fashion10k", 400, STYLES),
        Ground("sngan", "emoji", 300, LIGHT),
        Ground("biggan", "emoji", 350, LIGHT),
        Ground("acgan", "emoji", 500, SMALL),
        Ground("cgan", "fashion10k", 1000, SMALL),
        Ground("dcgan", "fashion10k", 600, {**SMALL, "objective": "hinge"}),
        Ground("gan", "emoji", 800, {"threads": 1}),
    ),
    "further": (
        Ground("unrolled", "swissroll", 300),
        Ground("lsgan", "emoji", 500, SMALL),
        Ground("wgan-gp", "fashion10k", 300, SMALL),
        Ground("gan", "grid25", 1200, BEST),
        Ground("wgan", "emoji", 500, SMALL),
        Ground("sngan", "fashion10k", 700, LIGHT),
        Ground("sagan", "emoji", 350, LIGHT),
        Ground("progan", "fashion10k", 600, {"channel_base": 256, "channel_max": 32, "batch_size": 16, "threads": 1}),
        Ground("stylegan", "emoji", 500, STYLES),
        Ground("dcgan", "fashion10k", 500, {**SMALL, "augment": "ada", "width": 8}),
        Ground("dcgan", "emoji", 400, {"width": 16, "batch_size": 64, "threads": 1}),
        Ground("pacgan", "spiral", 1000),
        Ground("sngan", "ring8", 1500),
        Ground("acgan", "fashion10k", 1200, LIGHT),
    ),
    "last": (
        Ground("dcgan", "emoji", 500, {**SMALL, "objective": "hinge"}),
        Ground("gan", "fashion10k", 1200, {"threads": 1}),
        Ground("lsgan", "spiral", 800),
        Ground("wgan-gp", "moons", 400, RATE),
        Ground("pacgan", "ring8", 1200),
        Ground("pacgan", "fashion10k", 900, SMALL),
        Ground("cgan", "emoji", 600, {**SMALL, "augment": "diffaugment"}),
        Ground("acgan", "emoji", 900, LIGHT),
        Ground("unrolled", "moons", 400),
        Ground("wgan", "grid25", 1000),
        Ground("sngan", "spiral", 800),
        Ground("stylegan2", "emoji", 300, {**STYLES, "batch_size": 8}),
        Ground("cgan", "fashion10k", 1400, {**SMALL, "width": 24}),
    ),
}


@dataclass(frozen=True)
class Sickness:
    """A way to make a run sick."""

    found: tuple[str, ...]
    """The findings that it is known by."""
    settings: Mapping[str, Any] | Callable[[Mapping[str, Any]], Mapping[str, Any]] = field(default_factory=dict)
    patch: Patch = contextlib.nullcontext
    where: Callable[[Ground], bool] = lambda ground: True
    steps: float = 1.0
    """Times the ground's own."""
    count: int | None = None
    """So many images (or points) in place of all."""
    curable: bool = False
    """Whether changed settings can cure it."""
    onset: int = 0
    """The step that it begins at."""

    def settings_for(self, ground: Ground) -> dict[str, Any]:
        usual = usual_settings(ground)
        changed = self.settings(usual) if callable(self.settings) else self.settings
        return {**ground.settings, **changed}


def usual_settings(ground: Ground) -> dict[str, Any]:
    from dataclasses import asdict

    from sparring import recipes

    kind = recipes.get(ground.recipe)
    return {**asdict(kind()), **(kind.settings_for["points"] if ground.points else {}), **ground.settings}  # pyright: ignore[reportAttributeAccessIssue]


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
    """Half of the classes are never trained on; those who look on see all."""
    from sparring import api

    def some(store: Store, count: int | None, seed: int) -> tuple[Part, Part]:
        whole, apart = split_holdout(store, count, seed)
        assert whole.labels is not None
        present = np.unique(store.labels)
        kept = np.isin(whole.labels, np.random.default_rng(seed).permutation(present)[: max(1, len(present) // 2)])
        part = Part(store, whole.places[kept])
        vars(part)["whole"] = whole
        return part, apart

    measurements = api.HealthMeasurements
    with (
        mock.patch.object(api, "split_holdout", some),
        mock.patch.object(api, "HealthMeasurements", lambda data, apart, seed: measurements(vars(data)["whole"], apart, seed)),
    ):
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
    whole = game.verdict

    def discriminator_losses(moment: StepContext, real: Tensor, generated: Tensor, labels: Tensor | None) -> Losses:
        both = torch.cat([real, generated])
        logits, _ = whole(both, None if labels is None else torch.cat([labels, labels]))
        of_real, of_generated = logits.chunk(2)
        moment.signals.update({"logits/real": of_real, "logits/generated": of_generated})
        return dict(game.objective.discriminator(of_real, of_generated))

    vars(game)["discriminator_losses"] = discriminator_losses


def stick_loader(game: TwoPlayerGame) -> None:
    """From a step on the discriminator is shown one real image, again and again."""
    whole, kept = game.discriminator_losses, []

    def discriminator_losses(moment: StepContext, real: Tensor, generated: Tensor, labels: Tensor | None) -> Losses:
        if moment.step >= LATE:
            kept[:] = kept or [real[:1].clone()]
            real = kept[0].expand_as(real)
        return whole(moment, real, generated, labels)

    vars(game)["discriminator_losses"] = discriminator_losses


@contextlib.contextmanager
def one_image() -> Iterator[None]:
    """All real images are the first, a little noise apart."""
    whole = Store.batch

    def batch(self: Store, places: np.ndarray) -> Batch:
        images = whole(self, 0 * places).samples
        noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(int(places.sum())))
        return replace(whole(self, places), images=images + 0.004 * noise)

    with mock.patch.object(Store, "batch", batch):
        yield


def labeled(ground: Ground) -> bool:
    return ground.recipe in {"cgan", "acgan"}


def imaged(ground: Ground) -> bool:
    return not ground.points


def normed(ground: Ground) -> bool:
    return imaged(ground) and ground.recipe in {"dcgan", "lsgan", "acgan"} and "discriminator_norm" not in ground.settings


BOUNDED = {"sngan", "sagan", "wgan"}
"""Recipes whose critic stays bounded whatever the objective: by spectral norm, or by clipping."""
LATE = 500
"""The step from which on what begins late is so."""
PLAIN = {"objective": "non-saturating", "r1": 0.0, "r2": 0.0, "gradient_penalty": 0.0}
WARD: dict[str, Sickness] = {
    "generator too strong": Sickness(
        ("mode collapse", "weak discriminator", "learning rate"),
        lambda usual: {
            **PLAIN,
            "learning_rate": 10 * usual["learning_rate"],
            "discriminator_learning_rate": min(usual["learning_rate"], usual["discriminator_learning_rate"] or math.inf) / 5,
        },
        curable=True,
    ),
    "latents stuck": Sickness(("mode collapse",), patch=lambda: building(stick)),
    "half of the classes": Sickness(
        ("missing modes", "mode collapse"), patch=lacking_classes, where=lambda ground: ground.data == "fashion10k", steps=2.6
    ),
    "modes lost": Sickness(
        ("missing modes", "mode collapse"),
        {**PLAIN, "latent_size": 16, "betas": (0.5, 0.999), "linear_decay": False},
        where=lambda ground: ground.data == "ring8",
        steps=3.3,
        curable=True,
    ),
    "saturating": Sickness(
        ("vanishing gradients",),
        lambda usual: {
            **PLAIN,
            "objective": "saturating",
            "discriminator_steps": 3,
            "discriminator_learning_rate": 5 * usual["learning_rate"],
        },
        where=lambda ground: ground.recipe in {"dcgan", "acgan"},
        curable=True,
    ),
    "discriminator asleep": Sickness(("weak discriminator", "learning rate"), {"discriminator_learning_rate": 1e-7}, curable=True),
    "momentum": Sickness(
        ("oscillation", "divergence", "not finite"),
        lambda usual: {
            **PLAIN,
            "objective": "saturating",
            "betas": (0.95, 0.95),
            "learning_rate": 2 * usual["learning_rate"],
            **steady(usual),
        },
        where=lambda ground: ground.points and ground.recipe not in BOUNDED,
        curable=True,
    ),
    "unbounded critic": Sickness(
        ("divergence", "oscillation", "not finite"),
        lambda usual: {**PLAIN, "objective": "wasserstein", "betas": (0.5, 0.9), "learning_rate": 1e-3, **steady(usual)},
        where=lambda ground: ground.recipe not in BOUNDED,
        curable=True,
    ),
    "blown up": Sickness(
        ("not finite", "divergence", "learning rate"),
        {**PLAIN, "objective": "wasserstein", "learning_rate": 30.0, "optimizer": "sgd"},
        curable=True,
    ),
    "few images": Sickness(
        ("discriminator overfitting", "few images", "memorization"), count=300, steps=2.0, where=imaged, curable=True
    ),
    "thirty images": Sickness(("few images", "memorization"), count=30, where=imaged),
    "one image": Sickness(("near duplicates",), patch=one_image, where=imaged),
    "loader stuck": Sickness(
        ("data loading", "mode collapse"),
        patch=lambda: building(stick_loader),
        where=lambda ground: imaged(ground) and ground.steps == LATE,
        steps=2.4,
        onset=LATE,
    ),
    "pale images": Sickness(("value range", "near duplicates"), patch=lambda: seeing(with_images(lambda x: 0.02 * x)), where=imaged),
    "zero to one": Sickness(("value range",), patch=lambda: seeing(with_images(lambda x: (x + 1) / 2)), where=imaged),
    "zero to 255": Sickness(("value range",), patch=lambda: seeing(with_images(lambda x: 127.5 * (x + 1))), where=imaged),
    "labels shuffled": Sickness(("uninformative labels",), where=labeled),
    "rates ten times": Sickness(("learning rate",), lambda usual: {"learning_rate": 20 * usual["learning_rate"]}, curable=True),
    "rates a tenth": Sickness(("learning rate",), lambda usual: {"learning_rate": usual["learning_rate"] / 20}, curable=True),
    "generator frozen": Sickness(
        ("frozen network",), lambda usual: {"learning_rate": 1e-12, "discriminator_learning_rate": usual["learning_rate"]}
    ),
    "dead rectifiers": Sickness(
        ("dead layers",), patch=lambda: building(deaden), where=lambda ground: ground.recipe != "stylegan2"
    ),
    "checkers": Sickness(("checkerboard artifacts",), patch=lambda: building(add_checkers), where=imaged),
    "saturated": Sickness(("saturated samples",), patch=lambda: building(saturate), where=imaged),
    "batches mixed": Sickness(("batch norm mixing",), patch=lambda: building(mix_batches), where=normed),
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


def play(ground: Ground, kind: str | None, seed: int, out: Path, **more: Any) -> None:  # noqa: ANN401 (settings)
    """One run of the ward, in `out`. `more`: settings of training beside or in place of its own."""
    from rich.console import Console

    import sparring
    from sparring.core.errors import NonFiniteError
    from sparring.data.open_source import open_source
    from sparring.data.store import Preprocessing, prepare

    torch.set_num_threads(1)
    sickness = Sickness(()) if kind is None else WARD[kind]
    settings = {"steps": round(ground.steps * sickness.steps), "seed": seed, **sickness.settings_for(ground), **more}
    quiet = Console(file=io.StringIO())
    with contextlib.suppress(NonFiniteError), sickness.patch():
        if ground.points:
            sparring.playground(ground.recipe, ground.data, run=out, console=quiet, **settings)
            return
        store = prepare(open_source(ground.data), Preprocessing(size=32))
        if sickness.count is not None:
            chosen = np.random.default_rng(seed).permutation(len(store))[: sickness.count]
            folder = out.with_name(f"{out.name}-data.npz")
            folder.parent.mkdir(parents=True, exist_ok=True)
            labels = {} if store.labels is None else {"uninformative labels": store.labels[chosen]}
            np.savez(folder, images=store.pixels[chosen], **labels)
            store = prepare(open_source(str(folder)), Preprocessing(size=32))
        if kind == "labels shuffled":
            assert store.labels is not None
            store = replace(store, labels=np.random.default_rng(seed).permutation(store.labels))
        sparring.train(ground.recipe, data=store, out=out, console=quiet, keep=1, **settings)


def stay(task: tuple[Ground, str | None, int, Path]) -> str:
    """Play a run if it is not there yet."""
    ground, kind, seed, out = task
    if (out / "done").exists():
        return ""
    shutil.rmtree(out, ignore_errors=True)
    began = time.perf_counter()
    try:
        play(ground, kind, seed, out)
    except Exception as problem:  # a run that cannot even begin is told, and the others go on
        return f"{out.name}: {type(problem).__name__}: {problem}"
    shutil.rmtree(out / "tensorboard", ignore_errors=True)
    (out / "done").touch()
    return f"{out.name}: {time.perf_counter() - began:.0f} s"


def tasks(parts: list[str], seeds: int, only: list[str] | None, runs: Path) -> list[tuple[Ground, str | None, int, Path]]:
    found = []
    for part in parts:
        sick = [(ground, kind) for kind, sickness in WARD.items() for ground in PARTS[part] if sickness.where(ground)]
        healthy = [(ground, None) for ground in HEALTHY[part]]
        for ground, kind in [*sick, *healthy]:
            if only and (kind or "healthy") not in only:
                continue
            # as many healthy runs as sick ones, over the healthy grounds
            count = seeds if kind else -(-seeds * len(sick) // len(healthy))
            length = "" if kind else f"-{ground.steps}"
            found += [
                (ground, kind, seed, runs / part / f"{kind or 'healthy'}-{ground.name}{length}-{seed}".replace(" ", "-"))
                for seed in range(count)
            ]
    return found


@dataclass(frozen=True)
class Told:
    """What was found in a run."""

    kind: str | None
    ground: str
    right: bool
    """Sick: whether the right finding was first or second; healthy: whether nothing above a note was found."""
    found: str
    """In short."""
    waited: int | None = None
    """Steps from the onset (the first step, for most) to the measurement at which the verdict was right for the first time."""


def accused(record: Record) -> list[str]:
    """What is found above a note, the weightiest first."""
    return [finding.name for finding in diagnose(record) if finding.severity != "note"]


def diagnosed(task: tuple[Ground, str | None, int, Path]) -> Told:
    """The verdict on a run; for a sick one also at each measurement, to see how soon it is right."""
    ground, kind, _, out = task
    record = diagnose_run(out).record
    found = accused(record)
    if kind is None:
        return Told(None, f"{ground.name}, {ground.steps} steps", not found, ", ".join(found))
    right, onset = set(WARD[kind].found), WARD[kind].onset
    steps = [line["step"] for line in record.measurements]
    told = {step: bool(right & set(accused(record if step == steps[-1] else record.until(step))[:2])) for step in steps}
    too_soon = any(told[step] for step in steps if step <= onset)
    waited = next((step - onset for step in steps if step > onset and told[step]), None)
    return Told(kind, ground.name, bool(right & set(found[:2])) and not too_soon, ", ".join(found[:2]), waited)


def table(part: str, told: list[Told]) -> list[str]:
    """The part's results as markdown."""
    sick, healthy = [one for one in told if one.kind], [one for one in told if not one.kind]
    right, accused = sum(one.right for one in sick), sum(not one.right for one in healthy)
    lines = [
        f"**{part}**: {right} of {len(sick)} sick runs told ({right / max(1, len(sick)):.1%}), "
        f"{accused} of {len(healthy)} healthy ones accused ({accused / max(1, len(healthy)):.1%}).\n",
        "| sickness | told | steps to the verdict, median | what else was said |",
        "|---|---|---|---|",
    ]
    for kind in WARD:
        runs = [one for one in sick if one.kind == kind]
        if runs:
            waits = sorted(one.waited for one in runs if one.waited is not None)
            wrong = sorted({f"{one.ground}: {one.found or 'nothing'}" for one in runs if not one.right})
            soon = waits[len(waits) // 2] if waits else ""
            lines.append(f"| {kind} | {sum(one.right for one in runs)} of {len(runs)} | {soon} | {'; '.join(wrong)} |")
    lines += ["", "| healthy | not accused | of what |", "|---|---|---|"]
    for ground in dict.fromkeys(one.ground for one in healthy):
        runs = [one for one in healthy if one.ground == ground]
        of_what = ", ".join(sorted({one.found for one in runs if one.found}))
        lines.append(f"| {ground} | {sum(one.right for one in runs)} of {len(runs)} | {of_what} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--part", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--only", nargs="+", metavar="KIND")
    parser.add_argument("--runs", type=Path, default=Path("runs/benchmarks/ward"))
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks/sabotage.md"))
    asked = parser.parse_args()
    chosen = tasks(asked.part, asked.seeds, asked.only, asked.runs)
    with ProcessPoolExecutor(asked.jobs) as pool:
        for line in pool.map(stay, chosen):
            if line:
                print(line, flush=True)
    played = [task for task in chosen if (task[3] / "done").exists()]
    lines = [f"\n{time.strftime('%Y-%m-%d %H:%M')}, {asked.seeds} seeds\n"]
    for part in asked.part:
        lines += ["", *table(part, [diagnosed(task) for task in played if task[3].parent.name == part])]
    print("\n".join(lines))
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    with asked.out.open("a") as file:
        file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
