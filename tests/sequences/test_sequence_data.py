"""Texts become tokens and codes, and come back; what cannot be used is named."""

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sparring.core.errors import DataError
from sparring.data.sequences.notations import UNKNOWN, smiles_tokens_of, text_of_words, words_of
from sparring.data.sequences.read_sequences import read_sequences
from sparring.data.sequences.sequence_dataset import split_holdout, with_vocabulary
from sparring.data.sequences.sequence_spec import SequenceSpec
from sparring.data.sequences.sequence_store import prepare_sequences
from sparring.data.sequences.sequences_reading import SequencesReading
from support.texts import dataset, titles, write_titles


def reading(**settings: object) -> SequencesReading:
    return SequencesReading(**settings)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("text", ["Quiet room w/ bath, 5 min (L-train)!", "Don't go\n\ngentle into_that", "a", "caf\u00e9 \u2013 50% off"])
def test_words_come_back(text: str) -> None:
    assert text_of_words(words_of(text)) == text


def test_words_and_punctuation_are_tokens_of_their_own() -> None:
    assert words_of("Don't  stop, now") == [" Don't", " stop", ",", " now"]


def test_smiles_are_cut_at_atoms() -> None:
    tokens = ["C", "[C@@H]", "(", "Cl", ")", "N", "%12", "C", "C", "C", "%12", "C", "Br"]
    assert smiles_tokens_of("".join(tokens)) == tokens


def test_codes_are_by_frequency_and_end_with_zeros() -> None:
    data = dataset(["aab", "ba", "aacc"])
    assert data.spec.tokens == ("a", "b", "c")
    assert data.spec.length == 4
    assert data.codes().tolist() == [[1, 1, 2, 0], [2, 1, 0, 0], [1, 1, 3, 3]]
    assert data.spec.texts_of(data.codes()) == ["aab", "ba", "aacc"]
    assert data.batch(np.array([1])).samples.tolist() == [[2.0, 1.0, 0.0, 0.0]]


def test_specs_go_through_json() -> None:
    spec = dataset(titles()).spec
    assert SequenceSpec.from_json(spec.to_json()) == spec


def test_rare_tokens_are_unknown() -> None:
    data = dataset(["aaab", "aabb", "aabc", "aabd"], vocabulary=3)
    assert data.spec.tokens == ("a", "b", UNKNOWN)
    assert data.spec.unknown == 3
    assert data.codes()[3].tolist() == [1, 1, 2, 3]
    assert data.tokens()[3] == ["a", "a", "b", "d"]


def test_models_know_the_tokens_that_are_trained_on_alone() -> None:
    data = dataset(["ab"] * 30 + ["xy"])
    for seed in range(20):
        training, held_out = split_holdout(data, 5, seed)
        if 30 in held_out.indices:
            break
    fitted = with_vocabulary(data, training)
    assert fitted.spec.tokens == ("a", "b", UNKNOWN)
    assert fitted.codes()[30].tolist() == [3, 3]


@pytest.mark.parametrize(
    ("unit", "texts"),
    [("line", ["one two", "three", "four"]), ("paragraph", ["one two\nthree", "four"]), ("file", ["one two\nthree\n\nfour"])],
)
def test_units_of_text_files(tmp_path: Path, unit: str, texts: list[str]) -> None:
    (tmp_path / "a.txt").write_text("one two\nthree\n\nfour\n")
    (tmp_path / "b.txt").write_text("another one")
    found, _, _ = read_sequences(tmp_path, reading(unit=unit))
    assert [*found.texts] == [*texts, "another one"]


def test_columns_of_tables_and_packed_files(tmp_path: Path) -> None:
    frame = pd.DataFrame({"title": titles(), "room": ["a", "b"] * 30, "price": range(60)})
    frame.to_csv(tmp_path / "rooms.csv", index=False)
    data, _ = prepare_sequences(tmp_path / "rooms.csv", reading(text="title", class_column="room"))
    assert data.texts() == titles()
    assert data.spec.classes == ("a", "b")
    assert data.labels is not None
    assert data.labels[:4].tolist() == [0, 1, 0, 1]
    of_frame, _ = prepare_sequences(frame, reading(text="title", class_column="room"))
    assert of_frame.fingerprint == data.fingerprint
    with gzip.open(tmp_path / "t.txt.gz", "wt") as file:
        file.write("\n".join(titles()))
    assert prepare_sequences(tmp_path / "t.txt.gz", reading())[0].texts() == titles()


def test_what_was_read_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARRING_CACHE", str(tmp_path / "cache"))
    path = write_titles(tmp_path)
    first, notes = prepare_sequences(path, reading())
    monkeypatch.setattr("sparring.data.sequences.sequence_store.read_sequences", None)
    again, noted = prepare_sequences(path, reading())
    assert (again.fingerprint, again.texts(), noted) == (first.fingerprint, first.texts(), notes)
    assert again.spec == first.spec


@pytest.mark.parametrize(
    ("texts", "settings", "said"),
    [
        (["", "  "], {}, "None of 2 texts"),
        (["aaa", "aa"], {}, "only one token"),
        (["ab", "ab"], {}, "are the same"),
        (["abcdef", "abcdeg", "ab"], {"length": 3}, "have more than 3"),
    ],
)
def test_texts_that_teach_nothing_are_refused(texts: list[str], settings: dict[str, object], said: str) -> None:
    with pytest.raises(DataError, match=said):
        prepare_sequences(texts, reading(**settings))


def test_problems_of_tables_are_named_at_once(tmp_path: Path) -> None:
    pd.DataFrame({"title": titles(), "other": titles()}).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(DataError) as caught:
        prepare_sequences(tmp_path / "t.csv", reading(text="titel", class_column="kind"))
    assert "'titel'" in str(caught.value)
    assert "'kind'" in str(caught.value)
    with pytest.raises(DataError, match="'title', 'other'"):
        prepare_sequences(tmp_path / "t.csv", reading())


def test_files_that_are_no_texts_are_refused(tmp_path: Path) -> None:
    (tmp_path / "bytes.txt").write_bytes(b"a\0b" * 100)
    (tmp_path / "empty.txt").write_text("\n\n")
    (tmp_path / "song.mp3").write_bytes(b"ID3")
    for name, said in (("bytes.txt", "zero"), ("empty.txt", "empty"), ("song.mp3", "no texts"), ("bites.txt", "bytes.txt")):
        with pytest.raises(DataError, match=said):
            prepare_sequences(tmp_path / name, reading())


def test_long_texts_are_left_out_and_counted() -> None:
    data, notes = prepare_sequences(["ab", "ba", "abababab"], reading(length=3))
    assert data.texts() == ["ab", "ba"]
    assert any("more than 3" in note for note in notes)


def test_a_hundred_thousand_words_are_cut_to_the_vocabulary() -> None:
    texts = [f"the w{number} of w{number + 1}" for number in range(50_000)]
    data = dataset(texts, vocabulary=100)
    assert len(data.spec.tokens) == 100
    assert data.spec.tokens[:2] == (" of", " the")
    assert np.isclose((data.codes() == data.spec.unknown).mean(), 0.5, atol=0.01)
