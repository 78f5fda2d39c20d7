"""Augmentation: exact where it must be, centered on the image, differentiable, and adapted by how sure the discriminator is."""

import math

import pytest
import torch
from torch import Tensor

from sparring.augment import ada
from sparring.augment.ada import SIGN_MEAN_WEIGHT
from sparring.augment.diffaugment import diffaugment, diffaugment_together
from sparring.augment.random_draws import RandomDraws
from sparring.core.batch import Batch
from sparring.core.random_streams import Streams
from sparring.data.images.image_spec import ImageSpec
from sparring.games.adversarial import TwoPlayerGame
from sparring.games.recipe import check
from sparring.games.step_context import StepContext
from sparring.recipes.dcgan import DCGAN


def smooth(n: int = 3, channels: int = 3, side: int = 32) -> Tensor:
    """Images without the finest detail, which warping may lose."""
    torch.manual_seed(0)
    coarse = torch.rand(n, channels, side // 8, side // 8) * 2 - 1
    return torch.nn.functional.interpolate(coarse, scale_factor=8, mode="bicubic").clamp(-1, 1)


def test_no_chance_changes_nothing() -> None:
    images = smooth()
    assert ada.adaptive_augment(images, 0.0, Streams(0, 0), "real") is images


def test_warping_by_nothing_or_by_whole_pixels_is_exact() -> None:
    images = smooth()
    still = torch.eye(3).expand(3, 3, 3)
    torch.testing.assert_close(ada._warp(images, still), images, rtol=1e-4, atol=1e-4)
    right, down = torch.tensor([3.0, 0.0, -5.0]), torch.tensor([0.0, 2.0, 4.0])
    moved = ada._warp(images, ada._translation(right, down))
    torch.testing.assert_close(moved[0, :, :, 3:], images[0, :, :, :-3], rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(moved[1, :, 2:], images[1, :, :-2], rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(moved[2, :, 4:, :-5], images[2, :, :-4, 5:], rtol=1e-3, atol=1e-3)
    mirrored = images[0, :, :, 1:4].flip(2)  # what comes in is the mirror image
    torch.testing.assert_close(moved[0, :, :, :3], mirrored, rtol=1e-2, atol=2e-2)


@pytest.mark.parametrize("size", [(32, 32), (24, 32)])
def test_turns_and_flips_go_about_the_middle(size: tuple[int, int]) -> None:
    rows, columns = (torch.arange(side) - (side - 1) / 2 for side in size)
    bump = torch.exp(-((rows[:, None] - 2) ** 2 + (columns[None] - 3) ** 2) / 4).expand(3, 1, *size)

    def middle(image: Tensor) -> tuple[float, float]:
        weight = image[0] / image[0].sum()
        return (weight * rows[:, None]).sum().item(), (weight * columns[None]).sum().item()

    flipped, turned, enlarged = (
        ada._warp(bump, matrix)
        for matrix in (
            ada._scaling(-torch.ones(3), torch.ones(3)),
            ada._rotation(torch.full((3,), math.pi / 2)),
            ada._scaling(torch.full((3,), 0.5), torch.full((3,), 0.5)),
        )
    )
    assert middle(flipped[0]) == pytest.approx((2, -3), abs=0.02)
    assert middle(turned[0]) == pytest.approx((-3, 2), abs=0.05)
    assert middle(enlarged[0]) == pytest.approx((4, 6), abs=0.1), "places come from half as far from the middle"


def test_each_operation_comes_as_often_as_its_chance() -> None:
    draws = RandomDraws(Streams(0, 0), "real", 4000, 0.3)
    chosen = draws.with_chance("scale", torch.full((4000,), 5.0), 1.0)
    assert set(chosen.tolist()) == {1.0, 5.0}
    assert (chosen == 5).float().mean().item() == pytest.approx(0.3, abs=0.03)
    still = (
        (ada.geometric_matrices(RandomDraws(Streams(0, 0), "real", 4000, 0.3), 32, 32) == torch.eye(3))
        .all(dim=(1, 2))
        .float()
        .mean()
        .item()
    )
    # flips and quarter turns change nothing in half and a quarter of the cases, whole-pixel moves hardly ever
    wanted = (1 - 0.3 / 2) * (1 - 0.3 * 3 / 4) * 0.7 * 0.7 * 0.7 * 0.7 * 0.7
    assert still == pytest.approx(wanted, abs=0.03)


def test_colors_by_known_matrices() -> None:
    gray, red = torch.tensor([0.5, 0.5, 0.5, 1.0]), torch.tensor([1.0, 0.0, 0.0, 1.0])
    third = ada._hue(torch.tensor([2 * math.pi / 3]))[0]
    torch.testing.assert_close(third @ gray, gray, rtol=1e-5, atol=1e-6)
    turned = (third @ red)[:3]
    assert sorted(turned.tolist()) == pytest.approx([0, 0, 1], abs=1e-5), "a third of a turn makes red green or blue"
    assert turned[0].item() == pytest.approx(0, abs=1e-5)
    every = ada.color_matrices(RandomDraws(Streams(0, 0), "real", 500, 1.0))
    assert torch.allclose(every[:, 3], torch.tensor([0.0, 0, 0, 1]), atol=1e-6), "offsets stay offsets"
    images = torch.cat([smooth(500, 3, 8), torch.full((500, 1, 8, 8), 0.25)], dim=1)
    colored = ada._apply_color_matrices(images, every)
    assert torch.equal(colored[:, 3], images[:, 3]), "alpha stays"
    by_hand = torch.einsum("ij,jhw->ihw", every[7, :3, :3], images[7, :3]) + every[7, :3, 3, None, None]
    torch.testing.assert_close(colored[7, :3], by_hand)
    one_gray = ada._apply_color_matrices(images[:, :1], every)
    same_three = ada._apply_color_matrices(images[:, :1].repeat(1, 3, 1, 1), every).mean(dim=1, keepdim=True)
    torch.testing.assert_close(one_gray, same_three, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["adaptive", "differentiable"])
def test_gradients_pass_and_the_same_streams_do_the_same(kind: str) -> None:
    torch.manual_seed(0)
    images = torch.rand(2, 3, 16, 16).double().requires_grad_()
    streams = Streams(3, 5)

    def change(x: Tensor) -> Tensor:
        if kind == "differentiable":
            return diffaugment(x, streams, "real")
        # in float32 inside, so its parts are checked: they are linear in the image
        draws = RandomDraws(streams, "real", len(x), 0.9)
        geometry, color = ada.geometric_matrices(draws, 16, 16), ada.color_matrices(draws)
        return ada._apply_color_matrices(ada._warp(x.float(), geometry), color).double()

    first = change(images)
    assert torch.equal(first, change(images))
    assert not torch.equal(first, images)
    direction = torch.randn_like(images)
    (gradient,) = torch.autograd.grad(first.square().sum(), images)
    step = 1e-2
    ahead, behind = (change(images.detach() + sign * step * direction).square().sum() for sign in (1, -1))
    assert (gradient * direction).sum().item() == pytest.approx(((ahead - behind) / (2 * step)).item(), rel=2e-2)


def test_gradients_of_gradients_pass() -> None:
    torch.manual_seed(0)
    x, place = torch.rand(2, 2, 6, 6).double().requires_grad_(), torch.rand(2, 5, 4, 2).double() * 2.4 - 1.2

    def sampled(x: Tensor) -> Tensor:
        return ada._GridSample.apply(x, place).square()  # pyright: ignore

    plain = torch.nn.functional.grid_sample(x, place, mode="bilinear", padding_mode="zeros", align_corners=False)
    torch.testing.assert_close(sampled(x), plain.square())
    assert torch.autograd.gradcheck(sampled, (x,))
    assert torch.autograd.gradgradcheck(sampled, (x,))


def test_differentiable_cuts_a_square_out_and_moves_by_an_eighth() -> None:
    images = torch.full((300, 3, 16, 16), 0.5)
    changed = diffaugment(images, Streams(0, 0), "real")
    zeros = (changed == 0).all(dim=1).float()
    assert zeros.mean(dim=(1, 2)).min().item() >= 15 / 256, "a corner of the square at least"
    assert (zeros.sum(dim=(1, 2)) <= 64 + 2 * 2 * 16 + 16).all(), "the square, and two rows and columns"


def test_images_together_are_cut_alike_in_colors_of_their_own() -> None:
    torch.manual_seed(0)
    one, other = torch.rand(6, 3, 16, 16) + 2, torch.rand(6, 1, 16, 16) + 2
    streams = Streams(0, 0)
    changed = diffaugment_together([one, other], streams, "real")
    assert torch.equal(changed[:, :3], diffaugment(one, streams, "real")), "the first as if it were alone"
    assert ((changed[:, 3:] == 0) == (changed[:, :1] == 0)).all()
    brighter = [(part.amax(dim=(1, 2, 3)) - 3) for part in (changed[:, :3], changed[:, 3:])]
    assert (brighter[0] - brighter[1]).abs().mean() > 0.25


def test_differentiable_moves_as_often_by_each_number_of_pixels() -> None:
    rows = torch.arange(16.0).view(1, 1, 16, 1).expand(4000, 1, 16, 16) + 100  # bright, so that brightness hardly matters
    changed = diffaugment(rows, Streams(0, 0), "real")
    above = (changed[:, 0, :3] == 0).all(dim=2)
    below = (changed[:, 0, -3:] == 0).all(dim=2)
    counts = torch.stack([above[:, :2].all(1) & ~above[:, 2], above[:, 0] & ~above[:, 1], below[:, 2] & ~below[:, 1], below[:, 1:].all(1)])
    expected = torch.full((4,), 4000 / 5)
    assert (counts.sum(dim=1) - expected).abs().max() < 4 * (4000 * 0.2 * 0.8) ** 0.5


# ------------------------------------------------------------------------------------------------------ in the game


def game_of(**settings: object) -> TwoPlayerGame:
    torch.manual_seed(0)
    recipe = DCGAN(width=4, latent_size=5, batch_size=8, augment="ada", augment_samples=100, **settings)  # pyright: ignore[reportArgumentType]
    check(recipe, ImageSpec(16, 16, 1))
    return recipe.build(ImageSpec(16, 16, 1)).train()


def context(signals: dict[str, Tensor], step: int = 0) -> StepContext:
    images = torch.rand(8, 1, 16, 16)
    return StepContext(lambda: Batch(images), lambda: None, 8, Streams(0, step, scope="test"), step, 0, signals)


def test_the_chance_rises_where_the_discriminator_is_sure_and_falls_where_not() -> None:
    game = game_of()
    sure, unsure = {"logits/real": torch.ones(8), "logits/generated": -torch.ones(8)}, {"logits/real": torch.tensor([1.0, -1] * 4)}
    seen = []
    for _ in range(6):
        game.adapt(game.augmentation, context(dict(sure)))
        seen.append(game.augmentation.chance.item())
    estimate = [1 - (1 - SIGN_MEAN_WEIGHT) ** (i + 1) for i in range(6)]
    wanted, chance = [], 0.0
    for one in estimate:
        chance = min(max(chance + (0.08 if one > 0.6 else -0.08), 0.0), 0.8)
        wanted.append(chance)
    assert seen == pytest.approx(wanted, abs=1e-6)
    for _ in range(20):
        game.adapt(game.augmentation, context({**unsure, "logits/generated": torch.zeros(8)}))
    assert game.augmentation.chance.item() == 0
    fixed = game_of(augment_chance=0.4)
    fixed.adapt(fixed.augmentation, context(dict(sure)))
    assert fixed.augmentation.chance.item() == pytest.approx(0.4)


def test_objectives_that_compare_are_sure_by_comparison() -> None:
    game = game_of(objective="relativistic")
    game.adapt(game.augmentation, context({"logits/real": torch.full((8,), -5.0), "logits/generated": torch.full((8,), -6.0)}))
    assert game.augmentation.sign_mean.item() == pytest.approx(SIGN_MEAN_WEIGHT)


@pytest.mark.parametrize("packing", [1, 2])
@pytest.mark.parametrize("kind", ["ada", "diffaugment"])
def test_r1_is_of_gradients_through_augmentation(kind: str, packing: int) -> None:
    """As by hand: of the discriminator's answer to augmented images, with respect to the images that were augmented."""
    torch.manual_seed(0)
    chance = {"augment_chance": 0.7} if kind == "ada" else {}
    recipe = DCGAN(width=4, latent_size=5, batch_size=8, augment=kind, r1=3.0, discriminator_norm="none", packing=packing, **chance)  # pyright: ignore
    game = recipe.build(ImageSpec(16, 16, 1)).train()
    now = context({})
    assert isinstance(game, TwoPlayerGame)
    found = game.play_discriminator(now)["r1"]
    assert found.shape == (8 // packing,)
    images = now.batch.samples.clone().requires_grad_()
    logits, _ = game.discriminate(game.discriminator_input(images, "real", now), None)
    for pack in range(len(logits)):
        (gradient,) = torch.autograd.grad(logits[pack], images, retain_graph=True)
        assert found[pack].item() == pytest.approx(1.5 * gradient.square().sum().item(), rel=1e-4)
        assert gradient[: pack * packing].abs().sum() == 0, "of its own images alone"
    found.sum().backward()
    assert any(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in game.discriminator.parameters())


def test_real_and_generated_are_augmented_apart_and_the_chance_survives() -> None:
    game = game_of(augment_chance=0.8)
    images, now = torch.rand(8, 1, 16, 16), context({})
    real, generated = (game.discriminator_input(images, name, now) for name in ("real", "generated"))
    assert not torch.equal(real, generated)
    assert torch.equal(real, game.discriminator_input(images, "real", now))
    losses = game.play_discriminator(now)
    torch.stack([loss.mean() for loss in losses.values()]).sum().backward()
    assert "augment/chance" in now.metrics
    other = game_of(augment_chance=0.1)
    other.load_state_dict(game.state_dict())
    assert other.augmentation.chance.item() == pytest.approx(0.8)
    with pytest.raises(Exception, match=r"augment_chance .*augment='ada'"):
        check(DCGAN(augment_chance=0.5), ImageSpec(16, 16, 1))
    with pytest.raises(Exception, match=r"augment_target .*augment='ada'"):
        check(DCGAN(augment="diffaugment", augment_target=0.5), ImageSpec(16, 16, 1))
