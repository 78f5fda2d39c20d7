"""`sparring studio`: the page for trained models."""

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from sparring.core.console import console


def studio(
    runs: Annotated[
        Positional[tuple[Path, ...]],
        arg(
            metavar="RUN|FILE|FOLDER",
            help="Run directories, packed .safetensors files, folders of these, and points.npz files of `sparring latent project`. Without "
            "any, the page has the playground alone.",
        ),
    ] = (),
    port: int | None = None,
    listen: str | None = None,
    token: str | None = None,
) -> int:
    """Use models in a web page on this machine: steer, draw, translate, watch a run train, and learn how GANs learn. Runs are only read.

    Args:
        port: Port to listen at. Default: 8077, or one of the next that are free.
        listen: Address of this machine at which other machines may open the page, too, such as 0.0.0.0 for all of them. Default: this
            machine alone.
        token: Secret of at least 16 letters that the page's address has to hold. none: no secret, for this machine alone. Default: a new
            one.
    """
    from sparring.core.errors import SettingsError

    if port is not None and not 0 <= port < 2**16:
        raise SettingsError(f"--port must be from 0 to 65535, not {port}.")
    from sparring.studio.server import serve

    serve(runs, console(), listen=listen, port=port, token=token)
    return 0
