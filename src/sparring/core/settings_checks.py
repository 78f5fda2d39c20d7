"""What is wrong with the values of a dataclass of settings, in sentences: nothing else checks what comes from Python or from a file."""

import operator
import sys
from dataclasses import fields
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from sparring.core.errors import did_you_mean

Comparison = Literal["at least", "more than", "at most", "less than"]
Ranges = dict[str, dict[Comparison, float]]
"""By the name of a setting, what its number, or each number of its tuple, is held against: {"share": {"at least": 0, "at most": 1}}."""

COMPARISONS = {"at least": operator.ge, "more than": operator.gt, "at most": operator.le, "less than": operator.lt}
WORDS = {int: "a whole number", float: "a number", str: "text", bool: "True or False", NoneType: "None"}
UNIONS = (Union, UnionType)
LONGEST_SHOWN = 100


def type_problems(settings: Any) -> list[str]:  # noqa: ANN401 (any dataclass)
    """A sentence for every value of a dataclass that does not have its field's type.

    Known types: int, float (an int passes), str, bool, None, Literal, tuples and unions of them; True and False are no numbers.
    """
    kinds = get_type_hints(type(settings))
    values = {field.name: getattr(settings, field.name) for field in fields(settings)}
    return [_type_problem(name, value, kinds[name]) for name, value in values.items() if not _fits(value, kinds[name])]


def range_problems(settings: object, ranges: Ranges) -> list[str]:
    """A sentence for every number outside its range, or that is infinite or not a number.

    What holds no numbers is passed over (None; text, which `type_problems` names), and so are names that `settings` lacks.
    """
    found = []
    for name, bounds in ranges.items():
        value = getattr(settings, name, None)
        values = value if isinstance(value, tuple) else (value,)
        numbers = [number for number in values if isinstance(number, int | float) and not isinstance(number, bool)]
        wanted = [f"{words} {bound}" for words, bound in bounds.items() if not all(COMPARISONS[words](one, bound) for one in numbers)]
        if not all(abs(number) <= sys.float_info.max for number in numbers):
            wanted.append("finite")
        if wanted:
            be = "each be" if isinstance(value, tuple) else "be"
            found.append(f"{name} must {be} {' and '.join(wanted)}, not {_seen(value)}.")
    return found


def _fits(value: object, kind: Any) -> bool:  # noqa: ANN401 (a type as it is written)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in UNIONS:
        return any(_fits(value, one) for one in arguments)
    if origin is Literal:
        return any(type(value) is type(choice) and value == choice for choice in arguments)
    if origin is tuple and isinstance(value, tuple):
        kinds = arguments[:1] * len(value) if arguments[-1] is ... else arguments
        return len(value) == len(kinds) and all(map(_fits, value, kinds))
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, int | float if kind is float else origin or kind)


def _type_problem(name: str, value: object, kind: Any) -> str:  # noqa: ANN401
    literals = [one for one in (get_args(kind) if get_origin(kind) in UNIONS else [kind]) if get_origin(one) is Literal]
    choices = [choice for one in literals for choice in get_args(one) if isinstance(choice, str)]
    if choices and isinstance(value, str):
        return f"{name} cannot be {_seen(value)}. {did_you_mean(value, choices)}"
    return f"{name} must be {_wanted(kind)}, not {_seen(value)}."


def _wanted(kind: Any) -> str:  # noqa: ANN401
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in UNIONS:
        return " or ".join(map(_wanted, arguments))
    if origin is Literal:
        return " or ".join(map(repr, arguments))
    if origin is tuple:
        return f"a tuple ({', '.join('...' if one is ... else _wanted(one) for one in arguments)})"
    return WORDS.get(kind, f"a {getattr(kind, '__name__', kind)}")


def _seen(value: object) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


def non_default(settings: Any) -> dict[str, Any]:  # noqa: ANN401 (a dataclass of settings)
    """The settings that are not their dataclass's own."""
    return {one.name: value for one in fields(settings) if (value := getattr(settings, one.name)) != one.default}


def plain(value: object) -> object:
    """A setting as JSON has it: tuples are lists there."""
    return list(value) if isinstance(value, tuple) else value
