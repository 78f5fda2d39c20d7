"""What chemists ask of a molecule: how it dissolves, how like a drug it is, how hard to make, how heavy."""

import importlib.util
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import Float64

from sparring.core.errors import SparringError

if TYPE_CHECKING:
    from rdkit.Chem import Mol

PropertyName = Literal["qed", "logp", "sa", "weight"]


def qed(molecule: "Mol") -> float:
    """Quantitative estimate of drug-likeness, 0 to 1, higher is more like a drug (Bickerton et al. 2012)."""
    from rdkit.Chem import QED  # noqa: PLC0415 (an extra)

    return QED.qed(molecule)


def logp(molecule: "Mol") -> float:
    """Logarithm of the partition between octanol and water, higher is oilier (Wildman and Crippen 1999)."""
    from rdkit.Chem.Crippen import MolLogP  # noqa: PLC0415 # pyright: ignore[reportAttributeAccessIssue] (an extra, not in its stubs)

    return MolLogP(molecule)


def synthetic_accessibility(molecule: "Mol") -> float:
    """How hard a molecule is to make, from 1, easy, to 10 (Ertl and Schuffenhauer 2009)."""
    return float(_sascorer().calculateScore(molecule))


def weight(molecule: "Mol") -> float:
    """Molecular weight in daltons, hydrogen included."""
    from rdkit.Chem.Descriptors import MolWt  # noqa: PLC0415 # pyright: ignore[reportAttributeAccessIssue] (an extra, not in its stubs)

    return MolWt(molecule)


PROPERTIES: Mapping[PropertyName, "Callable[[Mol], float]"] = {
    "qed": qed,
    "logp": logp,
    "sa": synthetic_accessibility,
    "weight": weight,
}
"""Properties by the names that commands have for them."""


@cache
def _sascorer() -> Any:  # noqa: ANN401 (the module)
    """RDKit's program of the score, which it ships beside its modules."""
    from rdkit import RDConfig  # noqa: PLC0415 (an extra)

    file = Path(RDConfig.RDContribDir) / "SA_Score" / "sascorer.py"
    spec = importlib.util.spec_from_file_location("rdkit_sascorer", file)
    if spec is None or spec.loader is None or not file.is_file():
        raise SparringError(f"RDKit is installed without its contributed programs: there is no {file}. Install the package from PyPI.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def wasserstein(one: Float64[np.ndarray, " n"], other: Float64[np.ndarray, " m"]) -> float:
    """Wasserstein-1 distance of two samples of numbers, in their unit: the area between their distribution functions."""
    values = np.sort(np.concatenate([one, other]))
    upto = [np.searchsorted(np.sort(each), values[:-1], side="right") / len(each) for each in (one, other)]
    return float(np.sum(np.abs(upto[0] - upto[1]) * np.diff(values)))
