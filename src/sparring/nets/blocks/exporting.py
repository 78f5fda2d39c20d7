"""Whether networks are being traced for another program, which wants some operations in another form with the same result."""

import torch


def is_exporting() -> bool:
    """Whether `torch.export` is tracing. (Torch before 2.7 calls it compiling, which nothing else does here.)"""
    return getattr(torch.compiler, "is_exporting", torch.compiler.is_compiling)()
