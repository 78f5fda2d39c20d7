"""The files that the commands on time series write."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from sparring.core.errors import SettingsError, SparringError, listed


def check_outputs(chart: Path, json: Path, *tables: Path | None) -> None:
    """Raise a SettingsError that lists all files that cannot be written, before anything is computed."""
    from sparring.data.tables.writing import output_table_kind

    problems = []
    if chart.suffix.lower() != ".png":
        problems.append(f"The chart is a .png, not {chart}.")
    if json.suffix.lower() != ".json":
        problems.append(f"The figures are a .json, not {json}.")
    for table in tables:
        try:
            if table is not None:
                output_table_kind(table)
        except SparringError as problem:
            problems.append(str(problem))
    if problems:
        raise SettingsError(problems[0] if len(problems) == 1 else listed("These files cannot be written:", problems))


def save_chart(image: UInt8[np.ndarray, "h w 3"], path: Path) -> None:
    """Write a chart as PNG, whole or not at all."""
    from PIL import Image

    from sparring.core.atomic_files import replacing

    with replacing(path) as temporary:
        Image.fromarray(image).save(temporary, "PNG", optimize=True)
