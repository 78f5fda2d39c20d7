"""`sparring import`, `latent` and `eye` from end to end: each command writes what it says."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sparring
from sparring.cli import main
from sparring.core.atomic_files import read_json
from sparring.data.store import Store
from support.golden import GOLDEN, golden
from support.tiny import TINY


def run(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> str:
    with pytest.raises(SystemExit) as ended:
        main.main([str(argument) for argument in arguments])
    found = capsys.readouterr()
    assert ended.value.code == code, found.out + found.err
    return found.out + found.err


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stylegan2 and a dcgan after a few steps on images with classes."""
    folder = tmp_path_factory.mktemp("runs")
    random = np.random.default_rng(0)
    labels = np.arange(60) % 2
    images = np.where(labels[:, None, None, None], 255, 0).astype(np.uint8) ^ random.integers(0, 40, (60, 16, 16, 1), np.uint8)
    np.savez(folder / "data.npz", images=images, labels=labels)
    small = {"batch_size": 8, "steps": 4, "threads": 1, "samples": 4}
    sparring.train(
        "stylegan2", folder / "data.npz", folder / "styled", channel_max=8, latent_size=6, style_size=6, mapping_layers=2, **small
    )
    sparring.train("dcgan", folder / "data.npz", folder / "plain", **{**TINY, **small, "width": 8})
    return folder


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def size(path: str) -> tuple[int, int]:
    return Image.open(path).size


def test_latent_verbs_write_their_images(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    styled = runs / "styled"
    assert "styled-mix.png" in run(capsys, "latent", "mix", styled, "--coarse", 0, 1, "--fine", 2, 3, 4)
    side = 48 + 2  # images of 16 pixels three times as large, and a gap
    assert size("styled-mix.png") == (4 * side + 2, 3 * side + 2)
    run(capsys, "latent", "truncation", styled, "--at", 0.2, 0.9, "-n", 3, "--out", "t.png")
    assert size("t.png") == (3 * side + 2, 2 * side + 2)
    lines = run(capsys, "latent", "truncation", styled, "--at", 0.2, 0.9, "--judged", 60).splitlines()
    assert lines[-3].split() == ["truncation", "FD-lite0", "precision", "recall", "coverage"]
    assert lines[-1].split()[:2] == ["0.9", f"{sparring.judge(styled, samples=60, truncation=0.9)['FD-lite0'].value:.3g}"]
    out = run(capsys, "latent", "directions", styled, "--count", 2, "--steps", 5)
    assert "0: weights 1\n1: weights 2" in out
    assert size("styled-directions-weights.png") == (5 * side + 2, 2 * side + 2)
    run(capsys, "latent", "move", styled, "--which", 1, "--method", "principal", "--seeds", 1, 2, "--layers", 0, 2)
    film = Image.open("styled-move.gif")
    assert (film.size, film.n_frames) == ((2 * side + 2, side + 2), 46)  # pyright: ignore[reportAttributeAccessIssue]
    run(capsys, "latent", "arithmetic", styled, "--first", 0, 1, "--minus", 2, "--plus", 3, "-n", 4, "--out", "a.png")
    assert size("a.png") == (4 * side + 2, 2 * side + 2)
    run(capsys, "interpolate", styled, "--space", "w", "--seeds", 0, 1, "--frames", 3, "--out", "w.png")
    assert size("w.png") == (4 * side + 2, side + 2)
    assert "--which" in run(capsys, "latent", "move", styled, "--which", -1, code=1)
    assert "without styles" in run(capsys, "interpolate", runs / "plain", "--space", "w", code=1)


def test_images_are_projected(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "sample", runs / "styled", "-n", 2, "--seed", 9, "--out", "some")  # with seed 0 it would start at them
    out = run(capsys, "latent", "project", runs / "styled", "some/00000.png", "some/00001.png", "--steps", 12, "--out", "found")
    assert out.count(" dB") == 2
    assert size("found/image.png") == (2 * 50 + 2, 2 * 50 + 2)
    losses = read_json(Path("found/losses.json"))
    assert all(len(one) == 13 and min(one) < one[0] for one in losses.values())
    assert np.load("found/points.npz")["points"].shape == (2, 6, 6)
    assert Image.open("found/losses.png").size[0] > 100
    Path("some/bad.png").write_bytes(b"nothing")
    found = run(capsys, "latent", "project", runs / "styled", "some/bad.png", "some/absent.png", code=1)
    assert "bad.png" in found
    assert "absent.png: No such file" in found


def test_eye_and_classes(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = runs / "plain"
    out = run(capsys, "eye", "classify", plain)
    assert [line.split()[0] for line in out.splitlines()] in [sorted(names, key=names.index) for names in _orders()]
    run(capsys, "eye", "filters", plain, "--count", 2, "--patches", 3)
    assert size("plain-filters.png")[0] == 3 * 50 + 2
    out = run(capsys, "latent", "drop", plain, "--label", "7", code=1)
    assert "'7'" in out
    packed = sparring.pack(plain, "small.safetensors")
    assert "holds no discriminator: a packed model has none" in run(capsys, "eye", "filters", packed, "--data", runs / "data.npz", code=1)


def _orders() -> list[list[str]]:
    import itertools

    return [list(order) for order in itertools.permutations(("pixels", "lite0", "discriminator"))]


@golden
def test_official_weights_are_imported_and_used(capsys: pytest.CaptureFixture[str], store: Store) -> None:
    out = run(capsys, "import", GOLDEN / "stylegan2ada-32-cond10.pkl", "--out", "official")
    assert "stylegan2, generator and discriminator, 32x32x3, 10 classes" in out
    run(capsys, "sample", "official", "--label", "all", "-n", 2, "--truncation", 0.7)
    run(capsys, "latent", "mix", "official", "--coarse", 0, "--fine", 1)
    assert "does not know its training data" in run(capsys, "judge", "official", code=1)
    assert "not empty" in run(capsys, "import", GOLDEN / "stylegan2ada-32-cond10.pkl", "--out", "official", code=1)
    Path("bad.pkl").write_bytes(b"cos\nsystem\n(S'touch ran'\ntR.")
    assert "asks for os.system" in run(capsys, "import", "bad.pkl", code=1)
    assert not Path("ran").exists()
