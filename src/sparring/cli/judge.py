"""`sparring judge`, `compare`: how good samples are."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from sparring.cli.arguments import Checkpoint
from sparring.core.console import console
from sparring.core.errors import SettingsError


def judge(
    first: Annotated[
        Positional[str], arg(metavar="A", help="A run, a packed or imported model, or data: an embedded name, a folder, a zip.")
    ],
    second: Annotated[
        Positional[str | None], arg(metavar="B", help="What it is judged against. A run is judged against its own data by default.")
    ] = None,
    extractor: str = "lite0",
    samples: int = 10_000,
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
    size: int | None = None,
    split: str | None = None,
    value_range: tuple[float, float] | None = None,
    max_pixels: int | None = None,
    out: Path | None = None,
) -> int:
    """Score samples against real images: FD, KD, Inception Score, precision, recall, density, coverage, copies; with doubt and a report.

    Args:
        extractor: The network whose features are compared: lite0, inception (for FID), classifier (learns the data's classes), timm:NAME.
        samples: Number of images that a model generates. All real images are used; their features are extracted once and cached.
        seed: Of those images.
        truncation: With which they are drawn, as in `sparring sample`. Default: none.
        held_out: Real images that were not trained on, to tell copies by.
        weights: A file with the extractor's weights, in place of the published ones.
        resize: How images are brought to the extractor's size: "bicubic, antialiased" or "bilinear, TensorFlow 1" (the first word is
            enough). Default: the extractor's own way.
        exact: Compute Inception's features in float32 throughout, even where bfloat16 is faster.
        device: What computes features.
        direction: Of a translator: a2b makes targets of inputs; b2a inputs of targets, where the recipe learns it (cyclegan).
        target: Of a translator that is judged by inputs B: where their targets lie, or the set that they should look like.
        inputs: Of a translator: what is made of each image of B to be its input; the image is the target.
        side_by_side: Of a translator: each image of B holds both halves of a pair, and the input is on this side.
        twins: Of a translator: whether B and its target set are pairs by their names. Default: as it was trained (imported ones: pairs).
        size: Of a translator: side in pixels that B and its targets are brought to. Default: what the model was trained on.
        split: Which part of data that is named, where it has parts (train, test).
        value_range: Black and white in images of more than 8 bits a value. Default: found out from all of them, and said.
        max_pixels: Largest height times width of an image that is read. Default: 89,478,485, against decompression bombs.
        out: Folder for report.json and report.html. Default: the run directory, or judgment here.
    """
    from sparring import api
    from sparring.cli.translate import print_scores
    from sparring.evaluation.judge import check_checkpoint_option, load_if_model, milestone_sentence
    from sparring.evaluation.report import HTML_FILE, format_score
    from sparring.games.translation import TranslationGame
    from sparring.runs.run_directory import RunDirectory

    out = out or (Path(first) if RunDirectory(Path(first)).exists() else Path("judgment"))
    screen = console()
    check_checkpoint_option(checkpoint, first, second)
    model = load_if_model(first, checkpoint)
    if model is not None and isinstance(model.game, TranslationGame):
        ours = {"held-out": held_out, "weights": weights, "extractor": extractor != "lite0"}
        ours |= {"split": split, "value-range": value_range, "max-pixels": max_pixels}
        if refused := [f"--{name}" for name, value in ours.items() if value]:
            raise SettingsError(f"{first} is a translator: it is judged by pairs or two sets, with lite0. Leave {', '.join(refused)} out.")
        ratings = api.judge_translations(
            model, second, direction=direction, size=size, target=target, inputs=inputs, side_by_side=side_by_side, twins=twins
        )
        if where := milestone_sentence(model):
            ratings = replace(ratings, notes=(where, *ratings.notes))
        about = [*(["b2a"] if direction == "b2a" else []), *([re.sub(r"\W+", "-", Path(second).name)] if second else [])]
        print_scores(ratings, model.step, out / f"{'-'.join(['translations', *about])}.json")
        return 0
    given = {"direction": direction != "a2b", "target": target, "inputs": inputs != "given", "side-by-side": side_by_side != "none"}
    if refused := [f"--{name}" for name, value in (given | {"twins": twins is not None, "size": size}).items() if value]:
        raise SettingsError(f"{first} is no translator, and only those are judged with {', '.join(refused)}: leave that out.")
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
    width = max(len(score.name) for score in judgment.scores)
    for score in judgment.scores:
        value, doubt = format_score(score)
        screen.print(f"{score.name:{width}}  {value:>9} {doubt:11} ({score.better})" + (f"  {score.warning}" if score.warning else ""))
    protocol = judgment.scores[0].protocol
    screen.print(f"Judged: {protocol.fake_images}.")
    screen.print(f"Against: {protocol.real_images}.")
    for line in (*judgment.sentences, *judgment.notes):
        screen.print(line)
    screen.print(f"Report: {out / HTML_FILE}")
    return 0
