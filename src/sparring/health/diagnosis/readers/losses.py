"""The losses of another program: what its columns are called, and mean."""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from sparring.core.errors import DataError
from sparring.health.diagnosis.readers.table_files import tables_in
from sparring.health.diagnosis.training_record import Curve, Record
from sparring.health.signals import LOGITS, LOSSES

CRITIC = {"critic"}
PLAYERS: Mapping[str, set[str]] = {
    "discriminator": {"d", "disc", "dis", "discriminator", "netd", "dloss", "lossd", *CRITIC},
    "generator": {"g", "gen", "generator", "netg", "gloss", "lossg"},
}
"""What programs call each player."""
ANY_PLAYER = PLAYERS["discriminator"] | PLAYERS["generator"]
LOSS_WORDS = {"loss", "losses", "err", "error"}
KINDS = {"real": {"real"}, "generated": {"fake", "generated"}}
"""What programs call each kind of image."""
LOGIT_WORDS = {"logit", "logits", "score", "scores"}
PROBABILITIES = {("d", "x"): "real", ("d", "g", "z"): "generated", ("d", "g", "z", "1"): "generated", ("d", "g", "z1"): "generated"}
"""What PyTorch's DCGAN example, and those who follow it, call the discriminator's mean output for each kind of image, by words."""
FILLERS = {"train", "training", "total", "mean", "avg", "net", "model", "adv", "adversarial", "gan", "value", *LOSS_WORDS}
"""Words that a column's name may have beside the player's."""
TRANSLATION_DIRECTIONS = ("a", "b")
"""Words that end the names of losses where there are two of each player, as in CycleGAN's own program."""
STEP_NAMES = ("step", "iteration", "iter", "iterations", "global_step", "kimg", "progress_tick", "epoch", "batch")
NOT_MEASURED = {"", "-", "--", "n/a", "na", "none", "null"}
"""What a cell holds where nothing was measured."""
LARGEST_STEP = 2**53
SMALLEST_PROBABILITY = 5e-5
"""Half of the last digit that PyTorch's example prints."""
MISSING_AT_END = 3
"""From this many last rows without a loss on, the losses were not finite, which some programs write as nothing."""
ADVICE = "Rename them, for instance to step, d_loss, g_loss."


def read_losses(path: Path) -> Record:
    """The losses that another program wrote: a CSV with a heading, JSON (such as NVIDIA's `stats.jsonl`), or lines with a name before each
    number (such as CycleGAN's `loss_log.txt`); with steps if it has them, and with names that tell discriminator from generator (d_loss,
    Loss/G, errD, critic loss, ...). A DataError says what is missing.
    """
    tables = list(tables_in(path))
    table = next((table for table in tables if not missing_players(table.names)), max(tables, key=lambda table: len(table.names)))
    names, separator, keys = table.names, table.separator, keys_of(table.names)
    if missing := missing_players(names):
        from_tensorboard = {"step", "value"} <= {name.lower() for name in names}
        hint = "TensorBoard writes a table for each curve: put both into one. " if from_tensorboard else ""
        raise DataError(
            f"{path} needs a column of losses of each player, and has none of the {' or the '.join(missing)}; its columns are: "
            f"{', '.join(names) or 'none'}. {hint}{ADVICE}"
        )
    rows, steps, notes = steps_of(table.rows, names, separator)
    cells = {name: [number(row[name], separator) for row in rows] for name in keys}
    texts = [f"{name}: {cell!r}" for name, column in cells.items() for cell in column if isinstance(cell, str)]
    if texts:
        notes.append(f"{len(texts)} of its cells are not numbers and are ignored ({', '.join(texts[:3])}).")
    columns = {name: without_probabilities(name, [None if isinstance(cell, str) else cell for cell in cells[name]]) for name in cells}
    order = np.argsort(steps, kind="stable")
    log: dict[str, Curve] = {}
    for key in dict.fromkeys(key for key in keys.values() if key.count("/") == 1):
        name = next(name for name in keys if keys[name] == key)
        log[key] = curve_of(steps, columns[name], order)
    for loss in LOSSES.values():  # a total of terms, where there is no column of the total
        terms = [columns[name] for name, key in keys.items() if key.startswith(f"{loss.prefix}/")]
        if loss.prefix not in log:
            totals = [None if None in row else sum(row) for row in zip(*terms, strict=True)]  # pyright: ignore[reportArgumentType, reportCallIssue]
            log[loss.prefix] = curve_of(steps, totals, order)
    if not all(len(log[loss.prefix]) for loss in LOSSES.values()):
        raise DataError(f"{path} has no numbers in its columns of losses ({', '.join(keys)}).")
    negative = float(np.mean(log[LOSSES["discriminator"].prefix].values < 0)) > 0.5
    critic = negative or any(set(words(name)) & CRITIC for name in keys)
    if critic:
        notes.append("Its losses are those of a critic, whose level means nothing. Only their ends, swings and growth can be judged.")
    return Record(path, "losses", log=log, data_config={"notes": tuple(notes), "critic": critic})


def keys_of(names: Sequence[str]) -> dict[str, str]:
    """The keys of the columns that hold losses or logits, by the column's name."""
    found = {name: key for name in names if (key := key_of(name))}
    discriminator = LOSSES["discriminator"].prefix
    if not any(key.startswith(discriminator) for key in found.values()):  # then D_real is a loss, as in pix2pix's own log
        of_losses = {name for name in found if "d" in words(name) and tuple(words(name)) not in PROBABILITIES}
        found = {name: key.replace("logits", discriminator) if name in of_losses else key for name, key in found.items()}
    return found


def missing_players(names: Sequence[str]) -> list[str]:
    """Players whose losses are in none of the columns."""
    keys = keys_of(names).values()
    return [player for player, loss in LOSSES.items() if not any(key.startswith(loss.prefix) for key in keys)]


def words(name: str) -> list[str]:
    """The words of a column's name in lower case: Loss/G, lossG and g_loss have the same words."""
    return re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())


def key_of(name: str) -> str:
    """The key of the losses or logits in a column: "loss/generator", "loss/discriminator/real", "logits/real" and the like; "" if it holds
    neither.
    """
    own = set(words(name))
    kind = next((kind for kind, called in KINDS.items() if own & called), "")
    term = kind or next((direction for direction in TRANSLATION_DIRECTIONS if direction in own), "")
    if tuple(words(name)) in PROBABILITIES:
        return LOGITS[PROBABILITIES[tuple(words(name))]].name
    rest = own - KINDS["real"] - KINDS["generated"] - {*TRANSLATION_DIRECTIONS}
    if kind and rest and rest <= LOGIT_WORDS | LOSS_WORDS | {"d"} and (rest & LOGIT_WORDS or rest == {"d"}):
        return LOGITS[kind].name
    for player, called in PLAYERS.items():
        if rest & called and rest <= called | FILLERS and len(rest & ANY_PLAYER) == 1:
            return f"{LOSSES[player].prefix}/{term}" if term else LOSSES[player].prefix
    return ""


def without_probabilities(name: str, column: list[float | None]) -> list[float | None]:
    """A column; as logits, if it has a discriminator's probabilities. (They are given with a few digits, so 0 and 1 are not infinite.)"""
    if tuple(words(name)) not in PROBABILITIES or not all(value is None or 0 <= value <= 1 for value in column):
        return column
    kept = [None if value is None else min(max(value, SMALLEST_PROBABILITY), 1 - SMALLEST_PROBABILITY) for value in column]
    return [None if value is None else math.log(value / (1 - value)) for value in kept]


def steps_of(rows: list[dict[str, str]], names: Sequence[str], separator: str) -> tuple[list[dict[str, str]], np.ndarray, list[str]]:
    """The rows that have a step; the step of each, which is the row's number if no column has steps; and what to note about it."""
    counted = np.arange(len(rows))
    by_words = {"_".join(words(name)): name for name in names}
    name = next((by_words[usual] for usual in STEP_NAMES if usual in by_words), None)
    if name is None:
        return rows, counted, []
    values = [number(row[name], separator) for row in rows]
    given = [value for value in values if value is not None]
    whole = [value for value in given if isinstance(value, float) and abs(value) < LARGEST_STEP and value == round(value)]
    if len(whole) < len(given) or not given:
        return rows, counted, [f"Not all of its column {name!r} are whole numbers, so rows are counted instead."]
    if len(set(whole)) < len(whole):
        return rows, counted, [f"Its column {name!r} has some numbers several times, so rows are counted instead."]
    missing = len(rows) - len(given)
    notes = [f"{missing} of its rows have no {name} and are ignored."] if missing else []
    return [row for row, value in zip(rows, values, strict=True) if value is not None], np.array(whole, np.int64), notes


def number(text: str | None, separator: str) -> float | str | None:
    """Text as a number, with a decimal comma if commas do not separate columns. None if nothing was measured; the text if it is no
    number.
    """
    text = (text or "").strip()
    if text.lower() in NOT_MEASURED:
        return None
    try:
        return float(text if separator == "," else text.replace(",", "."))
    except ValueError:
        return text


def curve_of(steps: np.ndarray, values: Sequence[float | None], order: np.ndarray) -> Curve:
    """The values that were measured, in the order of their steps. Losses that end before the table does end with NaN."""
    measured = [index for index in order if values[index] is not None]
    missing_after = [index for index in order if not measured or steps[index] > steps[measured[-1]]]
    if measured and len(missing_after) >= MISSING_AT_END:
        gaps = np.diff([-1, *(int(np.flatnonzero(order == index)[0]) for index in measured)]) - 1
        if len(missing_after) > 2 * gaps.max():
            ended = np.array([*(values[index] for index in measured), math.nan], np.float64)
            return Curve(steps[[*measured, missing_after[0]]], ended)
    return Curve(steps[measured], np.array([values[index] for index in measured], np.float64))
