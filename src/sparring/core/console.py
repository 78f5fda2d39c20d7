"""How Sparring speaks to a person."""

from rich.console import Console


def console() -> Console:
    """Plain lines, however long: paths and commands are for copying, and a bracket in a file's name is no markup."""
    return Console(soft_wrap=True, highlight=False, markup=False)
