"""A run directory, read as it grows: curves, sample sheets, findings and reports. Nothing is written, and no trainer is touched."""

import json
import math
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sparring.core.errors import SparringError
from sparring.health.diagnosis.diagnose import diagnose_run
from sparring.health.diagnosis.verdict import Verdict, certainty, title
from sparring.runs.config import read_config
from sparring.runs.run_directory import RunDirectory
from sparring.studio.places import Place

SHEET = re.compile(r"step-\d{9}\.png")
MOST_CURVES = 60
"""Number of curves of a run."""
MOST_PLACES = 400
"""Number of places of a curve that are sent: neighbors are averaged where there are more."""
MOST_KEPT = 8000
"""Number of places of a curve that are kept in memory: neighbors are averaged where there would be more."""
MOST_LINE_BYTES = 2**20
"""A line that is longer is none of ours."""
PIECE_BYTES = 4 * 2**20
"""Number of bytes that are read at a time."""
MOST_TAILS = 32
"""Number of runs whose curves are kept in memory."""
LOOK_AGAIN_SECONDS = 10.0
"""A run that trains is diagnosed again this often at most."""
REPORTS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "judge": ("Scores (sparring judge)", ("report.html",)),
    "diagnosis": ("Diagnosis (sparring diagnose)", ("diagnosis", "report.html")),
}
"""By name, the title of a report, and where it lies in a run."""


@dataclass
class Tail:
    """A file with one JSON object a line that grows at its end: what is new is read once."""

    path: Path
    offset: int = 0
    rest: bytes = b""
    curves: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    """By name, steps and values."""
    last: dict[str, Any] = field(default_factory=dict)
    """The last line."""

    def read(self) -> None:
        """Read on. A file that became shorter (a run that was resumed further back) is read anew."""
        try:
            size = self.path.stat().st_size
        except OSError:  # not there yet, or no more
            return
        if size < self.offset:
            self.offset, self.rest, self.curves, self.last = 0, b"", {}, {}
        with self.path.open("rb") as file:
            file.seek(self.offset)
            while piece := file.read(PIECE_BYTES):
                self.offset += len(piece)
                *lines, self.rest = (self.rest + piece).split(b"\n")
                for line in lines:
                    self._take(line)
                if len(self.rest) > MOST_LINE_BYTES:
                    self.rest = b""

    def _take(self, line: bytes) -> None:
        try:
            values = json.loads(line)
            step = int(values["step"])
        except (ValueError, KeyError, TypeError):
            return
        if self.last and step <= self.last["step"]:  # cut back and grown again between two looks
            for name, curve in self.curves.items():
                self.curves[name] = [place for place in curve if place[0] < step]
        self.last = values
        for name, value in values.items():
            if name == "step" or isinstance(value, bool) or not isinstance(value, int | float):
                continue
            if name in self.curves or len(self.curves) < MOST_CURVES:
                curve = self.curves.setdefault(name, [])
                curve.append((step, float(value)))
                if len(curve) > MOST_KEPT:
                    curve[:] = averaged(curve, 2)


def averaged(curve: Sequence[tuple[int, float]], group: int) -> list[tuple[int, float]]:
    """Means of so many neighbors each, at the last step of each group."""
    groups = [curve[start : start + group] for start in range(0, len(curve), group)]
    return [(some[-1][0], sum(value for _, value in some) / len(some)) for some in groups]


def thinned(curve: Sequence[tuple[int, float]]) -> list[tuple[int, float | None]]:
    """At most `MOST_PLACES` places of a curve. None stands for what is not finite."""
    fewer = averaged(curve, max(1, -(-len(curve) // MOST_PLACES)))
    return [(step, value if math.isfinite(value) else None) for step, value in fewer]


class Watcher:
    """The runs that are watched. Its methods may be called by several threads."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.tails: OrderedDict[str, tuple[Tail, Tail]] = OrderedDict()
        self.verdicts: OrderedDict[str, tuple[float, int, dict[str, Any]]] = OrderedDict()
        self.diagnosing = threading.Lock()

    def seen(self, place: Place) -> dict[str, Any]:
        """How a run stands: curves of losses and scores, names of all sample sheets, and which reports there are."""
        run = place.run
        if not run.exists():
            return {"there": False}
        with self.lock:
            log, scores = self.tails.setdefault(place.id, (Tail(run.log), Tail(run.scores)))
            self.tails.move_to_end(place.id)
            while len(self.tails) > MOST_TAILS:
                self.tails.popitem(last=False)
            log.read()
            scores.read()
            curves = {name: thinned(curve) for tail in (log, scores) for name, curve in tail.curves.items()}
            last = log.last
        return {
            "there": True,
            "training": run.in_use(),
            "step": last.get("step", 0),
            "real_samples": last.get("real_samples", 0),
            "curves": curves,
            "sheets": sheets_of(run),
            "timelapse": (run.samples / "timelapse.gif").is_file(),
            "reports": reports_of(run),
            "stop": "It saves a checkpoint first, as with Ctrl-C where it trains.",
            "resume": run.resume_command,
        }

    def findings(self, place: Place) -> dict[str, Any]:
        """The verdict on a run, at most every ten seconds anew, and only if it has gone on. There is one diagnosis at a time, and nobody
        waits for it: meanwhile it is what was known before, or nothing.
        """
        run = place.run
        if not self.diagnosing.acquire(blocking=False):
            return self.verdicts.get(place.id, (0, 0, {}))[2]
        try:
            when, size, known = self.verdicts.get(place.id, (-math.inf, -1, {}))
            now = _size(run.log) + _size(run.health)
            if known and (now == size or time.monotonic() - when < LOOK_AGAIN_SECONDS):
                return known
            try:
                found = _verdict(diagnose_run(run))
            except (SparringError, OSError) as problem:
                found = {"headline": str(problem), "findings": [], "healthy": None}
            self.verdicts[place.id] = (time.monotonic(), now, found)
            while len(self.verdicts) > MOST_TAILS:
                self.verdicts.popitem(last=False)
            return found
        finally:
            self.diagnosing.release()


def about_run(place: Place) -> dict[str, Any]:
    """What a run trains, from its config.json."""
    try:
        config = read_config(place.run)
        return {"recipe": str(config["recipe"]), "data": str(config["data"].get("source", ""))}
    except (SparringError, KeyError, TypeError, AttributeError):
        return {}


def sheets_of(run: RunDirectory) -> list[str]:
    """The names of all sample sheets, in the order of the steps."""
    try:
        return sorted(path.name for path in run.samples.iterdir() if SHEET.fullmatch(path.name))
    except OSError:
        return []


def sheet_path(run: RunDirectory, name: str) -> Path | None:
    """The path of a sample sheet, or of the timelapse. None for any other name."""
    return run.samples / name if SHEET.fullmatch(name) or name == "timelapse.gif" else None


def reports_of(run: RunDirectory) -> list[dict[str, str]]:
    """The reports that lie in a run."""
    return [{"id": name, "title": heading} for name, (heading, parts) in REPORTS.items() if run.path.joinpath(*parts).is_file()]


def report_path(run: RunDirectory, name: str) -> Path | None:
    """The path of a report. None for any other name."""
    return run.path.joinpath(*REPORTS[name][1]) if name in REPORTS else None


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "headline": verdict.headline,
        "milestone": verdict.milestone,
        "healthy": verdict.healthy,
        "limits": list(verdict.limits),
        "findings": [
            {
                "title": title(finding).capitalize(),
                "summary": finding.summary,
                "severity": finding.severity,
                "certainty": certainty(finding),
                "since": finding.since,
                "evidence": list(finding.evidence),
                "remedies": [{"action": remedy.action, "command": verdict.command(remedy)} for remedy in finding.remedies],
            }
            for finding in verdict.findings
        ],
    }


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
