"""Training on rectangles: how sizes are written, what networks make of them, and that every verb keeps width and height apart."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console
from torch import Tensor

import sparring
from sparring import recipes
from sparring.augment import ada
from sparring.augment.random_draws import RandomDraws
from sparring.core.errors import SettingsError
from sparring.core.random_streams import Streams
from sparring.data.images.image_sizes import Doublings, doubled_sizes_near, doublings, plain_size, rectangle_for, sides_of
from sparring.data.images.image_spec import ImageSpec
from sparring.data.images.inspect import inspect_source
from sparring.data.open_by_name import open_source
from sparring.data.pairs.pair_spec import PairSpec
from sparring.data.prepare_store import prepare
from sparring.data.preprocessing import Preprocessing
from sparring.games.adversarial_settings import doubling_problems
from sparring.health.doctor.data_checks import check_sizes, native_sizes
from sparring.inference.sampling import in_proportion
from sparring.media.image_decoding import Crop, fit_to_size, random_pieces
from sparring.nets import compact_r3gan, dcgan, fastgan, r3gan, sngan, stylegan2, vae
from sparring.recipes.dcgan import DCGAN
from sparring.recipes.pix2pix import Pix2Pix
from sparring.recipes.stylegan2 import StyleGAN2
from support.cli import call
from support.every_recipe import IMAGES
from support.runs import same_run, tensors_of
from support.tiny import SMALL

WIDE = ImageSpec(16, 24, 1)
BEFORE: dict[str, tuple[int, float]] = {
    "dcgan": (73381, 392.5896140357129),
    "sngan": (144746, 754.2293359387854),
    "r3gan": (12884, -53.63542748410306),
    "stylegan2": (17483, -1816.4034645009663),
    "fastgan": (2278887, 6019.101666688639),
    "vae": (122163, 207.8542836979953),
    "bigan": (897818, 368.04666391521897),
    "vaegan": (229863, 383.7852884245612),
}
"""Of networks for 32x32, before there were rectangles: number of values, and their sum, each times its place from 1 to 2."""
BLACK = (0, 0, 0)


@pytest.fixture(scope="session")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 16 color images, 24 wide and 16 high: red on the left, blue on the right, noise between."""
    folder, random = tmp_path_factory.mktemp("wide"), np.random.default_rng(0)
    for index in range(16):
        pixels = random.integers(0, 256, (16, 24, 3), np.uint8)
        pixels[:, :8], pixels[:, 16:] = (255, 0, 0), (0, 0, 255)
        Image.fromarray(pixels).save(folder / f"{index:02}.png")
    return folder


# --------------------------------------------------------------------------------------------------- sizes


@pytest.mark.parametrize(
    ("written", "plain", "sides"),
    [
        ("192x128", "192x128", (128, 192)),
        (" 192 X 128", "192x128", (128, 192)),
        ("64x64", 64, (64, 64)),
        ("64", 64, (64, 64)),
        (48, 48, (48, 48)),
    ],
)
def test_width_comes_before_height_as_in_image_programs(written: int | str, plain: int | str, sides: tuple[int, int]) -> None:
    assert plain_size(written) == plain
    assert sides_of(plain) == sides
    assert Preprocessing(size=written) == Preprocessing(size=plain)


@pytest.mark.parametrize(
    ("sides", "smallest", "count"),
    [((64, 64), (4, 4), 4), ((128, 192), (4, 6), 5), ((16, 24), (4, 6), 2), ((96, 160), (6, 10), 4), ((28, 28), (7, 7), 2)],
)
def test_doublings_by_hand(sides: tuple[int, int], smallest: tuple[int, int], count: int) -> None:
    assert doublings(*sides) == Doublings(smallest, count)
    assert tuple(side << count for side in smallest) == sides


@pytest.mark.parametrize("sides", [(100, 100), (50, 100), (3, 3), (32, 512), (17, 24)])
def test_no_doublings(sides: tuple[int, int]) -> None:
    assert doublings(*sides) is None


@pytest.mark.parametrize("sides", [(100, 50), (240, 320), (10, 90), (100, 100), (300, 300)])
def test_sizes_that_are_suggested_can_be_made(sides: tuple[int, int]) -> None:
    suggested = doubled_sizes_near(*sides, 16, 256)
    assert len(suggested) == 2
    for size in suggested:
        height, width = sides_of(size) or (0, 0)
        assert not doubling_problems(ImageSpec(height, width, 3), 16, 256)
        assert abs(math.log(width / height) - math.log(sides[1] / sides[0])) < 0.9, "about the same proportion"
    assert (sides[0] == sides[1]) == all(isinstance(size, int) for size in suggested)


def test_rectangles_that_data_suggests() -> None:
    assert rectangle_for([(128, 192)] * 9, 128) == "192x128", "the images' own size"
    assert rectangle_for([(128, 192)] * 9, 64) == "96x64", "their proportion, where their size is too much"
    assert rectangle_for([(300, 200)] * 9, 64) == "64x96"
    assert rectangle_for([(64, 64)] * 9, 64) is None
    assert rectangle_for([(64, 96)] * 5 + [(96, 64)] * 4, 64) is None, "of two proportions"
    assert rectangle_for([], 64) is None


# --------------------------------------------------------------------------------------------------- preparation


def columns(width: int, height: int) -> Image.Image:
    """Left third red, middle green, right third blue."""
    pixels = np.zeros((height, width, 3), np.uint8)
    for third in range(3):
        pixels[:, third * width // 3 : (third + 1) * width // 3, third] = 255
    return Image.fromarray(pixels)


@pytest.mark.parametrize(
    ("crop", "middle_row", "top_left"),
    [
        ("center", "rrrggggggbbb", "r"),  # 24 of 36 columns are kept: half of the outer thirds
        ("squash", "rrrrggggbbbb", "r"),
        ("pad", "rrrrggggbbbb", "-"),  # 36x12 fits as 12x4, between black rows
    ],
)
def test_images_fit_a_rectangle(crop: Crop, middle_row: str, top_left: str) -> None:
    pixels = fit_to_size(columns(36, 12), (6, 12), crop, BLACK, 3)
    assert pixels.shape == (6, 12, 3)
    letters = np.where(pixels.max(axis=2) > 99, np.array(list("rgb"))[pixels.argmax(axis=2)], "-")
    assert "".join(letters[3]) == middle_row
    assert letters[0, 0] == top_left


def test_the_middle_is_kept_in_both_directions() -> None:
    assert (fit_to_size(columns(36, 12), (12, 12), "center", BLACK, 3) == (0, 255, 0)).all(), "a third of the width"
    assert (fit_to_size(columns(36, 12), (12, 4), "center", BLACK, 3) == (0, 255, 0)).all()
    tall = columns(36, 12).transpose(Image.Transpose.ROTATE_270)
    assert (fit_to_size(tall, (4, 12), "center", BLACK, 3) == (0, 255, 0)).all(), "a third of the height"


def test_random_pieces_are_rectangles_of_the_image() -> None:
    pixels = np.arange(40 * 60, dtype=np.uint16).reshape(40, 60)
    image = Image.fromarray((pixels % 251).astype(np.uint8))
    pieces = [np.asarray(piece) for piece in random_pieces(image, (8, 20), 0)]
    assert len(pieces) == 40 * 60 // (8 * 20)
    windows = np.lib.stride_tricks.sliding_window_view(np.asarray(image), (8, 20)).reshape(-1, 160)
    assert all((windows == piece.reshape(-1)).all(axis=1).any() for piece in pieces)
    assert random_pieces(Image.new("L", (30, 4)), (8, 20), 0)[0].size == (20, 8), "enlarged where a side is too small"


def test_stores_keep_width_and_height_apart(wide: Path) -> None:
    one, other = (prepare(open_source(wide), Preprocessing(size=size)) for size in ("24x16", "16x24"))
    assert one.pixels.shape == (16, 16, 24, 3)
    assert other.pixels.shape == (16, 24, 16, 3)
    assert one.fingerprint != other.fingerprint
    assert str(one.spec) == "24x16x3"
    assert (np.asarray(one.pixels[0]) == np.asarray(Image.open(wide / "00.png"))).all(), "unchanged"
    assert not one.report.warnings
    assert "in the proportion of 16x24" in other.report.warnings[0]
    assert prepare(open_source(wide), Preprocessing(size="24 x 16")).folder == one.folder
    assert prepare(open_source(wide), Preprocessing(size="16x16")).folder == prepare(open_source(wide), Preprocessing(size=16)).folder


def test_squashed_samples_are_stretched_from_the_rectangle() -> None:
    model: Any = SimpleNamespace(preprocessing=Preprocessing(size="24x16", crop="squash", proportion=3.0))
    assert in_proportion(model, torch.zeros(1, 3, 16, 24)).shape[2:] == (16, 48)
    model = SimpleNamespace(preprocessing=Preprocessing(size="24x16", crop="squash", proportion=0.75))
    assert in_proportion(model, torch.zeros(1, 3, 16, 24)).shape[2:] == (32, 24)


# --------------------------------------------------------------------------------------------------- networks


MAP = (4, 16)
GENERATORS: dict[str, tuple[Callable[[], Any], Callable[[Any], Tensor]]] = {
    "dcgan": (lambda: dcgan.Generator(16, 1, 3, 4, smallest_map=MAP), lambda net: net.project.weight.view(4, 16, -1, 3)[0, 15]),
    "sngan": (lambda: sngan.Generator(16, 1, 3, 2, smallest_map=MAP), lambda net: net.project.weight.view(4, 16, -1, 3)[0, 15]),
    "fastgan": (lambda: fastgan.Generator((4, 4, 4), 1, 3, MAP), lambda net: net.project.weight.view(4, 16, -1, 3)[0, 15]),
    "vae": (lambda: vae.Decoder(16, 1, 3, 8, smallest_map=MAP), lambda net: net.project.weight.view(-1, 4, 16, 3)[:, 0, 15]),
    "compact_r3gan": (
        lambda: compact_r3gan.Generator((8, 8), 1, 3, 1, 0, 4, MAP),
        lambda net: net.project.weight.view(4, 16, -1, 3)[0, 15],
    ),
    "r3gan": (lambda: r3gan.Generator((8, 8, 8), 1, 3, 1, 2, 8, 0, 4, MAP), lambda net: net.basis[:, 0, 15]),
    "stylegan2": (lambda: stylegan2.Synthesis((4, 4, 4), 1, 3, smallest_map=MAP), lambda net: net.blocks[0].constant[:, 0, 15]),
}
"""Networks from 16x4 to 64x16, and the weights of the cell in the top right corner of their smallest map."""


@pytest.mark.parametrize("name", GENERATORS)
@torch.no_grad()
def test_what_is_in_a_corner_of_the_smallest_map_is_in_that_corner_of_the_image(name: str) -> None:
    torch.manual_seed(0)
    make, corner = GENERATORS[name]
    network = make().eval()
    for parameter in network.parameters():
        parameter.normal_(0, 0.3)
    latent = (torch.ones(1, network.layers, 3), "none") if name == "stylegan2" else (torch.ones(1, 3),)
    before = network(*latent)
    corner(network).add_(1)
    apart = (before - network(*latent)).abs()[0, 0]
    assert apart.shape == (16, 64)
    assert apart[:4, -4:].max() > 1e-3
    if name == "vae":  # group norm mixes all places
        assert apart[:4, -4:].mean() > 2 * apart[-4:, :4].mean()
    else:
        assert not apart[:, :16].any(), "the left end, which a map with sides exchanged would reach"


@pytest.mark.parametrize("name", ["dcgan", "sngan", "r3gan", "stylegan2", "fastgan", "vae", "bigan", "vaegan"])
def test_squares_have_the_weights_that_they_had(name: str) -> None:
    """With a smallest map of 4x4, which all networks had, the same numbers are drawn in the same order."""
    recipe = recipes.get(name)(**{"width": 8} if "width" in recipes.get(name).__dataclass_fields__ else {}, **IMAGES.get(name, {}))
    if name in {"bigan", "vaegan"}:
        recipe = replace(recipe, discriminator_norm="batch", r1=0.0, r2=0.0)
    if name == "r3gan":
        recipe = replace(recipe, architecture="paper")
    torch.manual_seed(0)
    state = recipe.build(ImageSpec(32, 32, 3)).state_dict()
    numbers = torch.cat([tensor.flatten().double() for tensor in state.values()])
    total = (numbers * torch.linspace(1, 2, len(numbers), dtype=torch.float64)).sum().item()
    assert (len(numbers), total) == (BEFORE[name][0], pytest.approx(BEFORE[name][1], rel=1e-9))


@pytest.mark.parametrize("name", ["dcgan", "r3gan", "stylegan2", "pix2pix", "cyclegan", "cut"])
def test_a_rectangle_is_trained_on_resumed_exactly_and_packed(name: str, wide: Path, tmp_path: Path, quiet: Console) -> None:
    recipe: Any = recipes.get(name)
    how = dict(SMALL[name]) if name in SMALL else {"batch_size": 4, "width": 4} if name == "dcgan" else {"batch_size": 4, **IMAGES[name]}
    how |= {} if recipe.modality == "images" else {"inputs": "edges"} if recipe.translates == "paired" else {"target": str(wide)}
    how |= {"size": "24x16", "threads": 1, "precision": "float32", "log_every": 1, "samples": 4, "console": quiet}
    sparring.train(name, wide, tmp_path / "whole", steps=3, **how)
    sparring.train(name, wide, tmp_path / "parts", steps=2, **how)
    sparring.resume(tmp_path / "parts", steps=3, console=quiet)
    assert same_run(tmp_path / "whole", tmp_path / "parts")
    assert call("pack", tmp_path / "whole", tmp_path / "model.safetensors") == 0
    if recipe.modality == "images":
        assert call("sample", tmp_path / "model.safetensors", "-n", 2, "--out", tmp_path / "made") == 0
    else:
        assert call("translate", tmp_path / "model.safetensors", wide, tmp_path / "made") == 0
    assert {Image.open(file).size for file in (tmp_path / "made").glob("*.png")} == {(24, 16)}


# --------------------------------------------------------------------------------------------------- what cannot be


@pytest.mark.parametrize(
    ("name", "size", "said"),
    [
        ("biggan", "24x16", ("BigGAN generates square images", "24x16", "for example 16", "r3gan")),
        ("progan", "24x16", ("ProGAN generates square images", "for example 16")),
        ("stylegan", "24x16", ("StyleGAN generates square images",)),
        ("dcgan", "100x50", ("4 to 16 times the same power of two", "100x50 (width x height)", "for example 96x48")),
        ("dcgan", "24x8", ("16 to 256 pixels", "24x8")),
        ("pix2pix", "30x50", ("divisible by 4", "30x50", "for example 32x52")),
        ("glow", "30x50", ("multiples of 8", "--size 32x56")),
        ("dcgan", "abc", ("'abc' is not a size", "192x128")),
        ("dcgan", "64.0", ("Write 64",)),
        ("dcgan", "0x16", ("from 1 to 8192",)),
    ],
)
def test_sizes_are_refused_by_name(
    name: str, size: str, said: tuple[str, ...], wide: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["--inputs", "edges"] if name == "pix2pix" else []
    assert call("train", name, "--data", wide, "--size", size, *more, "--out", tmp_path / "run", "--steps", 1) != 0
    shown = " ".join(capsys.readouterr().err.split())
    for words in said:
        assert words in shown, shown
    assert not (tmp_path / "run").exists()


def test_width_and_height_as_two_words(wide: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("train", "dcgan", "--data", wide, "--size", 24, 16) == 2
    assert "one word, such as 192x128" in " ".join(capsys.readouterr().err.split())


# --------------------------------------------------------------------------------------------------- the other verbs


def test_a_size_of_its_own_is_offered(wide: Path) -> None:
    assert any("--size 24x16 (width x height)" in note for note in inspect_source(open_source(wide)).notes)
    (oblong,) = check_sizes([(16, 24)] * 9, ImageSpec(16, 16, 3), crop="center", most=64)
    assert "--size 24x16" in oblong.remedy
    assert not check_sizes([(16, 24)] * 9, ImageSpec(16, 24, 3), crop="center"), "nothing is lost"
    (other,) = check_sizes([(24, 16)] * 9, ImageSpec(16, 24, 3), crop="center")[-1:]
    assert "the proportion of 24x16" in other.description


def test_headers_tell_sizes_of_upright_images(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (24, 16)).save(tmp_path / "turned.jpg", exif=exif)
    assert native_sizes(open_source(tmp_path)) == [(24, 16)]


class OnlyQuarters(RandomDraws):
    """Nothing but the turns."""

    def with_chance(self, name: str, value: Tensor, otherwise: float = 0.0) -> Tensor:
        """See RandomDraws."""
        return super().with_chance(name, value, otherwise) if name == "quarters" else torch.full_like(value, otherwise)


def test_ada_does_not_turn_rectangles_by_a_quarter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ada, "RandomDraws", OnlyQuarters)
    turned = {}
    for sides in ((16, 16), (16, 24)):
        matrices = ada.geometric_matrices(OnlyQuarters(Streams(0, 0), "", 200, 1.0), *sides)
        turned[sides] = {tuple(matrix[0, :2].round().int().tolist()) for matrix in matrices}
    assert turned == {(16, 16): {(1, 0), (-1, 0), (0, 1), (0, -1)}, (16, 24): {(1, 0), (-1, 0)}}
    assert any("ada turns these images by a half" in remark for remark in DCGAN(augment="ada").remarks(WIDE))
    assert not DCGAN(augment="ada").remarks(ImageSpec(16, 16, 1))


def test_a_half_turn_of_a_rectangle() -> None:
    images = torch.nn.functional.interpolate(
        torch.randn(2, 3, 4, 6, generator=torch.Generator().manual_seed(0)), scale_factor=4.0, mode="bicubic"
    )
    half = torch.tensor([[-1.0, 0, 0], [0, -1, 0], [0, 0, 1]]).expand(2, 3, 3)
    assert (ada._warp(images, half) - images.flip(2, 3)).abs().mean() < 0.02


def test_weights_go_from_one_proportion_to_another(wide: Path, tmp_path: Path, quiet: Console) -> None:
    small: dict[str, Any] = {"batch_size": 4, "threads": 1, "steps": 1, "console": quiet, **IMAGES["stylegan2"]}
    sparring.train("stylegan2", wide, tmp_path / "wide", size="24x16", **small)
    sparring.train("stylegan2", wide, tmp_path / "square", size=16, start_from=tmp_path / "wide", learning_rate=1e-9, **small)
    before, after = tensors_of(tmp_path / "wide"), tensors_of(tmp_path / "square")
    place = "game/generator.synthesis.blocks.0.constant"
    assert before[place].shape[1:] == (4, 6)
    assert torch.allclose(after[place].mean(dim=(1, 2)), before[place].mean(dim=(1, 2)), atol=0.3), "resized"
    kernel = "game/generator.synthesis.blocks.1.first.weight"
    assert torch.allclose(after[kernel], before[kernel], atol=1e-5), "as it is"
    hidden = "game/discriminator.hidden.weight"
    assert not torch.allclose(after[hidden], before[hidden][:, : after[hidden].shape[1]], atol=0.1), "its inputs stand for other places"
    with pytest.raises(SettingsError, match="Use the same recipe, size"):
        sparring.train("dcgan", wide, tmp_path / "refused", size=16, start_from=tmp_path / "wide", steps=1, console=quiet)


def test_halvings_of_a_rectangle() -> None:
    assert Pix2Pix().halvings_for(pairs_of(32, 48)) == 4, "48 and 32 are multiples of 16"
    assert Pix2Pix().halvings_for(pairs_of(64, 64)) == 6
    assert StyleGAN2(channel_base=20).problems(ImageSpec(16, 24, 3)) == ["channel_base must be at least the images' side of 24, not 20."]


def pairs_of(height: int, width: int) -> PairSpec:
    return PairSpec(height, width, 3)


def test_gamma_goes_by_pixels() -> None:
    same = DCGAN(r1=None)
    assert same.r1_for(ImageSpec(16, 64, 3)) == same.r1_for(ImageSpec(32, 32, 3))
    assert ImageSpec(16, 64, 3).mean_side == 32
