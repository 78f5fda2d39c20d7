"""The relational memory core, against a step written out number by number."""

import math

import numpy as np
import pytest
import torch
from jaxtyping import Float64

from sparring import recipes
from sparring.nets.relational_memory import RelationalCore
from support.texts import spec_of

WIDTH, SLOTS, HEADS = 4, 3, 2


def core_of(*, condition_size: int = 0) -> RelationalCore:
    torch.manual_seed(0)
    return RelationalCore(5, WIDTH, SLOTS, HEADS, condition_size).double()


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def normed(x: Float64[np.ndarray, " width"]) -> Float64[np.ndarray, " width"]:
    """A layer norm whose scale is 1 and whose shift is 0."""
    return (x - x.mean()) / math.sqrt(((x - x.mean()) ** 2).mean() + 1e-5)


def written_by_hand(
    weights: dict[str, Float64[np.ndarray, "..."]], memory: Float64[np.ndarray, "slots width"], read: Float64[np.ndarray, " in"]
) -> Float64[np.ndarray, "slots width"]:
    """One step for one sequence: each slot alone, each head alone, each unit's gates alone."""
    wide = weights["widen.weight"] @ read + weights["widen.bias"]
    rows = [weights["attend.weight"] @ row + weights["attend.bias"] for row in [*memory, wide]]
    gates_of_input = weights["gates_of_input.weight"] @ wide + weights["gates_of_input.bias"]
    after = np.zeros_like(memory)
    for slot in range(SLOTS):
        seen = np.zeros(WIDTH)
        for head in range(HEADS):
            size = WIDTH // HEADS
            of_head = np.arange(head * size, (head + 1) * size)
            likeness = [rows[slot][of_head] @ row[WIDTH + of_head] / math.sqrt(size) for row in rows]
            total = sum(math.exp(each) for each in likeness)
            for row, each in zip(rows, likeness, strict=True):
                seen[of_head] += math.exp(each) / total * row[2 * WIDTH + of_head]
        new = normed(memory[slot] + seen)
        inner = np.maximum(weights["network.0.weight"] @ new + weights["network.0.bias"], 0)
        new = normed(new + weights["network.2.weight"] @ inner + weights["network.2.bias"])
        gates = gates_of_input + weights["gates_of_memory.weight"] @ np.tanh(memory[slot])
        for unit in range(WIDTH):
            write, keep = sigmoid(gates[unit]), sigmoid(gates[WIDTH + unit] + 1)
            after[slot, unit] = write * math.tanh(new[unit]) + keep * memory[slot, unit]
    return after


def test_a_step_is_attention_a_network_and_gates() -> None:
    core = core_of()
    weights = {name: weight.detach().numpy() for name, weight in core.named_parameters()}
    inputs = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(1)).double()
    found = core(inputs).detach().numpy()
    for sequence in range(2):
        memory = np.eye(SLOTS, WIDTH)
        for place in range(3):
            memory = written_by_hand(weights, memory, inputs[sequence, place].numpy())
            assert found[sequence, place] == pytest.approx(memory.flatten(), abs=1e-12)


def test_one_step_at_a_time_is_all_steps_at_once_and_sees_nothing_of_later_ones() -> None:
    core = core_of(condition_size=2)
    condition = torch.eye(2).double()
    inputs = torch.randn(2, 6, 5, generator=torch.Generator().manual_seed(2)).double().requires_grad_()
    at_once = core(inputs, condition)
    memory = core.begin(2, condition)
    for place in range(6):
        seen, memory = core.step(inputs[:, place], memory)
        torch.testing.assert_close(seen, at_once[:, place], rtol=1e-12, atol=1e-12)
    (gradient,) = torch.autograd.grad(at_once[:, 2].sum(), inputs)
    assert (gradient[:, :3] != 0).all()
    assert (gradient[:, 3:] == 0).all()
    assert not torch.allclose(core.begin(2, condition), core.begin(2, None)), "the class is told"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"hidden": 40}, "multiple of 32 for a relational memory; 40"),
        ({"layers": 2}, "one layer; layers is 2"),
        ({"network": "gru", "slots": 2}, "slots (2)"),
        ({"slots": 0}, "slots"),
    ],
)
def test_settings_of_the_memory_that_do_not_work_are_named(settings: dict[str, object], said: str) -> None:
    recipe = recipes.get("relgan")(**{"network": "relational", "hidden": 64, **settings})  # pyright: ignore[reportArgumentType]
    (problem,) = recipe.problems(spec_of("ab", 3))
    assert said in problem
