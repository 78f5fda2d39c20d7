"""A generator of molecular graphs against a discriminator, and a network that foretells rewards (De Cao and Kipf 2018)."""

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, cast

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn.functional import one_hot

from sparring.core.batch import Batch, Labels
from sparring.core.errors import SettingsError
from sparring.core.random_streams import Streams
from sparring.core.settings_checks import Ranges
from sparring.data.sequences.molecule_notations import BONDS
from sparring.data.sequences.sequence_spec import END, SequenceSpec
from sparring.games.adversarial import TwoPlayerGame, pack_samples
from sparring.games.adversarial_settings import AdversarialSettings
from sparring.games.exported_parts import Draws, ExportChoices, Part, PartName
from sparring.games.game import Player, Turn
from sparring.games.molecule_rewards import RewardName, rewards_of
from sparring.games.sequence_game import SAMPLE_CHUNK
from sparring.games.step_context import StepContext
from sparring.losses.objectives import Losses, ObjectiveName
from sparring.nets.molgan import GraphDiscriminator, GraphGenerator, GraphShape, chosen, with_other_kinds

ALTERNATIVES = (9, 12)
"""At how many atoms and bonds of a graph other kinds are tried in a step of the generator."""


class GraphCodes:
    """From the codes of graphs (see `data.sequences.molecule_notations`) to rows of numbers (see `nets.molgan`), and back."""

    def __init__(self, spec: SequenceSpec) -> None:
        bonds = [BONDS[0], *(token for token in spec.tokens if token in BONDS[1:])]
        atoms = [token for token in spec.tokens if token not in BONDS]
        count = (math.isqrt(8 * spec.length + 1) - 1) // 2
        self.shape = GraphShape(count, len(atoms) + 1, len(bonds))
        self.length = spec.length
        # by numpy, for games are also built on a device without memory
        self.atom_codes = torch.from_numpy(np.array([END, *(spec.code_of[token] for token in atoms)]))
        self.bond_codes = torch.from_numpy(np.array([spec.code_of.get(token, END) for token in bonds]))
        later, earlier = np.tril_indices(count, -1)
        places = np.arange(count)
        self.atom_places, self.bond_places = places * (places + 1) // 2, later * (later + 1) // 2 + 1 + earlier
        self.never = None if spec.unknown is None else 1 + atoms.index(spec.tokens[spec.unknown - 1])

    def rows_of(self, codes: Int64[Tensor, "n length"]) -> Float[Tensor, "n width"]:
        """One-hot rows of codes."""
        atom_of, bond_of = self._kinds(self.atom_codes), self._kinds(self.bond_codes)
        codes = codes.cpu()
        atoms = one_hot(atom_of[codes[:, self.atom_places]], self.shape.atom_kinds)
        bonds = one_hot(bond_of[codes[:, self.bond_places]], self.shape.bond_kinds)
        return self.shape.joined(atoms.float(), bonds.float())

    def _kinds(self, codes: Int64[Tensor, " kinds"]) -> Int64[Tensor, " vocabulary"]:
        """The kind of each code; 0 for those that are none."""
        kinds = torch.zeros(int(max(self.atom_codes.max(), self.bond_codes.max())) + 1, dtype=torch.int64)
        kinds[codes] = torch.arange(len(codes))
        kinds[END] = 0
        return kinds

    def codes_of(self, rows: Float[Tensor, "n width"]) -> Int64[Tensor, "n length"]:
        """Codes of the likeliest kinds. Places without an atom are left out."""
        atoms, bonds = (each.argmax(dim=2).cpu() for each in self.shape.split(rows))
        order = (atoms == 0).long().argsort(dim=1, stable=True)
        atoms, count = atoms.gather(1, order), self.shape.atoms
        matrix = self.shape.adjacency(one_hot(bonds, self.shape.bond_kinds).float()).argmax(dim=1)
        matrix = matrix.gather(1, order[:, :, None].expand(-1, -1, count)).gather(2, order[:, None].expand(-1, count, -1))
        later, earlier = torch.tril_indices(count, count, offset=-1)
        codes = torch.full((len(rows), self.length), END)
        codes[:, self.atom_places] = self.atom_codes[atoms]
        codes[:, self.bond_places] = torch.where(atoms[:, later] > 0, self.bond_codes[matrix[:, later, earlier]], END)
        return codes


class MoleculeGraphGame(TwoPlayerGame):
    """Generator against discriminator on graphs. What the discriminator sees are rows of shape (n, 1, width); samples are codes."""

    sample_chunk = SAMPLE_CHUNK

    def __init__(self, spec: SequenceSpec, settings: "MoleculeGraphRecipe") -> None:
        graphs = GraphCodes(spec)
        network = functools.partial(
            GraphDiscriminator,
            graphs.shape,
            settings.convolutions,
            settings.graph_features,
            settings.discriminator_hidden,
            bond_counts=settings.bond_counts,
        )
        discriminator = network(packing=settings.packing, minibatch_deviation=settings.minibatch_deviation)
        super().__init__(spec, GraphGenerator(settings.latent_size, settings.generator_hidden, graphs.shape), discriminator, settings)
        self.graphs, self.own = graphs, settings
        if settings.reward != "none":
            self.rewarder = network()
            self.players = (*self.players, Player("rewarder", ("rewarder",), settings.optimizer_maker(settings.learning_rate)))
            self.turns = (*self.turns, Turn("rewarder", "rewarder", self.play_rewarder))

    @property
    def sequence_spec(self) -> SequenceSpec:
        """See `capabilities.MakesSequences`."""
        return cast(SequenceSpec, self.spec)

    # ------------------------------------------------------------------------------------------------------- turns

    def at_current_level(self, context: StepContext) -> StepContext:
        """See TwoPlayerGame: real samples are rows."""
        return replace(context, draw=lambda: Batch(self.rows_of_samples(context.batch.samples)[:, None], None))

    def rows_of_samples(self, samples: Float[Tensor, "n length"]) -> Float[Tensor, "n width"]:
        """The rows of samples."""
        return self.graphs.rows_of(samples.long()).to(samples.device)

    def generate_fakes(self, context: StepContext, labels: Labels | None) -> Float[Tensor, "n 1 width"]:
        """See TwoPlayerGame."""
        return self.rows(self.latents(context.streams, context.batch_size))[:, None]

    def generator_penalties(
        self, context: StepContext, labels: Labels | None, generated: Float[Tensor, "n 1 width"]
    ) -> dict[str, Float[Tensor, " _"]]:
        """See TwoPlayerGame. The reward that is foretold for graphs is raised (equation 8, with the reward network as in section 3.3)."""
        found = super().generator_penalties(context, labels, generated)
        if self.own.reward != "none":
            found["reward"] = -self.own.reward_weight * self.rewarder(generated)[:, 0]
        return found

    def play_generator(self, context: StepContext) -> Losses:
        """See TwoPlayerGame. With the choice "alternatives", gradients are of the expected loss over the kinds at single places of one
        graph of each pack, the rest being as it was drawn: unbiased, as kinds are drawn independently (local expectations, Titsias and
        Lazaro-Gredilla 2015, section 3).
        """
        if self.own.choice != "alternatives":
            return super().play_generator(context)
        context, packing = self.at_current_level(context), self.own.packing
        latents = self.latents(context.streams, context.batch_size)
        logits_of_parts = self.kinds_logits(latents)
        packs = self.drawn(logits_of_parts, latents).detach().view(-1, packing, self.graphs.shape.width)
        every = torch.arange(len(packs), device=packs.device)
        which = context.streams.integers("alternatives", packing, len(packs))
        losses = self.losses_on(packs, packs.flatten(0, 1), context)
        for part, logits in enumerate(logits_of_parts):
            count, kinds = logits.shape[1:]
            some = min(count, ALTERNATIVES[part])
            if not some:  # single atoms have no bonds
                continue
            places = context.streams.uniform(f"places/{part}", len(packs), count).argsort(dim=1)[:, :some]
            found = self.losses_on(*self.alternatives(packs, which, part, places), context)
            chances = logits.softmax(dim=2)[every * packing + which].gather(1, places[:, :, None].expand(-1, -1, kinds))
            for name, values in found.items():
                expected = packing * count / some * (chances * values.view_as(chances)).sum(dim=(1, 2))
                losses[name] = losses[name] + expected - expected.detach()
        return losses

    def alternatives(
        self, packs: Float[Tensor, "packs packed width"], which: Int64[Tensor, " packs"], part: int, places: Int64[Tensor, "packs some"]
    ) -> tuple[Float[Tensor, "all packed width"], Float[Tensor, "all width"]]:
        """Packs of which one graph (`which`) has, at one of some of its places, each kind in turn: of atoms (part 0) or bonds (part 1).
        And these graphs.
        """
        every = torch.arange(len(packs), device=packs.device)
        kinds = self.graphs.shape.split(packs[every, which])
        others = with_other_kinds(kinds[part], places)
        several = others.shape[1:3]
        all_kinds = [each[:, None, None].expand(-1, *several, -1, -1) for each in kinds]
        all_kinds[part] = others
        rows = self.graphs.shape.joined(*(each.flatten(0, 2) for each in all_kinds))
        changed = packs.repeat_interleave(several.numel(), dim=0)
        changed[torch.arange(len(changed), device=packs.device), which.repeat_interleave(several.numel())] = rows
        return changed, rows

    @torch.no_grad()
    def losses_on(
        self, packs: Float[Tensor, "packs packed width"], rewarded: Float[Tensor, "n width"], context: StepContext
    ) -> dict[str, Float[Tensor, " packs"]]:
        """What the generator minimizes on packs of graphs, in full precision, for gradients are differences of it. `rewarded`: all graphs
        of the packs, or of each the one that differs.
        """
        with torch.autocast(packs.device.type, enabled=False):
            logits = self.discriminate(packs, None)[0]
            real = logits
            if self.objective.compares:
                real = self.discriminate(pack_samples(context.batch.samples, self.own.packing), None)[0]
                real = real.repeat_interleave(len(packs) // len(real))
            losses = dict(self.objective.generator(real, logits))
            if self.own.reward != "none":
                foretold = self.rewarder(rewarded[:, None])[:, 0].view(len(packs), -1)
                losses["reward"] = -self.own.reward_weight * foretold.sum(dim=1) / self.own.packing
        return losses

    def play_rewarder(self, context: StepContext) -> Losses:
        """Foretell the rewards of real and of generated graphs."""
        real = self.rows_of_samples(context.batch.samples)
        with torch.no_grad():
            made = self.rows(self.latents(context.streams, context.batch_size))
        losses = {}
        for name, rows in (("real", real), ("generated", made)):
            texts = self.sequence_spec.texts_of(self.graphs.codes_of(rows).numpy())
            wanted = torch.tensor(rewards_of(texts, cast(RewardName, self.own.reward)), device=rows.device)
            losses[name] = (self.rewarder(rows[:, None])[:, 0] - wanted).square()
            context.metrics[f"reward/{name}"] = wanted
        return losses

    def discriminate(
        self,
        shown: Float[Tensor, "packs ..."],
        labels: Labels | None,
        weights: Any = None,  # noqa: ANN401 (see TwoPlayerGame)
    ) -> tuple[Float[Tensor, " packs"], Float[Tensor, "packs classes"]]:
        """See TwoPlayerGame. Samples, which are packed as one row of codes, become rows of graphs before."""
        if shown.ndim == 2:
            codes = shown.reshape(-1, self.sequence_spec.length)
            shown = self.rows_of_samples(codes).view(len(shown), -1, self.graphs.shape.width)
        return super().discriminate(shown, labels, weights)

    # ----------------------------------------------------------------------------------------------------- samples

    @property
    def latent_draws(self) -> Draws:
        """See LatentGame: the latent, and the numbers that choose atoms and bonds."""
        return (*super().latent_draws, ("share", self.graphs.shape.width))

    def latents(self, streams: Streams, n: int) -> Float[Tensor, "n latent"]:
        """See LatentGame."""
        return torch.cat([super().latents(streams, n), (streams.uniform("kinds", n, self.graphs.shape.width) + 1) / 2], dim=1)

    def rows(self, latents: Float[Tensor, "n latent"]) -> Float[Tensor, "n width"]:
        """The rows of generated graphs, which can be differentiated."""
        return self.drawn(self.kinds_logits(latents), latents)

    def drawn(
        self, logits: tuple[Float[Tensor, "n atoms kinds"], Float[Tensor, "n pairs bonds"]], latents: Float[Tensor, "n latent"]
    ) -> Float[Tensor, "n width"]:
        """Rows that are drawn by these logits, with the random numbers of latents."""
        shape, gumbel = self.graphs.shape, self.own.choice != "softmax"
        chances = shape.split(latents[:, self.own.latent_size :]) if gumbel else (None, None)
        return shape.joined(*(chosen(*each, self.own.choice_temperature, hard=gumbel) for each in zip(logits, chances, strict=True)))

    def kinds_logits(self, latents: Float[Tensor, "n latent"]) -> tuple[Float[Tensor, "n atoms kinds"], Float[Tensor, "n pairs bonds"]]:
        """Logits of atoms and of bonds."""
        logits = self.graphs.shape.split(self.generator(latents[:, : self.own.latent_size]).float())
        if self.graphs.never is not None:
            logits[0][:, :, self.graphs.never] = -1e9
        return logits

    def exported_parts(self, choices: ExportChoices) -> Mapping[PartName, Part]:
        """See `capabilities.Exports`: there is none."""
        raise SettingsError(
            "The atoms and bonds that this generator gives become a molecule in Sparring itself, which an exported file cannot do. Use it "
            "with Sparring."
        )

    def generate(
        self, latents: Float[Tensor, "n latent"], condition: Float[Tensor, "n _"] | None, truncation: float | None = None
    ) -> Float[Tensor, "n length"]:
        """See LatentGame. There is no condition. Truncation is that of latents."""
        if truncation is not None:
            latents = torch.cat([latents[:, : self.own.latent_size] * min(1.0, truncation), latents[:, self.own.latent_size :]], dim=1)
        return self.graphs.codes_of(self.rows(latents)).float().to(latents.device)


@dataclass(frozen=True, kw_only=True)
class MoleculeGraphRecipe(AdversarialSettings):
    """A game of a generator of molecular graphs against a discriminator."""

    modality: ClassVar[str] = "sequences"
    settings_for: ClassVar[Mapping[str, Mapping[str, object]]] = {}
    of_older_runs: ClassVar[Mapping[str, object]] = {"bond_counts": False, "choice": "gumbel", "constant_rate_samples": None}
    ranges: ClassVar[Ranges] = {
        **AdversarialSettings.ranges,
        "generator_hidden": {"at least": 1, "at most": 2**14},
        "convolutions": {"at least": 1, "at most": 2**12},
        "graph_features": {"at least": 1, "at most": 2**12},
        "discriminator_hidden": {"at least": 1, "at most": 2**14},
        "choice_temperature": {"more than": 0},
        "reward_weight": {"at least": 0},
    }

    batch_size: int = 64
    """Number of real molecules in each batch."""
    latent_size: int = 64
    """Number of dimensions of the latent vector."""
    generator_hidden: tuple[int, ...] = (128, 256, 512)
    """Number of units of each hidden layer of the generator."""
    convolutions: tuple[int, ...] = (64, 64, 64)
    """Number of units of each relational graph convolution."""
    graph_features: int = 256
    """Number of numbers that a graph is summed up in."""
    discriminator_hidden: tuple[int, ...] = (128,)
    """Number of units of each hidden layer after that."""
    bond_counts: bool = True
    """Let discriminator and reward network know of each atom how many bonds of each kind it has. (The paper's take means over neighbors,
    which do not show it.)"""
    choice: Literal["alternatives", "gumbel", "softmax"] = "alternatives"
    """How the generator chooses atoms and bonds, and learns: alternatives, at random by their weights, and the discriminator says what
    single atoms and bonds of other kinds would be worth; gumbel, the same with gradients of straight-through Gumbel; or softmax, and the
    discriminator sees the weights themselves."""
    choice_temperature: float = 1.0
    """For gumbel and softmax: what logits are divided by. Less makes choices sharper, and gradients coarser."""
    reward: Literal["none", "valid", "qed", "logp", "sa"] = "none"
    """What the generator is rewarded for beside the game: valid, qed (like a drug), logp (oily) or sa (easy to make). A network learns to
    foretell it. A molecule that is made again and again in a batch earns as much as once."""
    reward_weight: float = 1.0
    """Weight of the reward."""
    objective: ObjectiveName = "wasserstein"
    """Losses of generator and discriminator. (For the others, see `sparring train dcgan --help`.)"""
    gradient_penalty: float = 10.0
    """Weight of the gradient penalty (gradient norm - 1)^2 at points between real and generated graphs. 0: no penalty."""
    discriminator_steps: int = 5
    """Number of discriminator updates per generator update."""
    learning_rate: float = 1e-3
    """Learning rate of all networks."""
    betas: tuple[float, float] = (0.5, 0.9)
    """Adam's decay rates, for the mean and the variance of gradients."""
    constant_rate_samples: int | None = 100_000
    """Number of real samples from which learning rates fall with the square root of their number. None: they stay constant."""

    def incompatibilities(self, spec: SequenceSpec) -> list[str]:
        """See Recipe."""
        found = super().incompatibilities(spec)
        if spec.notation != "graph":
            found.append(f"This recipe makes graphs of molecules, and this data is in {spec.notation}. Give notation='graph'.")
        if self.condition != "none":
            found.append("condition is for classes, which this generator is not told. Leave it out.")
        if self.augment != "none":
            found.append("augment is for images. Leave it out.")
        if self.orthogonal:
            found.append("orthogonal is for images. Leave it out.")
        if self.choice == "alternatives":
            others = {"minibatch_deviation": False, "unroll": 0, "input_noise": 0.0, "choice_temperature": type(self).choice_temperature}
            found += [
                f"{name} does not work with choice='alternatives'. Use choice='gumbel', or leave it out."
                for name, usual in others.items()
                if getattr(self, name) != usual
            ]
            if self.objective == "relativistic-average":
                found.append(
                    "objective='relativistic-average' does not work with choice='alternatives'. Use choice='gumbel', or 'relativistic'."
                )
        return found

    def refuse_to_begin(self) -> None:
        """See Recipe."""
        if self.reward != "none":
            rewards_of([], cast(RewardName, self.reward))

    def build(self, spec: SequenceSpec) -> MoleculeGraphGame:
        """See Recipe."""
        return MoleculeGraphGame(spec, self)
