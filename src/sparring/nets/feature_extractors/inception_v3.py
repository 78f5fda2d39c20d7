"""Inception-v3 as published FID values use it: TensorFlow's network of 2015, with the tensor names and weights of torch-fidelity.

It differs from torchvision's network: average pooling ignores padding, the last block uses maximum pooling, and there are 1,008 classes.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, linear, max_pool2d

from sparring.core.errors import CheckpointError
from sparring.nets.feature_extractors.weight_files import WeightReader, read_weights

SIDE, FEATURES, CLASSES = 299, 2048, 1008
CENTER, SCALE = 128.0, 128.0
FILE = "weights-inception-2015-12-05-6726825d.pth"
URL = f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{FILE}"
HASH_PREFIX = "6726825d"
"""First digits of the file's SHA-256: only these weights give the FID that papers report."""

Pool = Callable[[Tensor], Tensor]
AVERAGE: Pool = partial(avg_pool2d, kernel_size=3, stride=1, padding=1, count_include_pad=False)
MAXIMUM: Pool = partial(max_pool2d, kernel_size=3, stride=1, padding=1)
HALVE: Pool = partial(max_pool2d, kernel_size=3, stride=2)


class Concatenated(nn.Module):
    """Several branches with the same input, whose outputs are concatenated along the channels."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d h2 w2"]:
        """Outputs of all branches, concatenated."""
        return torch.cat([branch(x) for branch in self.branches], dim=1)


class PoolingLayer(nn.Module):
    """A pooling function as a module."""

    def __init__(self, pool: Pool) -> None:
        super().__init__()
        self.pool = pool

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h2 w2"]:
        """The pooled maps."""
        return self.pool(x)


class BlockBuilder:
    """Builds the network's blocks from its weights."""

    def __init__(self, weights: WeightReader) -> None:
        self.weights = weights

    def convolution(
        self, name: str, before: int, after: int, kernel: int | tuple[int, int], *, stride: int = 1, padded: bool = True
    ) -> nn.Sequential:
        """A convolution with its batch norm folded in, followed by ReLU."""
        height, width = kernel if isinstance(kernel, tuple) else (kernel, kernel)
        convolution = self.weights.fold_batch_norm(f"{name}.conv", f"{name}.bn", before, after, (height, width), stride=stride)
        if padded and stride == 1:
            convolution.padding = (height // 2, width // 2)
        return nn.Sequential(convolution, nn.ReLU(inplace=True))

    def convolution_chain(self, name: str, before: int, *links: tuple[str, int, int | tuple[int, int]], stride: int = 1) -> nn.Sequential:
        """Consecutive convolutions, the last of which has the stride. Each link is (name, channels, kernel)."""
        chain = nn.Sequential()
        for index, (link, after, kernel) in enumerate(links):
            chain.append(self.convolution(f"{name}.{link}", before, after, kernel, stride=stride if index == len(links) - 1 else 1))
            before = after
        return chain

    def pool_and_convolve(self, name: str, before: int, after: int, pool: Pool) -> nn.Sequential:
        """Pooling followed by a 1x1 convolution."""
        return nn.Sequential(PoolingLayer(pool), self.convolution(f"{name}.branch_pool", before, after, 1))

    def inception_a(self, name: str, before: int, pool_channels: int) -> Concatenated:
        """Block at 35x35 with branches of 1x1, 5x5, two 3x3, and pooling."""
        return Concatenated(
            self.convolution_chain(name, before, ("branch1x1", 64, 1)),
            self.convolution_chain(name, before, ("branch5x5_1", 48, 1), ("branch5x5_2", 64, 5)),
            self.convolution_chain(name, before, ("branch3x3dbl_1", 64, 1), ("branch3x3dbl_2", 96, 3), ("branch3x3dbl_3", 96, 3)),
            self.pool_and_convolve(name, before, pool_channels, AVERAGE),
        )

    def inception_b(self, name: str, before: int) -> Concatenated:
        """Block from 35x35 to 17x17."""
        return Concatenated(
            self.convolution_chain(name, before, ("branch3x3", 384, 3), stride=2),
            self.convolution_chain(name, before, ("branch3x3dbl_1", 64, 1), ("branch3x3dbl_2", 96, 3), ("branch3x3dbl_3", 96, 3), stride=2),
            PoolingLayer(HALVE),
        )

    def inception_c(self, name: str, before: int, middle: int) -> Concatenated:
        """Block at 17x17 with 7x7 convolutions, factorized into rows and columns, once and twice."""
        row, column = (1, 7), (7, 1)
        twice = [("branch7x7dbl_1", middle, 1), ("branch7x7dbl_2", middle, column), ("branch7x7dbl_3", middle, row)]
        return Concatenated(
            self.convolution_chain(name, before, ("branch1x1", 192, 1)),
            self.convolution_chain(name, before, ("branch7x7_1", middle, 1), ("branch7x7_2", middle, row), ("branch7x7_3", 192, column)),
            self.convolution_chain(name, before, *twice, ("branch7x7dbl_4", middle, column), ("branch7x7dbl_5", 192, row)),
            self.pool_and_convolve(name, before, 192, AVERAGE),
        )

    def inception_d(self, name: str, before: int) -> Concatenated:
        """Block from 17x17 to 8x8."""
        rows = [("branch7x7x3_1", 192, 1), ("branch7x7x3_2", 192, (1, 7)), ("branch7x7x3_3", 192, (7, 1))]
        return Concatenated(
            self.convolution_chain(name, before, ("branch3x3_1", 192, 1), ("branch3x3_2", 320, 3), stride=2),
            self.convolution_chain(name, before, *rows, ("branch7x7x3_4", 192, 3), stride=2),
            PoolingLayer(HALVE),
        )

    def inception_e(self, name: str, before: int, pool: Pool) -> Concatenated:
        """Block at 8x8 whose branches fork into a row and a column convolution."""

        def fork(path: str) -> Concatenated:
            branches = ((f"{name}.{path}a", (1, 3)), (f"{name}.{path}b", (3, 1)))
            return Concatenated(*(self.convolution(branch, 384, 384, kernel) for branch, kernel in branches))

        return Concatenated(
            self.convolution_chain(name, before, ("branch1x1", 320, 1)),
            self.convolution_chain(name, before, ("branch3x3_1", 384, 1)).append(fork("branch3x3_2")),
            self.convolution_chain(name, before, ("branch3x3dbl_1", 448, 1), ("branch3x3dbl_2", 384, 3)).append(fork("branch3x3dbl_3")),
            self.pool_and_convolve(name, before, 192, pool),
        )


class Inception(nn.Module):
    """Inception-v3 with 2,048 features and the logits of 1,008 classes without their biases, which the Inception Score leaves out.

    `source` names the origin of `tensors` in messages. Raises a CheckpointError that lists tensors that do not fit.
    """

    def __init__(self, tensors: Mapping[str, Tensor], source: str) -> None:
        super().__init__()
        weights = WeightReader(tensors, source)
        make = BlockBuilder(weights)
        self.stem = nn.Sequential(
            make.convolution("Conv2d_1a_3x3", 3, 32, 3, stride=2),
            make.convolution("Conv2d_2a_3x3", 32, 32, 3, padded=False),
            make.convolution("Conv2d_2b_3x3", 32, 64, 3),
            PoolingLayer(HALVE),
            make.convolution("Conv2d_3b_1x1", 64, 80, 1),
            make.convolution("Conv2d_4a_3x3", 80, 192, 3, padded=False),
            PoolingLayer(HALVE),
        )
        self.blocks = nn.Sequential(
            make.inception_a("Mixed_5b", 192, 32),
            make.inception_a("Mixed_5c", 256, 64),
            make.inception_a("Mixed_5d", 288, 64),
            make.inception_b("Mixed_6a", 288),
            make.inception_c("Mixed_6b", 768, 128),
            make.inception_c("Mixed_6c", 768, 160),
            make.inception_c("Mixed_6d", 768, 160),
            make.inception_c("Mixed_6e", 768, 192),
            make.inception_d("Mixed_7a", 768),
            make.inception_e("Mixed_7b", 1280, AVERAGE),
            make.inception_e("Mixed_7c", FEATURES, MAXIMUM),
        )
        self.class_weight = nn.Parameter(weights.take("fc.weight", CLASSES, FEATURES))
        weights.take("fc.bias", CLASSES)
        weights.check_all_used()

    def forward(self, images: Float[Tensor, "n 3 299 299"]) -> tuple[Float[Tensor, "n 2048"], Float[Tensor, "n 1008"]]:
        """Features and logits of pixels from which `CENTER` was subtracted and which were divided by `SCALE`."""
        x = self.stem(images)
        x = self.blocks(x.to(next(self.blocks.parameters()).dtype))
        features = x.float().mean(dim=(2, 3))
        return features, linear(features, self.class_weight)

    def use_bfloat16(self) -> None:
        """Compute everything after the stem in bfloat16. In the stem, which reads the pixels, it would change Fréchet distances by 1 %."""
        self.blocks.to(torch.bfloat16)


def weights_file(folder: Path | None = None) -> Path:
    """Path of the standard weights file in torch's cache, downloaded if it is missing.

    Raises a CheckpointError that says where to put the file by hand if it cannot be downloaded.
    """
    path = (folder or Path(torch.hub.get_dir()) / "checkpoints") / FILE
    if not path.exists():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(URL, str(path), hash_prefix=HASH_PREFIX, progress=False)
        except (OSError, RuntimeError) as problem:
            raise CheckpointError(
                f"The weights of Inception-v3 are missing and could not be downloaded ({problem}). Download {URL} on a machine with a "
                f"network connection and put it at {path}, or name the file with --weights. The extractor 'lite0' needs no download."
            ) from None
    return path


def load(path: Path) -> Inception:
    """The network with weights from a file. Raises a CheckpointError if the file does not fit."""
    return Inception(read_weights(path), str(path))
