import json
import math
import sys

import numpy as np
import pytest
import torch
from torch import Tensor

from sparring.core.errors import SettingsError, SparringError
from sparring.core.random_streams import Streams
from sparring.data.points.mixtures import MIXTURES, Mixture, Points, grid25, mixture, ring8
from sparring.metrics.mode_coverage import ModeCount, class_coverage, count_modes

TRUE_QUALITY = 1 - math.exp(-4.5)
"""The share of a round Gaussian in the plane that lies within 3 deviations."""


def on_modes(true: Mixture, modes: list[int], each: int) -> Tensor:
    return torch.cat([true.centers[true.mode_of_center == mode][:1].repeat(each, 1) for mode in modes])


def within_binomial_error(share: float, probability: float, n: int) -> bool:
    return abs(share - probability) < 4 * math.sqrt(probability * (1 - probability) / n)


def test_ring8_has_eight_distinct_modes_on_a_circle() -> None:
    ring = ring8()
    x, y = math.sqrt(2), math.sqrt(2)
    by_hand = torch.tensor([[2, 0], [x, y], [0, 2], [-x, y], [-2, 0], [-x, -y], [0, -2], [x, -y]])
    torch.testing.assert_close(ring.centers, by_hand.float(), rtol=0, atol=1e-6)
    distances = torch.cdist(ring.centers.double(), ring.centers.double()) + 99 * torch.eye(8)
    torch.testing.assert_close(distances.min(dim=1).values, torch.full((8,), 4 * math.sin(math.pi / 8)).double(), rtol=1e-5, atol=0)
    assert (ring.modes, ring.deviation) == (8, 0.02)
    assert ring.extent == pytest.approx(2.4)


def test_grid25_is_five_by_five_around_the_origin() -> None:
    assert {tuple(center) for center in grid25().centers.tolist()} == {(x, y) for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)}
    assert (grid25().modes, grid25().deviation) == (25, 0.05)
    assert grid25().extent == pytest.approx(4.8)


@pytest.mark.parametrize(("name", "curves", "modes"), [("moons", 2, 16), ("spiral", 2, 16), ("swissroll", 1, 16)])
def test_curves_are_even_in_arc_length_and_smooth(name: str, curves: int, modes: int) -> None:
    true = mixture(name)
    assert true.modes == modes
    for arc in true.centers.double().chunk(curves):
        spacing = arc.diff(dim=0).norm(dim=1)
        assert spacing.max() <= true.deviation
        assert spacing.max() / spacing.min() < 1.005  # chords of equal arcs are shorter where the curve is bent more
    assert true.centers.abs().max() == pytest.approx(2)
    assert torch.equal(true.mode_shares, torch.full((modes,), 1 / modes).double())
    assert (true.mode_of_center.diff() >= 0).all()  # each mode is one stretch


def test_swissroll_is_as_long_as_its_closed_form() -> None:
    # r = a * t has the arc length a / 2 * (t sqrt(1 + t^2) + asinh t)
    length = lambda t: (t * math.sqrt(1 + t * t) + math.asinh(t)) / 2  # noqa: E731
    roll = mixture("swissroll").centers.double()
    radians = 1.5 * math.pi, 4.5 * math.pi
    ends = (roll[0] - roll[-1]).norm()  # both on the y axis: at -1.5 pi and at 4.5 pi
    expected = (length(radians[1]) - length(radians[0])) / (1.5 * math.pi + 4.5 * math.pi)
    assert (roll.diff(dim=0).norm(dim=1).sum() / ends).item() == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("name", MIXTURES)
def test_density_integrates_to_one(name: str) -> None:
    true = mixture(name)
    # The trapezium rule is exact for Gaussians as soon as the grid is as fine as the deviation.
    places = torch.arange(-true.extent, true.extent, true.deviation, dtype=torch.float64)
    assert (true.log_density(torch.cartesian_prod(places, places)).exp().sum() * true.deviation**2).item() == pytest.approx(1, abs=1e-4)


def test_log_density_of_one_and_of_two_centers() -> None:
    one = Mixture("one", torch.tensor([[1.0, -2.0]]), 0.5, torch.tensor([0]))
    points = torch.tensor([[1.0, -2.0], [1.5, -2.0], [4.0, 2.0]])
    # log of 1 / (2 pi 0.5^2), less d^2 / (2 * 0.5^2) for distances 0, 0.5 and 5
    torch.testing.assert_close(one.log_density(points), torch.tensor([0.0, -0.5, -50.0]) - math.log(math.pi / 2))
    two = Mixture("two", torch.tensor([[0.0, 0.0], [0.0, 0.0]]), 1.0, torch.tensor([0, 1]))
    assert two.log_density(torch.zeros(1, 2)).item() == pytest.approx(-math.log(2 * math.pi))
    assert Mixture("spot", torch.zeros(1, 2), 0.5, torch.tensor([0])).extent == 1.5
    far = ring8().log_density(torch.tensor([[1e30, 0.0], [0.0, 0.0]]))
    # at the origin all eight are 100 deviations away
    assert far.tolist() == pytest.approx([-math.inf, -5000 - math.log(2 * math.pi * 0.02**2)])


def test_density_and_distances_do_not_depend_on_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    true = mixture("spiral")
    points = true.sample(100, Streams(0, 0))[0]
    whole = true.log_density(points), *true.nearest(points)
    monkeypatch.setattr("sparring.data.points.mixtures.MOST_DISTANCES", 7 * len(true.centers))
    for before, after in zip(whole, (true.log_density(points), *true.nearest(points)), strict=True):
        assert torch.equal(before, after)


@pytest.mark.parametrize("name", MIXTURES)
def test_true_samples_cover_everything(name: str) -> None:
    true = mixture(name)
    n = 20_000
    points, modes = true.sample(n, Streams(3, 0))
    count = count_modes(points, true)
    assert (count.modes, count.of, count.n) == (true.modes, true.modes, n)
    assert count.kl < 4 * true.modes / (2 * n)  # 2 n kl is chi-squared, with modes - 1 degrees of freedom
    assert sum(count.shares) == pytest.approx(1)
    nearest = true.mode_of_center[true.nearest(points)[1]]
    if name in ("ring8", "grid25"):
        assert within_binomial_error(count.high_quality, TRUE_QUALITY, n)
        assert torch.equal(nearest, modes)
    else:
        assert count.high_quality > TRUE_QUALITY  # only across the curve can a sample be far
        assert (nearest == modes).float().mean() > 0.8  # and some near the ends of a stretch cross over


def test_collapse_on_purpose() -> None:
    ring = ring8()
    one = count_modes(on_modes(ring, [3], 500), ring)
    assert (one.modes, one.high_quality, one.shares) == (1, 1.0, (0, 0, 0, 1, 0, 0, 0, 0))
    assert one.kl == pytest.approx(math.log(8))
    half = count_modes(on_modes(ring, [0, 2, 4, 6], 5), ring)
    assert half.modes == 4
    assert half.kl == pytest.approx(math.log(2))
    moon = count_modes(on_modes(mixture("moons"), list(range(8)), 10), mixture("moons"))
    assert (moon.modes, moon.of) == (8, 16)
    assert moon.kl == pytest.approx(math.log(2))
    # three quarters on one of two modes that are nine to one in truth, by hand
    uneven = Mixture("uneven", torch.tensor([[0.0, 0.0]] * 9 + [[5.0, 0.0]]), 0.1, torch.tensor([0] * 9 + [1]))
    count = count_modes(torch.tensor([[5.0, 0.0]] * 3 + [[0.0, 0.0]]), uneven)
    assert count.kl == pytest.approx(0.75 * math.log(0.75 / 0.1) + 0.25 * math.log(0.25 / 0.9))


def test_samples_between_modes_cover_none() -> None:
    ring = ring8()
    count = count_modes((ring.centers + ring.centers.roll(1, dims=0)) / 2, ring)
    assert (count.modes, count.high_quality) == (0, 0.0)


def test_the_edge_of_high_quality_is_three_deviations() -> None:
    spot = Mixture("spot", torch.zeros(1, 2), 1.0, torch.tensor([0]))
    count = count_modes(
        torch.tensor([[2.99, 0.0], [2.2, 2.2], [-2.1, 2.1], [0.0, 3.01]]), spot
    )  # 2.2 * sqrt(2) = 3.11, 2.1 * sqrt(2) = 2.97
    assert count.high_quality == 0.5


def test_samples_that_are_no_numbers() -> None:
    ring, broken = ring8(), torch.tensor([[math.nan, 0.0], [math.inf, 2.0]])
    count = count_modes(torch.cat([on_modes(ring, [1, 2], 1), broken]), ring)
    assert count.kl == pytest.approx(math.log(4))
    assert count == ModeCount(2, 8, 0.5, count.kl, (0, 0.25, 0.25, 0, 0, 0, 0, 0), 4)
    for nothing in (broken, torch.zeros(0, 2)):
        count = count_modes(nothing, ring)
        assert count == ModeCount(0, 8, 0.0, math.inf, (0.0,) * 8, len(nothing))
        assert json.loads(json.dumps(count.to_json(), allow_nan=False))["kl"] is None


def test_mode_statistics_from_classes() -> None:
    assert class_coverage(torch.arange(1000), 1000) == (1000, pytest.approx(0))
    found, kl = class_coverage(torch.arange(250).repeat(4), 1000)
    assert (found, kl) == (250, pytest.approx(math.log(4)))
    assert class_coverage(torch.zeros(0, dtype=torch.int64), 10) == (0, math.inf)


def test_count_as_json() -> None:
    value = count_modes(on_modes(ring8(), [0], 4), ring8()).to_json()
    assert json.loads(json.dumps(value)) == value
    assert set(value) == {"modes", "of", "high_quality", "kl", "shares", "n"}


def test_points_are_a_function_of_the_seed_and_its_classes_are_modes() -> None:
    points, again, other = Points(ring8(), 1000, seed=5), Points(ring8(), 1000, seed=5), Points(ring8(), 1000, seed=6)
    indices = np.array([7, 0, 999, 7])
    batch = points.batch(indices)
    everything = points.batch(np.arange(1000))
    assert len(points) == 1000
    assert points.spec.shape == (2,) == tuple(batch.samples.shape[1:])
    assert points.spec.classes[-1] == "mode 7"
    assert torch.equal(batch.samples, everything.samples[torch.from_numpy(indices)])
    assert batch.labels is not None
    assert batch.labels.tolist() == points.labels[indices].tolist()
    nearest = ring8().nearest(everything.samples.flatten(1))[1]
    assert nearest.tolist() == points.labels.tolist()
    assert torch.equal(everything.samples, again.batch(np.arange(1000)).samples)
    assert not torch.equal(everything.samples, other.batch(np.arange(1000)).samples)
    with pytest.raises(IndexError):
        points.batch(np.array([1000]))


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(SettingsError, match=r"'ring9'.*Did you mean 'ring8'"):
        mixture("ring9")


def image_of(samples: Tensor, true: Mixture, field: Tensor, arrows: Tensor, size: tuple[int, int] = (750, 260)) -> np.ndarray:
    drawing = pytest.importorskip("sparring.playground_2d.drawing")
    pytest.importorskip("matplotlib")
    snapshot = drawing.Snapshot(10, samples, field, samples[: len(arrows)], arrows, count_modes(samples, true))
    return drawing.draw(snapshot, true, "gan on $ring8", size)


def test_drawing_shows_a_collapse() -> None:
    ring, field, arrows = ring8(), torch.linspace(-1, 1, 256).view(16, 16), torch.ones(50, 2)
    good = image_of(ring.sample(2500, Streams(0, 0))[0], ring, field, arrows)
    collapsed = image_of(on_modes(ring, [0], 2500), ring, field, arrows)
    assert good.shape == collapsed.shape == (260, 750, 3)
    # In the first panel the mode on the right is orange in both, the one on the left blue once it is lost.
    row, left, right = 260 - 15 - 102, 20 + 17, 20 + 187
    red_over_blue = [[int(image[row, column, 0]) - int(image[row, column, 2]) for column in (left, right)] for image in (good, collapsed)]
    assert red_over_blue[0][0] > 100
    assert red_over_blue[0][1] > 100
    assert red_over_blue[1][0] < -50
    assert red_over_blue[1][1] > 100


def test_the_field_is_drawn_with_its_first_row_at_the_bottom() -> None:
    field = torch.zeros(16, 16)
    field[:4] = 1.0
    image = image_of(torch.full((9, 2), 99.0), ring8(), field, torch.ones(0, 2)).astype(int)
    assert image[220, 360, 2] - image[220, 360, 0] > 80  # blue, real
    assert abs(image[80, 360, 2] - image[80, 360, 0]) < 20


def test_field_points_follow_the_field() -> None:
    drawing = pytest.importorskip("sparring.playground_2d.drawing")
    places = drawing.field_points(2.0, 4).view(4, 4, 2)
    assert places[0, 0].tolist() == [-1.5, -1.5]
    assert places[0, 3].tolist() == [1.5, -1.5]
    assert places[3, 0].tolist() == [-1.5, 1.5]


@pytest.mark.parametrize("size", [(750, 260), (333, 401)])
def test_nothing_is_too_broken_to_draw(size: tuple[int, int]) -> None:
    broken = torch.tensor([[math.nan, math.inf], [1e30, 0.0], [0.0, 0.0]])
    fields = torch.full((8, 8), math.nan), torch.zeros(8, 8), torch.full((8, 8), -math.inf), torch.eye(8) * 1e30
    for field, arrows in zip(fields, (broken, torch.zeros(3, 2), torch.zeros(0, 2), torch.ones(3, 2)), strict=True):
        assert image_of(broken, ring8(), field, arrows, size).shape == (size[1], size[0], 3)


def test_drawing_without_matplotlib_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("matplotlib", "matplotlib.backends", "matplotlib.backends.backend_agg"):
        monkeypatch.setitem(sys.modules, name, None)
    from sparring.playground_2d.drawing import Snapshot, draw

    points = torch.zeros(1, 2)
    with pytest.raises(SparringError, match=r"sparring\[plots\]"):
        draw(Snapshot(0, points, torch.zeros(2, 2), points, points, count_modes(points, ring8())), ring8(), "gan")
