"""What scores of frauds are compared with: boosted trees, and an isolation forest, which sees no labels."""

from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from sparring.core.errors import missing_extra
from sparring.metrics.tables.column_arrays import TableArrays, check_tables, holds_numbers
from sparring.metrics.tables.detection_and_usefulness import tree_features

TREES: dict[str, Any] = {
    "learning_rate": 0.03,
    "max_iter": 200,
    "max_leaf_nodes": 8,
    "min_samples_leaf": 50,
    "l2_regularization": 10.0,
    "early_stopping": False,
}
"""Small trees and slow steps. With scikit-learn's defaults the same trees diverge where one row in 600 is a fraud: an average precision of
0.04 in place of 0.80 on the card transactions of docs/benchmarks/fraud.md."""
FOREST = 200
"""Number of trees of the isolation forest."""


def boosted_tree_scores(known: TableArrays, labels: Bool[np.ndarray, " n"], unseen: TableArrays, seed: int) -> Float[np.ndarray, " m"]:
    """Probabilities of the rows of `unseen`, by boosted trees that learned from the rows `known`. SparringError without scikit-learn."""
    check_tables(known, unseen)
    try:
        from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415 (an extra)
        from threadpoolctl import threadpool_limits  # noqa: PLC0415 (comes with it)
    except ImportError:
        raise missing_extra("scikit-learn", "learn", "Boosted trees") from None
    settings = {**TREES, "categorical_features": [not holds_numbers(column) for column in known]}
    trees = HistGradientBoostingClassifier(random_state=seed, **settings)
    with threadpool_limits(limits=1, user_api="openmp"):
        trees.fit(tree_features(known, known), labels)
        return trees.predict_proba(tree_features(unseen, known))[:, 1]


def isolation_scores(known: TableArrays, unseen: TableArrays, seed: int) -> Float[np.ndarray, " m"]:
    """How odd the rows of `unseen` are beside those of `known`, by an isolation forest (Liu et al. 2008): larger is odder. Missing numbers
    are the median. SparringError without scikit-learn.
    """
    check_tables(known, unseen)
    try:
        from sklearn.ensemble import IsolationForest  # noqa: PLC0415 (an extra)
    except ImportError:
        raise missing_extra("scikit-learn", "learn", "An isolation forest") from None
    features = [tree_features(each, known) for each in (known, unseen)]
    with np.errstate(all="ignore"):
        middle = np.nan_to_num(np.nanmedian(features[0], axis=0))
    filled = [np.where(np.isnan(each), middle, each) for each in features]
    forest = IsolationForest(n_estimators=FOREST, random_state=seed).fit(filled[0])
    return -forest.score_samples(filled[1])
