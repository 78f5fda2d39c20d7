"""Judging series: failures made on purpose are told, and real windows that were held out reach the ceiling."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sparring.core.errors import SettingsError
from sparring.data.series.series_dataset import split_holdout
from sparring.evaluation import judge_series_sources, series_sets
from sparring.evaluation.judge_series import judge_series
from sparring.evaluation.judge_series_sources import judged_series
from sparring.evaluation.series_judgment import SeriesJudgment
from sparring.evaluation.series_networks import NetworkProtocol
from sparring.evaluation.series_report import series_report_html, write_series_report
from sparring.evaluation.series_sets import JudgedSeries, RealPaths, Windows, estimate, in_groups, paths_of, split_apart
from sparring.inference.series_of_model import series_of
from support.cli import call
from support.fake_series import fake_model
from support.series import SMALL, write_demand

FAST = NetworkProtocol(windows=50, steps=2, batch=8, hidden=2, seeds=1, stretch=8)
"""Networks that learn nothing, where other scores are looked at."""
QUICK = NetworkProtocol(windows=200, steps=60, batch=32, hidden=8, seeds=2, stretch=32)
STEPS, ROWS, SEASON, GENERATED = 48, 2400, 12, 150


def returns(rows: int, seed: int, paths: int = 1) -> np.ndarray:
    """GARCH(1,1) with heavy tails: independent signs, and sizes that remember."""
    random = np.random.default_rng(seed)
    found, variance = np.zeros((paths, rows + 100)), np.ones(paths)
    for step in range(rows + 100):
        found[:, step] = np.sqrt(variance) * random.standard_t(6, paths) / 1.5**0.5
        variance = 0.05 + 0.15 * found[:, step] ** 2 + 0.8 * variance
    return 0.01 * found[:, 100:]


def demand(rows: int, seed: int, paths: int = 1, first: int = 0) -> np.ndarray:
    """A season of twelve steps, and what remembers the step before. Paths begin at each phase in turn, and are `first` steps late."""
    random = np.random.default_rng(seed)
    phases = np.arange(rows) + np.arange(paths)[:, None] + first
    rest = np.zeros((paths, rows))
    for step in range(1, rows):
        rest[:, step] = 0.8 * rest[:, step - 1] + random.normal(size=paths)
    return 50 + 6 * np.sin(2 * np.pi * phases / SEASON) + rest


def windows_of(series: np.ndarray, first: int, last: int, *, season: bool) -> Windows:
    starts = np.arange(first, last - STEPS + 1)
    rows = starts[:, None] + np.arange(STEPS)
    return Windows(np.moveaxis(series[:, rows], 0, 1), rows % SEASON if season else None, starts)


def judged(series: np.ndarray, generated: Windows, *, is_returns: bool) -> JudgedSeries:
    """A series (values, rows) whose last fifth is held out."""
    border = int(0.8 * series.shape[1])
    return JudgedSeries(
        names=tuple(f"x{number}" for number in range(len(series))),
        returns=is_returns,
        past=0,
        season=None if is_returns else SEASON,
        training=windows_of(series, 0, border, season=not is_returns),
        held_out=windows_of(series, border, series.shape[1], season=not is_returns),
        generated=generated,
        paths=RealPaths(series[None, :, :border], independent=False),
        held_out_paths=RealPaths(series[None, :, border:], independent=False),
    )


def judge_returns(generated: np.ndarray, networks: NetworkProtocol = FAST) -> SeriesJudgment:
    return judge_series(judged(RETURNS, Windows(generated[:, None]), is_returns=True), networks=networks)


def judge_demand(generated: np.ndarray, networks: NetworkProtocol = FAST) -> SeriesJudgment:
    phases = (np.arange(STEPS) + np.arange(len(generated))[:, None]) % SEASON
    return judge_series(judged(DEMAND, Windows(generated[:, None], phases), is_returns=False), networks=networks)


RETURNS, DEMAND = returns(ROWS, 0), demand(ROWS, 0)


def kinds(judgment: SeriesJudgment) -> set[str]:
    return {finding.kind for finding in judgment.findings}


def sentence(judgment: SeriesJudgment, kind: str) -> str:
    return next(finding.sentence for finding in judgment.findings if finding.kind == kind)


@pytest.fixture(scope="module")
def good_returns() -> SeriesJudgment:
    return judge_returns(returns(STEPS, 7, GENERATED), QUICK)


@pytest.fixture(scope="module")
def shuffled() -> SeriesJudgment:
    """Real returns in random order."""
    return judge_returns(np.random.default_rng(1).permutation(RETURNS[0, : GENERATED * STEPS // 4].repeat(4)).reshape(GENERATED, STEPS))


@pytest.fixture(scope="module")
def good_demand() -> SeriesJudgment:
    return judge_demand(demand(STEPS, 7, GENERATED), QUICK)


# ------------------------------------------------------------------------------------------------------------ failures


def test_returns_of_the_real_distribution_are_well(good_returns: SeriesJudgment) -> None:
    assert "no memory" not in kinds(good_returns)
    assert "copies windows" not in kinds(good_returns)
    assert good_returns["memory"].percent_of_the_way is None or good_returns["memory"].percent_of_the_way > 60
    assert good_returns["discriminative"].yours.value < 0.2
    assert good_returns.fact("acf_abs_1").inside
    assert good_returns.fact("hill").inside
    assert sum(fact.inside for fact in good_returns.facts) >= len(good_returns.facts) - 2


def test_shuffled_returns_have_lost_their_memory(shuffled: SeriesJudgment) -> None:
    assert "no memory" in kinds(shuffled)
    assert "absolute returns" in sentence(shuffled, "no memory")
    way = shuffled["memory"].percent_of_the_way
    assert way is not None
    assert way < 30
    fact = shuffled.fact("acf_abs_1")
    assert not fact.inside
    assert abs(fact.yours.value) < 0.05
    assert "Autocorrelation of absolute returns at lag 1 is" in fact.sentence
    assert "below the real series' band" in fact.sentence
    assert fact.sentence in {finding.sentence for finding in shuffled.findings}
    assert shuffled.fact("kurtosis").inside, "the values are right"
    assert shuffled["values"].yours.value < 0.1


def test_demand_of_the_real_distribution_is_well(good_demand: SeriesJudgment) -> None:
    assert kinds(good_demand) == set()
    for name in ("changes", "autocorrelation", "season"):
        way = good_demand[name].percent_of_the_way
        assert way is not None, name
        assert way > 80, name
    assert good_demand["diversity"].yours.value == pytest.approx(1, abs=0.1)


def test_a_shifted_season_is_told(good_demand: SeriesJudgment) -> None:
    shifted = judge_demand(demand(STEPS, 7, GENERATED, first=-3))
    assert "season shifted" in kinds(shifted)
    assert "+3 of 12 steps" in sentence(shifted, "season shifted")
    assert shifted["season"].yours.value > 5 * good_demand["season"].yours.value
    assert shifted["values"].yours.value < 0.15, "in all else it is right"


def test_windows_without_times_are_aligned_before_their_season_is_scored() -> None:
    generated = Windows(demand(STEPS, 7, GENERATED, first=-3)[:, None])
    aligned = judge_series(judged(DEMAND, generated, is_returns=False), networks=FAST)
    assert "season shifted" not in kinds(aligned)
    way = aligned["season"].percent_of_the_way
    assert way is not None
    assert way > 80
    assert "shifted to where it fits best" in aligned["season"].protocol


def test_a_lost_season_is_told() -> None:
    random = np.random.default_rng(3)
    lost = judge_demand(random.choice(DEMAND[0], (GENERATED, STEPS)))
    assert {"season lost", "no memory"} <= kinds(lost)
    for name in ("season", "autocorrelation"):
        way = lost[name].percent_of_the_way
        assert way is not None
        assert abs(way) < 15, name


def test_one_path_again_and_again_is_told() -> None:
    same = demand(STEPS, 7, 1).repeat(GENERATED, axis=0) + 1e-3 * np.random.default_rng(0).normal(size=(GENERATED, STEPS))
    collapsed = judge_demand(same, QUICK)
    assert "paths alike" in kinds(collapsed)
    assert "told apart" in kinds(collapsed)
    assert collapsed["diversity"].yours.value < 0.01
    assert collapsed["discriminative"].yours.value > 0.4


def test_copies_of_training_windows_are_told(good_demand: SeriesJudgment) -> None:
    generated = demand(STEPS, 7, GENERATED)
    generated[:30] = DEMAND[0][12 * np.arange(30)[:, None] + np.arange(STEPS)] + 0.01
    copying = judge_demand(generated)
    assert kinds(copying) == {"copies windows"}
    assert copying.copies.copies == pytest.approx(0.2, abs=0.01)
    assert good_demand.copies.copies == 0
    assert good_demand.copies.training < 0.01


def test_values_that_explode_or_are_wrong_are_told() -> None:
    exploding = demand(STEPS, 7, GENERATED)
    exploding[0] = 50 + np.exp(np.arange(STEPS) / 8)
    assert "explodes" in kinds(judge_demand(exploding))
    assert "values wrong" in kinds(judge_demand(demand(STEPS, 7, GENERATED) + 4))


def test_held_out_windows_judged_as_samples_come_out_at_the_ceiling() -> None:
    border = int(0.8 * ROWS)
    held_out = windows_of(DEMAND, border, ROWS, season=True)
    same = judge_series(judged(DEMAND, Windows(held_out.values, held_out.phases), is_returns=False), networks=QUICK)
    for score in same.scores:
        if score.name in {"values", "changes", "autocorrelation", "season", "diversity", "copies"}:
            assert score.yours.value == pytest.approx(score.ceiling.value, abs=1e-9), score.name
    assert same["discriminative"].yours.value == pytest.approx(same["discriminative"].ceiling.value, abs=0.12)
    assert same["predictive"].percent_of_the_way is None or same["predictive"].percent_of_the_way > 70


def test_relations_of_columns_are_scored() -> None:
    series = np.concatenate([demand(ROWS, 0), -demand(ROWS, 0) + np.random.default_rng(0).normal(size=ROWS)])
    right, other = demand(STEPS, 7, GENERATED), demand(STEPS, 8, GENERATED)
    phases = (np.arange(STEPS) + np.arange(GENERATED)[:, None]) % SEASON
    opposite = judge_series(judged(series, Windows(np.stack([right, -right], axis=1), phases), is_returns=False), networks=FAST)
    apart = judge_series(judged(series, Windows(np.stack([right, other], axis=1), phases), is_returns=False), networks=FAST)
    assert opposite["cross-correlation"].yours.value < 0.1
    assert apart["cross-correlation"].yours.value > 1


def test_the_same_seed_gives_the_same_judgment(good_demand: SeriesJudgment) -> None:
    again = judge_demand(demand(STEPS, 7, GENERATED), QUICK)
    assert [score.to_json() for score in again.scores] == [score.to_json() for score in good_demand.scores]


def test_without_held_out_windows_training_windows_stand_in() -> None:
    full = judged(DEMAND, Windows(demand(STEPS, 7, GENERATED)[:, None]), is_returns=False)
    alone = judge_series(JudgedSeries(full.names, False, 0, SEASON, full.training, None, full.generated, full.paths, None), networks=FAST)
    assert any("No windows were held out" in note for note in alone.notes)
    assert alone.copies.held_out is None


def test_the_first_steps_that_were_given_are_not_scored() -> None:
    """A generator that repeats the past it was given as the future, on paths whose first half is real."""
    full = judged(DEMAND, Windows(np.zeros((0, 1, STEPS))), is_returns=False)
    assert full.held_out is not None
    held_out = full.held_out.take(np.arange(0, len(full.held_out), 3))
    values = held_out.values.copy()
    values[:, :, STEPS // 2 :] = 50.0
    assert held_out.phases is not None
    given = JudgedSeries(
        full.names, False, STEPS // 2, SEASON, full.training, full.held_out, Windows(values, held_out.phases), full.paths,
        full.held_out_paths, continues_held_out=True,
    )  # fmt: skip
    constant = judge_series(given, networks=FAST)
    assert constant["diversity"].yours.value == 0
    assert "season lost" in kinds(constant)
    assert any("continue the first 24 steps of held-out windows" in note for note in constant.notes)


# --------------------------------------------------------------------------------------------------------------- parts


def test_parts_to_learn_from_and_to_test_on_share_no_row() -> None:
    windows = windows_of(DEMAND, 0, 2000, season=True)
    fit, test = split_apart(windows)
    assert fit.starts is not None
    assert test.starts is not None
    assert min(len(fit), len(test)) > 100
    assert np.abs(fit.starts[:, None] - test.starts).min() >= STEPS
    alone, other = split_apart(Windows(np.zeros((100, 1, 5))))
    assert (len(alone), len(other)) == (75, 25)
    few, tested = split_apart(Windows(np.zeros((3, 1, 5))))
    assert (len(few), len(tested)) == (2, 1)


def test_a_jackknife_knows_the_error_of_a_mean() -> None:
    values = np.random.default_rng(0).normal(size=(1000, 1, 1))
    found = estimate(Windows(values), lambda some: float(some.values.mean()))
    assert found.value == values.mean()
    assert found.standard_error == pytest.approx(1 / 1000**0.5, rel=0.5)


def test_groups_are_as_long_as_the_real_series() -> None:
    assert [len(group) for group in in_groups(Windows(np.zeros((100, 1, 10))), 250)] == [25] * 4
    assert [len(group) for group in in_groups(Windows(np.zeros((10, 1, 10))), 2500)] == [10]


def test_stretches_become_paths() -> None:
    numbers, owner = np.arange(100.0)[:, None], np.zeros(100, np.int64)
    one = paths_of(numbers, np.arange(100.0), owner, np.arange(0, 91), 10)
    assert one.values[:, 0].tolist() == [list(range(100))]
    assert not one.independent
    two = paths_of(numbers, np.arange(100.0), owner, np.r_[0:31, 50:91], 10)
    assert two.values.shape == (2, 1, 40)
    assert two.values[1, 0, -1] == 99
    assert two.independent, "they are of different times"
    shares = paths_of(numbers, np.tile(np.arange(50.0), 2), np.arange(100) // 50, np.r_[0:41, 50:91], 10)
    assert shares.values.shape == (2, 1, 50)
    assert not shares.independent
    pieces = paths_of(numbers, np.arange(100.0), owner, np.r_[0:1, 50:91], 10)
    assert pieces.values.shape == (6, 1, 10)


# ------------------------------------------------------------------------------------------------------ pages and runs


def test_the_page_shows_scores_facts_and_curves(shuffled: SeriesJudgment, good_demand: SeriesJudgment, tmp_path: Path) -> None:
    page = series_report_html(shuffled)
    assert "stylized facts missed" in page
    assert page.count("<svg") == 5
    assert "NaN" not in page
    assert "nan" not in page.replace("finance", "")
    assert "Mean course of a season" in series_report_html(good_demand)
    assert write_series_report(shuffled, tmp_path).name == "report.html"
    stored = json.loads((tmp_path / "report.json").read_text())
    assert {score["name"] for score in stored["scores"]} == {score.name for score in shuffled.scores}
    assert stored["facts"][0]["title"] == "Excess kurtosis"
    assert "windows" not in stored["curves"][0]
    lines = shuffled.lines()
    assert any("outside" in line and "absolute returns at lag 1 " in line for line in lines)
    with pytest.raises(KeyError, match="there is no score 'x'"):
        shuffled["x"]
    with pytest.raises(KeyError, match="there is no fact"):
        shuffled.fact("x")


@pytest.mark.parametrize("recipe", ["quantgan", "ganslicing"])
def test_a_run_is_judged(recipe: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NetworkProtocol.__init__, "__kwdefaults__", vars(FAST))
    data, run = write_demand(tmp_path), tmp_path / "run"
    words = ["--id", "name", "--value", "load", "--window", 12, "--period", 6, "--batch-size", 8, "--hidden", 4, "--threads", 1]
    words += ["--past", SMALL[recipe]["past"]] if recipe == "ganslicing" else []
    assert call("train", recipe, "--data", data, "--out", run, "--steps", 2, *words) == 0
    capsys.readouterr()
    assert call("judge", run, "--samples", 64) == 0
    out = capsys.readouterr().out
    assert "discriminative" in out
    assert "season" in out
    assert ("continue the first 8 steps of held-out windows" in out) == (recipe == "ganslicing")
    stored = json.loads((run / "report.json").read_text())
    assert stored["counts"]["generated"] == 64
    assert call("judge", run, "--extractor", "inception") == 1
    assert "leave out --extractor" in capsys.readouterr().err
    assert call("judge", run, data, "--samples", 32, "--out", tmp_path / "other") == 0, "other data, here the same"


@pytest.mark.long
def test_runs_on_series_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NetworkProtocol.__init__, "__kwdefaults__", vars(FAST))
    data = write_demand(tmp_path)
    words = ("--id", "name", "--value", "load", "--window", 12, "--batch-size", 8, "--steps", 2, "--threads", 1)
    for hidden in (4, 5):
        assert call("train", "quantgan", "--data", data, "--out", tmp_path / str(hidden), "--hidden", hidden, *words) == 0
    assert call("compare", tmp_path / "4", tmp_path / "5", "--out", tmp_path / "table.md") == 0
    assert "discriminative" in capsys.readouterr().out
    assert "quantgan" in (tmp_path / "table.md").read_text()


def test_models_of_images_are_no_series(squares: Path, tmp_path: Path, quiet: object) -> None:
    import sparring
    from sparring.evaluation.judge_series_sources import judge_series_model
    from support.tiny import TINY

    model = sparring.train("dcgan", squares, tmp_path / "run", steps=1, device="cpu", console=quiet, **TINY)  # pyright: ignore
    with pytest.raises(SettingsError):
        judge_series_model(model)


def test_windows_that_continue_the_same_rows_are_told_from_each_other() -> None:
    frame = pd.DataFrame({"load": np.random.default_rng(0).normal(size=400)})
    model = fake_model(frame, window=12, past=8)
    training, held_out = split_holdout(series_of(model, frame).dataset, 60, 0)
    found = judged_series(model.game, training, held_out, 200, 0)
    assert found.generated.starts is not None
    assert len(found.generated) == 200
    assert set(found.generated.starts) == set(held_out.starts)  # each of 60 pasts is continued more than once
    fit, test = split_apart(found.generated)
    assert fit.starts is not None
    assert test.starts is not None
    assert not set(fit.starts) & set(test.starts)


def test_a_judgment_does_not_hold_all_training_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge_series_sources, "TRAINING_VALUES", 12 * 250)
    frame = pd.DataFrame({"load": np.random.default_rng(0).normal(size=2000)})
    model = fake_model(frame, window=12)
    training, held_out = split_holdout(series_of(model, frame).dataset, None, 0)
    assert len(judged_series(model.game, training, held_out, 50, 0).training) == 250


def test_a_long_series_is_cut_for_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series_sets, "MOST_FACT_STEPS", 100)
    numbers, starts = np.arange(500.0)[:, None], np.arange(500 - 12 + 1)
    assert paths_of(numbers, np.arange(500.0), np.zeros(500, np.int64), starts, 12).values[0, 0].tolist() == list(range(400, 500))
