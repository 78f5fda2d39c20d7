"""What is measured of orders while they are learned: products that are lost, who buys what, and the season."""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from jaxtyping import Float64, Int64

from sparring.data.orders.order_dataset import OrdersDataset
from sparring.data.orders.order_spec import OrdersSpec
from sparring.games.capabilities import Samples
from sparring.games.game import Game
from sparring.modalities.order_kinds import kinds_of_lines

PIECE = 2048


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


def orders_probe(data, holdout, seed):
    return {}, lambda game: {}
