"""Judging the phrases of a model, or of files, against the songs that a model was trained on or that are in other files."""

import os
from pathlib import Path
from typing import cast

import numpy as np
from jaxtyping import Bool

from sparring.core.errors import SettingsError
from sparring.data.music.music_dataset import MusicDataset, holdout_phrases
from sparring.data.music.music_reading import MusicReading
from sparring.data.music.music_spec import MusicSpec
from sparring.data.music.music_store import prepare_music
from sparring.evaluation.judge_music import judge_music
from sparring.evaluation.music_judgment import MusicJudgment
from sparring.evaluation.music_report import write_music_report
from sparring.games.capabilities import MakesMusic
from sparring.inference.data_of_model import source_of
from sparring.inference.model import Model
from sparring.modalities.music_rolls import generated_rolls
from sparring.runs.config import read_config, settings_of
from sparring.runs.run_directory import RunDirectory

SAMPLES = 1024
"""Number of phrases that a model generates, where nobody says."""
Place = str | os.PathLike[str]


def judge_music_model(
    model: Model, other: Place | None = None, *, samples: int | None = None, seed: int = 0, out: Place | None = None
) -> MusicJudgment:
    """Score phrases of a run against the songs that it was trained on. `other`: a file or folder of generated songs, by whatever program,
    that are scored in place of the model's own. `samples`: number of phrases that are generated (None: 1,024). `out`: a folder for
    report.json and report.html. A SettingsError if the songs are not where they were or have changed.
    """
    spec = cast(MakesMusic, model.game).music_spec
    run = RunDirectory(model.source)
    if not run.exists():
        raise SettingsError(
            f"{model.source} does not know the songs that it was trained on. Write phrases, and judge them: sparring sample {model.source} "
            "-n 512 --out songs/; sparring judge REAL songs/"
        )
    config = read_config(run)
    settings, source = settings_of(config, run.config), source_of(model)
    reading = cast(MusicReading, settings.data["music"])
    data, _ = prepare_music(source, reading)
    if data.fingerprint != config["data"]["fingerprint"]:
        raise SettingsError(
            f"{source} no longer holds the songs that {run.path} was trained on (its fingerprint is {data.fingerprint[:12]}, and was "
            f"{config['data']['fingerprint'][:12]}), so which were held out is not known. Restore them."
        )
    kept, unseen = holdout_phrases(data, settings.training.holdout, settings.training.seed)
    if other is None:
        model.refuse_without_generator()
        made = generated_rolls(model.game, samples or SAMPLES, seed)
    else:
        made = read_like(other, spec, reading)
    training = data.rolls(kept)
    return reported(judge_music(spec, training, made, data.rolls(unseen) if len(unseen) else None, training, seed=seed), out)


def judge_music_files(
    real: Place, generated: Place, *, held_out: Place | None = None, seed: int = 0, out: Place | None = None
) -> MusicJudgment:
    """Score generated songs in files, by whatever program, against real ones: phrases of four bars, with the tracks, the meter and the
    pitches of the real songs. `held_out`: real songs that the generator has not seen.
    """
    reading = MusicReading()
    data, _ = prepare_music(real, reading)
    training = all_rolls(data)
    unseen = None if held_out is None else read_like(held_out, data.spec, reading)
    return reported(judge_music(data.spec, training, read_like(generated, data.spec, reading), unseen, training, seed=seed), out)


def read_like(place: Place, spec: MusicSpec, reading: MusicReading) -> Bool[np.ndarray, "n planes steps pitches"]:
    """Phrases of other files, with the tracks, meter and pitches of a spec. A DataError if they have none of that kind."""
    wanted = reading.tracks or tuple(track.name for track in spec.tracks)
    meter = f"{round(spec.bar_quarters * 12)}/48" if spec.bar_quarters else None
    highest = spec.lowest + spec.pitches - 1
    like = MusicReading(
        bars=spec.bars, phrase_every=spec.bars, bar_steps=spec.bar_steps, meter=meter, tracks=wanted, lowest=spec.lowest, highest=highest
    )
    return all_rolls(prepare_music(place, like)[0])


def all_rolls(data: MusicDataset) -> Bool[np.ndarray, "n planes steps pitches"]:
    """All phrases."""
    return data.rolls(np.arange(len(data)))


def reported(judgment: MusicJudgment, out: Place | None) -> MusicJudgment:
    """The judgment, with its report where one is wanted."""
    if out is not None:
        write_music_report(judgment, Path(out))
    return judgment
