"""What molecules are made of: fragments (BRICS: Degen et al. 2008) and scaffolds (Bemis and Murcko 1996)."""

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from rdkit.Chem import Mol

FEWEST_RINGS = 2
"""Number of rings that a scaffold has at least to be counted, as in MOSES."""


def fragments(molecule: "Mol") -> list[str]:
    """Canonical SMILES of the parts that a molecule falls into where BRICS' rules cut it."""
    from rdkit.Chem import MolToSmiles, rdmolops  # noqa: PLC0415 (an extra)

    return MolToSmiles(rdmolops.FragmentOnBRICSBonds(molecule)).split(".")


def scaffold(molecule: "Mol") -> str | None:
    """Canonical SMILES of the rings of a molecule and what joins them; None with fewer than two rings."""
    from rdkit.Chem import MolToSmiles  # noqa: PLC0415 (an extra)
    from rdkit.Chem.Scaffolds import MurckoScaffold  # noqa: PLC0415

    found = MurckoScaffold.GetScaffoldForMol(molecule)
    return MolToSmiles(found) if found.GetRingInfo().NumRings() >= FEWEST_RINGS else None


def cosine_of_counts(one: Mapping[str, int], other: Mapping[str, int]) -> float:
    """Cosine of the angle between two tables of counts, 0 to 1: MOSES' Frag and Scaf. NaN if one has no counts."""
    shared = sum(count * other.get(name, 0) for name, count in one.items())
    lengths = [float(np.sqrt(sum(count**2 for count in counts.values()))) for counts in (one, other)]
    return shared / (lengths[0] * lengths[1]) if all(lengths) else float("nan")


def counts_of(parts: "list[list[str]]") -> Counter[str]:
    """How often each part is there."""
    return Counter(each for of_one in parts for each in of_one)
