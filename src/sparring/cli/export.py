"""`sparring export`: the arguments, and what is said of the file that was written."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg

from sparring.cli.arguments.shared import Checkpoint, Run
from sparring.core.console import console

if TYPE_CHECKING:
    from sparring.exporting.export import Exported


def export(
    run: Run,
    file: Annotated[Positional[Path], arg(metavar="OUT", help="The .onnx file to write.")],
    half: Annotated[
        bool,
        arg(help="Store weights as float16, which halves the file. Computations stay in float32, and images differ by at most a level."),
    ] = False,
    size: Annotated[
        int | Literal["free"],
        arg(help='For models that translate: the side of images in pixels, which phones want fixed, or "free".'),
    ] = "free",
    part: Literal["all", "map", "synthesis"] = "all",
    noise: Literal["const", "none", "input"] = "const",
    direction: Literal["a2b", "b2a"] = "a2b",
    license: str | None = None,
    web: Annotated[
        Path | None,
        arg(metavar="PAGE", help="An .html file to write, too: a page that runs the model in a browser, from disk, without a server."),
    ] = None,
    runtime: Annotated[
        Path | None,
        arg(metavar="FOLDER", help="For --web: where npm put onnxruntime-web. Default: node_modules/onnxruntime-web in this folder."),
    ] = None,
    checkpoint: Checkpoint = "last",
) -> int:
    """Export a model as an ONNX file, which browsers, phones and other programs run without Sparring. Needs sparring[export].

    The file is run by onnxruntime and compared with the model before it is written.

    Args:
        part: For StyleGANs: from latents to styles (map), from styles to images (synthesis), or the whole generator (all).
        noise: For StyleGANs: the noise in each layer is constant (const), none, or an input of the file (input).
        direction: For models that translate: from inputs to targets (a2b), or from targets to inputs (b2a, only cyclegan).
        license: The license of the weights, which is written into the file. Default: none is stated.
    """
    from sparring import api
    from sparring.exporting.export import refuse_other_endings

    refuse_other_endings(file, web)  # before anything is loaded
    model = api.load(run, checkpoint=checkpoint)
    found = api.export(
        model, file, half=half, size=size, part=part, noise=noise, direction=direction, license=license, web=web, runtime=runtime
    )
    _show(found)
    return 0


def _show(found: "Exported") -> None:
    """Say what was written, what goes in and comes out, and what was checked."""
    say = console().print
    say(f"{found.file}: {found.megabytes:.2f} MB")
    for given in found.inputs:
        say(f"  in   {given}", markup=False)
    say(f"  out  {found.output.name}: {found.output.meaning}", markup=False)
    say(f"Checked with onnxruntime: {found.check.in_words(found.output)}, for outputs of {', '.join(found.check.tried)}.")
    say(f"On phones: {'; '.join(found.check.phones)}.")
    if found.page is not None:
        say(f"{found.page}: {found.page.stat().st_size / 1e6:.1f} MB. Open it in a browser.")
