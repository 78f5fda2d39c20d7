"""Makes the bundled molecules from MOSES' training set, which is in the Python package molsets 0.3.1 (MIT).

`moses20k`: every 79th molecule. `fragments9`: the parts into which retrosynthesis (BRICS, Degen et al. 2008) cuts every fourth molecule,
with hydrogen where they were cut, of 3 to 9 heavy atoms: each different one once.

Needs rdkit. Usage: python tools/build_molecules.py moses/dataset/data/train.csv.gz
"""

import gzip
import lzma
import sys
from pathlib import Path

from rdkit import Chem, RDLogger
from rdkit.Chem import AllChem

OUT = Path(__file__).parent.parent / "src/sparring/data/sequences/bundled_files"
COUNT, SMALLEST, LARGEST = 20_000, 3, 9


def main(source: str) -> None:
    """Write both files."""
    RDLogger.DisableLog("rdApp.*")
    with gzip.open(source, "rt") as opened:
        molecules = opened.read().split()[1:]
    write("moses20k.smi.xz", sorted(molecules[:: len(molecules) // COUNT][:COUNT]))
    write("fragments9.smi.xz", sorted(fragments(molecules[::4])))


def fragments(molecules: list[str]) -> set[str]:
    """The canonical SMILES of all small fragments."""
    found: set[str] = set()
    cut: set[str] = set()
    for smiles in molecules:
        cut.update(Chem.MolToSmiles(AllChem.FragmentOnBRICSBonds(Chem.MolFromSmiles(smiles))).split("."))
    hydrogen = Chem.MolFromSmiles("[H]")
    for each in cut:
        whole = AllChem.ReplaceSubstructs(Chem.MolFromSmiles(each), Chem.MolFromSmarts("[#0]"), hydrogen, replaceAll=True)[0]
        plain = Chem.MolFromSmiles(Chem.MolToSmiles(Chem.RemoveHs(whole)))
        if plain is not None and SMALLEST <= plain.GetNumAtoms() <= LARGEST and "." not in Chem.MolToSmiles(plain):
            found.add(Chem.MolToSmiles(plain))
    return found


def write(name: str, lines: list[str]) -> None:
    """Write a packed file, a molecule a line."""
    packed = lzma.compress("".join(f"{line}\n" for line in lines).encode(), preset=9 | lzma.PRESET_EXTREME)
    (OUT / name).write_bytes(packed)
    print(f"{OUT / name}: {len(lines):,} molecules, {len(packed):,} bytes")


if __name__ == "__main__":
    main(sys.argv[1])
