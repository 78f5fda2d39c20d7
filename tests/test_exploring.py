"""The latent space as a tool: each on a generator or on points whose answer is known."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sparring.core.errors import DataError, SettingsError
from sparring.data.images.image_spec import ImageSpec
from sparring.games.recipe import Recipe
from sparring.inference.model import Model
from sparring.latent import directions as ways
from sparring.latent.arithmetic import arithmetic
from sparring.latent.directions import Method, find_directions, move_along_direction
from sparring.latent.feature_removal import remove_feature, responsible_channels
from sparring.latent.mixing import style_mixing_grid, truncation_grid
from sparring.latent.points import FoundPoints, images_named, read_points, write_points
from sparring.latent.projection import Projection, multiscale_distances, nearest_points, optimize_points, project_images
from sparring.latent.space import LatentSpace
from sparring.latent.walks import walk_through
from sparring.nets import biggan
from sparring.nets.forward_hooks import record_feature_maps, zero_channels
from sparring.recipes.biggan import BigGAN
from sparring.recipes.dcgan import DCGAN
from sparring.recipes.gan import GAN
from sparring.recipes.progan import ProGAN
from sparring.recipes.sagan import SAGAN
from sparring.recipes.stylegan import StyleGAN
from sparring.recipes.stylegan2 import StyleGAN2

SPEC = ImageSpec(16, 16, 1, ("a", "b", "c"))
RECIPES: dict[str, Recipe] = {
    "dcgan": DCGAN(width=8, latent_size=6),
    "conditional dcgan": DCGAN(width=8, latent_size=6, condition="concatenate"),
    "biggan": BigGAN(width=4, latent_size=12, shared_size=5),
    "stylegan2": StyleGAN2(channel_max=8, latent_size=6, style_size=6, mapping_layers=2, mapping_rate=1.0),
    "conditional stylegan2": StyleGAN2(channel_max=8, latent_size=6, style_size=6, mapping_layers=2, condition="projection"),
    "stylegan": StyleGAN(channel_max=8, latent_size=6, style_size=6, mapping_layers=2, mapping_rate=1.0),
    "progan": ProGAN(channel_max=8, latent_size=6),
    "sagan": SAGAN(width=4, latent_size=12),
}


def model_of(name: str) -> Model:
    torch.manual_seed(0)
    recipe = RECIPES[name]
    game = recipe.build(SPEC).requires_grad_(False).eval()
    if isinstance(recipe, DCGAN):  # whose fresh weights draw hardly anything
        for weight in game.parameters():
            weight.mul_(8)
    return Model(game, recipe, Path("run"))


# ---------------------------------------------------------------------------------------------------- pure functions


def test_closed_form_directions_are_those_that_move_the_outputs_most() -> None:
    torch.manual_seed(0)
    rotation, _ = torch.linalg.qr(torch.randn(5, 5))
    # twenty outputs along the first axis, five along the second, one along the third: whatever their lengths are
    weights = [rotation[0] * torch.rand(20, 1) * 9, torch.cat([rotation[1].expand(5, 5), rotation[2][None]])]
    found = ways.sefa_directions(weights, 3)
    torch.testing.assert_close((found @ rotation[:3].t()).abs(), torch.eye(3), atol=1e-5, rtol=1e-5)
    assert (found.gather(1, found.abs().argmax(1, keepdim=True)) > 0).all()


def test_principal_components_of_a_known_cloud() -> None:
    torch.manual_seed(0)
    rotation, _ = torch.linalg.qr(torch.randn(4, 4))
    points = torch.randn(5000, 4) * torch.tensor([5.0, 3.0, 1.0, 0.5]) @ rotation + 7
    found, deviations = ways.principal_components(points, 2)
    torch.testing.assert_close((found @ rotation[:2].t()).abs(), torch.eye(2), atol=0.05, rtol=0)
    torch.testing.assert_close(deviations, torch.tensor([5.0, 3.0]), rtol=0.05, atol=0)


def test_points_are_regressed_on_the_components_of_what_they_become() -> None:
    """Two hidden directions matter, one twice as much, by maps that bend; the others do not."""
    torch.manual_seed(0)
    points = torch.randn(5000, 6)
    rotation, _ = torch.linalg.qr(torch.randn(6, 6))
    made = torch.cat([2 * (points @ rotation[0])[:, None].tanh(), (points @ rotation[1])[:, None].tanh()], dim=1)
    activations = torch.cat([made, torch.zeros(5000, 8)], dim=1) + 3
    found = ways.regressed_directions(points, activations, 4)
    assert found.shape == (2, 6), "there are two components"
    torch.testing.assert_close((found @ rotation[:2].t()).abs(), torch.eye(2), atol=0.05, rtol=0)


def test_the_discriminant_allows_for_how_points_spread() -> None:
    """Fisher's direction is the inverse covariance times the difference of means, not that difference."""
    torch.manual_seed(0)
    spread = torch.tensor([[4.0, 1.5], [1.5, 1.0]])
    root = torch.linalg.cholesky(spread)
    has_it = torch.arange(20_000) % 2 == 0
    points = torch.randn(20_000, 2) @ root.t() + has_it[:, None] * torch.tensor([1.0, 0.0])
    shrunk = (1 - ways.SHRINKAGE) * spread + ways.SHRINKAGE * spread.diagonal().mean() * torch.eye(2)
    wanted = torch.linalg.solve(shrunk, torch.tensor([1.0, 0.0]))
    torch.testing.assert_close(ways.discriminant_direction(points, has_it), wanted / wanted.norm(), atol=0.03, rtol=0)
    with pytest.raises(ValueError, match="all points have the feature, or none"):
        ways.discriminant_direction(points, torch.ones(20_000, dtype=torch.bool))


def test_projection_finds_the_point_a_image_came_from() -> None:
    torch.manual_seed(0)
    matrix = torch.randn(48, 4) / 4

    def draw(points: Tensor) -> Tensor:
        return (points @ matrix.t()).tanh().view(-1, 3, 4, 4)

    truth = torch.randn(2, 4)
    targets = draw(truth)
    candidates = torch.randn(50, 4)
    start = nearest_points(draw(candidates), candidates, targets)
    for i in range(2):
        apart = ((draw(candidates) - targets[i]) ** 2).mean(dim=(1, 2, 3))
        blurred = torch.nn.functional.avg_pool2d(draw(candidates) - targets[i], 2)
        smallest = blurred.mean(dim=(2, 3))
        total = apart + blurred.square().mean(dim=(1, 2, 3)) + smallest.square().mean(dim=1)
        assert torch.equal(start[i], candidates[total.argmin()])
    found = optimize_points(draw, start, targets, steps=300, rate=0.05)
    torch.testing.assert_close(found.points, truth, atol=0.05, rtol=0)
    assert (found.losses.min(dim=0).values < 1e-4).all()
    assert (found.peak_signal_to_noise_ratios(targets) > 35).all()
    torch.testing.assert_close(multiscale_distances(found.images, targets), found.losses.min(dim=0).values, rtol=1e-3, atol=1e-9)


def test_projection_finds_points_of_images_that_were_cut_at_white_and_black() -> None:
    torch.manual_seed(0)
    matrix = torch.randn(192, 4)

    def draw(points: Tensor) -> Tensor:
        return (points @ matrix.t()).view(-1, 3, 8, 8)

    truth = torch.randn(2, 4)
    targets = draw(truth).clamp(-1, 1)
    assert (targets.abs() == 1).float().mean() > 0.4
    found = optimize_points(draw, nearest_points(draw(torch.randn(20, 4)), torch.randn(20, 4), targets), targets, steps=500, rate=0.05)
    assert (found.peak_signal_to_noise_ratios(targets) > 40).all()


def test_peak_ratio_by_hand() -> None:
    found = Projection(torch.zeros(1, 2), torch.full((1, 1, 2, 2), 3.0), torch.zeros(1, 1))
    # clipped to 1, so 0.2 away of a range of 2: 20 log10(2 / 0.2)
    assert found.peak_signal_to_noise_ratios(torch.full((1, 1, 2, 2), 0.8)).item() == pytest.approx(20)


def test_responsible_channels_are_those_that_speak_for_it() -> None:
    torch.manual_seed(0)
    has_it = torch.arange(400) % 3 == 0
    maps = torch.rand(400, 6)
    maps[:, 4] += 5.0 * has_it  # strong where it is there
    maps[:, 1] -= 5.0 * has_it  # strong where it is not
    assert responsible_channels(maps, has_it, 1).tolist() == [4]
    assert 1 not in responsible_channels(maps, has_it, 6).tolist()


# ------------------------------------------------------------------------------------------------------- on models


@pytest.mark.parametrize("name", ["stylegan2", "conditional stylegan2"])
def test_the_mixing_grid(name: str) -> None:
    model = model_of(name)
    sheet = style_mixing_grid(model, (0, 1), (2, 3, 4), layer=2)
    assert sheet.shape == (3, 4, 1, 16, 16)
    assert (sheet[0, 0] == 1).all()
    own = torch.cat([model.sample(1, seed=seed) for seed in range(5)])
    torch.testing.assert_close(sheet[1:, 0], own[:2], atol=1e-5, rtol=0)
    torch.testing.assert_close(sheet[0, 1:], own[2:], atol=1e-5, rtol=0)
    space = LatentSpace(model)
    w = torch.cat([space.points_of_seeds([1])[:, :2], space.points_of_seeds([4])[:, 2:]], dim=1)
    torch.testing.assert_close(sheet[2, 3], model.game.generator.synthesize(w)[0].clamp(-1, 1), atol=1e-5, rtol=0)  # pyright: ignore[reportAttributeAccessIssue, reportCallIssue]
    for layer in (0, 99):
        with pytest.raises(SettingsError, match="layer must be from 1 to 5"):
            style_mixing_grid(model, (0,), (1,), layer=layer)
    with pytest.raises(SettingsError, match="without styles"):
        style_mixing_grid(model_of("dcgan"), (0,), (1,))


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("method", ["weights", "principal"])
def test_a_image_moved_by_nothing_is_the_sample_itself(name: str, method: Method) -> None:
    model = model_of(name)
    found = find_directions(model, method, 3)
    assert found.vectors.shape[0] == 3
    torch.testing.assert_close(found.vectors.norm(dim=1), torch.ones(3))
    sheet = move_along_direction(model, (5, 6), found, which=1, steps=3)
    own = torch.cat([model.sample(1, seed=seed) for seed in (5, 6)])
    torch.testing.assert_close(sheet[:, 1], own, atol=1e-5, rtol=0)
    assert not torch.allclose(sheet[:, 0], own, atol=1e-3)
    assert not torch.allclose(sheet[:, 2], sheet[:, 0], atol=1e-3)


@pytest.mark.parametrize("name", ["stylegan2", "dcgan"])
def test_points_that_were_found_earlier_are_moved_and_mixed_like_samples(name: str, tmp_path: Path) -> None:
    model = model_of(name)
    space = LatentSpace(model)
    points = space.points_of_seeds((3, 5))
    np.savez(tmp_path / "points.npz", points=points.numpy())  # as earlier versions wrote it
    found = find_directions(model, "weights", 2)
    moved = move_along_direction(model, read_points(tmp_path / "points.npz"), found, which=1, steps=3)
    assert torch.equal(moved, move_along_direction(model, (3, 5), found, which=1, steps=3))
    if name == "stylegan2":
        mixed = style_mixing_grid(model, read_points(tmp_path / "points.npz"), (7,))
        assert torch.equal(mixed, style_mixing_grid(model, (3, 5), (7,)))
    with pytest.raises(SettingsError, match="found with another model"):
        move_along_direction(model, FoundPoints(points[..., :4]), found)
    np.savez(tmp_path / "other.npz", images=points.numpy())
    with pytest.raises(DataError, match=r"other\.npz cannot be read as points"):
        read_points(tmp_path / "other.npz")


@pytest.mark.parametrize("name", RECIPES)
def test_points_of_seeds_walk_and_add_up_as_the_seeds_do(name: str, tmp_path: Path) -> None:
    model = model_of(name)
    space = LatentSpace(model)
    points, labels = space.points_of((3, 5))
    shape, weights = tuple(SPEC.shape), space.digest_of_weights()
    write_points(tmp_path / "points.npz", FoundPoints(points, None if space.has_styles else labels, shape, weights))
    found = read_points(tmp_path / "points.npz")
    walked = walk_through(model, found, frames=3)
    wanted = model.interpolate((3, 5), frames=3, space="w" if space.has_styles else "z")
    torch.testing.assert_close(walked, wanted, atol=1e-5, rtol=0)
    mixed = walk_through(model, images_named(("p1", "7", "p0"), found), frames=1)
    wanted = model.interpolate((5, 7, 3), frames=1, space="w" if space.has_styles else "z")
    torch.testing.assert_close(mixed, wanted, atol=1e-5, rtol=0)
    means, sums = arithmetic(model, [(1, found), (-1, images_named(("p1",), found)), (1, images_named(("7",), None))], n=3)
    by_seeds = arithmetic(model, [(1, (3, 5)), (-1, (5,)), (1, (7,))], n=3)
    torch.testing.assert_close(means, by_seeds[0], atol=1e-5, rtol=0)
    torch.testing.assert_close(sums, by_seeds[1], atol=1e-5, rtol=0)
    other = "z" if space.has_styles else "w"
    with pytest.raises(SettingsError, match=f"no walk through {other} between them"):
        walk_through(model, found, space=other)
    with pytest.raises(SettingsError, match="two images or more"):
        walk_through(model, found.only(0))
    with pytest.raises(SettingsError, match="at least 1, not 0"):
        walk_through(model, found, frames=0)


def test_points_between_classes_cross_fade_or_have_the_class_that_is_asked_for() -> None:
    model = model_of("conditional dcgan")
    found = FoundPoints(LatentSpace(model).points_of_seeds((3, 5)), torch.tensor([0, 2]))
    torch.testing.assert_close(walk_through(model, found, frames=4), model.interpolate((3, 5), labels=("a", "c"), frames=4))
    torch.testing.assert_close(walk_through(model, found, labels=("b",)), model.interpolate((3, 5), labels=("b",)))
    with pytest.raises(SettingsError, match="2 images and 3 classes do not pair up"):
        walk_through(model, found, labels=("a", "b", "c"))
    with pytest.raises(SettingsError, match="holds its class"):
        walk_through(model_of("conditional stylegan2"), (1, 2), labels=("a",))


def test_points_of_another_model_are_refused_and_all_reasons_named() -> None:
    model, styled = model_of("dcgan"), model_of("stylegan2")
    space = LatentSpace(model)
    own = FoundPoints(space.points_of_seeds((1, 2)), None, tuple(SPEC.shape), space.digest_of_weights())
    assert space.misfits(own) == []
    with pytest.raises(SettingsError, match=r"The points are of z .*needs those of w"):
        arithmetic(styled, [(1, own)])
    larger = replace(own, points=own.points[:, :4], image_shape=(3, 32, 32))
    with pytest.raises(SettingsError) as problem:
        walk_through(model, larger)
    assert "have the shape (4,), and those of run have (6,)" in str(problem.value)
    assert "are of images of shape (3, 32, 32)" in str(problem.value)
    trained_on = model_of("dcgan")
    with torch.no_grad():
        next(trained_on.game.generator.parameters()).add_(1e-3)  # pyright: ignore[reportCallIssue, reportAttributeAccessIssue]
    with pytest.raises(SettingsError, match="found with other weights than those of run"):
        walk_through(trained_on, own)
    with pytest.raises(SettingsError, match="no points in the file"):
        walk_through(model, FoundPoints(own.points[:0]))


def test_images_are_named_by_seed_or_number_of_the_point(tmp_path: Path) -> None:
    found = FoundPoints(torch.arange(6.0).view(3, 2), torch.tensor([7, 8, 9]))
    seed, point = images_named(("12", "p2"), found)
    assert seed == 12
    assert isinstance(point, FoundPoints)
    assert (point.points.tolist(), point.labels.tolist()) == ([[4, 5]], [9])  # pyright: ignore[reportOptionalMemberAccess]
    with pytest.raises(SettingsError) as problem:
        images_named(("p3", "-1", "x", "p", "p-1", "4"), found)
    for part in ("no image p3: the file has 3", "'-1' is no image", "'x' is no image", "'p' is no image", "'p-1' is no image"):
        assert part in str(problem.value)
    with pytest.raises(SettingsError, match="p0 is an image of --points FILE"):
        images_named(("p0",), None)
    broken = {"labels": {"points": np.zeros((2, 3)), "labels": np.zeros(1)}, "nan": {"points": np.full((2, 3), np.nan)}}
    for name, content in broken.items():
        np.savez(tmp_path / f"{name}.npz", **content)
        with pytest.raises(DataError, match="cannot be read as points"):
            read_points(tmp_path / f"{name}.npz")


def test_points_are_moved_with_the_class_that_they_were_found_with(tmp_path: Path) -> None:
    model = model_of("conditional dcgan")
    target = model.sample(1, seed=4, label="c")
    found = project_images(model, target, steps=2, label="c")
    assert found.labels is not None
    assert found.labels.tolist() == [2]
    np.savez(tmp_path / "points.npz", points=found.points.numpy(), labels=found.labels.numpy())
    where = find_directions(model, "weights", 1)
    (moved,) = move_along_direction(model, read_points(tmp_path / "points.npz"), where, reach=0.0, steps=1)
    assert torch.allclose(moved, found.images.clamp(-1, 1), atol=1e-4)


def test_some_layers_alone_can_be_moved() -> None:
    model = model_of("stylegan2")
    found = find_directions(model, "weights", 2)
    whole, none, some = (move_along_direction(model, (1,), found, steps=3, layers=layers) for layers in ((0, 6), (0, 0), (0, 2)))
    own = model.sample(1, seed=1)
    torch.testing.assert_close(none, own[:, None].expand(-1, 3, -1, -1, -1), atol=1e-5, rtol=0)
    assert not torch.allclose(some, none, atol=1e-3)
    assert not torch.allclose(some, whole, atol=1e-3)


def test_directions_towards_a_class_lead_there() -> None:
    model = model_of("stylegan2")
    middle = model.sample(500).mean(dim=(1, 2, 3)).median()

    def name_of(images: Tensor) -> Tensor:
        return (images.mean(dim=(1, 2, 3)) > middle).long()

    found = find_directions(model, "class", predict_classes=name_of, classes=("dark", "light"))
    assert found.names == ("dark", "light")
    brightness = move_along_direction(model, range(8), found, which=1, steps=5).mean(dim=(0, 2, 3, 4))
    assert (brightness.diff() > 0).all(), brightness
    with pytest.raises(SettingsError, match="All samples have the same class"):
        find_directions(model, "class", predict_classes=lambda x: torch.zeros(len(x), dtype=torch.long), classes=("dark", "light"))
    with pytest.raises(SettingsError, match="need a classifier"):
        find_directions(model, "class")


def test_components_of_z_are_of_what_the_generator_makes_of_it() -> None:
    """Of a generator that looks hardly at all but the latent's fourth number, whatever the class is."""
    model = model_of("conditional dcgan")
    project = model.game.generator.project  # pyright: ignore
    project.weight[:, [0, 1, 2, 4, 5]] *= 0.01  # pyright: ignore
    found = find_directions(model, "principal", 1)
    assert found.vectors[0, 3] > 0.99


@pytest.mark.parametrize("depth", [0, 2])
def test_biggans_weights_of_latents_are_its_maps(depth: int) -> None:
    """What the linear maps give changes with the latent by the weights, whatever the class is."""
    torch.manual_seed(0)
    generator = BigGAN(width=16, latent_size=13, shared_size=5, depth=depth).build(SPEC).generator
    assert isinstance(generator, biggan.Generator)
    (rows, *others), change = generator.eval().latent_weights(), torch.randn(1, 13)
    assert rows.shape == (len(generator.project.weight), 13)

    def outputs(latent: Tensor) -> Tensor:
        found: list[Tensor] = []
        linear = [module for name, module in generator.named_modules() if isinstance(module, nn.Linear) and name != "embed"]
        handles = [module.register_forward_hook(lambda _, __, output: found.append(output[0])) for module in linear]
        generator(latent, torch.tensor([1]))
        for handle in handles:
            handle.remove()
        return torch.cat(found)

    latent = torch.randn(1, 13)
    torch.testing.assert_close(outputs(latent + change) - outputs(latent), torch.cat([rows, *others]) @ change[0], atol=1e-5, rtol=1e-4)


def test_no_direction_in_z_leads_to_a_class_that_is_told_beside_it() -> None:
    with pytest.raises(SettingsError, match="gets the class beside z"):
        find_directions(model_of("biggan"), "class", predict_classes=lambda x: torch.arange(len(x)) % 2, classes=("dark", "light"))


def test_arithmetic_in_z_takes_the_classes_along() -> None:
    """Seeds 4, 5 and 6 are of classes 1, 2 and 0: 1 + 2 - 1 gives 2, and 0 - 1 none."""
    model = model_of("conditional dcgan")
    means, results = arithmetic(model, [(1, (4,)), (1, (5,)), (-1, (4,))], n=2)
    own = torch.cat([model.sample(1, seed=seed) for seed in (4, 5, 4)])
    torch.testing.assert_close(means, own, atol=1e-5, rtol=0)
    torch.testing.assert_close(results[0], own[1], atol=1e-4, rtol=0)
    with pytest.raises(SettingsError, match="no class is left"):
        arithmetic(model, [(1, (6,)), (-1, (4,))])


@pytest.mark.parametrize("name", ["dcgan", "conditional dcgan", "stylegan2"])
def test_arithmetic_that_cancels_gives_the_rest(name: str) -> None:
    model = model_of(name)
    label = "b" if name == "conditional dcgan" else None
    means, results = arithmetic(model, [(1, (4,)), (-1, (4,)), (1, (7,))], n=4, label=label)
    own = torch.cat([model.sample(1, seed=seed, label=label) for seed in (4, 4, 7)])
    torch.testing.assert_close(means, own, atol=1e-5, rtol=0)
    assert results.shape == (4, 1, 16, 16)
    torch.testing.assert_close(results[0], own[2], atol=1e-4, rtol=0)
    assert not torch.allclose(results[1], results[0], atol=1e-3)


@pytest.mark.parametrize("name", RECIPES)
def test_projecting_a_sample_comes_near_it(name: str) -> None:
    model = model_of(name)
    target = model.sample(1, seed=9)
    label = None if not model.game.conditional else int(model.game.default_labels(9, 1))
    found = project_images(model, target, steps=120, label=label)
    assert found.losses.min() < found.losses[0] / 3
    assert all(weight.grad is None for weight in model.game.parameters())
    in_w = project_images(model, target, space="w+", steps=5, label=label)
    assert in_w.points.shape == found.points.shape
    with pytest.raises(SettingsError, match=r"shape \(1, 8, 8\).*generates \(1, 16, 16\)"):
        project_images(model, torch.zeros(1, 1, 8, 8))


def test_truncations_are_samples() -> None:
    model = model_of("biggan")
    sheet = truncation_grid(model, (0.3, 2.0), 4, seed=2)
    assert torch.equal(sheet[0], model.sample(4, seed=2, truncation=0.3))
    assert torch.equal(sheet[1], model.sample(4, seed=2, truncation=2.0))
    for wrong in (0, -1, float("inf"), float("nan")):
        with pytest.raises(SettingsError, match="truncation must be more than 0"):
            model.sample(1, truncation=wrong)


def test_truncated_latents_are_normal_within_the_threshold() -> None:
    from scipy.stats import kstest, truncnorm

    from sparring.games.adversarial import truncated

    latents = torch.randn(4, 5000, generator=torch.Generator().manual_seed(0))
    near = truncated(latents, 0.7)
    assert kstest(near.flatten().numpy(), truncnorm(-0.7, 0.7).cdf).pvalue > 0.01
    assert torch.equal(near.flatten().argsort(), latents.flatten().argsort()), "ranks stay"
    torch.testing.assert_close(truncated(latents, 40.0), latents, atol=1e-4, rtol=0)


def test_dropping_the_channel_that_makes_a_feature_removes_it() -> None:
    """A generator whose first map's channel 5 lights the whole image, in about half of the samples."""
    model = model_of("dcgan")
    generator = model.game.generator
    project, draws = generator.project, [layer for layer in generator.layers if isinstance(layer, nn.ConvTranspose2d)]  # pyright: ignore
    with torch.no_grad():
        for weight in generator.parameters():  # pyright: ignore
            weight.zero_()
        by_place = project.weight.view(4, 4, -1, 6)
        by_place[:, :, 5, 0] = 1.0  # by the sign of the latent's first number
        for norm in (module for module in generator.modules() if isinstance(module, nn.BatchNorm2d)):  # pyright: ignore
            norm.weight.fill_(1.0)
        draws[0].weight[5, 2] = 1.0
        draws[1].weight[2] = 1.0
    found = remove_feature(model, lambda images: (images.mean(dim=(1, 2, 3)) > 0.1).long(), side=8, channels=1, n=6)
    assert (found[0].mean(dim=(1, 2, 3)) > 0.1).all()
    assert (found[1] == 0).all()
    with pytest.raises(SettingsError, match=r"no maps with a side of 5. It has maps of: 4, 8"):
        remove_feature(model, lambda images: (images.mean(dim=(1, 2, 3)) > 0.1).long(), side=5)
    with pytest.raises(SettingsError, match="None of 1,000 samples have the feature"):
        remove_feature(model, lambda images: torch.zeros(len(images), dtype=torch.long))
    plain = Model(GAN().build(SPEC).eval(), GAN(), Path("run"))
    with pytest.raises(SettingsError, match="without feature maps"):
        remove_feature(plain, lambda images: torch.ones(len(images), dtype=torch.long))


def test_weights_are_no_maps() -> None:
    generator = model_of("biggan").game.generator
    with record_feature_maps(generator) as recorder:  # pyright: ignore[reportArgumentType]
        generator(torch.randn(2, 12), torch.tensor([0, 1]))  # pyright: ignore[reportCallIssue]
    assert sorted(recorder.maps) == [4, 8, 16], "a spectral norm gives weights of 3x3"


def test_recording_keeps_the_last_map_of_each_side_and_leaves_no_trace() -> None:
    network = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(8, 6, 2, stride=2), nn.Conv2d(6, 3, 1))
    x = torch.randn(2, 1, 8, 8)
    before = network(x)
    with record_feature_maps(network) as recorder:
        network(x)
    assert {side: name for side, (name, _) in recorder.maps.items()} == {8: "1", 4: "2"}, "three channels are an image"
    assert (recorder.maps[8][1] >= 0).all()
    with zero_channels(network, "2", torch.tensor([0, 4])):
        silenced = network(x)
    kept = network[3](recorder.maps[4][1] * torch.tensor([0, 1, 1, 1, 0, 1]).view(1, -1, 1, 1))
    torch.testing.assert_close(silenced, kept)
    torch.testing.assert_close(network(x), before)
    assert np.isfinite(before.detach().numpy()).all()
