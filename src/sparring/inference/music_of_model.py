"""Phrases of models of music: drawn, interpolated, and written to files."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import numpy as np
import torch
from jaxtyping import Bool

from sparring.core.atomic_files import write_bytes
from sparring.core.errors import SettingsError
from sparring.data.music.midi_files import midi_bytes, mido_module
from sparring.data.music.music_spec import MusicSpec, rolls_of
from sparring.data.music.piano_roll import draw_rolls
from sparring.data.music.roll_songs import song_of_roll, song_of_rolls
from sparring.data.music.songs import Song
from sparring.data.music.synthesizer import RATE, render
from sparring.games.capabilities import HasLatents, MakesMusic, Samples
from sparring.games.latent_game import LatentGame
from sparring.inference.interpolation import spherical, walk
from sparring.media.audio_files import wav_bytes
from sparring.media.image_files import IMAGE_ENDINGS, save_image

if TYPE_CHECKING:
    from sparring.inference.model import Model

MusicOutput = Literal["midi", "wav", "image", "folder"]
PIECE = 256
ENDINGS: dict[str, MusicOutput] = {".mid": "midi", ".midi": "midi", ".wav": "wav", **dict.fromkeys(IMAGE_ENDINGS, "image")}


def music_spec_of(model: "Model") -> MusicSpec:
    """What phrases of a model are. A SettingsError if it makes no music."""
    if not isinstance(model.game, MakesMusic):
        raise SettingsError(f"{model.source} makes no music. Use it with: {model.use}")
    return model.game.music_spec


def music_output(path: Path) -> MusicOutput:
    """What to write at a path. A SettingsError that names every ending."""
    ending = path.suffix.lower()
    if path.is_dir() or not ending:
        found: MusicOutput = "folder"
    elif ending in ENDINGS:
        found = ENDINGS[ending]
    else:
        raise SettingsError(
            f"{path} cannot be written as {path.suffix!r}. Use .mid (one phrase after the other), .wav (the same, as sound), .png (piano "
            "rolls), or a name without a dot (a folder with a .mid for each phrase)."
        )
    if found in {"midi", "folder"}:
        mido_module()  # before anything is drawn
    return found


def draw_phrases(
    model: "Model", n: int, *, seed: int = 0, first: int = 0, truncation: float | None = None
) -> Bool[np.ndarray, "n planes steps pitches"]:
    """`n` phrases as rolls. Phrase i of a seed is the same, to the bit, whatever `n` and `first` (where to start) are. `truncation`: as for
    `Model.sample`.
    """
    if truncation is not None and not 0 < truncation < np.inf:
        raise SettingsError(f"truncation must be more than 0, not {truncation}.")
    if n < 1 or first < 0:
        raise SettingsError(f"n must be at least 1 and first at least 0, not {n} and {first}.")
    music_spec_of(model)
    model.refuse_without_generator()
    game = cast(Samples, model.game)
    return np.concatenate(
        [rolls_of(game.sample(min(PIECE, n - done), seed, None, first + done, truncation)) for done in range(0, n, PIECE)]
    )


def songs(model: "Model", n: int, *, seed: int = 0, first: int = 0) -> list[Song]:
    """`n` phrases, each as a song."""
    spec = music_spec_of(model)
    return [
        song_of_roll(roll, spec, f"phrase {first + place + 1}") for place, roll in enumerate(draw_phrases(model, n, seed=seed, first=first))
    ]


def interpolate_phrases(model: "Model", seeds: Sequence[int] | None, frames: int) -> Bool[np.ndarray, "n planes steps pitches"]:
    """A walk through the first phrase of each seed (None: 0 and 1), `frames` phrases from one to the next, the last included."""
    music_spec_of(model)
    model.refuse_without_generator()
    seeds = [0, 1] if seeds is None else list(seeds)
    if frames < 1 or len(seeds) < 2:
        raise SettingsError(f"An interpolation needs two seeds or more, and at least 1 frame, not {len(seeds)} and {frames}.")
    if not isinstance(model.game, HasLatents):
        raise SettingsError(f"{model.source} has no latent space to walk through.")
    game = cast(LatentGame, model.game)
    stops = torch.stack([game.chunk_of_latents(seed, 0)[0] for seed in seeds])
    return rolls_of(game.generate_chunked(walk(stops, frames, spherical), None))


def save_phrases(rolls: Bool[np.ndarray, "n planes steps pitches"], spec: MusicSpec, path: Path, seed: int) -> None:
    """Write phrases to a file, one after the other, or to a folder with a file for each."""
    kind = music_output(path)
    if kind == "folder":
        width = max(3, len(str(len(rolls))))
        for number, roll in enumerate(rolls):
            write_bytes(path / f"seed-{seed}-{number + 1:0{width}}.mid", midi_bytes(song_of_roll(roll, spec)))
    elif kind == "image":
        save_image(draw_rolls(rolls, spec), path)
    else:
        save_song(song_of_rolls([*rolls], spec), path)


def save_song(song: Song, path: Path) -> None:
    """Write a song as .mid, or as sound."""
    write_bytes(path, wav_bytes(render(song), RATE) if music_output(path) == "wav" else midi_bytes(song))
