"""Which images go together, as settings."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from sparring.core.errors import SettingsError, listed
from sparring.core.settings import Ranges, range_problems, type_problems
from sparring.data.pairs.derived_inputs import DerivedInput


@dataclass(frozen=True, kw_only=True)
class Pairing:
    """Which images go together, and as what."""

    ranges: ClassVar[Ranges] = {"held_out": {"at least": 0, "less than": 1}}

    target: str | None = None
    """Where the targets lie: as --data, or a single image. Names that are the same (but for the ending) make pairs."""
    inputs: DerivedInput | Literal["given"] = "given"
    """What inputs are: given, or made of each image, which is then the target: edges, scribble, gray, low-resolution, masked."""
    side_by_side: Literal["none", "left", "right"] = "none"
    """Each image holds both halves of a pair, and the input is on this side."""
    held_out: float = 0.1
    """Share of the images that are not trained on, to show and judge by."""
    subject_until: str | None = None
    """Names are of one subject up to this text; all of its images are held out together. None: "-" for emoji, else the whole name."""
    twins: bool | None = None
    """Two sets without pairs show the same subjects, under the same names: each is trained on in one set alone, and judged by its twin.
    None: so it is for emoji."""

    def problems(self) -> list[str]:
        """All that is wrong with it, in a sentence each."""
        found = type_problems(self) or range_problems(self, self.ranges)
        ways = [self.target is not None, self.inputs != "given", self.side_by_side != "none"]
        if sum(ways) > 1:
            found.append("target, inputs and side_by_side each say where pairs come from: give one of them.")
        return found


def check_pairing(pairing: Pairing) -> None:
    """Raise a SettingsError that lists all that is wrong with it, if anything is."""
    if problems := pairing.problems():
        raise SettingsError(listed("These settings cannot be used:", problems))
