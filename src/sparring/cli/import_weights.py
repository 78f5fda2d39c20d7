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
            help="The weights: a .pkl of StyleGAN2 or StyleGAN2-ADA (NVIDIA), or a .pth of BigGAN-PyTorch or pytorch-CycleGAN-and-pix2pix.",
        ),
    ],
    out: Path | None = None,
) -> int:
    """Read official weights into a folder that sample, interpolate, translate, latent and pack accept. No code in the file is executed.

    Args:
        out: The folder to create. Default: runs/FILE.
    """
    from sparring import api
    from sparring import recipes as known

    out = out or Path("runs") / file.stem
    model = api.import_weights(file, out)
    found = [name for name in ("generator", "discriminator") if getattr(model, name) is not None]
    screen = console()
    screen.print(f"{known.name_of(model.recipe)}, {' and '.join(found)}, {model.spec}: {out}")
    if "generator" in found:
        screen.print(f"To use it: {model.use}")
    return 0
