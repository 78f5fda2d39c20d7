"""The coach: diagnoses a run as it trains, and decides whether to intervene, and how."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING, Any

from sparring.core.data_spec import Spec
from sparring.core.settings_checks import plain
from sparring.games.recipe import Recipe
from sparring.health.coach.report import count_tries, describe_findings, describe_interventions, print_lines, write_report
from sparring.health.diagnosis import all_rules
from sparring.health.diagnosis.finding import Finding, Remedy
from sparring.health.diagnosis.training_record import Record, read_run
from sparring.health.signals import STEP
from sparring.runs.config import Entry, read_config
from sparring.runs.run_directory import RunDirectory
from sparring.training import checkpoints
from sparring.training.callbacks.callback import Callback, Metrics
from sparring.training.callbacks.health import measurement_due
from sparring.training.session import SessionResult
from sparring.training.settings import TrainSettings
from sparring.training.state import State

if TYPE_CHECKING:
    from rich.console import Console

WAITING_MEASUREMENTS = 3
"""Measurements after an intervention on which the coach does not act: the intervention gets time to work."""
HEALTHY_KEPT = 3
"""How many of the newest healthy checkpoints are kept to go back to."""
NOT_FINITE = "not finite"
"""The finding that comes first if training ended with infinite numbers."""


class Coach(Callback):
    """Watches a run, and may ask for an intervention: see `InterveningCallback`."""

    name = "coach"

    def __init__(
        self,
        run: RunDirectory,
        recipe: Recipe,
        spec: Spec,
        settings: TrainSettings,
        interventions: Sequence[Entry],
        console: "Console",
    ) -> None:
        self.run, self.recipe, self.spec, self.settings, self.console = run, recipe, spec, settings, console
        self.interventions = interventions
        self.steps_to_keep: list[int] = []
        """Steps of healthy checkpoints, to which it may go back."""
        self.known = False
        """Whether the checkpoint that a session begins with knows a coach."""
        self.last_findings: list[str] = []
        """Names of what was found at the last measurement."""
        self.last_measured = 0
        """The step of the last measurement."""
        self.waiting = 0
        """Number of measurements until the coach may act."""
        self.intervention: dict[str, Any] | None = None
        """What is to be changed and why, once that is decided."""
        self.without_remedy: list[str] = []
        """Names of findings for which no remedy is left. The coach watches for others."""
        self.given_up = ""
        """Why the coach gave up, in a sentence, once it has."""

    @property
    def wants_stop(self) -> bool:
        """See InterveningCallback."""
        return self.intervention is not None

    def on_step_end(self, state: State, metrics: Metrics) -> None:
        """After each measurement: act on findings that a setting could cure, if two measurements in a row have them."""
        step = state.progress.step
        if self.given_up or not measurement_due(step):
            return
        found = [finding for finding in self.curable() if finding.name not in self.without_remedy]
        confirmed = [finding for finding in found if finding.name in self.last_findings]
        previous, self.last_measured, self.last_findings = self.last_measured, step, [finding.name for finding in found]
        if self.waiting:
            self.waiting -= 1
        elif confirmed and len(self.interventions) >= self.settings.coach_tries:
            tries = count_tries(len(self.interventions))
            self.give_up(f"After {tries}, as many as are allowed, {describe_findings(confirmed)} is still found at step {step:,}.")
        elif confirmed and not self.decide(confirmed, step):
            self.without_remedy += [finding.name for finding in confirmed]
            print_lines(
                self.console, f"The coach knows no other remedy for {describe_findings(confirmed)} (step {step:,}). It keeps watching."
            )
        if not found and previous not in self.steps_to_keep[-1:]:
            self.steps_to_keep = [*self.steps_to_keep, step][-HEALTHY_KEPT:]

    def on_not_finite(self, state: State) -> bool:
        """See InterveningCallback. Nothing can be gained by waiting."""
        progress = state.progress
        if self.given_up:
            return False
        self.intervention, tries = None, len(self.interventions)
        at = f"training is no longer finite at step {progress.step:,}"
        if tries >= self.settings.coach_tries:
            self.give_up(f"After {count_tries(tries)}, as many as are allowed, {at}.")
        elif not self.decide(sorted(self.curable(), key=lambda finding: finding.name != NOT_FINITE), progress.step):
            self.give_up(f"No other remedy is known: {at}.")
        return self.wants_stop

    def record(self) -> Record:
        """What is recorded of the run so far."""
        return read_run(self.run, asdict(type(self.recipe)()))

    def curable(self, record: Record | None = None) -> list[Finding]:
        """What is found in the run so far that is more than a note and has settings as remedies, the weightiest first."""
        found = all_rules.diagnose(self.record() if record is None else record)
        return [finding for finding in found if finding.severity != "note" and any(remedy.settings for remedy in finding.remedies)]

    def decide(self, found: Sequence[Finding], step: int) -> bool:
        """Choose the mildest remedy that is left for the weightiest finding that has one. Tells whether there is one."""
        for finding in found:
            for remedy in untried(finding.remedies, self.interventions):
                if self.fits(remedy.settings):
                    description = finding.to_json()
                    self.intervention = {
                        "step": step,
                        "finding": description["name"],
                        **{name: description[name] for name in ("severity", "summary", "evidence", "since")},
                        "action": remedy.action,
                        "changes": as_json(remedy.settings),
                    }
                    return True
        return False

    def fits(self, settings: Mapping[str, Any]) -> bool:
        """Whether the recipe has these settings, they differ from the present ones, and they go together with the rest."""
        own = {each.name for each in fields(self.recipe)}
        if not settings.keys() <= own or all(plain(getattr(self.recipe, name)) == plain(value) for name, value in settings.items()):
            return False
        changed = replace(self.recipe, **{name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()})
        return not (changed.problems(self.spec) or self.settings.problems(changed.batch_size, changed.smallest_part))

    def give_up(self, reason: str) -> None:
        """Print and write down that the coach gives up, and what it did."""
        self.given_up = reason
        write_report(self.run, read_config(self.run), reason)
        print_lines(self.console, f"The coach gives up. {reason}", f"What it tried, and what came of it: {self.run.coach}")

    def state(self) -> dict[str, Any]:
        """See Callback."""
        return {
            "interventions": self.interventions,
            "healthy": self.steps_to_keep,
            "last_findings": self.last_findings,
            "last_measured": self.last_measured,
            "waiting": self.waiting,
            "intervention": self.intervention,
            "without_remedy": self.without_remedy,
            "given_up": self.given_up,
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """See Callback."""
        self.known = bool(state)
        if state:
            self.steps_to_keep, self.last_findings, self.last_measured = state["healthy"], state["last_findings"], state["last_measured"]
            self.waiting, self.intervention = state["waiting"], state["intervention"]
            self.without_remedy, self.given_up = state["without_remedy"], state["given_up"]

    def on_start(self, state: State) -> None:
        """In a run that had no coach before, healthy ones are searched for among its checkpoints."""
        step = state.progress.step
        if self.known or not step:
            return
        now = self.record().until(step)
        kept = [step for step in checkpoints.steps(self.run.checkpoints) if step <= now.last_step]
        self.steps_to_keep = [step for step in kept if not self.curable(now.until(step))][-HEALTHY_KEPT:]
        self.last_findings = [finding.name for finding in self.curable(now)]
        self.last_measured = STEP.of(now.measurements[-1]) if now.measurements else 0
        if not any(self.steps_to_keep):
            print_lines(
                self.console, "None of the kept checkpoints is healthy: if the coach intervenes, training starts from the beginning."
            )

    def conclude(self, ending: SessionResult) -> None:
        """Write the report of a run that came to its end, or was stopped."""
        config, found = read_config(self.run), self.curable()
        step, last_intervention = ending.progress.step, max((entry["step"] for entry in self.interventions), default=0)
        end = "the end" if ending.reason == "budget" else "the time it was stopped"
        outcome = f"By {end}, step {step:,}, {describe_findings(found) or 'nothing that a setting could cure'} was found."
        if step < last_intervention and not found:
            outcome += f" That says little: an earlier try only failed at step {last_intervention:,}."
        cured = not (found or self.given_up or step < last_intervention)
        write_report(self.run, config, f"{self.given_up} {outcome}".strip(), cured=cured)
        print_lines(
            self.console, f"The coach intervened {describe_interventions(len(self.interventions))}. {outcome} Report: {self.run.coach}"
        )


def untried(remedies: Iterable[Remedy], interventions: Sequence[Entry]) -> Iterator[Remedy]:
    """The remedies with settings that were not tried and do not undo what was, in their order. Their optional settings are left out where
    they would undo an earlier change.
    """

    def undoes(name: str, value: object) -> bool:
        return any(name in entry["before"] and entry["before"][name] == plain(value) for entry in interventions)

    for remedy in remedies:
        left = {name: value for name, value in remedy.settings.items() if name not in remedy.optional or not undoes(name, value)}
        settings = as_json(left)
        goes_back = any(settings.items() <= entry["before"].items() for entry in interventions)
        was_tried = settings in [entry["changes"] for entry in interventions]
        if left and not (goes_back or was_tried or any(undoes(name, remedy.settings[name]) for name in remedy.defining)):
            yield replace(remedy, settings=left)


def as_json(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as config.json has them."""
    return {name: plain(value) for name, value in settings.items()}
