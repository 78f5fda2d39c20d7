"""Files with one JSON object a line: the only code that reads them and cuts them back."""

import json
from pathlib import Path
from typing import Any

from sparring.core.atomic_files import write_bytes
from sparring.core.errors import CheckpointError, DataError


def cut_back(path: Path, step: int) -> None:
    """Remove lines of later steps, and one that was cut off. At step 0 the whole file goes."""
    if not step:
        path.unlink(missing_ok=True)
    elif path.exists():
        try:
            lines = path.read_text(encoding="utf-8").split("\n")[:-1]
            kept = [line for line in lines if json.loads(line)["step"] <= step]
        except (ValueError, KeyError, TypeError) as problem:
            raise CheckpointError(f"{path} is damaged ({problem}): mend it, or move it away.") from None
        write_bytes(path, "".join(f"{line}\n" for line in kept).encode())


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a file with a JSON object in each: the last may be in the making."""
    if not path.is_file():
        return []
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]
    except ValueError as problem:
        raise DataError(f"{path} is damaged ({problem}): mend it, or move it away.") from None
