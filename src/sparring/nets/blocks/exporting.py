"""Whether networks are being traced for another program, which wants some operations in another form with the same result."""

import torch
from jaxtyping import Float
from torch import Tensor

CENTRAL = (
    2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087, -0.00125372503, -0.00417768164, 0.246640727, 1.50140941,
)  # fmt: skip
TAIL = (
    -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613, 0.00943887047, 1.00167406, 2.83297682,
)  # fmt: skip
"""Coefficients of the inverse error function, the highest power first (Giles 2012: Approximating the erfinv Function, single precision)."""


def is_exporting() -> bool:
    """Whether `torch.export` is tracing. (Torch before 2.7 calls it compiling, which nothing else does here.)"""
    return getattr(torch.compiler, "is_exporting", torch.compiler.is_compiling)()


def inverse_error_function(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """`torch.erfinv` of numbers within (-1, 1), and in a trace a polynomial with a relative error below 1e-6: ONNX has no such function."""
    if not is_exporting():
        return torch.erfinv(x)
    w = -((1 - x) * (1 + x)).log()
    return x * torch.where(w < 5, _polynomial(w - 2.5, CENTRAL), _polynomial(w.clamp(min=0).sqrt() - 3, TAIL))


def _polynomial(x: Float[Tensor, "*shape"], coefficients: tuple[float, ...]) -> Float[Tensor, "*shape"]:
    total = torch.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        total = coefficient + total * x
    return total
