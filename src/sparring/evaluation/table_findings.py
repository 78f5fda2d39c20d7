"""What is wrong with a synthetic table, in plain words."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from sparring.data.tables.cell_text import number_text
from sparring.data.tables.columns import ColumnValues
from sparring.data.tables.constraints import Constraint
from sparring.evaluation.aligned_tables import AlignedTables
from sparring.evaluation.table_judgment import Finding, TableJudgment
from sparring.metrics.tables.categories_and_ranges import category_shares, repeated_keys
from sparring.metrics.tables.column_arrays import TableArrays, holds_numbers, match_ids, present

ACCUSED = 0.001
"""Probability under chance below which rows count as copied, or training rows as told apart."""
ACCUSED_ERRORS = 3.1
"""The same in standard errors (one-sided)."""
SUSPECTED_ERRORS = 2.3
"""Standard errors (one-sided, about one in a hundred) from which on a column is suspected to be disclosed."""
TOO_GOOD = 105
"""Percent of the way from floor to ceiling beyond which a score is suspicious."""
WRONG_SHAPE = 0.1
"""Distance of a column's shape to its ceiling from which on the column is named."""
RIGHT_SHAPES, WRONG_TRENDS = 0.03, 50
"""Columns are right if their mean shape is so close to the ceiling; pairs are wrong if they are less than so many percent of the way."""
GAP_DIFFERENCE = 0.02
"""Difference of the shares of missing values from which on it is named."""
FEW_ROWS = 0.5
"""Different rows are few if there are fewer than this share of those among as many real rows."""
NAMED = 5
"""Number of columns or categories that a sentence names."""


def find_problems(
    judgment: TableJudgment, aligned: AlignedTables, real: TableArrays, known: TableArrays, constraints: Sequence[Constraint]
) -> TableJudgment:
    """The judgment with its findings. `real` are the rows that may have been trained on, `known` all real rows: what a range or a category
    is. Both are aligned with the synthetic ones. `constraints` hold in every real row.
    """
    drawn = aligned.tables[1]
    findings = [
        *_copies(judgment),
        *_privacy(judgment),
        *_few_rows(real, drawn),
        *_pairs(judgment),
        *_columns(judgment),
        *_categories(aligned, real, drawn),
        *_ranges(judgment, aligned, known, drawn),
        *_gaps(judgment),
        *_fixed_columns(judgment),
        *_constraints(judgment, constraints),
    ]
    return replace(judgment, findings=tuple(findings), suspicions=tuple(_suspicions(judgment)))


def _suspicions(judgment: TableJudgment) -> Iterator[str]:
    better = [each.name for each in judgment.scores if (each.percent_of_the_way or 0) > TOO_GOOD]
    if better:
        yield (
            f"Suspicious: {', '.join(better)} {'is' if len(better) == 1 else 'are'} nearer to the training rows than held-out real rows "
            "are, as a table is that repeats them."
        )
    if judgment.privacy is None:
        return
    for attack in judgment.privacy.attacks:
        if attack.auc.bounds[0] > 0.5:
            yield (
                f"Suspicious: the attack {attack.name!r} seems to find training rows (AUC {attack.auc.value:.3f}, 95 % bounds "
                f"{attack.auc.bounds[0]:.3f} to {attack.auc.bounds[1]:.3f}, where 0.5 is chance). One such attack in forty is chance."
            )
    leaks = [name for name, each in judgment.privacy.disclosures if each.leak > SUSPECTED_ERRORS * each.error]
    if leaks:
        yield f"Suspicious: {_some(leaks)} of training rows may be guessed better than of unseen rows."


def _copies(judgment: TableJudgment) -> Iterator[Finding]:
    test = judgment.copy_test
    if test is not None and test.p_value < ACCUSED:
        if test.equal_p < ACCUSED:
            found = f"{test.equal_rows:,} training rows stand in it as they are, and only {test.equal_by_chance:,} real rows equal another"
        else:
            found = (
                f"{test.nearest_training} of the {test.nearest_training + test.nearest_held_out} real rows nearest to the most suspicious "
                f"synthetic rows are training rows, where chance gives {test.expected:.0%}"
            )
        yield Finding("copies rows", f"The table holds copies of training rows, or rows close to them: {found} (p = {test.p_value:.1g}).")


def _privacy(judgment: TableJudgment) -> Iterator[Finding]:
    if judgment.privacy is None:
        return
    promised, proved = judgment.privacy.promised, judgment.privacy.audit.epsilon
    if promised is not None and proved > promised:
        yield Finding(
            "epsilon exceeded",
            f"Training promised epsilon {promised:g}, and an attack proves at least {proved:.2f}: the promise is broken. Please report it.",
        )
    for attack in judgment.privacy.attacks:
        if attack.auc.value - ACCUSED_ERRORS * attack.auc.standard_error > 0.5 or attack.true_positive_p < ACCUSED:
            yield Finding(
                "training rows told apart",
                f"Training rows can be told from unseen ones by the attack {attack.name!r}: AUC {attack.auc.value:.3f} (0.5 is none), and "
                f"{attack.true_positives:.1%} of them are found while 1 % of unseen rows are accused.",
            )
    for name, each in judgment.privacy.disclosures:
        if each.leak > (ACCUSED_ERRORS + 1) * each.error:  # one more, for there are many columns
            yield Finding(
                "attribute disclosed",
                f"The column {name} of training rows is guessed from synthetic rows in {each.training:.0%}, of unseen rows in "
                f"{each.held_out:.0%}: the table says more about those who are in it.",
            )


def _few_rows(real: TableArrays, drawn: TableArrays) -> Iterator[Finding]:
    n = min(len(real[0]), len(drawn[0]))
    different, usual = (len(np.unique(match_ids([column[:n] for column in table]))) for table in (drawn, real))
    if different < FEW_ROWS * usual:
        yield Finding("few different rows", f"Of {n:,} synthetic rows, {different:,} are different; of as many real rows, {usual:,}.")


def _pairs(judgment: TableJudgment) -> Iterator[Finding]:
    scores = {score.name: score for score in judgment.scores}
    trends = scores.get("pair trends")
    if trends is None or trends.percent_of_the_way is None or trends.percent_of_the_way >= WRONG_TRENDS:
        return
    shapes = scores["column shapes"]
    if shapes.ceiling.value - shapes.yours.value < RIGHT_SHAPES:
        worst = ", ".join(f"{pair.first} with {pair.second} ({pair.trend:.2f} for {pair.ceiling:.2f})" for pair in judgment.pairs[:3])
        yield Finding(
            "columns right, pairs wrong",
            f"Columns are right by themselves, and their relations are not: pair trends are {trends.percent_of_the_way:.0f} % of the way "
            f"from independent columns to real rows. Worst: {worst}.",
        )


def _columns(judgment: TableJudgment) -> Iterator[Finding]:
    wrong = sorted((each.shape - each.ceiling, each.name) for each in judgment.by_column if each.ceiling - each.shape > WRONG_SHAPE)
    if wrong:
        names = _some([f"{name} ({by:+.2f})" for by, name in wrong])
        yield Finding(
            "column wrong",
            f"{_count(len(wrong), 'column is', 'columns are')} distributed differently: {names}. "
            "The number is the difference to the shape of held-out rows.",
        )


def _categories(aligned: AlignedTables, real: TableArrays, drawn: TableArrays) -> Iterator[Finding]:
    lost, inflated = [], []
    for column, words, a, b in zip(aligned.columns, aligned.categories, real, drawn, strict=True):
        if holds_numbers(a):
            continue
        shares = category_shares(a, b)
        lost += [f"{column.name}={words[i]} ({shares.real_counts[i]:,} real rows)" for i in np.flatnonzero(shares.lost)]
        for i in np.flatnonzero(shares.inflated):
            percent = [counts[i] / max(counts.sum(), 1) for counts in (shares.real_counts, shares.synthetic_counts)]
            inflated.append(f"{column.name}={words[i]} ({percent[1]:.2%} for {percent[0]:.2%})")
    if lost:
        yield Finding("category lost", f"{_count(len(lost), 'category is', 'categories are')} never drawn: {_some(lost)}.")
    if inflated:
        yield Finding(
            "rare category inflated",
            f"{_count(len(inflated), 'rare category is', 'rare categories are')} drawn too often: {_some(inflated)}.",
        )


def _ranges(judgment: TableJudgment, aligned: AlignedTables, real: TableArrays, drawn: TableArrays) -> Iterator[Finding]:
    outside, new = [], []
    for i, each in enumerate(judgment.by_column):
        if not each.out_of_range:
            continue
        known = present(real[i])
        if holds_numbers(known):
            ends = [number_text(aligned.columns[i], float(end)) for end in (known.min(), known.max())] if len(known) else []
            limits = f" outside of {ends[0]} to {ends[1]}" if ends else ""
            outside.append(f"{each.name} ({each.out_of_range:.2%}{limits})")
        else:
            words = [aligned.categories[i][code] for code in np.setdiff1d(present(drawn[i]), known)]
            new.append(f"{each.name} ({each.out_of_range:.2%}, such as {words[0]!r})")
    if outside:
        yield Finding("out of range", f"{_count(len(outside), 'column has', 'columns have')} values out of range: {_some(outside)}.")
    if new:
        yield Finding(
            "new category", f"{_count(len(new), 'column has', 'columns have')} categories that the real table lacks: {_some(new)}."
        )


def _gaps(judgment: TableJudgment) -> Iterator[Finding]:
    wrong = [
        f"{each.name} ({each.synthetic_gaps:.1%} missing for {each.real_gaps:.1%})"
        for each in judgment.by_column
        if abs(each.synthetic_gaps - each.real_gaps) > GAP_DIFFERENCE
    ]
    if wrong:
        yield Finding("gaps differ", f"{_count(len(wrong), 'column has', 'columns have')} another share of gaps: {_some(wrong)}.")


def _fixed_columns(judgment: TableJudgment) -> Iterator[Finding]:
    """Columns that are not learned: identifiers must not repeat, and constants must not change."""
    for column in judgment.columns:
        if column.is_modeled or column.name not in judgment.synthetic or column.name not in judgment.real:
            continue
        real, drawn = judgment.real[column.name], judgment.synthetic[column.name]
        if column.kind == "identifier" and (repeated := repeated_keys(_array(real), _array(drawn))):
            yield Finding("key repeated", f"{repeated:,} values of the identifier {column.name} repeat; in the real table, none does.")
        if column.kind == "constant" and (others := _values(drawn) - _values(real)):
            yield Finding("new category", f"The constant column {column.name} has other values, such as {sorted(others, key=str)[0]!r}.")


def _constraints(judgment: TableJudgment, constraints: Sequence[Constraint]) -> Iterator[Finding]:
    there = [each for each in constraints if all(name in judgment.synthetic for name in each.columns)]
    broken = [(float((~each.holds(judgment.synthetic)).mean()), str(each)) for each in there]
    broken = sorted((each for each in broken if each[0]), reverse=True)
    if broken:
        yield Finding(
            "constraint broken",
            f"{_count(len(broken), 'constraint', 'constraints')} of the real table {'is' if len(broken) == 1 else 'are'} broken: "
            f"{_some([f'{name} (in {share:.2%} of the rows)' for share, name in broken])}.",
        )


def _array(values: ColumnValues) -> np.ndarray:
    return values.numbers if values.numbers is not None else values.codes  # pyright: ignore[reportReturnType]


def _values(values: ColumnValues) -> set[float | str]:
    found = np.unique(present(_array(values))).tolist()
    return set(found) if values.numbers is not None else {values.categories[code] for code in found}


def _count(n: int, one: str, many: str) -> str:
    return f"{n} {one if n == 1 else many}"


def _some(items: list[str]) -> str:
    more = f" and {len(items) - NAMED} more" if len(items) > NAMED else ""
    return ", ".join(items[:NAMED]) + more
