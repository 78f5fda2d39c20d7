"""A classifier of garments, with which other benchmarks tell what was drawn.

    python benchmarks/garments.py

It is trained once, on 8,500 of the embedded garments (enlarged to 32x32), and kept in Sparring's cache folder. The command
prints how many of the 1,500 others it names rightly."""

import itertools
import sys
import time
from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float, Int64
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad

from sparring.core.files import cache_folder, replacing
from sparring.core.machine import has_fast_bfloat16, keep_freed_memory
from sparring.core.streams import Streams
from sparring.data.source import open_source
from sparring.data.store import Preparation, Store, prepare

VERSION = "2"
"""Of the classifier: whatever changes it changes this."""
SIDE, CLASSES, HELD_OUT = 32, 10, 150
EPOCHS, BATCH, RATE, SHIFT = 50, 100, 4e-3, 2
PIECE = 500


class Classifier(nn.Module):
    """Logits of the ten classes."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *convolution(1, 32),
            nn.MaxPool2d(2),
            *convolution(32, 64),
            *convolution(64, 64),
            nn.MaxPool2d(2),
            nn.Dropout2d(0.1),
            *convolution(64, 72),
            *convolution(72, 72),
            nn.MaxPool2d(2),
            nn.Dropout2d(0.1),
            *convolution(72, 64),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(0.2),
            nn.Linear(64, CLASSES),
        )

    def forward(self, pictures: Float[Tensor, "n 1 32 32"]) -> Float[Tensor, "n 10"]:
        return self.layers(pictures)


def convolution(before: int, after: int) -> list[nn.Module]:
    return [nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]


def garments() -> Store:
    return prepare(open_source("fashion10k"), Preparation(size=SIDE))


def split(store: Store) -> tuple[Int64[np.ndarray, " training"], Int64[np.ndarray, " held_out"]]:
    """Numbers of the pictures to train on and of those held out: the last 150 of each class."""
    assert store.labels is not None
    by_class = [np.flatnonzero(store.labels == label) for label in range(CLASSES)]
    return np.concatenate([numbers[:-HELD_OUT] for numbers in by_class]), np.concatenate([numbers[-HELD_OUT:] for numbers in by_class])


def trained_classifier() -> tuple[Classifier, float]:
    """The classifier, in evaluation mode, and the share of held-out garments that it names rightly."""
    path = cache_folder() / "benchmarks" / f"garments-{VERSION}.safetensors"
    if not path.exists():
        began = time.perf_counter()
        store = garments()
        training, held_out = split(store)
        classifier = train(store, training)
        batch = store.batch(held_out)
        accuracy = (names(classifier, batch.images) == batch.labels).double().mean().item()
        tensors = {name: tensor.contiguous() for name, tensor in classifier.state_dict().items()}
        with replacing(path) as temporary:
            save_file(tensors, temporary, metadata={"accuracy": repr(accuracy)})
        print(f"Trained a classifier of garments in {time.perf_counter() - began:.0f} s: {path}", file=sys.stderr, flush=True)
    with safe_open(path, framework="pt") as file:
        accuracy = float(file.metadata()["accuracy"])
    classifier = Classifier()
    classifier.load_state_dict(load_file(path))
    return classifier.eval().to(memory_format=torch.channels_last), accuracy


def train(store: Store, numbers: Int64[np.ndarray, " n"]) -> Classifier:
    keep_freed_memory()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        classifier = Classifier().to(memory_format=torch.channels_last).train()
        optimiser = torch.optim.AdamW(classifier.parameters(), weight_decay=0.05)
        steps = EPOCHS * (len(numbers) // BATCH)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps, pct_start=0.2)
        for pictures, labels in itertools.islice(batches(store, numbers), steps):
            with torch.autocast("cpu", torch.bfloat16, enabled=has_fast_bfloat16(torch.device("cpu"))):
                logits = classifier(pictures)
            cross_entropy(logits.float(), labels, label_smoothing=0.1).backward()
            optimiser.step()
            optimiser.zero_grad()
            schedule.step()
    return classifier.eval()


def batches(store: Store, numbers: Int64[np.ndarray, " n"]) -> Iterator[tuple[Float[Tensor, "n 1 32 32"], Int64[Tensor, " n"]]]:
    """Without end: every picture once in each epoch, moved a little and mirrored by chance."""
    whole = store.batch(numbers)
    assert whole.labels is not None
    for epoch in itertools.count():
        streams = Streams(0, epoch, scope="classifier")
        order = torch.randperm(len(numbers), generator=streams.generator("order"))
        moved = shifted(whole.images, *streams.integers("shift", 2 * SHIFT + 1, 2, len(numbers)))
        mirrored = streams.integers("mirror", 2, len(numbers), 1, 1, 1).bool()
        pictures = torch.where(mirrored, moved.flip(3), moved)[order].contiguous(memory_format=torch.channels_last)
        yield from zip(pictures.split(BATCH), whole.labels[order].split(BATCH), strict=True)


def shifted(pictures: Float[Tensor, "n 1 h w"], down: Int64[Tensor, " n"], right: Int64[Tensor, " n"]) -> Float[Tensor, "n 1 h w"]:
    """Each picture moved by up to `SHIFT` pixels on black; 0 is furthest."""
    side = pictures.shape[2]
    places = pad(pictures, (SHIFT,) * 4, value=-1).unfold(2, side, 1).unfold(3, side, 1)
    return places[torch.arange(len(pictures)), :, down, right]


@torch.no_grad()
def names(classifier: Classifier, pictures: Float[Tensor, "n 1 32 32"]) -> Int64[Tensor, " n"]:
    """The class of each picture in [-1, 1]: the same for its mirror image."""
    return torch.cat([(classifier(piece) + classifier(piece.flip(3))).argmax(1) for piece in pictures.split(PIECE)])


def modes(classifier: Classifier, pictures: Float[Tensor, "n 3 32 32"]) -> Int64[Tensor, " n"]:
    """Of each picture of stacked garments 100 a + 10 b + c, where a, b, c are the classes of its channels."""
    a, b, c = names(classifier, pictures.reshape(-1, 1, SIDE, SIDE)).view(-1, 3).T
    return 100 * a + 10 * b + c


def main() -> None:
    classifier, accuracy = trained_classifier()
    store = garments()
    batch = store.batch(split(store)[1])
    right = (names(classifier, batch.images) == batch.labels).view(CLASSES, -1).double().mean(1)
    print(f"{sum(weights.numel() for weights in classifier.parameters()):,} weights; {accuracy:.1%} of held-out garments named rightly:")
    for name, share in zip(store.spec.classes, right.tolist(), strict=True):
        print(f"    {name:12} {share:.1%}")


if __name__ == "__main__":
    main()
