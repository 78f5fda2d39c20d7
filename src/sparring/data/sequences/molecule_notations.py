"""Molecules as tokens: the parts of a SMILES, the symbols of a SELFIES, and graphs.

A graph of n atoms is a row of n (n + 1) / 2 tokens: each atom is followed by its bonds with the atoms before it, from the first one on. So
the place of an atom or a bond is the same in molecules of all sizes, and the first tokens of a row are a molecule, too. Hydrogen is not
written, aromatic rings are kekulized, and stereochemistry is left out.
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sparring.core.errors import missing_extra
from sparring.core.rdkit_molecules import canonical, chem, complaint, has_rdkit, molecule_of
from sparring.data.sequences.unreadable_text import UnreadableTextError

if TYPE_CHECKING:
    from rdkit.Chem import Mol

_SMILES = re.compile(r"\[[^\[\]]*\]|Br|Cl|%\d\d|.", re.DOTALL)
_ATOM = re.compile(r"([A-Z][a-z]?)(\+*|-*)")
BONDS = (".", "-", "=", "#")
"""Tokens of bonds: none, single, double, triple. The place of each is the number of its pairs of electrons."""


def smiles_tokens_of(text: str) -> list[str]:
    """Atoms (those in brackets with all that is in them), bonds, branches and rings of a SMILES (Weininger 1988). Where RDKit is installed,
    a text that is no molecule is refused.
    """
    if has_rdkit():
        _checked(text)
    return _SMILES.findall(text)


def selfies_tokens_of(text: str) -> list[str]:
    """The symbols of the SELFIES (Krenn et al. 2020) of a molecule that is given as SMILES."""
    selfies = _selfies()
    _checked(text)
    try:
        return list(selfies.split_selfies(selfies.encoder(text)))
    except selfies.EncoderError as problem:
        raise UnreadableTextError(f"cannot be written as SELFIES: {' '.join(str(problem).split())[:200]}") from None


def text_of_selfies(tokens: Sequence[str]) -> str | None:
    """The canonical SMILES of a SELFIES; None if nothing is left of it."""
    selfies = _selfies()
    try:
        return canonical(selfies.decoder("".join(tokens)))
    except selfies.DecoderError:
        return None


def graph_tokens_of(text: str) -> list[str]:
    """The graph of a molecule that is given as SMILES, its atoms in the order of the canonical SMILES."""
    module, molecule = chem(), _checked(text)
    plain = module.MolToSmiles(molecule, isomericSmiles=False)
    ordered = module.MolFromSmiles(plain)
    module.Kekulize(ordered, clearAromaticFlags=True)
    tokens = []
    for atom in ordered.GetAtoms():
        charge = atom.GetFormalCharge()
        tokens.append(atom.GetSymbol() + ("+" if charge > 0 else "-") * abs(charge))
        for before in range(atom.GetIdx()):
            bond = ordered.GetBondBetweenAtoms(before, atom.GetIdx())
            if bond is not None and bond.GetBondTypeAsDouble() not in range(1, len(BONDS)):
                raise UnreadableTextError(f"has a bond that a graph does not hold ({bond.GetBondType()})")
            tokens.append(BONDS[0 if bond is None else int(bond.GetBondTypeAsDouble())])
    if text_of_graph(tokens) != canonical(plain):
        raise UnreadableTextError("has radicals or atoms with odd valences, which a graph does not hold")
    return tokens


def text_of_graph(tokens: Sequence[str]) -> str | None:
    """The canonical SMILES of a graph; None if an atom has more bonds than it can have, or the tokens are no graph."""
    module = chem()
    molecule = module.RWMol()
    place = 0
    while place < len(tokens):
        written = _ATOM.fullmatch(tokens[place])
        number = molecule.GetNumAtoms()
        bonds = tokens[place + 1 : place + 1 + number]
        if written is None or len(bonds) < number or any(each not in BONDS for each in bonds):
            return None
        try:
            atom = module.Atom(written[1])
        except RuntimeError:  # no such element
            return None
        atom.SetFormalCharge(len(written[2]) * (-1 if "-" in written[2] else 1))
        molecule.AddAtom(atom)
        for other, bond in enumerate(bonds):
            if bond != BONDS[0]:
                molecule.AddBond(number, other, module.BondType.values[BONDS.index(bond)])
        place += 1 + number
    if not place or module.SanitizeMol(molecule, catchErrors=True) != module.SanitizeFlags.SANITIZE_NONE:
        return None
    return canonical(module.MolToSmiles(molecule))


def _checked(text: str) -> "Mol":
    """The molecule of a SMILES. Raises an UnreadableTextError that says what is wrong with it."""
    molecule = molecule_of(text) if not any(each.isspace() for each in text) else None
    if molecule is None:
        raise UnreadableTextError(complaint(text))
    return molecule


def _selfies() -> Any:  # noqa: ANN401 (the module)
    try:
        import selfies  # noqa: PLC0415 (an extra)
    except ImportError:
        raise missing_extra("selfies", "molecules", "Writing molecules as SELFIES") from None
    return selfies
