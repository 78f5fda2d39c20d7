"""Removes a feature from generated images by zeroing the generator's channels that are responsible for it, as DCGAN's authors removed
windows from bedrooms (Radford et al. 2016, section 6.3.2).
"""

from collections.abc import Callable

from jaxtyping import Bool, Float, Int64
from torch import Tensor

from sparring.core.errors import SettingsError
from sparring.inference.model import Model
from sparring.latent.directions import SEARCH_SAMPLES, discriminant_direction
from sparring.latent.space import Images, LatentSpace
from sparring.nets.forward_hooks import zero_channels


def responsible_channels(strengths: Float[Tensor, "n c"], has_feature: Bool[Tensor, " n"], count: int) -> Int64[Tensor, " k"]:
    """Indices of at most `count` channels that predict a feature best: those with the largest positive weights in a linear classifier.

    `strengths` are the means of each channel's map. Raises a ValueError if all images or none have the feature.
    """
    deviations = strengths.std(dim=0).clamp_min(1e-6)
    weights = discriminant_direction(strengths / deviations, has_feature)
    strongest = weights.argsort(descending=True)[:count]
    return strongest[weights[strongest] > 0]


def remove_feature(
    model: Model,
    detect_feature: Callable[[Images], Int64[Tensor, " n"]],
    *,
    side: int | None = None,
    channels: int = 16,
    n: int = 10,
    seed: int = 0,
) -> tuple[Float[Tensor, "n c h w"], Float[Tensor, "n c h w"]]:
    """Up to `n` samples with a feature, before and after the responsible channels of the generator's maps are set to zero.

    `detect_feature` returns 1 for images with the feature and 0 for others. `side` is the side of the maps (by default the second largest)
    and `channels` the largest number of channels to zero. Raises a SettingsError if the generator has no such maps, or if all samples or
    none have the feature.
    """
    space = LatentSpace(model)
    if n < 1 or channels < 1:
        raise SettingsError(f"n and channels must be at least 1, not {n} and {channels}.")
    points, labels = space.sample_points(SEARCH_SAMPLES // 2, seed), space.sample_labels(SEARCH_SAMPLES // 2, None, seed)
    drawn, maps, names = space.generate_with_features(points, labels, lambda maps: maps.mean(dim=(2, 3)))
    if not maps:
        raise SettingsError(f"{model.source} has a generator without feature maps, so there are no channels to zero.")
    side = sorted(maps)[max(0, len(maps) - 2)] if side is None else side
    if side not in maps:
        raise SettingsError(f"The generator has no maps with a side of {side}. It has maps of: {', '.join(map(str, sorted(maps)))}.")
    having = detect_feature(drawn).bool()
    if having.all() or not having.any():
        raise SettingsError(
            f"{'All' if having.any() else 'None'} of {len(drawn):,} samples have the feature, so the responsible channels cannot be found."
        )
    chosen = responsible_channels(maps[side], having, channels)
    indices = having.nonzero().flatten()[:n]
    with zero_channels(space.generator, names[side], chosen):
        after = space.generate(points[indices], None if labels is None else labels[indices])
    return drawn[indices], after
