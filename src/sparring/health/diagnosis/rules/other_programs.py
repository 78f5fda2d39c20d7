"""Findings in what another program left: losses alone, or sheets of samples alone."""

import numpy as np

from sparring.health.diagnosis.evidence import of_critic
from sparring.health.diagnosis.finding import Finding, Remedy
from sparring.health.diagnosis.record import NOTHING, Record, Series
from sparring.health.diagnosis.remedies import against_collapse, against_unrest, for_generator, for_weak_discriminator

SAME = 0.03
"""Images that differ by less, of a range of 2, are the same."""
MANY_SHEETS = 7
"""Of more than so many, the first quarter shows how a game began."""
NOISE = 0.75
"""Grain of samples that are noise (1) rather than images: garments at 28x28 and emoji at 16x16 to 64x64 have 0.06 to 0.24, and single
ones 0.02 to 0.68."""


def restless_losses(record: Record) -> Finding | None:
    """Losses that swing ever wider, where there is nothing else to go by."""
    loss = record.logged("loss/generator")
    if len(loss) < 20 or not np.isfinite(loss.values).all():
        return None
    early, recent = (float(np.std(part.values)) for part in (loss.early, loss.recent))
    level = abs(loss.recent.middle)
    if not recent or recent < 3 * early or (of_critic(record) and recent < 10 * early) or recent < level:
        return None
    seen = f"The generator's loss has a standard deviation of {recent:.2g} in the last third, {early:.2g} in the first."
    return Finding(
        "oscillation",
        "Losses swing wider and wider.",
        (seen,),
        "warning",
        0.5,
        None,
        {"the generator's loss": loss},
        against_unrest(record),
    )


def won_losses(record: Record) -> Finding | None:
    """A discriminator that wins, by losses alone that cannot fall below zero."""
    of_discriminator, of_generator = losses_of(record)
    if not 0 <= of_discriminator.recent.middle < 0.05 or still(of_discriminator):
        return None
    return one_sided(
        "vanishing gradient",
        "The discriminator wins: its loss is all but zero.",
        0.75,
        of_discriminator.holds_since(lambda values: values < 0.1),
        (of_discriminator, of_generator),
        for_generator(record),
        "So it is if the losses cannot fall below zero; of a critic nothing can be said from them.",
    )


def lost_losses(record: Record) -> Finding | None:
    """A generator that wins, by such losses alone."""
    of_discriminator, of_generator = losses_of(record)
    if not (of_discriminator.recent.middle > 2 and 0 <= of_generator.recent.middle < 0.05) or still(of_generator):
        return None
    return one_sided(
        "weak discriminator",
        "The generator wins: its loss is all but zero, and the discriminator's is not.",
        0.65,
        of_generator.holds_since(lambda values: values < 0.1),
        (of_discriminator, of_generator),
        for_weak_discriminator(record),
    )


def losses_of(record: Record) -> tuple[Series, Series]:
    """The discriminator's losses and the generator's; nothing where they are few, broken off, or a critic's."""
    losses = record.logged("loss/discriminator"), record.logged("loss/generator")
    told = len(losses[0]) >= 10 and np.isfinite(losses[0].values).all() and not of_critic(record)
    return losses if told else (NOTHING, NOTHING)


def one_sided(
    name: str, says: str, confidence: float, since: int | None, losses: tuple[Series, Series], remedies: tuple[Remedy, ...], *more: str
) -> Finding:
    """The finding that one player wins, by both players' losses."""
    of_discriminator, of_generator = losses
    seen = f"The discriminator's loss is {of_discriminator.recent.middle:.2g}, the generator's {of_generator.recent.middle:.2g}."
    curves = {"the discriminator's loss": of_discriminator, "the generator's loss": of_generator}
    return Finding(name, says, (seen, *more), "severe", confidence, since, curves, remedies)


def still_losses(record: Record) -> Finding | None:
    """Losses that are the same all the time: nothing is learned."""
    losses = {title: record.logged(f"loss/{player}") for title, player in (("D", "discriminator"), ("G", "generator"))}
    if record.kind != "losses" or not all(len(loss) >= 10 and still(loss) for loss in losses.values()):
        return None
    seen = ", ".join(f"{title} {loss.values[-1]:.6g}" for title, loss in losses.items())
    return Finding(
        "frozen network",
        "Nothing is learned: the losses do not change at all.",
        (f"They are {seen}.",),
        "severe",
        0.8,
        0,
        remedies=(
            Remedy("Let all parameters require gradients, hand them to their optimizers, and see that losses are made anew each time."),
        ),
    )


def still(loss: Series) -> bool:
    """Whether it does not change from line to line."""
    return bool(np.isfinite(loss.recent.values).all() and len(loss) and np.ptp(loss.recent.values) < 1e-6 * max(1e-6, abs(loss.values[-1])))


def restless_sheets(record: Record) -> Finding | None:
    """Sheets of samples that keep changing, and come back to what they were."""
    moved, returned = record.sign("sheet/moved"), record.sign("sheet/returned")
    if len(returned) < 4 or returned.recent.middle > 0.3 or moved.recent.middle < 0.5 * moved.early.middle:
        return None
    seen = f"Of late a sheet is {returned.recent.middle:.2g} times as far from an earlier one as others in between were."
    return Finding(
        "oscillation",
        "The game goes round: sheets of samples change, and come back to what they were.",
        (seen,),
        "warning",
        0.6,
        returned.holds_since(lambda values: values < 0.4),
        {"how far a sheet is from the nearest earlier one": returned, "movement from sheet to sheet": moved},
        against_unrest(record),
    )


def same_sheets(record: Record) -> Finding | None:
    """Tiles of a sheet of samples that are nearly the same."""
    spread, twins = record.sign("sheet/spread"), record.sign("sheet/twins")
    if len(spread) < 2:
        return None
    same, few = spread.recent.middle < SAME, len(twins) > 1 and twins.recent.middle > 0.8
    drawn = spread.values[len(spread) // 4 :] if len(spread) > MANY_SHEETS else spread.values  # first blobs may be stronger than images
    if not (same or few or spread.recent.middle <= 0.35 * float(np.max(drawn))):
        return None
    seen = f"Two images of a sheet differ by {spread.recent.middle:.2g} of late, by {np.max(spread.values):.2g} at most before."
    if few:
        seen += f" {twins.recent.middle:.0%} of them have a near twin on it."
    return Finding(
        "mode collapse",
        "Mode collapse: the images of a sheet are nearly the same.",
        (seen,),
        "severe",
        0.6,
        twins.holds_since(lambda values: values > 0.5)
        if few
        else spread.holds_since(lambda values: values < max(2 * SAME, 0.5 * np.max(values))),
        {"spread of a sheet": spread},
        against_collapse(record),
    )


def noise(record: Record) -> Finding | None:
    """Samples in which a pixel says nothing of the one beside it, to the last."""
    grain = record.sign("sheet/grain")
    if len(grain) < 3 or grain.late.middle < NOISE:
        return None
    return Finding(
        "noise",
        "Samples are noise: nothing has been learned, or it has been lost.",
        (f"Pixels side by side differ by {grain.late.middle:.0%} of what any two do (squared); in garments and emoji by 6 to 24 %.",),
        "severe",
        0.8,
        grain.holds_since(lambda values: values > NOISE),
        {"difference of neighboring pixels": grain},
        (
            Remedy("See that the generator's weights are in its optimizer, and that its loss reaches them (no detach, no no_grad)."),
            Remedy("See that samples are drawn with the weights that are trained, and scaled back from [-1, 1]."),
        ),
    )
