"""What health records are: patients, codes and visits, and which codes are frequent."""

from dataclasses import dataclass

import numpy as np

from sparring.core.formatting import plural
from sparring.data.records.records_dataset import RecordsDataset

SHOWN = 10
"""Number of codes that are named, the most frequent."""
RARE = 0.005
"""Codes of a smaller share of the patients are rare."""


@dataclass(frozen=True, eq=False)
class RecordsInspection:
    """What was found in health records."""

    name: str
    dataset: RecordsDataset
    notes: tuple[str, ...]

    def lines(self) -> list[str]:
        """The summary for the terminal."""
        records, spec = self.dataset.everybody, self.dataset.spec
        patients, sizes = records.patients_of_codes(), np.diff(records.indptr)
        rare = int((patients < RARE * len(records)).sum())
        lines = [
            f"{self.name}: {plural(len(records), 'patient', 'patients')}, {plural(len(spec.codes), 'code', 'codes')} (of {rare} fewer than "
            f"{RARE:.1%} of the patients have each).",
            f"Codes of a patient: {_spread(sizes)}.",
        ]
        if records.visits is not None:
            lines.append(f"Visits of a patient: {_spread(np.asarray(records.visits))}.")
        if spec.counted:
            several = float((np.asarray(records.counts) > 1).mean()) if len(records.counts) else 0.0
            lines.append(f"A code of a patient comes several times in {several:.0%}.")
        lines += [*self.notes, "", "Most frequent codes:"]
        most = np.argsort(-patients, kind="stable")[:SHOWN]
        return [*lines, *(f"  {patients[code] / len(records):6.1%}  {spec.label(spec.codes[code])}" for code in most)]


def _spread(numbers: np.ndarray) -> str:
    low, middle, high = np.quantile(numbers, [0.05, 0.5, 0.95])
    return f"{numbers.mean():.1f} on average; {middle:g} for half of them, {low:g} to {high:g} for nine in ten"
