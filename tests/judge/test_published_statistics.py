"""Judging against means and covariances that were published, and writing them."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import sparring
from sparring.core.errors import DataError, SettingsError
from sparring.evaluation.feature_statistics import is_statistics_file, read_statistics
from sparring.metrics.frechet_distance import Gaussian, gaussian_frechet_distance
from support.cli import call


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two sets of images."""
    folder = tmp_path_factory.mktemp("sets")
    random = np.random.default_rng(0)
    for name, most in (("real", 256), ("fake", 128)):
        np.savez(folder / f"{name}.npz", x=random.integers(0, most, (40, 16, 16, 3), np.uint8))
    return folder / "real.npz", folder / "fake.npz"


def test_the_distance_to_statistics_is_that_to_the_images(sets: tuple[Path, Path], tmp_path: Path) -> None:
    real, fake = sets
    path = sparring.write_statistics(real, tmp_path / "real-stats.npz")
    assert is_statistics_file(path)
    assert not is_statistics_file(real)
    with np.load(path) as content:
        assert content["mu"].shape == (1280,)
        assert content["sigma"].shape == (1280, 1280), "under the names of pytorch-fid and others"
    (distance, *_), notes = sparring.judge_against_statistics(fake, path)
    judged = sparring.judge(fake, real)
    assert distance.name == "FD-lite0"
    assert distance.value == pytest.approx(judged["FD-lite0"].value, rel=1e-6)
    assert distance.protocol.n_real == 40
    assert "real.npz" in distance.protocol.real_images
    assert not any("does not say" in note for note in notes)


@pytest.mark.long
def test_files_of_other_programs_are_read_and_doubted(sets: tuple[Path, Path], tmp_path: Path) -> None:
    _, fake = sets
    random = np.random.default_rng(1)
    rows = random.normal(size=(3000, 1280))
    np.savez(tmp_path / "other.npz", mu=rows.mean(axis=0), sigma=np.cov(rows, rowvar=False))
    known = read_statistics(tmp_path / "other.npz")
    own = Gaussian.fit(torch.from_numpy(rows))
    assert gaussian_frechet_distance(known.gaussian, own) == pytest.approx(0, abs=1e-6)
    assert known.gaussian.trace == pytest.approx(1280, rel=0.01)
    scores, notes = sparring.judge_against_statistics(fake, tmp_path / "other.npz")
    assert scores[0].value > 100
    assert scores[0].protocol.n_real is None
    assert any("does not say by which network" in note for note in notes)


def test_what_cannot_be_compared_is_refused(sets: tuple[Path, Path], tmp_path: Path) -> None:
    real, fake = sets
    np.savez(tmp_path / "inception.npz", mu=np.zeros(2048), sigma=np.eye(2048))
    with pytest.raises(SettingsError, match=r"2,048 features, and lite0 has 1,280.*extractor='inception'"):
        sparring.judge_against_statistics(fake, tmp_path / "inception.npz")
    path = sparring.write_statistics(real, tmp_path / "s.npz")
    with pytest.raises(SettingsError, match=r"made with resize 'bicubic, antialiased, .*', and here 'bilinear, TensorFlow 1,"):
        sparring.judge_against_statistics(fake, path, resize="bilinear, TensorFlow 1")
    for broken, word in (
        ({"mu": np.zeros(3), "sigma": np.eye(4)}, "do not fit together"),
        ({"mu": np.full(3, np.nan), "sigma": np.eye(3)}, "not a number"),
        ({"mu": np.zeros(3), "sigma": np.triu(np.ones((3, 3)))}, "no covariance"),
    ):
        np.savez(tmp_path / "broken.npz", **broken)
        with pytest.raises(DataError, match=word):
            read_statistics(tmp_path / "broken.npz")
    with pytest.raises(SettingsError, match=r"written as \.npz"):
        sparring.write_statistics(real, tmp_path / "s.txt")


def test_the_command_line(sets: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    real, fake = sets
    assert call("judge", real, "--write-statistics", tmp_path / "s.npz") == 0
    assert call("judge", fake, tmp_path / "s.npz", "--out", tmp_path / "judged") == 0
    said = capsys.readouterr().out
    assert "FD-lite0" in said
    assert json.loads((tmp_path / "judged/statistics.json").read_text())["scores"][0]["name"] == "FD-lite0"
    assert call("judge", fake, tmp_path / "s.npz", "--held-out", real) == 1
    assert "leave out --held-out" in capsys.readouterr().err
