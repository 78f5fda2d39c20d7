"""Scores of tables against hand-computed numbers."""

import numpy as np
import pytest

from sparring.core.errors import DataError, SparringError
from sparring.metrics.tables import detection_and_usefulness
from sparring.metrics.tables.categories_and_ranges import category_shares, gap_score, repeated_keys, share_out_of_range
from sparring.metrics.tables.column_arrays import bin_numbers, match_ids, positions_in, quantile_edges
from sparring.metrics.tables.confidence_bounds import auc, binomial_tail, clopper_pearson, true_positives_at
from sparring.metrics.tables.detection_and_usefulness import detection, usefulness
from sparring.metrics.tables.nearest_rows import column_ranges, embed_rows, gower_distances, nearest_rows
from sparring.metrics.tables.shapes_and_trends import bin_by_own_range, bin_by_real_quantiles, column_shape, compare, resampled
from support.synthetic_tables import COLUMNS, arrays, people, shuffled_columns

NAN = np.nan


def numbers(*values: float) -> np.ndarray:
    return np.array(values, float)


def codes(*values: int) -> np.ndarray:
    return np.array(values, np.int32)


def test_shapes_by_hand() -> None:
    assert column_shape(numbers(1, 2, 3, 4), numbers(3, 4, 5, 6)) == 0.5  # at 2: half of the real numbers, none of the others
    assert column_shape(numbers(1, 2, NAN), numbers(1, 2, 1, 2)) == 1  # missing values are scored apart
    assert column_shape(codes(0, 0, 1, 1), codes(0, 0, 0, 1)) == 0.75
    assert column_shape(codes(0, 0), codes(1, 1)) == 0
    assert column_shape(numbers(1, 2), numbers(NAN, NAN)) == 0
    assert np.isnan(column_shape(numbers(NAN, NAN), numbers(NAN, NAN)))


def test_trends_by_hand() -> None:
    x = np.arange(20.0)
    upper = (x >= 10).astype(np.int32)
    same = compare(bin_by_real_quantiles([x, upper], [x, upper]))
    assert same.trend == same.value == 1
    assert compare(bin_by_real_quantiles([x, upper], [x, 1 - upper])).trend == 0  # no cell of the joint table is shared
    assert compare(bin_by_real_quantiles([x, x], [x, -x + 19])).trend == 0  # correlations 1 and -1
    assert compare(bin_by_real_quantiles([x, x], [x, np.full(20, 5.0)])).trend == 0.5  # correlations 1 and none
    pair = codes(0, 0, 1, 1)
    assert compare(bin_by_real_quantiles([pair, pair], [pair, codes(0, 1, 0, 1)])).trend == 0.5
    assert compare(bin_by_real_quantiles([pair, pair], [pair, codes(0, 1, 0, 1)])).value == 0.75  # shapes are right
    assert np.isnan(compare(bin_by_real_quantiles([pair], [pair])).trend)  # no pairs
    gaps = codes(0, -1, 1, 1)
    assert compare(bin_by_real_quantiles([pair, gaps], [pair, codes(0, 0, 1, 1)])).trend == 0.75  # a gap is a cell of its own


def test_sdmetrics_definition_fails_for_one_outlier_and_ours_does_not() -> None:
    random = np.random.default_rng(0)
    x = random.random(1000)
    real, high = [x, (x > 0.5).astype(np.int32)], x.copy()
    high[0] = 1e9
    assert compare(bin_by_own_range(real, real)).trend == 1
    assert compare(bin_by_own_range(real, [high, real[1]])).trend < 0.51
    assert np.isnan(compare(bin_by_own_range([high, real[1]], real)).trend)  # the pair is not even counted any more
    for sides in ((real, [high, real[1]]), ([high, real[1]], real)):
        assert compare(bin_by_real_quantiles(*sides)).trend > 0.998


def test_sdmetrics_definition_counts_only_associated_pairs() -> None:
    random = np.random.default_rng(0)
    a = random.integers(0, 2, 500).astype(np.int32)
    table = [a, a ^ (random.random(500) < 0.1), random.integers(0, 2, 500).astype(np.int32)]
    table = [column.astype(np.int32) for column in table]
    counted = bin_by_own_range(table, table).counted
    assert counted[1, 0]
    assert counted.sum() == 1


def test_quality_equals_that_of_sdmetrics() -> None:
    pytest.importorskip("sdmetrics")
    import pandas as pd
    from sdmetrics.reports.single_table import QualityReport

    real, drawn = people(1500, 1), shuffled_columns(people(1200, 2), 3)
    kinds = {column.name: "numerical" if column.is_numeric else "categorical" for column in COLUMNS if column.is_modeled}
    frames = [pd.DataFrame(dict(zip(kinds, arrays(table), strict=True))) for table in (real, drawn)]
    report = QualityReport()
    report.generate(*frames, {"columns": {name: {"sdtype": kind} for name, kind in kinds.items()}}, verbose=False)
    assert compare(bin_by_own_range(arrays(real), arrays(drawn))).value == pytest.approx(report.get_score(), abs=1e-9)


def test_bootstrap_resamples_spread_as_fresh_samples_do() -> None:
    real = arrays(people(800, 1))
    fresh = [compare(bin_by_real_quantiles(real, arrays(people(800, 10 + i)))).shape for i in range(20)]
    drawn = [each.shape for each in resampled(bin_by_real_quantiles(real, arrays(people(800, 5))), np.random.default_rng(0))]
    assert 0.4 < np.std(drawn) / np.std(fresh) < 2.5


def test_bins_and_positions() -> None:
    x = numbers(0, 0, 0, 0, 0, 0, 0, 1, 2, 3)
    edges = quantile_edges(x, 10)
    assert edges.tolist() == [0, 1, 2]  # zeros stay together
    assert bin_numbers(numbers(-5, 0, 0.5, 3, 99, NAN), edges).tolist() == [0, 0, 1, 3, 3, 4]
    assert positions_in(numbers(1, 2, 3, 4), numbers(0, 2, 9, NAN))[:3].tolist() == [0, 0.375, 1]


def test_gaps_ranges_and_keys_by_hand() -> None:
    assert gap_score(numbers(1, NAN, 1, NAN), codes(0, 0, 0, -1)) == 0.75
    assert share_out_of_range(numbers(1, 5), numbers(0.9, 1, 5, NAN, 6)) == 0.5
    assert share_out_of_range(codes(0, 1), codes(0, 2, -1)) == 0.5
    assert repeated_keys(codes(0, 1, 2), codes(3, 3, 3)) == 2
    assert repeated_keys(codes(0, 1, 1), codes(3, 3, 3)) == 0  # no key


def test_lost_and_inflated_categories() -> None:
    real = np.repeat(codes(0, 1, 2, 3), [940, 10, 40, 10])
    shares = category_shares(real, np.repeat(codes(0, 3), [700, 300]))
    assert shares.lost.tolist() == [False, True, True, False]
    assert shares.inflated.tolist() == [False, False, False, True]
    assert shares.ratios.tolist() == pytest.approx([0.7 / 0.94, 0, 0, 30])
    assert not category_shares(real, np.repeat(codes(0), 100)).lost[1]  # one row expected: may be missing by chance
    assert not category_shares(real, np.repeat(codes(0, 3), [975, 25])).inflated[1:3].any()


def test_bounds_against_published_numbers() -> None:
    assert clopper_pearson(5, 10) == pytest.approx((0.18709, 0.81291), abs=1e-5)
    assert clopper_pearson(0, 10) == pytest.approx((0, 0.30850), abs=1e-5)
    assert clopper_pearson(10, 10) == pytest.approx((0.69150, 1), abs=1e-5)
    assert binomial_tail(8, 10, 0.5) == pytest.approx(56 / 1024)
    assert binomial_tail(0, 10, 0.5) == 1
    with pytest.raises(DataError):
        clopper_pearson(0, 0)


def test_area_and_true_positives_by_hand() -> None:
    assert auc(numbers(1, 2, 3), numbers(0, 1.5)).value == pytest.approx(5 / 6)
    assert auc(numbers(1, 1), numbers(1, 1)).value == 0.5
    random = np.random.default_rng(0)
    areas = [auc(random.normal(0.5, 1, 200), random.normal(0, 1, 300)) for _ in range(200)]
    assert np.std([each.value for each in areas]) == pytest.approx(np.mean([each.standard_error for each in areas]), rel=0.15)
    assert true_positives_at(numbers(5, 6, 7), np.arange(100.0) / 18, 0.01) == 2  # the second highest of 100 is 5.44
    with pytest.raises(DataError):
        auc(numbers(1), numbers(1, 2))


def test_gower_distance_by_hand() -> None:
    first, second = [numbers(1, NAN, 9, NAN), codes(0, 1, 0, -1)], [numbers(2, 3, 1, NAN), codes(0, 0, 1, -1)]
    assert gower_distances(first, second, numbers(4, 0)).tolist() == [0.125, 1, 1, 0]


def test_nearest_rows_equal_a_plain_search() -> None:
    rows, to = arrays(people(150, 1)), arrays(people(5000, 2))
    to[0][7] = 1e12  # one extreme value
    rows[1][:] = 7.5  # a constant
    ranges = column_ranges(to)
    plain = np.stack([gower_distances([np.repeat(column[[i]], 5000) for column in rows], to, ranges) for i in range(150)])
    found = nearest_rows(rows, to, k=3)
    assert found.distances == pytest.approx(np.sort(plain, axis=1)[:, :3], abs=1e-7)
    assert np.take_along_axis(plain, found.indices, axis=1) == pytest.approx(found.distances, abs=1e-12)


def test_nearest_row_of_a_table_with_a_constant_column() -> None:
    found = nearest_rows([numbers(7, 8), numbers(1, 1)], [numbers(7, 7), numbers(3, 1)])
    assert found.distances[:, 0].tolist() == [0, 0.5]


def test_embedding_puts_categories_at_one_and_extreme_values_nearby() -> None:
    real, other = embed_rows([numbers(1, 2, 3, 4), codes(0, 1, 2, 0)], [numbers(1e9, 1), codes(0, -1)])
    assert float((real[0, 2:] - real[1, 2:]).norm()) == pytest.approx(1)
    assert float((real[3] - other[0]).norm()) == pytest.approx(0.125)
    assert float((real[0] - other[1]).norm()) == pytest.approx(1)


def test_equal_rows_have_one_number() -> None:
    ids = match_ids([numbers(1, NAN, NAN, 1), codes(0, 1, 1, 1)])
    assert ids[1] == ids[2]
    assert len(set(ids.tolist())) == 3


def test_detection_of_equal_and_of_different_tables() -> None:
    real, fresh, wrong = arrays(people(600, 1)), arrays(people(600, 2)), arrays(shuffled_columns(people(600, 2), 0))
    same, different = (detection(real, table, np.random.default_rng(0)) for table in (fresh, wrong))
    assert abs(same.value - 0.5) < 4 * same.standard_error
    assert different.value > 0.85
    with pytest.raises(DataError):
        detection(arrays(people(5, 1)), fresh, np.random.default_rng(0))


def test_detection_of_many_categories() -> None:
    random = np.random.default_rng(0)
    real, other = random.integers(0, 2000, 600).astype(np.int32), random.integers(0, 2000, 600).astype(np.int32)
    assert detection([real], [other], random).value == pytest.approx(0.5, abs=0.1)


def test_usefulness_of_classes_and_numbers() -> None:
    random = np.random.default_rng(0)
    x, test = random.normal(size=500), random.normal(size=500)
    classes = [np.digitize(side, [-0.5, 0.5]).astype(np.int32) for side in (x, test)]
    good = usefulness([x, classes[0]], [test, classes[1]], 1, random)
    assert good.measure == "AUC"
    assert good.value > 0.99
    assert usefulness([x, np.zeros(500, np.int32)], [test, classes[1]], 1, random).value == 0.5  # one class only
    assert usefulness([random.permutation(x), classes[0]], [test, classes[1]], 1, random).value == pytest.approx(0.5, abs=0.1)
    regression = usefulness([x, 3 * x], [test, 3 * test], 1, random)
    assert regression.measure == "R²"
    assert regression.value > 0.95
    with pytest.raises(DataError):
        usefulness([x, classes[0]], [test, np.zeros(500, np.int32)], 1, random)


def test_missing_scikit_learn_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sklearn.ensemble", None)
    with pytest.raises(SparringError, match="learn"):
        detection_and_usefulness.detection(arrays(people(50, 1)), arrays(people(50, 2)), np.random.default_rng(0))


def test_tables_with_other_columns_are_refused() -> None:
    with pytest.raises(DataError):
        bin_by_real_quantiles([numbers(1)], [codes(1)])
    with pytest.raises(DataError):
        bin_by_real_quantiles([], [])
