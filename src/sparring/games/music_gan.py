"""A generator of piano rolls against a discriminator, with or without a track that is given."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from sparring.core.batch import Labels
from sparring.core.data_spec import Spec
from sparring.core.errors import SettingsError
from sparring.core.random_streams import Streams
from sparring.core.settings_checks import Ranges
from sparring.data.music.music_spec import MusicSpec
from sparring.games.adversarial import TwoPlayerGame, truncated
from sparring.games.adversarial_settings import AdversarialSettings
from sparring.games.exported_parts import Draws
from sparring.games.step_context import StepContext
from sparring.nets import music as nets
from sparring.nets.chord_voices import ChordGenerator


@dataclass(frozen=True, kw_only=True)
class MusicRecipe(AdversarialSettings):
    """A game for phrases of music. A recipe builds it."""

    modality: ClassVar[str] = "music"
    settings_for: ClassVar[Mapping[str, Mapping[str, object]]] = {}

    def incompatibilities(self, spec: MusicSpec) -> list[str]:
        """See Recipe."""
        found = super().incompatibilities(spec)
        if self.augment != "none":
            found.append("augment is for images. Leave it out.")
        if self.condition != "none":
            found.append("condition is for classes, and music has none. Leave it out.")
        if self.minibatch_deviation:
            found.append("minibatch_deviation is for images. Leave it out.")
        return found


class MusicGAN(TwoPlayerGame):
    """A generator of rolls, which may be given one of the tracks, against a discriminator that sees all tracks."""

    generator: nets.Trunk

    def __init__(self, spec: MusicSpec, generator: nets.Trunk, discriminator: nets.Discriminator, settings: "GivenSettings") -> None:
        super().__init__(spec, generator, discriminator, settings)
        self.given_share = settings.given_share

    def see_first_batch(self, context: StepContext) -> None:
        """See Game: a generator over chords begins with the registers and rhythms of these phrases."""
        if isinstance(self.generator, ChordGenerator):
            self.generator.begin_like(context.batch.samples)

    @property
    def music_spec(self) -> MusicSpec:
        """See capabilities.MakesMusic."""
        return music_spec(self.spec)

    @property
    def given_track(self) -> int | None:
        """See capabilities.Harmonizes."""
        return self.generator.given

    @property
    def latent_draws(self) -> Draws:
        """See LatentGame."""
        parts = (self.settings.latent, self.latent_parts)
        return (parts, ("share", self.generator.chances)) if self.generator.chances else (parts,)

    @property
    def latent_parts(self) -> int:
        """Number of a latent's dimensions without the numbers by which notes are drawn."""
        return nets.latent_total(self.generator.shape, self.generator.latent_size)

    def latents(self, streams: Streams, n: int) -> Float[Tensor, "n latent"]:
        """See LatentGame."""
        draw = streams.normal if self.settings.latent == "normal" else streams.uniform
        parts, chances = draw("latent", n, self.latent_parts), self.generator.chances
        return torch.cat([parts, (streams.uniform("notes", n, chances) + 1) / 2], dim=1) if chances else parts

    def generate_fakes(self, context: StepContext, labels: Labels | None) -> Float[Tensor, "n planes steps pitches"]:
        """See TwoPlayerGame. A share of the phrases are given a track of real ones."""
        latents = self.latents(context.streams, context.batch_size)
        if self.given_track is None:
            return self.generator(latents)
        known = (context.streams.uniform("given", context.batch_size) + 1) / 2 < self.given_share
        return self.generator(latents, None, self.given_planes(context.batch.samples), known.float()[:, None, None, None])

    def given_planes(self, samples: Float[Tensor, "n planes steps pitches"]) -> Float[Tensor, "n 2 steps pitches"]:
        """The planes of the track that is given."""
        assert self.given_track is not None
        return samples[:, [self.given_track, self.generator.shape.tracks + self.given_track]]

    def accompany(self, given: Float[Tensor, "n 2 steps pitches"], seed: int, first: int = 0) -> Float[Tensor, "n planes steps pitches"]:
        """See capabilities.Harmonizes."""
        if self.given_track is None:
            raise SettingsError("This model was trained to be given no track.")
        latents, _ = self.asked_for(len(given), seed, None, first)
        planes = given.flatten(1).to(latents.device)

        def draw(rows: Tensor, conditions: Tensor | None) -> Tensor:
            assert conditions is not None
            known = torch.ones(len(rows), 1, 1, 1, device=rows.device)
            return self.generator(rows, None, conditions.unflatten(1, given.shape[1:]), known)

        return self.in_chunks(draw, latents, planes, first % self.sample_chunk)

    def generate(
        self, latents: Float[Tensor, "n latent"], condition: Float[Tensor, "n classes"] | None, truncation: float | None = None
    ) -> Float[Tensor, "n planes steps pitches"]:
        """See LatentGame."""
        if truncation is not None:
            parts, chances = latents[:, : self.latent_parts], latents[:, self.latent_parts :]
            parts = truncated(parts, truncation) if self.settings.latent == "normal" else parts * min(1.0, truncation)
            latents = torch.cat([parts, chances], dim=1)
        return self.generator(latents)


def music_spec(spec: Spec) -> MusicSpec:
    """The spec of a game for music."""
    assert isinstance(spec, MusicSpec)
    return spec


@dataclass(frozen=True, kw_only=True)
class GivenSettings(MusicRecipe):
    """Settings of games that may be given a track."""

    ranges: ClassVar[Ranges] = {**MusicRecipe.ranges, "given_share": {"at least": 0, "less than": 1}}

    given: str | None = None
    """Name of a track that the generator is given in some phrases, and makes the others for: `sparring harmonise` uses it. None: of
    none."""
    given_share: float = 0.7
    """Share of the phrases of training whose track is given. In the others all tracks are made."""

    def incompatibilities(self, spec: MusicSpec) -> list[str]:
        """See Recipe."""
        found = super().incompatibilities(spec)
        if self.given is not None and spec.track_number(self.given) is None:
            found.append(f"given must be a track ({', '.join(track.name for track in spec.tracks)}), not {self.given!r}.")
        elif self.given is not None and len(spec.tracks) < 2:
            found.append("given needs another track that is to be made. Leave it out.")
        if self.given is None and self.given_share != type(self).given_share:
            found.append("given_share does nothing without given. Set that too, or leave it out.")
        return found
