"""Diagnosis of models of orders: lines with a failure made on purpose, and real ones, which have none."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from sparring.data.orders.order_dataset import OrdersDataset, split_holdout
from sparring.data.orders.order_reading import OrderReading
from sparring.data.orders.order_store import prepare_orders
from sparring.games.game import Game
from sparring.health.diagnosis.all_rules import NAMES, diagnose
from sparring.health.diagnosis.training_record import Record
from sparring.health.signals import declared
from sparring.modalities.orders_probe import orders_probe
from support.orders import COLUMNS, log

DATA = prepare_orders(log(3000), OrderReading(**COLUMNS))[0]
Change = Callable[[dict[str, np.ndarray], np.random.Generator], Mapping[str, np.ndarray]]


class Fixed(Game):
    """A game whose lines are given."""

    def __init__(self, change: Change = lambda codes, random: codes) -> None:
        super().__init__(DATA.spec)
        order = np.random.default_rng(1).permutation(len(DATA))
        codes = dict(change(DATA.codes_at(order), np.random.default_rng(0)))
        self.lines = torch.from_numpy(DATA.spec.samples_of(codes, DATA.scores[order]))

    def sample(self, n: int, seed: int = 0, labels: None = None, first: int = 0) -> torch.Tensor:
        return self.lines[(first + torch.arange(n)) % len(self.lines)]


def diagnosed(game: Game, data: OrdersDataset = DATA, holdout: OrdersDataset | None = None) -> list[tuple[str, str]]:
    facts, measure = orders_probe(data, holdout, 0)
    lines = tuple({"step": step, "real_samples": 500 * step, **measure(game)} for step in (1000, 1100, 1200))
    about = Record(Path("run"), "run", measurements=lines, data=facts, data_config={"spec": {"kind": "orders"}})
    return [(finding.name, finding.severity) for finding in diagnose(about)]


def test_real_lines_have_no_failure() -> None:
    assert diagnosed(Fixed()) == []


def test_a_product_that_never_comes_is_lost() -> None:
    lost = Fixed(lambda codes, _: codes | {"product": np.where(codes["product"] == 3, 4, codes["product"])})
    assert diagnosed(lost) == [("products lost", "warning")]
    _, measure = orders_probe(DATA, None, 0)
    assert measure(lost)["lost_products"] == ["P03"]


def test_customers_who_buy_anything_have_no_memory() -> None:
    shuffled = Fixed(lambda codes, random: codes | {"customer": random.permutation(codes["customer"])})
    assert diagnosed(shuffled) == [("purchases independent", "warning")]


def test_lines_that_come_evenly_have_lost_the_season() -> None:
    frame = log(3000)
    rare = frame.head(240).assign(day=[f"2021-{1 + row % 12:02d}-15" for row in range(240)])  # the season leaves months without days
    data = prepare_orders(pd.concat([frame, rare], ignore_index=True), OrderReading(**COLUMNS))[0]
    months = np.asarray(data.spec.days).astype("datetime64[D]").astype("datetime64[M]").astype(int) % 12
    days = [np.flatnonzero(months == month) for month in range(12)]
    even = np.array([days[line % 12][line % len(days[line % 12])] for line in range(len(data))])
    game, order = Fixed(), np.random.default_rng(1).permutation(len(data))
    game.lines = torch.from_numpy(data.spec.samples_of(data.codes_at(order), data.scores[order]))
    assert diagnosed(game, data) == []
    game.lines = torch.from_numpy(data.spec.samples_of(data.codes_at(order) | {"day": even[order]}, data.scores[order]))
    assert diagnosed(game, data) == [("season lost", "warning")]


def test_every_rule_and_signal_of_orders_is_here() -> None:
    assert {"products lost", "purchases independent", "season lost"} <= set(NAMES)
    kept, held_out = split_holdout(DATA, 300, 0)
    facts, measure = orders_probe(kept, held_out, 0)
    assert facts.keys() | measure(Fixed()).keys() == {signal.name for signal in declared("orders data", "orders game")}
    assert 0 < facts["joint_distance/holdout"] < 0.2
    assert measure(Fixed())["joint_distance"] < 0.06
