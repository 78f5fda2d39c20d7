"""Molecules as tokens: round trips, cases that toolkits get wrong, and what is refused."""

import sys

import numpy as np
import pytest
from rdkit import Chem

from sparring.core import rdkit_molecules
from sparring.core.errors import SparringError
from sparring.core.rdkit_molecules import canonical
from sparring.data.sequences.notations import NOTATIONS, NotationName
from sparring.data.sequences.sequence_store import prepare_sequences
from sparring.data.sequences.sequences_reading import SequencesReading
from sparring.data.sequences.unreadable_text import UnreadableTextError
from support.molecules import moses

MOLECULES: tuple[NotationName, ...] = ("smiles", "selfies", "graph")


@pytest.mark.parametrize("notation", MOLECULES)
def test_molecules_come_back_as_they_were(notation: NotationName) -> None:
    cut = NOTATIONS[notation]
    for smiles in moses():
        text = cut.text_of(cut.tokens_of(smiles))
        assert text is not None
        assert Chem.MolToInchi(Chem.MolFromSmiles(text)) == Chem.MolToInchi(Chem.MolFromSmiles(smiles))


@pytest.mark.parametrize("notation", MOLECULES)
@pytest.mark.parametrize(
    "smiles",
    [
        "c1ccccc1",  # aromatic
        "c1cc[nH]c1",  # aromatic, with a hydrogen that must be written
        "C[N+](C)(C)C",  # charged
        "O=C([O-])C[NH3+]",  # charged both ways
        "[Na+].[Cl-]",  # two fragments
        "O=[N+]([O-])c1ccccc1",  # a nitro group
        "CS(=O)(=O)c1ccc(C#N)s1",  # six bonds of sulfur
        "C",
    ],
)
def test_hard_cases_come_back(notation: NotationName, smiles: str) -> None:
    cut = NOTATIONS[notation]
    assert canonical(cut.text_of(cut.tokens_of(smiles))) == Chem.CanonSmiles(smiles)


def test_a_graph_by_hand() -> None:
    cut = NOTATIONS["graph"]
    assert cut.tokens_of("CC=O") == ["C", "C", "-", "O", ".", "="]
    assert cut.text_of(["C", "C", "-", "O", ".", "="]) == "CC=O"
    assert cut.text_of(["C", "C", "-"]) == "CC"  # the first tokens of a graph are a graph
    assert cut.text_of(["N+", "O-", "-", "O", "=", "."]) == Chem.CanonSmiles("[O-][NH+]=O")


@pytest.mark.parametrize(
    "tokens",
    [
        [],
        ["C", "F", "-", "C", ".", "="],  # fluorine with two bonds
        ["C", "C"],  # a bond is missing
        ["-"],
        ["C", "C", "C"],  # an atom where a bond should be
        ["Xx"],  # no element
        ["N", "C", "#", "C", "=", "."],  # five bonds of nitrogen
    ],
)
def test_tokens_that_are_no_graph(tokens: list[str]) -> None:
    assert NOTATIONS["graph"].text_of(tokens) is None


def test_any_selfies_is_a_molecule() -> None:
    cut = NOTATIONS["selfies"]
    symbols = sorted({token for smiles in moses() for token in cut.tokens_of(smiles)})
    random = np.random.default_rng(0)
    found = [cut.text_of([symbols[each] for each in random.integers(0, len(symbols), 20)]) for _ in range(200)]
    assert sum(text is not None and Chem.MolFromSmiles(text) is not None for text in found) >= 199  # none is left of one at most


@pytest.mark.parametrize("notation", MOLECULES)
@pytest.mark.parametrize(
    ("smiles", "why"),
    [
        ("C1CC", "is no SMILES"),
        ("CC(C)(C)(C)C", "valence for atom # 1 C, 5"),
        ("c1cccc1", "kekulize"),
        ("hello", "is no SMILES"),
        ("C C", "is no"),
        ("C[", "is no SMILES"),
    ],
)
def test_what_is_no_molecule_is_refused_with_the_reason(notation: NotationName, smiles: str, why: str) -> None:
    with pytest.raises(UnreadableTextError, match=why):
        NOTATIONS[notation].tokens_of(smiles)


@pytest.mark.parametrize(("smiles", "why"), [("[CH3]", "radicals"), ("C$C", "QUADRUPLE")])
def test_what_a_graph_does_not_hold(smiles: str, why: str) -> None:
    with pytest.raises(UnreadableTextError, match=why):
        NOTATIONS["graph"].tokens_of(smiles)


def test_invalid_molecules_of_a_file_are_listed_and_left_out() -> None:
    lines = [*moses()[:20], "C1CC", "CC(C)(C)(C)C"]
    dataset, notes = prepare_sequences(lines, SequencesReading(notation="smiles"))
    assert len(dataset) == 20
    assert "2 texts left out" in notes[0]
    assert "C1CC" in notes[0]
    assert "CC(C)(C)(C)C" in notes[0]


def test_bundled_sets_are_molecules() -> None:
    assert len(moses(20_000)) == 20_000 == len(set(moses(20_000)))
    small = moses(2733, "fragments9")
    assert len(small) == 2733 == len(set(small))
    sizes = [Chem.MolFromSmiles(each).GetNumAtoms() for each in small[::10]]
    assert max(sizes) == 9
    assert min(sizes) >= 3
    assert all(canonical(each) == each for each in (*small[::20], *moses()))


def test_without_rdkit_smiles_are_read_unchecked_and_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rdkit", None)
    for cached in (rdkit_molecules.has_rdkit, rdkit_molecules.chem):
        cached.cache_clear()
    monkeypatch.setattr(rdkit_molecules.importlib.util, "find_spec", lambda name: None)
    try:
        assert NOTATIONS["smiles"].tokens_of("C1CC") == ["C", "1", "C", "C"]
        with pytest.raises(SparringError, match=r"sparring\[molecules\]"):
            NOTATIONS["graph"].tokens_of("CC")
    finally:
        for cached in (rdkit_molecules.has_rdkit, rdkit_molecules.chem):
            cached.cache_clear()
