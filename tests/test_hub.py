"""Models to and from a hub: one on this machine, which speaks the Hugging Face hub's language."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from rich.console import Console
from safetensors.torch import save_file

import sparring
from sparring.core.errors import CheckpointError, DataError, SettingsError
from sparring.interop.hub import refuse_files
from sparring.interop.model_card import without_folders
from support.cli import call
from support.fake_hub import FakeHub, serving
from support.tiny import TINY


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with serving() as found:
        monkeypatch.setenv("HF_ENDPOINT", found.address)
        monkeypatch.setenv("HF_TOKEN", "hf_secret")
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)  # the hub's other way to upload, which is not imitated
        yield found


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, squares: Path) -> Path:
    """A model that was trained and judged."""
    out = tmp_path_factory.mktemp("very-private-folder") / "run"
    sparring.train("cgan", squares, out, steps=3, console=Console(quiet=True), **TINY)
    sparring.judge(out, samples=20, out=out)
    return out


def test_a_model_is_published_and_fetched(hub: FakeHub, run: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<p>steer me</p>")
    address = sparring.push(run, "ada/squares", license="mit", data_license="made for tests", beside=[page])
    ((commit, files),) = hub.repositories["ada/squares"]
    assert address.endswith(commit)
    assert hub.private["ada/squares"], "nobody sees it unless that is asked for"
    assert set(files) == {"model.safetensors", "README.md", "samples.png", "report.json", "page.html"}
    found = sparring.pull("ada/squares", tmp_path / "fetched.safetensors")
    assert found.commit == commit
    same = sparring.load(found.path).sample(4, seed=1)
    assert torch.equal(same, sparring.load(run).sample(4, seed=1))
    beside = json.loads((tmp_path / "fetched.source.json").read_text())
    assert beside == {"repository": "ada/squares", "commit": commit, "sha256": found.digest}
    card = files["README.md"].decode()
    for words in ("license: mit", "library_name: sparring", "made for tests", "sparring pull ada/squares", "`cgan`", "Mirza", "Steps: 3."):
        assert words in card
    report = json.loads((run / "report.json").read_text())
    for score in report["scores"]:
        assert f"| {score['name']} | {score['value']:.4g} |" in card


def test_nothing_published_names_a_place_of_this_machine(hub: FakeHub, run: Path, squares: Path) -> None:
    sparring.push(run, "ada/squares")
    for name, content in hub.repositories["ada/squares"][-1][1].items():
        for place in (b"very-private-folder", str(squares.parent).encode(), b"/tmp"):
            assert place not in content, f"{name} names {place!r}"


def test_folders_are_taken_out_of_sentences() -> None:
    said = "Judge '/home/ada/my runs' or (/data/faces/x.npz) or C:\\Users\\ada\\run: 1/2 of a/b."
    assert without_folders(said) == "Judge 'my runs' or (x.npz) or run: 1/2 of a/b."


def test_a_commit_is_pinned_and_no_other_file_is_fetched(hub: FakeHub, run: Path, tmp_path: Path) -> None:
    first = sparring.push(run, "ada/squares").rpartition("/")[2]
    weights = hub.repositories["ada/squares"][-1][1]["model.safetensors"]
    second = hub.commit("ada/squares", {"model.safetensors": b"poison", "setup.py": b"import os", "model.pkl": b"cos\nsystem"})
    hub.asked.clear()
    assert sparring.pull(f"ada/squares@{first}", tmp_path / "old.safetensors").path.read_bytes() == weights
    assert {each.rpartition("/")[2] for each in hub.asked if "/resolve/" in each} == {"model.safetensors"}
    assert all(first in each for each in hub.asked if "/resolve/" in each)
    with pytest.raises(CheckpointError, match="no model that Sparring has packed"):
        sparring.pull("ada/squares", tmp_path / "new.safetensors")
    assert not (tmp_path / "new.safetensors").exists()
    assert second != first


def test_what_cannot_be_fetched_is_said(hub: FakeHub, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "m.safetensors"
    hub.commit("ada/words", {"pytorch_model.bin": b"", "config.json": b"{}"})
    foreign = tmp_path / "foreign.safetensors"
    save_file({"a": torch.zeros(1)}, foreign)
    hub.commit("ada/foreign", {"model.safetensors": foreign.read_bytes()})
    for name, words in (
        ("ada/words", "It has: config.json, pytorch_model.bin"),
        ("ada/nothing", "There is no ada/nothing on the hub"),
        ("ada/words@nowhere", "no such revision"),
    ):
        with pytest.raises(DataError, match=words):
            sparring.pull(name, out)
    with pytest.raises(CheckpointError, match="no model that Sparring has packed"):
        sparring.pull("ada/foreign", out)
    for name, place, words in (
        ("words", out, "no name of a repository"),
        ("ada/words", tmp_path / "x.bin", "no name for a model"),
        ("ada/foreign", foreign, "exists"),
    ):
        with pytest.raises(SettingsError, match=words):
            sparring.pull(name, place)
    hub.refuse = 403
    with pytest.raises(DataError, match="HF_TOKEN"):
        sparring.push(run, "ada/squares")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(DataError, match="cannot be reached"):
        sparring.pull("ada/foreign", out)
    assert not out.exists()


def test_files_beside_a_model_are_checked_before_anything_is_sent(tmp_path: Path) -> None:
    for name in ("page.html", "code.py", "README.md"):
        (tmp_path / name).write_text("")
    with pytest.raises(SettingsError) as refused:
        refuse_files([tmp_path / name for name in ("page.html", "code.py", "README.md", "gone.onnx")])
    assert [word in str(refused.value) for word in ("gone.onnx", "code.py", "README.md", "page.html is")] == [True, True, True, False]


def test_the_card_says_what_was_not_done(hub: FakeHub, squares: Path, tmp_path: Path, quiet: Console, tiny: dict[str, object]) -> None:
    out = tmp_path / "run"
    sparring.train("dcgan", squares, out, steps=2, console=quiet, **tiny)
    sparring.push(out, "ada/unjudged")
    card = hub.repositories["ada/unjudged"][-1][1]["README.md"].decode()
    assert "was not judged" in card
    assert "Terms of the data: not stated." in card
    report = out / "report.json"
    report.write_text("{}")
    with pytest.raises(CheckpointError, match=r"report.json is damaged"):
        sparring.push(out, "ada/unjudged")


def test_the_commands(hub: FakeHub, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("push", run, "ada/squares", "--public", "--license", "mit") == 0
    assert not hub.private["ada/squares"]
    assert "sparring pull ada/squares" in capsys.readouterr().out
    assert call("pull", "ada/squares", "--out", tmp_path / "a.safetensors") == 0
    assert hub.repositories["ada/squares"][-1][0] in capsys.readouterr().out
    assert call("pull", "ada/none", "--out", tmp_path / "b.safetensors") == 1
    assert "Traceback" not in capsys.readouterr().err
