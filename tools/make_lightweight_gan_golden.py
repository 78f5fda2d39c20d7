"""Write tests/weights/golden/lightweight-gan-*.pt: checkpoints of tiny generators of lucidrains' lightweight-gan, and what they draw.

    pip install --no-deps lightweight-gan==1.2.1 kornia kornia_rs einops adabelief-pytorch        # in an environment of its own
    python tools/make_lightweight_gan_golden.py

The checkpoints are as its trainer writes them, less the networks that are not read. Weights and statistics are drawn at random, so that
nothing is zero or one. Its noise is kept in the files: that program draws another one each time. Of images every fourth pixel
along each side is kept.
"""

from pathlib import Path

import torch

torch.cuda.is_available = lambda: True  # it refuses to be imported without a GPU

from lightweight_gan import lightweight_gan as theirs  # noqa: E402

OUT = Path(__file__).parents[1] / "tests" / "weights" / "golden"
CASES = {
    "attention": {"image_size": 128, "latent_dim": 6, "fmap_max": 8, "fmap_inverse_coef": 8, "attn_res_layers": [8]},
    "frequencies": {"image_size": 128, "latent_dim": 5, "fmap_max": 16, "fmap_inverse_coef": 8, "freq_chan_attn": True, "greyscale": True},
}


@torch.no_grad()
def main() -> None:
    for name, settings in CASES.items():
        torch.manual_seed(0)
        generator = theirs.Generator(**settings).eval()
        for weight in generator.parameters():
            weight.add_(0.2 * torch.randn_like(weight))
        noises: dict[str, torch.Tensor] = {}
        for place, module in generator.named_modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.2)
                module.running_var.uniform_(0.5, 1.5)
            if isinstance(module, theirs.Noise):
                module.register_forward_pre_hook(_keep(noises, place.split(".")[1]), with_kwargs=True)
        latents = torch.randn(2, settings["latent_dim"])
        images = generator(latents)
        state = {f"GE.{key}": tensor.contiguous() for key, tensor in generator.state_dict().items()}
        OUT.mkdir(exist_ok=True)
        content = {"GAN": state, "version": "1.2.1", "G_scaler": {}, "D_scaler": {}}
        torch.save(
            content | {"golden": {"latents": latents, "images": images[:, :, ::4, ::4].clone(), "noises": noises}},
            OUT / f"lightweight-gan-{name}.pt",
        )
        print(name, tuple(images.shape), f"{images.min():.2f} to {images.max():.2f}")


def _keep(noises: dict[str, torch.Tensor], block: str):  # noqa: ANN202
    """A hook that hands a layer of noise the same noise for all images, and keeps it."""

    def hook(module: torch.nn.Module, arguments: tuple, named: dict) -> tuple[tuple, dict]:
        side = arguments[0].shape[-1]
        noises[block] = torch.randn(side, side)
        return arguments, named | {"noise": noises[block][None, None]}

    return hook


if __name__ == "__main__":
    main()
