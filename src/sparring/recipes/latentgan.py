"""LatentGAN: a GAN of the codes that an autoencoder makes of molecules, or of texts."""

from dataclasses import dataclass
from typing import ClassVar

from sparring.games.latent_sequences import LatentSequenceRecipe


@dataclass(frozen=True, kw_only=True)
class LatentGAN(LatentSequenceRecipe):
    """An autoencoder (convolutions, and an LSTM that writes token by token) learns first. Its codes carry little, as noise of their size is
    added to them, and the LSTM draws what they leave open. Then fully connected networks play for its codes, as relativistic pairs with R1
    and R2. (The authors have a recurrent encoder of one SMILES of a molecule, a decoder that writes another, and a critic with a gradient
    penalty: --objective wasserstein --gradient-penalty 10 --r1 0 --r2 0 --discriminator-steps 5.)
    """

    title: ClassVar[str] = "a GAN of the codes of an autoencoder, for molecules and texts"
    paper: ClassVar[str] = (
        "Prykhodko et al. 2019: A de novo molecular generation method using latent vector based generative adversarial network (Journal of "
        "Cheminformatics 11:74)"
    )
    data: ClassVar[str] = "sequences: molecules (.smi, or a table with --text) and short texts"


RECIPE = LatentGAN
