"""The command to start with for a table that looks like time series. (Nothing here needs a training, or the time to load it.)"""

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sparring.core.formatting import flags

if TYPE_CHECKING:
    from sparring.data.series.suggest_series import SeriesSuggestion
    from sparring.data.tables.inspect_table import TableInspection

MANY_SERIES = 50
"""Series from which on attributes can be generated with them."""


def train_command(recipe: str, data: str, settings: Mapping[str, Any]) -> str:
    """The command that trains so."""
    return " ".join(["sparring train", recipe, "--data", shlex.quote(data), *flags(settings)])


def suggestion_for(inspection: "TableInspection") -> "SeriesSuggestion | None":
    """How a table would be read as series; None if it does not look like any."""
    from sparring.data.series.suggest_series import suggest_series  # noqa: PLC0415 (an extra)

    return suggest_series(inspection.columns, inspection.values)


def recipe_for(suggestion: "SeriesSuggestion") -> str:
    """The recipe to start with."""
    if suggestion.returns:
        return "quantgan"
    return "doppelganger" if suggestion.static and suggestion.count >= MANY_SERIES else "cgan-series"
