"""GARCH(1,1) with Student's t: the model of returns whose volatility has a memory (Bollerslev 1987)."""

import importlib.util
import warnings
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from sparring.core.errors import SettingsError, missing_extra

FEWEST = 100
"""Number of returns below which nothing is fitted: its five parameters would be chance."""


@dataclass(frozen=True)
class Garch:
    """Returns r = mean + sqrt(v) * e, where e has Student's t distribution with variance 1, and the next variance is
    omega + alpha * (r - mean)^2 + beta * v.
    """

    mean: float
    omega: float
    alpha: float
    beta: float
    nu: float
    """Degrees of freedom, more than 2."""
    first: float
    """Variance of the first return that it was fitted to."""

    def variances(self, returns: Float64[np.ndarray, " t"]) -> Float64[np.ndarray, " t_and_one"]:
        """The variance of each return given those before it, and last that of the next one, which is not there yet."""
        found = np.empty(len(returns) + 1)
        found[0] = self.first
        for place, squared in enumerate((returns - self.mean) ** 2):
            found[place + 1] = self.omega + self.alpha * squared + self.beta * found[place]
        return found

    def simulate(self, n: int, steps: int, variance: float, random: np.random.Generator) -> Float64[np.ndarray, "n steps"]:
        """Paths of returns. `variance`: of their first step."""
        unit = random.standard_t(self.nu, (n, steps)) * np.sqrt((self.nu - 2) / self.nu)
        found, now = np.empty((n, steps)), np.full(n, variance)
        for step in range(steps):
            shock = np.sqrt(now) * unit[:, step]
            found[:, step] = self.mean + shock
            now = self.omega + self.alpha * shock**2 + self.beta * now
        return found

    def quantile(self, share: float) -> float:
        """The quantile of e."""
        from scipy.stats import t  # noqa: PLC0415 (comes with arch)

        return float(t.ppf(share, self.nu)) * float(np.sqrt((self.nu - 2) / self.nu))


def has_arch() -> bool:
    """Whether the package is installed that fits."""
    return importlib.util.find_spec("arch") is not None


def refuse_without_arch() -> None:
    """Raise the error for a missing package, if it is."""
    if not has_arch():
        raise missing_extra("arch", "finance", "The Monte Carlo method garch")


def fit_garch(returns: Float64[np.ndarray, " t"]) -> Garch:
    """The model with the highest likelihood. A SettingsError if there are too few returns, or none fits."""
    refuse_without_arch()
    from arch import arch_model  # noqa: PLC0415 (an extra)

    if len(returns) < FEWEST:
        raise SettingsError(f"garch needs a history of at least {FEWEST} returns, and there are {len(returns)}. Leave it out of --beside.")
    scale = float(returns.std())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = arch_model(returns / scale, mean="Constant", vol="GARCH", p=1, q=1, dist="t", rescale=False).fit(disp="off")
    mean, omega, alpha, beta, nu = (float(value) for value in result.params)
    first = float(np.asarray(result.conditional_volatility)[0]) ** 2
    if result.convergence_flag or not np.isfinite([mean, omega, alpha, beta, nu, first]).all() or nu <= 2:
        raise SettingsError("No GARCH model fits this history: its search for the best one failed. Leave garch out of --beside.")
    return Garch(mean * scale, omega * scale**2, alpha, beta, nu, first * scale**2)
