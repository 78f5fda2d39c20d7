"""Scores by boosted trees: can they tell synthetic rows from real ones, and does what they learn from synthetic rows hold for real ones?"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from sparring.core.errors import DataError, missing_extra
from sparring.metrics.tables.column_arrays import TableArrays, check_tables, holds_numbers, missing, present, take_rows
from sparring.metrics.tables.confidence_bounds import Auc, auc

FOLDS = 3
"""Number of folds of the detection score, as in SDMetrics."""
MAX_TREE_CATEGORIES = 250
"""Scikit-learn's trees take 255 categories: of a column with more, the most common ones are kept, and the others are one category."""
RESAMPLES = 50
"""Number of bootstrap resamples of the test rows, for the standard error of usefulness."""


@dataclass(frozen=True)
class Usefulness:
    """How well trees that were trained on one table predict a column of another."""

    value: float
    """Area under the ROC curve (of more than two classes: the mean of each against the rest), or R²."""
    standard_error: float
    """From bootstrap resamples of the test rows; the trees stay the same."""
    measure: Literal["AUC", "R²"]


def detection(real: TableArrays, synthetic: TableArrays, random: np.random.Generator) -> Auc:
    """How well boosted trees tell synthetic rows from real ones they were not trained on (a classifier two-sample test, Lopez-Paz and
    Oquab 2017): the mean area under the ROC curve of three folds. 0.5 is best.

    Both tables should have equally many rows. The standard error is DeLong's over the rows of the folds, with the trees fixed. Raises a
    DataError for fewer than six rows on a side, and a SparringError without scikit-learn.
    """
    check_tables(real, synthetic)
    n, m = len(real[0]), len(synthetic[0])
    if min(n, m) < 2 * FOLDS:
        raise DataError(f"Detection needs at least {2 * FOLDS} rows on each side, and there are {n} and {m}.")
    both = [np.concatenate(sides) for sides in zip(real, synthetic, strict=True)]
    labels = np.arange(n + m) >= n
    folds = np.concatenate([random.permutation(np.arange(k) % FOLDS) for k in (n, m)])
    areas = []
    for fold in range(FOLDS):
        test = folds == fold
        _, shares = _predict(take_rows(both, ~test), labels[~test], take_rows(both, test), int(random.integers(2**31)))
        scores = shares[:, 1]
        areas.append(auc(scores[labels[test]], scores[~labels[test]]))
    error = np.sqrt(sum(area.standard_error**2 for area in areas)) / FOLDS
    return Auc(float(np.mean([area.value for area in areas])), float(error))


def usefulness(train: TableArrays, test: TableArrays, target: int, random: np.random.Generator) -> Usefulness:
    """How well boosted trees predict column `target` of `test` from its other columns, after training on `train`.

    Categories are predicted as classes, and numbers as numbers. Rows where the target is missing are left out. Raises a DataError if
    there are too few rows, or if the test rows have only one class or one number; a SparringError without scikit-learn.
    """
    check_tables(train, test)
    train, test = (take_rows(table, ~missing(table[target])) for table in (train, test))
    y, truth = train[target], test[target]
    if len(y) < 2 or len(truth) < 2 or len(np.unique(truth)) < 2:
        raise DataError("Usefulness needs rows to train on, and test rows with at least two different values of the target.")
    known, unseen = ([column for i, column in enumerate(table) if i != target] for table in (train, test))
    if not known:
        raise DataError("Usefulness needs a column besides the target.")
    resamples = [random.integers(0, len(truth), len(truth)) for _ in range(RESAMPLES)]
    if holds_numbers(y):
        _, guesses = _predict(known, y, unseen, int(random.integers(2**31)))
        spread = [_explained(truth[rows], guesses[rows]) for rows in resamples]
        return Usefulness(_explained(truth, guesses), float(np.nanstd(spread)), "R²")
    classes = np.unique(truth)
    scores = np.zeros((len(truth), len(classes)))
    if len(np.unique(y)) > 1:
        trained, shares = _predict(known, y, unseen, int(random.integers(2**31)))
        for place, code in enumerate(trained):
            scores[:, classes == code] = shares[:, [place]]
    spread = [_mean_auc(truth[rows], scores[rows], classes) for rows in resamples]
    return Usefulness(_mean_auc(truth, scores, classes), float(np.nanstd(spread)), "AUC")


def _mean_auc(truth: np.ndarray, scores: Float[np.ndarray, "n c"], classes: np.ndarray) -> float:
    """Mean area of each class against the rest; of two classes, one area is enough."""
    places = [1] if len(classes) == 2 else range(len(classes))
    areas = []
    for place in places:
        inside = truth == classes[place]
        if 2 <= inside.sum() <= len(inside) - 2:
            areas.append(auc(scores[inside, place], scores[~inside, place]).value)
    return float(np.mean(areas)) if areas else float("nan")


def _explained(truth: np.ndarray, guesses: np.ndarray) -> float:
    """R²: 1 minus the mean squared error over the variance."""
    variance = truth.var()
    return float(1 - ((truth - guesses) ** 2).mean() / variance) if variance else float("nan")


def _predict(train: TableArrays, y: np.ndarray, test: TableArrays, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Train boosted trees (scikit-learn's, with its defaults) on `train`, which take missing values and categories as they are.

    The classes of y, and for each row of `test` their probabilities; for numbers, no classes and the guessed numbers.
    """
    try:
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor  # noqa: PLC0415 (an extra)
        from threadpoolctl import threadpool_limits  # noqa: PLC0415 (comes with it)
    except ImportError:
        raise missing_extra("scikit-learn", "learn", "Scores of a table by boosted trees") from None
    # stopping early would set a tenth aside at random, which fails where a class has a single row
    settings: dict[str, Any] = {"categorical_features": [not holds_numbers(column) for column in train], "early_stopping": False}
    # thousands of short parallel loops: on a machine that does something else, too, threads mostly wait for each other
    with threadpool_limits(limits=1, user_api="openmp"):
        if holds_numbers(y):
            regressor = HistGradientBoostingRegressor(random_state=seed, **settings).fit(tree_features(train, train), y)
            return np.empty(0), regressor.predict(tree_features(test, train))
        model = HistGradientBoostingClassifier(random_state=seed, **settings).fit(tree_features(train, train), y)
        return model.classes_, model.predict_proba(tree_features(test, train))


def tree_features(columns: TableArrays, fitted: TableArrays) -> Float[np.ndarray, "n d"]:
    """The columns as scikit-learn's trees take them, with the common categories of the table that they are fitted to."""
    parts = []
    for column, reference in zip(columns, fitted, strict=True):
        if missing(reference).all():  # which scikit-learn cannot bin
            parts.append(np.zeros(len(column)))
            continue
        if holds_numbers(column):
            parts.append(column)
            continue
        counts = np.bincount(present(reference), minlength=1)
        places = np.full(max(len(counts), int(column.max(initial=-1)) + 1) + 1, float(MAX_TREE_CATEGORIES))
        common = np.argsort(-counts, kind="stable")[:MAX_TREE_CATEGORIES]
        places[common] = np.arange(len(common))
        places[-1] = np.nan  # read by the code -1
        parts.append(places[column])
    return np.stack(parts, axis=1)
