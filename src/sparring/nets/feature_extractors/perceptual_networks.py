"""Published networks whose feature maps perceptual losses compare: EfficientNet-lite0, or VGG-16 from a file."""

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sparring.core.errors import CheckpointError
from sparring.nets.feature_extractors import efficientnet_lite0
from sparring.nets.feature_extractors.weight_files import WeightReader, read_weights

Maps = list[Float[Tensor, "n _ _ _"]]
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and standard deviation of ImageNet's pixels in [0, 1], by which torchvision's networks normalize images."""
LITE0_MAPS = 5
"""Number of maps taken from EfficientNet-lite0: the stem's, and one for each halving of the resolution after it."""


class PerceptualNetwork(nn.Module):
    """A network that returns feature maps at several depths for gray or color images in [-1, 1]."""

    content: int
    """Index of the map that represents the content of an image."""

    def forward(self, images: Float[Tensor, "n c h w"]) -> Maps:
        """Feature maps of gray or color images, from fine to coarse."""
        return self.maps(images.expand(-1, 3, -1, -1))

    def maps(self, images: Float[Tensor, "n 3 h w"]) -> Maps:
        """Feature maps of color images, from fine to coarse."""
        raise NotImplementedError


class Lite0Features(PerceptualNetwork):
    """EfficientNet-lite0's feature maps after activations: the stem, and the expansions of the four blocks that halve the resolution.

    They are at a half (twice), a quarter, an eighth and a sixteenth of the image's side, with 32, 96, 144, 240 and 672 channels in [0, 6].
    The outputs of blocks are unsuitable for style: they are linear, and a Gram matrix is equal for features and for their negatives, which
    are close to those of an image with opposite colors. Rectified features have no negatives.
    """

    content = 3

    def __init__(self) -> None:
        super().__init__()
        self.network = efficientnet_lite0.load(efficientnet_lite0.weights_file()).requires_grad_(False).eval()

    def maps(self, images: Float[Tensor, "n 3 h w"]) -> Maps:
        """Feature maps of color images whose sides are multiples of 16."""
        normalized = (images + 1) * (255 / 2 / efficientnet_lite0.SCALE) - efficientnet_lite0.CENTER / efficientnet_lite0.SCALE
        x = self.network.stem_maps(normalized)
        found = [x]
        for block in self.network.blocks:
            assert isinstance(block, efficientnet_lite0.Block)
            if block.stride == 1:
                x = block(x)
                continue
            found.append(block.expand_channels(x))
            if len(found) == LITE0_MAPS:
                break
            x = block.filter_and_project(found[-1])
        return found


class Vgg16Features(PerceptualNetwork):
    """VGG-16's feature maps relu1_2, relu2_2, relu3_3 and relu4_3, of which relu2_2 represents the content (Johnson et al. 2016).

    `path` is a state dict in torchvision's form, of the whole network or of its `features` alone. Raises a CheckpointError for other files.
    """

    content = 1
    ENDS = (3, 8, 15, 22)
    mean: Float[Tensor, "3 1 1"]
    deviation: Float[Tensor, "3 1 1"]

    def __init__(self, path: Path) -> None:
        super().__init__()
        from torchvision.models import vgg16  # noqa: PLC0415 (slow to import)

        found = read_weights(path)
        prefix = "features." if any(name.startswith("features.") for name in found) else ""
        weights = WeightReader({name: tensor for name, tensor in found.items() if name.startswith(prefix)}, str(path))
        with torch.device("meta"):  # its classifier of half a gigabyte is not needed
            network: nn.Sequential = vgg16(weights=None).features  # pyright: ignore[reportAssignmentType] (its type says Module)
        taken = {name: weights.take(prefix + name, *tensor.shape) for name, tensor in network.state_dict().items()}
        try:
            weights.check_all_used()
        except CheckpointError as problem:
            raise CheckpointError(f"{problem}\nGive the state dict of torchvision's vgg16, or of its features alone.") from None
        network.load_state_dict(taken, assign=True)
        self.layers = network[: self.ENDS[-1] + 1].requires_grad_(False).eval()
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None])
        self.register_buffer("deviation", torch.tensor(DEVIATION)[:, None, None])

    def maps(self, images: Float[Tensor, "n 3 h w"]) -> Maps:
        """Feature maps of color images."""
        x, found = ((images + 1) / 2 - self.mean) / self.deviation, []
        for index, layer in enumerate(self.layers):
            x = layer(x)
            if index in self.ENDS:
                found.append(x)
        return found


def open_perceptual_network(weights: str | None) -> PerceptualNetwork:
    """VGG-16 with weights from a file, or EfficientNet-lite0 if `weights` is None. Raises a CheckpointError for unsuitable files."""
    return Lite0Features() if weights is None else Vgg16Features(Path(weights))
