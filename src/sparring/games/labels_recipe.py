"""What a recipe needs to know in order to learn from rows with a rare label."""

from dataclasses import dataclass
from typing import ClassVar

from sparring.core.settings_checks import Ranges
from sparring.games.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class LabelsRecipe(Recipe):
    """A recipe whose data has labels in a column, of which one is rare."""

    label_ranges: ClassVar[Ranges] = {"frauds_in_batch": {"more than": 0, "less than": 1}}

    target: str | None = None
    """The column that says of each row whether it is a fraud (the rarer of two values). Rows where it is empty are learned from, too."""
    time: str | None = None
    """The column that orders rows by time: the last rows are held out, as in use. None: those held out are chosen at random, and scores
    are too good if frauds change with time."""
    frauds_in_batch: float = 0.25
    """Share of known frauds in each batch. Probabilities are those of the table all the same."""
