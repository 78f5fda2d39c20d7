"""Whether generated images show the labels that they were asked for: scores beside those of other real images, and of shuffled labels."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import one_hot

from sparring.data.images.image_labels import describe_label
from sparring.data.listed_images import LabelColumn
from sparring.evaluation.scores import MIN_CLASS_IMAGES, Protocol, Score
from sparring.metrics.label_recovery import Recovery, class_recovery, ridge_predictions, value_recovery

HELD_OUT_ONE_IN = 5
"""One in so many real images is not fitted to, and says how well labels can be read from real images."""
UNREADABLE, IGNORED, WEAK = 0.1, 0.2, 0.6
"""Shares of the way from shuffled to right labels: below the first, real images do not show a label; below the second share of what real
images reach, generated ones ignore it; below the third, they follow it weakly."""


def label_scores(
    real: Sequence[LabelColumn],
    fake: Sequence[LabelColumn],
    real_rows: Float[Tensor, "n d"],
    fake_rows: Float[Tensor, "m d"],
    protocol: Protocol,
) -> tuple[list[Score], list[str]]:
    """Scores of each label that both sides have, and sentences on those that generated images do not follow. `real_rows`, `fake_rows`:
    features. Of classes the share of images that are recognized as the class asked for, of numbers the mean absolute error.
    """
    others, scores, sentences = {column.name: column for column in real}, list[Score](), list[str]()
    for asked in fake:
        known = others.get(asked.name)
        if known is None or known.classes != asked.classes or len(real_rows) < HELD_OUT_ONE_IN * MIN_CLASS_IMAGES:
            continue
        of_fake, of_real = recovery_of(known, asked, real_rows, fake_rows)
        name = f"accuracy of {asked.name}" if asked.classes else f"error of {asked.name}"
        held_out = replace(protocol, n_fake=len(real_rows[::HELD_OUT_ONE_IN]), seed=None, fake_images=protocol.real_images)
        better = "higher" if asked.classes else "lower"
        scores.append(Score(name, of_fake.value, better, protocol, of_fake.standard_error))
        scores.append(Score(f"{name}, real images", of_real.value, better, held_out, of_real.standard_error))
        scores.append(Score(f"{name}, labels shuffled", of_fake.by_chance, better, protocol))
        sentences += interpretation(asked, of_fake, of_real)
    return scores, sentences


def recovery_of(
    real: LabelColumn, asked: LabelColumn, real_rows: Float[Tensor, "n d"], fake_rows: Float[Tensor, "m d"]
) -> tuple[Recovery, Recovery]:
    """How well a label can be read from generated images, and from real ones that were not fitted to."""
    held = torch.arange(len(real_rows)) % HELD_OUT_ONE_IN == 0
    label = describe_label(real.name, real.classes, real.values)
    if real.classes:
        targets = one_hot(torch.from_numpy(real.values).long(), len(real.classes)).double()
    else:  # by rank, so that far values do not count more
        targets = torch.from_numpy(label.positions(real.values))[:, None]
    predicted = ridge_predictions(real_rows[~held], targets[~held], [real_rows[held], fake_rows], targets[held])
    wanted = [torch.from_numpy(real.values)[held], torch.from_numpy(asked.values)]
    if real.classes:
        on_real, on_fake = (class_recovery(rows.argmax(dim=1), values.long()) for rows, values in zip(predicted, wanted, strict=True))
    else:
        found = [torch.from_numpy(label.values(rows[:, 0].numpy())) for rows in predicted]
        on_real, on_fake = (value_recovery(rows, values) for rows, values in zip(found, wanted, strict=True))
    return on_fake, on_real


def interpretation(label: LabelColumn, fake: Recovery, real: Recovery) -> list[str]:
    """A sentence on a label that images do not show as they should; none if they do."""
    best = 1.0 if label.classes else 0.0
    readable, followed = (
        (each.by_chance - each.value) / (each.by_chance - best) if each.by_chance != best else 0.0 for each in (real, fake)
    )
    if readable < UNREADABLE:
        return [f"{label.name}: real images hardly show it by these features, so whether generated ones follow it is not known."]
    values = f"{fake.value:.3g}, and {real.value:.3g} for real images, {fake.by_chance:.3g} for shuffled labels"
    what = "the share recognized as asked for is" if label.classes else "the mean error is"
    if followed < IGNORED * readable:
        return [f"{label.name} is ignored: images do not show what was asked for ({what} {values})."]
    if followed < WEAK * readable:
        return [f"{label.name} is followed weakly: {what} {values}."]
    return []
