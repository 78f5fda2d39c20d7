"""Molecules with properties that are wanted, found by moving codes of a latent model along directions of a linear probe."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sparring.core.rdkit_molecules import canonical, molecule_of
from sparring.data.sequences.sequence_spec import SequenceSpec
from sparring.games.capabilities import HasCodes
from sparring.inference.molecules_of_model import PIECE, DrawnMolecules, Want, wanted
from sparring.metrics.molecules.properties import PROPERTIES

if TYPE_CHECKING:
    from sparring.inference.model import Model

PROBED, RIDGE = 2048, 0.03
"""Number of molecules that a probe is fitted to, and its penalty, as a share of the mean variance of codes."""
STEPS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0)
"""How far codes are moved, at most so many times, in standard deviations of the property that the probe foretells."""


def probe_direction(codes: Float[Tensor, "n code"], values: Float[Tensor, " n"]) -> Float[Tensor, " code"]:
    """The shortest step by which a linear probe of a property foretells one standard deviation of what it foretells more: ridge regression
    on codes.
    """
    centered, values = (codes - codes.mean(dim=0)).double(), (values - values.mean()).double()
    scatter = centered.t() @ centered / len(codes)
    scatter.diagonal().add_(RIDGE * scatter.diagonal().mean())
    slope = torch.linalg.solve(scatter, centered.t() @ values / len(codes))
    deviation = (centered @ slope).std()
    return (slope * deviation / slope.square().sum().clamp_min(1e-12)).to(codes.dtype)


def probe_directions(model: "Model", wants: Sequence[Want], seed: int) -> Float[Tensor, "wants code"]:
    """For each want, the direction in which its property goes as wanted, from molecules that the model draws."""
    game = cast(HasCodes, model.game)
    codes = codes_of_samples(game, PROBED, seed + 1, 0)
    drawn = smiles_of(model, codes, game.chances(PROBED, seed + 1))
    molecules = [None if smiles is None else molecule_of(smiles) for smiles in drawn]
    valid = [place for place, each in enumerate(molecules) if each is not None]
    directions = []
    for want in wants:
        measure = PROPERTIES[want.name]
        values = torch.tensor([measure(each) for each in molecules if each is not None])
        directions.append(probe_direction(codes[valid], values) * (1 if want.above else -1))
    return torch.stack(directions)


def steer_molecules(model: "Model", n: int, wants: Sequence[Want], seed: int = 0) -> tuple[DrawnMolecules, float, Bool[np.ndarray, " n"]]:
    """The first `n` molecules of a seed, each moved until it is as wanted, or as far as it may be. Also the share that was as wanted
    before, and which are now. Those that are not stay as they were drawn.
    """
    game, directions = cast(HasCodes, model.game), probe_directions(model, wants, seed)
    smiles: list[str | None] = []
    fulfilled: list[np.ndarray] = []
    before = 0
    for first in range(0, n, PIECE):
        count = min(PIECE, n - first)
        codes, chances = codes_of_samples(game, count, seed, first), game.chances(count, seed, first)
        found, done = smiles_of(model, codes, chances), np.zeros(count, bool)
        for step in STEPS:
            left = np.flatnonzero(~done)
            if not len(left):
                break
            moved = smiles_of(model, codes[left] + step * directions.sum(dim=0), None if chances is None else chances[left])
            now = wanted(moved, wants)
            for place, text in zip(left[now], np.array(moved, object)[now], strict=True):
                found[place] = text
            done[left[now]] = True
            before += int(now.sum()) if step == 0 else 0
        smiles += found
        fulfilled.append(done)
    return DrawnMolecules(tuple(smiles), tuple(smiles)), before / n, np.concatenate(fulfilled)


def codes_of_samples(game: HasCodes, n: int, seed: int, first: int) -> Float[Tensor, "n code"]:
    """The codes of samples `first` to `first + n - 1` of a seed."""
    return game.codes_of(*game.asked_for(n, seed, None, first))


def smiles_of(model: "Model", codes: Float[Tensor, "n code"], chances: Float[Tensor, "n chances"] | None) -> list[str | None]:
    """The canonical SMILES of the sequence of each code, as chances decide; None if it is no molecule."""
    spec = cast(SequenceSpec, model.spec)
    return [canonical(text) for text in spec.texts_of(cast(HasCodes, model.game).of_codes(codes, chances).long().cpu().numpy())]
