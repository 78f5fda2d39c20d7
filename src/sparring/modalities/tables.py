"""The adapter of tables."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np
from jaxtyping import Float64, Int32, UInt8

from sparring.core.errors import SettingsError
from sparring.core.formatting import plural
from sparring.core.settings_checks import range_problems, type_problems
from sparring.data.dataset import Dataset
from sparring.data.tables.labeled_rows import LabeledRows, fit_labeled, label_rows, split_labeled
from sparring.data.tables.plot_columns import draw_columns
from sparring.data.tables.privacy import PrivacySettings
from sparring.data.tables.private_encoding import says_nothing
from sparring.data.tables.private_table import PrivateRows, prepare_private_table
from sparring.data.tables.table_dataset import TableDataset, split_holdout
from sparring.data.tables.table_plan import TablePlan
from sparring.data.tables.table_spec import TableSpec
from sparring.data.tables.table_store import TableReading, prepare_table
from sparring.games.capabilities import Samples
from sparring.games.exported_parts import Output
from sparring.games.game import Game
from sparring.games.labels_recipe import LabelsRecipe
from sparring.games.private_recipe import PrivateRecipe
from sparring.games.recipe import Recipe
from sparring.modalities.file_or_frame import called, location_of, refuse_lost_frame
from sparring.modalities.modality import DataSettings, JudgedBy

if TYPE_CHECKING:
    from rich.console import Console

SCORED, DRAWN = 4096, 2048
"""Number of rows in the score of a checkpoint, and in a view of the columns."""
PIECE = 2048
"""Number of rows that are generated at a time: rows of wide tables take much memory, and tabular-ar draws so many whatever is asked for."""
BINS = 10
"""Number of groups that a column's values are put into for the score."""
WITHOUT_USE = {
    "evaluate_every": "evaluate_every is for images; tables are judged with: sparring judge RUN. Leave it out.",
}
"""Settings of training that tables have no use for, and what to do instead."""


class Tables:
    """Rows of a table: files, or data frames."""

    name: ClassVar[str] = "tables"
    items: ClassVar[str] = "rows"
    judged_by: ClassVar[JudgedBy] = "rows"
    exported: ClassVar[Output] = Output("rows", "rows as networks see them (see 'spec')", 1e-4, 2e-2, exceptions=1e-3)
    settings: ClassVar[Mapping[str, type]] = {"reading": TableReading, "privacy": PrivacySettings}

    def spec_from_json(self, value: Mapping[str, Any]) -> TableSpec:
        """See Modality."""
        spec = TableSpec.from_json(value)
        TablePlan.from_json(spec.plan)
        return spec

    def is_dataset(self, data: object) -> bool:
        """See Modality."""
        return isinstance(data, TableDataset)

    def setting_problems(self, settings: DataSettings, training: Mapping[str, Any]) -> list[str]:
        """See Modality."""
        without_use = [problem for name, problem in WITHOUT_USE.items() if training.get(name) not in {None, False}]
        privacy: PrivacySettings = settings["privacy"]
        found = type_problems(settings["reading"]) + (type_problems(privacy) or range_problems(privacy, privacy.ranges)) + without_use
        if privacy.epsilon is None:
            found += [f"{name} is for private training: give epsilon, too." for name in ("delta", "noise_seed") if getattr(privacy, name)]
        else:
            if training.get("parts") != 1 or training.get("devices") != 1:
                found.append("parts and devices are not for private training, whose rows are taken one by one. Leave it out.")
            if training.get("coach"):
                found.append("coach is not for private training: steps that it takes back and repeats would be spent twice. Leave it out.")
        return found

    def refuse_dataset(self, data: object, recipe_name: str) -> None:
        """See Modality."""

    def located(self, settings: DataSettings) -> DataSettings:
        """See Modality."""
        reading: TableReading = settings["reading"]
        if reading.table is None:
            return settings
        return {**settings, "reading": replace(reading, table=str(Path(reading.table).expanduser().resolve()))}

    def location(self, data: Any) -> str:  # noqa: ANN401 (a place, a dataset or a frame)
        """See Modality."""
        return location_of(data)

    def open(self, data: Any, recipe: Recipe, settings: DataSettings, console: "Console") -> TableDataset:  # noqa: ANN401
        """See Modality. `data` may be a data frame, too."""
        refuse_lost_frame(data)
        dataset = private_rows(data, recipe, settings) if settings["privacy"].wanted else rows_in(data, recipe, settings)
        plan = TablePlan.from_json(dataset.spec.plan)
        others = len(plan.columns) - len(plan.modeled)
        rest = "1 other follows from these, is constant or made fresh"
        rest = rest if others == 1 else f"{others} others follow from these, are constant or made fresh"
        source = called(data)
        console.print(
            f"{plural(len(dataset), 'row', 'rows')} of {plural(len(plan.columns), 'column', 'columns')} from {source}: "
            f"{len(plan.modeled)} to learn, {rest}"
            f"{f', {len(plan.dropped)} left out' if plan.dropped else ''}."
        )
        unknown = [each.name for each in dataset.spec.encodings if says_nothing(each)] if isinstance(dataset, PrivateRows) else []
        if unknown:
            console.print(
                f"Nothing of {', '.join(map(repr, unknown))} is frequent enough to be told privately: it will be missing in every row. If "
                "its categories (or lowest and highest number) are known to everybody, say them in table.json."
            )
        return dataset

    def fit(self, dataset: TableDataset, recipe: Recipe, holdout: int | None, seed: int) -> TableDataset:
        """See Modality. Encodings are found from all rows, but those of rows with labels from what is trained on."""
        return fit_labeled(dataset, holdout, seed) if isinstance(dataset, LabeledRows) else dataset

    def record(self, dataset: TableDataset, settings: DataSettings) -> dict[str, Any]:
        """See Modality."""
        return {
            "reading": asdict(self.located(settings)["reading"]),
            "privacy": asdict(settings["privacy"]) | ({"noise_seed": dataset.noise_seed} if isinstance(dataset, PrivateRows) else {}),
            "spec": dataset.spec.to_json(),
            "count": len(dataset),
            "fingerprint": dataset.fingerprint,
        }

    def settings_like(self, spec: TableSpec) -> dict[str, object]:
        """See Modality."""
        return {}

    def split_holdout(self, dataset: TableDataset, count: int | None, seed: int) -> tuple[Dataset, Dataset | None]:
        """See Modality. Of rows in order of time, the last ones are held out."""
        return split_labeled(dataset, count, seed) if isinstance(dataset, LabeledRows) else split_holdout(dataset, count, seed)

    def sample_grid(self, dataset: TableDataset, count: int, seed: int) -> Callable[[Game], UInt8[np.ndarray, "h w c"]]:
        """See Modality. Distributions of the columns, of the table and of samples."""
        real = dataset.values(spread(len(dataset), DRAWN))

        def draw(game: Game) -> UInt8[np.ndarray, "h w c"]:
            codes, positions = cells_of(dataset.spec, game, DRAWN, seed)
            return draw_columns(real, dataset.spec.decode(codes, positions))

        return draw

    def probe(self, data: TableDataset, holdout: TableDataset | None, seed: int) -> tuple[dict[str, Any], Callable[[Game], dict[str, Any]]]:
        """See Modality. How far columns and pairs are from the table's, categories that are lost or too frequent, and copies of rows."""
        return table_probe(data, holdout, seed)

    def checkpoint_score(self, dataset: TableDataset, seed: int) -> Callable[[Game], dict[str, Any]]:
        """See Modality. How far the joint frequencies of pairs of columns are from those of the table."""
        rows = spread(len(dataset), SCORED)
        real = groups(dataset.spec, dataset.codes[rows], dataset.positions[rows])
        count = len(rows)

        def score(game: Game) -> dict[str, Any]:
            value = pair_distance(real, groups(dataset.spec, *cells_of(dataset.spec, game, count, seed)))
            return {"name": "total variation of pairs of columns", "value": value, "real": count, "generated": count, "seed": seed}

        return score


def rows_in(data: Any, recipe: Recipe, settings: DataSettings) -> TableDataset:  # noqa: ANN401 (a place or a frame)
    """The rows of a table, as the recipe wants numbers and the order of rows."""
    encoded = cast(Any, recipe)
    rows = prepare_table(data, settings["reading"], numbers_as=encoded.numbers_as, rows_by=getattr(encoded, "rows_by", "order"))
    return label_rows(rows, recipe.target, recipe.time, recipe.frauds_in_batch) if isinstance(recipe, LabelsRecipe) else rows


def private_rows(data: Any, recipe: Recipe, settings: DataSettings) -> PrivateRows:  # noqa: ANN401 (a place or a frame)
    """The rows of a table for private training. SettingsError if the recipe cannot train privately."""
    if not isinstance(recipe, PrivateRecipe):
        raise SettingsError("This recipe has no private training. epsilon works with tabular-ar, and with tabular.")
    reading: TableReading = settings["reading"]
    return prepare_private_table(data, reading.table, reading.drop, settings["privacy"])


PROBED = 4096
"""Number of rows that are generated for a measurement, and of rows of the table that they are compared with."""
RARE, INFLATED, FEWEST = 0.05, 2.0, 10
"""A category is rare below this share; too frequent above so many times its share; and counted from so many expected rows on."""


def table_probe(data: TableDataset, holdout: TableDataset | None, seed: int) -> tuple[dict[str, Any], Callable[[Game], dict[str, Any]]]:
    """What is measured of a table, and of games on it."""
    spec, rows = data.spec, spread(len(data), PROBED)
    real = groups(spec, data.codes[rows], data.positions[rows])
    others = holdout if holdout is not None and len(holdout) >= FEWEST else data
    other_rows = spread(len(others), PROBED)
    other = groups(spec, others.codes[other_rows], others.positions[other_rows])
    random = np.random.default_rng(seed)
    apart = np.stack([random.permutation(column) for column in real.T], axis=1)
    known = set(map(bytes, np.asarray(data.codes)))
    unseen = np.mean([bytes(row) in known for row in np.asarray(others.codes[other_rows])]) if others is holdout else 0.0
    facts = {
        "columns_distance/holdout": column_distance(real, other),
        "pairs_distance/holdout": pair_distance(real, other),
        "pairs_distance/independent": pair_distance(real, apart),
        "copied_rows/holdout": float(unseen),
    }

    def measure(game: Game) -> dict[str, Any]:
        codes, positions = cells_of(spec, game, PROBED, seed)
        made = groups(spec, codes, positions)
        lost, inflated = wrong_categories(spec, codes)
        return {
            "columns_distance": column_distance(real, made),
            "pairs_distance": pair_distance(real, made),
            "lost_categories": lost,
            "inflated_categories": inflated,
            "copied_rows": float(np.mean([bytes(row) in known for row in codes])),
        }

    return facts, measure


def wrong_categories(spec: TableSpec, codes: Int32[np.ndarray, "n c"]) -> tuple[list[str], list[str]]:
    """Categories that are never generated though ten rows or more were expected, and rare ones that are generated too often."""
    lost, inflated = [], []
    for number, encoding in enumerate(spec.encodings):
        counts = np.bincount(codes[:, number], minlength=encoding.codes)
        for code, category in enumerate(encoding.categories):
            expected = encoding.shares[code] * len(codes)
            if not counts[code] and expected >= FEWEST:
                lost.append(f"{encoding.name}={category}")
            often = counts[code] > INFLATED * expected + 3 * expected**0.5 + FEWEST
            if encoding.shares[code] < RARE and often:
                inflated.append(f"{encoding.name}={category}")
    return lost, inflated


def column_distance(real: Int32[np.ndarray, "n c"], generated: Int32[np.ndarray, "m c"]) -> float:
    """Mean over columns of the total variation distance of the frequencies of groups, 0 to 1."""
    counts = [[np.bincount(column, minlength=BINS) / len(column) for column in rows.T] for rows in (real, generated)]
    return float(np.mean([np.abs(one - other).sum() / 2 for one, other in zip(*counts, strict=True)]))


def spread(count: int, most: int) -> np.ndarray:
    """At most `most` numbers below `count`, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64))


def cells_of(spec: TableSpec, game: Game, n: int, seed: int) -> tuple[Int32[np.ndarray, "n c"], np.ndarray]:
    """Codes and positions of samples of a game."""
    pieces = [spec.codes_of(cast(Samples, game).sample(min(PIECE, n - first), seed, None, first)) for first in range(0, n, PIECE)]
    codes, positions = (np.concatenate([part.cpu().float().numpy() for part in parts]) for parts in zip(*pieces, strict=True))
    return codes.astype(np.int32), positions


def groups(spec: TableSpec, codes: Int32[np.ndarray, "n c"], positions: np.ndarray) -> Int32[np.ndarray, "n c"]:
    """Every cell as one of at most `BINS` groups: of numbers by position, of codes by frequency (the rarest together)."""
    found = np.empty_like(codes)
    for number, encoding in enumerate(spec.encodings):
        order = np.argsort(-np.asarray(encoding.shares), kind="stable")
        rank = np.empty(len(order), np.int32)
        rank[order] = np.minimum(np.arange(len(order)), BINS - 1)
        found[:, number] = rank[codes[:, number]]
        if encoding.pieces == 1 and encoding.first_piece == 0:
            found[:, number] = np.clip(((positions[:, number] + 1) / 2 * BINS).astype(np.int32), 0, BINS - 1)
    return found


def pair_distance(real: Int32[np.ndarray, "n c"], generated: Int32[np.ndarray, "m c"]) -> float:
    """Mean over pairs of columns of the total variation distance of their joint frequencies, 0 to 1."""
    columns = real.shape[1]

    def joint(groups: Int32[np.ndarray, "n c"], a: int, b: int) -> Float64[np.ndarray, " k"]:
        return np.bincount(groups[:, a] * BINS + groups[:, b], minlength=BINS * BINS) / len(groups)

    pairs = [(a, b) for a in range(columns) for b in range(a)] or [(0, 0)]
    return float(np.mean([np.abs(joint(real, a, b) - joint(generated, a, b)).sum() / 2 for a, b in pairs]))
