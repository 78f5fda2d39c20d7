"""What is measured of runs: against hand numbers and images that are sick on purpose; and that looking changes nothing."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from torch import nn

import sparring
from sparring import recipes
from sparring.core.batch import Batch
from sparring.core.jsonl import read_lines
from sparring.data.open_by_name import open_source
from sparring.data.points.mixtures import Points, mixture
from sparring.data.prepare_store import prepare
from sparring.data.preprocessing import Preprocessing
from sparring.data.store import Store
from sparring.data.subset import Subset, split_holdout
from sparring.games.adversarial import TwoPlayerGame
from sparring.games.game import as_played
from sparring.health.measurements import (
    HealthMeasurements,
    auc,
    constant_channels,
    is_constant,
    largest_singular_value,
    watching_constant_channels,
)
from sparring.health.signals import CLASS_AGREEMENT_BY_CLASS
from sparring.metrics.pixel_statistics import agreements, checkerboard, clusters, label_signs, mean_distance, rows_of, saturation
from sparring.runs.run_directory import RunDirectory
from sparring.training import checkpoints
from sparring.training.callbacks import health as recorder
from sparring.training.callbacks.health import measurement_due
from sparring.training.session import first_state
from sparring.training.state import State
from support.tiny import TINY


def test_the_auc_is_counted_over_all_pairs() -> None:
    # of 2 x 3 pairs: 2 > 0, 2 > 1, 2 = 2 (half), 1 > 0, 1 = 1 (half), 1 < 2
    assert auc(torch.tensor([2.0, 1.0]), torch.tensor([0.0, 1.0, 2.0])) == pytest.approx(4 / 6)


def test_a_layer_that_gets_the_same_for_all_is_not_dead() -> None:
    assert is_constant((torch.ones(8, 3),))
    assert is_constant((torch.full((8,), 4),)), "the class of all"
    assert not is_constant((torch.tensor([[1.0], [2.0]]),))
    assert not is_constant(())
    classed = nn.Sequential(nn.Linear(3, 4), nn.ReLU())
    dead = nn.Sequential(nn.Linear(3, 4), nn.ReLU(inplace=True))
    dead[0].bias.data.fill_(-100.0)  # pyright: ignore[reportArgumentType, reportCallIssue, reportAttributeAccessIssue]
    for network, given, layers in ((classed, torch.ones(8, 3), set()), (dead, torch.randn(8, 3), {"1"})):
        with watching_constant_channels(network) as constant:
            network(given)
        assert constant.keys() == layers


def test_distances_are_those_of_different_rows() -> None:
    assert mean_distance(torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 0.0]])) == pytest.approx(10 / 3, rel=1e-5)


def test_patterns_that_alternate_are_seen_and_others_are_not() -> None:
    row, column = torch.meshgrid(torch.arange(8.0), torch.arange(8.0), indexing="ij")
    alternating = {"both": (-1) ** (row + column), "rows": (-1) ** row, "columns": (-1) ** column}
    for name, image in alternating.items():
        assert checkerboard(0.3 + 0.1 * image[None, None]) == pytest.approx(1, abs=1e-5), name
    slower = torch.sin(2 * math.pi * row / 4)[None, None]
    assert checkerboard(slower) == pytest.approx(0, abs=1e-6)
    # equal parts of two waves: each has half of the power
    assert checkerboard(slower + (-1) ** row[None, None] / math.sqrt(2)) == pytest.approx(0.5, abs=1e-5)


def test_saturated_pixels_are_counted() -> None:
    assert saturation(torch.tensor([[[[1.0, -1.0, 0.97, 0.0]]]])) == 0.5


def test_singular_values_are_those_of_an_exact_decomposition() -> None:
    matrix = torch.randn(12, 30, generator=torch.Generator().manual_seed(0))
    assert largest_singular_value(matrix) == pytest.approx(torch.linalg.matrix_norm(matrix, 2).item(), rel=0.03)


def test_constant_channels_are_those_that_nothing_changes() -> None:
    maps = torch.zeros(3, 3, 2, 2)
    maps[:, 1] = 5.0
    maps[1, 2, 0, 1] = 1.0
    assert constant_channels(maps).tolist() == [True, True, False]


def test_clusters_are_found_again() -> None:
    random = torch.Generator().manual_seed(0)
    truth = torch.arange(60) % 3
    rows = torch.eye(3)[truth] * 10 + 0.1 * torch.randn(60, 3, generator=random)
    found = clusters(rows, 3)
    assert len({(int(a), int(b)) for a, b in zip(truth, found, strict=True)}) == 3


def test_labels_that_were_shuffled_agree_by_chance_alone() -> None:
    random = torch.Generator().manual_seed(0)
    truth = torch.arange(400) % 4
    rows = torch.eye(4)[truth] * 10 + torch.randn(400, 4, generator=random)
    assert label_signs(rows, truth)["agreement"] > 0.99
    shuffled = label_signs(rows, truth[torch.randperm(400, generator=random)])
    assert shuffled["agreement"] == pytest.approx(0.25, abs=0.08)
    assert shuffled["agreement_by_chance"] == pytest.approx(0.25)


def test_agreement_is_counted_for_each_class() -> None:
    asked, drawn = torch.tensor([0, 0, 0, 0, 1, 1, 3]), torch.tensor([0, 1, 0, 0, 0, 1, 1])
    assert agreements(asked, drawn, 4) == [0.75, 0.5, 0.0, 0.0]


def test_measurements_are_a_hundred_steps_apart_at_first_and_ever_farther_then() -> None:
    due = [step for step in range(6500) if measurement_due(step)]
    assert due[:3] == [100, 200, 300]
    assert due[15:18] == [1600, 1800, 2000]
    assert due[-1] == 6400
    assert len(due) == 16 + 8 + 8


class Drawing(nn.Module):
    """Stands in for a generator: the images are given, or the first of them alone."""

    def __init__(self, images: torch.Tensor, *, collapsed: bool) -> None:
        super().__init__()
        self.images = nn.Parameter(images)
        self.collapsed = collapsed

    def forward(self, latents: torch.Tensor, condition: torch.Tensor | None = None) -> torch.Tensor:
        """Images for latents, whatever these are."""
        chosen = torch.zeros(len(latents), dtype=torch.int64) if self.collapsed else torch.arange(len(latents)) % len(self.images)
        return self.images[chosen]


def measured(store: Store, *, collapsed: bool) -> dict[str, Any]:
    data, held_out = split_holdout(store, 10, 0)
    recipe = recipes.get("dcgan")(**{name: value for name, value in TINY.items() if name in {"width", "batch_size", "latent_size"}})
    state = first_state(recipe, lambda: recipe.build(store.spec), 0)
    assert isinstance(state.game, TwoPlayerGame)
    state.game.generator = Drawing(data.batch(np.arange(50)).samples, collapsed=collapsed)
    return HealthMeasurements(data, held_out, 0).measure_game(State(state.game, state.game, state.optimizers))


def test_a_generator_of_the_data_is_as_diverse_and_one_of_a_single_image_is_not(store: Store) -> None:
    whole, one = measured(store, collapsed=False), measured(store, collapsed=True)
    assert whole["diversity"] == pytest.approx(1, abs=0.1)
    assert whole["coverage"] > 0.95
    assert whole["recall"] == whole["precision"] == 1
    assert whole["nearest_real"] < 1e-3
    assert whole["auc/real_vs_generated"] == pytest.approx(0.5, abs=0.1)
    assert one["diversity"] < 1e-3
    assert one["near_duplicates"] == 1
    assert whole["nearest_sample"] == pytest.approx(1, abs=0.1)
    assert one["nearest_sample"] < 1e-3
    assert one["coverage"] < 0.5
    assert max(one["modes"]) == 1
    assert min(whole["modes"]) > 0
    assert sum(whole["modes"]) == pytest.approx(1, abs=1e-3)


def test_projections_are_as_far_apart_as_the_images(store: Store) -> None:
    measurements = HealthMeasurements(split_holdout(store, 0, 0)[0], None, 0)
    random = torch.Generator().manual_seed(1)
    first, second = (torch.randn(128, measurements.rows.shape[1], generator=random) for _ in range(2))
    true = (first - second).square().sum(dim=1).mean().sqrt().item() / measurements.unit_distance
    a, b = (np.array(measurements.project(rows)) for rows in (first, second))
    assert np.sqrt(((a - b) ** 2).mean()) == pytest.approx(true, rel=0.35)


def test_points_are_measured_too() -> None:
    measurements = HealthMeasurements(Points(mixture("ring8"), 4000), None, 0).measure_data()
    assert measurements["modes_are"] == "classes"
    assert len(measurements["modes"]) == 8
    assert measurements["label_agreement"] == 1
    assert "checkerboard" not in measurements


def test_images_without_classes_are_clustered(store: Store) -> None:
    from dataclasses import replace

    bare = replace(store, labels=None)
    measurements = HealthMeasurements(split_holdout(bare, 0, 0)[0], None, 0).measure_data()
    assert measurements["modes_are"] == "clusters"
    assert sum(measurements["modes"]) == pytest.approx(1, abs=0.01)
    assert "label_agreement" not in measurements


def test_rows_have_sixteen_by_sixteen_pixels_at_most() -> None:
    assert rows_of(torch.zeros(2, 3, 64, 64)).shape == (2, 768)
    assert rows_of(torch.zeros(2, 2, 1, 1)).shape == (2, 2)


def test_a_network_is_looked_at_as_it_is_played_and_without_a_trace() -> None:
    network = nn.Sequential(nn.BatchNorm2d(2), nn.Dropout(0.5)).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    images = 3 + 2 * torch.randn(64, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    with as_played(network):
        seen = network(images)
    assert seen.mean().abs() < 1e-5  # its own statistics; no dropout
    assert seen.std() == pytest.approx(1, abs=0.01)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert network.training
    assert network[0].track_running_stats
    assert network[1].training


SEEN = {**TINY, "steps": 21, "device": "cpu", "precision": "float32"}
"""Measured after 10 and 20 steps, where the first measurements are ten apart."""


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "FIRST_SPACING", 10)


@pytest.fixture(scope="module")
def watched(squares: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("watched") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recorder, "FIRST_SPACING", 10)
        sparring.train("dcgan", prepare(open_source(squares), Preprocessing(size=16)), run, console=Console(quiet=True), **SEEN)
    return run


def tensors(run: Path) -> dict[str, torch.Tensor]:
    found = checkpoints.read_newest(RunDirectory(run).checkpoints, say=lambda _: None)
    assert found is not None
    return found[0]


def test_looking_changes_nothing(
    watched: Path, store: Store, tmp_path: Path, quiet: Console, often: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(read_lines(watched / "health.jsonl")) == 3
    monkeypatch.setattr(recorder, "measurement_due", lambda step: False)
    sparring.train("dcgan", store, tmp_path / "alone", console=quiet, **SEEN)
    assert len(read_lines(tmp_path / "alone" / "health.jsonl")) == 1
    seen, alone = tensors(watched), tensors(tmp_path / "alone")
    assert seen.keys() == alone.keys()
    assert all(torch.equal(seen[name], alone[name]) for name in seen)


@pytest.mark.parametrize("stop", [9, 10, 15])
def test_a_resumed_run_has_the_same_measurements(
    stop: int, watched: Path, store: Store, tmp_path: Path, quiet: Console, often: None
) -> None:
    sparring.train("dcgan", store, tmp_path / "parts", console=quiet, **{**SEEN, "steps": stop})
    sparring.resume(tmp_path / "parts", steps=SEEN["steps"], console=quiet)
    assert (tmp_path / "parts" / "health.jsonl").read_bytes() == (watched / "health.jsonl").read_bytes()
    assert read_lines(watched / "health.jsonl")[1]["relative_updates"]


def test_held_out_images_are_not_trained_on(store: Store) -> None:
    data, held_out = split_holdout(store, None, 0)
    assert (len(data), len(held_out)) == (57, 3)
    assert not set(data.indices) & set(held_out.indices)
    assert data.labels is not None
    assert store.labels is not None
    assert (data.labels == store.labels[data.indices]).all()
    assert torch.equal(data.batch(np.array([2])).samples, store.batch(data.indices[[2]]).samples)
    assert set(split_holdout(store, 5, 1)[1].indices) != set(split_holdout(store, 5, 0)[1].indices)
    with pytest.raises(sparring.core.errors.SettingsError, match="holdout must leave something"):
        split_holdout(store, 60, 0)


def test_numbers_that_are_no_longer_finite_are_written_down(store: Store, tmp_path: Path, quiet: Console) -> None:
    from sparring.core.errors import NonFiniteError

    with pytest.raises(NonFiniteError):
        sparring.train("dcgan", store, tmp_path / "run", console=quiet, **{**SEEN, "optimizer": "sgd", "learning_rate": 1e30})
    ending = json.loads((tmp_path / "run" / "ending.json").read_text())
    assert ending["reason"] == "not finite"
    assert ending["step"] >= 0
    assert "no longer finite" in ending["message"]


def test_images_that_are_all_the_same_are_measured(store: Store) -> None:
    class Same(Subset):
        def batch(self, indices: np.ndarray) -> Batch:
            return super().batch(0 * indices)

    data, held_out = split_holdout(store, 3, 0)
    recipe = recipes.get("dcgan")(width=4, latent_size=5, batch_size=8, packing=4)
    state = first_state(recipe, lambda: recipe.build(store.spec), 0)
    measurements = HealthMeasurements(Same(data.store, data.indices), held_out, 0)
    assert measurements.measure_data()["near_duplicates"] == 1
    taken = measurements.measure_game(state)  # and three held-out images are too few for a pack of four
    assert taken["diversity"] > 1
    assert "auc/holdout_vs_generated" not in taken
    assert "auc/real_vs_generated" in taken


def test_a_conditional_game_is_asked_for_classes_as_often_as_the_data_has_them(store: Store) -> None:
    from dataclasses import replace

    uneven = replace(store, labels=(np.arange(60) % 6 == 0).astype(np.int64))
    recipe = recipes.get("cgan")(width=4, latent_size=5, batch_size=8)
    state = first_state(recipe, lambda: recipe.build(store.spec), 0)
    assert isinstance(state.game, TwoPlayerGame)
    _, labels = HealthMeasurements(split_holdout(uneven, 0, 0)[0], None, 0).generate(state.game)
    assert labels is not None
    assert labels.float().mean().item() == pytest.approx(1 / 6, abs=0.01)


def test_class_agreement_is_measured_by_class(tmp_path: Path) -> None:
    """Four classes of gray. For the third, the second is drawn."""
    labels = np.arange(80) % 4
    grays = 60 * labels[:, None, None, None] + np.random.default_rng(0).integers(0, 30, (80, 16, 16, 1))
    np.savez(tmp_path / "grays.npz", images=grays.astype(np.uint8), labels=labels)
    measurements = HealthMeasurements(split_holdout(prepare(open_source(tmp_path / "grays.npz"), Preprocessing(size=16)), 0, 0)[0], None, 0)
    assert measurements.measure_data()["label_agreement/by_class"] == [1.0] * 4
    asked = torch.tensor([0, 1, 2, 2, 3])
    drawn = torch.stack([measurements.real.samples[measurements.real.labels == label][0] for label in (0, 1, 1, 1, 3)])
    assert measurements.measure_samples(drawn, asked)[CLASS_AGREEMENT_BY_CLASS] == [1.0, 1.0, 0.0, 1.0]


@pytest.mark.parametrize("name", ["sngan", "biggan", "stylegan2", "progan"])
def test_every_recipe_can_be_looked_at(name: str, store: Store) -> None:
    small = {"sngan": {"width": 4}, "biggan": {"width": 4}}.get(name, {"channel_base": 64, "channel_max": 8})
    recipe = recipes.get(name)(batch_size=8, **small)
    state = first_state(recipe, lambda: recipe.build(store.spec), 0)
    taken = HealthMeasurements(*split_holdout(store, 8, 0), 0).measure_game(state)
    assert {"auc/real_vs_generated", "auc/training_vs_holdout", "diversity", "projection", "modes"} <= taken.keys()
    assert all(math.isfinite(value) for value in taken.values() if isinstance(value, float))
    assert not any("parametrizations" in layer for layer in taken["constant_channels"])
