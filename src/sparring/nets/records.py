"""medGAN's networks (Choi et al. 2017): an autoencoder of records, a generator in its code space, and a discriminator of records."""

import itertools

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, relu, sigmoid, tanh

BATCH_NORM_MOMENTUM = 0.01
"""How far running statistics move in a step (the authors' decay of 0.99)."""


class Encoder(nn.Module):
    """Codes in [-1, 1] of records: one layer (section 3.2; the authors' default has no hidden ones)."""

    def __init__(self, width: int, code_size: int) -> None:
        super().__init__()
        self.layer = nn.Linear(width, code_size)

    def forward(self, records: Float[Tensor, "n width"]) -> Float[Tensor, "n code"]:
        """Codes from indicators."""
        return tanh(self.layer(records))


class Decoder(nn.Module):
    """Logits of indicators from codes: one layer, times `sharpness`. Where logits are large, codes alone decide what comes, and rules that
    hold in all patients are learned sooner.
    """

    def __init__(self, code_size: int, width: int, sharpness: float) -> None:
        super().__init__()
        self.layer = nn.Linear(code_size, width)
        self.sharpness = sharpness

    def forward(self, codes: Float[Tensor, "n code"]) -> Float[Tensor, "n width"]:
        """Logits: of each indicator, given that the one below it is there."""
        return self.sharpness * self.layer(codes)

    def begin_at(self, chances: Float[Tensor, " width"]) -> None:
        """Set biases so that indicators are drawn about as often as in the data. `chances`: of each, given the one below it."""
        with torch.no_grad():
            self.layer.bias.copy_(torch.logit(chances.float(), 1e-4) / self.sharpness)


class Generator(nn.Module):
    """Codes from latents of the same size: each layer (linear, batch norm, rectifier; the last with tanh) is added to what it saw
    (section 3.4: shortcut connections and batch norm).
    """

    def __init__(self, code_size: int, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(code_size, code_size, bias=False) for _ in range(layers))
        self.norms = nn.ModuleList(nn.BatchNorm1d(code_size, momentum=BATCH_NORM_MOMENTUM) for _ in range(layers))

    def forward(self, latents: Float[Tensor, "n code"]) -> Float[Tensor, "n code"]:
        """Codes from latents."""
        x = latents
        for number, (layer, norm) in enumerate(zip(self.layers, self.norms, strict=True)):
            activation = tanh if number + 1 == len(self.layers) else relu
            x = x + activation(norm(layer(x)))
        return x


class Discriminator(nn.Module):
    """One logit for each record and the mean of its batch beside it."""

    def __init__(self, width: int, hidden: tuple[int, ...]) -> None:
        super().__init__()
        sizes = (2 * width, *hidden)
        self.layers = nn.ModuleList(nn.Linear(before, after) for before, after in itertools.pairwise(sizes))
        self.head = nn.Linear(sizes[-1], 1)

    def forward(self, shown: Float[Tensor, "n twice"], condition: None = None) -> Float[Tensor, "n 1"]:
        """Logits. There is no condition."""
        x = shown
        for layer in self.layers:
            x = leaky_relu(layer(x), 0.2)
        return self.head(x)


def beside_mean(records: Float[Tensor, "n width"]) -> Float[Tensor, "n twice"]:
    """Records with the mean of all of them beside each (section 3.3: minibatch averaging)."""
    return torch.cat([records, records.mean(dim=0, keepdim=True).expand_as(records)], dim=1)


class Indicators(nn.Module):
    """Draws indicators, each with its chance, where the one below it is there. Gradients go straight through to the relaxed indicators of
    Maddison et al. (2017), at `temperature`.
    """

    def __init__(self, previous: Int64[Tensor, " width"], temperature: float) -> None:
        super().__init__()
        self.previous, self.temperature = previous, temperature
        self.steps = ladder_steps(previous.tolist())

    def forward(self, logits: Float[Tensor, "n width"], noise: Float[Tensor, "n width"]) -> Float[Tensor, "n width"]:
        """Indicators, 0 or 1. `noise`: uniform in [-1, 1)."""
        noisy = logits + logistic(noise)
        hard = (noisy > 0).to(logits.dtype)
        if torch.is_grad_enabled() and logits.requires_grad:
            soft = sigmoid(noisy / self.temperature)
            hard = hard + (soft - soft.detach())  # exactly 0 or 1
        return climbed(hard, self.steps)

    def chances(self, logits: Float[Tensor, "n width"]) -> Float[Tensor, "n width"]:
        """The chance of each indicator."""
        return climbed(sigmoid(logits), self.steps)


def logistic(noise: Float[Tensor, "n width"]) -> Float[Tensor, "n width"]:
    """Numbers of the logistic distribution from ones that are uniform in [-1, 1)."""
    return torch.logit(((noise + 1) / 2).clamp(1e-6, 1 - 1e-6))


def climbed(values: Float[Tensor, "n width"], steps: list[tuple[Tensor, Tensor]]) -> Float[Tensor, "n width"]:
    """Each number times those of all indicators below it. `steps`: see `ladder_steps`."""
    for pair in steps:
        places, below = (each.to(values.device) for each in pair)
        values = values.index_copy(1, places, values[:, places] * values[:, below])
    return values


def ladder_steps(previous: list[int]) -> list[tuple[Tensor, Tensor]]:
    """Places of the second indicators of all items and of those below them, then of the third, and so on."""
    level = [0] * len(previous)
    for place, below in enumerate(previous):
        level[place] = 0 if below < 0 else level[below] + 1
    found = []
    with torch.device("cpu"):  # they are no weights, and have values where weights have none yet
        for height in range(1, max(level) + 1):
            places = [place for place, own in enumerate(level) if own == height]
            found.append((torch.tensor(places), torch.tensor([previous[place] for place in places])))
    return found
