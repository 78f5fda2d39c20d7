"""A generator of voices over a chord that all of them share.

In place of one logit for each pitch, of each track by itself, a pitch has three: how likely its class is in the chord of the beat, which
all tracks share; how near it is to where the track is just now; and what the track adds. What sounds at a step is what sounded before,
unless a note begins. So voices fit each other, move by small steps and hold their notes before anything is learned. Notes are drawn, as by
the stochastic neurons of Dong and Yang 2018 (arXiv:1804.09399).
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, one_hot, pad

from sparring.nets.music import OCTAVE, SLOPE, Generator, RollShape, begin_where, binary, by_column, factors_of, unit_size

CHORD = 5.0
"""Standard deviation of the logits of chords at first, so that one or two stand out at each beat."""
OUTSIDE = 0.03
"""How likely a pitch class outside a chord is at first, beside 1 for those in it."""
EVIDENCE = 3.0
"""How many times over the likelihood of a given track's notes counts in the choice of chords."""
TREND = 1.8
"""Standard deviation, in semitones, of where a track is around its middle at first."""
REACH = 2.2
"""Standard deviation, in semitones, of notes around where their track is, if all pitches were as likely otherwise, at first."""
DETAIL = 0.1
"""Standard deviation of what a track of single notes adds to each logit at first, about."""
LARGEST = 7.0
"""No logit of a share in the data is further from 0 at first."""
Rolls = Float[Tensor, "n planes steps pitches"]
Features = Float[Tensor, "n steps tracks width"]


class ChordGenerator(Generator):
    """From latents to rolls of -1 and 1. Behind the latents of `Generator` stand numbers in [0, 1) by which notes are drawn: of each track
    and step, whether one begins, then which. Tracks that may have several notes at once have binary neurons, and share the chord alone.
    """

    begun: Tensor
    """1 once it was told what data is like."""

    def __init__(self, shape: RollShape, latent_size: int, width: int, given: int | None = None) -> None:
        super().__init__(shape, latent_size, width, given)
        tracks, deviation = shape.tracks, 1 / math.sqrt(width)
        self.chances = 2 * tracks * shape.bars * shape.bar_steps
        self.level = min(1, len(self.mix))  # bars are divided into beats first, with which chords change
        self.beats = factors_of(shape.bar_steps)[0] if self.level else 1
        self.choose_chord = nn.Linear(self.channels[self.level], 2 * OCTAVE)
        nn.init.normal_(self.choose_chord.weight, std=CHORD / math.sqrt(self.channels[self.level]))
        nn.init.zeros_(self.choose_chord.bias)
        self.chords = nn.Parameter(triads().clamp_min(OUTSIDE).log())
        self.onset = nn.Parameter(torch.randn(tracks, width) * deviation)
        self.onset_biases = nn.Parameter(torch.zeros(tracks, shape.bar_steps))
        self.height = nn.Parameter(torch.randn(tracks, width) * deviation)
        self.middles = nn.Parameter(torch.full((tracks,), shape.pitches / 2 / OCTAVE))
        self.log_sharpness = nn.Parameter(torch.zeros(tracks))
        self.rest_biases = nn.Parameter(torch.full((tracks,), -LARGEST))
        self.register_buffer("begun", torch.zeros((), dtype=torch.int64))
        with torch.no_grad():
            for track, single in enumerate(shape.single):
                self.by_pitch[track] *= DETAIL if single else 1
                self.by_class[track] *= DETAIL if single else 1
        for convolution in (self.to_tracks.convolution, self.tracks.convolution):
            assert convolution.bias is not None
            nn.init.zeros_(convolution.bias)  # which all latents have in common

    def begin_like(self, samples: Rolls) -> None:
        """Begin with the shares of pitches, the middle of each track, its rests, and how often notes begin at each place of a bar, as they
        are in these phrases; unless it was told before.
        """
        if self.begun.item():
            return
        sounding, begins = (samples > 0).float().chunk(2, dim=1)
        shares = begins.sum(dim=(0, 2)) + 0.5
        shares = shares / shares.sum(dim=1, keepdim=True)
        onsets = begins.amax(dim=3).unflatten(2, (self.shape.bars, -1)).mean(dim=(0, 2))
        silent = 1 - sounding.amax(dim=3).mean(dim=(0, 2))
        single = torch.tensor(self.shape.single, device=samples.device)[:, None]
        with torch.no_grad():
            self.biases[:, 0] = torch.where(single, shares.log(), log_odds(sounding.mean(dim=(0, 2))))
            self.biases[:, 1] = log_odds(onsets.mean(dim=1, keepdim=True))
            self.choose_chord.bias.copy_(self.chord_shares(sounding).log())
            self.middles.copy_(shares @ self.octaves(samples))
            self.onset_biases.copy_(log_odds(onsets))
            self.rest_biases.copy_(log_odds(silent))
            self.begun.fill_(1)

    def chord_shares(self, sounding: Float[Tensor, "n tracks steps pitches"]) -> Float[Tensor, " chords"]:
        """How often each triad fits best, of beats in which something sounds."""
        classes = self.classes_of_beats(sounding).flatten(0, 1)
        best = (classes @ triads().to(classes).T).argmax(dim=1)[classes.sum(dim=1) > 0]
        counts = torch.bincount(best, minlength=2 * OCTAVE) + 0.5
        return counts / counts.sum()

    def classes_of_beats(self, sounding: Float[Tensor, "n tracks steps pitches"]) -> Float[Tensor, "n beats 12"]:
        """For which share of each beat each pitch class sounds, of all tracks together. What sounds is 1, the rest 0."""
        beats = sounding.sum(dim=1).unflatten(1, (self.shape.bars * self.beats, -1)).mean(dim=2)
        below = self.shape.lowest % OCTAVE
        return pad(beats, (below, -(below + beats.shape[2]) % OCTAVE)).unflatten(2, (-1, OCTAVE)).sum(dim=2)

    def octaves(self, like: Tensor) -> Float[Tensor, " pitches"]:
        """Each pitch in octaves above the lowest one."""
        return torch.arange(self.shape.pitches, device=like.device, dtype=torch.float32) / OCTAVE

    def forward(
        self,
        latents: Float[Tensor, "n latent"],
        condition: None = None,
        given: Float[Tensor, "n 2 steps pitches"] | None = None,
        known: Float[Tensor, "n 1 1 1"] | None = None,
    ) -> Rolls:
        """See Generator."""
        steps = self.shape.bars * self.shape.bar_steps
        shared, private = self.latent_parts(latents[:, : -self.chances])
        chances = latents[:, -self.chances :].float().unflatten(1, (2, self.shape.tracks, steps))
        levels = self.time_features(shared, given, known)
        features = unit_size(self.track_features(unit_size(levels[-1]), private).float())
        chosen = self.choose_chord(unit_size(leaky_relu(levels[self.level], SLOPE))).float()
        chords = self.chords.log_softmax(dim=1)
        if given is not None and known is not None:
            chosen = chosen + EVIDENCE * known[:, 0] * (self.classes_of_beats((given[:, :1].float() + 1) / 2) @ chords.T)
        classes = (chosen.log_softmax(dim=2)[..., None] + chords).logsumexp(dim=2)
        rolls = self.drawn_rolls(features, classes.repeat_interleave(steps // classes.shape[1], dim=1), chances)
        return self.with_given(rolls, given, known)

    def drawn_rolls(
        self,
        features: Features,
        classes: Float[Tensor, "n steps 12"],
        chances: Float[Tensor, "n 2 tracks steps"],
    ) -> Rolls:
        """Rolls in their one form, with gradients by straight-through estimates."""
        lowest, pitches = self.shape.lowest, self.shape.pitches
        weights = (self.by_pitch + by_column(self.by_class, lowest, pitches)).float()
        own = torch.einsum("nstw,twkp->ntksp", features, weights) + self.biases[:, :, None].float()
        likely = own[:, :, 0] + by_column(classes, lowest, pitches)[:, None]
        near, rests, onsets = self.nearness(features), self.of_tracks(features, self.rests), self.of_tracks(features, self.onset)
        onsets = onsets + self.onset_biases.repeat(1, self.shape.bars)
        rests = rests + self.rest_biases[:, None]
        found = []
        for track, single in enumerate(self.shape.single):
            if single:
                pitches_alone = (likely[:, track] + near[:, track]).log_softmax(dim=2)
                logits = torch.cat([pitches_alone, rests[:, track, :, None]], dim=2)
                found.append(drawn_voice(logits, onsets[:, track], chances[:, :, track]))
            else:
                sounding = binary(likely[:, track] + math.log(OCTAVE))  # a chord's classes add to logits, others take from them
                found.append((sounding, begin_where(sounding, binary(own[:, track, 1]))))
        sounding, begins = zip(*found, strict=True)
        return 2 * torch.stack([*sounding, *begins], dim=1) - 1

    def nearness(self, features: Features) -> Float[Tensor, "n tracks steps pitches"]:
        """Logits of pitches by how near they are to where each track is: those of a normal distribution."""
        heights = self.middles[:, None] + TREND / OCTAVE * self.of_tracks(features, self.height)
        apart = (heights[..., None] - self.octaves(features)) * (OCTAVE / REACH)
        return -apart.square() / 2 * self.log_sharpness.exp()[:, None, None]

    def of_tracks(self, features: Features, weights: Float[Tensor, "tracks width"]) -> Float[Tensor, "n tracks steps"]:
        """A linear function of each track's features."""
        return torch.einsum("nstw,tw->nts", features, weights.float())


def triads() -> Float[Tensor, "24 12"]:
    """1 for the pitch classes of each of the 12 major and then 12 minor triads, 0 for others."""
    found = torch.zeros(2, OCTAVE, OCTAVE)
    for mode, third in enumerate((4, 3)):
        for root in range(OCTAVE):
            found[mode, root, [root, (root + third) % OCTAVE, (root + 7) % OCTAVE]] = 1
    return found.flatten(0, 1)


def log_odds(shares: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
    """Logits of shares, at most 7 from 0."""
    return shares.clamp(1e-9, 1 - 1e-7).logit().clamp(-LARGEST, LARGEST)


def drawn_voice(
    logits: Float[Tensor, "n steps choices"], onsets: Float[Tensor, "n steps"], chances: Float[Tensor, "n 2 steps"]
) -> tuple[Float[Tensor, "n steps pitches"], Float[Tensor, "n steps pitches"]]:
    """What sounds and what begins in a voice, of yes (1) and no (0), drawn by numbers in [0, 1): whether a note begins at each step, and
    which, or silence (the last of the logits). Something begins at the first step. Gradients are those of the probability that each pitch
    sounds, and begins, which are right on average for whatever is linear in the voice.
    """
    choices, begin = logits.softmax(dim=2), torch.sigmoid(onsets)
    begin = torch.cat([torch.ones_like(begin[:, :1]), begin[:, 1:]], dim=1)
    notes, begins = drawn_choice(choices, chances[:, 1])[..., :-1], (chances[:, 0] < begin).to(begin.dtype)
    likely = choices[..., :-1]
    return through(held(notes, begins), held(likely, begin)), through(notes * begins[..., None], likely * begin[..., None])


def drawn_choice(probabilities: Float[Tensor, "n steps k"], chance: Float[Tensor, "n steps"]) -> Float[Tensor, "n steps k"]:
    """1 for one of k, drawn by the inverse of the cumulative sums, 0 for others."""
    sums = probabilities.detach().cumsum(dim=2)
    chosen = (sums <= chance[..., None] * sums[..., -1:]).sum(dim=2).clamp_max(probabilities.shape[2] - 1)
    return one_hot(chosen, probabilities.shape[2]).to(probabilities.dtype)


def held(notes: Float[Tensor, "n steps pitches"], begin: Float[Tensor, "n steps"]) -> Float[Tensor, "n steps pitches"]:
    """What sounds, of notes that begin with the probability `begin`, or go on with what sounded before. Of probabilities of notes:
    probabilities.
    """
    sounding = [notes[:, 0]]
    for note, now in zip(notes.unbind(1)[1:], begin[..., None].unbind(1)[1:], strict=True):
        sounding.append(now * note + (1 - now) * sounding[-1])
    return torch.stack(sounding, dim=1)


def through(hard: Float[Tensor, "*any"], soft: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
    """The values of the one, with the gradients of the other (the straight-through estimator)."""
    return hard + soft - soft.detach()
