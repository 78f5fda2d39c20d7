"""`sparring reconstruct`: images to latents and back."""

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from sparring.cli.arguments.shared import Checkpoint, Device, Run
from sparring.core.console import console

SHOWN = 8


def reconstruct(
    run: Run,
    images: Annotated[Positional[str], arg(metavar="IN", help="Images: a file, a folder, a zip or embedded data.")],
    out: Annotated[Positional[Path], arg(metavar="OUT", help="The folder to write the reconstructions to.")],
    number: Annotated[int, arg(aliases=["-n"])] = 1000,
    device: Device = "cpu",
    checkpoint: Checkpoint = "last",
) -> int:
    """Encode images and decode them again: what a variational autoencoder keeps of an image, or that a reversible network loses nothing.

    Args:
        number: Number of images at most, evenly spread over the data.
    """
    import numpy as np

    from sparring import api
    from sparring.core.formatting import plural
    from sparring.inference.data_of_model import data_of
    from sparring.inference.likelihood import reconstructed, spread
    from sparring.media.image_files import grid, save_image
    from sparring.media.pixel_range import float_to_pixels

    model = api.load(run, checkpoint=checkpoint).on(device)
    store = data_of(model, images)
    chosen = spread(len(store), number)
    found = reconstructed(model, store, chosen)
    pixels = float_to_pixels(found).numpy()
    for place, each in enumerate(pixels):
        index = int(chosen[place])
        save_image(each, out / f"{index:06}-{Path(store.names[index]).stem}.png")
    given = store.pixels[chosen]
    sheet = out / "reconstructions.png"
    first = min(SHOWN, len(chosen))
    save_image(grid(np.concatenate([given[:first], pixels[:first]]), columns=first), sheet)
    errors = np.square(given.astype(np.float32) - pixels.astype(np.float32)).reshape(len(chosen), -1).mean(axis=1)
    ratio = float((10 * np.log10(255**2 / np.maximum(errors, 1e-3))).mean())
    screen = console()
    screen.print(f"{plural(len(chosen), 'image', 'images')} reconstructed: {out}. Peak signal-to-noise ratio: {ratio:.1f} dB on average.")
    screen.print(f"Images above their reconstructions: {sheet}")
    return 0
