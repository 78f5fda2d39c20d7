"""PixelCNN: what a pixel depends on, probabilities that sum to one, and samples that are the same however they are computed."""

import itertools
import math
from pathlib import Path

import pytest
import torch
from PIL import Image
from rich.console import Console
from torch import Tensor

import sparring
from sparring import recipes
from sparring.core.errors import SettingsError
from sparring.core.random_streams import Streams
from sparring.data.images.image_spec import ImageSpec
from sparring.games.autoregressive_image import AutoregressiveImageGame
from sparring.losses.likelihoods import images_of, log_discretized_logistic
from sparring.losses.pixel_distributions import Categories, LogisticMixture
from sparring.nets.pixelcnn import PixelCNN
from support.cli import call

HEADS = [(1, "categories"), (3, "categories"), (1, "logistics"), (3, "logistics")]


def game_of(channels: int, head: str, height: int = 5, width: int = 4, classes: int = 0) -> AutoregressiveImageGame:
    torch.manual_seed(0)
    recipe = recipes.get("pixelcnn")(width=24, layers=2, head=head, condition="bias" if classes else "none")
    game = recipe.build(ImageSpec(height, width, channels, tuple(f"c{number}" for number in range(classes))))
    assert isinstance(game, AutoregressiveImageGame)
    with torch.no_grad():
        for weight in game.parameters():
            weight.add_(0.2 * torch.randn_like(weight))
    return game.eval()


def levels(n: int, *shape: int, seed: int = 0) -> Tensor:
    return images_of(torch.randint(0, 256, (n, *shape), generator=torch.Generator().manual_seed(seed)).double())


# ------------------------------------------------------------------------------------------------- what depends on what


@pytest.mark.parametrize(("channels", "head"), HEADS)
def test_a_pixel_depends_on_earlier_ones_alone_and_on_all_of_them(channels: int, head: str) -> None:
    game = game_of(channels, head, 4, 4).double()
    image = levels(1, channels, 4, 4).requires_grad_()
    numbers = game.pixels.numbers(channels)
    for row, column in itertools.product(range(4), range(4)):
        for color in range(channels) if game.pixels.by_color else [0]:
            predicted = game.predictor(image)[0, color * numbers : (color + 1) * numbers, row, column]
            (gradient,) = torch.autograd.grad(predicted.square().sum(), image)
            place = (row * 4 + column) * channels + color
            by_place = gradient[0].permute(1, 2, 0).flatten().abs()
            assert (by_place[place:] == 0).all(), (row, column, color)
            assert (by_place[:place] > 0).all(), "no blind spot, within reach of seven pixels"


def test_probabilities_of_all_binary_images_sum_to_one() -> None:
    torch.manual_seed(0)
    network = PixelCNN(1, 2, 6, 2, 3, 0, by_color=True).double()
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(0.3 * torch.randn_like(weight))
    images = torch.tensor(list(itertools.product([0.0, 1.0], repeat=9))).double().view(512, 1, 3, 3)
    chances = network(2 * images - 1).log_softmax(dim=1)
    found = torch.where(images[:, 0] > 0.5, chances[:, 1], chances[:, 0]).flatten(1).sum(dim=1).exp()
    assert found.sum().item() == pytest.approx(1.0, abs=1e-9)
    assert found.std() > 1e-4, "not uniform"


def test_probabilities_of_all_colors_of_a_pixel_sum_to_one() -> None:
    every = images_of(torch.arange(256.0).double())
    mixture, shape = LogisticMixture(3), (256 * 256, 2, 1, 1)
    predicted = torch.randn(1, mixture.numbers(2), 1, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    pairs = torch.cartesian_prod(every, every).view(shape)
    found = mixture.log_probability(predicted.expand(len(pairs), -1, -1, -1), pairs)
    assert found.exp().sum().item() == pytest.approx(1.0, abs=1e-6)
    logits = torch.randn(1, 256, 1, 1, generator=torch.Generator().manual_seed(3))
    alone = Categories().log_probability(logits.expand(256, -1, -1, -1), every.float().view(-1, 1, 1, 1))
    assert torch.allclose(alone.exp(), logits.flatten().softmax(dim=0), atol=1e-6)


def test_three_colors_follow_each_other_as_the_paper_says() -> None:
    """By hand, equation 3 of Salimans et al. 2017: the mean of blue moves with red and with green by two numbers of its own."""
    mixture = LogisticMixture(1)
    numbers = torch.tensor([0.0, 0.1, -0.2, 0.3, -1.0, -1.5, -2.0, 0.7, -0.4, 1.1])
    image = images_of(torch.tensor([200.0, 90.0, 30.0]))
    follow = numbers[7:].tanh()
    means = [numbers[1], numbers[2] + follow[0] * image[0], numbers[3] + follow[1] * image[0] + follow[2] * image[1]]
    wanted = sum(log_discretized_logistic(value, mean, scale) for value, mean, scale in zip(image, means, numbers[4:7], strict=True))
    found = mixture.log_probability(numbers.view(1, 10, 1, 1), image.view(1, 3, 1, 1))
    assert found.item() == pytest.approx(float(wanted), rel=1e-5)


# ------------------------------------------------------------------------------------------------------------- sampling


def naive(game: AutoregressiveImageGame, latents: Tensor, condition: Tensor | None) -> Tensor:
    """Every pixel by a pass over the whole image, in float64."""
    game = game.double()
    channels, height, width = game.spec.shape
    noise, numbers = latents.double().view(len(latents), height, width, -1), game.pixels.numbers(channels)
    images = torch.zeros(len(latents), channels, height, width, dtype=torch.float64)
    for row, column in itertools.product(range(height), range(width)):
        for color in range(channels) if game.pixels.by_color else [None]:
            predicted = game.predictor(images, None if condition is None else condition.double())[:, :, row, column]
            if color is None:
                images[:, :, row, column] = game.pixels.draw(predicted, noise[:, row, column], channels, 1.0)
            else:
                own = predicted[:, color * numbers : (color + 1) * numbers]
                images[:, color, row, column] = game.pixels.draw(own, noise[:, row, column, color : color + 1], channels, 1.0)[:, 0]
    return images


@pytest.mark.parametrize(("channels", "head"), HEADS)
@pytest.mark.parametrize("classes", [0, 2])
@torch.no_grad()
def test_cached_samples_are_the_naive_ones(channels: int, head: str, classes: int) -> None:
    game = game_of(channels, head, classes=classes)
    condition = torch.eye(2)[torch.tensor([0, 1, 1])] if classes else None
    latents = game.latents(Streams(5, 0), 3)
    cached = game.generate(latents, condition)
    assert torch.equal(naive(game, latents, condition).float(), cached)
    assert cached.unique().numel() > 10
    if condition is not None:
        assert not torch.equal(game.float().generate(latents, condition.flip(1)), cached)


@torch.no_grad()
def test_samples_do_not_depend_on_how_they_are_asked_for() -> None:
    game = game_of(1, "categories")
    many = game.sample(70, seed=3)
    assert torch.equal(game.sample(2, seed=3, first=66), many[66:68])
    assert not torch.equal(many[0], many[1])


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_levels_come_as_often_as_is_predicted(temperature: float) -> None:
    """The inverse of the cumulative distribution at a fine grid of places gives every level its probability."""
    places = (torch.arange(50_000).double() + 0.5) / 50_000
    logits = 2 * torch.randn(1, 256, generator=torch.Generator().manual_seed(0)).double()
    drawn = Categories().draw(logits.expand(len(places), -1), places[:, None], 1, temperature)
    shares = torch.bincount(((drawn + 1) * 127.5).round().long().flatten(), minlength=256) / len(places)
    assert (shares - (logits[0] / temperature).softmax(dim=0)).abs().max() < 2e-4
    mixture = LogisticMixture(1)
    predicted = torch.tensor([[0.0, 0.8, -2.0]]).double().expand(len(places), -1)
    drawn = mixture.draw(predicted, torch.stack([places, places], dim=1), 1, temperature)
    shares = torch.bincount(((drawn + 1) * 127.5).round().long().flatten(), minlength=256) / len(places)
    every = images_of(torch.arange(256.0).double())
    wanted = log_discretized_logistic(every, torch.full_like(every, 0.8), torch.full_like(every, -2.0 + math.log(temperature))).exp()
    assert (shares - wanted).abs().max() < 2e-4


def test_samples_are_watched_row_by_row(squares: Path, tmp_path: Path, quiet: Console, capsys: pytest.CaptureFixture[str]) -> None:
    small = {"width": 4, "layers": 1, "batch_size": 8, "threads": 1, "size": 8, "channels": 1}
    model = sparring.train("pixelcnn", squares, tmp_path / "run", steps=2, console=quiet, **small)
    stages = []
    for stage in model.sample_row_by_row(3, seed=1):
        assert torch.is_grad_enabled(), "what is set for a row is not left set between rows"
        stages.append(stage)
    assert len(stages) == 9
    assert torch.equal(stages[-1], model.sample(3, seed=1))
    assert torch.equal(stages[4][:, :, :4], stages[-1][:, :, :4])
    assert (stages[4][:, :, 4:] == 0).all()
    assert call("sample", tmp_path / "run", "-n", 3, "--out", tmp_path / "video.gif") == 0
    with Image.open(tmp_path / "video.gif") as video:
        assert getattr(video, "n_frames", 1) > 3
    assert call("interpolate", tmp_path / "run") == 1
    assert "no latent space" in capsys.readouterr().err
    assert call("latent", "directions", tmp_path / "run") == 1
    assert "no latent space" in capsys.readouterr().err
    gan = sparring.train("dcgan", squares, tmp_path / "gan", steps=1, console=quiet, width=4, batch_size=8, threads=1, size=16)
    assert call("sample", tmp_path / "gan", "--out", tmp_path / "video.mp4") == 1
    with pytest.raises(SettingsError, match="at once"):
        next(gan.sample_row_by_row(1))


def test_settings_that_do_not_fit_are_refused() -> None:
    spec = ImageSpec(8, 8, 3)
    recipe = recipes.get("pixelcnn")
    (problem,) = recipe(width=8).problems(spec)
    assert "multiple of 3" in problem
    assert not recipe(width=8, head="logistics").problems(spec)
    (problem,) = recipe(kernel=4).problems(spec)
    assert "odd" in problem
    (problem,) = recipe(components=5).problems(spec)
    assert "logistics" in problem
    (problem,) = recipe(condition="bias").problems(spec)
    assert "no" in problem
    assert "classes" in problem


def test_the_network_of_a_layer_is_that_of_the_paper() -> None:
    """One layer by hand: gates, the vertical stack above the row, the horizontal one to the left, and the residual connection."""
    torch.manual_seed(1)
    layer = PixelCNN(1, 2, 4, 1, 3, 0, by_color=True).layers[1]
    vertical, horizontal = torch.randn(1, 4, 3, 3), torch.randn(1, 4, 3, 3)
    down, across = layer(vertical, horizontal, None)
    row, column = 1, 1
    above = (
        sum(layer.vertical.weight[:, :, i, j] @ vertical[0, :, row - 1 + i, column - 1 + j] for i in range(2) for j in range(3))
        + layer.vertical.bias
    )
    left = sum(layer.horizontal.weight[:, :, 0, j] @ horizontal[0, :, row, column - 1 + j] for j in range(2)) + layer.horizontal.bias
    assert torch.allclose(down[0, :, row, column], above[:4].tanh() * above[4:].sigmoid(), atol=1e-5)
    both = left + layer.across.weight[:, :, 0, 0] @ above + layer.across.bias
    gate = both[:4].tanh() * both[4:].sigmoid()
    wanted = horizontal[0, :, row, column] + layer.last.weight[:, :, 0, 0] @ gate + layer.last.bias
    assert torch.allclose(across[0, :, row, column], wanted, atol=1e-5)
