"""What a run may be gone on with: data from another place, another machine."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

import sparring
from sparring.core.errors import DataError, SettingsError
from sparring.runs.config import read_config, write_config
from sparring.runs.run_directory import RunDirectory
from sparring.training import checkpoints, session
from sparring.training.settings import TrainSettings
from support.tiny import TINY


@pytest.fixture(scope="module")
def begun(squares: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two steps, and its data beside it."""
    folder = tmp_path_factory.mktemp("begun")
    shutil.copy(squares, folder / "data.npz")
    sparring.train("dcgan", folder / "data.npz", folder / "run", steps=2, precision="float32", console=Console(quiet=True), **TINY)
    return folder


@pytest.fixture
def run(begun: Path, tmp_path: Path) -> Path:
    """A copy of it, whose data can be moved."""
    shutil.copytree(begun, tmp_path / "work")
    run = RunDirectory(tmp_path / "work" / "run")
    config = read_config(run)
    write_config(run, {**config, "data": {**config["data"], "source": str(tmp_path / "work" / "data.npz")}})
    return run.path


def config_of(run: Path) -> dict[str, Any]:
    return json.loads((run / "config.json").read_text())


def test_moved_data_is_named_once(run: Path, quiet: Console, tmp_path: Path) -> None:
    old, new = run.parent / "data.npz", tmp_path / "elsewhere.npz"
    old.rename(new)
    uses: list[Callable[[], object]] = [
        lambda: sparring.resume(run, steps=3, console=quiet),
        lambda: sparring.judge(run, samples=20, console=quiet),
    ]
    for use in uses:
        with pytest.raises(DataError) as error:
            use()
        assert str(old) in str(error.value)
        assert f"sparring resume {run} --data NEW_DATA" in str(error.value)
    sparring.resume(run, data=new, steps=3, console=quiet)
    assert config_of(run)["data"]["source"] == str(new)
    sparring.resume(run, steps=4, console=quiet)
    assert checkpoints.steps(run / "checkpoints")[-1] == 4


def test_data_that_stayed_is_not_said_to_be_elsewhere(run: Path, quiet: Console) -> None:
    sparring.resume(run, steps=3, console=quiet)
    assert "new place" not in quiet.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue] (a StringIO)


@pytest.mark.parametrize(
    ("kept", "words"), [(57, ("57 images", "60 then", "3 fewer")), (60, ("60 images now as then", "1 changed", "000000"))]
)
def test_changed_data_is_counted(run: Path, quiet: Console, kept: int, words: tuple[str, ...]) -> None:
    """57 of 60 images; or all of them, and one pixel is another."""
    place, before = run.parent / "data.npz", config_of(run)
    arrays = np.load(place)
    images = arrays["images"].copy()
    images[0, 0, 0] ^= 1
    np.savez(place, images=images[:kept], labels=arrays["labels"][:kept])
    for use in (lambda: sparring.resume(run, steps=3, console=quiet), lambda: sparring.judge(run, samples=20, console=quiet)):
        with pytest.raises(SettingsError) as error:
            use()
        assert all(word in str(error.value) for word in words), str(error.value)
    assert config_of(run) == before, "nothing that does not fit is remembered"


def test_a_machine_may_compute_otherwise(run: Path, quiet: Console) -> None:
    sparring.resume(run, steps=4, precision="bfloat16", parts=4, console=quiet)
    config = config_of(run)
    assert {name: config["train_settings"][name] for name in ("precision", "parts")} == {
        "precision": "bfloat16",
        "parts": 4,
    }
    assert config["machine_changes"] == [{"step": 2, "changes": {"precision": ["float32", "bfloat16"], "parts": [1, 4]}}]
    said = quiet.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]
    assert "to the bit" in said
    assert "batch norm" in said, "DCGAN has some"
    sparring.resume(run, steps=5, console=quiet)
    assert len(config_of(run)["machine_changes"]) == 1
    assert checkpoints.steps(run / "checkpoints")[-1] == 5
    sparring.resume(run, threads=2, console=quiet)  # no step is left to play: other threads would wait for each other
    assert config_of(run)["machine_changes"][1:] == [{"step": 5, "changes": {"threads": [1, 2]}}]


def test_parts_must_still_make_a_batch(run: Path, quiet: Console) -> None:
    before = config_of(run)
    with pytest.raises(SettingsError, match="parts must be a power of two"):
        sparring.resume(run, steps=4, parts=3, console=quiet)
    assert config_of(run) == before


def test_a_gpu_that_is_not_there(run: Path, quiet: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SettingsError, match="sees no GPU"):
        sparring.resume(run, steps=3, device="cuda", console=quiet)
    directory = RunDirectory(run)
    config = read_config(directory)
    write_config(directory, {**config, "train_settings": {**config["train_settings"], "device": "cuda", "precision": "bfloat16"}})
    with pytest.raises(SettingsError, match="--device cpu"):
        sparring.resume(run, steps=3, console=quiet)
    monkeypatch.setattr("sparring.runs.resume.has_fast_bfloat16", lambda _: False)
    sparring.resume(run, steps=3, device="cpu", console=quiet)
    assert config_of(run)["machine_changes"][-1]["changes"] == {"device": ["cuda", "cpu"], "precision": ["bfloat16", "float32"]}


def test_a_run_keeps_its_precision_where_the_other_device_has_it(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sparring.runs.resume import on_machine

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    old = session.resolve(TrainSettings(device="cpu", precision="bfloat16", threads=1))
    for fast, precision in ((True, "bfloat16"), (False, "float32")):
        monkeypatch.setattr("sparring.runs.resume.has_fast_bfloat16", lambda _, fast=fast: fast)
        new = on_machine(RunDirectory(run), old, {"device": "cuda"})
        assert (new.device, new.precision) == ("cuda", precision)
        assert on_machine(RunDirectory(run), old, {}) == old
    assert on_machine(RunDirectory(run), old, {"device": "cuda", "precision": "bfloat16"}).precision == "bfloat16"
