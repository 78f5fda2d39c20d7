"""Metrics of sequences against nltk, hand calculation and enumeration, and failures made on purpose."""

import itertools
import math
import warnings
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from sparring.evaluation.text_scores import TextBounds, bounded_text_scores, text_scores
from sparring.metrics.sequences.bleu import bleu, self_bleu
from sparring.metrics.sequences.copies import edit_distances, exact_copies, near_copies, unseen_shares
from sparring.metrics.sequences.distances import jensen_shannon, length_distance
from sparring.metrics.sequences.kneser_ney import kneser_ney
from sparring.metrics.sequences.ngrams import Tokens, coded, ngrams_upto
from sparring.metrics.sequences.variety import common_forms, distinct, form_of, has_form, longest_runs, most_frequent_share

Score = Callable[[list[str], list[list[str]], int], float]
Data = tuple[list[list[str]], list[list[str]]]


def random_texts(n: int, seed: int, *, vocabulary: int = 6, longest: int = 9) -> list[list[str]]:
    random = np.random.default_rng(seed)
    return [[f"w{code}" for code in random.integers(0, vocabulary, random.integers(1, longest + 1))] for _ in range(n)]


def chain(n: int, seed: int, length: int = 8, kinds: int = 5) -> list[list[str]]:
    """A Markov chain over so many tokens, each of which is followed by one of two, more often by the first."""
    random = np.random.default_rng(seed)
    tokens = [random.integers(0, kinds, n)]
    for _ in range(length - 1):
        tokens.append((tokens[-1] + np.where(random.random(n) < 0.8, 1, 3)) % kinds)
    return [[f"t{code}" for code in row] for row in np.stack(tokens, axis=1)]


CHAIN_ENTROPY = -(0.8 * math.log(0.8) + 0.2 * math.log(0.2))


# ----------------------------------------------------------------------------------------------------------------- BLEU


@pytest.fixture(scope="module")
def nltk_bleu() -> Score:
    module = pytest.importorskip("nltk.translate.bleu_score")
    smooth = module.SmoothingFunction().method1

    def score(hypothesis: list[str], references: list[list[str]], order: int) -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return float(module.sentence_bleu(references, hypothesis, weights=(1 / order,) * order, smoothing_function=smooth))

    return score


def test_bleu_equals_nltk(nltk_bleu: Score) -> None:
    made, references = random_texts(30, 1), random_texts(12, 2, longest=7)
    for order, found in bleu(made, references).items():
        assert found == pytest.approx([nltk_bleu(each, references, order) for each in made], abs=1e-12)


def test_self_bleu_equals_nltk(nltk_bleu: Score) -> None:
    made = random_texts(25, 3)
    made[4] = made[3]
    for order, found in self_bleu(made).items():
        expected = [nltk_bleu(each, made[:row] + made[row + 1 :], order) for row, each in enumerate(made)]
        assert found == pytest.approx(expected, abs=1e-12)


def test_bleu_by_hand() -> None:
    # three of four tokens and one of three pairs are found; the lengths are the same
    assert bleu([["a", "b", "c", "x"]], [["b", "c", "q", "a"]], (2,))[2] == pytest.approx([math.sqrt(3 / 4 * 1 / 3)])
    assert bleu([["z"]], [["a"]], (2,))[2] == [0.0], "nothing is found"


# ------------------------------------------------------------------------------------------- distances, variety, copies


def test_jensen_shannon_by_hand() -> None:
    assert jensen_shannon(np.array([3, 0]), np.array([0, 5])) == 1
    assert jensen_shannon(np.array([1, 2]), np.array([10, 20])) == 0
    p, q = (1.0, 0.0), (0.5, 0.5)
    divergence = (math.log2(1 / 0.75) + 0.5 * math.log2(0.5 / 0.75) + 0.5 * math.log2(0.5 / 0.25)) / 2
    assert jensen_shannon(np.array([2, 0]), np.array([1, 1])) == pytest.approx(math.sqrt(divergence)), (p, q)


def test_ngrams_are_counted_as_tuples_are() -> None:
    texts, others = random_texts(40, 4), random_texts(30, 5)
    for ngrams in ngrams_upto(4, *coded(texts, others)):
        for number, some in enumerate((texts, others)):
            tuples = [tuple(each[i : i + ngrams.order]) for each in some for i in range(len(each) - ngrams.order + 1)]
            counts = ngrams.counts(number)
            assert counts.sum() == len(tuples)
            assert (counts > 0).sum() == len(set(tuples))
            assert sorted(counts[counts > 0]) == sorted(tuples.count(each) for each in set(tuples))


def test_numbers_of_variety_by_hand() -> None:
    texts = [["a", "a", "b"], ["a", "a", "b"], ["c"]]
    (own,) = coded(texts)
    ngrams = ngrams_upto(2, own)
    assert distinct(ngrams[0]) == 3 / 7
    assert distinct(ngrams[1]) == 2 / 4
    assert most_frequent_share(texts) == 2 / 3
    assert longest_runs(own).tolist() == [2, 2, 1]
    assert length_distance(np.array([3, 3]), np.array([1, 3])) == 1.0


def test_edit_distance_equals_the_textbook_recursion() -> None:
    def textbook(a: list[str], b: list[str]) -> int:
        table = {(i, 0): i for i in range(len(a) + 1)} | {(0, j): j for j in range(len(b) + 1)}
        for i, j in itertools.product(range(1, len(a) + 1), range(1, len(b) + 1)):
            table[i, j] = min(table[i - 1, j] + 1, table[i, j - 1] + 1, table[i - 1, j - 1] + (a[i - 1] != b[j - 1]))
        return table[len(a), len(b)]

    ones, others = random_texts(60, 6, vocabulary=3), random_texts(60, 7, vocabulary=3)
    assert edit_distances(*coded(ones, others)).tolist() == [textbook(a, b) for a, b in zip(ones, others, strict=True)]


def test_copies_and_near_copies() -> None:
    real = [list("abcdefghij"), list("klmnopqrst"), list("uvwxyzabcd")]
    made = [list("abcdefghij"), list("abcdeXfghij"), list("tsrqponmlk"), list("abcdeXYZhij")]
    assert exact_copies(made, real).tolist() == [True, False, False, False]
    assert near_copies(made, real).tolist() == [True, True, False, False]
    unseen = unseen_shares(ngrams_upto(2, *coded(made, real))[1])
    assert unseen.tolist() == [0, 2 / 10, 1, 4 / 10]


def test_form_of_verse() -> None:
    verse = [*"abcde\nfghij\nklmno\npqrst"]
    forms = common_forms([verse] * 9 + [[*"ab\ncd"]])
    assert form_of([*"ab\ncd\n"]) == form_of([*"ab\ncd"]) == (2, 2)
    assert has_form([verse, [*"abcde\nfghij\nklmno\npqrs"], [*"abcde\nfghijklmno\npqrst"]], forms).tolist() == [True, False, False]
    assert not common_forms([["a", "b"]] * 5), "single lines have no form"


# ---------------------------------------------------------------------------------------------------------- Kneser-Ney


def test_chances_of_all_sequences_sum_to_one() -> None:
    training = [list(each) for each in ("ab", "abb", "ba", "a", "bab")]
    texts = [list(each) for n in range(13) for each in itertools.product("ab", repeat=n)]
    found = np.exp(kneser_ney(training, texts, order=3).of_sequences)
    lengths = np.array([len(each) for each in texts])
    upto = np.cumsum([found[lengths == n].sum() for n in range(13)])
    assert upto[-1] < 1
    assert upto[-1] > 0.98, "long sequences are rare"
    left = 1 - upto  # what is left shrinks by a constant factor, so that it goes to zero, and the sum to one
    assert left[-1] / left[-2] == pytest.approx(left[-2] / left[-3], rel=0.02)
    assert left[-1] / left[-2] < 0.9


def test_kneser_ney_by_hand() -> None:
    """Bigrams of "ab", "ab", "ac". The discounts: of bigrams, 1 / (1 + 2 * 1) for "ac" comes once and "^a", "ab", "b$" more often."""
    found = kneser_ney([["a", "b"], ["a", "b"], ["a", "c"]], [["a", "c"]], order=2)
    # bigram counts: ^a 3, ab 2, b$ 2, ac 1, c$ 1: n1 = 2, n2 = 2, d = 2 / 6
    d = 2 / 6
    # continuation counts: a 1, b 1, c 1, $ 2: n1 = 3, n2 = 1, discount 3 / 5; 4 kinds, 5 in all, and 4 tokens with the end
    lower = {token: (count - 3 / 5) / 5 + 3 / 5 * 4 / 5 / 4 for token, count in {"a": 1, "b": 1, "c": 1, "$": 2}.items()}
    assert sum(lower.values()) == pytest.approx(1)
    first = (3 - d) / 3 + d * 1 / 3 * lower["a"]
    second = (1 - d) / 3 + d * 2 / 3 * lower["c"]
    third = (1 - d) / 1 + d * 1 / 1 * lower["$"]
    assert found.of_sequences[0] == pytest.approx(math.log(first) + math.log(second) + math.log(third))
    assert found.tokens.tolist() == [3]


def test_the_entropy_of_a_chain_is_reached() -> None:
    found = kneser_ney(chain(3000, 1), chain(1000, 2), order=2)
    per_sequence = -found.of_sequences.mean()
    # the first token of five, seven that follow, and a certain end, which bigrams cannot foresee: 1 / 8 of all tokens are followed by it
    end = -(7 * math.log(7 / 8) + math.log(1 / 8))
    assert per_sequence == pytest.approx(math.log(5) + 7 * CHAIN_ENTROPY + end, rel=0.02)


# ------------------------------------------------------------------------------------------------ failures made on purpose


@pytest.fixture(scope="module")
def data() -> Data:
    texts = chain(2600, 5, length=10, kinds=40)
    real, held_out = texts[:1800], texts[1800:]
    return real, held_out


@pytest.fixture(scope="module")
def bounds(data: Data) -> TextBounds:
    return bounded_text_scores(chain(400, 9, length=10, kinds=40), *data, length=11)


def by_name(bounds: TextBounds, which: str) -> dict[str, float]:
    return {name: each.value for name, each in getattr(bounds, which).items()}


def test_good_samples_are_near_the_ceiling_and_floors_are_worse(bounds: TextBounds) -> None:
    for name, yours in bounds.yours.items():
        ceiling, floor = bounds.ceiling[name], bounds.floor[name]
        error = 5 * (yours.standard_error**2 + ceiling.standard_error**2) ** 0.5
        assert abs(yours.value - ceiling.value) <= max(error, 0.02), name
        if name.startswith(("BLEU", "JS distance of 2", "JS distance of 3", "reverse")):
            worse = floor.value > ceiling.value if yours.better == "lower" else floor.value < ceiling.value
            assert worse, name


COLLAPSES = {
    "one repeated text": {
        "distinct-2": -1, "most frequent sample": 1, "distinct samples": -1, "reverse LM score": 1, "JS distance of 2-grams": 1,
    },
    "one token": {"longest run": 1, "LM score": 1, "distinct-1": -1, "BLEU-3": -1, "reverse LM score": 1, "unseen 4-grams": 1},
    "shuffled words": {"LM score": 1, "BLEU-3": -1, "JS distance of 2-grams": 1, "unseen 4-grams": 1},
    "copies": {"copies": 1, "near copies": 1},
    "never ends": {"ended": -1, "mean length": 1, "length distance": 1},
}  # fmt: skip


@pytest.mark.parametrize("failure", COLLAPSES)
def test_a_failure_is_seen(failure: str, data: Data, bounds: TextBounds) -> None:
    real, held_out = data
    random = np.random.default_rng(0)
    good = chain(400, 9, length=10, kinds=40)
    made = {
        "one repeated text": [good[0]] * 390 + good[:10],
        "one token": [["t1"] * 10] * 400,
        "shuffled words": [list(random.permutation(each)) for each in good],
        "copies": [[*each] for each in real[:400]],
        "never ends": [[*each, "t0", "t1", "t2"][:11] for each in good],
    }[failure]
    scores = text_scores(made, real, held_out[400:], length=11)
    for name, direction in COLLAPSES[failure].items():
        ceiling = bounds.ceiling[name]
        apart = direction * (scores[name].value - ceiling.value)
        assert apart > max(4 * (scores[name].standard_error ** 2 + ceiling.standard_error**2) ** 0.5, 1e-9), name


def test_self_bleu_sees_samples_that_are_too_alike() -> None:
    """Of 400 texts of a large vocabulary, against 400 of which ten are repeated."""
    varied = [each for each in random_texts(600, 1, vocabulary=300) if len(each) > 3][:200]
    assert self_bleu(varied[:10] * 20)[3].min() == 1
    assert self_bleu(varied)[3].mean() < 0.2


def test_a_repeated_fluent_text_fools_the_lm_score_and_not_the_reverse_one(data: Data, bounds: TextBounds) -> None:
    """Why both are there."""
    real, held_out = data
    likeliest = [f"t{code % 40}" for code in range(10)]
    scores = text_scores([likeliest] * 400, real, held_out[400:])
    assert scores["LM score"].value < bounds.ceiling["LM score"].value
    assert scores["reverse LM score"].value > 1.5 * bounds.ceiling["reverse LM score"].value


def test_features_give_a_frechet_distance(data: Data) -> None:
    real, held_out = data

    def embed(texts: Sequence[Tokens]) -> np.ndarray:
        return np.array([[each.count(f"t{code}") for code in range(3)] for each in texts], np.float32)

    bounds = bounded_text_scores(chain(400, 9, length=10, kinds=40), real, held_out, embed=embed)
    found = by_name(bounds, "yours")["Fréchet distance"]
    assert found < 0.2
    assert text_scores([["t1"] * 10] * 50, real, held_out, embed=embed)["Fréchet distance"].value > 10 * found


def test_tokens_of_the_training_set_count_where_samples_and_held_out_texts_lack_them(data: Data) -> None:
    """What a model of the samples leaves for tokens that it never saw is shared by all that there are."""
    held_out = [["a", "b"], ["b", "a"]]
    few, many = (text_scores([["a"], ["a"]], real, held_out) for real in ([["a"], ["b"]], [[f"t{code}"] for code in range(50)]))
    assert many["reverse LM score"].value > few["reverse LM score"].value + 1


def test_too_few_sequences_are_refused(data: Data) -> None:
    with pytest.raises(ValueError, match="at least two"):
        text_scores([["a"]], *data)
