"""Conditional GAN: both networks are told the class."""

from dataclasses import dataclass
from typing import ClassVar

from sparring.adversarial import Condition
from sparring.recipes.gan import Gan


@dataclass(frozen=True, kw_only=True)
class Cgan(Gan):
    """The first GAN's networks with classes.

    The paper first maps latent and class, and picture and class, each to features of their own, and joins those; here they
    are joined at once, which the first layer can undo.
    """

    title: ClassVar[str] = "The first GAN with classes: ask for what you want drawn"
    paper: ClassVar[str] = "Mirza and Osindero 2014: Conditional Generative Adversarial Nets (arXiv:1411.1784)"
    data: ClassVar[str] = "small pictures of any shape, with classes"

    condition: Condition = "concatenate"
    """How classes enter: one-hot, concatenated to latent and pixels. (Others: see `sparring train gan --help`.)"""


RECIPE = Cgan
