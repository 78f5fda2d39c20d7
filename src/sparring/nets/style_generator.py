"""What StyleGAN's generators have in common: a mapping network from z to w, and a synthesis network that draws from w."""

from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float, Integer, Num
from torch import Tensor, nn
from torch.nn.functional import one_hot

from sparring.nets.blocks.equalized_lr import Linear, pixel_norm

Noise = Literal["const", "random", "none"]
"""The noise inputs of a synthesis network: the same at each call, fresh from torch's random numbers, or zero."""
Label = Num[Tensor, "n classes"] | Bool[Tensor, "n classes"] | Integer[Tensor, " n"] | None
"""Rows with a weight for each class, one-hot or not, or a number for each sample."""
MEAN_DECAY = 0.995
"""Of the running mean of w, at each step of training (the authors' value)."""


def label_rows(label: Label, classes: int, kind: torch.dtype = torch.float32) -> Float[Tensor, "n classes"] | None:
    """Labels, numbers or rows with a weight for each class, as rows of that `kind`. ValueError if they do not suit the network."""
    if label is not None and label.ndim == 2 and not label.shape[1]:
        label = None  # what the official code gives networks without classes
    if (label is None) != (classes == 0):
        raise ValueError(f"the network has {classes} classes; {'no labels were' if label is None else 'labels were'} given")
    if label is None:
        return None
    if label.ndim == 1:
        if label.numel() and not 0 <= int(label.min()) <= int(label.max()) < classes:
            raise ValueError(f"labels are from {int(label.min())} to {int(label.max())}; the network has classes 0 to {classes - 1}")
        label = one_hot(label.long(), classes)
    if label.shape[1] != classes:
        raise ValueError(f"labels are rows of {label.shape[1]} numbers; the network has {classes} classes")
    return label.to(kind)


class Mapping(nn.Module):
    """From z and the class to w (Karras et al. 2019, section 2). Both come in at a mean square of 1. A `latent_size` of 0: from the
    class alone, as in a discriminator.
    """

    def __init__(
        self,
        latent_size: int,
        classes: int,
        style_size: int,
        *,
        layers: int = 8,
        rate: float = 0.01,
        width: int | None = None,
        embedding: int | None = None,
    ) -> None:
        super().__init__()
        self.latent_size, self.classes, self.style_size = latent_size, classes, style_size
        embedding = (style_size if embedding is None else embedding) if classes else 0
        self.embed = Linear(classes, embedding) if classes else None
        sizes = [latent_size + embedding, *[style_size if width is None else width] * (layers - 1), style_size]
        self.layers = nn.Sequential(*(Linear(sizes[i], sizes[i + 1], rate=rate, activated=True) for i in range(layers)))

    def forward(self, z: Float[Tensor, "n latent"] | None, condition: Float[Tensor, "n classes"] | None) -> Float[Tensor, "n style"]:
        """(n, latent) and (n, classes) to (n, style)."""
        parts = [] if z is None else [pixel_norm(z)]
        if self.embed is not None:
            assert condition is not None
            parts.append(pixel_norm(self.embed(condition)))
        return self.layers(torch.cat(parts, dim=1))


class StyleGenerator(nn.Module):
    """A generator in two halves. The `synthesis` network gives images of styles and noise. It says how many styles it takes (`layers`),
    how many of them matter as yet (`layers_in_use`), and how many are coarse, up to 8x8 (`coarse_layers`).
    """

    mean: Float[Tensor, " style"]

    def __init__(self, mapping: Mapping, synthesis: nn.Module) -> None:
        super().__init__()
        self.mapping, self.synthesis = mapping, synthesis
        self.layers: int = synthesis.layers  # pyright: ignore[reportAttributeAccessIssue] (see above)
        self.register_buffer("mean", torch.zeros(mapping.style_size))

    @property
    def layers_in_use(self) -> int:
        """How many styles matter as yet, while it grows."""
        return self.synthesis.layers_in_use  # pyright: ignore[reportReturnType] (see above)

    @property
    def coarse_layers(self) -> int:
        """How many styles decide about maps up to 8x8."""
        return self.synthesis.coarse_layers  # pyright: ignore[reportReturnType]

    def styles(self, z: Float[Tensor, "n latent"], condition: Float[Tensor, "n classes"] | None) -> Float[Tensor, "n style"]:
        """w, one for each latent. In training their running mean is kept, for truncation."""
        w = self.mapping(z, condition)
        if self.training and torch.is_grad_enabled():
            self.mean.lerp_(w.detach().mean(dim=0), 1 - MEAN_DECAY)
        return w

    def map(
        self,
        z: Float[Tensor, "n latent"],
        label: Label = None,
        truncation: float = 1.0,
        truncated_layers: int | None = None,
    ) -> Float[Tensor, "n layers style"]:
        """W for each layer. `truncation`: how far from the mean of all w they are, 1 where they fall, 0 at the mean (Karras et al. 2019,
        appendix B); in the first `truncated_layers`, or all. `label`: one-hot rows or numbers.
        """
        w = self.styles(z, label_rows(label, self.mapping.classes, z.dtype))[:, None].repeat(1, self.layers, 1)
        if truncation == 1:
            return w
        nearer = self.mean.lerp(w, truncation)
        return nearer if truncated_layers is None else torch.cat([nearer[:, :truncated_layers], w[:, truncated_layers:]], dim=1)

    def synthesize(self, w: Float[Tensor, "n layers style"], noise: Noise = "const") -> Float[Tensor, "n channels h w"]:
        """Images of styles, in the network's own range ([-1, 1] for what it was trained on, not clipped). ValueError for other noise."""
        if noise not in get_args(Noise):
            raise ValueError(f"noise is one of {', '.join(get_args(Noise))}, not {noise!r}")
        return self.synthesis(w, noise)

    def forward(self, latent: Float[Tensor, "n latent"], condition: Label = None) -> Float[Tensor, "n channels h w"]:
        """Images: with fresh noise in training, always the same otherwise."""
        return self.synthesize(self.map(latent, condition), "random" if self.training else "const")
