"""Measures of molecules: against other programs and hand numbers, and collapses made on purpose are seen."""

import numpy as np
import pytest
import torch
from rdkit import Chem, DataStructs
from rdkit.Chem.rdFingerprintGenerator import GetMorganGenerator
from scipy.stats import wasserstein_distance

from sparring.core.errors import DataError
from sparring.core.rdkit_molecules import molecule_of
from sparring.evaluation.molecule_scores import MEANINGS, MoleculeSet, molecule_scores
from sparring.metrics.frechet_distance import frechet_distance
from sparring.metrics.molecules.filters import passes_filters
from sparring.metrics.molecules.fingerprints import fingerprints, internal_diversity, nearest_similarities, similarities
from sparring.metrics.molecules.parts import cosine_of_counts, counts_of, fragments, scaffold
from sparring.metrics.molecules.properties import PROPERTIES, wasserstein
from sparring.metrics.molecules.token_ngrams import draw_from_ngrams
from sparring.nets.feature_extractors import chemnet
from support.molecules import moses

REAL, MADE = moses(200)[::2], moses(200)[1::2]


@pytest.fixture(scope="session")
def real() -> MoleculeSet:
    return MoleculeSet.of(REAL)


@pytest.fixture(scope="session")
def good(real: MoleculeSet) -> dict[str, float]:
    """Scores of real molecules that were held out."""
    return {name: each.value for name, each in molecule_scores(MoleculeSet.of(MADE), real, set()).items()}


def molecules(*smiles: str) -> list[Chem.Mol]:
    found = [molecule_of(each) for each in smiles]
    return [each for each in found if each is not None]


def test_similarities_are_rdkits() -> None:
    some = molecules(*REAL[:12])
    rows = fingerprints(some)
    bits = [GetMorganGenerator(radius=2, fpSize=1024).GetFingerprint(each) for each in some]
    expected = np.array([DataStructs.BulkTanimotoSimilarity(one, bits) for one in bits])
    assert np.allclose(similarities(rows, rows), expected, atol=1e-6)
    assert internal_diversity(rows)[0] == pytest.approx(1 - expected.mean(), abs=1e-6)
    assert internal_diversity(rows, 2)[0] == pytest.approx(1 - np.sqrt((expected**2).mean(axis=1)).mean(), abs=1e-6)
    assert np.allclose(nearest_similarities(rows[:4], rows[4:]), expected[:4, 4:].max(axis=1), atol=1e-6)


def test_diversity_by_hand() -> None:
    rows = np.array([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1]], np.float32)
    assert internal_diversity(rows)[0] == pytest.approx(1 - 5 / 9)  # 5 of 9 pairs have a similarity of 1, the others of 0
    assert internal_diversity(rows[:2]) == (0.0, 0.0)
    half = np.array([[1, 1, 0], [1, 0, 1]], np.float32)
    assert similarities(half, half)[0, 1] == pytest.approx(1 / 3)


def test_errors_of_diversity_are_those_of_repeated_draws() -> None:
    rows = fingerprints(molecules(*moses(2000)[::2]))
    random = np.random.default_rng(0)
    draws = [internal_diversity(rows[random.choice(len(rows), 100, replace=False)]) for _ in range(40)]
    assert np.mean([error for _, error in draws]) == pytest.approx(np.std([value for value, _ in draws]), rel=0.5)


def test_distances_of_properties_are_scipys() -> None:
    random = np.random.default_rng(0)
    one, other = random.normal(size=50), random.normal(1, 2, size=70)
    assert wasserstein(one, other) == pytest.approx(wasserstein_distance(one, other))
    assert wasserstein(one, one + 3) == pytest.approx(3)


def test_properties_of_known_molecules() -> None:
    aspirin, benzene = molecules("CC(=O)Oc1ccccc1C(=O)O", "c1ccccc1")
    assert PROPERTIES["weight"](benzene) == pytest.approx(78.11, abs=0.01)
    assert PROPERTIES["qed"](aspirin) == pytest.approx(0.550, abs=0.002)  # in Bickerton's tables
    assert PROPERTIES["logp"](benzene) == pytest.approx(1.687, abs=0.001)  # Crippen's atoms: 6 x 0.1581 + 6 x 0.1230
    assert 1 <= PROPERTIES["sa"](benzene) < 1.5 < PROPERTIES["sa"](molecules("C12C3C4C1C5C2C3C45")[0])  # cubane is hard to make


def test_fragments_and_scaffolds() -> None:
    amide = molecules("O=C(Nc1ccccc1)C1CCCCC1")[0]
    assert sorted(fragments(amide)) == sorted(["[1*]C([6*])=O", "[5*]N[5*]", "[16*]c1ccccc1", "[15*]C1CCCCC1"])
    assert scaffold(molecules("Cc1ccc(C(=O)Nc2ccccc2)cc1")[0]) == "O=C(Nc1ccccc1)c1ccccc1"
    assert scaffold(molecules("Cc1ccccc1")[0]) is None  # one ring
    assert scaffold(molecules("CCC")[0]) is None
    assert cosine_of_counts({"a": 3, "b": 4}, {"a": 3, "c": 4}) == pytest.approx(9 / 25)
    assert np.isnan(cosine_of_counts({}, {"a": 1}))
    assert counts_of([["a", "b"], ["a"]]) == {"a": 2, "b": 1}


@pytest.mark.parametrize(
    "smiles",
    [
        "CC=O",  # an aldehyde
        "C1OC1CCN",  # an epoxide
        "CN=C=O",  # an isocyanate
        "C[N+](C)(C)C",  # charged
        "CP",  # phosphorus
        "C1CCCCCCC1",  # a ring of eight
        "O=C1C=CC(=O)C=C1",  # a quinone, which PAINS knows
        "CN=NC",  # an azo group
    ],
)
def test_filters(smiles: str) -> None:
    assert not passes_filters(molecules(smiles)[0])


def test_mosess_molecules_pass_its_filters() -> None:
    assert all(passes_filters(each) for each in molecules(*REAL[:40]))


def test_features_and_their_distance_are_those_of_fcd_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    from fcd_torch import FCD

    if not hasattr(np, "row_stack"):
        monkeypatch.setattr(np, "row_stack", np.vstack, raising=False)
    theirs = FCD(canonize=False)
    some = [*REAL[:40], "[Na+].[Cl-]", "C[Si](C)(C)Cl", "OB(O)c1ccccc1", "CBr", "C"]
    own = chemnet.load(chemnet.weights_file())(chemnet.symbols_of(some))
    assert np.allclose(own.numpy(), theirs.get_predictions(some), atol=1e-5)
    a, b = own[:20], own[20:]
    statistics = [{"mu": each.double().numpy().mean(0), "sigma": np.cov(each.double().numpy().T)} for each in (a, b)]
    assert frechet_distance(a, b) == pytest.approx(theirs.metric(*statistics), abs=1e-4)


def test_real_molecules_have_good_scores(good: dict[str, float]) -> None:
    assert good["valid"] == good["unique"] == good["new"] == good["whole"] == 1
    assert good["Frag"] > 0.9
    assert good["drug-like"] > 0.95
    assert good["SNN"] < 0.5
    assert set(good) <= set(MEANINGS)


def test_chains_of_carbon_are_seen(real: MoleculeSet, good: dict[str, float]) -> None:
    """As ORGAN made them in an issue of MOSES, where the usual shares looked well."""
    found = {name: each.value for name, each in molecule_scores(MoleculeSet.of(["C" * n for n in range(1, 51)]), real, set()).items()}
    assert found["valid"] == found["unique"] == found["new"] == 1
    assert found["FCD"] > 2 * good["FCD"]
    assert found["IntDiv1"] < 0.5 < 0.8 < good["IntDiv1"]
    assert found["Frag"] < 0.1
    assert found["drug-like"] == 0
    assert found["logP distance"] > 10 * good["logP distance"]
    assert "Scaf" not in found  # no molecule has a scaffold


def test_one_molecule_again_and_again_is_seen(real: MoleculeSet, good: dict[str, float]) -> None:
    found = molecule_scores(MoleculeSet.of([MADE[0]] * 50), real, set())
    assert found["valid"].value == 1
    assert found["unique"].value == 1 / 50
    assert found["IntDiv1"].value == 0
    assert found["FCD"].value > 2 * good["FCD"]
    assert found["weight distance"].value > 3 * good["weight distance"]


def test_copies_of_the_training_data_are_seen(real: MoleculeSet, good: dict[str, float]) -> None:
    assert molecule_scores(MoleculeSet.of(MADE[:30]), real, set(MADE))["new"].value == 0
    found = molecule_scores(MoleculeSet.of(REAL[:30]), real, set())
    assert found["SNN"].value == pytest.approx(1)
    assert found["SNN"].value > good["SNN"] + 10 * (found["SNN"].standard_error or 0)


def test_texts_that_are_no_molecules_are_seen(real: MoleculeSet) -> None:
    texts = [*MADE[:30], *["C1CC"] * 20, None, "(("]
    assert molecule_scores(MoleculeSet.of(texts), real, set())["valid"].value == pytest.approx(30 / 52)
    assert list(molecule_scores(MoleculeSet.of(["C1CC", None]), real, set())) == ["valid"]
    with pytest.raises(DataError, match="None of the real"):
        molecule_scores(real, MoleculeSet.of(["C1CC"]), set())


def test_several_molecules_in_one_are_seen(real: MoleculeSet) -> None:
    joined = [f"{one}.{other}" for one, other in zip(MADE[:15], MADE[15:30], strict=True)]
    assert molecule_scores(MoleculeSet.of([*joined, *MADE[30:45]]), real, set())["whole"].value == 0.5


def test_the_distance_is_extrapolated(good: dict[str, float]) -> None:
    assert good["FCD infinite"] < 0.8 * good["FCD"]


def test_ngrams_draw_what_they_saw() -> None:
    drawn = draw_from_ngrams([["a", "b", "c"], ["a", "b", "d"]], 400, seed=0, longest=10)
    assert {tuple(each) for each in drawn} == {("a", "b", "c"), ("a", "b", "d")}
    assert sum(each[-1] == "c" for each in drawn) == pytest.approx(200, abs=60)
    assert drawn[:5] == draw_from_ngrams([["a", "b", "c"], ["a", "b", "d"]], 5, seed=0, longest=10)
    assert all(len(each) <= 7 for each in draw_from_ngrams([["a"] * 50], 5, seed=0, longest=7))


def test_weights_that_are_none_are_refused(tmp_path) -> None:  # noqa: ANN001
    from sparring.core.errors import CheckpointError

    torch.save({"a": torch.zeros(2)}, tmp_path / "other.pt")
    for name in ("other.pt", "absent.pt"):
        with pytest.raises(CheckpointError):
            chemnet.load(tmp_path / name)
