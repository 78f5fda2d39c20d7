"""The gated PixelCNN: every pixel is predicted from those above it and to its left (van den Oord et al. 2016, arXiv:1606.05328).

Two stacks of causal convolutions: the vertical one sees all rows above, the horizontal one the row to the left, and what the vertical one
found. Together they have no blind spot. `PixelCNN.forward` predicts all pixels of whole images at once, to train; `RowByRow` predicts one
pixel after the other and keeps what it computed of those before, to sample.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad, relu

FIRST_KERNEL = 7
"""Side of the first convolutions."""
Maps = Float[Tensor, "n _ h w"]
Vectors = Float[Tensor, "n _"]
DTYPE = torch.float64
"""In which pixels are drawn one by one."""


@dataclass(frozen=True)
class ColorMask:
    """Which outputs of a convolution may see which inputs of their own pixel: those about earlier colors, and `itself` the same color."""

    outputs: Sequence[int]
    """Number of the color that each output is about."""
    inputs: Sequence[int]
    itself: bool = True

    def mask(self, device: torch.device) -> Float[Tensor, "outputs inputs"] | None:
        """1 where it may, 0 where not. None if all may see all."""
        latest = max(self.inputs)
        if latest < min(self.outputs) or (self.itself and latest == min(self.outputs)):
            return None
        own, seen = torch.tensor(self.outputs, device=device)[:, None], torch.tensor(self.inputs, device=device)[None]
        return (seen <= own if self.itself else seen < own).float()


class CausalConvolution(nn.Module):
    """A convolution of which an output depends on the inputs of `rows` rows and `columns` columns. The last row is the output's own, or, if
    it looks `above`, the one before. With a `color_mask`, which says what an output may see of its own pixel, the last column is its own;
    else columns go to both sides.
    """

    def __init__(
        self, inputs: int, outputs: int, rows: int, columns: int, *, above: bool = False, color_mask: ColorMask | None = None
    ) -> None:
        super().__init__()
        self.rows, self.columns, self.above, self.color_mask = rows, columns, above, color_mask
        self.left = columns // 2 if color_mask is None else columns - 1
        layer = nn.Conv2d(inputs, outputs, (rows, columns))
        self.weight, self.bias = layer.weight, cast(nn.Parameter, layer.bias)

    def masked_weight(self) -> Float[Tensor, "outputs inputs rows columns"]:
        """The weights, with zeros for what may not be seen."""
        mask = None if self.color_mask is None else self.color_mask.mask(self.weight.device)
        if mask is None:
            return self.weight
        return torch.cat([self.weight[..., :-1], self.weight[..., -1:] * mask[:, :, None, None]], dim=-1)

    def forward(self, x: Maps) -> Maps:
        """(n, inputs, h, w) to (n, outputs, h, w)."""
        if self.above:
            x = x[:, :, :-1]
        top = self.rows - 1 + self.above
        return conv2d(pad(x, (self.left, self.columns - 1 - self.left, top, 0)), self.masked_weight(), self.bias)

    def matrix(self, dtype: torch.dtype) -> tuple[Float[Tensor, "taps outputs"], Float[Tensor, " outputs"]]:
        """Weights and biases for inputs in the order of row, column, channel."""
        weight = self.masked_weight().detach().to(dtype)
        return weight.permute(2, 3, 1, 0).reshape(-1, len(weight)).contiguous(), self.bias.detach().to(dtype)


def gated(x: Float[Tensor, "n _ *where"]) -> Float[Tensor, "n _ *where"]:
    """Half of the channels, as far as the other half lets them through (equation 2 of the paper)."""
    values, gates = x.chunk(2, dim=1)
    return torch.tanh(values) * torch.sigmoid(gates)


class Layer(nn.Module):
    """One step of both stacks (figure 2 of the paper). `colors`: which color each of its inputs, and each of its features, is about. The
    first layer sees pixels, and only earlier ones.
    """

    def __init__(self, colors: tuple[Sequence[int], Sequence[int]], kernel: int, classes: int, *, first: bool) -> None:
        super().__init__()
        before, after = colors
        inputs, width = len(before), len(after)
        self.first = first
        self.vertical = CausalConvolution(inputs, 2 * width, kernel // 2 + (not first), kernel, above=first)
        self.across = nn.Conv2d(2 * width, 2 * width, 1)
        color_mask = ColorMask([*after, *after], before, itself=not first)
        self.horizontal = CausalConvolution(inputs, 2 * width, 1, kernel // 2 + 1, color_mask=color_mask)
        self.last = CausalConvolution(width, width, 1, 1, color_mask=ColorMask(after, after))
        self.embed = nn.Linear(classes, 4 * width, bias=False) if classes else None

    def biases(self, condition: Float[Tensor, "n classes"] | None) -> tuple[Float[Tensor, "_ width"], Float[Tensor, "_ width"]]:
        """What a class adds to both stacks (equation 4 of the paper): for each image, or the same for all."""
        if self.embed is None or condition is None:
            nothing = self.vertical.bias.new_zeros(1, len(self.vertical.bias))
            return nothing, nothing
        vertical, horizontal = self.embed(condition).chunk(2, dim=1)
        return vertical, horizontal

    def forward(self, vertical: Maps, horizontal: Maps, condition: Float[Tensor, "n classes"] | None) -> tuple[Maps, Maps]:
        """Both stacks' next features."""
        above, left = (each[:, :, None, None] for each in self.biases(condition))
        down = self.vertical(vertical)
        found = self.last(gated(self.horizontal(horizontal) + self.across(down) + left))
        return gated(down + above), found if self.first else horizontal + found


class PixelCNN(nn.Module):
    """Predicts each pixel of images. `outputs`: numbers that a prediction has; of each color if `by_color`, and then a color is predicted
    from those before it of the same pixel, too; else of all colors together.
    """

    def __init__(self, channels: int, outputs: int, width: int, layers: int, kernel: int, classes: int, *, by_color: bool) -> None:
        super().__init__()
        self.channels, self.width = channels, width
        colors = range(channels if by_color else 1)
        of_features = [color for color in colors for _ in range(width // len(colors))]
        # a channel of ones, which every output may see, tells where the border is
        of_pixels = [*range(len(colors)), *[0] * (channels - len(colors)), -1]
        self.layers = nn.ModuleList([Layer((of_pixels, of_features), FIRST_KERNEL, classes, first=True)])
        self.layers.extend(Layer((of_features, of_features), kernel, classes, first=False) for _ in range(layers))
        of_outputs = [color for color in colors for _ in range(outputs)]
        self.hidden = CausalConvolution(width, width, 1, 1, color_mask=ColorMask(of_features, of_features))
        self.head = CausalConvolution(width, len(of_outputs), 1, 1, color_mask=ColorMask(of_outputs, of_features))

    def forward(self, images: Float[Tensor, "n c h w"], condition: Float[Tensor, "n classes"] | None = None) -> Maps:
        """Predictions of every pixel, of images in [-1, 1]."""
        x = torch.cat([images, torch.ones_like(images[:, :1])], dim=1)
        vertical = horizontal = x.contiguous(memory_format=torch.channels_last)
        for layer in self.layers:
            vertical, horizontal = layer(vertical, horizontal, condition)
        found = self.head(relu(self.hidden(relu(horizontal))))
        return found if found.dtype == DTYPE else found.float()


class LayerByRow:
    """A layer, and those of its inputs that later pixels need."""

    def __init__(self, layer: Layer, n: int, across: int, condition: Float[Tensor, "n classes"] | None) -> None:
        self.first, self.across = layer.first, across
        vertical, horizontal = layer.vertical, layer.horizontal
        self.down, self.leftward, self.last = (each.matrix(DTYPE) for each in (vertical, horizontal, layer.last))
        device, inputs = vertical.weight.device, vertical.weight.shape[1]
        self.kernel, self.margin = vertical.columns, horizontal.left
        # outside of the image is zero; a row has a margin to the left, and rows above to both sides
        self.above = torch.zeros(n, vertical.rows, across + 2 * vertical.left, inputs, dtype=DTYPE, device=device)
        self.row = torch.zeros(n, self.margin + across, inputs, dtype=DTYPE, device=device)
        weight = layer.across.weight.detach().flatten(1).to(DTYPE).t()
        self.link = weight, cast(Tensor, layer.across.bias).detach().to(DTYPE)
        with torch.no_grad():
            biases = layer.biases(condition)
        self.biases = tuple(each.to(DTYPE)[:, None] for each in biases)
        self.beside: Tensor = self.row

    def take_above(self, row: Float[Tensor, "n w inputs"]) -> None:
        """Vertical inputs go up by a row, and this becomes the last one."""
        self.above[:, :-1] = self.above[:, 1:].clone()
        side = self.kernel // 2
        self.above[:, -1, side : side + self.across] = row

    def look_up(self) -> Float[Tensor, "n w width"]:
        """The vertical stack's features of this row."""
        weight, bias = self.down
        windows = self.above.unfold(2, self.kernel, 1).permute(0, 2, 1, 4, 3)
        down = windows.reshape(-1, len(weight)) @ weight + bias
        weight, bias = self.link
        self.beside = (down @ weight + bias).view(len(self.row), self.across, -1) + self.biases[1]
        down = down.view(len(self.row), self.across, -1) + self.biases[0]
        return gated(down.flatten(0, 1)).view(len(self.row), self.across, -1)

    def look_left(self, column: int) -> Vectors:
        """The horizontal stack's features of a pixel of this row."""
        weight, bias = self.leftward
        window = self.row[:, column : column + self.margin + 1].flatten(1)
        found = torch.addmm(self.beside[:, column] + bias, window, weight)
        weight, bias = self.last
        found = torch.addmm(bias, gated(found), weight)
        return found if self.first else found + self.row[:, self.margin + column]


class RowByRow:
    """Predictions for one pixel after the other, where what was computed of earlier ones is kept. For each row, from the top: `begin_row`,
    for each column `predict` and `set_pixel` (of each color, if the network predicts them one by one), and `end_row`.

    All is in float64: there, the order of sums does not matter for the level that is drawn of a prediction.
    """

    def __init__(self, network: PixelCNN, n: int, across: int, condition: Float[Tensor, "n classes"] | None = None) -> None:
        self.layers = [LayerByRow(cast(Layer, layer), n, across, condition) for layer in network.layers]
        self.hidden, self.head = network.hidden.matrix(DTYPE), network.head.matrix(DTYPE)
        self.channels, self.pixels = network.channels, self.layers[0].row[:, self.layers[0].margin :]
        self.pixels[:, :, -1] = 1.0

    def begin_row(self) -> None:
        """Look at the rows above."""
        found = self.layers[0].look_up()
        for layer in self.layers[1:]:
            layer.take_above(found)
            found = layer.look_up()

    def predict(self, column: int, outputs: slice) -> Vectors:
        """Some numbers of the prediction for a pixel of this row."""
        found = self.layers[0].look_left(column)
        for layer in self.layers[1:]:
            layer.row[:, layer.margin + column] = found
            found = layer.look_left(column)
        weight, bias = self.hidden
        found = torch.addmm(bias, found.clamp(min=0), weight)
        weight, bias = self.head
        return torch.addmm(bias[outputs], found.clamp(min=0), weight[:, outputs])

    def set_pixel(self, column: int, colors: slice, values: Float[Tensor, "n colors"]) -> None:
        """Some colors of a pixel of this row, in [-1, 1]."""
        self.pixels[:, column, : self.channels][:, colors] = values

    def end_row(self) -> Float[Tensor, "n c w"]:
        """Go on to the next row. What this one is."""
        self.layers[0].take_above(self.pixels)
        return self.pixels[:, :, : self.channels].transpose(1, 2).clone()
