"""`sparring completion`."""

from typing import Annotated, Literal

from tyro.conf import Positional, arg


def completion(
    shell: Annotated[Positional[Literal["bash", "zsh", "tcsh"]], arg(metavar="SHELL", help="The shell: bash, zsh or tcsh.")],
) -> None:
    """Print a completion script. To use it in bash: `source <(sparring completion bash)`."""
    from sparring.cli.command_table import everything

    everything().cli(args=["--tyro-print-completion", shell], prog="sparring")
