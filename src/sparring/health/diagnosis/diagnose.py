"""Diagnosing whatever a person names: a run, losses in a table, a folder of samples."""

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
from sparring.health.diagnosis.readers.sample_sheets import read_samples
from sparring.health.diagnosis.record import Record, read_run
from sparring.health.diagnosis.verdict import Verdict
from sparring.media.pixels import pixels_to_float
from sparring.metrics.pixel_space import checkerboard, saturation
from sparring.runs.config import other_settings, read_config, usual_settings
from sparring.runs.milestones import whereabouts
from sparring.runs.run_directory import RunDirectory
from sparring.training import checkpoints

TABLES = (".csv", ".tsv", ".txt", ".log", ".json", ".jsonl")
WANTED = "Give a run directory, a table of losses, or a folder of samples that were drawn while training."


def diagnose(place: str | os.PathLike[str], *, out: str | os.PathLike[str] | None = None, tile: int | None = None) -> Verdict:
    """What is wrong with a training, how sure that is, since when, and what to do.

    `place`: a run directory (also of a run in progress: it is only read), losses that another program wrote (.csv, .jsonl, loss_log.txt),
    or a folder of samples that it drew as it trained. `tile`: the side of the tiles in such a program's sheets, in pixels, where it is not
    found. `out`: a folder for report.html and diagnosis.json. Raises a SparringError for anything a user can mend.
    """
    path, run = Path(place), RunDirectory(Path(place))
    if tile is not None and tile < 1:
        raise SettingsError(f"tile must be at least 1, not {tile}.")
    if run.exists():
        verdict = of_run(run)
    elif path.is_dir() and kind_of(path).holds == "weights":
        raise DataError(f"{refusal(path, 'a run directory')} {WANTED}")
    elif path.is_dir():
        verdict = of_record(read_samples(path, examine, tile))
    elif path.suffix.lower() in TABLES and path.is_file():
        verdict = of_record(read_losses(path))
    elif path.exists():
        raise DataError(f"{refusal(path, 'a table of losses')} {WANTED[:-1]}; tables are {', '.join(TABLES)}.")
    else:
        raise DataError(f"{path} does not exist. {WANTED}")
    if out is not None:
        report.write(verdict, Path(out))
    return verdict


def of_run(run: RunDirectory) -> Verdict:
    """A run directory's."""
    config = read_config(run)
    try:
        usual, also = usual_settings(config["recipe"], config["data"]["spec"]["kind"]), other_settings(config)
    except (KeyError, TypeError, AttributeError) as problem:
        raise CheckpointError(f"{run.config} is damaged, or was altered: {problem!r}") from None
    try:
        record = read_run(run, usual)
    except (KeyError, ValueError, TypeError, AttributeError) as problem:
        raise DataError(f"{run.path} is damaged, or of another version: {problem!r}") from None
    record, where = replace(record, at=checkpoints.newest_progress(run.checkpoints).step), whereabouts(run, config)
    if not record.log and not record.checkups and not record.ending and not record.at:
        raise DataError(
            f"{run.path} has no checkpoint of a step that was trained, and no log, so there is nothing to tell from. Train it: "
            f"{run.resume_command}"
        )
    try:
        sentence, young = (where.sentence, where.young) if where is not None else ("", False)
        return Verdict(record, all_rules.diagnose(record), also, where=sentence, young=young)
    except (KeyError, ValueError, TypeError) as problem:
        raise DataError(f"{run.vitals} is damaged, or of another version: {problem!r}") from None


def of_record(record: Record) -> Verdict:
    """That of another program's training."""
    return Verdict(record, all_rules.diagnose(record))


def examine(pixels: UInt8[np.ndarray, "n h w c"]) -> dict[str, float]:
    """The signs of images by their pixels alone."""
    images = pixels_to_float(torch.from_numpy(np.ascontiguousarray(pixels)))
    return {"saturation": saturation(images), "checkerboard": checkerboard(images)}
