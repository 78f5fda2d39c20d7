"""What a recipe needs to know in order to train with differential privacy."""

from dataclasses import dataclass
from typing import Any, ClassVar

from sparring.core.settings_checks import Ranges
from sparring.games.recipe import Recipe

FEWEST_ROWS = 20_000
"""Rows of training that even the smallest table takes."""


@dataclass(frozen=True, kw_only=True)
class PrivateRecipe(Recipe):
    """A recipe whose turns say what the losses of single rows are (see `Turn.row_losses`), so that it can train privately."""

    private_ranges: ClassVar[Ranges] = {"private_passes": {"at least": 1}, "longest_gradient": {"more than": 0}}

    private_passes: int = 10
    """Number of passes through the table after which private training (epsilon) ends. The noise is computed for them, so that they cannot
    become more later."""
    longest_gradient: float = 1.0
    """In private training: the longest that the gradient of one row may be. Longer ones are shortened."""

    def enough_samples(self, spec: Any, count: int) -> int | None:  # noqa: ANN401 (the Spec of its kind of data)
        """See Recipe. Private training always ends: noise is computed for a number of steps."""
        return None if spec.privacy is None else max(FEWEST_ROWS, self.private_passes * count)
