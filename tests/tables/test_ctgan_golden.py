"""CTGAN's first step agrees with that of the public code on the same weights, rows and noise (see tools/make_ctgan_golden.py)."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from sparring import recipes
from sparring.core.random_streams import Streams
from sparring.data.tables.encoding import Encoding
from sparring.data.tables.table_spec import TableBatch, TableSpec
from sparring.games.step_context import StepContext

GOLDEN = load_file(Path(__file__).parent / "golden" / "ctgan-first-step.safetensors")
TO_OURS = [1, 2, 3, 0, 4, 5, 6, 7, 8, 9, 10]
"""Our place of each number of a row: the public code has a position before its modes."""
LATENT, ROWS = 6, 20


@dataclass(frozen=True)
class GivenStreams(Streams):
    """The numbers of the golden file, by the names that the game asks for."""

    player: str = ""

    def normal(self, name: str, *shape: int) -> Tensor:
        assert name == "latent"
        return GOLDEN[f"{self.player}/latent"]

    def uniform(self, name: str, *shape: int) -> Tensor:
        if name == "cells":
            return GOLDEN[f"{self.player}/uniform"][:, TO_OURS] * 2 - 1
        if name == "penalty/share":  # ours is the share of the generated pack
            return (1 - GOLDEN["share_of_real"]) * 2 - 1
        assert name == "told"
        return torch.zeros(shape)


def spec() -> TableSpec:
    number = Encoding("n", modes=((0.0, 1.0), (5.0, 1.0), (9.0, 2.0)), lowest=-9.0, highest=20.0, shares=(0.4, 0.3, 0.3))
    return TableSpec((number, Encoding("a", tuple("wxyz"), shares=(0.25,) * 4), Encoding("b", tuple("uvw"), shares=(0.4, 0.3, 0.3))), {})


def ours(name: str, tensor: Tensor) -> Tensor:
    """A tensor of the public code in the order of ours."""
    player, _, weight = name.partition("/")
    if player == "generator" and weight.startswith("seq.2."):
        return tensor[TO_OURS]
    if player == "critic" and weight == "seq.0.weight":
        packs = tensor.unflatten(1, (10, 18))
        return torch.cat([packs[:, :, TO_OURS], packs[:, :, 11:]], dim=2).flatten(1)
    if player == "generator" and weight == "seq.0.fc.weight":
        return tensor
    return tensor


NAMES = {
    "generator": {"seq.0": "layers.0", "seq.1": "layers.1", "seq.2": "head.linear"},
    "critic": {"seq.0": "layers.0", "seq.3": "layers.1", "seq.6": "head"},
}


def named(player: str, weight: str) -> str:
    """Our name of a weight of the public code."""
    start = next(each for each in NAMES[player] if weight.startswith(f"{each}."))
    return NAMES[player][start] + weight.removeprefix(start).replace(".fc.", ".0.").replace(".bn.", ".1.")


@pytest.mark.parametrize(("player", "turn"), [("critic", 0), ("generator", 1)])
def test_the_first_step_is_that_of_the_public_code(player: str, turn: int) -> None:
    recipe = recipes.get("ctgan")(batch_size=ROWS, latent_size=LATENT, generator_hidden=(8, 5), discriminator_hidden=(8, 5), dropout=0.0)
    game = recipe.build(spec()).train()
    networks = {"generator": game.generator, "critic": game.discriminator}
    for whose, network in networks.items():
        prefix = f"weights/{whose}/"
        given = {
            named(whose, name.removeprefix(prefix)): ours(name.removeprefix("weights/"), value)
            for name, value in GOLDEN.items()
            if name.startswith(prefix)
        }
        network.load_state_dict(given)
    batch = TableBatch(GOLDEN["real"][:, TO_OURS], condition=GOLDEN["condition"])
    context = StepContext(lambda: batch, lambda: None, ROWS, GivenStreams(0, 0, player=player), 0, 0)
    losses = {name: loss.mean() for name, loss in game.turns[turn].play(context).items()}
    if player == "critic":
        penalty = losses.pop("gradient_penalty")
        wanted = {"critic": sum(losses.values()), "penalty": penalty}
    else:
        wanted = {"told": losses.pop("condition"), "adversarial": sum(losses.values())}
    for name, loss in wanted.items():
        assert float(loss.detach()) == pytest.approx(float(GOLDEN[f"losses/{name}"]), rel=1e-5), name
    sum(wanted.values()).backward()
    compared = 0
    for name, gradient in GOLDEN.items():
        if name.startswith(f"gradients/{player}/"):
            weight = networks[player].get_parameter(named(player, name.removeprefix(f"gradients/{player}/")))
            assert weight.grad is not None
            assert torch.allclose(weight.grad, ours(name.removeprefix("gradients/"), gradient), rtol=1e-4, atol=1e-6), name
            compared += 1
    assert compared == (6 if player == "critic" else 10)
