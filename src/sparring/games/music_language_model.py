"""Phrases of music as a product of conditionals: one player predicts what each track does at each step from what came before."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn.functional import cross_entropy

from sparring.core.batch import Labels
from sparring.core.errors import SettingsError
from sparring.core.random_streams import Streams
from sparring.core.settings_checks import Ranges
from sparring.data.music.music_spec import MusicSpec
from sparring.games.capabilities import LikelihoodKind
from sparring.games.exported_parts import ExportChoices, Part, PartName
from sparring.games.game import Game, Player, Turn, evaluating
from sparring.games.music_gan import music_spec
from sparring.games.recipe import Recipe
from sparring.games.sequence_game import draw_codes
from sparring.games.step_context import StepContext
from sparring.losses.objectives import Losses
from sparring.nets.music_language import EventModel
from sparring.nets.stepwise_voices import FIRST_PITCH, HOLD, REST
from sparring.optimizers.optimizers import maker

SAMPLE_CHUNK = 64
"""Phrases are always computed in chunks of this many, so that phrase i of a seed does not depend on how many are asked for."""


def events_of(samples: Float[Tensor, "n planes steps pitches"]) -> Int64[Tensor, "n steps tracks"]:
    """The event of each track at each step, of tracks that never have two notes at once."""
    sounding, begins = (plane > 0 for plane in samples.chunk(2, dim=1))
    begun = begins & sounding
    pitch = begun.long().argmax(dim=3) + FIRST_PITCH
    found = torch.where(begun.any(dim=3), pitch, torch.where(sounding.any(dim=3), HOLD, REST))
    return found.transpose(1, 2)


def samples_of_events(events: Int64[Tensor, "n steps tracks"], pitches: int) -> Float[Tensor, "n planes steps pitches"]:
    """The inverse of `events_of`. What goes on where nothing sounded is silence."""
    n, steps, tracks = events.shape
    samples = torch.full((n, 2 * tracks, steps, pitches), -1.0, device=events.device)
    current = torch.full((n, tracks), -1, device=events.device)
    of_pitch = torch.arange(pitches, device=events.device)
    for step in range(steps):
        event = events[:, step]
        begins = event >= FIRST_PITCH
        current = torch.where(begins, event - FIRST_PITCH, torch.where(event == HOLD, current, -1))
        samples[:, :tracks, step] = torch.where(of_pitch == current[:, :, None], 1.0, -1.0)
        samples[:, tracks:, step] = torch.where((of_pitch == current[:, :, None]) & begins[:, :, None], 1.0, -1.0)
    return samples


class MusicLanguageGame(Game):
    """One player that makes the phrases of the data likelier."""

    likelihood_kind: ClassVar[LikelihoodKind] = "exact"
    """See `capabilities.HasLikelihood`."""
    conditional: ClassVar[bool] = False
    """There are no classes of phrases."""

    def __init__(self, spec: MusicSpec, settings: "MusicLanguageRecipe") -> None:
        super().__init__(spec)
        tracks, events = len(spec.tracks), spec.pitches + FIRST_PITCH
        self.model = EventModel(tracks, events, spec.bar_steps, settings.embedding, settings.hidden, settings.head, settings.dropout)
        optimizer = maker("adam", settings.learning_rate, betas=settings.betas, momentum=0.0, weight_decay=settings.weight_decay)
        self.players = (Player("model", ("model",), optimizer, has_ema=settings.ema_samples > 0),)
        self.turns = (Turn("fit", "model", self.play),)
        self.sampling_networks = ("model",)

    @property
    def music_spec(self) -> MusicSpec:
        """See `capabilities.MakesMusic`."""
        return music_spec(self.spec)

    def play(self, context: StepContext) -> Losses:
        """Make the phrases of a batch likelier: nats an event."""
        events = events_of(context.batch.samples)
        return {"negative_log_likelihood": self.nats(events).mean(dim=(1, 2))}

    def nats(self, events: Int64[Tensor, "n steps tracks"]) -> Float[Tensor, "n steps tracks"]:
        """Negative logarithm of the probability of each event, in float32."""
        with torch.autocast(events.device.type, enabled=False):
            logits = self.model(events)
            return cross_entropy(logits.flatten(0, 2), events.flatten(), reduction="none").view(events.shape)

    def log_likelihood(self, samples: Float[Tensor, "n planes steps pitches"], labels: Labels | None = None) -> Float[Tensor, " n"]:
        """See `capabilities.HasLikelihood`: of whole phrases."""
        with evaluating(self):
            return -self.nats(events_of(samples)).sum(dim=(1, 2))

    def sample(
        self, n: int, seed: int = 0, labels: Labels | None = None, first: int = 0, truncation: float | None = None
    ) -> Float[Tensor, "n planes steps pitches"]:
        """See `capabilities.Samples`. Truncation is the temperature of every event's distribution."""
        drawn = []
        with evaluating(self), torch.autocast(self.device.type, enabled=False):
            for chunk in range(first // SAMPLE_CHUNK, -(-(first + n) // SAMPLE_CHUNK)):
                start = chunk * SAMPLE_CHUNK
                streams = Streams(seed, chunk, device=self.device, scope="sample")
                some = slice(max(first - start, 0), min(first + n - start, SAMPLE_CHUNK))
                drawn.append(self.draw(streams, 1.0 if truncation is None else truncation)[some])
        return samples_of_events(torch.cat(drawn), self.music_spec.pitches)

    def draw(self, streams: Streams, temperature: float) -> Int64[Tensor, "chunk steps tracks"]:
        """A chunk of phrases, event after event."""
        spec, model = self.music_spec, self.model
        tracks = len(spec.tracks)
        chance = (streams.uniform("events", SAMPLE_CHUNK, spec.steps, tracks) + 1) / 2
        events = torch.full(chance.shape, REST, device=self.device)
        before = torch.zeros(SAMPLE_CHUNK, tracks * model.places.embedding_dim, device=self.device)
        state = torch.zeros(1, SAMPLE_CHUNK, model.hidden, device=self.device)
        for step in range(spec.steps):
            remembered, state = model.step(before, step, state)
            known = before.new_zeros(SAMPLE_CHUNK, 0, model.places.embedding_dim)
            for track in range(tracks):
                drawn = draw_codes(model.logits(remembered, known, track), chance[:, step, track], temperature)
                events[:, step, track] = drawn
                known = torch.cat([known, model.events[track](drawn)[:, None]], dim=1)
            before = known.flatten(1)
        return events

    def exported_parts(self, choices: ExportChoices) -> Mapping[PartName, Part]:
        """See `capabilities.Exports`: there is none."""
        raise SettingsError(
            f"This model draws a phrase event by event, in {self.music_spec.steps} passes of its network, and an exported file is one "
            "pass. Use it with Sparring, or train a recipe that makes a phrase at once, such as musegan."
        )


@dataclass(frozen=True, kw_only=True)
class MusicLanguageRecipe(Recipe):
    """A language model of notes."""

    modality: ClassVar[str] = "music"
    ranges: ClassVar[Ranges] = {
        **Recipe.ranges,
        "weight_decay": {"at least": 0},
        "embedding": {"at least": 1, "at most": 2**10},
        "hidden": {"at least": 1, "at most": 2**13},
        "head": {"at least": 1, "at most": 2**13},
        "dropout": {"at least": 0, "less than": 1},
    }

    batch_size: int = 16
    """Number of phrases in each batch."""
    ema_samples: float = 5_000
    """Half-life, in phrases, of the moving average of the weights."""
    learning_rate: float = 3e-3
    """Learning rate, until it begins to fall."""
    betas: tuple[float, float] = (0.9, 0.99)
    """Adam's decay rates, for the mean and the variance of gradients."""
    weight_decay: float = 0.0
    """Weight decay: this many times the weights are added to the gradient."""
    constant_rate_samples: int | None = 10_000
    """Number of phrases from which the learning rate falls with the square root of their number. None: it stays constant."""
    embedding: int = 32
    """Number of dimensions of each event's vector."""
    hidden: int = 384
    """Number of units that remember what came before."""
    head: int = 256
    """Number of hidden units of each track's own network."""
    dropout: float = 0.3
    """Dropout rate of events and of what is remembered."""

    def incompatibilities(self, spec: MusicSpec) -> list[str]:
        """See Recipe."""
        found = super().incompatibilities(spec)
        if several := [track.name for track in spec.tracks if not track.single]:
            found.append(
                f"This recipe is for tracks with one note at a time, and {', '.join(several)} {'has' if len(several) == 1 else 'have'} "
                "several. Choose others with --tracks, or train musegan."
            )
        return found

    def build(self, spec: MusicSpec) -> MusicLanguageGame:
        """See Recipe."""
        return MusicLanguageGame(spec, self)
