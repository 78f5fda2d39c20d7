"""Networks for order lines: vectors of customers and products that are learned from a log, and a game in their space."""

import itertools
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, leaky_relu, relu

FULL = 2048
"""Lists with more entries than this are compared with those of the batch alone."""
LEAST_SHARE, MOST_CALIBRATED = 0.01, 5.0
"""Kinds with a smaller share of the lines are calibrated as if they had this one; and the largest factor, as a logarithm."""


class EntityVectors(nn.Module):
    """Vectors of customers or of products: that of the group, what the usual price adds, and what is the entity's own."""

    vectors: Tensor
    cold: Tensor
    mean: Tensor
    scale: Tensor

    def __init__(self, group_of: Int64[Tensor, " k"], levels: Float[Tensor, " k"], groups: int, size: int) -> None:
        super().__init__()
        count = len(group_of)
        self.group_of, self.levels = group_of, levels
        self.groups = nn.Parameter(torch.randn(groups, size) * 0.3)
        self.of_level = nn.Parameter(torch.randn(size) * 0.1)
        self.own = nn.Parameter(torch.randn(count, size) * 0.02)
        self.bias = nn.Parameter(torch.zeros(count))
        self.register_buffer("vectors", torch.zeros(count, size))
        self.register_buffer("cold", torch.zeros(count, size))
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("scale", torch.ones(()))

    def begin_at(self, shares: Float[Tensor, " k"]) -> None:
        """Set biases so that everything is as likely as it is frequent."""
        with torch.no_grad():
            self.bias.copy_((shares + 1e-6).log())

    def known_by(self, groups: Int64[Tensor, " n"], levels: Float[Tensor, " n"]) -> Float[Tensor, "n d"]:
        """What is known of entities by their group and the level of their prices alone."""
        return self.groups[groups] + levels[:, None] * self.of_level

    def raw_cold(self, codes: Int64[Tensor, " n"]) -> Float[Tensor, "n d"]:
        """`known_by` of entities by code."""
        return self.known_by(self.group_of.to(codes.device)[codes], self.levels.to(codes.device)[codes])

    def forward(self, codes: Int64[Tensor, " n"], has_own: Bool[Tensor, " n"] | None = None) -> Float[Tensor, "n d"]:
        """Vectors by code, as they are learned. `has_own`: where the own part counts; None: everywhere."""
        own = self.own[codes]
        return self.raw_cold(codes) + (own if has_own is None else own * has_own[:, None])

    def standardized(self, raw: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
        """Vectors as the networks of the game see them: mean 0 and, over all dimensions, variance 1 in the lines of the log."""
        return (raw - self.mean) / self.scale

    def fix(self, shares: Float[Tensor, " k"]) -> None:
        """Remember vectors and cold vectors, standardized by how often each is in the log."""
        with torch.no_grad():
            codes = torch.arange(len(shares), device=self.own.device)
            raw, weights = self(codes), shares.to(self.own)[:, None]
            self.mean.copy_((weights * raw).sum(dim=0))
            self.scale.copy_((weights * (raw - self.mean).square()).sum().div(raw.shape[1]).sqrt().clamp_min(1e-6))
            self.vectors.copy_(self.standardized(raw))
            self.cold.copy_(self.standardized(self.raw_cold(codes)))


class Calibration(nn.Module):
    """By how much (as logarithms) each kind of customer, product or day is made likelier, because it would be drawn too seldom.
    `shares`: share of the lines of each kind.
    """

    log_factors: Tensor

    def __init__(self, kind_of: Int64[Tensor, " k"], shares: Float[Tensor, " kinds"]) -> None:
        super().__init__()
        self.kind_of, self.shares = kind_of, shares
        self.register_buffer("log_factors", torch.zeros(len(shares)))

    def forward(self) -> Float[Tensor, " k"]:
        """Of each customer, product or day."""
        return self.log_factors[self.kind_of.to(self.log_factors.device)]

    @torch.no_grad()
    def step(self, rate: float, chances: Float[Tensor, "n k"], codes: Int64[Tensor, " n"]) -> None:
        """Move by a share of what is missing: `codes` are of real lines, `chances` of generated ones of which the same is known."""
        kind_of = self.kind_of.to(codes.device)
        drawn = torch.zeros_like(self.log_factors).index_add(0, kind_of, chances.sum(dim=0))
        real = torch.bincount(kind_of[codes], minlength=len(drawn))
        off = (real - drawn) / max(1, len(codes))
        self.log_factors += rate * off / self.shares.to(codes.device).clamp_min(LEAST_SHARE)
        self.log_factors.clamp_(-MOST_CALIBRATED, MOST_CALIBRATED)


class OrderEmbeddings(nn.Module):
    """Vectors from a log: of who buys what, what follows what, and when and for how much things are bought."""

    def __init__(self, entities: dict[str, EntityVectors], targets: int, size: int) -> None:
        super().__init__()
        self.entities = nn.ModuleDict(entities)
        self.heads = nn.ModuleDict({name: nn.Linear(size, targets) for name in entities})
        self.following = nn.Linear(size, size)

    def of(self, name: str) -> EntityVectors:
        """The vectors of "customer" or "product"."""
        found = self.entities[name]
        assert isinstance(found, EntityVectors)
        return found

    def choice_loss(
        self, seen: Float[Tensor, "n d"], name: str, codes: Int64[Tensor, " n"], log_shares: Float[Tensor, " k"]
    ) -> Float[Tensor, " n"]:
        """Cross-entropy of which customer or product goes with what is seen: a product of vectors, and how popular each is. Long lists are
        compared with the batch, as popular as they are in it (sampled softmax with correction; Bengio and Senecal 2008).
        """
        entity = self.of(name)
        if len(entity.own) <= FULL:
            every = torch.arange(len(entity.own), device=codes.device)
            return cross_entropy(seen @ entity(every).T + entity.bias, codes, reduction="none")
        logits = seen @ entity(codes).T + entity.bias[codes] - log_shares.to(codes.device)[codes]
        same = (codes[:, None] == codes[None]) & ~torch.eye(len(codes), dtype=torch.bool, device=codes.device)
        places = torch.arange(len(codes), device=codes.device)
        return cross_entropy(logits.masked_fill(same, -torch.inf), places, reduction="none")


class VectorGenerator(nn.Module):
    """A perceptron whose hidden layers are added to what they see. A condition is joined to the latent; None is one of zeros."""

    def __init__(self, latent_size: int, condition: int, width: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.condition = condition
        self.first = nn.Linear(latent_size + condition, hidden)
        self.norms = nn.ModuleList(nn.LayerNorm(hidden) for _ in range(layers))
        self.layers = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(layers))
        self.head = nn.Linear(hidden, width)

    def forward(
        self, latents: Float[Tensor, "n latent"], condition: Float[Tensor, "n condition"] | None = None
    ) -> Float[Tensor, "n width"]:
        """Vectors without bounds."""
        if condition is None:
            condition = latents.new_zeros(latents.shape[0], self.condition)
        x = self.first(torch.cat([latents, condition], dim=1))
        for norm, layer in zip(self.norms, self.layers, strict=True):
            x = x + layer(relu(norm(x)))
        return self.head(relu(x))


class VectorCritic(nn.Module):
    """One logit for each vector, from a perceptron with leaky rectifiers."""

    def __init__(self, width: int, hidden: Sequence[int]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(before, after) for before, after in itertools.pairwise((width, *hidden)))
        self.head = nn.Linear((width, *hidden)[-1], 1)

    def forward(self, vectors: Float[Tensor, "n width"], condition: None = None) -> Float[Tensor, "n 1"]:
        """Logits."""
        x = vectors
        for layer in self.layers:
            x = leaky_relu(layer(x), 0.2)
        return self.head(x)
