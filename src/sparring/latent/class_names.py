"""A classifier of a model's samples, so that directions towards classes can be found."""

import os
from collections.abc import Callable

from jaxtyping import Int64
from torch import Tensor

from sparring.data.store import Store
from sparring.evaluation.classifier import names, trained
from sparring.inference.model import Model
from sparring.inference.training_data import data_of
from sparring.latent.space import Images


def class_names(
    model: Model, data: str | os.PathLike[str] | Store | None = None
) -> tuple[Callable[[Images], Int64[Tensor, " n"]], tuple[str, ...]]:
    """What names the classes of images (a small classifier, trained on the data once), and the classes' names. `data`: by default what
    the model was trained on.
    """
    store = data_of(model, data)
    network = trained(store).network
    return lambda images: names(network, images.cpu()).to(images.device), store.spec.classes
