"""A small classifier trained on the real data's own classes: a feature extractor for data that ImageNet has no classes for."""

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
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad

from sparring.core.atomic_files import cache_folder, replacing
from sparring.core.errors import DataError
from sparring.core.hardware import has_fast_bfloat16, keep_freed_memory
from sparring.core.random_streams import Streams
from sparring.core.tensor_files import save_tensors
from sparring.data.listed_images import hash_key
from sparring.data.store import Store
from sparring.nets.feature_extractors.resize import resize

VERSION = 1
"""Version of the network and its training, part of the cache key: increase it when either changes."""
SIDE, FEATURES = 32, 64
CENTER = SCALE = 127.5
RESIZE = "bicubic, antialiased"
HOLDOUT_SHARE = 0.15
EPOCHS, MAX_STEPS, BATCH, LEARNING_RATE, MAX_SHIFT = 50, 10_000, 100, 4e-3, 2
CHUNK = 500


class Classifier(nn.Module):
    """Convolutional network with 64 features and one logit for each class of the data."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *_convolution_block(channels, 32),
            nn.MaxPool2d(2),
            *_convolution_block(32, 64),
            *_convolution_block(64, 64),
            nn.MaxPool2d(2),
            nn.Dropout2d(0.1),
            *_convolution_block(64, 72),
            *_convolution_block(72, 72),
            nn.MaxPool2d(2),
            nn.Dropout2d(0.1),
            *_convolution_block(72, FEATURES),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.classify = nn.Sequential(nn.Dropout(0.2), nn.Linear(FEATURES, classes))

    def forward(self, images: Float[Tensor, "n c 32 32"]) -> tuple[Float[Tensor, "n 64"], Float[Tensor, "n classes"]]:
        """Features and logits of images in [-1, 1]."""
        features = self.layers(images)
        return features, self.classify(features)


def _convolution_block(in_channels: int, out_channels: int) -> list[nn.Module]:
    return [nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False), nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True)]


@dataclass(frozen=True)
class TrainedClassifier:
    """A trained classifier and its accuracy."""

    network: Classifier
    accuracy: float
    """Share of the held-out images that are classified correctly, from 0 to 1."""
    held_out: int
    """Number of held-out images."""
    file: Path
    """The cache file with the weights."""


def split_by_class(labels: Int64[np.ndarray, " n"]) -> tuple[Int64[np.ndarray, " training"], Int64[np.ndarray, " held_out"]]:
    """Indices of training images and of held-out images.

    The last 15 % of each class are held out, at least one of every class that has two or more images.
    """
    by_class = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    counts = [0 if len(indices) < 2 else max(1, round(HOLDOUT_SHARE * len(indices))) for indices in by_class]
    training, held_out = zip(
        *(np.split(indices, [len(indices) - count]) for indices, count in zip(by_class, counts, strict=True)), strict=True
    )
    return np.concatenate(training), np.concatenate(held_out)


def load_or_train_classifier(store: Store) -> TrainedClassifier:
    """A classifier of the data's classes, read from the cache or trained now, which takes minutes.

    Raises a DataError if the data has fewer than two classes, or no class with two images.
    """
    if store.labels is None or len(store.spec.classes) < 2:
        raise DataError(
            f"A classifier needs data with at least two classes, and this data has {len(store.spec.classes)}. Put the images of each class "
            "into a folder of its own, or add a labels.csv."
        )
    training, held_out = split_by_class(store.labels)
    if not len(held_out):
        raise DataError("No class has two images, so none can be held out to measure the classifier's accuracy. Add images.")
    path = cache_folder() / "judge" / f"classifier-{hash_key(VERSION, store.fingerprint)}.safetensors"
    network = Classifier(store.spec.channels, len(store.spec.classes))
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads(file.metadata()["sparring"])
        network.load_state_dict(load_file(path))
    except (OSError, SafetensorError, KeyError, RuntimeError, TypeError, ValueError):  # not there yet, or damaged
        network = train_classifier(store, training)
        batches = [store.batch(indices) for indices in np.array_split(held_out, -(-len(held_out) // CHUNK))]
        correct = sum(int((predict_classes(network, batch.samples) == batch.labels).sum()) for batch in batches)
        about = {"accuracy": correct / len(held_out), "held_out": len(held_out)}
        with contextlib.suppress(OSError), replacing(path) as temporary:  # if the disk is full, it is trained again next time
            save_tensors(temporary, network.state_dict(), about)
    network.requires_grad_(False).eval().to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] (torch's stubs miss it)
    return TrainedClassifier(network, about["accuracy"], about["held_out"], path)


def train_classifier(store: Store, indices: Int64[np.ndarray, " n"]) -> Classifier:
    """Train a classifier on the store's images at `indices`. The result depends on the images alone."""
    keep_freed_memory()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        network = Classifier(store.spec.channels, len(store.spec.classes)).train()
        network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] (torch's stubs miss it)
        optimizer = torch.optim.AdamW(network.parameters(), weight_decay=0.05, fused=True)
        steps = min(EPOCHS * -(-len(indices) // BATCH), MAX_STEPS)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps, pct_start=0.2)
        for images, labels in itertools.islice(_shuffled_batches(store, indices), steps):
            with torch.autocast("cpu", torch.bfloat16, enabled=has_fast_bfloat16(torch.device("cpu"))):
                _, logits = network(images)
            cross_entropy(logits.float(), labels, label_smoothing=0.1).backward()
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
    return network.eval()


def _shuffled_batches(store: Store, indices: Int64[np.ndarray, " n"]) -> Iterator[tuple[Float[Tensor, "n c 32 32"], Int64[Tensor, " n"]]]:
    """Endless training batches: each epoch has every image once, in a new order, shifted by up to `MAX_SHIFT` pixels."""
    for epoch in itertools.count():
        streams = Streams(0, epoch, scope="classifier")
        order = indices[torch.randperm(len(indices), generator=streams.generator("order")).numpy()]
        shifts = streams.integers("shift", 2 * MAX_SHIFT + 1, 2, len(indices))
        for start in range(0, len(order), BATCH):
            batch = store.batch(order[start : start + BATCH])
            assert batch.labels is not None
            down, right = shifts[:, start : start + BATCH]
            shifted = _shift_images(resize(batch.samples, SIDE, RESIZE), down, right)
            yield shifted.contiguous(memory_format=torch.channels_last), batch.labels


def _shift_images(images: Float[Tensor, "n c h w"], down: Int64[Tensor, " n"], right: Int64[Tensor, " n"]) -> Float[Tensor, "n c h w"]:
    """Each image shifted by up to `MAX_SHIFT` pixels, with its edge pixels repeated. An offset of `MAX_SHIFT` means no shift."""
    side = images.shape[2]
    windows = pad(images, (MAX_SHIFT,) * 4, mode="replicate").unfold(2, side, 1).unfold(3, side, 1)
    return windows[torch.arange(len(images)), :, down, right]


@torch.no_grad()
def predict_classes(network: Classifier, images: Float[Tensor, "n c h w"]) -> Int64[Tensor, " n"]:
    """The predicted class of each image in [-1, 1]."""
    return torch.cat([network(resize(chunk, SIDE, RESIZE))[1].argmax(1) for chunk in images.split(CHUNK)])
