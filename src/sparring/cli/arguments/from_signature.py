"""The arguments of a command, read from its function's signature, its docstring and the dataclasses among its parameters."""

import ast
import functools
import inspect
import itertools
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from tyro.conf import Positional

METAVARS = {int: "INT", float: "FLOAT", str: "TEXT"}
SIZE = int | str
"""The type of the size of images: 64, or 192x128."""


@dataclass(frozen=True)
class Group:
    """Arguments that stand under one heading of a help page."""

    title: str
    about: str = ""
    """Text below the heading: paragraphs separated by empty lines."""


FLAGS = Group("Flags")


@dataclass(frozen=True)
class Argument:
    """One flag or one positional argument of a command."""

    names: tuple[str, ...]
    """The flag with its dashes, short forms first; for a positional argument only its name in capitals."""
    kind: Any
    """The type of its value, without None."""
    positional: bool
    required: bool
    default: Any = None
    help: str = ""
    """The help text, without line breaks."""
    metavar: str = ""
    """How its value is written in help pages, such as INT."""
    group: Group = FLAGS

    @property
    def name(self) -> str:
        """The name used in messages: the long flag, or the positional argument's name in capitals."""
        return self.names[0] if self.positional else self.names[-1]

    @property
    def count(self) -> int | None:
        """Number of words that its value takes; None for any number."""
        if self.kind is bool:
            return 0
        if get_origin(self.kind) is tuple:
            kinds = get_args(self.kind)
            return None if kinds[-1] is ... else len(kinds)
        return 1


def arguments_of(command: Callable[..., object], defaults: object = None, group: Group = FLAGS) -> Iterator[Argument]:
    """All arguments of a function. A parameter that is a dataclass stands for one flag for each of its fields. `command` may be such a
    dataclass itself; then `defaults` is an instance whose values replace the defaults of the class.
    """
    hints = get_type_hints(command, include_extras=True)
    documented = field_docstrings(command) if isinstance(command, type) else argument_docstrings(command)
    made = {field.name: field.default_factory for field in fields(command)} if isinstance(command, type) and is_dataclass(command) else {}
    for name, parameter in inspect.signature(command).parameters.items():
        kind, *extras = (hints[name].__origin__, *hints[name].__metadata__) if hasattr(hints[name], "__metadata__") else (hints[name],)
        default = getattr(defaults, name, parameter.default)
        if isinstance(kind, type) and is_dataclass(kind):
            make = made.get(name, MISSING)
            about = group_of(name, kind) if make is not MISSING else group
            yield from arguments_of(kind, make() if callable(make) else None, about)
            continue
        about = next((extra for extra in extras if hasattr(extra, "metavar")), None)
        positional, kind = Positional in extras, _without_none(kind)
        flag = f"--{(getattr(about, 'name', None) or name).replace('_', '-')}"
        names = (getattr(about, "metavar", None) or name.upper(),) if positional else (*(getattr(about, "aliases", None) or ()), flag)
        required = default is inspect.Parameter.empty
        yield Argument(
            names=names,
            kind=kind,
            positional=positional,
            required=required,
            default=None if required else default,
            help=getattr(about, "help", None) or documented.get(name, ""),
            metavar=getattr(about, "metavar", None) or metavar_of(kind),
            group=group,
        )


def _without_none(kind: Any) -> Any:  # noqa: ANN401 (a type annotation)
    if get_origin(kind) in (Union, UnionType):
        kinds = [one for one in get_args(kind) if one is not NoneType]
        if all(get_origin(one) is Literal for one in kinds):  # one list of choices
            return Literal[tuple(choice for one in kinds for choice in get_args(one))]
        return kinds[0] if len(kinds) == 1 else Union[tuple(kinds)]  # noqa: UP007 (made at run time)
    return getattr(kind, "__origin__", kind) if hasattr(kind, "__metadata__") else kind


def metavar_of(kind: Any) -> str:  # noqa: ANN401 (a type annotation)
    """How a value of this type is written in help pages."""
    if kind is bool:
        return ""
    if get_origin(kind) is Literal:
        return "{" + ",".join(map(str, get_args(kind))) + "}"
    if kind == SIZE:
        return "SIZE"
    if get_origin(kind) in (Union, UnionType):
        return "|".join(map(metavar_of, get_args(kind)))
    if get_origin(kind) is tuple:
        first = metavar_of(get_args(kind)[0])
        return f"{first} [{first} ...]" if get_args(kind)[-1] is ... else " ".join(map(metavar_of, get_args(kind)))
    return METAVARS.get(kind, "PATH")


def group_of(name: str, kind: type) -> Group:
    """The group of a dataclass's fields: its heading is the parameter's name, its text the class's docstring."""
    about = inspect.cleandoc(kind.__doc__ or "")
    return Group(name.capitalize(), "\n\n".join(" ".join(paragraph.split()) for paragraph in about.split("\n\n")))


def summary_of(command: Callable[..., object]) -> str:
    """A function's docstring without its section on arguments."""
    return inspect.cleandoc(command.__doc__ or "").partition("\nArgs:")[0].strip()


def argument_docstrings(command: Callable[..., object]) -> dict[str, str]:
    """The help texts of a function's arguments, from the section "Args:" of its docstring."""
    listed = textwrap.dedent(inspect.cleandoc(command.__doc__ or "").partition("\nArgs:\n")[2])
    found = re.findall(r"^(\w+): (.*(?:\n +.*)*)", listed, re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in found}


@functools.cache
def field_docstrings(kind: type) -> Mapping[str, str]:
    """The docstrings below the fields of a dataclass and its base classes. (Python does not keep them; they are read from the source.)"""
    found: dict[str, str] = {}
    for one in reversed(kind.__mro__):
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(one)))
        except (OSError, TypeError):  # made at run time, or Python's own
            continue
        body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
        for field, below in itertools.pairwise(body):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(below, ast.Expr):
                text = ast.literal_eval(below.value) if isinstance(below.value, ast.Constant) else ""
                found[field.target.id] = " ".join(str(text).split())
    return found
