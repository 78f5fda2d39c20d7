"""Scores by class on features with known classes, and failures made on purpose: labels shuffled, a class collapsed, a class missed."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from sparring.data.listed_images import LabelColumn
from sparring.evaluation.class_scores import class_scores, collapsed_classes, groupings, scores_within_groups
from sparring.evaluation.feature_cache import ImageFeatures
from sparring.evaluation.features import Extractor
from sparring.evaluation.image_sets import ImageSet
from sparring.evaluation.scores import Protocol, Score
from sparring.metrics.frechet_distance import Gaussian, gaussian_frechet_distance

CLASSES = ("coat", "shirt", "bag", "empty")
PROTOCOL = Protocol(300, 300, "known", "", "", "", 0, real_images="the real ones")
EXTRACTOR = Extractor("known", torch.nn.Identity(), "", 1, 1, (0.0,), (1.0,), "bicubic, antialiased", "")


def made(count: int, seed: int) -> tuple[ImageSet, torch.Tensor]:
    """Images of three classes in turn (the fourth is empty), and features in which they show."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    rows = 3 * np.eye(6)[labels] + random.normal(size=(count, 6))
    images = ImageSet("made", count, CLASSES, lambda: iter(()), lambda _: np.zeros((0, 1, 1, 1), np.uint8), labels)
    return images, torch.from_numpy(rows).float()


def features(rows: torch.Tensor) -> ImageFeatures:
    n = len(rows)
    nothing = torch.zeros(n)
    return ImageFeatures(rows, None, None, torch.arange(n), torch.zeros(n, 2, dtype=torch.long), nothing, nothing)


def of_class(scores: list[Score], name: str) -> dict[str | None, float]:
    return {score.label: score.value for score in scores if score.name == name}


def within(fake: ImageSet, fake_rows: torch.Tensor) -> list[Score]:
    real, real_rows = made(300, 0)
    (groups,) = groupings(real, fake)
    return scores_within_groups(groups, features(real_rows), features(fake_rows), EXTRACTOR, PROTOCOL)


def test_samples_that_are_as_real_ones_are_recognized_as_those_are() -> None:
    (real, real_rows), (fake, fake_rows) = made(300, 0), made(300, 1)
    scores, by_class, sentences = class_scores(real, fake, real_rows, fake_rows, PROTOCOL)
    values = {score.name: score.value for score in scores}
    assert values["accuracy of class"] == pytest.approx(values["accuracy of class, real images"], abs=0.06)
    assert values["accuracy of class, labels shuffled"] == pytest.approx(1 / 3, abs=0.05)
    recognized, best = of_class(by_class, "recognized"), of_class(by_class, "recognized, real images")
    assert [*recognized] == ["coat", "shirt", "bag"]
    assert recognized == pytest.approx(best, abs=0.15)
    assert by_class[1].protocol.n_fake == 20, "one in five of a hundred"
    assert not sentences
    found = within(fake, fake_rows)
    assert not collapsed_classes(found)
    one = torch.arange(300) % 3 == 1
    assert of_class(found, "FD-known")["shirt"] == gaussian_frechet_distance(Gaussian.fit(real_rows[one]), Gaussian.fit(fake_rows[one]))
    assert of_class(found, "diversity") == pytest.approx({"coat": 1, "shirt": 1, "bag": 1}, abs=0.1)


def test_shuffled_labels_are_seen() -> None:
    (real, real_rows), (fake, fake_rows) = made(300, 0), made(300, 1)
    shuffled = replace(fake, labels=np.random.default_rng(2).permutation(fake.labels))
    scores, by_class, sentences = class_scores(real, shuffled, real_rows, fake_rows, PROTOCOL)
    assert scores[0].value == pytest.approx(1 / 3, abs=0.09)
    assert max(of_class(by_class, "recognized").values()) < 0.5
    (sentence,) = sentences
    assert sentence.startswith("The class is ignored")


def test_a_collapsed_class_is_named() -> None:
    fake, rows = made(300, 1)
    rows[2::3] = rows[2] + 0.05 * torch.randn(100, 6, generator=torch.Generator().manual_seed(0))
    found = within(fake, rows)
    (sentence,) = collapsed_classes(found)
    assert "bag (5%)" in sentence
    assert "coat" not in sentence
    rows[2::6], rows[5::6] = made(300, 1)[1][2], made(300, 1)[1][5]
    assert of_class(within(fake, rows), "diversity")["bag"] < 0.6, "two images, over and over"
    real, real_rows = made(300, 0)
    assert not class_scores(real, fake, real_rows, rows, PROTOCOL)[2], "what there is of it is recognized"


def test_a_class_that_is_drawn_as_another_is_named() -> None:
    (real, real_rows), (fake, rows) = made(300, 0), made(300, 1)
    rows[1::3] = rows[0::3]
    _, _, (sentence,) = class_scores(real, fake, real_rows, rows, PROTOCOL)
    assert sentence.startswith("Classes that are seldom recognized: shirt (")
    assert "mostly taken for coat" in sentence
    assert "bag" not in sentence


def test_few_images_are_no_class_and_other_classes_are_not_compared() -> None:
    (real, real_rows), (fake, rows) = made(300, 0), made(24, 1)
    assert not within(fake, rows)
    assert not class_scores(real, fake, real_rows, rows, PROTOCOL)[1]
    assert class_scores(real, replace(fake, classes=("a", "b", "c", "d")), real_rows, rows, PROTOCOL) == ([], [], [])
    assert class_scores(real, replace(fake, labels=None), real_rows, rows, PROTOCOL) == ([], [], [])
    assert not groupings(real, replace(fake, labels=None))
    fewer, some = made(60, 3)
    warnings = {score.warning for score in within(fewer, some) if score.name == "FD-known"}
    assert warnings == {"20 images are few for 6 features: the distance is too large, and comparable only at equal numbers of images."}


def test_several_labels_divide_images_by_value_and_by_thirds() -> None:
    ages, colors = np.arange(90.0), np.arange(90.0) % 2
    real, _ = made(90, 0)
    columns = (LabelColumn("color", ("red", "blue"), colors), LabelColumn("age", (), ages))
    real = replace(real, labels=None, label_columns=columns)
    fake = replace(real, label_columns=(columns[0], LabelColumn("age", (), ages[::-1].copy()), LabelColumn("size", (), ages)))
    by_color, by_age = groupings(real, fake)
    assert by_color.names == ("color=red", "color=blue")
    assert by_color.real.tolist() == colors.tolist()
    assert by_age.names == ("age 0 to 29.67", "age 29.67 to 59.33", "age 59.33 to 89")
    assert np.bincount(by_age.real).tolist() == [30, 30, 30]
    assert by_age.fake.tolist() == by_age.real[::-1].tolist()
