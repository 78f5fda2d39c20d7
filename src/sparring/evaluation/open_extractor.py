"""Opens feature extractors by name: lite0, inception, classifier, or any timm model."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sparring.core.atomic_files import sha256_of_file
from sparring.core.errors import CheckpointError, SettingsError, did_you_mean, missing_extra
from sparring.core.hardware import has_fast_bfloat16, refuse_absent_gpu
from sparring.data.store import Store
from sparring.evaluation import classifier_features
from sparring.evaluation.features import Extractor
from sparring.nets.feature_extractors import efficientnet_lite0, inception_v3
from sparring.nets.feature_extractors.resize import RESIZES, ResizeName
from sparring.nets.feature_extractors.weight_files import read_weights

NAMES = ("lite0", "inception", "classifier")
TIMM_PREFIX = "timm:"
HASH_LENGTH = 12
STANDARD_FID_RESIZE: ResizeName = "bilinear, TensorFlow 1"
"""The resize that the published FID values were computed with."""


def open_extractor(
    name: str = "lite0",
    *,
    weights: Path | None = None,
    resize: ResizeName | None = None,
    exact: bool = False,
    store: Store | None = None,
    device: str = "cpu",
) -> Extractor:
    """Load a feature extractor.

    `name` is "lite0", "inception", "classifier" (trained on the classes of `store`) or "timm:NAME". `weights` is a file that replaces the
    published weights. `resize` replaces the network's usual way of resizing images. `exact` keeps "inception" in float32 where bfloat16
    would be faster; the other extractors always compute in float32. Raises a SettingsError for unknown names and a CheckpointError for
    weights that are missing or do not fit.
    """
    refuse_absent_gpu(device)
    if resize is not None and resize not in RESIZES:
        raise SettingsError(f"There is no resize {resize!r}. Choose one of: {', '.join(map(repr, RESIZES))}.")
    about: dict[str, Any] = {"name": name, "precision": "float32", "channels": 3, "resize": resize or "bicubic, antialiased"}
    if name == "lite0":
        file = weights or efficientnet_lite0.weights_file()
        about |= {
            "network": efficientnet_lite0.load(file),
            "side": efficientnet_lite0.SIDE,
            "center": (efficientnet_lite0.CENTER,),
            "scale": (efficientnet_lite0.SCALE,),
        }
        about |= {"weights": hash_of_file(file)}
    elif name == "inception":
        file = weights or inception_v3.weights_file()
        network = inception_v3.load(file)
        if not exact and has_fast_bfloat16(torch.device(device)):
            network.use_bfloat16()
            about["precision"] = "bfloat16 after the stem"
        about |= {"network": network, "side": inception_v3.SIDE, "center": (inception_v3.CENTER,), "scale": (inception_v3.SCALE,)}
        hashed = hash_of_file(file)
        is_standard = hashed.startswith(inception_v3.HASH_PREFIX) and resize in {None, STANDARD_FID_RESIZE}
        about |= {"weights": hashed, "resize": resize or STANDARD_FID_RESIZE, "is_standard_fid": is_standard}
    elif name == "classifier":
        about |= _classifier_settings(store, weights)
    elif name.startswith(TIMM_PREFIX):
        about |= _timm_settings(name.removeprefix(TIMM_PREFIX), weights)
    else:
        raise SettingsError(f"There is no extractor {name!r}. {did_you_mean(name, [*NAMES, 'timm:NAME'])}")
    about["network"].to(device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] (torch's stubs miss it)
    about["network"].requires_grad_(False).eval()
    return Extractor(**about)


def hash_of_file(file: Path) -> str:
    """The first 12 hexadecimal digits of a file's SHA-256. Raises a CheckpointError if the file does not exist."""
    if not file.is_file():
        raise CheckpointError(f"There is no weights file at {file}. Check the path.")
    return sha256_of_file(file)[:HASH_LENGTH]


def hash_of_tensors(tensors: Mapping[str, Tensor]) -> str:
    """The first 12 hexadecimal digits of the SHA-256 of tensor names and values."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:HASH_LENGTH]


def _classifier_settings(store: Store | None, weights: Path | None) -> dict[str, Any]:
    if weights is not None:
        raise SettingsError("The extractor 'classifier' is trained on the real data, so it takes no weights file. Leave weights out.")
    if store is None:
        raise SettingsError("The extractor 'classifier' is trained on the real data: give real data with classes.")
    trained = classifier_features.load_or_train_classifier(store)
    return {
        "network": trained.network,
        "weights": hash_of_tensors(trained.network.state_dict()),
        "side": classifier_features.SIDE,
        "channels": store.spec.channels,
        "center": (classifier_features.CENTER,),
        "scale": (classifier_features.SCALE,),
        "note": f"The classifier was trained on the real data itself. Its accuracy on {trained.held_out:,} held-out images is "
        f"{trained.accuracy:.1%}.",
    }


class TimmNetwork(nn.Module):
    """A timm model whose forward pass returns pooled features and logits."""

    def __init__(self, model: Any) -> None:  # noqa: ANN401 (timm's models share no type)
        super().__init__()
        self.model = model

    def forward(self, images: Float[Tensor, "n 3 h w"]) -> tuple[Float[Tensor, "n d"], Float[Tensor, "n k"] | None]:
        """Features and logits (None for models without one classifier) of images normalized as the model expects."""
        maps = self.model.forward_features(images)
        features = self.model.forward_head(maps, pre_logits=True)
        classify = self.model.get_classifier()  # some models have several, or none
        return features, classify(features) if isinstance(classify, nn.Module) and self.model.num_classes else None


def _timm_settings(name: str, weights: Path | None) -> dict[str, Any]:
    try:
        import timm  # noqa: PLC0415 (an extra)
        from timm.data.config import resolve_model_data_config  # noqa: PLC0415
    except ImportError:
        raise missing_extra("timm", "timm", f"The extractor 'timm:{name}'") from None
    if not timm.is_model(name):
        raise SettingsError(f"timm has no model {name!r}. {did_you_mean(name, timm.list_models())}")
    try:
        model = timm.create_model(name, pretrained=weights is None)
    except Exception as problem:  # whatever its hub raises
        first = str(problem).partition("\n")[0]
        raise CheckpointError(f"The weights of timm's {name} could not be loaded: {first}. Name a file with --weights.") from None
    if weights is not None:
        try:
            model.load_state_dict(read_weights(weights))
        except RuntimeError as problem:
            raise CheckpointError(f"{weights} does not hold the weights of timm's {name}: {problem}") from None
    wanted = resolve_model_data_config(model)
    return {
        "network": TimmNetwork(model),
        "weights": hash_of_tensors(model.state_dict()),
        "side": wanted["input_size"][1],
        "center": tuple(255 * mean for mean in wanted["mean"]),
        "scale": tuple(255 * deviation for deviation in wanted["std"]),
    }
