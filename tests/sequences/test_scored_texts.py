"""Scores become thirds of groups; words that must be kept are found; what keeps scores from telling anything is named."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

import sparring
from sparring.core.errors import DataError, SettingsError
from sparring.data.sequences.kept_words import keeps, names_in, telling_words
from sparring.data.sequences.scored_texts import number_in, thirds
from sparring.data.sequences.sequence_spec import SequenceSpec
from sparring.data.sequences.sequence_store import prepare_sequences
from sparring.data.sequences.sequences_reading import SequencesReading
from support.scored_titles import COLUMNS, PLACES, scored_titles, write_titles


def test_thirds_are_of_each_group() -> None:
    scores = np.array([1.0, 2, 3, 4, 5, 6, 101, 102, 103, 104, 105, 106, np.nan])
    found, small = thirds(scores, ["a"] * 6 + ["b"] * 7)
    assert found.tolist() == [0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2, -1]
    assert small == 0
    assert thirds(scores, [""] * 13)[0].tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, -1]


def test_equal_scores_are_in_one_third_and_small_groups_are_middling() -> None:
    found, small = thirds(np.array([0.0, 0, 0, 0, 0, 1, 2, 3, 7, 9]), ["a"] * 8 + ["b"] * 2)
    assert found.tolist() == [0, 0, 0, 0, 0, 2, 2, 2, 1, 1]  # the zeros have rank 2.5 of 8, the one 5.5
    assert small == 1


@pytest.mark.parametrize(("text", "number"), [("1,234.5", 1234.5), (" 7 ", 7.0), ("many", None), ("", None), ("inf", None), (None, None)])
def test_numbers_of_cells(text: str | None, number: float | None) -> None:
    found = number_in(text)
    assert np.isnan(found) if number is None else found == number


def test_names_have_a_capital_wherever_they_stand() -> None:
    texts = (
        [f"Sunny room in Harlem number {n}" for n in range(5)]
        + ["Cozy Room Near Park"] * 9
        + ["Quiet room with Wifi", "Quiet room with wifi"]
    )
    assert names_in(texts) == {"harlem"}  # not those of titles with all capitals, nor first words, nor what is written both ways


def test_words_that_tell_groups_apart() -> None:
    texts = ["sunny room"] * 60 + ["sunny loft"] * 60 + ["loft one"] * 2
    assert telling_words(texts, ["a"] * 60 + ["b"] * 62) == {"room", "loft"}
    assert telling_words(texts, ["a", "b"] * 61) == set()


def test_what_is_kept() -> None:
    spec = SequenceSpec("words", 4, (" Harlem", " sunny", " 2br", " two", "\ufffd"), ("low", "middle", "high"), ("harlem",))
    assert spec.kept_tokens == [True, False, True, True, True]
    assert SequenceSpec.from_json(spec.to_json()) == spec
    assert SequenceSpec.from_json({name: value for name, value in spec.to_json().items() if name != "kept"}).kept == ()
    assert keeps("sunny", ()) is False


def test_files_with_scores(tmp_path: Path) -> None:
    rows = scored_titles(300)
    rows[3]["bookings"], rows[4]["bookings"], rows[5]["title"] = "", "unknown", ""
    path = write_titles(tmp_path / "titles.csv", rows)
    for _ in range(2):  # the second time from the cache
        data, notes = prepare_sequences(path, SequencesReading(**COLUMNS))
        assert data.spec.classes == ("low", "middle", "high")
        assert len(data) == 297
        assert {*map(str.lower, PLACES), "room", "loft"} <= set(data.spec.kept)
        assert any("2 texts without a number in 'bookings'" in note for note in notes)
        labels = data.labels
        assert labels is not None
        for kind in ("room", "loft"):  # a third of each, though lofts have ten more
            own = labels[[kind in text for text in data.texts()]]
            assert np.bincount(own, minlength=3) == pytest.approx(len(own) / 3, abs=1)


def problems(path: Path, **settings: object) -> str:
    with pytest.raises(DataError) as caught:
        prepare_sequences(path, SequencesReading(**{**COLUMNS, **settings}))  # pyright: ignore[reportArgumentType]
    return str(caught.value)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"bookings": lambda row: "good"}, ["bookings", "'good'"]),
        ({"bookings": lambda row: 3}, ["3 in all rows"]),
        ({"bookings": lambda row: int(row["bookings"] > 11.5)}, ["%", "0"]),
    ],
)
def test_scores_that_tell_nothing(changes: Mapping[str, object], named: list[str], tmp_path: Path) -> None:
    rows = scored_titles(60)
    rows = [{**row, **{name: make(row) for name, make in changes.items()}} for row in rows]  # pyright: ignore[reportCallIssue]
    found = problems(write_titles(tmp_path / "titles.csv", rows), within=())
    assert all(word in found for word in named), found


def test_few_texts_and_groups_of_one(tmp_path: Path) -> None:
    rows = scored_titles(40)
    assert "needs 20" in problems(write_titles(tmp_path / "few.csv", rows))
    for number, row in enumerate(rows):
        row["kind"] = number
    assert "name fewer columns" in problems(write_titles(tmp_path / "alone.csv", rows))


def test_all_columns_that_are_not_there_are_named(tmp_path: Path) -> None:
    found = problems(write_titles(tmp_path / "titles.csv", scored_titles(60)), score="booking", within=("kinds",))
    assert "'booking'" in found
    assert "'kinds'" in found
    (tmp_path / "lines.txt").write_text("one line\nand another\n")
    assert "no columns" in problems(tmp_path / "lines.txt", text=None, within=())


@pytest.mark.parametrize(
    "settings", [{"within": ("kind",)}, {"score": "bookings", "class_column": "kind"}, {"score": "bookings", "within": ("bookings",)}]
)
def test_settings_that_do_not_go_together(settings: dict[str, object], tmp_path: Path) -> None:
    path = write_titles(tmp_path / "titles.csv", scored_titles(60))
    with pytest.raises(SettingsError, match="score"):
        sparring.train("reword", path, tmp_path / "run", steps=1, **{"text": "title", **settings})  # pyright: ignore[reportArgumentType]


def test_texts_without_scores_are_refused(tmp_path: Path) -> None:
    path = write_titles(tmp_path / "titles.csv", scored_titles(60))
    with pytest.raises(SettingsError, match="--score"):
        sparring.train("reword", path, tmp_path / "run", steps=1, text="title")
