"""`export`: a model as an ONNX file, which is checked before it is there."""

import os
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from sparring.core.atomic_files import replacing, write_bytes
from sparring.core.errors import SettingsError, listed
from sparring.exporting.check import Check, check_file
from sparring.exporting.graph import required_onnx, trace
from sparring.exporting.half import halve_weights
from sparring.exporting.metadata import describe, write_metadata
from sparring.exporting.traceable import traceable_copy
from sparring.exporting.web.page import make_page, parts_on_page
from sparring.exporting.web.runtime import find_runtime
from sparring.games.capabilities import Exports, Translates
from sparring.games.exported_parts import Direction, ExportChoices, NoiseInput, Output, Part, PartName
from sparring.inference.load import load
from sparring.inference.model import Model
from sparring.modalities import MODALITIES
from sparring.nets.style_generator import StyleGenerator

Size = int | Literal["free"]
LARGEST_SIDE = 8192


@dataclass(frozen=True)
class Exported:
    """A file that was written, what was found of it, and perhaps a page."""

    file: Path
    output: Output
    inputs: tuple[str, ...]
    """A phrase for each input: its name, sizes and meaning."""
    check: Check
    megabytes: float
    """Size of the file, in millions of bytes."""
    page: Path | None = None


def export(
    model: Model | str | os.PathLike[str],
    file: str | os.PathLike[str],
    *,
    half: bool = False,
    size: Size = "free",
    part: PartName = "all",
    noise: NoiseInput = "const",
    direction: Direction = "a2b",
    license: str | None = None,
    web: str | os.PathLike[str] | None = None,
    runtime: str | os.PathLike[str] | None = None,
) -> Exported:
    """Write a model's generator or translator to one `.onnx` file, which onnxruntime and browsers run without Sparring.

    `half`: store weights as float16 (half the size); computations stay in float32. `size`: of translators, the side of images in pixels, or
    "free" for any multiple of the network's divisor. `part`: of style generators "map" (latents to styles), "synthesis" (styles to images)
    or "all". `noise`: of style generators, the noise of their layers: "const", "none", or "input" for one of the file's inputs.
    `direction`: of translators that go both ways. `license`: of the weights, to be written into the file. `web`: an `.html` file to write,
    too: a page that runs the model in a browser, from disk, without a server. `runtime`: the folder of onnxruntime-web, which goes into
    the page; by default `node_modules` of the working directory.

    The file is compared with torch by onnxruntime for several numbers of samples and sizes of images, and says in its metadata how it is
    used. Raises a SettingsError if the model cannot be exported so, and a SparringError if libraries are missing or the file would give
    other samples than torch; no file is left then.
    """
    path, page = Path(file), None if web is None else Path(web)
    refuse_other_endings(path, page)
    required_onnx()
    found_runtime = None if page is None else find_runtime(None if runtime is None else Path(runtime))
    model = model if isinstance(model, Model) else load(model)
    choices = ExportChoices(noise, direction, None if size == "free" else size)
    find_part(model, part, choices)
    on_page = () if page is None else parts_on_page(model)
    with replacing(path) as temporary:
        found = _write(model, temporary, part, choices, half, license)
    if page is None or found_runtime is None:
        return replace(found, file=path)
    graphs: dict[PartName, bytes] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in on_page:
            beside = Path(folder) / f"{name}.onnx"
            written = name == part and noise != "input"  # a page draws no noise
            if not written:
                _write(model, beside, name, replace(choices, noise="const" if noise == "input" else noise), half, license)
            graphs[name] = (path if written else beside).read_bytes()
    html = make_page(model, graphs, found_runtime, side=choices.side, direction=direction, license_of_weights=license)
    write_bytes(page, html.encode())
    return replace(found, file=path, page=page)


def _write(model: Model, file: Path, part: PartName, choices: ExportChoices, half: bool, license_of_weights: str | None) -> Exported:
    """Write one part of a model to a file, and check it there."""
    chosen, output = find_part(model, part, choices)
    game = traceable_copy(model.game)
    traced = parts_of(game, choices)[part]
    sides = sides_to_try(chosen, choices)
    graph = trace(game, traced, output, sides[0])
    if half:
        halve_weights(graph)
    write_metadata(graph, describe(model, part, chosen, output, half=half, license_of_weights=license_of_weights))
    content = graph.SerializeToString()
    file.write_bytes(content)
    on_cpu = model.game.device.type == "cpu"
    found = check_file(file, model.game if on_cpu else game, chosen if on_cpu else traced, output, sides, half=half)
    return Exported(file, output, tuple(_in_words(graph, given.name, given.meaning) for given in chosen.inputs), found, len(content) / 1e6)


def find_part(model: Model, part: PartName, choices: ExportChoices) -> tuple[Part, Output]:
    """What is to be exported of a model, and what it gives. A SettingsError names everything that does not fit the model."""
    model.refuse_without_generator()
    problems = _misplaced(model, part, choices)
    if problems:
        raise SettingsError(problems[0] if len(problems) == 1 else listed(f"{model.source} cannot be exported so:", problems))
    if choices.direction != "a2b":
        model.refuse_direction(choices.direction)
    found = parts_of(model.game, choices)[part]
    if choices.side is not None and found.divisor is not None and found.smallest is not None:
        nearest = max(found.smallest, found.divisor * round(choices.side / found.divisor))
        if choices.side != nearest:
            raise SettingsError(
                f"Sides must be multiples of {found.divisor} from {found.smallest} on, not {choices.side}. The nearest is --size {nearest}."
            )
    return found, found.output or MODALITIES[model.spec.kind].exported


def _misplaced(model: Model, part: PartName, choices: ExportChoices) -> list[str]:
    """A sentence for every choice that this kind of model has no use for."""
    problems, styles, translates = [], isinstance(model.generator, StyleGenerator), isinstance(model.game, Translates)
    if part != "all" and not styles:
        problems.append(f"Only style generators (stylegan, stylegan2) have a part {part!r}: leave --part out.")
    if choices.noise != "const" and not styles:
        problems.append("Only style generators (stylegan, stylegan2) have noise in their layers: leave --noise out.")
    if part == "map" and choices.noise != "const" and styles:
        problems.append("The part 'map' has no noise: leave --noise out.")
    if choices.direction != "a2b" and not translates:
        problems.append("Only translators have a direction: leave --direction out.")
    if choices.side is not None and not translates:
        problems.append("Only translators take images of a size, and this model makes its samples in one size: leave --size out.")
    elif choices.side is not None and not 1 <= choices.side <= LARGEST_SIDE:
        problems.append(f"The size must be from 1 to {LARGEST_SIDE} pixels, or 'free', not {choices.side}.")
    return problems


def parts_of(game: object, choices: ExportChoices) -> dict[PartName, Part]:
    """The parts of a game that can be exported; a SettingsError says why there is none."""
    if not isinstance(game, Exports):
        raise SettingsError("This model has no network that makes samples in one pass, so it cannot be exported. Use it with Sparring.")
    return dict(game.exported_parts(choices))


def sides_to_try(part: Part, choices: ExportChoices) -> tuple[int, ...]:
    """Sides of images (or lengths of paths) that a file is traced and compared with: two if they are free."""
    if not any(place != 0 for given in part.inputs for place in given.free):
        return (choices.side or 0,)
    divisor, smallest = part.divisor or 8, part.smallest or 8
    side = max(2 * divisor, smallest + -smallest % divisor)  # twice: once would become a constant
    return side, side + divisor


def refuse_other_endings(file: Path, page: Path | None = None) -> None:
    """Raise a SettingsError if an exported file or a page would have the name of another kind of file, or of a folder."""
    if page is not None and (page.is_dir() or page.suffix.lower() not in {".html", ".htm"}):
        raise SettingsError(f"A page is an .html file, and {page} has another name. Name it {page.with_suffix('.html').name!r}.")
    if file.is_dir():
        raise SettingsError(f"{file} is a folder. Name the file to write, such as {file / 'model.onnx'}.")
    if file.suffix.lower() != ".onnx":
        kind = f"the ending {file.suffix!r}" if file.suffix else "no ending"
        raise SettingsError(f"{file} has {kind}, and an exported model is an .onnx file. Name it {file.with_suffix('.onnx').name!r}.")


def _in_words(graph: "object", name: str, meaning: str) -> str:
    """An input of a graph in words."""
    value = next(each for each in graph.graph.input if each.name == name)  # pyright: ignore[reportAttributeAccessIssue] (a ModelProto)
    sizes = (each.dim_param or str(each.dim_value) for each in value.type.tensor_type.shape.dim)
    return f"{name} ({', '.join(sizes)}): {meaning}"
