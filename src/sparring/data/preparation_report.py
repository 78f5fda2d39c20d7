"""Reports what happened to every file of a source when it was prepared."""

from dataclasses import dataclass
from typing import Any

from sparring.core.formatting import plural
from sparring.data.listed_images import Problem


@dataclass(frozen=True)
class ImportReport:
    """What happened to every file of a source."""

    found: int
    """Number of files and rows that claim to be images."""
    used: int
    """Number of images in the store."""
    quarantined: tuple[Problem, ...] = ()
    """Unusable images, with reasons."""
    skipped: tuple[Problem, ...] = ()
    """Files that are not images and do not claim to be."""
    notes: tuple[str, ...] = ()
    """Decisions and changes made along the way, in whole sentences."""
    warnings: tuple[str, ...] = ()
    """What was lost or guessed, with the setting that changes it, in whole sentences."""

    def lines(self) -> list[str]:
        """The full report for the terminal: counts, warnings, notes, and every quarantined file."""
        counts = f"{self.used:,} of {plural(self.found, 'image', 'images')} used, {len(self.quarantined):,} quarantined."
        return [counts, *self.warnings, *self.notes, *(f"quarantined: {name}: {reason}" for name, reason in self.quarantined)]

    def summary(self, command: str) -> list[str]:
        """A short report for the terminal: the warnings, and a single note; if there is more, one line that counts it and names the
        `command` that prints the full report.
        """
        if len(self.notes) == 1 and not self.quarantined:
            return [*self.warnings, *self.notes]
        bad = f"{len(self.quarantined):,} of {plural(self.found, 'image', 'images')} cannot be used" if self.quarantined else ""
        notes = plural(len(self.notes), "note", "notes") if self.notes else ""
        counts = ", ".join(part for part in (bad, notes) if part)
        return [*self.warnings, *([f"{counts} (in full: {command})"] if counts else [])]


def import_report_from_json(value: dict[str, Any]) -> ImportReport:
    """The report in the description of a store."""
    quarantined, skipped = (tuple(Problem(*problem) for problem in value[key]) for key in ("quarantined", "skipped"))
    return ImportReport(value["found"], value["used"], quarantined, skipped, tuple(value["notes"]), tuple(value["warnings"]))
