"""Molecules through RDKit, an optional library: read from SMILES, checked, and written in canonical form.

What RDKit prints of molecules that it refuses is kept from the terminal: callers say it in their own words.
"""

import importlib.util
from functools import cache
from typing import TYPE_CHECKING, Any

from sparring.core.errors import missing_extra

if TYPE_CHECKING:
    from rdkit.Chem import Mol


@cache
def has_rdkit() -> bool:
    """Whether RDKit is installed."""
    return importlib.util.find_spec("rdkit") is not None


@cache
def chem() -> Any:  # noqa: ANN401 (the module)
    """The module `rdkit.Chem`, which prints nothing from now on. Raises the error for a missing extra."""
    try:
        from rdkit import Chem, RDLogger  # noqa: PLC0415 (an extra)
    except ImportError:
        raise missing_extra("rdkit", "molecules", "Working with molecules") from None
    RDLogger.DisableLog("rdApp.*")  # pyright: ignore[reportAttributeAccessIssue] (its stubs miss it)
    return Chem


def molecule_of(smiles: str) -> "Mol | None":
    """The molecule of a SMILES, checked: atoms have valences that they can have, and aromatic rings can be kekulized. None if it is no
    molecule, or has no atom.
    """
    molecule = chem().MolFromSmiles(smiles)
    return molecule if molecule is not None and molecule.GetNumAtoms() else None


def canonical(smiles: str | None) -> str | None:
    """RDKit's canonical SMILES of a molecule, which is the same for all ways to write it; None if it is no molecule."""
    molecule = None if smiles is None else molecule_of(smiles)
    return None if molecule is None else chem().MolToSmiles(molecule)


def complaint(smiles: str) -> str:
    """Why a SMILES is no molecule, as the end of a sentence."""
    module = chem()
    molecule = module.MolFromSmiles(smiles, sanitize=False)
    if molecule is None:
        return "is no SMILES: its symbols, brackets or rings are wrong"
    problems = [each.Message() for each in module.DetectChemistryProblems(molecule)]
    return f"is no molecule: {'; '.join(problems) or 'it has no atom'}"
