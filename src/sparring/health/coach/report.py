"""What a coach reports: in the terminal, and in coach.md."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sparring.core.atomic_files import write_bytes
from sparring.health.diagnosis.finding import Finding
from sparring.health.diagnosis.verdict import changes_of, command, origin_of
from sparring.runs.config import Config, Entry, differing, other_settings, usual_settings
from sparring.runs.run_directory import RunDirectory
from sparring.training.settings import TrainSettings

if TYPE_CHECKING:
    from rich.console import Console

MAX_NAMED_TENSORS = 6


def describe_findings(found: Sequence[Finding]) -> str:
    """What was found, in words."""
    return " and ".join(f"{finding.name} ({finding.severity})" for finding in found)


def folder_of(run: RunDirectory, entry: Entry) -> Path:
    """The folder that keeps what a try wrote."""
    return run.tries / str(entry["try"])


def describe_intervention(entry: Entry, settings: TrainSettings, fresh: Sequence[str]) -> Iterator[str]:
    """An intervention, in lines for the terminal. `fresh`: names of tensors that start again."""
    finding, tries = f"At step {entry['step']:,}: {entry['finding']}", settings.coach_tries
    yield f"The coach intervenes, try {entry['try']} of {tries}. {finding}. {entry['summary']}"
    yield f"  {origin_of(entry)}, now with {changes_of(entry)}. {entry['action']}"
    if names := [name.removeprefix("game/") for name in fresh if name.startswith("game/")]:
        more = f" and {len(names) - MAX_NAMED_TENSORS} more" if len(names) > MAX_NAMED_TENSORS else ""
        yield f"  These start again, for their shape has changed: {', '.join(names[:MAX_NAMED_TENSORS])}{more}."


def print_lines(console: "Console", *lines: str) -> None:
    """Print lines as they are."""
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def describe_interventions(count: int) -> str:
    """How often the coach intervened, in words."""
    return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count} times")


def count_tries(count: int) -> str:
    """A number of tries, in words."""
    return "one try" if count == 1 else f"{count} tries"


def write_report(run: RunDirectory, config: Config, outcome: str, *, cured: bool = False) -> None:
    """Write coach.md: each intervention with its reasons and what came of it. `outcome`: what came of the last. `cured`: whether the
    settings that the run ends with are known to work.
    """
    interventions = config.get("interventions", [])
    lines = [f"# Coach report: {config['recipe']} on {Path(config['data']['source']).name}", ""]
    lines += [] if interventions else [f"The coach did not intervene. {outcome}", ""]
    outcomes = [*(f"At step {one['step']:,}: {one['finding']} ({one['severity']})." for one in interventions), outcome][1:]
    for entry, then in zip(interventions, outcomes, strict=True):
        lines += [
            f"## Try {entry['try']}",
            "",
            f"At step {entry['step']:,}: **{entry['finding']}** ({entry['severity']}). {entry['summary']}",
            "",
            *(f"- {sentence}" for sentence in entry["evidence"]),
            "",
            f"{origin_of(entry)}; {entry['lost']['steps']:,} steps were lost. Changed: {changes_of(entry)}. {entry['action']}",
            "",
            f"Outcome: {then}",
            "",
            f"What the run had written until then is in `{folder_of(run, entry).relative_to(run.path)}`.",
            "",
        ]
    if interventions:
        heading = "These settings worked" if cured else "The last settings"
        begun = f"The run was trained with them from step {interventions[-1]['back_to']:,} on. To train with them from the beginning:"
        lines += [f"## {heading}", "", begun, "", f"    {command_of(config)}", ""]
    write_bytes(run.coach, "\n".join(lines).encode())


def command_of(config: Config) -> str:
    """The command that trains a new run with the present settings of this one."""
    changed = differing(config["recipe_settings"], usual_settings(config["recipe"], "images"))
    return command("train", config["recipe"], config["data"]["source"], changed | other_settings(config))
