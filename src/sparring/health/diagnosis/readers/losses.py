"""Losses that another program wrote: what its columns are called, and mean."""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from sparring.core.errors import DataError
from sparring.health.diagnosis.readers.table_files import tables_in
from sparring.health.diagnosis.record import Record, Series

CRITIC = {"critic"}
PLAYERS: Mapping[str, set[str]] = {
    "discriminator": {"d", "disc", "dis", "discriminator", "netd", "dloss", "lossd", *CRITIC},
    "generator": {"g", "gen", "generator", "netg", "gloss", "lossg"},
}
ANY_PLAYER = PLAYERS["discriminator"] | PLAYERS["generator"]
LOSS = {"loss", "losses", "err", "error"}
SIDES = {"real": {"real"}, "generated": {"fake", "generated"}}
LOGITS = {"logit", "logits", "score", "scores"}
FILLERS = {"train", "training", "total", "mean", "avg", "net", "model", "adv", "adversarial", "gan", "value", *LOSS}
"""What columns may be called beside the player."""
TRANSLATORS = ("a", "b")
"""Ends of the names of losses where there are two of each player, as CycleGAN's program writes them."""
STEP_NAMES = ("step", "iteration", "iter", "iterations", "global_step", "kimg", "progress_tick", "epoch", "batch")
NONE = {"", "-", "--", "n/a", "na", "none", "null"}
"""What stands where nothing was measured."""
LARGEST_STEP = 2**53
LEFT_EMPTY = 3
"""So many last rows without any loss are losses that were none, which some programs write as nothing."""
WANTED = "Rename them, for instance to step, d_loss, g_loss."


def read_losses(path: Path) -> Record:
    """The losses that another program wrote: a CSV with a heading, JSON (as NVIDIA's `stats.jsonl`), or lines with a name before each
    number (as CycleGAN's `loss_log.txt`); with steps if it has them, and with names that tell discriminator from generator (d_loss, Loss/G,
    errD, critic loss, ...). A DataError says what is missing.
    """
    tables = list(tables_in(path))
    table = next((table for table in tables if not lacking(table.names)), max(tables, key=lambda table: len(table.names)))
    names, between, found = table.names, table.between, columns_of(table.names)
    if absent := lacking(names):
        alone = {"step", "value"} <= {name.lower() for name in names}
        raise DataError(
            f"{path} needs a column of losses of each player, and none tells of the {' or the '.join(absent)}; its columns are: "
            f"{', '.join(names) or 'none'}. {'TensorBoard writes a table for each curve: put both into one. ' if alone else ''}{WANTED}"
        )
    rows, steps, notes = steps_of(table.rows, names, between)
    cells = {name: [number(row[name], between) for row in rows] for name in found}
    odd = [f"{name}: {text!r}" for name, column in cells.items() for text in column if isinstance(text, str)]
    if odd:
        notes.append(f"{len(odd)} of its cells are no numbers and are passed over ({', '.join(odd[:3])}).")
    columns = {name: [None if isinstance(cell, str) else cell for cell in column] for name, column in cells.items()}
    order = np.argsort(steps, kind="stable")
    log: dict[str, Series] = {}
    for what in dict.fromkeys(what for what in found.values() if what.count("/") == 1):
        name = next(name for name in found if found[name] == what)
        log[what] = series(steps, columns[name], order)
    for player in PLAYERS:  # no total, but parts
        parts = [columns[name] for name, what in found.items() if what.startswith(f"loss/{player}/")]
        if f"loss/{player}" not in log:
            sums = [None if None in row else sum(row) for row in zip(*parts, strict=True)]  # pyright: ignore[reportArgumentType, reportCallIssue]
            log[f"loss/{player}"] = series(steps, sums, order)
    if not all(len(log[f"loss/{player}"]) for player in PLAYERS):
        raise DataError(f"{path} has no numbers in its columns of losses ({', '.join(found)}).")
    critic = any(set(words(name)) & CRITIC for name in found) or float(np.mean(log["loss/discriminator"].values < 0)) > 0.5
    if critic:
        notes.append("Its losses are those of a critic, whose level says nothing: they can only be seen to break off, to swing or to grow.")
    return Record(path, "losses", log=log, about_data={"notes": tuple(notes), "critic": critic})


def columns_of(names: Sequence[str]) -> dict[str, str]:
    """What the columns of losses and logits are, by name."""
    found = {name: what for name in names if (what := meaning(name))}
    if not any(what.startswith("loss/discriminator") for what in found.values()):  # then D_real is a loss, as in pix2pix's own log
        found = {name: what.replace("logits", "loss/discriminator") if "d" in words(name) else what for name, what in found.items()}
    return found


def lacking(names: Sequence[str]) -> list[str]:
    """Players of whose losses no column tells."""
    found = columns_of(names).values()
    return [player for player in PLAYERS if not any(what.startswith(f"loss/{player}") for what in found)]


def words(name: str) -> list[str]:
    """A column's name in small words: Loss/G, lossG and g_loss have the same."""
    return re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())


def meaning(name: str) -> str:
    """Whose losses or logits a column has: "loss/generator", "loss/discriminator/real", "logits/real" and the like, "" if none is meant."""
    told = set(words(name))
    side = next((side for side, called in SIDES.items() if told & called), "")
    one = side or next((end for end in TRANSLATORS if end in told), "")
    rest = told - SIDES["real"] - SIDES["generated"] - {*TRANSLATORS}
    if side and rest and rest <= LOGITS | LOSS | {"d"} and (rest & LOGITS or rest == {"d"}):
        return f"logits/{side}"
    for player, called in PLAYERS.items():
        if rest & called and rest <= called | FILLERS and len(rest & ANY_PLAYER) == 1:
            return f"loss/{player}/{one}" if one else f"loss/{player}"
    return ""


def steps_of(rows: list[dict[str, str]], names: Sequence[str], between: str) -> tuple[list[dict[str, str]], np.ndarray, list[str]]:
    """The rows that have a step, the step of each: what its column says, or else the row's number, and why."""
    counted = np.arange(len(rows))
    called = {"_".join(words(name)): name for name in names}
    name = next((called[usual] for usual in STEP_NAMES if usual in called), None)
    if name is None:
        return rows, counted, []
    values = [number(row[name], between) for row in rows]
    given = [value for value in values if value is not None]
    whole = [value for value in given if isinstance(value, float) and abs(value) < LARGEST_STEP and value == round(value)]
    if len(whole) < len(given) or not given:
        return rows, counted, [f"Not all of its column {name!r} are whole numbers, so rows are counted instead."]
    if len(set(whole)) < len(whole):
        return rows, counted, [f"Its column {name!r} has some numbers several times, so rows are counted instead."]
    lacking = len(rows) - len(given)
    notes = [f"{lacking} of its rows have no {name} and are passed over."] if lacking else []
    return [row for row, value in zip(rows, values, strict=True) if value is not None], np.array(whole, np.int64), notes


def number(text: str | None, between: str) -> float | str | None:
    """Text as a number, with a decimal comma where commas do not stand between columns; None where nothing was measured; the text if it is
    no number.
    """
    text = (text or "").strip()
    if text.lower() in NONE:
        return None
    try:
        return float(text if between == "," else text.replace(",", "."))
    except ValueError:
        return text


def series(steps: np.ndarray, values: Sequence[float | None], order: np.ndarray) -> Series:
    """The values that there are, in the order of their steps. Losses that end before the table does came to be none."""
    there = [place for place in order if values[place] is not None]
    empty = [place for place in order if not there or steps[place] > steps[there[-1]]]
    if there and len(empty) >= LEFT_EMPTY:
        gaps = np.diff([-1, *(int(np.flatnonzero(order == place)[0]) for place in there)]) - 1
        if len(empty) > 2 * gaps.max():
            return Series(steps[[*there, empty[0]]], np.array([*(values[place] for place in there), math.nan], np.float64))
    return Series(steps[there], np.array([values[place] for place in there], np.float64))
