"""Values of flags: corrected where it is clear what was meant, else a sentence that says what is wrong."""

import difflib
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from sparring.cli.arguments.from_signature import SIZE, Argument
from sparring.cli.arguments.spelling import folded

WIDTH_BY_HEIGHT = re.compile(r"(\d+)\s*[x×,*]\s*(\d+)", re.IGNORECASE)  # noqa: RUF001 (people do type this sign)


def correct_values(argument: Argument, values: Sequence[str]) -> tuple[list[str], str]:
    """The values as the argument's type spells them, and one sentence about those that are wrong ("" if none is)."""
    kinds: tuple[Any, ...] = (argument.kind,) * len(values)
    if get_origin(argument.kind) is tuple:
        inner = get_args(argument.kind)
        kinds = (inner[0],) * len(values) if inner[-1] is ... else inner
    corrected, wrong = [], []
    for value, kind in zip(values, kinds, strict=False):
        own, problem = _correct_size(value) if kind == SIZE else _correct_value(value, kind, argument.name)
        corrected.append(own)
        wrong += [problem] if problem else []
    return corrected, f"{argument.name}: {' '.join(wrong)}" if wrong else ""


def _correct_value(value: str, kind: Any, flag: str) -> tuple[str, str]:  # noqa: ANN401 (a type annotation)
    if get_origin(kind) in (Union, UnionType):
        tries = [_correct_value(value, one, flag) for one in get_args(kind)]
        return next((one for one in tries if not one[1]), tries[0])
    if get_origin(kind) is Literal:
        return _correct_choice(value, [str(one) for one in get_args(kind)])
    if kind is int and not _parses(int, value):
        if flag == "--size" and WIDTH_BY_HEIGHT.fullmatch(value):
            smaller = min(re.findall(r"\d+", value), key=int)
            return value, f"{value!r} is a width and a height. Give one number here: --size {smaller}."
        number = _whole_number(value)
        return value, f"{value!r} is not a whole number{f'; write {number}' if number is not None else ''}."
    if kind is float and not _parses(float, value):
        return value, f"{value!r} is not a number."
    return value, ""


def _correct_size(value: str) -> tuple[str, str]:
    """The side of squares, or width x height as `Preprocessing.size` spells it."""
    if (both := WIDTH_BY_HEIGHT.fullmatch(value.strip())) is not None:
        return f"{both[1]}x{both[2]}", ""
    if _parses(int, value):
        return value, ""
    number = _whole_number(value)
    meant = "Give the side of squares, such as 64, or width x height, such as 192x128" if number is None else f"Write {number}"
    return value, f"{value!r} is not a size. {meant}."


def _parses(kind: Callable[[str], object], value: str) -> bool:
    try:
        kind(value)
    except ValueError:
        return False
    return True


def _whole_number(value: str) -> int | None:
    """The whole number meant by 1e6, 10k, 50,000 or 64.0."""
    factor = {"k": 1000, "m": 1_000_000}.get(value[-1:].lower(), 1)
    text = value[:-1] if factor > 1 else value
    if re.fullmatch(r"\d{1,3}(,\d{3})+", text):
        text = text.replace(",", "")
    found = float(text) * factor if _parses(float, text) else float("nan")
    return int(found) if found.is_integer() else None


def _correct_choice(value: str, choices: list[str]) -> tuple[str, str]:
    """The choice that is meant: in upper or lower case, in British or American spelling, or by the words before its comma."""
    if value in choices:
        return value, ""
    for shape in (str, lambda own: own.partition(",")[0]):
        alike = [own for own in choices if folded(shape(own)) == folded(value)]
        if len(alike) == 1:
            return alike[0], ""
    near = difflib.get_close_matches(folded(value), choices, n=1, cutoff=0.6)
    suggestion = f" Did you mean {near[0]}?" if near else ""
    return value, f"{value!r} is not a choice.{suggestion} Choose from {_joined(choices)}."


def _joined(choices: Sequence[str]) -> str:
    """The choices, separated by commas; in quotes if one of them contains a comma."""
    return ", ".join(map(repr, choices) if any("," in choice for choice in choices) else choices)


def wanted_value(kind: Any) -> str:  # noqa: ANN401 (a type annotation)
    """What a value of this type has to be, in words."""
    if kind == SIZE:
        return "64 for squares, or width x height, such as 192x128"
    if get_origin(kind) in (Union, UnionType):
        return " or ".join(map(wanted_value, get_args(kind)))
    if get_origin(kind) is Literal:
        return f"one of {', '.join(map(str, get_args(kind)))}"
    if get_origin(kind) is tuple:
        kinds = get_args(kind)
        return f"one or more values, each {wanted_value(kinds[0])}" if kinds[-1] is ... else " and ".join(map(wanted_value, kinds))
    return {int: "a whole number", float: "a number", Path: "a path"}.get(kind, "text")
