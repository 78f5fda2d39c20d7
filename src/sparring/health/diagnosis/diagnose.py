"""Diagnosing a run, another program's losses, or a folder of its samples."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8

from sparring.core.errors import CheckpointError, DataError, SettingsError
from sparring.core.file_kinds import kind_of, refusal
from sparring.core.formatting import plural
from sparring.data.open_by_name import open_source
from sparring.data.prepare_store import prepare
from sparring.health.diagnosis import all_rules, report
from sparring.health.diagnosis.readers.losses import read_losses
from sparring.health.diagnosis.readers.sample_sheets import measure_real_images, read_sample_sheets
from sparring.health.diagnosis.training_record import Record, read_run
from sparring.health.diagnosis.verdict import Verdict
from sparring.health.measurements import HealthMeasurements
from sparring.health.signals import SHEET_CHECKERBOARD, SHEET_SATURATION
from sparring.media.pixel_range import pixels_to_float
from sparring.metrics.pixel_statistics import checkerboard, saturation
from sparring.runs.config import other_settings, read_config, usual_settings
from sparring.runs.run_directory import RunDirectory
from sparring.runs.run_progress import next_milestone
from sparring.training import checkpoints

REAL_IMAGES = 256
"""Real images that samples are compared with."""
TABLES = (".csv", ".tsv", ".txt", ".log", ".json", ".jsonl")
WANTED = "Give a run directory, a table of losses, or a folder of samples that were generated during training."


Place = str | os.PathLike[str]


def diagnose(
    source: Place, *, out: Place | None = None, tile: int | None = None, losses: Place | None = None, data: Place | None = None
) -> Verdict:
    """What is wrong with a training, how sure that is, since when, and what to do.

    `source`: a run directory (also of a run in progress: it is only read), losses of another program (.csv, .jsonl, loss_log.txt), or a
    folder of the samples that it generated as it trained. `losses` and `data` are beside such samples: the program's losses, and the real
    images (whatever `open_source` takes) that it was trained on, so that one verdict goes by all of it. `tile`: the side of the tiles in
    that program's sample sheets, in pixels, if it is not found. `out`: a folder for report.html and diagnosis.json. Raises a SparringError
    for anything that a user can correct.
    """
    path, run = Path(source), RunDirectory(Path(source))
    if tile is not None and tile < 1:
        raise SettingsError(f"tile must be at least 1, not {tile}.")
    if run.exists():
        if given := [name for name, value in (("losses", losses), ("data", data)) if value is not None]:
            raise SettingsError(f"{path} is a run, which has its own losses and data. Leave {' and '.join(given)} out.")
        verdict = diagnose_run(run)
    elif path.is_dir() and kind_of(path).holds == "weights":
        raise DataError(f"{refusal(path, 'a run directory')} {WANTED}")
    elif path.is_dir():
        record = read_sample_sheets(path, measure_pixels, tile)
        if losses is not None:
            record = with_losses(record, read_losses(Path(losses)))
        verdict = diagnose_record(with_real_images(record, data))
    elif path.suffix.lower() in TABLES and path.is_file():
        if losses is not None:
            raise SettingsError(
                f"{path} is a table of losses, and so is --losses. Name the folder of samples first, or leave --losses out."
            )
        verdict = diagnose_record(with_real_images(read_losses(path), data))
    elif path.exists():
        raise DataError(f"{refusal(path, 'a table of losses')} {WANTED[:-1]}; tables are {', '.join(TABLES)}.")
    else:
        raise DataError(f"{path} does not exist. {WANTED}")
    if out is not None:
        report.write(verdict, Path(out))
    return verdict


def diagnose_run(run: RunDirectory) -> Verdict:
    """The verdict on a run directory."""
    config = read_config(run)
    try:
        defaults = usual_settings(config["recipe"], config["data"]["spec"]["kind"])
        training_settings = other_settings(config)
    except (KeyError, TypeError, AttributeError) as problem:
        raise CheckpointError(f"{run.config} is damaged, or was altered: {problem!r}") from None
    try:
        record = read_run(run, defaults)
    except (KeyError, ValueError, TypeError, AttributeError) as problem:
        raise DataError(f"{run.path} is damaged, or of another version: {problem!r}") from None
    record = replace(record, checkpoint_step=checkpoints.newest_progress(run.checkpoints).step)
    milestone = next_milestone(run, config)
    if not record.log and not record.measurements and not record.ending and not record.checkpoint_step:
        raise DataError(
            f"{run.path} has no checkpoint of a step that was trained, and no log, so there is nothing to diagnose. Train it: "
            f"{run.resume_command}"
        )
    try:
        verdict = Verdict(record, all_rules.diagnose(record), training_settings)
    except (KeyError, ValueError, TypeError) as problem:
        raise DataError(f"{run.health} is damaged, or of another version: {problem!r}") from None
    if milestone is None:
        return verdict
    # a failing run should not be continued as it is, so no command for that is named
    sentence = milestone.sentence if verdict.healthy else f"{milestone.distance})."
    return replace(verdict, milestone=sentence, young=milestone.young)


def with_losses(samples: Record, losses: Record) -> Record:
    """What is recorded in samples and in losses of one training."""
    notes = [*samples.data_config.get("notes", ()), *losses.data_config.get("notes", ())]
    return replace(samples, log=losses.log, data_config={**losses.data_config, **samples.data_config, "notes": notes})


def with_real_images(record: Record, data: Place | None) -> Record:
    """The record with what is measured of the images that were trained on, if these are known."""
    if data is None:
        return record
    store = prepare(open_source(os.fspath(data)))
    if len(store) < 2:
        raise DataError(f"{data} holds {plural(len(store), 'image', 'images')}, and at least 2 can be compared with samples.")
    some = np.linspace(0, len(store) - 1, min(len(store), REAL_IMAGES)).astype(int)
    pixels = np.ascontiguousarray(store.pixels[some])
    return replace(record, data={**HealthMeasurements(store, None, 0).measure_data(), **measure_real_images(pixels)})


def diagnose_record(record: Record) -> Verdict:
    """The verdict on another program's training."""
    return Verdict(record, all_rules.diagnose(record))


def measure_pixels(pixels: UInt8[np.ndarray, "n h w c"]) -> dict[str, float]:
    """What is measured of images by their pixels alone."""
    images = pixels_to_float(torch.from_numpy(np.ascontiguousarray(pixels)))
    return {SHEET_SATURATION.name: saturation(images), SHEET_CHECKERBOARD.name: checkerboard(images)}
