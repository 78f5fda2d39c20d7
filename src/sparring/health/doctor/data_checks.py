"""What makes data hard to learn from, by what was measured of it, its files and the sizes of its images. Nothing is trained."""

import contextlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparring.core.formatting import plural
from sparring.data.images.image_sizes import halved, rectangle_for, size_of
from sparring.data.images.image_spec import ImageSpec
from sparring.data.listed_images import Source
from sparring.data.store import Store
from sparring.health.diagnosis.finding import Severity
from sparring.health.diagnosis.record_questions import labels_match_images
from sparring.health.signals import (
    CLASS_SHARES,
    IMAGE_COUNT,
    LABEL_AGREEMENT,
    LABEL_AGREEMENT_BY_CHANCE,
    MEASURED_COUNT,
    NEAR_DUPLICATES,
    PAIRWISE_DISTANCE,
    STANDARD_DEVIATION,
)
from sparring.media.image_decoding import Crop, read_upright_size

FAR_TOO_FEW_IMAGES, FEW_IMAGES, RATHER_FEW_IMAGES = 100, 1000, 5000
FAR_TOO_FEW_PAIRS, FEW_PAIRS = 91, 400
"""The smallest training sets of Isola et al. 2017, section 4, have 91 webcams (day to night) and 400 facades."""
FEW_IMAGES_OF_A_CLASS, UNEVEN_CLASSES = 50, 10
"""Images below which a class is small; and times as many as the smallest class that the largest may have."""
DUPLICATES, MANY_DUPLICATES = 0.05, 0.5
"""Share of images with a near-duplicate that is a warning, and that is severe."""
IDENTICAL_IMAGES, FAINT_IMAGES = 0.01, 0.1
"""Mean distance of two images, and standard deviation of the pixels, of a range of 2, below which images are the same, or faint."""
ENLARGED, SHRUNK, OBLONG = 1.5, 4, 1.25
"""Ratios of sides that are acceptable. (Garments of 28 pixels look well at 32.)"""
MISSHAPEN_SHARE, UNUSABLE_SHARE = 0.1, 0.02
"""Shares of images of the wrong shape, and of unusable files, that are acceptable."""
MAX_HEADERS = 500
"""Number of images whose own size is read."""
MIN_IMAGES_TO_JUDGE_LABELS = 100
"""Number of images without which it cannot be told whether labels say anything."""
SMALLEST_SIDE = 16
BUSY_SHARE = 0.75
"""Share of the processor below which a measured pace says little."""


@dataclass(frozen=True)
class Difficulty:
    """Something about data, or about the machine, that makes training hard."""

    name: str
    description: str
    """What it is, with its numbers, in sentences."""
    severity: Severity
    """note: worth knowing; warning: results will suffer; severe: results will not be good."""
    remedy: str
    """What to do, in sentences."""


# --------------------------------------------------------------------------------------------------- sizes


def native_sizes(source: Source) -> list[tuple[int, int]]:
    """(height, width) of some of a source's images, evenly spread over it. Those that cannot be read are left out."""
    if source.native_size is not None:
        return [source.native_size]
    found = []
    for index in np.unique(np.linspace(0, len(source) - 1, min(len(source), MAX_HEADERS)).astype(int)).tolist():
        with contextlib.suppress(Exception):  # whatever is wrong with it is reported when it is decoded
            found.append(read_upright_size(source.read(index)))
    return found


def suitable_size(sizes: Sequence[tuple[int, int]], most: int) -> int:
    """The largest power of two, from 16 to `most`, to which nine in ten images of these (height, width) are not enlarged by much."""
    if not sizes:
        return most
    shorter = float(np.quantile([min(size) for size in sizes], 0.1))
    return max(SMALLEST_SIDE, min(most, 1 << int(math.log2(shorter * ENLARGED))))


def check_sizes(sizes: Sequence[tuple[int, int]], spec: ImageSpec, *, crop: Crop, most: int | None = None) -> list[Difficulty]:
    """What happens when images of these (height, width) become those of the spec. `most`: as for `rectangle_for`, where squares are trained
    on because no size is given.
    """
    if not sizes:
        return []
    square, sides = spec.width == spec.height, (spec.height, spec.width)
    ratios = np.array([[own / side for own, side in zip(one, sides, strict=True)] for one in sizes])  # of the images' sides to the size's
    found, least = [], ratios.min(axis=1)
    median = int(np.median([min(one) for one in sizes]))
    to = f"{spec.height} pixels" if square else spec.resolution
    if (share := (least * ENLARGED < 1).mean()) > MISSHAPEN_SHARE:
        better = suitable_size(sizes, spec.height) if square else halved(spec.size)
        remedy = f"Give --size {better}." if better != spec.size else "Find larger images."
        description = f"{share:.0%} of the images are much smaller than {to} (half have {median} or fewer). They are enlarged, and blurred."
        found.append(Difficulty("small images", description, "warning", remedy))
    if crop == "random":  # of large images, pieces are cut out
        return found
    if np.median(least) >= SHRUNK:
        twice = size_of(2 * spec.height, 2 * spec.width)
        remedy = f"If small details matter, crop the images to them before, or give --size {twice}, which takes about four times as long."
        remedy += " Of textures and the like, --crop random learns pieces that are not resized."
        description = f"Half of the images have {median:,} or more pixels a side and are reduced to {spec.size}: small details disappear."
        found.append(Difficulty("large images", description, "note", remedy))
    if crop == "center" and (share := (ratios.max(axis=1) > OBLONG * least).mean()) > MISSHAPEN_SHARE:
        wanted = "square" if square else f"the proportion of {spec.resolution}"
        description = f"{share:.0%} of the images are far from {wanted}: they are cropped to their middle."
        rectangle = None if most is None else rectangle_for(sizes, most)
        offer = "" if rectangle is None else f", --size {rectangle} trains on rectangles of about their proportion"
        remedy = f"If the rest matters: --crop pad keeps all of the image, --crop squash distorts it{offer}."
        found.append(Difficulty("oblong images", description, "note", remedy))
    return found


# --------------------------------------------------------------------------------------------------- files, classes and pairs


def check_store(store: Store) -> list[Difficulty]:
    """What a store's own lists show: files that cannot be used, and the number of images of each class."""
    found = []
    if unusable := store.report.quarantined:
        first = unusable[0]
        description = f"{len(unusable):,} of {store.report.found:,} files cannot be used. The first: {first.name}: {first.reason}."
        remedy = "Training does without them. `sparring data inspect` lists all of them."
        many = len(unusable) > UNUSABLE_SHARE * store.report.found
        found.append(Difficulty("unusable files", description, "warning" if many else "note", remedy))
    if store.labels is not None and len(store.spec.classes) > 1:
        counts = np.bincount(store.labels, minlength=len(store.spec.classes)).tolist()
        found += check_classes(dict(zip(store.spec.classes, counts, strict=True)))
    return found


def check_classes(counts: Mapping[str, int]) -> list[Difficulty]:
    """What is hard about classes with these numbers of images."""
    largest, smallest = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
    small = sum(count < FEW_IMAGES_OF_A_CLASS for count in counts.values())
    uneven = counts[largest] >= UNEVEN_CLASSES * counts[smallest]
    if not small and not uneven:
        return []
    description = f"The largest class ({largest}) has {plural(counts[largest], 'image', 'images')}, the smallest ({smallest}) "
    description += f"{counts[smallest]:,}."
    description += f" Classes with fewer than {FEW_IMAGES_OF_A_CLASS}: {small:,} of {len(counts):,}." if small else ""
    remedy = "Images of rare classes will be poor and all alike. Find more of them, merge these classes with others, or leave them out."
    return [Difficulty("uneven classes" if uneven else "small classes", description, "warning", remedy)]


def check_pair_count(count: int, *, paired: bool) -> list[Difficulty]:
    """What is hard about so few pairs, or images to translate without pairs."""
    if count >= FEW_PAIRS:
        return []
    noun = plural(count, "pair", "pairs") if paired else plural(count, "input image", "input images")
    description = f"{noun} to train on. The discriminator will overfit to them"
    far_too_few = count < FAR_TOO_FEW_PAIRS
    description += ", and new inputs will be translated badly." if far_too_few else "."
    remedy = f"Add more if you can: the smallest sets with published results have about {FEW_PAIRS}."
    return [Difficulty("few pairs" if paired else "few images", description, "severe" if far_too_few else "warning", remedy)]


# --------------------------------------------------------------------------------------------------- measurements


def check_measurements(data: Mapping[str, Any]) -> list[Difficulty]:
    """What the measurements of prepared data show (see `HealthMeasurements.measure_data`)."""
    checks = (few_images, near_duplicates, faint_images, uninformative_labels)
    return [difficulty for check in checks if (difficulty := check(data)) is not None]


def few_images(data: Mapping[str, Any]) -> Difficulty | None:
    """The discriminator overfits to few images."""
    count = IMAGE_COUNT.of(data)
    if count >= RATHER_FEW_IMAGES:
        return None
    severity: Severity = "severe" if count < FAR_TOO_FEW_IMAGES else "warning" if count < FEW_IMAGES else "note"
    consequence = {
        "severe": "far too few to learn what they have in common. Samples will be copies of them.",
        "warning": "the discriminator will overfit to them before samples are good.",
        "note": "enough to begin with. In a long training the discriminator overfits to them.",
    }[severity]
    augment = (
        "Augmentation delays that, and is in the command below" if count < FEW_IMAGES else "--augment diffaugment (or ada) delays that"
    )
    description = f"{plural(count, 'image', 'images')}: {consequence}"
    return Difficulty("few images", description, severity, f"{augment}. Some thousands more are better.")


def near_duplicates(data: Mapping[str, Any]) -> Difficulty | None:
    """The generator learns nothing more from duplicates, and generates them too often."""
    count, measured, share = IMAGE_COUNT.of(data), MEASURED_COUNT.of(data), NEAR_DUPLICATES.of(data)
    distance = PAIRWISE_DISTANCE.of(data)
    if distance < IDENTICAL_IMAGES and count > 1:
        description = f"All images are nearly the same: two of them differ by {distance / 2:.1%} of the way from black to white."
        return Difficulty("near-duplicates", description, "severe", "There is only one image to learn. Find others.")
    if share < DUPLICATES:
        return None
    among = "the images" if measured == count else f"the {measured:,} images measured"
    description = (
        f"{share:.0%} of {among} have a near-duplicate among them{'.' if measured == count else '; among all there will be more.'}"
    )
    remedy = "Keep one of each: duplicates are generated too often, and there is less to learn from than it seems."
    return Difficulty("near-duplicates", description, "severe" if share > MANY_DUPLICATES else "warning", remedy)


def faint_images(data: Mapping[str, Any]) -> Difficulty | None:
    """Networks use the whole range from black to white, and hardly see faint images."""
    deviation = STANDARD_DEVIATION.of(data)
    if deviation >= FAINT_IMAGES:
        return None
    description = f"The standard deviation of the pixels is {deviation / 2:.1%} of the way from black to white."
    return Difficulty("faint images", description, "warning", "Stretch the contrast of all of them in the same way.")


def uninformative_labels(data: Mapping[str, Any]) -> Difficulty | None:
    """Labels that images do not show are noise to the networks."""
    enough = len(CLASS_SHARES.of(data, ())) >= 2 and MEASURED_COUNT.of(data) >= MIN_IMAGES_TO_JUDGE_LABELS
    if not enough or labels_match_images(data):
        return None
    description = f"The image nearest to another has its class in {LABEL_AGREEMENT.of(data):.0%} of the cases; by chance it would in "
    description += f"{LABEL_AGREEMENT_BY_CHANCE.of(data):.0%}."
    remedy = "Check whether labels were shuffled or shifted. The command below leaves the classes out."
    return Difficulty("uninformative labels", description, "warning", remedy)


# --------------------------------------------------------------------------------------------------- the machine


def busy_machine(share: float) -> Difficulty | None:
    """What to know if threads only had that share, from 0 to 1, of the processor while a pace was measured."""
    if share >= BUSY_SHARE:
        return None
    description = f"Threads ran for {share:.0%} of the time: other programs seem to use the processor."
    remedy = "Ask again when the machine is idle. Training is several times as fast then, for threads do not wait for each other."
    return Difficulty("busy machine", description, "note", remedy)
