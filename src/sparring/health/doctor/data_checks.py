"""What makes data hard to learn from, told from its signs, its files and the sides of its images. Nothing is trained."""

import contextlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparring.core.formatting import plural
from sparring.data.source import Source
from sparring.data.store import Store
from sparring.health.diagnosis.evidence import labels_tell
from sparring.health.diagnosis.finding import Severity
from sparring.media.image_decoding import read_header

FAR_TOO_FEW, FEW, RATHER_FEW = 100, 1000, 5000
FEW_OF_A_CLASS, UNEVEN = 50, 10
TWINS, MANY_TWINS = 0.05, 0.5
ALIKE, FAINT = 0.01, 0.1
"""Mean differences of images, and deviation of pixels, in a range of 2."""
ENLARGED, SHRUNK, OBLONG = 1.5, 4, 1.25
"""Ratios of sides that are put up with. (Garments of 28 pixels are well drawn at 32.)"""
SOME, BAD = 0.1, 0.02
"""Shares: of images of the wrong shape, and of unusable files, that are put up with."""
HEADERS = 500
"""Images whose own size is looked up."""
ENOUGH_TO_TELL = 100
"""Images from which on it can be told whether labels say anything."""
SMALLEST = 16
BUSY = 0.75
"""Share of the processor below which a pace says little."""


@dataclass(frozen=True)
class Difficulty:
    """Something about data that makes training hard."""

    name: str
    says: str
    """What it is, with its numbers, in sentences."""
    severity: Severity
    """note: worth knowing; warning: results will suffer; severe: nothing good will come of it."""
    remedy: str
    """What to do, in sentences."""


# --------------------------------------------------------------------------------------------------- sides


def native_sizes(source: Source) -> list[tuple[int, int]]:
    """(height, width) of some of a source's images, evenly spread over it; those that cannot be read are left out."""
    if source.native_size is not None:
        return [source.native_size]
    found = []
    for index in np.unique(np.linspace(0, len(source) - 1, min(len(source), HEADERS)).astype(int)).tolist():
        with contextlib.suppress(Exception):  # whatever is wrong with it is found and told when it is decoded
            header = read_header(source.read(index))[1]
            found.append((header.height, header.width))
    return found


def suitable_size(sizes: Sequence[tuple[int, int]], most: int) -> int:
    """The largest power of two, from 16 to `most`, to which nine in ten images of these (height, width) are not enlarged by much."""
    if not sizes:
        return most
    shorter = float(np.quantile([min(size) for size in sizes], 0.1))
    return max(SMALLEST, min(most, 1 << int(math.log2(shorter * ENLARGED))))


def of_sizes(sizes: Sequence[tuple[int, int]], size: int, *, cut: bool) -> list[Difficulty]:
    """What comes of bringing images of these (height, width) to squares of `size`. `cut`: what is beside the middle is cut off."""
    if not sizes:
        return []
    found, shorter = [], np.array([min(one) for one in sizes])
    usual = int(np.median(shorter))
    if (share := (shorter * ENLARGED < size).mean()) > SOME:
        better = suitable_size(sizes, size)
        remedy = f"Give --size {better}." if better < size else "Find larger ones."
        says = f"{share:.0%} of the images are much smaller than {size} pixels (half have {usual} or fewer): enlarged, they are blurred."
        found.append(Difficulty("small images", says, "warning", remedy))
    if usual >= SHRUNK * size:
        remedy = f"Where small things matter, cut them out before, or give --size {2 * size}, which takes about four times as long."
        says = f"Half of the images have {usual:,} pixels a side or more, of which {size} are left: small things in them disappear."
        found.append(Difficulty("large images", says, "note", remedy))
    if cut and (share := (np.array([max(one) for one in sizes]) > OBLONG * shorter).mean()) > SOME:
        says = f"{share:.0%} of the images are far from square: of them the middle is taken, and what lies beside it is cut off."
        found.append(
            Difficulty("oblong images", says, "note", "Where the rest matters: --crop pad keeps all of it, --crop squash distorts.")
        )
    return found


# --------------------------------------------------------------------------------------------------- files and classes


def of_store(store: Store) -> list[Difficulty]:
    """What a store's own lists show: files that cannot be used, and how many images each class has."""
    found = []
    if bad := store.report.quarantined:
        says = f"{len(bad):,} of {store.report.found:,} cannot be used. The first: {bad[0].name}: {bad[0].reason}."
        remedy = "Training does without them. `sparring data inspect` lists all."
        found.append(Difficulty("unusable files", says, "warning" if len(bad) > BAD * store.report.found else "note", remedy))
    if store.labels is not None and len(store.spec.classes) > 1:
        found += of_classes(
            dict(zip(store.spec.classes, np.bincount(store.labels, minlength=len(store.spec.classes)).tolist(), strict=True))
        )
    return found


def of_classes(counts: Mapping[str, int]) -> list[Difficulty]:
    """What classes with so many images each make hard."""
    most, least = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
    few, uneven = sum(count < FEW_OF_A_CLASS for count in counts.values()), counts[most] >= UNEVEN * counts[least]
    if not few and not uneven:
        return []
    says = f"The largest class ({most}) has {plural(counts[most], 'image', 'images')}, the smallest ({least}) {counts[least]:,}."
    says += f" Classes with fewer than {FEW_OF_A_CLASS}: {few:,} of {len(counts):,}." if few else ""
    remedy = "Rare classes will be drawn badly and always alike: find more of them, join them with others or leave them out."
    return [Difficulty("uneven classes" if uneven else "small classes", says, "warning", remedy)]


# --------------------------------------------------------------------------------------------------- signs


def of_signs(signs: Mapping[str, Any]) -> list[Difficulty]:
    """What the signs of prepared data show (see `Examiner.data_signs`)."""
    return [each for find in (few_images, near_duplicates, faint_images, meaningless_labels) if (each := find(signs)) is not None]


def few_images(signs: Mapping[str, Any]) -> Difficulty | None:
    """Few images are soon known by heart."""
    count = signs["count"]
    if count >= RATHER_FEW:
        return None
    severity: Severity = "severe" if count < FAR_TOO_FEW else "warning" if count < FEW else "note"
    says = {
        "severe": "far too few to tell what they have in common. Samples will be copies of them.",
        "warning": "the discriminator will know them by heart before the generator can draw.",
        "note": "enough to begin with. In a long training the discriminator comes to know them by heart.",
    }[severity]
    helps = "Augmentation puts that off, and is in the command below" if count < FEW else "--augment diffaugment (or ada) puts that off"
    return Difficulty("few images", f"{plural(count, 'image', 'images')}: {says}", severity, f"{helps}. Some thousands more are better.")


def near_duplicates(signs: Mapping[str, Any]) -> Difficulty | None:
    """What is there twice teaches nothing twice, and is drawn too often."""
    seen, whole = signs["looked_at"], signs["looked_at"] == signs["count"]
    if signs["spread"] < ALIKE and signs["count"] > 1:
        says = f"All images are nearly the same: two of them differ by {signs['spread'] / 2:.1%} of the way from black to white."
        return Difficulty("near-duplicates", says, "severe", "There is one image to learn here. Find others.")
    if signs["twins"] < TWINS:
        return None
    says = f"{signs['twins']:.0%} of {'the images' if whole else f'{seen:,} images looked at'} have a near-duplicate among them"
    says += "." if whole else "; among all there will be more."
    remedy = "Keep one of each: copies are drawn too often, and there is less to learn from than it seems."
    return Difficulty("near-duplicates", says, "severe" if signs["twins"] > MANY_TWINS else "warning", remedy)


def faint_images(signs: Mapping[str, Any]) -> Difficulty | None:
    """Networks draw with the whole range from black to white, and see faint things badly."""
    if signs["deviation"] >= FAINT:
        return None
    says = f"Pixels lie within {signs['deviation'] / 2:.1%} of the way from black to white about their mean."
    return Difficulty("faint images", says, "warning", "Stretch the contrast of all of them in the same way.")


def meaningless_labels(signs: Mapping[str, Any]) -> Difficulty | None:
    """Networks that are told what images do not show are told noise."""
    if len(signs.get("classes", ())) < 2 or signs["looked_at"] < ENOUGH_TO_TELL or labels_tell(signs):
        return None
    says = f"The image nearest to another has its class in {signs['agreement']:.0%} of cases; by chance alone in "
    says += f"{signs['agreement_by_chance']:.0%}."
    remedy = "See whether labels were shuffled or shifted. The command below leaves the classes out."
    return Difficulty("labels say nothing", says, "warning", remedy)


# --------------------------------------------------------------------------------------------------- the machine


def busy_machine(share: float) -> Difficulty | None:
    """What is to be known if threads had only that share, from 0 to 1, of the processor while a pace was measured."""
    if share >= BUSY:
        return None
    says = f"Threads ran for {share:.0%} of the time: other programs seem to hold the processor."
    remedy = "Ask again when it is idle. Training is several times as fast then, for threads do not wait for each other."
    return Difficulty("busy machine", says, "note", remedy)
