"""The one file of a page: models, runtime and program, packed into HTML."""

import base64
import gzip
import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup

from sparring import recipes
from sparring.core.errors import SettingsError
from sparring.exporting.web.runtime import Runtime
from sparring.games.capabilities import Translates
from sparring.games.exported_parts import LEVEL, Direction, PartName
from sparring.inference.model import Model
from sparring.latent.directions import find_directions
from sparring.modalities import MODALITIES
from sparring.nets.style_generator import StyleGenerator

PROGRAM = ("random.js", "runtime.js", "generator.js", "translator.js", "start.js")
"""The page's own program, in the order in which it is read."""
DIRECTIONS = 8
"""Number of sliders for directions."""
SMALL_SIDE = 128
"""Images up to this side are enlarged without smoothing."""
DARK = 0.5
"""A translator was trained on dark paper if this share of every input's pixels was black."""


def parts_on_page(model: Model) -> tuple[PartName, ...]:
    """What of a model a page runs: of style generators both networks, to move and mix styles between them.

    A SettingsError for models of anything but images, and of images with other labels than classes.
    """
    if MODALITIES[model.spec.kind].exported.tolerance != LEVEL:
        raise SettingsError(f"A page shows images, and {model.source} makes {MODALITIES[model.spec.kind].items}: leave --web out.")
    model.refuse_unless_images()
    if not isinstance(model.game, Translates) and model.latent_game.conditional and not model.spec.classes:
        raise SettingsError(f"A page asks for classes, and {model.source} has several labels or continuous ones: leave --web out.")
    return ("map", "synthesis") if isinstance(model.generator, StyleGenerator) else ("all",)


def make_page(
    model: Model,
    graphs: Mapping[PartName, bytes],
    runtime: Runtime,
    *,
    side: int | None = None,
    direction: Direction = "a2b",
    license_of_weights: str | None = None,
) -> str:
    """The HTML of a page for a model. `graphs`: by name of the part, the ONNX file. `side`, `direction`: see `export`."""
    described = (_translator(model, direction, side) if isinstance(model.game, Translates) else _generator(model)) | {
        "models": list(graphs)
    }
    packed = {"runtime": runtime.program, "wasm": runtime.wasm, **{f"model-{name}": graph for name, graph in graphs.items()}}
    folder = resources.files("sparring.exporting.web")

    def own(*names: str) -> Markup:
        return Markup("\n".join((folder / name).read_text(encoding="utf-8") for name in names))  # noqa: S704 (files of ours)

    template = jinja2.Environment(autoescape=True).from_string(own("page.html"))
    title = "Translate images" if described["kind"] == "translator" else "Generate images"
    return template.render(
        title=f"{title} with {recipes.name_of(model.recipe)}",
        about=model.recipe.paper,
        small="small" if max(model.spec.shape[1:]) <= SMALL_SIDE and described["kind"] == "generator" else "",
        style=own("page.css"),
        version=runtime.version,
        license=license_of_weights or "not stated",
        page=Markup(_in_script(described)),  # noqa: S704 (nothing in it can end the script element)
        packed={name: base64.b64encode(gzip.compress(content, 9, mtime=0)).decode() for name, content in packed.items()},
        program=own(*PROGRAM),
    )


def _generator(model: Model) -> dict[str, Any]:
    """What the page has to know of a generator."""
    game, generator = model.latent_game, model.generator
    ((kind, count),) = game.latent_draws
    found: dict[str, Any] = {
        "kind": "generator",
        "classes": list(model.spec.classes) if game.conditional else [],
        "latent": {"kind": kind, "count": count},
        "truncation": game.truncation,
        "styles": None,
        **_directions(model),
    }
    if isinstance(generator, StyleGenerator):
        found["styles"] = {"layers": generator.layers, "size": generator.mapping.style_size}
    return found


def _directions(model: Model) -> dict[str, Any]:
    """Directions of the latent space, the strongest first: principal ones of styles, others by the weights of the first layer."""
    try:
        found = find_directions(model, "principal" if isinstance(model.generator, StyleGenerator) else "weights", DIRECTIONS)
    except SettingsError:  # such as of reversible networks, which have no such layer
        return {"directions": [], "unit": 1.0}
    vectors = [[round(value, 6) for value in vector] for vector in found.vectors.tolist()]
    return {
        "directions": [{"name": f"Direction {place}", "vector": vector} for place, vector in enumerate(vectors, start=1)],
        "unit": found.unit,
    }


def _translator(model: Model, direction: Direction, side: int | None) -> dict[str, Any]:
    """What the page has to know of a translator."""
    game = model.translation_game
    network: Any = game.get_submodule(game.translators[direction])
    statistics = model.input_statistics.get(direction)
    given = {
        "channels": game.channels_of(direction)[0],
        "divisor": int(network.divisor),
        "smallest": int(network.smallest),
        "side": side,
        "trained": min(model.spec.shape[1:]),
        "dark": statistics is not None and statistics.ranges.get("black", (0.0, 1.0))[0] > DARK,
    }
    return {"kind": "translator", "classes": [], "input": given}


def _in_script(value: object) -> str:
    """JSON that can stand in a script element whatever is in it: names of classes are names of folders."""
    return json.dumps(value, ensure_ascii=True).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
