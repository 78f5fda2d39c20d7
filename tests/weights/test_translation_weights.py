"""Official networks of CycleGAN and pix2pix: golden files of the authors' code, and every variant against plain chains of torch's
layers with the same names, which the golden files hold to account too."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import sparring
from plain_translation import State, patches, pixels, residual, unet
from sparring.core.errors import CheckpointError, SettingsError
from sparring.data.pairs.pair_spec import PairSpec
from sparring.inference.model import Model
from sparring.interop.import_weights import import_weights
from sparring.recipes.pix2pix import Pix2Pix
from support.golden import GOLDEN, golden


def relative(value: Tensor, wanted: Tensor) -> float:
    assert value.shape == wanted.shape
    return ((value - wanted).abs().max() / wanted.abs().max()).item()


def imported(state: State, folder: Path) -> Model:
    torch.save(state, folder / "latest_net.pth")
    return import_weights(folder / "latest_net.pth")


def network_of(model: Model) -> nn.Module:
    network = model.generator if model.discriminator is None else model.discriminator
    assert network is not None
    return network


def rules_of(model: Model) -> Pix2Pix:
    assert isinstance(model.recipe, Pix2Pix)
    return model.recipe


def spec_of(model: Model) -> tuple[int, int, int]:
    """Side, channels that go in, channels that come out."""
    assert isinstance(model.spec, PairSpec)
    return model.spec.height, model.spec.input_channels, model.spec.channels


def refusal(state: State, folder: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        imported(state, folder)
    return str(caught.value)


def random_state(kind: Callable[..., nn.Module], *settings: int | str) -> State:
    torch.manual_seed(0)
    return dict(kind(*settings).state_dict())


GOLDEN_NETWORKS: dict[str, tuple[nn.Module, Pix2Pix, tuple[int, int, int]]] = {
    "cyclegan-resnet6-ngf16": (
        residual(3, 3, 16, 6, "instance"),
        Pix2Pix(network="residual", norm="instance", width=16, discriminator_width=16, blocks=6, dropout=0.0),
        (256, 3, 3),
    ),
    "pix2pix-unet128-ngf8": (
        unet(3, 3, 8, 7, "batch"),
        Pix2Pix(network="unet", norm="batch", width=8, discriminator_width=8, halvings=7, dropout=0.0),
        (128, 3, 3),
    ),
    "patchgan-n3-ndf16-in6": (
        patches(6, 16, 3, "batch"),
        Pix2Pix(network="residual", norm="batch", width=4, discriminator_width=16, patch_layers=3, blocks=1, judges="pair"),
        (256, 3, 3),
    ),
}


@golden
@pytest.mark.parametrize("name", GOLDEN_NETWORKS)
@torch.no_grad()
def test_golden_networks_give_what_the_official_code_gave(name: str) -> None:
    wanted = load_file(GOLDEN / f"{name}.safetensors")
    model = import_weights(GOLDEN / f"{name}.pth")
    plain, rules, spec = GOLDEN_NETWORKS[name]
    assert relative(network_of(model)(wanted["input"]), wanted["output"]) < 1e-4
    assert (model.recipe, spec_of(model)) == (rules, spec)
    plain.load_state_dict(torch.load(GOLDEN / f"{name}.pth", weights_only=True))
    assert relative(plain(wanted["input"]), wanted["output"]) < 1e-4


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, int], tuple[int, int, int]]] = {
    # a network, channels and side of what it sees, and the spec that it is read as
    "residual, 9 blocks, batch norm, dropout": (lambda: residual(3, 3, 4, 9, "batch", dropout=True), (3, 36), (256, 3, 3)),
    "residual, gray to color, width 5": (lambda: residual(1, 3, 5, 2, "instance"), (1, 44), (256, 1, 3)),
    "residual, instance norm, dropout": (lambda: residual(3, 1, 4, 1, "instance", dropout=True), (3, 32), (256, 3, 1)),
    "U-Net, 8 halvings, instance norm": (lambda: unet(3, 3, 4, 8, "instance"), (3, 256), (256, 3, 3)),
    "U-Net, 5 halvings, batch norm, dropout, width 5": (lambda: unet(3, 1, 5, 5, "batch", dropout=True), (3, 64), (32, 3, 1)),
    "U-Net, 6 halvings, batch norm, gray to color": (lambda: unet(1, 3, 3, 6, "batch"), (1, 64), (64, 1, 3)),
    "patches, 2 layers, instance norm": (lambda: patches(3, 5, 2, "instance"), (3, 64), (256, 3, 3)),
    "patches, 4 layers, instance norm": (lambda: patches(2, 4, 4, "instance"), (2, 96), (256, 1, 1)),
    "patches, 1 layer, batch norm": (lambda: patches(4, 4, 1, "batch"), (4, 33), (256, 3, 1)),
    "patches, 5 layers, batch norm": (lambda: patches(1, 3, 5, "batch"), (1, 128), (256, 1, 1)),
    "residual, affine instance norm": (lambda: residual(3, 3, 4, 2, "affine"), (3, 36), (256, 3, 3)),
    "U-Net, affine instance norm": (lambda: unet(3, 1, 4, 5, "affine"), (3, 32), (32, 3, 1)),
    "patches, 2 layers, affine instance norm": (lambda: patches(3, 5, 2, "affine"), (3, 64), (256, 3, 3)),
    "residual, no norm": (lambda: residual(3, 3, 4, 2, "none"), (3, 36), (256, 3, 3)),
    "U-Net, no norm": (lambda: unet(3, 1, 4, 5, "none"), (3, 32), (32, 3, 1)),
    "patches, 2 layers, no norm": (lambda: patches(3, 5, 2, "none"), (3, 64), (256, 3, 3)),
    "residual, batch norm, lightness to two channels of color": (lambda: residual(1, 2, 4, 1, "batch"), (1, 32), (256, 1, 2)),
    "patches of nine channels": (lambda: patches(9, 4, 2, "instance"), (9, 32), (256, 9, 9)),
    "patches of pixels, batch norm": (lambda: pixels(6, 4, "batch"), (6, 20), (256, 3, 3)),
    "patches of pixels, instance norm": (lambda: pixels(3, 5, "instance"), (3, 20), (256, 3, 3)),
    "patches of pixels, no norm": (lambda: pixels(2, 5, "none"), (2, 20), (256, 1, 1)),
}


@pytest.mark.parametrize("name", NETWORKS)
@torch.no_grad()
def test_networks_of_every_kind(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    make, (channels, side), spec = NETWORKS[name]
    plain = make()
    model = imported(dict(plain.state_dict()), tmp_path)
    x = torch.rand(2, channels, side, side) * 2 - 1
    assert relative(network_of(model)(x), plain(x)) < 1e-5
    assert spec_of(model) == spec
    rules = rules_of(model)
    called = {"affine": "instance-affine", "batch": "batch", "no norm": "none"}
    assert rules.norm == next((norm for word, norm in called.items() if word in name), "instance")
    assert rules.dropout == (0.5 if name.startswith("patches") or ("residual" in name and "dropout" in name) else 0.0)
    assert rules.judges == ("image" if channels in {1, 3, 9} and name.startswith("patches") else "pair")


@pytest.mark.parametrize(
    "name", ["residual, gray to color, width 5", "U-Net, 5 halvings, batch norm, dropout, width 5", "patches, 4 layers, instance norm"]
)
@torch.no_grad()
def test_files_of_several_gpus_and_of_old_versions(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    make, (channels, side), _ = NETWORKS[name]
    plain = make().half()
    state = dict(plain.state_dict())
    for place, module in plain.named_modules():
        if isinstance(module, nn.InstanceNorm2d):  # they kept statistics, which they did not use
            state |= {f"{place}.running_mean": torch.randn(module.num_features), f"{place}.running_var": torch.rand(module.num_features)}
        elif isinstance(module, nn.BatchNorm2d):  # they did not count batches
            del state[f"{place}.num_batches_tracked"]
    assert state.keys() != plain.state_dict().keys()
    old = {f"_orig_mod.module.{key}": tensor for key, tensor in state.items()}
    torch.save(old, tmp_path / "latest_net.pth", _use_new_zipfile_serialization=False)
    network = network_of(import_weights(tmp_path / "latest_net.pth"))
    x = torch.rand(2, channels, side, side) * 2 - 1
    assert relative(network(x), plain.float()(x)) < 1e-5
    assert next(network.parameters()).dtype == torch.float32


@torch.no_grad()
def test_counted_batches_of_instance_norms_are_dropped_and_those_of_batch_norms_kept(tmp_path: Path) -> None:
    state = random_state(patches, 3, 4, 1, "instance")
    imported(state | {"model.3.num_batches_tracked": torch.tensor(5)}, tmp_path)
    state = random_state(patches, 3, 4, 1, "batch")
    discriminator = network_of(imported(state | {"model.3.num_batches_tracked": torch.tensor(5)}, tmp_path))
    assert discriminator.state_dict()["norms.0.num_batches_tracked"] == 5


def test_what_is_missing_left_over_or_misshapen_is_named(tmp_path: Path) -> None:
    state = random_state(residual, 3, 3, 4, 3, "batch")
    del state["model.11.conv_block.1.weight"], state["model.5.running_var"]
    state |= {"model.30.weight": torch.zeros(3), "model.4.bias": torch.zeros(8), "model.7.weight": torch.zeros(16, 8, 4, 4)}
    message = refusal(state, tmp_path)
    assert "missing: model.11.conv_block.1.weight, here generator.blocks.1.first.convolution.weight" in message
    assert "missing: model.5.running_var, here generator.down.0.norm.running_var" in message
    assert "not known: model.30.weight" in message
    assert "not known: model.4.bias" in message
    assert "generator.down.1.convolution.weight: shape (16, 8, 4, 4) where (16, 8, 3, 3) is wanted" in message
    assert message.count("\n") == 5

    state = random_state(unet, 3, 3, 2, 5, "instance")
    deepest = f"model.model.1{3 * '.model.3'}.model"
    del state[f"{deepest}.1.weight"], state[f"{deepest}.1.bias"], state["model.model.3.bias"]
    message = refusal(state | {f"{deepest}.9.weight": torch.zeros(1)}, tmp_path)
    assert f"missing: {deepest}.1.weight, here generator.down.4.convolution.weight" in message
    assert f"missing: {deepest}.1.bias, here generator.down.4.offset" in message
    assert "missing: model.model.3.bias, here generator.to_image.bias" in message
    assert f"not known: {deepest}.9.weight" in message
    assert message.count("\n") == 4

    message = refusal(random_state(patches, 6, 4, 3, "batch") | {"model.12.weight": torch.zeros(1)}, tmp_path)
    assert "not known: model.12.weight" in message
    assert message.count("\n") == 1


def test_statistics_with_weights_are_of_batch_norm_so_biases_before_them_are_left_over(tmp_path: Path) -> None:
    statistics = {"model.3.running_mean": torch.zeros(8), "model.3.running_var": torch.ones(8)}
    message = refusal(random_state(patches, 3, 4, 1, "affine") | statistics, tmp_path)
    assert "not known: model.2.bias" in message


def test_networks_of_other_kinds_are_refused_in_words(tmp_path: Path) -> None:
    torch.manual_seed(0)
    zeros = residual(3, 3, 4, 2, "instance", zeros=True).state_dict()
    assert "residual blocks with zero padding" in refusal(dict(zeros), tmp_path)

    half = random_state(patches, 3, 4, 3, "instance")
    del half["model.5.bias"]
    message = refusal(half, tmp_path)
    assert "some convolutions have the biases that precede instance norms, but not" in message
    assert message.endswith("- model.5")

    assert "blocks must be at most 64, not 9990" in refusal(
        random_state(residual, 3, 3, 4, 1, "instance")
        | {"model.9999.conv_block.1.weight": torch.zeros(1), "model.10007.weight": torch.zeros(3, 4, 7, 7)},
        tmp_path,
    )
    headless = random_state(patches, 3, 4, 2, "instance")
    del headless["model.8.weight"]
    assert "does not end in a convolution to a single channel" in refusal(headless, tmp_path)
    blind = random_state(residual, 3, 3, 4, 1, "instance")
    del blind["model.1.weight"]
    assert "has no convolution model.1, whose weights" in refusal(blind, tmp_path)
    assert "not those of a supported network" in refusal({"model.0.weight": torch.zeros(4), "model.2.weight": torch.zeros(4)}, tmp_path)


@torch.no_grad()
def test_networks_of_other_channels_than_images_have_are_not_kept_for_commands(tmp_path: Path) -> None:
    torch.save(random_state(residual, 1, 2, 4, 1, "batch"), tmp_path / "latest_net.pth")
    with pytest.raises(SettingsError, match="a network for 2 channels, and images have 1, 3 or 4"):
        import_weights(tmp_path / "latest_net.pth", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    model = import_weights(tmp_path / "latest_net.pth")
    assert model.translate(torch.zeros(1, 1, 20, 30)).shape == (1, 2, 20, 30)
    Image.new("L", (8, 8)).save(tmp_path / "gray.png")
    with pytest.raises(SettingsError, match="channels"):
        sparring.translate(model, tmp_path / "gray.png", tmp_path / "color.png")
    with pytest.raises(SettingsError, match="channels"):
        sparring.judge_translations(model, tmp_path, inputs="gray")
    with pytest.raises(SettingsError, match="channels"):
        sparring.pack(model, tmp_path / "packed.safetensors")


def test_a_network_is_found_beside_what_training_programs_write(tmp_path: Path) -> None:
    state = random_state(residual, 3, 3, 4, 1, "instance")
    bare = imported(state, tmp_path).game.state_dict()
    for wrapped in ({"state_dict": state, "epoch": 5}, {"netG": state, "optimizer": {"state": {}, "param_groups": [1]}}):
        torch.save(wrapped, tmp_path / "wrapped.pth")
        network = import_weights(tmp_path / "wrapped.pth").game.state_dict()
        assert all(torch.equal(bare[f"generator.{name}"], network[f"generator.{name}"]) for name in ("to_image.weight", "to_image.bias"))
    torch.save({"netG": state, "netD": state}, tmp_path / "two.pth")
    with pytest.raises(CheckpointError, match=r"several networks \(netG, netD\)"):
        import_weights(tmp_path / "two.pth")
    save_file(state, tmp_path / "same.safetensors")
    assert torch.equal(
        import_weights(tmp_path / "same.safetensors").game.state_dict()["generator.to_image.bias"], bare["generator.to_image.bias"]
    )


@torch.no_grad()
def test_an_imported_generator_is_packed_loaded_and_translates_images_of_any_size(tmp_path: Path) -> None:
    torch.manual_seed(0)
    plain = residual(1, 3, 4, 2, "instance")
    torch.save(plain.state_dict(), tmp_path / "G.pth")
    model = import_weights(tmp_path / "G.pth", tmp_path / "kept")
    loaded = sparring.load(sparring.pack(model, tmp_path / "G.safetensors"))
    x = torch.rand(1, 1, 37, 54) * 2 - 1
    wanted = model.translate(x)
    extended = nn.functional.pad(x, (0, 2, 0, 3), mode="reflect")
    assert relative(wanted, plain(extended)[:, :, :37, :54]) < 1e-5
    for other in (loaded, sparring.load(tmp_path / "kept")):
        assert torch.equal(other.translate(x), wanted)
        assert torch.equal(network_of(other)(extended), network_of(model)(extended))
        assert other.recipe == model.recipe
        assert other.spec == model.spec


@torch.no_grad()
def test_an_imported_discriminator_is_kept_and_makes_no_images(tmp_path: Path) -> None:
    torch.manual_seed(0)
    torch.save(patches(4, 4, 7, "batch").state_dict(), tmp_path / "D.pth")
    model = import_weights(tmp_path / "D.pth", tmp_path / "kept")
    assert spec_of(model) == (512, 3, 1), "as large as seven layers need"
    assert model.generator is None
    x = torch.rand(1, 4, 512, 512)
    assert torch.equal(network_of(sparring.load(tmp_path / "kept"))(x), network_of(model)(x))
    with pytest.raises(CheckpointError, match="no generator"):
        model.translate(torch.zeros(1, 3, 16, 16))
