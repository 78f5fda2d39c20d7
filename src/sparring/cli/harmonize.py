"""`sparring harmonize`."""

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from sparring.cli.arguments.shared import Checkpoint, Device, Run
from sparring.core.console import console


def harmonize(
    run: Run,
    melody: Annotated[Positional[Path], arg(metavar="MELODY", help="A file with the melody: .mid, .mxl, .musicxml or .abc.")],
    track: str | None = None,
    seed: int = 0,
    out: Path | None = None,
    device: Device = "cpu",
    checkpoint: Checkpoint = "last",
) -> int:
    """Make the other tracks for a melody, with a model of music that was trained with --given. The melody comes back as it is.

    Args:
        track: The melody's track, by name, or as "track 1", "channel 1", "program 33". Default: the one that is called like the track that
            the model is given, or else the first with notes.
        seed: Seed of what is made. Another seed makes other voices.
        out: File to write: .mid, or .wav to hear it. Default: MELODY-harmonized.mid.
    """
    from sparring import api
    from sparring.core.errors import SettingsError
    from sparring.inference.music_of_model import music_output, save_song

    out = out or Path(f"{melody.stem}-harmonized.mid")
    if music_output(out) not in {"midi", "wav"}:
        raise SettingsError(f"{out}: a harmonized melody is one song. Write .mid or .wav.")
    model = api.load(run, checkpoint=checkpoint).on(device)
    song = model.harmonize(melody, track=track, seed=seed)
    save_song(song, out)
    voices = ", ".join(f"{each.name} ({len(each.notes):,} notes)" for each in song.tracks)
    console().print(f"{voices}: {out}", highlight=False, soft_wrap=True)
    return 0
