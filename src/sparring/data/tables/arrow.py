"""Arrow, which reads and holds tables: an optional library, so everything here imports it from this module."""

from typing import Any

from sparring.core.errors import missing_extra

try:
    import pyarrow as pa
    from pyarrow import compute
except ModuleNotFoundError:
    raise missing_extra("pyarrow", "tables", "Reading a table") from None

pc: Any = compute
"""Functions of columns. Arrow makes them when it is imported, so type checkers see none."""

__all__ = ["pa", "pc"]
