"""Choices among tokens whose gradients go through a few candidates, and not through the whole vocabulary."""

from jaxtyping import Float
from torch import Tensor


def loss_of_candidates(logits: Float[Tensor, "*places candidates"], costs: Float[Tensor, "*places candidates"]) -> Float[Tensor, "*places"]:
    """What a place of a sequence adds to a loss, for its gradient; its value says nothing. `logits`: the model's, of at least two tokens
    that were drawn independently by its softmax p. `costs`: what the loss would be with each of these tokens at this place.

    On average the gradient with respect to the logits of all tokens is that of the expected cost, p (costs - sum of p costs): the
    covariance of cost and gradient of the logit, estimated without bias (n - 1). It is the limit of the straight-through Gumbel softmax of
    Jang et al. 2017 for a large inverse temperature, averaged over the Gumbel numbers.
    """
    centered = costs - costs.mean(dim=-1, keepdim=True)
    return (centered.detach() * logits).sum(dim=-1) / (costs.shape[-1] - 1)
