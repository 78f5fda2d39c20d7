"""More images of the same ones: mirrored, and squares that are cut out of large ones."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console

import sparring
from sparring.core.errors import SettingsError
from sparring.data.images.mirrored import WithMirrored
from sparring.data.open_by_name import open_source
from sparring.data.prepare_store import prepare
from sparring.data.preprocessing import Preprocessing
from sparring.data.store import Store
from sparring.inference.sampling import in_proportion
from sparring.media.image_decoding import MOST_PIECES, random_pieces
from support.cli import call
from support.runs import same_run
from support.tiny import TINY


def test_mirrored_images_come_after_the_others(store: Store) -> None:
    twice, n = WithMirrored(store), len(store)
    assert len(twice) == 2 * n
    assert twice.counts == (2 * n,)
    batch = twice.batch(np.array([3, n + 3, n + 5]))
    own = store.batch(np.array([3, 5])).samples
    assert torch.equal(batch.samples[0], own[0])
    assert torch.equal(batch.samples[1], torch.from_numpy(own[0].numpy()[:, :, ::-1].copy()))
    assert torch.equal(batch.samples[2], own[1].flip(2))
    if store.labels is not None:
        assert twice.labels is not None
        assert batch.labels is not None
        assert batch.labels.tolist() == [store.labels[3], store.labels[3], store.labels[5]]


def test_training_with_mirrored_images_sees_both(squares: Path, tmp_path: Path, quiet: Console) -> None:
    settings = {**TINY, "mirror": True, "precision": "float32", "console": quiet}
    sparring.train("dcgan", squares, tmp_path / "whole", steps=6, **settings)
    sparring.train("dcgan", squares, tmp_path / "parts", steps=2, **settings)
    sparring.resume(tmp_path / "parts", steps=6, console=quiet)
    assert same_run(tmp_path / "whole", tmp_path / "parts")
    sparring.train("dcgan", squares, tmp_path / "plain", steps=6, **{**settings, "mirror": False})
    assert not same_run(tmp_path / "whole", tmp_path / "plain")
    with pytest.raises(SettingsError, match="mirror is for images"):
        sparring.playground("gan", "ring8", steps=1, mirror=True)


def ramp(width: int, height: int) -> Image.Image:
    """Each pixel says where it is: red its column, green its row."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0] = np.arange(width)[None]
    pixels[..., 1] = np.arange(height)[:, None]
    return Image.fromarray(pixels)


def test_squares_are_cut_at_random_places_and_not_resized() -> None:
    found = [np.array(square).astype(int) for square in random_pieces(ramp(200, 100), (32, 32), seed=1)]
    assert len(found) == 20, "20,000 pixels over 1,024"
    for square in found:
        assert square.shape == (32, 32, 3)
        assert (np.diff(square[..., 0], axis=1) == 1).all(), "neighbors stay neighbors"
        assert (np.diff(square[..., 1], axis=0) == 1).all()
    corners = {(int(square[0, 0, 0]), int(square[0, 0, 1])) for square in found}
    assert len(corners) > 15
    assert max(x for x, _ in corners) > 100, "everywhere"
    assert [np.array(square).tolist() for square in random_pieces(ramp(200, 100), (32, 32), seed=1)] == [
        square.tolist() for square in found
    ]
    assert len(random_pieces(ramp(250, 250), (8, 8), seed=1)) == MOST_PIECES
    (small,) = random_pieces(ramp(8, 8), (32, 32), seed=0)
    assert small.size == (32, 32)


def test_a_store_of_squares(tmp_path: Path) -> None:
    for label, name in ((0, "a"), (1, "b")):
        (tmp_path / name).mkdir()
        ramp(96 + 32 * label, 64).save(tmp_path / name / "large.png")
    (tmp_path / "b/broken.png").write_bytes(b"torn")
    store = prepare(open_source(tmp_path), Preprocessing(size=32, crop="random", max_bad=0.5))
    assert len(store) == 6 + 8
    assert store.labels is not None
    assert store.labels.tolist() == [0] * 6 + [1] * 8
    assert store.names[0].endswith("large.png 0")
    assert len(set(store.names)) == 14
    assert any("2 images were cut into 14 squares of 32x32" in note for note in store.report.notes)
    assert (store.report.found, store.report.used) == (3, 2)
    pixels = store.pixels.astype(int)
    assert (np.diff(pixels[..., 0], axis=2) == 1).all()
    again = prepare(open_source(tmp_path), Preprocessing(size=32, crop="random", max_bad=0.5))
    assert again.fingerprint == store.fingerprint


def test_samples_are_stretched_back_to_the_proportion_of_squashed_data(tmp_path: Path, quiet: Console) -> None:
    for number in range(12):
        ramp(96, 48 if number else 96).save(tmp_path / f"{number}.png")
    model = sparring.train("dcgan", tmp_path, tmp_path / "run", size=16, crop="squash", steps=1, console=quiet, **TINY)
    assert model.preprocessing.proportion == 2.0, "of the middle one"
    assert call("sample", tmp_path / "run", "-n", 3, "--out", tmp_path / "single") == 0
    with Image.open(tmp_path / "single/00000.png") as image:
        assert image.size == (32, 16)
    squares = model.sample(3)
    stretched = in_proportion(model, squares)
    assert stretched.shape == (3, 3, 16, 32)
    assert (stretched[..., ::2] - squares).abs().mean() < 0.2
    sparring.pack(model, tmp_path / "packed.safetensors")
    assert sparring.load(tmp_path / "packed.safetensors").preprocessing.proportion == 2.0
    with pytest.raises(SettingsError, match="for images that are squashed"):
        sparring.train("dcgan", tmp_path, tmp_path / "other", proportion=2.0, steps=1, console=quiet, **TINY)
