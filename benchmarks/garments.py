"""The judge's own classifier, of the embedded garments, with which other benchmarks tell what was drawn.

    python benchmarks/garments.py

prints how many of the garments that it was not trained on it names rightly."""

from jaxtyping import Float, Int64
from torch import Tensor

from sparring.data.open_by_name import open_source
from sparring.data.prepare_store import prepare
from sparring.data.preprocessing import Preprocessing
from sparring.data.store import Store
from sparring.evaluation.classifier_features import Classifier, load_or_train_classifier, predict_classes, split_by_class

SIDE, CLASSES = 32, 10


def garments() -> Store:
    return prepare(open_source("fashion10k"), Preprocessing(size=SIDE))


def held_out(classifier: Classifier) -> tuple[Int64[Tensor, " n"], Int64[Tensor, " n"]]:
    """What it takes the garments for that were held out, and what they are."""
    store = garments()
    assert store.labels is not None
    batch = store.batch(split_by_class(store.labels)[1])
    assert batch.labels is not None
    return predict_classes(classifier, batch.samples), batch.labels


def modes(classifier: Classifier, images: Float[Tensor, "n 3 32 32"]) -> Int64[Tensor, " n"]:
    """Of each image of stacked garments 100 a + 10 b + c, where a, b, c are the classes of its channels."""
    a, b, c = predict_classes(classifier, images.reshape(-1, 1, SIDE, SIDE)).view(-1, 3).T
    return 100 * a + 10 * b + c


def main() -> None:
    store = garments()
    classifier = load_or_train_classifier(store)
    named, true = held_out(classifier.network)
    weights = sum(weight.numel() for weight in classifier.network.parameters())
    print(f"{weights:,} weights; {classifier.accuracy:.1%} of {classifier.held_out:,} held-out garments named rightly:")
    for label, name in enumerate(store.spec.classes):
        print(f"    {name:12} {(named == true)[true == label].double().mean().item():.1%}")


if __name__ == "__main__":
    main()
