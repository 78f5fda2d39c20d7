"""`sparring judge`: how good samples are."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import Positional, arg

from sparring.cli.arguments.shared import Checkpoint
from sparring.core.console import console
from sparring.core.errors import SettingsError

if TYPE_CHECKING:
    from sparring.evaluation.judge import Judgeable
    from sparring.evaluation.scores import Score

SAMPLES = 10_000
"""Number of images that a model generates, where nobody says."""


def judge(
    first: Annotated[
        Positional[str],
        arg(
            metavar="A",
            help="The samples to score: a run, a packed or imported model, or images (a folder, a zip, a data set). "
            "Of two tables: the real one.",
        ),
    ],
    second: Annotated[
        Positional[str | None],
        arg(
            metavar="B",
            help="The real images to compare with, or published statistics of them (.npz with mu and sigma). Default: the training data of "
            "the run. Of two tables: the synthetic one.",
        ),
    ] = None,
    extractor: str = "lite0",
    samples: int = SAMPLES,
    seed: int = 0,
    truncation: float | None = None,
    checkpoint: Checkpoint = "last",
    held_out: str | None = None,
    weights: Path | None = None,
    resize: Annotated[Literal["bicubic, antialiased", "bilinear, TensorFlow 1"] | None, arg(metavar="{bicubic,bilinear}")] = None,
    exact: bool = False,
    device: Literal["cpu", "cuda"] = "cpu",
    direction: Literal["a2b", "b2a"] = "a2b",
    target: str | None = None,
    inputs: Literal["given", "edges", "scribble", "gray", "low-resolution", "masked"] = "given",
    side_by_side: Literal["none", "left", "right"] = "none",
    twins: bool | None = None,
    private: bool = False,
    size: int | None = None,
    split: str | None = None,
    value_range: tuple[float, float] | None = None,
    max_pixels: int | None = None,
    write_statistics: Path | None = None,
    orders: tuple[str, ...] = (),
    out: Path | None = None,
) -> int:
    """Score samples against real images: FD, KD, Inception Score, precision, recall, density, coverage and copied training images, with
    standard errors and a report. Translation models are scored by pairs, or by two sets of images. Rows of tables are scored between
    independent columns and held-out rows, windows of time series between steps in random order and held-out windows,
    order lines between independent columns and held-out baskets.

    Args:
        extractor: Feature network: lite0, inception (for FID), classifier (trained on the data's classes) or timm:NAME.
        samples: Number of images that a model generates. Real images are all used; their features are computed once and cached. (Of a model
            of tables or orders: as many rows or lines as it was trained on. Of a model of time series: at most 2,000 windows.)
        seed: Seed of those images.
        truncation: Truncation of those images, as in `sparring sample`. Default: no truncation.
        held_out: Real images, or a table, not used for training, to detect copies. Default for runs on tables: the rows held out.
        weights: A file with other weights for the feature network. Default: the published weights.
        resize: How images are resized for the feature network: bicubic (antialiased) or bilinear (as in TensorFlow 1). Default: as the
            feature network defines it.
        exact: Compute Inception's features in float32, even if bfloat16 is faster.
        device: Device for the feature network.
        direction: For translation models: from inputs to targets (a2b), or from targets to inputs (b2a, only cyclegan).
        target: For translation models, if B holds only inputs: their targets, or images that the translations should look like. For
            tables: a column to predict, by a model that learns from synthetic rows.
        inputs: For translation models: how the input is made from each image of B, which is its target.
        side_by_side: For translation models: each file of B holds a pair side by side, with the input on this side.
        twins: For translation models: whether files of the same name in B and --target are pairs. Default: as in training; for imported
            models, they are pairs.
        private: For tables: attack the training rows, to measure what the synthetic ones give away. The report then shows no real rows.
        size: For translation models: side, in pixels, that B and the targets are resized to. Default: as in training.
        split: Part of the named data to use, if it has parts (train, test). Default: train, where data has named splits (torchvision, hf).
        value_range: Values of black and white in images with more than 8 bits per channel. Default: measured from all images, and printed.
        max_pixels: Largest image to read, as height times width. Default: 89,478,485, Pillow's limit against decompression bombs.
        write_statistics: A .npz file to write mean and covariance of the features of A into (mu, sigma), for later judgments and other
            programs. Nothing is judged then.
        orders: For two files of orders: the role of each column, such as customer=id product=sku time=date price=amount. (Roles: customer,
            product, time, price, quantity, group, customer_group.)
        out: Folder for report.json and report.html. Default: the run directory; for models and images, judgment.
    """
    from sparring import api
    from sparring.cli.judge_lines import judge_lines
    from sparring.cli.judge_paths import judge_paths
    from sparring.cli.judge_rows import judge_rows
    from sparring.cli.translate import print_scores
    from sparring.data.tables.table_files import is_table
    from sparring.evaluation.feature_statistics import is_statistics_file
    from sparring.evaluation.judge import check_checkpoint_option, load_if_model, milestone_sentence
    from sparring.evaluation.report import HTML_FILE
    from sparring.games.capabilities import MakesOrders, MakesRows, SimulatesSeries, Translates
    from sparring.runs.run_directory import RunDirectory

    out = out or (Path(first) if RunDirectory(Path(first)).exists() else Path("judgment"))
    screen = console()
    check_checkpoint_option(checkpoint, first, second)
    model = load_if_model(first, checkpoint)
    for_images = {"extractor": extractor != "lite0", "truncation": truncation, "weights": weights, "resize": resize, "exact": exact}
    for_images |= {"direction": direction != "a2b", "inputs": inputs != "given", "side-by-side": side_by_side != "none", "size": size}
    for_images |= {"twins": twins is not None, "split": split, "value-range": value_range, "max-pixels": max_pixels}
    more = {"target": target, "private": private, "write-statistics": write_statistics, "device": device != "cpu"}
    if orders or (model is not None and isinstance(model.game, MakesOrders)):
        _refuse(first, "a model of orders" if model else "a log of orders", for_images | more)
        return judge_lines(
            model, first, second, roles=orders, held_out=held_out, samples=None if samples == SAMPLES else samples, seed=seed, out=out
        )
    if model is not None and isinstance(model.game, SimulatesSeries):
        _refuse(first, "a model of time series", for_images | {"held-out": held_out} | more)
        return judge_paths(model, second, samples=None if samples == SAMPLES else samples, seed=seed, out=out)
    if is_table(first) or (model is not None and isinstance(model.game, MakesRows)):
        _refuse(first, "a table" if model is None else "a model of tables", for_images)
        return judge_rows(model, first, second, held_out=held_out, target=target, private=private, seed=seed, out=out)
    if private:
        raise SettingsError(f"--private is for tables, and {first} is none. Leave it out.")
    if model is not None and isinstance(model.game, Translates):
        ours = {"held-out": held_out, "weights": weights, "extractor": extractor != "lite0"}
        ours |= {"split": split, "value-range": value_range, "max-pixels": max_pixels}
        if refused := [f"--{name}" for name, value in ours.items() if value]:
            raise SettingsError(f"{first} is a translation model, which is always scored with lite0. Leave out {', '.join(refused)}.")
        ratings = api.judge_translations(
            model, second, direction=direction, size=size, target=target, inputs=inputs, side_by_side=side_by_side, twins=twins
        )
        if where := milestone_sentence(model):
            ratings = replace(ratings, notes=(where, *ratings.notes))
        about = [*(["b2a"] if direction == "b2a" else []), *([re.sub(r"\W+", "-", Path(second).name)] if second else [])]
        print_scores(ratings, model.step, out / f"{'-'.join(['translations', *about])}.json")
        return 0
    if write_statistics is not None or is_statistics_file(second):
        how = {"extractor": extractor, "samples": samples, "seed": seed, "weights": weights, "resize": resize, "exact": exact}
        unused = {"held-out": held_out, "value-range": value_range, "max-pixels": max_pixels, "size": size, "target": target}
        unused |= {"truncation": truncation} if write_statistics is not None else {}
        more = {"truncation": truncation, "checkpoint": checkpoint}
        return _with_statistics(model or first, second, write_statistics, out, unused, how | {"device": device, "split": split}, more)
    given = {"direction": direction != "a2b", "target": target, "inputs": inputs != "given", "side-by-side": side_by_side != "none"}
    if refused := [f"--{name}" for name, value in (given | {"twins": twins is not None, "size": size}).items() if value]:
        raise SettingsError(f"{first} is not a translation model, and {', '.join(refused)} only works with those. Leave it out.")
    judgment = api.judge(
        model or first,
        second,
        extractor=extractor,
        samples=samples,
        seed=seed,
        truncation=truncation,
        checkpoint=checkpoint,
        held_out=held_out,
        weights=weights,
        resize=resize,
        exact=exact,
        device=device,
        split=split,
        value_range=value_range,
        max_pixels=max_pixels,
        out=out,
        console=screen,
    )
    print_scores_of_images(judgment.scores)
    for line in (*judgment.sentences, *judgment.notes):
        screen.print(line)
    screen.print(f"Report: {out / HTML_FILE}")
    return 0


def _refuse(first: str, what: str, flags: "Mapping[str, object]") -> None:
    """Raise a SettingsError that names the flags that were given and have no use for what is judged."""
    if refused := [f"--{name}" for name, value in flags.items() if value]:
        raise SettingsError(f"{first} is {what}: leave out {', '.join(refused)}.")


def _with_statistics(
    judged: "Judgeable",
    statistics: str | None,
    write_to: Path | None,
    out: Path,
    unused: Mapping[str, object],
    how: dict[str, Any],
    sampling: dict[str, Any],
) -> int:
    """Write the statistics of features, or judge against those that were published."""
    from sparring import api
    from sparring.core.atomic_files import write_json

    screen = console()
    if refused := [f"--{name}" for name, value in unused.items() if value]:
        raise SettingsError(f"Statistics of features have no images: leave out {', '.join(refused)}.")
    if write_to is not None:
        if statistics is not None:
            raise SettingsError("--write-statistics writes those of one set of images: name one.")
        screen.print(f"Statistics: {api.write_statistics(judged, write_to, console=screen, **how)}")
        return 0
    scores, notes = api.judge_against_statistics(judged, str(statistics), console=screen, **how, **sampling)
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "statistics.json", {"scores": [score.to_json() for score in scores], "notes": notes})
    print_scores_of_images(scores)
    for line in (*notes, f"Report: {out / 'statistics.json'}"):
        screen.print(line)
    return 0


def print_scores_of_images(scores: "Sequence[Score]") -> None:
    """A line for each score, and what images they are of."""
    from sparring.evaluation.report import format_score

    screen, width = console(), max(len(score.name) for score in scores)
    for score in scores:
        value, doubt = format_score(score)
        screen.print(f"{score.name:{width}}  {value:>9} {doubt:11} ({score.better})" + (f"  {score.warning}" if score.warning else ""))
    protocol = scores[0].protocol
    screen.print(f"Samples: {protocol.fake_images}.")
    screen.print(f"Real images: {protocol.real_images}.")
