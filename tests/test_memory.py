"""Memory: what a step will take, what is said where it is short, and what is left of a run that failed for it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

import sparring
from sparring import recipes
from sparring.core import hardware
from sparring.core.errors import MemoryShortageError
from sparring.data.store import Store
from sparring.training import checkpoints
from sparring.training.loop import TurnRunner
from sparring.training.memory_estimate import BESIDE, FROM, LiveBytes, Need, estimate, refuse_too_large
from sparring.training.memory_shortage import is_shortage, ways_out
from sparring.training.session import resolve
from sparring.training.settings import TrainSettings

SETTINGS = resolve(TrainSettings(threads=1, device="cpu", precision="float32"))


def test_live_bytes_by_hand() -> None:
    """Two of 4,000 bytes, a view of the second, which is free; then the first goes, and a sum of 4 bytes comes."""
    mode = LiveBytes()
    with mode:
        first = torch.ones(1000)
        second = first + 1
        view = second[:10]
        del first
        total = view.sum()
    assert mode.timeline == [4000, 8000, 8000, 4004]
    del second, view
    assert mode.live == 4
    assert total == 20


def test_a_need_is_the_highest_of_many_lines() -> None:
    """100 until 45 images, 10 + 2 b from there on: 310 are reached by 150 images."""
    need = Need(np.array([100.0, 10.0]), np.array([0.0, 2.0]))
    assert [need.of(images) for images in (1, 45, 50)] == [100, 100, 110]
    assert need.most(310) == 150
    assert need.most(99) == 0


def test_what_is_measured_of_tiny_batches_holds_for_a_larger_one(store: Store) -> None:
    """Against a count of all that lives in such a step itself: what is reckoned from 2 and 4 images is right within a tenth for 40."""
    recipe = recipes.get("dcgan")(width=8, batch_size=40)
    need = estimate(recipe, store.spec, store, SETTINGS)
    assert need is not None

    from sparring.training.loop import TrainingContext
    from sparring.training.memory_estimate import step
    from sparring.training.session import first_state, machine_for

    with machine_for(SETTINGS) as fabric:
        state = first_state(recipe, lambda: recipe.build(store.spec), 0)
        held = sum(each.nbytes for game in (state.game, state.ema) for each in game.state_dict().values())
        mode = LiveBytes()
        with mode:
            step(state, TrainingContext(store, recipe, SETTINGS, fabric))
            step(state, TrainingContext(store, recipe, SETTINGS, fabric))
    assert need.of(40) == pytest.approx(BESIDE["cpu"] * (held + max(mode.timeline)), rel=0.1)
    assert need.of(4000) > 40 * need.of(40)


@pytest.mark.parametrize(("recipe", "settings"), [("progan", {"channel_max": 8}), ("pacgan", {"width": 4})])
def test_a_batch_that_cannot_fit_is_refused_with_what_would(store: Store, recipe: str, settings: dict[str, int]) -> None:
    """With just what 32 images take, 2**20 do not fit, and 32 do; growing networks are measured at their full side."""
    game = recipes.get(recipe)(batch_size=2**20, **settings)
    need = estimate(game, store.spec, store, SETTINGS)
    assert need is not None
    free = int(need.of(32)) + 1
    with pytest.raises(MemoryShortageError, match=r"up to \d+ fit") as error:
        refuse_too_large(game, store.spec, store, SETTINGS, free=free)
    for words in ("1,048,576 images at once", "GiB", "--parts", "--size"):
        assert words in str(error.value)
    small = replace(game, batch_size=24 * game.smallest_part)
    room = int(need.of(small.batch_size) * 1.1)
    assert refuse_too_large(small, store.spec, store, SETTINGS, free=room) is not None
    assert refuse_too_large(small, store.spec, store, SETTINGS, free=2**40) is None, "not worth while"
    parts = replace(SETTINGS, parts=2**20 // (FROM * game.smallest_part))
    assert refuse_too_large(game, store.spec, store, parts, free=1) is None, "small parts are not measured"


def test_nothing_is_written_for_a_batch_that_cannot_fit(squares: Path, tmp_path: Path, quiet: Console, tiny: dict[str, object]) -> None:
    with pytest.raises(MemoryShortageError):
        sparring.train("dcgan", squares, tmp_path / "run", steps=1, console=quiet, **{**tiny, "width": 64, "batch_size": 2**20})
    assert not (tmp_path / "run").exists()


# ------------------------------------------------------------------------------------ out of memory all the same


def of_torch() -> None:
    torch.empty(2**55)


def of_numpy() -> None:
    np.empty(2**60, np.uint8)


def of_cuda() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 8 GiB.")


@pytest.mark.parametrize("allocate", [of_torch, of_numpy, of_cuda])
@pytest.mark.parametrize("trained", [0, 3])
def test_out_of_memory_is_a_sentence_and_blocks_no_name(
    squares: Path,
    tmp_path: Path,
    quiet: Console,
    tiny: dict[str, object],
    monkeypatch: pytest.MonkeyPatch,
    allocate: Callable[[], None],
    trained: int,
) -> None:
    run = tmp_path / "run"
    take = TurnRunner.run

    def short(self: TurnRunner, state: object, *arguments: object) -> object:
        if state.progress.step >= trained:  # pyright: ignore[reportAttributeAccessIssue]
            allocate()
        return take(self, state, *arguments)  # pyright: ignore[reportArgumentType]

    with monkeypatch.context() as patch:
        patch.setattr(TurnRunner, "run", short)
        with pytest.raises(MemoryShortageError) as error:
            sparring.train("dcgan", squares, run, steps=5, checkpoint_every=1, console=quiet, **tiny)
    assert "8 images at once" in str(error.value)
    assert "--parts 2" in str(error.value)
    assert (f"sparring resume {run} --parts 2" in str(error.value)) == bool(trained)
    assert run.exists() == bool(trained)
    if trained:
        sparring.resume(run, parts=2, console=quiet)
    else:
        sparring.train("dcgan", squares, run, steps=5, console=quiet, **{**tiny, "parts": 2})
    assert checkpoints.steps(run / "checkpoints")[-1] == 5


def test_a_name_is_taken_again_and_what_others_wrote_stays(
    squares: Path, tmp_path: Path, quiet: Console, tiny: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    sparring.train("dcgan", squares, run, minutes=0, console=quiet, **tiny)
    assert "not trained for a single step" in capsys.readouterr().out, "said of all that loads it"
    (run / "samples" / "mine.png").write_bytes(b"mine")
    (run / "notes.txt").write_text("mine")
    sparring.train("dcgan", squares, run, steps=2, console=quiet, **{**tiny, "width": 8})
    assert checkpoints.steps(run / "checkpoints") == [0, 2]
    assert (run / "notes.txt").read_text() == (run / "samples" / "mine.png").read_text() == "mine"
    assert len(list((run / "tensorboard").iterdir())) == 1
    capsys.readouterr()
    assert sparring.load(run).sample(1).isfinite().all()
    assert capsys.readouterr().out == ""
    with pytest.raises(sparring.core.errors.SettingsError, match="contains a run already"):
        sparring.train("dcgan", squares, run, steps=2, console=quiet, **tiny)


def test_other_runtime_errors_are_no_shortage() -> None:
    assert not is_shortage(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not is_shortage(ValueError("out of memory"))
    assert is_shortage(
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes.")
    )


@pytest.mark.parametrize(
    ("batch", "parts", "fits", "split"),
    [(64, 1, 20, " 4 "), (64, 4, 7, " 16 "), (64, 1, None, " 2 "), (24, 1, 7, " 4 "), (7, 1, 3, None), (64, 1, 0, None)],
)
def test_ways_out_divide_the_batch(batch: int, parts: int, fits: int | None, split: str | None) -> None:
    recipe = recipes.get("dcgan")(batch_size=batch)
    said = ways_out(recipe, replace(SETTINGS, parts=parts), fits)
    assert f"--parts{split}" in said if split else "--parts" not in said


def test_limits_of_control_groups(tmp_path: Path) -> None:
    """Version 2: the tighter of the group's own and its parent's limit, less what is used and not files; version 1 likewise."""
    root, own = tmp_path / "cgroup", tmp_path / "own"
    for folder, limit, used, files in ((root / "a", 1000, 300, 100), (root / "a" / "b", "max", 10, 0)):
        folder.mkdir(parents=True)
        (folder / "memory.max").write_text(f"{limit}\n")
        (folder / "memory.current").write_text(f"{used}\n")
        (folder / "memory.stat").write_text(f"anon 5\ninactive_file {files}\n")
    own.write_text("0::/a/b\n")
    assert list(hardware._left_by_groups(root, own)) == [800]
    own.write_text("4:memory:/c\n1:cpu:/\n")
    folder = root / "memory" / "c"
    folder.mkdir(parents=True)
    (folder / "memory.limit_in_bytes").write_text("500")
    (folder / "memory.usage_in_bytes").write_text("450")
    (folder / "memory.stat").write_text("total_inactive_file 50\n")
    assert list(hardware._left_by_groups(root, own)) == [100]
    assert list(hardware._left_by_groups(root, tmp_path / "absent")) == []
