"""`sparring diagnose`: what is wrong with a training run."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

from sparring.cli.exit_codes import EXIT_SICK, EXIT_TOO_EARLY
from sparring.core.console import console

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sparring.health.diagnosis.finding import Finding
    from sparring.health.diagnosis.verdict import Verdict


def diagnose(
    run: Annotated[
        Positional[Path],
        arg(
            metavar="RUN",
            help="A run directory (training may still be running), losses logged by another program (.csv, .jsonl, loss_log.txt), or a "
            "folder of its samples over time.",
        ),
    ],
    out: Path | None = None,
    json: Path | None = None,
    tile: int | None = None,
    losses: Path | None = None,
    data: str | None = None,
) -> int:
    """Find out what is wrong with a training run: what, since when, how certain, and what to do. Writes a report. Exit code: 0 healthy,
    4 something is wrong, 5 too early to tell.

    Args:
        out: Folder for report.html and diagnosis.json. Default: RUN/diagnosis for a run, else diagnosis.
        json: A second file with the content of diagnosis.json.
        tile: Side, in pixels, of the single images in another program's sample grids. Default: detected.
        losses: Beside a folder of samples: the losses that the program logged (.csv, .jsonl, .txt).
        data: Beside samples or losses of another program: the real images that it was trained on.
    """
    from sparring import api
    from sparring.core.atomic_files import write_json
    from sparring.health.diagnosis.report import HTML
    from sparring.runs.run_directory import RunDirectory

    out = out or (run / "diagnosis" if RunDirectory(run).exists() else Path("diagnosis"))
    verdict = api.diagnose(run, out=out, tile=tile, losses=losses, data=data)
    if json is not None:
        write_json(json, verdict.to_json())
    screen = console()
    screen.print(verdict.headline, style="bold")
    if verdict.milestone:
        screen.print(verdict.milestone)
    for finding in verdict.findings:
        for line in lines_of(finding, verdict):
            screen.print(line)
    for sentence in verdict.coached:
        screen.print(f"The coach: {sentence}")
    for sentence in verdict.limits:
        screen.print(sentence)
    screen.print(f"Page: {out / HTML}")
    if verdict.too_early:
        return EXIT_TOO_EARLY
    return 0 if verdict.healthy else EXIT_SICK


def lines_of(finding: "Finding", verdict: "Verdict") -> "Iterator[str]":
    """The lines that are printed for one finding."""
    from sparring.health.diagnosis.verdict import certainty, since, title

    name = title(finding)
    yield f"\n{name[:1].upper()}{name[1:]}: {finding.severity}, {certainty(finding)}{since(finding)}"
    yield f"  {finding.summary}"
    for sentence in finding.evidence:
        yield f"  - {sentence}"
    for remedy in finding.remedies:
        yield f"  To do: {remedy.action}"
        if command := verdict.command(remedy):
            yield f"      {command}"
