"""How much differential privacy is spent by noisy sums over rows, and how much noise a budget asks for.

Epsilon and delta are those of Dwork et al. 2006 for a row or a blank in its place: which of them was there changes the chance of any result
by a factor of at most e^epsilon, but for a chance of delta. Spending is counted in Rényi divergences (Mironov, Talwar, Zhang 2019).
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

from sparring.core.errors import SettingsError, missing_extra

ORDERS = [*(1 + step / 10 for step in range(1, 100)), *map(float, range(11, 64)), 80.0, 96.0, 128.0, 192.0, 256.0, 384.0, 512.0]
"""Orders of the divergences. Each gives a bound on epsilon; the smallest is taken."""
MOST_NOISE = 1e5
"""Where the search for enough noise ends."""


@dataclass(frozen=True)
class NoisySums:
    """Sums over rows with normal noise, each row being in a sum by a chance of its own."""

    noise: float
    """Standard deviation of the noise, in the largest length that one row may add to the sum."""
    share: float
    """The chance of a row to be in the sum, 0 to 1."""
    count: int
    """How many such sums there are, each of rows that are chosen anew."""


def refuse_without_accountant() -> None:
    """Raise a SparringError if the package that counts privacy is not there."""
    if find_spec("opacus") is None:
        raise missing_extra("opacus", "privacy", "Private training (--epsilon)")


def epsilon_spent(sums: Sequence[NoisySums], delta: float) -> float:
    """Epsilon of all these sums together, at `delta`. Infinite if one of them has no noise."""
    refuse_without_accountant()
    from opacus.accountants.analysis.rdp import compute_rdp, get_privacy_spent  # noqa: PLC0415 (an extra)

    if not sums:
        return 0.0
    spent = sum(np.asarray(compute_rdp(q=each.share, noise_multiplier=each.noise, steps=each.count, orders=ORDERS), float) for each in sums)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the best order is the last one: the bound holds nevertheless
        return max(0.0, float(get_privacy_spent(orders=ORDERS, rdp=spent, delta=delta)[0]))  # pyright: ignore[reportArgumentType]


def noise_for(epsilon: float, delta: float, with_noise: Callable[[float], Sequence[NoisySums]]) -> float:
    """The least noise at which the sums `with_noise(noise)` together spend no more than `epsilon` at `delta`, to one part in a thousand.
    SettingsError if even very much noise spends more.
    """
    low, high = 0.0, 1.0
    while epsilon_spent(with_noise(high), delta) > epsilon:
        low, high = high, 2 * high
        if high > MOST_NOISE:
            raise SettingsError(
                f"No amount of noise makes epsilon {epsilon:g} with delta {delta:g}. Give a larger epsilon, or a larger delta."
            )
    while high - low > high / 1000:
        middle = (low + high) / 2
        low, high = (middle, high) if epsilon_spent(with_noise(middle), delta) > epsilon else (low, middle)
    return high
