"""A generator of series against a discriminator: whole paths from noise, or futures of a past that is known."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from sparring.core.batch import Labels
from sparring.core.random_streams import Streams
from sparring.core.settings_checks import Ranges
from sparring.data.series.scaling import ScalingKind
from sparring.data.series.series_spec import SeriesSpec
from sparring.games.adversarial import TwoPlayerGame
from sparring.games.adversarial_settings import AdversarialSettings
from sparring.games.exported_parts import ExportChoices, Input, Part, PartName
from sparring.games.game import evaluating
from sparring.games.latent_game import LatentGame
from sparring.games.recipe import Recipe
from sparring.games.step_context import StepContext
from sparring.losses.objectives import ObjectiveName
from sparring.losses.scoring_rules import energy_score

FEWEST_WINDOWS = 50_000
"""Number of windows that training sees at least before it ends by itself."""
CHUNK = 64
"""Number of paths that are generated together."""


class SeriesGame(TwoPlayerGame):
    """A generator of windows against a discriminator. A sample is a window as SeriesSpec says: what is known follows the values."""

    sample_chunk = CHUNK

    def __init__(self, spec: SeriesSpec, generator: nn.Module, discriminator: nn.Module, settings: AdversarialSettings) -> None:
        super().__init__(spec, generator, discriminator, settings)

    @property
    def series_spec(self) -> SeriesSpec:
        """What a window is."""
        return cast(SeriesSpec, self.spec)

    @property
    def lead(self) -> int:
        """Number of steps of noise before the first of a window."""
        return cast(Any, self.generator).lead

    def noise(self, streams: Streams, n: int, numbers: int) -> Float[Tensor, "n {numbers}"]:
        """Noise of `n` windows, at the start of the stream "latent"."""
        return (streams.normal if self.settings.latent == "normal" else streams.uniform)("latent", n, numbers)

    def example_noise(self, n: int, steps: int) -> Float[Tensor, "n latent t"]:
        """The first noise of a stream, for so many steps."""
        size = self.settings.latent_size
        return self.noise(Streams(n, steps, scope="export"), n, size * (steps + self.lead)).unflatten(1, (size, -1))

    @property
    def longest_path(self) -> int | None:
        """See `capabilities.SimulatesSeries`."""
        return None


class PathGame(SeriesGame):
    """The generator makes paths of any length from noise at each step, and is told nothing."""

    def exported_parts(self, choices: ExportChoices) -> Mapping[PartName, Part]:
        """See `capabilities.Exports`: paths of any length."""
        meaning = f"noise of each step ({self.settings.latent}), {self.lead} steps longer than the path"
        noise = Input("noise", meaning, self.example_noise, {0: "n", 2: "t"}, self.lead + 2)
        return {"all": Part(self.generator, (noise,))}

    def latents(self, streams: Streams, n: int) -> Float[Tensor, "n latent"]:
        """See LatentGame: the noise of all steps of a window."""
        return self.noise(streams, n, self.settings.latent_size * (self.series_spec.steps + self.lead))

    def generate(
        self, latents: Float[Tensor, "n latent"], condition: Float[Tensor, "n _"] | None, truncation: float | None = None
    ) -> Float[Tensor, "n values t"]:
        """See LatentGame. There is no condition."""
        if truncation is not None:
            latents = latents * min(1.0, truncation)
        return self.generator(latents.view(latents.shape[0], self.settings.latent_size, -1))

    def generate_fakes(self, context: StepContext, labels: Labels | None) -> Float[Tensor, "n values t"]:
        """See TwoPlayerGame."""
        return self.generate(self.latents(context.streams, context.batch_size), None)

    def simulate(
        self,
        n: int,
        steps: int,
        seed: int,
        first: int,
        past: Float32[np.ndarray, "n values p"] | None,
        known: Float32[np.ndarray, "n known p_and_steps"] | None,
    ) -> Float[Tensor, "n values {steps}"]:
        """See `capabilities.SimulatesSeries`. Neither past nor known has an influence."""

        def draw(chunk: int) -> Tensor:
            noise = self.noise(
                Streams(seed, chunk, device=self.device, scope="simulate"), CHUNK, self.settings.latent_size * (steps + self.lead)
            )
            return self.generate(noise, None)

        return in_chunks(self, draw, n, first)


class FutureGame(SeriesGame):
    """The generator continues windows whose first steps, the past, are known, in most of the windows of training; in the others it makes
    the past, too. It is told what is known of the steps; so is the discriminator, which sees the past that was given.
    """

    settings: "FutureRecipe"

    @property
    def given_steps(self) -> int:
        """Number of steps of the past."""
        return self.series_spec.past

    def exported_parts(self, choices: ExportChoices) -> Mapping[PartName, Part]:
        """See `capabilities.Exports`: the values of windows, from noise and what is known."""
        spec, values = self.series_spec, len(self.series_spec.values)

        def generate(noise: Tensor, given: Tensor, mask: Tensor, known: Tensor) -> Tensor:
            return torch.where(mask > 0, given, self.generator(noise, given, mask, known))

        def example(n: int, width: int) -> Tensor:
            return Streams(n, width, scope="export").uniform("known", n, width, spec.steps)

        def mask(n: int, _: int) -> Tensor:
            return (torch.arange(spec.steps) < spec.past).float().expand(n, 1, -1).contiguous()

        return {
            "all": Part(
                generate,
                (
                    Input("noise", f"noise of each step ({self.settings.latent})", lambda n, _: self.example_noise(n, spec.steps)),
                    Input("past", f"scaled values of the first {spec.past} steps, then zeros", lambda n, _: example(n, values)),
                    Input("mask", "1 for steps whose values are given, else 0", mask),
                    Input("known", "what is known of each step: statics and calendar", lambda n, _: example(n, spec.known_width)),
                ),
            )
        }

    def latents(self, streams: Streams, n: int) -> Float[Tensor, "n latent"]:
        """See LatentGame: the noise of all steps of a window, and two uniform numbers that choose what is known of it."""
        noise = self.noise(streams, n, self.settings.latent_size * (self.series_spec.steps + self.lead))
        return torch.cat([noise, streams.uniform("window", n, 2)], dim=1)

    def generate(
        self, latents: Float[Tensor, "n latent"], condition: Float[Tensor, "n _"] | None, truncation: float | None = None
    ) -> Float[Tensor, "n channels t"]:
        """See LatentGame. `condition`: values, their mask and what is known, one after the other (see `given`); None: no past, and statics
        and times by the last numbers of the latents.
        """
        spec = self.series_spec
        if condition is None:
            known = torch.from_numpy(drawn_known(spec, latents[:, -2:].double().cpu().numpy())).to(latents)
            values = latents.new_zeros(latents.shape[0], len(spec.values), spec.steps)
            mask = latents.new_zeros(latents.shape[0], 1, spec.steps)
        else:
            whole = condition.view(len(condition), -1, spec.steps)
            values, mask, known = whole.split([len(spec.values), 1, spec.known_width], dim=1)
        noise = latents[:, :-2].unflatten(1, (self.settings.latent_size, spec.steps + self.lead))
        if truncation is not None:
            noise = noise * min(1.0, truncation)
        made = self.generator(noise, values, mask, known).to(values.dtype)
        return torch.cat([torch.where(mask > 0, values, made), known], dim=1)

    def given(self, windows: Float[Tensor, "n channels t"], has_past: Float[Tensor, " n"]) -> Float[Tensor, "n _"]:
        """The condition of windows, for `generate`: the past of those that have one, and what is known."""
        spec = self.series_spec
        mask = windows.new_zeros(len(windows), 1, spec.steps)
        mask[:, :, : spec.past] = has_past[:, None, None]
        values, known = windows.split([len(spec.values), spec.known_width], dim=1)
        return torch.cat([values * mask, mask, known], dim=1).flatten(1)

    def condition_in_training(self, context: StepContext) -> Float[Tensor, "n _"]:
        """The past of most windows, and what is known. A function of the streams."""
        real = context.batch.samples
        has_past = (context.streams.uniform("has past", len(real)) + 1) / 2 < self.settings.past_share
        regime = self.series_spec.regime_bounds is not None
        if regime:  # hidden in half of the windows, so that nobody has to name one
            real = real.clone()
            real[context.streams.uniform("hides regime", len(real)) < 0, -3:] = 0
        return self.given(real, has_past.to(real.dtype))

    def generate_fakes(self, context: StepContext, labels: Labels | None) -> Float[Tensor, "n channels t"]:
        """See TwoPlayerGame: other futures of the real windows' pasts."""
        return self.generate(self.latents(context.streams, context.batch_size), self.condition_in_training(context))

    def discriminator_input(
        self, samples: Float[Tensor, "n channels t"], name: str, context: StepContext
    ) -> Float[Tensor, "packs packed t"]:
        """See TwoPlayerGame. Regimes are told of both kinds of windows, or of neither."""
        if self.series_spec.regime_bounds is not None:
            hidden = context.streams.uniform("hides regime", len(samples)) < 0
            samples = torch.cat([samples[:, :-3], samples[:, -3:].masked_fill(hidden[:, None, None], 0.0)], dim=1)
        return super().discriminator_input(samples, name, context)

    def generator_penalties(
        self, context: StepContext, labels: Labels | None, generated: Float[Tensor, "n channels t"]
    ) -> dict[str, Float[Tensor, " n"]]:
        """See TwoPlayerGame: the energy score of two futures of each past, if it has a weight."""
        found = super().generator_penalties(context, labels, generated)
        if not self.settings.energy:
            return found
        condition, values = self.condition_in_training(context), len(self.series_spec.values)
        streams = Streams(context.streams.seed, context.streams.step, context.streams.part, context.streams.device, "second future")
        other = self.generate(self.latents(streams, context.batch_size), condition)
        futures = torch.stack([generated[:, :values], other[:, :values]])[..., self.series_spec.past :]
        real = context.batch.samples[:, :values, self.series_spec.past :]
        # where the past is hidden, futures are not of this past
        has_past = condition.view(len(condition), -1, self.series_spec.steps)[:, values, 0]
        return found | {"energy": self.settings.energy * has_past * energy_score(futures.float(), real)}

    def simulate(
        self,
        n: int,
        steps: int,
        seed: int,
        first: int,
        past: Float32[np.ndarray, "n values p"] | None,
        known: Float32[np.ndarray, "n known p_and_steps"] | None,
    ) -> Float[Tensor, "n values {steps}"]:
        """See `capabilities.SimulatesSeries`: windows one after the other, each with the end of those before as its past."""
        spec = self.series_spec
        given = 0 if past is None else past.shape[2]
        assert past is None or given == spec.past, f"the past has {spec.past} steps, not {given}"
        if known is None:
            known = np.zeros((n, spec.known_width, given + steps), np.float32)
        chunks = range(first // CHUNK, -(-(first + n) // CHUNK))
        found = []
        for chunk in chunks:
            low, high = max(first, chunk * CHUNK), min(first + n, (chunk + 1) * CHUNK)
            rows, offset = slice(low - first, high - first), low - chunk * CHUNK
            whole = padded(torch.from_numpy(known[rows]), offset).to(self.device)
            values = None if past is None else padded(torch.from_numpy(past[rows]), offset).to(self.device)
            with evaluating(self):
                path = self._continue(values, whole, given + steps, seed, chunk)
            found.append(path[offset : offset + high - low, :, given:])
        return torch.cat(found)

    def _continue(
        self, values: Float[Tensor, "n values p"] | None, known: Float[Tensor, "n known t"], steps: int, seed: int, chunk: int
    ) -> Float[Tensor, "n values t"]:
        """A whole chunk of paths of so many steps, the past among them."""
        spec, block = self.series_spec, 0
        path = known.new_zeros(CHUNK, len(spec.values), 0) if values is None else values
        while path.shape[2] < steps:
            has_past = path.shape[2] >= spec.past > 0
            start = path.shape[2] - spec.past if has_past else 0
            stop = min(start + spec.steps, steps)
            window = known.new_zeros(CHUNK, spec.shape[0], spec.steps)
            window[:, len(spec.values) :, : stop - start] = known[:, :, start:stop]
            if stop - start < spec.steps and spec.known_width:  # what is known of the steps after the last one does not matter
                window[:, len(spec.values) :, stop - start :] = known[:, :, stop - 1 : stop]
            if has_past:
                window[:, : len(spec.values), : spec.past] = path[:, :, start:]
            streams = Streams(seed, chunk, part=block, device=self.device, scope="simulate")
            condition = self.given(window, window.new_full((CHUNK,), float(has_past)))
            made = self.generate(self.latents(streams, CHUNK), condition)[:, : len(spec.values)].float()
            path = torch.cat([path, made[:, :, path.shape[2] - start : stop - start]], dim=2)
            block += 1
        return path


def padded(rows: Float[Tensor, "n c t"], offset: int) -> Float[Tensor, "chunk c t"]:
    """Rows at their place in a whole chunk, the others zeros."""
    found = rows.new_zeros(CHUNK, *rows.shape[1:])
    found[offset : offset + len(rows)] = rows
    return found


def in_chunks(game: LatentGame, draw: Any, n: int, first: int) -> Tensor:  # noqa: ANN401 (from a chunk's number to its samples)
    """Samples `first` to `first + n - 1` of whole chunks, in evaluation mode."""
    found = []
    with evaluating(game):
        for chunk in range(first // CHUNK, -(-(first + n) // CHUNK)):
            made = draw(chunk)
            found.append(made[max(first - chunk * CHUNK, 0) : first + n - chunk * CHUNK].float())
    return torch.cat(found)


def drawn_known(spec: SeriesSpec, draws: np.ndarray) -> Float32[np.ndarray, "n known t"]:
    """What is known of windows that nobody asked for: statics as often as series have them, and times of the data's span. `draws`: (n, 2),
    uniform in [-1, 1).
    """
    shares = (draws + 1) / 2
    upto = np.cumsum(spec.profile_counts) / sum(spec.profile_counts)
    rows = np.minimum(np.searchsorted(upto, shares[:, 0], side="right"), len(upto) - 1)
    codes = np.asarray(spec.profiles, np.int64).reshape(len(spec.profiles), len(spec.statics))[rows]
    times = np.stack([window_times(spec, share) for share in shares[:, 1]]) if spec.calendar else np.zeros((len(draws), spec.steps))
    return spec.known_of(times, codes, np.full(len(draws), -1))


def window_times(spec: SeriesSpec, share: float) -> np.ndarray:
    """The times of a window that begins after that share of the data's span."""
    first, last = spec.times
    if spec.frequency.kind in {"seconds", "steps"}:
        size = spec.frequency.size
        free = max(0, math.floor((last - first) / size) - spec.steps + 1)
        return first + (math.floor(share * (free + 1)) + np.arange(spec.steps)) * size
    return spec.frequency.after(first + math.floor(share * (last - first) / 86_400) * 86_400, spec.steps)


@dataclass(frozen=True, kw_only=True)
class SeriesSettings(Recipe):
    """What every recipe of series says of how its windows are made."""

    modality: ClassVar[str] = "series"
    scaling: ClassVar[ScalingKind] = "normal scores"
    """How values become numbers (see `data.series.scaling`)."""
    known: ClassVar[tuple[str, ...]] = ()
    """What networks are told of each step: "calendar", "statics", "regime"."""
    usual_window: ClassVar[int] = 127
    """Number of steps of a window, where nobody says."""
    usual_past: ClassVar[int] = 0
    """Number of steps of the past in it; 0 if windows are generated whole."""

    def incompatibilities(self, spec: SeriesSpec) -> list[str]:
        """See Recipe."""
        found = super().incompatibilities(spec)
        if spec.past and not self.usual_past:
            found.append(
                "This recipe generates whole windows, so a past has no use for it. Leave it out, or take cgan-series or ganslicing."
            )
        if self.usual_past and not spec.past:
            found.append("This recipe continues a past. Give it at least one step (--past).")
        return found


@dataclass(frozen=True, kw_only=True)
class SeriesAdversarialRecipe(SeriesSettings, AdversarialSettings):
    """A game of a generator of series against a discriminator. A recipe builds it."""

    ranges: ClassVar[Ranges] = {
        **AdversarialSettings.ranges,
        "hidden": {"at least": 1, "at most": 4096},
        "discriminator_hidden": {"at least": 1, "at most": 4096},
    }
    settings_for: ClassVar[Any] = {}

    def incompatibilities(self, spec: SeriesSpec) -> list[str]:
        """See Recipe."""
        found = super().incompatibilities(spec)
        if self.augment != "none":
            found.append("augment is for images. Leave it out.")
        if self.condition != "none":
            found.append("condition is for classes, and series have none: name attributes with --static, or a regime when you simulate.")
        if self.minibatch_deviation:
            found.append("minibatch_deviation is for images. Leave it out.")
        return found


@dataclass(frozen=True, kw_only=True)
class TemporalRecipe(SeriesAdversarialRecipe):
    """Temporal convolutional networks, the game of relativistic pairs, and an end before the discriminator memorizes the windows."""

    ranges: ClassVar[Ranges] = {**SeriesAdversarialRecipe.ranges, "passes": {"at least": 1}}

    batch_size: int = 64
    """Number of real windows in each batch."""
    latent_size: int = 3
    """Number of dimensions of the noise at each step."""
    hidden: int = 32
    """Number of channels of the generator's convolutions."""
    discriminator_hidden: int = 16
    """Number of channels of the discriminator's. A single series of decades has few windows: with more, it memorizes them."""
    objective: ObjectiveName = "relativistic"
    """Losses of generator and discriminator. (For the others, see `sparring train dcgan --help`.)"""
    learning_rate: float = 5e-4
    """Learning rate of the generator."""
    discriminator_learning_rate: float | None = 1e-3
    """Learning rate of the discriminator. Where the generator is as fast, the two run in circles. None: the generator's."""
    betas: tuple[float, float] = (0.0, 0.99)
    """Adam's decay rates, for the mean and the variance of gradients."""
    r1: float | None = 0.1
    """Weight gamma of R1, which is gamma / 2 times the squared gradient at real windows. 0: no penalty. None: by the number of steps."""
    r2: float | None = 0.1
    """Weight gamma of R2, the same at generated windows. None: the same as R1's."""
    penalty_every: int = 4
    """Compute gradient penalties only every this many steps, with weights that are as many times larger (lazy regularization)."""
    passes: int = 15
    """Number of passes through the windows after which training ends, unless real_samples or steps is given. Windows overlap and are few
    in truth: in more passes the discriminator memorizes them."""

    def enough_samples(self, spec: SeriesSpec, count: int) -> int:
        """See Recipe."""
        return max(FEWEST_WINDOWS, self.passes * count)


@dataclass(frozen=True, kw_only=True)
class FutureRecipe(TemporalRecipe):
    """A generator that continues a past, against a discriminator."""

    known: ClassVar[tuple[str, ...]] = ("calendar", "statics")
    ranges: ClassVar[Ranges] = {
        **TemporalRecipe.ranges,
        "past_share": {"at least": 0, "at most": 1},
        "energy": {"at least": 0},
    }

    past_share: float = 0.9
    """Share of the windows of training whose past the generator is given. In the others it makes the past, too."""
    energy: float = 0.0
    """Weight of the energy score of two futures of each past (Gneiting and Raftery 2007), which draws forecasts towards the real
    distribution of each step. 0: none."""
