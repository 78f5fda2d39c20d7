"""Ways from one text or molecule to another, through the codes of an autoencoder."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import torch
from jaxtyping import Float
from torch import Tensor

from sparring.core.errors import SettingsError, listed
from sparring.data.sequences.sequence_spec import SequenceSpec
from sparring.data.sequences.unreadable_text import UnreadableTextError
from sparring.games.capabilities import HasCodes
from sparring.inference.interpolation import spherical, walk

if TYPE_CHECKING:
    from sparring.inference.model import Model


def game_with_codes(model: "Model") -> HasCodes:
    """The game, if it has codes; a SettingsError if not."""
    if not isinstance(model.game, HasCodes):
        raise SettingsError(
            f"{model.source} has no codes to move among: it draws token by token. Train one that has: sparring train latentgan"
        )
    return model.game


def codes_of_texts(model: "Model", texts: Sequence[str]) -> Float[Tensor, "n code"]:
    """The codes of texts. A SettingsError lists those that the model cannot hold, with the reason."""
    spec, found, problems = cast(SequenceSpec, model.spec), [], []
    for text in texts:
        try:
            tokens = spec.cut.tokens_of(text)
        except UnreadableTextError as problem:
            problems.append(f"{text[:60]!r} {problem}.")
            continue
        codes = spec.codes_of_tokens(tokens)
        if codes is None:
            strange = [token for token in tokens if token not in spec.code_of]
            why = f"has {strange[0]!r}, which is new" if strange else f"has {len(tokens)} {spec.token_noun}, and {spec.length} are the most"
            problems.append(f"{text[:60]!r} {why}.")
        else:
            found.append(torch.from_numpy(codes).float())
    if problems:
        raise SettingsError(problems[0] if len(problems) == 1 else listed("These cannot be encoded:", problems))
    return game_with_codes(model).encoded(torch.stack(found))


def walk_between(model: "Model", stops: Float[Tensor, "stops code"], frames: int) -> list[str | None]:
    """The likeliest texts from stop to stop, `frames` from each to the next, along great circles; None for those that stand for no text."""
    codes = walk(stops, frames, spherical)
    return cast(SequenceSpec, model.spec).texts_of(game_with_codes(model).of_codes(codes).long().cpu().numpy())


def codes_of_seeds(model: "Model", seeds: Sequence[int]) -> Float[Tensor, "n code"]:
    """The code of the first sample of each seed."""
    game = game_with_codes(model)
    return torch.cat([game.codes_of(*game.asked_for(1, seed, None)) for seed in seeds])
