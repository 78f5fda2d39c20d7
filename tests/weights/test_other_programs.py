"""Networks of programs that people copy, wherever they lie in a file: golden files of the programs themselves, and plain chains of torch's
layers with the same names."""

import argparse
import itertools
import json
import pathlib
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import sparring
from plain_translation import residual
from sparring.core.errors import CheckpointError, SettingsError
from sparring.inference.model import Model
from sparring.interop.import_weights import import_weights
from sparring.interop.safe_unpickling import read_nvidia_pickle
from sparring.recipes.dcgan import DCGAN
from sparring.recipes.pix2pix import Pix2Pix
from sparring.recipes.stylegan2 import StyleGAN2
from support.golden import GOLDEN, golden

State = dict[str, Tensor]


def relative(value: Tensor, wanted: Tensor) -> float:
    assert value.shape == wanted.shape
    return ((value - wanted).abs().max() / wanted.abs().max()).item()


def networks_of(model: Model) -> tuple[nn.Module, nn.Module]:
    assert model.generator is not None
    assert model.discriminator is not None
    return model.generator, model.discriminator


def randomized(network: nn.Module) -> nn.Module:
    """With weights and statistics that matter, in evaluation mode."""
    torch.manual_seed(0)
    for tensor in network.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand_like(tensor) * 0.2 + 0.01 if tensor.ndim == 1 else torch.randn_like(tensor) * 0.1)
    return network.eval()


def example_generator(nz: int, ngf: int, channels: int, side: int) -> nn.Sequential:
    """As in PyTorch's DCGAN example, where it is called `main`."""
    widths = [ngf << power for power in range(side.bit_length() - 4, -1, -1)]
    layers: list[nn.Module] = [nn.ConvTranspose2d(nz, widths[0], 4, 1, 0, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU(True)]
    for before, after in itertools.pairwise(widths):
        layers += [nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU(True)]
    return nn.Sequential(*layers, nn.ConvTranspose2d(ngf, channels, 4, 2, 1, bias=False), nn.Tanh())


def example_discriminator(ndf: int, channels: int, side: int) -> nn.Sequential:
    widths = [ndf << power for power in range(side.bit_length() - 3)]
    layers: list[nn.Module] = [nn.Conv2d(channels, ndf, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, True)]
    for before, after in itertools.pairwise(widths):
        layers += [nn.Conv2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after), nn.LeakyReLU(0.2, True)]
    return nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 4, 1, 0, bias=False))


def prefixed(prefix: str, network: nn.Module) -> State:
    return {f"{prefix}{name}": tensor for name, tensor in network.state_dict().items()}


# ----------------------------------------------------------------------------------------------------------- golden


@golden
@torch.no_grad()
def test_the_dcgan_example(tmp_path: Path) -> None:
    wanted = load_file(GOLDEN / "dcgan-example-64.safetensors")
    model = import_weights(GOLDEN / "dcgan-example-64-ngf8-G.pth", tmp_path / "kept")
    assert model.generator is not None
    assert relative(model.generator(wanted["z"].flatten(1)), wanted["image"]) < 1e-4
    assert model.recipe == DCGAN(latent="normal", width=8), "and the example's latents are normal"
    assert sparring.load(tmp_path / "kept").sample(3, seed=1).shape == (3, 3, 64, 64)
    discriminator = import_weights(GOLDEN / "dcgan-example-64-ndf8-D.pth").discriminator
    assert discriminator is not None
    assert relative(discriminator(wanted["image"]).sigmoid(), wanted["probability"].flatten(1)) < 1e-4


@golden
@torch.no_grad()
def test_cut_with_its_default_network() -> None:
    wanted = load_file(GOLDEN / "cut-resnet9-antialias-ngf8.safetensors")
    model = import_weights(GOLDEN / "cut-resnet9-antialias-ngf8.pth")
    assert model.generator is not None
    assert relative(model.generator(wanted["input"]), wanted["output"]) < 1e-4
    assert isinstance(model.recipe, Pix2Pix)
    assert model.recipe.antialiased


@golden
@torch.no_grad()
def test_rosinality_stylegan2(tmp_path: Path) -> None:
    wanted = load_file(GOLDEN / "rosinality-stylegan2-32.safetensors")
    model = import_weights(GOLDEN / "rosinality-stylegan2-32.pt")
    generator, discriminator = networks_of(model)
    w = generator.map(wanted["z"])
    assert relative(w, wanted["w"]) < 1e-4
    assert relative(generator.synthesize(w, noise="const"), wanted["image"]) < 1e-4
    assert relative(generator.synthesize(generator.map(wanted["z"], truncation=0.7), noise="const"), wanted["image_psi07"]) < 1e-4
    assert relative(discriminator(wanted["image"]), wanted["logits"]) < 1e-4
    whole = torch.load(GOLDEN / "rosinality-stylegan2-32.pt", weights_only=True)
    raw = {name: tensor * 2 for name, tensor in whole["g"].items()}
    torch.save(whole | {"g": raw}, tmp_path / "f.pt")
    assert torch.equal(networks_of(import_weights(tmp_path / "f.pt"))[0].map(wanted["z"]), w), "the moving average is taken"
    assert not torch.equal(import_weights(tmp_path / "f.pt", network="g").generator.map(wanted["z"]), w)  # pyright: ignore[reportOptionalMemberAccess]
    del whole["g_ema"]["convs.3.activate.bias"]
    torch.save(whole, tmp_path / "f.pt")
    with pytest.raises(CheckpointError, match=r"convs\.3\.activate\.bias"):
        import_weights(tmp_path / "f.pt")


@golden
@pytest.mark.parametrize("name", ["stylegan2ada-32-cond10", "stylegan2ada-64-uncond"])
@torch.no_grad()
def test_state_dicts_of_nvidia_are_read_as_their_pickles_are(name: str, tmp_path: Path) -> None:
    parts = read_nvidia_pickle(GOLDEN / f"{name}.pkl")
    wanted = load_file(GOLDEN / f"{name}.safetensors")
    torch.save({key: part.tensors() for key, part in parts.items()}, tmp_path / "states.pt")
    generator, discriminator = networks_of(import_weights(tmp_path / "states.pt"))
    label = wanted["c"] if wanted["c"].numel() else None
    assert relative(generator.synthesize(generator.map(wanted["z"], label), noise="const"), wanted["image"]) < 1e-4
    group = json.loads((GOLDEN / f"{name}.json").read_text())["D"]["epilogue_kwargs"]["mbstd_group_size"]
    assert (relative(discriminator(wanted["image"], label), wanted["logits"]) < 1e-4) == (group == 4), "of which a state dict says nothing"
    save_file({f"generator.{key}": tensor.contiguous() for key, tensor in parts["G_ema"].tensors().items()}, tmp_path / "g.safetensors")
    alone = import_weights(tmp_path / "g.safetensors")
    assert isinstance(alone.recipe, StyleGAN2)
    assert torch.equal(alone.generator.map(wanted["z"], label), generator.map(wanted["z"], label))  # pyright: ignore[reportOptionalMemberAccess]


@golden
@torch.no_grad()
def test_nvidias_seeds_give_the_images_of_nvidias_programs() -> None:
    """`generate.py --seeds=85-87` draws z anew for each seed, from NumPy's legacy generator (whose numbers never change)."""
    model = import_weights(GOLDEN / "stylegan2ada-64-uncond.pkl")
    z = torch.from_numpy(np.concatenate([np.random.RandomState(seed).randn(1, 64) for seed in (85, 86, 87)])).float()
    generator = model.generator
    assert generator is not None
    wanted = generator.synthesize(generator.map(z, truncation=0.5), noise="const").clamp(-1, 1)
    assert relative(model.sample(3, seed=85, truncation=0.5, seed_style="nvidia"), wanted) < 1e-5
    assert torch.equal(model.sample(1, seed=85, first=2, seed_style="nvidia"), model.sample(1, seed=87, seed_style="nvidia"))
    with pytest.raises(SettingsError, match="go from 0 to 4294967295"):
        model.sample(1, seed=-1, seed_style="nvidia")
    with pytest.raises(SettingsError, match="no StyleGAN"):
        import_weights(GOLDEN / "dcgan-example-64-ngf8-G.pth").sample(1, seed_style="nvidia")


# -------------------------------------------------------------------------------------- the example, of any size


@pytest.mark.parametrize(("nz", "ngf", "channels", "side"), [(100, 4, 3, 64), (7, 3, 1, 32), (16, 2, 3, 128), (5, 4, 4, 16)])
@torch.no_grad()
def test_the_dcgan_example_of_any_size_and_under_any_name(nz: int, ngf: int, channels: int, side: int, tmp_path: Path) -> None:
    plain = randomized(example_generator(nz, ngf, channels, side)), randomized(example_discriminator(ngf, channels, side))
    optimizer = torch.optim.Adam(plain[0].parameters())
    sum(weight.sum() for weight in plain[0].parameters()).requires_grad_()
    for prefix in ("main.", "", "net.main.", "module.main."):
        content = {
            "netG": prefixed(prefix, plain[0]),
            "netD": prefixed(prefix, plain[1]),
            "optG": {"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": optimizer.state_dict()["param_groups"]},
            "epoch": 3,
        }
        torch.save(content, tmp_path / "both.pth")
        model = import_weights(tmp_path / "both.pth")
        generator, discriminator = networks_of(model)
        z = torch.randn(3, nz)
        images = plain[0](z[:, :, None, None])
        assert relative(generator(z), images) < 1e-5
        assert relative(discriminator(images), plain[1](images).flatten(1)) < 1e-5
        assert model.recipe == DCGAN(latent="normal", width=ngf, latent_size=nz)
        assert (model.spec.height, model.spec.channels) == (side, channels)  # pyright: ignore[reportAttributeAccessIssue]


def test_networks_that_are_nearly_the_example(tmp_path: Path) -> None:
    wide, narrow = example_generator(8, 4, 3, 32), example_discriminator(8, 3, 32)
    torch.save({"netG": wide.state_dict(), "netD": narrow.state_dict()}, tmp_path / "two.pth")
    with pytest.raises(CheckpointError, match=r"with width 4, and a discriminator for 32x32 images of 3 channels with width 8.*--network"):
        import_weights(tmp_path / "two.pth")
    assert import_weights(tmp_path / "two.pth", network="netG").discriminator is None
    with pytest.raises(CheckpointError, match=r"no network 'netX'. Did you mean 'netG' or 'netD'"):
        import_weights(tmp_path / "two.pth", network="netX")
    uneven = wide.state_dict() | {"3.weight": torch.zeros(16, 5, 4, 4), "6.weight": torch.zeros(5, 4, 4, 4)}
    torch.save(uneven, tmp_path / "uneven.pth")
    with pytest.raises(CheckpointError, match=r"16, 5, 4 channels from 4x4 on. Sparring's DCGAN for 32x32 has 16, 8, 4"):
        import_weights(tmp_path / "uneven.pth")
    short = prefixed("main.", wide)
    del short["main.4.running_var"]
    torch.save(short | {"main.20.scale": torch.zeros(2)}, tmp_path / "short.pth")
    with pytest.raises(CheckpointError, match=r"missing: .*layers\.3\.running_var") as caught:
        import_weights(tmp_path / "short.pth")
    assert "not known: 20.scale" in str(caught.value)


# ------------------------------------------------------------------------------------------ wherever networks lie


@torch.no_grad()
def test_networks_under_any_prefix_and_in_checkpoints_of_lightning(tmp_path: Path) -> None:
    plain, other = residual(3, 3, 4, 2, "affine"), residual(3, 3, 4, 1, "instance")
    x = torch.rand(1, 3, 32, 32) * 2 - 1

    class Settings(dict[str, object]):
        """As Lightning pickles a program's settings: a dictionary of a class of its own."""

    module = types.ModuleType("pytorch_lightning")
    Settings.__module__, Settings.__qualname__ = "pytorch_lightning", "AttributeDict"
    module.AttributeDict = Settings  # pyright: ignore[reportAttributeAccessIssue]
    sys.modules["pytorch_lightning"] = module
    beside = {"hyper_parameters": Settings(lr=1, folder=pathlib.PurePosixPath("/data")), "arguments": argparse.Namespace(lr=2)}
    names = prefixed("trainer.net_a.", plain) | prefixed("trainer.net_b.model.", other)  # "model.model.": nested twice
    torch.save({"state_dict": names, "pytorch-lightning_version": "2.4", "epoch": 2} | beside, tmp_path / "last.ckpt")
    del sys.modules["pytorch_lightning"]
    with pytest.raises(CheckpointError, match=r"several networks \(trainer.net_a, trainer.net_b.model\)"):
        import_weights(tmp_path / "last.ckpt")
    for name, network in (("trainer.net_a", plain), ("trainer.net_b.model", other)):
        generator = import_weights(tmp_path / "last.ckpt", network=name).generator
        assert generator is not None
        assert relative(generator(x), network(x)) < 1e-5
    bare = {name.removeprefix("model."): tensor for name, tensor in plain.state_dict().items()}
    torch.save({f"generator.layers.{name}": tensor for name, tensor in bare.items()}, tmp_path / "bare.pth")
    generator = import_weights(tmp_path / "bare.pth").generator
    assert generator is not None
    assert relative(generator(x), plain(x)) < 1e-5, "a Sequential that is called otherwise"


def test_whole_networks_are_refused_with_the_way_out(tmp_path: Path) -> None:
    torch.save(nn.Sequential(nn.Linear(2, 2)), tmp_path / "whole.pth")
    with pytest.raises(CheckpointError, match=r"asks for torch\.nn\.[\w.]+, which.*save network\.state_dict\(\)"):
        import_weights(tmp_path / "whole.pth")


def test_unknown_files_get_a_table_of_what_was_looked_for(tmp_path: Path) -> None:
    torch.save({"g": {"synthesis.b4.const": torch.zeros(2), "mapping.other": torch.zeros(2)}}, tmp_path / "f.pt")
    with pytest.raises(CheckpointError) as caught:
        import_weights(tmp_path / "f.pt")
    lines = str(caught.value).splitlines()
    assert "g.synthesis.b4.const, g.mapping.other" in lines[0] or "synthesis.b4.const, mapping.other" in lines[0]
    assert lines[1].split("  ")[1].startswith("NVIDIA's StyleGAN2-ADA")
    assert "1 of 3" in lines[1]
    assert all("0 of 3" in line for line in lines[2:])
    assert len(lines) == 7
