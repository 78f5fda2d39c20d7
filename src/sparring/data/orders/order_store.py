"""Order lines that are read and checked once, then mapped into memory from the cache."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float32, Float64, Int64

from sparring.core.atomic_files import cache_folder, read_json, replacing, sha256_of_file, write_json
from sparring.data.orders.order_dataset import OrdersDataset
from sparring.data.orders.order_reading import OrderReading
from sparring.data.orders.order_spec import NUMBERS, Entities, OrdersSpec
from sparring.data.orders.scales import fit_prices, fit_scale
from sparring.data.tables.identifiers import uniform_rows
from sparring.data.tables.table_files import BUNDLED_TABLES

if TYPE_CHECKING:
    from sparring.data.orders.read_orders import RawOrders

FORMAT = 1
"""Version of the folder's format: when it changes, all orders are prepared again."""
DESCRIPTION = "orders.json"


def prepare_orders(source: Any, reading: OrderReading) -> tuple[OrdersDataset, tuple[str, ...]]:  # noqa: ANN401 (a path or a frame)
    """Order lines, from the cache where a file with that content was prepared before, and what was found, in sentences. DataError if they
    cannot be used.
    """
    folder = _folder_of(source, reading)
    if folder is None or not (folder / DESCRIPTION).is_file():
        from sparring.data.orders.read_orders import read_orders  # noqa: PLC0415 (an extra)

        raw = read_orders(source, reading)
        spec, codes, numbers = spec_of(raw)
        fingerprint = fingerprint_of(spec, codes, numbers)
        if folder is None:
            return _dataset(spec, codes, numbers, fingerprint), raw.notes
        folder.mkdir(parents=True, exist_ok=True)
        for name, array in {**codes, **numbers}.items():
            with replacing(folder / f"{name}.npy") as path, path.open("wb") as file:
                np.save(file, array)
        write_json(folder / DESCRIPTION, {"spec": spec.to_json(), "fingerprint": fingerprint, "notes": list(raw.notes)})
    about = read_json(folder / DESCRIPTION)
    spec = OrdersSpec.from_json(about["spec"])
    codes, numbers = ({name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in names} for names in (spec.sizes, spec.numbers))
    return _dataset(spec, codes, numbers, about["fingerprint"]), tuple(about["notes"])


def _folder_of(source: Any, reading: OrderReading) -> Path | None:  # noqa: ANN401
    """Where a file is kept once it is prepared; None for frames, which have no file."""
    if not isinstance(source, str | os.PathLike):
        return None
    path = Path(source).expanduser()
    if not path.exists() and str(source) in BUNDLED_TABLES:
        path = Path(str(files("sparring.data.tables") / "bundled_files" / BUNDLED_TABLES[str(source)]))
    if not path.is_file():
        return None
    key = json.dumps([FORMAT, path.name, sha256_of_file(path), asdict(reading)])
    return cache_folder() / "orders" / hashlib.sha256(key.encode()).hexdigest()[:32]


def spec_of(raw: "RawOrders") -> tuple[OrdersSpec, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """What lines are, with codes and numbers. Counts and scales are those of all lines."""
    from sparring.data.orders.read_orders import local_days  # noqa: PLC0415 (an extra)

    codes = {role: np.asarray(raw.values[role].codes, np.int32) for role in ("customer", "product") if role in raw.values}
    numbers = {role: np.asarray(raw.values[role].numbers, np.float64) for role in ("price", "quantity") if role in raw.values}
    days: tuple[int, ...] = ()
    if "time" in raw.values:
        column, moments = raw.roles["time"], np.asarray(raw.values["time"].numbers, np.float64)
        of_line, clock = local_days(column, moments)
        distinct, places = np.unique(of_line, return_inverse=True)
        days, codes["day"] = tuple(distinct.tolist()), places.reshape(-1).astype(np.int32)
        if clock.any():
            numbers["clock"] = clock
    columns = {role: column.to_json() for role, column in raw.roles.items()}
    spec = OrdersSpec(
        _entities(raw, "customer", "customer_group"),
        _entities(raw, "product", "group"),
        days,
        (0,) * len(days),
        None,
        None,
        None,
        columns,
        raw.format,
    )
    return fitted(spec, codes, numbers, np.arange(len(raw))), codes, numbers


def _entities(raw: "RawOrders", role: str, group: str) -> Entities | None:
    from sparring.data.orders.read_orders import most_frequent  # noqa: PLC0415 (an extra)

    if role not in raw.values:
        return None
    names = raw.values[role].categories
    if group not in raw.values:
        return Entities(names, (0,) * len(names), (), (0,) * len(names))
    of, groups = (np.asarray(raw.values[each].codes, np.int64) for each in (role, group))
    found, named = most_frequent(of, groups, len(names)), raw.values[group].categories
    return Entities(names, (0,) * len(names), named, tuple(np.where(found < 0, len(named), found).tolist()))


def fitted(
    spec: OrdersSpec, codes: Mapping[str, np.ndarray], numbers: Mapping[str, np.ndarray], rows: Int64[np.ndarray, " n"]
) -> OrdersSpec:
    """The spec with the counts and scales of some lines."""
    count = {name: tuple(np.bincount(codes[name][rows], minlength=size).tolist()) for name, size in spec.sizes.items()}
    customers = None if spec.customers is None else replace(spec.customers, counts=count["customer"])
    products = None if spec.products is None else replace(spec.products, counts=count["product"])
    prices = None
    if "price" in numbers:
        of_line = codes["product"][rows].astype(np.int64) if products is not None else np.zeros(len(rows), np.int64)
        groups = 1 if products is None else len(products.groups) + 1
        everywhere = float(numbers["price"].min()), float(numbers["price"].max())
        step = spec.roles["price"].step
        prices = fit_prices(np.asarray(numbers["price"])[rows], of_line, spec.product_groups, groups, step, everywhere)
    quantity, clock = (fit_scale(np.asarray(numbers[name])[rows]) if name in numbers else None for name in ("quantity", "clock"))
    return replace(
        spec, customers=customers, products=products, day_counts=count.get("day", ()), prices=prices, quantity=quantity, clock=clock
    )


def refit(dataset: OrdersDataset, rows: Int64[np.ndarray, " n"]) -> OrdersDataset:
    """The dataset with the counts and scales of the lines that are trained on alone."""
    spec = fitted(dataset.spec, dataset.codes, dataset.numbers, rows)
    return _dataset(spec, dataset.codes, dataset.numbers, dataset.fingerprint)


def _dataset(spec: OrdersSpec, codes: Mapping[str, np.ndarray], numbers: Mapping[str, np.ndarray], fingerprint: str) -> OrdersDataset:
    return OrdersDataset(spec, codes, numbers, _scores(spec, codes, numbers), fingerprint)


def _scores(
    spec: OrdersSpec, codes: Mapping[str, np.ndarray], numbers: Mapping[str, Float64[np.ndarray, " n"]]
) -> Float32[np.ndarray, "n k"]:
    lines = len(next(iter(codes.values())))
    chance = np.stack([uniform_rows(np.arange(lines), 0, name) for name in NUMBERS], axis=1)
    products = np.asarray(codes["product"]).astype(np.int64) if "product" in codes else np.zeros(lines, np.int64)
    return spec.scores(numbers, products, chance)


def fingerprint_of(spec: OrdersSpec, codes: Mapping[str, np.ndarray], numbers: Mapping[str, np.ndarray]) -> str:
    """A digest of what a log says."""
    about = spec.to_json()
    digest = hashlib.sha256(json.dumps([about["columns"], about["customers"], about["products"], about["days"]], sort_keys=True).encode())
    for name, array in sorted({**codes, **numbers}.items()):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
