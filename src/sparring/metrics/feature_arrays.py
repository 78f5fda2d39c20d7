"""What the distances take: arrays of features, checked."""

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from sparring.core.errors import DataError

FeatureArray = Shaped[Tensor, "..."] | Shaped[np.ndarray, "..."]
"""A row of features for each image, of shape (n, d): what has another shape is refused in words, so not by its type."""


def check_features(rows: FeatureArray, name: str, least: int = 2) -> Float[Tensor, "n d"]:
    """Rows as a tensor on the CPU, in their own precision (float32 at least). A DataError for other shapes, too few rows and
    numbers that are not finite.
    """
    tensor = torch.as_tensor(rows).detach().cpu()
    if tensor.ndim != 2 or not tensor.is_floating_point():
        raise DataError(f"{name} must be floating-point numbers of shape (n, d), not {tensor.dtype} of shape {tuple(tensor.shape)}.")
    if len(tensor) < least or not tensor.shape[1]:
        raise DataError(f"{name} has the shape {tuple(tensor.shape)}: at least {least} rows are needed, and a column.")
    tensor = tensor.to(torch.promote_types(tensor.dtype, torch.float32))
    finite = tensor.isfinite().all(dim=1)
    if not finite.all():
        bad = (~finite).nonzero()[:, 0].tolist()
        raise DataError(f"{name}: {len(bad):,} of {len(tensor):,} rows are infinite or not a number, the first is row {bad[0]}.")
    return tensor


def check_feature_pair(real: FeatureArray, fake: FeatureArray, least: int = 2) -> tuple[Float[Tensor, "n d"], Float[Tensor, "m d"]]:
    """Real and fake rows, checked, in the finer precision of the two. A DataError too if they are not of one dimension."""
    a, b = check_features(real, "real", least), check_features(fake, "fake", least)
    if a.shape[1] != b.shape[1]:
        raise DataError(f"real has {a.shape[1]} features and fake has {b.shape[1]}: they must come from the same extractor.")
    precision = torch.promote_types(a.dtype, b.dtype)
    return a.to(precision), b.to(precision)
