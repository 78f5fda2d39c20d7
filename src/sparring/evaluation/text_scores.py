"""Scores of generated sequences: how good, how varied, how new. One entry for every kind of text, as lists of tokens."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64

from sparring.core.random_streams import stream_seed
from sparring.metrics.frechet_distance import Gaussian, gaussian_frechet_distance
from sparring.metrics.sequences.bleu import ORDERS, bleu, self_bleu
from sparring.metrics.sequences.copies import exact_copies, near_copies, unseen_shares
from sparring.metrics.sequences.distances import length_distance, ngram_distance
from sparring.metrics.sequences.kneser_ney import LogChances, kneser_ney
from sparring.metrics.sequences.ngrams import Coded, Ngrams, Tokens, coded, ngrams_upto
from sparring.metrics.sequences.variety import common_forms, distinct, distinct_share, has_form, longest_runs, most_frequent_share

Embed = Callable[[Sequence[Tokens]], Float32[np.ndarray, "n d"]]
"""Features of sequences, for a Fréchet distance."""
Direction = Literal["higher", "lower", "near the ceiling"]
DISTANCE_ORDERS = (1, 2, 3, 4)
UNSEEN_ORDER = 4
GROUPS = 10
"""Standard errors of what is no mean over sequences are from leaving out each of so many groups of them (the jackknife)."""
MOST_REFERENCES = 5000
"""Held-out sequences beyond so many are not used."""


@dataclass(frozen=True)
class TextScore:
    """A number with its standard error."""

    value: float
    standard_error: float
    better: Direction
    """Which values are good. Near the ceiling: those that held-out sequences have, for both ends are failures."""


@dataclass(frozen=True)
class TextBounds:
    """Scores of samples, beside those of the worst and of the best that could be expected."""

    yours: Mapping[str, TextScore]
    floor: Mapping[str, TextScore]
    """Of tokens drawn independently of each other, as often as they are in the training set."""
    ceiling: Mapping[str, TextScore]
    """Of as many real sequences that were held out."""


def text_scores(
    samples: Sequence[Tokens],
    real: Sequence[Tokens],
    held_out: Sequence[Tokens],
    *,
    length: int | None = None,
    embed: Embed | None = None,
    vocabulary: int | None = None,
) -> dict[str, TextScore]:
    """All scores of generated sequences, by name. `real`: the training set. `held_out`: what they are compared with. `length`: the largest
    number of tokens that a sample can have, to tell those that never end. `embed`: features for a Fréchet distance. `vocabulary`: number
    of different tokens that there are (see `kneser_ney`); None: as many as come in any of the three. ValueError for fewer than two
    sequences on any side.
    """
    if min(len(samples), len(real), len(held_out)) < 2:
        raise ValueError("scores need at least two sequences on each side")
    compared = _Compared(list(samples), list(real), list(held_out[:MOST_REFERENCES]), vocabulary or 0)
    found = {**_quality(compared), **_variety(compared), **_novelty(compared), **_form(compared, length)}
    if embed is not None:
        found["Fréchet distance"] = _frechet(compared, embed)
    return found


def bounded_text_scores(
    samples: Sequence[Tokens],
    real: Sequence[Tokens],
    held_out: Sequence[Tokens],
    *,
    seed: int = 0,
    length: int | None = None,
    embed: Embed | None = None,
) -> TextBounds:
    """Scores with floor and ceiling, all of equally many sequences. Half of the held-out sequences, which the seed chooses, stand for the
    ceiling, and all are compared with the other half. ValueError for fewer than four held-out sequences, or fewer than two others.
    """
    order: list[int] = np.random.default_rng(stream_seed(seed, "ceiling", 0)).permutation(len(held_out)).tolist()
    half = len(held_out) // 2
    ceiling, references = [held_out[row] for row in order[:half]], [held_out[row] for row in order[half:]]
    n = min(len(samples), half)
    vocabulary = len({token for each in (samples, real, held_out) for sequence in each for token in sequence})

    def scores(some: Sequence[Tokens]) -> dict[str, TextScore]:
        return text_scores(some[:n], real, references, length=length, embed=embed, vocabulary=vocabulary)

    return TextBounds(scores(samples), scores(independent_tokens(real, n, seed)), scores(ceiling))


def independent_tokens(real: Sequence[Tokens], n: int, seed: int) -> list[list[str]]:
    """Sequences with the lengths of real ones, whose tokens are drawn independently of each other."""
    random = np.random.default_rng(stream_seed(seed, "independent tokens", 0))
    counts = Counter(token for each in real for token in each)
    names, shares = list(counts), np.array(list(counts.values())) / max(1, counts.total())
    lengths = random.choice([len(each) for each in real], n)
    drawn = random.choice(len(names), int(lengths.sum()), p=shares)
    return [[names[code] for code in some] for some in np.split(drawn, np.cumsum(lengths)[:-1])]


@dataclass(frozen=True, eq=False)
class _Compared:
    """Samples and what they are compared with."""

    samples: list[Tokens]
    real: list[Tokens]
    held_out: list[Tokens]
    least_vocabulary: int
    """Number of different tokens that there are at least."""

    @cached_property
    def vocabulary(self) -> int:
        """Number of different tokens."""
        return max(self.least_vocabulary, self.coded[0].vocabulary)

    @cached_property
    def coded(self) -> tuple[Coded, Coded, Coded]:
        """All three, as codes of one vocabulary."""
        one, two, three = coded(self.samples, self.real, self.held_out)
        return one, two, three

    @cached_property
    def kept(self) -> list[Int64[np.ndarray, " k"]]:
        """The samples that are left without each group."""
        n = len(self.samples)
        groups = min(GROUPS, n)
        return [np.flatnonzero(np.arange(n) % groups != group) for group in range(groups)]

    def jackknifed(self, statistic: Callable[[Int64[np.ndarray, " k"]], float], better: Direction) -> TextScore:
        """A statistic of some of the samples: of all, with the standard error of the delete-a-group jackknife."""
        without = np.array([statistic(rows) for rows in self.kept])
        groups = len(without)
        error = float(np.sqrt((groups - 1) / groups * np.square(without - without.mean()).sum()))
        return TextScore(statistic(np.arange(len(self.samples))), error, better)


def _mean(values: Float64[np.ndarray, " n"], better: Direction) -> TextScore:
    """A mean over sequences, of those that have a value."""
    values = values[~np.isnan(values)]
    if not len(values):
        return TextScore(0.0, 0.0, better)
    return TextScore(float(values.mean()), float(values.std() / np.sqrt(len(values))), better)


def _ratio(chances: LogChances, better: Direction) -> TextScore:
    """Nats a token of several sequences, with the standard error of a ratio of sums over sequences."""
    value = chances.nats_per_token
    off = -chances.of_sequences - value * chances.tokens
    return TextScore(value, float(np.sqrt(np.square(off).sum()) / max(1, chances.tokens.sum())), better)


def _quality(compared: _Compared) -> dict[str, TextScore]:
    """BLEU with held-out texts, fluency, what a model of the samples knows of real text, and distances of n-grams."""
    found = {f"BLEU-{order}": _mean(each, "higher") for order, each in bleu(compared.samples, compared.held_out, ORDERS).items()}
    fluency = kneser_ney(compared.real, compared.samples, vocabulary=compared.vocabulary)
    found["LM score"] = _ratio(fluency, "near the ceiling")

    def reverse(rows: Int64[np.ndarray, " k"]) -> float:
        return kneser_ney([compared.samples[row] for row in rows], compared.held_out, vocabulary=compared.vocabulary).nats_per_token

    found["reverse LM score"] = compared.jackknifed(reverse, "lower")
    samples, _, held_out = compared.coded
    for ngrams in ngrams_upto(max(DISTANCE_ORDERS), samples, held_out):

        def distance(rows: Int64[np.ndarray, " k"], ngrams: Ngrams = ngrams) -> float:
            return ngram_distance(ngrams.with_rows(rows))

        found[f"JS distance of {ngrams.order}-grams"] = compared.jackknifed(distance, "lower")
    return found


def _variety(compared: _Compared) -> dict[str, TextScore]:
    """How much samples differ from each other."""
    found = {f"self-BLEU-{order}": _mean(each, "near the ceiling") for order, each in self_bleu(compared.samples, ORDERS).items()}
    for ngrams in ngrams_upto(2, compared.coded[0]):

        def different(rows: Int64[np.ndarray, " k"], ngrams: Ngrams = ngrams) -> float:
            return distinct(ngrams.with_rows(rows))

        found[f"distinct-{ngrams.order}"] = compared.jackknifed(different, "near the ceiling")
    own = compared.samples
    found["distinct samples"] = compared.jackknifed(lambda rows: distinct_share([own[row] for row in rows]), "higher")
    found["most frequent sample"] = compared.jackknifed(lambda rows: most_frequent_share([own[row] for row in rows]), "lower")
    return found


def _novelty(compared: _Compared) -> dict[str, TextScore]:
    """How much of the samples is the training set."""
    unseen = unseen_shares(ngrams_upto(UNSEEN_ORDER, *compared.coded[:2])[-1])
    return {
        "copies": _mean(exact_copies(compared.samples, compared.real).astype(float), "near the ceiling"),
        "near copies": _mean(near_copies(compared.samples, compared.real).astype(float), "near the ceiling"),
        f"unseen {UNSEEN_ORDER}-grams": _mean(unseen, "near the ceiling"),
    }


def _form(compared: _Compared, length: int | None) -> dict[str, TextScore]:
    """Lengths, ends, runs of one token, and the lines of verse where real texts have a form."""
    samples, _, held_out = compared.coded
    lengths, real_lengths = samples.lengths, held_out.lengths
    found = {
        "length distance": compared.jackknifed(lambda rows: length_distance(lengths[rows], real_lengths), "lower"),
        "mean length": _mean(lengths.astype(float), "near the ceiling"),
        "longest run": _mean(longest_runs(samples).astype(float), "near the ceiling"),
    }
    if length is not None:
        found["ended"] = _mean((lengths < length).astype(float), "near the ceiling")
    if forms := common_forms(compared.real):
        found["form kept"] = _mean(has_form(compared.samples, forms).astype(float), "near the ceiling")
    return found


def _frechet(compared: _Compared, embed: Embed) -> TextScore:
    """Fréchet distance of the features of samples and of held-out sequences."""
    made, real = torch.from_numpy(embed(compared.samples)), Gaussian.fit(torch.from_numpy(embed(compared.held_out)))
    return compared.jackknifed(lambda rows: gaussian_frechet_distance(real, Gaussian.fit(made[torch.from_numpy(rows)])), "lower")
