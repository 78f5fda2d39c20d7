"""Findings: a game that does not converge."""

import math

import numpy as np

from sparring.health.diagnosis import thresholds
from sparring.health.diagnosis.finding import Finding, Remedy
from sparring.health.diagnosis.record_questions import (
    has_critic,
    has_images,
    has_unbounded_critic,
    is_mature,
    logits_may_drift,
    return_share,
)
from sparring.health.diagnosis.remedies import against_non_convergence, change_learning_rates
from sparring.health.diagnosis.rules.other_programs import swinging_losses, swinging_sheets
from sparring.health.diagnosis.training_record import EMPTY_CURVE, Curve, Record
from sparring.health.signals import (
    COVERAGE,
    DISCRIMINATOR_LOSS,
    DIVERSITY,
    GENERATOR_LOSS,
    GRADIENTS,
    LOGITS_OF_GENERATED,
    LOGITS_OF_REAL,
    NEAREST_REAL,
    PROJECTION,
    SPECTRAL_NORMS,
)


def not_finite(record: Record) -> Finding | None:
    """Numbers are infinite or NaN."""
    message = record.ending.get("message", "") if record.ending.get("reason") == "not finite" else ""
    since: int | None = int(record.ending.get("step", record.last_step))
    ended = bool(message)
    for name, curve in record.log.items():
        bad = ~np.isfinite(curve.values)
        if bad.any() and not ended:
            since = curve.holds_since(lambda values: ~np.isfinite(values))
            ended = bool(bad[-1])
            message = f"{name} is not finite " + (f"from step {since:,} on." if ended else f"in {bad.sum()} of {len(bad)} lines.")
    distance = record.signal(NEAREST_REAL)
    if not ended and len(distance) >= thresholds.MIN_MEASUREMENTS and np.isinf(distance.last_three.values).all():
        since = distance.holds_since(np.isinf)
        ended, message = True, f"Samples are infinitely far from all real ones from step {since:,} on."
    if not message:
        return None
    precision = Remedy(action="Or train with float32 instead of bfloat16: --precision float32.")
    on_points = bool(record.data) and not has_images(record)  # games on points are always played in float32
    return Finding(
        name="not finite",
        summary="Numbers grew until they were infinite: training cannot continue." if ended else "Some numbers are infinite or NaN.",
        evidence=(message.splitlines()[0],),
        severity="severe" if ended else "warning",
        confidence=1.0 if ended else 0.6,
        since=since,
        curves={f"gradient of the {name}": record.signal(signal) for name, signal in GRADIENTS.items() if len(record.signal(signal))},
        remedies=(*change_learning_rates(record), *against_non_convergence(record), *([] if on_points else [precision])),
    )


def divergence(record: Record) -> Finding | None:
    """Logits, losses or gradients grow without end."""
    diverging: dict[str, Curve] = {}
    evidence = []
    real, generated = record.signal(LOGITS_OF_REAL), record.signal(LOGITS_OF_GENERATED)
    if logits_may_drift(record):
        curves = {"the gap between logits of real and generated images": Curve(real.steps, real.values - generated.values)}
    else:
        curves = {
            "logits of real images": real,
            "logits of generated images": generated,
            "the generator's loss": EMPTY_CURVE if has_critic(record) else record.signal(GENERATOR_LOSS),
        }
    curves["the discriminator's loss"] = record.signal(DISCRIMINATOR_LOSS)
    for title, curve in curves.items():
        size = Curve(curve.steps, np.abs(curve.values))
        if len(size) < 4 or not np.isfinite(size.values).all():
            continue
        early, end = size.early.median, size.recent.median
        if end > thresholds.DIVERGED and end > thresholds.DIVERGED_GROWTH * early:
            diverging[title] = curve
            evidence.append(f"The size of {title} went from {early:.3g} to {end:.3g}.")
        elif end > thresholds.DIVERGED_OUTRIGHT:
            diverging[title] = curve
            evidence.append(f"The size of {title} is {end:.3g}.")
    distance = record.signal(NEAREST_REAL)
    if len(distance) >= thresholds.MIN_MEASUREMENTS and distance.recent.median > thresholds.FAR_SAMPLES:
        grew = distance.recent.median > thresholds.FAR_SAMPLES_GROWTH * distance.early.median
        # no bounded or untrained network puts points this far away
        if grew or (not has_images(record) and distance.last > thresholds.FAR_POINTS):
            diverging["distance of samples from real images"] = distance
            evidence.append(
                f"Samples are {distance.recent.median:.3g} times as far from the nearest real image as real images are from each other."
            )
    unbounded = has_unbounded_critic(record)
    if unbounded and record.last_step >= thresholds.MIN_STEPS:
        evidence.append(
            "A critic's slope must be bounded: by a gradient penalty, weight clipping or spectral norm. This critic's slope is not."
        )
        diverging = diverging or {"logits of real images": real}
    if not diverging:
        return None
    first = next(iter(diverging.values()))
    half = abs(first.recent.median) / 2
    return Finding(
        name="divergence",
        summary="The game diverges: its numbers grow without end.",
        evidence=tuple(evidence),
        severity="severe",
        confidence=0.97 if unbounded else min(0.97, 0.7 + 0.1 * len(diverging)),  # the fault of a setting: it precedes what it brings about
        since=first.holds_since(lambda values: np.abs(values) > half),
        curves=diverging,
        remedies=against_non_convergence(record),
    )


def oscillation(record: Record) -> Finding | None:
    """Samples of the same latents keep changing and never settle."""
    if record.is_of_another_program:
        return swinging_sheets(record) or swinging_losses(record)
    steps, projections = record.vectors(PROJECTION)
    if len(steps) < 2 * thresholds.MIN_MEASUREMENTS or steps[-1] < thresholds.MIN_STEPS:
        return swinging_losses(record) if not record.measurements else None
    movement = Curve(steps[1:], np.sqrt(((projections[1:] - projections[:-1]) ** 2).mean(axis=1)))
    # a game at rest is a random walk: it moves as far as the root of the steps in between
    per_hundred_steps = Curve(steps[1:], movement.values / np.sqrt(np.diff(steps) / 100))
    returned = return_share(projections)
    hopping = movement.recent.median > thresholds.HOPPING and returned > thresholds.HOPPING_RETURNS
    coverage, diversity = record.signal(COVERAGE).recent.median, record.signal(DIVERSITY).recent.median
    early, end = per_hundred_steps.early.median, per_hundred_steps.recent.median
    walking = end > thresholds.WALKING and end > thresholds.WALKING_SHARE * early
    if not ((walking or hopping) and coverage < thresholds.UNSETTLED_COVERAGE and diversity < thresholds.UNSETTLED_DIVERSITY):
        return None
    mature = is_mature(record)
    return Finding(
        name="oscillation",
        summary="The game does not converge: samples of the same latents keep changing.",
        evidence=(
            f"In a hundred steps they move {end:.2g} times as far as two real images are apart; early on it was {early:.2g} times. From "
            f"one measurement to the next it is {movement.recent.median:.2g} times as far.",
            f"In {returned:.0%} of the measurements they came nearer again to what they had been."
            if returned > 0.2
            else "They do not come back to what they were.",
        ),
        severity="severe" if mature else "note",
        confidence=min(0.95 if mature else 0.4, 0.5 + 0.3 * end),
        since=per_hundred_steps.holds_since(lambda values: values > thresholds.WALKING_ONSET)
        if walking
        else movement.holds_since(lambda values: values > 0.75 * thresholds.HOPPING),
        curves={"movement of the same latents' samples in a hundred steps": per_hundred_steps, "coverage": record.signal(COVERAGE)},
        remedies=against_non_convergence(record),
    )


def exploding_weights(record: Record) -> Finding | None:
    """Weights grow many times over."""
    lines = record.per_weight(SPECTRAL_NORMS)
    if len(lines) < thresholds.MIN_MEASUREMENTS:
        return None
    first, last = lines[0][1], lines[-1][1]
    growth = {
        name: last[name] / value
        for name, value in first.items()
        if value > thresholds.NEGLIGIBLE_NORM and name in last and math.isfinite(last[name])
    }
    name = max(growth, key=lambda one: growth[one], default="")
    if not name or growth[name] < thresholds.EXPLODED or last[name] < thresholds.EXPLODED:
        return None
    curve = Curve(np.array([step for step, _ in lines]), np.array([values.get(name, math.nan) for _, values in lines]))
    return Finding(
        name="exploding weights",
        summary="Weights explode.",
        evidence=(f"The largest singular value of {name} went from {first[name]:.3g} to {last[name]:.3g}.",),
        severity="severe" if growth[name] > thresholds.EXPLODED_SEVERELY else "warning",
        confidence=0.8,
        since=curve.holds_since(lambda values: values > curve.last / 3),
        curves={f"spectral norm of {name}": curve},
        remedies=(*change_learning_rates(record), *against_non_convergence(record)),
    )
