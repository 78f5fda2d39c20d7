"""Calls the command line in the test's own process."""

import pytest

from sparring.cli import main


def call(*arguments: object) -> int:
    """The exit status of `sparring ARGUMENTS`, run here."""
    with pytest.raises(SystemExit) as ended:
        main.main([str(argument) for argument in arguments])
    return ended.value.code or 0
