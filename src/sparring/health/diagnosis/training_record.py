"""What is recorded of a training: read from a run directory, or from the losses or samples of another program."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64, Int64

from sparring.core.atomic_files import read_json
from sparring.core.jsonl import read_lines
from sparring.health.signals import REAL_SAMPLES, STEP, Signal
from sparring.losses.objectives import OBJECTIVES, Objective
from sparring.runs.config import read_config, recipe_settings_of
from sparring.runs.run_directory import RunDirectory

Kind = Literal["run", "losses", "samples"]


@dataclass(frozen=True, eq=False)
class Curve:
    """A number over the steps of a training."""

    steps: Int64[np.ndarray, " n"]
    values: Float64[np.ndarray, " n"]

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def recent(self) -> "Curve":
        """The last third of the steps. (A third of the values may reach back to a tenth of the steps, for measurements get rarer.) At least
        five values or a third of them, but three if there are as many.
        """
        if not len(self):
            return self
        begin, end = int(self.steps[0]), int(self.steps[-1])
        start = min(int(np.searchsorted(self.steps, end - (end - begin) / 3)), max(0, len(self) - max(3, min(5, len(self) // 3))))
        return Curve(self.steps[start:], self.values[start:])

    @property
    def last_three(self) -> "Curve":
        """The last three values, or as many as there are: what has just gone wrong shows here first."""
        return Curve(self.steps[-3:], self.values[-3:])

    @property
    def early(self) -> "Curve":
        """The first third of the values."""
        end = max(1, len(self) // 3)
        return Curve(self.steps[:end], self.values[:end])

    @property
    def median(self) -> float:
        """The median of the values; NaN if there are none."""
        return float(np.median(self.values)) if len(self) else math.nan

    @property
    def last(self) -> float:
        """The newest value; NaN if there are none."""
        return float(self.values[-1]) if len(self) else math.nan

    def until(self, step: int) -> "Curve":
        """The curve as it was at that step."""
        kept = self.steps <= step
        return Curve(self.steps[kept], self.values[kept])

    def holds_since(self, holds: Callable[[Float64[np.ndarray, " n"]], np.ndarray]) -> int | None:
        """The step since which something has held of the values without a break, 0 if it always has; None if it does not hold now. A single
        exception with agreeing values on both sides is no break.
        """
        true = np.asarray(holds(self.values), bool)
        if not len(true) or not true[-1]:
            return None
        for index in range(1, len(true) - 1):
            true[index] |= true[index - 1] and true[index + 1]
        breaks = np.flatnonzero(~true)
        return int(self.steps[breaks[-1] + 1]) if len(breaks) else 0


EMPTY_CURVE = Curve(np.zeros(0, np.int64), np.zeros(0))


@dataclass(frozen=True, eq=False)
class Record:
    """Everything that is recorded of a training."""

    source: Path
    kind: Kind
    log: Mapping[str, Curve] = field(default_factory=dict)
    """Losses, logits and gradients by the keys of log.jsonl."""
    measurements: tuple[Mapping[str, Any], ...] = ()
    """The lines of health.jsonl, by signal, without the first; or the moments of another program's samples."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """What was measured of the data: the first line of health.jsonl."""
    recipe: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """The recipe's settings that the run was trained with."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """The recipe's own settings, where nobody changes them."""
    data_config: Mapping[str, Any] = field(default_factory=dict)
    """What config.json says of the data."""
    ending: Mapping[str, Any] = field(default_factory=dict)
    """Why training ended, if it had to."""
    sheets: tuple[tuple[int, Path], ...] = ()
    """Grids of samples, by step."""
    interventions: tuple[Mapping[str, Any], ...] = ()
    """What a coach did, as config.json has it."""
    checkpoint_step: int = 0
    """The step of the newest checkpoint, which may be later than what was logged, or all that is known."""

    @property
    def is_of_another_program(self) -> bool:
        """Whether there are only the losses or the samples of another program."""
        return self.kind != "run"

    @property
    def kind_of_data(self) -> str:
        """The name of the kind of data that was trained on; "" if that is not known."""
        return str(self.data_config.get("spec", {}).get("kind", ""))

    def signal(self, signal: Signal) -> Curve:
        """A number of the log or of the measurements over the steps, where it was recorded. A total in the log is the sum of its terms."""
        if signal.source in {"training", "explicit"}:
            return self._logged(signal.prefix)
        found = [(STEP.of(line), signal.of(line)) for line in self.measurements if isinstance(signal.of(line, None), int | float)]
        if not found:
            return EMPTY_CURVE
        steps, values = zip(*found, strict=True)
        return Curve(np.array(steps, np.int64), np.array(values, np.float64))

    def _logged(self, name: str) -> Curve:
        if name in self.log:
            return self.log[name]
        terms = [curve for key, curve in self.log.items() if key.startswith(f"{name}/")]
        complete = [term for term in terms if len(term) == max(map(len, terms))]
        return Curve(complete[0].steps, np.sum([term.values for term in complete], axis=0)) if complete else EMPTY_CURVE

    def vectors(self, signal: Signal) -> tuple[Int64[np.ndarray, " n"], Float64[np.ndarray, "n k"]]:
        """A list of numbers over the steps, where it was measured and has as many numbers as the newest."""
        found = [(STEP.of(line), signal.of(line)) for line in self.measurements if isinstance(signal.of(line, None), list)]
        found = [(step, values) for step, values in found if len(values) == len(found[-1][1])]
        if not found:
            return np.zeros(0, np.int64), np.zeros((0, 0))
        return np.array([step for step, _ in found], np.int64), np.array([values for _, values in found], np.float64)

    def per_weight(self, signal: Signal, network: str = "") -> list[tuple[int, dict[str, float]]]:
        """A number for each weight (or layer) of a network, by step. `network`: what the names of its weights begin with."""
        found = []
        for line in self.measurements:
            if (values := signal.of(line, None)) is not None:
                found.append((STEP.of(line), {name: value for name, value in values.items() if name.startswith(network)}))
        return found

    def until(self, step: int) -> "Record":
        """The record as it was at that step."""
        return replace(
            self,
            log={name: curve.until(step) for name, curve in self.log.items()},
            measurements=tuple(line for line in self.measurements if STEP.of(line) <= step),
            sheets=tuple(sheet for sheet in self.sheets if sheet[0] <= step),
            ending=self.ending if step >= self.ending.get("step", self.last_step) else {},
        )

    @property
    def objective(self) -> Objective | None:
        """The pair of losses that the game is played for; None if it has no such setting, or one that is not known here."""
        return OBJECTIVES.get(self.settings.get("objective", ""))

    @property
    def last_step(self) -> int:
        """The last step that is recorded."""
        steps = [curve.steps[-1] for curve in self.log.values() if len(curve)] + [STEP.of(line) for line in self.measurements[-1:]]
        return int(max(steps, default=self.checkpoint_step))


def read_run(run: RunDirectory, defaults: Mapping[str, Any] | None = None) -> Record:
    """The record of a run directory. `defaults`: the recipe's own settings. Raises a SparringError if it is none."""
    config = read_config(run)
    lines = read_lines(run.health)
    first = lines[0] if lines and "data" in lines[0] else {}
    return Record(
        run.path,
        "run",
        log=curves_of(read_lines(run.log)),
        measurements=tuple(line for line in lines if "data" not in line),
        data=first.get("data", {}),
        recipe=str(config.get("recipe", "")),
        settings=recipe_settings_of(config),
        defaults=defaults or {},
        data_config=config.get("data", {}),
        ending=read_json(run.ending) if run.ending.is_file() else {},
        sheets=sample_grids(run.samples),
        interventions=tuple(config.get("interventions", ())),
    )


def curves_of(lines: list[dict[str, Any]]) -> dict[str, Curve]:
    """A curve for each key of a log but the step and the number of images."""
    found: dict[str, list[tuple[int, float]]] = {}
    for line in lines:
        for name, value in line.items():
            if name not in {STEP.name, REAL_SAMPLES.name} and isinstance(value, int | float):
                found.setdefault(name, []).append((STEP.of(line), value))
    return {
        name: Curve(np.array([step for step, _ in pairs], np.int64), np.array([value for _, value in pairs], np.float64))
        for name, pairs in found.items()
    }


def sample_grids(folder: Path) -> tuple[tuple[int, Path], ...]:
    """The sample grids of a run, by step."""
    found = ((re.fullmatch(r"step-(\d+)", path.stem), path) for path in sorted(folder.glob("step-*.png")))
    return tuple((int(match[1]), path) for match, path in found if match)
