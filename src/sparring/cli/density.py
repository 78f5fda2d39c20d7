"""`sparring density`: how likely images are under a model with a likelihood."""

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from sparring.cli.arguments.shared import Checkpoint, Device, Run
from sparring.core.console import console

SHOWN = 10
KINDS = {
    "exact": "Exact.",
    "dequantized bound": "A bound: of pixels with uniform noise. The true value is at most this.",
    "ELBO": "A bound: the evidence lower bound. The true value is at most this.",
}


def density(
    run: Run,
    images: Annotated[
        Positional[str | None], arg(metavar="[IMAGES]", help="Images to look at. Default: those of the run, trained on and held out.")
    ] = None,
    number: Annotated[int, arg(aliases=["-n"])] = 1000,
    out: Path | None = None,
    device: Device = "cpu",
    checkpoint: Checkpoint = "last",
) -> int:
    """Say how likely images are, in bits for each number of an image: few for images like those trained on, 8 for noise.

    Args:
        number: Number of images at most, evenly spread over the data.
        out: A .csv file to write, with the bits of each image.
    """
    from sparring import api
    from sparring.core.atomic_files import write_bytes
    from sparring.core.errors import SettingsError
    from sparring.inference.data_of_model import data_of
    from sparring.inference.likelihood import bits_of, bits_of_run, likelihood_kind, mean_bits, spread

    if number < 1:
        raise SettingsError(f"number must be at least 1, not {number}.")
    if out is not None and (out.suffix != ".csv" or images is None):
        raise SettingsError(f"{out}: the bits of each image are written as .csv, of IMAGES that are named.")
    screen = console()
    model = api.load(run, checkpoint=checkpoint).on(device)
    kind = likelihood_kind(model)
    if images is None:
        trained_on, held_out = bits_of_run(model, number)
        screen.print(f"Trained on: {trained_on}", highlight=False)
        if held_out is not None:
            screen.print(f"Held out: {held_out}", highlight=False)
            error = (trained_on.error**2 + held_out.error**2) ** 0.5
            screen.print(f"Difference: {held_out.mean - trained_on.mean:+.3f} ± {error:.3f}", highlight=False)
        screen.print(KINDS[kind])
        return 0
    store = data_of(model, images)
    chosen = spread(len(store), number)
    bits = bits_of(model, store, chosen)
    names = [store.names[index] for index in chosen]
    screen.print(f"{images}: {mean_bits(bits)}. {KINDS[kind]}", highlight=False)
    screen.print("The least likely:")
    for place in bits.argsort()[::-1][:SHOWN]:
        screen.print(f"  {bits[place]:.3f}  {names[place]}", highlight=False, markup=False)
    if out is not None:
        lines = ["image,bits_per_dimension,kind", *(f'"{name}",{value:.5f},{kind}' for name, value in zip(names, bits, strict=True))]
        write_bytes(out, ("\n".join(lines) + "\n").encode())
        screen.print(f"All of them: {out}")
    return 0
