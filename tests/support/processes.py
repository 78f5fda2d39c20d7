"""Sparring in a process of its own."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def command_running(*arguments: object, **streams: Any) -> Iterator["subprocess.Popen[str]"]:  # noqa: ANN401
    """`sparring` with these arguments; killed when the block ends, so that a test that fails does not wait for it."""
    with subprocess.Popen([sys.executable, "-m", "sparring", *map(str, arguments)], text=True, **streams) as process:
        try:
            yield process
        finally:
            process.kill()
