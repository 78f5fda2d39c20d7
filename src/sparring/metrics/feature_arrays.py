"""Checks the arrays of features that distances are computed from."""

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from sparring.core.errors import DataError

FeatureArray = Shaped[Tensor, "..."] | Shaped[np.ndarray, "..."]
"""An array of shape (n, d) with one row of features for each image. Other shapes raise a DataError, so the type admits them."""


def check_features(rows: FeatureArray, name: str, least: int = 2) -> Float[Tensor, "n d"]:
    """The rows as a tensor on the CPU, in their own precision but at least float32.

    Raises a DataError for other shapes, fewer than `least` rows, and values that are not finite. `name` is used in its message.
    """
    tensor = torch.as_tensor(rows).detach().cpu()
    if tensor.ndim != 2 or not tensor.is_floating_point():
        raise DataError(f"{name} must be floating-point numbers of shape (n, d), not {tensor.dtype} of shape {tuple(tensor.shape)}.")
    if len(tensor) < least or not tensor.shape[1]:
        raise DataError(f"{name} has the shape {tuple(tensor.shape)}: at least {least} rows and one column are needed.")
    tensor = tensor.to(torch.promote_types(tensor.dtype, torch.float32))
    finite = tensor.isfinite().all(dim=1)
    if not finite.all():
        bad = (~finite).nonzero()[:, 0].tolist()
        raise DataError(f"{name}: {len(bad):,} of {len(tensor):,} rows have values that are infinite or NaN, the first is row {bad[0]}.")
    return tensor


def check_feature_pair(real: FeatureArray, fake: FeatureArray, least: int = 2) -> tuple[Float[Tensor, "n d"], Float[Tensor, "m d"]]:
    """Checked rows of real and fake features, in the higher precision of the two. Raises a DataError if their dimensions differ."""
    a, b = check_features(real, "real", least), check_features(fake, "fake", least)
    if a.shape[1] != b.shape[1]:
        raise DataError(f"real has {a.shape[1]} features and fake has {b.shape[1]}: they must come from the same extractor.")
    precision = torch.promote_types(a.dtype, b.dtype)
    return a.to(precision), b.to(precision)
