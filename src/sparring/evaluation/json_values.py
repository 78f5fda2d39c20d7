"""What a judgment holds, as values that JSON has."""

import math
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np


def json_values(value: Any) -> Any:  # noqa: ANN401 (anything that JSON can hold, or that is made of it)
    """Dataclasses as dictionaries, tuples and arrays as lists, and NaN, which JSON does not have, as None."""
    if isinstance(value, np.ndarray):
        return json_values(value.tolist())
    if isinstance(value, tuple | list):
        return [json_values(each) for each in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: json_values(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {name: json_values(each) for name, each in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value
