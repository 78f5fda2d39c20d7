"""A small network that learns the classes of the very data that is judged: it sees what ImageNet's networks have no name for."""

import contextlib
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int64
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad

from sparring.core.errors import DataError
from sparring.core.files import cache_folder, replacing
from sparring.core.hardware import has_fast_bfloat16, keep_freed_memory
from sparring.core.random_streams import Streams
from sparring.data.source import key_of
from sparring.data.store import Store
from sparring.nets.feature_extractors.resize import resize

VERSION = 1
"""Of network and training: whatever changes them changes this."""
SIDE, FEATURES = 32, 64
CENTER = SCALE = 127.5
RESIZE = "bicubic, antialiased"
HELD_OUT = 0.15
EPOCHS, MOST_STEPS, BATCH, RATE, SHIFT = 50, 10_000, 100, 4e-3, 2
PIECE = 500


class Classifier(nn.Module):
    """64 features, and logits of the data's classes."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *_convolution(channels, 32),
            nn.MaxPool2d(2),
            *_convolution(32, 64),
            *_convolution(64, 64),
            nn.MaxPool2d(2),
            nn.Dropout2d(0.1),
            *_convolution(64, 72),
            *_convolution(72, 72),
            nn.MaxPool2d(2),
            nn.Dropout2d(0.1),
            *_convolution(72, FEATURES),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.classify = nn.Sequential(nn.Dropout(0.2), nn.Linear(FEATURES, classes))

    def forward(self, images: Float[Tensor, "n c 32 32"]) -> tuple[Float[Tensor, "n 64"], Float[Tensor, "n classes"]]:
        """Of images in [-1, 1]."""
        features = self.layers(images)
        return features, self.classify(features)


def _convolution(before: int, after: int) -> list[nn.Module]:
    return [nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]


@dataclass(frozen=True)
class Trained:
    """A classifier that has learned, and how well."""

    network: Classifier
    accuracy: float
    """Share of the held-out images that it names rightly."""
    held_out: int
    """How many those are."""
    file: Path


def split(labels: Int64[np.ndarray, " n"]) -> tuple[Int64[np.ndarray, " training"], Int64[np.ndarray, " held_out"]]:
    """Numbers of the images to train on and of those held out: the last 15 % of each class, and at least one of each that has two."""
    by_class = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    counts = [0 if len(numbers) < 2 else max(1, round(HELD_OUT * len(numbers))) for numbers in by_class]
    training, held_out = zip(
        *(np.split(numbers, [len(numbers) - count]) for numbers, count in zip(by_class, counts, strict=True)), strict=True
    )
    return np.concatenate(training), np.concatenate(held_out)


def trained(store: Store) -> Trained:
    """The classifier of that data: out of the cache, or trained now, which takes minutes. A DataError for data without classes."""
    if store.labels is None or len(store.spec.classes) < 2:
        raise DataError("A classifier can only be trained on data with two classes or more. Use folders as classes, or a labels.csv.")
    training, held_out = split(store.labels)
    if not len(held_out):
        raise DataError("No class has two images, so none can be held out to say how good the classifier is.")
    path = cache_folder() / "judge" / f"classifier-{key_of(VERSION, store.fingerprint)}.safetensors"
    network = Classifier(store.spec.channels, len(store.spec.classes))
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads(file.metadata()["sparring"])
        network.load_state_dict(load_file(path))
    except (OSError, SafetensorError, KeyError, RuntimeError, TypeError, ValueError):  # not there yet, or damaged
        network = train(store, training)
        pieces = [store.batch(numbers) for numbers in np.array_split(held_out, -(-len(held_out) // PIECE))]
        right = sum(int((names(network, piece.samples) == piece.labels).sum()) for piece in pieces)
        about = {"accuracy": right / len(held_out), "held_out": len(held_out)}
        with contextlib.suppress(OSError, SafetensorError), replacing(path) as temporary:  # a full disk only costs training again
            tensors = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
            save_file(tensors, temporary, metadata={"sparring": json.dumps(about)})
    network.requires_grad_(False).eval().to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] (torch's stubs miss it)
    return Trained(network, about["accuracy"], about["held_out"], path)


def train(store: Store, numbers: Int64[np.ndarray, " n"]) -> Classifier:
    """A classifier of the store's images with these numbers; the same for the same images."""
    keep_freed_memory()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        network = Classifier(store.spec.channels, len(store.spec.classes)).train()
        network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] (torch's stubs miss it)
        optimizer = torch.optim.AdamW(network.parameters(), weight_decay=0.05, fused=True)
        steps = min(EPOCHS * -(-len(numbers) // BATCH), MOST_STEPS)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps, pct_start=0.2)
        for images, labels in itertools.islice(_batches(store, numbers), steps):
            with torch.autocast("cpu", torch.bfloat16, enabled=has_fast_bfloat16(torch.device("cpu"))):
                _, logits = network(images)
            cross_entropy(logits.float(), labels, label_smoothing=0.1).backward()
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
    return network.eval()


def _batches(store: Store, numbers: Int64[np.ndarray, " n"]) -> Iterator[tuple[Float[Tensor, "n c 32 32"], Int64[Tensor, " n"]]]:
    """Without end: every image once in each epoch, moved a little."""
    for epoch in itertools.count():
        streams = Streams(0, epoch, scope="classifier")
        order = numbers[torch.randperm(len(numbers), generator=streams.generator("order")).numpy()]
        moves = streams.integers("shift", 2 * SHIFT + 1, 2, len(numbers))
        for start in range(0, len(order), BATCH):
            batch = store.batch(order[start : start + BATCH])
            assert batch.labels is not None
            down, right = moves[:, start : start + BATCH]
            moved = _shifted(resize(batch.samples, SIDE, RESIZE), down, right)
            yield moved.contiguous(memory_format=torch.channels_last), batch.labels


def _shifted(images: Float[Tensor, "n c h w"], down: Int64[Tensor, " n"], right: Int64[Tensor, " n"]) -> Float[Tensor, "n c h w"]:
    """Each image moved by up to `SHIFT` pixels, its edge drawn out; 0 is furthest."""
    side = images.shape[2]
    places = pad(images, (SHIFT,) * 4, mode="replicate").unfold(2, side, 1).unfold(3, side, 1)
    return places[torch.arange(len(images)), :, down, right]


@torch.no_grad()
def names(network: Classifier, images: Float[Tensor, "n c h w"]) -> Int64[Tensor, " n"]:
    """The class of each image in [-1, 1]."""
    return torch.cat([network(resize(piece, SIDE, RESIZE))[1].argmax(1) for piece in images.split(PIECE)])
