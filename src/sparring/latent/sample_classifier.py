"""A classifier of a model's samples, so that directions towards classes can be found."""

import os
from collections.abc import Callable

from jaxtyping import Int64
from torch import Tensor

from sparring.data.store import Store
from sparring.evaluation.classifier import load_or_train_classifier, predict_classes
from sparring.inference.model import Model
from sparring.latent.space import Images
from sparring.runs.training_data import data_of


def load_sample_classifier(
    model: Model, data: str | os.PathLike[str] | Store | None = None
) -> tuple[Callable[[Images], Int64[Tensor, " n"]], tuple[str, ...]]:
    """What names the classes of images (a small classifier, trained on the data once), and the classes' names. `data`: by default what
    the model was trained on.
    """
    store = data_of(model, data)
    network = load_or_train_classifier(store).network
    return lambda images: predict_classes(network, images.cpu()).to(images.device), store.spec.classes
