"""What a game can do, asked of the game itself and not of its class. Whoever uses a trained game asks by these."""

from collections.abc import Iterator, Mapping
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Float32, Int64
from torch import Tensor, nn

from sparring.core.batch import Labels
from sparring.core.random_streams import Streams
from sparring.data.music.music_spec import MusicSpec
from sparring.data.orders.order_spec import OrdersSpec
from sparring.data.records.records_spec import RecordsSpec
from sparring.data.sequences.sequence_spec import SequenceSpec
from sparring.data.series.series_spec import SeriesSpec
from sparring.data.tables.conditions import Restriction
from sparring.data.tables.table_spec import TableSpec
from sparring.games.exported_parts import Direction, ExportChoices, Part, PartName

LikelihoodKind = Literal["exact", "dequantized bound", "ELBO"]
"""What a likelihood is: exact; the mean over noise of the density of pixels with uniform noise, a lower bound (Theis et al. 2016, section
3.1); or the evidence lower bound of a variational autoencoder."""


@runtime_checkable
class Samples(Protocol):
    """Draws new samples."""

    @property
    def conditional(self) -> bool:
        """Whether samples are asked for by class."""
        ...

    def sample(
        self, n: int, seed: int = 0, labels: Labels | None = None, first: int = 0, truncation: float | None = None
    ) -> Float[Tensor, "n ..."]:
        """Samples `first` to `first + n - 1` of `seed`: the same, to the bit, however they are split into calls."""
        ...


@runtime_checkable
class HasLatents(Protocol):
    """Makes samples of latents."""

    def latents(self, streams: Streams, n: int) -> Float[Tensor, "n latent"]:
        """`n` latents at the start of the stream "latent"."""
        ...


@runtime_checkable
class DrawsRowByRow(Protocol):
    """Draws images one row after the other, from latents that are no space to move in."""

    def rows(
        self, latents: Float[Tensor, "n latent"], condition: Float[Tensor, "n classes"] | None, truncation: float | None = None
    ) -> Iterator[Float[Tensor, "n c w"]]:
        """The rows of images in [-1, 1], from the top."""
        ...


@runtime_checkable
class Exports(Protocol):
    """Can be run by other programs, or says why not."""

    def exported_parts(self, choices: ExportChoices) -> Mapping[PartName, Part]:
        """Functions of tensors by name, "all" among them. A SettingsError says why there is none."""
        ...


@runtime_checkable
class Translates(Protocol):
    """Makes images of images."""

    translators: Mapping[Direction, str]
    """The network of each direction, by name."""

    def translate(self, images: Float[Tensor, "n c h w"], direction: Direction = "a2b") -> Float[Tensor, "n o h w"]:
        """Translations of images in [-1, 1], of any size."""
        ...


@runtime_checkable
class HasDiscriminator(Protocol):
    """Has a network that tells real samples from generated ones."""

    discriminator: nn.Module

    def discriminate(
        self, samples: Float[Tensor, "packs ..."], labels: Labels | None
    ) -> tuple[Float[Tensor, " packs"], Float[Tensor, "packs classes"]]:
        """Logits of samples, and class logits."""
        ...


@runtime_checkable
class HasLikelihood(Protocol):
    """Knows how likely samples are."""

    @property
    def likelihood_kind(self) -> LikelihoodKind:
        """What `log_likelihood` is."""
        ...

    def log_likelihood(self, samples: Float[Tensor, "n ..."], labels: Labels | None = None) -> Float[Tensor, " n"]:
        """Natural logarithm of the probability of each sample (of images as 8-bit pixels, of rows as tokens), or a lower bound of it. What
        is random in it depends on the sample alone.
        """
        ...


@runtime_checkable
class WeighsLatents(Protocol):
    """Knows a bound of how likely samples are that rises to the truth with the number of latents drawn for each."""

    def importance_weighted(self, samples: Float[Tensor, "n ..."], labels: Labels | None, k: int) -> Float[Tensor, " n"]:
        """A lower bound of the logarithm of the probability of each sample, from `k` latents (Burda et al. 2016, equation 8)."""
        ...


@runtime_checkable
class Encodes(Protocol):
    """Finds the latents of samples."""

    def encode(self, samples: Float[Tensor, "n ..."], labels: Labels | None = None) -> Float[Tensor, "n latent"]:
        """A latent of each sample. `labels`: its class, if the game has classes."""
        ...


@runtime_checkable
class MakesRows(Protocol):
    """Makes rows of a table."""

    @property
    def table_spec(self) -> TableSpec:
        """What a row is."""
        ...


@runtime_checkable
class CompletesRows(Protocol):
    """Draws rows of a table with cells that are known or restricted."""

    def complete_cells(
        self,
        n: int,
        seed: int,
        first: int,
        restrictions: Mapping[int, Restriction],
        given: tuple[Int64[Tensor, "n c"], Float[Tensor, "n c"], Bool[Tensor, "n c"]] | None,
    ) -> tuple[Int64[Tensor, "n c"], Float[Tensor, "n c"]]:
        """Codes and positions of rows `first` to `first + n - 1` of `seed`: the same, to the bit, however they are split into calls.
        `restrictions`: by number of the column, what it may be. `given`: codes, positions, and which of them are known.
        """
        ...


@runtime_checkable
class ScoresRows(Protocol):
    """Says how likely rows of a table are frauds."""

    @property
    def table_spec(self) -> TableSpec:
        """What a row is."""
        ...

    @property
    def target(self) -> int:
        """Number of the encoded column with the labels."""
        ...

    @property
    def seen_columns(self) -> tuple[int, ...]:
        """Numbers of the encoded columns that scores depend on."""
        ...

    def log_odds(self, rows: Float[Tensor, "n width"]) -> Float[Tensor, " n"]:
        """Calibrated log-odds that each row is a fraud. A row's score does not depend on the others."""
        ...

    def expected_cells(self, rows: Float[Tensor, "n width"]) -> tuple[Float[Tensor, "n width"], Float[Tensor, "n c"]]:
        """Rows in which each cell is what the others let expect, and how much less likely the cells of `rows` are, in nats (0 of columns
        that are not seen).
        """
        ...


@runtime_checkable
class SimulatesSeries(Protocol):
    """Makes paths of series."""

    @property
    def series_spec(self) -> SeriesSpec:
        """What a window is."""
        ...

    @property
    def longest_path(self) -> int | None:
        """The largest number of steps of a path; None: any."""
        ...

    def simulate(
        self,
        n: int,
        steps: int,
        seed: int,
        first: int,
        past: Float32[np.ndarray, "n values p"] | None,
        known: Float32[np.ndarray, "n known p_and_steps"] | None,
    ) -> Float[Tensor, "n values {steps}"]:
        """Paths `first` to `first + n - 1` of `seed`, as networks see values: the same, to the bit, however they are split into calls.
        `past`: the last values before them, as many as the spec's past; None: none. `known`: what is known of the steps of past and path
        (see `SeriesSpec.known_of`). Games that generate whole windows use no past.
        """
        ...


@runtime_checkable
class MakesRecords(Protocol):
    """Makes health records of patients."""

    @property
    def records_spec(self) -> RecordsSpec:
        """What a record is."""
        ...


@runtime_checkable
class MakesOrders(Protocol):
    """Makes order lines."""

    @property
    def orders_spec(self) -> OrdersSpec:
        """What a line is."""
        ...

    def draw_lines(
        self,
        n: int,
        seed: int,
        first: int,
        given: Mapping[str, Int64[Tensor, " n"]],
        new: tuple[Int64[Tensor, " n"], Float[Tensor, " n"]] | None = None,
    ) -> Float[Tensor, "n parts"]:
        """Lines `first` to `first + n - 1` of `seed`, as samples: the same, to the bit, however they are split into calls. `given`: by name
        of the entity, the code that each line has. `new`: of products that were never sold, group and standardized logarithm of the usual
        price; the product of these lines means nothing.
        """
        ...


@runtime_checkable
class MakesSequences(Protocol):
    """Makes sequences of tokens: samples are codes as `SequenceSpec` has them."""

    @property
    def conditional(self) -> bool:
        """Whether sequences are asked for by class."""
        ...

    @property
    def sequence_spec(self) -> SequenceSpec:
        """What a sequence is."""
        ...


@runtime_checkable
class MakesMusic(Protocol):
    """Makes phrases of music."""

    @property
    def music_spec(self) -> MusicSpec:
        """What a phrase is."""
        ...


@runtime_checkable
class HasCodes(Protocol):
    """Makes samples of codes that an autoencoder learned, and can encode any sample."""

    def asked_for(
        self, n: int, seed: int, labels: Labels | None, first: int = 0
    ) -> tuple[Float[Tensor, "n latent"], Float[Tensor, "n classes"] | None]:
        """Latents and conditions of samples `first` to `first + n - 1` of `seed`."""
        ...

    def codes_of(self, latents: Float[Tensor, "n latent"], condition: Float[Tensor, "n classes"] | None) -> Float[Tensor, "n code"]:
        """The codes that are generated from latents."""
        ...

    def encoded(self, samples: Float[Tensor, "n ..."]) -> Float[Tensor, "n code"]:
        """The codes of samples."""
        ...

    def chances(self, n: int, seed: int, first: int = 0) -> Float[Tensor, "n chances"] | None:
        """Uniform numbers in [0, 1) of samples `first` to `first + n - 1` of `seed`, which decide what their codes leave open; None if
        codes decide all.
        """
        ...

    def of_codes(self, codes: Float[Tensor, "n code"], chances: Float[Tensor, "n chances"] | None = None) -> Float[Tensor, "n ..."]:
        """The samples of codes, as `chances` decide; without them, the likeliest."""
        ...


@runtime_checkable
class Rewords(Protocol):
    """Writes texts anew so that they are expected to be in the last class, and says how far they are expected to be."""

    @property
    def sequence_spec(self) -> SequenceSpec:
        """What a text is. Its classes go from the lowest score to the highest."""
        ...

    def reword(self, codes: Int64[Tensor, "n length"], draws: int, seed: int = 0) -> Int64[Tensor, "n draws length"]:
        """Rewordings of each text, some of which may be the same, or lose what they should keep. Those of a text depend on the text and the
        seed alone.
        """
        ...

    def liking(self, codes: Int64[Tensor, "n length"]) -> Float[Tensor, " n"]:
        """Log-odds of the last class against the first, by the scorer that guided training. What it chose must not be judged by it."""
        ...

    def expected(self, codes: Int64[Tensor, "n length"]) -> Float[Tensor, " n"]:
        """The probability of the last class against the first, by scorers that saw neither these texts nor the training of the game."""
        ...

    def log_likelihood(self, samples: Float[Tensor, "n length"], labels: Labels | None = None) -> Float[Tensor, " n"]:
        """Natural logarithm of the probability of texts of a class; without labels, of the last."""
        ...

    def shown_classes(self, codes: Int64[Tensor, "n length"]) -> Bool[Tensor, " n"]:
        """Whether the game and its guiding scorer may see the class of each text, which the scorers that expect may not."""
        ...
        ...


@runtime_checkable
class Harmonizes(Protocol):
    """Makes the other tracks for one that is given, if it was trained to."""

    @property
    def given_track(self) -> int | None:
        """The number of the track that may be given; None if none may."""
        ...

    def accompany(self, given: Float[Tensor, "n 2 steps pitches"], seed: int, first: int = 0) -> Float[Tensor, "n planes steps pitches"]:
        """All tracks of phrases of which one is given, by its planes of what sounds and what begins. That one is unchanged. Phrase i
        depends on the seed and on `first + i` alone, to the bit. A SettingsError if none may be given.
        """
        ...
