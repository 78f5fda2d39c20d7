"""A generator that draws its tracks step by step, each after those that were drawn before it, and an encoder that finds its latents.

A trunk tells each track at each step what the latents say. What a track does there is then drawn, given what sounded at the step before in
all tracks, and what the tracks before it do at this step: so voices fit each other and move from where they are. All probabilities are
exact, so the generator can learn by likelihood, with latents from an encoder (a variational autoencoder, Kingma and Welling 2014), and by
the score function (Williams 1992).
"""

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn.functional import dropout, one_hot, pad, relu

from sparring.nets.music import PitchesToFeatures, RollShape, Trunk, channels_of_bars, latent_total, steps_to_bars, unit_size

REST, HOLD, FIRST_PITCH = 0, 1, 2
"""Events of a track with one note at a time: nothing sounds; the note before goes on; the first of the pitches, one of which begins."""
SILENT, ON, BEGINS = 0, 1, 2
"""Events of each pitch of a track with several notes at once."""
NEVER = -1e4
"""Logit of what cannot be: that a note goes on which did not sound."""
Rolls = Float[Tensor, "n planes steps pitches"]
Events = Float[Tensor, "n *steps choices events"]
"""One-hot: of a track with one note at a time one choice among all events of it, else one for each pitch."""


class StepwiseVoices(nn.Module):
    """Draws tracks step by step after what a network of its own tells each of them: what generators that draw have in common."""

    shape: RollShape

    def add_voices(self, features: int, hidden: int, given: int | None = None) -> None:
        """Make the weights, for tracks of `shape` that are told so many features, with so many hidden units."""
        shape = self.shape
        tracks, pitches = shape.tracks, shape.pitches
        self.order = drawing_order(tracks, given)
        self.choices = [1 if single else pitches for single in shape.single]
        self.steps = shape.bars * shape.bar_steps
        self.chances = self.steps * sum(self.choices)
        self.exported = False
        self.told = nn.ModuleList(nn.Linear(features, hidden) for _ in range(tracks))
        self.before = nn.Linear(tracks * pitches, tracks * hidden, bias=False)
        self.now = nn.ModuleList(nn.Linear(2 * pitches * place, hidden, bias=False) for place in range(1, tracks))
        self.middle = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(tracks))
        events = [pitches + FIRST_PITCH if single else 3 * pitches for single in shape.single]
        self.events = nn.ModuleList(nn.Linear(hidden, count) for count in events)

    def fix_for_export(self) -> None:
        """Draw all steps by one loop of the exported file, which would otherwise hold each of them."""
        self.exported = True

    def draw_steps(
        self,
        told: Float[Tensor, "n steps tracks hidden"],
        chances: Float[Tensor, "n chances"],
        before: Float[Tensor, "n tracks pitches"],
        fixed: tuple[Bool[Tensor, "n 1"], Float[Tensor, "steps n 2 pitches"]] | None = None,
    ) -> Rolls:
        """Rolls of -1 and 1, after what sounded `before` the first step. `fixed`: which phrases are given a track, and what sounds and
        begins in it.
        """
        told, chances = told.transpose(0, 1), chances.float().unflatten(1, (self.steps, -1)).transpose(0, 1)
        if self.exported:
            from torch._higher_order_ops.scan import scan  # noqa: PLC0415 (not public, and only exported files need it)

            rolls = scan(self.next_step, before, (told, chances), dim=0)[1]
        else:
            drawn = []
            for step in range(self.steps):
                own = None if fixed is None else (fixed[0], fixed[1][step])
                before, roll = self.next_step(before, (told[step], chances[step]), own)
                drawn.append(roll)
            rolls = torch.stack(drawn)
        return 2 * rolls.permute(1, 2, 0, 3) - 1

    def next_step(
        self,
        before: Float[Tensor, "n tracks pitches"],
        drawn_by: tuple[Float[Tensor, "n tracks hidden"], Float[Tensor, "n choices"]],
        given: tuple[Bool[Tensor, "n 1"], Float[Tensor, "n 2 pitches"]] | None = None,
    ) -> tuple[Float[Tensor, "n tracks pitches"], Float[Tensor, "n planes pitches"]]:
        """What sounds at one step, and the same with what begins, track after track. `before`: what sounded at the step before; `drawn_by`:
        what latents say, and numbers in [0, 1); `given`: which phrases are given a track, and what sounds and begins in it.
        """
        told, chances = drawn_by
        remembered = self.before(before.flatten(1)).unflatten(1, (self.shape.tracks, -1))
        own_chances = chances.split(self.choices, dim=1)
        sounding: dict[int, Tensor] = {}
        begins: dict[int, Tensor] = {}
        for place, track in enumerate(self.order):
            earlier = [plane[other] for other in self.order[:place] for plane in (sounding, begins)]
            logits = self.logits(told[:, track] + remembered[:, track], earlier, before[:, track], place)
            sounding[track], begins[track] = self.sounds_of(drawn_events(logits, own_chances[track]), before[:, track], track)
            if given is not None and track == self.order[0]:
                sounding[track] = torch.where(given[0], given[1][:, 0], sounding[track])
                begins[track] = torch.where(given[0], given[1][:, 1], begins[track])
        after = torch.stack([sounding[track] for track in range(self.shape.tracks)], dim=1)
        return after, torch.cat([after, torch.stack([begins[track] for track in range(self.shape.tracks)], dim=1)], dim=1)

    def logits(
        self,
        told: Float[Tensor, "n *steps hidden"],
        earlier: list[Float[Tensor, "n *steps pitches"]],
        before: Float[Tensor, "n *steps pitches"],
        place: int,
        forgotten: float = 0.0,
    ) -> Events:
        """Logits of the events of the track that is drawn at that place. `told`: what is known from latents and from the step before;
        `earlier`: what sounds and begins in the tracks before it at this step; `before`: what sounded in this track. `forgotten`: dropout
        rate.
        """
        track = self.order[place]
        if earlier:
            told = told + self.now[place - 1](torch.cat(earlier, dim=-1))
        hidden = relu(told)
        logits = self.events[track](dropout(hidden + relu(self.middle[track](hidden)), forgotten))
        if self.shape.single[track]:
            impossible = (1 - before.sum(dim=-1, keepdim=True).clamp_max(1)) * NEVER
            return (logits + pad(impossible, (HOLD, logits.shape[-1] - HOLD - 1)))[..., None, :]
        logits = logits.unflatten(-1, (self.shape.pitches, 3))
        return logits + pad(((1 - before) * NEVER)[..., None], (ON, 1))

    def sounds_of(
        self, events: Events, before: Float[Tensor, "n *steps pitches"], track: int
    ) -> tuple[Float[Tensor, "n *steps pitches"], Float[Tensor, "n *steps pitches"]]:
        """What sounds and what begins, of a track's events after what sounded before."""
        if self.shape.single[track]:
            begins, on = events[..., 0, FIRST_PITCH:], events[..., 0, HOLD : HOLD + 1]
        else:
            begins, on = events[..., BEGINS], events[..., ON]
        return begins + on * before, begins

    # ------------------------------------------------------------------------------------------- of rolls that are known

    def logits_of(self, told: list[Float[Tensor, "n steps hidden"]], rolls: Rolls, forgotten: float = 0.0) -> list[Events]:
        """Of each track, the logits of its events at each step of rolls in their one form, given all that is drawn before. `told`: what the
        network tells each track; `forgotten`: dropout rate of what other draws were, and of hidden units.
        """
        sounding, begins = ((rolls.float() + 1) / 2).transpose(1, 2).chunk(2, dim=2)
        before = pad(sounding, (0, 0, 0, 0, 1, 0))[:, :-1]
        kept = dropout(torch.ones_like(sounding[..., :1].expand(-1, -1, -1, 2)), forgotten)
        remembered = self.before((before * kept[..., :1]).flatten(2)).unflatten(2, (self.shape.tracks, -1))
        found: dict[int, Tensor] = {}
        for place, track in enumerate(self.order):
            earlier = [plane[:, :, other] * kept[:, :, other, 1:] for other in self.order[:place] for plane in (sounding, begins)]
            found[track] = self.logits(told[track] + remembered[:, :, track], earlier, before[:, :, track], place, forgotten)
        return [found[track] for track in range(self.shape.tracks)]

    def log_probabilities_of(
        self, told: list[Float[Tensor, "n steps hidden"]], rolls: Rolls, forgotten: float = 0.0
    ) -> Float[Tensor, "n steps tracks"]:
        """Natural logarithms of the probabilities of what each track does at each step: see `logits_of`."""
        found = [
            one.float().log_softmax(dim=-1).gather(-1, self.events_of(rolls, track)[..., None]).sum(dim=(-2, -1))
            for track, one in enumerate(self.logits_of(told, rolls, forgotten))
        ]
        return torch.stack(found, dim=2)

    def events_of(self, rolls: Rolls, track: int) -> Int64[Tensor, "n steps choices"]:
        """The events of a track in rolls in their one form."""
        sounds, begins = rolls[:, track] > 0, rolls[:, self.shape.tracks + track] > 0
        if not self.shape.single[track]:
            return sounds.long() + begins.long()
        pitch = begins.long().argmax(dim=2) + FIRST_PITCH
        return torch.where(begins.any(dim=2), pitch, torch.where(sounds.any(dim=2), HOLD, REST))[..., None]


class StepwiseGenerator(Trunk, StepwiseVoices):
    """From latents to rolls of -1 and 1. Behind the latents of `Trunk` stand numbers in [0, 1) by which events are drawn: for each step,
    one for each track with one note at a time, and one for each pitch of others.
    """

    def __init__(self, shape: RollShape, latent_size: int, width: int, given: int | None = None) -> None:
        super().__init__(shape, latent_size, width, given)
        self.add_voices(width, 4 * width, given)

    def forward(
        self,
        latents: Float[Tensor, "n latent"],
        condition: None = None,
        given: Float[Tensor, "n 2 steps pitches"] | None = None,
        known: Float[Tensor, "n 1 1 1"] | None = None,
    ) -> Rolls:
        """See Generator. Nothing is learned by gradients of these rolls: see `log_probabilities`."""
        parts, chances = latents[:, : -self.chances], latents[:, -self.chances :]
        told = torch.stack(self.told_features(parts, given, known), dim=2)
        before = torch.zeros_like(told[:, 0, :, :1]).expand(-1, -1, self.shape.pitches).contiguous()
        fixed = None
        if given is not None and known is not None and self.given is not None:
            fixed = known[:, 0, 0] > 0.5, ((given.float() + 1) / 2).permute(2, 0, 1, 3)
        return self.draw_steps(told, chances, before, fixed)

    def told_features(
        self, parts: Float[Tensor, "n latent"], given: Float[Tensor, "n 2 steps pitches"] | None, known: Float[Tensor, "n 1 1 1"] | None
    ) -> list[Float[Tensor, "n steps hidden"]]:
        """Of each track, what latents and a given track say of each step."""
        shared, private = self.latent_parts(parts)
        features = unit_size(self.track_features(unit_size(self.time_features(shared, given, known)[-1]), private).float())
        return [layer(features[:, :, track]) for track, layer in enumerate(self.told)]

    def log_probabilities(
        self,
        parts: Float[Tensor, "n latent"],
        rolls: Rolls,
        given: Float[Tensor, "n 2 steps pitches"] | None = None,
        known: Float[Tensor, "n 1 1 1"] | None = None,
        forgotten: float = 0.0,
    ) -> Float[Tensor, "n steps tracks"]:
        """Natural logarithms of the probabilities of what each track does at each step. Those of a track that is given are 0."""
        found = self.log_probabilities_of(self.told_features(parts, given, known), rolls, forgotten)
        if known is not None and self.given is not None:
            own = torch.arange(self.shape.tracks, device=found.device) == self.given
            found = torch.where(own, found * (1 - known[:, 0]), found)
        return found


class PhraseEncoder(nn.Module):
    """From rolls to normal distributions of the latents of a `Trunk`, each number by itself: means and logarithms of variances."""

    def __init__(self, shape: RollShape, latent_size: int, width: int) -> None:
        super().__init__()
        channels, self.shape, self.size = 2 * width, shape, latent_size
        self.steps = PitchesToFeatures(2 * shape.tracks, shape.pitches, shape.lowest, channels)
        self.time = steps_to_bars(channels, width, shape.bar_steps)
        channels, numbers = channels_of_bars(channels, width, shape.bar_steps), 2 * latent_size * (1 + shape.tracks)
        self.of_phrase = nn.Linear(channels * shape.bars, numbers)
        self.of_bars = nn.Linear(channels, numbers)

    def forward(self, rolls: Rolls) -> tuple[Float[Tensor, "n latent"], Float[Tensor, "n latent"]]:
        """Means, and logarithms of variances."""
        bars = self.time(self.steps(rolls))
        phrase = self.of_phrase(bars.flatten(1)).float().unflatten(1, (2, 1 + self.shape.tracks, self.size))
        by_bar = self.of_bars(bars).float().unflatten(2, (2, 1 + self.shape.tracks, self.size)).transpose(1, 2)
        parts = [phrase[:, :, 0], by_bar[:, :, :, 0].flatten(2), phrase[:, :, 1:].flatten(2), by_bar[:, :, :, 1:].flatten(2)]
        means, log_variances = torch.cat(parts, dim=2).unbind(1)
        assert means.shape[1] == latent_total(self.shape, self.size)
        return means, log_variances.clamp(-10, 4)


def drawing_order(tracks: int, given: int | None) -> list[int]:
    """In which order tracks are drawn at each step: the given one, then the outer voices (first and last), then the inner ones."""
    found = [] if given is None else [given]
    for track in (0, tracks - 1, *range(1, tracks - 1)):
        if track not in found:
            found.append(track)
    return found


def drawn_events(logits: Events, chances: Float[Tensor, "n choices"]) -> Events:
    """1 for what is drawn of each choice, by the inverse of the cumulative sums, 0 for the rest."""
    sums = logits.detach().float().softmax(dim=-1).cumsum(dim=-1)
    chosen = (sums <= chances[..., None] * sums[..., -1:]).sum(dim=-1).clamp_max(logits.shape[-1] - 1)
    return one_hot(chosen, logits.shape[-1]).to(sums.dtype)
