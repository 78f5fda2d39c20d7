import hashlib
from dataclasses import fields
from pathlib import Path

import pytest
import torch
import torch_fidelity.feature_extractor_inceptionv3 as theirs
from torch import Tensor, nn
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from sparring.evaluation.features import Extractor
from sparring.evaluation.open_extractor import open_extractor


@pytest.fixture(scope="session")
def inception_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights for Inception-v3, by torch-fidelity's names, as `torch.save` writes them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(theirs.torch, "load", lambda *_, **__: {})
        patch.setattr(nn.Module, "load_state_dict", lambda *_, **__: None)
        network = FeatureExtractorInceptionV3("any", ["2048"], feature_extractor_weights_path="none")
    draws = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.data.normal_(0, (2 / module.weight[0].numel()) ** 0.5, generator=draws)
        elif isinstance(module, nn.BatchNorm2d):
            for values, low, high in ((module.running_mean, -0.2, 0.2), (module.running_var, 0.7, 1.3), (module.weight, 0.8, 1.2)):
                values.data.uniform_(low, high, generator=draws)
            module.bias.data.uniform_(-0.1, 0.1, generator=draws)
        elif isinstance(module, nn.Linear):
            module.weight.data.normal_(0, 0.02, generator=draws)
    path = tmp_path_factory.mktemp("weights") / "inception-random.pth"
    torch.save(network.state_dict(), path)
    return path


class Remembering(Extractor):
    """Computes features of each image once. (That they do not depend on what is seen beside it is tested in test_extractors.py.)"""

    def forward_chunk(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        known = self.network.__dict__.setdefault("known", {})
        keys = [hashlib.sha256(image.contiguous().numpy()).digest() for image in inputs]
        if not known.keys() >= set(keys):
            features, logits = super().forward_chunk(inputs)
            assert logits is not None
            known.update(zip(keys, zip(features, logits, strict=True), strict=True))
        features, logits = zip(*(known[key] for key in keys), strict=True)
        return torch.stack(features), torch.stack(logits)


@pytest.fixture(scope="session")
def lite0() -> Extractor:
    """The usual feature network, for tests that show it the same images."""
    plain = open_extractor("lite0")
    return Remembering(**{field.name: getattr(plain, field.name) for field in fields(plain)})
