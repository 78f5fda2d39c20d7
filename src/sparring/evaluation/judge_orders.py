"""Judging generated order lines against a real log: every score between its floor and its ceiling."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64, Int64

from sparring.core.errors import SettingsError
from sparring.core.random_streams import stream_seed
from sparring.data.orders.order_dataset import baskets_of
from sparring.data.orders.order_spec import OrdersSpec
from sparring.evaluation.bounded_scores import BoundedScore, Estimate
from sparring.evaluation.order_judgment import Finding, OrdersJudgment, SharesByKind
from sparring.evaluation.scores import Better, binomial_error
from sparring.inference.demand import MONTHS
from sparring.metrics.orders import baskets as together
from sparring.metrics.orders.joint_shares import (
    MOST_GROUPS,
    dependence,
    expected_distance,
    joined,
    joint_distance,
    share_distance,
    unevenness,
)
from sparring.metrics.tables.detection_and_usefulness import FOLDS, detection
from sparring.metrics.tables.privacy_attacks import match_rows
from sparring.modalities.order_kinds import group_names, groups_of, kinds_of_lines, months_of

FEWEST_LINES = 20
PARTS = 10
"""Number of parts that customers are put into for standard errors: a score is found again without each (a jackknife)."""
DETECTION_LINES = 20_000
LOST_LINES = 10
"""A product is lost if it was due so many lines, and none came."""
INDEPENDENT = 0.33
"""Share of the log's dependence, or of its distance from even seasons, below which it is lost."""
DEPENDENT, SEASONAL = 0.1, 0.05
"""Cramér's V, and total variation from even months beyond chance, from which on there is something to lose."""
BASKETS = 0.2
"""Share of the real lines in baskets of two or more from which on baskets can be missed."""
TOLD_APART = 0.9
Estimates = dict[str, Estimate]


@dataclass(frozen=True, eq=False)
class Lines:
    """Order lines as codes and numbers."""

    spec: OrdersSpec
    codes: Mapping[str, Int64[np.ndarray, " n"]]
    numbers: Mapping[str, Float64[np.ndarray, " n"]]

    def __len__(self) -> int:
        return len(next(iter(self.codes.values())))

    def take(self, rows: np.ndarray) -> "Lines":
        """The lines with these numbers, in their order."""
        return replace(
            self,
            codes={name: np.asarray(each)[rows] for name, each in self.codes.items()},
            numbers={name: np.asarray(each)[rows] for name, each in self.numbers.items()},
        )

    @property
    def baskets(self) -> Int64[np.ndarray, " n"]:
        """The number of the basket of each line."""
        return baskets_of(self.codes, len(self))

    @property
    def days(self) -> Int64[np.ndarray, " n"]:
        """The day of each line, since 1970."""
        return np.asarray(self.spec.days, np.int64)[self.codes["day"]]


Sides = dict[str, Lines]
Measure = Callable[[Lines, Lines], float]
"""A distance of lines from real ones."""


def judge_orders(training: Lines, generated: Lines, held_out: Lines | None, *, seed: int = 0) -> OrdersJudgment:
    """Score generated lines against the log that their generator was trained on. The result depends on the seed and on nothing else random.
    Without held-out lines, half of the baskets of the log stands in, and copies cannot be told. A SettingsError for too few lines.
    """
    notes, unseen = [], held_out
    if unseen is None:
        training, unseen = in_halves(training, seed)
        notes.append(
            "No lines were held out, so scores compare with one half of the log's baskets, and the other half is the ceiling. The "
            "generator may have seen both, and whether it copies lines cannot be told."
        )
    lines = min(len(generated), len(unseen), len(training))
    if lines < FEWEST_LINES:
        raise SettingsError(f"A judgment needs at least {FEWEST_LINES} lines on each side, and one has {lines}.")
    sides: Sides = {
        "floor": independent_lines(training, lines, seed),
        "yours": some_baskets(generated, lines, seed, "yours"),
        "ceiling": some_baskets(unseen, lines, seed, "ceiling"),
    }
    alike = some_baskets(training, lines, seed, "alike")
    scores = [
        bounded(name, measure, training if whole else alike, sides, about) for name, measure, whole, about in measures_of(training.spec)
    ]
    scores.append(_detection(training, sides, seed))
    if held_out is not None:
        scores.append(_copies(training, sides))
    names = group_names(training.spec)
    notes += _notes(training, sides, names)
    return OrdersJudgment(
        {"training": len(training), "held out": 0 if held_out is None else len(held_out), "generated": len(generated), "scored": lines},
        names,
        tuple(scores),
        tuple(_shares(training, sides)),
        tuple(_findings(training, generated, sides, scores)),
        tuple(notes),
        seed,
    )


def numbers_for(seed: int, name: str) -> np.random.Generator:
    """Random numbers of a judgment, by what for."""
    return np.random.Generator(np.random.Philox(stream_seed(seed, f"judge orders/{name}", 0)))


def in_halves(lines: Lines, seed: int) -> tuple[Lines, Lines]:
    """Two halves of whole baskets."""
    baskets = lines.baskets
    first = numbers_for(seed, "halves").permutation(baskets.max() + 1) % 2 == 0
    return lines.take(np.flatnonzero(first[baskets])), lines.take(np.flatnonzero(~first[baskets]))


def some_baskets(lines: Lines, most: int, seed: int, name: str) -> Lines:
    """Whole baskets, in random order, until there are so many lines (of the last one only as many as fit)."""
    place = numbers_for(seed, name).permutation(lines.baskets.max() + 1)
    order = np.argsort(place[lines.baskets], kind="stable")
    return lines.take(np.sort(order[:most]))


def independent_lines(lines: Lines, n: int, seed: int) -> Lines:
    """Lines whose columns are those of random real lines, each of another one."""
    random = numbers_for(seed, "floor")
    return replace(
        lines,
        codes={name: np.asarray(each)[random.integers(0, len(lines), n)] for name, each in lines.codes.items()},
        numbers={name: np.asarray(each)[random.integers(0, len(lines), n)] for name, each in lines.numbers.items()},
    )


# ------------------------------------------------------------------------------------------------------------------ scores


def measures_of(spec: OrdersSpec) -> Iterator[tuple[str, Measure, bool, str]]:
    """Scores by name: a distance, whether it is to all training lines (or to as many as there are), and what it is."""
    for name in ("product", "customer"):
        if name in spec.sizes:
            size = spec.sizes[name]
            yield f"{name}s", _share_measure(name, size), True, f"total variation of the shares of {size:,} {name}s"
    if spec.days:
        yield "months", _months_distance, True, "total variation of the shares of the months of the year"
    if "price" in spec.numbers:
        yield "price by group", _price_distance, True, "mean over product groups of the Kolmogorov-Smirnov distance of prices"
    if "quantity" in spec.numbers:
        yield "quantity", _quantity_distance, True, "Kolmogorov-Smirnov distance"
    if len(group_names(spec)) > 1:
        yield "groups and season", _joint_distance, True, f"total variation of the joint shares of {', '.join(group_names(spec))}"
    if "customer" in spec.sizes:
        yield "lines per customer", _per_customer, False, "total variation of the shares of customers with 1, 2, ... lines"
    if {"customer", "day"} <= spec.sizes.keys():
        yield "days between", _gaps_distance, False, "Kolmogorov-Smirnov distance of the days between a customer's purchases"
        yield "basket sizes", _basket_sizes, False, "total variation of the shares of lines in baskets of 1, 2, ... lines"
        if "product group" in group_names(spec):
            yield (
                "basket pairs",
                _basket_pairs,
                False,
                "total variation of the shares of pairs of product groups bought together, and alone",
            )


def _share_measure(name: str, size: int) -> Measure:
    return lambda real, made: share_distance(real.codes[name], made.codes[name], size)


def _months_distance(real: Lines, made: Lines) -> float:
    return share_distance(months_of(real.spec, real.codes["day"]), months_of(made.spec, made.codes["day"]), 12)


def _kinds(lines: Lines) -> dict[str, Int64[np.ndarray, " n"]]:
    return kinds_of_lines(lines.spec, lines.codes, lines.numbers)


def _price_distance(real: Lines, made: Lines) -> float:
    groups = [
        groups_of(each.spec, "product")[each.codes["product"]] if "product" in each.codes else np.zeros(len(each), np.int64)
        for each in (real, made)
    ]
    found, weights = [], []
    for group in np.unique(groups[0]):
        prices = [each.numbers["price"][of == group] for each, of in zip((real, made), groups, strict=True)]
        found.append(together.distribution_distance(*prices))
        weights.append(len(prices[0]))
    return float(np.average(found, weights=weights))


def _quantity_distance(real: Lines, made: Lines) -> float:
    return together.distribution_distance(real.numbers["quantity"], made.numbers["quantity"])


def _joint_distance(real: Lines, made: Lines) -> float:
    return joint_distance([*_kinds(real).values()], [*_kinds(made).values()])


def _per_customer(real: Lines, made: Lines) -> float:
    return together.shares_distance(*(together.lines_per_customer(each.codes["customer"]) for each in (real, made)))


def _gaps_distance(real: Lines, made: Lines) -> float:
    return together.distribution_distance(*(together.gaps_between(each.codes["customer"], each.days) for each in (real, made)))


def _basket_sizes(real: Lines, made: Lines) -> float:
    return together.shares_distance(*(together.basket_sizes(each.baskets) for each in (real, made)))


def _basket_pairs(real: Lines, made: Lines) -> float:
    return together.shares_distance(
        *(together.pair_shares(each.baskets, _kinds(each)["product group"], MOST_GROUPS) for each in (real, made))
    )


def bounded(name: str, measure: Measure, real: Lines, sides: Sides, about: str, better: Better = "lower") -> BoundedScore:
    """A score of each side, with its standard error from a jackknife over parts of the customers (without customers, of the lines)."""
    estimates = {side: Estimate(measure(real, lines), _jackknife(measure, real, lines)) for side, lines in sides.items()}
    of = "customers" if "customer" in real.spec.sizes else "lines"
    protocol = f"{about}; {len(sides['yours']):,} lines beside {len(real):,} real ones; jackknife over {PARTS} parts of the {of}"
    return BoundedScore(name, estimates["yours"], estimates["floor"], estimates["ceiling"], better, protocol)


def _jackknife(measure: Measure, real: Lines, made: Lines) -> float:
    parts = [_parts(each) for each in (real, made)]
    found = [
        measure(*(each.take(np.flatnonzero(of != part)) for each, of in zip((real, made), parts, strict=True))) for part in range(PARTS)
    ]
    return float(np.sqrt((PARTS - 1) * np.var(found)))


def _parts(lines: Lines) -> Int64[np.ndarray, " n"]:
    return (lines.codes["customer"] if "customer" in lines.codes else np.arange(len(lines))) * 7919 % 104_729 % PARTS


def _columns(lines: Lines) -> list[np.ndarray]:
    """Lines as columns of a table: customers and products, their groups, the day, its month and weekday, numbers."""
    found: list[np.ndarray] = [lines.codes[name].astype(np.int32) for name in ("customer", "product") if name in lines.codes]
    found += [each.astype(np.int32) for each in _kinds(lines).values()]
    if lines.spec.days:
        found += [
            lines.days.astype(np.float64),
            months_of(lines.spec, lines.codes["day"]).astype(np.int32),
            (lines.days % 7).astype(np.int32),
        ]
    return found + [np.asarray(each, np.float64) for each in lines.numbers.values()]


def _detection(training: Lines, sides: Sides, seed: int) -> BoundedScore:
    lines = min(DETECTION_LINES, len(sides["yours"]))
    real = _columns(some_baskets(training, lines, seed, "detection"))
    found = {}
    for side, each in sides.items():
        area = detection(real, _columns(each.take(np.arange(lines))), numbers_for(seed, "folds"))
        found[side] = Estimate(area.value, area.standard_error)
    about = f"AUC of boosted trees, {FOLDS} folds, {lines:,} lines on each side; DeLong's standard error, trees fixed"
    return BoundedScore("detection", found["yours"], found["floor"], found["ceiling"], "near 0.5", about)


def _copies(training: Lines, sides: Sides) -> BoundedScore:
    def whole(lines: Lines) -> list[np.ndarray]:
        return [
            *(each.astype(np.int32) for each in lines.codes.values()),
            *(np.asarray(each, np.float64) for each in lines.numbers.values()),
        ]

    base = whole(training)
    shares = {side: float(match_rows(whole(lines), base).mean()) for side, lines in sides.items()}
    found = {side: Estimate(share, binomial_error(share, len(sides[side]))) for side, share in shares.items()}
    about = "share of the lines that are a training line, in every column; standard error of counting"
    return BoundedScore("copies", found["yours"], found["floor"], found["ceiling"], "lower", about)


def _notes(training: Lines, sides: Sides, names: Mapping[str, str]) -> list[str]:
    lines = len(sides["yours"])
    found = [
        f"Floor: columns of the log, each resampled from other lines. Ceiling: real lines that were held out, in whole baskets. "
        f"{lines:,} lines on each side; the error after ± is one standard error.",
        "Groups: " + "; ".join(f"{kind}, {of}" for kind, of in names.items()) + ".",
    ]
    kinds = _kinds(training)
    if len(kinds) > 1:
        codes, count = joined([*kinds.values()])
        chance = expected_distance(np.bincount(codes, minlength=count) / len(training), len(training), lines)
        found.append(f"Of groups and season, two sets of so many lines of the same log would be about {chance:.3f} apart by chance.")
    return found


# ---------------------------------------------------------------------------------------------------------- what is shown


def _shares(training: Lines, sides: Sides) -> Iterator[SharesByKind]:
    spec = training.spec
    three = (training, sides["yours"], sides["ceiling"])
    if spec.days:
        counts = [np.bincount(months_of(spec, each.codes["day"]), minlength=12) / len(each) for each in three]
        yield SharesByKind("Lines by month", MONTHS, *counts)
    for name, entities in (("product", spec.products), ("customer", spec.customers)):
        if entities is None:
            continue
        of = np.asarray(entities.group_of) if entities.groups else np.arange(len(entities.names))
        names = (*entities.groups, "none") if entities.groups else entities.names
        counts = [np.bincount(of[each.codes[name]], minlength=len(names)) / len(each) for each in three]
        most = np.argsort(-counts[0], kind="stable")[:12]
        title = f"Lines by {name} group" if entities.groups else f"Lines of the most frequent {name}s"
        yield SharesByKind(title, tuple(names[place] for place in most), *(each[most] for each in counts))
    if {"customer", "day"} <= spec.sizes.keys():
        sizes = (*(str(size) for size in range(1, together.MOST_LINES)), f"{together.MOST_LINES}+")
        yield SharesByKind("Lines by size of basket", sizes, *(together.basket_sizes(each.baskets) for each in three))
        yield SharesByKind("Customers by number of lines", sizes, *(together.lines_per_customer(each.codes["customer"]) for each in three))


def _findings(training: Lines, generated: Lines, sides: Sides, scores: Sequence[BoundedScore]) -> Iterator[Finding]:
    spec, by_name = training.spec, {score.name: score for score in scores}
    if "product" in spec.sizes:
        lost = lost_products(training, generated)
        if len(lost):
            assert spec.products is not None
            names = ", ".join(spec.products.names[code] for code in lost[:5])
            yield Finding("products lost", f"{len(lost)} products that were due {LOST_LINES} lines or more never came: {names}.")
    kinds = _kinds(training), _kinds(sides["yours"])
    if {"customer group", "product group"} <= kinds[0].keys():
        real, made = (dependence(each["customer group"], each["product group"]) for each in kinds)
        if real > DEPENDENT and made < INDEPENDENT * real:
            yield Finding(
                "customers and products independent",
                f"Who buys hardly matters for what is bought: the groups' dependence (Cramér's V) is {made:.2f}, in the log {real:.2f}.",
            )
    if spec.days:
        real, made = (unevenness(months_of(spec, each.codes["day"]), 12) for each in (training, sides["yours"]))
        if real > SEASONAL and made < INDEPENDENT * real:
            yield Finding(
                "season lost", f"Months differ from even ones by {made:.2f} (total variation beyond chance), in the log by {real:.2f}."
            )
    if {"customer", "day"} <= spec.sizes.keys():
        real, made = (1 - together.basket_sizes(each.baskets)[0] for each in (sides["ceiling"], sides["yours"]))
        if real > BASKETS and made < INDEPENDENT * real:
            yield Finding(
                "no baskets",
                f"Lines come alone: {made:.0%} of the generated lines have another one of the same customer and day, of the real "
                f"ones {real:.0%}.",
            )
    if "copies" in by_name:
        copies = by_name["copies"]
        error = np.hypot(copies.yours.standard_error or 0, copies.ceiling.standard_error or 0)
        if copies.yours.value > 0.01 + copies.ceiling.value + 3.1 * error:
            yield Finding(
                "copies lines", f"{copies.yours.value:.1%} of the lines are training lines; of held-out ones {copies.ceiling.value:.1%}."
            )
    if by_name["detection"].yours.value > TOLD_APART > by_name["detection"].ceiling.value:
        yield Finding(
            "told apart", f"Boosted trees tell generated lines from real ones with an AUC of {by_name['detection'].yours.value:.2f}."
        )


def lost_products(training: Lines, generated: Lines) -> Int64[np.ndarray, " lost"]:
    """Products that were due ten lines or more and never came."""
    size = training.spec.sizes["product"]
    real, made = (np.bincount(each.codes["product"], minlength=size) for each in (training, generated))
    return np.flatnonzero((real * len(generated) / len(training) >= LOST_LINES) & (made == 0))
