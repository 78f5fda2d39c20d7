"""Texts written anew so that they are expected to score higher, around the numbers, names and facts that they had."""

from dataclasses import dataclass
from typing import ClassVar

from sparring.games.rewording import RewordingRecipe


@dataclass(frozen=True, kw_only=True)
class Reword(RewordingRecipe):
    """A cross-aligned autoencoder with the states of its writer aligned between classes, a scorer's reward and back-translation. It reads
    what a random choice of the words leaves of a text, where the paper reads the whole text into one vector: words that must stay can
    then stay (in the manner of Li et al. 2018, Delete, Retrieve, Generate, arXiv:1804.06437).
    """

    title: ClassVar[str] = "Reword texts so that they are expected to be chosen more often"
    paper: ClassVar[str] = "after Shen et al. 2017: Style Transfer from Non-Parallel Text by Cross-Alignment (arXiv:1705.09655)"
    data: ClassVar[str] = "short texts with a score (a table, with --text and --score)"


RECIPE = Reword
