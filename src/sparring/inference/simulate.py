"""Simulated paths of series, with their risks, beside the Monte Carlo methods of finance."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
from jaxtyping import Float64, Int64, UInt8

from sparring import recipes
from sparring.core.errors import SettingsError, SparringError, did_you_mean, listed
from sparring.data.series.plot_fans import Fan, draw_fans
from sparring.data.series.series_spec import SeriesSpec
from sparring.data.tables.table_format import TableFormat
from sparring.games.capabilities import SimulatesSeries
from sparring.inference.backtest import Backtest, backtest, days_to_test
from sparring.inference.garch import refuse_without_arch
from sparring.inference.monte_carlo import MEANINGS, METHODS, MonteCarloMethod, available_methods, simulate_returns
from sparring.inference.paths import (
    UNKNOWN,
    as_values,
    codes_of_statics,
    draw_paths,
    is_typed,
    log_returns,
    number_of_regime,
    on_steps,
    save_series_table,
    series_table,
)
from sparring.inference.series_of_model import (
    ModelSeries,
    Start,
    refuse_without_past,
    series_of,
    series_spec_of,
    start_at,
    time_text_of,
)
from sparring.inference.volatility import Volatility, volatility_of
from sparring.metrics.series.risk import LEVELS, expected_shortfall, value_at_risk

if TYPE_CHECKING:
    import pyarrow as pa

    from sparring.inference.model import Model

MomentsOf = Literal["data", "model"]
"""Whose mean or standard deviation the returns of paths have."""
HORIZONS = (1, 10)
"""Numbers of steps over which risks are computed, beside that of all steps."""
STEPS = 250
"""Number of steps of paths where nobody says: a year of trading days."""
DRIFT_PATHS = 512
"""Number of paths, the first of a seed, whose mean is the model's drift: the same however many are asked for."""
WRONG_MOVE, FEWEST_MOVES = 0.1, 1000
"""Difference of the standard deviation of a step from the data's that is said, as a share, and fewest steps of all paths to see it."""
FAR_OFF = 0.4
"""Logarithm of the factor of the volatility, up or down, from which on the model is said to have learned too little: a half more."""
WRONG_SUM, FEWEST_SUMS, HISTORY_SUMS = 0.2, 100, 8
"""The same of the sum over all steps, fewest paths, and how many times as long as a path history must be."""
CHARTED = 4
"""Number of columns that a chart shows."""


@dataclass(frozen=True)
class Risk:
    """What may be lost, as a share of the value at the start."""

    value: str
    """The column."""
    method: str
    horizon: int
    """Number of steps."""
    level: float
    value_at_risk: float
    """The loss that is not exceeded in a share of `level` of the paths."""
    expected_shortfall: float
    """The mean of the losses beyond it."""


@dataclass(frozen=True, eq=False)
class Simulation:
    """Paths of a series after a start, by a model and by the methods beside it."""

    spec: SeriesSpec
    name: str
    """What the model is called: its recipe."""
    start: Start
    history: Float64[np.ndarray, "h values"]
    """Values up to the start, in their units, for charts."""
    history_begins: float
    """The time of the first of them."""
    times: Float64[np.ndarray, " steps"]
    """In seconds since 1970 (see `Frequency.by_local_clocks`; without times: numbers of steps)."""
    paths: Mapping[str, Float64[np.ndarray, "n values steps"]]
    """Values in their units: by the model's name, and by each method's."""
    risks: tuple[Risk, ...]
    """Of models of returns; else none."""
    backtests: tuple[Backtest, ...]
    settings: Mapping[str, Any]
    """What was asked for."""
    notes: tuple[str, ...]
    """What is to be known, in sentences."""

    def table(self, *, typed: bool = True) -> "pa.Table":
        """The model's paths as a table: columns "path", the time (or "step"), the identifier, values in the units and steps of the data."""
        made = self.paths[self.name]
        n, _, steps = made.shape
        names = (self.start.series,)
        values = {
            column.name: on_steps(self.spec, place, made[:, place], float(self.start.values[place]) if column.returns else None).ravel()
            for place, column in enumerate(self.spec.values)
        }
        return series_table(
            self.spec,
            leading={"path": np.repeat(np.arange(n), steps)},
            times=np.tile(self.times, n),
            steps=np.tile(np.arange(1, steps + 1), n),
            names=names,
            owner=np.zeros(n * steps, np.int64),
            values=values,
            typed=typed,
        )

    def frame(self) -> Any:  # noqa: ANN401 (the caller's kind of frame)
        """The model's paths as a frame of the kind that was trained on; an Arrow table if that was a file."""
        from sparring.data.tables.frames import to_frame  # noqa: PLC0415 (an extra)

        return to_frame(self.table(), TableFormat.from_json(self.spec.source["format"]))

    def save(self, out: str | os.PathLike[str]) -> Path:
        """Write the model's paths in the kind of file that the ending names (.csv, .parquet, and others)."""
        path = Path(out)
        save_series_table(self.spec, self.table(typed=is_typed(path)), path)
        return path

    def chart(self) -> UInt8[np.ndarray, "h w 3"]:
        """A fan chart: a panel for the model and for each method, of each of the first four columns."""
        labels = (
            time_text_of(self.spec, self.history_begins),
            time_text_of(self.spec, self.start.time),
            time_text_of(self.spec, float(self.times[-1])),
        )
        fans = [
            Fan(
                method if len(self.spec.values) == 1 else f"{column.name}: {method}",
                self.history[:, place],
                made[:, place],
                labels,
                own=method == self.name,
                scale=column.name,
            )
            for place, column in enumerate(self.spec.values[:CHARTED])
            for method, made in self.paths.items()
        ]
        return draw_fans(fans, line=self.spec.values[0].returns or bool(self.spec.past))

    def to_json(self) -> dict[str, Any]:
        """All figures, and how they came about."""
        return {
            **self.settings,
            "model": self.name,
            "series": self.start.series,
            "from": time_text_of(self.spec, self.start.time),
            "until": time_text_of(self.spec, float(self.times[-1])),
            "values at the start": {column.name: float(value) for column, value in zip(self.spec.values, self.start.values, strict=True)},
            "unit of risks": "share of the value at the start that is lost",
            "risks": [asdict(risk) for risk in self.risks],
            "backtests": [asdict(each) for each in self.backtests],
            "notes": list(self.notes),
        }


def simulate(
    model: "Model",
    paths: int = 1000,
    steps: int | None = None,
    seed: int = 0,
    *,
    start: str | float | None = None,
    regime: str | None = None,
    series: str | None = None,
    statics: Sequence[str] | Mapping[str, str] = (),
    data: Any = None,  # noqa: ANN401 (a path or a frame)
    beside: Sequence[str] | None = None,
    drift: MomentsOf = "data",
    volatility: MomentsOf = "data",
    test: bool = False,
) -> Simulation:
    """Paths of a series as a model of series makes them, in the units of the data.

    `steps`: of each path; None: 250, or as many as the model can make if these are fewer.
    `start`: the time after which they begin, at the last value that is there; None: the end of the data. `regime`: how much is to move
    ("low-volatility", "middle-volatility", "high-volatility"), of models that were told. `series`: which one, where there are several.
    `statics`: attributes in place of those of the series ("sector=Energy"). `data`: series to begin at, in place of those trained on.
    `drift`: of models of returns: "data" moves all returns by the same amount, so that their mean is that of all known returns up to the
    start, as the Monte Carlo methods have it (what is off by a hundredth of a standard deviation a day is off by a sixth of one in a year);
    "model" leaves them, as backtests do, which must not know what came.
    `volatility`: of models of returns: "data" multiplies their distances from the model's mean, in backtests too, so that the model's free
    paths move as much as the returns that training saw (see `volatility_of`); "model" leaves them.
    `beside`: Monte Carlo methods ("gbm", "bootstrap", "block-bootstrap", "garch"); None: all that are installed, of models of returns.
    `test`: whether the value at risk of each held-out day is tested, too. Path i of a seed is the same, to the bit, whatever `paths` is.
    Raises a SettingsError that lists what cannot be asked for.
    """
    spec = series_spec_of(model)
    longest = cast(SimulatesSeries, model.game).longest_path
    steps = min(STEPS, longest or STEPS) if steps is None else steps
    methods, number, remarks = _checked(model, paths, steps, regime, beside, test)
    found = series_of(model, data)
    begin, codes = _chosen(found, series, start, statics, test)
    returns, notes = spec.values[0].returns, [*found.notes, *remarks]
    calibration = volatility_of(model, found, begin.number, codes, number) if returns and volatility == "data" else None

    def draw(count: int) -> Float64[np.ndarray, "n values steps"]:
        made = draw_paths(model, found, begin, count, steps, seed, regime=number, codes=codes)
        return made if calibration is None else calibration(made)

    numbers = drawn = draw(paths)
    name = recipes.name_of(model.recipe)
    history = log_returns(found, begin.number, begin.row) if returns else np.zeros((0, len(spec.values)))
    if calibration is not None:
        notes.append(_calibrated(calibration))
    if returns and drift == "data" and len(history) and not of_nobody(found, series):
        some = drawn[:DRIFT_PATHS] if paths >= DRIFT_PATHS else draw(DRIFT_PATHS)
        moved = history.mean(axis=0) - some.mean(axis=(0, 2))
        numbers = drawn + moved[:, None]
        by = ", ".join(f"{each:+.3%}" for each in moved)
        notes.append(f"The mean of returns is that of the data: each step of the model was moved by {by} (--drift).")
    made = {name: numbers}
    if methods:
        made |= {method: simulate_returns(method, history, paths, steps, seed) for method in methods}
        whose = f" of {begin.series}" if len(found.names) > 1 else ""
        notes.append(f"Monte Carlo methods know all {len(history):,} returns{whose} up to the start.")
    if returns and not spec.past:
        notes += _wrong_moves(spec, numbers, history)
    notes += [*_remarks(spec, number, methods), *(found.doubts if test else ())]
    first = max(found.rows(begin.number)[0], begin.row + 1 - max(2, steps))
    if of_nobody(found, series):
        first = begin.row
        notes.append("No series is named: paths are of new ones.")
    return Simulation(
        spec=spec,
        name=name,
        start=begin,
        history=found.dataset.raw[first : begin.row + 1],
        history_begins=float(found.dataset.times[first]),
        times=spec.frequency.after(begin.time, steps),
        paths={method: as_values(spec, each, begin.values) for method, each in made.items()},
        risks=tuple(risks_of(spec, made)) if returns else (),
        backtests=backtest(model, name, found, begin.number, methods, drawn, seed, calibration) if test else (),
        settings={
            "run": os.fspath(model.source),
            "step": model.step,
            "paths": paths,
            "steps": steps,
            "seed": seed,
            "regime": regime,
            "statics": list(statics) if not isinstance(statics, Mapping) else dict(statics),
            "drift": drift if returns else None,
            "volatility": volatility if returns else None,
            "calibration": None if calibration is None else calibration.to_json(),
            "beside": {method: MEANINGS[method] for method in methods},
        },
        notes=tuple(notes),
    )


def risks_of(spec: SeriesSpec, made: Mapping[str, Float64[np.ndarray, "n values steps"]]) -> list[Risk]:
    """Value at risk and expected shortfall of paths of log returns, by method."""
    found = []
    for place, column in enumerate(spec.values):
        for method, paths in made.items():
            gains = np.expm1(paths[:, place].cumsum(axis=1))
            steps = gains.shape[1]
            for horizon in sorted({horizon for horizon in HORIZONS if horizon <= steps} | {steps}):
                samples = gains[:, horizon - 1]
                both = zip(LEVELS, value_at_risk(samples), expected_shortfall(samples), strict=True)
                found += [Risk(column.name, method, horizon, level, float(risk), float(beyond)) for level, risk, beyond in both]
    return found


# ------------------------------------------------------------------------------------------------- what is asked for, checked


def _checked(
    model: "Model", paths: int, steps: int, regime: str | None, beside: Sequence[str] | None, test: bool
) -> tuple[tuple[MonteCarloMethod, ...], int, list[str]]:
    """The methods and the number of the regime that are asked for, and remarks; a SettingsError lists all that cannot be."""
    spec = series_spec_of(model)
    returns, problems, notes = spec.values[0].returns, [], []
    longest = cast(SimulatesSeries, model.game).longest_path
    for name, value in (("paths", paths), ("steps (--days)", steps)):
        if value < 1:
            problems.append(f"{name} must be at least 1, not {value}.")
    if longest is not None and steps > longest:
        problems.append(f"This model makes paths of at most {longest} steps, not {steps}. Take fewer.")
    number = _noted(lambda: number_of_regime(spec, regime), problems) if regime is not None else UNKNOWN
    named = None if beside is None else [each.strip() for text in beside for each in text.split(",") if each.strip()]
    if named == ["none"]:
        named = []
    for each in named or ():
        if each not in METHODS:
            problems.append(f"There is no Monte Carlo method {each!r} to show beside it. {did_you_mean(each, [*METHODS, 'none'])}")
    if named and not returns:
        problems.append("Monte Carlo methods are of returns, and this model learned values. Train with --returns, or leave beside out.")
    elif named and "garch" in named:
        _noted(refuse_without_arch, problems)
    if test and not returns:
        problems.append("A backtest is of returns, and this model learned values. Train with --returns, or leave the backtest out.")
    if problems:
        raise SettingsError(problems[0] if len(problems) == 1 else listed("This cannot be simulated:", problems))
    if named is None:
        named = list(available_methods()) if returns else []
        if returns and "garch" not in named:
            notes.append("GARCH is not shown, for its package is not installed: pip install 'sparring[finance]'")
    return tuple(cast(MonteCarloMethod, each) for each in dict.fromkeys(named)), int(number or 0) if regime else UNKNOWN, notes


def of_nobody(found: ModelSeries, series: str | None) -> bool:
    """Whether paths are of no series in particular: no name is given, and the model needs none, for it is given no past and no price."""
    spec = found.dataset.spec
    return series is None and len(found.names) > 1 and not spec.past and not spec.values[0].returns


def _chosen(
    found: ModelSeries, series: str | None, start: str | float | None, statics: Sequence[str] | Mapping[str, str], test: bool
) -> tuple[Start, Int64[np.ndarray, " statics"]]:
    """Where paths begin, and the codes of the statics; a SettingsError lists all that cannot be, also of the days to test."""
    nobody, problems = of_nobody(found, series), []
    number = 0 if nobody else found.number_of(series)
    own = np.full_like(found.dataset.codes[number], UNKNOWN) if nobody else found.dataset.codes[number]

    def begin() -> Start:
        at = start_at(found, number, start)
        refuse_without_past(found, at)
        return at

    at = _noted(begin, problems)
    codes = _noted(lambda: codes_of_statics(found.dataset.spec, statics, own), problems)
    if test:
        _noted(lambda: days_to_test(found, number), problems)
    if problems:
        raise SettingsError(problems[0] if len(problems) == 1 else listed("This cannot be simulated:", problems))
    assert at is not None
    assert codes is not None
    return at, codes


def _noted(check: Callable[[], Any], problems: list[str]) -> Any:  # noqa: ANN401 (whatever the check finds)
    """What a check finds; what it raises is added to the problems."""
    try:
        return check()
    except SparringError as problem:
        problems.append(str(problem))
        return None


def _calibrated(calibration: Volatility) -> str:
    """By how much the model's returns were multiplied, and whether that is more than a small error."""
    by = ", ".join(f"{each:.3f}" for each in calibration.factors)
    found = f"Returns move as much as those that the model was trained on: each of its own was multiplied by {by} (--volatility)."
    if calibration.weights.any():
        parts = ", ".join(f"{each:+.2f}" for each in calibration.weights)
        found += (
            f" So do sums over {calibration.horizon} steps: {parts} times the mean of the last {calibration.span} steps was added to each."
        )
    if (np.abs(np.log(calibration.factors)) > FAR_OFF).any():
        found += " So large a factor says that the model has not learned them: train it for longer, or see: sparring diagnose RUN."
    return found


def _wrong_moves(spec: SeriesSpec, made: Float64[np.ndarray, "n values steps"], history: Float64[np.ndarray, "t values"]) -> list[str]:
    """Where paths move otherwise than the series did, per step or in sum: what risks are made of. Of models without a past, whose paths are
    of no particular time.
    """
    steps, found = made.shape[2], []
    for place, column in enumerate(spec.values):
        of = f" of {column.name}" if len(spec.values) > 1 else ""
        one, real = float(made[:, place].std()), float(history[:, place].std())
        if len(made) * steps >= FEWEST_MOVES and abs(one / real - 1) > WRONG_MOVE:
            found.append(f"A step{of} moves {one:.2%} in the paths (standard deviation), and {real:.2%} in the data: risks are off alike.")
        if len(made) < FEWEST_SUMS or len(history) < HISTORY_SUMS * steps:
            continue
        sums = np.convolve(history[:, place], np.ones(steps), "valid")
        one, real = float(made[:, place].sum(axis=1).std()), float(sums.std())
        if abs(one / real - 1) > WRONG_SUM:
            found.append(
                f"All {steps} steps{of} together move {one:.1%} in the paths, and {real:.1%} in the data: risks over many steps are "
                f"{'too small' if one < real else 'too large'}. Trust the Monte Carlo methods there."
            )
    return found


def _remarks(spec: SeriesSpec, regime: int, methods: Sequence[str]) -> list[str]:
    """What is to be known of such a simulation."""
    found = []
    if not spec.past:
        what = (
            "begin at its price, and nothing else of what was before influences them" if spec.values[0].returns else "do not depend on it"
        )
        found.append(f"This model takes no past: paths after the start {what}.")
    if regime != UNKNOWN and methods:
        found.append("Monte Carlo methods know no regimes.")
    if spec.frequency.kind == "business days":
        found.append("Times continue on business days, without holidays.")
    return found
