"""StyleGAN2's networks the plain way: what NVIDIA's code does on a CPU, written as its equations read. Slow, and only to compare with.

Each sample has its own modulated weights, in one grouped convolution; filtering puts zeros between places, pads, convolves and takes every
second place, one after the other. Parameters have NVIDIA's names, so that a state of theirs fits."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, leaky_relu, pad


def square_filter() -> Float[Tensor, "4 4"]:
    row = torch.tensor([1.0, 3.0, 3.0, 1.0])
    return torch.outer(row, row) / 64


def upfirdn(x: Tensor, filter_: Tensor, up: int, down: int, before: int, after: int, gain: float) -> Tensor:
    """Zeros between places, padding, the filter, and every `down`th place of that."""
    n, channels, height, width = x.shape
    x = pad(x.reshape(n, channels, height, 1, width, 1), (0, up - 1, 0, 0, 0, up - 1)).reshape(n, channels, height * up, width * up)
    x = pad(x, (before, after, before, after))
    kernel = (filter_ * gain).flip(0, 1).expand(channels, 1, -1, -1)
    return conv2d(x, kernel, groups=channels)[:, :, ::down, ::down]


def bias_act(x: Tensor, bias: Tensor | None, activation: str, gain: float = 1.0, clamp: float | None = None) -> Tensor:
    if bias is not None:
        x = x + bias.view(1, -1, *[1] * (x.ndim - 2))
    x = gain * (math.sqrt(2) * leaky_relu(x, 0.2) if activation == "lrelu" else x)
    return x if clamp is None else x.clamp(-clamp * gain, clamp * gain)


class FullyConnectedLayer(nn.Module):
    def __init__(self, inputs: int, outputs: int, activation: str = "linear", lr_multiplier: float = 1.0, bias_init: float = 0.0) -> None:
        super().__init__()
        self.activation = activation
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / lr_multiplier)
        self.bias = nn.Parameter(torch.full((outputs,), float(bias_init)))
        self.weight_gain, self.bias_gain = lr_multiplier / math.sqrt(inputs), lr_multiplier

    def forward(self, x: Tensor) -> Tensor:
        return bias_act(x @ (self.weight * self.weight_gain).t(), self.bias * self.bias_gain, self.activation)


class Conv2dLayer(nn.Module):
    def __init__(
        self,
        before: int,
        after: int,
        kernel: int,
        *,
        bias: bool = True,
        activation: str = "linear",
        up: int = 1,
        down: int = 1,
        conv_clamp: float | None = None,
    ) -> None:
        super().__init__()
        self.activation, self.up, self.down, self.conv_clamp = activation, up, down, conv_clamp
        self.weight = nn.Parameter(torch.randn(after, before, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(after)) if bias else None
        self.weight_gain = 1 / math.sqrt(before * kernel**2)
        self.register_buffer("resample_filter", square_filter())

    def forward(self, x: Tensor, gain: float = 1.0) -> Tensor:
        weight = self.weight * self.weight_gain
        padding = weight.shape[2] // 2
        if self.up == 2:  # the skip of a residual generator: 1x1
            x = upfirdn(conv2d(x, weight), self.resample_filter, 2, 1, 2, 1, 4)
        elif self.down == 2 and padding == 0:
            x = conv2d(upfirdn(x, self.resample_filter, 1, 2, 1, 1, 1), weight)
        elif self.down == 2:
            x = conv2d(upfirdn(x, self.resample_filter, 1, 1, 2, 2, 1), weight, stride=2)
        else:
            x = conv2d(x, weight, padding=padding)
        return bias_act(x, self.bias, self.activation, gain, self.conv_clamp)


def modulated_conv2d(
    x: Tensor, weight: Tensor, styles: Tensor, *, demodulate: bool, up: bool = False, filter_: Tensor | None = None
) -> Tensor:
    """Equations 1 and 3 of the paper, as they are written: weights of each sample's own."""
    n, channels, height, width = x.shape
    after, _, kernel, _ = weight.shape
    own = weight[None] * styles[:, None, :, None, None]
    if demodulate:
        own = own * (own.square().sum(dim=(2, 3, 4), keepdim=True) + 1e-8).rsqrt()
    x = x.reshape(1, n * channels, height, width)
    if up:
        assert filter_ is not None
        x = conv_transpose2d(x, own.transpose(1, 2).reshape(n * channels, after, kernel, kernel), stride=2, groups=n)
        x = upfirdn(x, filter_, 1, 1, 1, 1, 4)
    else:
        x = conv2d(x, own.reshape(n * after, channels, kernel, kernel), padding=kernel // 2, groups=n)
    return x.reshape(n, after, *x.shape[2:])


class SynthesisLayer(nn.Module):
    def __init__(
        self, before: int, after: int, w_dim: int, resolution: int, *, up: int = 1, use_noise: bool = True, conv_clamp: float | None
    ) -> None:
        super().__init__()
        self.resolution, self.up, self.use_noise, self.conv_clamp, self.activation = resolution, up, use_noise, conv_clamp, "lrelu"
        self.affine = FullyConnectedLayer(w_dim, before, bias_init=1)
        self.weight = nn.Parameter(torch.randn(after, before, 3, 3))
        if use_noise:
            self.register_buffer("noise_const", torch.randn(resolution, resolution))
            self.noise_strength = nn.Parameter(torch.zeros([]))
        self.bias = nn.Parameter(torch.zeros(after))
        self.register_buffer("resample_filter", square_filter())

    def forward(self, x: Tensor, w: Tensor, noise_mode: str, gain: float = 1.0) -> Tensor:
        x = modulated_conv2d(x, self.weight, self.affine(w), demodulate=True, up=self.up == 2, filter_=self.resample_filter)
        if self.use_noise and noise_mode == "const":
            x = x + self.noise_const * self.noise_strength
        elif self.use_noise and noise_mode == "random":
            x = x + torch.randn(len(x), 1, self.resolution, self.resolution) * self.noise_strength
        return bias_act(x, self.bias, "lrelu", gain, self.conv_clamp)


class ToRGBLayer(nn.Module):
    def __init__(self, before: int, channels: int, w_dim: int, conv_clamp: float | None) -> None:
        super().__init__()
        self.conv_clamp = conv_clamp
        self.affine = FullyConnectedLayer(w_dim, before, bias_init=1)
        self.weight = nn.Parameter(torch.randn(channels, before, 1, 1))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.weight_gain = 1 / math.sqrt(before)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        x = modulated_conv2d(x, self.weight, self.affine(w) * self.weight_gain, demodulate=False)
        return bias_act(x, self.bias, "linear", 1.0, self.conv_clamp)


class SynthesisBlock(nn.Module):
    def __init__(
        self, before: int, after: int, w_dim: int, resolution: int, channels: int, architecture: str, *, is_last: bool, **layer: object
    ) -> None:
        super().__init__()
        self.architecture, self.in_channels = architecture, before
        self.register_buffer("resample_filter", square_filter())
        self.num_conv = 1 if before == 0 else 2
        if before == 0:
            self.const = nn.Parameter(torch.randn(after, resolution, resolution))
        else:
            self.conv0 = SynthesisLayer(before, after, w_dim, resolution, up=2, **layer)  # pyright: ignore[reportArgumentType]
        self.conv1 = SynthesisLayer(after, after, w_dim, resolution, **layer)  # pyright: ignore[reportArgumentType]
        self.torgb = ToRGBLayer(after, channels, w_dim, layer["conv_clamp"]) if is_last or architecture == "skip" else None  # pyright: ignore[reportArgumentType]
        if before and architecture == "resnet":
            self.skip = Conv2dLayer(before, after, 1, bias=False, up=2)

    def forward(self, x: Tensor | None, image: Tensor | None, ws: Tensor, noise_mode: str) -> tuple[Tensor, Tensor | None]:
        if x is None:
            x = self.conv1(self.const.expand(len(ws), -1, -1, -1), ws[:, 0], noise_mode)
        elif self.architecture == "resnet":
            y = self.skip(x, gain=math.sqrt(0.5))
            x = self.conv0(x, ws[:, 0], noise_mode)
            x = y + self.conv1(x, ws[:, 1], noise_mode, gain=math.sqrt(0.5))
        else:
            x = self.conv1(self.conv0(x, ws[:, 0], noise_mode), ws[:, 1], noise_mode)
        if image is not None:
            image = upfirdn(image, self.resample_filter, 2, 1, 2, 1, 4)
        if self.torgb is not None:
            y = self.torgb(x, ws[:, self.num_conv])
            image = y if image is None else image + y
        return x, image


class MappingNetwork(nn.Module):
    def __init__(
        self, z_dim: int, c_dim: int, w_dim: int, num_layers: int, *, embed_features: int | None = None, layer_features: int | None = None
    ) -> None:
        super().__init__()
        self.z_dim, self.c_dim, self.w_dim, self.num_layers = z_dim, c_dim, w_dim, num_layers
        embedding = (embed_features or w_dim) if c_dim else 0
        if c_dim:
            self.embed = FullyConnectedLayer(c_dim, embedding)
        sizes = [z_dim + embedding, *[layer_features or w_dim] * (num_layers - 1), w_dim]
        for i in range(num_layers):
            setattr(self, f"fc{i}", FullyConnectedLayer(sizes[i], sizes[i + 1], "lrelu", 0.01))
        if z_dim:
            self.register_buffer("w_avg", torch.zeros(w_dim))

    def forward(self, z: Tensor | None, c: Tensor | None) -> Tensor:
        def normal(x: Tensor) -> Tensor:
            return x / (x.square().mean(dim=1, keepdim=True) + 1e-8).sqrt()

        parts = [] if z is None else [normal(z)]
        if c is not None:
            parts.append(normal(self.embed(c)))
        x = torch.cat(parts, dim=1)
        for i in range(self.num_layers):
            x = getattr(self, f"fc{i}")(x)
        return x


class SynthesisNetwork(nn.Module):
    def __init__(
        self,
        widths: Sequence[int],
        channels: int,
        w_dim: int,
        architecture: str,
        *,
        use_noise: bool = True,
        conv_clamp: float | None = None,
    ) -> None:
        super().__init__()
        for i, after in enumerate(widths):
            block = SynthesisBlock(
                widths[i - 1] if i else 0,
                after,
                w_dim,
                4 << i,
                channels,
                architecture,
                is_last=i == len(widths) - 1,
                use_noise=use_noise,
                conv_clamp=conv_clamp,
            )
            setattr(self, f"b{4 << i}", block)
        self.num_ws = 2 * len(widths)

    def forward(self, ws: Tensor, noise_mode: str = "const") -> Tensor:
        x, image, used = None, None, 0
        for block in self.children():
            x, image = block(x, image, ws[:, used:], noise_mode)
            used += block.num_conv  # pyright: ignore[reportOperatorIssue]
        assert image is not None
        return image


class Generator(nn.Module):
    def __init__(
        self,
        widths: Sequence[int],
        channels: int,
        z_dim: int,
        w_dim: int,
        c_dim: int = 0,
        architecture: str = "skip",
        num_layers: int = 8,
        mapping: dict[str, int] | None = None,
        **synthesis: object,
    ) -> None:
        super().__init__()
        self.z_dim, self.c_dim, self.w_dim, self.img_resolution, self.img_channels = z_dim, c_dim, w_dim, 2 << len(widths), channels
        self.synthesis = SynthesisNetwork(widths, channels, w_dim, architecture, **synthesis)  # pyright: ignore[reportArgumentType]
        self.mapping = MappingNetwork(z_dim, c_dim, w_dim, num_layers, **(mapping or {}))

    def forward(self, z: Tensor, c: Tensor | None = None, noise_mode: str = "const") -> Tensor:
        return self.synthesis(self.mapping(z, c)[:, None].repeat(1, self.synthesis.num_ws, 1), noise_mode)


class DiscriminatorBlock(nn.Module):
    def __init__(self, before: int, hidden: int, after: int, channels: int, architecture: str, conv_clamp: float | None) -> None:
        super().__init__()
        self.architecture = architecture
        self.register_buffer("resample_filter", square_filter())
        if before == 0 or architecture == "skip":
            self.fromrgb = Conv2dLayer(channels, hidden, 1, activation="lrelu", conv_clamp=conv_clamp)
        self.conv0 = Conv2dLayer(hidden, hidden, 3, activation="lrelu", conv_clamp=conv_clamp)
        self.conv1 = Conv2dLayer(hidden, after, 3, activation="lrelu", down=2, conv_clamp=conv_clamp)
        if architecture == "resnet":
            self.skip = Conv2dLayer(hidden, after, 1, bias=False, down=2)

    def forward(self, x: Tensor | None, image: Tensor) -> tuple[Tensor, Tensor]:
        if hasattr(self, "fromrgb"):
            y = self.fromrgb(image)
            x = y if x is None else x + y
            image = upfirdn(image, self.resample_filter, 1, 2, 1, 1, 1)
        if self.architecture == "resnet":
            return self.skip(x, gain=math.sqrt(0.5)) + self.conv1(self.conv0(x), gain=math.sqrt(0.5)), image
        return self.conv1(self.conv0(x)), image


class MinibatchStdLayer(nn.Module):
    def __init__(self, group_size: int | None, num_channels: int) -> None:
        super().__init__()
        self.group_size, self.num_channels = group_size, num_channels

    def forward(self, x: Tensor) -> Tensor:
        n, channels, height, width = x.shape
        size = n if self.group_size is None else min(self.group_size, n)
        groups = x.reshape(size, n // size, self.num_channels, channels // self.num_channels, height, width)
        deviation = ((groups - groups.mean(dim=0)).square().mean(dim=0) + 1e-8).sqrt().mean(dim=(2, 3, 4))
        return torch.cat([x, deviation[:, :, None, None].repeat(size, 1, height, width)], dim=1)


class DiscriminatorEpilogue(nn.Module):
    def __init__(
        self,
        width: int,
        cmap_dim: int,
        channels: int,
        architecture: str,
        conv_clamp: float | None,
        group_size: int | None,
        num_channels: int,
    ) -> None:
        super().__init__()
        self.architecture = architecture
        if architecture == "skip":
            self.fromrgb = Conv2dLayer(channels, width, 1, activation="lrelu")
        self.mbstd = MinibatchStdLayer(group_size, num_channels)
        self.conv = Conv2dLayer(width + num_channels, width, 3, activation="lrelu", conv_clamp=conv_clamp)
        self.fc = FullyConnectedLayer(width * 16, width, "lrelu")
        self.out = FullyConnectedLayer(width, cmap_dim or 1)

    def forward(self, x: Tensor, image: Tensor, told: Tensor | None) -> Tensor:
        if self.architecture == "skip":
            x = x + self.fromrgb(image)
        x = self.out(self.fc(self.conv(self.mbstd(x)).flatten(1)))
        return x if told is None else (x * told).sum(dim=1, keepdim=True) / math.sqrt(told.shape[1])


class Discriminator(nn.Module):
    def __init__(
        self,
        widths: Sequence[int],
        channels: int,
        c_dim: int = 0,
        architecture: str = "resnet",
        cmap_dim: int | None = None,
        conv_clamp: float | None = None,
        group_size: int | None = 4,
        num_channels: int = 1,
        mapping: dict[str, int] | None = None,
    ) -> None:
        super().__init__()
        cmap_dim = (cmap_dim or widths[0]) if c_dim else 0
        self.c_dim, self.img_resolution, self.img_channels = c_dim, 2 << len(widths), channels
        for i in range(len(widths) - 1, 0, -1):
            first = 0 if i == len(widths) - 1 else widths[i]
            setattr(self, f"b{4 << i}", DiscriminatorBlock(first, widths[i], widths[i - 1], channels, architecture, conv_clamp))
        if c_dim:
            self.mapping = MappingNetwork(0, c_dim, cmap_dim, **{"num_layers": 8, **(mapping or {})})
        self.b4 = DiscriminatorEpilogue(widths[0], cmap_dim, channels, architecture, conv_clamp, group_size, num_channels)

    def forward(self, image: Tensor, c: Tensor | None = None) -> Tensor:
        x = None
        for name, block in self.named_children():
            if name not in {"mapping", "b4"}:
                x, image = block(x, image)
        return self.b4(x, image, self.mapping(None, c) if self.c_dim else None)
