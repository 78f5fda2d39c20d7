"""`sparring data inspect` on music."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from sparring.core.console import console
from sparring.core.errors import SettingsError

SHOWN = 12


def inspect_songs(data: str, out: Path | None, unused: Mapping[str, object]) -> int:
    """Say what songs hold, and draw some of their phrases. `unused`: options that music has no use for, by flag."""
    from sparring.data.music.music_reading import MusicReading
    from sparring.data.music.music_store import prepare_music
    from sparring.data.music.piano_roll import draw_rolls
    from sparring.media.image_files import output_kind, save_image

    if refused := [flag for flag, value in unused.items() if value]:
        raise SettingsError(f"{data} is music: leave out {', '.join(refused)}.")
    screen = console()
    if out is not None:
        output_kind(out, "image")
    dataset, notes = prepare_music(data, MusicReading())
    for note in notes:
        screen.print(note, highlight=False, markup=False, soft_wrap=True)
    rows = np.unique(np.linspace(0, len(dataset) - 1, min(SHOWN, len(dataset))).astype(np.int64))
    out = out or Path(f"{Path(data).name}-phrases.png")
    save_image(draw_rolls(dataset.rolls(rows), dataset.spec), out)
    screen.print(f"Piano rolls: {out}", highlight=False)
    return 0
