"""Settings that say which images belong together."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from sparring.core.errors import SettingsError, listed
from sparring.core.settings_checks import Ranges, range_problems, type_problems
from sparring.data.pairs.derived_inputs import DerivedInput


@dataclass(frozen=True, kw_only=True)
class Pairing:
    """Which images belong together, for image translation."""

    ranges: ClassVar[Ranges] = {"held_out": {"at least": 0, "less than": 1}}

    target: str | None = None
    """The target images: anything that --data accepts, or one image whose style is transferred. Files of the same name (ignoring the
    ending) are pairs. None: the data holds the targets too."""
    inputs: DerivedInput | Literal["given"] = "given"
    """How the input is made from each image, which is its target: edges, scribble, gray, low-resolution or masked. given: inputs are
    part of the data."""
    side_by_side: Literal["none", "left", "right"] = "none"
    """Each file holds a pair side by side, with the input on this side. none: files hold single images."""
    input_mark: str | None = None
    """Text at the beginning or the end of a file's name (without its ending) that says that it is an input, as "_edges" in cat_edges.png.
    Names are compared without it. With --target-mark and without --target, the data holds both."""
    target_mark: str | None = None
    """The same for targets."""
    pair_table: str | None = None
    """A .csv or .tsv with a row for each pair: the file of the input and that of the target, as they lie in the data. Its heading may call
    the columns input and target; otherwise the first two are taken."""
    held_out: float = 0.1
    """Fraction of the images held out from training, for samples and scores, 0 to 1."""
    subject_until: str | None = None
    """Part of a file name, up to this text, that names the subject. All images of a subject are held out together. None: the whole name,
    or for emoji up to "-"."""
    twins: bool | None = None
    """For two sets without pairs: files of the same name show the same subject. Each subject is then trained on in one set only, and
    held-out images are scored against those of the same name. None: only for emoji."""

    def problems(self) -> list[str]:
        """Everything wrong with the settings, one sentence each."""
        found = type_problems(self) or range_problems(self, self.ranges)
        ways = [self.target is not None, self.inputs != "given", self.side_by_side != "none"]
        if sum(ways) > 1:
            found.append("target, inputs and side_by_side each say where pairs come from: give one of them.")
        marks = [mark for mark in (self.input_mark, self.target_mark) if mark is not None]
        if "" in marks:
            found.append("input_mark and target_mark must not be empty.")
        if marks and (self.inputs != "given" or self.side_by_side != "none"):
            found.append("input_mark and target_mark are of files, and inputs and side_by_side make pairs of single ones: leave them out.")
        if self.pair_table is not None and (marks or self.inputs != "given" or self.side_by_side != "none"):
            found.append("pair_table says which images are pairs: leave input_mark, target_mark, inputs and side_by_side out.")
        if self.target is None and len(marks) == 1:
            found.append("input_mark and target_mark belong together where the data holds both: give both, or --target.")
        if len(set(marks)) < len(marks):
            found.append(f"input_mark and target_mark must differ, and both are {self.input_mark!r}.")
        return found


def check_pairing(pairing: Pairing) -> None:
    """Raise a SettingsError that lists everything wrong with the settings."""
    if problems := pairing.problems():
        raise SettingsError(listed("These settings cannot be used:", problems))
