"""What can be wrong with a training. Each finding is a plain function of what was recorded.

Distances between images are in units of the mean distance of two real ones. "told" is the chance that the discriminator gives a real
image a higher logit than a generated one: 0.5 says that it cannot tell them apart, 1 that it always can. Bounds were set by looking at
runs made sick on purpose and at healthy ones (benchmarks/sabotage.py, the part "tune").
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from sparring.health.diagnosis.finding import Finding
from sparring.health.diagnosis.record import Record
from sparring.health.diagnosis.rules.balance import discriminator_overfitting, memorizing, vanishing_gradient, weak_discriminator
from sparring.health.diagnosis.rules.convergence import divergence, exploding_layers, not_finite, oscillation
from sparring.health.diagnosis.rules.other_programs import noise
from sparring.health.diagnosis.rules.samples import (
    checkerboard,
    forgetting,
    ignored_classes,
    missing_modes,
    mode_collapse,
    no_progress,
    saturation,
)
from sparring.health.diagnosis.rules.setup import (
    batch_norm_mixing,
    data_loading,
    dead_layers,
    duplicates,
    few_images,
    frozen_network,
    labels,
    learning_rate,
    value_range,
)

RULES: tuple[Callable[[Record], Finding | None], ...] = (
    value_range, labels, duplicates, few_images, data_loading, frozen_network, batch_norm_mixing, learning_rate, not_finite, divergence,
    oscillation, vanishing_gradient, weak_discriminator, mode_collapse, missing_modes, discriminator_overfitting, memorizing, dead_layers,
    exploding_layers, checkerboard, saturation, noise, ignored_classes, forgetting, no_progress,
)  # fmt: skip
NAMES = tuple(rule.__name__.replace("_", " ") for rule in RULES)
SAMPLES = {"mode collapse", "missing modes", "checkerboard", "saturation", "ignored classes", "forgetting", "no progress"}
"""What shows in samples, whatever brought it about."""
EXPLAINS: Mapping[str, set[str]] = {
    "value range": SAMPLES | {"duplicates", "vanishing gradient", "divergence", "oscillation"},
    "duplicates": SAMPLES
    | {"oscillation", "divergence", "few images", "memorizing", "discriminator overfitting", "batch norm mixing", "weak discriminator"},
    "labels": {"missing modes", "ignored classes"},
    "few images": {"missing modes"},
    "data loading": SAMPLES
    | {"weak discriminator", "memorizing", "discriminator overfitting", "oscillation", "divergence", "learning rate", "batch norm mixing"},
    "frozen network": SAMPLES | {"learning rate", "vanishing gradient", "weak discriminator", "divergence", "oscillation"},
    "dead layers": SAMPLES | {"frozen network", "vanishing gradient", "weak discriminator", "learning rate"},
    "not finite": SAMPLES | {"divergence", "frozen network", "dead layers", "weak discriminator", "learning rate", "exploding layers"},
    "divergence": SAMPLES | {"oscillation", "exploding layers"},
    "weak discriminator": SAMPLES | {"divergence", "vanishing gradient"},
    "vanishing gradient": SAMPLES | {"learning rate"},
    "mode collapse": {"missing modes", "checkerboard", "oscillation", "ignored classes", "forgetting", "no progress"},
    "missing modes": {"forgetting", "no progress"},
    "oscillation": {"missing modes", "forgetting", "no progress"},
    "noise": {"no progress", "checkerboard", "oscillation", "mode collapse"},
    "learning rate": {"mode collapse", "missing modes", "no progress", "dead layers", "frozen network"},
    "batch norm mixing": SAMPLES | {"weak discriminator"},
}
"""What else a finding brings about: those are less to the point where it is found. Of two that can bring each other about it is the one
that began first, or stands first here."""
DAMPED = 0.5


def diagnose(record: Record) -> tuple[Finding, ...]:
    """All that is found, the most weighty first."""
    found = [finding for finding in (rule(record) for rule in RULES) if finding is not None]
    serious = [finding for finding in found if finding.severity != "note"]
    told = []
    for finding in found:
        causes = tuple(cause.name for cause in serious if brings_about(cause, finding))
        told.append(replace(finding, confidence=finding.confidence * DAMPED, because_of=causes) if causes else finding)
    return tuple(sorted(told, key=lambda finding: -finding.weight))


def brings_about(cause: Finding, finding: Finding) -> bool:
    """Whether the one may be why the other is found."""
    if finding.name not in EXPLAINS.get(cause.name, set()):
        return False
    if cause.name not in EXPLAINS.get(finding.name, set()):
        return True
    order = list(EXPLAINS)
    return (cause.since or 0, order.index(cause.name)) < (finding.since or 0, order.index(finding.name))
