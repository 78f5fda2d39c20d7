"""The commands on time series from end to end, on runs that were trained for a few steps."""

import gzip
import json
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from rich.console import Console

import sparring
from sparring.data.tables.reading import read_table
from sparring.data.tables.table_files import is_table
from sparring.inference.garch import has_arch
from support.cli import call
from support.series import SMALL, write_demand

QUIET = {"threads": 1, "log_every": 1, "precision": "float32", "steps": 3}


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """quantgan and cgan-series on shares, and ganslicing on demand, after three steps."""
    folder = tmp_path_factory.mktemp("series-verbs")
    shares = {"id": "symbol", "value": ("close",), "returns": True, "window": 12, "console": Console(quiet=True), **QUIET}
    sparring.train("quantgan", "stocks", folder / "shares", **SMALL["quantgan"], **shares)  # pyright: ignore[reportArgumentType]
    sparring.train("cgan-series", "stocks", folder / "futures", **SMALL["cgan-series"], **shares)  # pyright: ignore[reportArgumentType]
    usual = {"id": "name", "value": ("load",), "window": 12, "period": 6, "console": Console(quiet=True), **QUIET}
    sparring.train("ganslicing", write_demand(folder), folder / "demand", **SMALL["ganslicing"], **usual)  # pyright: ignore[reportArgumentType]
    return folder


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_shares_come_with_the_package() -> None:
    assert is_table("stocks")
    table = read_table("stocks").table
    assert (table.column_names, table.num_rows) == (["date", "symbol", "close"], 11_958)
    path = Path(str(files("sparring.data.tables") / "bundled_files" / "stocks.csv.gz"))
    assert path.stat().st_size <= 150_000
    frame = pd.read_csv(path, parse_dates=["date"])
    assert frame.groupby("symbol").size().to_dict() == {"AAPL": 3270, "GOOG": 2148, "IBM": 3270, "MSFT": 3270}
    returns = np.log(frame.close).diff()[frame.symbol == frame.symbol.shift()]
    assert returns.abs().max() < 0.8  # no split of shares is taken for a crash
    assert gzip.decompress(path.read_bytes()).startswith(b"date,symbol,close\n2000-03-01,AAPL,")


def test_simulate_writes_paths_chart_and_figures(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["simulate", runs / "shares", "--paths", 70, "--days", 12, "--series", "IBM", "--from", "2010-06-30", "--out", "paths.csv"]
    assert call(*words, "--backtest") == 0
    out = capsys.readouterr().out
    frame = pd.read_csv("paths.csv")
    assert list(frame.columns) == ["path", "symbol", "date", "close"]
    assert (len(frame), frame.date.iloc[0], set(frame.symbol)) == (840, "2010-07-01", {"IBM"})
    found = json.loads(Path("shares-simulation.json").read_text())
    methods = ["quantgan", "gbm", "bootstrap", "block-bootstrap", *(["garch"] if has_arch() else [])]
    assert [method for method in methods if method not in out] == []
    assert list(dict.fromkeys(risk["method"] for risk in found["risks"])) == methods
    assert {risk["horizon"] for risk in found["risks"]} == {1, 10, 12}
    assert {test["days"] for test in found["backtests"]} == {250}
    assert found["from"] == "2010-06-30"
    assert Image.open("shares-simulation.png").format == "PNG"
    assert call("simulate", runs / "shares", "--paths", 3, "--steps", 12, "--series", "IBM", "--from", "2010-06-30", "--beside", "none", "--out", "few.csv") == 0  # fmt: skip # noqa: E501
    assert Path("few.csv").read_text().splitlines() == Path("paths.csv").read_text().splitlines()[: 1 + 36]


def test_futures_do_not_depend_on_how_many_are_asked_for(runs: Path) -> None:
    model = sparring.load(runs / "futures")
    asked = {"series": "GOOG", "start": "2011-03-04", "regime": "high-volatility", "beside": ["none"]}
    many = sparring.simulate(model, 70, 20, 4, **asked).paths["cgan-series"]
    assert np.array_equal(sparring.simulate(model, 5, 20, 4, **asked).paths["cgan-series"], many[:5])
    calm = sparring.simulate(model, 5, 20, 4, **asked | {"regime": "low-volatility"}).paths["cgan-series"]
    assert not np.array_equal(calm, many[:5])
    assert not np.array_equal(sparring.simulate(model, 5, 20, 5, **asked).paths["cgan-series"], many[:5])


def test_forecast_writes_quantiles_samples_chart_and_scores(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("forecast", runs / "demand", "--steps", 4, "--paths", 50, "--paths-out", "samples.parquet") == 0
    out = capsys.readouterr().out
    table = pd.read_csv("demand-forecast.csv")
    assert list(table.columns) == ["name", "date", "q2.5", "q10", "q25", "q50", "q75", "q90", "q97.5"]
    assert len(table) == 3 * 4
    assert table.date.iloc[0] == "2024-01-04 08:00:00"
    assert len(pd.read_parquet("samples.parquet")) == 3 * 50 * 4
    found = json.loads(Path("demand-forecast.json").read_text())
    assert [score["method"] for score in found["scores"]["scores"]] == ["ganslicing", "seasonal naive"]
    assert {"crps", "pinball", "coverage of 80%", "coverage of 95%"} < found["scores"]["scores"][0].keys()
    assert "ganslicing" in out
    assert Image.open("demand-forecast.png").format == "PNG"
    assert call("forecast", runs / "demand", "--steps", 4, "--paths", 5, "--held-out", "--no-score", "--out", "known.csv") == 0
    assert "truth" in Path("known.csv").read_text().splitlines()[0]


def test_allocate_writes_curve_and_figures(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("allocate", runs / "demand", "--quantile", 0.9, "--capacity", 60, "--paths", 50) == 0
    out = capsys.readouterr().out
    found = json.loads(Path("demand-allocation.json").read_text())
    assert list(found["outcomes"]) == ["ganslicing", "seasonal naive", "static shares", "oracle"]
    assert "ganslicing beside static shares" in out
    assert Image.open("demand-allocation.png").format == "PNG"


def test_sample_writes_windows(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("sample", runs / "shares", "-n", 4, "--out", "windows.csv") == 0
    frame = pd.read_csv("windows.csv")
    assert list(frame.columns) == ["window", "step", "close"]
    assert len(frame) == 48
    capsys.readouterr()
    for words in (["--label", 1], ["--truncation", 0.5], ["--where", "a=b"], ["--seed-style", "nvidia"]):
        assert call("sample", runs / "shares", "-n", 4, *words) == 1
        assert "sparring simulate" in capsys.readouterr().err
    assert call("interpolate", runs / "shares") == 1
    assert "sparring simulate" in capsys.readouterr().err


def test_files_that_cannot_be_written_are_named_before_anything_is_computed(capsys: pytest.CaptureFixture[str]) -> None:
    for verb in ("simulate", "forecast"):
        assert call(verb, "nothing", "--out", "paths.zip", "--chart", "a.jpg", "--json", "b.txt") == 1
        assert [word in capsys.readouterr().err for word in ("paths.zip",)] == [True]
    assert call("allocate", "nothing", "--chart", "a.jpg", "--json", "b.txt") == 1
    assert [word in capsys.readouterr().err for word in ("a.jpg",)] == [True]


def test_a_run_whose_data_has_changed_is_refused(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = write_demand(tmp_path)
    small = {**SMALL["ganslicing"], "id": "name", "value": ("load",), "window": 12, "period": 6, **QUIET}
    sparring.train("ganslicing", table, tmp_path / "run", console=Console(quiet=True), **small)  # pyright: ignore[reportArgumentType]
    lines = table.read_text().splitlines()
    table.write_text("\n".join(lines[:-1]) + "\n")
    assert call("forecast", tmp_path / "run", "--steps", 2) == 1
    assert "no longer the data" in capsys.readouterr().err
    assert call("forecast", tmp_path / "run", "--steps", 2, "--paths", 3, "--no-score", "--data", table) == 0
    table.unlink()
    assert call("forecast", tmp_path / "run", "--steps", 2) == 1
    assert "no longer where it was" in capsys.readouterr().err
    sparring.pack(tmp_path / "run", tmp_path / "packed.safetensors")
    assert call("simulate", tmp_path / "packed.safetensors") == 1
    assert "--data" in capsys.readouterr().err
    other = write_demand(tmp_path)
    assert call("simulate", tmp_path / "packed.safetensors", "--data", other, "--series", "a", "--paths", 2, "--days", 3) == 0


def test_tables_on_a_narrow_screen_are_whole(runs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert call("forecast", runs / "demand", "--steps", 4, "--paths", 20, "--out", "forecast.csv") == 0
    out = capsys.readouterr().out
    assert "in 95% band" in out
    assert "…" not in out


def test_runs_that_learned_other_windows_are_not_compared(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("compare", runs / "shares", runs / "futures") == 1
    assert "--past" in capsys.readouterr().err
