"""What is measured of orders while they are learned: products that are lost, who buys what, and the season."""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from jaxtyping import Float64, Int64

from sparring.data.orders.order_dataset import OrdersDataset
from sparring.data.orders.order_lines import entities_of
from sparring.data.orders.order_spec import OrdersSpec
from sparring.games.capabilities import Samples
from sparring.games.game import Game
from sparring.metrics.orders.joint_shares import dependence, joint_distance, unevenness
from sparring.modalities.order_kinds import Kinds, kinds_of_lines, months_of

PIECE = 2048
"""Number of lines that are generated at a time."""
PROBED, COMPARED = 4096, 20_000
"""Number of lines that are generated for a measurement, and of lines of the log at most that they are compared with."""
FEWEST = 10
"""A product that was due so many lines is lost if none came."""


def generated_lines(
    spec: OrdersSpec, game: Game, n: int, seed: int
) -> tuple[dict[str, Int64[np.ndarray, " n"]], dict[str, Float64[np.ndarray, " n"]]]:
    """Codes and numbers of samples of a game."""
    codes, numbers = [], []
    for first in range(0, n, PIECE):
        found, scores = spec.codes_of(cast(Samples, game).sample(min(PIECE, n - first), seed, None, first))
        some = {name: each.cpu().numpy() for name, each in found.items()}
        codes.append(some)
        numbers.append(spec.numbers_of(scores.cpu().float().numpy(), some.get("product", np.zeros(len(scores), np.int64))))
    return (
        {name: np.concatenate([each[name] for each in codes]) for name in spec.sizes},
        {name: np.concatenate([each[name] for each in numbers]) for name in spec.numbers},
    )


def orders_probe(data: OrdersDataset, holdout: OrdersDataset | None, seed: int) -> tuple[dict[str, Any], Callable[[Game], dict[str, Any]]]:
    """What is measured of a log once, and of games on it."""
    spec = data.spec
    real = kinds_at(data)
    facts: dict[str, Any] = {"joint_distance/holdout": 0.0}
    if holdout is not None and len(holdout):
        facts["joint_distance/holdout"] = joint_distance([*real.values()], [*kinds_at(holdout).values()])
    both = {"customer group", "product group"} <= real.keys()
    if both:
        facts["dependence/log"] = dependence(real["customer group"], real["product group"])
    if spec.days:
        facts["season/log"] = unevenness(months_of(spec, np.asarray(data.codes["day"]).astype(np.int64)), 12)

    def measure(game: Game) -> dict[str, Any]:
        codes, numbers = generated_lines(spec, game, PROBED, seed)
        made = kinds_of_lines(spec, codes, numbers)
        found: dict[str, Any] = {"joint_distance": joint_distance([*real.values()], [*made.values()])}
        if both:
            found["dependence"] = dependence(made["customer group"], made["product group"])
        if spec.days:
            found["season"] = unevenness(months_of(spec, codes["day"]), 12)
        if "product" in codes:
            found["lost_products"] = lost_products(spec, codes["product"])
        return found

    return facts, measure


def kinds_at(data: OrdersDataset) -> Kinds:
    """The kinds of at most so many lines of a log, evenly spread."""
    rows = np.unique(np.linspace(0, len(data) - 1, min(len(data), COMPARED)).astype(np.int64))
    return kinds_of_lines(data.spec, data.codes_at(rows), {name: np.asarray(each[rows]) for name, each in data.numbers.items()})


def lost_products(spec: OrdersSpec, products: Int64[np.ndarray, " n"]) -> list[str]:
    """Products that were due ten times or more in so many lines, and never came."""
    entities = entities_of(spec, "product")
    due, counts = entities.shares * len(products), np.bincount(products, minlength=len(entities.names))
    return [entities.names[code] for code in np.flatnonzero((due >= FEWEST) & (counts == 0))]
