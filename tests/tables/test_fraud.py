"""Models that score rows: labels and times, splits, training, probabilities, reasons, the judge, and bad input."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from rich.console import Console

import sparring
from sparring.core.errors import DataError, SettingsError
from sparring.core.random_streams import Streams
from sparring.data.tables.labeled_rows import LabeledRows, fit_labeled, label_rows, split_labeled
from sparring.data.tables.read_same_columns import read_like
from sparring.data.tables.table_plan import TablePlan
from sparring.data.tables.table_store import TableReading, prepare_table
from sparring.evaluation.bounded_scores import Estimate
from sparring.evaluation.fraud_judgment import WayScores
from sparring.evaluation.fraud_report import fraud_report_html
from sparring.evaluation.judge_frauds import findings_of, judge_frauds
from sparring.games.fraud import FraudGame
from sparring.inference.model import Model
from sparring.inference.score_rows import encode_known, score_rows, score_values
from support.cli import call
from support.fraud_tables import SMALL_FRAUD, payments
from support.runs import same_run

QUIET = Console(quiet=True)


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("payments") / "payments.csv"
    payments().sample(frac=1, random_state=0).to_csv(path, index=False)  # not in order
    return path


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory, table: Path) -> Path:
    """A model that has learned something."""
    out = tmp_path_factory.mktemp("fraud") / "run"
    settings = {**SMALL_FRAUD, "target": "fraud", "time": "when", "learning_rate": 5e-3, "ema_samples": 5000, "sees_surprise": True}
    sparring.train("fraudgan", table, out, real_samples=40_000, threads=1, console=QUIET, **settings)
    return out


@pytest.fixture
def model(run: Path) -> Model:
    return sparring.load(run)


def labeled(table: Path, **roles: str | None) -> LabeledRows:
    found = {"target": "fraud", "time_column": "when", **roles}
    return label_rows(prepare_table(table, TableReading()), found["target"], found["time_column"], 0.25)


# --------------------------------------------------------------------------------------------------------------------- data


def test_rows_are_in_order_of_time_and_the_last_are_held_out(table: Path) -> None:
    rows = labeled(table)
    when = pd.read_csv(table, parse_dates=["when"])["when"].to_numpy()[rows.row_numbers]
    assert (np.diff(when).astype(int) >= 0).all()
    known, unseen = split_labeled(rows, None, 0)
    assert len(unseen) == 800
    assert when[len(known) - 1] <= when[len(known)]
    assert set(known.row_numbers) | set(unseen.row_numbers) == set(range(4000))
    assert len(split_labeled(rows, 100, 0)[1]) == 100


def test_without_times_the_seed_chooses_what_is_held_out(table: Path) -> None:
    rows = labeled(table, time_column=None)
    one, other = (split_labeled(rows, 300, seed)[1].row_numbers for seed in (0, 1))
    assert len(one) == 300
    assert set(one) != set(other)


def test_nothing_held_out_reaches_encodings(tmp_path: Path) -> None:
    frame = payments()
    frame.to_csv(tmp_path / "a.csv", index=False)
    later = frame["when"] > frame["when"].sort_values().iloc[2999]
    frame.loc[later, "amount"] *= 1000
    frame.to_csv(tmp_path / "b.csv", index=False)
    specs = [fit_labeled(labeled(tmp_path / name), 1000, 0).spec for name in ("a.csv", "b.csv")]
    amounts = [next(each for each in spec.encodings if each.name == "amount") for spec in specs]
    assert amounts[1].highest == pytest.approx(amounts[0].highest, rel=0.05)  # ranks of numbers up to 1000 times as large
    assert amounts[0].grid[:-9] == pytest.approx(amounts[1].grid[:-9], rel=0.01)


def test_batches_have_the_share_of_frauds_and_recent_rows_apart(table: Path) -> None:
    rows = split_labeled(fit_labeled(labeled(table), None, 0), None, 0)[0]
    batch = rows.choose(Streams(0, 3), 80)
    target = rows.labeling.target
    fraud = rows.spec.encodings[target].categories.index("true")
    assert batch.is_recent.tolist() == [False] * 64 + [True] * 16
    assert int((batch.codes[:64, target] == fraud).sum()) == 16
    assert int((batch.codes[64:, target] == fraud).sum()) == 2
    assert int((batch.codes[64:, target] == rows.spec.encodings[target].missing_code).sum()) == 0
    frauds, others = (len(group) for group in rows.groups[1])
    weight = batch.recent_weights[64:]
    assert float(weight.mean()) == pytest.approx(1)
    assert float(weight[:2].sum() / weight.sum()) == pytest.approx(frauds / (frauds + others))
    again = rows.choose(Streams(0, 3), 80)
    assert torch.equal(batch.samples, again.samples)
    learned, recent = (set(np.concatenate(group).tolist()) for group in rows.groups)
    assert not learned & recent
    assert max(learned) < min(recent)


def test_few_frauds_are_learned_from_and_calibrated_on(tmp_path: Path) -> None:
    frame = payments(600)
    frame = frame[(frame["fraud"] == "no") | (frame["fraud"] == "yes").cumsum().le(5)]
    frame.to_csv(tmp_path / "few.csv", index=False)
    rows = labeled(tmp_path / "few.csv")
    assert len(rows.groups[0][0]) == len(rows.groups[1][0]) == 5


# ---------------------------------------------------------------------------------------------------------------- bad input


def test_every_wrong_column_is_named_at_once(table: Path) -> None:
    with pytest.raises(SettingsError) as problem:
        labeled(table, target="frad", time_column="shop")
    assert "'fraud'" in str(problem.value)
    assert "'shop'" in str(problem.value)


@pytest.mark.parametrize("target", ["amount", "shop", None])
def test_a_target_says_yes_or_no(table: Path, target: str | None) -> None:
    with pytest.raises(SettingsError, match="target"):
        labeled(table, target=target)


def test_no_fraud_among_what_is_trained_on(tmp_path: Path) -> None:
    frame = payments(500)
    frame["fraud"] = np.where(frame.index > 450, "yes", "no")
    frame.to_csv(tmp_path / "late.csv", index=False)
    with pytest.raises(DataError, match="no frauds"):
        fit_labeled(labeled(tmp_path / "late.csv"), 100, 0)


def test_dates_of_the_future_and_rows_without_one_are_named(tmp_path: Path) -> None:
    frame = payments(500)
    frame.loc[3, "when"] = pd.Timestamp("2150-01-01")
    frame.loc[5, "when"] = pd.NaT
    frame.to_csv(tmp_path / "future.csv", index=False)
    with pytest.raises(DataError) as problem:
        labeled(tmp_path / "future.csv")
    assert "2150" in str(problem.value)
    assert "1 of 500" in str(problem.value)


def test_one_label_is_nothing_to_learn(tmp_path: Path) -> None:
    payments(300).assign(fraud="no").to_csv(tmp_path / "one.csv", index=False)
    with pytest.raises(SettingsError, match="fraud"):
        labeled(tmp_path / "one.csv")


# ------------------------------------------------------------------------------------------------------------------ scores


def test_it_tells_frauds_and_its_probabilities_are_right(run: Path) -> None:
    judgment = judge_frauds(sparring.load(run), amount="amount", review_cost=5.0)
    own, trees, forest = judgment.ways
    assert own.average_precision.value > 0.8
    assert own.average_precision.value > forest.average_precision.value
    assert trees.average_precision.value > 0.8
    assert abs(judgment.excess) < 3
    assert judgment.trained_on[0] + len(judgment.labels) == int(pd.read_csv(run_table(run))["fraud"].notna().sum())
    assert own.saved is not None
    assert own.saved[0] > 0
    page = fraud_report_html(judgment)
    assert page.count("<svg") == 3


def run_table(run: Path) -> str:
    import json

    return json.loads((run / "config.json").read_text())["data"]["source"]


def test_a_row_is_scored_by_itself(model: Model, table: Path) -> None:
    game = model.game
    assert isinstance(game, FraudGame)
    rows = split_labeled(fit_labeled(labeled(table), None, 0), None, 0)[0].batch(np.arange(50)).samples
    alone = torch.cat([game.log_odds(row[None]).detach() for row in rows])
    assert torch.allclose(alone, game.log_odds(rows), atol=1e-4)


def test_labels_and_times_do_not_matter_for_scores(model: Model, table: Path, tmp_path: Path) -> None:
    frame = pd.read_csv(table)
    frame.drop(columns="fraud").to_csv(tmp_path / "new.csv", index=False)
    with_labels, without = score_rows(model, table), score_rows(model, tmp_path / "new.csv")
    assert np.array_equal(with_labels.probabilities, without.probabilities)
    assert with_labels.labels is None  # some rows have none
    assert without.labels is None
    named = frame[frame["fraud"].notna()]
    named.to_csv(tmp_path / "named.csv", index=False)
    labels = score_rows(model, tmp_path / "named.csv").labels
    assert labels is not None
    assert labels.tolist() == (named["fraud"] == "yes").tolist()


def test_an_odd_cell_is_the_reason(model: Model, tmp_path: Path) -> None:
    frame = payments(50, seed=3).drop(columns=["fraud"])
    frame.loc[7, "fee"] = frame.loc[7, "amount"] * 0.1 + 45
    frame.to_csv(tmp_path / "new.csv", index=False)
    scored = score_rows(model, tmp_path / "new.csv", alerts=1.0)
    reasons = dict(zip(scored.alerts.tolist(), scored.reasons, strict=True))
    assert {cell.column for cell in reasons[7]} & {"fee", "amount"}
    assert float(reasons[7][0].value) in {frame.loc[7, "fee"], frame.loc[7, "amount"]}
    ordinary = [row for row in range(50) if row != 7 and scored.probabilities[row] < 0.02]
    assert np.mean([len(reasons[row]) for row in ordinary]) < 1.5


def test_values_that_training_never_saw_count_as_none(model: Model, tmp_path: Path) -> None:
    frame = payments(30, seed=4)
    frame.loc[2, "shop"] = "casino"
    frame.loc[3, "amount"] = 1e9
    frame.to_csv(tmp_path / "new.csv", index=False)
    scored = score_rows(model, tmp_path / "new.csv")
    assert scored.unknown == {"shop": 1}
    assert np.isfinite(scored.probabilities).all()


def test_generated_rows_have_frauds_as_often_as_the_table(model: Model) -> None:
    game = model.game
    assert isinstance(game, FraudGame)
    rows = game.sample(6000, seed=1)
    block = game.table_spec.blocks[game.target]
    share = float(rows[:, block.start + game.fraud].mean())
    assert share == pytest.approx(game.rate_of_frauds, abs=4 * (0.04 * 0.96 / 6000) ** 0.5)
    assert torch.equal(game.sample(10, seed=1, first=300), rows[300:310])
    assert torch.equal(rows[:, block.start : block.stop].sum(dim=1), torch.ones(6000))


def test_a_resumed_run_is_the_uninterrupted_run(table: Path, tmp_path: Path) -> None:
    settings = {**SMALL_FRAUD, "target": "fraud", "time": "when", "threads": 1, "console": QUIET, "log_every": 2}
    sparring.train("fraudgan", table, tmp_path / "whole", steps=8, **settings)
    sparring.train("fraudgan", table, tmp_path / "parts", steps=3, **settings)
    sparring.resume(tmp_path / "parts", steps=8, console=QUIET)
    same_run(tmp_path / "whole", tmp_path / "parts")


def test_the_recent_rows_teach_the_networks_nothing(table: Path) -> None:
    """Only the calibration sees them: with other recent rows, gradients of the other players are the same."""
    from sparring.games.step_context import StepContext
    from sparring.recipes.fraudgan import FraudGAN

    rows = split_labeled(fit_labeled(labeled(table), None, 0), None, 0)[0]
    torch.manual_seed(0)
    game = FraudGAN(target="fraud", time="when", **SMALL_FRAUD).build(rows.spec)
    batch = rows.choose(Streams(0, 0), 64)
    samples, codes = batch.samples.clone(), batch.codes.clone()
    samples[batch.is_recent], codes[batch.is_recent] = batch.samples[0], batch.codes[0]
    others = replace(batch, samples=samples, codes=codes)

    def gradients(name: str, seen: object) -> list[torch.Tensor]:
        game.eval()  # no dropout
        context = StepContext(lambda: seen, lambda: None, 64, Streams(0, 0), 0, 0)  # pyright: ignore[reportArgumentType]
        play = {"autoencoder": game.play_autoencoder, "discriminator": game.play_discriminator, "calibration": game.play_calibration}[name]
        loss = sum(each.mean() for each in play(context).values())
        return [each for each in torch.autograd.grad(loss, list(getattr(game, name).parameters()), allow_unused=True) if each is not None]  # pyright: ignore[reportArgumentType]

    for name in ("discriminator", "calibration"):
        same = all(torch.allclose(a, b, atol=1e-6) for a, b in zip(gradients(name, batch), gradients(name, others), strict=True))
        assert same == (name == "discriminator")


def test_encoding_rows_keeps_what_is_known(model: Model, table: Path) -> None:
    game = model.game
    assert isinstance(game, FraudGame)
    rows = fit_labeled(labeled(table), None, 0)
    values = read_like(table, TablePlan.from_json(game.table_spec.plan).columns)
    first = {name: each.take(rows.row_numbers[:100]) for name, each in values.items()}
    assert torch.allclose(encode_known(game.table_spec, first).rows(slice(0, 100)), rows.batch(np.arange(100)).samples, atol=1e-4)
    assert len(score_values(game, first)[0]) == 100


# ---------------------------------------------------------------------------------------------------------------- the judge


def test_findings_are_made_by_failures() -> None:
    def way(value: float) -> WayScores:
        return WayScores("fraudgan", np.zeros(1), Estimate(value, 0.02), (), None)

    def kinds(value: float, difference: float, excess: float) -> set[str]:
        return {each.kind for each in findings_of(way(value), 0.002, Estimate(difference, 0.02), excess)}

    assert kinds(0.8, 0.0, 0.5) == set()
    assert kinds(0.03, 0.0, 0.0) == {"no better than chance"}
    assert kinds(0.7, -0.1, 0.0) == {"trees are better"}
    assert kinds(0.8, 0.0, 5.0) == {"probabilities too low"}
    assert kinds(0.8, 0.0, -5.0) == {"probabilities too high"}


def test_an_untrained_model_is_found_out(table: Path, tmp_path: Path) -> None:
    settings = {**SMALL_FRAUD, "target": "fraud", "time": "when", "threads": 1, "console": QUIET}
    sparring.train("fraudgan", table, tmp_path / "run", steps=1, **settings)
    kinds = {each.kind for each in judge_frauds(sparring.load(tmp_path / "run")).findings}
    assert "trees are better" in kinds


def test_a_table_that_has_changed_is_not_judged_on(table: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.csv"
    copy.write_bytes(table.read_bytes())
    settings = {**SMALL_FRAUD, "target": "fraud", "time": "when", "threads": 1, "console": QUIET}
    sparring.train("fraudgan", copy, tmp_path / "run", steps=1, **settings)
    copy.write_text("\n".join(copy.read_text().splitlines()[:-5]) + "\n")
    with pytest.raises(SettingsError, match="no longer"):
        judge_frauds(sparring.load(tmp_path / "run"))


# ----------------------------------------------------------------------------------------------------------- command line


def test_from_the_command_line(run: Path, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "scored.csv"
    assert call("score", run, table, "--alerts", "0.02", "--out", out) == 0
    printed = capsys.readouterr().out
    assert "80 alerts" in printed
    scored, real = pd.read_csv(out), pd.read_csv(table)
    assert scored[real.columns].equals(real)
    assert (scored["fraud_alert"] == "yes").sum() == 80
    is_alert = scored["fraud_alert"] == "yes"
    assert scored["fraud_probability"][is_alert].min() >= scored["fraud_probability"][~is_alert].max()
    assert scored["fraud_reasons"][is_alert].notna().mean() > 0.8
    assert call("score", run, out) == 1
    assert "fraud_probability" in capsys.readouterr().err
    assert call("score", run, table, "--alerts", "2") == 1
    real.drop(columns=["fee", "shop"]).to_csv(tmp_path / "less.csv", index=False)
    capsys.readouterr()
    assert call("score", run, tmp_path / "less.csv") == 1
    message = capsys.readouterr().err
    assert "'fee'" in message
    assert "'shop'" in message


def test_parquet_has_types(run: Path, table: Path, tmp_path: Path) -> None:
    assert call("score", run, table, "--out", tmp_path / "scored.parquet") == 0
    scored = pd.read_parquet(tmp_path / "scored.parquet")
    assert scored["fraud_alert"].dtype == bool
    assert scored["fraud_probability"].dtype == float


def test_judge_from_the_command_line(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("judge", run, "--amount", "amount", "--review-cost", "5", "--out", tmp_path) == 0
    assert "boosted trees" in capsys.readouterr().out
    assert (tmp_path / "report.html").exists()
    assert call("judge", run, "--private") == 1
    assert call("judge", run, "--amount", "shop") == 1
    assert call("judge", run, "--review-cost", "5") == 1


def test_other_models_do_not_score_rows(tmp_path: Path, table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sparring.train("tvae", table, tmp_path / "tvae", steps=1, threads=1, console=QUIET, batch_size=40, hidden=(8,))
    assert call("score", tmp_path / "tvae", table) == 1
    assert "fraudgan" in capsys.readouterr().err
