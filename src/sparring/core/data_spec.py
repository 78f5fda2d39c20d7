"""The base of what one sample of a data set is: all that a recipe needs to know in order to build its networks."""

from dataclasses import asdict
from typing import Any, ClassVar


class Spec:
    """What one sample is. Each kind of data has a frozen dataclass of its own, in `data/KIND/`."""

    kind: ClassVar[str]
    """The name of the kind of data: that of its adapter in `modalities/`."""
    classes: tuple[str, ...]
    """Names of the classes, by label; empty for data without labels."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample as networks see it."""
        raise NotImplementedError

    def to_json(self) -> dict[str, Any]:
        """A form that JSON can hold; `modalities.spec_from_json` reads it back."""
        return {"kind": self.kind, **asdict(self)}  # pyright: ignore[reportArgumentType] (a dataclass)
