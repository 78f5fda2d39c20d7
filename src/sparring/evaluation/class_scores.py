"""Whether generated images of a class show it, and all of its variety: scores by class, and sentences on classes that failed."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn.functional import one_hot

from sparring.data.listed_images import LabelColumn
from sparring.evaluation.feature_cache import ImageFeatures
from sparring.evaluation.features import Extractor
from sparring.evaluation.image_sets import ImageSet
from sparring.evaluation.label_scores import HELD_OUT_ONE_IN, WEAK, interpretation
from sparring.evaluation.scores import (
    COVERAGE_NEIGHBORS,
    MIN_CLASS_IMAGES,
    PRECISION_NEIGHBORS,
    Protocol,
    Score,
    binomial_error,
    class_accuracy_score,
    diversity_score,
    neighbor_scores,
    small_sample_warning,
)
from sparring.metrics.frechet_distance import Gaussian, gaussian_frechet_distance
from sparring.metrics.kernel_distance import kernel_distance
from sparring.metrics.label_recovery import class_recovery, ridge_predictions
from sparring.metrics.nearest_neighbors import Neighborhoods, OwnNeighbors

COLLAPSED_CLASS = 0.6
"""With less diversity within a class, its samples are nearly one image, or two: k different images have 1 - 1/k of the diversity that they
were drawn from."""
THIRDS = 3
"""Number of groups of images with low, middle and high values of a continuous label."""
RECOGNIZED, DIVERSITY = "recognized", "diversity"


@dataclass(frozen=True)
class Grouping:
    """Images of both sides by group, for scores within each."""

    names: tuple[str, ...]
    real: Int64[np.ndarray, " n"]
    """The group of each real image; -1 for none."""
    fake: Int64[np.ndarray, " m"]
    """The group that each judged image was asked to be of; -1 for none."""
    is_class: bool = False
    """Whether groups are the classes, which a classifier of the data knows."""


def groupings(real: ImageSet, fake: ImageSet) -> list[Grouping]:
    """What both sides are divided by: their class; or each of several labels, continuous ones by thirds of the real images."""
    if real.labels is not None and fake.labels is not None and real.classes == fake.classes:
        return [Grouping(real.classes, real.labels, fake.labels, is_class=True)]
    others, found = {column.name: column for column in real.label_columns}, []
    for asked in fake.label_columns:
        known = others.get(asked.name)
        if known is None or known.classes != asked.classes:
            continue
        if asked.classes:
            names = tuple(f"{asked.name}={value}" for value in asked.classes)
            found.append(Grouping(names, known.values.astype(np.int64), asked.values.astype(np.int64)))
            continue
        edges = np.unique(np.quantile(known.values, np.linspace(0, 1, THIRDS + 1)))
        names = tuple(f"{asked.name} {low:.4g} to {high:.4g}" for low, high in itertools.pairwise(edges.tolist()))
        of_real, of_fake = (np.searchsorted(edges[1:-1], column.values, side="right") for column in (known, asked))
        found.append(Grouping(names, of_real, of_fake))
    return found


def scores_within_groups(
    groups: Grouping, real: ImageFeatures, fake: ImageFeatures, extractor: Extractor, protocol: Protocol
) -> list[Score]:
    """Distances, neighbor scores and diversity within each group that has enough images on both sides. `protocol` is that of the scores
    over all images. A Fréchet distance of few images is too large, which its warning says; the kernel distance is not.
    """
    scores = []
    for label, name in enumerate(groups.names):
        of_real, of_fake = torch.from_numpy(groups.real == label), torch.from_numpy(groups.fake == label)
        a, b = real.rows[of_real], fake.rows[of_fake]
        if min(len(a), len(b)) < MIN_CLASS_IMAGES:
            continue
        of_class = replace(protocol, n_real=len(a), n_fake=len(b))
        plain = gaussian_frechet_distance(Gaussian.fit(a), Gaussian.fit(b))
        warning = small_sample_warning(min(len(a), len(b)), a.shape[1])
        scores.append(Score(extractor.score_name("FD"), plain, "lower", of_class, label=name, warning=warning))
        distance = kernel_distance(a, b)
        scores.append(Score(extractor.score_name("KD"), float(distance), "lower", of_class, distance.standard_error, name))
        ks = (PRECISION_NEIGHBORS, COVERAGE_NEIGHBORS)
        own_real, own_fake = (OwnNeighbors.find(rows, COVERAGE_NEIGHBORS) for rows in (a, b))
        scores += neighbor_scores(Neighborhoods.find(a, b, ks, own_real, own_fake), of_class, name)
        scores.append(diversity_score(own_real, own_fake, of_class, name))
        if extractor.name == "classifier" and fake.predicted_classes is not None and groups.is_class:
            scores.append(class_accuracy_score(fake.predicted_classes[of_fake], label, of_class, name))
    return scores


def class_scores(
    real: ImageSet, fake: ImageSet, real_rows: Float[Tensor, "n d"], fake_rows: Float[Tensor, "m d"], protocol: Protocol
) -> tuple[list[Score], list[Score], list[str]]:
    """Whether samples are recognized as the class that they were asked to be of: by a linear classifier of features, fitted to real images
    and tried on other real ones. Scores over all classes, scores of each class, and sentences on what failed; empty without classes on both
    sides, or with too few images.
    """
    if real.labels is None or fake.labels is None or real.classes != fake.classes or len(real.classes) < 2:
        return [], [], []
    held = _held_out(real.labels, len(real.classes))
    if held.sum() < MIN_CLASS_IMAGES:
        return [], [], []
    targets = one_hot(torch.from_numpy(real.labels).long(), len(real.classes)).double()
    predicted = ridge_predictions(real_rows[~held], targets[~held], [real_rows[held], fake_rows], targets[held])
    of_real, of_fake = (rows.argmax(dim=1) for rows in predicted)
    wanted, asked = torch.from_numpy(real.labels)[held].long(), torch.from_numpy(fake.labels).long()
    on_real, on_fake = class_recovery(of_real, wanted), class_recovery(of_fake, asked)
    on_held = replace(protocol, n_fake=int(held.sum()), seed=None, fake_images=protocol.real_images)
    name = "accuracy of class"
    scores = [
        Score(name, on_fake.value, "higher", protocol, on_fake.standard_error),
        Score(f"{name}, real images", on_real.value, "higher", on_held, on_real.standard_error),
        Score(f"{name}, labels shuffled", on_fake.by_chance, "higher", protocol),
    ]
    by_class, missed = [], []
    chance = torch.bincount(of_fake, minlength=len(real.classes)).double() / len(of_fake)
    for label, called in enumerate(real.classes):
        mine, theirs = of_fake[asked == label], of_real[wanted == label]
        if min(len(mine), len(theirs) * HELD_OUT_ONE_IN) < MIN_CLASS_IMAGES or not len(theirs):
            continue
        share, best = (float((each == label).double().mean()) for each in (mine, theirs))
        by_class.append(_share(RECOGNIZED, share, mine, replace(protocol, n_fake=len(mine)), called))
        by_class.append(_share(f"{RECOGNIZED}, real images", best, theirs, replace(on_held, n_fake=len(theirs)), called))
        if share - float(chance[label]) < WEAK * (best - float(chance[label])):
            taken = real.classes[int(torch.bincount(mine[mine != label], minlength=len(real.classes)).argmax())]
            missed.append(f"{called} ({share:.0%}, real images {best:.0%}; mostly taken for {taken})")
    sentences = interpretation(LabelColumn("The class", real.classes, fake.labels), on_fake, on_real)
    if 0 < len(missed) < len(by_class) // 2:  # some classes, not the condition as a whole
        sentences = [f"Classes that are seldom recognized: {', '.join(missed)}."]
    return scores, by_class, sentences


def collapsed_classes(by_class: Sequence[Score]) -> list[str]:
    """A sentence on the classes whose samples are nearly one image or two; none if there are no such classes."""
    found = [f"{score.label} ({score.value:.0%})" for score in by_class if score.name == DIVERSITY and score.value < COLLAPSED_CLASS]
    return [f"Collapsed classes, whose samples differ by so much of what real ones of the class do: {', '.join(found)}."] if found else []


def _held_out(labels: Int64[np.ndarray, " n"], classes: int) -> Tensor:
    """Whether each image is held out: one in five of each class, in whatever order the classes come."""
    held = torch.zeros(len(labels), dtype=torch.bool)
    for label in range(classes):
        held[torch.from_numpy(np.flatnonzero(labels == label)[::HELD_OUT_ONE_IN])] = True
    return held


def _share(name: str, share: float, of: Int64[Tensor, " n"], protocol: Protocol, label: str) -> Score:
    return Score(name, share, "higher", protocol, binomial_error(share, len(of)), label)
