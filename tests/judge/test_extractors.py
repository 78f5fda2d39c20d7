"""Feature networks against their reference implementations, and the way images take to them."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

from sparring.core.errors import CheckpointError, DataError, SettingsError
from sparring.data.store import Store
from sparring.evaluation import classifier_features
from sparring.evaluation.features import rebatch
from sparring.evaluation.open_extractor import open_extractor
from sparring.media.pixel_range import convert_channels
from sparring.nets.feature_extractors import efficientnet_lite0
from sparring.nets.feature_extractors.resize import resize
from sparring.nets.feature_extractors.weight_files import read_weights


def noise(n: int, side: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, side, side, channels), np.uint8)


# -------------------------------------------------------------------------------------------------- resize


@pytest.mark.parametrize("side", [20, 64, 150])
def test_bicubic_is_pillows(side: int) -> None:
    image = noise(1, 50, 1)[0, :, :, 0].astype(np.float32)
    theirs = np.asarray(Image.fromarray(image, mode="F").resize((side, side), Image.Resampling.BICUBIC))
    ours = resize(torch.from_numpy(image)[None, None], side, "bicubic, antialiased")[0, 0]
    assert np.abs(ours.numpy() - theirs).max() < 5e-3  # of 255


@pytest.mark.parametrize("side", [20, 64, 299])
def test_bilinear_is_tensorflows(side: int) -> None:
    images = torch.from_numpy(noise(2, 50)).permute(0, 3, 1, 2).float()
    theirs = interpolate_bilinear_2d_like_tensorflow1x(images, size=(side, side), align_corners=False)
    assert torch.allclose(resize(images, side, "bilinear, TensorFlow 1"), theirs, atol=1e-3)


def test_a_size_that_fits_is_left_alone() -> None:
    images = torch.rand(2, 3, 32, 32)
    assert torch.equal(resize(images, 32, "bicubic, antialiased"), images)


# ------------------------------------------------------------------------------------------------ networks


def test_inception_is_torch_fidelitys(inception_file: Path) -> None:
    pixels = noise(5, 40)
    theirs = FeatureExtractorInceptionV3("any", ["2048", "logits_unbiased"], feature_extractor_weights_path=str(inception_file))
    rows, logits = theirs(torch.from_numpy(pixels).permute(0, 3, 1, 2))
    ours = open_extractor("inception", weights=inception_file, exact=True)
    assert not ours.is_standard_fid  # random weights give no FID
    assert ours.score_name("FD") == "FD-inception"
    found = ours.extract([pixels])
    assert torch.allclose(found.rows, rows, rtol=1e-4, atol=1e-5 * rows.abs().max().item())
    assert found.probabilities is not None
    assert torch.allclose(found.probabilities, logits.softmax(dim=1), rtol=1e-3)


def test_lite0_is_timms() -> None:
    tensors = read_weights(efficientnet_lite0.weights_file())
    theirs = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    names = list(theirs.state_dict())
    assert len(names) == len(tensors)
    # The two have their parts in the same order, but for batch norm's places in a block, which the shapes show.
    theirs.load_state_dict(dict(zip(names, tensors.values(), strict=True)))
    theirs.eval()
    pixels = noise(3, 224)
    found = open_extractor("lite0", exact=True).extract([pixels])
    with torch.no_grad():
        shown = (torch.from_numpy(pixels).permute(0, 3, 1, 2).float() - 127) / 128
        rows = theirs.forward_head(theirs.forward_features(shown), pre_logits=True)
        logits = theirs(shown)
    assert torch.allclose(found.rows, rows, rtol=1e-3, atol=1e-4)
    assert found.probabilities is not None
    assert torch.allclose(found.probabilities, logits.softmax(dim=1), rtol=1e-3, atol=1e-6)


def test_timm_with_a_file_of_weights(tmp_path: Path) -> None:
    model = timm.create_model("test_resnet", pretrained=False, num_classes=1000).eval()
    torch.save(model.state_dict(), tmp_path / "weights.pth")
    extractor = open_extractor("timm:test_resnet", weights=tmp_path / "weights.pth", exact=True)
    pixels = noise(3, extractor.side)
    with torch.no_grad():
        mean, deviation = (torch.tensor(model.default_cfg[name])[:, None, None] for name in ("mean", "std"))
        shown = (torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255 - mean) / deviation
        rows = model.forward_head(model.forward_features(shown), pre_logits=True)
    assert torch.allclose(extractor.extract([pixels]).rows, rows, rtol=1e-3, atol=1e-4)
    with pytest.raises(SettingsError, match="no model 'resnet1O'"):
        open_extractor("timm:resnet1O")
    with pytest.raises(CheckpointError, match="does not hold the weights of timm's resnet10t"):
        open_extractor("timm:resnet10t", weights=tmp_path / "weights.pth")


def test_features_do_not_depend_on_how_images_arrive() -> None:
    extractor = open_extractor("lite0")
    pixels = noise(70, 16)
    whole = extractor.extract([pixels]).rows
    parts = extractor.extract(iter([pixels[:1], pixels[1:40], pixels[40:]])).rows
    assert torch.equal(whole, parts)
    assert torch.equal(extractor.extract([pixels[:5]]).rows, whole[:5])
    with pytest.raises(DataError, match="no images"):
        extractor.extract([])


def test_gray_images_are_seen_as_color_ones() -> None:
    extractor = open_extractor("lite0", exact=True)
    gray = noise(3, 24, 1)
    assert torch.allclose(extractor.extract([gray]).rows, extractor.extract([gray.repeat(3, axis=3)]).rows, atol=1e-5)


def test_channels() -> None:
    assert convert_channels(np.full((1, 2, 2, 1), 7, np.uint8), 3).tolist() == np.full((1, 2, 2, 3), 7).tolist()
    clear = np.zeros((1, 1, 2, 4), np.uint8)
    clear[0, 0, 1] = (10, 20, 30, 255)
    assert convert_channels(clear, 3).tolist() == [[[[255, 255, 255], [10, 20, 30]]]]
    color = np.array([[[[255, 0, 0], [0, 255, 0]]]], np.uint8)
    assert convert_channels(color, 1).tolist() == [[[[76], [150]]]]


def test_rebatching_keeps_order() -> None:
    batches = [torch.full((n, 1, 1, 1), float(n)) for n in (3, 1, 5, 2)]
    again = list(rebatch(batches, 4))
    assert [len(batch) for batch in again] == [4, 4, 3]
    assert torch.cat(again).ravel().tolist() == [3] * 3 + [1] + [5] * 5 + [2] * 2


def test_the_classifier_learns_and_is_remembered(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    extractor = open_extractor("classifier", store=store)
    found = extractor.extract([store.pixels.view(np.ndarray)])
    assert store.labels is not None
    assert found.probabilities is not None
    assert (found.probabilities.argmax(dim=1).numpy() == store.labels).mean() > 0.95  # bright on black and dark on white
    assert "held-out images" in extractor.note
    monkeypatch.setattr(classifier_features, "train_classifier", lambda *_: pytest.fail("trained twice"))
    assert open_extractor("classifier", store=store).weights == extractor.weights


def test_held_out_images_are_of_every_class() -> None:
    training, held_out = classifier_features.split_by_class(np.array([0] * 20 + [1] * 4 + [2]))
    assert sorted([*training, *held_out]) == list(range(25))
    assert held_out.tolist() == [17, 18, 19, 23]


# ------------------------------------------------------------------------------------------- wrong weights


class Harm:
    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (Path("harm-was-done"),)


def test_nothing_in_a_file_of_weights_is_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"conv": Harm()}, tmp_path / "torch.pth")
    (tmp_path / "bare.pth").write_bytes(pickle.dumps(Harm()))
    for file in ("torch.pth", "bare.pth"):
        with pytest.raises(CheckpointError, match="cannot be read as weights"):
            open_extractor("lite0", weights=tmp_path / file)
    assert not (tmp_path / "harm-was-done").exists()


def test_every_wrong_tensor_is_named(tmp_path: Path) -> None:
    tensors = read_weights(efficientnet_lite0.weights_file())
    del tensors["_blocks.3._bn1.bias"]
    tensors["_fc.weight"] = torch.zeros(10, 1280)
    tensors["extra"] = torch.zeros(1)
    torch.save(tensors, tmp_path / "wrong.pth")
    with pytest.raises(CheckpointError) as problem:
        open_extractor("lite0", weights=tmp_path / "wrong.pth")
    for words in ("_blocks.3._bn1.bias: missing", "_fc.weight: has the shape (10, 1280), not (1000, 1280)", "extra: not a part"):
        assert words in str(problem.value)


def test_what_is_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match=r"no extractor 'lite1'\. Did you mean 'lite0'"):
        open_extractor("lite1")
    with pytest.raises(CheckpointError, match=r"no weights (file )?at"):
        open_extractor("lite0", weights=tmp_path / "nothing.pth")
    with pytest.raises(SettingsError, match="trained on the real data"):
        open_extractor("classifier")
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))

    def no_network(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", no_network)
    with pytest.raises(CheckpointError, match=r"weights-inception-2015-12-05-6726825d\.pth .*put it at .*hub/checkpoints"):
        open_extractor("inception")
