"""Diagnosing a run, another program's losses, or a folder of its samples."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8

from sparring.core.errors import CheckpointError, DataError, SettingsError
from sparring.core.file_kinds import kind_of, refusal
from sparring.health.diagnosis import all_rules, report
from sparring.health.diagnosis.readers.losses import read_losses
from sparring.health.diagnosis.readers.sample_sheets import read_sample_sheets
from sparring.health.diagnosis.training_record import Record, read_run
from sparring.health.diagnosis.verdict import Verdict
from sparring.health.signals import SHEET_CHECKERBOARD, SHEET_SATURATION
from sparring.media.pixel_range import pixels_to_float
from sparring.metrics.pixel_statistics import checkerboard, saturation
from sparring.runs.config import other_settings, read_config, usual_settings
from sparring.runs.run_directory import RunDirectory
from sparring.runs.run_progress import next_milestone
from sparring.training import checkpoints

TABLES = (".csv", ".tsv", ".txt", ".log", ".json", ".jsonl")
WANTED = "Give a run directory, a table of losses, or a folder of samples that were generated during training."


def diagnose(source: str | os.PathLike[str], *, out: str | os.PathLike[str] | None = None, tile: int | None = None) -> Verdict:
    """What is wrong with a training, how sure that is, since when, and what to do.

    `source`: a run directory (also of a run in progress: it is only read), losses of another program (.csv, .jsonl, loss_log.txt), or a
    folder of the samples that it generated as it trained. `tile`: the side of the tiles in that program's sample sheets, in pixels, if it
    is not found. `out`: a folder for report.html and diagnosis.json. Raises a SparringError for anything that a user can correct.
    """
    path, run = Path(source), RunDirectory(Path(source))
    if tile is not None and tile < 1:
        raise SettingsError(f"tile must be at least 1, not {tile}.")
    if run.exists():
        verdict = diagnose_run(run)
    elif path.is_dir() and kind_of(path).holds == "weights":
        raise DataError(f"{refusal(path, 'a run directory')} {WANTED}")
    elif path.is_dir():
        verdict = diagnose_record(read_sample_sheets(path, measure_pixels, tile))
    elif path.suffix.lower() in TABLES and path.is_file():
        verdict = diagnose_record(read_losses(path))
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


def diagnose_record(record: Record) -> Verdict:
    """The verdict on another program's training."""
    return Verdict(record, all_rules.diagnose(record))


def measure_pixels(pixels: UInt8[np.ndarray, "n h w c"]) -> dict[str, float]:
    """What is measured of images by their pixels alone."""
    images = pixels_to_float(torch.from_numpy(np.ascontiguousarray(pixels)))
    return {SHEET_SATURATION.name: saturation(images), SHEET_CHECKERBOARD.name: checkerboard(images)}
