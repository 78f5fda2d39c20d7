"""MolGAN's networks (De Cao and Kipf 2018, arXiv:1805.11973): a generator of molecular graphs, and a discriminator that does not see the
order of their atoms.

A graph is a row of numbers: for each place of an atom a weight for each kind (the first: none), then for each pair of places (1, 0),
(2, 0), (2, 1), (3, 0), ... a weight for each kind of bond (the first: none).
"""

import itertools
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn.functional import one_hot

from sparring.nets.blocks.layers import MinibatchDeviation


@dataclass(frozen=True)
class GraphShape:
    """How a graph is a row of numbers."""

    atoms: int
    """Number of places for atoms."""
    atom_kinds: int
    """Number of kinds of atoms, and one for none."""
    bond_kinds: int
    """Number of kinds of bonds, none among them."""

    @property
    def pairs(self) -> int:
        """Number of pairs of places."""
        return self.atoms * (self.atoms - 1) // 2

    @property
    def width(self) -> int:
        """Number of numbers in a row."""
        return self.atoms * self.atom_kinds + self.pairs * self.bond_kinds

    def split(self, rows: Float[Tensor, "n width"]) -> tuple[Float[Tensor, "n atoms kinds"], Float[Tensor, "n pairs bonds"]]:
        """The weights of atoms, and those of bonds."""
        atoms, bonds = rows.split([self.atoms * self.atom_kinds, self.pairs * self.bond_kinds], dim=1)
        return atoms.unflatten(1, (self.atoms, self.atom_kinds)), bonds.unflatten(1, (self.pairs, self.bond_kinds))

    def joined(self, atoms: Float[Tensor, "n atoms kinds"], bonds: Float[Tensor, "n pairs bonds"]) -> Float[Tensor, "n width"]:
        """The inverse of `split`."""
        return torch.cat([atoms.flatten(1), bonds.flatten(1)], dim=1)

    def adjacency(self, bonds: Float[Tensor, "n pairs bonds"]) -> Float[Tensor, "n bonds atoms atoms"]:
        """A symmetric matrix for each kind of bond."""
        later, earlier = torch.tril_indices(self.atoms, self.atoms, offset=-1, device=bonds.device)
        matrix = bonds.new_zeros(len(bonds), self.bond_kinds, self.atoms, self.atoms)
        matrix[:, :, later, earlier] = bonds.transpose(1, 2)
        return matrix + matrix.transpose(2, 3)


def with_other_kinds(
    all_kinds: Float[Tensor, "n places kinds"], places: Int64[Tensor, "n some"]
) -> Float[Tensor, "n some kinds places kinds"]:
    """What choices become if at one of the places in `places` each kind in turn is chosen."""
    count, kinds = all_kinds.shape[1:]
    here = one_hot(places, count).bool()[:, :, None, :, None]
    return torch.where(here, torch.eye(kinds, device=all_kinds.device)[:, None], all_kinds[:, None, None])


class GraphGenerator(nn.Module):
    """Logits of all atoms and bonds of a graph at once, by a fully connected network (section 3.1)."""

    def __init__(self, latent_size: int, hidden: tuple[int, ...], shape: GraphShape) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise((latent_size, *hidden)):
            layers += [nn.Linear(before, after), nn.Tanh()]
        self.layers = nn.Sequential(*layers, nn.Linear((latent_size, *hidden)[-1], shape.width))

    def forward(self, latents: Float[Tensor, "n latent"]) -> Float[Tensor, "n width"]:
        """Logits, as a row (see the module)."""
        return self.layers(latents)


class RelationalLayer(nn.Module):
    """What atoms know after they heard of their neighbors, by a map for each kind of bond (Schlichtkrull et al. 2017; equation 4)."""

    def __init__(self, inputs: int, outputs: int, bond_kinds: int) -> None:
        super().__init__()
        self.own = nn.Linear(inputs, outputs)
        self.of_neighbors = nn.Linear(inputs, outputs * (bond_kinds - 1), bias=False)
        self.outputs = outputs

    def forward(
        self, states: Float[Tensor, "n atoms inputs"], bonds: Float[Tensor, "n atoms atoms some"]
    ) -> Float[Tensor, "n atoms outputs"]:
        """States of atoms. `bonds`: for each two atoms, and each kind of bond that is one, whether they have it."""
        messages = self.of_neighbors(states).view(len(states), -1, self.outputs)
        neighbors = bonds.sum(dim=(2, 3)).clamp(min=1)[:, :, None]
        return torch.tanh(self.own(states) + bonds.flatten(2).to(messages.dtype) @ messages / neighbors)


class GraphDiscriminator(nn.Module):
    """Graphs as vectors: relational layers, then a gated sum over atoms (Li et al. 2016; equation 5), which no order of atoms changes.
    Several graphs that are scored together are joined after that.

    `bond_counts`: of each atom the number of its bonds of each kind is known from the beginning. Layers take means over neighbors, which
    are the same for one neighbor and for four of its kind (Xu et al. 2019, arXiv:1810.00826, section 5.2), so valences would not be seen.
    """

    def __init__(
        self,
        shape: GraphShape,
        convolutions: tuple[int, ...],
        features: int,
        hidden: tuple[int, ...],
        *,
        packing: int = 1,
        minibatch_deviation: bool = False,
        outputs: int = 1,
        bond_counts: bool = True,
    ) -> None:
        super().__init__()
        self.shape, self.bond_counts = shape, bond_counts
        known = shape.atom_kinds + (shape.bond_kinds - 1 if bond_counts else 0)
        sizes = (known, *(width + known for width in convolutions))
        self.layers = nn.ModuleList(
            RelationalLayer(before, after, shape.bond_kinds) for before, after in zip(sizes[:-1], convolutions, strict=True)
        )
        self.gate, self.value = nn.Linear(sizes[-1], features), nn.Linear(sizes[-1], features)
        head: list[nn.Module] = []
        for before, after in itertools.pairwise((features * packing, *hidden)):
            head += [nn.Linear(before, after), nn.Tanh()]
        if minibatch_deviation:
            head.append(MinibatchDeviation())
        self.head = nn.Sequential(*head, nn.Linear((features * packing, *hidden)[-1] + minibatch_deviation, outputs))

    def forward(self, graphs: Float[Tensor, "packs packed width"], condition: None = None) -> Float[Tensor, "packs outputs"]:
        """One logit for each pack of graphs. There is no condition."""
        rows = graphs.flatten(0, 1)
        kinds, bonds = self.shape.split(rows)
        adjacency = self.shape.adjacency(bonds)[:, 1:].permute(0, 2, 3, 1).contiguous()
        known = torch.cat([kinds, adjacency.sum(dim=2)], dim=2) if self.bond_counts else kinds
        states = known
        for layer in self.layers:
            states = torch.cat([layer(states, adjacency), known], dim=2)
        features = torch.tanh((torch.sigmoid(self.gate(states)) * torch.tanh(self.value(states))).sum(dim=1))
        return self.head(features.view(len(graphs), -1))


def chosen(
    logits: Float[Tensor, "n places kinds"], chance: Float[Tensor, "n places kinds"] | None, temperature: float, *, hard: bool
) -> Float[Tensor, "n places kinds"]:
    """The kind at each place: by the softmax of logits, with Gumbel noise of `chance` (uniform in [0, 1)) if there is any. `hard`: one-hot,
    with the gradient of the softmax (the straight-through estimator of Jang et al. 2017).
    """
    if chance is not None:
        logits = logits - (-(chance * (1 - 2e-6) + 1e-6).log()).log()
    weights = (logits / temperature).softmax(dim=2)
    if not hard:
        return weights
    return one_hot(weights.argmax(dim=2), weights.shape[2]) + (weights - weights.detach())
