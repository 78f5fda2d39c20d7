from pathlib import Path

import pytest
import torch
import torch_fidelity.feature_extractor_inceptionv3 as theirs
from torch import nn
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from support.remembering import Remembering, remembering_lite0


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


@pytest.fixture(scope="session")
def lite0() -> Remembering:
    return remembering_lite0()
