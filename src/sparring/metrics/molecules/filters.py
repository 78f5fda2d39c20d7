"""MOSES' filters: which molecules a medicinal chemist would not throw away at once (Polykovskiy et al. 2020, section 2)."""

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rdkit.Chem import Mol

ALLOWED_ATOMS = frozenset({"C", "N", "S", "O", "F", "Cl", "Br", "H"})
LARGEST_RING = 7
"""Number of atoms."""
MEDICINAL_FILTERS = (
    "[#6]=&!@[#6]-[#6]#[#7]",
    "[#6]=&!@[#6]-[#16](=[#8])=[#8]",
    "[#6]=&!@[#6&!H0]-&!@[#6](=[#8])-&!@[#7]",
    "[H]C([H])([#6])[F,Cl,Br,I]",
    "[#6]1-[#8]-[#6]-1",
    "[#6]-[#7]=[#6]=[#8]",
    "[#6&!H0]=[#8]",
    "[#6](=&!@[#7&!H0])-&!@[#6,#7,#8,#16]",
    "[#6]1-[#7]-[#6]-1",
    "[#6]~&!@[#7]~&!@[#7]~&!@[#6]",
    "[#7]=&!@[#7]",
    "[H][#6]-1=[#6]([H])-[#6]=[#6](-*)-[#8]-1",
    "[H][#6]-1=[#6]([H])-[#6]=[#6](-*)-[#16]-1",
    "[#17,#35,#53]-c(:*):[!#1!#6]:*",
    "[H][#7]([H])-[#6]-1=[#6]-[#6]=[#6]-[#6]=[#6]-1",
    "[#16]~[#16]",
    "[#7]~&!@[#7]~&!@[#7]",
    "[#7]-&!@[#6&!H0&!H1]-&!@[#7]",
    "[#6&!H0](-&!@[#8])-&!@[#8]",
    "[#35].[#35].[#35]",
    "[#17].[#17].[#17].[#17]",
    "[#9].[#9].[#9].[#9].[#9].[#9].[#9]",
)
"""SMARTS of groups that make molecules reactive, toxic or unstable: the file mcf.csv of MOSES (MIT License, Copyright 2018 Insilico
Medicine, Inc). Hydrogen is written out in molecules that they are looked for in."""


@cache
def _patterns() -> tuple[list[Any], Any]:
    from rdkit.Chem import FilterCatalog, MolFromSmarts  # noqa: PLC0415 (an extra)

    wanted = FilterCatalog.FilterCatalogParams()
    wanted.AddCatalog(FilterCatalog.FilterCatalogParams.FilterCatalogs.PAINS)
    return [MolFromSmarts(each) for each in MEDICINAL_FILTERS], FilterCatalog.FilterCatalog(wanted)


def passes_filters(molecule: "Mol") -> bool:
    """Whether a molecule has allowed atoms alone, no charged one, no ring of eight or more, none of the groups of `MEDICINAL_FILTERS`, and
    none that interferes with assays (PAINS: Baell and Holloway 2010).
    """
    from rdkit.Chem import AddHs  # noqa: PLC0415 (an extra)

    if any(len(ring) > LARGEST_RING for ring in molecule.GetRingInfo().AtomRings()):
        return False
    if any(atom.GetFormalCharge() or atom.GetSymbol() not in ALLOWED_ATOMS for atom in molecule.GetAtoms()):
        return False
    groups, interfering = _patterns()
    whole = AddHs(molecule)
    return not any(whole.HasSubstructMatch(group) for group in groups) and not interfering.HasMatch(molecule)
