"""A generator of order lines in the space of vectors of customers and products that were learned from the log before.

The first steps are for the vectors alone. Then a line is a dense vector: those of its customer, product and day, and normal scores of its
numbers; and generator and discriminator play for them (Kumar et al. 2018, eCommerceGAN). In half of the lines some parts are known: both
networks are told which, and the generator copies them, so that it draws lines for any product (their ec2GAN) or customer.

Back from vectors to a log: a generated vector stands for a customer as a real one with noise does, so customers are drawn by Bayes' rule,
by how near and by how frequent they are. The nearest alone would let a few hubs take the lines of rare ones.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal, cast

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from sparring.core.batch import Batch, Labels
from sparring.core.random_streams import Streams
from sparring.data.orders.order_dataset import OrdersBatch
from sparring.data.orders.order_spec import OrdersSpec
from sparring.games.adversarial import TwoPlayerGame
from sparring.games.exported_parts import Draws
from sparring.games.game import Player, Turn
from sparring.games.orders_recipe import OrdersRecipe
from sparring.games.step_context import StepContext
from sparring.losses.objectives import Losses
from sparring.losses.scoring_rules import vector_energy_score
from sparring.nets.blocks.exporting import is_exporting
from sparring.nets.orders import Calibration, EntityVectors, OrderEmbeddings

ONE_KNOWN, SOME_KNOWN = 0.4, 0.3
"""Share of the lines that are trained with one part known, and with any share of the parts known; in the others none is."""
SEEN_COLD = 0.25
"""Share of the lines with a known product in which it is known by its group and price alone, as new products are."""
WITHOUT_OWN = 0.3
"""Share of the lines of the first steps in which customers or products are known by their group alone."""
CALIBRATED_EVERY, CALIBRATED = 4, 128
"""Every how many steps kinds of customers, products and days are calibrated, and by how many lines of the batch at most."""
MOST_COMPARED = 2**24
"""Number of distances of vectors that are computed at once."""


class OrdersGame(TwoPlayerGame):
    """A generator of order lines against a discriminator, after the vectors are learned."""

    settings: OrdersRecipe

    def __init__(
        self, spec: OrdersSpec, embeddings: OrderEmbeddings, generator: nn.Module, discriminator: nn.Module, settings: OrdersRecipe
    ) -> None:
        super().__init__(spec, generator, discriminator, settings)
        self.embeddings = embeddings
        self.days = day_vectors(spec)
        self.log_shares = {name: log_shares_of(spec, name) for name in spec.sizes}
        widths = [part_width(name, settings.embedding_size) for name in (*spec.sizes, *spec.numbers)]
        self.names = (*spec.sizes, *spec.numbers)
        self.blocks = {name: slice(stop - width, stop) for name, width, stop in zip(self.names, widths, np.cumsum(widths), strict=True)}
        self.width = sum(widths)
        self.places = torch.from_numpy(np.repeat(np.eye(len(widths), dtype=np.float32), widths, axis=1))
        """(parts, width): 1 where a number of a dense vector belongs to a part, else 0."""
        largest = max(spec.sizes.values())
        self.sample_chunk = max(64, min(2048, 1 << int(math.log2(max(64, MOST_COMPARED // largest)))))
        self.latest: tuple[Streams, Tensor, Tensor] | None = None
        self.own_output: Tensor | None = None
        first = settings.embedding_steps
        calibrated = bool(settings.calibration) and settings.decoding == "bayes"
        self.calibrations = nn.ModuleDict({name: new_calibration(spec, name) for name in spec.sizes} if calibrated else {})
        learner = Player("embeddings", ("embeddings",), settings.optimizer_maker(settings.embedding_rate), after_step=self.fix_vectors)
        generator_player, discriminator_player = self.players
        if calibrated:  # with the generator, whose moving average they belong to
            generator_player = replace(generator_player, networks=("generator", "calibrations"))
        self.players = (learner, generator_player, discriminator_player)
        adversaries = (Turn(each.name, each.player, each.play, each.repeat, start=first) for each in self.turns)
        self.turns = (Turn("embeddings", "embeddings", self.play_embeddings, stop=first), *adversaries)
        self.sampling_networks = ("generator", "embeddings", *(("calibrations",) if calibrated else ()))

    @property
    def orders_spec(self) -> OrdersSpec:
        """What a line is."""
        return cast(OrdersSpec, self.spec)

    # ------------------------------------------------------------------------------------------------ vectors from the log

    def play_embeddings(self, context: StepContext) -> Losses:
        """Learn vectors: who buys what, what follows what, and when and for how much; each also by the group alone."""
        batch = cast(OrdersBatch, context.batch)
        codes, scores = self.orders_spec.codes_of(batch.samples)
        targets = self.targets(codes, scores)
        vectors, losses = {}, {}
        for name in self.embeddings.entities:
            has_own = context.streams.uniform(f"own/{name}", context.batch_size) > 2 * WITHOUT_OWN - 1
            vectors[name] = self.embeddings.of(name)(codes[name], has_own)
            losses[f"shrink/{name}"] = self.settings.shrink * self.embeddings.of(name).own[codes[name]].square().sum(dim=1)
            if targets.shape[1]:
                losses[f"about/{name}"] = mse_loss(self.embeddings.heads[name](vectors[name]), targets, reduction="none").mean(dim=1)
        for name, seen in (("product", "customer"), ("customer", "product")):
            if name in vectors and seen in vectors:
                losses[f"choice/{name}"] = self.embeddings.choice_loss(vectors[seen], name, codes[name], self.log_shares[name])
        follows = batch.following >= 0
        if "product" in vectors and follows.any():
            seen = self.embeddings.following(vectors["product"][follows])
            found = self.embeddings.choice_loss(seen, "product", batch.following[follows], self.log_shares["product"])
            losses["following"] = found.sum().div(len(follows)).expand(len(follows))
        return losses

    def targets(self, codes: Mapping[str, Int64[Tensor, " n"]], scores: Float[Tensor, "n numbers"]) -> Float[Tensor, "n targets"]:
        """What vectors have to tell of lines: the day, and numbers (of prices: the level)."""
        parts = [scores]
        if "day" in codes:
            parts.append(self.days.to(scores.device)[codes["day"]])
        if "product" in codes:
            levels = torch.from_numpy(self.orders_spec.log_levels).to(scores.device)
            parts.append(levels[codes["product"]][:, None])
        return torch.cat(parts, dim=1)

    def fix_vectors(self) -> None:
        """Remember the vectors as the game sees them."""
        for name in self.embeddings.entities:
            self.embeddings.of(name).fix(self.log_shares[name].exp())

    # ---------------------------------------------------------------------------------------------- lines as dense vectors

    def vectors_of(self, name: str) -> Float[Tensor, "k d"]:
        """The vectors of all customers, products or days."""
        return self.days.to(self.device) if name == "day" else self.embeddings.of(name).vectors

    def spread_of(self, name: str) -> float:
        """Standard deviation of the noise on vectors."""
        return self.settings.day_noise if name == "day" else self.settings.embedding_noise

    def dense(
        self, samples: Float[Tensor, "n parts"], streams: Streams | None, cold: Bool[Tensor, " n"] | None = None
    ) -> Float[Tensor, "n width"]:
        """Dense vectors of lines, with noise on those of entities if there are streams. `cold`: lines whose product is known by its group
        and price alone.
        """
        codes, scores = self.orders_spec.codes_of(samples)
        parts = []
        for name in self.orders_spec.sizes:
            found = self.vectors_of(name)[codes[name]]
            if name == "product" and cold is not None:
                found = torch.where(cold[:, None], self.embeddings.of(name).cold[codes[name]], found)
            if streams is not None:
                found = found + self.spread_of(name) * streams.normal(f"spread/{name}", *found.shape)
            parts.append(found)
        return torch.cat([*parts, scores], dim=1)

    def decode(
        self, vectors: Float[Tensor, "n width"], draws: Float[Tensor, "n entities"]
    ) -> tuple[dict[str, Int64[Tensor, " n"]], Float[Tensor, "n numbers"]]:
        """Codes of entities, drawn by how near and how frequent they are, and scores. `draws`: uniform in [-1, 1)."""
        codes = {
            name: self.drawn(name, vectors[:, self.blocks[name]], draws[:, place]) for place, name in enumerate(self.orders_spec.sizes)
        }
        numbers = vectors[:, self.width - len(self.orders_spec.numbers) :]
        return codes, numbers

    def drawn(self, name: str, vectors: Float[Tensor, "n d"], draws: Float[Tensor, " n"]) -> Int64[Tensor, " n"]:
        """The customer, product or day of each vector."""
        logits = self.closeness(name, vectors)
        if self.settings.decoding == "nearest":
            return (logits - self.log_priors(name)).argmax(dim=1)
        upto = logits.double().softmax(dim=1).cumsum(dim=1)
        wanted = (draws.double() + 1) / 2 * upto[:, -1]
        if is_exporting():  # ONNX has no search
            codes = (upto <= wanted[:, None]).sum(dim=1)
        else:
            codes = torch.searchsorted(upto, wanted[:, None].contiguous(), right=True)[:, 0]
        return codes.clamp(max=logits.shape[1] - 1)

    def closeness(self, name: str, vectors: Float[Tensor, "n d"]) -> Float[Tensor, "n k"]:
        """Logarithm of the chance of each customer, product or day, but for a constant: Bayes' rule for vectors with normal noise."""
        with torch.autocast(vectors.device.type, enabled=False):
            others, vectors = self.vectors_of(name), vectors.float()
            squares = others.square().sum(dim=1) - 2 * vectors @ others.T
        return self.log_priors(name) - squares / (2 * self.spread_of(name) ** 2)

    def log_priors(self, name: str) -> Float[Tensor, " k"]:
        """Logarithm of how likely each customer, product or day is before its vector is seen: its share, calibrated."""
        shares = self.log_shares[name].to(self.device)
        return shares + self.calibrations[name]() if name in self.calibrations else shares

    # ------------------------------------------------------------------------------------------------------------- the game

    @property
    def latent_draws(self) -> Draws:
        """See LatentGame."""
        return (*super().latent_draws, ("uniform", len(self.orders_spec.sizes)))

    def latents(self, streams: Streams, n: int) -> Float[Tensor, "n latent"]:
        """See LatentGame: followed by a uniform number for each entity that is drawn."""
        return torch.cat([super().latents(streams, n), streams.uniform("entities", n, len(self.orders_spec.sizes))], dim=1)

    def known_parts(self, context: StepContext) -> tuple[Bool[Tensor, "n parts"], Bool[Tensor, " n"]]:
        """Which parts are known in training, and of which lines the product is known by its group and price alone. A function of the
        streams, which a turn asks for several times.
        """
        if self.latest is None or self.latest[0] != context.streams:
            n, streams = context.batch_size, context.streams
            share = (streams.uniform("known/share", n, 1) + 1) / 2
            how = (streams.uniform("known/how", n, 1) + 1) / 2
            some = (streams.uniform("known/parts", n, len(self.names)) + 1) / 2 < share
            alone = streams.integers("known/alone", len(self.names), n)[:, None] == torch.arange(len(self.names), device=some.device)
            known = torch.where(how < ONE_KNOWN, alone, some & (how < ONE_KNOWN + SOME_KNOWN))
            cold = streams.uniform("known/cold", n) < 2 * SEEN_COLD - 1
            cold = cold & known[:, self.names.index("product")] if "product" in self.names else torch.zeros_like(cold)
            self.latest = (streams, known, cold)
        return self.latest[1], self.latest[2]

    def by_number(self, known: Bool[Tensor, "n parts"]) -> Float[Tensor, "n width"]:
        """For each number of a dense vector, 1 if its part is known, else 0."""
        with torch.autocast(known.device.type, enabled=False):
            return known.float() @ self.places.to(known.device)

    def condition_of(self, vectors: Float[Tensor, "n width"], known: Bool[Tensor, "n parts"]) -> Float[Tensor, "n _"]:
        """What the generator is told: parts that are known (zeros for the others), and which they are."""
        return torch.cat([vectors * self.by_number(known), known.to(vectors.dtype)], dim=1)

    def at_current_level(self, context: StepContext) -> StepContext:
        """See TwoPlayerGame: real lines become dense vectors."""
        _, cold = self.known_parts(context)
        return replace(context, draw=lambda: Batch(self.dense(context.batch.samples, context.streams, cold)))

    def told(self, context: StepContext) -> Float[Tensor, "n parts"]:
        """What the discriminator is told of each line: which parts are known."""
        return self.known_parts(context)[0].float()

    def generate_fakes(self, context: StepContext, labels: Labels | None) -> Float[Tensor, "n width"]:
        """See TwoPlayerGame. Parts that are known are those of the real lines."""
        condition = self.condition_of(context.batch.samples, self.known_parts(context)[0])
        return self.generated(self.latents(context.streams, context.batch_size), condition)

    def generated(self, latents: Float[Tensor, "n latent"], condition: Float[Tensor, "n _"] | None) -> Float[Tensor, "n width"]:
        """Dense vectors of generated lines, with parts that are known copied."""
        found = self.own_output = self.generator(latents[:, : self.settings.latent_size], condition).float()
        if condition is None:
            return found
        unknown = 1 - self.by_number(condition[:, self.width :] > 0)
        return condition[:, : self.width] + unknown * found

    def generate(
        self, latents: Float[Tensor, "n latent"], condition: Float[Tensor, "n _"] | None, truncation: float | None = None
    ) -> Float[Tensor, "n parts"]:
        """See LatentGame: whole lines. `condition`: as `condition_of` makes it; None: no part is known."""
        vectors = self.generated(latents, condition)
        codes, scores = self.decode(vectors, latents[:, self.settings.latent_size :])
        return self.orders_spec.join(codes, scores)

    def play_generator(self, context: StepContext) -> Losses:
        """See TwoPlayerGame. What it generated calibrates the decoding, too."""
        losses = super().play_generator(context)
        if self.calibrations and not context.step % CALIBRATED_EVERY:
            self.calibrate(context)
        return losses

    @torch.no_grad()
    def calibrate(self, context: StepContext) -> None:
        """Make kinds of customers, products and days likelier that are drawn too seldom for what is known of the lines: generated vectors
        are not quite real ones with noise, as Bayes' rule has them.
        """
        assert self.own_output is not None
        known, codes = self.known_parts(context)[0], self.orders_spec.codes_of(context.batch.samples)[0]
        for name, calibration in self.calibrations.items():
            assert isinstance(calibration, Calibration)
            lines = min(CALIBRATED, max(1, MOST_COMPARED // self.orders_spec.sizes[name]))
            unknown = torch.nonzero(~known[:, self.names.index(name)])[:lines, 0]
            chances = self.closeness(name, self.own_output[unknown][:, self.blocks[name]]).softmax(dim=1)
            calibration.step(self.settings.calibration, chances, codes[name][unknown])

    def generator_penalties(
        self, context: StepContext, labels: Labels | None, generated: Float[Tensor, "n width"]
    ) -> dict[str, Float[Tensor, " n"]]:
        """See TwoPlayerGame: how far the generator's own output is from what is known (the paper's reconstruction of the product)."""
        found = super().generator_penalties(context, labels, generated)
        if self.settings.energy:
            found["energy"] = self.settings.energy * self.energy_of(context, generated)
        if not self.settings.reconstruction:
            return found
        assert self.own_output is not None
        known = self.by_number(self.known_parts(context)[0])
        off = (known * (self.own_output - context.batch.samples)).square().sum(dim=1) / self.width
        return found | {"reconstruction": self.settings.reconstruction * off}

    def energy_of(self, context: StepContext, generated: Float[Tensor, "n width"]) -> Float[Tensor, " n"]:
        """Energy score of two lines of the same known parts, of all numbers together and of each part: 0 for parts that are known."""
        streams = Streams(context.streams.seed, context.streams.step, context.streams.part, context.streams.device, "second line")
        real, own_output = context.batch.samples, self.own_output
        condition = self.condition_of(real, self.known_parts(context)[0])
        other = self.generated(self.latents(streams, context.batch_size), condition)
        self.own_output = own_output
        both = torch.stack([generated, other])
        parts = [vector_energy_score(both[:, :, block], real[:, block]) for block in (slice(None), *self.blocks.values())]
        return torch.stack(parts).sum(dim=0)

    def discriminator_input(self, samples: Float[Tensor, "n width"], name: str, context: StepContext) -> Float[Tensor, "packs packed"]:
        """See TwoPlayerGame. Lines are followed by what is told of them."""
        return super().discriminator_input(torch.cat([samples, self.told(context)], dim=1), name, context)

    def discriminate(
        self,
        shown: Float[Tensor, "packs packed"],
        labels: Labels | None,
        weights: Any = None,  # noqa: ANN401 (see TwoPlayerGame)
    ) -> tuple[Float[Tensor, " packs"], Float[Tensor, "packs classes"]]:
        """See TwoPlayerGame. Lines as samples have them are taken for lines of which nothing is told."""
        parts, packing = len(self.names), self.settings.packing
        if shown.shape[1] == packing * parts:
            vectors = self.dense(shown.reshape(-1, parts), None)
            shown = torch.cat([vectors, vectors.new_zeros(len(vectors), parts)], dim=1).reshape(len(shown), -1)
        return super().discriminate(shown, labels, weights)

    # ----------------------------------------------------------------------------------------------------------- in use

    def sample(
        self, n: int, seed: int = 0, labels: Labels | None = None, first: int = 0, truncation: float | None = None
    ) -> Float[Tensor, "n parts"]:
        """See LatentGame. There are no labels, and no truncation."""
        return self.draw_lines(n, seed, first, {})

    def draw_lines(
        self,
        n: int,
        seed: int,
        first: int,
        given: Mapping[str, Int64[Tensor, " n"]],
        new: tuple[Int64[Tensor, " n"], Float[Tensor, " n"]] | None = None,
    ) -> Float[Tensor, "n parts"]:
        """See `capabilities.MakesOrders`."""
        chunk = self.sample_chunk
        chunks = range(first // chunk, -(-(first + n) // chunk))
        some = slice(first - chunks[0] * chunk, first - chunks[0] * chunk + n)
        latents = torch.cat([self.chunk_of_latents(seed, number) for number in chunks])[some]
        if not given and new is None:
            # a product (or customer) as often as the log has it, and the rest for it: what is learned best
            name = "product" if "product" in self.orders_spec.sizes else next(iter(self.orders_spec.sizes))
            place = list(self.orders_spec.sizes).index(name)
            upto = self.log_shares[name].double().exp().cumsum(dim=0)
            shares = (latents[:, self.settings.latent_size + place].double().cpu() + 1) / 2 * upto[-1]
            given = {name: torch.searchsorted(upto, shares.contiguous(), right=True).clamp(max=len(upto) - 1)}
        vectors = torch.zeros(n, self.width, device=self.device)
        known = torch.zeros(n, len(self.names), dtype=torch.bool, device=self.device)
        for name, codes in given.items():
            vectors[:, self.blocks[name]] = self.vectors_of(name)[codes.to(self.device)]
            known[:, self.names.index(name)] = True
        if new is not None:
            vectors[:, self.blocks["product"]] = self.new_products(*new)
            known[:, self.names.index("product")] = True
        samples = self.generate_chunked(latents, self.condition_of(vectors, known), first % chunk)
        drawn, scores = self.orders_spec.codes_of(samples)
        return self.orders_spec.join({**drawn, **{name: codes.to(self.device) for name, codes in given.items()}}, scores)

    def new_products(self, groups: Int64[Tensor, " n"], log_levels: Float[Tensor, " n"]) -> Float[Tensor, "n d"]:
        """Vectors of products that were never sold, by their group and the standardized logarithm of their price."""
        entity = self.embeddings.of("product")
        with torch.no_grad():
            return entity.standardized(entity.known_by(groups.to(self.device), log_levels.float().to(self.device)))


def part_width(name: str, embedding_size: int) -> int:
    """Number of numbers of a part in a dense vector."""
    return {"customer": embedding_size, "product": embedding_size, "day": 5}.get(name, 1)


def log_shares_of(spec: OrdersSpec, name: str) -> Float[Tensor, " k"]:
    """Logarithm of each customer's, product's or day's share of the lines that are trained on: of those without any, a very small one."""
    counts = torch.from_numpy(spec.counts_of(name)).float()
    return (counts / counts.sum()).clamp_min(1e-12).log()


def day_vectors(spec: OrdersSpec) -> Float[Tensor, "days 5"]:
    """Features of the days, standardized over the lines."""
    features = torch.from_numpy(spec.day_features)
    if not len(features):
        return features
    weights = torch.from_numpy(spec.counts_of("day")).float()[:, None]
    weights = weights / weights.sum()
    mean = (weights * features).sum(dim=0)
    deviation = (weights * (features - mean).square()).sum(dim=0).sqrt()
    return (features - mean) / deviation.clamp_min(1e-3)


def entity_vectors(spec: OrdersSpec, name: Literal["customer", "product"], size: int) -> EntityVectors:
    """New vectors of customers or products."""
    entities = spec.customers if name == "customer" else spec.products
    assert entities is not None
    # by numpy, for games are also built on a device without memory
    levels = torch.from_numpy(spec.log_levels if name == "product" else np.zeros(len(entities.names), np.float32))
    group_of = torch.from_numpy(np.asarray(entities.group_of, np.int64))
    found = EntityVectors(group_of, levels, len(entities.groups) + 1, size)
    found.begin_at(torch.from_numpy(entities.shares))
    return found


def new_calibration(spec: OrdersSpec, name: str) -> Calibration:
    """A calibration of customers or products by group or, where there are no groups, by how often they come, as powers of two; of days by
    month.
    """
    counts, entities = spec.counts_of(name), {"customer": spec.customers, "product": spec.products}.get(name)
    if entities is None:
        kind_of = spec.day_months
    elif entities.groups:
        kind_of = np.asarray(entities.group_of, np.int64)
    else:
        kind_of = np.log2(np.maximum(counts, 1)).astype(np.int64)
    shares = np.bincount(kind_of, weights=counts / counts.sum())
    return Calibration(torch.from_numpy(kind_of), torch.from_numpy(shares.astype(np.float32)))
