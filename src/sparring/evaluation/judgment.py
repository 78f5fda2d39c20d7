"""A judgment: all scores of a set of images against real ones, with notes on how they were found and what they mean."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch

from sparring.core.errors import DataError
from sparring.evaluation.class_scores import class_scores, collapsed_classes, groupings, scores_within_groups
from sparring.evaluation.feature_cache import ImageFeatures, describe_sizes, load_or_extract_features, usable_images
from sparring.evaluation.features import Extractor
from sparring.evaluation.image_sets import ImageSet
from sparring.evaluation.label_scores import label_scores
from sparring.evaluation.score_interpretation import interpret_scores
from sparring.evaluation.scores import COVERAGE_NEIGHBORS, Protocol, Score, class_accuracy_score, compute_scores
from sparring.media.value_range import describe_range

PAIRS_IN_REPORT = 24
"""Number of samples that a report shows beside their nearest training images."""
DIFFERENT_SHAPE_RATIO = 1.05
"""Ratio of two aspect ratios from which on shapes count as different: more than rounding."""


@dataclass(frozen=True)
class NearestPair:
    """A sample and the training image whose features are nearest to it."""

    sample: int
    """Index of the sample."""
    training: int
    """Index of the training image."""
    training_name: str
    """Name of the training image."""
    distance: float
    """Euclidean distance of their features."""


@dataclass(frozen=True, eq=False)
class Judgment:
    """All scores of judged images against real ones, and what they mean."""

    real: ImageSet
    fake: ImageSet
    """The judged images."""
    scores: tuple[Score, ...]
    """Scores over all images."""
    by_class: tuple[Score, ...]
    """Scores over the images of each class, or of each value of several labels."""
    pairs: tuple[NearestPair, ...]
    """Samples nearest to the training set, the nearest first."""
    sentences: tuple[str, ...]
    """What the scores mean together."""
    notes: tuple[str, ...] = ()
    """How the scores were found, as far as readers must know it."""
    held_out: ImageSet | None = None
    """Real images that memorization was measured against, if any were given."""

    def __getitem__(self, name: str) -> Score:
        """The score of that name over all images. Raises a KeyError that lists the names there are."""
        for score in self.scores:
            if score.name == name:
                return score
        raise KeyError(f"there is no score {name!r}; there are: {', '.join(score.name for score in self.scores)}")

    def to_json(self) -> dict[str, Any]:
        """Everything except the images, as plain values for report.json."""
        return {
            "real": {"name": self.real.name, "count": self.real.count, "fingerprint": self.real.fingerprint},
            "held_out": None if self.held_out is None else self.held_out.name,
            "fake": {name: getattr(self.fake, name) for name in ("name", "count", "fingerprint", "seed", "step", "weights")},
            "scores": [score.to_json() for score in self.scores],
            "by_class": [score.to_json() for score in self.by_class],
            "pairs": [asdict(pair) for pair in self.pairs],
            "sentences": list(self.sentences),
            "notes": list(self.notes),
        }


def judge_images(
    real: ImageSet,
    fake: ImageSet,
    extractor: Extractor,
    *,
    held_out: ImageSet | None = None,
    advance: Callable[[int], object] | None = None,
) -> Judgment:
    """Score the images `fake` against the images `real`.

    `held_out` are real images that were not trained on, as a reference for memorization. `advance` is called with the number of images
    whose features were just extracted. Raises a DataError if there are too few usable images.
    """
    check_image_counts(real, fake)
    real_features, fake_features = load_or_extract_features(real, extractor, advance), load_or_extract_features(fake, extractor, advance)
    held_out_features = None if held_out is None else load_or_extract_features(held_out, extractor, advance)
    real, fake = usable_images(real, real_features), usable_images(fake, fake_features)
    if held_out is not None and held_out_features is not None:
        held_out = usable_images(held_out, held_out_features)
    check_image_counts(real, fake)
    protocol = build_protocol(real, fake, real_features, fake_features, extractor)
    reference = None if held_out_features is None else held_out_features.rows
    scores, neighborhoods = compute_scores(real_features, fake_features, extractor, protocol, reference)
    if extractor.name == "classifier" and fake.labels is not None and fake.classes == real.classes:
        scores.append(class_accuracy_score(fake_features.predicted_classes, torch.from_numpy(fake.labels), protocol))
    of_labels, on_labels = label_scores(real.label_columns, fake.label_columns, real_features.rows, fake_features.rows, protocol)
    scores += of_labels
    pairs = []
    for sample in neighborhoods.nearest_distance.argsort()[:PAIRS_IN_REPORT].tolist():
        training = int(neighborhoods.nearest[sample])
        pairs.append(NearestPair(sample, training, real.name_of(training), float(neighborhoods.nearest_distance[sample])))
    notes = [note for side in (real, fake, held_out) if side is not None for note in side.notes]
    notes += [extractor.note] if extractor.note else []
    notes += shape_notes(real, fake, real_features, fake_features)
    if held_out is None:
        notes.append(
            "No held-out images were given, so training images stand in for them: memorization and copies compare each sample's distance "
            "to its nearest training image with the distance of training images to their nearest other training image."
        )
    by_class = [
        score
        for groups in groupings(real, fake)
        for score in scores_within_groups(groups, real_features, fake_features, extractor, protocol)
    ]
    of_class, of_each_class, on_classes = class_scores(real, fake, real_features.rows, fake_features.rows, protocol)
    sentences = (
        *interpret_scores(scores, real_features, fake_features, neighborhoods),
        *on_labels,
        *on_classes,
        *collapsed_classes(by_class),
    )
    scores, by_class = scores + of_class, by_class + of_each_class
    return Judgment(real, fake, tuple(scores), tuple(by_class), tuple(pairs), sentences, tuple(dict.fromkeys(notes)), held_out)


def check_image_counts(*sides: ImageSet) -> None:
    """Raise a DataError if a set has too few images for the neighbor scores."""
    for images in sides:
        if images.count <= COVERAGE_NEIGHBORS:
            raise DataError(f"{images.name} has too few images, {images.count}: at least {COVERAGE_NEIGHBORS + 1} are needed to judge.")


def build_protocol(
    real: ImageSet, fake: ImageSet, real_features: ImageFeatures, fake_features: ImageFeatures, extractor: Extractor
) -> Protocol:
    """The protocol of scores of all images of `fake` against all images of `real`."""
    return Protocol(
        n_real=len(real_features),
        n_fake=len(fake_features),
        seed=fake.seed,
        truncation=fake.truncation,
        real_images=describe_image_set(real, real_features),
        fake_images=describe_image_set(fake, fake_features),
        **extractor.identity(),
    )


def describe_image_set(images: ImageSet, features: ImageFeatures) -> str:
    """Name, sizes and preparation of an image set, for the protocol."""
    squeezed = (features.sizes[:, 0] != features.sizes[:, 1]).double().mean().item()
    shape = f"; {squeezed:.0%} of them are not square and were squeezed" if squeezed else ""
    deep = f"; {describe_range(features.black_white)} used as black to white" if features.black_white else ""
    return f"{images.name}: {describe_sizes(features)}; {images.provenance}{shape}{deep}"


def shape_notes(real: ImageSet, fake: ImageSet, real_features: ImageFeatures, fake_features: ImageFeatures) -> list[str]:
    """Notes on image sets whose images differ in size or aspect ratio; empty if they do not."""
    if torch.equal(real_features.sizes.unique(dim=0), fake_features.sizes.unique(dim=0)):
        return []
    notes = [
        f"{real.name} has images of {describe_sizes(real_features)}, {fake.name} of {describe_sizes(fake_features)}: each is resized to "
        "the extractor's size by itself, so the scores also count what the resizing lost or added."
    ]
    ratios = [(features.sizes[:, 1].double() / features.sizes[:, 0]).median().item() for features in (real_features, fake_features)]
    if max(ratios) > DIFFERENT_SHAPE_RATIO * min(ratios):
        notes.append(
            f"Images have different shapes: the median ratio of width to height is {ratios[0]:.2f} for real images and {ratios[1]:.2f} for "
            "judged ones. All are squeezed to squares, which distorts the two sets differently, and scores count that. Crop both in the "
            "same way to avoid it."
        )
    return notes
