"""Training that acts on verdicts. Those are made up here: measurements come every fourth step, and each test says when they find what."""

import json
import math
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from rich.console import Console

import sparring
from sparring import recipes
from sparring.core.errors import CheckpointError, NonFiniteError, SettingsError
from sparring.core.jsonl import read_lines
from sparring.data.store import Store
from sparring.games.adversarial import TwoPlayerGame
from sparring.health.coach.coach import untried
from sparring.health.coach.interventions import CoachedTraining, carry_over
from sparring.health.diagnosis.finding import Finding, Remedy
from sparring.health.diagnosis.training_record import Record, read_run
from sparring.runs.config import read_config
from sparring.runs.run_directory import RunDirectory
from sparring.training import checkpoints
from sparring.training.loop import TrainingContext, TurnRunner
from sparring.training.session import fabric_for, first_state, resolve
from sparring.training.settings import TrainSettings
from sparring.training.state import State
from support.cli import call
from support.runs import kept, same_run, tensors_of
from support.tiny import SMALL, TINY

Diagnose = Callable[[Record], tuple[Finding, ...]]
SEEN_OFTEN = {"sample_every": 8, "checkpoint_minutes": 60.0}
SLOWER, SLOWEST, NOISE = {"learning_rate": 0.0001}, {"learning_rate": 0.00005}, {"input_noise": 0.1}


def finding(*settings: Mapping[str, object], name: str = "collapse", since: int | None = None, severity: str = "warning") -> Finding:
    remedies = tuple(Remedy(action=f"Change {', '.join(one)}.", settings=one) for one in settings)
    return Finding(
        name=name,
        summary="Samples are all alike.",
        evidence=("Diversity is 0.1.",),
        severity=severity,
        confidence=0.9,
        since=since,
        remedies=remedies,
    )


def last_measurement(record: Record) -> int:
    return record.measurements[-1]["step"] if record.measurements else 0


def sick_from(step: int, *settings: Mapping[str, object], since: int | None = None, healed_by: str = "") -> Diagnose:
    """Something is found from a step on, until the setting `healed_by` is not its usual one."""

    def diagnose(record: Record) -> tuple[Finding, ...]:
        healed = healed_by and record.settings[healed_by] != record.defaults[healed_by]
        return () if healed or last_measurement(record) < step else (finding(*settings, since=since),)

    return diagnose


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Callable[[Diagnose], None]:
    """Sets what is found; nothing, until then."""
    return finding_with(monkeypatch)


def finding_with(patch: pytest.MonkeyPatch) -> Callable[[Diagnose], None]:
    patch.setattr("sparring.training.callbacks.health.FIRST_SPACING", 4)

    def set_to(diagnose: Diagnose) -> None:
        patch.setattr("sparring.health.diagnosis.all_rules.diagnose", diagnose)

    set_to(lambda record: ())
    return set_to


@pytest.fixture
def common(squares: Path, quiet: Console, tiny: dict[str, object]) -> dict[str, object]:
    return {"data": squares, "console": quiet, **tiny, **SEEN_OFTEN}


def interventions(run: Path) -> list[dict[str, object]]:
    return read_config(RunDirectory(run)).get("interventions", [])


def report(run: Path) -> str:
    return RunDirectory(run).coach.read_text()


def lines_to(path: Path, step: int) -> list[dict[str, object]]:
    return [line for line in read_lines(path) if line["step"] <= step]


# ----------------------------------------------------------------------------------------------- nothing


def test_a_coach_that_finds_nothing_changes_nothing(tmp_path: Path, found: Callable[..., None], common: dict[str, object]) -> None:
    """A note is nothing, nor is what no setting cures, nor what stands in every other checkup alone."""

    def diagnose(record: Record) -> tuple[Finding, ...]:
        odd = last_measurement(record) % 8 == 4
        return (*([finding(SLOWER)] if odd else []), finding(name="few images"), finding(SLOWER, name="slow", severity="note"))

    found(diagnose)
    plain, coached = tmp_path / "plain", tmp_path / "coached"
    sparring.train("dcgan", out=plain, steps=26, **common)
    sparring.train("dcgan", out=coached, steps=26, coach=True, **common)
    assert same_run(plain, coached)
    for name in ("health.jsonl", "samples/step-000000024.png"):
        assert (plain / name).read_bytes() == (coached / name).read_bytes()
    assert interventions(coached) == []
    assert not (coached / "tries").exists()
    assert "The coach did not intervene." in report(coached)
    assert not (plain / "coach.md").exists()
    facts = [checkpoints.read_facts(run / "checkpoints", 26) for run in (plain, coached)]
    assert ["coach" in one["callbacks"] for one in facts] == [False, True]
    assert ["coach" in one["identity"] for one in facts] == [False, False]
    assert kept(plain) == [0, 26]
    assert set(kept(coached)) >= {8, 16, 24, 26}  # measurements without a finding


# ---------------------------------------------------------------------------------------- an intervention


def test_the_coach_goes_back_and_trains_with_changed_settings(
    tmp_path: Path, found: Callable[..., None], common: dict[str, object], quiet: Console
) -> None:
    """Checkups: 4, 8 and 12 healthy, 16 and 20 sick. The checkpoints of 4 and 12 are kept, for those are every other one."""
    found(sick_from(16, SLOWER, NOISE, since=14, healed_by="learning_rate"))
    plain, run = tmp_path / "plain", tmp_path / "run"
    sparring.train("dcgan", out=plain, steps=20, **common)
    model = sparring.train("dcgan", out=run, steps=40, coach=True, **common)
    config = read_config(RunDirectory(run))
    (entry,) = config["interventions"]
    wanted = {"try": 1, "step": 20, "back_to": 12, "finding": "collapse", "changes": SLOWER, "before": {"learning_rate": 0.0002}}
    assert entry | wanted == entry
    assert (entry["summary"], entry["evidence"]) == ("Samples are all alike.", ["Diversity is 0.1."])
    assert config["recipe_settings"] == {**config["first_recipe_settings"], **SLOWER}
    assert config["first_recipe_settings"]["learning_rate"] == 0.0002
    # What was lost counts: 20 + 20 steps were taken.
    progress = checkpoints.read_facts(run / "checkpoints", 32)["progress"]
    assert (model.step, kept(run)[-1]) == (32, 32)
    assert (progress["lost_steps"], progress["lost_real_samples"]) == (8, 64)
    assert (progress["step"], progress["real_samples"]) == (32, 256)
    assert progress["lost_seconds"] > 0
    # The log up to there is that of a run without a coach, as is what was put away; the rates change where the try begins.
    log = RunDirectory(run).read_log()
    assert [line["rate/generator"] for line in log] == [0.0002] * 4 + [0.0001] * 6
    assert lines_to(run / "log.jsonl", 12) == lines_to(plain / "log.jsonl", 12)
    assert (run / "tries/1/log.jsonl").read_bytes() == (plain / "log.jsonl").read_bytes()
    assert (run / "tries/1/health.jsonl").read_bytes() == (plain / "health.jsonl").read_bytes()
    assert [path.name for path in (run / "tries/1/samples").iterdir()] == ["step-000000016.png"]
    assert not (run / "tries/1/origin").exists()
    said = quiet.file.getvalue()
    assert "try 1 of 4. At step 20: collapse. Samples are all alike." in said
    assert "Back to step 12, which was healthy, now with learning_rate=0.0001 (was 0.0002). Change learning_rate." in said
    for words in ("**collapse** (warning)", "- Diversity is 0.1.", "8 steps were lost", "These settings worked", "--learning-rate 0.0001 "):
        assert words in report(run)
    (done,) = sparring.diagnose(run).coached
    assert done == "At step 20: collapse (warning). Back to step 12, which was healthy, now with learning_rate=0.0001 (was 0.0002)."


@pytest.mark.parametrize(("since", "back_to"), [(None, 12), (12, 12), (11, 4), (3, 0)])
def test_the_coach_goes_back_to_before_the_finding_began(
    tmp_path: Path, found: Callable[..., None], common: dict[str, object], since: int | None, back_to: int
) -> None:
    found(sick_from(16, SLOWER, since=since, healed_by="learning_rate"))
    run = tmp_path / "run"
    sparring.train("dcgan", out=run, steps=30, coach=True, **{**common, "keep": 1})
    assert interventions(run)[0]["back_to"] == back_to
    assert kept(run)[-1] == 30 - (20 - back_to)
    assert ("That says little" in report(run)) == (kept(run)[-1] < 20)
    assert ("These settings worked" in report(run)) == (kept(run)[-1] >= 20)
    if back_to == 0:  # from the beginning it is a run with these settings
        fresh = tmp_path / "fresh"
        sparring.train("dcgan", out=fresh, steps=10, **SLOWER, **common)
        assert same_run(run, fresh)


def test_an_older_checkpoint_replaces_a_damaged_one(
    tmp_path: Path, found: Callable[..., None], common: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest healthy one is torn while it is not needed."""
    run, changed = tmp_path / "run", CoachedTraining.with_intervention

    def tearing(bench: CoachedTraining, *rest: object) -> dict[str, object]:
        path = run / "checkpoints/step-000000012.safetensors"
        path.write_bytes(path.read_bytes()[:-5])
        return changed(bench, *rest)

    monkeypatch.setattr(CoachedTraining, "with_intervention", tearing)
    found(sick_from(16, SLOWER, healed_by="learning_rate"))
    sparring.train("dcgan", out=run, steps=30, coach=True, **common)
    assert interventions(run)[0]["back_to"] == 4


def test_a_coached_run_can_be_used_and_resumed(
    tmp_path: Path, found: Callable[..., None], common: dict[str, object], quiet: Console
) -> None:
    """A pack of two changes the discriminator; checkpoints from before can be loaded all the same."""
    found(sick_from(16, {"packing": 2}, healed_by="packing"))
    run = tmp_path / "run"
    sparring.train("dcgan", out=run, steps=30, coach=True, **{**common, "keep": 9})
    assert "start again, for their shape has changed: discriminator.layers.0.weight" in quiet.file.getvalue()
    model = sparring.load(run, whole=True)
    assert model.recipe.packing == 2
    assert model.sample(3).shape == (3, 1, 16, 16)
    assert sparring.load(run, checkpoint=4, whole=True).recipe.packing == 1
    assert sparring.load(sparring.pack(model, tmp_path / "model.safetensors")).recipe.packing == 2
    sparring.resume(run, console=quiet)
    assert "The budget of this run is used up (--steps 30)" in quiet.file.getvalue()
    sparring.resume(run, steps=34, packing=2, coach=True, console=quiet)
    assert kept(run)[-1] == 26
    with pytest.raises(SettingsError, match="packing is 2 in this run"):
        sparring.resume(run, steps=40, packing=1, console=quiet)
    with pytest.raises(SettingsError, match="coach is True in this run"):
        sparring.resume(run, steps=40, coach=False, console=quiet)
    config = run / "config.json"
    config.write_text(config.read_text().replace('"learning_rate": 0.0002', '"learning_rate": 0.5', 1))
    with pytest.raises(CheckpointError, match=r"learning_rate: 0\.0002 in the checkpoint, 0\.5 in config"):
        sparring.resume(run, steps=40, console=quiet)


def test_a_run_may_get_a_coach_when_it_is_resumed(
    tmp_path: Path, found: Callable[..., None], common: dict[str, object], quiet: Console
) -> None:
    """It goes through the checkpoints that are kept, and back to the newest of them that was healthy."""
    found(sick_from(16, {"packing": 2}, healed_by="packing"))
    run = tmp_path / "run"
    sparring.train("dcgan", out=run, steps=22, **{**common, "checkpoint_every": 4, "keep": 9})
    assert interventions(run) == []
    sparring.resume(run, steps=60, coach=True, coach_tries=2, console=quiet)
    (entry,) = interventions(run)
    assert (entry["step"], entry["back_to"], entry["changes"]) == (24, 12, {"packing": 2})
    assert sparring.load(run).recipe.packing == 2
    training = read_config(RunDirectory(run))["train_settings"]
    assert (training["coach"], training["coach_tries"]) == (True, 2)
    with pytest.raises(SettingsError, match="coach_tries is 2 in this run"):
        sparring.resume(run, steps=70, coach_tries=3, console=quiet)


def test_a_coach_changes_a_setting_that_an_older_run_does_not_name(
    tmp_path: Path, found: Callable[..., None], common: dict[str, object], quiet: Console
) -> None:
    run = tmp_path / "run"
    sparring.train("dcgan", out=run, steps=12, **common)
    config = json.loads((run / "config.json").read_text())
    del config["recipe_settings"]["packing"]
    (run / "config.json").write_text(json.dumps(config))
    for step in kept(run):
        tensors, facts = checkpoints.read(run / "checkpoints", step)
        del facts["identity"]["packing"]
        checkpoints.write(run / "checkpoints", step, tensors, facts)
    assert read_run(RunDirectory(run)).settings["packing"] == 1
    found(sick_from(16, {"packing": 2}, healed_by="packing"))
    sparring.resume(run, steps=40, coach=True, console=quiet)
    assert [entry["before"] for entry in interventions(run)] == [{"packing": 1}]


def test_a_late_coach_may_have_to_start_from_the_beginning(
    tmp_path: Path, found: Callable[..., None], common: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    """All checkpoints that are kept are sick; what was found before stands already, so that the first checkup is enough."""
    found(sick_from(1, {"packing": 2}, healed_by="packing"))
    run = tmp_path / "run"
    sparring.train("dcgan", out=run, steps=22, **{**common, "checkpoint_every": 4, "keep": 2})
    assert call("resume", run, "--steps", 60, "--coach") == 0
    assert "None of the kept checkpoints is healthy" in capsys.readouterr().out
    (entry,) = interventions(run)
    assert (entry["step"], entry["back_to"]) == (24, 0)


# --------------------------------------------------------------------------------------------- escalation


def test_the_coach_waits_escalates_and_gives_up(
    tmp_path: Path, found: Callable[..., None], common: dict[str, object], quiet: Console
) -> None:
    """Of the three measurements after step 12 nothing is made; the one of 28 is the first that counts, and so it goes on."""
    found(sick_from(16, SLOWER, SLOWEST, NOISE, {"r1": 1.0}))
    run = tmp_path / "run"
    sparring.train("dcgan", out=run, steps=90, coach=True, coach_tries=2, **common)
    assert [(one["step"], one["back_to"], one["changes"]) for one in interventions(run)] == [(20, 12, SLOWER), (28, 12, SLOWEST)]
    config = read_config(RunDirectory(run))
    assert config["recipe_settings"] == {**config["first_recipe_settings"], **SLOWEST}
    assert kept(run)[-1] == 90 - 8 - 16
    assert read_lines(run / "tries/2/log.jsonl")[-1]["step"] <= 28
    said = quiet.file.getvalue()
    assert said.count("The coach gives up. After 2 tries, as many as are allowed, collapse (warning) is still found at step 28.") == 1
    for words in (
        "Outcome: At step 28: collapse",
        "After 2 tries",
        "By the end, step 66, collapse (warning)",
        "## The last settings",
    ):
        assert words in report(run)


def test_remedies_are_tried_in_their_order_and_once(tmp_path: Path, found: Callable[..., None], common: dict[str, object]) -> None:
    """A remedy is known by what it changes, whichever finding it is for."""
    run = tmp_path / "run"

    def diagnose(record: Record) -> tuple[Finding, ...]:
        first = last_measurement(record) < 20 and record.settings["input_noise"] == 0
        return (finding(NOISE, SLOWER, name="one") if first else finding(SLOWER, NOISE, SLOWEST, {"betas": (0.0, 0.9)}, name="other"),)

    found(diagnose)
    sparring.train("dcgan", out=run, steps=90, coach=True, **common)
    assert [one["changes"] for one in interventions(run)] == [NOISE, SLOWER, SLOWEST, {"betas": [0.0, 0.9]}]


def test_changed_settings_are_not_changed_back(tmp_path: Path, found: Callable[..., None], common: dict[str, object]) -> None:
    found(sick_from(16, SLOWER, {"learning_rate": 0.0002}, NOISE))
    run = tmp_path / "run"
    sparring.train("dcgan", out=run, steps=120, coach=True, **common)
    assert [one["changes"] for one in interventions(run)] == [SLOWER, NOISE]


def test_changed_rates_stay_and_an_earlier_objective_does_not_come_back() -> None:
    slower = {"before": {"learning_rate": 2e-4}, "changes": {"learning_rate": 5e-5}}
    packed = Remedy(action="Pack.", settings={"packing": 2, "learning_rate": 2e-4}, optional=frozenset({"learning_rate"}))
    assert [remedy.settings for remedy in untried([packed], [slower])] == [{"packing": 2}]
    assert list(untried([Remedy(action="Back.", settings={"learning_rate": 2e-4})], [slower])) == []
    game = {"before": {"objective": "non-saturating", "r1": 0.0}, "changes": {"objective": "relativistic", "r1": 0.05}}
    calm = Remedy(action="Calm.", settings={"objective": "non-saturating", "r1": 1.0}, defining=frozenset({"objective"}))
    assert list(untried([calm], [game])) == []
    critic = Remedy(
        action="Critic.", settings={"objective": "wasserstein", "r1": 0.0, "gradient_penalty": 10.0}, defining=frozenset({"objective"})
    )
    assert [remedy.settings for remedy in untried([critic], [game])] == [critic.settings], "a game comes whole"


def test_settings_that_do_not_fit_or_change_nothing_are_no_remedy(
    tmp_path: Path, found: Callable[..., None], common: dict[str, object], quiet: Console
) -> None:
    """Packs of three do not divide a batch of eight, nor packs of four its halves' halves; where no remedy is left, others may be found."""
    unfit = ({"packing": 3}, {"packing": 4}, {"learning_rate": -1.0}, {"learning_rate": 0.0002}, {"seed": 3})

    def diagnose(record: Record) -> tuple[Finding, ...]:
        later = [finding(*unfit, SLOWER, name="divergence")] if last_measurement(record) >= 20 else []
        return (*(later if record.settings["learning_rate"] == 0.0002 else []), finding(*unfit))

    found(diagnose)
    run = tmp_path / "run"
    sparring.train("dcgan", out=run, steps=40, coach=True, parts=4, **common)
    assert [(one["finding"], one["step"], one["back_to"]) for one in interventions(run)] == [("divergence", 24, 20 - 8)]
    assert "no other remedy for collapse (warning) (step 8)" in quiet.file.getvalue()


# --------------------------------------------------------------------------------------------- not finite


class Poisoned(TwoPlayerGame):
    """Its generator's loss is not a number from the 15th step on, unless rates are low."""

    def play_generator(self, moment: object) -> dict[str, torch.Tensor]:
        losses = super().play_generator(moment)
        bad = moment.step >= 14 and self.settings.learning_rate > 0.0001
        return {name: loss * (math.nan if bad else 1) for name, loss in losses.items()}


def broken(*settings: Mapping[str, object]) -> Diagnose:
    def diagnose(record: Record) -> tuple[Finding, ...]:
        return (finding(*settings, name="not finite", since=record.ending["step"]),) if record.ending else ()

    return diagnose


def test_infinite_numbers_cause_an_intervention(
    tmp_path: Path, found: Callable[..., None], common: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sparring.games.adversarial.TwoPlayerGame", Poisoned)
    found(broken(NOISE, SLOWER))
    run = tmp_path / "run"
    sparring.train("dcgan", out=run, steps=40, coach=True, **common)
    assert [(one["finding"], one["step"], one["back_to"], one["changes"]) for one in interventions(run)] == [
        ("not finite", 14, 12, NOISE),
        ("not finite", 14, 12, SLOWER),
    ]
    assert kept(run)[-1] == 40 - 2 - 2
    assert json.loads((run / "tries/1/ending.json").read_text())["step"] == 14
    assert not (run / "ending.json").exists()


def test_infinite_numbers_without_a_remedy_end_the_run(
    tmp_path: Path, found: Callable[..., None], common: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sparring.games.adversarial.TwoPlayerGame", Poisoned)
    found(broken(NOISE))
    run = tmp_path / "run"
    for allowed, words in [(4, "No other remedy is known"), (1, "After one try, as many as are allowed")]:
        with pytest.raises(NonFiniteError, match="In step 15, the turn 'generator'"):
            sparring.train("dcgan", out=run, steps=40, coach=True, coach_tries=allowed, **common)
        assert [one["changes"] for one in interventions(run)] == [NOISE]
        assert f"{words}" in report(run)
        shutil.rmtree(run)


# ----------------------------------------------------------------------------------------- exact resuming


class Killed(BaseException):
    """As if the process had been killed here."""


def assert_same(run: Path, whole: Path) -> None:
    """Everything but times."""
    assert same_run(run, whole)
    assert kept(run) == kept(whole)
    files = [
        {path.relative_to(each): path.read_bytes() for path in each.rglob("*") if path.suffix in {".jsonl", ".png", ".gif"}}
        for each in (run, whole)
    ]
    for one in files:
        for path in [path for path in one if path.name == "timing.jsonl"]:
            del one[path]
    assert files[0].keys() == files[1].keys()
    assert files[0] == files[1]
    for step in kept(whole):
        one, other = (checkpoints.read(each / "checkpoints", step) for each in (run, whole))
        assert one[0].keys() == other[0].keys()
        assert all(torch.equal(one[0][name], other[0][name]) for name in one[0])
        assert timeless(one[1]) == timeless(other[1])
    assert timeless(read_config(RunDirectory(run))) == timeless(read_config(RunDirectory(whole)))
    assert not list(run.rglob("*.tmp"))
    assert not list(run.rglob("origin"))


def timeless(value: object) -> object:
    """JSON without what depends on time."""
    if isinstance(value, dict):
        return {name: timeless(one) for name, one in value.items() if "seconds" not in name and name not in {"checksum", "steps"}}
    return [timeless(one) for one in value] if isinstance(value, list) else value


TWICE = (SLOWER, {"packing": 2})
"""Remedies of a run that needs two."""


@pytest.fixture(scope="module")
def whole(squares: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("coached") / "whole"
    with pytest.MonkeyPatch.context() as patch:
        finding_with(patch)(sick_from(16, *TWICE, healed_by="packing"))
        sparring.train("dcgan", squares, run, steps=64, coach=True, console=Console(quiet=True), **{**TINY, **SEEN_OFTEN})
    assert [one["step"] for one in interventions(run)] == [20, 28]
    return run


@pytest.mark.parametrize("stops", [(13, 21, 33, 37), (20, 23, 36, 42), (19, 40, 50, 60)])
def test_a_coached_run_that_was_stopped_equals_one_that_was_not(
    tmp_path: Path, common: dict[str, object], quiet: Console, found: Callable[..., None], whole: Path, stops: tuple[int, ...]
) -> None:
    """Verdicts fall after 20 and after 36 steps, counting those lost: at the end of a sitting, too."""
    found(sick_from(16, *TWICE, healed_by="packing"))
    run = tmp_path / "run"
    sparring.train("dcgan", out=run, steps=stops[0], coach=True, **common)
    for stop in (*stops[1:], 64):
        sparring.resume(run, steps=stop, console=quiet)
    assert interventions(run)
    assert same_run(run, whole)
    assert timeless(interventions(run)) == timeless(interventions(whole))
    for name in ("health.jsonl", "tries/1/log.jsonl", "tries/2/log.jsonl", "tries/2/health.jsonl"):
        assert (run / name).read_bytes() == (whole / name).read_bytes()


def killing_at(call: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """From the first verdict on, kills in place of the n-th call (from 0) of what changes files. Gives the list of calls."""
    calls: list[str] = []
    armed: list[bool] = []
    changed = CoachedTraining.with_intervention

    def arming(*arguments: object) -> object:
        armed.append(True)
        return changed(*arguments)

    def bomb(name: str, function: Callable[..., object]) -> Callable[..., object]:
        def exploding(*arguments: object, **named: object) -> object:
            if armed:
                calls.append(name)
                if len(calls) == call + 1:
                    raise Killed
            return function(*arguments, **named)

        return exploding

    monkeypatch.setattr(CoachedTraining, "with_intervention", arming)
    monkeypatch.setattr(Path, "replace", bomb("replace", Path.replace))
    monkeypatch.setattr(checkpoints, "remove", bomb("remove", checkpoints.remove))
    monkeypatch.setattr(shutil, "copyfile", bomb("copy", shutil.copyfile))
    monkeypatch.setattr(shutil, "rmtree", bomb("rmtree", shutil.rmtree))
    monkeypatch.setattr("sparring.training.session.first_state", bomb("sit", first_state))
    return calls


@pytest.mark.long
def test_a_run_that_is_killed_during_an_intervention_ends_the_same(
    tmp_path: Path, common: dict[str, object], quiet: Console, found: Callable[..., None]
) -> None:
    """In place of every call that changes a file, from the verdict to the next sitting."""
    found(sick_from(16, {"packing": 2}, healed_by="packing"))
    whole, ready = tmp_path / "whole", tmp_path / "ready"
    sparring.train("dcgan", out=whole, steps=26, coach=True, **common)
    with pytest.MonkeyPatch.context() as patch:
        calls = killing_at(10**6, patch)
        sparring.train("dcgan", out=ready, steps=26, coach=True, **common)
    assert_same(ready, whole)
    moments = calls.index("sit") + 1
    # config; log, timing, health and a grid; the copy's two files, the new one's; the story; the last checkpoint; the copy
    assert calls[:moments] == ["replace", *["copy"] * 4, *["replace"] * 4, "remove", "replace", "rmtree", "sit"]
    shutil.rmtree(ready)
    with pytest.MonkeyPatch.context() as patch:
        killing_at(0, patch)
        with pytest.raises(Killed):
            sparring.train("dcgan", out=ready, steps=26, coach=True, **common)
    assert not interventions(ready)
    for moment in range(1, moments):
        run = tmp_path / f"killed-{moment}"
        shutil.copytree(ready, run)
        with pytest.MonkeyPatch.context() as patch:
            killing_at(moment, patch)
            with pytest.raises(Killed):
                sparring.resume(run, console=quiet)
        assert len(interventions(run)) == 1
        sparring.resume(run, console=quiet)
        assert_same(run, whole)


# ------------------------------------------------------------------------------------------ what is kept


def played(store: Store, steps: int, **settings: object) -> State:
    recipe = recipes.get("dcgan")(width=4, batch_size=8, **settings)
    resolved = resolve(TrainSettings(steps=steps, threads=1, device="cpu", precision="float32"))
    state = first_state(recipe, lambda: recipe.build(store.spec), 0)
    for _ in range(steps):
        for turn in state.game.turns:
            TurnRunner(state.game, turn).run(state, TrainingContext(store, recipe, resolved, fabric_for(resolved)), 0, 0)
        state.progress.step += 1
    return state


def test_tensors_are_carried_over_by_name_and_shape(store: Store) -> None:
    old = played(store, 2).tensors()
    state = played(store, 0, packing=2, augment="ada")
    own = {name: tensor.clone() for name, tensor in state.tensors().items()}
    taken, fresh = carry_over(state, old, optimizers=True)
    assert fresh == ["game/discriminator.layers.0.weight", "game/augmentation.chance", "game/augmentation.sign_mean"]
    for name in fresh:
        assert torch.equal(taken[name], own[name])
    for name in old:
        assert name in taken or name.startswith("optimizer/discriminator/discriminator.layers.0.weight/")
        if name in taken and name not in fresh:
            assert torch.equal(taken[name], old[name])
    assert any(name.startswith("optimizer/discriminator/") for name in taken)
    assert not any(name.startswith("optimizer/discriminator/discriminator.layers.0.weight/") for name in taken)
    without, _ = carry_over(state, old, optimizers=False)
    assert not any(name.startswith("optimizer/") for name in without)
    state.restore(taken, {"progress": {"step": 2}})  # a CheckpointError if it did not fit


def test_a_new_ema_starts_at_the_weights(store: Store) -> None:
    old = played(store, 2, ema_samples=0).tensors()
    assert not any(name.startswith("ema/") for name in old)
    taken, fresh = carry_over(played(store, 0), old, optimizers=True)
    assert fresh == []
    assert torch.equal(taken["ema/generator.project.weight"], old["game/generator.project.weight"])


@pytest.mark.parametrize("optimizer", ["rmsprop", "sgd"])
def test_another_optimizer_starts_without_state(
    tmp_path: Path, found: Callable[..., None], common: dict[str, object], optimizer: str
) -> None:
    found(sick_from(16, {"optimizer": optimizer}, healed_by="optimizer"))
    run = tmp_path / "run"
    sparring.train("dcgan", out=run, steps=30, coach=True, **common)
    keys = {name.rpartition("/")[2] for name in tensors_of(run) if name.startswith("optimizer/")}
    assert keys == ({"square_avg", "step"} if optimizer == "rmsprop" else {"momentum_buffer"})


# ----------------------------------------------------------------------------------------------- refusals


def test_a_coach_is_refused_where_it_can_do_nothing(tmp_path: Path, squares: Path, quiet: Console, tiny: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match="coach is for images from noise"):
        sparring.train("pix2pix", data=squares, out=tmp_path / "run", steps=2, coach=True, inputs="edges", console=quiet)
    sparring.train("pix2pix", data=squares, out=tmp_path / "pairs", steps=1, inputs="edges", console=quiet, **SMALL["pix2pix"])
    with pytest.raises(SettingsError, match="coach is for images from noise"):
        sparring.resume(tmp_path / "pairs", steps=2, coach=True, console=quiet)
    with pytest.raises(SettingsError, match="does nothing without a coach: give coach too"):
        sparring.train("dcgan", data=squares, out=tmp_path / "run", steps=2, coach_tries=2, console=quiet, **tiny)
    with pytest.raises(SettingsError, match="coach_tries must be at least 1"):
        sparring.train("dcgan", data=squares, out=tmp_path / "run", steps=2, coach=True, coach_tries=0, console=quiet, **tiny)
    assert not (tmp_path / "run").exists()
