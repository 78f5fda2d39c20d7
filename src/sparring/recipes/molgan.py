"""MolGAN: molecular graphs at once, all atoms and bonds of them."""

from dataclasses import dataclass
from typing import ClassVar

from sparring.games.molecule_graphs import MoleculeGraphRecipe


@dataclass(frozen=True, kw_only=True)
class MolGAN(MoleculeGraphRecipe):
    """A fully connected generator of small graphs; a relational graph convolution as a critic with a gradient penalty; if asked for, a
    network that foretells a reward.
    """

    title: ClassVar[str] = "graphs of small molecules, at once"
    paper: ClassVar[str] = "De Cao, Kipf 2018: MolGAN: An implicit generative model for small molecular graphs (arXiv:1805.11973)"
    data: ClassVar[str] = "molecules (.smi, or a table with --text) with --notation graph, best of up to nine atoms"


RECIPE = MolGAN
