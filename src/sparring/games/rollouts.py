"""Sequences that begin as given ones and go on as a model draws them, from every place at once."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from sparring.core.random_streams import Streams
from sparring.data.sequences.sequence_spec import SequenceSpec
from sparring.games.sequence_game import draw_codes, until_end
from sparring.nets.language_model import LanguageModel

State = Any
"""What a language model's core remembers: tensors in tuples and lists."""


def joined(states: Sequence[State], dimension: int) -> State:
    """The states of several groups of sequences that are equally far, as that of all of them."""
    first = states[0]
    if isinstance(first, Tensor):
        return torch.cat(list(states), dim=dimension)
    if first is None:
        return None
    return type(first)(joined(each, dimension) for each in zip(*states, strict=True))


def rollouts(
    model: LanguageModel,
    spec: SequenceSpec,
    codes: Int64[Tensor, "n length"],
    condition: Float[Tensor, "n classes"] | None,
    streams: Streams,
    name: str,
) -> Int64[Tensor, "places n length"]:
    """One continuation of each sequence after each of its places but the last: continuation p keeps the tokens at places 0 to p. All
    continuations take a step together, so the model takes `length` steps. Without gradients, with the model as it is. `streams` and `name`:
    the random numbers that decide.
    """
    n, length = codes.shape
    dimension = model.core.rows_at
    own_codes, own_state = model.begin(n, condition)
    last, state = [], None  # of the continuations so far
    found = codes.expand(length - 1, n, length).clone()
    for place in range(length):
        _, own_state = model.step(own_codes, own_state)
        own_codes = codes[:, place]
        if place:
            logits, state = model.step(torch.cat(last), state)
            chance = (streams.uniform(f"{name}/{place}", len(logits)) + 1) / 2
            drawn = draw_codes(logits, chance, unknown=spec.unknown).view(place, n)
            found[:place, :, place] = drawn
            last = [drawn.flatten()]
        last.append(own_codes)  # the continuation that begins after this place
        state = own_state if state is None else joined([state, own_state], dimension)
    return until_end(found.flatten(0, 1)).view(length - 1, n, length)


def rollout_rewards(
    reward: Callable[[Int64[Tensor, "m length"]], Float[Tensor, " m"]],
    codes: Int64[Tensor, "n length"],
    continuations: Sequence[Int64[Tensor, "places n length"]],
) -> Float[Tensor, "n length"]:
    """What each token is worth: the mean reward of the continuations after it; of the last, the sequence's own (equation 4 of Yu et al.
    2017).
    """
    own = reward(codes)
    places, n, _ = continuations[0].shape
    means = torch.stack([reward(each.flatten(0, 1)).view(places, n) for each in continuations]).mean(dim=0)
    return torch.cat([means.t(), own[:, None]], dim=1)
