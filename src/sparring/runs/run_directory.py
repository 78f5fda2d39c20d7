"""The run directory: the contract between training and everything that looks at it.

config.json    recipe, every setting, the data's fingerprint, versions
log.jsonl      losses and signals by step; the same to the byte however often the run was interrupted
timing.jsonl   speed by step; differs from run to run
scores.jsonl   judgments by step, if there are any
health.jsonl   measurements of the data, the networks and the samples by step: what a diagnosis is made from
ending.json    why training ended, if it had to
coach.md       what a coach did and why; config.json lists it under "interventions"
tries/         N/: what the run had written when the coach stepped in for the N-th time
checkpoints/   step-N.safetensors and step-N.json
samples/       step-N.png, from the same latents throughout, and timelapse.gif
tensorboard/   the same numbers and images for TensorBoard
"""

import contextlib
import os
import shlex
import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparring.core.errors import SparringError
from sparring.core.jsonl import read_lines


@dataclass(frozen=True)
class RunDirectory:
    """The places in a run directory."""

    path: Path

    @property
    def config(self) -> Path:
        """Recipe and settings."""
        return self.path / "config.json"

    @property
    def log(self) -> Path:
        """Losses and signals, a JSON object a line."""
        return self.path / "log.jsonl"

    @property
    def timing(self) -> Path:
        """Speed, a JSON object a line."""
        return self.path / "timing.jsonl"

    @property
    def scores(self) -> Path:
        """Judgments, a JSON object a line."""
        return self.path / "scores.jsonl"

    @property
    def health(self) -> Path:
        """Measurements of the data, the networks and the samples, a JSON object a line."""
        return self.path / "health.jsonl"

    @property
    def ending(self) -> Path:
        """Why training ended, if it had to."""
        return self.path / "ending.json"

    @property
    def coach(self) -> Path:
        """What a coach did."""
        return self.path / "coach.md"

    @property
    def tries(self) -> Path:
        """The folder of what was rolled back."""
        return self.path / "tries"

    @property
    def checkpoints(self) -> Path:
        """The folder of checkpoints."""
        return self.path / "checkpoints"

    @property
    def samples(self) -> Path:
        """The folder of sample grids."""
        return self.path / "samples"

    @property
    def tensorboard(self) -> Path:
        """The folder of TensorBoard's event files."""
        return self.path / "tensorboard"

    @property
    def resume_command(self) -> str:
        """The command line that goes on with this run."""
        return f"sparring resume {shlex.quote(str(self.path))}"

    def in_use(self) -> bool:
        """Whether a process is training here now. (Always False where the system has no such locks.)"""
        try:
            import fcntl  # noqa: PLC0415 (not on Windows)

            with (self.path / ".lock").open() as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except (ImportError, OSError):
            pass
        return False

    def ask_to_stop(self) -> bool:
        """Ask the process that trains here to save a checkpoint and stop, as Ctrl-C does. False if none does on this machine."""
        if not self.in_use():
            return False
        try:
            machine, process = (self.path / ".lock").read_text().split()
            if machine != socket.gethostname():
                return False
            os.kill(int(process), signal.SIGTERM)
        except (OSError, ValueError):
            return False
        return True

    def sweep(self) -> None:
        """Delete what interrupted writing left behind. Only for who holds the lock."""
        for leftover in self.path.rglob(".*.tmp"):
            leftover.unlink(missing_ok=True)

    def vacate(self) -> None:
        """Delete the directory if nothing but its lock is in it. Only for who holds the lock, and has done."""
        with contextlib.suppress(OSError):
            if [path.name for path in self.path.iterdir()] == [".lock"]:
                (self.path / ".lock").unlink()
                self.path.rmdir()

    def exists(self) -> bool:
        """Whether a run was ever started here."""
        return self.config.is_file()

    def read_log(self) -> list[dict[str, Any]]:
        """The lines of log.jsonl (the last may be in the making)."""
        return read_lines(self.log)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps a second trainer out. The system lifts the lock when the process ends, however it ends."""
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / ".lock").open("a") as file:
            try:
                import fcntl  # noqa: PLC0415 (not on Windows, where there is no such lock)

                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except ImportError:
                pass
            except OSError:
                raise SparringError(f"Another process is training in {self.path}. Wait for it, stop it, or choose another --out.") from None
            file.truncate(0)
            file.write(f"{socket.gethostname()} {os.getpid()}")  # who may be asked to stop
            file.flush()
            yield
