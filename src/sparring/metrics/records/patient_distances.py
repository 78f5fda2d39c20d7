"""How far patients are from each other, and what that gives away."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int64

from sparring.metrics.records.code_frequencies import Present, frequencies

BLOCK = 2**24
"""Number of pairs of patients whose distances are in memory at once."""
VOTERS = 5
"""Number of nearest synthetic patients that an attacker asks for the codes that are not known."""
RESAMPLES = 100


def nearest_patients(patients: Present, others: Present, k: int = 1) -> tuple[Int64[np.ndarray, "n k"], Int64[np.ndarray, "n k"]]:
    """Hamming distances of each patient to the `k` nearest of the others (fewer if there are fewer), rising, and the numbers of these: how
    many codes one has and the other has not.
    """
    known = torch.from_numpy(others.astype(np.float32))
    sizes, k = known.sum(dim=1), min(k, len(others))
    distances, numbers = [], []
    step = max(1, BLOCK // max(1, len(others)))
    for start in range(0, len(patients), step):
        some = torch.from_numpy(patients[start : start + step].astype(np.float32))
        apart = some.sum(dim=1, keepdim=True) + sizes - 2 * some @ known.T  # whole numbers, exact in float32
        near = apart.topk(k, dim=1, largest=False, sorted=True)
        distances.append(near.values.round().long())
        numbers.append(near.indices)
    return torch.cat(distances).numpy(), torch.cat(numbers).numpy()


def copied_patients(patients: Present, others: Present) -> Bool[np.ndarray, " n"]:
    """Which patients have exactly the codes of one of the others."""
    known = set(map(bytes, np.packbits(others, axis=1)))
    return np.array([bytes(row) in known for row in np.packbits(patients, axis=1)], bool)


def density_ratios(patients: Present, synthetic: Present, reference: Present, k: int = 5) -> Float64[np.ndarray, " n"]:
    """Logarithm of the geometric mean of the distances to the `k` nearest reference patients over that of the `k` nearest synthetic ones:
    high where synthetic patients are denser than real ones (DOMIAS, van Breugel et al. 2023).
    """
    usual, near = (np.log(nearest_patients(patients, side, k)[0] + 0.5).mean(axis=1) for side in (reference, synthetic))
    return usual - near


@dataclass(frozen=True)
class CodeDisclosure:
    """How well codes of a patient are guessed by somebody who knows the others: F1 of all guesses together."""

    training: float
    """Of patients that were trained on, from the nearest synthetic patients."""
    held_out: float
    """The same of held-out patients: what anybody can learn of somebody who is not in the data."""
    guessing: float
    """Of patients that were trained on, by the frequencies of codes alone: those that most patients have."""
    error: float
    """Standard error of `training` - `held_out`, from bootstrap resamples of patients."""
    known: int
    """Number of codes that the attacker knows."""

    @property
    def leak(self) -> float:
        """How much better training patients are guessed than unseen ones."""
        return self.training - self.held_out


def code_disclosure(
    synthetic: Present, training: Present, held_out: Present, known: Int64[np.ndarray, " k"], random: np.random.Generator
) -> CodeDisclosure:
    """Guess all codes but the `known` ones of training and of held-out patients: those that most of the five synthetic patients have that
    are nearest by the known codes.
    """
    unknown = np.setdiff1d(np.arange(synthetic.shape[1]), known)
    parts = []
    for patients in (training, held_out):
        voters = nearest_patients(patients[:, known], synthetic[:, known], VOTERS)[1]
        guesses = synthetic[:, unknown][voters].mean(axis=1) > 0.5
        parts.append(_hits_and_sums(patients[:, unknown], guesses))
    usual = np.broadcast_to(frequencies(synthetic)[unknown] > 0.5, (len(training), len(unknown)))
    scores = [_joint_f1(part) for part in parts]
    spread = []
    for _ in range(RESAMPLES):
        one, other = (_joint_f1(part[random.integers(0, len(part), len(part))]) for part in parts)
        spread.append(one - other)
    guessing = _joint_f1(_hits_and_sums(training[:, unknown], usual))
    return CodeDisclosure(scores[0], scores[1], guessing, float(np.std(spread)), len(known))


def _hits_and_sums(truth: Bool[np.ndarray, "n k"], guesses: Bool[np.ndarray, "n k"]) -> Int64[np.ndarray, "n 2"]:
    """Of each patient, the codes that were guessed and are there, and the number of both together."""
    return np.stack([(truth & guesses).sum(axis=1), truth.sum(axis=1) + guesses.sum(axis=1)], axis=1)


def _joint_f1(parts: Int64[np.ndarray, "n 2"]) -> float:
    hits, both = parts.sum(axis=0)
    return float(2 * hits / max(int(both), 1))
