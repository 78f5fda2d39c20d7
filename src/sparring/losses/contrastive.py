"""The contrastive loss of patches (Park et al. 2020)."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cross_entropy


def contrastive(queries: Float[Tensor, "n patches size"], keys: Float[Tensor, "n patches size"], temperature: float) -> Float[Tensor, " n"]:
    """Cross-entropy of naming each query's own key among those of its image: equation 2 of Park et al. 2020, in the mean."""
    n, patches, _ = queries.shape
    with torch.autocast(queries.device.type, enabled=False):  # small differences count here
        likeness = queries @ keys.transpose(1, 2) / temperature
    own = torch.arange(patches, device=queries.device).expand(n, -1)
    return cross_entropy(likeness.transpose(1, 2), own, reduction="none").mean(dim=1)
