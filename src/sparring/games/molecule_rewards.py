"""What generators of molecules are rewarded for: a number from 0 to 1 for each molecule, and 0 for what is none."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from sparring.core.rdkit_molecules import chem, molecule_of
from sparring.metrics.molecules.properties import logp, qed, synthetic_accessibility

if TYPE_CHECKING:
    from rdkit.Chem import Mol

RewardName = Literal["valid", "qed", "logp", "sa"]
LOGP_RANGE, SA_RANGE = (-2.12178879609, 6.0429063424), (5.0, 1.5)
"""Values that are worth 0 and 1, as in the code of Guimaraes et al. 2017."""


def within(value: float, worthless: float, best: float) -> float:
    """Where a value is between the two: 0 to 1."""
    return min(1.0, max(0.0, (value - worthless) / (best - worthless)))


REWARDS: Mapping[RewardName, "Callable[[Mol], float]"] = {
    "valid": lambda molecule: 1.0,
    "qed": qed,
    "logp": lambda molecule: within(logp(molecule), *LOGP_RANGE),
    "sa": lambda molecule: within(synthetic_accessibility(molecule), *SA_RANGE),
}
"""Rewards of molecules: that they are valid, like a drug, oily, or easy to make."""


def rewards_of(texts: Sequence[str | None], name: RewardName, *, repeated: bool = True) -> list[float]:
    """The reward of each text. `repeated`: a molecule that is there k times has 1 / k of its reward each time, so that no generator is paid
    for writing the same again and again.
    """
    chem()
    reward = REWARDS[name]
    molecules = [None if text is None else molecule_of(text) for text in texts]
    written = [None if each is None else chem().MolToSmiles(each) for each in molecules]
    counts: dict[str | None, int] = {}
    for each in written:
        counts[each] = counts.get(each, 0) + 1
    known: dict[str | None, float] = {None: 0.0}
    for name_of, molecule in zip(written, molecules, strict=True):
        if name_of not in known and molecule is not None:
            known[name_of] = reward(molecule)
    return [known[each] / (counts[each] if repeated else 1) for each in written]
