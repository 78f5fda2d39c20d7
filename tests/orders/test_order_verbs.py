"""Commands on orders: lines under conditions, new products, invented customers, the page of demand, reports, what is refused."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from rich.console import Console

import sparring
from sparring.core.errors import DataError, SettingsError
from sparring.data.orders.order_reading import OrderReading
from sparring.data.orders.suggest_orders import suggest_orders
from sparring.data.tables.inspect_table import inspect_table
from sparring.health.doctor.doctor import doctor
from sparring.health.doctor.kind_advice import KindAdvice
from sparring.health.doctor.orders_advice import orders_difficulties
from sparring.inference.demand import foresee_demand
from sparring.inference.model import Model
from sparring.inference.orders_of_model import draw_orders
from support.cli import call
from support.orders import COLUMNS, COMMON, SMALL, log, write_log


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("orders-verbs")
    sparring.train("ecgan", write_log(folder), folder / "run", steps=8, console=Console(quiet=True), **COLUMNS, **SMALL, **COMMON)
    return folder / "run"


@pytest.fixture(scope="session")
def model(run: Path) -> Model:
    return sparring.load(run)


def frame_of(model: Model, n: int = 300, **asked: object) -> pd.DataFrame:
    return model.rows(n, **asked).to_pandas()  # pyright: ignore[reportArgumentType]


def test_lines_have_the_columns_and_types_of_the_log(model: Model) -> None:
    found, real = frame_of(model), log()
    assert list(found.columns) == list(real.columns)
    assert found["pieces"].isin([1, 2]).all()
    of_product = real.groupby("sku")["price"]
    low, high = of_product.min()[found["sku"]].to_numpy(), of_product.max()[found["sku"]].to_numpy()
    assert ((found["price"] >= low) & (found["price"] <= high)).all(), "each product has its own prices"
    assert (found["kind"] == np.where(found["sku"] < "P06", "skis", "boats")).all(), "groups are those of the product"


@pytest.mark.parametrize(
    ("where", "holds"),
    [
        (["product=P03"], "sku == 'P03'"),
        (["sku=P03", "price>=40"], "sku == 'P03' and price >= 40"),
        (["group=boats"], "kind == 'boats'"),
        (["customer=00004", "product=P03"], "buyer == '00004' and sku == 'P03'"),
        (["customer_group=north", "quantity=2"], "region == 'north' and pieces == 2"),
        (["time>=2022-01-01"], "day >= '2022-01-01'"),
        (["product!=P03", "time<2021-03-01"], "sku != 'P03' and day < '2021-03-01'"),
    ],
)
def test_conditions_hold_in_every_line(model: Model, where: list[str], holds: str) -> None:
    found = frame_of(model, 120, where=where).astype({"day": str})
    assert len(found) == 120
    assert len(found.query(holds)) == 120
    first, _ = draw_orders(model, 50, where=where)
    later, _ = draw_orders(model, 70, first=50, where=where)
    whole, _ = draw_orders(model, 120, where=where)
    for name, values in whole.items():
        if values.numbers is not None:
            np.testing.assert_array_equal(np.concatenate([first[name].numbers, later[name].numbers]), values.numbers)  # pyright: ignore[reportArgumentType]


def test_a_group_has_its_products_as_often_as_the_log(model: Model) -> None:
    found = frame_of(model, 3000, where=["group=skis"])["sku"].value_counts(normalize=True)
    real = log().query("kind == 'skis'")["sku"].value_counts(normalize=True)
    assert (found - real).abs().sum() / 2 < 0.12


def test_new_products_are_of_their_group_and_price(model: Model) -> None:
    found = frame_of(model, 100, where=["product=new", "group=skis", "price=35"])
    assert found["sku"].eq("new").all()
    assert found["kind"].eq("skis").all()
    assert found["price"].between(0.85 * 35, 35 / 0.85).all()
    assert found["price"].median() == pytest.approx(35, abs=3.5)
    without = frame_of(model, 300, where=["product=new", "group=boats"])["price"]
    assert 60 < without.median() < 130, "boats cost 70 to 120"


def test_customers_are_invented_unless_one_is_asked_for(model: Model) -> None:
    fresh, own = draw_orders(model, 400), draw_orders(model, 400, customers="own")
    names = [np.array(rows["buyer"].categories)[rows["buyer"].codes] for rows, _ in (fresh, own)]  # pyright: ignore[reportArgumentType, reportCallIssue]
    assert not set(names[0]) & set(log()["buyer"])
    assert set(names[1]) <= set(log()["buyer"])
    pairs = set(zip(*names, strict=True))
    assert len(pairs) == len(set(names[1])), "each under one name"
    assert all(re.fullmatch(r"\d{5}", name) for name in names[0])
    with pytest.raises(SettingsError, match="customers=fresh"):
        draw_orders(model, 5, where=["customer=00004"], customers="fresh")


@pytest.mark.parametrize(
    ("where", "words"),
    [
        (["product=P99"], "never sold"),
        (["customer=1"], "never bought"),
        (["group=sky"], "skis"),
        (["price>=5000"], "goes from"),
        (["time>=2030-01-01"], "2021"),
        (["colour=red"], "colour"),
        (["product=new"], "group=NAME"),
        (["product=new", "group=sky"], "skis"),
        (["product=new", "group!=skis"], "one group"),
        (["product=new", "price=-1"], "above 0"),
        (["time>=soon"], "no date"),
    ],
)
def test_conditions_that_cannot_be_met_are_refused(model: Model, where: list[str], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        draw_orders(model, 5, where=where)


def test_frames_come_back_as_frames(tmp_path: Path, quiet: Console) -> None:
    frame = log(200).assign(
        day=lambda each: pd.to_datetime(each["day"]),
        sku=lambda each: each["sku"].str[1:].astype(int),
        buyer=lambda each: each["buyer"].astype(int),
    )
    model = sparring.train("ecgan", frame, tmp_path / "run", steps=6, console=quiet, **COLUMNS, **SMALL, **COMMON)  # pyright: ignore[reportArgumentType]
    found = model.rows(20)
    assert isinstance(found, pd.DataFrame)
    assert (found.dtypes == frame.dtypes).all()
    assert not set(found["buyer"]) & set(frame["buyer"])
    new = model.rows(5, where={"product": "new", "group": "skis"})
    assert pa.types.is_integer(pa.Schema.from_pandas(new).field("sku").type)
    assert not set(new["sku"]) & set(frame["sku"]), "a number that no product has"


# ------------------------------------------------------------------------------------------------------------------ demand


def test_demand_is_in_lines_of_a_typical_year(model: Model) -> None:
    demand = foresee_demand(model, 500, where=["product=P03"])
    real = log().query("sku == 'P03'")
    month = pd.to_datetime(real["day"]).dt.month
    history = month.value_counts().reindex(range(1, 13), fill_value=0).to_numpy() / 2
    assert demand.history is not None
    np.testing.assert_allclose(demand.history, history)
    assert demand.a_year == pytest.approx(len(real) / demand.years)
    assert demand.foreseen.sum() == pytest.approx(demand.a_year)
    assert (demand.low <= demand.high).all()
    assert dict(demand.groups).keys() <= {"north", "south"}
    new = foresee_demand(model, 200, where=["product=new", "group=skis"])
    assert new.history is None
    assert new.foreseen.sum() == pytest.approx(100)


def test_the_page_of_demand_is_written(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "demand.html"
    assert call("sample", run, "-n", 300, "--where", "product=P03", "--out", page) == 0
    out = capsys.readouterr().out
    assert "Dec" in out
    text = page.read_text()
    assert text.count('class="ours"') == 12
    assert "product=P03" in text


# ------------------------------------------------------------------------------------------------------------------ commands


def test_sample_and_judge_from_the_command_line(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "lines.csv"
    assert call("sample", run, "-n", 200, "--out", out) == 0
    assert len(pd.read_csv(out)) == 200
    assert call("judge", run, "--samples", 200, "--out", tmp_path / "judged") == 0
    roles = [f"{role}={column}" for role, column in COLUMNS.items()]
    assert call("judge", write_log(tmp_path), out, "--orders", *roles, "--out", tmp_path / "files") == 0
    assert (tmp_path / "files" / "report.html").is_file()
    assert "groups and season" in capsys.readouterr().out
    assert call("sample", run, "--label", "3") != 0
    assert call("judge", run, "--private") != 0


@pytest.mark.long
def test_a_log_is_recognized_and_advised_on(tmp_path: Path) -> None:
    frame = log().rename(columns={"buyer": "customer_id", "kind": "category"})
    inspection = inspect_table(write_log(tmp_path, frame))
    roles = {"customer": "customer_id", "product": "sku", "price": "price", "quantity": "pieces", "group": "category", "time": "day"}
    found = suggest_orders(inspection.columns, inspection.values)
    assert found == roles | ({"customer_group": "region"} if found and "customer_group" in found else {})
    advice = doctor(tmp_path / "orders.csv", minutes=1)
    assert isinstance(advice, KindAdvice)
    assert "sparring train ecgan" in advice.command
    assert "few lines" in {each.name for each in advice.difficulties}
    assert suggest_orders(*(getattr(inspect_table("flights"), name) for name in ("columns", "values"))) is None


def test_rare_products_and_baskets_are_said() -> None:
    from sparring.data.orders.order_store import prepare_orders

    rows = 1200
    frame = pd.DataFrame({"who": [f"c{row // 6}" for row in range(rows)], "what": [f"p{row // 2}" for row in range(rows)]})
    frame["when"] = pd.Timestamp("2021-01-01") + pd.to_timedelta(np.arange(rows) // 6 % 300, unit="D")
    data, _ = prepare_orders(frame, OrderReading(customer="who", product="what", time="when"))
    assert {each.name for each in orders_difficulties(data, None)} == {"rare products", "baskets"}


def test_files_that_are_gone_are_refused(run: Path, tmp_path: Path, quiet: Console) -> None:
    with pytest.raises(DataError):
        sparring.train("ecgan", tmp_path / "absent.csv", tmp_path / "run", steps=1, console=quiet, **COLUMNS)
