"""What an exported file says of itself: all that another program needs to use it."""

import json
from typing import TYPE_CHECKING, Any

import sparring
from sparring import recipes
from sparring.games.exported_parts import Output, Part, Truncation
from sparring.inference.model import Model

if TYPE_CHECKING:
    import onnx

TRUNCATION: dict[Truncation, str] = {
    "styles": "The input 'truncation': the share of the way from the mean style; 1 leaves styles as they are.",
    "rank": "For a threshold t, give sqrt(2) erfinv(erf(t / sqrt(2)) erf(z / sqrt(2))) for each number z of the latent.",
    "scale": "Multiply the latent by a number below 1.",
}
"""How samples become more typical and less varied."""


def describe(model: Model, name: str, part: Part, output: Output, *, half: bool, license_of_weights: str | None) -> dict[str, str]:
    """By key, plain text or JSON: how the file came to be, what goes in and comes out, and how to use it."""
    inputs = [{"name": given.name, "meaning": given.meaning, "draws": given.draws, "free": given.free} for given in part.inputs]
    found: dict[str, Any] = {
        "producer": f"Sparring {sparring.__version__}",
        "recipe": recipes.name_of(model.recipe),
        "paper": model.recipe.paper,
        "part": name,
        "inputs": inputs,
        "output": {"name": output.name, "meaning": output.meaning},
        "classes": list(model.spec.condition_names),
        "groups": list(model.spec.condition_groups),
        "spec": model.spec.to_json(),
        "weights": "float16, computed in float32" if half else "float32",
        "license": license_of_weights or "not stated",
        "use": how_to_use(part, output),
    }
    if model.step is not None:
        found["step"] = model.step
    if len(model.spec.shape) == 3:
        found["range"] = [-1, 1]
        if part.truncation is not None:
            found["truncation"] = TRUNCATION[part.truncation]
    if part.divisor is not None:
        found |= {"divisor": part.divisor, "smallest": part.smallest}
    return {key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for key, value in found.items()}


def how_to_use(part: Part, output: Output) -> str:
    """Two or three sentences for whoever has the file alone."""
    takes = "; ".join(f"{given.name}: {given.meaning}" for given in part.inputs)
    gives = f"Give it float32 tensors ({takes}). It gives {output.name}: {output.meaning}."
    return gives + (" Pixels from 0 to 255 are (value + 1) * 127.5, rounded." if "images" in output.meaning else "")


def write_metadata(graph: "onnx.ModelProto", said: dict[str, str]) -> None:
    """Put the texts into a graph, in place."""
    from onnx import helper

    graph.producer_name, graph.producer_version = "sparring", sparring.__version__
    graph.doc_string = said["use"]
    helper.set_model_props(graph, said)
