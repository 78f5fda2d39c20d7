"""`sparring push` and `sparring pull`: models to and from the Hugging Face hub."""

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from sparring.cli.arguments.shared import Checkpoint, Run
from sparring.core.console import console

Repository = Annotated[Positional[str], arg(metavar="NAME/MODEL", help="The repository on the hub, such as ada/garments.")]


def push(
    run: Run,
    repository: Repository,
    checkpoint: Checkpoint = "last",
    license: Annotated[str, arg(metavar="NAME", help="License of the weights, as the hub calls it, such as mit.")] = "other",
    data_license: Annotated[
        str | None,
        arg(metavar="TEXT", help="License of the training data, in words, for the card. Default: not stated, but for bundled images."),
    ] = None,
    public: Annotated[bool, arg(help="Let everybody see it; otherwise only its owner does.")] = False,
    beside: Annotated[tuple[Path, ...], arg(metavar="FILE ...", help="Further files, such as an exported .onnx or .html.")] = (),
) -> int:
    """Publish a model of images on the Hugging Face hub, with a card: samples, scores with their errors (after `sparring judge`), what it
    was trained on and how to use it. No training image and no file name is published. (A model with several labels holds those of 512
    training images.)
    """
    from sparring import api

    model = api.load(run, checkpoint=checkpoint)
    address = api.push(model, repository, license=license, data_license=data_license or "", private=not public, beside=beside)
    console().print(f"Published: {address}")
    console().print(f"To fetch it anywhere: sparring pull {repository}")
    return 0


def pull(
    repository: Annotated[Positional[str], arg(metavar="NAME/MODEL", help="The model on the hub; after the @ a commit, tag or branch.")],
    out: Annotated[Path | None, arg(metavar="FILE", help="The .safetensors file to write. Default: the model's name, here.")] = None,
) -> int:
    """Fetch a model from the Hugging Face hub: tensors and JSON of one commit. Nothing in it is executed."""
    from sparring import api

    found = api.pull(repository, out)
    console().print(f"{found.path}: {found.path.stat().st_size / 2**20:.1f} MiB, of commit {found.commit}")
    console().print(f"To use it: {api.load(found.path).use}")
    console().print(f"To fetch the same again: sparring pull {found.repository}@{found.commit}")
    return 0
