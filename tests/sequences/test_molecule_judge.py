"""Molecules are judged beside their texts: collapses are found, and the page draws molecules."""

import json
from pathlib import Path

import pytest

from sparring.core.errors import SparringError
from sparring.data.sequences.notations import NOTATIONS
from sparring.evaluation.judge_molecules import findings_of, judge_molecules
from sparring.evaluation.judge_text_sources import with_molecules
from sparring.evaluation.judge_texts import TextSet, judge_texts
from sparring.evaluation.molecule_scores import MoleculeSet, shares_of
from sparring.evaluation.texts_report import write_texts_report
from support.molecules import moses
from support.texts import dataset

CUT = NOTATIONS["smiles"]
TRAINING, HELD_OUT, MADE = moses(160)[:80], moses(160)[80:120], moses(160)[120:]
TOKENS = [CUT.tokens_of(text) for text in TRAINING]


def found_in(texts: list[str | None]) -> set[str]:
    return {finding.kind for finding in findings_of(shares_of(MoleculeSet.of(texts), set(TRAINING)))}


def test_collapses_are_found() -> None:
    assert found_in(list(MADE)) == set()
    assert found_in([MADE[0]] * 40) == {"valid, but all the same"}
    assert found_in([*MADE[:10], *["C1CC", None] * 15]) == {"invalid molecules"}
    assert found_in(["C1CC"]) == {"invalid molecules"}
    assert found_in([f"{one}.{other}" for one, other in zip(MADE[:20], MADE[20:40], strict=True)]) == {"in pieces"}


def test_scores_stand_between_an_ngram_model_and_held_out_molecules() -> None:
    scores, findings = judge_molecules(list(MADE), TRAINING, HELD_OUT, TOKENS, CUT.text_of)
    by_name = {score.name: score for score in scores}
    assert findings == ()
    assert by_name["new"].yours.value == by_name["unique"].yours.value == 1
    assert by_name["valid"].floor.value < 0.5 < by_name["valid"].ceiling.value == 1
    assert by_name["valid"].percent_of_the_way == pytest.approx(100)


def test_the_page_draws_molecules(tmp_path: Path) -> None:
    sets = [TextSet(texts, [CUT.tokens_of(text) for text in texts]) for texts in (TRAINING, MADE, HELD_OUT)]
    spec = dataset(list(TRAINING), notation="smiles").spec
    judgment = with_molecules(judge_texts(*sets, items="molecules"), list(MADE), sets[0], sets[2], spec)
    page = write_texts_report(judgment, tmp_path).read_text()
    assert page.count("<svg") >= 12
    assert "Scores of molecules" in page
    assert "<script" not in page
    saved = json.loads((tmp_path / "report.json").read_text())
    assert {each["name"] for each in saved["molecules"]} >= {"valid", "unique", "new", "SNN"}
    assert any("IntDiv1" in line for line in judgment.lines())
    words = dataset(["one two three", "four five six"])
    assert with_molecules(judgment, list(MADE), sets[0], sets[2], words.spec) is judgment


def test_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sparring.nets.feature_extractors.chemnet.importlib.util.find_spec", lambda name: None)
    with pytest.raises(SparringError, match=r"sparring\[molecules\]"):
        judge_molecules(list(MADE), TRAINING, HELD_OUT, TOKENS, CUT.text_of)
