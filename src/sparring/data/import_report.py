"""What became of every file of a source when it was prepared."""

from dataclasses import dataclass
from typing import Any

from sparring.core.formatting import plural
from sparring.data.source import Problem


@dataclass(frozen=True)
class ImportReport:
    """What became of every file of a source."""

    found: int
    """Files and rows that claim to be images."""
    used: int
    quarantined: tuple[Problem, ...] = ()
    """Unusable images, with reasons."""
    skipped: tuple[Problem, ...] = ()
    """Files that are no images and do not claim to be."""
    notes: tuple[str, ...] = ()
    """What was decided or done along the way, in whole sentences."""
    warnings: tuple[str, ...] = ()
    """What of the images was lost or guessed, with the setting that chooses otherwise, in whole sentences."""

    def lines(self) -> list[str]:
        """For the terminal: a line of counts, the notes, and every quarantined file."""
        counts = f"{self.used:,} of {plural(self.found, 'image', 'images')} used, {len(self.quarantined):,} quarantined."
        return [counts, *self.warnings, *self.notes, *(f"quarantined: {name}: {reason}" for name, reason in self.quarantined)]

    def summary(self, command: str) -> list[str]:
        """For the terminal where the data is not the matter: the warnings, and one line that counts what else `lines` says in full, or none
        if there is nothing to say. `command` prints all of it.
        """
        bad = f"{len(self.quarantined):,} of {plural(self.found, 'image', 'images')} cannot be used" if self.quarantined else ""
        notes = plural(len(self.notes), "note", "notes") if self.notes else ""
        said = ", ".join(part for part in (bad, notes) if part)
        return [*self.warnings, *([f"{said} (in full: {command})"] if said else [])]


def import_report_from_json(value: dict[str, Any]) -> ImportReport:
    """The report in the description of a store."""
    quarantined, skipped = (tuple(Problem(*problem) for problem in value[key]) for key in ("quarantined", "skipped"))
    return ImportReport(value["found"], value["used"], quarantined, skipped, tuple(value["notes"]), tuple(value["warnings"]))
