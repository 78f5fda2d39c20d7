"""A feature network that is shown the same images by several tests."""

import hashlib
from dataclasses import fields

import torch
from torch import Tensor

from sparring.evaluation.features import Extractor
from sparring.evaluation.open_extractor import open_extractor


class Remembering(Extractor):
    """Computes features of each image once. (That they do not depend on what is seen beside it is tested in judge/test_extractors.py.)"""

    def forward_chunk(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        known = self.network.__dict__.setdefault("known", {})
        keys = [hashlib.sha256(image.contiguous().numpy()).digest() for image in inputs]
        if not known.keys() >= set(keys):
            features, logits = super().forward_chunk(inputs)
            assert logits is not None
            known.update(zip(keys, zip(features, logits, strict=True), strict=True))
        features, logits = zip(*(known[key] for key in keys), strict=True)
        return torch.stack(features), torch.stack(logits)


def remembering_lite0() -> Remembering:
    plain = open_extractor("lite0")
    return Remembering(**{field.name: getattr(plain, field.name) for field in fields(plain)})
