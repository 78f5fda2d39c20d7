"""Pieces: what is joined, how sequences are cut into them, and that nothing is lost on the way there and back."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from sparring.data.sequences.pieces import Pieces, frequent_runs, with_pieces
from sparring.data.sequences.sequence_dataset import SequenceDataset, split_holdout
from sparring.data.sequences.sequence_spec import SequenceSpec
from sparring.modalities import MODALITIES
from sparring.recipes.latentgan import LatentGAN
from sparring.recipes.lm import LM
from support.molecules import moses
from support.texts import dataset, spec_of


def codes_of(*texts: str) -> np.ndarray:
    """Codes of texts of the letters a to z, from 1."""
    length = max(map(len, texts))
    return np.array([[*(ord(each) - 96 for each in text), *[0] * (length - len(text))] for text in texts])


def runs_of(*texts: str, count: int = 99, apart: str = "") -> list[str]:
    found = frequent_runs(codes_of(*texts), count, {0, *(ord(each) - 96 for each in apart)})
    return ["".join(chr(96 + code) for code in run) for run in found]


def spec_with(*pieces: str) -> SequenceSpec:
    return replace(spec_of("abcd", 8), pieces=tuple(tuple(each) for each in pieces))


@pytest.fixture(scope="session")
def molecules() -> SequenceDataset:
    return dataset(list(moses(200)), notation="smiles")


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (("abab", "abc"), ["ab"]),  # ab three times; after it no pair is there twice
        (("lowx", "lowy", "lower"), ["lo", "low"]),  # as in section 3.2 of the paper: pairs of pairs
        (("aaaaa", "aaa"), ["aa", "aaa"]),  # aa|aa|a and aa|a, from the left on: then aa|a is there twice
        (("ab", "ba"), []),  # neighbors in different sequences are none
    ],
)
def test_the_most_frequent_pair_is_joined_again_and_again(texts: tuple[str, ...], found: list[str]) -> None:
    assert runs_of(*texts) == found


def test_there_are_no_more_than_asked_for_and_some_codes_stay_apart() -> None:
    assert runs_of("lowx", "lowy", "lower", count=1) == ["lo"]
    assert runs_of("lowx", "lowy", "lower", apart="l") == ["ow"]


def test_the_longest_piece_is_read() -> None:
    """a to d have the codes 1 to 4, and the pieces those from 5."""
    pieces = Pieces(spec_with("ab", "abcd", "cd"))
    tokens = torch.tensor([[1, 2, 3, 4, 1, 2, 3, 1], [1, 2, 3, 3, 4, 0, 0, 0], [0] * 8])  # abcd|ab|c|a, ab|c|cd
    cut = torch.tensor([[6, 5, 3, 1, 0, 0, 0, 0], [5, 3, 7, 0, 0, 0, 0, 0], [0] * 8])
    assert torch.equal(pieces.of_tokens(tokens), cut)
    assert torch.equal(pieces.tokens_of(cut, 8), tokens)
    assert torch.equal(pieces.tokens_of(cut, 3), tokens[:, :3])  # what does not fit is left out
    assert len(pieces) == 8


def test_molecules_come_back(molecules: SequenceDataset) -> None:
    spec = with_pieces(molecules, molecules, 60).spec
    tokens, pieces = torch.from_numpy(molecules.codes()), Pieces(spec)
    cut = pieces.of_tokens(tokens)
    assert torch.equal(pieces.tokens_of(cut, spec.length), tokens)
    assert (cut > 0).sum() < 0.5 * (tokens > 0).sum()
    assert (cut >= spec.vocabulary).any()


def test_pieces_are_those_of_what_is_trained_on(molecules: SequenceDataset) -> None:
    adapter = MODALITIES["sequences"]
    fitted = adapter.fit(molecules, LatentGAN(pieces=30), 50, 3)
    trained_on, held_out = split_holdout(fitted, 50, 3)
    assert fitted.spec == with_pieces(trained_on, trained_on, 30).spec != with_pieces(held_out, held_out, 30).spec
    assert 20 <= len(fitted.spec.pieces) <= 30  # two ways to join the same tokens are one piece
    for recipe in (LatentGAN(pieces=0), LM()):
        assert adapter.fit(molecules, recipe, 50, 3).spec.pieces == ()


def test_unknown_tokens_are_in_no_piece() -> None:
    rare = dataset(["abz", "aby", "abx", "abw"] * 3, vocabulary=3)
    assert rare.spec.unknown is not None
    assert with_pieces(rare, rare, 10).spec.pieces == (("a", "b"),)


def test_specs_keep_their_pieces() -> None:
    spec = spec_with("ab", "cd")
    assert SequenceSpec.from_json(spec.to_json()) == spec
    older = {name: value for name, value in spec_of("abcd", 8).to_json().items() if name != "pieces"}
    assert SequenceSpec.from_json(older).pieces == ()
    for broken in (["a", "z"], ["a"], []):
        with pytest.raises(ValueError, match="pieces"):
            SequenceSpec.from_json({**spec.to_json(), "pieces": [broken]})
