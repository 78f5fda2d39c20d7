"""A game that samples from noise."""

from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sparring.core.batch import Labels
from sparring.core.random_streams import Streams
from sparring.games.exported_parts import Draws, ExportChoices, Input, Part, PartName, Truncation, label_input, latent_input
from sparring.games.game import Game, evaluating

SAMPLE_CHUNK = 16
"""Samples are always computed in chunks of this many, so that sample i of a seed does not depend on how
many are asked for: kernels round differently for batches of different sizes."""


class LatentGame(Game):
    """A game that makes samples from latents: from noise."""

    sample_chunk: int = SAMPLE_CHUNK
    """Number of samples that are computed together. Games with small samples have more."""
    truncation: Truncation = "scale"
    """What truncation does to latents."""

    @property
    def conditional(self) -> bool:
        """Whether samples are asked for by class."""
        raise NotImplementedError

    def latents(self, streams: Streams, n: int) -> Float[Tensor, "n latent"]:
        """`n` latents at the start of the stream "latent"."""
        raise NotImplementedError

    @property
    def latent_draws(self) -> Draws:
        """What a latent consists of: how each of its numbers is drawn."""
        raise NotImplementedError

    def exported_parts(self, choices: ExportChoices) -> Mapping[PartName, Part]:
        """See `capabilities.Exports`: from latents, and the classes if samples are asked for by class, to samples."""

        def generate(latents: Tensor, condition: Tensor | None = None) -> Tensor:
            return self.generate(latents, condition)

        return {"all": Part(generate, self.latent_inputs, truncation=self.truncation)}

    @property
    def latent_inputs(self) -> tuple[Input, ...]:
        """Inputs of an exported generator: latents, and the classes if samples are asked for by class."""
        latent = latent_input(self.latents, self.latent_draws)
        return (latent, label_input(self.spec)) if self.conditional else (latent,)

    def generate(
        self, latents: Float[Tensor, "n latent"], condition: Float[Tensor, "n classes"] | None, truncation: float | None = None
    ) -> Float[Tensor, "n ..."]:
        """Samples (images in [-1, 1]) from latents and, if the game is conditional, a weight for each class. `truncation`: how far from
        the mean latents may be; nearer, samples are more typical and less varied. None: no limit.
        """
        raise NotImplementedError

    def condition(self, labels: Labels | None) -> Float[Tensor, "n classes"] | None:
        """What networks are told of labels (see `Spec.condition_of`) if the game is conditional, else None."""
        if not self.conditional:
            return None
        if labels is None:
            raise ValueError("a conditional game needs labels")
        return self.spec.condition_of(labels)

    def chunk_of_latents(self, seed: int, chunk: int) -> Float[Tensor, "chunk latent"]:
        """The latents of the samples of `seed` in chunk number `chunk`, of `sample_chunk` samples each."""
        return self.latents(Streams(seed, chunk, device=self.device, scope="sample"), self.sample_chunk)

    def default_labels(self, seed: int, n: int) -> Labels:
        """The labels of the first `n` samples of `seed` where none are asked for (see `Spec.usual_labels`)."""
        return self.spec.usual_labels(seed, n).to(self.device)

    def sample(
        self, n: int, seed: int = 0, labels: Labels | None = None, first: int = 0, truncation: float | None = None
    ) -> Float[Tensor, "n ..."]:
        """Samples `first` to `first + n - 1` of `seed`, the same, to the bit, however they are split into calls.
        `labels`: those of each; by default every class in turn, or labels of training images (ignored by games without labels).
        """
        latents, condition = self.asked_for(n, seed, labels, first)
        return self.generate_chunked(latents, condition, first % self.sample_chunk, truncation)

    def asked_for(
        self, n: int, seed: int, labels: Labels | None, first: int = 0
    ) -> tuple[Float[Tensor, "n latent"], Float[Tensor, "n classes"] | None]:
        """Latents and conditions of samples `first` to `first + n - 1` of `seed`."""
        if self.conditional and labels is None:
            labels = self.default_labels(seed, first + n)[first:]
        latents, last = [], first + n
        for chunk in range(first // self.sample_chunk, -(-last // self.sample_chunk)):
            start = chunk * self.sample_chunk
            latents.append(self.chunk_of_latents(seed, chunk)[max(first - start, 0) : last - start])
        return torch.cat(latents), self.condition(labels)

    def generate_chunked(
        self,
        latents: Float[Tensor, "n latent"],
        condition: Float[Tensor, "n classes"] | None,
        offset: int = 0,
        truncation: float | None = None,
    ) -> Float[Tensor, "n ..."]:
        """`generate` in evaluation mode, in chunks; the first row is at place `offset` of its chunk."""
        return self.in_chunks(lambda rows, conditions: self.generate(rows, conditions, truncation), latents, condition, offset)

    def in_chunks(
        self,
        draw: Callable[[Tensor, Tensor | None], Tensor],
        latents: Float[Tensor, "n latent"],
        condition: Float[Tensor, "n classes"] | None,
        offset: int = 0,
    ) -> Float[Tensor, "n ..."]:
        """What `draw` makes of latents (or of other vectors), in evaluation mode and always in whole chunks, padded with zeros."""
        n = len(latents)
        padding = (offset, -(offset + n) % self.sample_chunk)
        padded = nn.functional.pad(latents, (0, 0, *padding))
        conditions = None if condition is None else nn.functional.pad(condition, (0, 0, *padding))
        samples = []
        with evaluating(self):
            for start in range(0, len(padded), self.sample_chunk):
                rows = slice(start, start + self.sample_chunk)
                samples.append(draw(padded[rows], None if conditions is None else conditions[rows]))
        return torch.cat(samples)[offset : offset + n]
