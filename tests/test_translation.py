"""Games from image to image: what they see, their losses, the pool, and that nothing is done twice or lost."""

import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console
from torch import Tensor, nn
from torchvision.models.vgg import cfgs, make_layers

import sparring
from sparring import recipes
from sparring.augment.paired import jittered
from sparring.core.errors import CheckpointError, DataError, SettingsError
from sparring.core.random_streams import Streams
from sparring.data.images.image_spec import ImageSpec
from sparring.data.pairs.pair_spec import PairBatch, PairSpec
from sparring.data.pairs.pairs import Pairing, Pairs, open_pairs
from sparring.data.preprocessing import Preprocessing
from sparring.games.recipe import check
from sparring.games.step_context import StepContext
from sparring.games.translation import ImagePool, TranslationGame
from sparring.losses.contrastive import contrastive
from sparring.losses.perceptual import gram_matrices, style_distance, total_variation
from sparring.modalities import spec_from_json
from sparring.nets import image_translation as nets
from sparring.nets.blocks.layers import InstanceNorm
from sparring.nets.feature_extractors.perceptual_networks import Lite0Features, PerceptualNetwork, open_perceptual_network
from sparring.training.loop import TrainingContext, TurnRunner
from sparring.training.session import fabric_for, first_state, resolve
from sparring.training.settings import TrainSettings
from style_transfer import GENERATED, centered, generated
from support.runs import same_run
from support.tiny import SMALL

NAMES = ("pix2pix", "cyclegan", "cut", "style-transfer")


def pairs_for(name: str, places: tuple[str, str]) -> Pairs:
    return open_pairs(places[0], Pairing(target=places[1]), Preprocessing(size=32), recipes.get(name).translates)  # pyright: ignore[reportAttributeAccessIssue]


def context(inputs: Tensor, targets: Tensor, step: int = 0) -> StepContext:
    return StepContext(lambda: PairBatch(targets, inputs=inputs), lambda: None, len(inputs), Streams(0, step, scope="test"), step, 0)


# ----------------------------------------------------------------------------------------------------- networks


def test_instance_norm_is_torchs() -> None:
    torch.manual_seed(0)
    x = torch.randn(3, 5, 6, 7).mul(4).add(2)
    torch.testing.assert_close(InstanceNorm()(x), torch.nn.functional.instance_norm(x), rtol=1e-4, atol=1e-5)
    once = x[:1].double().requires_grad_()
    assert torch.autograd.gradcheck(InstanceNorm(), (once,))


@pytest.mark.parametrize("network", [nets.ResidualGenerator(3, 1, 4, 2), nets.UNet(3, 1, 4, 3, norm="instance"), nets.UNet(3, 1, 4, 3)])
def test_generators_keep_the_size_of_what_they_see(network: torch.nn.Module) -> None:
    drawn = network.eval()(torch.randn(2, 3, 16, 24))
    assert drawn.shape == (2, 1, 16, 24)
    assert drawn.abs().max() <= 1


@pytest.mark.parametrize(("layers", "side"), [(1, 16), (2, 34), (3, 70)])
def test_how_far_a_patch_reaches(layers: int, side: int) -> None:
    """The gradient of one logit lies on a square of that side (Isola et al. 2017, section 6.2)."""
    torch.manual_seed(0)
    network = nets.PatchDiscriminator(1, 4, layers).eval()  # in evaluation batch norm mixes nothing
    images = torch.randn(1, 1, 160, 160, requires_grad=True)
    logits = network(images)
    middle = logits.shape[2] // 2
    (gradient,) = torch.autograd.grad(logits[0, 0, middle, middle], images)
    rows = gradient[0, 0].abs().sum(dim=1).nonzero().flatten()
    assert rows[-1] - rows[0] + 1 == side


def test_upsampling_by_nearest_neighbors_has_no_checkerboard() -> None:
    """Of a constant image everything stays constant away from the edges; a transposed convolution makes a pattern of it."""
    torch.manual_seed(0)
    constant = torch.full((1, 8, 16, 16), 0.5)
    for resized in (False, True):
        drawn = (
            nets.UpsamplingLayer(8, 8, "batch", resized=resized)
            .eval()
            .convolution(torch.nn.functional.interpolate(constant, scale_factor=2.0) if resized else constant)
        )
        middle = drawn[0, :, 8:-8, 8:-8]
        assert (middle.std(dim=(1, 2)).max().item() < 1e-6) == resized


def test_a_shortcut_begins_with_images_as_they_are() -> None:
    network = nets.ResidualGenerator(3, 3, 4, 2, shortcut=True)
    images = torch.rand(2, 3, 16, 16) * 1.98 - 0.99
    torch.testing.assert_close(network(images), images)
    torch.testing.assert_close(network(torch.ones(1, 3, 16, 16)), torch.full((1, 3, 16, 16), 0.99))
    network(images).square().sum().backward()
    assert network.to_image.weight.grad is not None
    assert network.to_image.weight.grad.abs().max() > 0  # and it can learn


def test_features_are_those_of_the_way_through() -> None:
    torch.manual_seed(0)
    network = nets.ResidualGenerator(3, 3, 4, 6)
    images = torch.randn(2, 3, 16, 16)
    drawn, found = network.with_features(images)
    assert torch.equal(drawn, network(images))
    assert [tuple(of.shape[1:]) for of in found] == [(3, 16, 16), (8, 8, 8), (16, 4, 4), (16, 4, 4), (16, 4, 4)]
    assert [of.shape[1] for of in found] == network.feature_widths()
    assert all(torch.equal(one, other) for one, other in zip(found, network.features(images), strict=True))


# ----------------------------------------------------------------------------------------- what networks are shown


def test_pairs_are_jittered_alike_and_kinds_apart() -> None:
    images = torch.rand(6, 3, 20, 20)
    streams = Streams(1, 2)
    one, other = jittered((images, 1 - images), streams, "pair", jitter=0.2, flip=True)
    torch.testing.assert_close(one, 1 - other)
    assert one.shape == images.shape
    (alone,) = jittered((images,), streams, "other", jitter=0.2, flip=True)
    assert not torch.allclose(alone, one)
    (still,) = jittered((images,), streams, "pair", jitter=0.0, flip=False)
    assert torch.equal(still, images)
    (flipped,) = jittered((images,), streams, "pair", jitter=0.0, flip=True)
    mirrored = [torch.equal(new, old.flip(2)) for new, old in zip(flipped, images, strict=True)]
    same = [torch.equal(new, old) for new, old in zip(flipped, images, strict=True)]
    assert any(mirrored)
    assert any(same)
    assert all(a != b for a, b in zip(mirrored, same, strict=True))


def test_the_pool_fills_and_then_exchanges_half() -> None:
    pool = ImagePool(4, ImageSpec(1, 1, 1), 1)
    first = torch.arange(4.0).view(4, 1, 1, 1)
    assert torch.equal(pool.exchanged(first, Streams(0, 0), "p"), first)
    assert pool.images.flatten().tolist() == [0, 1, 2, 3]
    past = 0
    for step in range(1, 301):
        new = torch.full((1, 1, 1, 1), 10.0 + step)
        given = pool.exchanged(new, Streams(0, step), "p")
        if given.item() != new.item():
            past += 1
            assert new.item() in pool.images, "what was exchanged for an image of the past stays"
        else:
            assert new.item() not in pool.images
    assert 120 < past < 180
    assert torch.equal(ImagePool(0, ImageSpec(1, 1, 1), 1).exchanged(first, Streams(0, 0), "p"), first)


# -------------------------------------------------------------------------------------------------------- losses


def test_contrast_by_hand() -> None:
    """Two patches with likenesses 1 and 0 over a temperature of 0.5: log(1 + e^-2) each."""
    keys = torch.eye(2)[None]
    torch.testing.assert_close(contrastive(keys, keys, 0.5), torch.tensor([math.log(1 + math.exp(-2))]))
    exchanged = contrastive(keys, keys.flip(1), 0.5)
    torch.testing.assert_close(exchanged, torch.tensor([2 + math.log(1 + math.exp(-2))]))


def test_style_losses_by_hand() -> None:
    maps = torch.tensor([[[[1.0, 2.0]], [[3.0, -1.0]]]])  # two features at two places
    torch.testing.assert_close(gram_matrices(maps), torch.tensor([[[5.0, 1.0], [1.0, 10.0]]]) / 4)
    images = torch.tensor([[[[0.0, 1.0], [3.0, 3.0]]]])
    torch.testing.assert_close(total_variation(images), torch.tensor([(9 + 4) / 2 + (1 + 0) / 2]))


def test_pix2pix_minimizes_what_the_paper_says() -> None:
    torch.manual_seed(0)
    spec = PairSpec(32, 32, 3, (), 1)
    game = recipes.get("pix2pix")(**{**SMALL["pix2pix"], "jitter": 0.0, "flip": False, "dropout": 0.0}).build(spec)
    assert isinstance(game, TranslationGame)
    inputs, targets = torch.rand(2, 1, 32, 32), torch.rand(2, 3, 32, 32)
    game.train()
    state = {name: tensor.clone() for name, tensor in game.state_dict().items()}
    losses = game.play_generator(context(inputs, targets))
    game.load_state_dict(state)  # batch norm has moved
    drawn = game.generator(inputs)
    torch.testing.assert_close(losses["l1"], 100 * (drawn - targets).abs().mean(dim=(1, 2, 3)))
    game.load_state_dict(state)
    drawn = game.generator(inputs)
    logits = game.discriminator(torch.cat([inputs, drawn], dim=1))
    torch.testing.assert_close(losses["adversarial"], torch.nn.functional.softplus(-logits).mean(dim=(1, 2, 3)))
    told = game.play_discriminator(context(inputs, targets))
    logits = game.discriminator(torch.cat([inputs, targets], dim=1))
    torch.testing.assert_close(told["real"], torch.nn.functional.softplus(-logits).mean(dim=(1, 2, 3)) / 2, rtol=1e-3, atol=1e-4)
    assert not game.drawn


def test_cyclegan_minimizes_what_the_paper_says_in_four_generator_passes() -> None:
    torch.manual_seed(0)
    spec = PairSpec(32, 32, 3, (), 3, paired=False)
    game = recipes.get("cyclegan")(**{**SMALL["cyclegan"], "jitter": 0.0, "flip": False}).build(spec).train()
    a, b = torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32)
    seen: list[int] = []
    hooks = [network.register_forward_hook(lambda _, shown, __: seen.append(len(shown[0]))) for network in (game.a2b, game.b2a)]
    losses = game.play_generators(context(a, b))
    told = game.play_discriminators(context(a, b))
    for hook in hooks:
        hook.remove()
    assert sorted(seen) == [1, 2, 3], "six images are drawn, none of them twice"
    with torch.no_grad():
        drawn_b, drawn_a = game.a2b(a), game.b2a(b)
        expected = {
            "adversarial/a2b": (game.discriminator_b(drawn_b) - 1).square().mean(),
            "adversarial/b2a": (game.discriminator_a(drawn_a) - 1).square().mean(),
            "cycle/a": 10 * (game.b2a(drawn_b) - a).abs().mean(),
            "cycle/b": 10 * (game.a2b(drawn_a) - b).abs().mean(),
            "identity/a": 5 * (game.b2a(a) - a).abs().mean(),
            "identity/b": 5 * (game.a2b(b) - b).abs().mean(),
        }
        judged = {
            "real/a": (game.discriminator_a(a) - 1).square().mean() / 2,
            "generated/a": game.discriminator_a(drawn_a).square().mean() / 2,
            "real/b": (game.discriminator_b(b) - 1).square().mean() / 2,
            "generated/b": game.discriminator_b(drawn_b).square().mean() / 2,
        }
    for found, wanted in ((losses, expected), (told, judged)):
        assert found.keys() == wanted.keys()
        for name, value in wanted.items():
            torch.testing.assert_close(found[name].detach(), value[None], rtol=1e-3, atol=1e-5)
    assert game.pool_a.filled == game.pool_b.filled == 1


@pytest.mark.parametrize("flip", [False, True])
def test_cut_minimizes_what_the_paper_says(flip: bool) -> None:
    """Equations 3 and 4, where every place of every map is told from all others of its map. FastCUT translates some images mirrored."""
    torch.manual_seed(0)
    spec = PairSpec(16, 16, 3, (), 3, paired=False)
    settings = {**SMALL["cut"], "patches": 1000, "jitter": 0.0, "flip": False, "contrast": 2.0, "flip_equivariance": flip}
    game = recipes.get("cut")(**settings).build(spec).train()
    inputs, targets = torch.rand(4, 3, 16, 16), torch.rand(4, 3, 16, 16)
    losses = game.play_generator(context(inputs, targets))
    told = game.play_discriminator(context(inputs, targets))
    which = (context(inputs, targets).streams.uniform("flipped", 4) < 0).tolist() if flip else [False] * 4
    assert set(which) == {False, flip}, "chance has both"

    def as_shown(images: Tensor) -> Tensor:
        return torch.stack([image.flip(2) if turned else image for image, turned in zip(images, which, strict=True)])

    with torch.no_grad():
        drawn = game.generator(as_shown(inputs))
        expected = {"adversarial": (game.discriminator(drawn) - 1).square().mean(dim=(1, 2, 3))}
        for name, weight, images in (("contrast", 2.0, inputs), ("contrast/identity", 1.0, targets)):
            maps_before, maps_after = game.generator.features(images), game.generator.features(game.generator(as_shown(images)))
            of_maps = []
            for before, after, head in zip(maps_before, maps_after, game.heads.heads, strict=True):
                of_images = []
                for old, new in zip(before, as_shown(after), strict=True):
                    keys, queries = head(old.flatten(1).T), head(new.flatten(1).T)
                    likeness = queries @ keys.T / queries.norm(dim=1)[:, None] / keys.norm(dim=1)
                    shares = (likeness / 0.07).exp()
                    of_images.append(-(shares.diagonal() / shares.sum(dim=1)).log().mean())
                of_maps.append(torch.stack(of_images))
            expected[name] = weight * torch.stack(of_maps).mean(dim=0)
        judged = {
            "real": (game.discriminator(targets) - 1).square().mean(dim=(1, 2, 3)) / 2,
            "generated": game.discriminator(drawn).square().mean(dim=(1, 2, 3)) / 2,
        }
    for found, wanted in ((losses, expected), (told, judged)):
        assert found.keys() == wanted.keys()
        for name, value in wanted.items():
            torch.testing.assert_close(found[name].detach(), value, rtol=1e-3, atol=1e-5)


class Halves(PerceptualNetwork):
    """An eye whose two maps are the images, and the images at half their size."""

    content = 1

    def maps(self, images: Tensor) -> list[Tensor]:
        return [images, torch.nn.functional.avg_pool2d(images, 2)]


def test_style_transfer_minimizes_what_it_says() -> None:
    """Content and style of an eye whose maps are known, each over the mean square of what it should be."""
    torch.manual_seed(0)
    spec = PairSpec(32, 32, 3, (), 3, paired=False)
    rules = recipes.get("style-transfer")(
        **{**SMALL["style-transfer"], "jitter": 0.0, "flip": False}, content=2.0, style=3.0, variation=5.0
    )
    game = rules.build(spec).train()
    game._feature_network.append(Halves())
    inputs, styles = torch.rand(2, 3, 32, 32), torch.rand(1, 3, 32, 32).expand(2, -1, -1, -1)
    losses = game.play_generator(context(inputs, styles))
    painted = game.generator(inputs).detach()
    half = {
        name: each.unfold(2, 2, 2).unfold(3, 2, 2).mean(dim=(4, 5)) for name, each in (("in", inputs), ("out", painted), ("by", styles))
    }
    content = (half["out"] - half["in"]).square().mean(dim=(1, 2, 3)) / half["in"].square().mean()
    shares = []
    for out, by in ((painted, styles), (half["out"], half["by"])):
        together, wanted = (torch.einsum("nfpq,ngpq->nfg", each, each) for each in (out, by))  # what they are divided by cancels
        shares.append((together - wanted).square().sum(dim=(1, 2)) / wanted[0].square().sum())
    neighbors = sum(
        (painted.roll(-1, axis).narrow(axis, 0, 31) - painted.narrow(axis, 0, 31)).square().mean(dim=(1, 2, 3)) for axis in (2, 3)
    )
    expected = {"content": 2 * content, "style": 3 * (shares[0] + shares[1]) / 2, "variation": 5 * neighbors}
    assert losses.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(losses[name].detach(), value, rtol=1e-4, atol=1e-6)


@pytest.fixture(scope="module")
def styles() -> Tensor:
    """Ten styles of 32x32 in [-1, 1]: five generated ones, and each with red, green and blue exchanged in a circle."""
    shown = [centered(generated(name), 32) for name in GENERATED]
    pixels = np.stack([turned for one in shown for turned in (one, np.roll(one, 1, axis=2))])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1


@pytest.fixture(scope="module")
def random_vgg() -> nn.Sequential:
    """VGG-16's layers below its classifier, with random weights that keep the size of what passes through."""
    torch.manual_seed(0)
    layers = make_layers(cfgs["D"], batch_norm=False)
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return layers


def nearer_to_the_style(colors: Tensor, styles: Tensor) -> Tensor:
    """How far mean colors are from the styles', over how far they are from those of the styles' complements."""
    wanted = styles.mean(dim=(2, 3))
    return (colors - wanted).norm(dim=1) / (colors + wanted).norm(dim=1)


def test_lite0_shows_its_stem_and_expansions_rectified() -> None:
    """As seen by hooks on the plain network: of (n, channels, side / 2 to side / 16), each in [0, 6]."""
    eye = open_perceptual_network(None)
    assert isinstance(eye, Lite0Features)
    expected: list[Tensor] = []
    for layer in (eye.network.stem, *(eye.network.blocks[place].expand for place in (1, 3, 5, 11))):
        layer.register_forward_hook(lambda _, __, out: expected.append(out.clamp(0, 6)))
    bytes_shown = torch.randint(256, (2, 3, 32, 48), dtype=torch.float32)
    eye.network.blocks(eye.network.stem_maps((bytes_shown - 127) / 128))
    wanted, expected[:] = list(expected), []
    found = eye(bytes_shown / 127.5 - 1)
    assert [tuple(of.shape[1:]) for of in found] == [(32, 16, 24), (96, 16, 24), (144, 8, 12), (240, 4, 6), (672, 2, 3)]
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["lite0", "vgg16"])
def test_style_losses_tell_colors(name: str, styles: Tensor, random_vgg: nn.Sequential, tmp_path: Path) -> None:
    """A style turned upside down is the same style; with its complement's colors, or red, green and blue exchanged, it is another."""
    if name == "vgg16":
        torch.save(random_vgg.state_dict(), tmp_path / "vgg.pth")
    eye = open_perceptual_network(None if name == "lite0" else str(tmp_path / "vgg.pth"))
    maps = eye(styles)
    assert all((of >= 0).all() for of in maps), "features that could be negated have the same Gram matrix as their negatives"
    manner = [gram_matrices(of) for of in maps]
    turned = style_distance(eye(styles.flip(2, 3)), manner)
    for other in (-styles, styles.roll(1, dims=1), styles.roll(2, dims=1)):
        assert (style_distance(eye(other), manner) > 3 * turned).all()


def test_style_losses_lead_from_opposite_colors_to_the_styles_own(styles: Tensor) -> None:
    """Descent from the complement, by a matrix and an offset that recolor each style, finds the way to the style's mean color: the loss
    has no second minimum there.
    """
    styles = styles[::2]
    eye = open_perceptual_network(None)
    manner = [gram_matrices(of) for of in eye(styles)]
    matrices = (-torch.eye(3)).repeat(len(styles), 1, 1).requires_grad_()
    offsets = torch.zeros(len(styles), 3, 1, 1, requires_grad=True)
    optimizer = torch.optim.Adam([matrices, offsets], 0.06)
    for _ in range(40):
        colored = torch.einsum("nij,njhw->nihw", matrices, styles) + offsets
        optimizer.zero_grad()
        style_distance(eye(colored), manner).sum().backward()
        optimizer.step()
    assert (nearer_to_the_style(colored.detach().mean(dim=(2, 3)), styles) < 0.5).all()


@pytest.mark.parametrize("seed", [0, 2])
def test_a_trained_style_transfer_paints_in_the_colors_of_the_style(
    seed: int, places: tuple[str, str], styles: Tensor, tmp_path: Path, quiet: Console
) -> None:
    """Orange stripes, and an image that is not trained on. With linear maps both of these seeds came out blue."""
    Image.fromarray(centered(generated("stripes"), 32)).save(tmp_path / "stripes.png")
    model = sparring.train(
        "style-transfer",
        places[0],
        tmp_path / "r",
        target=tmp_path / "stripes.png",
        size=32,
        width=8,
        blocks=1,
        steps=60,
        learning_rate=3e-3,
        seed=seed,
        threads=1,
        console=quiet,
    )
    painted = model.translate(styles[2:3])  # the waves
    assert nearer_to_the_style(painted.mean(dim=(2, 3)), styles[:1]) < 0.5


def test_vgg_is_read_whole_and_by_its_features_alone(random_vgg: nn.Sequential, tmp_path: Path) -> None:
    """Both as torchvision's state dicts name them: the maps are those of a plain chain of the layers."""
    alone = random_vgg.state_dict()
    files = {
        "alone": alone,
        "whole": {**{f"features.{name}": tensor for name, tensor in alone.items()}, "classifier.0.weight": torch.zeros(2)},
    }
    shown = torch.rand(2, 3, 32, 48) * 2 - 1
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    x = ((shown / 2 + 0.5) - mean[:, None, None]) / deviation[:, None, None]
    expected = [random_vgg[:after](x) for after in (4, 9, 16, 23)]  # behind relu1_2, relu2_2, relu3_3 and relu4_3
    for name, tensors in files.items():
        torch.save(tensors, tmp_path / f"{name}.pth")
        for found, wanted in zip(open_perceptual_network(str(tmp_path / f"{name}.pth"))(shown), expected, strict=True):
            torch.testing.assert_close(found, wanted)
    torch.save({**alone, "0.weight": torch.zeros(2), "31.bias": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(CheckpointError) as error:
        open_perceptual_network(str(tmp_path / "other.pth"))
    for words in ("0.weight", "31.bias", "vgg16"):
        assert words in str(error.value)


def test_discriminators_have_the_norm_that_is_named_for_them() -> None:
    spec = PairSpec(32, 32, 3, (), 3)

    def norms_of(**settings: float | str) -> list[type[nn.Module]]:
        game = recipes.get("pix2pix")(width=4, discriminator_width=4, patch_layers=2, **settings).build(spec)
        return [type(module) for module in game.discriminator.norms]

    assert norms_of(norm="batch") == [nn.BatchNorm2d] * 2
    assert norms_of(norm="batch", discriminator_norm="none") == [nn.Identity] * 2
    assert norms_of(norm="none") == [nn.Identity] * 2
    assert norms_of(norm="none", discriminator_norm="instance") == [InstanceNorm] * 2
    with pytest.raises(SettingsError, match="r1 needs gradients of single images"):
        check(recipes.get("pix2pix")(norm="batch", r1=1.0), spec)
    check(recipes.get("pix2pix")(norm="batch", discriminator_norm="none", r1=1.0), spec)


@torch.no_grad()
def test_without_layers_pixels_are_judged_by_themselves() -> None:
    torch.manual_seed(0)
    judge = nets.PatchDiscriminator(3, 4, 0, norm="none")
    images = torch.randn(2, 3, 6, 5)
    before = judge(images)
    images[1, :, 4, 2] += 1
    assert before.shape == (2, 1, 6, 5)
    assert (judge(images) != before).nonzero().tolist() == [[1, 0, 4, 2]]


@pytest.mark.parametrize("name", ["pix2pix", "cyclegan", "cut"])
def test_r1_of_patches_by_hand(name: str) -> None:
    """Of judges whose patches do not overlap (of one pixel each) it is the mean of the patches' own squared gradients."""
    torch.manual_seed(0)
    spec = PairSpec(32, 32, 3, (), 3, paired=name == "pix2pix")
    recipe = recipes.get(name)(**{**SMALL[name], "jitter": 0.0, "flip": False, "batch_size": 2}, r1=6.0, penalty_every=2)
    game = recipe.build(spec).train()
    judges = {name: module for name, module in game.named_children() if isinstance(module, nets.PatchDiscriminator)}
    weights = {}
    for place in judges:
        layer = torch.nn.Conv2d(6 if name == "pix2pix" else 3, 1, 1)
        setattr(game, place, layer)
        weights[place] = layer.weight.flatten()
    inputs, targets = torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32)
    game.turns[0].play(context(inputs, targets))
    losses = game.turns[1].play(context(inputs, targets))
    found = sorted(value.mean().item() for name, value in losses.items() if name.startswith("r1"))
    assert found == pytest.approx(sorted(2 * 3.0 * weight.square().sum().item() for weight in weights.values()), rel=1e-4)
    game.turns[0].play(context(inputs, targets, step=1))
    assert not any(name.startswith("r1") for name in game.turns[1].play(context(inputs, targets, step=1)))


@pytest.mark.parametrize("name", ["pix2pix", "cyclegan", "cut"])
def test_discriminators_see_augmented_images_alone(name: str) -> None:
    """None as it is; pairs cut and moved alike; and what the generator draws is compared as it is."""
    torch.manual_seed(0)
    spec = PairSpec(32, 32, 3, (), 3, paired=name == "pix2pix")
    settings = {**SMALL[name], "jitter": 0.0, "flip": False, "batch_size": 2} | ({"dropout": 0.0} if name == "pix2pix" else {})
    game, plain = (recipes.get(name)(**settings, augment=kind).build(spec).train() for kind in ("diffaugment", "none"))
    plain.load_state_dict(game.state_dict())
    inputs, targets = torch.rand(2, 3, 32, 32) + 3, torch.rand(2, 3, 32, 32) - 4  # no pixel is zero by chance
    seen: list[Tensor] = []
    for module in game.modules():
        if isinstance(module, nets.PatchDiscriminator):
            module.register_forward_hook(lambda _, shown, __: seen.append(shown[0]))
    now = context(inputs, targets)
    losses = [turn.play(now) for turn in game.turns]
    for term, loss in plain.turns[0].play(now).items():
        assert torch.allclose(loss, losses[0][term]) == (not term.startswith("adversarial")), term
    sum(loss.sum() for turn in losses for loss in turn.values()).backward()  # pyright: ignore
    assert all(weight.grad is not None for name, weight in game.named_parameters() if "heads" not in name)
    for shown in seen:
        holes = shown == 0
        assert holes.flatten(1).float().mean(dim=1).min() > 0.05
        assert (holes == holes[:, :1]).all(), "all channels, of inputs and targets"
    assert torch.isfinite(torch.stack([loss.detach().sum() for turn in losses for loss in turn.values()])).all()


# ------------------------------------------------------------------------------------------------------ training


@pytest.mark.parametrize("name", NAMES)
def test_every_translator_takes_its_turns(name: str, places: tuple[str, str]) -> None:
    pairs = pairs_for(name, places)
    recipe = recipes.get(name)(**SMALL[name])
    check(recipe, pairs.spec)
    settings = resolve(TrainSettings(steps=1, threads=1, device="cpu"))
    state = first_state(recipe, lambda: recipe.build(pairs.spec), 0)
    table = TrainingContext(pairs, recipe, settings, fabric_for(settings))
    moved: set[str] = set()
    for turn in state.game.turns:
        before = {weight: tensor.clone() for weight, tensor in state.game.named_parameters()}
        taker = TurnRunner(state.game, turn)
        signals = taker.run(state, table, 0, 0)
        changed = {weight for weight, tensor in state.game.named_parameters() if not torch.equal(tensor, before[weight])}
        assert {weight.partition(".")[0] for weight in changed} == set(taker.player.networks)
        moved |= changed
        assert all(torch.isfinite(value).all() for values in signals.values() for value in values)
    # at first patches are as often taken for real as not, which leaves the last offset alone
    every = {weight for weight, _ in state.game.named_parameters()}
    assert every - moved <= {"discriminator.last.bias"}, "every weight moves in the first step"
    assert (state.progress.batches, state.progress.real_samples) == (1, recipe.batch_size), "one batch for all turns of a step"


@pytest.mark.parametrize("name", NAMES)
def test_a_resumed_translator_is_the_uninterrupted_one(name: str, places: tuple[str, str], tmp_path: Path, quiet: Console) -> None:
    """With a pool that is full by the interruption, and rates that fall over it."""
    decay = {"decay_from_samples": 4, "decay_until_samples": 30}
    common = {"target": places[1], "size": 32, "console": quiet, "threads": 1, "log_every": 3, **SMALL[name], **decay}
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    common["ema_samples"] = 8 if name in {"cyclegan", "cut"} else 0
    model = sparring.train(name, places[0], whole, steps=11, **common)
    sparring.train(name, places[0], parts, steps=5, **common)
    sparring.resume(parts, steps=11, console=quiet)
    assert same_run(whole, parts)
    if name == "cyclegan":
        assert model.ending is not None
        tensors = sparring.load(whole, whole=True).game.state_dict()
        assert tensors["pool_a.filled"] == 3


def test_a_second_set_that_was_moved_is_found_where_it_is_said_to_be(places: tuple[str, str], tmp_path: Path, quiet: Console) -> None:
    moved = shutil.copytree(places[1], tmp_path / "b")
    sparring.train("cut", places[0], tmp_path / "r", target=moved, size=32, steps=1, console=quiet, **SMALL["cut"])
    elsewhere = moved.rename(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="--target"):
        sparring.resume(tmp_path / "r", steps=2, console=quiet)
    sparring.resume(tmp_path / "r", target=elsewhere, steps=2, console=quiet)
    with pytest.raises(SettingsError, match=r"no longer the data .* was trained on"):
        sparring.resume(tmp_path / "r", target=places[0], steps=3, console=quiet)


def test_style_transfer_needs_its_published_weights_to_train_alone(places: tuple[str, str], tmp_path: Path, quiet: Console) -> None:
    from torchvision.models import vgg16

    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in vgg16(weights=None).state_dict().items() if name.startswith("features")}
    torch.manual_seed(0)
    torch.save({name: 0.05 * torch.randn(shape) for name, shape in shapes.items()}, tmp_path / "vgg.pth")
    common = {"target": places[1], "size": 32, "console": quiet, **SMALL["style-transfer"]}
    model = sparring.train("style-transfer", places[0], tmp_path / "r", steps=1, weights=str(tmp_path / "vgg.pth"), **common)
    (tmp_path / "vgg.pth").unlink()
    assert sparring.load(tmp_path / "r").translate(torch.zeros(1, 3, 32, 32)).shape == (1, 3, 32, 32)
    assert sparring.load(sparring.pack(model, tmp_path / "s.safetensors")).generator is not None
    with pytest.raises(CheckpointError, match=r"vgg\.pth"):
        sparring.resume(tmp_path / "r", steps=2, console=quiet)
    with pytest.raises(CheckpointError, match="no weights file at"):
        sparring.train("style-transfer", places[0], tmp_path / "x", steps=1, weights="nothing.pth", **common)
    assert not (tmp_path / "x").exists()


def test_accumulated_parts_are_handed_on_in_order(places: tuple[str, str], tmp_path: Path, quiet: Console) -> None:
    settings = {**SMALL["cyclegan"], "target": places[1], "size": 32, "console": quiet, "threads": 1, "precision": "float32", "pool": 0}
    one = sparring.train("cyclegan", places[0], tmp_path / "one", steps=2, **{**settings, "batch_size": 2, "jitter": 0.0, "flip": False})
    two = sparring.train(
        "cyclegan",
        places[0],
        tmp_path / "two",
        steps=2,
        parts=2,
        **{**settings, "batch_size": 2, "jitter": 0.0, "flip": False},
    )
    for (name, a), (_, b) in zip(one.game.state_dict().items(), two.game.state_dict().items(), strict=True):
        if not a.is_meta:
            torch.testing.assert_close(a, b, rtol=1e-3, atol=2e-4, msg=lambda text, name=name: f"{name}: {text}")


def test_what_does_not_fit_is_said(places: tuple[str, str], tmp_path: Path, quiet: Console) -> None:
    pairs = PairSpec(32, 32, 3, (), 1)
    kinds = PairSpec(30, 30, 3, (), 1, paired=False)
    with pytest.raises(SettingsError, match="needs pairs, and these two sets have none"):
        check(recipes.get("pix2pix")(), PairSpec(32, 32, 3, (), 3, paired=False))
    with pytest.raises(SettingsError, match="learns from pairs, and this data is images"):
        check(recipes.get("cyclegan")(), ImageSpec(32, 32, 3))
    with pytest.raises(SettingsError) as error:
        check(recipes.get("cyclegan")(shortcut=True), kinds)
    for words in ("divisible by 4", "identity compares", "shortcut adds", "different channels"):
        assert words in str(error.value)
    with pytest.raises(SettingsError, match="patch_layers"):
        check(recipes.get("pix2pix")(patch_layers=4), pairs)
    with pytest.raises(SettingsError, match="evaluate_every is for images from noise"):
        sparring.train("pix2pix", places[0], tmp_path / "x", target=places[1], evaluate_every=5, console=quiet)
    store = pairs_for("pix2pix", places)
    for name, data in (("dcgan", store), ("cut", store.inputs)):
        with pytest.raises(SettingsError, match=f"{name} learns from"):
            sparring.train(name, data, tmp_path / "x", console=quiet)
    with pytest.raises(SettingsError, match="'target'"):
        sparring.train("dcgan", places[0], tmp_path / "x", target=places[1], console=quiet)
    assert spec_from_json(pairs.to_json()) == pairs


# ----------------------------------------------------------------------------------------------------------- use


def test_translators_and_samplers_are_not_confused(places: tuple[str, str], tmp_path: Path, quiet: Console) -> None:
    model = sparring.train("pix2pix", places[0], tmp_path / "p", target=places[1], size=32, steps=2, console=quiet, **SMALL["pix2pix"])
    with pytest.raises(SettingsError, match="sparring translate"):
        model.sample(2)
    with pytest.raises(SettingsError, match="a2b, not b2a"):
        model.translate(torch.zeros(1, 3, 32, 32), direction="b2a")
    with pytest.raises(SettingsError, match="wanted are some, with 3 channels"):
        model.translate(torch.zeros(1, 1, 32, 32))
    packed = sparring.load(sparring.pack(model, tmp_path / "p.safetensors"))
    images = torch.rand(3, 3, 40, 33) * 2 - 1
    found = packed.translate(images)
    assert found.shape == images.shape
    assert torch.equal(found, model.translate(images))
    assert torch.equal(found[1:2], model.translate(images[1:2])), "an image's translation depends on it alone"
