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
    patient: str | None = None,
    code: str | None = None,
    time: str | None = None,
    count: str | None = None,
    visits: str | None = None,
    values: Literal["binary", "counts"] = "binary",
    records: bool = False,
    inputs: Literal["given", "edges", "scribble", "gray", "low-resolution", "masked"] = "given",
    side_by_side: Literal["none", "left", "right"] = "none",
    twins: bool | None = None,
    private: bool = False,
    orders: tuple[str, ...] = (),
    text: str | None = None,
    temperatures: tuple[float, ...] = (),
    amount: str | None = None,
    review_cost: float = 0.0,
    size: int | str | None = None,
    split: str | None = None,
    value_range: tuple[float, float] | None = None,
    max_pixels: int | None = None,
    write_statistics: Path | None = None,
    out: Path | None = None,
) -> int:
    """Score samples against real images: FD, KD, Inception Score, precision, recall, density, coverage and copied training images, with
    standard errors and a report. Translation models are scored by pairs, or by two sets of images. Rows of tables are scored between
    independent columns and held-out rows, windows of time series between steps in random order and held-out windows, patients of health
    records between independent codes and held-out patients, order lines between independent columns and held-out baskets, texts
    between independent tokens and held-out texts, phrases of music between tracks of different phrases and held-out songs, and scores of
    frauds beside boosted trees.

    Args:
        extractor: Feature network: lite0, inception (for FID), classifier (trained on the data's classes) or timm:NAME. Of texts: minilm,
            for a Fréchet distance of English ones (needs sparring[texts]); by default none.
        samples: Number of images that a model generates. Real images are all used; their features are computed once and cached. (Of a model
            of tables or orders: as many rows or lines as it was trained on. Of a model of time series: at most 2,000 windows. Of a model of
            music: 1,024 phrases.)
        seed: Seed of those images.
        truncation: Truncation of those images, as in `sparring sample`. Default: no truncation.
        held_out: Real images, a table or songs not used for training, to detect copies. Default for runs on tables and health
            records: the rows or patients held out.
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
        orders: For two files of orders: the role of each column, such as customer=id product=sku time=date price=amount. (Roles: customer,
            product, time, price, quantity, group, customer_group.)
        text: For two tables with texts: the column that has them. (Text files, such as .txt and .smi, need none.)
        temperatures: For models of texts: further temperatures at which samples are scored, such as 0.7 0.85 1.0, for curves.
        amount: For models that score frauds: the column with the money that a fraud takes.
        review_cost: For models that score frauds: what looking at one alert costs, in the unit of the amounts.
        patient: For two tables of health records: the column that says which patient a row is of.
        code: For two long files of health records: the column of the codes. Default: the tables have a column for each code.
        time: For two long files of health records: the column of the dates, which tell the visits of a patient.
        count: For two long files of health records: the column of how often a patient has a code.
        visits: For two tables of health records: the column of the number of visits of a patient.
        values: For two tables of health records: whether a patient has a code (binary), or how often (counts).
        records: Two tables are health records, with a row for each patient and a column for each code. (With --patient or --code, they are,
            too.)
        size: For translation models: size, in pixels, that B and the targets are resized to: 64 for squares, 192x128 (width x height) for
            rectangles. Default: as in training.
        split: Part of the named data to use, if it has parts (train, test). Default: train, where data has named splits (torchvision, hf).
        value_range: Values of black and white in images with more than 8 bits per channel. Default: measured from all images, and printed.
        max_pixels: Largest image to read, as height times width. Default: 89,478,485, Pillow's limit against decompression bombs.
        write_statistics: A .npz file to write mean and covariance of the features of A into (mu, sigma), for later judgments and other
            programs. Nothing is judged then.
        out: Folder for report.json and report.html. Default: the run directory; for models and images, judgment.
    """
    from sparring import api
    from sparring.cli.judge_kinds import kind_judged
    from sparring.cli.translate import print_scores
    from sparring.evaluation.feature_statistics import is_statistics_file
    from sparring.evaluation.judge import check_checkpoint_option, load_if_model, milestone_sentence
    from sparring.evaluation.report import HTML_FILE
    from sparring.games.capabilities import Translates
    from sparring.runs.run_directory import RunDirectory

    out = out or (Path(first) if RunDirectory(Path(first)).exists() else Path("judgment"))
    screen = console()
    check_checkpoint_option(checkpoint, first, second)
    model = load_if_model(first, checkpoint)
    of_records = {"patient": patient, "code": code, "time": time, "count": count, "visits": visits}
    of_records |= {"values": values != "binary" and values, "records": records}
    of_records = {name: value for name, value in of_records.items() if value}
    judged = kind_judged(model, first, holds_records=bool(of_records), holds_orders=bool(orders), holds_texts=text is not None)
    if judged is not None:
        given: dict[str, Any] = dict(of_records)
        given |= {"B": second, "samples": samples != SAMPLES and samples, "held-out": held_out, "target": target, "private": private}
        given |= {
            "text": text,
            "temperatures": temperatures,
            "orders": orders,
            "amount": amount,
            "review-cost": review_cost,
            "write-statistics": write_statistics,
        }
        given |= {"device": device != "cpu"}
        given |= {
            "extractor": extractor != "lite0" and extractor,
            "truncation": truncation,
            "weights": weights,
            "resize": resize,
            "exact": exact,
        }
        given |= {"direction": direction != "a2b", "inputs": inputs != "given", "side-by-side": side_by_side != "none", "size": size}
        given |= {"twins": twins is not None, "split": split, "value-range": value_range, "max-pixels": max_pixels}
        return judged.judge(model, first, {name: value for name, value in given.items() if value}, seed=seed, out=out)
    if refused := [f"--{name}" for name, value in {"private": private, "amount": amount, "review-cost": review_cost}.items() if value]:
        raise SettingsError(
            f"{' and '.join(refused)} {'is' if len(refused) == 1 else 'are'} for tables, and {first} is none. Leave it out."
        )
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
    print_scores_by_class(judgment.by_class)
    for line in (*judgment.sentences, *judgment.notes):
        screen.print(line)
    screen.print(f"Report: {out / HTML_FILE}")
    return 0


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


MOST_CLASSES = 20
"""Number of classes that are printed; the report has all."""


def print_scores_by_class(scores: "Sequence[Score]") -> None:
    """A table with a line for each class, the worst distance first; nothing where there are no classes, or too many to look at."""
    from sparring.evaluation.report import format_score

    by_class = {label: {score.name: score for score in scores if score.label == label} for label in dict.fromkeys(s.label for s in scores)}
    if not 2 <= len(by_class) <= MOST_CLASSES:
        return
    names = [name for name in dict.fromkeys(score.name for score in scores) if name not in ("precision", "recall", "density")]
    distance = names[0]
    rows = sorted(by_class.items(), key=lambda item: -item[1][distance].value if distance in item[1] else 0.0)
    cells = [[str(label), *(format_score(of[name])[0] if name in of else "-" for name in names)] for label, of in rows]
    widths = [max(map(len, column)) for column in zip(["by class", *names], *cells, strict=True)]
    screen = console()
    for line in (["by class", *names], *cells):
        screen.print(
            "  ".join(
                f"{cell:>{width}}" if place else f"{cell:{width}}" for place, (cell, width) in enumerate(zip(line, widths, strict=True))
            ),
            markup=False,
        )
    if warning := next((of[distance].warning for _, of in rows if distance in of and of[distance].warning), ""):
        screen.print(f"{distance} by class: {warning}")


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
