"""All rules of the diagnosis, and which findings bring about others. A rule is a plain function of what is recorded of a training."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from sparring.health.diagnosis.finding import Finding
from sparring.health.diagnosis.rules.balance import discriminator_overfitting, memorization, vanishing_gradients, weak_discriminator
from sparring.health.diagnosis.rules.convergence import divergence, exploding_weights, not_finite, oscillation
from sparring.health.diagnosis.rules.explicit import (
    encoder_finds_nothing,
    overfitting_likelihood,
    posterior_collapse,
    round_trip_error,
    singular_convolution,
    worse_than_uniform,
)
from sparring.health.diagnosis.rules.molecules import invalid_molecules, molecules_alike, molecules_in_pieces
from sparring.health.diagnosis.rules.music import (
    copied_phrases,
    empty_bars,
    fragmented_notes,
    notes_everywhere,
    same_phrase,
    silent_music,
)
from sparring.health.diagnosis.rules.orders import products_lost, purchases_independent, season_lost
from sparring.health.diagnosis.rules.other_programs import noise
from sparring.health.diagnosis.rules.records import codes_independent, codes_lost, codes_per_patient_wrong, copied_patients
from sparring.health.diagnosis.rules.rewordings import rewordings_astray, rewordings_copy, rewordings_same
from sparring.health.diagnosis.rules.samples import (
    checkerboard_artifacts,
    forgetting,
    ignored_classes,
    missing_modes,
    mode_collapse,
    no_progress,
    saturated_samples,
)
from sparring.health.diagnosis.rules.sequences import never_ends, repeated_tokens, same_sequence, sequences_alike
from sparring.health.diagnosis.rules.series import explodes, no_memory, paths_alike, seasonality_lost
from sparring.health.diagnosis.rules.setup import (
    batch_norm_mixing,
    data_loading,
    dead_layers,
    few_images,
    frozen_network,
    learning_rate,
    near_duplicates,
    uninformative_labels,
    value_range,
)
from sparring.health.diagnosis.rules.tables import category_lost, copied_rows, pairs_wrong, rare_category_inflated
from sparring.health.diagnosis.training_record import Record

RULES: tuple[Callable[[Record], Finding | None], ...] = (
    value_range, uninformative_labels, near_duplicates, few_images, data_loading, frozen_network, batch_norm_mixing, learning_rate,
    not_finite, divergence, oscillation, vanishing_gradients, weak_discriminator, mode_collapse, missing_modes, discriminator_overfitting,
    memorization, dead_layers, exploding_weights, checkerboard_artifacts, saturated_samples, noise, ignored_classes, forgetting,
    no_progress, pairs_wrong, category_lost, rare_category_inflated, copied_rows, no_memory, seasonality_lost, paths_alike, explodes,
    codes_lost, codes_independent, codes_per_patient_wrong, copied_patients, products_lost, purchases_independent, season_lost,
    same_sequence, sequences_alike, repeated_tokens, never_ends,
    posterior_collapse, worse_than_uniform, overfitting_likelihood, round_trip_error, singular_convolution, encoder_finds_nothing,
    invalid_molecules, molecules_alike, molecules_in_pieces, rewordings_same, rewordings_copy, rewordings_astray,
    silent_music, notes_everywhere, same_phrase, empty_bars, fragmented_notes, copied_phrases,
)  # fmt: skip
NAMES = tuple(rule.__name__.replace("_", " ") for rule in RULES)
"""The names of all findings: each rule is called as its finding is."""
IN_SAMPLES = {
    "mode collapse", "missing modes", "checkerboard artifacts", "saturated samples", "ignored classes", "forgetting", "no progress",
    "no memory", "seasonality lost", "paths alike", "codes lost", "codes independent", "codes per patient wrong", "products lost",
    "purchases independent", "season lost", "same sequence", "sequences alike", "repeated tokens", "never ends", "invalid molecules",
    "molecules alike", "molecules in pieces", "rewordings same", "rewordings copy", "rewordings astray", "silent music",
    "notes everywhere", "same phrase", "empty bars", "fragmented notes",
}  # fmt: skip
"""Findings that show in samples, whatever brought them about."""
BRINGS_ABOUT: Mapping[str, set[str]] = {
    "value range": IN_SAMPLES | {"near duplicates", "vanishing gradients", "divergence", "oscillation"},
    "near duplicates": IN_SAMPLES
    | {"oscillation", "divergence", "few images", "memorization", "discriminator overfitting", "batch norm mixing", "weak discriminator"},
    "uninformative labels": {"missing modes", "ignored classes"},
    "few images": {"missing modes"},
    "data loading": IN_SAMPLES
    | {
        "weak discriminator",
        "memorization",
        "discriminator overfitting",
        "oscillation",
        "divergence",
        "learning rate",
        "batch norm mixing",
    },
    "frozen network": IN_SAMPLES
    | {"learning rate", "vanishing gradients", "weak discriminator", "divergence", "oscillation", "encoder finds nothing"},
    "dead layers": IN_SAMPLES | {"frozen network", "vanishing gradients", "weak discriminator", "learning rate"},
    "posterior collapse": IN_SAMPLES | {"dead layers", "frozen network"},
    "worse than uniform": IN_SAMPLES,
    "singular convolution": IN_SAMPLES | {"round trip error"},
    "round trip error": IN_SAMPLES,
    "not finite": IN_SAMPLES | {"divergence", "frozen network", "dead layers", "weak discriminator", "learning rate", "exploding weights"},
    "divergence": IN_SAMPLES | {"oscillation", "exploding weights"},
    "explodes": IN_SAMPLES | {"oscillation", "divergence"},
    "weak discriminator": IN_SAMPLES | {"divergence", "vanishing gradients"},
    "vanishing gradients": IN_SAMPLES | {"learning rate"},
    "rewordings same": {"rewordings astray", "mode collapse", "missing modes"},
    "molecules alike": {"missing modes", "oscillation", "forgetting", "no progress"},
    "mode collapse": {
        "molecules alike",
        "missing modes",
        "checkerboard artifacts",
        "oscillation",
        "ignored classes",
        "forgetting",
        "no progress",
    },
    "missing modes": {"forgetting", "no progress"},
    "paths alike": {"no memory", "seasonality lost", "oscillation", "forgetting"},
    "same sequence": {"mode collapse", "missing modes", "sequences alike", "repeated tokens", "oscillation", "forgetting", "no progress"},
    "sequences alike": {"missing modes", "forgetting"},
    "repeated tokens": {"sequences alike", "mode collapse", "no progress"},
    "never ends": {"sequences alike", "no progress"},
    "oscillation": {"missing modes", "forgetting", "no progress"},
    "silent music": {"empty bars", "same phrase", "fragmented notes", "mode collapse", "missing modes"},
    "notes everywhere": {"fragmented notes", "missing modes"},
    "same phrase": {"mode collapse", "missing modes", "empty bars", "fragmented notes"},
    "noise": {"no progress", "checkerboard artifacts", "oscillation", "mode collapse"},
    "learning rate": {"paths alike", "mode collapse", "missing modes", "no progress", "dead layers", "frozen network"},
    "batch norm mixing": IN_SAMPLES | {"weak discriminator"},
}
"""By the name of a finding, other findings that it brings about: those say less where it is found. Of two that can bring about each other,
the cause is the one that began first, or else the one that is listed first here."""
SAMPLES_ARE = {"series": "window", "records": "patient", "orders": "line", "sequences": "text", "music": "phrase"}
"""What samples are called, by the kind of data, where it is not images."""
CONFIDENCE_OF_EFFECTS = 0.5
"""What the confidence of a finding is multiplied with if another one brings it about."""


def diagnose(record: Record) -> tuple[Finding, ...]:
    """All findings in a record, the weightiest first."""
    found = [finding for finding in (rule(record) for rule in RULES) if finding is not None]
    if record.kind_of_data in SAMPLES_ARE:
        found = [in_words_of(finding, SAMPLES_ARE[record.kind_of_data]) for finding in found]
    serious = [finding for finding in found if finding.severity != "note"]
    weighted = []
    for finding in found:
        causes = tuple(cause.name for cause in serious if brings_about(cause, finding))
        effect = replace(finding, confidence=finding.confidence * CONFIDENCE_OF_EFFECTS, because_of=causes)
        weighted.append(effect if causes else finding)
    return tuple(sorted(weighted, key=lambda finding: -finding.weight))


def in_words_of(finding: Finding, noun: str) -> Finding:
    """A finding in the words of a kind of data whose samples are no images, which most rules speak of."""

    def said(text: str) -> str:
        return re.sub(r"\b([Aa])n image\b", rf"\1 {noun}", text).replace("image", noun).replace("Image", noun.capitalize())

    return replace(
        finding,
        summary=said(finding.summary),
        evidence=tuple(map(said, finding.evidence)),
        curves={said(title): curve for title, curve in finding.curves.items()},
        remedies=tuple(replace(remedy, action=said(remedy.action)) for remedy in finding.remedies),
    )


def brings_about(cause: Finding, finding: Finding) -> bool:
    """Whether `cause` may be why `finding` is found."""
    if finding.name not in BRINGS_ABOUT.get(cause.name, set()):
        return False
    if cause.name not in BRINGS_ABOUT.get(finding.name, set()):
        return True
    order = list(BRINGS_ABOUT)
    return (cause.since or 0, order.index(cause.name)) < (finding.since or 0, order.index(finding.name))
