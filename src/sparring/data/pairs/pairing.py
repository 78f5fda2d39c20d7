"""Settings that say which images form pairs."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from sparring.core.errors import SettingsError, listed
from sparring.core.settings import Ranges, range_problems, type_problems
from sparring.data.pairs.derived_inputs import DerivedInput


@dataclass(frozen=True, kw_only=True)
class Pairing:
    """Settings that say which images form pairs, and which of them are inputs and targets."""

    ranges: ClassVar[Ranges] = {"held_out": {"at least": 0, "less than": 1}}

    target: str | None = None
    """The targets: data as for --data, or a single image. Files of equal names (except the ending) form pairs."""
    inputs: DerivedInput | Literal["given"] = "given"
    """Inputs: given, or derived from each image, which is then the target: edges, scribble, gray, low-resolution, masked."""
    side_by_side: Literal["none", "left", "right"] = "none"
    """Each image holds both halves of a pair, with the input on this side."""
    held_out: float = 0.1
    """Share of the images that are held out for samples and scores."""
    subject_until: str | None = None
    """Text that ends the subject in a file name. Images of a subject are held out together. None: "-" for emoji, else the whole name."""
    twins: bool | None = None
    """Whether two sets without pairs show the same subjects under the same names. Then each subject is trained on in one set only, and
    scored against its twin in the other. None: true for emoji."""

    def problems(self) -> list[str]:
        """Everything wrong with the settings, one sentence each."""
        found = type_problems(self) or range_problems(self, self.ranges)
        ways = [self.target is not None, self.inputs != "given", self.side_by_side != "none"]
        if sum(ways) > 1:
            found.append("target, inputs and side_by_side each say where pairs come from: give one of them.")
        return found


def check_pairing(pairing: Pairing) -> None:
    """Raise a SettingsError that lists everything wrong with the settings."""
    if problems := pairing.problems():
        raise SettingsError(listed("These settings cannot be used:", problems))
