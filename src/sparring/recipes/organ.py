"""ORGAN: SeqGAN with rewards for what molecules are to be like."""

from dataclasses import dataclass
from typing import ClassVar, cast

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from sparring.core.settings_checks import Ranges
from sparring.data.sequences.sequence_spec import SequenceSpec
from sparring.games.adversarial_sequences import Condition
from sparring.games.molecule_rewards import RewardName, rewards_of
from sparring.games.step_context import StepContext
from sparring.recipes.seqgan import SeqGAN, SeqGANGame


class ORGANGame(SeqGANGame):
    """A token is worth what it is in SeqGAN, mixed with the reward of the molecule that it became a part of."""

    @property
    def recipe(self) -> "ORGAN":
        """The settings."""
        return cast(ORGAN, self.settings)

    def worth_of(self, context: StepContext, codes: Int64[Tensor, "n length"], condition: Condition) -> Float[Tensor, "n length"]:
        """See SeqGANGame (equation 6 of Guimaraes et al. 2017)."""
        rewards = rewards_of(self.sequence_spec.texts_of(codes.cpu().numpy()), self.recipe.reward)
        objective = torch.tensor(rewards, device=codes.device)[:, None]
        context.metrics["reward/objective"] = objective.mean()
        share = self.recipe.adversarial_share
        return share * super().worth_of(context, codes, condition) + (1 - share) * objective


@dataclass(frozen=True, kw_only=True)
class ORGAN(SeqGAN):
    """SeqGAN whose generator is rewarded for molecules with a property, too. A molecule that comes again and again in a batch earns as
    much as once. (The authors take the reward of the ways that a molecule could go on; here it is that of the molecule itself, for it is
    slow to compute.)
    """

    title: ClassVar[str] = "ORGAN: SeqGAN that is rewarded for what molecules are like"
    paper: ClassVar[str] = (
        "Guimaraes et al. 2017: Objective-Reinforced Generative Adversarial Networks (ORGAN) for Sequence Generation Models "
        "(arXiv:1705.10843)"
    )
    data: ClassVar[str] = "molecules (.smi, or a table with --text), best with --notation selfies"
    ranges: ClassVar[Ranges] = {**SeqGAN.ranges, "adversarial_share": {"at least": 0, "at most": 1}}

    reward: RewardName = "qed"
    """What molecules are rewarded for: valid, qed (like a drug), logp (oily) or sa (easy to make)."""
    adversarial_share: float = 0.5
    """Weight of the discriminator in what a token is worth (lambda in the paper); the rest is that of the reward. 1: SeqGAN."""
    rollouts: int = 1
    """Number of continuations after each token that its reward by the discriminator is the mean of. A step takes as many times as long."""

    def incompatibilities(self, spec: SequenceSpec) -> list[str]:
        """See Recipe."""
        found = super().incompatibilities(spec)
        if spec.cut.items != "molecules":
            found.append(f"This recipe rewards molecules, and this data is in {spec.notation}. Give notation='smiles', or train seqgan.")
        return found

    def refuse_to_begin(self) -> None:
        """See Recipe."""
        rewards_of([], self.reward)

    def build(self, spec: SequenceSpec) -> ORGANGame:
        """See Recipe."""
        return ORGANGame(spec, self)


RECIPE = ORGAN
