"""REINFORCE for sequences of tokens (Williams 1992): losses whose gradient is that of the mean reward."""

import torch
from jaxtyping import Float
from torch import Tensor


def returns_of(rewards: Float[Tensor, "n length"], discount: float) -> Float[Tensor, "n length"]:
    """What each place is worth: its own reward, and those of all later places, times `discount` for each place between (equation 4 of de
    Masson d'Autume et al. 2019).
    """
    found, later = [], torch.zeros_like(rewards[:, 0])
    for place in range(rewards.shape[1] - 1, -1, -1):
        later = rewards[:, place] + discount * later
        found.append(later)
    return torch.stack(found[::-1], dim=1)


def reinforce_loss(
    log_chances: Float[Tensor, "n length"],
    returns: Float[Tensor, "n length"],
    baseline: Float[Tensor, "*_"],
    places: Float[Tensor, "n length"],
) -> Float[Tensor, " n"]:
    """Of each sequence, the negative sum over places of (return - baseline) * log(chance of the token that was drawn). The mean of its
    gradient is that of the mean return with the sign changed, for any baseline that does not depend on the token. `places`: 1 for the
    places that were drawn, 0 for those after the end.
    """
    return -((returns - baseline).detach() * log_chances * places).sum(dim=1)


def entropy_of(logits: Float[Tensor, "*batch vocabulary"]) -> Float[Tensor, "*batch"]:
    """Entropy of the distribution of each token, in nats."""
    log_chances = logits.log_softmax(dim=-1)
    return -(log_chances.exp() * log_chances).sum(dim=-1)
