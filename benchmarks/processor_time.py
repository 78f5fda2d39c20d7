"""How many steps of a training fit into the processor's time on one thread, whatever else the machine does. For other benchmarks."""

import time
from pathlib import Path
from typing import Any

import sparring


def steps_within(seconds: float, recipe: str, data: Any, folder: Path, **settings: Any) -> int:  # noqa: ANN401 (a place or a dataset)
    """Measured on the difference of two short trainings, which begin alike. Settings must have `threads=1`."""
    assert settings["threads"] == 1, "threads that wait for each other use the processor, too"
    used = []
    for steps in (10, 40):
        began = time.process_time()
        sparring.train(recipe, data, folder / f"{recipe}-{steps}", steps=steps, **settings)
        used.append(time.process_time() - began)
    return max(1, int(seconds / ((used[1] - used[0]) / 30)))
