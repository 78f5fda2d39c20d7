"""MiniLM and its word pieces, against numbers of the authors' network in the library transformers (5.0, with the same weights)."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from sparring.core.errors import CheckpointError, SettingsError
from sparring.data.sequences.sequence_spec import SequenceSpec
from sparring.evaluation.text_features import embed_by
from sparring.nets.feature_extractors import minilm
from sparring.nets.feature_extractors.word_pieces import WordPieces, words_of

PIECES = {
    "A cozy room in Brooklyn, 5 min. to the L train!": [
        101, 1037, 26931, 2282, 1999, 6613, 1010, 1019, 8117, 1012, 2000, 1996, 1048, 3345, 999, 102,
    ],
    "Café déjà-vu: naïve?": [101, 7668, 2139, 3900, 1011, 24728, 1024, 15743, 1029, 102],
    "床前明月光": [101, 100, 1776, 1865, 1872, 1770, 102],
    "AT&T's $100 £5 e-mail…": [101, 2012, 1004, 1056, 1005, 1055, 1002, 2531, 27813, 1041, 1011, 5653, 1529, 102],
    "supercalifragilisticexpialidocious & unbelievably  fun\n(really)": [
        101, 3565, 9289, 10128, 29181, 24411, 4588, 10288, 19312, 21273, 10085, 6313, 1004, 4895, 8671, 2666, 3567, 6321, 4569, 1006, 2428,
        1007, 102,
    ],
}  # fmt: skip
FEATURES = {  # at places 0, 1, 100 and 383
    "A cozy room in Brooklyn, 5 min. to the L train!": [0.04807, -0.02833, -0.00053, 0.00297],
    "Café déjà-vu: naïve?": [-0.02122, -0.00924, -0.02995, -0.05279],
    "床前明月光": [-0.05712, 0.03893, 0.03372, 0.05096],
    "x": [-0.09791, -0.064, 0.01845, -0.01163],
}
INSTALLED = pytest.mark.skipif(importlib.util.find_spec("all_minilm_l6_v2") is None, reason="needs the package of MiniLM's weights")
WORDS = SequenceSpec("words", 9, ("a", " b"))


def test_words_are_cut_as_bert_cuts_them() -> None:
    assert words_of("Ünï-code\t(é)\x00 3.5 床前") == ["uni", "-", "code", "(", "e", ")", "3", ".", "5", "床", "前"]


def test_pieces_are_the_longest_that_are_known() -> None:
    cut = WordPieces({"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "un": 3, "##known": 4, "##k": 5, "u": 6})
    assert cut.codes_of("unknown unk u x", 99) == [1, 3, 4, 3, 5, 6, 0, 2]
    assert cut.codes_of("u u u u u", 4) == [1, 6, 6, 2]
    assert cut.codes_of("u" * 101, 9) == [1, 0, 2]


@pytest.fixture(scope="module")
def network() -> minilm.MiniLM:
    return minilm.load()


@INSTALLED
def test_pieces_and_features_are_those_of_the_authors(network: minilm.MiniLM) -> None:
    assert {text: network.cut.codes_of(text, 256) for text in PIECES} == PIECES
    found = network.features_of(list(FEATURES))
    assert found[:, [0, 1, 100, 383]].numpy() == pytest.approx(np.array(list(FEATURES.values())), abs=2e-5)
    assert torch.allclose(found.norm(dim=1), torch.ones(4))


@INSTALLED
def test_features_of_a_text_do_not_depend_on_others(network: minilm.MiniLM) -> None:
    texts = ["A quiet room", "Two beds, near the park and the train", "A quiet room"]
    together = network.features_of(texts)
    assert torch.allclose(together[0], together[2])
    assert torch.allclose(together[0], network.features_of(texts[:1])[0], atol=1e-6)


@INSTALLED
def test_tensors_that_do_not_fit_are_listed() -> None:
    with pytest.raises(CheckpointError, match=r"a file does not hold[\s\S]*word_embeddings.weight: missing"):
        minilm.MiniLM({"strange": torch.zeros(1)}, {}, "a file")


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(CheckpointError, match=r"sparring\[texts\]"):
        embed_by("minilm", WORDS)


def test_a_damaged_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "model.zip").write_bytes(b"no zip")
    package = importlib.util.spec_from_file_location("all_minilm_l6_v2", tmp_path / "__init__.py")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: package)
    with pytest.raises(CheckpointError, match="Install all-minilm"):
        minilm.load()


def test_other_features_are_refused() -> None:
    assert embed_by(None, WORDS) is None
    with pytest.raises(SettingsError, match="minilm"):
        embed_by("lite0", WORDS)
    with pytest.raises(SettingsError, match="molecules"):
        embed_by("minilm", SequenceSpec("smiles", 9, ("C", "O")))
