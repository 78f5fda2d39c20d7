"""What discriminators see, on networks and images whose answer is known."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn.functional import leaky_relu, relu

from sparring.core.errors import SettingsError, SparringError
from sparring.data.open_by_name import open_source
from sparring.data.prepare_store import prepare
from sparring.data.preprocessing import Preprocessing
from sparring.data.store import Store
from sparring.inference.model import Model
from sparring.interpret import discriminator_features, filter_visualization, linear_probe
from sparring.recipes.dcgan import DCGAN
from sparring.recipes.gan import GAN
from support.remembering import Remembering, remembering_lite0


@pytest.fixture(scope="module")
def stripes(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Noisy images with a bright stripe somewhere, upright or level: two classes that no single pixel tells apart."""
    folder = tmp_path_factory.mktemp("stripes")
    random = np.random.default_rng(0)
    for i in range(400):
        pixels = random.integers(0, 60, (16, 16), np.uint8)
        place = random.integers(0, 15)
        if i % 2:
            pixels[:, place : place + 2] += 150
        else:
            pixels[place : place + 2] += 150
        path = folder / ("level", "upright")[i % 2] / f"{i}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(path)
    return prepare(open_source(str(folder)), Preprocessing(size=16))


def model_of(store: Store, **settings: object) -> Model:
    torch.manual_seed(0)
    recipe = DCGAN(width=8, latent_size=4, discriminator_norm="none", **settings)  # pyright: ignore[reportArgumentType]
    return Model(recipe.build(store.spec).requires_grad_(False).eval(), recipe, Path("run"))


def test_features_are_each_maps_strongest_places(stripes: Store) -> None:
    model = model_of(stripes)
    images = stripes.batch(np.arange(3)).samples
    discriminator = model.discriminator
    assert discriminator is not None
    recorder = discriminator_features.record_discriminator_maps(discriminator, lambda: discriminator(images), "run")
    assert [(side, output.shape[1]) for side, (_, output) in recorder.maps.items()] == [(8, 8), (4, 16)]
    found = discriminator_features.pooled_features(recorder)
    assert found.shape == (3, (8 + 16) * 16)
    largest = recorder.maps[8][1][1, 3].reshape(4, 2, 4, 2).amax(dim=(1, 3)).flatten()
    assert torch.equal(found[1, 3 * 16 : 4 * 16], largest)
    flat = GAN().build(stripes.spec).discriminator.eval()
    with pytest.raises(SettingsError, match="its layers are fully connected"):
        discriminator_features.record_discriminator_maps(flat, lambda: flat(images), "run")  # pyright: ignore[reportCallIssue]


def test_guided_backpropagation_by_hand() -> None:
    """Gradients pass where the rectifier was on, and only if they are positive; a leak lets nothing by."""
    x = torch.tensor([1.0, -1.0, 2.0, -3.0], requires_grad=True)
    for rectify in (relu, lambda t: leaky_relu(t, 0.2), nn.LeakyReLU(0.2, inplace=True), nn.ReLU(inplace=True), torch.relu):
        with filter_visualization.GuidedBackpropagation():
            y = rectify(x * 1)
        torch.testing.assert_close(y.clamp_min(0), torch.tensor([1.0, 0, 2.0, 0]))
        (gradient,) = torch.autograd.grad((y * torch.tensor([5.0, 5.0, -5.0, 5.0])).sum(), x)
        assert gradient.tolist() == [5.0, 0, 0, 0]


def test_the_strongest_answers_and_where() -> None:
    maps = torch.zeros(6, 7, 4, 5)
    maps[:, 0] = 3.0  # always on: says nothing
    maps[4, 2, 1, 3], maps[1, 2, 3, 0] = 9.0, 4.0
    (answer,) = filter_visualization.strongest_responses([maps[:4], maps[4:]], count=2, filters=1)
    assert answer.channel == 2
    assert answer.images.tolist() == [4, 1]
    assert answer.strengths.tolist() == [9.0, 4.0]
    assert (answer.rows.tolist(), answer.columns.tolist()) == ([1, 3], [3, 0])


def test_a_patch_is_what_the_filter_saw() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 6, 3, stride=2, padding=1), nn.ReLU())
    with torch.no_grad():
        for weight in network.parameters():
            weight.abs_()  # so that all that is seen counts
    answer = filter_visualization.FilterResponses(2, torch.ones(2), torch.tensor([0, 1]), torch.tensor([3, 0]), torch.tensor([4, 0]))
    guided, boxes = filter_visualization.explain_responses(network, network, torch.rand(2, 1, 16, 16), "3", answer)
    seen = guided[0, 0].abs().nonzero()
    # place (3, 4) of the smaller map is about (6, 8) of the image, and sees two pixels either way
    assert (seen.min(dim=0).values.tolist(), seen.max(dim=0).values.tolist()) == ([4, 6], [8, 10])
    down, right = boxes[0]
    assert down.start <= 4
    assert down.stop > 8
    assert right.start <= 6
    assert right.stop > 10
    assert boxes[1][0].start == boxes[1][1].start == 0, "within the image"


@pytest.fixture(scope="module")
def lite0() -> Remembering:
    return remembering_lite0()


@pytest.mark.long
@pytest.mark.parametrize("settings", [{}, {"condition": "projection"}, {"packing": 2}])
def test_a_linear_classifier_on_features(
    stripes: Store, settings: dict[str, object], lite0: Remembering, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even random filters see which way a stripe runs, which is no linear function of pixels."""
    monkeypatch.setattr(linear_probe, "open_extractor", {"lite0": lite0}.__getitem__)
    found = {one.features: one for one in linear_probe.probe_discriminator(model_of(stripes, **settings), stripes)}
    assert found["discriminator"].held_out == 60
    assert found["pixels"].dimensions == 256
    assert found["lite0"].dimensions == 1280
    assert found["discriminator"].accuracy > 0.9
    assert found["pixels"].accuracy < 0.75


def test_the_sheet_of_filters(stripes: Store) -> None:
    sheet = filter_visualization.filter_sheet(model_of(stripes), stripes, count=3, patches=5, side=8)
    assert sheet.ndim == 3
    bright = (sheet > 150).mean()
    assert 0.02 < bright < 0.9
    with pytest.raises(SettingsError, match=r"no maps with a side of 3. It has maps of: 4, 8"):
        filter_visualization.filter_sheet(model_of(stripes), stripes, side=3)
    model = model_of(stripes)
    model.game.discriminator.to("meta")  # pyright: ignore[reportCallIssue]
    with pytest.raises(SettingsError, match="holds no discriminator"):
        filter_visualization.filter_sheet(model, stripes)
    with pytest.raises(SparringError, match="does not know its training data"):
        filter_visualization.filter_sheet(model_of(stripes))
