"""The contrastive loss of image patches (PatchNCE, Park et al. 2020)."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cross_entropy


def contrastive(queries: Float[Tensor, "n patches size"], keys: Float[Tensor, "n patches size"], temperature: float) -> Float[Tensor, " n"]:
    """PatchNCE loss of each image: the cross-entropy of classifying each query as its own key among all keys of the image (equation 2 of
    Park et al. 2020), averaged over the queries. Queries and keys have length 1.
    """
    n, patches, _ = queries.shape
    with torch.autocast(queries.device.type, enabled=False):  # small differences matter here
        similarity = queries @ keys.transpose(1, 2) / temperature
    own_key = torch.arange(patches, device=queries.device).expand(n, -1)
    return cross_entropy(similarity.transpose(1, 2), own_key, reduction="none").mean(dim=1)
