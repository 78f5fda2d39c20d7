"""Generators of lucidrains' lightweight-gan give what that program draws; what cannot be read is refused by name."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import sparring
from sparring.core.errors import CheckpointError, SettingsError
from sparring.data.images.image_spec import ImageSpec
from sparring.games.recipe import check
from sparring.interop.import_weights import import_weights
from sparring.nets.lightweight_gan import Generator, waves_of_groups, widths
from sparring.recipes.fastgan import FastGAN

GOLDEN = Path(__file__).parent / "golden"
CASES = {
    "attention": FastGAN(generator="lightweight", latent_size=6, channel_base=512, channel_max=8, attention=(8,)),
    "frequencies": FastGAN(generator="lightweight", latent_size=5, channel_base=512, channel_max=16, frequencies=True),
}


def content_of(name: str) -> dict[str, Any]:
    return torch.load(GOLDEN / f"lightweight-gan-{name}.pt", weights_only=True)


@torch.no_grad()
def drawn(path: Path, golden: dict[str, Any], network: str | None = None) -> Tensor:
    """What the imported generator makes of the golden latents, with the golden noise, in that program's range: every fourth pixel."""
    generator = import_weights(path, network=network).generator
    assert isinstance(generator, Generator)
    for block, noise in golden["noises"].items():
        generator.blocks[int(block)].finish[0].constant.copy_(noise)  # pyright: ignore
    return (generator(golden["latents"])[:, :, ::4, ::4] + 1) / 2


@pytest.mark.parametrize("name", CASES)
def test_it_draws_what_that_program_draws(name: str) -> None:
    golden = content_of(name)["golden"]
    found = drawn(GOLDEN / f"lightweight-gan-{name}.pt", golden)
    assert (found - golden["images"]).abs().max() < 1e-4 * golden["images"].abs().max()
    assert import_weights(GOLDEN / f"lightweight-gan-{name}.pt").recipe == CASES[name]


def test_an_imported_model_is_kept_packed_and_sampled(tmp_path: Path) -> None:
    model = import_weights(GOLDEN / "lightweight-gan-frequencies.pt", tmp_path / "kept")
    kept = sparring.load(tmp_path / "kept")
    assert kept.spec.shape == (1, 128, 128)
    assert torch.equal(kept.sample(2, seed=3), model.sample(2, seed=3))
    packed = sparring.load(sparring.pack(tmp_path / "kept", tmp_path / "packed.safetensors"))
    assert torch.equal(packed.sample(2, seed=3), model.sample(2, seed=3))


def test_the_moving_average_is_taken_of_a_whole_checkpoint(tmp_path: Path) -> None:
    content = content_of("frequencies")
    golden = content["golden"]
    raw = {name.replace("GE.", "G."): tensor * 2 if tensor.is_floating_point() else tensor for name, tensor in content["GAN"].items()}
    others = {"D.to_logits.0.weight": torch.zeros(8, 8, 1, 1), "D_aug.D.to_logits.0.weight": torch.zeros(8, 8, 1, 1)}
    torch.save(content | {"GAN": raw | content["GAN"] | others}, tmp_path / "model_1.pt")
    assert torch.allclose(drawn(tmp_path / "model_1.pt", golden), golden["images"], atol=1e-4)
    assert not torch.allclose(drawn(tmp_path / "model_1.pt", golden, "GAN.G"), golden["images"], atol=0.1)


def changed(name: str, tmp_path: Path, **tensors: Tensor | None) -> Path:
    """A golden file with other tensors, or without those that are None."""
    content = content_of(name)
    for key, tensor in tensors.items():
        content["GAN"].pop(f"GE.{key}", None)
        if tensor is not None:
            content["GAN"][f"GE.{key}"] = tensor
    torch.save(content, tmp_path / "f.pt")
    return tmp_path / "f.pt"


def test_what_has_no_place_is_refused_by_name(tmp_path: Path) -> None:
    out = {"out_conv.weight": torch.zeros(4, 2, 3, 3), "out_conv.bias": torch.zeros(4)}
    with pytest.raises(CheckpointError, match=r"transparent images \(4 channels\)"):
        import_weights(changed("frequencies", tmp_path, **out))
    with pytest.raises(CheckpointError, match="From 4x4 on it has 5, 16, 7, 16, 8, 4 channels, where Sparring's has 5, 16, 16, 16, 8, 4"):
        import_weights(changed("frequencies", tmp_path, **{"layers.1.0.2.1.weight": torch.zeros(14, 16, 4, 4)}))
    with pytest.raises(CheckpointError, match=r"layers\.2\.0\.4\.running_mean"):
        import_weights(changed("frequencies", tmp_path, **{"layers.2.0.4.running_mean": None}))
    with pytest.raises(CheckpointError, match=r"layers\.2\.3\.new\.weight"):
        import_weights(changed("attention", tmp_path, **{"layers.2.3.new.weight": torch.zeros(2)}))
    with pytest.raises(CheckpointError, match=r"lucidrains' lightweight-gan +2 of 3"):
        import_weights(changed("attention", tmp_path, **{"out_conv.weight": None}))


def test_settings_of_that_generator_go_together() -> None:
    spec = ImageSpec(64, 64, 3)
    check(FastGAN(generator="lightweight", attention=(4, 32)), spec)
    for settings, message in (
        ({"attention": (32,)}, "for the lightweight generator"),
        ({"frequencies": True}, "for the lightweight generator"),
        ({"generator": "lightweight", "attention": (64,)}, "below that of the images, 64, not at 64"),
        ({"generator": "lightweight", "attention": (12, 7)}, "not at 12, 7"),
    ):
        with pytest.raises(SettingsError, match=message):
            check(FastGAN(**settings), spec)
    check(FastGAN(generator="lightweight"), ImageSpec(1024, 1024, 3))
    with pytest.raises(SettingsError, match="256"):
        check(FastGAN(), ImageSpec(512, 512, 3))


def test_channels_by_hand() -> None:
    """Of that program's defaults: 2^(12 - n) at the side 2^(n + 1), at most 512, and 3 from 512x512 on."""
    assert widths(1024, 256, 8192, 512) == (256, 512, 512, 256, 128, 64, 32, 3, 3)


def test_waves_are_orthonormal_along_their_sides() -> None:
    """Rows of the orthonormal discrete cosine transform, over the square root of the side along the other side; spare channels get none."""
    waves = waves_of_groups(33, 16)
    assert torch.equal(waves[32], torch.zeros(16, 16))
    lines = torch.stack([waves[2 * k].sum(dim=0) / 4 for k in range(8)])
    torch.testing.assert_close(lines @ lines.T, torch.eye(8), atol=1e-5, rtol=0)
    assert torch.equal(waves[16:32:2].transpose(1, 2), waves[0:16:2])
