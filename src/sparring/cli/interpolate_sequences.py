"""`sparring interpolate` for models of texts and molecules."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sparring.core.console import console
from sparring.core.errors import SettingsError

if TYPE_CHECKING:
    from sparring.inference.model import Model


def interpolate_sequences(model: "Model", seeds: Sequence[int], between: tuple[str, str] | None, frames: int, out: Path) -> int:
    """Write the texts on the way between samples of seeds, or between two texts."""
    from sparring.core.formatting import plural
    from sparring.core.rdkit_molecules import canonical
    from sparring.inference.molecules_of_model import makes_molecules, save_molecules
    from sparring.inference.texts import save_texts, sequence_spec_of, text_ending_of
    from sparring.latent.sequence_walks import codes_of_seeds, codes_of_texts, game_with_codes, walk_between

    if frames < 1:
        raise SettingsError(f"--frames must be at least 1, not {frames}.")
    game_with_codes(model)
    molecules = makes_molecules(model)
    if not (molecules and out.suffix.lower() == ".png"):
        text_ending_of(out)  # before anything is drawn
    stops = codes_of_seeds(model, seeds) if between is None else codes_of_texts(model, between)
    found = walk_between(model, stops, frames)
    if molecules:
        found = [canonical(text) for text in found]
    written = [text for text in found if text is not None]
    if not written:
        raise SettingsError(f"None of the {len(found)} places on the way stands for a text or a valid molecule, so nothing is written.")
    (save_molecules if molecules else save_texts)(written, out)
    items, lost = sequence_spec_of(model).cut.items, len(found) - len(written)
    left_out = f" ({plural(lost, 'place stands', 'places stand')} for none)" if lost else ""
    console().print(f"{len(written):,} {items}: {out}{left_out}", highlight=False)
    for text in written:
        console().print(f"  {text}".replace("\n", "\n  "), highlight=False, markup=False)
    return 0
