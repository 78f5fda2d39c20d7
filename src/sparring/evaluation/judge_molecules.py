"""Generated molecules against real ones: MOSES' scores between floor and ceiling, and what is wrong."""

from collections.abc import Callable, Sequence

from sparring.core.random_streams import Streams
from sparring.core.rdkit_molecules import canonical
from sparring.evaluation.bounded_scores import BoundedScore, Estimate
from sparring.evaluation.molecule_scores import MEANINGS, MoleculeSet, molecule_scores, shares_of
from sparring.evaluation.text_judgment import Finding
from sparring.metrics.molecules.token_ngrams import draw_from_ngrams

MOST_SCORED, MOST_COUNTED, MOST_TRAINED = 1000, 10_000, 10_000
"""Number of molecules on each side that are compared, number of generated ones that are counted as valid and unique, and number of training
molecules that the floor learns from: a minute on one processor."""
INVALID, SAME, IN_PIECES = 0.5, 0.2, 0.1
"""Share of valid molecules below which it is a finding, share of different ones below which it is a collapse, and share of those in several
pieces above which it is a finding."""


def judge_molecules(
    generated: Sequence[str | None],
    training: Sequence[str],
    held_out: Sequence[str],
    tokens: Sequence[Sequence[str]],
    text_of: Callable[[Sequence[str]], str | None],
    seed: int = 0,
) -> tuple[tuple[BoundedScore, ...], tuple[Finding, ...]]:
    """Scores of generated texts (None: those that stand for none), and findings. Half of the held-out molecules are what all are compared
    with, and the other half the ceiling. The floor is an n-gram model of `tokens`, those of the training molecules, whose texts `text_of`
    makes.
    """
    order: list[int] = Streams(seed, 0, scope="judge molecules").uniform("halves", len(held_out)).argsort().tolist()
    n = min(MOST_SCORED, len(held_out) // 2)
    real, ceiling = MoleculeSet.of([held_out[row] for row in order[:n]]), MoleculeSet.of([held_out[row] for row in order[n : 2 * n]])
    known = {canonical(text) or "" for text in training}
    drawn = draw_from_ngrams(tokens[:MOST_TRAINED], 4 * n, seed, max(map(len, tokens)))
    sides = [
        scores_of(generated, real, known, n),
        scores_of([text_of(each) for each in drawn], real, known, n),
        molecule_scores(ceiling, real, known),
    ]
    protocol = f"{n:,} molecules on each side, or as many as are valid, compared with {len(real):,} held-out ones"
    scores = tuple(
        BoundedScore(name, *(side[name] for side in sides), better=better, protocol=protocol)
        for name, (better, *_) in MEANINGS.items()
        if all(name in side for side in sides)
    )
    return scores, tuple(findings_of(sides[0]))


def scores_of(texts: Sequence[str | None], real: MoleculeSet, known: set[str], n: int) -> dict[str, Estimate]:
    """Shares of all texts, and distances of the first `n` molecules, so that all sides have as many."""
    everything = MoleculeSet.of(texts[:MOST_COUNTED])
    return {**molecule_scores(MoleculeSet(everything.smiles[:n], n), real, known), **shares_of(everything, known)}


def findings_of(scores: dict[str, Estimate]) -> list[Finding]:
    """What is wrong, in sentences."""
    found = []
    valid, unique, whole = (scores[name].value if name in scores else 1.0 for name in ("valid", "unique", "whole"))
    if valid < INVALID:
        found.append(Finding("invalid molecules", f"{valid:.1%} of what is generated is a molecule."))
    if unique < SAME:
        found.append(
            Finding("valid, but all the same", f"{valid:.1%} is valid, and {unique:.1%} of these are different: that is mode collapse.")
        )
    if whole < 1 - IN_PIECES:
        found.append(Finding("in pieces", f"{1 - whole:.1%} of the valid ones are several molecules in one."))
    return found
