"""What is wrong with generated health records, by the scores of a judgment."""

from collections.abc import Iterator

from sparring.evaluation.records_judgment import LOST_ABOVE, Finding, RecordsJudgment
from sparring.metrics.tables.confidence_bounds import binomial_tail

FREQUENCIES = (2.0, 0.005)
"""Frequencies of codes are wrong if their error is more than so many times what chance gives, and so much more ..."""
INDEPENDENT_WAY = 50.0
"""... codes are independent if predictions have come less than so much of the way from independent codes, in percent ..."""
NUMBERS = 0.2
"""... numbers of codes are wrong from so many standard deviations on (and beyond three standard errors of what real patients have) ..."""
TOLD_APART = 0.9
"""... and patients are told apart from this AUC of trees on."""
DOUBT = 0.01
"""Probability below which copies and attacks are not put down to chance."""


def find_problems(judgment: RecordsJudgment) -> Iterator[Finding]:
    """Everything that is wrong, the plainest first."""
    every = judgment.everybody
    if every.lost:
        named = ", ".join(every.lost[:6]) + (f" and {len(every.lost) - 6} more" if len(every.lost) > 6 else "")
        yield Finding("codes lost", f"Codes that more than {LOST_ABOVE:.1%} of the real patients have never come: {named}.")
    times, more = FREQUENCIES
    if every.error > times * every.error_by_chance + more:
        sentence = f"Frequencies of codes are off by {every.error:.3f} (root mean square), where chance gives {every.error_by_chance:.3f}."
        yield Finding("frequencies wrong", sentence)
    yield from _independent(judgment)
    for name in ("codes per patient", "visits per patient"):
        yield from _numbers(judgment, name)
    yield from _privacy(judgment)
    detection = judgment["detection"]
    if detection.yours.value > TOLD_APART and detection.ceiling.value < 0.6:
        yield Finding(
            "told apart", f"Trees tell generated patients from real ones with an AUC of {detection.yours.value:.3f} (0.5: not at all)."
        )


def _independent(judgment: RecordsJudgment) -> Iterator[Finding]:
    names = [score.name for score in judgment.scores]
    way = judgment["prediction (F1)"].percent_of_the_way if "prediction (F1)" in names else None
    if way is not None and way < INDEPENDENT_WAY:
        yield Finding(
            "codes independent",
            "Codes of a patient have little to do with each other: what is learned from generated patients predicts codes "
            f"{max(way, 0):.0f} % of the way from independent codes to real patients.",
        )


def _numbers(judgment: RecordsJudgment, name: str) -> Iterator[Finding]:
    if name not in judgment.numbers or all(score.name != name for score in judgment.scores):
        return
    score = judgment[name]
    allowed = score.ceiling.value + 3 * (score.ceiling.standard_error or 0)
    if score.yours.value > max(NUMBERS, allowed):
        real, yours = (judgment.numbers[name][side] for side in ("real", "yours"))
        what = name.partition(" ")[0]
        yield Finding(
            "codes per patient wrong",
            f"Patients have {yours.mean():.1f} {what} on average (standard deviation {yours.std():.1f}), and real ones {real.mean():.1f} "
            f"({real.std():.1f}).",
        )


def _privacy(judgment: RecordsJudgment) -> Iterator[Finding]:
    privacy = judgment.privacy
    if privacy is None:
        return
    generated, chance = judgment.counts["generated"], privacy.held_out_copies + 1 / max(1, judgment.counts["held out"])
    copies = round(privacy.copies * generated)
    if copies and binomial_tail(copies, generated, min(2 * chance, 0.999)) < DOUBT:
        yield Finding(
            "copies patients",
            f"{privacy.copies:.1%} of generated patients have exactly the codes of a patient that was trained on; of held-out patients "
            f"{privacy.held_out_copies:.1%} do.",
        )
    doubt = DOUBT / (2 * len(privacy.attacks))
    for attack in privacy.attacks:
        deviations = (attack.auc.value - 0.5) / attack.auc.standard_error
        if deviations > 3 or attack.true_positive_p < doubt:
            yield Finding(
                "patients betrayed",
                f"The attack by {attack.name} tells patients that were trained on from others: AUC {attack.auc.value:.3f}, and "
                f"{attack.true_positives:.1%} found while 1 % of others are accused.",
            )
    guess = privacy.disclosure
    if guess.leak > 3 * guess.error + 0.01:
        yield Finding(
            "patients betrayed",
            "Codes of patients that were trained on are guessed better than those of others: F1 "
            f"{guess.training:.3f} and {guess.held_out:.3f}.",
        )
