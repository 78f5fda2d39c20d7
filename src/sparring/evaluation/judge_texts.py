"""Judging generated texts against real ones: every score between its floor and its ceiling."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sparring.core.errors import SettingsError
from sparring.core.random_streams import Streams
from sparring.evaluation.bounded_scores import BoundedScore, Estimate
from sparring.evaluation.text_judgment import AtTemperature, Example, Finding, Likelihood, TextJudgment
from sparring.evaluation.text_scores import Embed, TextScore, bounded_text_scores, text_scores
from sparring.metrics.sequences.copies import most_pairs_shared
from sparring.metrics.sequences.ngrams import Tokens, coded, ngrams_upto

FEWEST = 20
"""Smallest number of texts on each side."""
EXAMPLES, SEARCHED = 12, 20_000
"""Number of examples, and of training texts among which the nearest is searched for."""
OVER_TEMPERATURES = (
    "LM score",
    "reverse LM score",
    "BLEU-4",
    "self-BLEU-4",
    "JS distance of 2-grams",
    "distinct samples",
    "copies",
    "form kept",
)
"""Scores that are shown for several temperatures."""
AGAIN, LESS_VARIED, NOT_FLUENT, UNENDED, COPIED, FORM_LOST = 0.02, 0.1, 1.0, 0.1, 0.05, 0.1
"""By how much more than held-out texts samples are the most frequent one, are like each other (self-BLEU-4), unlikely (nats a token),
without an end, copies, or without the form of the data, before it is found to be wrong."""
RUN_TIMES = 2.0
"""How many times as long as in held-out texts runs of one token are, on average, before it is found to be wrong."""


@dataclass(frozen=True, eq=False)
class TextSet:
    """Texts and their tokens."""

    texts: Sequence[str]
    tokens: Sequence[Tokens]

    def __len__(self) -> int:
        return len(self.texts)


def judge_texts(
    training: TextSet,
    generated: TextSet,
    held_out: TextSet | None,
    *,
    items: str = "texts",
    length: int | None = None,
    embed: Embed | None = None,
    likelihood: Likelihood | None = None,
    at_temperatures: Mapping[float, TextSet] | None = None,
    lost: int = 0,
    seed: int = 0,
) -> TextJudgment:
    """Score generated texts against those that their generator was trained on. The result depends on the seed and on nothing else random.
    Without held-out texts, half of the training set stands in, and copies cannot be told. `at_temperatures`: further samples, for curves.
    `lost`: number of generated sequences that stand for no text. A SettingsError for too few texts.
    """
    notes, unseen, real = [], held_out, training
    if unseen is None:
        real, unseen = in_halves(training, seed)
        notes.append(
            f"No {items} were held out, so one half of the training set stands for training and the other for held-out {items}. The "
            "generator may have seen both, and whether it copies cannot be told."
        )
    if (least := min(len(generated), len(unseen), len(real))) < FEWEST:
        raise SettingsError(f"A judgment needs at least {FEWEST} {items} on each side, and one has {least}.")
    bounds = bounded_text_scores(generated.tokens, real.tokens, unseen.tokens, seed=seed, length=length, embed=embed)
    scored = min(len(generated), len(unseen) // 2)
    protocol = f"{scored:,} {items} on each side, compared with {len(unseen) - len(unseen) // 2:,} held-out ones; errors by the jackknife"
    scores = [
        BoundedScore(name, _estimate(each), _estimate(bounds.floor[name]), _estimate(bounds.ceiling[name]), each.better, protocol)
        for name, each in bounds.yours.items()
        if name in bounds.floor and name in bounds.ceiling
    ]
    if lost:
        notes.append(f"{lost:,} of {lost + len(generated):,} generated sequences stand for none of the {items}, and are left out here.")
    curves = [
        AtTemperature(temperature, _some(text_scores(each.tokens[:scored], real.tokens, unseen.tokens, length=length)))
        for temperature, each in sorted((at_temperatures or {}).items())
    ]
    return TextJudgment(
        items,
        {
            "training": len(training),
            "held out": 0 if held_out is None else len(held_out),
            "generated": len(generated) + lost,
            "scored": scored,
        },
        tuple(scores),
        likelihood,
        tuple(curves),
        _examples(generated, training),
        tuple(_findings(scores, items, held_out is not None)),
        tuple(notes),
        seed,
    )


def in_halves(texts: TextSet, seed: int) -> tuple[TextSet, TextSet]:
    """Two halves of the texts, by chance."""
    order: list[int] = Streams(seed, 0, scope="judge texts").uniform("halves", len(texts)).argsort().tolist()
    half = len(order) // 2
    one, other = (TextSet([texts.texts[row] for row in some], [texts.tokens[row] for row in some]) for some in (order[:half], order[half:]))
    return one, other


def _estimate(score: TextScore) -> Estimate:
    return Estimate(score.value, score.standard_error)


def _some(scores: Mapping[str, TextScore]) -> dict[str, float]:
    return {name: scores[name].value for name in OVER_TEMPERATURES if name in scores}


def _examples(generated: TextSet, training: TextSet) -> tuple[Example, ...]:
    """The first generated texts, and the nearest training text of each."""
    made, real = generated.tokens[:EXAMPLES], training.tokens[:SEARCHED]
    nearest: list[int] = most_pairs_shared(ngrams_upto(2, *coded(made, real))[1], len(real)).tolist()
    texts = zip(generated.texts[:EXAMPLES], nearest, strict=True)
    return tuple(Example(text, training.texts[place] if place >= 0 else "") for text, place in texts)


def _findings(scores: Sequence[BoundedScore], items: str, knows_copies: bool) -> list[Finding]:
    """What is wrong, by how samples differ from held-out texts."""
    by_name = {score.name: score for score in scores}
    found = []

    def sides(name: str) -> tuple[float, float]:
        score = by_name.get(name)
        return (0.0, 0.0) if score is None else (score.yours.value, score.ceiling.value)

    yours, real = sides("most frequent sample")
    if yours > real + AGAIN:
        found.append(Finding("one text again and again", f"{yours:.1%} of the {items} are one and the same ({real:.1%} of held-out ones)."))
    yours, real = sides("self-BLEU-4")
    if yours > real + LESS_VARIED:
        found.append(
            Finding("less varied", f"Samples are more like each other than held-out {items}: self-BLEU-4 {yours:.3f}, not {real:.3f}.")
        )
    yours, real = sides("LM score")
    if yours > real + NOT_FLUENT:
        found.append(
            Finding("not fluent", f"An n-gram model of the training set finds samples unlikely: {yours:.2f} nats a token, not {real:.2f}.")
        )
    yours, real = sides("longest run")
    if yours > RUN_TIMES * real:
        found.append(
            Finding("repeats tokens", f"One token comes {yours:.1f} times in a row on average, and {real:.1f} times in held-out {items}.")
        )
    yours, real = sides("ended")
    if yours < real - UNENDED:
        found.append(Finding("never ends", f"{1 - yours:.1%} of the samples have no end, and {1 - real:.1%} of held-out {items}."))
    yours, real = sides("copies")
    if knows_copies and yours > real + COPIED:
        found.append(Finding("copies texts", f"{yours:.1%} of the {items} are in the training set, and {real:.1%} of held-out ones."))
    yours, real = sides("form kept")
    if yours < real - FORM_LOST:
        found.append(
            Finding("form lost", f"{yours:.1%} of the samples have the form of the data's verse, and {real:.1%} of held-out ones.")
        )
    return found
