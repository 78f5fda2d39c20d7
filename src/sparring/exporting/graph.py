"""From a function of tensors to an ONNX graph whose sizes are as free as they should be."""

import contextlib
import io
import logging
import re
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch._dynamo.exc import UserError
from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode

from sparring.core.errors import SparringError, missing_extra
from sparring.games.exported_parts import Output, Part
from sparring.games.game import Game

if TYPE_CHECKING:
    import onnx

OPSET = 20
"""Version of ONNX's operators: old enough for runtimes of 2024."""
TRACED_SAMPLES = 3
"""Number of samples that are traced. Not 1, which would become a constant."""
FOLDED_VALUES = 2**26
"""Constants up to this size are computed when exporting, and not at each run."""


class _Traced(nn.Module):
    """A part as the module that torch traces."""

    def __init__(self, game: Game, part: Part) -> None:
        super().__init__()
        self.game, self.compute = game, part.compute

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.compute(*inputs)


def trace(game: Game, part: Part, output: Output, side: int) -> "onnx.ModelProto":
    """The graph of a part of a game (see `traceable_copy`). `side`: of images with free sides, the side that is traced.

    Raises a SparringError if the libraries are missing, or if a size that should be free is not.
    """
    onnx = required_onnx()
    inputs = tuple(given.example(TRACED_SAMPLES, side) for given in part.inputs)
    sizes: dict[str, Any] = {}
    shapes = tuple({place: _size(name, sizes, given.least if place else 1) for place, name in given.free.items()} for given in part.inputs)
    names = [given.name for given in part.inputs]
    with torch.no_grad(), _quiet(), _translated_errors():
        traced = torch.export.export(_Traced(game, part).eval(), inputs, dynamic_shapes=(shapes,), strict=False)
        program = torch.onnx.export(traced, dynamo=True, opset_version=OPSET, input_names=names, output_names=[output.name], verbose=False)
        assert program is not None
        _fold(program.model)
        graph = program.model_proto
    _forget_sources(graph)
    _name_sizes(graph, part)
    onnx.checker.check_model(graph)
    return graph


def _forget_sources(graph: "onnx.ModelProto") -> None:
    """Remove notes of where in the code each operation comes from: they are long, and name folders of this machine."""
    for part in (*graph.graph.node, *graph.graph.value_info, *graph.graph.input, *graph.graph.output, *graph.graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
    del graph.graph.metadata_props[:], graph.metadata_props[:], graph.functions[:]


def required_onnx() -> Any:  # noqa: ANN401 (an optional library)
    """The library `onnx`, if all that exporting needs is installed; a SparringError that says how to install it if not."""
    for package in ("onnx", "onnxscript", "onnxruntime"):
        try:
            __import__(package)
        except ImportError:
            raise missing_extra(package, "export", "Exporting") from None
    import onnx

    return onnx


def _size(name: str, sizes: dict[str, Any], least: int) -> Any:  # noqa: ANN401 (torch's kinds of sizes)
    """The size called "n", or "4*h" for a multiple. The same name is the same size in all inputs."""
    factor, _, plain = name.rpartition("*")
    own = sizes.setdefault(plain, torch.export.Dim(plain, min=least))
    return int(factor) * own if factor else own


def _name_sizes(graph: "onnx.ModelProto", part: Part) -> None:
    """Give free sizes their names; a SparringError if one of them became a constant."""
    called = {}
    for given in part.inputs:
        value = next((each for each in graph.graph.input if each.name == given.name), None)
        if value is None:
            raise SparringError(f"The exported graph has lost its input {given.name!r}. This is a fault of Sparring's: please report it.")
        for place, name in given.free.items():
            size = value.type.tensor_type.shape.dim[place]
            if size.HasField("dim_value"):
                raise SparringError(
                    f"In the exported graph the size {name!r} of the input {given.name!r} is always {size.dim_value}. This is a fault of "
                    "Sparring's: please report it."
                )
            called[size.dim_param] = name
    for value in (*graph.graph.input, *graph.graph.output, *graph.graph.value_info):
        for size in value.type.tensor_type.shape.dim:
            if size.HasField("dim_param"):
                size.dim_param = called.get(size.dim_param, size.dim_param)


def _fold(model: Any) -> None:  # noqa: ANN401 (onnx_ir's)
    """Compute what depends on weights alone, such as their transposes: phones want constant weights."""
    from onnxscript import optimizer

    optimizer.fold_constants(model, input_size_limit=FOLDED_VALUES, output_size_limit=FOLDED_VALUES)
    optimizer.remove_unused_nodes(model)


@contextlib.contextmanager
def _translated_errors() -> Iterator[None]:
    """What torch says of networks that it cannot trace or translate, as a SparringError of one sentence."""
    try:
        yield
    except (torch.onnx.OnnxExporterError, UserError, GuardOnDataDependentSymNode) as problem:
        whole = f"{problem} {problem.__cause__ or ''}"
        missing = re.search(r"No ONNX function found for <OpOverload\(op='([^']+)'", whole)
        reason = f"ONNX has no operation {missing[1]}" if missing else next(iter(str(problem.__cause__ or problem).splitlines()), "")
        raise SparringError(
            f"This network cannot be translated to ONNX: {reason}. Recipes of Sparring can; a network of your own must do without it."
        ) from problem


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the notes of torch's exporter, which are about its own insides."""
    levels = {name: logging.getLogger(name).level for name in ("torch.onnx", "onnxscript", "onnx_ir", "torch._export", "torch.export")}
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            for name in levels:
                logging.getLogger(name).setLevel(logging.ERROR)
            yield
        finally:
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)
