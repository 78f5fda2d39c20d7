"""`sparring doctor`: check data before training, and recommend a command."""

from pathlib import Path
from typing import Any, Literal

from sparring.cli.arguments.shared import TrainingData
from sparring.core.console import console


def doctor(
    data: TrainingData,
    size: int | str | None = None,
    channels: Literal[1, 3, 4] | None = None,
    crop: Literal["center", "squash", "pad", "random"] | None = None,
    max_bad: float | None = None,
    labels: str | None = None,
    label_columns: tuple[str, ...] | None = None,
    target: str | None = None,
    inputs: Literal["given", "edges", "scribble", "gray", "low-resolution", "masked"] = "given",
    side_by_side: Literal["none", "left", "right"] = "none",
    patient: str | None = None,
    code: str | None = None,
    time: str | None = None,
    count: str | None = None,
    visits: str | None = None,
    values: Literal["binary", "counts"] = "binary",
    minutes: float | None = None,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    threads: int = 0,
    json: Path | None = None,
) -> int:
    """Check data before training: what makes it difficult, which command to start with, and how long it will train on this machine.

    Args:
        size: Size, in pixels, that images are resized to: 64 for squares, 192x128 (width x height) for rectangles. Default: squares, of the
            power of two that suits the data, at most 64 (128 on a GPU).
        channels: Number of color channels: 1 gray, 3 color, 4 color with transparency. Default: 1 if all images are gray, else 3.
        crop: How images get the proportion of the size: center cuts out the middle, squash distorts, pad adds background, random
            cuts pieces of the size out without resizing. Default: center.
        max_bad: Largest fraction of images that may be unreadable, 0 to 1. Default: 0.1.
        labels: A table with several or continuous labels (see `sparring train RECIPE --help`).
        label_columns: Columns of that table. Default: all.
        target: For image translation: the target images (like --data), or one image whose style is transferred.
        inputs: For image translation: how the input is made from each image, which is its target. given: inputs are part of the data.
        side_by_side: For image translation: each file holds a pair side by side, with the input on this side.
        patient: For health records: the column that says which patient a row is of.
        code: For health records in a long file: the column of the codes. Default: there is a column for each code.
        time: For health records in a long file: the column of the dates, which tell the visits of a patient.
        count: For health records in a long file: the column of how often a patient has a code.
        visits: For health records: the column of the number of visits of a patient.
        values: For health records: whether a patient has a code (binary), or how often (counts).
        minutes: Training time to plan for. Default: until first results can be recognized, but at least 10 minutes.
        device: Device to train on. auto: a GPU if there is one.
        threads: Number of CPU threads. 0: one per core.
        json: A JSON file to write, with the advice and all measurements.
    """
    from sparring import api
    from sparring.core.atomic_files import write_json
    from sparring.data.records.records_reading import RecordsReading

    screen = console()
    preprocessing = {"size": size, "channels": channels, "crop": crop, "max_bad": max_bad, "labels": labels, "label_columns": label_columns}
    named = {name: value for name, value in preprocessing.items() if value is not None}
    pairing: dict[str, Any] = {"target": target, "inputs": inputs, "side_by_side": side_by_side}
    reading = RecordsReading(patient=patient, code=code, time=time, count=count, visits=visits, values=values)
    records = None if reading == RecordsReading() else reading
    advice = api.doctor(data, records=records, minutes=minutes, device=device, threads=threads, console=screen, **pairing, **named)
    for line in advice.lines():
        screen.print(line)
    if json is not None:
        write_json(json, advice.to_json())
    return 0
