"""What a coach says: in the terminal, and in coach.md."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sparring.core.files import write_bytes
from sparring.health.diagnosis.finding import Finding
from sparring.health.diagnosis.verdict import changes_of, command, origin_of
from sparring.runs.config import Config, Entry, differing, other_settings, usual_settings
from sparring.runs.run_directory import RunDirectory
from sparring.training.settings import TrainSettings

if TYPE_CHECKING:
    from rich.console import Console

FRESH_NAMED = 6


def named(found: Sequence[Finding]) -> str:
    """What was found, in words."""
    return " and ".join(f"{finding.name} ({finding.severity})" for finding in found)


def folder_of(run: RunDirectory, entry: Entry) -> Path:
    """Where what a try wrote is kept."""
    return run.tries / str(entry["try"])


def said(entry: Entry, settings: TrainSettings, fresh: Sequence[str]) -> Iterator[str]:
    """An intervention for the terminal."""
    at, of = f"At step {entry['step']:,}: {entry['finding']}", settings.coach_tries
    yield f"The coach steps in, try {entry['try']} of {of}. {at}. {entry['says']}"
    yield f"  {origin_of(entry)}, now with {changes_of(entry)}. {entry['what']}"
    if names := [name.removeprefix("game/") for name in fresh if name.startswith("game/")]:
        more = f" and {len(names) - FRESH_NAMED} more" if len(names) > FRESH_NAMED else ""
        yield f"  These start afresh, for they had another shape: {', '.join(names[:FRESH_NAMED])}{more}."


def say(console: "Console", *lines: str) -> None:
    """Print lines as they are."""
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def times(count: int) -> str:
    """How often, in words."""
    return {0: "not at all", 1: "once", 2: "twice"}.get(count, f"{count} times")


def tries(count: int) -> str:
    """A number of tries."""
    return "one try" if count == 1 else f"{count} tries"


def write_story(run: RunDirectory, config: Config, outcome: str, *, cured: bool = False) -> None:
    """Write coach.md: each intervention with its reasons and what was seen after it, of the last `outcome`. `cured`: whether the settings
    that it ends with are known to work.
    """
    interventions = config.get("interventions", [])
    lines = [f"# The coach of {config['recipe']} on {Path(config['data']['source']).name}", ""]
    lines += [] if interventions else [f"It did not step in. {outcome}", ""]
    seen = [*(f"At step {one['step']:,}: {one['finding']} ({one['severity']})." for one in interventions), outcome][1:]
    for entry, then in zip(interventions, seen, strict=True):
        lines += [
            f"## Try {entry['try']}",
            "",
            f"At step {entry['step']:,}: **{entry['finding']}** ({entry['severity']}). {entry['says']}",
            "",
            *(f"- {sentence}" for sentence in entry["evidence"]),
            "",
            f"{origin_of(entry)}; {entry['lost']['steps']:,} steps were lost. Changed: {changes_of(entry)}. {entry['what']}",
            "",
            f"What was seen then: {then}",
            "",
            f"What the run had written until then is in `{folder_of(run, entry).relative_to(run.path)}`.",
            "",
        ]
    if interventions:
        heading = "These settings worked" if cured else "The last settings"
        begun = f"Played from step {interventions[-1]['back_to']:,} on. A run that has them from its beginning:"
        lines += [f"## {heading}", "", begun, "", f"    {repeating(config)}", ""]
    write_bytes(run.coach, "\n".join(lines).encode())


def repeating(config: Config) -> str:
    """The command that trains a new run with the present settings of this one."""
    own = differing(config["recipe_settings"], usual_settings(config["recipe"], "images"))
    return command("train", config["recipe"], config["data"]["source"], own | other_settings(config))
