"""Rewordings of texts: drawn by a model, sifted by plain rules, and ranked."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from sparring.core.errors import SettingsError
from sparring.data.sequences.kept_words import FUNCTION_WORDS, keeps, word_forms
from sparring.data.sequences.notations import UNKNOWN
from sparring.data.sequences.sequence_spec import END, SequenceSpec, padded
from sparring.games.capabilities import Rewords

if TYPE_CHECKING:
    from sparring.inference.model import Model

MOST = 5
"""Number of rewordings of a text, where nobody says."""
DRAWS = 64
"""Number of rewordings that are drawn for each text, of which few are left and the best are given."""
LEAST_SHARED = 0.5
"""Share of the words of a text, but for function words, that a rewording has at least."""
LEAST_FLUENT = 1.0
"""Nats a token by which a rewording may be less likely than its text."""
FLUENCY = 0.5
"""What a nat a token of likelihood is worth in the ranking, in log-odds of the scorer."""
SHARING = 1.0
"""What having all words of the text is worth in the ranking, over having none, in log-odds of the scorer."""


@dataclass(frozen=True)
class Rewording:
    """A text with what is expected of it."""

    text: str
    expected: float
    """Probability that the text is in the highest third and not in the lowest, by scorers that have not seen it."""
    nats: float
    """Negative log-likelihood a token, by the model."""
    shared: float = 1.0
    """Share of the words of the original, but for function words, that are in the text."""


@dataclass(frozen=True)
class RewordedText:
    """A text and its rewordings, the best first."""

    text: str
    original: Rewording | None
    """The text as it is; None if the model cannot read it."""
    rewordings: tuple[Rewording, ...] = ()
    problem: str = ""
    """Why the model cannot read it, as the end of a sentence."""


def rewording_game(model: "Model") -> Rewords:
    """The game of a model that rewords texts; a SettingsError if it does not."""
    if not isinstance(model.game, Rewords):
        raise SettingsError(f"{model.source} does not reword texts: reword does. Use it with: {model.use}")
    return model.game


def reword(model: "Model", texts: Sequence[str], *, n: int = MOST, seed: int = 0, keep: Sequence[str] = ()) -> list[RewordedText]:
    """Up to `n` rewordings of each text. Every one keeps the numbers, names and telling words of its text and has no others of that kind
    (see `data.sequences.kept_words`); no two are the same but for capitals and punctuation marks, and none is the text. Those of a text
    depend on it and the seed alone. `keep`: further words, whatever their capitals, that none may lose or make up.
    """
    game = rewording_game(model)
    if not 1 <= n <= DRAWS:
        raise SettingsError(f"n is the number of rewordings of each text, from 1 to {DRAWS}; {n} is not.")
    spec = game.sequence_spec
    more = frozenset(word.lower() for word in keep)
    read = [ReadText.of(spec, text, more) for text in texts]
    usable = [place for place, each in enumerate(read) if not each.problem]
    found: list[RewordedText] = [RewordedText(each.text, None, problem=each.problem) for each in read]
    if usable:
        device = next(model.game.parameters()).device
        codes = torch.from_numpy(padded([read[place].codes for place in usable], spec.length)).to(device)
        drawn = game.reword(codes, DRAWS, seed).cpu().numpy()
        for place, own in zip(usable, drawn, strict=True):
            found[place] = chosen(game, read[place], own, n)
    return found


@dataclass(frozen=True)
class ReadText:
    """A text as a model reads it."""

    text: str
    codes: tuple[int, ...] = ()
    unknown: tuple[str, ...] = ()
    """Its tokens that the model does not know."""
    kept: frozenset[tuple[str, int]] = frozenset()
    """Words to keep, and how often they are there."""
    keep: frozenset[str] = frozenset()
    """Further words to keep, in small letters."""
    problem: str = ""

    @classmethod
    def of(cls, spec: SequenceSpec, text: str, keep: frozenset[str] = frozenset()) -> "ReadText":
        """Read a text; one that cannot be read says why. `keep`: further words to keep, in small letters."""
        tokens = spec.cut.tokens_of(text.strip() if spec.has_capitals else text.strip().lower())
        if not tokens:
            return cls(text, problem="is empty")
        if len(tokens) > spec.length:
            return cls(text, problem=f"has {len(tokens)} {spec.token_noun}, and the model knows texts of at most {spec.length}")
        if not any(token in spec.code_of for token in tokens):
            return cls(text, problem="has no word that the model knows")
        unknown = tuple(token for token in tokens if token not in spec.code_of)
        if unknown and spec.unknown is None:
            return cls(text, problem=f"has words that the model does not know: {', '.join(each.strip() for each in unknown[:5])}")
        codes = tuple(spec.code_of.get(token, spec.unknown or END) for token in tokens)
        return cls(text, codes, unknown, kept_in(spec, tokens, unknown, keep), keep)


def kept_in(
    spec: SequenceSpec, tokens: Sequence[str], unknown: Sequence[str] = (), keep: frozenset[str] = frozenset()
) -> frozenset[tuple[str, int]]:
    """The words among tokens that a rewording has to keep, in small letters, and how often they are there."""
    words = [token.strip().lower() for token in tokens if token in unknown or keeps(token, spec.kept) or token.strip().lower() in keep]
    counts = Counter(words)
    return frozenset(counts.items())


def chosen(game: Rewords, own: ReadText, drawn: Int64[np.ndarray, "draws length"], n: int) -> RewordedText:
    """The best of the rewordings that were drawn for a text."""
    spec = game.sequence_spec
    candidates: dict[str, tuple[str, Int64[np.ndarray, " length"]]] = {}
    for codes in drawn:
        tokens = filled(spec, codes, own.unknown)
        text = None if tokens is None else spec.cut.text_of(tokens)
        if tokens is None or not text or spec.cut.tokens_of(text) != tokens:  # tokens without a space between are another word together
            continue
        if repeats(tokens) or kept_in(spec, tokens, own.unknown, own.keep) != own.kept or shared_words(own.text, text) < LEAST_SHARED:
            continue
        if (key := likeness(text)) != likeness(own.text):
            candidates.setdefault(key, (text, codes))
    rows = padded([own.codes, *(codes[codes != END].tolist() for _, codes in candidates.values())], spec.length)
    original, *others = describe(game, own.text, [own.text, *(text for text, _ in candidates.values())], rows)
    liking = game.liking(on_device(game, rows)).cpu().tolist()[1:]
    worth = [like - FLUENCY * each.nats + SHARING * each.shared for like, each in zip(liking, others, strict=True)]
    order = [place for place in np.argsort([-each for each in worth], kind="stable") if others[place].nats <= original.nats + LEAST_FLUENT]
    return RewordedText(own.text, original, tuple(others[place] for place in order[:n]))


def describe(game: Rewords, original: str, texts: Sequence[str], rows: Int64[np.ndarray, "n length"]) -> list[Rewording]:
    """Rewordings of a text, with what is expected of them."""
    codes = on_device(game, rows)
    expected, likelihood = game.expected(codes).cpu().tolist(), game.log_likelihood(codes.float()).cpu().tolist()
    nats = (-np.array(likelihood) / ((rows != END).sum(axis=1) + 1)).tolist()
    found = zip(texts, expected, nats, strict=True)
    return [Rewording(text, high, unlikely, shared_words(original, text)) for text, high, unlikely in found]


def content_words(text: str) -> list[str]:
    """The words of a text in small letters, without punctuation marks and function words."""
    return [word for word in word_forms(text) if word not in FUNCTION_WORDS]


def shared_words(original: str, text: str) -> float:
    """Share of the words of a text, but for function words, that are in another; 1 of a text without any."""
    before, after = set(content_words(original)), set(content_words(text))
    return len(before & after) / len(before) if before else 1.0


def added_words(original: str, text: str) -> list[str]:
    """The words of a rewording, but for function words, that its text did not have: what must be checked to be true."""
    before = set(content_words(original))
    return list(dict.fromkeys(word for word in content_words(text) if word not in before))


def on_device(game: Rewords, rows: Int64[np.ndarray, "n length"]) -> Int64[Tensor, "n length"]:
    """Codes where the game is."""
    assert isinstance(game, torch.nn.Module)
    return torch.from_numpy(rows).to(next(game.parameters()).device)


def filled(spec: SequenceSpec, codes: Int64[np.ndarray, " length"], unknown: Sequence[str]) -> list[str] | None:
    """Tokens of codes, the unknown ones in their order in place of codes for such; None if there are not as many."""
    tokens = spec.tokens_of_codes(codes)
    if tokens.count(UNKNOWN) != len(unknown) or not tokens:
        return None
    left = iter(unknown)
    return [next(left) if token == UNKNOWN else token for token in tokens]


def repeats(tokens: Sequence[str]) -> bool:
    """Whether a word of three letters or more is there twice in a row or with one token between."""
    words = [token.strip().lower() for token in tokens]
    return any(len(word) > 2 and word in words[max(0, place - 2) : place] for place, word in enumerate(words))


def likeness(text: str) -> str:
    """What two texts share that are the same but for capitals, spaces and punctuation marks."""
    return "".join(letter for letter in text.lower() if letter.isalnum())
