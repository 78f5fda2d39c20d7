"""Official BigGAN networks: golden files of the authors' code, and every variant against a plain reading of its forward pass, which
the golden files hold to account too."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

import sparring
from sparring.core.errors import CheckpointError
from sparring.interop.import_weights import import_weights
from sparring.nets.biggan import Generator
from support.golden import GOLDEN, golden
from support.plain_biggan import plain_discriminator, plain_generator, random_discriminator, random_generator


def relative(value: Tensor, wanted: Tensor) -> float:
    return ((value - wanted).abs().max() / wanted.abs().max()).item()


@golden
@torch.no_grad()
def test_golden_networks_give_what_the_official_code_gave() -> None:
    wanted = load_file(GOLDEN / "biggan-32-hier.safetensors")
    generator = import_weights(GOLDEN / "biggan-32-hier-G.pth").generator
    assert generator is not None
    assert relative(generator(wanted["z"], wanted["y"]), wanted["image"]) < 1e-4
    rows = torch.nn.functional.one_hot(wanted["y"], 7).float()
    assert torch.equal(generator(wanted["z"], rows), generator(wanted["z"], wanted["y"])), "one-hot rows say the same"
    model = import_weights(GOLDEN / "biggan-32-hier-D.pth")
    discriminator = model.discriminator
    assert discriminator is not None
    assert relative(discriminator(wanted["image"], wanted["y"]), wanted["logits"]) < 1e-4
    assert model.generator is None
    with pytest.raises(CheckpointError, match="no generator, so nothing can be drawn"):
        model.sample(3)

    state = torch.load(GOLDEN / "biggan-32-hier-G.pth", weights_only=True)
    assert relative(plain_generator(state, wanted["z"], wanted["y"], hierarchical=True, depth=0), wanted["image"]) < 1e-4
    state = torch.load(GOLDEN / "biggan-32-hier-D.pth", weights_only=True)
    assert relative(plain_discriminator(state, wanted["image"], wanted["y"], halvings=2), wanted["logits"]) < 1e-4


GENERATORS: dict[str, dict[str, Any]] = {
    "hierarchical": {"widths": (16, 16, 8, 8, 4), "channels": 3, "latent_size": 15, "shared": 6, "hierarchical": True, "depth": 0},
    "not hierarchical": {"widths": (8, 8, 8, 8), "channels": 1, "latent_size": 9, "shared": 6, "hierarchical": False, "depth": 0},
    "rows for classes": {"widths": (8, 8, 8, 8), "channels": 3, "latent_size": 9, "shared": 0, "hierarchical": False, "depth": 0},
    "deep, 64": {"widths": (32, 32, 16, 8, 4), "channels": 3, "latent_size": 10, "shared": 6, "hierarchical": True, "depth": 2},
    "deep, 256": {"widths": (32, 32, 16, 16, 8, 4, 4), "channels": 1, "latent_size": 7, "shared": 4, "hierarchical": True, "depth": 2},
    "deep, 32": {"widths": (8, 8, 8, 8), "channels": 3, "latent_size": 10, "shared": 6, "hierarchical": True, "depth": 2},
    "deep, one block": {"widths": (8, 8, 8, 8), "channels": 3, "latent_size": 10, "shared": 6, "hierarchical": True, "depth": 1},
    "deep, three blocks": {"widths": (8, 8, 8, 8), "channels": 3, "latent_size": 10, "shared": 6, "hierarchical": True, "depth": 3},
    "no spectral norm": {
        "widths": (8, 8, 8, 8),
        "channels": 3,
        "latent_size": 8,
        "shared": 3,
        "hierarchical": True,
        "depth": 0,
        "normalized": False,
    },
}


@pytest.mark.parametrize("name", GENERATORS)
@torch.no_grad()
def test_generators_of_every_kind(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    settings = GENERATORS[name]
    state = random_generator(**settings, classes=5, attended=1)
    torch.save(state, tmp_path / "G_ema.pth")
    model = import_weights(tmp_path / "G_ema.pth")
    generator = model.generator
    assert generator is not None
    assert model.spec.height == 2 ** (len(settings["widths"]) + 1)
    z, label = torch.randn(3, settings["latent_size"]), torch.tensor([4, 0, 2])
    wanted = plain_generator(state, z, label, hierarchical=settings["hierarchical"], depth=settings["depth"])
    assert relative(generator(z, label), wanted) < 1e-5


DISCRIMINATORS: dict[str, dict[str, Any]] = {
    "32": {"widths": (8, 8, 8, 8), "channels": 1, "halvings": 2, "depth": 0, "attended": 0},
    "64": {"widths": (8, 16, 16, 32, 32), "channels": 3, "halvings": 4, "depth": 0, "attended": 1},
    "deep, 32": {"widths": (16, 16, 16, 16), "channels": 3, "halvings": 2, "depth": 2, "attended": 0},
    "deep, 64": {"widths": (8, 16, 24, 32, 40), "channels": 3, "halvings": 4, "depth": 2, "attended": 1},
    "deep, 128": {"widths": (8, 16, 16, 16, 16, 16), "channels": 3, "halvings": 5, "depth": 2, "attended": 1},
}


@pytest.mark.parametrize("name", DISCRIMINATORS)
@torch.no_grad()
def test_discriminators_of_every_kind(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    state = random_discriminator(**DISCRIMINATORS[name], classes=5)
    # as on several GPUs, with batch norms across them
    torch.save({f"module.{key}": tensor for key, tensor in state.items()}, tmp_path / "D.pth")
    model = import_weights(tmp_path / "D.pth")
    side = int(name.removeprefix("deep, "))
    assert (model.spec.height, len(model.spec.classes)) == (side, 5)
    images, label = torch.randn(3, DISCRIMINATORS[name]["channels"], side, side), torch.tensor([4, 0, 2])
    assert model.discriminator is not None
    wanted = plain_discriminator(state, images, label, halvings=DISCRIMINATORS[name]["halvings"])
    assert relative(model.discriminator(images, label), wanted) < 1e-5
    with pytest.raises(CheckpointError, match="holds no generator"):
        sparring.judge(model, "fashion10k", samples=10)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_stages_of_any_number_of_deep_blocks(depth: int) -> None:
    network = Generator((16, 16, 8, 4), 3, 10, classes=4, shared=6, depth=depth)
    assert network(torch.randn(2, 10), torch.tensor([0, 3])).shape == (2, 3, 32, 32)


def test_names_of_synchronized_batch_norms_and_what_is_left_over(tmp_path: Path) -> None:
    torch.manual_seed(0)
    state = random_generator((8, 8, 8, 8), 3, 8, 5, shared=3, hierarchical=True, depth=0, attended=1)
    renamed = {name.replace(".stored_", ".bn.stored_"): tensor for name, tensor in state.items()}
    renamed["blocks.0.0.bn1.bn.accumulation_counter"] = torch.zeros(1)
    torch_names = {
        name.replace(".stored_mean", ".bn.running_mean").replace(".stored_var", ".bn.running_var"): t for name, t in state.items()
    }
    torch.save(torch_names | {"blocks.0.0.bn1.bn.num_batches_tracked": torch.tensor(1)}, tmp_path / "torch.pth")
    torch.save(state, tmp_path / "a.pth")
    torch.save(renamed, tmp_path / "b.pth")
    first, second = import_weights(tmp_path / "a.pth", tmp_path / "kept"), import_weights(tmp_path / "b.pth")
    assert torch.equal(first.sample(3, label=2), second.sample(3, label=2))
    assert torch.equal(first.sample(3, label=2), import_weights(tmp_path / "torch.pth").sample(3, label=2))
    assert torch.equal(sparring.load(tmp_path / "kept").sample(3, label=2), second.sample(3, label=2))
    spread = [first.sample(64, label=1, truncation=threshold).std(dim=0).mean() for threshold in (0.1, 0.5, 2.0)]
    assert spread[0] < spread[1] < spread[2]

    del renamed["blocks.1.0.conv2.bias"]
    renamed["blocks.1.0.conv9.weight"] = torch.zeros(2)
    renamed["blocks.1.0.more.u0"] = torch.zeros(2)
    torch.save(renamed, tmp_path / "c.pth")
    with pytest.raises(CheckpointError) as caught:
        import_weights(tmp_path / "c.pth")
    assert "missing: blocks.1.0.conv2.bias, here generator.blocks.1.second.bias" in str(caught.value)
    assert "not known: blocks.1.0.conv9.weight" in str(caught.value)
    assert "not known: blocks.1.0.more.u0" in str(caught.value)
    torch.save({"some": torch.zeros(2), "thing": torch.zeros(3)}, tmp_path / "d.pth")
    with pytest.raises(CheckpointError, match="not those of a supported network: some, thing"):
        import_weights(tmp_path / "d.pth")
