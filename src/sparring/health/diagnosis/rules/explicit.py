"""Findings about models that learn by likelihood."""

from sparring.health.diagnosis import thresholds
from sparring.health.diagnosis.finding import Finding, Remedy
from sparring.health.diagnosis.training_record import Record
from sparring.health.signals import (
    BITS_OF_HOLDOUT,
    BITS_OF_TRAINING,
    DIVERGENCE_IN_NATS,
    FIT_LOSS,
    PAIRWISE_DISTANCE,
    RECONSTRUCTION,
    ROUND_TRIP,
    SMALLEST_SINGULAR_VALUE,
)

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
    beta = record.settings.get("beta") or 1.0
    remedies = [Remedy(action="Set beta back to 1.", settings={"beta": 1.0})] if beta > 1 else []
    if "likeness" in record.settings:  # its reconstructions are compared by features, which have a scale of their own
        remedies.append(Remedy(action="Lower the weight of the divergence.", settings={"beta": min(beta, 1.0) / 10}))
    else:
        warmup = {"beta_warmup_samples": thresholds.BETA_WARMUP_SAMPLES}
        remedies += [
            Remedy(action="Let each latent say a little at no cost (Kingma et al. 2016).", settings={"free_bits": 0.1}),
            Remedy(action="Let beta rise slowly, so that the decoder first learns to use its latents.", settings=warmup),
        ]
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
    """A model with a likelihood has more bits per dimension than if all levels were equally likely."""
    bits = record.signal(FIT_LOSS)
    bits = bits if len(bits) else record.signal(BITS_OF_TRAINING)
    if len(bits) < thresholds.MIN_MEASUREMENTS or record.last_step < thresholds.MIN_STEPS:
        return None
    now = bits.recent.median
    if now <= UNIFORM_BITS:
        return None
    lower = lower_rate(record)
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


def overfitting_likelihood(record: Record) -> Finding | None:
    """Images that are trained on get likelier, and held-out ones less likely."""
    held_out, trained_on = record.signal(BITS_OF_HOLDOUT), record.signal(BITS_OF_TRAINING)
    if len(held_out) <= thresholds.MIN_MEASUREMENTS or len(trained_on) != len(held_out):
        return None
    best = int(held_out.values.argmin())
    risen = held_out.recent.median - held_out.values[best]
    if risen < thresholds.LESS_LIKELY or trained_on.recent.median >= trained_on.values[best]:
        return None
    return Finding(
        name="overfitting likelihood",
        summary="The model overfits: held-out images get less likely, while those trained on get likelier.",
        evidence=(
            f"Held-out images needed {held_out.values[best]:.3f} bits for each number at step {held_out.steps[best]:,}, and need "
            f"{held_out.recent.median:.3f} now. Those trained on went from {trained_on.values[best]:.3f} to "
            f"{trained_on.recent.median:.3f}.",
        ),
        severity="warning",
        confidence=0.9,
        since=int(held_out.steps[best]),
        curves={"bits per dimension, held out": held_out, "bits per dimension, trained on": trained_on},
        remedies=(
            Remedy(action=f"Use a checkpoint from near step {held_out.steps[best]:,}."),
            Remedy(action="Add images."),
            *(
                Remedy(action="Use a smaller network.", settings={"width": width // 2})
                for width in [record.settings.get("width")]
                if isinstance(width, int) and width >= 16
            ),
        ),
    )


def round_trip_error(record: Record) -> Finding | None:
    """A reversible network does not come back to the images that it started from."""
    error = record.signal(ROUND_TRIP)
    if not len(error) or not error.values[-1] > thresholds.LOSSY_ROUND_TRIP:
        return None
    return Finding(
        name="round trip error",
        summary="The reversible network loses something: images do not come back from their latents.",
        evidence=(f"They come back with a difference of {error.values[-1]:.2g}, where -1 is black and 1 white.",),
        severity="severe",
        confidence=0.95,
        since=error.holds_since(lambda values: values > thresholds.LOSSY_ROUND_TRIP),
        curves={"difference after a round trip": error},
        remedies=(*lower_rate(record), Remedy(action="Go back to a checkpoint from before: some of its scales have become too large.")),
    )


def singular_convolution(record: Record) -> Finding | None:
    """An invertible convolution has become one that can hardly be inverted."""
    smallest = record.signal(SMALLEST_SINGULAR_VALUE)
    if not len(smallest) or smallest.values[-1] >= thresholds.SINGULAR:
        return None
    return Finding(
        name="singular convolution",
        summary="An invertible 1x1 convolution is nearly singular: it maps some direction to almost nothing, and samples come out wrong.",
        evidence=(f"Its smallest singular value is {smallest.values[-1]:.2g}.",),
        severity="severe",
        confidence=0.9,
        since=smallest.holds_since(lambda values: values < thresholds.SINGULAR),
        curves={"smallest singular value": smallest},
        remedies=(*lower_rate(record), Remedy(action="Go back to a checkpoint from before.")),
    )


def encoder_finds_nothing(record: Record) -> Finding | None:
    """Images made of the latents that an encoder finds are no more like the images than others are."""
    error, apart = record.signal(RECONSTRUCTION), PAIRWISE_DISTANCE.of(record.data, 0.0)
    if len(error) < thresholds.MIN_MEASUREMENTS or not apart or record.last_step < thresholds.MATURE_STEPS:
        return None
    now = error.recent.median / apart
    if now < thresholds.UNRELATED:
        return None
    objective = record.settings.get("objective")
    return Finding(
        name="encoder finds nothing",
        summary="The encoder finds nothing: what is made of an image's latent is no more like it than another image is.",
        evidence=(f"An image and the one made of its latent are {now:.2f} times as far apart as two images are.",),
        severity="severe",
        confidence=0.85,
        since=error.holds_since(lambda values: values / apart >= thresholds.UNRELATED),
        curves={"difference of images and reconstructions": error},
        remedies=(
            *(
                (Remedy(action="Use the non-saturating objective.", settings={"objective": "non-saturating"}),)
                if objective not in {None, "non-saturating"}
                else ()
            ),
            *(
                (Remedy(action="Use fewer latents.", settings={"latent_size": 16}),)
                if (record.settings.get("latent_size") or 0) > 16
                else ()
            ),
            Remedy(action="Train longer: the encoder learns after the generator."),
        ),
    )


def lower_rate(record: Record) -> tuple[Remedy, ...]:
    """To learn in smaller steps."""
    rate = record.settings.get("learning_rate")
    return (Remedy(action="Lower the learning rate.", settings={"learning_rate": rate / 3}),) if isinstance(rate, float) else ()
