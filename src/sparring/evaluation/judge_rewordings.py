"""Judging a model that rewords texts: on held-out texts of the lowest third, beside leaving them and the nearest texts that scored high."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sparring.core.errors import SettingsError
from sparring.core.formatting import plural
from sparring.data.sequences.kept_words import word_forms
from sparring.data.sequences.sequence_dataset import SequenceDataset
from sparring.evaluation.bounded_scores import Estimate
from sparring.evaluation.rewording_judgment import RewordingFinding, RewordingJudgment, in_points
from sparring.evaluation.rewording_report import write_rewording_report
from sparring.games.capabilities import Rewords
from sparring.inference.model import Model
from sparring.inference.popular_texts import PopularTexts, expected_of, scorer_ranking
from sparring.inference.reword import RewordedText, likeness, on_device, reword, rewording_game
from sparring.inference.reword_table import ways_of
from sparring.inference.training_texts import training_texts
from sparring.metrics.sequences.drawn_rewordings import drawn_signs
from sparring.metrics.sequences.kneser_ney import kneser_ney
from sparring.metrics.sequences.ranking import log_odds_slope

MOST, FEWEST = 500, 20
"""Number of texts that are judged where nobody says, and at least."""
DRAWN = 8
"""Rewordings of a text that are looked at as they are drawn, before any rule leaves some out."""
NO_BETTER = 2.0
"""Standard errors by which rewordings must be above what they are compared with."""
UNFLUENT = 0.7
"""Nats a word by which rewordings may be less likely than held-out texts, to counts of the training texts."""
COPIES, SAME, ASTRAY, WITHOUT = 0.5, 0.1, 0.8, 0.25
"""Share of rewordings as drawn that are their text, that are one and the same, or that lose or make up what must be kept; and of texts
that get none: above these something is wrong."""
UNSURE = 0.55
"""Area under the curve below which scorers hardly tell texts apart."""


def judge_rewordings(
    model: Model,
    *,
    samples: int | None = None,
    data: Any = None,  # noqa: ANN401 (a frame)
    seed: int = 0,
    out: str | os.PathLike[str] | None = None,
) -> RewordingJudgment:
    """Reword held-out texts of the lowest third, and say what is expected of the rewordings, what they keep and how fluent they are.

    `samples`: number of texts (None: 500 at most). `data`: the training data, if it was a frame. `out`: a folder for report.json and
    report.html. A SettingsError if too few texts were held out, or the run's data is not where it was.
    """
    game = rewording_game(model)
    training, held_out = training_texts(model, data)
    texts = low_texts(training, held_out)
    if len(texts) < FEWEST:
        raise SettingsError(
            f"A judgment needs at least {FEWEST} held-out texts of the lowest third that are not in the training set, and there are "
            f"{len(texts)}. Train with a larger --holdout."
        )
    texts = texts[: samples or MOST]
    found = [each for each in reword(model, texts, seed=seed) if each.original is not None]
    popular = PopularTexts(game, training)
    nearest = [popular.nearest(each.text) for each in found]
    ways = ways_of(game, found, nearest)
    signs = drawn_signs_of(game, training, found, seed)
    fluent = fluency_of(training, held_out, found, [near.text for near in nearest if near is not None])
    ranked = scorer_ranking(game, [held_out])
    slope = calibration_of(game, held_out)
    best = np.array([_best(each) for each in found])
    as_is = np.array([each.original.expected for each in found if each.original is not None])
    above_nearest = None
    if all(near is not None for near in nearest):
        above_nearest = paired(best - np.array([near.expected for near in nearest if near is not None]))
    judgment = RewordingJudgment(
        ways,
        paired(best - as_is),
        above_nearest,
        ranked,
        slope,
        fluent,
        signs,
        sum(not each.rewordings for each in found),
        tuple(found[:MOST]),
        tuple(nearest[:MOST]),
        (),
        (
            f"{plural(len(found), 'held-out text', 'held-out texts')} of the lowest third that the run has not seen; expected by scorers "
            "that have seen neither these texts nor the run's training. Errors are over texts: those of the scorers themselves come on "
            "top. High texts that are nearest come from the training set, so that their words are likely by its counts.",
        ),
        seed,
    )
    judgment = judgment.with_findings(tuple(findings_of(judgment)))
    if out is not None:
        write_rewording_report(judgment, Path(out))
    return judgment


def low_texts(training: SequenceDataset, held_out: SequenceDataset) -> list[str]:
    """Held-out texts of the lowest third, without those that the training set has, too."""
    known = {likeness(text) for text in training.texts()}
    labels = held_out.labels
    assert labels is not None
    return [text for text in dict.fromkeys(held_out.texts(np.flatnonzero(labels == 0))) if likeness(text) not in known]


def _best(each: RewordedText) -> float:
    """What is expected of the best rewording of a text, or of the text if it has none."""
    own = each.rewordings[0] if each.rewordings else each.original
    assert own is not None
    return own.expected


def paired(differences: np.ndarray) -> Estimate:
    """The mean of differences of the same texts, with its standard error."""
    return Estimate(float(differences.mean()), float(differences.std(ddof=1) / len(differences) ** 0.5))


def fluency_of(
    training: SequenceDataset, held_out: SequenceDataset, found: Sequence[RewordedText], nearest: Sequence[str]
) -> dict[str, float]:
    """Nats a word of texts by counts of words of the training texts, without regard of capitals."""
    known = [word_forms(text) for text in training.texts()]
    best = [each.rewordings[0].text for each in found if each.rewordings]
    sets = {"held-out texts": held_out.texts()[:MOST], "left as it is": [each.text for each in found], "best rewording": best}
    sets["nearest high text"] = list(nearest)
    return {name: kneser_ney(known, [word_forms(text) for text in texts]).nats_per_token for name, texts in sets.items() if texts}


def calibration_of(game: Rewords, held_out: SequenceDataset) -> float | None:
    """Slope of the log-odds of what happened over those that were expected, of held-out texts (1: right; below 1: too sure)."""
    labels = held_out.labels
    assert labels is not None
    last = len(held_out.spec.classes) - 1
    extreme = np.flatnonzero((labels == 0) | (labels == last))
    high = labels[extreme] == last
    return None if high.all() or not high.any() else log_odds_slope(expected_of(game, held_out.codes(extreme)), high)[0]


def drawn_signs_of(game: Rewords, training: SequenceDataset, found: Sequence[RewordedText], seed: int) -> dict[str, float]:
    """What rewordings are like as they are drawn, before any rule leaves some out."""
    spec = game.sequence_spec
    rows = [codes for each in found if (codes := spec.codes_of_tokens(spec.cut.tokens_of(each.text))) is not None]
    if not rows:
        return {}
    codes = np.stack(rows)
    drawn = game.reword(on_device(game, codes), DRAWN, seed).cpu().numpy()
    return drawn_signs(codes, drawn, np.array([False, *spec.kept_tokens]))


def findings_of(judgment: RewordingJudgment) -> list[RewordingFinding]:
    """What is wrong."""
    found, signs = [], judgment.drawn
    count = len(judgment.found)
    if judgment.ranking is not None and judgment.ranking.auc < UNSURE:
        sentence = (
            f"The scorers hardly tell texts apart (AUC {judgment.ranking.auc:.3f}): what they expect means little. The score may have "
            "nothing to do with the text."
        )
        found.append(RewordingFinding("scorers are unsure", sentence))
    gain = judgment.gain
    if gain.value <= NO_BETTER * (gain.standard_error or 0.0):
        found.append(RewordingFinding("no better than leaving it", f"Rewordings are expected to gain {in_points(gain)}."))
    if signs.get("copies", 0) > COPIES:
        found.append(RewordingFinding("copies its input", f"{signs['copies']:.0%} of the rewordings are drawn as the text that came in."))
    if signs.get("most common", 0) > SAME:
        found.append(
            RewordingFinding("ignores its input", f"{signs['most common']:.0%} of the rewordings, of whatever text, are the same one.")
        )
    if signs.get("astray", 0) > ASTRAY:
        sentence = f"{signs['astray']:.0%} of the rewordings, as drawn, lose or make up numbers, names or telling words, and are left out."
        found.append(RewordingFinding("loses what must be kept", sentence))
    if judgment.without > WITHOUT * count:
        found.append(RewordingFinding("few rewordings", f"{judgment.without:,} of {count:,} texts get no rewording. Train longer."))
    nats = judgment.fluency
    if nats.get("best rewording", 0.0) > nats.get("held-out texts", np.inf) + UNFLUENT:
        sentence = f"Rewordings take {nats['best rewording']:.2f} nats a word, held-out texts {nats['held-out texts']:.2f}. Train longer."
        found.append(RewordingFinding("not fluent", sentence))
    return found
