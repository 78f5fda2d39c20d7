"""A classifier of a model's samples, for finding latent directions towards classes."""

import os
from collections.abc import Callable

from jaxtyping import Int64
from torch import Tensor

from sparring.data.store import Store
from sparring.evaluation.classifier_features import load_or_train_classifier, predict_classes
from sparring.inference.data_of_model import data_of
from sparring.inference.model import Model
from sparring.latent.space import Images


def load_sample_classifier(
    model: Model, data: str | os.PathLike[str] | Store | None = None
) -> tuple[Callable[[Images], Int64[Tensor, " n"]], tuple[str, ...]]:
    """A function that predicts the class of each image, and the names of the classes.

    The classifier is trained on `data` once and cached; by default the data is the model's training data.
    """
    store = data_of(model, data)
    network = load_or_train_classifier(store).network
    return lambda images: predict_classes(network, images.cpu()).to(images.device), store.spec.classes
