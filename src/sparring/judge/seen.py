"""What an extractor saw in a set of pictures, and keeping that for the next time."""

import contextlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import torch
from jaxtyping import Float32, Int64
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from sparring.core.files import cache_folder, replacing
from sparring.data.records import key_of
from sparring.judge.features import Extractor
from sparring.judge.inception_score import InceptionScore, inception_score
from sparring.judge.pictures import Pictures

FORMAT = 2
SPLITS, FEWEST_IN_A_PART = 10, 10
SHUFFLE = 2020


@dataclass(frozen=True, eq=False)
class Seen:
    """Of each picture, in order."""

    rows: Float32[Tensor, "n d"]
    """Features."""
    named: Int64[Tensor, " n"] | None
    """The class of the extractor's own that it takes each for, if it has classes."""
    inception: InceptionScore | None
    """Over those classes."""

    def __len__(self) -> int:
        return len(self.rows)


def see(pictures: Pictures, extractor: Extractor, advance: Callable[[int], object] | None = None) -> Seen:
    """Look at all pictures, or remember what was seen: data is looked at once for each extractor, weights and resize.
    `advance` is told how many more are done.
    """
    if pictures.fingerprint is None:
        return _look(pictures, extractor, advance)
    path = cache_folder() / "judge" / f"seen-{key_of(FORMAT, pictures.fingerprint, sorted(extractor.identity().items()))}.safetensors"
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads(file.metadata()["sparring"])
        tensors = load_file(path)
        if len(tensors["rows"]) == pictures.count:
            if advance is not None:
                advance(pictures.count)
            return Seen(tensors["rows"], tensors.get("named"), InceptionScore(**about) if about else None)
    except (OSError, SafetensorError, KeyError, ValueError, TypeError):
        pass  # not there yet, or damaged: looked at again
    seen = _look(pictures, extractor, advance)
    tensors = {"rows": seen.rows} if seen.named is None else {"rows": seen.rows, "named": seen.named}
    about = None if seen.inception is None else asdict(seen.inception)
    with contextlib.suppress(OSError, SafetensorError), replacing(path) as temporary:  # a full disk only costs looking again
        save_file(tensors, temporary, metadata={"sparring": json.dumps(about)})
    return seen


def _look(pictures: Pictures, extractor: Extractor, advance: Callable[[int], object] | None) -> Seen:
    features = extractor.extract(pictures.batches(), advance)
    if features.probabilities is None:
        return Seen(features.rows, None, None)
    # Pictures often come sorted by class, and a part must not hold one class alone. (In torch-fidelity's order.)
    order = torch.from_numpy(np.random.RandomState(SHUFFLE).permutation(len(features)))
    score = inception_score(features.probabilities[order], max(1, min(SPLITS, len(features) // FEWEST_IN_A_PART)))
    return Seen(features.rows, features.probabilities.argmax(dim=1), score)
