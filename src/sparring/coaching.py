"""Floor 5: training that acts on verdicts. A coach watches a run's vital signs; where they show that training fails, it ends the sitting,
goes back to the last healthy checkpoint, changes the mildest setting that is known to help, and plays on.

Whatever it decides follows from what is recorded, and is in the checkpoints. An intervention is written to config.json first and carried
out from there: if that is cut short, at whatever moment, it is carried out again, with the same end.
"""

import contextlib
import shlex
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from sparring.core.errors import CheckpointError
from sparring.core.files import write_bytes
from sparring.core.runs import RunDirectory
from sparring.core.specs import ImageSpec
from sparring.data.store import Preparation
from sparring.diagnose import findings
from sparring.diagnose.finding import Finding, Remedy
from sparring.diagnose.record import read_run, sheets
from sparring.diagnose.verdict import flags, plain
from sparring.game import Recipe
from sparring.models import described
from sparring.train import checkpoints
from sparring.train.loop import Signals
from sparring.train.session import Ending, first_state, machine_for
from sparring.train.settings import TrainSettings
from sparring.train.state import Progress, State
from sparring.train.vitals import checkup_due

if TYPE_CHECKING:
    from rich.console import Console

WAIT = 3
"""Checkups after an intervention in which nothing is done: it gets time to work."""
HEALTHY_KEPT = 3
"""So many of the newest healthy checkpoints can be gone back to."""
NOT_FINITE = "not finite"
"""The finding that comes first where training broke off."""
FRESH_NAMED = 6

Config = dict[str, Any]
"""The content of a config.json."""
Entry = Mapping[str, Any]
"""An intervention in config.json."""
Identity = Callable[[Config], dict[str, Any]]
"""What every checkpoint must agree on with config.json."""
Sitting = Callable[[Recipe, Config, "Coach"], Ending]
"""Plays on, with that recipe and a coach, from where the run stands."""


class Coach:
    """Watches a run: see `sparring.train.watchers.Adviser`."""

    def __init__(
        self,
        run: RunDirectory,
        recipe: Recipe,
        spec: ImageSpec,
        settings: TrainSettings,
        interventions: Sequence[Entry],
        console: "Console",
    ) -> None:
        self.run, self.recipe, self.spec, self.settings, self.console = run, recipe, spec, settings, console
        self.interventions = interventions
        self.healthy: list[int] = []
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
    def asks(self) -> bool:
        """See Adviser."""
        return self.verdict is not None

    def after_step(self, state: State, signals: Signals) -> None:
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
        if not found and before not in self.healthy[-1:]:
            self.healthy = [*self.healthy, step][-HEALTHY_KEPT:]

    def not_finite(self, progress: Progress) -> bool:
        """See Adviser. There is nothing to wait for."""
        if self.given_up:
            return False
        self.verdict, done, at = None, len(self.interventions), f"training is no longer finite at step {progress.step:,}"
        if done >= self.settings.coach_tries:
            self.give_up(f"After {tries(done)}, as many as were allowed, {at}.")
        elif not self.decide(sorted(self.curable(), key=lambda finding: finding.name != NOT_FINITE), progress.step):
            self.give_up(f"No remedy that is left is known to help: {at}.")
        return self.asks

    def curable(self) -> list[Finding]:
        """What is found in the run as it stands, the weightiest first: more than notes, with settings as remedies."""
        found = findings.diagnose(read_run(self.run, asdict(type(self.recipe)())))
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
        write_story(self.run, self.run.read_config(), why)
        say(self.console, f"The coach gives up. {why}", f"What was tried, and what was seen then: {self.run.coach}")

    def facts(self) -> dict[str, Any]:
        """See Adviser."""
        return {
            "coach": {
                "interventions": self.interventions,
                "healthy": self.healthy,
                "standing": self.standing,
                "checkup": self.checkup,
                "wait": self.wait,
                "verdict": self.verdict,
                "hopeless": self.hopeless,
                "given_up": self.given_up,
            }
        }

    def restore(self, facts: dict[str, Any]) -> None:
        """See Adviser."""
        known = facts["coach"]
        self.healthy, self.standing, self.checkup = known["healthy"], known["standing"], known["checkup"]
        self.wait, self.verdict, self.hopeless, self.given_up = known["wait"], known["verdict"], known["hopeless"], known["given_up"]

    def conclude(self, ending: Ending) -> None:
        """Tell the story of a run that came to its end, or was stopped."""
        config, found = self.run.read_config(), self.curable()
        step, struck = ending.progress.step, max((entry["step"] for entry in self.interventions), default=0)
        end = "the end" if ending.reason == "budget" else "the time it was stopped"
        seen = f"By {end}, step {step:,}, {named(found) or 'nothing that a setting could cure'} was found."
        if step < struck and not found:
            seen += f" That says little: verdicts fell as late as step {struck:,}."
        write_story(self.run, config, f"{self.given_up} {seen}".strip(), cured=not (found or self.given_up or step < struck))
        say(self.console, f"The coach stepped in {times(len(self.interventions))}. {seen} The story: {self.run.coach}")


def named(found: Sequence[Finding]) -> str:
    """What was found, in words."""
    return " and ".join(f"{finding.name} ({finding.severity})" for finding in found)


def untried(remedies: Iterable[Remedy], interventions: Sequence[Entry]) -> Iterator[Remedy]:
    """Remedies with settings that were not tried, the mildest first."""
    tried = [entry["changes"] for entry in interventions]
    return (remedy for remedy in remedies if remedy.settings and as_json(remedy.settings) not in tried)


def as_json(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as config.json has them."""
    return {name: plain(value) for name, value in settings.items()}


# ------------------------------------------------------------------------------------------------- intervening


@dataclass(frozen=True)
class Bench:
    """What a coached run is played with, whatever its recipe's settings come to be."""

    run: RunDirectory
    spec: ImageSpec
    settings: TrainSettings
    identity: Identity
    console: "Console"

    def play(self, sitting: Sitting) -> Ending:
        """Play on from where the run stands to the end of its budget, with all the interventions that it takes."""
        while True:
            config = self.run.read_config()
            recipe, _ = described(config, self.run.config)
            interventions = config.get("interventions", [])
            if self.unfinished(interventions):
                self.roll_back(config, recipe, interventions)
            for left in self.run.tries.glob("*/origin"):
                shutil.rmtree(left)
            coach = Coach(self.run, recipe, self.spec, self.settings, interventions, self.console)
            ending = sitting(recipe, config, coach)
            if ending.reason != "verdict":
                coach.conclude(ending)
                return ending
            self.run.write_config(self.changed(config, coach, ending.progress))

    def changed(self, config: Config, coach: Coach, progress: Progress) -> Config:
        """A config.json with one more intervention. All that follows is made from it."""
        assert coach.verdict is not None
        verdict, before = coach.verdict, config["recipe_settings"]
        back_to, origin = self.way_back(coach.healthy, verdict["since"])
        entry = {
            "try": len(coach.interventions) + 1,
            "back_to": back_to,
            **verdict,
            "before": {name: before[name] for name in verdict["changes"]},
            "lost": {
                "steps": progress.step - origin.step,
                "images": progress.images - origin.images,
                "seconds": progress.seconds - origin.seconds,
            },
        }
        return {
            **config,
            "recipe_settings": {**before, **verdict["changes"]},
            "first_recipe_settings": config.get("first_recipe_settings", before),
            "interventions": [*coach.interventions, entry],
        }

    def way_back(self, healthy: Sequence[int], since: int | None) -> tuple[int, Progress]:
        """The newest whole checkpoint of these from before it began, if that is known, and how far it had come; else the beginning."""
        for step in reversed(healthy):
            if since is None or step <= since:
                with contextlib.suppress(CheckpointError):
                    return step, Progress(**checkpoints.read(self.run.checkpoints, step)[1]["progress"])
        return 0, Progress()

    def unfinished(self, interventions: Sequence[Entry]) -> bool:
        """Whether the last intervention was not carried out, or not to its end."""
        for step in reversed(checkpoints.steps(self.run.checkpoints)):
            with contextlib.suppress(CheckpointError):
                facts = checkpoints.read_facts(self.run.checkpoints, step)
                return len(facts.get("coach", {}).get("interventions", [])) < len(interventions)
        return bool(interventions)

    def roll_back(self, config: Config, recipe: Recipe, interventions: Sequence[Entry]) -> None:
        """Carry out the last intervention: make its checkpoint one of the changed run, and the newest there is. It may be done again after
        it was cut short, for what it starts from is not touched before there is a copy.
        """
        entry, folder = interventions[-1], self.run.checkpoints
        step = entry["back_to"]
        keep_try(self.run, entry)
        old, facts = self.origin(entry)
        with machine_for(self.settings):
            state = first_state(recipe, lambda: recipe.build(self.spec), self.settings.seed)
        tensors, fresh = taken_over(state, old, optimisers="optimiser" not in entry["changes"])
        lost = {f"lost_{name}": sum(one["lost"][name] for one in interventions) for name in ("steps", "images", "seconds")}
        coach = Coach(self.run, recipe, self.spec, self.settings, interventions, self.console)
        coach.healthy, coach.checkup, coach.wait = [step] if step else [], step, WAIT
        facts = {**facts, "progress": {**facts["progress"], **lost}, "identity": self.identity(config), **coach.facts()}
        checkpoints.write(folder, step, tensors, facts)
        checkpoints.remove_after(folder, step)
        write_story(self.run, config, "What came of it is not known yet.")
        say(self.console, *said(entry, self.settings, fresh if step else []))

    def origin(self, entry: Entry) -> tuple[dict[str, Tensor], checkpoints.Facts]:
        """What is gone back to: a copy of the checkpoint as it was, or nothing at all for the beginning."""
        step = entry["back_to"]
        if not step:
            return {}, {"progress": asdict(Progress()), "log": {"bytes": 0, "counts": {}}}
        copy = folder_of(self.run, entry) / "origin"
        try:
            return checkpoints.read(copy, step)
        except CheckpointError:
            found = checkpoints.read(self.run.checkpoints, step)
            checkpoints.write(copy, step, *found)
            return found


def folder_of(run: RunDirectory, entry: Entry) -> Path:
    """Where what a try wrote is kept."""
    return run.tries / str(entry["try"])


def keep_try(run: RunDirectory, entry: Entry) -> None:
    """Keep what the try wrote that an intervention ends: the run's own files will be cut back."""
    folder = folder_of(run, entry)
    (folder / "samples").mkdir(parents=True, exist_ok=True)
    pictures = [path for step, path in sheets(run.samples) if step > entry["back_to"]]
    for path in (run.log, run.timing, run.scores, run.vitals, run.ending, *pictures):
        if path.exists():
            shutil.copyfile(path, folder / path.relative_to(run.path))


def taken_over(state: State, old: Mapping[str, Tensor], *, optimisers: bool) -> tuple[dict[str, Tensor], list[str]]:
    """The tensors of a fresh state, but those of `old` where they have the same name and shape, with their optimiser's if that is the same;
    and the names of those that stay fresh. Where there was no moving average, it starts at the weights.
    """
    found, fresh = {}, []
    for name, tensor in state.tensors().items():
        before = old.get(name, old.get(name.replace("average/", "game/", 1)))
        if before is not None and before.shape == tensor.shape:
            found[name] = before
        else:
            found[name] = tensor
            fresh.append(name)
    same = found.keys() - set(fresh)
    for name, tensor in old.items():
        kind, _, rest = name.partition("/")
        weight = rest.partition("/")[2].rpartition("/")[0]
        if kind == "log" or (kind == "optimiser" and optimisers and f"game/{weight}" in same):
            found[name] = tensor
    return found, fresh


# ------------------------------------------------------------------------------------------------ telling of it


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


def origin_of(entry: Entry) -> str:
    """Where an intervention goes back to."""
    return f"Back to step {entry['back_to']:,}, which was healthy" if entry["back_to"] else "Back to the beginning"


def changes_of(entry: Entry) -> str:
    """What an intervention changes, and from what."""
    return ", ".join(f"{name}={value} (was {entry['before'][name]})" for name, value in entry["changes"].items())


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
        lines += [f"## {heading}", "", begun, "", f"    {command(config)}", ""]
    write_bytes(run.coach, "\n".join(lines).encode())


def command(config: Config) -> str:
    """What trains a new run with the present settings of this one."""
    recipe, _ = described(config, Path("config.json"))
    budget = {name: value for name in ("images", "steps", "minutes") if (value := config["train_settings"].get(name)) is not None}
    settings = {**differing(config["recipe_settings"], recipe), **differing(config["data"]["preparation"], Preparation()), **budget}
    return " ".join(["sparring train", config["recipe"], "--data", shlex.quote(config["data"]["source"]), *flags(settings)])


def differing(own: Mapping[str, Any], usual: Recipe | Preparation) -> dict[str, Any]:
    """Those settings that are not what they are where nobody changes them."""
    defaults = asdict(type(usual)())
    return {name: value for name, value in own.items() if plain(value) != plain(defaults.get(name))}
