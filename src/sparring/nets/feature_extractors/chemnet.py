"""ChemNet: 512 features of a molecule, from its SMILES (Mayr et al. 2018), for the Fréchet ChemNet distance (Preuer et al. 2018).

The weights are those in the package fcd-torch (MIT), which the extra `molecules` installs. They are read as numbers: nothing in the file,
and nothing in the package, is executed.
"""

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import conv1d, pad, selu

from sparring.core.errors import CheckpointError, missing_extra

FEATURES, LONGEST = 512, 350
FILE = "ChemNet_v0.13_pretrained.pt"
SYMBOLS = (
    *("C", "N", "O", "H", "F", "Cl", "P", "B", "Br", "S", "I", "Si", "#", "(", ")", "+", "-"),
    *("1", "2", "3", "4", "5", "6", "7", "8", "=", "[", "]", "@", "c", "n", "o", "s", "X", "."),
)
"""What the network reads: X stands for all other symbols, and . is the end."""
SECOND_LETTERS = frozenset("ril")
SAME = ((1, 1), (1, 2))
"""Zeros before and after the input of each convolution, so that it gives half as many numbers, rounded up."""


class ChemNet(nn.Module):
    """Two convolutions, and two LSTMs that read in turn from either end."""

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = nn.ParameterList([torch.zeros(32, len(SYMBOLS), 4), torch.zeros(32, 32, 4)])
        self.recurrent = nn.ModuleList([nn.LSTM(32, 128, batch_first=True), nn.LSTM(128, FEATURES, batch_first=True)])

    def forward(self, symbols: Float[Tensor, "n symbols length"]) -> Float[Tensor, "n features"]:
        """Features of one-hot symbols (see `symbols_of`)."""
        x = symbols / len(SYMBOLS)
        for zeros, weight in zip(SAME, self.convolutions, strict=True):
            x = selu(conv1d(pad(x, zeros), weight, stride=2))
        x = x.transpose(1, 2)
        for layer in self.recurrent:
            x, _ = layer(x.flip(1))
        return x[:, -1]


def symbols_of(smiles: Sequence[str]) -> Float[Tensor, "n symbols length"]:
    """Canonical SMILES as one-hot symbols, up to the end of the first molecule in each."""
    found = torch.zeros(len(smiles), len(SYMBOLS), LONGEST)
    place = {symbol: number for number, symbol in enumerate(SYMBOLS)}
    for row, text in enumerate(smiles):
        at = column = 0
        while at < len(text) and text[at] != "." and column < LONGEST - 1:
            width = 2 if text[at + 1 : at + 2] in SECOND_LETTERS and at + 1 < len(text) else 1
            found[row, place.get(text[at : at + width], place["X"]), column] = 1
            at, column = at + width, column + 1
        found[row, place["."], column] = 1
    return found


def weights_file() -> Path:
    """The installed weights. Raises the error for a missing extra."""
    package = importlib.util.find_spec("fcd_torch")
    if package is None or package.origin is None:
        raise missing_extra("fcd-torch", "molecules", "The Fréchet ChemNet distance")
    return Path(package.origin).parent / FILE


def load(path: Path) -> ChemNet:
    """The network with the weights of a file. Raises a CheckpointError for a file that is none."""
    network = ChemNet()
    try:
        layers = [entry[1][0] for entry in torch.load(path, map_location="cpu", weights_only=True)]
        weights = [each["weight"] for each in layers[:2]]
        with torch.no_grad():
            for own, given in zip(network.convolutions, weights, strict=True):
                own.copy_(given)
        for layer, given in zip(network.recurrent, layers[2:], strict=True):
            layer.load_state_dict(given)
    except FileNotFoundError:
        raise CheckpointError(f"There is no weights file at {path}. Check the path.") from None
    except Exception as problem:  # whatever torch raises for other files
        raise CheckpointError(f"{path} does not hold ChemNet's weights: {str(problem).partition(chr(10))[0]}") from None
    return network.requires_grad_(False).eval()
