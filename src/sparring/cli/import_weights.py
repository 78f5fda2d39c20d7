"""`sparring import`."""

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from sparring.core.console import console


def import_weights(
    file: Annotated[
        Positional[Path],
        arg(
            metavar="FILE",
            help="The weights: a .pkl of StyleGAN2 or StyleGAN2-ADA (NVIDIA), or a checkpoint (.pth, .pt, .ckpt, .safetensors) with "
            "networks of PyTorch's DCGAN example, rosinality's or NVIDIA's StyleGAN2, BigGAN-PyTorch, pytorch-CycleGAN-and-pix2pix, "
            "CUT, or lucidrains' lightweight-gan.",
        ),
    ],
    out: Path | None = None,
    network: str | None = None,
) -> int:
    """Read weights of another program into a folder that sample, interpolate, translate, latent and pack accept. No code in the file is
    executed.

    Args:
        out: The folder to create. Default: runs/FILE.
        network: Name of one of several networks in the file, such as netG_A. Default: the generator (its moving average if there is one),
            and the discriminator that belongs to it.
    """
    from sparring import api
    from sparring import recipes as known

    out = out or Path("runs") / file.stem
    model = api.import_weights(file, out, network=network)
    found = [name for name in ("generator", "discriminator") if getattr(model, name) is not None]
    screen = console()
    screen.print(f"{known.name_of(model.recipe)}, {' and '.join(found)}, {model.spec}: {out}")
    if "generator" in found:
        screen.print(f"To use it: {model.use}")
    return 0
