"""Findings: what is wrong with the samples themselves."""

import numpy as np

from sparring.health.diagnosis.evidence import CHECKUPS, YOUNG, imaged, labels_tell, mature, onto, told_classes
from sparring.health.diagnosis.finding import Finding, Remedy
from sparring.health.diagnosis.record import Record, Series
from sparring.health.diagnosis.remedies import against_collapse, against_unrest, for_rates
from sparring.health.diagnosis.rules.other_programs import same_sheets

FEW_IMAGES = 0.15
"""Where samples are so near each other, beside how near real images are, a few images are drawn again and again. (Healthy runs of
nine recipes have 0.46 to 1.08, an `acgan` that draws one image for each class 0.06.)"""


SLIGHT = 0.08
"""Share of the data whose lack is worth a note: one cluster of sixteen, such as the end of a curve, has up to 0.077."""
LEAST_ALIKE = 0.3
"""Share of a class's images that are nearest to another of theirs, below which it cannot be told by the nearest image."""
FEWEST_DRAWN = 5
"""Samples of a kind that a checkup should have: of rarer ones none may be there by chance."""


def mode_collapse(record: Record) -> Finding | None:
    """All samples are nearly the same."""
    diversity = record.sign("diversity")
    if len(diversity) < CHECKUPS or record.last_step < YOUNG:
        return same_sheets(record) if record.kind == "samples" else None
    end, begin = diversity.late.middle, diversity.early.middle
    now, twins = float(diversity.values[-1]), record.sign("repeats")
    repeats = min(twins.late.middle, float(twins.values[-1])) if imaged(record) and len(twins) else 0.0
    apart = record.sign("apart")
    near = max(apart.late.middle, float(apart.values[-1])) if imaged(record) and len(apart) >= CHECKUPS else 1.0
    point, few = max(end, now) < 0.02 or repeats > 0.8, near < FEW_IMAGES and near <= 1.5 * apart.early.middle
    if not (point or few or (max(end, now) < 0.3 and end < 1.5 * begin)):
        return None
    evidence = [f"Two samples differ by {end:.2g} times what two real images do ({begin:.2g} early on)."]
    if repeats > 0.8:
        evidence.append(
            f"{repeats:.0%} of the samples have a near twin among {'others of their class' if told_classes(record) else 'the others'}."
        )
    elif few:
        evidence.append(f"A sample is {near:.2g} times as far from the one most like it as a real image is from the one most like it.")
    if (names := onto(record)) and (point or not few):
        evidence.append(f"They look like: {names}.")
    beginning = not point and not mature(record) and float(np.max(diversity.values)) < 0.3
    if beginning:
        evidence.append("So it has been from the start, and games may begin so: untrained generators draw nearly the same for all latents.")
    return Finding(
        "mode collapse",
        "Mode collapse: the generator draws one image, or very few.",
        tuple(evidence),
        "note" if beginning else "severe",
        0.4 if beginning else 0.95 if point else 0.9 if few else 0.85,
        apart.holds_since(lambda values: values < 2 * FEW_IMAGES)
        if few
        else diversity.holds_since(lambda values: values < max(0.4, 1.01 * end)),
        curves={"diversity of samples": diversity}
        | ({"distance to the nearest sample": apart} if few else {})
        | {"coverage": record.sign("coverage")},
        remedies=against_collapse(record),
    )


def missing_modes(record: Record) -> Finding | None:
    """Whole kinds of images that are hardly drawn, or classes that are not when they are asked for."""
    steps, drawn = record.signs("kinds")
    real = np.array(record.data.get("kinds", []))
    diversity = record.sign("diversity").recent.middle
    if len(steps) < CHECKUPS + 1 or steps[-1] < YOUNG or drawn.shape[1] != len(real) or diversity < 0.2:
        return None
    asked, alike = record.signs("as_asked/kinds")[1], np.array(record.data.get("agreements", []))
    told = told_classes(record) and asked.shape == drawn.shape and len(alike) == len(real)
    present = drawn / np.maximum(real, 1e-9)  # beside what there should be
    if told:
        present = np.minimum(present, np.where(alike < LEAST_ALIKE, np.inf, asked / np.maximum(alike, LEAST_ALIKE)))
    separate, last = not imaged(record), slice(-5, None)
    bound = 0.2 if separate else 0.35
    common = real * record.data.get("shown", 128) >= FEWEST_DRAWN
    lacking = (np.maximum(present[last].mean(axis=0), present[-1]) < bound) & common
    mass = float(real[lacking].sum())
    if mass < (0.05 if separate else 0.25):
        return None
    slight = not mature(record) or mass < SLIGHT
    kinds = record.about_data.get("spec", {}).get("classes", [])
    named = record.data.get("kinds_are") == "classes" and len(kinds) == len(real)
    names = ", ".join(str(kinds[place]) for place in np.flatnonzero(lacking)) if named else f"{lacking.sum()} of {len(real)} clusters"
    shares = Series(steps, ((present < bound) * real).sum(axis=1))
    evidence = [f"Kinds that make up {mass:.0%} of the data make up {drawn[last].mean(axis=0)[lacking].sum():.1%} of the samples."]
    if told:
        evidence.append(
            f"Of samples that are asked to be of these classes, {asked[last].mean(axis=0)[lacking].mean():.0%} are nearest to a real "
            f"image of theirs; of other real ones {alike[lacking].mean():.0%} are."
        )
    return Finding(
        "missing modes",
        f"Partial mode collapse: some kinds of images are hardly drawn ({names}).",
        tuple(evidence),
        "note" if slight else "severe" if mass > 0.5 else "warning",
        min(0.4 if slight else 0.92, 0.6 + mass),
        shares.holds_since(lambda values: values > 0.5 * mass),
        curves={"share of the data that is not drawn": shares},
        remedies=against_collapse(record),
    )


def ignored_classes(record: Record) -> Finding | None:
    """Samples that are not of the class that was asked for."""
    asked, data = record.sign("as_asked"), record.data
    if not told_classes(record) or len(asked) < CHECKUPS or record.last_step < YOUNG or not labels_tell(data):
        return None
    chance, real, end = data["agreement_by_chance"], data["agreement"], asked.recent.middle
    if not end <= chance + 0.25 * (real - chance):
        return None
    other = {} if record.settings.get("condition") == "projection" else {"condition": "projection"}
    return Finding(
        "ignored classes",
        "The generator ignores the class that it is told.",
        (
            f"The real image nearest to a sample has its class in {end:.0%} of the cases, and that nearest to another real one in "
            f"{real:.0%} ({chance:.0%} would be chance).",
        ),
        "severe" if mature(record) else "note",
        0.8 if mature(record) else 0.4,
        asked.holds_since(lambda values: values < chance + 0.35 * (real - chance)),
        {"samples that are as asked": asked},
        (Remedy("Tell the discriminator the class by projection, and see that real images and labels are in step.", other),),
    )


def forgetting(record: Record) -> Finding | None:
    """Samples that cover far less of the data than they once did."""
    coverage = record.sign("coverage")
    if len(coverage) < 2 * CHECKUPS or not mature(record):
        return None
    steady = np.median(np.lib.stride_tricks.sliding_window_view(coverage.values, CHECKUPS), axis=1)
    best, end = float(steady.max()), coverage.late.middle
    if not (best >= 0.3 and end <= 0.4 * best):
        return None
    return Finding(
        "forgetting",
        "What had been learned is lost: samples cover far less of the data than before.",
        (f"They cover {end:.0%} of it, and {best:.0%} at best (about step {coverage.steps[int(steady.argmax()) + 1]:,}).",),
        "severe",
        0.7,
        coverage.holds_since(lambda values: values < 0.6 * best),
        {"coverage": coverage},
        (Remedy("Use the best checkpoint that is kept (--checkpoint best)."), *against_unrest(record)),
    )


def no_progress(record: Record) -> Finding | None:
    """Samples that are of nothing that the data has, and come no nearer to it."""
    coverage, nearest, precision = record.sign("coverage"), record.sign("nearest"), record.sign("precision").recent.middle
    now = nearest.recent
    before = Series(nearest.steps[: -len(now)], nearest.values[: -len(now)]).late
    if not imaged(record) or len(coverage) < 2 * CHECKUPS or not mature(record):
        return None
    lost = coverage.values.max() < 0.1 and coverage.recent.middle < 0.05 and precision < 0.1
    if not (lost and now.middle > 0.9 * before.middle):
        return None
    return Finding(
        "no progress",
        "The generator learns nothing: its samples are not like the data, and come no nearer to it.",
        (
            f"They cover {coverage.recent.middle:.1%} of the data, and never covered more than {coverage.values.max():.0%}; "
            f"{precision:.0%} of them lie among real images.",
            f"Half of them are within {now.middle:.2g} of a real image (in units of the mean distance of two), and were within "
            f"{before.middle:.2g} before.",
        ),
        "warning",
        0.6,
        coverage.holds_since(lambda values: values < 0.1),
        {"coverage": coverage, "distance to the nearest real image": nearest},
        (
            Remedy("Look at the data as training sees it (sparring data inspect), and begin with what sparring doctor advises for it."),
            *against_unrest(record),
        ),
    )


FIRST_PATTERN = 0.1
"""The share of alternating pixels that a game may begin with, and lose: 0.04 at most in young healthy games, and 0.16 at least where it
was put there."""


FADING = 0.8
"""Times what it was early on: then a pattern that is not too strong (a narrow `lsgan` began with 0.28) is going."""
VARIED = 0.1
"""The diversity from which on samples have so much in them that a pattern which began with the game and will go has a small share."""


def checkerboard(record: Record) -> Finding | None:
    """A pattern that alternates from pixel to pixel."""
    series, real = record.sign("checkerboard"), record.data.get("checkerboard", 0.0)
    if len(series) < CHECKUPS or (record.kind == "run" and record.last_step < YOUNG):  # others count epochs
        return None
    end = series.recent.middle
    if not end >= max(0.02, 10 * real) or (record.checkups and record.sign("diversity").recent.middle < 0.05 and end < 0.2):
        return None
    going = min(3 * FIRST_PATTERN, FADING * series.early.middle) if record.sign("diversity").recent.middle < VARIED else 0.0
    fading = record.kind == "run" and not mature(record) and end < max(FIRST_PATTERN, going)
    return Finding(
        "checkerboard",
        "Samples have a checkerboard pattern.",
        (f"{end:.1%} of what is in samples alternates from pixel to pixel; in real images it is {real:.2%}.",),
        "note" if fading else "warning",
        0.4 if fading else min(0.9, 0.6 + end),
        series.holds_since(lambda values: values > max(0.02, 10 * real)),
        {"share of alternating pixels": series},
        (Remedy("Enlarge by resizing and convolving, not by strided transposed convolutions whose stride does not divide their kernels."),),
    )


def saturation(record: Record) -> Finding | None:
    """Pixels that stick to the ends of the range."""
    series, real = record.sign("saturation"), record.data.get("saturation")
    if real is None or not imaged(record) or len(series) < CHECKUPS or record.last_step < YOUNG:
        return None
    end = series.recent.middle
    if not end >= max(real + 0.25, 0.5):
        return None
    return Finding(
        "saturation",
        "Samples are saturated: their pixels stick to black and white.",
        (f"{end:.0%} of the samples' pixels are at an end of the range; in real images {real:.0%} are.",),
        "warning",
        min(0.95, 0.5 + (end - real)),
        series.holds_since(lambda values: values > real + 0.2),
        {"share of saturated pixels": series},
        for_rates(record) or (Remedy("Lower learning rates, or take a generator without gain before its last rectifier."),),
    )
