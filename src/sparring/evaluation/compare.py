"""`sparring compare`: ranks runs by their scores, with mean and spread over runs that differ in their seed alone."""

import importlib.util
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparring.core.atomic_files import read_json, replacing, write_bytes
from sparring.core.console import console as plain_console
from sparring.core.errors import DataError, SettingsError, SparringError, listed, missing_extra
from sparring.evaluation import report
from sparring.evaluation.judge import DEFAULT_SAMPLES, PathLike, judge, sampling_weights_hash
from sparring.evaluation.judge_music_sources import judge_music_model
from sparring.evaluation.judge_order_sources import judge_orders_model
from sparring.evaluation.judge_records_sources import judge_records_model
from sparring.evaluation.judge_series_sources import judge_series_model
from sparring.evaluation.judge_table_sources import judge_table_model
from sparring.evaluation.judge_text_sources import judge_texts_model
from sparring.evaluation.likelihood_baselines import likelihood_baselines
from sparring.evaluation.model_costs import BITS, GAP, LOOKED_AT, PARAMETERS, model_costs
from sparring.evaluation.open_extractor import open_extractor
from sparring.games.capabilities import WeighsLatents
from sparring.inference.likelihood import likelihood_kind, parts_of_run
from sparring.inference.load import IMPORTED, load
from sparring.modalities import MODALITIES
from sparring.runs.config import described, from_json, read_config
from sparring.runs.run_directory import RunDirectory
from sparring.training import checkpoints
from sparring.training.settings import TrainSettings

if TYPE_CHECKING:
    from rich.console import Console

COMPARISON_FOLDER = "comparison"
"""Folder in a run directory for the report that a comparison writes."""
SHOWN_SCORES = ("precision", "recall", "density", "coverage", "memorization")
"""Scores that a comparison shows beside the distances."""
PLOT_ENDINGS = {".png", ".pdf", ".svg"}


SERIES_SCORES = ("memory", "autocorrelation", "season", "values", "predictive", "diversity", "facts missed")
"""Scores of series that a comparison shows beside the discriminative one."""
RECORDS_SCORES = ("code frequencies", "frequency error", "codes lost", "pairs of codes", "prediction (AUC)", "detection")
"""Scores of health records that a comparison shows beside predictions."""
ORDER_SCORES = ("groups and season", "products", "customers", "months", "lines per customer", "basket sizes")
"""Scores of orders that a comparison shows beside detection."""
TEXT_SCORES = ("LM score", "BLEU-4", "self-BLEU-4", "JS distance of 2-grams", "distinct samples", "copies")
"""Scores of texts that a comparison shows beside the reverse LM score."""
MUSIC_SCORES = ("overlap", "Fréchet distance", "precision", "recall", "consonance", "scale consistency", "empty bars", "copied bars")
"""Scores of music that a comparison shows beside the mean distance of measures."""
TABLE_SCORES = ("quality", "pair trends", "detection", "precision", "coverage")
"""Scores of tables that a comparison shows."""


@dataclass(frozen=True)
class RunScores:
    """The scores of one run."""

    name: str
    """Recipe and settings, without the seed: runs of equal names are averaged."""
    scores: dict[str, float]
    """Value of each score, by its name."""
    costs: Mapping[str, float] = field(default_factory=dict)
    """What else is said of the model (see `model_costs`). Not every model has all of it."""


@dataclass(frozen=True)
class ComparisonRow:
    """Mean scores of all runs with one name."""

    name: str
    """Recipe and settings that the runs have in common."""
    runs: int
    """Number of runs."""
    means: dict[str, float]
    """Mean of each score over the runs; NaN for what their models do not have, such as a likelihood."""
    spreads: dict[str, float]
    """Standard deviation of each score over the runs (with n - 1); NaN for a single run."""
    is_baseline: bool = False
    """Whether it is no run, but a simple density that models with a likelihood should beat."""


def compare(
    runs: Sequence[PathLike],
    *,
    extractor: str = "lite0",
    samples: int = DEFAULT_SAMPLES,
    seed: int = 0,
    checkpoint: str = "last",
    importance: int | None = None,
    out: PathLike | None = None,
    console: "Console | None" = None,
) -> list[ComparisonRow]:
    """Rank two or more runs on the same data by their Fréchet distance, the lowest first (on a table by quality, the highest first; on time
    series by how well networks tell their windows from real ones; on health records by how well codes are predicted, the best first). Runs
    that differ in their seed alone share a row.

    Each run is judged as by `judge`, unless its report.json holds scores of its last step under the same protocol. New reports go into the
    folder "comparison" of the run, so that the run's own report stays. `importance`: the number of latents for each image in the
    likelihoods of variational autoencoders. `out` is a .md file for the table, or a .png, .pdf or .svg file for a plot. Raises a
    SettingsError for fewer than two runs, runs on different data, and anything that is not a run of a latent generator.
    """
    screen = console or plain_console()
    _check_output_path(out)
    directories = [RunDirectory(Path(run)) for run in runs]
    if len({directory.path.resolve() for directory in directories}) < len(runs):
        raise SettingsError(f"A run is named twice among: {', '.join(map(str, runs))}. Name each once.")
    configs = _read_comparable_configs(directories)
    if len(directories) < 2:
        raise SettingsError(
            "A comparison needs at least two runs. "
            + (f"Scores of a single run: sparring judge {directories[0].path}" if directories else "Name them.")
        )
    names = [run_label(config, directory.path) for config, directory in zip(configs, directories, strict=True)]
    judged = {judged_by(config, directory.path) for config, directory in zip(configs, directories, strict=True)}
    data = {config["data"]["fingerprint"]: config["data"]["source"] for config in configs}
    if len(data) > 1 and judged == {"paths"} and len(set(data.values())) == 1:
        windows = ", ".join(
            f"{name}: {config['data']['spec']['steps']} steps, of which {config['data']['spec']['past']} are given"
            for name, config in zip(names, configs, strict=True)
        )
        raise SettingsError(
            f"These runs learned other windows or columns of the same series, so their scores cannot be compared ({windows}). Train them "
            "with the same --window, --past, --value and --returns."
        )
    if len(data) > 1 and judged == {"phrases"} and len(set(data.values())) == 1:
        raise SettingsError(
            "These runs learned other phrases of the same songs, so their scores cannot be compared. Train them with the same --bars, "
            "--key, --tracks and --melody."
        )
    if len(data) > 1:
        raise SettingsError(f"These runs were trained on different data, so their scores cannot be compared: {', '.join(data.values())}.")
    _check_importance(importance, directories)
    if len(judged) == 1 and (kind := KINDS.get(*judged)) is not None:
        return _compare_kind(kind, directories, names, seed, checkpoint, out, screen)
    found = []
    for directory, config, name in zip(directories, configs, names, strict=True):
        requested = {"n_fake": samples, "seed": seed, "truncation": None, "extractor": extractor}
        scores = _reusable_scores(directory, config["data"]["fingerprint"], requested) if checkpoint == "last" else None
        if scores is None:
            folder = directory.path / COMPARISON_FOLDER
            screen.print(f"Judging {directory.path}; report: {folder / report.HTML_FILE}")
            judgment = judge(
                directory.path, extractor=extractor, samples=samples, seed=seed, checkpoint=checkpoint, out=folder, console=console
            )
            scores = {score.name: score.value for score in judgment.scores}
        found.append(RunScores(name, scores, model_costs(directory, checkpoint, importance)))
    rows = rank_runs(found, by=next(iter(found[0].scores)))
    rows += baseline_rows(rows, [directory for directory, run in zip(directories, found, strict=True) if GAP in run.costs])
    _write_comparison(rows, out)
    return rows


def baseline_rows(rows: Sequence[ComparisonRow], runs: Sequence[RunDirectory]) -> list[ComparisonRow]:
    """Rows of densities that are fitted on what the first of `runs`, which know likelihoods, was trained on: baselines of its bits."""
    if not runs:
        return []
    trained_on, held_out = parts_of_run(load(runs[0].path))
    assert held_out is not None
    found = []
    baselines = likelihood_baselines(trained_on, held_out, LOOKED_AT)
    for row in rows:  # which may have no such column yet
        missing = {BITS.format(kind=kind): math.nan for kind, _ in baselines.values()}
        row.means.update({name: nan for name, nan in missing.items() if name not in row.means})
        row.spreads.update({name: nan for name, nan in missing.items() if name not in row.spreads})
    for name, (kind, bits) in baselines.items():
        nothing = dict.fromkeys(rows[0].means, math.nan)
        found.append(ComparisonRow(f"baseline: {name}", 1, nothing | {BITS.format(kind=kind): bits}, nothing, is_baseline=True))
    return found


def _write_comparison(rows: Sequence[ComparisonRow], out: PathLike | None) -> None:
    if out is None:
        return
    path = Path(out)
    if path.suffix == ".md":
        write_bytes(path, markdown_table(rows).encode())
    else:
        plot_comparison(rows, path)


@dataclass(frozen=True)
class KindCompared:
    """How runs on a kind of data without images are ranked."""

    judge: Callable[..., Any]
    """From a model, with `seed` and `out`, to a judgment with `scores` between floor and ceiling."""
    by: str
    """The score that ranks."""
    shown: tuple[str, ...]
    """Scores that a comparison shows beside it."""
    highest_first: bool = False


KINDS: Mapping[str, KindCompared] = {
    "rows": KindCompared(judge_table_model, "quality", TABLE_SCORES, highest_first=True),
    "paths": KindCompared(judge_series_model, "discriminative", SERIES_SCORES),
    "records": KindCompared(judge_records_model, "prediction (F1)", RECORDS_SCORES, highest_first=True),
    "phrases": KindCompared(judge_music_model, "measures", MUSIC_SCORES),
    "lines": KindCompared(judge_orders_model, "detection", ORDER_SCORES),
    "texts": KindCompared(judge_texts_model, "reverse LM score", TEXT_SCORES),
}
"""By what evaluation scores of a model (see `Modality.judged_by`)."""


def _compare_kind(
    kind: KindCompared,
    directories: Sequence[RunDirectory],
    names: Sequence[str],
    seed: int,
    checkpoint: str,
    out: PathLike | None,
    screen: "Console",
) -> list[ComparisonRow]:
    """Judge and rank runs, the best first."""
    found = []
    for directory, name in zip(directories, names, strict=True):
        folder = directory.path / COMPARISON_FOLDER
        screen.print(f"Judging {directory.path}; report: {folder / report.HTML_FILE}")
        judgment = kind.judge(load(directory.path, checkpoint=checkpoint), seed=seed, out=folder)
        scores = {score.name: score.yours.value for score in judgment.scores}
        if facts := getattr(judgment, "facts", ()):  # of series of returns
            scores["facts missed"] = float(sum(not fact.inside for fact in facts))
        found.append(RunScores(name, scores))
    rows = rank_runs(found, by=kind.by, shown=kind.shown)
    rows = rows[::-1] if kind.highest_first else rows
    _write_comparison(rows, out)
    return rows


def judged_by(config: dict[str, Any], source: Path) -> str:
    """What evaluation scores of a run's model: see `Modality.judged_by`."""
    return MODALITIES[described(config, source)[0].modality].judged_by


def _read_comparable_configs(directories: Sequence[RunDirectory]) -> list[dict[str, Any]]:
    """The config.json of each run. Raises a SettingsError that lists everything that is not a run or that has no comparable scores."""
    problems, configs, translators = [], [], []
    for directory in directories:
        path = directory.path
        if directory.exists():
            configs.append(read_config(directory))
            if judged_by(configs[-1], path) == "translations":
                translators.append(str(path))
        elif path.suffix == ".safetensors" or (path / IMPORTED).is_file():
            problems.append(f"{path} is a model without its run: judge it against data that you name, with: sparring judge {path} DATA")
        else:
            problems.append(f"{path} is not a run directory: it has no config.json. To judge data: sparring judge {path} DATA")
    if translators:
        several = len(translators) > 1
        problems.append(
            f"{' and '.join(translators)} {'translate' if several else 'translates'} images, and only runs that generate images from noise "
            f"are ranked: judge {'each of them' if several else 'it'} with: sparring judge RUN"
        )
    if problems:
        raise SettingsError(problems[0] if len(problems) == 1 else listed("These cannot be compared:", problems))
    return configs


def run_label(config: dict[str, Any], source: Path) -> str:
    """Name of a run in a comparison: its recipe, the settings that differ from the defaults, and its budget, but not its seed."""
    recipe, _ = described(config, source)
    training = from_json(TrainSettings, config["train_settings"])
    defaults = asdict(type(recipe)()) | asdict(TrainSettings())
    settings = asdict(recipe) | {name: getattr(training, name) for name in ("real_samples", "steps", "minutes", "parts")}
    differing = [f"{name}={value}" for name, value in settings.items() if value != defaults[name]]
    return " ".join([config["recipe"], *differing])


def _check_importance(importance: int | None, runs: Sequence[RunDirectory]) -> None:
    """Raise a SettingsError before anything is judged if no run has a bound from several latents, or the number is out of range."""
    if importance is None:
        return
    autoencoder = next((model for model in map(load, (run.path for run in runs)) if isinstance(model.game, WeighsLatents)), None)
    if autoencoder is None:
        raise SettingsError("importance is for variational autoencoders of images (vae), and no run is one: leave it out.")
    likelihood_kind(autoencoder, importance)


def _check_output_path(out: PathLike | None) -> None:
    """Raise a SettingsError before anything is judged if the result could not be written."""
    if out is None or Path(out).suffix == ".md":
        return
    if Path(out).suffix not in PLOT_ENDINGS:
        raise SettingsError(f"{out}: a comparison is written as .md (a table) or as .png, .pdf or .svg (a plot).")
    if importlib.util.find_spec("matplotlib") is None:
        raise missing_extra("matplotlib", "plots", "Plotting a comparison")


def _reusable_scores(run: RunDirectory, fingerprint: str, requested: dict[str, Any]) -> dict[str, float] | None:
    """Scores from the run's own report or its last comparison, if they are of its last step, its own data and the requested protocol."""
    if requested["extractor"] == "classifier":
        return None
    protocol = requested | open_extractor(requested["extractor"]).identity()
    stored = (
        _scores_if_current(folder / report.JSON_FILE, run, fingerprint, protocol) for folder in (run.path, run.path / COMPARISON_FOLDER)
    )
    return next((scores for scores in stored if scores is not None), None)


def _scores_if_current(path: Path, run: RunDirectory, fingerprint: str, protocol: dict[str, Any]) -> dict[str, float] | None:
    """The scores in one report.json, or None if it is not of the run's last step, its own data and this protocol."""
    try:
        stored = read_json(path)
        first = stored["scores"][0]
        current = stored["fake"]["step"] == checkpoints.newest_progress(run.checkpoints).step
        current = current and stored["real"]["fingerprint"] == fingerprint
        current = current and stored["fake"]["weights"] == sampling_weights_hash(load(run.path))
        current = current and stored["held_out"] is None and all(first[name] == value for name, value in protocol.items())
        return {score["name"]: score["value"] for score in stored["scores"]} if current else None
    except (SparringError, KeyError, TypeError, IndexError):
        return None


def rank_runs(runs: Sequence[RunScores], by: str, shown: Sequence[str] = ()) -> list[ComparisonRow]:
    """One row for each name, the lowest mean of the score `by` first. Columns are the scores that every run has, and that are usually shown
    (or in `shown`).

    Raises a DataError if a run lacks the score `by`.
    """
    shared = [score for score in runs[0].scores if all(score in run.scores for run in runs)]
    if by not in shared:
        raise DataError(f"Not every run has the score {by!r}, by which runs are ranked. Judge all of them in the same way.")
    columns = [score for score in shared if score == by or score.startswith("KD") or score == "KID" or score in (*SHOWN_SCORES, *shown)]
    costs = list(dict.fromkeys(name for run in runs for name in run.costs))
    columns += sorted(costs, key=lambda name: not name.startswith("bits ("))  # bits of all kinds side by side
    rows = []
    for name in dict.fromkeys(run.name for run in runs):
        of_name = [{**run.scores, **{cost: run.costs.get(cost, math.nan) for cost in costs}} for run in runs if run.name == name]
        means = {column: statistics.fmean(scores[column] for scores in of_name) for column in columns}
        spreads = {column: spread_of([scores[column] for scores in of_name]) for column in columns}
        rows.append(ComparisonRow(name, len(of_name), means, spreads))
    return sorted(rows, key=lambda row: row.means[by])


def spread_of(values: Sequence[float]) -> float:
    """Standard deviation (with n - 1); NaN for a single number, or where one is missing."""
    return statistics.stdev(values) if len(values) > 1 and not any(map(math.isnan, values)) else math.nan


def format_cell(row: ComparisonRow, column: str) -> str:
    """Mean of a score, with its spread if there are several runs: "0.8 ± 0.14"; a dash for what the models do not have."""
    mean, spread = row.means[column], row.spreads[column]
    if math.isnan(mean):
        return "-"
    if column == PARAMETERS:
        return f"{mean:,.0f}"
    return f"{mean:.4g}" if math.isnan(spread) else f"{mean:.4g} ± {spread:.2g}"


def markdown_table(rows: Sequence[ComparisonRow]) -> str:
    """The comparison as a Markdown table."""
    columns = list(rows[0].means)
    cells = [[row.name, str(row.runs), *(format_cell(row, column) for column in columns)] for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in (["", "runs", *columns], ["---"] * (2 + len(columns)), *cells))


def plot_comparison(rows: Sequence[ComparisonRow], path: Path) -> None:
    """Write a bar chart with one panel for each score; error bars show the spread over runs."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 (an extra)
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError:
        raise missing_extra("matplotlib", "plots", "Plotting a comparison") from None
    columns = list(rows[0].means)
    figure = Figure(figsize=(2.6 * len(columns) + 1.5, 0.45 * len(rows) + 1.4), layout="constrained")
    FigureCanvasAgg(figure)
    for panel, column in enumerate(columns):
        axes = figure.add_subplot(1, len(columns), panel + 1)
        spreads = [row.spreads[column] for row in rows]  # NaN draws no error bar
        axes.barh(range(len(rows)), [row.means[column] for row in rows], xerr=spreads, color="#3b7dd8", ecolor="#333333", capsize=2)
        axes.set_title(column, fontsize=10)
        axes.set_yticks(range(len(rows)), [row.name for row in rows] if panel == 0 else [""] * len(rows), fontsize=9)
        axes.invert_yaxis()
        axes.tick_params(axis="x", labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    with replacing(path) as temporary:
        figure.savefig(temporary, format=path.suffix.removeprefix(".") or "png", dpi=130)
