"""What adapters share whose data are tables: files, or data frames."""

from pathlib import Path
from typing import Any

from sparring.core.errors import SettingsError

FRAME = "(a data frame)"
"""What config.json says of data that was not read from a file."""


def location_of(data: Any) -> str:  # noqa: ANN401 (a place, a dataset or a frame)
    """See `Modality.location`: an absolute path, or the name of a table that comes with Sparring, or `FRAME`."""
    if not isinstance(data, str | Path):
        return FRAME
    path = Path(data).expanduser()
    return str(path.resolve()) if path.exists() else str(data)


def refuse_lost_frame(data: object) -> None:
    """Raise a SettingsError if data is the frame of a run, which was not kept."""
    if isinstance(data, str) and data == FRAME:
        raise SettingsError("This run was trained on a data frame, which is not kept. Give it again: sparring.resume(run, data=frame).")


def called(data: object) -> str:
    """What messages call such data."""
    return data if isinstance(data, str) else "a file" if isinstance(data, Path) else "a data frame"
