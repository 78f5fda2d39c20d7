"""Graphs with weights of half the size: float16 in the file, float32 in every computation.

Runtimes turn the weights back when they load a graph, so it is as fast as before. (Computing in float16 goes wrong in several runtimes:
black images, norms that overflow.)
"""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32

if TYPE_CHECKING:
    import onnx

FEWEST_VALUES = 32
"""Smaller constants stay as they are: they take no room."""


LARGEST_LOSS = 2**-7
"""Largest share of the spread of a weight's values that rounding them may take."""


def fits_in_half(values: Float32[np.ndarray, "*shape"]) -> bool:
    """Whether float16 holds values: they are not too large, and differ by much more than they are rounded by. (Constants near 1 that
    differ in the third digit, where a style generator begins, do not.)
    """
    with np.errstate(over="ignore"):
        rounded = values.astype(np.float16).astype(np.float32)
    return bool(np.isfinite(rounded).all() and np.abs(rounded - values).max() <= LARGEST_LOSS * max(np.ptp(values), 1e-12))


def halve_weights(graph: "onnx.ModelProto") -> None:
    """Store weights as float16, each followed by a cast to float32, in place. Those that float16 has no room for stay as they are."""
    from onnx import TensorProto, helper, numpy_helper

    casts, kept = [], []
    for weight in graph.graph.initializer:
        values = numpy_helper.to_array(weight)
        if weight.data_type != TensorProto.FLOAT or values.size < FEWEST_VALUES or not fits_in_half(values):
            kept.append(weight)
            continue
        name = f"{weight.name}/half"
        kept.append(numpy_helper.from_array(values.astype(np.float16), name))
        casts.append(helper.make_node("Cast", [name], [weight.name], name=f"{weight.name}/cast", to=TensorProto.FLOAT))
    nodes = [*casts, *graph.graph.node]
    del graph.graph.initializer[:], graph.graph.node[:]
    graph.graph.initializer.extend(kept)
    graph.graph.node.extend(nodes)
