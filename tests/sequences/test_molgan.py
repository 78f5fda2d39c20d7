"""MolGAN: graphs and rows are the same thing, the order of atoms does not matter, choices have the right gradients, and it plays."""

import itertools
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from sparring.core.random_streams import Streams
from sparring.data.sequences.sequence_dataset import SequenceDataset
from sparring.games import molecule_graphs
from sparring.games.molecule_graphs import GraphCodes, MoleculeGraphGame
from sparring.games.molecule_rewards import rewards_of, within
from sparring.games.recipe import check
from sparring.games.step_context import StepContext
from sparring.metrics.molecules.properties import PROPERTIES
from sparring.nets.molgan import GraphDiscriminator, GraphShape, chosen
from sparring.recipes.molgan import MolGAN
from support.molecules import moses
from support.texts import dataset, titles

SMALL: dict[str, Any] = {
    "latent_size": 4, "generator_hidden": (8,), "convolutions": (6, 5), "graph_features": 7, "discriminator_hidden": (5,), "batch_size": 8,
}  # fmt: skip


@pytest.fixture(scope="session")
def fragments() -> SequenceDataset:
    return dataset(list(moses(300, "fragments9")), notation="graph")


def game_of(data: SequenceDataset, **settings: object) -> MoleculeGraphGame:
    torch.manual_seed(0)
    recipe = MolGAN(**{**SMALL, **settings})
    check(recipe, data.spec)
    return recipe.build(data.spec)


def context_of(data: SequenceDataset, n: int = 8, step: int = 0) -> StepContext:
    batch = data.batch(np.arange(n))
    return StepContext(lambda: batch, lambda: None, n, Streams(0, step), step, 0)


def test_codes_become_rows_and_come_back(fragments: SequenceDataset) -> None:
    graphs, codes = GraphCodes(fragments.spec), torch.from_numpy(fragments.codes())
    rows = graphs.rows_of(codes)
    assert graphs.shape.atoms == 9
    assert torch.equal(graphs.codes_of(rows), codes)
    atoms, bonds = graphs.shape.split(rows)
    assert torch.equal(atoms.sum(dim=2), torch.ones(len(codes), 9))
    adjacency = graphs.shape.adjacency(bonds)
    assert torch.equal(adjacency, adjacency.transpose(2, 3))
    assert torch.equal(adjacency.diagonal(dim1=2, dim2=3), torch.zeros(len(codes), graphs.shape.bond_kinds, 9))


def test_places_without_an_atom_are_left_out(fragments: SequenceDataset) -> None:
    spec = fragments.spec
    graphs = GraphCodes(spec)
    kinds = {token: kind for kind, token in enumerate([None, *(token for token in spec.tokens if token not in ".-=#")])}
    atoms = torch.zeros(1, 9, graphs.shape.atom_kinds)
    for place, token in enumerate(["C", None, "O", None, None, "N"]):
        atoms[0, place, kinds[token]] = 1
    atoms[0, 6:, 0] = 1
    bonds = torch.zeros(1, 36, graphs.shape.bond_kinds)
    bonds[0, :, 0] = 1
    bonds[0, 1] = torch.eye(graphs.shape.bond_kinds)[2]  # atoms 2 and 0: double
    bonds[0, 10] = torch.eye(graphs.shape.bond_kinds)[1]  # atoms 5 and 0: single
    bonds[0, 2] = torch.eye(graphs.shape.bond_kinds)[1]  # atom 2 and a place without one
    assert spec.texts_of(graphs.codes_of(graphs.shape.joined(atoms, bonds)).numpy()) == ["NC=O"]


def permuted(shape: GraphShape, rows: torch.Tensor, order: torch.Tensor) -> torch.Tensor:
    atoms, bonds = shape.split(rows)
    matrix = shape.adjacency(bonds)[:, :, order][:, :, :, order]
    later, earlier = torch.tril_indices(shape.atoms, shape.atoms, offset=-1)
    return shape.joined(atoms[:, order], matrix[:, :, later, earlier].transpose(1, 2))


def test_the_order_of_atoms_changes_nothing(fragments: SequenceDataset) -> None:
    graphs = GraphCodes(fragments.spec)
    rows = graphs.rows_of(torch.from_numpy(fragments.codes())).double()
    torch.manual_seed(0)
    discriminator = GraphDiscriminator(graphs.shape, (16, 8), 12, (10,)).double()
    logits = discriminator(rows[:, None])
    for _ in range(3):
        order = torch.randperm(9)
        assert not torch.equal(permuted(graphs.shape, rows, order), rows)
        assert torch.allclose(discriminator(permuted(graphs.shape, rows, order)[:, None]), logits, atol=1e-6)
    assert logits.std() > 1e-3  # and it tells graphs apart


def test_bonds_matter() -> None:
    shape = GraphShape(3, 2, 4)
    atoms = torch.tensor([[[0.0, 1.0]] * 3])
    torch.manual_seed(0)
    discriminator = GraphDiscriminator(shape, (8,), 8, ())
    single = shape.joined(atoms, torch.eye(4)[[1, 1, 1]][None])
    double = shape.joined(atoms, torch.eye(4)[[1, 1, 2]][None])
    assert discriminator(single[None]).item() != pytest.approx(discriminator(double[None]).item(), abs=1e-4)


def test_choices_are_as_frequent_as_their_weights() -> None:
    logits = torch.tensor([[[0.0, 1.0, -1.0]]])
    chance = torch.rand(6000, 1, 3, generator=torch.manual_seed(0))
    counts = chosen(logits.expand(6000, -1, -1), chance, 1.0, hard=True).sum(dim=0)[0]
    assert counts.sum() == 6000
    assert chisquare(counts.numpy(), (6000 * logits.softmax(dim=2)[0, 0]).numpy()).pvalue > 1e-3


def test_whole_choices_have_the_gradient_of_the_softmax() -> None:
    logits = torch.tensor([[[0.3, -0.2, 0.5]]], requires_grad=True)
    weight, temperature = torch.tensor([1.0, -2.0, 0.5]), 0.7
    (chosen(logits, None, temperature, hard=True) * weight).sum().backward()
    p = (logits.detach()[0, 0] / temperature).softmax(dim=0)
    jacobian = (p.diag() - p[:, None] * p) / temperature  # of a softmax, by hand
    assert logits.grad is not None
    assert torch.allclose(logits.grad[0, 0], jacobian @ weight, atol=1e-6)


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_graphs_of_single_atoms_are_learned_too() -> None:
    data = dataset(["C", "N", "O"], notation="graph")
    losses = game_of(data).play_generator(context_of(data, 3))
    losses["adversarial"].mean().backward()
    assert losses["adversarial"].isfinite().all()


def test_valences_are_seen() -> None:
    """Means over neighbors are the same in a chain of five carbons and in a star of them."""
    shape = GraphShape(5, 2, 4)
    places = {pair: place for place, pair in enumerate((later, earlier) for later in range(5) for earlier in range(later))}
    rows = []
    for bonds in ([(1, 0), (2, 1), (3, 2), (4, 3)], [(1, 0), (2, 0), (3, 0), (4, 0)]):
        kinds = torch.eye(4)[[0] * 10][None]
        kinds[0, [places[bond] for bond in bonds]] = torch.eye(4)[1]
        rows.append(shape.joined(torch.eye(2)[[1] * 5][None], kinds))
    for bond_counts in (False, True):
        torch.manual_seed(0)
        discriminator = GraphDiscriminator(shape, (8, 8), 8, (), bond_counts=bond_counts)
        chain, star = discriminator(torch.stack(rows)).flatten().tolist()
        assert (abs(chain - star) > 1e-3) == bond_counts


@pytest.fixture(scope="session")
def pairs() -> SequenceDataset:
    return dataset(["C", "N", "CC", "CN", "C=C", "C#N", "NN", "C=N"], notation="graph")


@pytest.mark.parametrize("places", [(1, 1), (9, 9)])
@pytest.mark.parametrize(
    "settings", [{}, {"packing": 2, "objective": "relativistic"}, {"reward": "qed", "reward_weight": 3.0, "packing": 2}]
)
def test_alternatives_have_the_gradient_of_the_expected_loss(
    pairs: SequenceDataset, settings: dict[str, Any], places: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All graphs of two atoms are listed, with their chances, for a generator that does not look at its latent."""
    monkeypatch.setattr(molecule_graphs, "ALTERNATIVES", places)
    n, packing = 49152, settings.get("packing", 1)
    game = game_of(pairs, batch_size=n, **settings)
    shape, head = game.graphs.shape, cast(torch.nn.Linear, game.generator.layers[-1])
    assert shape.atoms == 2
    with torch.no_grad():
        head.weight.zero_()
        head.bias.normal_(generator=torch.manual_seed(1))
        for weight in game.discriminator.parameters():
            weight.mul_(3)
    context = replace(context_of(pairs), batch_size=n)
    batch = pairs.batch(np.zeros(n, np.int64))
    context = replace(context, draw=lambda: batch)
    torch.stack([loss.mean() for loss in game.play_generator(context).values()]).sum().backward()
    assert head.bias.grad is not None

    bias = head.bias.detach().clone().requires_grad_()
    logits = shape.split(bias[None])
    chances = [each.softmax(dim=2)[0] for each in logits]
    both = [chances[0][0], chances[0][1], chances[1][0]]
    listed = list(itertools.product(*(range(len(place)) for place in both)))
    rows = torch.stack([torch.cat([torch.eye(len(place))[kind] for place, kind in zip(both, kinds, strict=True)]) for kinds in listed])
    chance = torch.stack([torch.stack([place[kind] for place, kind in zip(both, kinds, strict=True)]).prod() for kinds in listed])
    packs = list(itertools.product(range(len(rows)), repeat=packing))
    together = torch.tensor(packs)
    real = game.discriminate(game.rows_of_samples(batch.samples[:packing])[None], None)[0]
    with torch.no_grad():
        made = game.discriminate(rows[together], None)[0]
        losses = game.objective.generator(real.expand(len(made)), made)["adversarial"]
        if "reward" in settings:
            losses = losses - 3.0 * game.rewarder(rows[:, None])[:, 0][together].mean(dim=1)
    (chance[together].prod(dim=1) * losses).sum().backward()
    assert bias.grad is not None
    assert bias.grad.abs().max() > 0.01
    assert torch.allclose(head.bias.grad, bias.grad, atol=0.08 * bias.grad.abs().max().item())


@pytest.mark.parametrize(
    "settings", [{}, {"choice": "softmax"}, {"packing": 2}, {"choice": "gumbel", "minibatch_deviation": True}, {"reward": "qed"}]
)
def test_it_plays(fragments: SequenceDataset, settings: dict[str, object]) -> None:
    game = game_of(fragments, **settings)
    for turn in game.turns:
        losses = turn.play(context_of(fragments))
        torch.stack([loss.mean() for loss in losses.values()]).sum().backward()
        (player,) = (each for each in game.players if each.name == turn.player)
        moved = [weight.grad for network in game.networks_of(player) for weight in network.parameters()]
        assert all(grad is not None and grad.isfinite().all() for grad in moved), turn.name


def test_samples_are_seen_as_the_rows_they_are(fragments: SequenceDataset) -> None:
    game = game_of(fragments, packing=2)
    codes = fragments.batch(np.arange(8)).samples
    rows = game.rows_of_samples(codes)
    assert torch.equal(game.discriminate(codes.view(4, -1), None)[0], game.discriminate(rows.view(4, 2, -1), None)[0])


def test_samples_do_not_depend_on_how_many_are_asked_for(fragments: SequenceDataset) -> None:
    game = game_of(fragments)
    whole = game.sample(300, seed=5)
    assert torch.equal(torch.cat([game.sample(200, seed=5), game.sample(100, seed=5, first=200)]), whole)
    assert not torch.equal(game.sample(300, seed=6), whole)
    assert fragments.spec.tokens_of_codes(whole[0].numpy().astype(int))


def test_rewards() -> None:
    texts = ["CCO", "OCC", "C1CC", None, "c1ccccc1"]
    assert rewards_of(texts, "valid") == [0.5, 0.5, 0.0, 0.0, 1.0]  # the first two are one molecule
    assert rewards_of(texts, "valid", repeated=False) == [1.0, 1.0, 0.0, 0.0, 1.0]
    from sparring.core.rdkit_molecules import molecule_of

    benzene = molecule_of("c1ccccc1")
    assert benzene is not None
    assert rewards_of(["c1ccccc1"], "qed") == [PROPERTIES["qed"](benzene)]
    assert (within(5.0, 5.0, 1.5), within(1.0, 5.0, 1.5), within(3.25, 5.0, 1.5)) == (0.0, 1.0, 0.5)


def test_the_reward_network_learns_rewards(fragments: SequenceDataset) -> None:
    game = game_of(fragments, reward="valid")
    optimizer = torch.optim.Adam(game.rewarder.parameters(), 0.02)
    first = last = 0.0
    for step in range(25):
        losses = game.play_rewarder(context_of(fragments, step=step))
        total = torch.stack([loss.mean() for loss in losses.values()]).sum()
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        first, last = first or total.item(), total.item()
    assert last < first / 3


def test_what_does_not_fit_is_said(fragments: SequenceDataset) -> None:
    words = dataset(titles())
    assert "notation='graph'" in " ".join(MolGAN(**SMALL).problems(words.spec))
    found = MolGAN(**SMALL, augment="ada", orthogonal=1e-4).problems(fragments.spec)
    assert len(found) == 2
