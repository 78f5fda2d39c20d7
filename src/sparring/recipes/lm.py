"""A language model: sequences token by token, with exact likelihoods."""

from dataclasses import dataclass
from typing import ClassVar

from sparring.games.language_model import LanguageModelRecipe


@dataclass(frozen=True, kw_only=True)
class LM(LanguageModelRecipe):
    """No GAN: it learns by likelihood. It is what GANs of texts and molecules are compared with, for most of them lose to it at every
    temperature (Caccia et al. 2020, arXiv:1811.02549).
    """

    title: ClassVar[str] = "A language model: token by token, with exact likelihoods"
    paper: ClassVar[str] = "Mikolov et al. 2010: Recurrent neural network based language model (Interspeech 2010)"
    data: ClassVar[str] = "texts (.txt, .csv and others with --text), SMILES (.smi)"


RECIPE = LM
