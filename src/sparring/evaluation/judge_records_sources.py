"""Judging the patients of a model of health records, or generated ones in a file, against the real ones."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from sparring.core.errors import SettingsError
from sparring.data.records.patient_records import PatientRecords
from sparring.data.records.records_dataset import split_holdout
from sparring.data.records.records_reading import RecordsReading
from sparring.data.records.records_spec import VISITS
from sparring.data.records.records_store import prepare_records
from sparring.evaluation.judge_records import judge_records
from sparring.evaluation.records_judgment import RecordsJudgment
from sparring.evaluation.records_report import write_records_report
from sparring.inference.data_of_model import source_of
from sparring.inference.model import Model
from sparring.inference.patients import draw_patients, records_spec_of
from sparring.modalities.file_or_frame import FRAME
from sparring.runs.config import read_config, settings_of
from sparring.runs.data_changes import refuse_changed
from sparring.runs.run_directory import RunDirectory


def judge_records_model(
    model: Model,
    *,
    samples: int | None = None,
    seed: int = 0,
    held_out: Any = None,  # noqa: ANN401 (a path or a frame)
    out: str | os.PathLike[str] | None = None,
) -> RecordsJudgment:
    """Score patients of a run against those that it was trained on.

    `samples`: number of patients that are drawn (None: as many as the model was trained on). `held_out`: patients that the run has not
    seen, in a source like the run's; None: those that training held out. `out`: a folder for report.json and report.html. Raises a
    SparringError if the run's data is not where it was, or has changed.
    """
    run, spec = RunDirectory(model.source), records_spec_of(model)
    if not run.exists():
        raise SettingsError(
            f"{model.source} does not know the patients that it was trained on. Draw some, and judge files: "
            f"sparring sample {model.source} --out patients.csv; sparring judge REAL patients.csv --patient COLUMN --code COLUMN"
        )
    source, config = source_of(model), read_config(run)
    if source == FRAME:
        raise SettingsError(f"{run.path} was trained on a data frame, which is not kept. In Python, judge_record_files takes it again.")
    settings = settings_of(config, run.config)
    reading = cast(RecordsReading, settings.data["records"])
    dataset, _ = prepare_records(source, reading)
    if dataset.fingerprint != config["data"]["fingerprint"]:
        refuse_changed(run, config["data"], source, dataset, "Restore it, or judge files.")
    trained_on, unseen = split_holdout(dataset, settings.training.holdout, settings.training.seed)
    others = unseen.records() if held_out is None else prepare_records(held_out, reading)[0].records()
    drawn = draw_patients(model, samples or len(trained_on), seed=seed)
    control = others if len(others) else None
    judgment = judge_records(trained_on.records(), drawn, control, counted=spec.counted, labels=spec.source.get("labels"), seed=seed)
    if out is not None:
        write_records_report(judgment, Path(out))
    return judgment


def judge_record_files(
    real: Any,  # noqa: ANN401 (a path or a frame)
    synthetic: Any,  # noqa: ANN401
    reading: RecordsReading,
    *,
    held_out: Any = None,  # noqa: ANN401
    seed: int = 0,
    out: str | os.PathLike[str] | None = None,
) -> RecordsJudgment:
    """Score generated patients, by whatever program, against real ones. See `judge_records_model`. `reading`: what columns are for; where
    the generated patients have a column "visits" in place of dates, it is used.
    """
    dataset, _ = prepare_records(real, reading)
    made = read_generated(synthetic, reading.for_source(real))
    control = None if held_out is None else prepare_records(held_out, reading)[0].records()
    labels = dataset.spec.source.get("labels")
    judgment = judge_records(dataset.records(), made, control, counted=dataset.spec.counted, labels=labels, seed=seed)
    if out is not None:
        write_records_report(judgment, Path(out))
    return judgment


def read_generated(source: Any, reading: RecordsReading) -> PatientRecords:  # noqa: ANN401 (a path or a frame)
    """Generated patients: like the real ones, but dates may be replaced by numbers of visits, and neither need be there."""
    from sparring.data.tables.reading import read_table  # noqa: PLC0415 (an extra)

    names = read_table(source).table.column_names
    if reading.time is not None and reading.time not in names:
        reading = replace(reading, time=None, visits=VISITS if VISITS in names else None)
    if reading.visits is not None and reading.visits not in names:
        reading = replace(reading, visits=None)
    if reading.count is not None and reading.count not in names:
        reading = replace(reading, count=None)
    return prepare_records(source, replace(reading, min_patients=1))[0].records()
