"""How a table becomes health records: settings."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

from sparring.core.settings_checks import Ranges
from sparring.data.tables.table_files import bundled_table, is_table_name

BUNDLED_RECORDS = {"eunomia": {"patient": "person_id", "code": "concept", "time": "date"}}
"""Tables that come with the package and are records, and what their columns are for."""


OMOP_EVENTS = {
    "condition_occurrence": ("condition_concept_id", "condition_start_date"),
    "drug_exposure": ("drug_concept_id", "drug_exposure_start_date"),
    "procedure_occurrence": ("procedure_concept_id", "procedure_date"),
}
"""By OMOP's tables of what happened to persons, the columns of the code and of the date."""
OMOP_CONCEPTS = "concept"
"""OMOP's table of the names of codes."""


def omop_files(folder: Path) -> dict[str, Path]:
    """The files of a folder that are OMOP tables which are read here, by the table's name."""
    found = {}
    for path in sorted(folder.iterdir()):
        name = path.name.lower().partition(".")[0]
        if path.is_file() and is_table_name(path) and name in (*OMOP_EVENTS, OMOP_CONCEPTS):
            found[name] = path
    return found


def are_records(source: object) -> bool:
    """Whether a source is health records by itself: some that come with the package, or a folder of OMOP tables."""
    if not isinstance(source, str | Path):
        return False
    if str(source) in BUNDLED_RECORDS:
        return bundled_table(source) is not None
    path = Path(source).expanduser()
    return path.is_dir() and bool(set(omop_files(path)) & set(OMOP_EVENTS))


@dataclass(frozen=True, kw_only=True)
class RecordsReading:
    """How a table becomes health records. A folder of OMOP tables needs none of the columns."""

    ranges: ClassVar[Ranges] = {"min_patients": {"at least": 1}}

    patient: str | None = None
    """Column that says which patient a row is of. None: every row is a patient, with a column for each code (a matrix)."""
    code: str | None = None
    """Column of the codes (diagnoses, drugs, procedures), for long files with one row for each code of a patient. None: the table has a
    column for each code (a matrix)."""
    time: str | None = None
    """Column of the date of each code, in long files. The different dates of a patient are visits. None: dates are not used."""
    count: str | None = None
    """Column of how often a patient has a code, in long files. None: every row counts once."""
    visits: str | None = None
    """Column of the number of visits of a patient, where there are no dates. None: found from the dates, if there are any."""
    values: Literal["binary", "counts"] = "binary"
    """What is learned of each code: whether a patient has it (binary), or how often (counts)."""
    min_patients: int = 1
    """Codes that fewer patients have are left out."""

    def problems(self) -> list[str]:
        """Settings that do not work together, each a sentence."""
        found = []
        if self.code is not None and self.patient is None:
            found.append("code names the column of a long file, whose rows are of patients: say whose, with patient.")
        for name in ("time", "count"):
            if getattr(self, name) is not None and self.code is None:
                found.append(f"{name} is for long files, where code names the column of the codes. Give code, or leave {name} out.")
        if self.time is not None and self.visits is not None:
            found.append("time and visits both say how many visits a patient has. Leave one of them out.")
        return found

    def columns(self) -> dict[str, str]:
        """The columns that are named, by what for."""
        named: dict[str, Any] = {use: getattr(self, use) for use in ("patient", "code", "time", "count", "visits")}
        return {use: name for use, name in named.items() if name}

    def for_source(self, source: object) -> "RecordsReading":
        """These settings; for records that come with the package, with their columns where none is named."""
        if isinstance(source, str) and source in BUNDLED_RECORDS and not self.columns():
            return replace(self, **BUNDLED_RECORDS[source])
        return self
