"""What all findings come to: healthy or not, since when, and the commands that mend it."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sparring.core.formatting import flags, plural
from sparring.core.settings import plain
from sparring.health.diagnosis.evidence import imaged, trained_on, translates
from sparring.health.diagnosis.finding import Finding, Remedy
from sparring.health.diagnosis.record import Record

FEWEST_CHECKUPS, FEWEST_LINES = 3, 10
"""Below them nothing can be said of a training in which nothing was found."""
CERTAINTIES = ((0.9, "almost certain"), (0.75, "very likely"), (0.5, "likely"), (0.0, "possible"))
COPIES_SEEN = 2.5
"""Times the images looked at: of more, copies of training images are mostly of others."""
SEEN_BY_CHECKUPS = "collapse, copies of the data, a discriminator that learns by heart, dead channels and the like"


@dataclass(frozen=True, eq=False)
class Verdict:
    """What is known of a training, and what was found."""

    record: Record
    findings: tuple[Finding, ...]
    """The weightiest first."""
    also: Mapping[str, Any] = field(default_factory=dict)
    """What a command needs beside the recipe's settings to train as the run was trained: its budget, how its data was prepared."""
    where: str = ""
    """How far the run is on the way to its next milestone, in a sentence; "" where nothing is known of that."""
    young: bool = False
    """Whether it is before a first look, so that a clean bill of health would say too much."""

    @property
    def main(self) -> Finding | None:
        """The weightiest finding that is more than a note."""
        return next((finding for finding in self.findings if finding.severity != "note"), None)

    @property
    def healthy(self) -> bool:
        """Whether nothing was found that is more than a note. (See `too_early`.)"""
        return self.main is None

    @property
    def too_early(self) -> bool:
        """Whether nothing was found because there is next to nothing to look at."""
        count, _ = self.seen
        return self.healthy and count < (FEWEST_LINES if self.looks_at_log else FEWEST_CHECKUPS)

    @property
    def looks_at_log(self) -> bool:
        """Whether there is nothing but losses and their like."""
        return not self.record.checkups

    @property
    def seen(self) -> tuple[int, str]:
        """How many moments were looked at, and what they are."""
        if self.looks_at_log:
            count = max(map(len, self.record.log.values()), default=0)
            return count, plural(count, "line of losses", "lines of losses")
        count = len(self.record.checkups)
        return count, plural(count, "set of samples", "sets of samples") if self.record.kind == "samples" else plural(
            count, "checkup", "checkups"
        )

    @property
    def headline(self) -> str:
        """All of it in a sentence."""
        step = f"step {self.record.last_step:,}"
        if self.main is not None:
            others = sum(finding.severity != "note" for finding in self.findings) - 1
            more = f", and {plural(others, 'finding', 'findings')} more" if others else ""
            return f"Sick: {title(self.main)}{since(self.main)} ({self.main.severity}, {100 * self.main.confidence:.0f} % sure){more}."
        if self.too_early:
            return f"Too early to tell: {self.seen[1]} so far, to {step}."
        if self.young:
            return f"Healthy so far, but young: nothing is wrong by {self.seen[1]} to {step}, which shows little yet."
        return f"Healthy, as far as can be told from {self.seen[1]} to {step}."

    @property
    def limits(self) -> tuple[str, ...]:
        """What could not be looked at, and why."""
        record = self.record
        notes = tuple(record.about_data.get("notes", ()))
        if record.kind == "losses":
            return (
                *notes,
                f"Fewer findings: losses alone do not show {SEEN_BY_CHECKUPS}. A folder of its samples can be diagnosed, too, and what is "
                "trained with Sparring in full.",
            )
        if record.kind == "samples":
            return (
                *notes,
                "Fewer findings: only pixels were there to look at, no losses, no gradients, and no real images to compare with.",
            )
        if self.looks_at_log and self.seen[0] >= FEWEST_LINES:
            return (
                f"Fewer findings: this run has no vital signs (vitals.jsonl), so {SEEN_BY_CHECKUPS} cannot be seen. A new run has them.",
            )
        if translates(record):
            return (
                "Fewer findings: of what is made of images, only losses, logits, gradients and weights are looked at, not the images. "
                "See samples/, and sparring judge.",
            )
        count, looked_at = record.data.get("count", 0), record.data.get("looked_at", 0)
        if imaged(record) and count > COPIES_SEEN * looked_at:
            return (
                f"Copies of training images are looked for among {looked_at:,} of the {trained_on(record)} alone, "
                "so a generator that repeats what it was shown is not found out among so many.",
            )
        return ()

    @property
    def coached(self) -> tuple[str, ...]:
        """What a coach did, a sentence for each time."""
        return tuple(
            f"At step {one['step']:,}: {one['finding']} ({one['severity']}). {origin_of(one)}, now with {changes_of(one)}."
            for one in self.record.interventions
        )

    @property
    def before_and_after(self) -> tuple[tuple[int, Path], ...]:
        """Step and path of the last sample grid from before it began (of a healthy run: from half of the way), and of the newest."""
        sheets = self.record.sheets
        if not sheets:
            return ()
        began = self.record.last_step // 2 if self.main is None else self.main.since or 0
        before = [sheet for sheet in sheets if sheet[0] <= began] or [sheets[0]]
        return (before[-1], sheets[-1]) if before[-1] != sheets[-1] else (sheets[-1],)

    def command(self, remedy: Remedy) -> str:
        """The command that trains anew as the run was trained, but with a remedy; "" where there is none."""
        record = self.record
        if record.kind != "run" or not remedy.settings:
            return ""
        own = {name: value for name, value in record.settings.items() if plain(value) != plain(record.usual.get(name))}
        settings = {name: value for name, value in {**own, **self.also}.items() if name not in remedy.settings} | dict(remedy.settings)
        verb = "playground" if record.about_data.get("points") else "train"
        return command(verb, record.recipe, str(record.about_data.get("source", "DATA")), settings)

    def to_json(self) -> dict[str, Any]:
        """All of it but the curves and images."""
        return {
            "source": str(self.record.source),
            "kind": self.record.kind,
            "recipe": self.record.recipe,
            "step": self.record.last_step,
            "healthy": self.healthy,
            "too_early": self.too_early,
            "young": self.young,
            "headline": self.headline,
            "where": self.where,
            "limits": list(self.limits),
            "coached": list(self.coached),
            "findings": [
                {**finding.to_json(), "commands": [command for remedy in finding.remedies if (command := self.command(remedy))]}
                for finding in self.findings
            ],
            "samples": [{"step": step, "path": str(path)} for step, path in self.before_and_after],
        }


def command(verb: str, recipe: str, data: str, settings: Mapping[str, Any]) -> str:
    """What trains a recipe on some data with these settings."""
    return " ".join(["sparring", verb, recipe, "--data", shlex.quote(data), *flags(settings)])


def title(finding: Finding) -> str:
    """The name of a finding for people."""
    return finding.name.replace("-", " ").replace("_", " ")


def since(finding: Finding) -> str:
    """From when on, in words, with a space before them; "" if that is not known."""
    if finding.since is None:
        return ""
    return f" since step {finding.since:,}" if finding.since else " from the start"


def certainty(finding: Finding) -> str:
    """How sure, in words and percent."""
    words = next(words for least, words in CERTAINTIES if finding.confidence >= least)
    because = f"probably because of {' and '.join(finding.because_of)}, " if finding.because_of else ""
    return f"{because}{words} ({100 * finding.confidence:.0f} %)"


def origin_of(entry: Mapping[str, Any]) -> str:
    """Where an intervention goes back to."""
    return f"Back to step {entry['back_to']:,}, which was healthy" if entry["back_to"] else "Back to the beginning"


def changes_of(entry: Mapping[str, Any]) -> str:
    """What an intervention changes, and from what."""
    return ", ".join(f"{name}={value} (was {entry['before'][name]})" for name, value in entry["changes"].items())
