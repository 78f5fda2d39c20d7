"""`sparring pack`."""

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from sparring.cli.arguments.shared import Checkpoint, Run
from sparring.core.console import console


def pack(
    run: Run,
    file: Annotated[Positional[Path], arg(metavar="FILE", help="The .safetensors file to write.")],
    checkpoint: Checkpoint = "last",
) -> int:
    """Write the generator to a single file, without the discriminator and the optimizers' state."""
    from sparring import api
    from sparring.inference.pack import refuse_unpackable

    refuse_unpackable(file)  # before anything is loaded
    path = api.pack(api.load(run, checkpoint=checkpoint), file)
    console().print(f"{path}: {path.stat().st_size / 2**20:.1f} MiB. To use it: {api.load(path).use}")
    return 0
