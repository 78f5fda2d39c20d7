"""Drawings of molecules, by RDKit."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from sparring.core.rdkit_molecules import chem, molecule_of

SIDE, COLUMNS, CAPTION = 190, 5, 18
"""Side of a drawing in pixels, drawings beside each other, and height of the line below each."""
INK, NONE, RULE = (60, 60, 60), (170, 60, 50), (225, 225, 225)


def draw_molecules(texts: Sequence[str | None], captions: Sequence[str] | None = None) -> UInt8[np.ndarray, "h w 3"]:
    """Molecules in rows of five, each with a line below it (`captions`; by default its SMILES). What is no molecule is shown as text."""
    rows = -(-len(texts) // COLUMNS)
    image = Image.new("RGB", (COLUMNS * SIDE, max(1, rows) * (SIDE + CAPTION)), "white")
    drawing, font = ImageDraw.Draw(image), ImageFont.load_default(11)
    for number, text in enumerate(texts):
        left, top = number % COLUMNS * SIDE, number // COLUMNS * (SIDE + CAPTION)
        molecule = None if text is None else molecule_of(text)
        if molecule is not None:
            image.paste(Image.open(io.BytesIO(_drawn(molecule, vector=False))), (left, top))
        else:
            drawing.text((left + SIDE // 2, top + SIDE // 2), "no molecule", fill=NONE, font=font, anchor="mm")
        caption = captions[number] if captions is not None else text or ""
        while caption and font.getlength(caption) > SIDE - 12:
            caption = f"{caption[:-2]}\u2026"
        drawing.text((left + SIDE // 2, top + SIDE + 2), caption, fill=INK if molecule is not None else NONE, font=font, anchor="ma")
        drawing.rectangle((left, top, left + SIDE, top + SIDE + CAPTION), outline=RULE)
    return np.asarray(image)


def molecule_svg(smiles: str) -> str:
    """A molecule as the text of an SVG without a head, to stand in a page. It holds drawing instructions alone. An empty text if it is no
    molecule.
    """
    molecule = molecule_of(smiles)
    return "" if molecule is None else _drawn(molecule, vector=True).decode().partition("?>\n")[2]


def _drawn(molecule: Any, *, vector: bool) -> bytes:  # noqa: ANN401 (of RDKit)
    from rdkit.Chem.Draw import rdMolDraw2D  # noqa: PLC0415 (an extra)

    chem()
    canvas = (rdMolDraw2D.MolDraw2DSVG if vector else rdMolDraw2D.MolDraw2DCairo)(SIDE, SIDE)
    canvas.drawOptions().padding = 0.08
    canvas.drawOptions().clearBackground = not vector
    rdMolDraw2D.PrepareAndDrawMolecule(canvas, molecule)
    canvas.FinishDrawing()
    found = canvas.GetDrawingText()
    return found.encode() if isinstance(found, str) else found
