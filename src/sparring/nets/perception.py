"""Published networks whose maps say what a picture shows and how it is painted: EfficientNet-lite0, or VGG-16 from a file."""

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sparring.core.errors import CheckpointError
from sparring.nets import lite0
from sparring.nets.folding import read_weights

Maps = list[Float[Tensor, "n _ _ _"]]
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's pixels in [0, 1], as torchvision's networks want them."""


class Perception(nn.Module):
    """A network's maps at several depths, of pictures in [-1, 1] of any size, grey or colour."""

    content: int
    """Which of the maps says what a picture shows."""

    def forward(self, pictures: Float[Tensor, "n c h w"]) -> Maps:
        """From fine to coarse."""
        return self.maps(pictures.expand(-1, 3, -1, -1))

    def maps(self, pictures: Float[Tensor, "n 3 h w"]) -> Maps:
        """Of colour pictures."""
        raise NotImplementedError


class Lite0Perception(Perception):
    """Where EfficientNet-lite0's resolution is about to fall, down to a sixteenth of the side."""

    content = 2

    def __init__(self) -> None:
        super().__init__()
        self.network = lite0.load(lite0.weights_file()).requires_grad_(False).eval()

    def maps(self, pictures: Float[Tensor, "n 3 h w"]) -> Maps:
        """See Perception."""
        shown = (pictures + 1) * (255 / 2 / lite0.SCALE) - lite0.CENTRE / lite0.SCALE
        return lite0.stage_maps(self.network, shown, lite0.RESOLUTION_ENDS[:-1])


class Vgg16Perception(Perception):
    """VGG-16's maps as the paper takes them: relu1_2, relu2_2, relu3_3, relu4_3, of which relu2_2 is the content."""

    content = 1
    ENDS = (3, 8, 15, 22)
    mean: Float[Tensor, "3 1 1"]
    deviation: Float[Tensor, "3 1 1"]

    def __init__(self, path: Path) -> None:
        super().__init__()
        from torchvision.models import vgg16  # noqa: PLC0415 (slow to import)

        tensors = {name: tensor for name, tensor in read_weights(path).items() if name.startswith("features.")}
        with torch.device("meta"):  # its classifier, half a gigabyte, is not wanted
            network: nn.Sequential = vgg16(weights=None).features  # pyright: ignore[reportAssignmentType] (its type says Module)
        try:
            network.to_empty(device="cpu").load_state_dict({name.removeprefix("features."): tensor for name, tensor in tensors.items()})
        except RuntimeError as problem:
            raise CheckpointError(f"{path} does not hold the weights of torchvision's VGG-16: {problem}") from None
        self.layers = network[: self.ENDS[-1] + 1].requires_grad_(False).eval()
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None])
        self.register_buffer("deviation", torch.tensor(DEVIATION)[:, None, None])

    def maps(self, pictures: Float[Tensor, "n 3 h w"]) -> Maps:
        """See Perception."""
        x, found = ((pictures + 1) / 2 - self.mean) / self.deviation, []
        for place, layer in enumerate(self.layers):
            x = layer(x)
            if place in self.ENDS:
                found.append(x)
        return found


def open_perception(weights: str | None) -> Perception:
    """VGG-16 from a file, or EfficientNet-lite0. A CheckpointError says what is wrong with the file."""
    return Lite0Perception() if weights is None else Vgg16Perception(Path(weights))
