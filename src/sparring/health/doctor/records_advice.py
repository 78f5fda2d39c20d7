"""Before training on health records: what is hard about them, which command to start with, and how long that takes on this machine."""

import os

import numpy as np

from sparring import recipes
from sparring.core.formatting import plural
from sparring.core.settings_checks import non_default
from sparring.data.records.records_dataset import RecordsDataset
from sparring.data.records.records_reading import RecordsReading
from sparring.data.records.records_store import prepare_records
from sparring.health.diagnosis.finding import WEIGHTS
from sparring.health.doctor.data_checks import Difficulty, busy_machine
from sparring.health.doctor.kind_advice import KindAdvice
from sparring.health.doctor.time_estimate import duration, measure_pace, pace_in_words, two_figures
from sparring.training.settings import TrainSettings

RECIPE = "medgan"
MINUTES = 5.0
"""Minutes of training where nobody says: docs/benchmarks/health.md."""
FEW_PATIENTS = 500
MANY_CODES = 2000
RARE_PATIENTS = 5
"""Codes of fewer patients are hardly learned."""


def advise_records(source: str | os.PathLike[str], reading: RecordsReading, training: TrainSettings) -> KindAdvice:
    """What is hard about records, what to start with, and how fast that is here. A few steps are trained to find out. `training`: with
    resolved settings. Raises a DataError for what cannot be learned.
    """
    data = os.fspath(source)
    dataset, notes = prepare_records(data, reading)
    pace = measure_pace(recipes.get(RECIPE)(), dataset, training)
    found = record_difficulties(dataset, busy_machine(pace.share))
    settings = {**non_default(reading), "minutes": training.minutes or MINUTES}
    codes, passes = len(dataset.spec.codes), pace.samples_in(settings["minutes"]) / len(dataset)
    sentence = f"{plural(len(dataset), 'patient', 'patients')}, {plural(codes, 'code', 'codes')}."
    after = (
        f"{RECIPE} learns which codes go together; medwgan is the same with a Wasserstein critic. Afterwards: sparring judge RUN",
        f"{pace_in_words(pace, 'patients')}: {two_figures(passes)} passes through the records in {duration(settings['minutes'])}.",
    )
    return KindAdvice(data, len(dataset), sentence, notes, tuple(found), RECIPE, settings, after, pace, {"codes": codes})


def record_difficulties(dataset: RecordsDataset, busy: Difficulty | None) -> list[Difficulty]:
    """What is hard about records, the most severe first."""
    found, records = [] if busy is None else [busy], dataset.everybody
    patients = records.patients_of_codes()
    if len(records) < FEW_PATIENTS:
        description = f"{len(records):,} patients. A model can learn them by repeating them, and then gives away what it should protect."
        remedy = "Look at the attacks of sparring judge RUN before you share anything, and train for few minutes."
        found.append(Difficulty("few patients", description, "severe" if len(records) < FEW_PATIENTS // 5 else "warning", remedy))
    if len(patients) > MANY_CODES:
        description = f"{len(patients):,} codes, most of them of few patients: what goes with each is hardly learned, and training is slow."
        remedy = f"Leave out rare ones (--min-patients {RARE_PATIENTS}), or join codes to groups (the first three digits of ICD)."
        found.append(Difficulty("many codes", description, "warning", remedy))
    rare = int((patients < RARE_PATIENTS).sum())
    if rare:
        description = f"{plural(rare, 'code has', 'codes have')} fewer than {RARE_PATIENTS} patients: too few to learn what goes with them."
        remedy = f"They are drawn about as often as in the data. To leave them out: --min-patients {RARE_PATIENTS}."
        found.append(Difficulty("rare codes", description, "note", remedy))
    if everybody := int((patients == len(records)).sum()):
        description = f"{plural(everybody, 'code is', 'codes are')} in all patients."
        found.append(Difficulty("constant codes", description, "note", "Nothing: they come back in all generated patients."))
    empty = float((np.diff(records.indptr) == 0).mean())
    if empty > 0.5:
        description = f"{empty:.0%} of the patients have no code at all."
        found.append(
            Difficulty("empty patients", description, "warning", "Is the table read as it should be? Look at sparring data inspect.")
        )
    return sorted(found, key=lambda one: -WEIGHTS[one.severity])
