"""Before training on health records: what is hard about them, which command to start with, and how long that takes on this machine."""

import os
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sparring import recipes
from sparring.core.formatting import flags, plural
from sparring.core.settings_checks import non_default
from sparring.data.records.records_dataset import RecordsDataset
from sparring.data.records.records_reading import RecordsReading
from sparring.data.records.records_store import prepare_records
from sparring.health.diagnosis.finding import WEIGHTS
from sparring.health.doctor.data_checks import Difficulty, busy_machine
from sparring.health.doctor.time_estimate import Pace, duration, measure_pace, two_figures
from sparring.training.settings import TrainSettings

RECIPE = "medgan"
MINUTES = 5.0
"""Minutes of training where nobody says: docs/benchmarks/health.md."""
FEW_PATIENTS = 500
MANY_CODES = 2000
RARE_PATIENTS = 5
"""Codes of fewer patients are hardly learned."""


@dataclass(frozen=True, eq=False)
class RecordsAdvice:
    """What to know before training on health records."""

    data: str
    """The path of the records, or their name."""
    patients: int
    codes: int
    notes: tuple[str, ...]
    """What was found, in sentences."""
    difficulties: tuple[Difficulty, ...]
    """What is hard, the most severe first."""
    settings: Mapping[str, Any]
    """Settings of training: keywords for `sparring.train`."""
    pace: Pace

    @property
    def command(self) -> str:
        """The command to start with."""
        return " ".join(["sparring train", RECIPE, "--data", shlex.quote(self.data), *flags(self.settings)])

    def lines(self) -> list[str]:
        """The advice in lines for the terminal."""
        hard = [one.name for one in self.difficulties if one.severity != "note"]
        lines = [
            f"{self.data}: {plural(self.patients, 'patient', 'patients')}, {plural(self.codes, 'code', 'codes')}.",
            *self.notes,
            f"Hard here: {', '.join(hard)}." if hard else "Nothing is hard here.",
        ]
        for each in self.difficulties:
            lines += ["", f"{each.name.capitalize()}: {each.severity}", f"  {each.description}", f"  To do: {each.remedy}"]
        passes = self.pace.samples_per_second * 60 * self.settings["minutes"] / self.patients
        return [
            *lines,
            *("", "Start with:", "", f"  {self.command}", ""),
            f"{RECIPE} learns which codes go together; medwgan is the same with a Wasserstein critic. Afterwards: sparring judge RUN",
            f"Here ({self.pace.machine}): {two_figures(self.pace.samples_per_second)} patients a second, so {two_figures(passes)} passes "
            f"through the records in {duration(self.settings['minutes'])}.",
        ]

    def to_json(self) -> dict[str, Any]:
        """What `--json` writes."""
        return {
            "data": self.data,
            "count": self.patients,
            "codes": self.codes,
            "recipe": RECIPE,
            "command": self.command,
            "settings": dict(self.settings),
            "difficulties": [asdict(one) for one in self.difficulties],
            "pace": asdict(self.pace),
        }


def advise_records(source: str | os.PathLike[str], reading: RecordsReading, training: TrainSettings) -> RecordsAdvice:
    """What is hard about records, what to start with, and how fast that is here. A few steps are trained to find out. `training`: with
    resolved settings. Raises a DataError for what cannot be learned.
    """
    data = os.fspath(source)
    dataset, notes = prepare_records(data, reading)
    pace = measure_pace(recipes.get(RECIPE)(), dataset, training)
    found = record_difficulties(dataset, busy_machine(pace.share))
    settings = {**non_default(reading), "minutes": training.minutes or MINUTES}
    return RecordsAdvice(data, len(dataset), len(dataset.spec.codes), notes, tuple(found), settings, pace)


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
