"""The coach: looks at a run's vital signs as it trains, and decides whether to step in, and how."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING, Any

from sparring.core.data_spec import Spec
from sparring.core.settings import plain
from sparring.games.recipe import Recipe
from sparring.health.coach.report import named, say, times, tries, write_story
from sparring.health.diagnosis import all_rules
from sparring.health.diagnosis.finding import Finding, Remedy
from sparring.health.diagnosis.record import Record, read_run
from sparring.runs.config import Entry, read_config
from sparring.runs.run_directory import RunDirectory
from sparring.training import checkpoints
from sparring.training.callbacks.callback import Callback, Metrics
from sparring.training.callbacks.health import checkup_due
from sparring.training.session import SessionResult
from sparring.training.settings import TrainSettings
from sparring.training.state import State

if TYPE_CHECKING:
    from rich.console import Console

WAIT = 3
"""Checkups after an intervention in which nothing is done: it gets time to work."""
HEALTHY_KEPT = 3
"""So many of the newest healthy checkpoints can be gone back to."""
RATES = {"learning_rate", "discriminator_learning_rate"}
NOT_FINITE = "not finite"
"""The finding that comes first where training broke off."""


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
        self.standing: list[str] = []
        """What was found in the last checkup."""
        self.checkup = 0
        """The step of the last checkup."""
        self.wait = 0
        """Checkups until something may be done."""
        self.verdict: dict[str, Any] | None = None
        """What is to be done and why, when it is time."""
        self.hopeless: list[str] = []
        """Findings that no remedy is left for. The coach looks out for others."""
        self.given_up = ""
        """Why, in a sentence, once it has."""

    @property
    def wants_stop(self) -> bool:
        """See InterveningCallback."""
        return self.verdict is not None

    def on_step_end(self, state: State, metrics: Metrics) -> None:
        """After a checkup: what a setting could cure and has stood in two checkups in a row is acted upon."""
        step = state.progress.step
        if self.given_up or not checkup_due(step):
            return
        found = [finding for finding in self.curable() if finding.name not in self.hopeless]
        again = [finding for finding in found if finding.name in self.standing]
        before, self.checkup, self.standing = self.checkup, step, [finding.name for finding in found]
        if self.wait:
            self.wait -= 1
        elif again and len(self.interventions) >= self.settings.coach_tries:
            self.give_up(f"After {tries(len(self.interventions))}, as many as were allowed, {named(again)} stands at step {step:,}.")
        elif again and not self.decide(again, step):
            self.hopeless += [finding.name for finding in again]
            say(self.console, f"The coach knows no remedy that is left against {named(again)} (step {step:,}). It watches on.")
        if not found and before not in self.steps_to_keep[-1:]:
            self.steps_to_keep = [*self.steps_to_keep, step][-HEALTHY_KEPT:]

    def on_not_finite(self, state: State) -> bool:
        """See InterveningCallback. There is nothing to wait for."""
        progress = state.progress
        if self.given_up:
            return False
        self.verdict, done, at = None, len(self.interventions), f"training is no longer finite at step {progress.step:,}"
        if done >= self.settings.coach_tries:
            self.give_up(f"After {tries(done)}, as many as were allowed, {at}.")
        elif not self.decide(sorted(self.curable(), key=lambda finding: finding.name != NOT_FINITE), progress.step):
            self.give_up(f"No remedy that is left is known to help: {at}.")
        return self.wants_stop

    def record(self) -> Record:
        """What the run holds as it stands."""
        return read_run(self.run, asdict(type(self.recipe)()))

    def curable(self, record: Record | None = None) -> list[Finding]:
        """What is found in the run as it stands, the weightiest first: more than notes, with settings as remedies."""
        found = all_rules.diagnose(self.record() if record is None else record)
        return [finding for finding in found if finding.severity != "note" and any(remedy.settings for remedy in finding.remedies)]

    def decide(self, found: Sequence[Finding], step: int) -> bool:
        """Ask for the mildest remedy that is left for the weightiest finding that has any. Whether there is one."""
        for finding in found:
            for remedy in untried(finding.remedies, self.interventions):
                if self.fits(remedy.settings):
                    about = finding.to_json()
                    self.verdict = {
                        "step": step,
                        "finding": about["name"],
                        **{name: about[name] for name in ("severity", "says", "evidence", "since")},
                        "what": remedy.what,
                        "changes": as_json(remedy.settings),
                    }
                    return True
        return False

    def fits(self, settings: Mapping[str, Any]) -> bool:
        """Whether these settings of the recipe differ from the present ones and go together with the rest."""
        own = {each.name for each in fields(self.recipe)}
        if not settings.keys() <= own or all(plain(getattr(self.recipe, name)) == plain(value) for name, value in settings.items()):
            return False
        changed = replace(self.recipe, **{name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()})
        return not (changed.problems(self.spec) or self.settings.problems(changed.batch_size, changed.smallest_part))

    def give_up(self, why: str) -> None:
        """Say that nothing more will be done, and what was."""
        self.given_up = why
        write_story(self.run, read_config(self.run), why)
        say(self.console, f"The coach gives up. {why}", f"What was tried, and what was seen then: {self.run.coach}")

    def state(self) -> dict[str, Any]:
        """See Callback."""
        return {
            "interventions": self.interventions,
            "healthy": self.steps_to_keep,
            "standing": self.standing,
            "checkup": self.checkup,
            "wait": self.wait,
            "verdict": self.verdict,
            "hopeless": self.hopeless,
            "given_up": self.given_up,
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """See Callback."""
        self.known = bool(state)
        if state:
            self.steps_to_keep, self.standing, self.checkup = state["healthy"], state["standing"], state["checkup"]
            self.wait, self.verdict = state["wait"], state["verdict"]
            self.hopeless, self.given_up = state["hopeless"], state["given_up"]

    def on_start(self, state: State) -> None:
        """A run that had no coach until now is searched for checkpoints that were healthy."""
        step = state.progress.step
        if self.known or not step:
            return
        now = self.record().until(step)
        kept = [step for step in checkpoints.steps(self.run.checkpoints) if step <= now.last_step]
        self.steps_to_keep = [step for step in kept if not self.curable(now.until(step))][-HEALTHY_KEPT:]
        self.standing = [finding.name for finding in self.curable(now)]
        self.checkup = now.checkups[-1]["step"] if now.checkups else 0
        if not any(self.steps_to_keep):
            say(self.console, "No checkpoint that is kept was healthy: if the coach steps in, it goes back to the beginning.")

    def conclude(self, ending: SessionResult) -> None:
        """Tell the story of a run that came to its end, or was stopped."""
        config, found = read_config(self.run), self.curable()
        step, struck = ending.progress.step, max((entry["step"] for entry in self.interventions), default=0)
        end = "the end" if ending.reason == "budget" else "the time it was stopped"
        seen = f"By {end}, step {step:,}, {named(found) or 'nothing that a setting could cure'} was found."
        if step < struck and not found:
            seen += f" That says little: verdicts fell as late as step {struck:,}."
        write_story(self.run, config, f"{self.given_up} {seen}".strip(), cured=not (found or self.given_up or step < struck))
        say(self.console, f"The coach stepped in {times(len(self.interventions))}. {seen} The story: {self.run.coach}")


def untried(remedies: Iterable[Remedy], interventions: Sequence[Entry]) -> Iterator[Remedy]:
    """Remedies with settings that were not tried and do not undo what was, the mildest first. Rates that were changed stay so."""

    def undone(name: str, value: object) -> bool:
        return any(name in entry["before"] and entry["before"][name] == plain(value) for entry in interventions)

    for remedy in remedies:
        left = {name: value for name, value in remedy.settings.items() if name not in RATES or not undone(name, value)}
        settings = as_json(left)
        back = any(settings.items() <= entry["before"].items() for entry in interventions)
        again = settings in [entry["changes"] for entry in interventions]
        if left and not (back or again or undone("objective", settings.get("objective"))):
            yield replace(remedy, settings=left)


def as_json(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as config.json has them."""
    return {name: plain(value) for name, value in settings.items()}
