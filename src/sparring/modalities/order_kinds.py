"""Order lines as kinds of few groups each: of customers, of products, and of seasons."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float64, Int64

from sparring.data.orders.order_lines import entities_of
from sparring.data.orders.order_spec import OrdersSpec
from sparring.metrics.orders.joint_shares import few_groups

PARTS = 4
"""Number of groups that customers are parted into by how often they buy, and lines by their price, where the log names no groups."""
Kinds = dict[str, Int64[np.ndarray, " n"]]


def kinds_of_lines(
    spec: OrdersSpec, codes: Mapping[str, Int64[np.ndarray, " n"]], numbers: Mapping[str, Float64[np.ndarray, " n"]]
) -> Kinds:
    """The group of each line in each kind that there is, as codes below 8: "customer group", "product group", "season" (quarters)."""
    found: Kinds = {}
    if "customer" in codes:
        found["customer group"] = groups_of(spec, "customer")[codes["customer"]]
    if "product" in codes and (entities_of(spec, "product").groups or spec.prices is None):
        found["product group"] = groups_of(spec, "product")[codes["product"]]
    elif spec.prices is not None:
        found["product group"] = np.searchsorted(price_bounds(spec), numbers["price"], side="right").astype(np.int64)
    if "day" in codes:
        found["season"] = months_of(spec, codes["day"]) // 3
    return found


def group_names(spec: OrdersSpec) -> dict[str, str]:
    """What each kind's groups are, in words."""
    found = {}
    for role, owner, kind in (("customer_group", "customer", "customer group"), ("group", "product", "product group")):
        if owner in spec.sizes:
            named = (
                f"the most frequent of {spec.roles[role].name}"
                if role in spec.roles
                else f"{PARTS} parts by how often each {owner} is there"
            )
            found[kind] = named
    if spec.prices is not None and "group" not in spec.roles:
        found["product group"] = f"{PARTS} parts of the lines by price"
    return found | ({"season": "quarters of the year"} if spec.days else {})


def groups_of(spec: OrdersSpec, name: str) -> Int64[np.ndarray, " k"]:
    """The group of each customer or product; without groups, how often it is in the log."""
    entities = entities_of(spec, name)
    counts = np.asarray(entities.counts, np.int64)
    if not entities.groups:
        bounds = np.quantile(np.repeat(counts, counts), np.arange(1, PARTS) / PARTS)
        return np.searchsorted(bounds, counts, side="left").astype(np.int64)
    group_of = np.asarray(entities.group_of, np.int64)
    shares = np.bincount(group_of, weights=counts, minlength=len(entities.groups) + 1).astype(np.float64)
    return few_groups(group_of, shares)


def price_bounds(spec: OrdersSpec) -> Float64[np.ndarray, " parts"]:
    """Prices that part the lines into groups of about the same size."""
    assert spec.prices is not None
    levels, counts = np.asarray(spec.prices.levels), spec.counts_of("product") if spec.products is not None else np.ones(1, np.int64)
    if len(levels) == 1:
        return spec.prices.ratios[0].numbers(np.arange(1, PARTS) / PARTS)
    return np.quantile(np.repeat(levels, counts), np.arange(1, PARTS) / PARTS)


def months_of(spec: OrdersSpec, days: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
    """Month of each day, by code, 0 to 11."""
    return spec.day_months[days]
