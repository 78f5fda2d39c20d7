"""The common structure of StyleGAN's generators: a mapping network from z to w, and a synthesis network from w to images."""

from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float, Integer, Num
from torch import Tensor, nn
from torch.nn.functional import one_hot

from sparring.nets.blocks.equalized_lr import Linear, pixel_norm

Noise = Literal["const", "random", "none"]
"""Noise inputs of a synthesis network: constant, newly drawn from torch's random numbers, or none."""
Label = Num[Tensor, "n classes"] | Bool[Tensor, "n classes"] | Integer[Tensor, " n"] | None
"""Classes of samples: rows with a weight for each class (for example one-hot), a class index for each sample, or None."""
MEAN_DECAY = 0.995
"""Decay of the running mean of w at each training step (the authors' value)."""


def label_rows(label: Label, classes: int, kind: torch.dtype = torch.float32) -> Float[Tensor, "n classes"] | None:
    """Labels as rows with a weight for each of `classes` classes, of the type `kind`; None without classes.

    Raises a ValueError if labels are given to a network without classes, missing, out of range, or rows of another length.
    """
    if label is not None and label.ndim == 2 and not label.shape[1]:
        label = None  # the official code passes empty rows to networks without classes
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
    """Mapping network from z and the class to w (Karras et al. 2019, section 2). Both inputs are normalized to a mean square of 1.

    With a `latent_size` of 0, the class is the only input, as in a discriminator. `rate` is the learning rate's factor, `width` the number
    of hidden units (by default `style_size`), and `embedding` the size of the class embedding (by default `style_size`).
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
    """A generator of a mapping network and a synthesis network from styles and noise to images.

    The synthesis network has three attributes: the number of styles it takes (`layers`), the number of styles it uses at its current level
    (`layers_in_use`), and the number of styles for feature maps up to 8x8 (`coarse_layers`).
    """

    mean: Float[Tensor, " style"]

    def __init__(self, mapping: Mapping, synthesis: nn.Module) -> None:
        super().__init__()
        self.mapping, self.synthesis = mapping, synthesis
        self.layers: int = synthesis.layers  # pyright: ignore[reportAttributeAccessIssue] (see above)
        self.register_buffer("mean", torch.zeros(mapping.style_size))

    @property
    def layers_in_use(self) -> int:
        """Number of styles that are used at the current level of a growing network."""
        return self.synthesis.layers_in_use  # pyright: ignore[reportReturnType] (see above)

    @property
    def coarse_layers(self) -> int:
        """Number of styles for feature maps up to 8x8."""
        return self.synthesis.coarse_layers  # pyright: ignore[reportReturnType]

    def styles(self, z: Float[Tensor, "n latent"], condition: Float[Tensor, "n classes"] | None) -> Float[Tensor, "n style"]:
        """One style w for each latent. In training, this also updates the running mean of w, which truncation uses."""
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
        """Styles w for each layer.

        `truncation` scales their distance from the mean of all w: 1 leaves them, 0 gives the mean (Karras et al. 2019, appendix B). It
        applies to the first `truncated_layers` layers, or to all. `label` has one-hot rows, a weight for each class, or class indices.
        """
        w = self.styles(z, label_rows(label, self.mapping.classes, z.dtype))[:, None].repeat(1, self.layers, 1)
        if truncation == 1:
            return w
        nearer = self.mean.lerp(w, truncation)
        return nearer if truncated_layers is None else torch.cat([nearer[:, :truncated_layers], w[:, truncated_layers:]], dim=1)

    def synthesize(self, w: Float[Tensor, "n layers style"], noise: Noise = "const") -> Float[Tensor, "n channels h w"]:
        """Images of styles, in the range of the training images (usually [-1, 1]), not clipped. Raises a ValueError for unknown noise."""
        if noise not in get_args(Noise):
            raise ValueError(f"noise must be one of {', '.join(get_args(Noise))}, not {noise!r}")
        return self.synthesis(w, noise)

    def forward(self, latent: Float[Tensor, "n latent"], condition: Label = None) -> Float[Tensor, "n channels h w"]:
        """Images of latents, with new noise in training and constant noise otherwise."""
        return self.synthesize(self.map(latent, condition), "random" if self.training else "const")
