"""Order lines as a dataset: codes and numbers in memory or mapped from disk."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int32, Int64
from torch import Tensor

from sparring.core.batch import Batch
from sparring.core.errors import SettingsError
from sparring.core.random_streams import stream_seed
from sparring.data.orders.order_spec import OrdersSpec

HOLDOUT_ONE_IN, LARGEST_HOLDOUT = 10, 4096


@dataclass(frozen=True)
class OrdersBatch(Batch):
    """Order lines of one batch, and what each customer took next."""

    following: Int64[Tensor, " n"] = None  # pyright: ignore[reportAssignmentType] (required: it follows a field with a default)
    """The product in the same customer's next line; -1 if there is none."""


@dataclass(frozen=True, eq=False)
class OrdersDataset:
    """The order lines of a log, as numbers in memory or mapped from disk, made into samples batch by batch."""

    spec: OrdersSpec
    codes: Mapping[str, Int32[np.ndarray, " n"]]
    """Of each entity of the spec, the code in each line."""
    numbers: Mapping[str, Float64[np.ndarray, " n"]]
    """Of each number of the spec, its value in each line."""
    scores: Float32[np.ndarray, "n numbers"]
    """The numbers as normal scores."""
    fingerprint: str
    """A digest of the content."""

    @property
    def labels(self) -> None:
        """None: products and customers are parts of a line, and there are no classes beside them."""

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def counts(self) -> tuple[int]:
        """Number of lines, as a tuple: all are of one kind."""
        return (len(self),)

    def codes_at(self, indices: Int64[np.ndarray, " n"]) -> dict[str, Int64[np.ndarray, " n"]]:
        """Codes of the lines with these numbers."""
        return {name: np.asarray(each[indices]).astype(np.int64) for name, each in self.codes.items()}

    @cached_property
    def following(self) -> Int32[np.ndarray, " n"]:
        """The product in the same customer's next line, by day and place in the log; -1 if there is none."""
        found = np.full(len(self), -1, np.int32)
        if {"customer", "product"} <= self.codes.keys():
            customers, products = self.codes["customer"], self.codes["product"]
            order = np.lexsort((np.arange(len(self)), self.codes.get("day", np.zeros(len(self))), customers))
            same = customers[order[1:]] == customers[order[:-1]]
            found[order[:-1][same]] = products[order[1:][same]]
        return found

    def batch(self, indices: Int64[np.ndarray, " n"]) -> OrdersBatch:
        """The lines with these numbers."""
        samples = torch.from_numpy(self.spec.samples_of(self.codes_at(indices), np.asarray(self.scores[indices])))
        return OrdersBatch(samples, following=torch.from_numpy(self.following[indices].astype(np.int64)))

    def subset(self, indices: Int64[np.ndarray, " n"]) -> "OrdersDataset":
        """A dataset of the lines with these numbers, with the same spec."""
        codes = {name: each[indices] for name, each in self.codes.items()}
        numbers = {name: each[indices] for name, each in self.numbers.items()}
        return replace(self, codes=codes, numbers=numbers, scores=self.scores[indices])


def baskets_of(codes: Mapping[str, np.ndarray], lines: int) -> Int64[np.ndarray, " n"]:
    """The number of the basket of each line: what one customer bought on one day. Without customers or dates, each line is one."""
    if not {"customer", "day"} <= codes.keys():
        return np.arange(lines)
    key = codes["customer"].astype(np.int64) * (int(codes["day"].max(initial=0)) + 1) + codes["day"]
    return np.unique(key, return_inverse=True)[1].reshape(-1)


def holdout_lines(dataset: OrdersDataset, count: int | None, seed: int) -> tuple[Int64[np.ndarray, " n"], Int64[np.ndarray, " m"]]:
    """Numbers of the lines that are trained on, and of those that are held out: whole baskets that the seed chooses, of `count` lines or
    just above (None: one in ten, at most 4,096).
    """
    lines = len(dataset)
    count = min(LARGEST_HOLDOUT, lines // HOLDOUT_ONE_IN) if count is None else count
    if count >= lines:
        raise SettingsError(f"holdout must leave something to train on; {count} of {lines} lines does not.")
    baskets = baskets_of(dataset.codes, lines)
    sizes = np.bincount(baskets)
    order = np.random.Generator(np.random.Philox(stream_seed(seed, "orders holdout", 0))).permutation(len(sizes))
    taken = order[: int(np.searchsorted(sizes[order].cumsum(), count)) + 1] if count else order[:0]
    if len(taken) == len(sizes):
        raise SettingsError(f"holdout leaves no basket to train on: {count} lines are held out in whole baskets. Hold out fewer.")
    held_out = np.zeros(len(sizes), bool)
    held_out[taken] = True
    return np.flatnonzero(~held_out[baskets]), np.flatnonzero(held_out[baskets])


def split_holdout(dataset: OrdersDataset, count: int | None, seed: int) -> tuple[OrdersDataset, OrdersDataset]:
    """The training set, and a holdout of whole baskets. See `holdout_lines`."""
    kept, held_out = holdout_lines(dataset, count, seed)
    return dataset.subset(kept), dataset.subset(held_out)
