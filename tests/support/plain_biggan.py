"""BigGAN's and BigGAN-deep's forward passes as the authors' code reads, on states with its names. Plain, and only to compare with."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, batch_norm, conv2d, interpolate, linear, max_pool2d, normalize, relu

State = dict[str, Tensor]


def weight(state: State, name: str) -> Tensor:
    """Divided by its singular value, by one step of power iteration from the stored vector, as in evaluation."""
    tensor = state[f"{name}.weight"]
    if f"{name}.u0" not in state:
        return tensor
    matrix = tensor.flatten(1)
    v = normalize(state[f"{name}.u0"] @ matrix)
    u = normalize(v @ matrix.t())
    return tensor / (v @ matrix.t() @ u.t()).squeeze()


def conv(state: State, name: str, x: Tensor) -> Tensor:
    kernel = weight(state, name)
    return conv2d(x, kernel, state.get(f"{name}.bias"), padding=kernel.shape[2] // 2)


def norm(state: State, name: str, x: Tensor, y: Tensor) -> Tensor:
    x = batch_norm(x, state[f"{name}.stored_mean"], state[f"{name}.stored_var"], eps=1e-5)
    if y.ndim == 1:  # numbers: each norm has rows for classes
        gain, bias = 1 + state[f"{name}.gain.weight"][y], state[f"{name}.bias.weight"][y]
    else:
        gain, bias = 1 + linear(y, weight(state, f"{name}.gain")), linear(y, weight(state, f"{name}.bias"))
    return x * gain[:, :, None, None] + bias[:, :, None, None]


def attention(state: State, name: str, x: Tensor) -> Tensor:
    n, c, h, w = x.shape
    theta = conv(state, f"{name}.theta", x).view(n, c // 8, h * w)
    phi = max_pool2d(conv(state, f"{name}.phi", x), 2).view(n, c // 8, h * w // 4)
    g = max_pool2d(conv(state, f"{name}.g", x), 2).view(n, c // 2, h * w // 4)
    beta = torch.softmax(theta.transpose(1, 2) @ phi, dim=-1)
    return state[f"{name}.gamma"] * conv(state, f"{name}.o", (g @ beta.transpose(1, 2)).view(n, c // 2, h, w)) + x


def doubled(x: Tensor) -> Tensor:
    return interpolate(x, scale_factor=2)


def lists(state: State) -> list[list[str]]:
    found: list[list[str]] = []
    while any(name.startswith(f"blocks.{len(found)}.0.") for name in state):
        places: list[str] = []
        while any(name.startswith(f"blocks.{len(found)}.{len(places)}.") for name in state):
            places.append(f"blocks.{len(found)}.{len(places)}")
        found.append(places)
    return found


def plain_generator(state: State, z: Tensor, label: Tensor, *, hierarchical: bool, depth: int) -> Tensor:
    """BigGAN-deep's generator has a list for each of its blocks, of which every `depth`-th doubles the side."""
    y = state["shared.weight"][label] if "shared.weight" in state else label
    ys = [y] * len(lists(state))
    if hierarchical and depth:
        z = torch.cat([y, z], dim=1)
        ys = [z] * len(ys)
    elif hierarchical:
        z, *chunks = z.chunk(len(ys) + 1, dim=1)
        ys = [torch.cat([y, chunk], dim=1) for chunk in chunks]
    h = linear(z, weight(state, "linear"), state["linear.bias"])
    h = h.view(len(z), -1, 4, 4)
    for number, (places, y) in enumerate(zip(lists(state), ys, strict=True)):
        for place in places:
            if f"{place}.gamma" in state:
                h = attention(state, place, h)
            elif depth:
                x, doubles = h, number % depth == depth - 1
                h = relu(norm(state, f"{place}.bn2", conv(state, f"{place}.conv1", relu(norm(state, f"{place}.bn1", h, y))), y))
                x = x[:, : state[f"{place}.conv4.weight"].shape[0]]
                h, x = (doubled(h), doubled(x)) if doubles else (h, x)
                h = conv(state, f"{place}.conv3", relu(norm(state, f"{place}.bn3", conv(state, f"{place}.conv2", h), y)))
                h = conv(state, f"{place}.conv4", relu(norm(state, f"{place}.bn4", h, y))) + x
            else:
                x = doubled(h)
                h = conv(state, f"{place}.conv1", doubled(relu(norm(state, f"{place}.bn1", h, y))))
                h = conv(state, f"{place}.conv2", relu(norm(state, f"{place}.bn2", h, y))) + conv(state, f"{place}.conv_sc", x)
    last = "output_layer.0"
    h = batch_norm(h, *(state[f"{last}.{name}"] for name in ("stored_mean", "stored_var", "gain", "bias")), eps=1e-5)
    return conv(state, "output_layer.2", relu(h)).tanh()


def plain_discriminator(state: State, x: Tensor, label: Tensor, *, halvings: int) -> Tensor:
    deep = "input_conv.weight" in state
    h = conv(state, "input_conv", x) if deep else x
    for stage, places in enumerate(lists(state)):
        for i, place in enumerate(places):
            halves = stage < halvings and i == 0
            if f"{place}.gamma" in state:
                h = attention(state, place, h)
            elif deep:
                x = avg_pool2d(h, 2) if halves else h
                h = conv(state, f"{place}.conv2", relu(conv(state, f"{place}.conv1", relu(h))))
                h = relu(conv(state, f"{place}.conv3", relu(h)))
                h = conv(state, f"{place}.conv4", avg_pool2d(h, 2) if halves else h)
                if f"{place}.conv_sc.weight" in state:
                    x = torch.cat([x, conv(state, f"{place}.conv_sc", x)], dim=1)
                h = h + x
            else:
                x = h
                if f"{place}.conv_sc.weight" in state and stage > 0:
                    x = conv(state, f"{place}.conv_sc", x)
                x = avg_pool2d(x, 2) if halves else x
                if f"{place}.conv_sc.weight" in state and stage == 0:  # the first block pools before its 1x1
                    x = conv(state, f"{place}.conv_sc", x)
                h = conv(state, f"{place}.conv2", relu(conv(state, f"{place}.conv1", relu(h) if stage else h)))
                h = (avg_pool2d(h, 2) if halves else h) + x
    features = relu(h).sum(dim=(2, 3))
    logits = linear(features, weight(state, "linear"), state["linear.bias"])
    return logits + (weight(state, "embed")[label] * features).sum(dim=1, keepdim=True)


def random_generator(
    widths: tuple[int, ...],
    channels: int,
    latent_size: int,
    classes: int,
    *,
    shared: int,
    hierarchical: bool,
    depth: int,
    attended: int,
    normalized: bool = True,
) -> State:
    """Random weights under the names that the authors' generator has (in BigGANdeep.py with a list for each block). `shared` 0: rows for
    classes in each norm. `depth` 0: BigGAN.
    """
    chunk = latent_size if depth else latent_size // len(widths)
    chunk = chunk if hierarchical else 0
    state: State = {}

    def layer(name: str, *shape: int, bias: bool = True) -> None:
        state[f"{name}.weight"] = torch.randn(shape) / 4
        if bias:
            state[f"{name}.bias"] = torch.randn(shape[0]) / 4
        if normalized:
            state[f"{name}.u0"], state[f"{name}.sv0"] = torch.randn(1, shape[0]), torch.ones(1)

    def bn(name: str, width: int) -> None:
        if shared:
            layer(f"{name}.gain", width, shared + chunk, bias=False)
            layer(f"{name}.bias", width, shared + chunk, bias=False)
        else:
            state[f"{name}.gain.weight"], state[f"{name}.bias.weight"] = torch.randn(classes, width) / 4, torch.randn(classes, width) / 4
        state[f"{name}.stored_mean"], state[f"{name}.stored_var"] = torch.randn(width) / 4, torch.rand(width) + 0.5

    if shared:
        state["shared.weight"] = torch.randn(classes, shared)
    layer("linear", widths[0] * 16, shared + latent_size if hierarchical and depth else chunk or latent_size)
    for stage in range(len(widths) - 1):
        before, after = widths[stage], widths[stage + 1]
        for i in range(max(1, depth)):
            place = f"blocks.{max(1, depth) * stage + i}.0"
            if depth:
                end, hidden = (after if i else before), before // 4
                shapes = ((hidden, before, 1, 1), (hidden, hidden, 3, 3), (hidden, hidden, 3, 3), (end, hidden, 1, 1))
                for number, (shape, width) in enumerate(zip(shapes, (before, hidden, hidden, hidden), strict=True), start=1):
                    layer(f"{place}.conv{number}", *shape)
                    bn(f"{place}.bn{number}", width)
            else:
                layer(f"{place}.conv1", after, before, 3, 3)
                layer(f"{place}.conv2", after, after, 3, 3)
                layer(f"{place}.conv_sc", after, before, 1, 1)
                bn(f"{place}.bn1", before)
                bn(f"{place}.bn2", after)
        if stage == attended:
            random_attention(state, layer, f"{place.removesuffix('.0')}.1", after)
    last = widths[-1]
    for name in ("gain", "bias", "stored_mean"):
        state[f"output_layer.0.{name}"] = torch.randn(last) / 4
    state["output_layer.0.stored_var"] = torch.rand(last) + 0.5
    layer("output_layer.2", channels, last, 3, 3)
    return state


def random_attention(state: State, layer: Callable[..., None], place: str, width: int) -> None:
    for name, after in (("theta", width // 8), ("phi", width // 8), ("g", width // 2)):
        layer(f"{place}.{name}", after, width, 1, 1, bias=False)
    layer(f"{place}.o", width, width // 2, 1, 1, bias=False)
    state[f"{place}.gamma"] = torch.tensor(0.7)


def random_discriminator(widths: tuple[int, ...], channels: int, classes: int, *, halvings: int, depth: int, attended: int) -> State:
    state: State = {}

    def layer(name: str, *shape: int, bias: bool = True) -> None:
        state[f"{name}.weight"] = torch.randn(shape) / 4
        if bias:
            state[f"{name}.bias"] = torch.randn(shape[0]) / 4
        state[f"{name}.u0"], state[f"{name}.sv0"] = torch.randn(1, shape[0]), torch.ones(1)

    if depth:
        layer("input_conv", widths[0], channels, 3, 3)
    sizes = widths if depth else (channels, *widths)
    for stage in range(len(sizes) - 1):
        before, after = sizes[stage], sizes[stage + 1]
        for i in range(max(1, depth)):
            place, before = f"blocks.{stage}.{i}", after if i else before
            if depth:
                hidden = after // 4
                layer(f"{place}.conv1", hidden, before, 1, 1)
                layer(f"{place}.conv2", hidden, hidden, 3, 3)
                layer(f"{place}.conv3", hidden, hidden, 3, 3)
                layer(f"{place}.conv4", after, hidden, 1, 1)
                if before != after:
                    layer(f"{place}.conv_sc", after - before, before, 1, 1)
            else:
                layer(f"{place}.conv1", after, before, 3, 3)
                layer(f"{place}.conv2", after, after, 3, 3)
                if before != after or stage < halvings:
                    layer(f"{place}.conv_sc", after, before, 1, 1)
        if stage == attended:
            random_attention(state, layer, f"blocks.{stage}.{max(1, depth)}", after)
    layer("linear", 1, widths[-1])
    layer("embed", classes, widths[-1], bias=False)
    return state
