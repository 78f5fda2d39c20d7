"""Scores of images against their targets: hand calculations, scikit-image, hooks on the network, and what looks near and far."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor
from torch.nn.functional import interpolate, pad
from torchvision.transforms.functional import gaussian_blur

from sparring.data.open_by_name import open_source
from sparring.data.prepare_store import prepare
from sparring.evaluation.perceptual_distance import PerceptualDistance, paired_scores
from sparring.metrics.paired_images import mean_absolute_error, mean_scores, peak_signal_to_noise_ratio, structural_similarity
from sparring.nets.feature_extractors import efficientnet_lite0


def constant(*values: float, channels: int = 1, side: int = 16) -> Tensor:
    """An image for each value in [0, 1]."""
    return torch.tensor(values)[:, None, None, None].expand(-1, channels, side, side) * 2 - 1


def smooth(n: int, channels: int, height: int, width: int, seed: int = 0) -> Tensor:
    """Random images with something to see at several scales, each from -1 to 1."""
    random = np.random.default_rng(seed)
    noise = random.normal(size=(n, channels, height, width))
    rows = sum(scale * gaussian_filter(noise, (0, 0, scale, scale)) for scale in (1, 3))
    low, high = (each(rows, axis=(1, 2, 3), keepdims=True) for each in (np.min, np.max))
    return torch.from_numpy((rows - low) / (high - low) * 2 - 1).float()


@pytest.fixture(scope="module")
def distance() -> PerceptualDistance:
    return PerceptualDistance(efficientnet_lite0.load(efficientnet_lite0.weights_file()))


# -------------------------------------------------------------------------------------------------- pixels


def test_errors_of_constant_images_by_hand() -> None:
    images, targets = constant(0, 0.5, 0.3, 0.8), constant(1, 0.4, 0.31, 0.8)
    assert mean_absolute_error(images, targets).tolist() == pytest.approx([1, 0.1, 0.01, 0], abs=1e-7)
    assert peak_signal_to_noise_ratio(images, targets).tolist()[:3] == pytest.approx([0, 20, 40], abs=1e-4)
    assert peak_signal_to_noise_ratio(images, targets)[3] == math.inf


def test_errors_of_a_few_pixels_by_hand() -> None:
    # One channel value in twelve is off by 1.5 of 2, one by 0.5 of 2.
    images = torch.zeros(1, 3, 2, 2)
    targets = images.clone()
    targets[0, 0, 0, 0], targets[0, 2, 1, 1] = 1.5, -0.5
    assert mean_absolute_error(images, targets).item() == pytest.approx((0.75 + 0.25) / 12)
    assert peak_signal_to_noise_ratio(images, targets).item() == pytest.approx(10 * math.log10(12 / (0.75**2 + 0.25**2)))


# ----------------------------------------------------------------------------------------------- structure


@pytest.mark.parametrize(("channels", "height", "width"), [(1, 28, 28), (3, 64, 64), (3, 11, 40), (4, 33, 20)])
def test_similarity_is_scikit_images(channels: int, height: int, width: int) -> None:
    theirs = pytest.importorskip("skimage.metrics").structural_similarity
    images, other = smooth(20, channels, height, width), smooth(20, channels, height, width, seed=1)
    share = torch.linspace(0.01, 1, 20)[:, None, None, None]
    targets = (1 - share) * images + share * other
    expected = [
        theirs(a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1, channel_axis=0)
        for a, b in zip(*(((each.double() + 1) / 2).numpy() for each in (images, targets)), strict=True)
    ]
    assert max(expected) > 0.99
    assert min(expected) < 0.5
    assert structural_similarity(images, targets).tolist() == pytest.approx(expected, abs=1e-6)


def test_similarity_of_constant_images_by_closed_form() -> None:
    a, b = [0.2, 0.0, 0.9], [0.7, 1.0, 0.85]
    expected = [(2 * x * y + 1e-4) / (x * x + y * y + 1e-4) for x, y in zip(a, b, strict=True)]
    found = structural_similarity(constant(*a, channels=3, side=11), constant(*b, channels=3, side=11))
    assert found.tolist() == pytest.approx(expected, abs=1e-6)


def test_similarity_of_equal_and_of_inverted_images() -> None:
    images = smooth(3, 3, 32, 32)
    assert structural_similarity(images, images.clone()).tolist() == pytest.approx([1, 1, 1], abs=1e-12)
    assert structural_similarity(images, -images).max() < 0


def test_images_smaller_than_the_window_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 11x11 pixels, not 16x10"):
        structural_similarity(torch.zeros(1, 1, 16, 10), torch.zeros(1, 1, 16, 10))


# ------------------------------------------------------------------------------------------------ features


@pytest.mark.parametrize("channels", [1, 3])
def test_distance_is_that_of_hooked_blocks(distance: PerceptualDistance, channels: int) -> None:
    images, targets = smooth(2, channels, 40, 60), smooth(2, channels, 40, 60, seed=1)
    hooked: list[Tensor] = []
    last = [sum(repeats for *_, repeats in efficientnet_lite0.STAGES[: stage + 1]) - 1 for stage in (0, 1, 2, 4, 6)]
    hooks = [distance.network.blocks[number].register_forward_hook(lambda *given: hooked.append(given[2].clone())) for number in last]
    try:
        for each in (images, targets):
            large = interpolate(each, size=(224, 224), mode="bicubic", antialias=True)
            with torch.no_grad():
                distance.network((127.5 * (large.repeat(1, 3 // channels, 1, 1) + 1) - 127) / 128)
    finally:
        for hook in hooks:
            hook.remove()
    assert [tuple(each.shape[1:]) for each in hooked[:5]] == [(16, 112, 112), (24, 56, 56), (40, 28, 28), (112, 14, 14), (320, 7, 7)]
    # Vectors of length 1 are apart by 2 - 2 cos, squared.
    cosines = torch.stack([torch.cosine_similarity(hooked[i], hooked[5 + i], dim=1).mean(dim=(1, 2)) for i in range(5)])
    found = distance(images, targets)
    assert found.tolist() == pytest.approx((2 - 2 * cosines).mean(dim=0).tolist(), rel=1e-4)
    assert not found.requires_grad


def test_distance_of_equal_images_is_nothing_and_it_goes_both_ways(distance: PerceptualDistance) -> None:
    images, targets = smooth(3, 3, 32, 32), smooth(3, 3, 32, 32, seed=1)
    assert distance(images, images.clone()).tolist() == [0, 0, 0]
    there = distance(images, targets)
    assert there.min() > 0.1
    assert torch.equal(there, distance(targets, images))


def test_channels_of_what_the_network_sees(distance: PerceptualDistance) -> None:
    gray, other = smooth(2, 1, 32, 32), smooth(2, 1, 32, 32, seed=1)
    color, other_color = gray.repeat(1, 3, 1, 1), other.repeat(1, 3, 1, 1)
    expected = distance(gray, other).tolist()
    assert distance(color, other_color).tolist() == pytest.approx(expected, rel=1e-5)
    assert distance(torch.cat((color, other), dim=1), torch.cat((other_color, gray), dim=1)).tolist() == pytest.approx(expected, rel=1e-5)


def test_distance_does_not_depend_on_chunks(distance: PerceptualDistance) -> None:
    images, targets = smooth(18, 1, 28, 28), smooth(18, 1, 28, 28, seed=1)
    whole = distance(images, targets)
    assert whole.shape == (18,)
    for number in (0, 15, 16, 17):
        alone = distance(images[number : number + 1], targets[number : number + 1])
        assert alone.item() == pytest.approx(whole[number].item(), rel=1e-4)


def test_distance_grows_with_blur_and_tells_a_step_aside_from_another_garment(distance: PerceptualDistance) -> None:
    store = prepare(open_source("fashion10k"))
    assert store.labels is not None
    by_class = np.stack([np.flatnonzero(store.labels == label)[:2] for label in range(10)])
    garments = store.batch(by_class.ravel()).samples
    blurred = [distance(gaussian_blur(garments, [15, 15], [sigma, sigma]), garments) for sigma in (0.5, 0.8, 1.3, 2.0, 4.0)]
    assert all((less < more).all() for less, more in itertools.pairwise(blurred))
    aside = pad(garments, (1, 0, 0, 0), value=-1)[..., :-1]
    others = store.batch(np.roll(by_class, 1, axis=0).ravel()).samples
    assert (distance(aside, garments) < distance(others, garments)).all()


def test_distance_knows_an_emoji_in_another_hand_better_than_pixels_do(distance: PerceptualDistance) -> None:
    google, twitter = (prepare(open_source(f"emoji:{style}")) for style in ("google", "twitter"))
    chosen = np.arange(0, len(google), len(google) // 40)
    targets, redrawn, others = google.batch(chosen).samples, twitter.batch(chosen).samples, google.batch(np.roll(chosen, 7)).samples
    known = (distance(redrawn, targets) < distance(others, targets)).double().mean()
    by_pixels = (mean_absolute_error(redrawn, targets) < mean_absolute_error(others, targets)).double().mean()
    assert known > 0.9
    assert known > by_pixels


# --------------------------------------------------------------------------------------------- all of them


def test_paired_scores_are_means(distance: PerceptualDistance) -> None:
    images, targets = constant(0, 0.5, 0.5), constant(1, 0.4, 0.5)
    found = mean_scores([paired_scores(images[:2], targets[:2], distance), paired_scores(images[2:], targets[2:], distance)])
    assert list(found) == ["L1", "PSNR", "SSIM", "distance-lite0"]
    assert found["L1"] == pytest.approx(1.1 / 3)
    assert found["PSNR"] == pytest.approx(10, abs=1e-4)  # of 0 and 20: the equal pair is left out
    assert found["SSIM"] == pytest.approx((1e-4 / 1.0001 + 0.4001 / 0.4101 + 1) / 3, abs=1e-6)
    assert found["distance-lite0"] == pytest.approx(distance(images, targets).mean().item())
    assert mean_scores([paired_scores(images, images, distance)]) == {
        "L1": 0,
        "PSNR": math.inf,
        "SSIM": pytest.approx(1),
        "distance-lite0": 0,
    }


def test_a_image_that_is_not_a_number_is_not_passed_over(distance: PerceptualDistance) -> None:
    images = constant(0, math.nan)
    assert all(math.isnan(value) for value in mean_scores([paired_scores(images, constant(1, 0.5), distance)]).values())
