"""The variance of sums of returns, which a generator is drawn to: by hand, by independent noise, and in quantgan."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from sparring import recipes
from sparring.core.random_streams import Streams
from sparring.data.series.scaling import Scaling, fit_scaling
from sparring.data.series.series_dataset import SeriesDataset
from sparring.data.series.series_reading import SeriesReading
from sparring.data.series.series_store import prepare_series
from sparring.games.step_context import StepContext
from sparring.games.sums_of_returns import MEMORY, SumsOfReturns, knots_of, mean_squares, unscaled
from support.series import SMALL

STEPS = 12


@pytest.fixture(scope="module")
def data() -> SeriesDataset:
    """Windows of a price with heavy tails."""
    returns = 0.01 * np.random.default_rng(0).standard_t(5, 300)
    frame = pd.DataFrame({"day": pd.bdate_range("2020-01-01", periods=300), "price": np.exp(returns.cumsum())})
    return prepare_series(frame, SeriesReading(returns=True), window=STEPS, past=0, scaling="normal scores", known=())[0]


def quantgan(**settings: Any) -> Any:  # noqa: ANN401
    return recipes.get("quantgan")(**SMALL["quantgan"] | settings)


def test_mean_squares_of_sums_by_hand() -> None:
    found = mean_squares(torch.tensor([[[1.0, 2.0, -3.0], [0.0, 0.0, 2.0]]]), (1, 2, 3))
    assert found.tolist() == [[[pytest.approx(14 / 3), 5.0, 0.0], [pytest.approx(4 / 3), 2.0, 4.0]]]


@pytest.mark.parametrize("scaling", [fit_scaling(np.random.default_rng(0).standard_t(4, 500), "normal scores", True),
                                     Scaling("standard", (-1.0, 4.0), (-2.0, 2.0), True)])  # fmt: skip
def test_values_of_scores_are_those_of_the_scaling_up_to_their_unit(scaling: Scaling) -> None:
    scores = np.linspace(-5, 5, 401)
    seen = torch.tensor(scores, dtype=torch.float32)[None].requires_grad_()
    found, wanted = unscaled(seen, *knots_of(scaling)), scaling.inverse(scores)
    unit = found[0, 0].item() / wanted[0]
    np.testing.assert_allclose(found[0].detach(), wanted * unit, atol=1e-5)
    (slopes,) = torch.autograd.grad(found.sum(), seen)
    rises = (scaling.inverse(scores + 1e-5) - scaling.inverse(scores - 1e-5)) / 2e-5 * unit
    assert np.median(np.abs(slopes[0].numpy() - rises)) < 1e-3  # at knots they differ


def as_they_are(data: SeriesDataset) -> SumsOfReturns:
    """Sums of numbers that are returns already."""
    sums = SumsOfReturns(data.spec)
    sums.knots = [(torch.tensor([-99.0, 99.0]), torch.tensor([-99.0, 99.0]))]
    return sums


def test_errors_are_those_of_variances_also_of_sums(data: SeriesDataset) -> None:
    """Noise of twice the deviation has four times the variance: an error of 3 in all lengths. Noise that takes back what the step before
    did has the variance of a step, and of sums of 5 and 12 a fifth and a twelfth. The first batch counts as one of so many.
    """
    noise = torch.randn(4000, 1, STEPS + 1, generator=torch.Generator().manual_seed(0))
    real, back = noise[:2000, :, 1:], (noise[2000:, :, 1:] - noise[2000:, :, :-1]) / 2**0.5
    for generated, wanted in ((2 * real.flip(0), [3, 3, 3]), (real.flip(0), [0, 0, 0]), (back, [0, 1 / 5 - 1, 1 / STEPS - 1])):
        sums = as_they_are(data)
        assert sums.lengths == (1, 5, STEPS)
        value = float(sums(generated, real))
        assert (MEMORY * sums.errors[0]).tolist() == pytest.approx(wanted, abs=0.07)
        assert value == pytest.approx(float(sums.errors.square().mean()) / 2)


def test_the_gradient_is_that_of_half_the_squared_errors(data: SeriesDataset) -> None:
    """Errors that have been the same for long: the gradient by the scale s of the noise is e (d e / d s), with e = s^2 - 1."""
    sums, noise = as_they_are(data), torch.randn(500, 1, STEPS, generator=torch.Generator().manual_seed(0))
    scale = torch.tensor(1.5, requires_grad=True)
    sums.errors.fill_(1.5**2 - 1)
    (slope,) = torch.autograd.grad(sums(scale * noise, noise), scale)
    assert slope.item() == pytest.approx((1.5**2 - 1) * 2 * 1.5, rel=1e-3)


def test_real_batches_are_averaged(data: SeriesDataset) -> None:
    sums, batches = SumsOfReturns(data.spec), torch.randn(2, 8, 1, STEPS, generator=torch.Generator().manual_seed(0))
    for batch in batches:
        sums(batch, batch)
    assert float(sums.count) == 2
    torch.testing.assert_close(sums.total, sum(mean_squares(sums.in_units(each), sums.lengths).mean(dim=0) for each in batches))


def test_a_generator_is_drawn_to_the_deviation_of_the_data(data: SeriesDataset) -> None:
    sums, real = SumsOfReturns(data.spec), torch.from_numpy(data.windows(np.arange(0, len(data), 8)))
    scale = torch.tensor(0.4, requires_grad=True)
    optimizer = torch.optim.Adam([scale], 0.02, (0.0, 0.99))
    for step in range(100):
        noise = torch.randn(32, 1, STEPS, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        sums(scale * noise, real).backward()
        optimizer.step()
    assert scale.item() == pytest.approx(1, abs=0.2)


def test_quantgan_has_the_penalty_for_returns_if_it_has_a_weight(data: SeriesDataset) -> None:
    def losses(**settings: Any) -> dict[str, torch.Tensor]:  # noqa: ANN401
        torch.manual_seed(0)
        game = quantgan(**settings).build(data.spec)
        context = StepContext(lambda: data.batch(np.arange(8)), lambda: None, 8, Streams(0, 0), 0, 0)
        return game.play_generator(context)

    without, once, twice = (losses(sums=weight) for weight in (0.0, 1.0, 2.0))
    assert set(once) - set(without) == {"sums"}
    torch.testing.assert_close(twice["sums"], 2 * once["sums"])
    assert losses().keys() == without.keys()
    load = pd.DataFrame({"load": np.random.default_rng(0).normal(size=60)})
    values, _ = prepare_series(load, SeriesReading(), window=STEPS, past=0, scaling="standard", known=())
    assert quantgan(sums=1.0).build(values.spec).sums is None
