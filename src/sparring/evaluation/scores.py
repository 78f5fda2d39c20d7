"""The judgment: every score of a set of fake images against real ones, with its protocol and its doubt."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from sparring.core.errors import DataError
from sparring.evaluation.feature_cache import ImageFeatures, describe_sizes, load_or_extract_features, usable_images
from sparring.evaluation.features import Extractor
from sparring.evaluation.image_sets import ImageSet
from sparring.media.value_range import describe_range
from sparring.metrics import frechet_distance
from sparring.metrics.frechet_distance import Gaussian
from sparring.metrics.kernel_distance import kernel_distance
from sparring.metrics.nearest_neighbors import Neighborhoods, OwnNeighbors, expected_coverage, memorization, nearest_distances

Better = Literal["lower", "higher", "near 1", "near 0.5", "near 0.01"]
PRECISION_NEIGHBORS, COVERAGE_NEIGHBORS = 3, 5
MIN_CLASS_IMAGES = 10
"""Images of a class, real and fake, that are needed to judge it."""
PAIRS_IN_REPORT = 24
SAME_FEATURES = 1e-5
"""Features that differ by less than this share of their length are the same."""
FULL_COVERAGE = 0.9
"""Where too few samples to reach it are compared, that is said."""
LOW_SCORE, HIGH_SCORE = 0.3, 0.6
"""Of precision and recall: where a sentence says that one is low and the other is not."""
FEW_IMAGES = 50
"""Images of a side below which precision and recall are mostly chance."""
BLANK_CONTRAST, NOISE_ROUGHNESS, COLLAPSED_DIVERSITY, BLANK_SHARE = 0.01, 0.5, 0.1, 0.5
"""A contrast of images with nothing in them; a roughness of noise; a diversity of samples that are all one image; and the share of samples
that must be blank."""
REPORTED_COPY_SHARE = 0.1
"""Share of copies among the samples that is told."""
DIFFERENT_SHAPE_RATIO = 1.05
"""Ratio of two shapes that is more than rounding."""


@dataclass(frozen=True)
class Protocol:
    """All that a score depends on beside the images themselves."""

    n_real: int
    n_fake: int
    extractor: str
    weights: str
    """The first figures of the weights' SHA-256."""
    resize: str
    precision: str
    seed: int | None
    """Of the fake images, if they were generated here."""
    truncation: float | None = None
    """With which those were drawn."""
    real_images: str = ""
    """What the real images are, and how they were brought to the extractor ..."""
    fake_images: str = ""
    """... and the same of the fake ones."""


@dataclass(frozen=True)
class Score:
    """A number that says one thing about samples, and how it was found."""

    name: str
    value: float
    better: Better
    protocol: Protocol
    standard_error: float | None = None
    label: str | None = None
    """The class that it is about; None: all."""
    warning: str = ""

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 %: 1.96 standard errors either side."""
        if self.standard_error is None:
            return None
        return self.value - 1.96 * self.standard_error, self.value + 1.96 * self.standard_error

    def to_json(self) -> dict[str, Any]:
        """Value, doubt and protocol side by side."""
        protocol = asdict(self.protocol)
        return {**{name: value for name, value in asdict(self).items() if name != "protocol"}, "interval": self.interval, **protocol}


@dataclass(frozen=True)
class NearestPair:
    """A sample and the training image nearest to it."""

    sample: int
    training: int
    training_name: str
    distance: float


@dataclass(frozen=True, eq=False)
class Judgment:
    """What is to be said about fake images."""

    real: ImageSet
    fake: ImageSet
    scores: tuple[Score, ...]
    """Of all images."""
    by_class: tuple[Score, ...]
    """Of the images of each class by themselves."""
    pairs: tuple[NearestPair, ...]
    """The samples that are nearest to the training set, the nearest first."""
    sentences: tuple[str, ...]
    """What the numbers say together."""
    notes: tuple[str, ...] = ()
    """What a reader must know about how they were found."""
    held_out: ImageSet | None = None
    """The images that copies were told by, if any were given."""

    def __getitem__(self, name: str) -> Score:
        """The score of that name, of all images."""
        for score in self.scores:
            if score.name == name:
                return score
        raise KeyError(f"there is no score {name!r}; there are: {', '.join(score.name for score in self.scores)}")

    def to_json(self) -> dict[str, Any]:
        """All of it but the images."""
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
    """Every score of `fake` against `real`. `held_out`: real images that were not trained on, to tell copies by."""
    check_image_counts(real, fake)
    seen_real, seen_fake = load_or_extract_features(real, extractor, advance), load_or_extract_features(fake, extractor, advance)
    seen_held_out = None if held_out is None else load_or_extract_features(held_out, extractor, advance)
    real, fake = usable_images(real, seen_real), usable_images(fake, seen_fake)
    if held_out is not None and seen_held_out is not None:
        held_out = usable_images(held_out, seen_held_out)
    check_image_counts(real, fake)
    protocol = build_protocol(real, fake, seen_real, seen_fake, extractor)
    reference = None if seen_held_out is None else seen_held_out.rows
    scores, around = compute_scores(seen_real, seen_fake, extractor, protocol, reference)
    if extractor.name == "classifier" and fake.labels is not None and fake.classes == real.classes:
        scores.append(class_accuracy_score(seen_fake.predicted_classes, torch.from_numpy(fake.labels), protocol))
    order = around.nearest_distance.argsort()[:PAIRS_IN_REPORT].tolist()
    places = [int(around.nearest[number]) for number in order]
    pairs = tuple(
        NearestPair(number, place, real.name_of(place), float(around.nearest_distance[number]))
        for number, place in zip(order, places, strict=True)
    )
    notes = [note for side in (real, fake, held_out) if side is not None for note in side.notes]
    notes += [extractor.note] if extractor.note else []
    notes += shape_notes(real, fake, seen_real, seen_fake)
    if held_out is None:
        notes.append(
            "No held-out images were given, so training images stand in for them: each one's nearest other training image "
            "is what samples are compared with in memorization and copies."
        )
    by_class = tuple(per_class_scores(real, fake, seen_real, seen_fake, extractor, protocol))
    said = tuple(interpret_scores(scores, seen_real, seen_fake, around))
    return Judgment(real, fake, tuple(scores), by_class, pairs, said, tuple(dict.fromkeys(notes)), held_out)


def check_image_counts(*sides: ImageSet) -> None:
    """Raise a DataError if there is a side with too few images."""
    for images in sides:
        if images.count <= COVERAGE_NEIGHBORS:
            raise DataError(f"{images.name} has too few images, {images.count}: at least {COVERAGE_NEIGHBORS + 1} are needed to judge.")


def build_protocol(real: ImageSet, fake: ImageSet, seen_real: ImageFeatures, seen_fake: ImageFeatures, extractor: Extractor) -> Protocol:
    """What their scores are found by."""
    return Protocol(
        n_real=len(seen_real),
        n_fake=len(seen_fake),
        seed=fake.seed,
        truncation=fake.truncation,
        real_images=_describe_image_set(real, seen_real),
        fake_images=_describe_image_set(fake, seen_fake),
        **extractor.identity(),
    )


def _describe_image_set(images: ImageSet, seen: ImageFeatures) -> str:
    """What the images are, and how they came to be what the extractor resizes."""
    squeezed = (seen.sizes[:, 0] != seen.sizes[:, 1]).double().mean().item()
    shape = f"; {squeezed:.0%} of them are not square and were squeezed" if squeezed else ""
    deep = f"; {describe_range(seen.black_white)} taken as black to white" if seen.black_white else ""
    return f"{images.name}: {describe_sizes(seen)}; {images.provenance}{shape}{deep}"


def shape_notes(real: ImageSet, fake: ImageSet, seen_real: ImageFeatures, seen_fake: ImageFeatures) -> list[str]:
    """What a reader should know where the images of the two sides are not of one size or shape."""
    if torch.equal(seen_real.sizes.unique(dim=0), seen_fake.sizes.unique(dim=0)):
        return []
    found = [
        f"{real.name} has images of {describe_sizes(seen_real)}, {fake.name} of {describe_sizes(seen_fake)}: each is resized to the "
        "extractor's size by itself, and what was lost or added by its size counts."
    ]
    ratios = [(seen.sizes[:, 1].double() / seen.sizes[:, 0]).median().item() for seen in (seen_real, seen_fake)]
    if max(ratios) > DIFFERENT_SHAPE_RATIO * min(ratios):
        found.append(
            f"Images are of two shapes: in the median real ones are {ratios[0]:.2f} times as wide as high, fake ones {ratios[1]:.2f}. "
            "All are squeezed to squares, which distorts the two sides differently, and scores count that: cut both alike to leave it out."
        )
    return found


def frechet_scores(real: Gaussian, fake: Float[Tensor, "n d"], name: str, protocol: Protocol) -> list[Score]:
    """The plain Fréchet distance, the extrapolated one, and a warning where samples are few."""
    plain = frechet_distance.gaussian_frechet_distance(real, Gaussian.fit(fake))
    n, d = fake.shape
    warning = small_sample_warning(min(n, real.n), d)
    if n < frechet_distance.MIN_SAMPLES:
        return [Score(name, plain, "lower", protocol, warning=warning)]
    more = frechet_distance.extrapolate_distance(real, fake, plain)
    rough = (
        ""
        if frechet_distance.blocks_have_full_rank(n, d)
        else f"A rough guess: {n:,} samples have no covariance of full rank in {d:,} features."
    )
    return [
        Score(name, plain, "lower", protocol, more.standard_error, warning=warning),
        Score(f"{name}-infinite", more.infinite, "lower", protocol, more.infinite_error, warning=rough),
    ]


def small_sample_warning(n: int, d: int) -> str:
    """A warning where samples are few for a Fréchet distance, else nothing."""
    few = f"{n:,} images are few for {d:,} features: the distance is too large, and only comparable at these numbers."
    return few if n < 4 * d else ""


def compute_scores(
    real: ImageFeatures, fake: ImageFeatures, extractor: Extractor, protocol: Protocol, held_out: Float[Tensor, "h d"] | None
) -> tuple[list[Score], Neighborhoods]:
    """The scores of all images, and the neighborhoods they were found by."""
    scores = frechet_scores(Gaussian.fit(real.rows), fake.rows, extractor.score_name("FD"), protocol)
    distance = kernel_distance(real.rows, fake.rows)
    scores.append(Score(extractor.score_name("KD"), float(distance), "lower", protocol, distance.standard_error))
    if fake.inception is not None and real.inception is not None:
        name = extractor.score_name("IS")
        scores.append(Score(name, fake.inception.mean, "higher", protocol, fake.inception.standard_error))
        scores.append(Score(f"{name} of the real images", real.inception.mean, "higher", protocol, real.inception.standard_error))
    own_real, own_fake = (OwnNeighbors.find(each.rows, COVERAGE_NEIGHBORS) for each in (real, fake))
    around = Neighborhoods.find(real.rows, fake.rows, (PRECISION_NEIGHBORS, COVERAGE_NEIGHBORS), own_real, own_fake)
    scores += neighbor_scores(around, protocol)
    if own_real.mean_distance < SAME_FEATURES * real.rows.norm(dim=1).mean().item():
        raise DataError(f"All real images look the same to {extractor.name}: there is nothing to judge by.")
    ratio = own_fake.mean_distance / own_real.mean_distance
    doubt = math.hypot(own_fake.mean_distance_error, ratio * own_real.mean_distance_error) / own_real.mean_distance
    scores.append(Score("diversity", ratio, "near 1", protocol, doubt))
    comparison = own_real.nearest_distance if held_out is None else nearest_distances(held_out, real.rows)
    memory = memorization(around.nearest_distance, comparison)
    scores.append(Score("memorization", memory.nearer, "near 0.5", protocol, memory.nearer_error))
    scores.append(Score("copies", memory.copies, "near 0.01", protocol, binomial_error(memory.copies, len(fake))))
    return scores, around


def neighbor_scores(around: Neighborhoods, protocol: Protocol, label: str | None = None) -> list[Score]:
    """Precision, recall, density and coverage. The doubt is that of counting, with the other sample's balls as they are."""
    first, second = around.precision_recall(PRECISION_NEIGHBORS), around.density_coverage(COVERAGE_NEIGHBORS)
    density = around.in_real_balls[COVERAGE_NEIGHBORS].double() / COVERAGE_NEIGHBORS
    n, m = protocol.n_real, protocol.n_fake
    best = expected_coverage(n, m, COVERAGE_NEIGHBORS)
    few = f"{m:,} of the real distribution itself would cover {best:.0%}." if best < FULL_COVERAGE else ""
    return [
        Score("precision", first.precision, "higher", protocol, binomial_error(first.precision, m), label),
        Score("recall", first.recall, "higher", protocol, binomial_error(first.recall, n), label),
        Score("density", second.density, "near 1", protocol, (density.std() / m**0.5).item(), label),
        Score("coverage", second.coverage, "higher", protocol, binomial_error(second.coverage, n), label, few),
    ]


def binomial_error(share: float, n: int) -> float:
    """Standard error of a share of `n`, after Agresti and Coull (1998): not 0 where all or none are counted."""
    middle = (share * n + 2) / (n + 4)
    return math.sqrt(middle * (1 - middle) / (n + 4))


def class_accuracy_score(named: Tensor | None, asked: Tensor | int, protocol: Protocol, label: str | None = None) -> Score:
    assert named is not None
    share = (named == asked).double().mean().item()
    return Score("class accuracy", share, "higher", protocol, binomial_error(share, len(named)), label)


def per_class_scores(
    real: ImageSet, fake: ImageSet, seen_real: ImageFeatures, seen_fake: ImageFeatures, extractor: Extractor, whole: Protocol
) -> list[Score]:
    """Distances and neighbor scores of each class by itself, where both sides know the classes and have enough of one."""
    if real.labels is None or fake.labels is None or real.classes != fake.classes:
        return []
    found = []
    for label, name in enumerate(real.classes):
        a, b = seen_real.rows[torch.from_numpy(real.labels == label)], seen_fake.rows[torch.from_numpy(fake.labels == label)]
        if min(len(a), len(b)) < MIN_CLASS_IMAGES:
            continue
        protocol = replace(whole, n_real=len(a), n_fake=len(b))
        plain = frechet_distance.gaussian_frechet_distance(Gaussian.fit(a), Gaussian.fit(b))
        found.append(
            Score(
                extractor.score_name("FD"),
                plain,
                "lower",
                protocol,
                label=name,
                warning=small_sample_warning(min(len(a), len(b)), a.shape[1]),
            )
        )
        distance = kernel_distance(a, b)
        found.append(Score(extractor.score_name("KD"), float(distance), "lower", protocol, distance.standard_error, name))
        ks = (PRECISION_NEIGHBORS, COVERAGE_NEIGHBORS)
        around = Neighborhoods.find(a, b, ks, OwnNeighbors.find(a, COVERAGE_NEIGHBORS), OwnNeighbors.find(b, COVERAGE_NEIGHBORS))
        found += neighbor_scores(around, protocol, name)
        if extractor.name == "classifier":
            named = None if seen_fake.predicted_classes is None else seen_fake.predicted_classes[torch.from_numpy(fake.labels == label)]
            found.append(class_accuracy_score(named, label, protocol, name))
    return found


def describe_failure(diversity: float, real: ImageFeatures, fake: ImageFeatures) -> str:
    """The sentence on samples that have failed as a whole, for which no other score means anything; empty if they have not."""
    blank_real, blank = ((seen.contrast < BLANK_CONTRAST).double().mean().item() for seen in (real, fake))
    if blank > BLANK_SHARE and blank_real < BLANK_SHARE:
        return (
            f"Blank: {blank:.0%} of the samples are of a single color, with nothing in them to see. So it is with a generator that has "
            "died or was never trained, and with files that were written with a wrong range of values."
        )
    rough_real, rough = real.roughness.quantile(0.95).item(), fake.roughness.median().item()
    if rough > NOISE_ROUGHNESS and rough > 2 * rough_real:
        return (
            f"Noise: in half of the samples neighboring pixels have next to nothing in common (roughness {rough:.2f}; 1 is pure noise, and "
            f"of the real images 95% have less than {rough_real:.2f}). Nothing of the data is in them yet."
        )
    if diversity < COLLAPSED_DIVERSITY:
        return (
            f"One image: two samples differ by {diversity:.1%} of what two real images do, so they are all but the same. The generator has "
            "collapsed to one image, however good that is."
        )
    return ""


def interpret_scores(scores: list[Score], real: ImageFeatures, fake: ImageFeatures, around: Neighborhoods) -> list[str]:
    """What the numbers say together that none says alone."""
    values = {score.name: score for score in scores}
    precision, recall, coverage = (values[name].value for name in ("precision", "recall", "coverage"))
    protocol = values["coverage"].protocol
    possible = expected_coverage(protocol.n_real, protocol.n_fake, COVERAGE_NEIGHBORS)
    failed = describe_failure(values["diversity"].value, real, fake)
    found = [failed] if failed else []
    copied = around.nearest_distance <= SAME_FEATURES * real.rows.norm(dim=1).mean()
    if copied.all() and len(real) == len(fake) == len(around.nearest.unique()):
        return [
            *found,
            "Copies: the two sides are the same images. Distances of 0 say nothing of a generator then.",
        ]
    few = min(protocol.n_real, protocol.n_fake)
    if few < FEW_IMAGES:
        found.append(f"{few} images are too few to tell quality from variety: give at least {FEW_IMAGES} of each side.")
    elif failed:
        pass
    elif precision >= HIGH_SCORE and recall < LOW_SCORE:
        found.append(
            f"Quality without variety: {precision:.0%} of the samples lie among real images, yet they reach only {recall:.0%} of "
            "them. So it is with mode collapse, with truncation, and with training that has not come far."
        )
    elif recall >= HIGH_SCORE and precision < LOW_SCORE:
        found.append(f"Variety without quality: samples reach {recall:.0%} of the real images, yet only {precision:.0%} lie among them.")
    elif precision < LOW_SCORE and recall < LOW_SCORE:
        found.append(f"Neither quality nor variety: precision {precision:.0%}, recall {recall:.0%}. The generator is far from the data.")
    inception = next((score for score in scores if score.name.startswith("IS") and "real" not in score.name), None)
    if failed or few < FEW_IMAGES:  # it says next to nothing then, of any samples
        inception = None
    if (
        inception is not None
        and real.inception is not None
        and inception.value >= 0.8 * real.inception.mean
        and coverage < LOW_SCORE * possible
    ):
        found.append(
            f"Do not trust {inception.name} here: it is {inception.value:.2f}, near that of the real images "
            f"({real.inception.mean:.2f}), while the samples cover {coverage:.0%} of them. It cannot see missing variety within classes."
        )
    memory, copies = values["memorization"], values["copies"]
    if (exact := copied.double().mean().item()) > REPORTED_COPY_SHARE:
        found.append(f"Copies: {exact:.0%} of the samples are real images, to the last detail; look at the pairs.")
    elif copies.value > REPORTED_COPY_SHARE and memory.value > 0.5 + 5 * (memory.standard_error or 0):
        found.append(
            f"Copies: {copies.value:.0%} of the samples are nearer to a training image than 99 % of comparison images are. The "
            "generator repeats its training set; look at the pairs."
        )
    return found
