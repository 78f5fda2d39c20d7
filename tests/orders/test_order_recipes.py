"""ecgan: vectors that are learned, lines that are decoded by Bayes' rule, runs that resume, and lines that do not depend on how they are
asked for.
"""

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from rich.console import Console
from torch import Tensor
from torch.nn.functional import cross_entropy

import sparring
from sparring import recipes
from sparring.core.random_streams import Streams
from sparring.data.orders.order_dataset import OrdersDataset
from sparring.data.orders.order_reading import OrderReading
from sparring.data.orders.order_store import prepare_orders
from sparring.games.capabilities import HasDiscriminator, MakesOrders, Samples
from sparring.games.orders_gan import OrdersGame, new_calibration
from sparring.games.step_context import StepContext
from sparring.inference.pack import pack
from sparring.losses.scoring_rules import vector_energy_score
from sparring.metrics.orders.joint_shares import dependence
from sparring.modalities.orders_probe import generated_lines
from sparring.nets.orders import FULL, Calibration, EntityVectors, OrderEmbeddings
from support.orders import COLUMNS, COMMON, SMALL, log, write_log
from support.runs import same_run


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_log(tmp_path_factory.mktemp("orders"))


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, table: Path) -> Path:
    """A run of ten steps, four of which are for the vectors."""
    run = tmp_path_factory.mktemp("orders-runs") / "whole"
    sparring.train("ecgan", table, run, steps=10, console=Console(quiet=True), **COLUMNS, **SMALL, **COMMON)
    return run


def game_of(reading: OrderReading | None = None, **settings: object) -> tuple[OrdersGame, OrdersDataset]:
    data, _ = prepare_orders(log(), reading or OrderReading(**COLUMNS))
    torch.manual_seed(0)
    game: Any = recipes.get("ecgan")(**SMALL | settings).build(data.spec)  # pyright: ignore[reportArgumentType]
    game.fix_vectors()
    return game, data


def context_of(game: OrdersGame, data: OrdersDataset, n: int = 32) -> StepContext:
    batch = data.batch(np.arange(n))
    return StepContext(lambda: batch, lambda: None, n, Streams(0, 0), 0, 0)


# ------------------------------------------------------------------------------------------------------------- vectors


def test_vectors_are_standardized_over_the_lines() -> None:
    game, data = game_of()
    codes = torch.from_numpy(data.codes["product"].astype(np.int64))
    lines = game.embeddings.of("product").vectors[codes]
    torch.testing.assert_close(lines.mean(dim=0), torch.zeros(3), atol=1e-5, rtol=0)
    assert lines.var(dim=0, correction=0).mean().item() == pytest.approx(1, abs=1e-4)
    days = game.days[torch.from_numpy(data.codes["day"].astype(np.int64))]
    torch.testing.assert_close(days.std(dim=0, correction=0), torch.ones(5), atol=1e-3, rtol=0)


def test_a_choice_costs_the_cross_entropy_of_all_that_there_are() -> None:
    entity = EntityVectors(torch.zeros(5, dtype=torch.int64), torch.zeros(5), 1, 3)
    embeddings = OrderEmbeddings({"product": entity}, 1, 3)
    seen, codes, shares = torch.randn(4, 3), torch.tensor([0, 2, 2, 4]), torch.full((5,), 0.2)
    every = torch.stack([entity.groups[0] + entity.own[code] for code in range(5)])
    expected = cross_entropy(seen @ every.T + entity.bias, codes, reduction="none")
    torch.testing.assert_close(embeddings.choice_loss(seen, "product", codes, shares.log()), expected)


@pytest.mark.parametrize(("name", "off"), [("customer", 0.2), ("product", 0.2), ("day", 0.1)])
def test_kinds_are_calibrated_to_how_often_they_come(name: str, off: float) -> None:
    """A generator that makes one vector alone, which is nearest to one customer, product or day, gets the shares of all their kinds."""
    game, data = game_of(calibration=0.05)
    calibration = cast(Calibration, game.calibrations[name])
    shares, vector = calibration.shares, off * game.vectors_of(name)[0]
    assert shares.sum().item() == pytest.approx(1)
    assert (shares > 0.1).sum() > 1

    def drawn() -> Tensor:
        chances = game.closeness(name, vector[None]).softmax(dim=1)[0]
        return torch.zeros_like(shares).index_add(0, calibration.kind_of, chances)

    before = (drawn() - shares).abs().max()
    assert before > 0.1
    for step in range(800):
        batch = data.batch(np.random.default_rng(step).integers(0, len(data), 256))
        game.own_output = torch.zeros(256, game.width)
        game.own_output[:, game.blocks[name]] = vector
        game.calibrate(StepContext(lambda batch=batch: batch, lambda: None, 256, Streams(0, step), step, 0))
    assert (drawn() - shares).abs().max() < 0.25 * before


@pytest.mark.parametrize("settings", [{"calibration": 0.0}, {"decoding": "nearest"}])
def test_runs_without_a_calibration_have_none(settings: dict[str, Any]) -> None:
    game, data = game_of(**settings)
    assert not [name for name in game.state_dict() if "calibration" in name]
    assert game.play_generator(context_of(game, data))


def test_calibrations_are_averaged_with_the_generator_and_packed(trained: Path, tmp_path: Path) -> None:
    """What samples are decoded by is what belongs to the averaged generator, also of a packed model."""
    model = sparring.load(trained)
    factors = {name: tensor for name, tensor in model.game.state_dict().items() if "log_factors" in name}
    assert len(factors) == 3
    assert any(tensor.any() for tensor in factors.values())
    pack(trained, tmp_path / "model.safetensors")
    packed = sparring.load(tmp_path / "model.safetensors").game.state_dict()
    assert all(torch.equal(packed[name], tensor) for name, tensor in factors.items())


def test_without_groups_kinds_are_by_how_often_they_come() -> None:
    roles = {role: column for role, column in COLUMNS.items() if "group" not in role}
    data, _ = prepare_orders(log(), OrderReading(**roles))
    found = new_calibration(data.spec, "customer")
    counts = data.spec.counts_of("customer")
    for kind in np.unique(found.kind_of.numpy()):
        assert set(np.unique(counts[found.kind_of.numpy() == kind] >> int(kind))) == {1}


def test_long_lists_are_compared_with_the_batch_as_popular_as_they_are_there() -> None:
    count = FULL + 1
    entity = EntityVectors(torch.zeros(count, dtype=torch.int64), torch.zeros(count), 1, 2)
    with torch.no_grad():
        for weight in (entity.groups, entity.own):
            weight.zero_()
        entity.bias.copy_(torch.linspace(-1, 1, count))
    embeddings = OrderEmbeddings({"product": entity}, 1, 2)
    codes, log_shares = torch.tensor([3, 7, 7]), torch.linspace(-2, -1, count)
    found = embeddings.choice_loss(torch.zeros(3, 2), "product", codes, log_shares)
    a, b = ((entity.bias[code] - log_shares[code]).item() for code in (3, 7))
    # in the first row both lines of product 7 are there; in the others only their own, and not the other line of the same product
    first = -np.log(np.exp(a) / (np.exp(a) + 2 * np.exp(b)))
    other = -np.log(np.exp(b) / (np.exp(a) + np.exp(b)))
    np.testing.assert_allclose(found.detach().numpy(), [first, other, other], rtol=1e-5)


def test_new_products_are_those_of_their_group_and_price() -> None:
    game, data = game_of()
    entity, spec = game.embeddings.of("product"), data.spec
    made = game.new_products(torch.from_numpy(spec.product_groups), torch.from_numpy(spec.log_levels))
    torch.testing.assert_close(made, entity.cold)
    assert not torch.allclose(entity.cold, entity.vectors)


# ------------------------------------------------------------------------------------------------------------- decoding


def test_customers_are_drawn_by_bayes_rule() -> None:
    game, data = game_of(embedding_noise=0.8)
    vectors, shares = game.embeddings.of("customer").vectors, data.spec.counts_of("customer") / len(data)
    point = vectors[:1] * 0.6 + vectors[1:2] * 0.4
    likelihoods = np.exp(-((vectors - point).square().sum(dim=1).numpy()) / (2 * 0.8**2)) * shares
    draws = torch.linspace(-1, 1, 20_001)[:-1]
    found = np.bincount(game.drawn("customer", point.expand(len(draws), -1), draws).numpy(), minlength=20) / len(draws)
    np.testing.assert_allclose(found, likelihoods / likelihoods.sum(), atol=2e-4)


def test_rare_products_keep_their_share_which_the_nearest_would_not_leave_them() -> None:
    game, _ = game_of(embedding_noise=1.0)
    random, shares = torch.Generator().manual_seed(0), np.array([0.9, *[0.1 / 11] * 11])
    game.log_shares["product"] = torch.from_numpy(shares).float().log()
    truth = torch.from_numpy(np.random.default_rng(0).choice(12, 20_000, p=shares))
    vectors = game.embeddings.of("product").vectors[truth] + torch.randn(20_000, 3, generator=random)
    draws = torch.rand(20_000, generator=random) * 2 - 1
    by_bayes = np.bincount(game.drawn("product", vectors, draws).numpy(), minlength=12) / 20_000
    np.testing.assert_allclose(by_bayes, shares, atol=0.01)
    nearest, _ = game_of(embedding_noise=1.0, decoding="nearest")
    found = np.bincount(nearest.drawn("product", vectors, draws).numpy(), minlength=12) / 20_000
    assert np.abs(found - shares).sum() > 0.5


def test_dense_vectors_without_noise_are_decoded_to_their_lines() -> None:
    game, data = game_of(embedding_noise=0.005, day_noise=0.01)
    samples = data.batch(np.arange(100)).samples
    codes, scores = game.decode(game.dense(samples, None), torch.zeros(100, 3))
    for name in data.codes:
        assert (codes[name].numpy() == data.codes[name][:100]).mean() > 0.97
    np.testing.assert_allclose(scores, data.scores[:100], atol=1e-5)


def test_parts_that_are_known_are_copied_and_told_to_both() -> None:
    game, data = game_of()
    context = context_of(game, data)
    dense = game.at_current_level(context)
    known, cold = game.known_parts(context)
    made = game.generate_fakes(dense, None)
    where = game.by_number(known) > 0
    torch.testing.assert_close(made[where], dense.batch.samples[where])
    assert 0.3 < known.any(dim=1).float().mean() < 0.95
    assert (known[cold][:, game.names.index("product")]).all()
    assert isinstance(game, Samples)
    assert isinstance(game, HasDiscriminator)
    assert game.discriminate(data.batch(np.arange(9)).samples, None)[0].shape == (9,), "lines as samples have them"
    shown = game.discriminator_input(made, "generated", dense)
    torch.testing.assert_close(shown[:, game.width :], known.float())


def test_the_energy_score_by_hand_and_least_with_the_truth() -> None:
    samples = torch.tensor([[[0.0, 0.0]], [[3.0, 4.0]]])
    assert vector_energy_score(samples, torch.tensor([[3.0, 4.0]])).item() == pytest.approx((5 + 0 - 5) / 2, abs=1e-3)
    random = torch.Generator().manual_seed(0)
    real = torch.randn(20_000, 2, generator=random)
    means = [vector_energy_score(scale * torch.randn(2, 20_000, 2, generator=random), real).mean().item() for scale in (0.5, 1.0, 2.0)]
    assert means[1] < min(means[0], means[2])


# ------------------------------------------------------------------------------------------------------------- runs


def test_a_run_resumes_to_the_bit(trained: Path, table: Path, tmp_path: Path, quiet: Console) -> None:
    for stop in (2, 6):  # among the vectors, and in the game
        run = tmp_path / f"cut-{stop}"
        sparring.train("ecgan", table, run, steps=stop, console=quiet, **COLUMNS, **SMALL, **COMMON)
        sparring.resume(run, steps=10, console=quiet)
        same_run(trained, run)


def test_lines_do_not_depend_on_how_they_are_asked_for(trained: Path) -> None:
    game = sparring.load(trained).game
    assert isinstance(game, OrdersGame)
    assert isinstance(game, MakesOrders)
    game.sample_chunk = 16
    whole = game.draw_lines(50, 3, 0, {})
    torch.testing.assert_close(torch.cat([game.draw_lines(7, 3, 0, {}), game.draw_lines(43, 3, 7, {})]), whole, rtol=0, atol=0)
    torch.testing.assert_close(game.sample(50, 3), whole, rtol=0, atol=0)
    given = {"product": torch.arange(50) % 12}
    told = game.draw_lines(50, 3, 0, given)
    part = game.draw_lines(20, 3, 30, {"product": given["product"][30:]})
    torch.testing.assert_close(part, told[30:], rtol=0, atol=0)
    assert (game.orders_spec.codes_of(told)[0]["product"] == given["product"]).all()


def test_a_packed_model_draws_the_same(trained: Path, tmp_path: Path) -> None:
    model = sparring.load(trained)
    pack(model, tmp_path / "model.safetensors")
    packed: Any = sparring.load(tmp_path / "model.safetensors").game
    whole: Any = model.game
    torch.testing.assert_close(packed.draw_lines(40, 1, 0, {}), whole.draw_lines(40, 1, 0, {}), rtol=0, atol=0)


@pytest.mark.parametrize(
    "roles",
    [
        ("customer", "time"),
        ("product", "price"),
        ("customer", "price", "quantity"),
        ("product", "time", "group"),
        ("customer", "product", "time"),
    ],
)
def test_logs_that_lack_columns_are_learned_too(roles: tuple[str, ...], tmp_path: Path, quiet: Console) -> None:
    path = write_log(tmp_path, log(200)[[COLUMNS[role] for role in roles]])
    settings = {role: COLUMNS[role] for role in roles}
    model = sparring.train("ecgan", path, tmp_path / "run", steps=7, console=quiet, **settings, **SMALL, **COMMON)
    assert model.rows(10).num_rows == 10


def test_settings_without_use_are_refused(table: Path, tmp_path: Path, quiet: Console) -> None:
    with pytest.raises(sparring.SparringError) as caught:
        sparring.train("ecgan", table, tmp_path / "run", steps=1, augment="ada", condition="auxiliary", console=quiet, **COLUMNS)
    assert "augment" in str(caught.value)
    assert "condition" in str(caught.value)


@pytest.mark.long
def test_it_learns_who_buys_what_and_when(table: Path, tmp_path: Path, quiet: Console) -> None:
    settings = SMALL | {
        "embedding_steps": 150,
        "generator_hidden": 64,
        "discriminator_hidden": (64,),
        "batch_size": 200,
        "ema_samples": 5000,
    }
    model = sparring.train("ecgan", table, tmp_path / "run", steps=450, console=quiet, threads=1, **COLUMNS, **settings)
    game: Any = model.game
    codes, _ = generated_lines(model.spec, game, 2000, 0)
    skis = codes["product"] < 6
    assert dependence(codes["customer"] // 10, skis.astype(np.int64)) > 0.4, "0.8 in the log"
    months = np.asarray(model.spec.days)[codes["day"]].astype("datetime64[D]").astype("datetime64[M]").astype(int) % 12
    winter = np.isin(months, [11, 0, 1, 2])
    assert winter[skis].mean() - winter[~skis].mean() > 0.5, "all of the skis are sold in winter"
    north = game.orders_spec.codes_of(game.draw_lines(500, 0, 0, {"product": torch.zeros(500, dtype=torch.int64)}))[0]["customer"] < 10
    assert north.float().mean() > 0.65, "nine of ten in the log"
