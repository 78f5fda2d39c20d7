"""Graphs with weights of half the size: float16 in the file, float32 in every computation.

Runtimes turn the weights back when they load a graph, so it is as fast as before. (Computing in float16 goes wrong in several runtimes:
black images, norms that overflow.)
"""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import onnx

FEWEST_VALUES = 32
"""Smaller constants stay as they are: they take no room."""


def halve_weights(graph: "onnx.ModelProto") -> None:
    """Store weights as float16, each followed by a cast to float32, in place. Those that float16 has no room for stay as they are."""
    from onnx import TensorProto, helper, numpy_helper

    casts, kept = [], []
    for weight in graph.graph.initializer:
        values = numpy_helper.to_array(weight)
        if weight.data_type != TensorProto.FLOAT or values.size < FEWEST_VALUES or np.abs(values).max() > np.finfo(np.float16).max:
            kept.append(weight)
            continue
        name = f"{weight.name}/half"
        kept.append(numpy_helper.from_array(values.astype(np.float16), name))
        casts.append(helper.make_node("Cast", [name], [weight.name], name=f"{weight.name}/cast", to=TensorProto.FLOAT))
    nodes = [*casts, *graph.graph.node]
    del graph.graph.initializer[:], graph.graph.node[:]
    graph.graph.initializer.extend(kept)
    graph.graph.node.extend(nodes)
