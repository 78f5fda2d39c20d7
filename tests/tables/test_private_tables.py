"""Private training: what is counted, limited and spent, and what an audit proves."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from rich.console import Console

import sparring
from sparring import recipes
from sparring.core.errors import DataError, SettingsError
from sparring.core.privacy_accounting import NoisySums, epsilon_spent, noise_for
from sparring.core.random_streams import Streams
from sparring.core.secret_streams import SecretStreams, new_key
from sparring.data.tables.columns import ColumnValues
from sparring.data.tables.encoding import Encoding
from sparring.data.tables.inspect_table import inspect_table, write_choices
from sparring.data.tables.privacy import PrivacyBudget, PrivacySettings, budget_for
from sparring.data.tables.private_encoding import DEPTH, TREE_WEIGHT, NoisyCounter, private_encoding, published
from sparring.data.tables.private_table import prepare_private_table
from sparring.data.tables.table_json import KnownColumn
from sparring.data.tables.table_plan import TablePlan
from sparring.data.tables.table_store import TableReading
from sparring.data.tables.typed_tables import schema_of
from sparring.evaluation.judge_table_sources import judge_table_model
from sparring.evaluation.table_privacy import tossed
from sparring.games.game import RowLosses
from sparring.games.step_context import StepContext
from sparring.inference.load import load
from sparring.metrics.tables.privacy_audit import audit_privacy, chance_of_guesses
from sparring.modalities import MODALITIES
from sparring.training.private_gradients import PrivateTraining, limited_sum, private_training
from sparring.training.state import weights_of
from support.cli import call
from support.runs import same_run
from support.table_models import COMMON, SMALL, people

NORMAL = NormalDist().cdf
PRIVATE = {"epsilon": 30.0, "noise_seed": 3}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("private") / "people.csv"
    people(2000).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def kinds(table: Path) -> Path:
    path = table.with_name("kinds.json")
    write_choices(inspect_table(table), path)
    return path


def test_private_training_begins_with_random_weights_alone(table: Path, kinds: Path, quiet: Console, tmp_path: Path) -> None:
    """Nobody knows which of the rows other weights have seen."""
    settings = {**SMALL["tabular-ar"], **COMMON, "table": kinds, "steps": 1}
    sparring.train("tabular-ar", table, tmp_path / "open", console=quiet, **settings)
    with pytest.raises(SettingsError, match="cannot begin with other weights"):
        sparring.train("tabular-ar", table, tmp_path / "run", start_from=tmp_path / "open", console=quiet, **settings, **PRIVATE)
    assert not (tmp_path / "run" / "config.json").exists()
    sparring.train("tabular-ar", table, tmp_path / "run", start_from=tmp_path / "open", console=quiet, **settings)


# ------------------------------------------------------------------------------------------------------------ accounting


def exact_delta(epsilon: float, noise: float) -> float:
    """Of a single sum over all rows: equation 6 of Balle and Wang 2018, with a sensitivity of 1."""
    return NORMAL(0.5 / noise - epsilon * noise) - np.exp(epsilon) * NORMAL(-0.5 / noise - epsilon * noise)


def exact_epsilon(delta: float, noise: float) -> float:
    low, high = 0.0, 100.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if exact_delta(middle, noise) > delta else (low, middle)
    return high


@pytest.mark.parametrize("noise", [0.8, 2.0, 8.0, 30.0])
def test_epsilon_of_one_sum_is_a_close_upper_bound(noise: float) -> None:
    exact = exact_epsilon(1e-6, noise)
    assert exact <= epsilon_spent([NoisySums(noise, 1.0, 1)], 1e-6) <= 1.15 * exact + 0.01
    # four sums of equal noise are one of half the noise
    assert epsilon_spent([NoisySums(2 * noise, 1.0, 4)], 1e-6) == pytest.approx(epsilon_spent([NoisySums(noise, 1.0, 1)], 1e-6), rel=1e-9)


@pytest.mark.parametrize(("noise", "epochs", "published"), [(1.3, 15, 1.19), (1.1, 60, 3.01), (0.7, 45, 7.10)])
def test_epsilon_of_training_is_close_to_published_figures(noise: float, epochs: int, published: float) -> None:
    """Of TensorFlow Privacy's MNIST tutorial: batches of 256 in 60,000, delta 1e-5. Its bound on epsilon was a little looser."""
    steps = epochs * 60_000 // 256
    assert 0.75 * published <= epsilon_spent([NoisySums(noise, 256 / 60_000, steps)], 1e-5) <= published + 0.01


def test_no_more_is_spent_than_asked_for() -> None:
    def sums(noise: float) -> list[NoisySums]:
        return [NoisySums(20.0, 1.0, 1), NoisySums(noise, 0.02, 500)]

    noise = noise_for(2.0, 1e-6, sums)
    assert 1.98 <= epsilon_spent(sums(noise), 1e-6) <= 2.0
    with pytest.raises(SettingsError, match="No amount of noise"):
        noise_for(0.1, 1e-6, lambda noise: [NoisySums(1.0, 1.0, 1), NoisySums(noise, 1.0, 1)])


# -------------------------------------------------------------------------------------------------------------- encodings


class ExactCounter(NoisyCounter):
    """Counts without noise, and keeps them as one vector in units of their noise."""

    def __init__(self, budget: PrivacyBudget, columns: list[tuple[bool, KnownColumn]]) -> None:
        super().__init__(budget, columns, SecretStreams(0, 0))
        self.seen: list[dict[int, float]] = []

    def counts(self, exact: np.ndarray, weight: float = 1.0) -> np.ndarray:
        self.seen.append(dict(enumerate(exact / weight)))
        return exact.astype(float)


@pytest.mark.parametrize("known", [KnownColumn(), KnownColumn(-50.0, 50.0)])
def test_a_row_moves_all_counts_no_further_than_is_paid_for(known: KnownColumn) -> None:
    budget = budget_for(PrivacySettings(epsilon=5.0), 5000)
    random = np.random.default_rng(1)
    numbers = np.round(random.normal(0, 10, 5000), 1)
    codes = random.integers(-1, 3, 5000).astype(np.int32)
    paid = 1 + (1 + (known.range is None) + DEPTH / TREE_WEIGHT**2)
    for extra in (0.3, -200.0, np.nan):
        found = []
        for values, labels in ((numbers, codes), (np.append(numbers, extra), np.append(codes, 1).astype(np.int32))):
            counter = ExactCounter(budget, [(True, known), (False, KnownColumn())])
            private_encoding("x", ColumnValues(numbers=values), known, counter)
            private_encoding("c", ColumnValues(codes=labels, categories=("a", "b", "d")), KnownColumn(), counter)
            found.append(counter.seen)
        assert len(found[0]) == len(found[1])
        moved = [
            (sorted(one.values()), sorted(other.values())) if len(one) != len(other) else (list(one.values()), list(other.values()))
            for one, other in zip(*found, strict=True)
        ]
        squared = sum(float(np.square(np.array(other) - np.array([0.0] * (len(other) - len(one)) + one)).sum()) for one, other in moved)
        assert 1.0 < squared <= paid + 1e-9
    assert counter.noise == pytest.approx(budget.encoding_noise * paid**0.5)


def test_a_category_of_one_row_is_never_released_and_a_frequent_one_always_is() -> None:
    budget = budget_for(PrivacySettings(epsilon=3.0), 10_000)
    codes = np.repeat([0, 1, 2], [6000, 3999, 1]).astype(np.int32)
    values = ColumnValues(codes=codes, categories=("a", "b", "someone"))
    for seed in range(200):
        counter = NoisyCounter(budget, [(False, KnownColumn())], SecretStreams(seed, 0))
        encoding = private_encoding("c", values, KnownColumn(), counter)
        assert encoding.categories == ("a", "b")
        assert not encoding.has_missing
    shown = published(values, encoding)
    assert shown.codes is not None
    assert shown.codes[-1] in {0, 1}
    many = ColumnValues(codes=np.repeat([0, 1, 2, 2], [500, 1500, 4000, 4000]).astype(np.int32), categories=("a", "b", "someone"))
    spread = published(many, Encoding("c", ("a", "b"), shares=(0.25, 0.75)))
    assert spread.codes is not None
    assert (spread.codes[:2000] == np.repeat([0, 1], [500, 1500])).all()
    assert np.mean(spread.codes == 1) == pytest.approx(0.75, abs=0.02)
    known = private_encoding("c", values, KnownColumn(categories=("someone", "a", "b", "nobody")), counter)
    assert known.categories == ("someone", "a", "b", "nobody")
    assert known.shares[1] == pytest.approx(0.6, abs=0.02)


def test_numbers_keep_their_distribution_and_an_outlier_leaves_no_trace() -> None:
    random = np.random.default_rng(0)
    numbers = np.append(np.exp(random.normal(3, 1, 20_000)), 1e9)
    numbers[:4000] = 0.0
    budget = budget_for(PrivacySettings(epsilon=3.0), len(numbers))
    counter = NoisyCounter(budget, [(True, KnownColumn())], SecretStreams(1, 0))
    encoding = private_encoding("x", ColumnValues(numbers=numbers), KnownColumn(), counter)
    assert encoding.atoms == (0.0,)
    assert encoding.shares[0] == pytest.approx(0.2, abs=0.01)
    assert encoding.highest < 2000  # and not 1e9
    codes, positions = encoding.encode(ColumnValues(numbers=numbers))
    back = encoding.decode(codes, positions).numbers
    assert back is not None
    wanted, found = (np.quantile(each, [0.3, 0.5, 0.7, 0.9]) for each in (numbers, back))
    assert found == pytest.approx(wanted, rel=0.1)
    spread = encoding.decode(np.full(20_000, encoding.first_piece, np.int32), np.linspace(-1, 1, 20_000, dtype=np.float32)).numbers
    assert spread is not None
    assert np.quantile(spread, [0.25, 0.5, 0.75]) == pytest.approx(np.quantile(numbers[4000:-1], [0.25, 0.5, 0.75]), rel=0.15)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [0.0, 7.0, -3.5])
def test_numbers_that_are_almost_always_the_same_are_that_number(value: float) -> None:
    numbers = np.append(np.full(5000, value), [1e6, 3.0, np.nan])
    budget = budget_for(PrivacySettings(epsilon=1.0), len(numbers))
    encoding = private_encoding(
        "x", ColumnValues(numbers=numbers), KnownColumn(), NoisyCounter(budget, [(True, KnownColumn())], SecretStreams(0, 0))
    )
    assert encoding.atoms == (value,)
    assert encoding.shares[0] > 0.95
    assert sum(encoding.shares) == pytest.approx(1)


def test_few_rows_give_no_range_and_no_error(kinds: Path, tmp_path: Path) -> None:
    people(30).to_csv(tmp_path / "few.csv", index=False)
    rows = prepare_private_table(tmp_path / "few.csv", str(kinds), (), PrivacySettings(epsilon=0.5, delta=1e-5, noise_seed=1))
    assert all(encoding.codes >= 1 for encoding in rows.spec.encodings)
    assert np.isfinite(rows.positions).all()
    screen = Console(record=True, width=400)
    settings = {"reading": TableReading(table=str(kinds)), "privacy": PrivacySettings(epsilon=0.5, delta=1e-5, noise_seed=1)}
    MODALITIES["tables"].open(tmp_path / "few.csv", recipes.get("tabular-ar")(), settings, screen)
    said = screen.export_text()
    assert "missing in every row" in said
    assert all(repr(name) in said for name in ("age", "pay", "city", "country"))
    assert "'member'" not in said


def test_what_is_said_of_a_private_table_is_known_or_noisy(table: Path, kinds: Path, tmp_path: Path) -> None:
    given = json.loads(kinds.read_text())
    given["columns"]["age"] |= {"low": 18, "high": 90}
    given["columns"]["city"] |= {"categories": ["Paris", "Rome", "Oslo", "Bern"]}
    (tmp_path / "known.json").write_text(json.dumps(given))
    rows = prepare_private_table(table, str(tmp_path / "known.json"), (), PrivacySettings(epsilon=10.0, noise_seed=1))
    by_name = {encoding.name: encoding for encoding in rows.spec.encodings}
    assert by_name["city"].categories == ("Paris", "Rome", "Oslo", "Bern")
    assert {"seen", "seen (time of day)"} <= set(by_name)
    assert by_name["country"].categories  # learned: what a city determines is knowledge of the rows
    said = json.dumps(rows.spec.to_json())
    assert "distinct values" not in said
    exact = people(2000).pay
    assert str(exact.max()) not in said
    assert str(exact.min()) not in said
    for wrong, message in (
        ({"low": 3}, "belong together"),
        ({"low": 3, "high": 2}, "must be below"),
        ({"categories": "Paris"}, "not a list of texts"),
        ({"categories": ["a", "a"]}, "twice"),
    ):
        given["columns"]["age"] = {"kind": "number", **wrong}
        (tmp_path / "wrong.json").write_text(json.dumps(given))
        with pytest.raises(DataError, match=message):
            prepare_private_table(table, str(tmp_path / "wrong.json"), (), PrivacySettings(epsilon=10.0))


# -------------------------------------------------------------------------------------------------------------- gradients


def test_limited_gradients_are_those_of_single_rows(table: Path, kinds: Path) -> None:
    rows = prepare_private_table(table, str(kinds), (), PrivacySettings(epsilon=10.0, noise_seed=1))
    for name in ("tabular-ar", "tabular"):
        recipe = recipes.get(name)(**SMALL[name])
        torch.manual_seed(0)
        game = recipe.build(rows.spec).train()
        turn = game.turns[0]
        batch = rows.batch(np.arange(7))
        context = StepContext(lambda batch=batch: batch, lambda: None, 7, Streams(0, 0, scope="t"), 0, 0)
        assert turn.row_losses is not None
        losses = turn.row_losses(context)
        player = next(player for player in game.players if player.name == turn.player)
        weights = dict(weights_of(game, player))
        by_row = []
        for row in range(7):
            found = losses.function(weights, *(each[row] for each in losses.rows))
            gradients = torch.autograd.grad(sum(found.values()), list(weights.values()), allow_unused=True, materialize_grads=True)
            by_row.append(torch.cat([gradient.flatten() for gradient in gradients]))
        lengths = torch.stack([each.norm() for each in by_row])
        longest = float(lengths.median())
        total, means = limited_sum(losses, weights, longest)
        wanted = sum(each * min(1.0, longest / float(each.norm())) for each in by_row)
        assert torch.allclose(torch.cat([each.flatten() for each in total.values()]), wanted, atol=1e-4 * float(lengths.max())), name
        assert all(torch.isfinite(mean) for mean in means.values())
        # the mean of single rows is what is trained without privacy
        if name == "tabular-ar":
            plain = turn.play(context)["negative_log_likelihood"].mean()
            assert float(means["negative_log_likelihood"]) == pytest.approx(plain.item(), rel=1e-5)
        else:
            plain = turn.play(context)
            assert {loss: value.mean().item() for loss, value in plain.items()} == pytest.approx(
                {loss: float(value) for loss, value in means.items()}, rel=1e-4, abs=1e-6
            )


def test_a_batch_without_rows_has_no_gradient() -> None:
    weights = {"w": torch.nn.Parameter(torch.ones(2))}
    total, means = limited_sum(RowLosses(lambda weights, x: {"a": (weights["w"] * x).sum()}, (torch.zeros(0, 2),)), weights, 1.0)
    assert total["w"].tolist() == [0.0, 0.0]
    assert means == {}


def test_rows_are_chosen_by_a_chance_each_which_the_runs_seed_does_not_tell(table: Path, kinds: Path) -> None:
    rows = prepare_private_table(table, str(kinds), (), PrivacySettings(epsilon=10.0, noise_seed=1))
    sizes = np.array([len(rows.choose(Streams(0, step), 200).samples) for step in range(300)])
    assert sizes.mean() == pytest.approx(200, abs=4 * 180**0.5 / 300**0.5)
    assert sizes.var() == pytest.approx(180, rel=0.35)  # binomial: 2000 rows, each with a chance of a tenth
    other = prepare_private_table(table, str(kinds), (), PrivacySettings(epsilon=10.0, noise_seed=2))
    assert [len(other.choose(Streams(0, step), 200).samples) for step in range(300)] != sizes.tolist()


# --------------------------------------------------------------------------------------------------------------- training


@pytest.mark.parametrize("recipe", ["tabular-ar", "tabular"])
def test_private_training_ends_with_its_budget_and_resumes_exactly(
    recipe: str, table: Path, kinds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {**SMALL[recipe], **COMMON, "table": kinds, "batch_size": 2000 - 20, **PRIVATE, "private_passes": 1, "log_every": 1}
    whole = sparring.train(recipe, table, tmp_path / "whole", console=Console(), **settings)
    said = " ".join(capsys.readouterr().out.split())
    steps = -(-20_000 // 1980)
    assert f"allows {steps} steps" in said
    assert "of 30" in said
    assert "cannot train for longer" in said
    assert whole.step == steps
    sparring.train(recipe, table, tmp_path / "parts", console=Console(quiet=True), steps=4, **settings)
    sparring.resume(tmp_path / "parts", steps=steps + 5, console=Console(quiet=True))
    assert same_run(tmp_path / "whole", tmp_path / "parts")
    rows = load(tmp_path / "parts").rows(50, where=["city=Paris"]).to_pandas()
    assert (rows.city == "Paris").all()
    assert rows.age.between(16, 128).all()
    secret = json.loads((tmp_path / "whole" / "config.json").read_text())["data"]["privacy"]["noise_seed"]
    assert secret == 3
    packed = sparring.pack(tmp_path / "whole", tmp_path / "model.safetensors")
    assert b"noise_seed" not in packed.read_bytes()
    assert load(packed).spec.privacy.epsilon == 30.0
    with pytest.raises(SettingsError, match="decided by a look"):
        load(tmp_path / "whole", checkpoint="best")


def test_without_a_seed_the_noise_is_secret_and_another_each_time(table: Path, kinds: Path, tmp_path: Path, quiet: Console) -> None:
    settings = {**SMALL["tabular-ar"], **COMMON, "table": kinds, "epsilon": 30.0, "steps": 2}
    for name in ("one", "other"):
        sparring.train("tabular-ar", table, tmp_path / name, console=quiet, **settings)
    seeds = [json.loads((tmp_path / name / "config.json").read_text())["data"]["privacy"]["noise_seed"] for name in ("one", "other")]
    assert len(set(seeds)) == 2
    assert min(seeds) > 2**64
    assert not same_run(tmp_path / "one", tmp_path / "other")


def test_what_cannot_be_private_is_refused(table: Path, kinds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def refused(recipe: str, *words: object) -> str:
        assert call("train", recipe, "--data", table, "--out", tmp_path / "run", *words) == 1
        return " ".join(capsys.readouterr().err.split())

    assert "table.json" in refused("tabular-ar", "--epsilon", 3)
    assert "works with tabular-ar" in refused("ctgan", "--epsilon", 3, "--table", kinds)
    assert "works with tabular-ar" in refused("tvae", "--epsilon", 3, "--table", kinds)
    assert "give epsilon, too" in refused("tabular-ar", "--delta", "1e-5", "--table", kinds)
    assert "rows are taken one by one" in refused("tabular-ar", "--epsilon", 3, "--table", kinds, "--parts", 2)
    assert "spent twice" in refused("tabular-ar", "--epsilon", 3, "--table", kinds, "--coach")
    assert "epsilon" in refused("tabular-ar", "--epsilon", -1, "--table", kinds)
    assert "at most the number of rows" in refused("tabular-ar", "--epsilon", 3, "--table", kinds, "--batch-size", 4000)


# ------------------------------------------------------------------------------------------------------------------ audit


def test_an_audit_proves_what_is_true() -> None:
    random = np.random.default_rng(0)
    # with no score to go by, nothing is proved; with a perfect one, a large epsilon
    assert audit_privacy(random.random(2000), random.random(2000), 0.0).epsilon == 0.0
    perfect = audit_privacy(np.ones(500), np.zeros(500), 0.0)
    assert perfect.right == perfect.guesses == 1000
    # all of 1000 guesses right: p^1000 = 0.05 / 7
    p = (0.05 / 7) ** (1 / 1000)
    assert perfect.epsilon == pytest.approx(np.log(p / (1 - p)), abs=0.01)
    # equal scores are no guess, whichever way they are sorted
    assert audit_privacy(np.zeros(1000), np.zeros(1000), 0.0).epsilon == 0.0
    with pytest.raises(DataError, match="as many rows"):
        audit_privacy(np.zeros(1000), np.zeros(10), 0.0)


@pytest.mark.parametrize("epsilon", [0.5, 1.0, 2.0])
def test_an_audit_of_randomized_response_is_rarely_above_its_epsilon(epsilon: float) -> None:
    """The score is the truth, or its opposite: epsilon-private, and no private score is better (Warner 1965)."""
    chance, bounds = 1 / (1 + np.exp(-epsilon)), []
    for seed in range(60):
        random = np.random.default_rng(seed)
        trained = np.where(random.random(1000) < chance, 1.0, 0.0) + 1e-3 * random.random(1000)
        unseen = np.where(random.random(1000) < chance, 0.0, 1.0) + 1e-3 * random.random(1000)
        bounds.append(audit_privacy(trained, unseen, 0.0).epsilon)
    assert sum(bound > epsilon for bound in bounds) <= 5
    assert np.median(bounds) > 0.6 * epsilon


def test_delta_makes_right_guesses_likelier() -> None:
    without = chance_of_guesses(1000, 100, 90, 1.0, 0.0)
    assert without == pytest.approx(
        float(sum(chance_of_guesses(1, 1, 1, 1.0, 0.0) ** 0 * p for p in binomial(100, 1 / (1 + np.exp(-1)))[90:]))
    )
    assert without < chance_of_guesses(1000, 100, 90, 1.0, 1e-4) <= 1.0


def binomial(n: int, p: float) -> list[float]:
    """By Pascal's rule."""
    row = [1.0]
    for _ in range(n):
        row = [(row[k] * (1 - p) if k < len(row) else 0.0) + (row[k - 1] * p if k else 0.0) for k in range(len(row) + 1)]
    return row


def test_judging_a_private_model_says_what_was_promised(table: Path, kinds: Path, tmp_path: Path, quiet: Console) -> None:
    settings = {**SMALL["tabular-ar"], **COMMON, "holdout": 200, "table": kinds, **PRIVATE, "steps": 3}
    model = sparring.train("tabular-ar", table, tmp_path / "run", console=quiet, **settings)
    judgment = judge_table_model(model, private=True, out=tmp_path / "judged")
    assert judgment.privacy is not None
    assert judgment.privacy.promised == 30.0
    assert judgment.privacy.audit.epsilon <= 30.0
    assert [attack.name for attack in judgment.privacy.attacks] == ["nearest row", "density ratio", "likelihood"]
    assert "promises epsilon 30" in "\n".join(judgment.lines())
    assert "Audit:" in (tmp_path / "judged" / "report.html").read_text()


# --------------------------------------------------------------------------------------------- what a review has found


def test_secret_numbers_are_normal_and_depend_on_every_bit_of_the_key() -> None:
    key = new_key()
    numbers = SecretStreams(key, 3, scope="a").normals("x", 200_000)
    assert abs(numbers.mean()) < 0.01
    assert numbers.std() == pytest.approx(1, abs=0.01)
    assert np.mean(np.abs(numbers) > 3) == pytest.approx(0.0027, abs=0.0006)
    assert np.array_equal(numbers, SecretStreams(key, 3, scope="a").normals("x", 200_000))
    others = [SecretStreams(key ^ (1 << bit), 3, scope="a").normals("x", 1000) for bit in (0, 33, 64, 127)]
    others += [SecretStreams(key, 4, scope="a").normals("x", 1000), SecretStreams(key, 3, scope="b").normals("x", 1000)]
    for other in others:  # torch's generator would know only 32 bits of a key
        assert abs(np.corrcoef(numbers[:1000], other)[0, 1]) < 0.15
    uniform = SecretStreams(key, 0).uniform("u", 1000, 3)
    assert uniform.shape == (1000, 3)
    assert -1 <= uniform.min() < -0.99
    assert 0.99 < uniform.max() < 1


def test_every_repeat_of_a_turn_is_paid_for(table: Path, kinds: Path) -> None:
    rows = prepare_private_table(table, str(kinds), (), PrivacySettings(epsilon=3.0, noise_seed=1))
    noises = []
    for repeats in (1, 3):
        recipe = recipes.get("tabular")(**SMALL["tabular"], discriminator_steps=repeats)
        plan = private_training(recipe.build(rows.spec), recipe, rows)
        assert plan.spent(plan.steps) <= 3.0
        sums = [rows.budget.encodings, NoisySums(plan.noise, 40 / len(rows), repeats * plan.steps)]
        assert plan.spent(plan.steps) == pytest.approx(epsilon_spent(sums, rows.budget.noise_delta))
        noises.append(plan.noise)
    assert noises[1] > 1.2 * noises[0]


@pytest.mark.parametrize("recipe", ["tabular-ar", "tabular"])
def test_random_numbers_of_rows_are_secret(recipe: str, table: Path, kinds: Path) -> None:
    """What is known of the run's own seed says nothing of the orders and cells that rows are trained with."""
    found = []
    for noise_seed in (1, 2):
        rows = prepare_private_table(table, str(kinds), (), PrivacySettings(epsilon=30.0, noise_seed=1))
        rows = replace(rows, noise_seed=noise_seed)
        game = recipes.get(recipe)(**SMALL[recipe]).build(rows.spec)
        turn, batch = game.turns[0], rows.batch(np.arange(30))
        context = StepContext(lambda batch=batch: batch, lambda: None, 30, Streams(0, 0, scope="t"), 0, 0)
        assert turn.row_losses is not None
        given: list[RowLosses] = []
        spying = replace(turn, row_losses=lambda context, given=given, turn=turn: given.append(turn.row_losses(context)) or given[0])
        plan = PrivateTraining(rows, 30, 1, 1, 1.0, 1.0)
        player = next(player for player in game.players if player.name == turn.player)
        plan.add_gradients(spying, dict(weights_of(game, player)), context)
        found.append(given[0].rows[-1].double())
    assert not torch.equal(*found)


def test_rows_with_infinite_gradients_count_for_nothing() -> None:
    weights = {"w": torch.nn.Parameter(torch.ones(2))}
    given = torch.tensor([[1.0, 2.0], [float("inf"), 0.0], [float("nan"), 1.0], [0.5, 0.0]])
    total, means = limited_sum(RowLosses(lambda weights, x: {"a": (weights["w"] * x).sum()}, (given,)), weights, 10.0)
    assert total["w"].tolist() == [1.5, 2.0]
    assert means["a"].item() == pytest.approx(1.75)


def test_neither_the_order_of_rows_nor_metadata_is_told(tmp_path: Path) -> None:
    frame = people(2000)
    frame["city"] = pd.Categorical(frame.city, categories=["Rome", "Oslo", "Paris", "someone"])
    frame.to_parquet(tmp_path / "people.parquet")
    write_choices(inspect_table(tmp_path / "people.parquet"), tmp_path / "kinds.json")
    rows = prepare_private_table(tmp_path / "people.parquet", str(tmp_path / "kinds.json"), (), PrivacySettings(epsilon=10.0, noise_seed=1))
    city = next(each for each in rows.spec.encodings if each.name == "city")
    assert city.categories == ("Oslo", "Paris", "Rome")
    schema = schema_of(TablePlan.from_json(rows.spec.plan).format)
    assert schema is not None
    assert schema.metadata is None
    assert all(field.metadata is None for field in schema)


def test_kinds_and_steps_must_be_said_and_be_right(table: Path, kinds: Path, tmp_path: Path) -> None:
    def refused(change: Callable[[dict[str, Any]], object]) -> str:
        given = json.loads(kinds.read_text())
        change(given["columns"])
        (tmp_path / "kinds.json").write_text(json.dumps(given))
        with pytest.raises(SettingsError) as error:
            prepare_private_table(table, str(tmp_path / "kinds.json"), (), PrivacySettings(epsilon=10.0))
        return str(error.value)

    assert "'age' is not there" in refused(lambda columns: columns.pop("age"))
    assert "'pay' has no step there" in refused(lambda columns: columns["pay"].pop("step"))
    frame = people(2000)
    frame["age"] = 30
    frame.to_csv(tmp_path / "same.csv", index=False)
    with pytest.raises(SettingsError, match="'age' is a number there, and a constant here"):
        prepare_private_table(tmp_path / "same.csv", str(kinds), (), PrivacySettings(epsilon=10.0))
    rows = prepare_private_table(table, str(kinds), (), PrivacySettings(epsilon=10.0, noise_seed=1))
    assert {column.name: column.step for column in TablePlan.from_json(rows.spec.plan).columns}["age"] == 1.0
    given = json.loads(kinds.read_text())
    given["columns"]["age"]["step"] = 5
    (tmp_path / "kinds.json").write_text(json.dumps(given))
    rows = prepare_private_table(table, str(tmp_path / "kinds.json"), (), PrivacySettings(epsilon=10.0, noise_seed=1))
    assert {column.name: column.step for column in TablePlan.from_json(rows.spec.plan).columns}["age"] == 5


def test_a_run_does_not_go_on_when_its_table_is_read_otherwise(table: Path, kinds: Path, tmp_path: Path, quiet: Console) -> None:
    choices = tmp_path / "kinds.json"
    choices.write_text(kinds.read_text())
    settings = {**SMALL["tabular-ar"], **COMMON, "table": choices, **PRIVATE, "steps": 1}
    sparring.train("tabular-ar", table, tmp_path / "run", console=quiet, **settings)
    given = json.loads(choices.read_text())
    given["columns"]["age"] |= {"low": 18, "high": 90}
    choices.write_text(json.dumps(given))
    with pytest.raises(SettingsError, match="no longer read as it was"):
        sparring.resume(tmp_path / "run", steps=2, console=quiet)
    choices.write_text(kinds.read_text())
    sparring.resume(tmp_path / "run", steps=2, console=quiet)


@pytest.mark.parametrize("rare", ["yes", "no"])
def test_booleans_are_not_exchanged(rare: str, tmp_path: Path, quiet: Console) -> None:
    random = np.random.default_rng(0)
    usual = "no" if rare == "yes" else "yes"
    member = np.where(np.arange(3000) < 5, rare, usual)
    frame = pd.DataFrame({"member": member, "age": random.integers(20, 60, 3000)})
    frame.to_csv(tmp_path / "t.csv", index=False)
    write_choices(inspect_table(tmp_path / "t.csv"), tmp_path / "t.json")
    settings = {**SMALL["tabular-ar"], "batch_size": 300, "threads": 1, "holdout": 0, "table": tmp_path / "t.json", "epsilon": 3.0}
    model = sparring.train("tabular-ar", tmp_path / "t.csv", tmp_path / "run", steps=30, console=quiet, **settings)
    rows = model.rows(500).to_pandas()
    assert (rows.member == (usual == "yes")).mean() > 0.9
    given = json.loads((tmp_path / "t.json").read_text())
    given["columns"]["member"]["categories"] = ["no", "yes"]
    (tmp_path / "t.json").write_text(json.dumps(given))
    with pytest.raises(SettingsError, match="'member' is a boolean"):
        prepare_private_table(tmp_path / "t.csv", str(tmp_path / "t.json"), (), PrivacySettings(epsilon=3.0))


def test_how_other_dates_could_be_read_is_not_told_and_a_pattern_must_be_said(tmp_path: Path) -> None:
    days = [f"{1 + number % 12:02}/{1 + number % 9:02}/2020" for number in range(400)]
    pd.DataFrame({"day": days, "n": range(400)}).to_csv(tmp_path / "t.csv", index=False)
    write_choices(inspect_table(tmp_path / "t.csv"), tmp_path / "t.json")
    given = json.loads((tmp_path / "t.json").read_text())
    given["columns"]["n"] = {"kind": "number", "step": 1}
    (tmp_path / "t.json").write_text(json.dumps(given))
    rows = prepare_private_table(tmp_path / "t.csv", str(tmp_path / "t.json"), (), PrivacySettings(epsilon=3.0))
    text = next(column.text for column in TablePlan.from_json(rows.spec.plan).columns if column.name == "day")
    assert text is not None
    assert "also" not in text
    given["columns"]["day"].pop("pattern")
    (tmp_path / "t.json").write_text(json.dumps(given))
    with pytest.raises(SettingsError, match="'day' has no pattern"):
        prepare_private_table(tmp_path / "t.csv", str(tmp_path / "t.json"), (), PrivacySettings(epsilon=3.0))


def test_the_sides_of_an_audit_are_as_if_coins_had_chosen_them() -> None:
    trained = []
    for seed in range(400):
        half, other = tossed(5000, 2000, np.random.default_rng(seed))
        assert len(set(half)) == len(half) <= 2000
        assert len(half) + len(other) == 2 * 2000 - math.ceil(5 * 4000**0.5)
        assert max(half) < 5000
        trained.append(len(half))
    total = len(half) + len(other)
    assert np.mean(trained) == pytest.approx(total / 2, abs=4 * total**0.5 / 2 / 20)
    assert np.std(trained) == pytest.approx(total**0.5 / 2, rel=0.15)


def test_settings_that_private_training_would_ignore_are_refused(table: Path, kinds: Path, tmp_path: Path) -> None:
    rows = prepare_private_table(table, str(kinds), (), PrivacySettings(epsilon=3.0, noise_seed=1))
    wrong = {
        "packing": 2,
        "augment": "diffaugment",
        "drift": 0.1,
        "gradient_penalty": 1.0,
        "dragan": 1.0,
        "input_noise": 0.1,
        "objective": "hinge",
    }
    for name, value in wrong.items():
        problems = recipes.get("tabular")(**{**SMALL["tabular"], name: value}).problems(rows.spec)
        assert any(problem.startswith(f"{name} has no private training") for problem in problems), name
    assert not recipes.get("tabular")(**SMALL["tabular"]).problems(rows.spec)
