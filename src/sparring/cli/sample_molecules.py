"""`sparring sample` for models that make molecules."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sparring.core.console import console
from sparring.core.errors import SettingsError

if TYPE_CHECKING:
    from sparring.inference.model import Model

Invalid = Literal["drop", "keep"]


def sample_molecules(
    model: "Model", number: int, seed: int, temperature: float | None, want: tuple[str, ...], invalid: Invalid, out: Path
) -> int:
    """Write molecules in canonical form, and say how many are valid, new and like a drug, and as many as are wanted."""
    from sparring.core.formatting import plural
    from sparring.games.capabilities import HasCodes
    from sparring.inference.molecules_of_model import MOST_SHOWN, draw_molecules, draw_wanted, save_molecules, wants_of, with_training_data
    from sparring.latent.molecule_steering import steer_molecules

    screen, wants = console(), wants_of(want)
    drawing = out.suffix.lower() == ".png"
    if not drawing:
        save_molecules((), out, check=True)  # before anything is drawn
    if wants and invalid == "keep":
        raise SettingsError("--invalid keep has no use beside --want, which no invalid molecule fulfills. Leave one of them out.")
    lines = []
    wishes = " and ".join(map(str, wants))
    if not wants:
        drawn = draw_molecules(model, number, seed, temperature=temperature)
        texts = [text if smiles is None else smiles for text, smiles in zip(drawn.texts, drawn.smiles, strict=True)]
        written = [text for text in texts if text is not None] if invalid == "keep" else drawn.valid
    elif isinstance(model.game, HasCodes):
        if temperature is not None:
            raise SettingsError("--truncation has no use beside --want here: codes are moved, and each has one molecule. Leave it out.")
        drawn, before, fulfilled = steer_molecules(model, number, wants, seed)
        written = [smiles for smiles, each in zip(drawn.smiles, fulfilled, strict=True) if each and smiles is not None]
        lines = [f"{wishes}: {before:.1%} as drawn, {fulfilled.mean():.1%} after moving codes along the directions of a linear probe."]
    else:
        drawn, written = draw_wanted(model, number, wants, seed, temperature)
        few = "" if len(written) == number else f" That is the limit, so there are fewer than the {number:,} asked for."
        lines = [f"{wishes}: {len(written):,} of {len(drawn.texts):,} that were drawn.{few}"]
    if not written:
        raise SettingsError(
            f"None of the molecules that were drawn {'fulfills ' + wishes if wants else 'is valid'}, so nothing is written."
        )
    save_molecules(written, out)
    drawn = with_training_data(drawn, model)
    shown = f" (the first {MOST_SHOWN} of them drawn)" if drawing and len(written) > MOST_SHOWN else ""
    screen.print(f"{plural(len(written), 'molecule', 'molecules')}: {out}{shown}", highlight=False)
    for line in [*lines, *drawn.lines()]:
        screen.print(line, highlight=False, markup=False)
    for text in written[:3]:
        screen.print(f"  {text}", highlight=False, markup=False)
    return 0
