"""How much privacy an attack proves to be lost: a lower bound on epsilon from guesses who was trained on (Steinke, Nasr, Jagielski 2023).

Each of a number of rows was trained on or held out by a fair coin. An attacker who has a score for each row says of the highest ones that
they were trained on, of the lowest that they were not, and nothing of the others. If training was private, few guesses are right.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from sparring.core.errors import DataError
from sparring.metrics.tables.confidence_bounds import binomial_tail, log_binomial

GUESSED_SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Shares of the rows that are guessed. The best is taken, and its doubt multiplied by their number."""
DOUBT = 0.05
"""Probability that the bound is above the true epsilon."""
MOST_EPSILON = 30.0
"""Where the search for the bound ends."""


@dataclass(frozen=True)
class PrivacyAudit:
    """What an attack proves."""

    epsilon: float
    """Training is not private with a smaller epsilon: a 95 % bound. 0: the attack proves nothing."""
    guesses: int
    """Number of rows that were guessed where the bound was found."""
    right: int
    """How many of these guesses are right."""


def audit_privacy(training: Float[np.ndarray, " n"], held_out: Float[np.ndarray, " m"], delta: float, doubt: float = DOUBT) -> PrivacyAudit:
    """A lower bound on epsilon at `delta` from the attacker's scores of as many rows that were trained on as held out: high where a row is
    suspected of being trained on. `doubt`: probability that the bound is above the true epsilon. DataError where the numbers of rows differ
    by more than fair coins make likely.
    """
    rows = len(training) + len(held_out)
    if abs(len(training) - len(held_out)) > 5 * rows**0.5:
        raise DataError(
            f"An audit needs as many rows that were trained on as held out, and has {len(training):,} and {len(held_out):,}. Take fewer."
        )
    scores = np.concatenate([training, held_out])
    trained = np.repeat([True, False], [len(training), len(held_out)])
    low = trained[np.lexsort((~trained, scores))]  # of equal scores those that were trained on come first, so that ties help no attacker
    high = low[::-1]
    best = PrivacyAudit(0.0, 0, 0)
    for count in sorted({max(1, min(round(share * rows / 2), rows // 2)) for share in GUESSED_SHARES}):
        right = int(high[:count].sum() + (~low[:count]).sum())
        epsilon = epsilon_bound(rows, 2 * count, right, delta, doubt / len(GUESSED_SHARES))
        if epsilon > best.epsilon or not best.guesses:
            best = PrivacyAudit(epsilon, 2 * count, right)
    return best


def epsilon_bound(rows: int, guesses: int, right: int, delta: float, doubt: float) -> float:
    """The smallest epsilon at which so many right guesses have a probability of at least `doubt`; 0 where they have it without any."""
    if chance_of_guesses(rows, guesses, right, 0.0, delta) >= doubt:
        return 0.0
    low, high = 0.0, MOST_EPSILON
    while high - low > 1e-3:
        middle = (low + high) / 2
        low, high = (low, middle) if chance_of_guesses(rows, guesses, right, middle, delta) >= doubt else (middle, high)
    return low


def chance_of_guesses(rows: int, guesses: int, right: int, epsilon: float, delta: float) -> float:
    """The largest probability of so many right guesses under (epsilon, delta)-privacy: theorem 5.2 of Steinke et al. 2023.

    Without delta each guess is right by a chance of at most e^epsilon / (1 + e^epsilon). Delta makes up to i of them right at a cost.
    """
    chance = 1 / (1 + np.exp(-epsilon))
    beyond = binomial_tail(right, guesses, chance)
    fewer = np.exp(log_binomial(np.arange(right - 1, -1, -1), guesses, chance))
    alpha = float((np.cumsum(fewer) / np.arange(1, right + 1)).max(initial=0.0))
    return min(1.0, beyond + 2 * alpha * delta * rows)
