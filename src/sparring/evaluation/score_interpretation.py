"""What scores mean together, in sentences: images that failed as a whole, mode collapse, copies of the training set."""

from collections.abc import Sequence

from sparring.evaluation.feature_cache import ImageFeatures
from sparring.evaluation.scores import COVERAGE_NEIGHBORS, SAME_FEATURES, Score
from sparring.metrics.nearest_neighbors import Neighborhoods, expected_coverage

LOW_SCORE, HIGH_SCORE = 0.3, 0.6
"""Precision, recall and coverage below the first count as low, from the second on as high."""
FEW_IMAGES = 50
"""With fewer images on either side, precision and recall are mostly chance."""
BLANK_CONTRAST = 0.01
"""Images with less contrast are blank."""
BLANK_SHARE = 0.5
"""Share of blank images from which on a set counts as blank."""
NOISE_ROUGHNESS = 0.5
"""Images with more roughness are noise, if they are also twice as rough as real ones."""
COLLAPSED_DIVERSITY = 0.1
"""With less diversity, all samples are practically one image."""
REPORTED_COPY_SHARE = 0.1
"""Share of copies among the samples from which on they are reported."""
NEAR_REAL_INCEPTION_SCORE = 0.8
"""Share of the real images' Inception Score from which on samples reach it."""
MEMORIZATION_ERRORS = 5
"""Standard errors above 0.5 from which on a memorization score counts as proof of copying."""


def describe_failure(diversity: float, real: ImageFeatures, fake: ImageFeatures) -> str:
    """A sentence on samples that failed as a whole (blank, noise, or one image), so that other scores mean nothing; "" if they did not."""
    blank_real, blank = ((features.contrast < BLANK_CONTRAST).double().mean().item() for features in (real, fake))
    if blank > BLANK_SHARE and blank_real < BLANK_SHARE:
        return (
            f"Blank: {blank:.0%} of the samples are of a single color. This happens with a generator that has died or was never trained, "
            "and with files that were written with a wrong range of values."
        )
    rough_real, rough = real.roughness.quantile(0.95).item(), fake.roughness.median().item()
    if rough > NOISE_ROUGHNESS and rough > 2 * rough_real:
        return (
            f"Noise: in half of the samples, neighboring pixels are almost unrelated (roughness {rough:.2f}; 1 is pure noise, and 95% of "
            f"the real images have less than {rough_real:.2f}). The samples show nothing of the data yet."
        )
    if diversity < COLLAPSED_DIVERSITY:
        return (
            f"One image: two samples differ by {diversity:.1%} of the difference between two real images, so they are practically the "
            "same. The generator has collapsed to one image, however good that is."
        )
    return ""


def interpret_scores(scores: Sequence[Score], real: ImageFeatures, fake: ImageFeatures, neighborhoods: Neighborhoods) -> list[str]:
    """Sentences on what the scores mean together; empty if nothing is remarkable."""
    by_name = {score.name: score for score in scores}
    precision, recall, coverage = (by_name[name].value for name in ("precision", "recall", "coverage"))
    protocol = by_name["coverage"].protocol
    assert protocol.n_real is not None  # unlike published statistics, images are counted
    best_coverage = expected_coverage(protocol.n_real, protocol.n_fake, COVERAGE_NEIGHBORS)
    failure = describe_failure(by_name["diversity"].value, real, fake)
    sentences = [failure] if failure else []
    copied = neighborhoods.nearest_distance <= SAME_FEATURES * real.rows.norm(dim=1).mean()
    if copied.all() and len(real) == len(fake) == len(neighborhoods.nearest.unique()):
        return [*sentences, "Copies: the two sides are the same images, so distances of 0 say nothing about a generator."]
    few = min(protocol.n_real, protocol.n_fake)
    if few < FEW_IMAGES:
        sentences.append(f"{few} images are too few to tell quality from variety: give at least {FEW_IMAGES} of each side.")
    elif failure:
        pass
    elif precision >= HIGH_SCORE and recall < LOW_SCORE:
        sentences.append(
            f"Quality without variety: {precision:.0%} of the samples lie among real images, but they reach only {recall:.0%} of them. "
            "This happens with mode collapse, with truncation, and early in training."
        )
    elif recall >= HIGH_SCORE and precision < LOW_SCORE:
        sentences.append(
            f"Variety without quality: samples reach {recall:.0%} of the real images, but only {precision:.0%} of the samples lie among "
            "them."
        )
    elif precision < LOW_SCORE and recall < LOW_SCORE:
        sentences.append(
            f"Neither quality nor variety: precision {precision:.0%}, recall {recall:.0%}. The generator is still far from the data."
        )
    inception = next((score for score in scores if score.name.startswith("IS") and "real" not in score.name), None)
    if failure or few < FEW_IMAGES:  # the Inception Score says next to nothing then
        inception = None
    if (
        inception is not None
        and real.inception is not None
        and inception.value >= NEAR_REAL_INCEPTION_SCORE * real.inception.mean
        and coverage < LOW_SCORE * best_coverage
    ):
        sentences.append(
            f"Do not trust {inception.name} here: it is {inception.value:.2f}, {inception.value / real.inception.mean:.0%} of that of the "
            f"real images ({real.inception.mean:.2f}), but the samples cover only {coverage:.0%} of them. It cannot detect missing variety "
            "within classes."
        )
    memorization, copies = by_name["memorization"], by_name["copies"]
    if (exact := copied.double().mean().item()) > REPORTED_COPY_SHARE:
        sentences.append(f"Copies: {exact:.0%} of the samples are exact copies of real images; look at the pairs in the report.")
    elif copies.value > REPORTED_COPY_SHARE and memorization.value > 0.5 + MEMORIZATION_ERRORS * (memorization.standard_error or 0):
        sentences.append(
            f"Copies: {copies.value:.0%} of the samples are nearer to a training image than 99% of the comparison images are. The "
            "generator repeats its training set; look at the pairs in the report."
        )
    return sentences
