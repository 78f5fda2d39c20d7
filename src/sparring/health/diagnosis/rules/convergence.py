"""Findings: a game that does not converge."""

import math

import numpy as np

from sparring.health.diagnosis.evidence import CHECKUPS, YOUNG, came_back, imaged, mature, of_critic
from sparring.health.diagnosis.finding import Finding, Remedy
from sparring.health.diagnosis.record import NOTHING, Record, Series
from sparring.health.diagnosis.remedies import against_unrest, for_rates
from sparring.health.diagnosis.rules.other_programs import restless_losses, restless_sheets

HOPS = 0.8
"""Movement from checkup to checkup that leaves nothing of what was drawn, beside the distance of two real images. (In 33 runs of seven
recipes, of 800 to 9,800 steps, it is 0.03 to 0.58.) Images are not farther apart after more steps, so later this alone tells."""


def not_finite(record: Record) -> Finding | None:
    """Numbers that are infinite or none."""
    message = record.ending.get("message", "") if record.ending.get("reason") == "not finite" else ""
    since: int | None = int(record.ending.get("step", record.last_step))
    over = bool(message)
    for name, series in record.log.items():
        bad = ~np.isfinite(series.values)
        if bad.any() and not over:
            since = series.holds_since(lambda values: ~np.isfinite(values))
            over = bool(bad[-1])
            message = f"{name} is not finite " + (f"from step {since:,} on." if over else f"in {bad.sum()} of {len(bad)} lines.")
    away = record.sign("nearest")
    if not over and len(away) >= CHECKUPS and np.isinf(away.late.values).all():
        since = away.holds_since(np.isinf)
        over, message = True, f"Samples are infinitely far from all real ones from step {since:,} on."
    if not message:
        return None
    finer = Remedy("Or float32 in place of bfloat16: --precision float32.")
    on_points = bool(record.data) and not imaged(record)  # they are always played in float32
    return Finding(
        "not finite",
        "Numbers grew until they were infinite: nothing more can be learned." if over else "Some numbers are infinite or none.",
        (message.splitlines()[0],),
        "severe" if over else "warning",
        1.0 if over else 0.6,
        since,
        curves={
            name: record.logged(f"gradient/{name}") for name in ("discriminator", "generator") if len(record.logged(f"gradient/{name}"))
        },
        remedies=(*for_rates(record), *against_unrest(record), *([] if on_points else [finer])),
    )


def divergence(record: Record) -> Finding | None:
    """Logits, losses or gradients that grow without end."""
    found: dict[str, Series] = {}
    evidence = []
    real, generated = record.logged("logits/real"), record.logged("logits/generated")
    if drifts(record):
        sizes = {"the gap between logits of real and generated images": Series(real.steps, real.values - generated.values)}
    else:
        sizes = {
            "logits of real images": real,
            "logits of generated images": generated,
            "the generator's loss": NOTHING if of_critic(record) else record.logged("loss/generator"),
        }
    sizes["the discriminator's loss"] = record.logged("loss/discriminator")
    for title, series in sizes.items():
        size = Series(series.steps, np.abs(series.values))
        if len(size) < 4 or not np.isfinite(size.values).all():
            continue
        begin, end = size.early.middle, size.recent.middle
        if end > 60 and end > 4 * begin:
            found[title] = series
            evidence.append(f"The size of {title} went from {begin:.3g} to {end:.3g}.")
        elif end > 1e4:
            found[title] = series
            evidence.append(f"The size of {title} is {end:.3g}.")
    away = record.sign("nearest")
    if len(away) >= CHECKUPS and away.recent.middle > 4 and (away.recent.middle > 1.5 * away.early.middle or thrown_about(record)):
        found["distance of samples from real images"] = away
        evidence.append(
            f"Samples are {away.recent.middle:.3g} times as far from the nearest real image as two of those are from each other."
        )
    free = unbounded(record)
    if free and record.last_step >= YOUNG:
        evidence.append(
            "The critic of a Wasserstein game must be bounded: by a gradient penalty, clipping or spectral norm. This one is not."
        )
        found = found or {"logits of real images": record.logged("logits/real")}
    if not found:
        return None
    curve = next(iter(found.values()))
    half = abs(curve.recent.middle) / 2
    return Finding(
        "divergence",
        "The game diverges: its numbers grow without end.",
        tuple(evidence),
        "severe",
        0.97 if free else min(0.97, 0.7 + 0.1 * len(found)),  # a fault of the settings, and so sure: before what comes of it
        curve.holds_since(lambda values: np.abs(values) > half),
        curves=found,
        remedies=against_unrest(record),
    )


def thrown_about(record: Record) -> bool:
    """Whether samples are now further from all data than any bounded network or untrained one would put them. (Points are not bounded.)"""
    return not imaged(record) and float(record.sign("nearest").values[-1]) > 10


def drifts(record: Record) -> bool:
    """Whether all logits may move together without a change in the game: where only their differences are played for."""
    objective = record.settings.get("objective", "")
    return (objective == "wasserstein" and not unbounded(record)) or objective.startswith("relativistic")


def unbounded(record: Record) -> bool:
    """Whether this is a Wasserstein game whose critic may grow as it likes."""
    bounds = ("weight_clip", "gradient_penalty", "dragan", "r1", "r2", "spectral_norm")
    held = any(record.settings.get(name, 0) not in (0, 0.0, False) for name in bounds)
    return record.settings.get("objective") == "wasserstein" and not held


def oscillation(record: Record) -> Finding | None:
    """Samples of the same latents that go round and never come to rest."""
    if record.kind == "samples":
        return restless_sheets(record)
    steps, places = record.signs("place")
    if len(steps) < 2 * CHECKUPS or steps[-1] < YOUNG:
        return restless_losses(record) if not record.checkups else None
    # at rest it is a walk: as far as the root of the steps between
    apart = np.sqrt(np.diff(steps) / 100)
    hops = Series(steps[1:], np.sqrt(((places[1:] - places[:-1]) ** 2).mean(axis=1)))
    moved = Series(steps[1:], hops.values / apart)
    back = came_back(places)
    hopping = hops.recent.middle > HOPS and back > 0.3
    coverage, diversity = record.sign("coverage").recent.middle, record.sign("diversity").recent.middle
    walking = moved.recent.middle > 0.6 and moved.recent.middle > 0.15 * moved.early.middle
    if not ((walking or hopping) and coverage < 0.5 and diversity < 20):
        return None
    return Finding(
        "oscillation",
        "The game does not converge: what the same latents are drawn as keeps changing.",
        (
            f"In a hundred steps they move {moved.recent.middle:.2g} times as far as two real images are apart; "
            f"{moved.early.middle:.2g} early on. From checkup to checkup it is {hops.recent.middle:.2g} times as far.",
            f"{back:.0%} of the times they came nearer again to where they had been."
            if back > 0.2
            else "They do not come back to where they were.",
        ),
        "severe" if mature(record) else "note",
        min(0.95 if mature(record) else 0.4, 0.5 + 0.3 * moved.recent.middle),
        moved.holds_since(lambda values: values > 0.5) if walking else hops.holds_since(lambda values: values > 0.75 * HOPS),
        curves={"movement of the same latents' images": moved, "coverage": record.sign("coverage")},
        remedies=against_unrest(record),
    )


def exploding_layers(record: Record) -> Finding | None:
    """Weights that grow many times over."""
    checkups = record.by_weight("spectral")
    if len(checkups) < CHECKUPS:
        return None
    first, last = checkups[0][1], checkups[-1][1]
    grown = {name: last[name] / value for name, value in first.items() if value > 1e-6 and name in last and math.isfinite(last[name])}
    name = max(grown, key=lambda one: grown[one], default="")
    if not name or grown[name] < 30 or last[name] < 30:
        return None
    curve = Series(np.array([step for step, _ in checkups]), np.array([values.get(name, math.nan) for _, values in checkups]))
    return Finding(
        "exploding layers",
        "Weights explode.",
        (f"The largest singular value of {name} went from {first[name]:.3g} to {last[name]:.3g}.",),
        "severe" if grown[name] > 100 else "warning",
        0.8,
        curve.holds_since(lambda values: values > curve.values[-1] / 3),
        {f"spectral norm of {name}": curve},
        (*for_rates(record), *against_unrest(record)),
    )
