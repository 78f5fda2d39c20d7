"""One process and several give the same bits: batches in parts, sums in a tree, and what processes agree on."""

import contextlib
import itertools
import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from torch import nn

import sparring
from sparring.cli import main as command_line
from sparring.core.errors import NonFiniteError, ProcessLostError, SettingsError
from sparring.core.random_streams import Streams
from sparring.data.images.image_spec import ImageSpec
from sparring.data.preprocessing import Preprocessing
from sparring.games.game import Game
from sparring.games.translation import ImagePool
from sparring.runs import play_along, several_processes, train
from sparring.runs.config import read_config, write_config
from sparring.runs.run_directory import RunDirectory
from sparring.training import processes as processes_module
from sparring.training.parts import TreeSum, TurnParts
from sparring.training.processes import ALONE, Processes
from sparring.training.settings import TrainSettings
from support.runs import same_run
from support.table_models import COMMON as TABLE_COMMON
from support.table_models import SMALL as TABLE_SMALL
from support.table_models import people
from support.tiny import SMALL

# ---------------------------------------------------------------------------------------------- sums


def test_a_tree_adds_neighbors_first_and_keeps_few() -> None:
    """In float32, 1e8 + 1 is 1e8: the order can be seen."""
    numbers = [1e8, 1.0, -1e8, 1.0, 1.0, 1.0, 1.0, 1.0]
    tree, most = TreeSum(), 0
    for number in numbers:
        tree.add([torch.tensor(number), torch.tensor([number, 1.0])])
        most = max(most, len(tree.waiting))
    expected = torch.tensor(((1e8 + 0.0) + (-1e8 + 0.0)) + ((1 + 1) + (1 + 1)))  # 1e8 + 1 and -1e8 + 1 lose their 1
    assert torch.equal(tree.total[0], expected)
    assert tree.total[1].tolist() == [4.0, 8.0]
    one_by_one = torch.stack([torch.tensor(number) for number in numbers]).cumsum(0)[-1]
    assert not torch.equal(one_by_one, expected)
    assert most == 3


class Counting(Game):
    """A game with every kind of buffer."""

    def __init__(self) -> None:
        super().__init__(ImageSpec(1, 1, 1))
        self.weight = nn.Parameter(torch.zeros(2))
        self.idle = nn.Parameter(torch.zeros(1))
        self.divided = ("kept",)
        for name, value in {"mean": torch.zeros(1), "still": torch.ones(1), "kept": torch.zeros(5, 1), "seen": torch.tensor(3)}.items():
            self.register_buffer(name, value)


def test_every_part_begins_from_the_same_buffers_and_the_mean_is_kept() -> None:
    game = Counting()
    together = TurnParts(game, list(game.parameters()), 4, ALONE)
    for part, value in enumerate([1.0, 2.0, 3.0, 10.0]):
        assert (game.mean.item(), game.seen.item(), game.kept.sum().item()) == (0.0, 3, 0.0)
        game.weight.grad = torch.full((2,), value)
        game.mean.fill_(value)
        game.seen.add_(1)
        if part != 1:
            game.kept[part] = value
        together.add(part)
    together.finish()
    assert game.weight.grad is not None
    assert game.weight.grad.tolist() == [16.0, 16.0]
    assert game.idle.grad is None, "what had no gradient in any part has none"
    assert (game.mean.item(), game.still.item(), game.seen.item()) == (4.0, 1.0, 4)
    assert game.kept.flatten().tolist() == [1.0, 0.0, 3.0, 10.0, 0.0]


def test_each_part_has_its_own_places_in_the_pool() -> None:
    pool = ImagePool(5, ImageSpec(1, 1, 1), 1)
    first = torch.arange(1.0, 3).view(2, 1, 1, 1)
    assert torch.equal(pool.exchanged(first, Streams(0, 0), "p", part=1, parts=2), first)
    assert pool.images.flatten().tolist() == [0, 0, 1, 2, 0]
    for step in range(40):
        given = pool.exchanged(torch.full((1, 1, 1, 1), 10.0 + step), Streams(0, step), "p", part=1, parts=2)
        assert given.item() > 0, "never a place of another part"
    assert pool.images[[0, 1, 4]].eq(0).all()
    assert pool.images[2:4].min() > 2


# ------------------------------------------------------------------------------------------ two processes


class Live:
    """The other process of two, kept between trainings."""

    def __init__(self, processes: Processes) -> None:
        self.processes, self.asked = processes, 0

    @contextlib.contextmanager
    def all(self, count: int, reduce: str) -> Iterator[Processes]:
        self.asked += count == 2
        yield self.processes if count == 2 else ALONE


@pytest.fixture(scope="module")
def other() -> Iterator[Live]:
    with several_processes.all_processes(2, "exact") as processes:
        yield Live(processes)


@pytest.fixture
def two(other: Live, monkeypatch: pytest.MonkeyPatch) -> Live:
    monkeypatch.setattr(train, "all_processes", other.all)
    monkeypatch.setattr("sparring.runs.resume.all_processes", other.all)
    return other


STYLES = {"batch_size": 8, "channel_max": 8, "latent_size": 8, "style_size": 8, "mapping_layers": 2}
GAMES = {
    "dcgan": {"width": 4, "batch_size": 8, "latent_size": 5},
    "gan": {"batch_size": 8, "discriminator_steps": 2, "dropout": 0.3, "ema_samples": 0},
    "stylegan2": {**STYLES, "penalty_every": 2, "augment": "ada", "augment_samples": 100, "condition": "projection"},
    "glow": {"levels": 2, "steps_per_level": 1, "width": 4, "batch_size": 8},
}


@pytest.mark.parametrize("recipe", GAMES)
def test_two_processes_give_the_bits_of_one(recipe: str, two: Live, squares: Path, tmp_path: Path, quiet: Console) -> None:
    """Weights, optimizers, averages, buffers, and the log to the byte; with half of it trained alone, too."""
    common = {"data": squares, "console": quiet, "threads": 1, "samples": 4, "log_every": 1, "parts": 4, **GAMES[recipe]}
    sparring.train(recipe, out=tmp_path / "alone", steps=4, **common)
    before = two.asked
    sparring.train(recipe, out=tmp_path / "both", steps=4, devices=2, **common)
    assert two.asked == before + 1
    assert same_run(tmp_path / "alone", tmp_path / "both")
    if recipe in {"dcgan", "stylegan2"}:
        sparring.train(recipe, out=tmp_path / "changing", steps=2, devices=2, **common)
        sparring.resume(tmp_path / "changing", steps=4, devices=1, console=quiet)
        assert same_run(tmp_path / "alone", tmp_path / "changing")
        assert "machine_changes" not in read_config(RunDirectory(tmp_path / "changing")), "nothing that results depend on was changed"
    if recipe == "dcgan":
        sparring.train(recipe, out=tmp_path / "whole", steps=4, **{**common, "parts": 1})
        assert not same_run(tmp_path / "alone", tmp_path / "whole"), "the number of parts belongs to a run"


def test_a_pool_of_images_is_gathered_from_two_processes(two: Live, places: tuple[str, str], tmp_path: Path, quiet: Console) -> None:
    settings = {**SMALL["cyclegan"], "pool": 6, "batch_size": 2, "parts": 2, "norm": "batch"}
    common = {"target": places[1], "size": 32, "console": quiet, "threads": 1, "log_every": 1, **settings}
    for name, devices in (("alone", 1), ("both", 2)):
        sparring.train("cyclegan", places[0], tmp_path / name, steps=9, devices=devices, **common)
    assert same_run(tmp_path / "alone", tmp_path / "both")
    state = sparring.load(tmp_path / "both", whole=True).game.state_dict()
    assert state["pool_a.filled"] == 3
    assert state["pool_a.images"].flatten(1).any(dim=1).all(), "all places of both parts are taken"


def test_rows_of_a_table_are_drawn_in_parts(two: Live, tmp_path: Path, quiet: Console) -> None:
    people(300).to_csv(tmp_path / "people.csv", index=False)
    common = {**TABLE_COMMON, **TABLE_SMALL["ctgan"], "console": quiet, "parts": 2, "packing": 5}
    for name, devices in (("alone", 1), ("both", 2)):
        sparring.train("ctgan", tmp_path / "people.csv", tmp_path / name, steps=4, devices=devices, **common)
    assert same_run(tmp_path / "alone", tmp_path / "both")


def test_all_stop_where_the_first_process_stops(two: Live, squares: Path, tmp_path: Path, quiet: Console, tiny: dict[str, object]) -> None:
    """At the end of its time, at Ctrl-C, and at numbers that are not finite, after which the other process plays on."""
    common = {"data": squares, "console": quiet, "parts": 2, "devices": 2, **tiny}
    timed = sparring.train("dcgan", out=tmp_path / "timed", minutes=0.01, **common)
    assert timed.ending is not None
    assert timed.ending.reason == "budget"
    steps = itertools.count(1)

    def interrupt(*_: object) -> None:
        if next(steps) == 3:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sparring.training.callbacks.throughput.Throughput.on_step_end", interrupt)
        stopped = sparring.train("dcgan", out=tmp_path / "stopped", steps=40, **common)
    assert stopped.ending is not None
    assert (stopped.ending.reason, stopped.step) == ("stopped", 3)
    with pytest.raises(NonFiniteError):
        sparring.train("dcgan", out=tmp_path / "broken", steps=40, **common, learning_rate=1e30)
    again = sparring.train("dcgan", out=tmp_path / "again", steps=2, **common)
    assert again.step == 2


# ------------------------------------------------------------------------------------ what is refused


def test_devices_and_parts_that_cannot_be() -> None:
    def said(batch_size: int, **settings: int) -> str:
        return " ".join(TrainSettings(**settings).problems(batch_size))

    assert "parts must be a power of two (1, 2, 4, ...), not 3" in said(9, parts=3)
    assert "devices must be a power of two (1, 2, 4, ...), not 6" in said(12, devices=6)
    assert "devices must divide the batch of 6" in said(6, devices=4)
    assert said(8, parts=4, devices=2) == said(8, devices=8) == ""


def test_what_several_processes_cannot_train_on(squares: Path, tmp_path: Path, quiet: Console, tiny: dict[str, object]) -> None:
    store = sparring.prepare(sparring.open_source(squares), Preprocessing())
    with pytest.raises(SettingsError, match="every process reads the data"):
        sparring.train("dcgan", store, tmp_path / "run", devices=2, steps=1, console=quiet, **tiny)
    sparring.train("dcgan", squares, tmp_path / "run", steps=1, console=quiet, **tiny)
    with pytest.raises(SettingsError, match="add --parts 2"):
        sparring.resume(tmp_path / "run", devices=2, steps=2, console=quiet)


def test_more_gpus_than_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    several_processes.refuse_processes(TrainSettings(device="cuda"), data_in_memory=True)
    with pytest.raises(SettingsError, match="torch finds 1 GPU here, and devices is 2"):
        several_processes.refuse_processes(TrainSettings(device="cuda", devices=2), data_in_memory=False)


def test_an_older_run_calls_its_parts_otherwise(squares: Path, tmp_path: Path, quiet: Console, tiny: dict[str, object]) -> None:
    run = RunDirectory(tmp_path / "run")
    sparring.train("dcgan", squares, run.path, steps=1, parts=2, console=quiet, **tiny)
    config = read_config(run)
    config.pop("format")
    settings = config["train_settings"]
    settings["gradient_accumulation"] = settings.pop("parts")
    del settings["devices"], settings["reduce"]
    write_config(run, config)
    assert "gradient_accumulation" in json.loads(run.config.read_text())["train_settings"]
    sparring.resume(run.path, steps=2, console=quiet)
    assert read_config(run)["train_settings"]["parts"] == 2


# ------------------------------------------------------------------------------------------ torchrun


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def start(rank: int, count: int) -> None:
        for name, value in (("RANK", rank), ("LOCAL_RANK", rank), ("WORLD_SIZE", count)):
            monkeypatch.setenv(name, str(value))

    return start


def test_processes_of_torchrun_know_their_place(started: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    assert several_processes.device_count(2, 1) == 2
    started(0, 4)
    assert several_processes.device_count(None, 1) == several_processes.device_count(4, 1) == 4
    assert not several_processes.plays_along()
    with pytest.raises(SettingsError, match="4 processes were started, and devices is 2"):
        several_processes.device_count(2, 1)
    started(0, 3)
    with pytest.raises(SettingsError, match="power of two"):
        several_processes.device_count(None, 1)
    started(1, 2)
    assert several_processes.plays_along()
    played: list[str] = []
    monkeypatch.setattr(play_along, "play_along", lambda: played.append("along"))
    with pytest.raises(SystemExit) as ended:
        command_line.main(["train", "dcgan", "--data", "nothing"])
    assert (ended.value.code, played) == (0, ["along"])


def test_a_broken_connection_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("Connection closed by peer [127.0.0.1]:1234")

    for name in ("all_reduce", "broadcast", "all_to_all_single", "all_gather"):
        monkeypatch.setattr(processes_module.dist, name, broken)
    two = Processes(0, 2)
    for act in (
        lambda: two.any(torch.tensor([True])),
        lambda: two.tree_sum([torch.zeros(3)]),
        lambda: two.gather([torch.zeros(1)]),
        lambda: two.agreed("on"),
    ):
        with pytest.raises(ProcessLostError, match="closed by peer"):
            act()


def test_the_tree_over_processes_is_that_over_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four processes, simulated: what each receives is what the others sent."""
    random = np.random.default_rng(0)
    parts = [torch.from_numpy(random.normal(size=7).astype(np.float32) * 10.0 ** random.integers(-3, 8)) for _ in range(8)]
    tree = TreeSum()
    for part in parts:
        tree.add([part.clone()])
    subtrees = [parts[2 * rank] + parts[2 * rank + 1] for rank in range(4)]
    padded = [torch.nn.functional.pad(subtree, (0, 1)) for subtree in subtrees]
    shards = [torch.stack([each[2 * rank : 2 * rank + 2] for each in padded]) for rank in range(4)]
    sums = [(shard[0] + shard[1]) + (shard[2] + shard[3]) for shard in shards]
    monkeypatch.setattr(processes_module.dist, "all_to_all_single", lambda out, own: out.copy_(shards[1].flatten()))

    def gather(out: list[torch.Tensor], own: torch.Tensor) -> None:
        assert torch.equal(own, sums[1])
        for place, each in zip(out, sums, strict=True):
            place.copy_(each)

    monkeypatch.setattr(processes_module.dist, "all_gather", gather)
    (found,) = Processes(1, 4).tree_sum([subtrees[1]])
    assert torch.equal(found, tree.total[0])
