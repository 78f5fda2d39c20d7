"""Before training on orders: what is hard about them, and how fast training is on this machine."""

import shlex
from collections.abc import Mapping

import numpy as np

from sparring import recipes
from sparring.core.formatting import plural
from sparring.data.orders.order_dataset import OrdersDataset, baskets_of
from sparring.data.orders.order_reading import OrderReading
from sparring.data.orders.order_store import prepare_orders
from sparring.health.diagnosis.finding import WEIGHTS
from sparring.health.doctor.data_checks import Difficulty, busy_machine
from sparring.health.doctor.kind_advice import KindAdvice
from sparring.health.doctor.time_estimate import measure_pace, pace_in_words
from sparring.training.settings import TrainSettings

RECIPE, MINUTES = "ecgan", 5
FEW_LINES, RARE_LINES, RARE_SHARE, TOGETHER = 1000, 3, 0.5, 0.3


def advise_orders(data: str, roles: Mapping[str, str], training: TrainSettings) -> KindAdvice:
    """What is hard about a log of orders, and how fast its training is here. A few steps are trained to find out. `training`: with resolved
    settings. A DataError if it cannot be used.
    """
    dataset, notes = prepare_orders(data, OrderReading(**roles))
    pace = measure_pace(recipes.get(RECIPE)(), dataset, training)
    found = orders_difficulties(dataset, busy_machine(pace.share))
    sizes = ", ".join(plural(size, name, f"{name}s") for name, size in dataset.spec.sizes.items())
    sentence = f"This looks like a log of orders: {plural(len(dataset), 'line', 'lines')} of {sizes}."
    after = (
        "ecgan learns who buys what and when, and draws the customers, seasons and prices of any product (sparring sample "
        "RUN --where product=...).",
        f"{pace_in_words(pace, 'lines')}.",
        f"If rows are no orders, it is a plain table: sparring train tabular-ar --data {shlex.quote(data)}",
    )
    settings = {**roles, "minutes": training.minutes or MINUTES}
    return KindAdvice(data, len(dataset), sentence, notes, tuple(found), RECIPE, settings, after, pace)


def orders_difficulties(dataset: OrdersDataset, busy: Difficulty | None) -> list[Difficulty]:
    """What is hard about a log of orders, the most severe first."""
    found, lines = [] if busy is None else [busy], len(dataset)
    if lines < FEW_LINES:
        description = f"{plural(lines, 'line', 'lines')}: who buys what is soon memorized, and little of it is more than chance."
        found.append(
            Difficulty("few lines", description, "warning", "Take a longer log, or coarser products (a model in place of each color).")
        )
    for name in ("customer", "product"):
        if name in dataset.codes:
            counts = np.bincount(dataset.codes[name])
            rare = float((counts <= RARE_LINES).mean())
            if rare > RARE_SHARE:
                flag = "--group" if name == "product" else "--customer-group"
                description = f"{rare:.0%} of the {name}s have at most {RARE_LINES} lines: these are known by their group alone."
                found.append(Difficulty(f"rare {name}s", description, "note", f"Name the column of their group, with {flag}."))
    sizes = np.bincount(baskets_of(dataset.codes, lines))
    together = float(sizes[sizes > 1].sum() / lines)
    if {"customer", "day"} <= dataset.codes.keys() and together > TOGETHER:
        description = (
            f"{together:.0%} of the lines come with another one of the same customer and day. Lines are generated one by one, so few will."
        )
        found.append(Difficulty("baskets", description, "note", "Do not use generated lines to learn what is bought together."))
    return sorted(found, key=lambda one: -WEIGHTS[one.severity])
