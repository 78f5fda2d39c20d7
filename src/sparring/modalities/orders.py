"""The adapter of order lines."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np
from jaxtyping import UInt8

from sparring.core.formatting import plural
from sparring.core.settings_checks import type_problems
from sparring.data.dataset import Dataset
from sparring.data.orders.order_dataset import OrdersDataset, holdout_lines, split_holdout
from sparring.data.orders.order_lines import lines_of
from sparring.data.orders.order_reading import OrderReading
from sparring.data.orders.order_spec import OrdersSpec
from sparring.data.orders.order_store import prepare_orders, refit
from sparring.data.tables.plot_columns import draw_columns
from sparring.games.exported_parts import Output
from sparring.games.game import Game
from sparring.games.recipe import Recipe
from sparring.metrics.orders.joint_shares import joint_distance
from sparring.modalities.file_or_frame import called, location_of, refuse_lost_frame
from sparring.modalities.modality import DataSettings, JudgedBy
from sparring.modalities.order_kinds import kinds_of_lines
from sparring.modalities.orders_probe import generated_lines, orders_probe
from sparring.modalities.tables import spread

if TYPE_CHECKING:
    from rich.console import Console

SCORED, DRAWN = 4096, 2048
"""Number of lines in the score of a checkpoint, and in a view of the columns."""
WITHOUT_USE = {
    "evaluate_every": "evaluate_every is for images; orders are judged with: sparring judge RUN. Leave it out.",
}
"""Settings of training that orders have no use for, and what to do instead."""


class Orders:
    """Order lines: files of tables, or data frames."""

    name: ClassVar[str] = "orders"
    items: ClassVar[str] = "lines"
    judged_by: ClassVar[JudgedBy] = "lines"
    exported: ClassVar[Output] = Output("lines", "order lines: codes, then scores (see 'spec')", 1e-3, 2e-2, exceptions=1e-3)
    settings: ClassVar[Mapping[str, type]] = {"orders": OrderReading}

    def spec_from_json(self, value: Mapping[str, Any]) -> OrdersSpec:
        """See Modality."""
        return OrdersSpec.from_json(value)

    def is_dataset(self, data: object) -> bool:
        """See Modality."""
        return isinstance(data, OrdersDataset)

    def setting_problems(self, settings: DataSettings, training: Mapping[str, Any]) -> list[str]:
        """See Modality."""
        reading: OrderReading = settings["orders"]
        without_use = [problem for name, problem in WITHOUT_USE.items() if training.get(name) not in {None, False}]
        return (type_problems(reading) or reading.problems()) + without_use

    def refuse_dataset(self, data: object, recipe_name: str) -> None:
        """See Modality."""

    def located(self, settings: DataSettings) -> DataSettings:
        """See Modality."""
        return settings

    def location(self, data: Any) -> str:  # noqa: ANN401 (a place, a dataset or a frame)
        """See Modality."""
        return location_of(data)

    def open(self, data: Any, recipe: Recipe, settings: DataSettings, console: "Console") -> OrdersDataset:  # noqa: ANN401
        """See Modality. `data` may be a data frame, too."""
        refuse_lost_frame(data)
        dataset, notes = prepare_orders(data, settings["orders"])
        source = called(data)
        sizes = [plural(size, name, f"{name}s") for name, size in dataset.spec.sizes.items()]
        numbers = f", with {' and '.join(dataset.spec.numbers)}" if dataset.spec.numbers else ""
        console.print(f"{plural(len(dataset), 'order line', 'order lines')} of {', '.join(sizes)}{numbers} from {source}.", highlight=False)
        for note in notes:
            console.print(note, highlight=False)
        return dataset

    def fit(self, dataset: OrdersDataset, recipe: Recipe, holdout: int | None, seed: int) -> OrdersDataset:
        """See Modality. How frequent customers and products are, and what is paid, is that of the lines that are trained on."""
        return refit(dataset, holdout_lines(dataset, holdout, seed)[0])

    def record(self, dataset: OrdersDataset, settings: DataSettings) -> dict[str, Any]:
        """See Modality."""
        return {
            "orders": asdict(settings["orders"]),
            "spec": dataset.spec.to_json(),
            "count": len(dataset),
            "fingerprint": dataset.fingerprint,
        }

    def settings_like(self, spec: OrdersSpec) -> dict[str, object]:
        """See Modality."""
        return {}

    def split_holdout(self, dataset: OrdersDataset, count: int | None, seed: int) -> tuple[Dataset, Dataset | None]:
        """See Modality."""
        return split_holdout(dataset, count, seed)

    def sample_grid(self, dataset: OrdersDataset, count: int, seed: int) -> Callable[[Game], UInt8[np.ndarray, "h w c"]]:
        """See Modality. Distributions of the columns, of the log and of samples."""
        some = dataset.subset(spread(len(dataset), DRAWN))
        real = lines_of(dataset.spec, some.codes_at(np.arange(len(some))), some.numbers)

        def draw(game: Game) -> UInt8[np.ndarray, "h w c"]:
            return draw_columns(real, lines_of(dataset.spec, *generated_lines(dataset.spec, game, DRAWN, seed)))

        return draw

    def probe(
        self, data: OrdersDataset, holdout: OrdersDataset | None, seed: int
    ) -> tuple[dict[str, Any], Callable[[Game], dict[str, Any]]]:
        """See Modality. Products that are lost, whether it matters who buys what, and the season."""
        return orders_probe(data, holdout, seed)

    def checkpoint_score(self, dataset: OrdersDataset, seed: int) -> Callable[[Game], dict[str, Any]]:
        """See Modality. How far the joint shares of customer groups, product groups and seasons are from those of the log."""
        some = dataset.subset(spread(len(dataset), SCORED))
        real = kinds_of_lines(dataset.spec, some.codes_at(np.arange(len(some))), some.numbers)
        count = len(some)

        def score(game: Game) -> dict[str, Any]:
            made = kinds_of_lines(dataset.spec, *generated_lines(dataset.spec, game, count, seed))
            value = joint_distance([*real.values()], [*made.values()])
            return {"name": "total variation of joint shares", "value": value, "real": count, "generated": count, "seed": seed}

        return score


def orders_spec_of(game: Game) -> OrdersSpec:
    """What lines of a game are."""
    return cast(Any, game).orders_spec
