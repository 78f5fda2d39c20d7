"""The scores of judged images against real ones, each with its protocol and standard error."""

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

from jaxtyping import Float
from torch import Tensor

from sparring.core.errors import DataError
from sparring.evaluation.feature_cache import ImageFeatures
from sparring.evaluation.features import Extractor
from sparring.metrics import frechet_distance
from sparring.metrics.frechet_distance import Gaussian
from sparring.metrics.kernel_distance import kernel_distance
from sparring.metrics.nearest_neighbors import Neighborhoods, OwnNeighbors, expected_coverage, memorization, nearest_distances

Better = Literal["lower", "higher", "near 1", "near 0.5", "near 0.01", "near the ceiling"]
PRECISION_NEIGHBORS, COVERAGE_NEIGHBORS = 3, 5
"""Number of neighbors k for precision and recall, and for density and coverage, as in the papers."""
MIN_CLASS_IMAGES = 10
"""Number of images of a class, real and judged, that are needed for scores of this class."""
SAME_FEATURES = 1e-5
"""Features that differ by less than this share of their length count as equal."""
FULL_COVERAGE = 0.9
"""A warning is given where too few samples are compared to reach this coverage."""


@dataclass(frozen=True)
class Protocol:
    """Everything except the images themselves that a score depends on."""

    n_real: int | None
    """Number of real images; None if only their published statistics are known, which do not say it."""
    n_fake: int
    """Number of judged images."""
    extractor: str
    """Name of the feature extractor."""
    weights: str
    """The first 12 hexadecimal digits of the SHA-256 of the extractor's weights."""
    resize: str
    """How images were resized for the extractor."""
    precision: str
    """Number format in which features were computed."""
    seed: int | None
    """Seed of the judged images if a model generated them."""
    truncation: float | None = None
    """Truncation of the judged images if a model generated them."""
    real_images: str = ""
    """What the real images are, and how they were prepared for the extractor."""
    fake_images: str = ""
    """What the judged images are, and how they were prepared for the extractor."""


@dataclass(frozen=True)
class Score:
    """One number about the judged images, with its protocol and standard error."""

    name: str
    value: float
    better: Better
    """Which values are good."""
    protocol: Protocol
    standard_error: float | None = None
    """Standard error of the value, or None where it cannot be estimated."""
    label: str | None = None
    """Name of the class that the score is about; None for all images."""
    warning: str = ""
    """A sentence on how far the value can be trusted, or an empty string."""

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % confidence interval: 1.96 standard errors on either side. None without a standard error."""
        if self.standard_error is None:
            return None
        return self.value - 1.96 * self.standard_error, self.value + 1.96 * self.standard_error

    def to_json(self) -> dict[str, Any]:
        """All fields, the confidence interval and the protocol's fields, in one flat dictionary."""
        protocol = asdict(self.protocol)
        return {**{name: value for name, value in asdict(self).items() if name != "protocol"}, "interval": self.interval, **protocol}


def compute_scores(
    real: ImageFeatures, fake: ImageFeatures, extractor: Extractor, protocol: Protocol, held_out: Float[Tensor, "h d"] | None
) -> tuple[list[Score], Neighborhoods]:
    """All scores over all images, and the neighborhoods of real and judged images.

    `held_out` are features of real images that were not trained on; without them, training images stand in. Raises a DataError if all
    real images have equal features.
    """
    scores = frechet_scores(Gaussian.fit(real.rows), fake.rows, extractor.score_name("FD"), protocol)
    distance = kernel_distance(real.rows, fake.rows)
    scores.append(Score(extractor.score_name("KD"), float(distance), "lower", protocol, distance.standard_error))
    if fake.inception is not None and real.inception is not None:
        name = extractor.score_name("IS")
        scores.append(Score(name, fake.inception.mean, "higher", protocol, fake.inception.standard_error))
        scores.append(Score(f"{name} of the real images", real.inception.mean, "higher", protocol, real.inception.standard_error))
    own_real, own_fake = (OwnNeighbors.find(each.rows, COVERAGE_NEIGHBORS) for each in (real, fake))
    neighborhoods = Neighborhoods.find(real.rows, fake.rows, (PRECISION_NEIGHBORS, COVERAGE_NEIGHBORS), own_real, own_fake)
    scores += neighbor_scores(neighborhoods, protocol)
    if own_real.mean_distance < SAME_FEATURES * real.rows.norm(dim=1).mean().item():
        raise DataError(f"All {len(real):,} real images have the same {extractor.name} features, so nothing can be judged against them.")
    scores.append(diversity_score(own_real, own_fake, protocol))
    comparison = own_real.nearest_distance if held_out is None else nearest_distances(held_out, real.rows)
    memorized = memorization(neighborhoods.nearest_distance, comparison)
    scores.append(Score("memorization", memorized.nearer, "near 0.5", protocol, memorized.nearer_error))
    scores.append(Score("copies", memorized.copies, "near 0.01", protocol, binomial_error(memorized.copies, len(fake))))
    return scores, neighborhoods


def frechet_scores(real: Gaussian, fake: Float[Tensor, "n d"], name: str, protocol: Protocol) -> list[Score]:
    """The Fréchet distance and, if there are enough samples, its extrapolation to infinitely many samples."""
    plain = frechet_distance.gaussian_frechet_distance(real, Gaussian.fit(fake))
    n, d = fake.shape
    warning = small_sample_warning(min(n, real.n), d)
    if n < frechet_distance.MIN_SAMPLES:
        return [Score(name, plain, "lower", protocol, warning=warning)]
    extrapolated = frechet_distance.extrapolate_distance(real, fake, plain)
    rough = (
        ""
        if frechet_distance.blocks_have_full_rank(n, d)
        else f"A rough estimate: the covariance of {n:,} samples does not have full rank in {d:,} features."
    )
    return [
        Score(name, plain, "lower", protocol, extrapolated.standard_error, warning=warning),
        Score(f"{name}-infinite", extrapolated.infinite, "lower", protocol, extrapolated.infinite_error, warning=rough),
    ]


def small_sample_warning(n: int, d: int) -> str:
    """A warning if `n` images are fewer than four times the number `d` of features, else an empty string."""
    warning = f"{n:,} images are few for {d:,} features: the distance is too large, and comparable only at equal numbers of images."
    return warning if n < 4 * d else ""


def neighbor_scores(neighborhoods: Neighborhoods, protocol: Protocol, label: str | None = None) -> list[Score]:
    """Precision, recall, density and coverage. Standard errors are those of counting, with the other sample's balls taken as fixed."""
    quality = neighborhoods.precision_recall(PRECISION_NEIGHBORS)
    coverage = neighborhoods.density_coverage(COVERAGE_NEIGHBORS)
    density = neighborhoods.in_real_balls[COVERAGE_NEIGHBORS].double() / COVERAGE_NEIGHBORS
    n, m = protocol.n_real, protocol.n_fake
    assert n is not None
    best = expected_coverage(n, m, COVERAGE_NEIGHBORS)
    few = f"Even {m:,} samples of the real distribution would cover only {best:.0%}." if best < FULL_COVERAGE else ""
    return [
        Score("precision", quality.precision, "higher", protocol, binomial_error(quality.precision, m), label),
        Score("recall", quality.recall, "higher", protocol, binomial_error(quality.recall, n), label),
        Score("density", coverage.density, "near 1", protocol, (density.std() / m**0.5).item(), label),
        Score("coverage", coverage.coverage, "higher", protocol, binomial_error(coverage.coverage, n), label, few),
    ]


def diversity_score(real: OwnNeighbors, fake: OwnNeighbors, protocol: Protocol, label: str | None = None) -> Score:
    """Mean distance of two samples, in units of that of two real images."""
    if not real.mean_distance:  # all real images of a class are one
        return Score("diversity", float(not fake.mean_distance), "near 1", protocol, None, label)
    diversity = fake.mean_distance / real.mean_distance
    error = math.hypot(fake.mean_distance_error, diversity * real.mean_distance_error) / real.mean_distance
    return Score("diversity", diversity, "near 1", protocol, error, label)


def binomial_error(share: float, n: int) -> float:
    """Standard error of a share of `n` items (Agresti and Coull 1998), which is not 0 when the share is 0 or 1."""
    middle = (share * n + 2) / (n + 4)
    return math.sqrt(middle * (1 - middle) / (n + 4))


def class_accuracy_score(predicted: Tensor | None, requested: Tensor | int, protocol: Protocol, label: str | None = None) -> Score:
    """Share of the samples whose predicted class is the one that was requested."""
    assert predicted is not None
    share = (predicted == requested).double().mean().item()
    return Score("class accuracy", share, "higher", protocol, binomial_error(share, len(predicted)), label)
