"""Helpers that several tests share."""

from support import typechecking  # noqa: F401 (jaxtyping asks for it as an attribute)
