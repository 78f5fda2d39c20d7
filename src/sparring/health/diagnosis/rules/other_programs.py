"""Findings in the losses or in the sample sheets of another program, where nothing else is known."""

import numpy as np

from sparring.health.diagnosis import thresholds
from sparring.health.diagnosis.finding import Finding, Remedy
from sparring.health.diagnosis.record_questions import has_critic, has_log_odds
from sparring.health.diagnosis.remedies import (
    against_mode_collapse,
    against_non_convergence,
    against_vanishing_gradients,
    against_weak_discriminator,
)
from sparring.health.diagnosis.training_record import EMPTY_CURVE, Curve, Record
from sparring.health.signals import (
    DISCRIMINATOR_LOSS,
    GENERATOR_LOSS,
    LOGITS_OF_GENERATED,
    LOGITS_OF_REAL,
    REAL_HIGH,
    REAL_LOW,
    REAL_SPREAD,
    SHEET_HIGH,
    SHEET_LOW,
    SHEET_MOVEMENT,
    SHEET_NEAR_DUPLICATES,
    SHEET_NOISE,
    SHEET_NOISE_OF_DIFFERENCES,
    SHEET_NOISE_OF_MEAN,
    SHEET_RETURN,
    SHEET_SPREAD,
)


def swinging_losses(record: Record) -> Finding | None:
    """Losses swing ever wider, where there is nothing else to go by."""
    loss = record.signal(GENERATOR_LOSS)
    if len(loss) < thresholds.MIN_LOSSES_TO_SWING or not np.isfinite(loss.values).all():
        return None
    early, recent = (float(np.std(part.values)) for part in (loss.early, loss.recent))
    growth = thresholds.SWING_GROWTH_OF_CRITIC if has_critic(record) else thresholds.SWING_GROWTH
    if not recent or recent < growth * early or recent < abs(loss.recent.median):
        return None
    return Finding(
        name="oscillation",
        summary="The game does not converge: losses swing wider and wider.",
        evidence=(
            f"The generator's loss has a standard deviation of {recent:.2g} in the last third of training, and {early:.2g} in the first.",
        ),
        severity="warning",
        confidence=0.5,
        curves={"the generator's loss": loss},
        remedies=against_non_convergence(record),
    )


def discriminator_wins_by_losses(record: Record) -> Finding | None:
    """The discriminator wins, by losses that cannot fall below zero."""
    discriminator, generator = comparable_losses(record)
    if not 0 <= discriminator.recent.median < thresholds.WON_LOSS or is_still(discriminator):
        return None
    return Finding(
        name="vanishing gradients",
        summary="The discriminator wins: its loss is nearly zero.",
        evidence=(
            describe_losses(discriminator, generator),
            "This holds if the losses cannot fall below zero. Of a critic they say nothing.",
        ),
        severity="severe",
        confidence=0.75,
        since=discriminator.holds_since(lambda values: values < thresholds.WON_ONSET),
        curves={"the discriminator's loss": discriminator, "the generator's loss": generator},
        remedies=against_vanishing_gradients(record),
    )


def generator_wins_by_losses(record: Record) -> Finding | None:
    """The generator wins, by losses that cannot fall below zero: its own is nearly zero, or low while the discriminator's stays above what
    guessing would give.
    """
    discriminator, generator = comparable_losses(record)
    won = discriminator.recent.median > thresholds.LOST_LOSS and 0 <= generator.recent.median < thresholds.WON_LOSS
    worse_than_guessing = (
        len(discriminator) > 0
        and (record.objective is None or has_log_odds(record))
        and discriminator.recent.values.min() > thresholds.GUESSING_LOSS
        and discriminator.recent.median > thresholds.WORSE_THAN_GUESSING * thresholds.GUESSING_LOSS
        and 0 <= generator.recent.median < thresholds.CONVINCING_LOSS
    )
    if not (won or worse_than_guessing) or is_still(generator):
        return None
    evidence = [describe_losses(discriminator, generator)]
    if not won:
        evidence.append(
            f"Guessing would give a discriminator {thresholds.GUESSING_LOSS:.2f}. This one is worse all the time: it takes generated "
            "images for real ones. (This holds for cross entropies; with hinge losses guessing gives 2.)"
        )
    real, generated = record.signal(LOGITS_OF_REAL).recent.median, record.signal(LOGITS_OF_GENERATED).recent.median
    if generated > real:
        evidence.append(f"It gives generated images a higher logit ({generated:.2g}) than real ones ({real:.2g}).")
    onset = thresholds.WON_ONSET if won else thresholds.CONVINCING_LOSS
    return Finding(
        name="weak discriminator",
        summary="The generator wins: its loss is nearly zero, and the discriminator's is not."
        if won
        else "The generator wins: the discriminator does worse than guessing.",
        evidence=tuple(evidence),
        severity="severe",
        confidence=0.65 if won or generated > real else 0.55,
        since=generator.holds_since(lambda values: values < onset),
        curves={"the discriminator's loss": discriminator, "the generator's loss": generator},
        remedies=against_weak_discriminator(record),
    )


def comparable_losses(record: Record) -> tuple[Curve, Curve]:
    """The discriminator's losses and the generator's; nothing if they are few, not finite, or a critic's."""
    discriminator, generator = record.signal(DISCRIMINATOR_LOSS), record.signal(GENERATOR_LOSS)
    enough = len(discriminator) >= thresholds.MIN_LOSSES and np.isfinite(discriminator.values).all()
    return (discriminator, generator) if enough and not has_critic(record) else (EMPTY_CURVE, EMPTY_CURVE)


def describe_losses(discriminator: Curve, generator: Curve) -> str:
    """Both players' recent losses, in a sentence."""
    return f"The discriminator's loss is {discriminator.recent.median:.2g}, the generator's {generator.recent.median:.2g}."


def unchanging_losses(record: Record) -> Finding | None:
    """Losses are the same all the time."""
    losses = {"discriminator": record.signal(DISCRIMINATOR_LOSS), "generator": record.signal(GENERATOR_LOSS)}
    if not record.is_of_another_program or not all(len(loss) >= thresholds.MIN_LOSSES and is_still(loss) for loss in losses.values()):
        return None
    values = ", ".join(f"{loss.last:.6g} ({player})" for player, loss in losses.items())
    return Finding(
        name="frozen network",
        summary="Neither network learns: the losses do not change at all.",
        evidence=(f"The losses are {values}.",),
        severity="severe",
        confidence=0.8,
        since=0,
        remedies=(
            Remedy(
                action="Make sure that all parameters require gradients, that the optimizers have them, and that losses are computed anew "
                "in each step."
            ),
        ),
    )


def is_still(loss: Curve) -> bool:
    """Whether a loss does not change from line to line."""
    recent = loss.recent.values
    return bool(np.isfinite(recent).all() and len(loss) and np.ptp(recent) < thresholds.STILL_LOSS * max(1e-6, abs(loss.last)))


def swinging_sheets(record: Record) -> Finding | None:
    """Sheets of samples keep changing, and come back to what they were."""
    movement, returned = record.signal(SHEET_MOVEMENT), record.signal(SHEET_RETURN)
    still = movement.recent.median < thresholds.SHEET_MOVING * movement.early.median
    if len(returned) < thresholds.MIN_RETURNS or returned.recent.median > thresholds.SHEET_RETURNED or still:
        return None
    return Finding(
        name="oscillation",
        summary="The game goes round: sheets of samples change, and come back to what they were.",
        evidence=(f"A recent sheet is {returned.recent.median:.2g} times as far from an earlier one as the sheets in between were.",),
        severity="warning",
        confidence=0.6,
        since=returned.holds_since(lambda values: values < thresholds.SHEET_RETURNED_ONSET),
        curves={"how far a sheet is from the nearest earlier one": returned, "movement from sheet to sheet": movement},
        remedies=against_non_convergence(record),
    )


def collapsed_sheets(record: Record) -> Finding | None:
    """The tiles of a sheet of samples are nearly the same, perhaps with noise on them."""
    spread, duplicates = record.signal(SHEET_SPREAD), record.signal(SHEET_NEAR_DUPLICATES)
    if len(spread) < 2:
        return None
    if alike_but_for_noise(record):
        of_differences = record.signal(SHEET_NOISE_OF_DIFFERENCES).last_three.median
        return Finding(
            name="mode collapse",
            summary="Mode collapse: the images of a sheet are the same, but for noise.",
            evidence=(f"What they have in common is an image, and {of_differences:.0%} of what they differ by is noise (squared).",),
            severity="severe",
            confidence=0.75,
            since=record.signal(SHEET_NOISE_OF_DIFFERENCES).holds_since(lambda values: values > thresholds.SHEET_NOISE_LEVEL),
            curves={"noise level of what the images of a sheet differ by": record.signal(SHEET_NOISE_OF_DIFFERENCES)},
            remedies=against_mode_collapse(record),
        )
    end, largest = spread.recent.median, float(np.max(spread.values))
    duplicated = len(duplicates) > 1 and duplicates.recent.median > thresholds.SHEET_DUPLICATES
    after_start = spread.values[len(spread) // 4 :] if len(spread) > thresholds.MANY_SHEETS else spread.values
    real = REAL_SPREAD.of(record.data, 0.0)
    less_than_real = end < thresholds.SHEET_COLLAPSE * real
    if not (end < thresholds.SHEET_SAME or duplicated or less_than_real or end <= thresholds.SHEET_COLLAPSE * float(np.max(after_start))):
        return None
    difference = f"Two images of a recent sheet differ by {end:.2g}; at most it was {largest:.2g}."
    if real:
        difference += f" Real images differ by {real:.2g}."
    if duplicated:
        difference += f" {duplicates.recent.median:.0%} of them have a near-duplicate on it."
    return Finding(
        name="mode collapse",
        summary="Mode collapse: the images of a sheet are nearly the same.",
        evidence=(difference,),
        severity="severe",
        confidence=0.6,
        since=duplicates.holds_since(lambda values: values > thresholds.SHEET_DUPLICATES_ONSET)
        if duplicated
        else spread.holds_since(lambda values: values < max(2 * thresholds.SHEET_SAME, 0.5 * max(largest, real))),
        curves={"spread of a sheet": spread},
        remedies=against_mode_collapse(record),
    )


def alike_but_for_noise(record: Record) -> bool:
    """Whether the images of a sheet have an image in common and differ by noise alone."""
    of_mean, of_differences = (record.signal(each).last_three for each in (SHEET_NOISE_OF_MEAN, SHEET_NOISE_OF_DIFFERENCES))
    level = thresholds.SHEET_NOISE_LEVEL
    return len(of_mean) >= 2 and float(of_mean.values.max()) < level <= float(of_differences.values.min())


def shifted_range(record: Record) -> Finding | None:
    """Samples use another part of the range of colors than real images do: somewhere on the way they are scaled wrongly."""
    low, high = record.signal(SHEET_LOW), record.signal(SHEET_HIGH)
    real_low, real_high = REAL_LOW.of(record.data, None), REAL_HIGH.of(record.data, None)
    if real_low is None or real_high is None or len(low) < 2:
        return None
    begin, end = low.last_three.median, high.last_three.median
    darkest, brightest = begin - real_low, real_high - end
    if max(darkest, brightest) <= thresholds.SHIFTED_RANGE:
        return None
    halved = darkest > brightest and abs(begin - (real_low + 1) / 2) < thresholds.HALVED_RANGE
    what = "black is gray" if darkest > brightest else "white is gray"
    return Finding(
        name="value range",
        summary=f"Samples use a part of the range of real images only: {what}.",
        evidence=(
            f"Only 1 % of their values are below {begin:.2f} of [-1, 1], and 1 % above {end:.2f}; of real images' values 10 % are below "
            f"{real_low:.2f}, and 10 % above {real_high:.2f}.",
            *(["That is what comes of scaling twice from [-1, 1] to [0, 1]."] if halved else []),
        ),
        severity="severe",
        confidence=0.9 if halved else 0.7,
        since=low.holds_since(lambda values: values - real_low > thresholds.SHIFTED_RANGE)
        if darkest > brightest
        else high.holds_since(lambda values: real_high - values > thresholds.SHIFTED_RANGE),
        curves={"darkest value of samples": low, "brightest value of samples": high},
        remedies=(
            Remedy(action="Scale real images to [-1, 1] for a generator that ends in tanh (x / 127.5 - 1), and to [0, 1] for a sigmoid."),
            Remedy(action="Scale samples back once when they are written: (x + 1) / 2 from [-1, 1] to [0, 1]."),
        ),
    )


def noise(record: Record) -> Finding | None:
    """Samples are noise: a pixel says nothing about its neighbors."""
    level = record.signal(SHEET_NOISE)
    if len(level) < thresholds.MIN_MEASUREMENTS or level.last_three.median < thresholds.SHEET_NOISE_LEVEL or alike_but_for_noise(record):
        return None
    return Finding(
        name="noise",
        summary="Samples are noise: the generator has not learned, or it has forgotten.",
        evidence=(
            f"Neighboring pixels differ by {level.last_three.median:.0%} of what any two pixels differ by (squared). In images of garments "
            "and emoji it is 6 to 24 %.",
        ),
        severity="severe",
        confidence=0.8,
        since=level.holds_since(lambda values: values > thresholds.SHEET_NOISE_LEVEL),
        curves={"noise level": level},
        remedies=(
            Remedy(action="Check that the optimizer has the generator's weights, and that the loss reaches them (no detach, no no_grad)."),
            Remedy(action="Check that samples come from the weights that are trained, and are scaled back from [-1, 1]."),
        ),
    )
