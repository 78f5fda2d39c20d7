"""All scores of generated molecules: MOSES' battery (Polykovskiy et al. 2020, arXiv:1811.12823), each with its standard error."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64
from torch import Tensor

from sparring.core.errors import DataError
from sparring.core.rdkit_molecules import chem, molecule_of
from sparring.evaluation.bounded_scores import Estimate
from sparring.evaluation.scores import Better, binomial_error
from sparring.metrics.frechet_distance import (
    BLOCKS,
    MIN_SAMPLES,
    STUDENT_T_CORRECTION,
    Gaussian,
    extrapolate_distance,
    gaussian_frechet_distance,
)
from sparring.metrics.molecules.filters import passes_filters
from sparring.metrics.molecules.fingerprints import fingerprints, internal_diversity, mean_and_error, nearest_similarities
from sparring.metrics.molecules.parts import cosine_of_counts, fragments, scaffold
from sparring.metrics.molecules.properties import PROPERTIES, wasserstein
from sparring.nets.feature_extractors import chemnet

MOST = 10_000
"""Number of molecules that are looked at, at most: MOSES looks at 30,000."""
UNIQUE_AMONG = {"unique@1k": 1000, "unique@10k": 10_000}
DRUG_LIKE = 0.5
"""QED above which a molecule counts as like a drug."""
_ROWS = 128

MEANINGS: dict[str, tuple[Better, str, str]] = {
    "valid": ("higher", "Share of all that was generated that is a molecule.", "One molecule, repeated, is perfect here."),
    "unique": ("higher", "Number of different molecules, as a share of the valid ones.", "Falls with the number of samples."),
    "unique@1k": ("higher", "The same among the first 1,000 valid ones.", "Nonsense is different, too."),
    "unique@10k": ("higher", "The same among the first 10,000 valid ones.", "Nonsense is different, too."),
    "whole": ("higher", "Share of the valid ones that are one molecule, and not several in one.", "Salts are several."),
    "new": ("higher", "Share of the different molecules that are not in the training data.", "Random molecules are all new."),
    "FCD": ("lower", "Fréchet distance of ChemNet's features from real molecules.", "Larger for fewer molecules, on either side."),
    "FCD infinite": ("lower", "The same, extrapolated to infinitely many generated molecules.", "The real ones remain as few."),
    "IntDiv1": ("higher", "1 less the mean similarity of two generated molecules.", "Random molecules are more varied than real ones."),
    "IntDiv2": ("higher", "The same by the root of the mean square, which sees clusters sooner.", "As before."),
    "SNN": ("higher", "Mean similarity of a generated molecule with the nearest real one.", "Above the ceiling: copies."),
    "Frag": ("higher", "Cosine of how often fragments (BRICS) are in generated and in real molecules.", "The frequent ones decide."),
    "Scaf": ("higher", "The same of scaffolds (Murcko) with two rings or more.", "Low for few molecules: read it beside the ceiling."),
    "filters": ("higher", "Share of the valid ones that pass MOSES' filters and PAINS.", "Says nothing of what they are good for."),
    "drug-like": ("higher", f"Share of the valid ones with a QED above {DRUG_LIKE}.", "Depends on what the data is."),
    "logP distance": ("lower", "Wasserstein distance of how oily molecules are.", "One property alone."),
    "QED distance": ("lower", "Wasserstein distance of drug-likeness, which is 0 to 1.", "One property alone."),
    "SA distance": ("lower", "Wasserstein distance of synthetic accessibility, which is 1 to 10.", "One property alone."),
    "weight distance": ("lower", "Wasserstein distance of the molecular weight, in daltons.", "One property alone."),
}
"""By name, which values of a score are good, what it means, and what it cannot show."""


@dataclass(frozen=True, eq=False)
class MoleculeSet:
    """Molecules and what scores need of them, each computed once, when it is first asked for."""

    smiles: tuple[str, ...]
    """Canonical SMILES of the valid ones."""
    count: int
    """Number of texts that they were found among."""

    @classmethod
    def of(cls, texts: Sequence[str | None]) -> "MoleculeSet":
        """Those of the first texts that are molecules. None: a text that is none."""
        texts = texts[:MOST]
        found = [None if text is None else molecule_of(text) for text in texts]
        return cls(tuple(chem().MolToSmiles(each) for each in found if each is not None), len(texts))

    def __len__(self) -> int:
        return len(self.smiles)

    @cached_property
    def molecules(self) -> list[Any]:
        """RDKit's molecules."""
        return [chem().MolFromSmiles(each) for each in self.smiles]

    @cached_property
    def fingerprints(self) -> Float32[np.ndarray, "n bits"]:
        """See `metrics.molecules.fingerprints`."""
        return fingerprints(self.molecules)

    @cached_property
    def features(self) -> Float[Tensor, "n features"]:
        """ChemNet's features."""
        network = chemnet.load(chemnet.weights_file())
        chunks = [self.smiles[start : start + _ROWS] for start in range(0, len(self), _ROWS)]
        return torch.cat([network(chemnet.symbols_of(chunk)) for chunk in chunks])

    @cached_property
    def gaussian(self) -> Gaussian:
        """The Gaussian of the features."""
        return Gaussian.fit(self.features)

    @cached_property
    def fragments(self) -> list[Counter[str]]:
        """How often each fragment is in each molecule."""
        return [Counter(fragments(each)) for each in self.molecules]

    @cached_property
    def scaffolds(self) -> list[Counter[str]]:
        """The scaffold of each molecule, if it has one."""
        found = [scaffold(each) for each in self.molecules]
        return [Counter() if each is None else Counter({each: 1}) for each in found]

    @cached_property
    def properties(self) -> dict[str, Float64[np.ndarray, " n"]]:
        """See `metrics.molecules.properties`."""
        return {name: np.array([measure(each) for each in self.molecules]) for name, measure in PROPERTIES.items()}


def molecule_scores(generated: MoleculeSet, real: MoleculeSet, training: Collection[str]) -> dict[str, Estimate]:
    """Scores by name (see `MEANINGS`), where they can be computed: those of few molecules leave some out.

    `real`: molecules that were not trained on. `training`: canonical SMILES of those that were. Raises a DataError if there is no real
    molecule, and an error for a missing extra.
    """
    if not len(real):
        raise DataError("None of the real texts is a molecule, so nothing can be compared with them.")
    n, found = len(generated), shares_of(generated, training)
    if not n:
        return found
    found |= _frechet(generated, real)
    for power in (1, 2):
        found[f"IntDiv{power}"] = Estimate(*internal_diversity(generated.fingerprints, power))
    found["SNN"] = Estimate(*mean_and_error(nearest_similarities(generated.fingerprints, real.fingerprints)))
    found["Frag"] = _cosine(generated.fragments, real.fragments)
    found["Scaf"] = _cosine(generated.scaffolds, real.scaffolds)
    found["filters"] = _share(sum(map(passes_filters, generated.molecules)), n)
    found["drug-like"] = _share(int((generated.properties["qed"] > DRUG_LIKE).sum()), n)
    for name, label in (("logp", "logP"), ("qed", "QED"), ("sa", "SA"), ("weight", "weight")):
        theirs = real.properties[name]
        found[f"{label} distance"] = _jackknifed(generated.properties[name], lambda rows, theirs=theirs: wasserstein(rows, theirs))
    return {name: each for name, each in found.items() if np.isfinite(each.value)}


def shares_of(generated: MoleculeSet, training: Collection[str]) -> dict[str, Estimate]:
    """The scores that are shares, but for filters and drug-likeness, which take longer."""
    n = len(generated)
    found = {"valid": _share(n, generated.count)}
    if not n:
        return found
    different = set(generated.smiles)
    found["unique"] = _share(len(different), n)
    found |= {name: _share(len(set(generated.smiles[:k])), k) for name, k in UNIQUE_AMONG.items() if n >= k}
    found["whole"] = _share(sum("." not in each for each in generated.smiles), n)
    found["new"] = _share(len(different.difference(training)), len(different))
    return found


def _share(count: int, of: int) -> Estimate:
    share = count / of if of else float("nan")
    return Estimate(share, binomial_error(share, of) if of else None)


def _frechet(generated: MoleculeSet, real: MoleculeSet) -> dict[str, Estimate]:
    """The Fréchet ChemNet distance, and its extrapolation, if there are enough molecules."""
    if min(len(generated), len(real)) < MIN_SAMPLES:
        return {}
    plain = gaussian_frechet_distance(real.gaussian, generated.gaussian)
    extrapolated = extrapolate_distance(real.gaussian, generated.features, plain)
    return {
        "FCD": Estimate(plain, extrapolated.standard_error),
        "FCD infinite": Estimate(extrapolated.infinite, extrapolated.infinite_error),
    }


def _cosine(generated: Sequence[Counter[str]], real: Sequence[Counter[str]]) -> Estimate:
    """The cosine of counts, with a jackknife over blocks of the generated molecules."""
    reference, total = _total(real), _total(generated)
    value = cosine_of_counts(total, reference)
    blocks = [_total(generated[start::BLOCKS]) for start in range(BLOCKS)]
    left = [cosine_of_counts({name: count - block[name] for name, count in total.items()}, reference) for block in blocks]
    return Estimate(value, _jackknife_error(np.array(left)))


def _total(counts: Sequence[Counter[str]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return total


def _jackknifed(values: Float64[np.ndarray, " n"], statistic: Callable[[Float64[np.ndarray, " m"]], float]) -> Estimate:
    """A statistic of values, with a jackknife over blocks."""
    if len(values) < BLOCKS:
        return Estimate(statistic(values))
    left = [statistic(np.delete(values, np.s_[start::BLOCKS])) for start in range(BLOCKS)]
    return Estimate(statistic(values), _jackknife_error(np.array(left)))


def _jackknife_error(left_out: Float64[np.ndarray, " blocks"]) -> float | None:
    """The standard error by a statistic without each block in turn; None where one of them is not defined."""
    error = STUDENT_T_CORRECTION * float(np.sqrt((BLOCKS - 1) / BLOCKS * np.square(left_out - left_out.mean()).sum()))
    return error if np.isfinite(error) else None
