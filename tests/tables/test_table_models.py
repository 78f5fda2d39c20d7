"""Models of tables: what they encode, learn, draw, complete and refuse, for each recipe."""

import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from rich.console import Console
from sklearn.mixture import GaussianMixture

import sparring
from sparring import recipes
from sparring.core.errors import SettingsError
from sparring.core.random_streams import Streams
from sparring.data.tables.columns import Column, ColumnValues
from sparring.data.tables.conditions import NumberReader, all_hold, parse_conditions, restriction_of
from sparring.data.tables.date_parts import TIME_OF_DAY, join_dates, split_dates
from sparring.data.tables.encoding import Encoding, fit_encoding
from sparring.data.tables.gaussian_modes import assign_modes, fit_modes
from sparring.data.tables.table_dataset import RowsByCategory, TableDataset, holdout_rows
from sparring.data.tables.table_plan import TablePlan
from sparring.data.tables.table_spec import TableSpec
from sparring.evaluation.judge_table_sources import judge_table_model
from sparring.games.capabilities import CompletesRows, HasLikelihood, MakesRows
from sparring.inference.model import Model
from sparring.inference.table_rows import complete_table, draw_rows, plan_of
from sparring.recipes.tabular_ar import TabularAR
from support.cli import call
from support.runs import same_run
from support.table_models import COMMON, SMALL, people

RECIPES = ("tabular", "tabular-ar", "ctgan", "tvae")


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("people") / "people.csv"
    people().to_csv(path, index=False)
    return path


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, table: Path) -> dict[str, Path]:
    """A run of each recipe, after four steps."""
    folder = tmp_path_factory.mktemp("table-runs")
    for recipe in RECIPES:
        sparring.train(recipe, table, folder / recipe, steps=4, console=Console(quiet=True), **SMALL[recipe], **COMMON)
    return {recipe: folder / recipe for recipe in RECIPES}


# -------------------------------------------------------------------------------------------------------------- encodings


def number(values: object, **settings: object) -> tuple[Encoding, ColumnValues]:
    column = ColumnValues(numbers=np.asarray(values, float))
    return fit_encoding("x", column, **settings), column  # pyright: ignore[reportArgumentType]


def test_numbers_that_repeat_come_back_exactly_and_others_keep_their_rank() -> None:
    random = np.random.default_rng(0)
    values = np.where(random.random(3000) < 0.5, 0.0, np.round(random.exponential(100, 3000), 3))
    values[::7] = np.nan
    encoding, column = number(values, step=0.001)
    assert encoding.atoms == (0.0,)
    assert encoding.has_missing
    codes, positions = encoding.encode(column)
    assert np.array_equal(codes == 0, values == 0)
    assert np.array_equal(codes == 1, np.isnan(values))
    back = encoding.decode(codes, positions).numbers
    assert back is not None
    assert np.array_equal(np.isnan(back), np.isnan(values))
    rest = values[codes == 2]
    assert np.abs(np.sort(back[codes == 2]) - np.sort(rest)).max() < 0.02 * rest.max()
    assert np.corrcoef(np.argsort(np.argsort(rest)), positions[codes == 2])[0, 1] > 0.9999
    far = encoding.decode(np.full(2, 2, np.int32), np.array([-5, 5], np.float32)).numbers
    assert far is not None
    assert far.tolist() == [rest.min(), rest.max()], "nothing leaves the range"
    assert encoding == Encoding.from_json(json.loads(json.dumps(encoding.to_json())))


def test_clock_times_are_drawn_from_those_that_there_are() -> None:
    random = np.random.default_rng(0)
    hours = random.integers(0, 24, 20_000) * 100 + random.integers(0, 60, 20_000)
    encoding, column = number(hours, step=1.0)
    assert encoding.snaps
    assert encoding.pieces == 1
    drawn = encoding.decode(np.full(999, encoding.first_piece, np.int32), np.linspace(-1, 1, 999).astype(np.float32)).numbers
    assert set(drawn.tolist()) <= set(hours.tolist()), "no 1075"  # pyright: ignore[reportOptionalMemberAccess]
    codes, positions = encoding.encode(column)
    assert np.array_equal(encoding.decode(codes, positions).numbers, hours)  # pyright: ignore[reportArgumentType]


def test_categories_and_their_gaps_come_back() -> None:
    column = ColumnValues(codes=np.array([0, 1, -1, 1, 2], np.int32), categories=("a", "b", "c"))
    encoding = fit_encoding("x", column)
    codes, positions = encoding.encode(column)
    assert codes.tolist() == [0, 1, 3, 1, 2]
    assert encoding.shares == (0.2, 0.4, 0.2, 0.2)
    back = encoding.decode(codes, positions)
    assert back.codes is not None
    assert back.codes.tolist() == [0, 1, -1, 1, 2]
    other = ColumnValues(codes=np.array([0, 1], np.int32), categories=("c", "a"))
    assert encoding.encode(other)[0].tolist() == [2, 0], "by name, not by number"
    with pytest.raises(ValueError, match="'d'"):
        encoding.encode(ColumnValues(codes=np.array([0], np.int32), categories=("d",)))


def test_modes_are_as_likely_as_scikit_learns() -> None:
    random = np.random.default_rng(0)
    numbers = np.concatenate([random.normal(0, 1, 3000), random.normal(20, 3, 2000), random.normal(60, 0.5, 500)])
    modes = np.array(fit_modes(numbers))
    logs = -0.5 * ((numbers[:, None] - modes[:, 0]) / modes[:, 1]) ** 2 - np.log(modes[:, 1] * np.sqrt(2 * np.pi))
    sizes = np.exp(logs - logs.max(axis=1, keepdims=True))
    sizes = (sizes / sizes.sum(axis=1, keepdims=True)).mean(axis=0)
    ours = np.log((np.exp(logs) * sizes).sum(axis=1)).mean()
    theirs = GaussianMixture(10, random_state=0).fit(numbers[:, None]).score(numbers[:, None])
    assert ours > theirs - 0.02
    mode, position = assign_modes(numbers, tuple(map(tuple, modes)), 0)
    assert np.abs(modes[mode, 0] + 4 * modes[mode, 1] * position - numbers).max() < 1e-2
    assert np.array_equal(mode, assign_modes(numbers, tuple(map(tuple, modes)), 0)[0]), "the same for the same seed"


def test_days_and_times_are_local_and_come_back() -> None:
    column = Column("t", "datetime", "", "timestamp[s, tz=Europe/Paris]")
    moments = pd.date_range("2024-03-29 07:30", "2024-04-03", freq="7h", tz="Europe/Paris")
    values = {"t": ColumnValues(numbers=moments.as_unit("s").asi8.astype(float))}
    parts = split_dates(values, [column])
    assert list(parts) == ["t", f"t{TIME_OF_DAY}"]
    assert (parts[f"t{TIME_OF_DAY}"].numbers / 3600).round(2).tolist() == [m.hour + m.minute / 60 for m in moments]  # pyright: ignore[reportOptionalOperand]
    assert np.array_equal(join_dates(parts, {"t": column})["t"].numbers, values["t"].numbers), "over the change of clocks, too"  # pyright: ignore[reportArgumentType]


# -------------------------------------------------------------------------------------------------------------- conditions


def test_conditions_are_read_and_all_that_is_wrong_is_said() -> None:
    columns = [
        Column("age", "number", "", "int64"),
        Column("a=b", "category", "", "string"),
        Column("seen", "datetime", "", "timestamp[s]"),
    ]
    readers = {column.name: NumberReader(column) for column in columns if column.is_numeric}
    found = parse_conditions(["age>=60", "a=b != x y", "seen<2024-01-02", "age=missing"], columns, readers)
    assert [(each.column, each.relation, each.value) for each in found[:3]] == [
        ("age", ">=", 60.0), ("a=b", "!=", "x y"), ("seen", "<", 1704153600.0),
    ]  # fmt: skip
    with pytest.raises(SettingsError) as problem:
        parse_conditions(["agee>3", "age>old", "a=b>3", "nonsense"], columns, readers)
    assert str(problem.value).count("\n  - ") == 4
    values = {"age": ColumnValues(numbers=np.array([59, 60, np.nan]))}
    assert all_hold(found[:1], values).tolist() == [False, True, False]
    assert all_hold(found[3:], values).tolist() == [False, False, True]


def test_ranges_become_codes_and_positions() -> None:
    random = np.random.default_rng(1)
    encoding, _ = number(random.normal(size=5000).round(6), step=1e-6)
    x = Column("x", "number", "", "double")
    found = restriction_of(encoding, parse_conditions(["x>1", "x<=1.5"], [x], {"x": NumberReader(x)}))
    ends = encoding.decode(np.zeros(2, np.int32), np.array([found.low, found.high], np.float32)).numbers
    np.testing.assert_allclose(ends, [1, 1.5], atol=1e-4)  # pyright: ignore[reportArgumentType]
    assert not restriction_of(encoding, parse_conditions(["x>99"], [x], {"x": NumberReader(x)})).is_possible


# ------------------------------------------------------------------------------------------------------------- every recipe


@pytest.mark.parametrize("recipe", RECIPES)
def test_rows_are_the_same_however_they_are_asked_for(recipe: str, trained: dict[str, Path], tmp_path: Path) -> None:
    model = sparring.load(trained[recipe])
    assert isinstance(model.game, MakesRows)
    whole, _ = draw_rows(model, 2100, seed=3)
    part, _ = draw_rows(model, 60, seed=3, first=2030)
    for name, values in part.items():
        expected = whole[name].take(np.arange(2030, 2090))
        for one, other in ((values.numbers, expected.numbers), (values.codes, expected.codes)):
            assert one is None or np.array_equal(one, other, equal_nan=one.dtype.kind == "f"), name  # pyright: ignore[reportArgumentType]
    packed = sparring.load(sparring.pack(model, tmp_path / "model.safetensors"))
    again, _ = draw_rows(packed, 50, seed=3)
    assert all(np.array_equal(again[name].codes, whole[name].take(np.arange(50)).codes) for name in ("city", "member"))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("recipe", RECIPES)
def test_rows_have_the_tables_types_ranges_and_relations(recipe: str, trained: dict[str, Path], table: Path, tmp_path: Path) -> None:
    assert call("sample", trained[recipe], "-n", 500, "--out", tmp_path / "rows.csv") == 0
    real, drawn = pd.read_csv(table), pd.read_csv(tmp_path / "rows.csv")
    assert list(drawn) == list(real)
    assert (drawn.dtypes == real.dtypes).all()
    assert drawn.age.between(real.age.min(), real.age.max()).all()
    assert drawn.pay.dropna().between(real.pay.min(), real.pay.max()).all()
    assert (drawn.pay.dropna() == drawn.pay.dropna().round(2)).all()
    assert set(zip(drawn.city, drawn.country, strict=True)) <= set(zip(real.city, real.country, strict=True)), "city determines country"
    assert set(pd.to_datetime(drawn.seen).dt.hour) <= set(range(8, 18))


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_resumed_run_is_the_uninterrupted_run(recipe: str, trained: dict[str, Path], table: Path, tmp_path: Path, quiet: Console) -> None:
    sparring.train(recipe, table, tmp_path / "run", steps=2, console=quiet, **SMALL[recipe], **COMMON)
    sparring.resume(tmp_path / "run", steps=4, console=quiet)
    assert same_run(tmp_path / "run", trained[recipe])


@pytest.mark.parametrize("recipe", RECIPES)
def test_diagnosis_and_views_work(recipe: str, trained: dict[str, Path]) -> None:
    assert sparring.diagnose(trained[recipe]) is not None
    assert (trained[recipe] / "samples").glob("step-*.png")
    config = json.loads((trained[recipe] / "config.json").read_text())
    assert config["data"]["count"] == 400


# ------------------------------------------------------------------------------------------------- conditions and completion


@pytest.mark.parametrize("recipe", RECIPES)
def test_conditions_hold_in_every_row(recipe: str, trained: dict[str, Path], tmp_path: Path) -> None:
    model = sparring.load(trained[recipe])
    rows, share = draw_rows(model, 300, seed=1, where=["age>=60", "city=Rome"])
    frame = pd.DataFrame({"age": rows["age"].numbers, "city": np.array(rows["city"].categories)[rows["city"].codes]})
    assert (frame.age >= 60).all()
    assert (frame.city == "Rome").all()
    assert frame.age.nunique() > 5
    assert isinstance(model.game, CompletesRows) == (recipe in ("tabular", "tabular-ar"))
    assert share == 1 if isinstance(model.game, CompletesRows) else share < 0.5
    few, _ = draw_rows(model, 10, seed=1, where={"age": ">=60", "city": "Rome"})
    assert np.array_equal(few["age"].numbers, rows["age"].numbers[:10])  # pyright: ignore[reportArgumentType, reportOptionalSubscript]
    assert call("sample", trained[recipe], "-n", 5, "--where", "country=NO", "--where", "member=true", "--out", tmp_path / "rows.csv") == 0
    assert set(pd.read_csv(tmp_path / "rows.csv").country) == {"NO"}, "a condition on a column that follows from another"


def test_what_no_row_can_meet_is_refused(trained: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    model = sparring.load(trained["tabular-ar"])
    with pytest.raises(SettingsError, match="goes from 18 to"):
        draw_rows(model, 5, where=["age>200"])
    with pytest.raises(SettingsError, match="There are: Oslo, Paris, Rome"):
        draw_rows(model, 5, where=["city=Berlin"])
    assert call("sample", trained["tvae"], "--where", "agee=3") == 1
    assert "Did you mean 'age'" in capsys.readouterr().err


@pytest.mark.parametrize("recipe", ["tabular", "tabular-ar"])
def test_gaps_are_filled_and_known_cells_stay(recipe: str, trained: dict[str, Path], tmp_path: Path) -> None:
    partial = people(50, seed=5)
    partial.loc[::2, "age"] = np.nan
    partial.loc[::3, "city"] = None
    partial.drop(columns=["member"]).to_csv(tmp_path / "partial.csv", index=False)
    assert call("complete", trained[recipe], tmp_path / "partial.csv", "--out", tmp_path / "full.csv") == 0
    full = pd.read_csv(tmp_path / "full.csv")
    assert list(full) == ["age", "pay", "city", "country", "member", "seen"]
    assert not full[["age", "city", "member"]].isna().any().any()
    for name in ("age", "city", "pay"):
        known = partial[name].notna()
        assert (full[name][known] == partial[name][known]).all(), name
    with pytest.raises(SettingsError, match="cannot complete"):
        complete_table(sparring.load(trained["tvae"]), tmp_path / "partial.csv")


# ------------------------------------------------------------------------------------------------------------------- frames


def test_frames_come_back_as_what_they_were(tmp_path: Path, quiet: Console) -> None:
    frame = people(120).astype({"age": "Int16", "city": "category"})
    model = sparring.train("tabular-ar", frame, tmp_path / "pandas", steps=1, console=quiet, **SMALL["tabular-ar"], **COMMON)
    rows = model.rows(7, where={"age": "<40"})
    assert isinstance(rows, pd.DataFrame)
    assert (rows.dtypes == frame.dtypes).all()
    with pytest.raises(SettingsError, match="data=frame"):
        sparring.resume(tmp_path / "pandas", steps=2, console=quiet)
    sparring.resume(tmp_path / "pandas", data=frame, steps=2, console=quiet)
    with pytest.raises(SettingsError, match="judge_table_files"):
        judge_table_model(model)
    other = pl.from_pandas(people(120))
    rows = sparring.train("tvae", other, tmp_path / "polars", steps=1, console=quiet, **SMALL["tvae"], **COMMON).rows(5)
    assert isinstance(rows, pl.DataFrame)
    assert rows.schema == other.schema


# ------------------------------------------------------------------------------------------------------------- single games


def spec_of(*sizes: int) -> TableSpec:
    """Columns of so many equally likely categories."""
    return TableSpec(tuple(Encoding(str(i), tuple(map(str, range(size))), shares=(1 / size,) * size) for i, size in enumerate(sizes)), {})


def test_autoregressive_probabilities_sum_to_one() -> None:
    torch.manual_seed(0)
    spec = spec_of(2, 3, 4)
    game = TabularAR(hidden=8, embedding=4).build(spec)
    for weight in game.parameters():
        torch.nn.init.normal_(weight)
    assert isinstance(game, HasLikelihood)
    rows = torch.tensor(list(itertools.product(range(2), range(3), range(4))))
    logs = game.log_likelihood(spec.rows_of(rows, torch.zeros(rows.shape)))
    assert logs.exp().sum().item() == pytest.approx(1, abs=1e-5)
    codes, _ = game.complete_cells(40_000, 0, 0, {}, None)
    drawn = np.array([(codes == row).all(dim=1).double().mean().item() for row in rows])
    np.testing.assert_allclose(drawn, logs.exp().numpy(), atol=4 * 0.5 / 200)


def test_training_by_sampling_takes_categories_by_their_logarithm() -> None:
    spec = spec_of(3)
    codes = np.repeat(np.arange(3), [900, 90, 10])[:, None].astype(np.int32)
    data = RowsByCategory(spec, codes, np.zeros(codes.shape, np.float32), "")
    batch = data.choose(Streams(0, 0), 20_000)
    assert batch.condition is not None
    assert torch.equal(batch.condition.argmax(dim=1), batch.codes[:, 0]), "rows have the category that they were chosen by"
    expected = np.log1p([900, 90, 10]) / np.log1p([900, 90, 10]).sum()
    np.testing.assert_allclose(batch.condition.mean(dim=0).numpy(), expected, atol=0.015)
    assert torch.equal(data.choose(Streams(0, 0), 5).codes, batch.codes[:0].new_tensor(data.choose(Streams(0, 0), 5).codes.tolist()))


def test_ctgan_draws_a_rare_category_as_often_as_it_is() -> None:
    """Public CTGAN tells its generator rare categories by the logarithm of their frequency in samples, too."""
    encoding = Encoding("x", ("common", "rare"), shares=(0.99, 0.01))
    torch.manual_seed(0)
    game = recipes.get("ctgan")(**SMALL["ctgan"]).build(TableSpec((encoding,), {})).eval()
    told = game.frequent_condition(game.latents(Streams(0, 0), 50_000)[:, -2:])  # pyright: ignore[reportAttributeAccessIssue]
    assert told[:, 1].mean().item() == pytest.approx(0.01, abs=0.0015)


def test_the_lower_bound_of_the_autoencoder_by_hand() -> None:
    torch.manual_seed(0)
    number = Encoding("n", grid=(0.0, 1.0), ranks=(0.0, 1.0), lowest=0.0, highest=1.0, shares=(1.0,))
    spec = TableSpec((Encoding("c", ("a", "b"), shares=(0.5, 0.5)), number), {})
    game = recipes.get("tvae")(**SMALL["tvae"]).build(spec)
    data = TableDataset(spec, np.array([[1, 0]], np.int32), np.array([[0.0, 0.5]], np.float32), "")
    outputs = torch.tensor([[0.2, 1.0, 3.0, 0.7]])  # two logits; the only code of n; its position before tanh
    found = game.reconstruction(outputs, data.batch(np.array([0])))  # pyright: ignore[reportAttributeAccessIssue]
    entropy = np.log(np.exp(0.2) + np.exp(1.0)) - 1.0
    normal = (0.5 - np.tanh(0.7)) ** 2 / (2 * 0.1**2) + np.log(0.1)
    assert found.item() == pytest.approx(entropy + normal, rel=1e-5)


def test_held_out_rows_are_chosen_by_the_seed() -> None:
    kept, held_out = holdout_rows(400, None, 0)
    assert len(held_out) == 40
    assert sorted([*kept, *held_out]) == list(range(400))
    assert set(holdout_rows(400, None, 1)[1]) != set(held_out)
    with pytest.raises(SettingsError, match="must leave something"):
        holdout_rows(3, 3, 0)


# -------------------------------------------------------------------------------------------------------------------- judge


def test_a_run_and_files_are_judged(trained: dict[str, Path], table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = trained["tabular"]
    assert call("judge", run, "--target", "member", "--private") == 0
    out = capsys.readouterr().out
    assert "floor" in out
    assert "discriminator" in out, "the white-box attack"
    assert (run / "report.html").stat().st_size > 10_000
    people(300, seed=9).to_csv(tmp_path / "other.csv", index=False)
    assert call("judge", table, tmp_path / "other.csv", "--out", tmp_path / "judged") == 0
    assert json.loads((tmp_path / "judged" / "report.json").read_text())["scores"]
    capsys.readouterr()
    assert call("judge", table) == 1
    assert "Name the synthetic one" in capsys.readouterr().err
    people(300).drop(columns=["age", "city"]).to_csv(tmp_path / "less.csv", index=False)
    assert call("judge", table, tmp_path / "less.csv") == 1
    assert "'age'" in (said := capsys.readouterr().err)
    assert "'city'" in said
    assert call("judge", run, "--extractor", "inception") == 1
    assert "--extractor" in capsys.readouterr().err


def test_images_are_not_asked_for_rows(trained: dict[str, Path], squares: Path, tmp_path: Path, quiet: Console) -> None:
    images: Model = sparring.train("dcgan", squares, tmp_path / "run", steps=1, width=4, batch_size=8, console=quiet)
    with pytest.raises(SettingsError, match="no model of a table"):
        images.rows(3)
    assert call("sample", tmp_path / "run", "--where", "a=b") == 1


# ------------------------------------------------------------------------------------- what a newcomer stumbled over


def test_flags_of_tables_reach_training(table: Path, tmp_path: Path) -> None:
    assert call("train", "tabular-ar", "--data", table, "--drop", "pay", "--steps", 1, "--batch-size", 20, "--out", tmp_path / "run") == 0
    assert [column.name for column in draw_plan(tmp_path / "run").columns] == ["age", "city", "country", "member", "seen"]


def draw_plan(run: Path) -> TablePlan:
    return plan_of(sparring.load(run))


def test_an_autoregressive_model_ends_before_it_repeats_the_table(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--hidden", 16, "--embedding", 4, "--batch-size", 400, "--bins", 8, "--threads", 1)
    assert call("train", "tabular-ar", "--data", table, "--minutes", 5, "--out", tmp_path / "run", *words) == 0
    assert "20,000 real samples" in capsys.readouterr().out
    assert json.loads((tmp_path / "run" / "config.json").read_text())["train_settings"]["real_samples"] == 20_000
    assert recipes.get("tabular-ar")().enough_samples(spec_of(2), 32_561) == 325_610


def test_identifiers_stay_unique_where_rows_are_rejected(tmp_path: Path, quiet: Console) -> None:
    frame = people(200)
    frame["id"] = [f"P-{number:05}" for number in range(200)]
    model = sparring.train("tvae", frame, tmp_path / "run", steps=1, console=quiet, **SMALL["tvae"], **COMMON)
    rows = model.rows(9000, where=["age>=60"])
    assert rows.id.is_unique
    assert rows.id.str.fullmatch(r"P-\d{5,7}").all()
    assert not set(rows.id) & set(frame.id)


def test_days_and_months_are_read_as_in_the_table(tmp_path: Path, quiet: Console) -> None:
    days = pd.date_range("2024-01-01", periods=300)
    frame = pd.DataFrame({"day": days.strftime("%d/%m/%Y"), "n": np.arange(300) % 7})
    frame.to_csv(tmp_path / "table.csv", index=False)
    sparring.train("tabular-ar", tmp_path / "table.csv", tmp_path / "run", steps=1, console=quiet, **SMALL["tabular-ar"], **COMMON)
    (tmp_path / "partial.csv").write_text("day,n\n03/02/2024,\n05/06/2024,\n")
    assert call("complete", tmp_path / "run", tmp_path / "partial.csv", "--out", tmp_path / "full.csv") == 0
    assert pd.read_csv(tmp_path / "full.csv").day.tolist() == ["03/02/2024", "05/06/2024"]


def test_what_was_filled_does_not_contradict_what_is_known(
    trained: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    partial = people(60, seed=3)[["country", "age"]]
    partial.to_csv(tmp_path / "partial.csv", index=False)
    assert call("complete", trained["tabular-ar"], tmp_path / "partial.csv", "--out", tmp_path / "full.csv") == 0
    full = pd.read_csv(tmp_path / "full.csv")
    assert (full.country == partial.country.reset_index(drop=True)).all()
    assert (full.city.map({"Paris": "FR", "Rome": "IT", "Oslo": "NO"}) == full.country).mean() > 0.9
    partial.assign(city="Berlin").to_csv(tmp_path / "partial.csv", index=False)
    assert call("complete", trained["tabular-ar"], tmp_path / "partial.csv", "--out", tmp_path / "full.csv") == 1
    assert "city = 'Berlin'" in capsys.readouterr().err


def test_a_table_that_changed_is_not_judged(tmp_path: Path, quiet: Console, capsys: pytest.CaptureFixture[str]) -> None:
    people(150).to_csv(tmp_path / "table.csv", index=False)
    sparring.train("tvae", tmp_path / "table.csv", tmp_path / "run", steps=1, console=quiet, **SMALL["tvae"], **COMMON)
    people(150, seed=1).to_csv(tmp_path / "table.csv", index=False)
    assert call("judge", tmp_path / "run") == 1
    assert "no longer the table" in capsys.readouterr().err


def test_verbs_of_images_refuse_tables(trained: dict[str, Path], table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = trained["tabular"]
    for words in (("interpolate", run), ("latent", "truncation", run), ("sample", run, "--label", "1")):
        assert call(*words) == 1, words
        assert "rows of a table" in capsys.readouterr().err
    assert call("train", "dcgan", "--data", table) == 1
    assert "is a table" in capsys.readouterr().err


# --------------------------------------------------------------------------------------------------------------- critic


@pytest.mark.long
def test_a_critic_mends_what_the_model_has_not_learned(tmp_path: Path, quiet: Console) -> None:
    """The model hardly learns (its units are left out): columns are independent, and the critic chooses candidates with equal ones."""
    random = np.random.default_rng(0)
    left = random.choice(["a", "b"], 2000)
    same = np.where(random.random(2000) < 0.95, left, np.where(left == "a", "b", "a"))
    frame = pd.DataFrame({"left": left, "right": same})
    settings = {"batch_size": 200, "hidden": 4, "embedding": 2, "learning_rate": 3e-3, "dropout": 0.999, "steps": 250}
    words = {"threads": 1, "holdout": 0, "console": quiet}
    model = sparring.train("tabular-ar", frame, tmp_path / "run", critic=16, **settings, **words)
    alone = sparring.train("tabular-ar", frame, tmp_path / "alone", **settings, **words).rows(1000, seed=1)
    assert (alone.left == alone.right).mean() < 0.6
    rows = model.rows(2000, seed=1)
    assert (rows.left == rows.right).mean() == pytest.approx(0.95, abs=0.04)
    assert (rows.left == "a").mean() == pytest.approx(0.5, abs=0.04)
    assert model.rows(1500, seed=1).equals(rows.head(1500))
    asked = model.rows(500, where=["left=a"])
    assert (asked.left == "a").all()
    assert (asked.right == "a").mean() == pytest.approx(0.95, abs=0.05)
    packed = sparring.load(sparring.pack(tmp_path / "run", tmp_path / "model.safetensors"))
    fresh = sparring.load(tmp_path / "run")
    assert packed.rows(100, seed=2).equals(fresh.rows(100, seed=2))


def test_a_critic_is_not_private(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("data", "inspect", table, "--out", tmp_path / "kinds.json") == 0
    words = ("--epsilon", 3, "--table", tmp_path / "kinds.json", "--critic", 4, "--batch-size", 40)
    assert call("train", "tabular-ar", "--data", table, "--out", tmp_path / "run", *words) == 1
    assert "critic has no private training" in capsys.readouterr().err


@pytest.mark.long
def test_a_coach_helps_a_game_of_tables(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = ("--learning-rate", 5, "--steps", 400, "--coach", "--threads", 1, "--batch-size", 40)
    small = ("--generator-hidden", 16, "--discriminator-hidden", 16, "--layers", 1, "--latent-size", 8)
    assert call("train", "tabular", "--data", table, "--out", tmp_path / "run", *wrong, *small) in {0, 4}
    report = (tmp_path / "run" / "coach.md").read_text()
    interventions = json.loads((tmp_path / "run" / "config.json").read_text())["interventions"]
    assert interventions
    assert interventions[0]["changes"]["learning_rate"] < 1
    assert "learning_rate" in report
