"""Floor 3, scores: how far samples are from real data, and how sure one can be. Here: the distances, on arrays of features."""

from sparring.judge.frechet import frechet_distance
from sparring.judge.inception_score import InceptionScore, inception_score
from sparring.judge.kernel import KernelDistance, kernel_distance
from sparring.judge.neighbours import DensityCoverage, Memorisation, PrecisionRecall, density_coverage, memorisation, precision_recall

__all__ = [
    "DensityCoverage",
    "InceptionScore",
    "KernelDistance",
    "Memorisation",
    "PrecisionRecall",
    "density_coverage",
    "frechet_distance",
    "inception_score",
    "kernel_distance",
    "memorisation",
    "precision_recall",
]
