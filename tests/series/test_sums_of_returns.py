"""The variance of sums of returns, which a generator is drawn to: by hand, by independent noise, and in quantgan."""

from pathlib import Path
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
from sparring.games.sums_of_returns import SumsOfReturns, knots_of, mean_squares, unscaled
from sparring.runs.config import described
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


def test_errors_are_those_of_variances_also_of_sums(data: SeriesDataset) -> None:
    """Noise of twice the deviation has four times the variance: an error of 3, squared, in all lengths. Noise that takes back what the step
    before did has the variance of a step, and of sums of 12 a twelfth: the error of that length alone is -11/12.
    """
    noise = torch.randn(4000, 1, STEPS + 1, generator=torch.Generator().manual_seed(0))
    sums = SumsOfReturns(data.spec)
    sums.knots = [(torch.tensor([-99.0, 99.0]), torch.tensor([-99.0, 99.0]))]  # as they are
    assert sums.lengths == (1, 5, STEPS)
    real = noise[:2000, :, 1:]
    assert float(sums(2 * real.flip(0), real)) == pytest.approx(9, rel=0.05)
    assert float(sums(real.flip(0), real)) == pytest.approx(0, abs=0.01)
    back = (noise[2000:, :, 1:] - noise[2000:, :, :-1]) / 2**0.5
    wanted = [1 - 1, 1 / 5 - 1, 1 / STEPS - 1]
    assert float(sums(back, real)) == pytest.approx(np.mean(np.square(wanted)), abs=0.05)
    assert not float(sums(real[:1], real))


def test_the_product_of_halves_has_no_bias(data: SeriesDataset) -> None:
    """Of batches of the data's own kind the mean is about 0, where that of squares is the variance of what a batch is off by chance."""
    sums = SumsOfReturns(data.spec)
    sums.knots = [(torch.tensor([-99.0, 99.0]), torch.tensor([-99.0, 99.0]))]
    sums.total, sums.count = 1e6 * torch.tensor([[1.0, 5.0, STEPS]]), torch.tensor(1e6)  # of a very long time with noise
    found, squares = [], []
    for batch in torch.randn(300, 16, 1, STEPS, generator=torch.Generator().manual_seed(0)):
        found.append(float(sums(batch, batch)))
        squares.append(float((mean_squares(batch, sums.lengths).mean(dim=0) / torch.tensor([[1.0, 5.0, STEPS]]) - 1).square().mean()))
    assert abs(np.mean(found)) < 0.2 * np.mean(squares)


def test_real_batches_are_averaged(data: SeriesDataset) -> None:
    sums, batches = SumsOfReturns(data.spec), torch.randn(2, 8, 1, STEPS, generator=torch.Generator().manual_seed(0))
    for batch in batches:
        sums(batch, batch)
    assert float(sums.count) == 2
    torch.testing.assert_close(sums.total, sum(mean_squares(sums.in_units(each), sums.lengths).mean(dim=0) for each in batches))


def test_a_generator_is_drawn_to_the_deviation_of_the_data(data: SeriesDataset) -> None:
    sums, real = SumsOfReturns(data.spec), torch.from_numpy(data.windows(np.arange(0, len(data), 8)))
    scale = torch.tensor(0.4, requires_grad=True)
    optimizer = torch.optim.Adam([scale], 0.05)
    for step in range(60):
        noise = torch.randn(64, 1, STEPS, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        sums(scale * noise, real).backward()
        optimizer.step()
    assert scale.item() == pytest.approx(1, abs=0.15)


def test_quantgan_has_the_penalty_for_returns_and_older_runs_have_none(data: SeriesDataset) -> None:
    def losses(**settings: Any) -> dict[str, torch.Tensor]:  # noqa: ANN401
        torch.manual_seed(0)
        game = quantgan(**settings).build(data.spec)
        context = StepContext(lambda: data.batch(np.arange(8)), lambda: None, 8, Streams(0, 0), 0, 0)
        return game.play_generator(context)

    without, once, twice = (losses(sums=weight) for weight in (0.0, 1.0, 2.0))
    assert set(once) - set(without) == {"sums"}
    torch.testing.assert_close(twice["sums"], 2 * once["sums"])
    assert losses().keys() == once.keys()
    load = pd.DataFrame({"load": np.random.default_rng(0).normal(size=60)})
    values, _ = prepare_series(load, SeriesReading(), window=STEPS, past=0, scaling="standard", known=())
    assert quantgan().build(values.spec).sums is None
    about = {"recipe": "quantgan", "recipe_settings": {"hidden": 5}, "spec": data.spec.to_json()}
    older: Any = described(about, Path("config.json"))[0]
    assert (older.sums, older.hidden) == (0.0, 5)
