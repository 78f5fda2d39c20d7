"""A trained model in use."""

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
from jaxtyping import Float, Float64
from torch import Tensor, nn

from sparring.core.errors import CheckpointError, SettingsError
from sparring.core.hardware import refuse_absent_gpu
from sparring.data.images.image_spec import IMAGE_CHANNELS
from sparring.data.music.songs import Song
from sparring.data.pairs.input_statistics import InputStatistics
from sparring.data.preprocessing import Preprocessing
from sparring.games.capabilities import (
    Direction,
    MakesMusic,
    MakesOrders,
    MakesRecords,
    MakesRows,
    MakesSequences,
    Rewords,
    Samples,
    ScoresRows,
    SimulatesSeries,
    Translates,
)
from sparring.games.game import Game
from sparring.games.latent_game import LatentGame
from sparring.games.recipe import Recipe
from sparring.games.translation import TranslationGame
from sparring.inference import music_of_model, orders_of_model, patients, reword, sampling, table_rows, texts, translate_images
from sparring.inference.harmonize import harmonize
from sparring.inference.labels import Asked, label_of
from sparring.inference.tiling import TILE

if TYPE_CHECKING:
    from sparring.training.session import SessionResult

OTHER_MAKERS: tuple[tuple[type, str, str], ...] = (
    (MakesRows, "rows of a table", "model.rows"),
    (MakesRecords, "patients of health records", "model.patients"),
    (MakesOrders, "order lines", "model.rows"),
    (MakesMusic, "music", "model.songs"),
    (SimulatesSeries, "time series", "sparring.simulate"),
    (MakesSequences, "texts", "model.texts"),
)
"""By ability, what games make that are not images, and the function for it."""
COMMANDS: tuple[tuple[type, str], ...] = (
    (ScoresRows, "score {} new.csv"),
    (MakesRows, "sample {} -n 1000 --out rows.csv"),
    (MakesRecords, "sample {} -n 1000 --out patients.csv"),
    (MakesOrders, "sample {} -n 1000 --out orders.csv"),
    (MakesMusic, "sample {} -n 8 --out songs/"),
    (SimulatesSeries, "simulate {} --paths 1000"),
    (Rewords, "reword {} texts.csv"),
    (MakesSequences, "sample {} -n 1000 --out {sequences}"),
)
"""By ability, the command that uses a model."""


def sequences_file(game: MakesSequences) -> str:
    """What a file of its samples is called in advice."""
    return "molecules.smi" if game.sequence_spec.cut.items == "molecules" else "texts.txt"


@dataclass
class Model:
    """A trained game in use: it samples or translates."""

    game: Game
    recipe: Recipe
    source: Path
    """The run or file it was loaded from."""
    step: int | None = None
    """The step of the run whose weights these are, if it was loaded from a run."""
    ending: "SessionResult | None" = None
    """How training ended, if it just did."""
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    """How images became what it was trained on, as far as that is known."""

    input_statistics: Mapping[str, InputStatistics] = field(default_factory=dict)
    """Of a translator: by direction, what the inputs look like that it learned from, as far as that is known."""

    @property
    def generator(self) -> nn.Module | None:
        """The network that draws: `generator(latents, label)`, and for StyleGANs `map` and `synthesize`. None if there is none."""
        return self._network("generator")

    @property
    def discriminator(self) -> nn.Module | None:
        """The network that judges: `discriminator(images, label)`. None if it was not loaded (see `load`) or there is none."""
        return self._network("discriminator")

    @property
    def latent_game(self) -> LatentGame:
        """The game, if its images come of latents; a SettingsError if not."""
        for ability, makes, in_python in OTHER_MAKERS:
            if isinstance(self.game, ability):
                raise SettingsError(f"{self.source} makes {makes}, not images. Use it with: {self.use} (in Python: {in_python})")
        if not isinstance(self.game, Samples):
            raise SettingsError(f"{self.source} makes images of images, not of noise. Use it with: {self.use}")
        return cast(LatentGame, self.game)

    @property
    def translation_game(self) -> TranslationGame:
        """The game, if it makes images of images; a SettingsError if not."""
        if not isinstance(self.game, Translates):
            raise SettingsError(f"{self.source} makes images from noise, not from other images. Use it with: {self.use}")
        return cast(TranslationGame, self.game)

    @property
    def use(self) -> str:
        """The command that uses it."""
        sequences = sequences_file(self.game) if isinstance(self.game, MakesSequences) else ""
        for ability, command in COMMANDS:
            if isinstance(self.game, ability):
                return f"sparring {command.format(shlex.quote(str(self.source)), sequences=sequences)}"
        verb, rest = ("sample", "-n 64 --seed 1") if isinstance(self.game, Samples) else ("translate", "IN OUT")
        return f"sparring {verb} {shlex.quote(str(self.source))} {rest}"

    def _network(self, name: str) -> nn.Module | None:
        network = getattr(self.game, name, None)
        return None if network is None or next(network.parameters()).is_meta else network

    def on(self, device: Literal["cpu", "cuda"]) -> "Model":
        """This model, with its networks there. A SettingsError if torch sees no GPU."""
        refuse_absent_gpu(device)
        for part in self.game.children():
            if not any(tensor.is_meta for tensor in (*part.parameters(), *part.buffers())):
                part.to(device)
        return self

    @property
    def spec(self) -> Any:  # noqa: ANN401 (the Spec of its kind of data)
        """What one of its samples is: of images size, channels and classes."""
        return self.game.spec

    def refuse_unless_images(self) -> None:
        """Raise a SettingsError if what goes in or comes out has channels that images do not have."""
        if unusual := sorted(set(getattr(self.spec, "known_channels", ())) - IMAGE_CHANNELS):
            raise SettingsError(
                f"{self.source} has a network for {' and '.join(map(str, unusual))} channels, and images have 1, 3 or 4. In Python its "
                "generator or discriminator takes tensors."
            )

    def refuse_without_generator(self) -> None:
        """Raise a CheckpointError if there is nothing to draw with."""
        if next(self.game.get_submodule(self.game.sampling_networks[0]).parameters()).is_meta:
            raise CheckpointError(f"{self.source} holds no generator, so nothing can be drawn from it.")

    # ------------------------------------------------------------------------------------------------ models that sample

    def label_of(self, label: str | int) -> int:
        """Number of a class given by name or number. See `sparring.inference.labels`."""
        return label_of(self, label)

    def sample(
        self,
        n: int,
        *,
        seed: int = 0,
        label: Asked | None = None,
        first: int = 0,
        truncation: float | None = None,
        seed_style: sampling.SeedStyle = "own",
    ) -> Float[Tensor, "n ..."]:
        """`n` samples; images are in [-1, 1]. Sample i of a seed is the same, to the bit, whatever `n` and `first` (where to start) are.

        `label`: class of all of them, by name or number, by default every class in turn; of several labels their values by name, such as
        {"color": "red", "age": 30}, the others (by default all) as in training images. `truncation`: more typical and less varied
        samples, from latents nearer to the mean. For networks with styles the share of the way from the mean of w, 1 being all of it
        (Karras et al. 2019, appendix B); for models with likelihoods the temperature; for others the largest absolute value of a latent's
        numbers (Brock et al. 2019). `seed_style`: "nvidia" for the images that NVIDIA's StyleGAN programs make of the seeds from `seed` on.
        """
        return sampling.sample(self, n, seed=seed, label=label, first=first, truncation=truncation, seed_style=seed_style)

    def sample_row_by_row(
        self, n: int, *, seed: int = 0, label: Asked | None = None, truncation: float | None = None
    ) -> Iterator[Float[Tensor, "n c h w"]]:
        """Samples as they come into being, of models that draw row by row. See `sparring.inference.sampling`."""
        return sampling.sample_row_by_row(self, n, seed=seed, label=label, truncation=truncation)

    def sample_in_pieces(
        self,
        n: int,
        *,
        seed: int = 0,
        label: Asked | None = None,
        truncation: float | None = None,
        seed_style: sampling.SeedStyle = "own",
    ) -> Iterator[Float[Tensor, "m ..."]]:
        """`sample`, about a thousand at a time, for numbers that should not lie in memory at once."""
        return sampling.sample_in_pieces(self, n, seed=seed, label=label, truncation=truncation, seed_style=seed_style)

    def interpolate(
        self,
        seeds: Sequence[int] | None = None,
        *,
        labels: Sequence[Asked] | None = None,
        frames: int = 16,
        space: Literal["z", "w"] = "z",
    ) -> Float[Tensor, "n ..."]:
        """A walk through the first sample of each seed, `frames` samples from one to the next, the last included.

        Latents move along great circles; in "w", which networks with styles have, in straight lines. `labels`: a class for each seed,
        or one for all; between two classes their weights cross-fade. Of several labels, values by name for each; those that are not
        named stay, and continuous ones move evenly. By default seeds 0 to 3, or seed 0 if two labels or more are given.
        """
        return sampling.interpolate(self, seeds, labels=labels, frames=frames, space=space)

    # -------------------------------------------------------------------------------------------------- models of tables and orders

    def rows(self, n: int, *, seed: int = 0, first: int = 0, where: Iterable[str] | Mapping[str, str] = ()) -> Any:  # noqa: ANN401
        """`n` rows of a table or order lines, as a frame of the kind that was trained on (an Arrow table if that was a file).

        `where`: conditions that hold in every row, such as ("age>=60", "country=FR") or {"age": ">=60", "country": "FR"}. Row i of a seed
        is the same whatever `n` and `first` are. A SettingsError for conditions that cannot be met.
        """
        if isinstance(self.game, MakesOrders):
            lines, _ = orders_of_model.draw_orders(self, n, seed=seed, first=first, where=where)
            return orders_of_model.orders_as_frame(self, lines)
        return table_rows.rows_as_frame(self, table_rows.draw_rows(self, n, seed=seed, first=first, where=where)[0])

    # ------------------------------------------------------------------------------------------ models of health records

    def patients(self, n: int, *, seed: int = 0, first: int = 0) -> Any:  # noqa: ANN401
        """`n` patients of a model of health records, as a frame of the kind that was trained on (an Arrow table if that was a file), in the
        form of the data: a long file or a matrix. Patient i of a seed is the same whatever `n` and `first` are.
        """
        return patients.patients_as_frame(self, n, seed=seed, first=first)

    # ---------------------------------------------------------------------------------------------- models of sequences

    def texts(
        self, n: int, *, seed: int = 0, first: int = 0, label: str | int | None = None, temperature: float | None = None
    ) -> list[str | None]:
        """`n` texts (or molecules, as text). Text i of a seed is the same whatever `n` and `first` are. None for sequences that stand for
        no text. `label`: class of all of them, by default every class in turn. `temperature`: below 1 more typical and less varied texts.
        """
        return texts.draw_texts(self, n, seed=seed, first=first, label=label, temperature=temperature)

    def log_likelihoods(self, of_texts: Sequence[str], *, label: str | int | None = None) -> Float64[np.ndarray, " n"]:
        """Natural logarithm of the probability of each text, of models of sequences that know it. See `sparring.inference.texts`."""
        return texts.log_likelihoods(self, of_texts, label)

    def reword(
        self, of_texts: Sequence[str], *, n: int = reword.MOST, seed: int = 0, keep: Sequence[str] = ()
    ) -> list[reword.RewordedText]:
        """Up to `n` rewordings of each text, the best first, with what is expected of them. Those of a text depend on it and the seed
        alone. `keep`: further words that none may lose or make up. See `sparring.inference.reword`.
        """
        return reword.reword(self, of_texts, n=n, seed=seed, keep=keep)

    # ---------------------------------------------------------------------------------------------------- models of music

    def songs(self, n: int, *, seed: int = 0, first: int = 0) -> list[Song]:
        """`n` phrases of a model of music, each as a song of tracks with notes. Phrase i of a seed is the same whatever `n` and `first`
        are.
        """
        return music_of_model.songs(self, n, seed=seed, first=first)

    def harmonize(self, melody: str | Path | Song, *, track: str | None = None, seed: int = 0) -> Song:
        """A song in which a melody has the other tracks beside it, of a model that was trained to be given one. See
        `sparring.inference.harmonize`.
        """
        return harmonize(self, melody, track=track, seed=seed)

    # --------------------------------------------------------------------------------------------- models that translate

    def translate(
        self, images: Float[Tensor, "n c h w"], *, direction: Direction = "a2b", noise: int | None = None, tile: int = TILE
    ) -> Float[Tensor, "n o h w"]:
        """Translations of images in [-1, 1], of any size: images in [-1, 1] of that size.

        `direction`: "a2b" makes targets of inputs; "b2a" the other way round, where the recipe learns it. `noise`: the seed of one of the
        many translations that dropout gives (Isola et al. 2017, section 3.1); None: their typical one, without dropout. `tile`: images
        with a longer side are translated in tiles of about that, which fade into each other. A SettingsError says what does not fit. The
        translation of an image does not depend on the images beside it.
        """
        return translate_images.translate(self, images, direction=direction, noise=noise, tile=tile)

    def noisy(self, direction: Direction, seed: int | None) -> AbstractContextManager[None]:
        """In the block translations have the dropout of that seed. See `sparring.inference.translate_images`."""
        return translate_images.noisy(self, direction, seed)

    def refuse_direction(self, direction: str) -> None:
        """Raise a SparringError if this model does not translate that way."""
        translate_images.refuse_direction(self, direction)
