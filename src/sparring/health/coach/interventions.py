"""Interventions: decided by the coach, written to config.json, and carried out from there."""

import contextlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from sparring.core.data_spec import Spec
from sparring.core.errors import CheckpointError
from sparring.games.recipe import Recipe
from sparring.health.coach.coach import WAITING_MEASUREMENTS, Coach
from sparring.health.coach.report import describe_intervention, folder_of, print_lines, write_report
from sparring.health.diagnosis.training_record import sample_grids
from sparring.runs.config import Config, Entry, described, identity, read_config, recipe_settings_of, write_config
from sparring.runs.run_directory import RunDirectory
from sparring.runs.train import PlaySession
from sparring.training import checkpoints
from sparring.training.session import SessionResult, first_state, machine_for
from sparring.training.settings import TrainSettings
from sparring.training.state import Progress, State

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class CoachedTraining:
    """A run that is trained with a coach, whatever its recipe's settings come to be."""

    run: RunDirectory
    spec: Spec
    settings: TrainSettings
    console: "Console"

    def train(self, play: PlaySession) -> SessionResult:
        """Train from where the run stands to the end of its budget, with all the interventions that it takes."""
        while True:
            config = read_config(self.run)
            recipe, _ = described(config, self.run.config)
            interventions = config.get("interventions", [])
            if self.is_unfinished(interventions):
                self.roll_back(config, recipe, interventions)
            for leftover in self.run.tries.glob("*/origin"):
                shutil.rmtree(leftover)
            coach = Coach(self.run, recipe, self.spec, self.settings, interventions, self.console)
            ending = play(recipe, config, coach)
            if ending.reason != "intervention":
                coach.conclude(ending)
                return ending
            write_config(self.run, self.with_intervention(config, coach, ending.progress))

    def with_intervention(self, config: Config, coach: Coach, progress: Progress) -> Config:
        """The content of config.json with one more intervention. Everything that follows is made from it."""
        assert coach.intervention is not None
        intervention, before = coach.intervention, recipe_settings_of(config)
        back_to, origin = self.origin_of(coach.steps_to_keep, intervention["since"])
        entry = {
            "try": len(coach.interventions) + 1,
            "back_to": back_to,
            **intervention,
            "before": {name: before[name] for name in intervention["changes"]},
            "lost": {
                "steps": progress.step - origin.step,
                "real_samples": progress.real_samples - origin.real_samples,
                "seconds": progress.seconds - origin.seconds,
            },
        }
        return {
            **config,
            "recipe_settings": {**before, **intervention["changes"]},
            "first_recipe_settings": config.get("first_recipe_settings", before),
            "interventions": [*coach.interventions, entry],
        }

    def origin_of(self, healthy: Sequence[int], since: int | None) -> tuple[int, Progress]:
        """The newest of these checkpoints that is whole and from before the finding began, if that is known, and its progress; else the
        beginning.
        """
        for step in reversed(healthy):
            if since is None or step <= since:
                with contextlib.suppress(CheckpointError):
                    return step, Progress(**checkpoints.read(self.run.checkpoints, step)[1]["progress"])
        return 0, Progress()

    def is_unfinished(self, interventions: Sequence[Entry]) -> bool:
        """Whether the last intervention was not carried out, or not to its end."""
        for step in reversed(checkpoints.steps(self.run.checkpoints)):
            with contextlib.suppress(CheckpointError):
                facts = checkpoints.read_facts(self.run.checkpoints, step)
                return len(facts["callbacks"].get("coach", {}).get("interventions", [])) < len(interventions)
        return bool(interventions)

    def roll_back(self, config: Config, recipe: Recipe, interventions: Sequence[Entry]) -> None:
        """Carry out the last intervention: make its checkpoint one of the changed run, and the newest there is. It can be carried out again
        if it was interrupted, for what it starts from is not touched before there is a copy.
        """
        entry, folder = interventions[-1], self.run.checkpoints
        step = entry["back_to"]
        keep_try(self.run, entry)
        old, facts = self.copy_origin(entry)
        with machine_for(self.settings):
            state = first_state(recipe, lambda: recipe.build(self.spec), self.settings.seed)
        tensors, fresh = carry_over(state, old, optimizers="optimizer" not in entry["changes"])
        lost = {f"lost_{name}": sum(one["lost"][name] for one in interventions) for name in ("steps", "real_samples", "seconds")}
        coach = Coach(self.run, recipe, self.spec, self.settings, interventions, self.console)
        coach.steps_to_keep, coach.last_measured, coach.waiting = [step] if step else [], step, WAITING_MEASUREMENTS
        facts = {
            **facts,
            "progress": {**facts["progress"], **lost},
            "identity": identity(config),
            "callbacks": {**facts["callbacks"], "coach": coach.state()},
        }
        checkpoints.write(folder, step, tensors, facts)
        checkpoints.remove_after(folder, step)
        write_report(self.run, config, "The outcome is not known yet.")
        print_lines(self.console, *describe_intervention(entry, self.settings, fresh if step else []))

    def copy_origin(self, entry: Entry) -> tuple[dict[str, Tensor], checkpoints.Facts]:
        """The checkpoint that an intervention goes back to, of which a copy is kept until it is carried out; for the beginning, nothing."""
        step = entry["back_to"]
        if not step:
            return {}, {"progress": asdict(Progress()), "callbacks": {"log": {"bytes": 0, "sums": {}, "counts": {}}}}
        copy = folder_of(self.run, entry) / "origin"
        try:
            return checkpoints.read(copy, step)
        except CheckpointError:
            found = checkpoints.read(self.run.checkpoints, step)
            checkpoints.write(copy, step, *found)
            return found


def keep_try(run: RunDirectory, entry: Entry) -> None:
    """Copy what was written by the try that an intervention ends: the run's own files will be cut back."""
    folder = folder_of(run, entry)
    (folder / "samples").mkdir(parents=True, exist_ok=True)
    images = [path for step, path in sample_grids(run.samples) if step > entry["back_to"]]
    for path in (run.log, run.timing, run.scores, run.health, run.ending, *images):
        if path.exists():
            shutil.copyfile(path, folder / path.relative_to(run.path))


def carry_over(state: State, old: Mapping[str, Tensor], *, optimizers: bool) -> tuple[dict[str, Tensor], list[str]]:
    """The tensors of a fresh state, replaced by those of `old` that have the same name and shape; with their optimizer's, if `optimizers`.
    Also gives the names of those that stay fresh. An EMA that is new starts at the weights.
    """
    found, fresh = {}, []
    for name, tensor in state.tensors().items():
        before = old.get(name, old.get(name.replace("ema/", "game/", 1)))
        if before is not None and before.shape == tensor.shape:
            found[name] = before
        else:
            found[name] = tensor
            fresh.append(name)
    carried = found.keys() - set(fresh)
    for name, tensor in old.items():
        kind, _, rest = name.partition("/")
        weight = rest.partition("/")[2].rpartition("/")[0]
        if kind == "optimizer" and optimizers and f"game/{weight}" in carried:
            found[name] = tensor
    return found, fresh


def coached(run: RunDirectory, spec: Spec, settings: TrainSettings, play: PlaySession, console: "Console") -> SessionResult:
    """See `sparring.runs.train.Coaching`."""
    return CoachedTraining(run, spec, settings, console).train(play)
