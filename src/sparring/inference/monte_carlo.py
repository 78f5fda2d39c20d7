"""The Monte Carlo methods of finance, beside which the paths of a GAN are shown: from log returns of a history to paths of log returns."""

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float64, Int64

from sparring.core.errors import SettingsError
from sparring.core.random_streams import stream_seed
from sparring.inference.garch import fit_garch, has_arch

MonteCarloMethod = Literal["gbm", "bootstrap", "block-bootstrap", "garch"]
METHODS: tuple[MonteCarloMethod, ...] = get_args(MonteCarloMethod)
MEANINGS = {
    "gbm": "geometric Brownian motion: normal log returns with the mean and covariance of history",
    "bootstrap": "returns of history, drawn independently",
    "block-bootstrap": "blocks of history of random lengths (Politis and Romano 1994)",
    "garch": "GARCH(1,1) with Student's t, fitted to history",
}
MEAN_BLOCK = 20
"""Mean length in steps of the blocks of the block bootstrap: a month of trading days."""
FEWEST = 2
"""Number of returns below which a history has no deviation."""
CHUNK = 512
"""Number of paths that are drawn together."""
Draw = Callable[[np.random.Generator, int], Float64[np.ndarray, "chunk values steps"]]
"""Draws a chunk of paths of so many steps."""


def available_methods() -> tuple[MonteCarloMethod, ...]:
    """Those methods whose packages are installed."""
    return METHODS if has_arch() else tuple(method for method in METHODS if method != "garch")


def simulate_returns(
    method: MonteCarloMethod, history: Float64[np.ndarray, "t values"], n: int, steps: int, seed: int, first: int = 0
) -> Float64[np.ndarray, "n values steps"]:
    """Paths `first` to `first + n - 1` of `seed`: log returns of each step. A path is the same, to the bit, however many are asked for.

    `history`: log returns in the order of time, without gaps. Columns are drawn together, but for "garch", which is fitted to each. A
    SettingsError if the history is too short; a SparringError if a package is missing.
    """
    draw = _method(method, history)
    found = []
    for chunk in range(first // CHUNK, -(-(first + n) // CHUNK)):
        random = np.random.Generator(np.random.Philox(stream_seed(seed, f"monte carlo/{method}", chunk)))
        found.append(draw(random, steps)[max(first - chunk * CHUNK, 0) : first + n - chunk * CHUNK])
    return np.concatenate(found)


def _method(method: MonteCarloMethod, history: Float64[np.ndarray, "t values"]) -> Draw:
    assert np.isfinite(history).all(), "a history has no gaps"
    if len(history) < FEWEST:
        raise SettingsError(
            f"{method} needs a history of at least {FEWEST} returns, and there is {len(history) or 'none'}. Begin later (--from), or leave "
            "it out of --beside."
        )
    makers = {"gbm": _gbm, "bootstrap": _bootstrap, "block-bootstrap": _block_bootstrap, "garch": _garch}
    return makers[method](history)


def _gbm(history: Float64[np.ndarray, "t values"]) -> Draw:
    mean = history.mean(axis=0)
    variances, axes = np.linalg.eigh(np.atleast_2d(np.cov(history, rowvar=False)))
    factor = axes * np.sqrt(np.maximum(variances, 0))  # factor @ factor.T is the covariance, also where columns depend on each other

    def draw(random: np.random.Generator, steps: int) -> Float64[np.ndarray, "chunk values steps"]:
        normal = random.standard_normal((CHUNK, steps, len(mean)))
        return np.moveaxis(normal @ factor.T + mean, 1, 2)

    return draw


def _bootstrap(history: Float64[np.ndarray, "t values"]) -> Draw:
    def draw(random: np.random.Generator, steps: int) -> Float64[np.ndarray, "chunk values steps"]:
        return np.moveaxis(history[random.integers(len(history), size=(CHUNK, steps))], 2, 1)

    return draw


def _block_bootstrap(history: Float64[np.ndarray, "t values"]) -> Draw:
    def draw(random: np.random.Generator, steps: int) -> Float64[np.ndarray, "chunk values steps"]:
        return np.moveaxis(history[stationary_rows(len(history), CHUNK, steps, MEAN_BLOCK, random)], 2, 1)

    return draw


def stationary_rows(rows: int, n: int, steps: int, mean_block: float, random: np.random.Generator) -> Int64[np.ndarray, "n steps"]:
    """Numbers of rows of a history for each step of paths: blocks that begin anywhere, whose lengths are geometrically distributed. A block
    that reaches the end of the history goes on at its beginning.
    """
    begins = random.random((n, steps)) < 1 / mean_block
    begins[:, 0] = True
    positions = np.arange(steps)
    began = np.maximum.accumulate(np.where(begins, positions, 0), axis=1)
    starts = np.take_along_axis(random.integers(rows, size=(n, steps)), began, axis=1)
    return (starts + positions - began) % rows


def _garch(history: Float64[np.ndarray, "t values"]) -> Draw:
    models = [fit_garch(column) for column in history.T]
    variances = [float(model.variances(column)[-1]) for model, column in zip(models, history.T, strict=True)]

    def draw(random: np.random.Generator, steps: int) -> Float64[np.ndarray, "chunk values steps"]:
        return np.stack([model.simulate(CHUNK, steps, now, random) for model, now in zip(models, variances, strict=True)], axis=1)

    return draw
