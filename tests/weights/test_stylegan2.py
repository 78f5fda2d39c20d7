"""Official StyleGAN2 networks: golden files of NVIDIA's own code, and every variant against the plain reading of its equations, which the
golden files hold to account too."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

import plain_stylegan2 as plain
import sparring
from sparring.core.errors import CheckpointError
from sparring.inference.load import _built
from sparring.interop import nvidia_stylegan2
from sparring.interop.import_weights import import_weights
from sparring.interop.read_official_files import OfficialWeights
from sparring.interop.safe_unpickling import PickledModule, read_nvidia_pickle
from support.golden import GOLDEN, golden

FILES = ["stylegan2ada-32-cond10", "stylegan2ada-64-uncond"]


def relative(value: Tensor, wanted: Tensor) -> float:
    return ((value - wanted).abs().max() / wanted.abs().max()).item()


@golden
@pytest.mark.parametrize("name", FILES)
def test_golden_networks_give_what_the_official_code_gave(name: str) -> None:
    model, wanted = import_weights(GOLDEN / f"{name}.pkl"), load_file(GOLDEN / f"{name}.safetensors")
    generator, discriminator = model.generator, model.discriminator
    assert generator is not None
    assert discriminator is not None
    label = wanted["c"] if wanted["c"].numel() else None
    for truncation, ending in ((1.0, ""), (0.7, "_psi07")):
        w = generator.map(wanted["z"], label, truncation)
        if f"w{ending}" in wanted:
            assert relative(w, wanted[f"w{ending}"]) < 1e-5
        assert relative(generator.synthesize(w, noise="const"), wanted[f"image{ending}"]) < 1e-4
    images = wanted["image"].requires_grad_()
    logits = discriminator(images, label)
    assert relative(logits, wanted["logits"]) < 1e-4
    (gradients,) = torch.autograd.grad(logits.sum(), images)
    assert relative(gradients.square().sum(dim=(1, 2, 3)), wanted["r1"]) < 1e-4
    if label is not None:
        assert torch.equal(generator.map(wanted["z"], label.argmax(1)), generator.map(wanted["z"], label)), "integers say the same"
        assert torch.equal(discriminator(images, label.argmax(1)), logits)


@golden
@pytest.mark.parametrize("name", FILES)
def test_the_plain_networks_give_what_the_official_code_gave(name: str) -> None:
    """So that what is compared with them is compared with the official code."""
    settings, wanted = json.loads((GOLDEN / f"{name}.json").read_text()), load_file(GOLDEN / f"{name}.safetensors")
    parts = read_nvidia_pickle(GOLDEN / f"{name}.pkl")
    sides = range(settings["G"]["img_resolution"].bit_length() - 2)
    base, most = (settings["D"][key] for key in ("channel_base", "channel_max"))
    widths = [min(base // (4 << i), most) for i in sides]
    label = wanted["c"] if wanted["c"].numel() else None
    layers = settings["G"]["mapping_kwargs"]["num_layers"]
    generator = plain.Generator(widths, 3, 64, 64, settings["G"]["c_dim"], num_layers=layers)
    generator.load_state_dict(parts["G_ema"].tensors())
    assert relative(generator(wanted["z"], label), wanted["image"]) < 1e-4
    group = settings["D"]["epilogue_kwargs"]["mbstd_group_size"]
    discriminator = plain.Discriminator(widths, 3, settings["D"]["c_dim"], group_size=group)
    discriminator.load_state_dict(parts["D"].tensors())
    assert relative(discriminator(wanted["image"], label), wanted["logits"]) < 1e-4


def as_part(module: nn.Module) -> PickledModule:
    """A plain network as a pickle of NVIDIA's would describe it."""
    own = dict(itertools.chain(module.named_parameters(recurse=False), module.named_buffers(recurse=False)))
    settings = {name: value for name, value in vars(module).items() if not name.startswith("_")}
    parts = {name: as_part(child) for name, child in module.named_children()}
    return PickledModule(type(module).__name__, settings, {name: tensor.detach() for name, tensor in own.items()}, parts)


def roughened(network: nn.Module) -> nn.Module:
    """With offsets, noise strengths and mean styles that are not zero, so that each shows."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, tensor in itertools.chain(network.named_parameters(), network.named_buffers()):
            if name.endswith(("bias", "noise_strength", "w_avg")):
                tensor.add_(torch.randn(tensor.shape, generator=generator), alpha=0.3)
    return network.eval()


GENERATORS: dict[str, dict[str, Any]] = {
    "skip": {"widths": (12, 10, 8, 6), "channels": 3},
    "resnet": {"widths": (12, 10, 8), "channels": 1, "architecture": "resnet"},
    "orig": {"widths": (8, 8, 6), "channels": 4, "architecture": "orig", "c_dim": 5},
    "deep mapping": {
        "widths": (8, 6),
        "channels": 3,
        "num_layers": 5,
        "c_dim": 3,
        "mapping": {"embed_features": 7, "layer_features": 11},
    },
    "one layer, no noise": {"widths": (8, 8, 8), "channels": 3, "num_layers": 1, "use_noise": False},
    "clamped": {"widths": (8, 8, 8), "channels": 3, "architecture": "resnet", "conv_clamp": 0.5},
}


@pytest.mark.parametrize("name", GENERATORS)
@torch.no_grad()
def test_generators_of_every_architecture(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    reference = roughened(plain.Generator(**{"z_dim": 9, "w_dim": 10, **GENERATORS[name]}))
    found = nvidia_stylegan2.convert_stylegan2({"G_ema": as_part(reference)}, tmp_path)
    z = torch.randn(3, 9)
    classes = GENERATORS[name].get("c_dim", 0)
    label = nn.functional.one_hot(torch.arange(3), classes).float() if classes else None
    generator = built(found).generator
    assert relative(generator(z, label), reference(z, label)) < 1e-5
    torch.manual_seed(2)
    ours = generator.synthesize(generator.map(z, label), noise="random")
    torch.manual_seed(2)
    assert relative(ours, reference(z, label, noise_mode="random")) < 1e-5
    assert relative(generator.synthesize(generator.map(z, label), noise="none"), reference(z, label, noise_mode="none")) < 1e-5


DISCRIMINATORS: dict[str, dict[str, Any]] = {
    "resnet": {"widths": (12, 10, 8, 6), "channels": 3},
    "skip": {"widths": (12, 10, 8), "channels": 1, "architecture": "skip", "c_dim": 4},
    "orig": {"widths": (12, 10, 8), "channels": 4, "architecture": "orig", "group_size": None},
    "several deviations": {"widths": (12, 10), "channels": 3, "group_size": 2, "num_channels": 3},
    "few classes": {"widths": (8, 8, 8), "channels": 3, "c_dim": 2, "cmap_dim": 5, "mapping": {"num_layers": 2}},
    "clamped": {"widths": (8, 8, 8), "channels": 3, "architecture": "skip", "conv_clamp": 0.5},
}


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_discriminators_of_every_architecture(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    settings = DISCRIMINATORS[name]
    reference = roughened(plain.Discriminator(**settings))
    side = 2 << len(settings["widths"])
    images = torch.randn(4, settings["channels"], side, side).requires_grad_()
    label = nn.functional.one_hot(torch.arange(4) % settings["c_dim"], settings["c_dim"]).float() if "c_dim" in settings else None
    discriminator = built(nvidia_stylegan2.convert_stylegan2({"D": as_part(reference)}, tmp_path)).discriminator
    ours, theirs = discriminator(images, label), reference(images, label)
    assert relative(ours, theirs) < 1e-5
    (gradients,), (wanted,) = (torch.autograd.grad(logits.sum(), images) for logits in (ours, theirs))
    assert relative(gradients, wanted) < 1e-4


def built(found: OfficialWeights) -> Any:  # noqa: ANN401 (whose networks are known to be there)
    return _built(found.recipe, found.spec, found.tensors, Path("file"), {name.partition(".")[0] for name in found.tensors}, found.names)


def test_what_does_not_fit_is_listed(tmp_path: Path) -> None:
    part = as_part(plain.Generator((8, 8), 3, 6, 6))
    del part.parts["synthesis"].parts["b8"].parts["conv0"].own["bias"]
    part.parts["synthesis"].parts["b4"].own["more"] = torch.zeros(3)
    part.parts["synthesis"].parts["b8"].parts["torgb"].own["bias"] = torch.zeros(2)
    with pytest.raises(CheckpointError) as caught:
        built(nvidia_stylegan2.convert_stylegan2({"G": part}, tmp_path))
    assert "missing: G.synthesis.b8.conv0.bias, here generator.synthesis.blocks.1.first.bias" in str(caught.value)
    assert "not known: G.synthesis.b4.more" in str(caught.value)
    wrong = "G.synthesis.b8.torgb.bias, here generator.synthesis.blocks.1.to_image.bias: shape (2,) where (3,) is wanted"
    assert wrong in str(caught.value)

    part = as_part(plain.Generator((8, 8), 3, 6, 6))
    part.parts["synthesis"].parts["b8"].parts["conv0"].own["resample_filter"] = torch.ones(6, 6) / 36
    part.parts["synthesis"].parts["b4"].parts["conv1"].settings["activation"] = "swish"
    with pytest.raises(CheckpointError, match=r"(?s)synthesis\.b4\.conv1: the activation 'swish'.*conv0: a filter of shape \(6, 6\)"):
        nvidia_stylegan2.convert_stylegan2({"G": part}, tmp_path)
    with pytest.raises(CheckpointError, match=r"neither G_ema, G nor D\. It has: augment_pipe"):
        nvidia_stylegan2.convert_stylegan2({"augment_pipe": part}, tmp_path)


@golden
def test_an_imported_model_is_kept_packed_and_sampled(tmp_path: Path) -> None:
    source = GOLDEN / "stylegan2ada-32-cond10.pkl"
    model = import_weights(source, tmp_path / "kept")
    again = sparring.load(tmp_path / "kept")
    assert torch.equal(again.sample(5, seed=3), model.sample(5, seed=3))
    images = model.sample(4)
    assert torch.equal(again.discriminator(images, torch.arange(4)), model.discriminator(images, torch.arange(4)))
    packed = sparring.load(sparring.pack(again, tmp_path / "small.safetensors"))
    assert torch.equal(packed.sample(5, seed=3), model.sample(5, seed=3))
    assert packed.discriminator is None
    # nearer to the mean, images are more alike
    spread = [model.sample(64, label=1, truncation=truncation).std(dim=0).mean() for truncation in (0.25, 0.5, 1.0)]
    assert spread[0] < spread[1] < spread[2]
    with pytest.raises(sparring.SparringError, match="not empty"):
        import_weights(source, tmp_path / "kept")
