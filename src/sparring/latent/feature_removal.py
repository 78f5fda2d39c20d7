"""Which of a generator's channels make a feature: DCGAN's bedrooms without windows (Radford et al. 2016, section 6.3.2)."""

from collections.abc import Callable

from jaxtyping import Bool, Float, Int64
from torch import Tensor

from sparring.core.errors import SettingsError
from sparring.inference.model import Model
from sparring.latent.directions import SEARCH_SAMPLES, discriminant_direction
from sparring.latent.space import Images, LatentSpace
from sparring.nets.forward_hooks import zero_channels


def responsible_channels(strengths: Float[Tensor, "n c"], has_feature: Bool[Tensor, " n"], count: int) -> Int64[Tensor, " k"]:
    """The channels whose strength (the mean of a map) speaks most for having it: those of the largest positive weights of a linear
    classifier. At most `count`; ValueError if all have it or none has.
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
    """Images that have something, before and after the channels that make it are dropped from the generator's maps of that side (by
    default the second largest). `has_it`: 1 for images that have it, 0 for others.
    """
    space = LatentSpace(model)
    if n < 1 or channels < 1:
        raise SettingsError(f"n and channels must be at least 1, not {n} and {channels}.")
    points, labels = space.sample_points(SEARCH_SAMPLES // 2, seed), space.sample_labels(SEARCH_SAMPLES // 2, None, seed)
    drawn, maps, names = space.generate_with_features(points, labels, lambda maps: maps.mean(dim=(2, 3)))
    if not maps:
        raise SettingsError(f"{model.source} has a generator without maps, so there are no channels to drop.")
    side = sorted(maps)[max(0, len(maps) - 2)] if side is None else side
    if side not in maps:
        raise SettingsError(f"The generator has no maps of {side}x{side}. It has maps of: {', '.join(map(str, sorted(maps)))}.")
    having = detect_feature(drawn).bool()
    if having.all() or not having.any():
        raise SettingsError(
            f"{'All' if having.any() else 'None'} of {len(drawn):,} samples have it, so it cannot be told which channels make it."
        )
    chosen = responsible_channels(maps[side], having, channels)
    places = having.nonzero().flatten()[:n]
    with zero_channels(space.generator, names[side], chosen):
        after = space.generate(points[places], None if labels is None else labels[places])
    return drawn[places], after
