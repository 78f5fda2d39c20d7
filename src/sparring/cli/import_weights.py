"""`sparring import`."""

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from sparring.core.console import console


def import_weights(
    file: Annotated[
        Positional[Path],
        arg(metavar="FILE", help="StyleGAN2's or StyleGAN2-ADA's .pkl (NVIDIA), BigGAN-PyTorch's or pytorch-CycleGAN-and-pix2pix's .pth."),
    ],
    out: Path | None = None,
) -> int:
    """Read official weights, without running anything that their file asks for, into a folder that verbs that draw or pack take.

    Args:
        out: The folder. Default: runs/FILE.
    """
    from sparring import api
    from sparring import recipes as known

    out = out or Path("runs") / file.stem
    model = api.import_weights(file, out)
    found = [name for name in ("generator", "discriminator") if getattr(model, name) is not None]
    screen = console()
    screen.print(f"{known.name_of(model.recipe)}, {' and '.join(found)}, {model.spec}: {out}")
    if "generator" in found:
        screen.print(f"Use it with: {model.use}")
    return 0
