"""What is known of a training: read from a run directory, or from less."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64, Int64

from sparring.core.files import read_json
from sparring.core.jsonl import read_lines
from sparring.runs.config import read_config
from sparring.runs.run_directory import RunDirectory

Kind = Literal["run", "losses", "samples"]


@dataclass(frozen=True, eq=False)
class Series:
    """A number as training went on."""

    steps: Int64[np.ndarray, " n"]
    values: Float64[np.ndarray, " n"]

    def __len__(self) -> int:
        return len(self.steps)

    def since(self, step: float) -> "Series":
        """From that step on."""
        kept = self.steps >= step
        return Series(self.steps[kept], self.values[kept])

    @property
    def recent(self) -> "Series":
        """The last third of the way: of the steps, for checkups get rarer, and a third of them may reach back to a tenth of the way. At
        least five values or a third of them, but three if there are so many.
        """
        if not len(self):
            return self
        begin, end = int(self.steps[0]), int(self.steps[-1])
        start = min(int(np.searchsorted(self.steps, end - (end - begin) / 3)), max(0, len(self) - max(3, min(5, len(self) // 3))))
        return Series(self.steps[start:], self.values[start:])

    @property
    def late(self) -> "Series":
        """The last three values, or as many as there are: what has just gone wrong shows here first."""
        return Series(self.steps[-3:], self.values[-3:])

    @property
    def early(self) -> "Series":
        """The first third of the values."""
        end = max(1, len(self) // 3)
        return Series(self.steps[:end], self.values[:end])

    @property
    def middle(self) -> float:
        """The median; not a number where there is none."""
        return float(np.median(self.values)) if len(self) else math.nan

    def holds_since(self, holds: Callable[[Float64[np.ndarray, " n"]], np.ndarray]) -> int | None:
        """The step from which on something has held of the values without a break, 0 if it always has; None if it does not hold now. A
        single break is forgiven where it holds on either side.
        """
        true = np.asarray(holds(self.values), bool)
        if not len(true) or not true[-1]:
            return None
        for place in range(1, len(true) - 1):
            true[place] |= true[place - 1] and true[place + 1]
        breaks = np.flatnonzero(~true)
        return int(self.steps[breaks[-1] + 1]) if len(breaks) else 0


NOTHING = Series(np.zeros(0, np.int64), np.zeros(0))


@dataclass(frozen=True, eq=False)
class Record:
    """All that is known of a training."""

    source: Path
    kind: Kind
    log: Mapping[str, Series] = field(default_factory=dict)
    """Losses, logits and gradients by name."""
    checkups: tuple[Mapping[str, Any], ...] = ()
    """Vital signs, as they were recorded."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """Signs of the data."""
    recipe: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    usual: Mapping[str, Any] = field(default_factory=dict)
    """What the recipe's settings are where nobody changes them."""
    about_data: Mapping[str, Any] = field(default_factory=dict)
    """What config.json says of the data."""
    ending: Mapping[str, Any] = field(default_factory=dict)
    """Why training ended, if it had to."""
    sheets: tuple[tuple[int, Path], ...] = ()
    """Grids of samples, by step."""
    interventions: tuple[Mapping[str, Any], ...] = ()
    """What a coach did, as config.json has it."""
    at: int = 0
    """The step it has come to by its checkpoints, which may be later than what was recorded, or all that is known."""

    def sign(self, name: str) -> Series:
        """A vital sign that is a number, over the checkups that have it."""
        found = [(checkup["step"], checkup[name]) for checkup in self.checkups if isinstance(checkup.get(name), int | float)]
        if not found:
            return NOTHING
        steps, values = zip(*found, strict=True)
        return Series(np.array(steps, np.int64), np.array(values, np.float64))

    def signs(self, name: str) -> tuple[Int64[np.ndarray, " n"], Float64[np.ndarray, "n k"]]:
        """A vital sign that is a list of numbers."""
        found = [(checkup["step"], checkup[name]) for checkup in self.checkups if isinstance(checkup.get(name), list)]
        found = [(step, values) for step, values in found if len(values) == len(found[-1][1])]
        if not found:
            return np.zeros(0, np.int64), np.zeros((0, 0))
        return np.array([step for step, _ in found], np.int64), np.array([values for _, values in found], np.float64)

    def by_weight(self, name: str, network: str = "") -> list[tuple[int, dict[str, float]]]:
        """A vital sign that is a number for each weight (or layer) of a network."""
        found = []
        for checkup in self.checkups:
            values = {weight: value for weight, value in checkup.get(name, {}).items() if weight.startswith(network)}
            if name in checkup:
                found.append((checkup["step"], values))
        return found

    def logged(self, name: str) -> Series:
        """A number of the log; "loss/generator" is the sum of that turn's losses."""
        if name in self.log:
            return self.log[name]
        parts = [series for key, series in self.log.items() if key.startswith(f"{name}/")]
        whole = [part for part in parts if len(part) == max(map(len, parts))]
        return Series(whole[0].steps, np.sum([part.values for part in whole], axis=0)) if whole else NOTHING

    def until(self, step: int) -> "Record":
        """What was known of signs, losses and samples then."""
        log = {name: Series(series.steps[series.steps <= step], series.values[series.steps <= step]) for name, series in self.log.items()}
        checkups = tuple(checkup for checkup in self.checkups if checkup["step"] <= step)
        sheets = tuple(sheet for sheet in self.sheets if sheet[0] <= step)
        over = step >= self.ending.get("step", self.last_step)
        return replace(self, log=log, checkups=checkups, sheets=sheets, ending=self.ending if over else {})

    @property
    def last_step(self) -> int:
        """How far it has come."""
        steps = [series.steps[-1] for series in self.log.values() if len(series)] + [checkup["step"] for checkup in self.checkups[-1:]]
        return int(max(steps, default=self.at))


def read_run(run: RunDirectory, usual: Mapping[str, Any] | None = None) -> Record:
    """What a run directory holds. `usual`: the recipe's settings where nobody changes them. A SparringError if it is none."""
    config = read_config(run)
    lines = read_lines(run.vitals)
    first = lines[0] if lines and "data" in lines[0] else {}
    return Record(
        run.path,
        "run",
        log=columns(read_lines(run.log)),
        checkups=tuple(line for line in lines if "data" not in line),
        data=first.get("data", {}),
        recipe=str(config.get("recipe", "")),
        settings=config.get("recipe_settings", {}),
        usual=usual or {},
        about_data=config.get("data", {}),
        ending=read_json(run.ending) if run.ending.is_file() else {},
        sheets=sheets(run.samples),
        interventions=tuple(config.get("interventions", ())),
    )


def columns(lines: list[dict[str, Any]]) -> dict[str, Series]:
    """A series for each name but step and images."""
    found: dict[str, list[tuple[int, float]]] = {}
    for line in lines:
        for name, value in line.items():
            if name not in {"step", "real_samples"} and isinstance(value, int | float):
                found.setdefault(name, []).append((line["step"], value))
    return {
        name: Series(np.array([step for step, _ in pairs], np.int64), np.array([v for _, v in pairs], np.float64))
        for name, pairs in found.items()
    }


def sheets(folder: Path) -> tuple[tuple[int, Path], ...]:
    """The sample grids of a run, by step."""
    found = ((re.fullmatch(r"step-(\d+)", path.stem), path) for path in sorted(folder.glob("step-*.png")))
    return tuple((int(match[1]), path) for match, path in found if match)
