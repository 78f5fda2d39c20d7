"""Findings about models that learn by likelihood."""

from sparring.health.diagnosis import thresholds
from sparring.health.diagnosis.finding import Finding, Remedy
from sparring.health.diagnosis.training_record import Record
from sparring.health.signals import DIVERGENCE_IN_NATS, FIT_LOSS

UNIFORM_BITS = 8.0
"""Bits per dimension of images whose levels are equally likely."""


def posterior_collapse(record: Record) -> Finding | None:
    """The latents of a variational autoencoder say nothing of the images."""
    divergence = record.signal(DIVERGENCE_IN_NATS)
    if len(divergence) < thresholds.MIN_MEASUREMENTS or record.last_step < thresholds.MIN_STEPS:
        return None
    now = divergence.recent.median
    if now >= thresholds.SILENT_LATENTS:
        return None
    remedies = [Remedy(action="Let each latent say a little at no cost (Kingma et al. 2016).", settings={"free_bits": 0.1})]
    warmup = {"beta_warmup_samples": thresholds.BETA_WARMUP_SAMPLES}
    remedies.append(Remedy(action="Let beta rise slowly, so that the decoder first learns to use its latents.", settings=warmup))
    if (record.settings.get("beta") or 1.0) > 1:
        remedies.insert(0, Remedy(action="Set beta back to 1.", settings={"beta": 1.0}))
    return Finding(
        name="posterior collapse",
        summary="The posterior collapses: the encoder tells the decoder nothing, and all images come out nearly the same.",
        evidence=(f"All latents together say {now:.2g} nats of an image (its divergence from the normal distribution).",),
        severity="severe",
        confidence=0.9,
        since=divergence.holds_since(lambda values: values < thresholds.SILENT_LATENTS),
        curves={"divergence of the latents, in nats": divergence},
        remedies=tuple(remedies),
    )


def worse_than_uniform(record: Record) -> Finding | None:
    """A model that learns bits per dimension has more of them than if all levels were equally likely."""
    bits = record.signal(FIT_LOSS)
    if len(bits) < thresholds.MIN_MEASUREMENTS or record.last_step < thresholds.MIN_STEPS:
        return None
    now = bits.recent.median
    if now <= UNIFORM_BITS:
        return None
    rate = record.settings.get("learning_rate")
    lower = (Remedy(action="Lower the learning rate.", settings={"learning_rate": rate / 3}),) if isinstance(rate, float) else ()
    return Finding(
        name="worse than uniform",
        summary="The model is worse than uniform noise: it has learned nothing, or has come apart.",
        evidence=(f"It needs {now:.2f} bits for each number of an image. Without any model, 8 are enough.",),
        severity="severe",
        confidence=0.95,
        since=bits.holds_since(lambda values: values > UNIFORM_BITS),
        curves={"bits per dimension": bits},
        remedies=(*lower, Remedy(action="Is the data what you think? sparring data inspect shows it.")),
    )
