"""table.json: what a person may change of how a table is read. Written by `sparring data inspect`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from sparring.core.atomic_files import read_json, write_json
from sparring.core.errors import DataError, did_you_mean, listed
from sparring.data.tables.columns import Column, ColumnKind
from sparring.data.tables.constraints import Constraint

_KEYS = ("kind", "pattern", "reason", "drop", "low", "high", "categories", "step")


@dataclass(frozen=True)
class KnownColumn:
    """What everybody knows of a column's values, so that private training has nothing to spend on it."""

    low: float | None = None
    """The smallest number."""
    high: float | None = None
    """The largest number."""
    categories: tuple[str, ...] | None = None
    """All values of a column that is not numeric, as text."""
    has_step: bool = False
    """Whether something is said of the step."""
    step: float | None = None
    """Of numbers: all are multiples of this from the smallest one. None: there is no step."""

    @property
    def range(self) -> tuple[float, float] | None:
        """The smallest and largest number, if both are known."""
        return None if self.low is None or self.high is None else (self.low, self.high)


@dataclass(frozen=True)
class TableChoices:
    """What a person has chosen."""

    overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By name of a column: its kind, and the pattern of its dates. What was not changed is there, too."""
    drop: tuple[str, ...] = ()
    """Names of columns to leave out."""
    known: Mapping[str, "KnownColumn"] = field(default_factory=dict)
    """By name of a column: what everybody knows of its values."""
    off: tuple[str, ...] = ()
    """Constraints, as they are printed, that shall not be enforced."""


def write_table_json(path: Path, columns: Sequence[Column], constraints: Sequence[Constraint], drop: Sequence[str] = ()) -> None:
    """Write what was found, for a person to change."""
    about = {}
    for column in columns:
        pattern = (column.text or {}).get("pattern")
        about[column.name] = {
            "kind": column.kind,
            **({"pattern": pattern} if pattern else {}),
            **({"step": column.step} if column.is_numeric else {}),
            "drop": column.name in drop or column.kind == "text",
            "reason": column.reason,
        }
    kinds = ", ".join(get_args(ColumnKind))
    write_json(
        path,
        {
            "about": f"Change kinds ({kinds}), set drop to true, or a constraint to false. For private training (--epsilon), low and high, "
            "or categories, say what is known to everybody. Then give this file with --table.",
            "columns": about,
            "constraints": {str(each): True for each in constraints},
        },
    )


def read_table_json(path: Path, names: Sequence[str]) -> TableChoices:
    """What a person has chosen for a table with columns of these names. Raises a DataError that lists all that is wrong."""
    value = read_json(path, DataError)
    problems: list[str] = []
    if not isinstance(value, dict) or not isinstance(value.get("columns", {}), dict) or not isinstance(value.get("constraints", {}), dict):
        raise DataError(f"{path} is no table.json: it needs objects named columns and constraints. `sparring data inspect` writes one.")
    problems += [
        f"{key!r} is unknown. {did_you_mean(key, ['about', 'columns', 'constraints'])}"
        for key in value
        if key not in {"about", "columns", "constraints"}
    ]
    overrides: dict[str, dict[str, Any]] = {}
    known: dict[str, KnownColumn] = {}
    drop = []
    for name, given in value.get("columns", {}).items():
        found = _column_problems(name, given, names)
        problems += found
        if not found:
            overrides[name] = {key: given[key] for key in ("kind", "pattern") if key in given}
            drop += [name] if given.get("drop") else []
            texts = given.get("categories")
            known[name] = KnownColumn(
                given.get("low"), given.get("high"), None if texts is None else tuple(texts), "step" in given, given.get("step")
            )
    for name, on in value.get("constraints", {}).items():
        if not isinstance(on, bool):
            problems.append(f"constraint {name!r} is {on!r}. It may be true or false.")
    if problems:
        raise DataError(listed(f"{path} cannot be used:", problems))
    return TableChoices(overrides, tuple(drop), known, tuple(name for name, on in value.get("constraints", {}).items() if not on))


def _column_problems(name: str, given: object, names: Sequence[str]) -> list[str]:
    if name not in names:
        return [f"there is no column {name!r}. {did_you_mean(name, names)}"]
    if not isinstance(given, dict):
        return [f"column {name!r} is {given!r}, and not an object such as {{'kind': 'category'}}"]
    problems = [f"column {name!r}: {key!r} is unknown. {did_you_mean(str(key), _KEYS)}" for key in given if key not in _KEYS]
    kinds = get_args(ColumnKind)
    if "kind" in given and given["kind"] not in kinds:
        problems.append(f"column {name!r} cannot be of the kind {given['kind']!r}. {did_you_mean(str(given['kind']), kinds)}")
    if "drop" in given and not isinstance(given["drop"], bool):
        problems.append(f"column {name!r}: drop is {given['drop']!r}. It may be true or false.")
    return problems + _known_problems(name, given)


def _known_problems(name: str, given: Mapping[str, Any]) -> list[str]:
    ends = [given[key] for key in ("low", "high") if key in given]
    if len(ends) == 1 or not all(isinstance(end, int | float) and not isinstance(end, bool) for end in ends):
        said = {key: given[key] for key in ("low", "high") if key in given}
        return [f"column {name!r} has {said}: low and high are numbers, and belong together (of dates: seconds since 1970)."]
    if ends and not ends[0] < ends[1]:
        return [f"column {name!r}: low ({ends[0]}) must be below high ({ends[1]})."]
    step = given.get("step")
    if step is not None and (isinstance(step, bool) or not isinstance(step, int | float) or not step > 0):
        return [f"column {name!r}: step is {step!r}. It is a number above 0 (1 for integers, 86400 for dates), or null."]
    texts = given.get("categories")
    if texts is not None and not (isinstance(texts, list) and texts and all(isinstance(text, str) for text in texts)):
        return [f"column {name!r}: categories is {texts!r}, and not a list of texts."]
    if texts is not None and len(set(texts)) < len(texts):
        return [f"column {name!r}: categories has a text twice."]
    return []
