"""The verdict on a training: healthy or not, since when, and the commands that train it better."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sparring.core.formatting import flags, plural
from sparring.core.settings_checks import plain
from sparring.health.diagnosis import thresholds
from sparring.health.diagnosis.finding import Finding, Remedy
from sparring.health.diagnosis.record_questions import describe_image_count, has_images, translates_images
from sparring.health.diagnosis.training_record import Record
from sparring.health.signals import IMAGE_COUNT, MEASURED_COUNT

CERTAINTIES = ((0.9, "almost certain"), (0.75, "very likely"), (0.5, "likely"), (0.0, "possible"))
NEEDS_MEASUREMENTS = "mode collapse, memorization, an overfitting discriminator, dead layers and the like"


@dataclass(frozen=True, eq=False)
class Verdict:
    """What is known of a training, and what was found."""

    record: Record
    findings: tuple[Finding, ...]
    """All findings, the weightiest first."""
    training_settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings beside the recipe's that a command needs in order to train as the run was trained: its budget, how data were prepared."""
    milestone: str = ""
    """How far the run is on the way to its next milestone, in a sentence; "" if nothing is known of that."""
    young: bool = False
    """Whether the run is before its first look, when a clean bill of health would say too much."""

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
        enough = thresholds.MIN_HEALTHY_LOG_LINES if self.has_only_log else thresholds.MIN_HEALTHY_MEASUREMENTS
        return self.healthy and self.evidence_count < enough

    @property
    def has_only_log(self) -> bool:
        """Whether nothing was recorded but losses, logits and gradients."""
        return not self.record.measurements

    @property
    def evidence_count(self) -> int:
        """Number of moments that were recorded."""
        return max(map(len, self.record.log.values()), default=0) if self.has_only_log else len(self.record.measurements)

    @property
    def evidence(self) -> str:
        """What the verdict is based on: "8 measurements"."""
        if self.has_only_log:
            return plural(self.evidence_count, "line of losses", "lines of losses")
        if self.record.kind == "samples":
            lines = max(map(len, self.record.log.values()), default=0)
            beside = f" and {plural(lines, 'line of losses', 'lines of losses')}" if lines else ""
            return plural(self.evidence_count, "set of samples", "sets of samples") + beside
        return plural(self.evidence_count, "measurement", "measurements")

    @property
    def headline(self) -> str:
        """The verdict in a sentence."""
        step = f"step {self.record.last_step:,}"
        if self.main is not None:
            others = sum(finding.severity != "note" for finding in self.findings) - 1
            more = f", and {plural(others, 'more finding', 'more findings')}" if others else ""
            return f"Sick: {title(self.main)}{since(self.main)} ({self.main.severity}, {100 * self.main.confidence:.0f} % sure){more}."
        if self.too_early:
            return f"Too early to tell: {self.evidence} so far, up to {step}."
        if self.young:
            return f"Healthy so far, but young: nothing is wrong in {self.evidence} up to {step}, which shows little yet."
        return f"Healthy, as far as {self.evidence} up to {step} can tell."

    @property
    def limits(self) -> tuple[str, ...]:
        """What could not be examined, and why."""
        record = self.record
        notes = tuple(record.data_config.get("notes", ()))
        if record.kind == "losses":
            return (
                *notes,
                f"Fewer findings: losses alone do not show {NEEDS_MEASUREMENTS}. Name a folder of the program's samples, too: sparring "
                f"diagnose SAMPLES --losses {shlex.quote(str(record.source))} --data DATA. What is trained with Sparring is diagnosed in "
                "full.",
            )
        if record.kind == "samples":
            missing = [*([] if record.log else ["no losses (--losses)"]), "no gradients"]
            missing += [] if record.data else ["no real images to compare with (--data)"]
            return (*notes, f"Fewer findings: there were {' and '.join(missing)}.")
        if self.has_only_log and self.evidence_count >= thresholds.MIN_HEALTHY_LOG_LINES:
            return (
                f"Fewer findings: this run has no measurements (health.jsonl), so {NEEDS_MEASUREMENTS} cannot be seen. A new run has them.",
            )
        if translates_images(record):
            return (
                "Fewer findings: of image translation only losses, logits, gradients and weights are examined, not the images. Look at "
                "samples/, and score them with sparring judge.",
            )
        count, measured = IMAGE_COUNT.of(record.data, 0), MEASURED_COUNT.of(record.data, 0)
        if has_images(record) and count > thresholds.COPIES_MEASURED * measured:
            return (
                f"Copies of training images are only looked for among {measured:,} of the {describe_image_count(record)}. A generator that "
                "memorizes may not be found out among so many.",
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
        """Step and path of two sample grids: the last one from before the main finding began (of a healthy run: from half of the way), and
        the newest.
        """
        sheets = self.record.sheets
        if not sheets:
            return ()
        began = self.record.last_step // 2 if self.main is None else self.main.since or 0
        before = [sheet for sheet in sheets if sheet[0] <= began] or [sheets[0]]
        return (before[-1], sheets[-1]) if before[-1] != sheets[-1] else (sheets[-1],)

    def command(self, remedy: Remedy) -> str:
        """The command that trains again as the run was trained, but with a remedy; "" if there is none."""
        record = self.record
        if record.kind != "run" or not remedy.settings:
            return ""
        changed = {name: value for name, value in record.settings.items() if plain(value) != plain(record.defaults.get(name))}
        kept = {name: value for name, value in {**changed, **self.training_settings}.items() if name not in remedy.settings}
        verb = "playground" if record.kind_of_data == "points" else "train"
        return command(verb, record.recipe, str(record.data_config.get("source", "DATA")), {**kept, **remedy.settings})

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
            "milestone": self.milestone,
            "limits": list(self.limits),
            "coached": list(self.coached),
            "findings": [
                {**finding.to_json(), "commands": [command for remedy in finding.remedies if (command := self.command(remedy))]}
                for finding in self.findings
            ],
            "samples": [{"step": step, "path": str(path)} for step, path in self.before_and_after],
        }


def command(verb: str, recipe: str, data: str, settings: Mapping[str, Any]) -> str:
    """The command that trains a recipe on some data with these settings."""
    return " ".join(["sparring", verb, recipe, "--data", shlex.quote(data), *flags(settings)])


def title(finding: Finding) -> str:
    """The name of a finding for people."""
    return finding.name.replace("-", " ").replace("_", " ")


def since(finding: Finding) -> str:
    """Since when, in words, with a space before them; "" if that is not known."""
    if finding.since is None:
        return ""
    return f" since step {finding.since:,}" if finding.since else " from the start"


def certainty(finding: Finding) -> str:
    """How sure the finding is, in words and percent, and what brings it about."""
    words = next(words for least, words in CERTAINTIES if finding.confidence >= least)
    because = f"probably because of {' and '.join(finding.because_of)}, " if finding.because_of else ""
    return f"{because}{words} ({100 * finding.confidence:.0f} %)"


def origin_of(entry: Mapping[str, Any]) -> str:
    """Where an intervention went back to."""
    return f"Back to step {entry['back_to']:,}, which was healthy" if entry["back_to"] else "Back to the beginning"


def changes_of(entry: Mapping[str, Any]) -> str:
    """What an intervention changed, and from what."""
    return ", ".join(f"{name}={value} (was {entry['before'][name]})" for name, value in entry["changes"].items())
