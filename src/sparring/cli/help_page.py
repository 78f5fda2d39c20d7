"""The page that `sparring COMMAND --help` shows."""

import re
import shutil
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import replace

from sparring.cli.command_arguments import Argument, arguments_of, summary_of

NARROWEST, WIDEST = 40, 120
COLUMN = 26
"""Where explanations begin."""


def help_page(command: Callable[..., object], called: str) -> str:
    """The whole page of one command, as wide as the terminal. `called`: the command as it is written, "sparring train dcgan"."""
    width = max(NARROWEST, min(WIDEST, shutil.get_terminal_size().columns))
    arguments = _as_typed(list(arguments_of(command)))
    words = [one.name if one.required else f"[{one.name}]" for one in arguments if one.positional]
    words += [f"{one.name} {one.metavar}" for one in arguments if one.required and not one.positional]
    usage = " ".join([called, *words, *(["[flags]"] if any(not one.required for one in arguments) else [])])
    lines = [*_wrapped(f"usage: {usage}", width, "    "), ""]
    for paragraph in summary_of(command).split("\n\n"):
        lines += [*_wrapped(" ".join(paragraph.split()), width), ""]
    for one in arguments:
        lines += _entry(one, width) if one.positional else []
    group = None
    for one in (argument for argument in arguments if not argument.positional):
        if one.group != group:
            group = one.group
            lines += [*([""] if lines[-1] else []), *_heading(group.title, group.about, width)]
        lines += _entry(one, width)
    return "\n".join(lines)


def _as_typed(arguments: list[Argument]) -> list[Argument]:
    """The arguments, with settings that explanations name by their Python names as the flags that they are here."""
    flags = {one.name[2:].replace("-", "_"): one.name for one in arguments if "-" in one.name[2:]}

    def typed(text: str) -> str:
        return re.sub(r"\b\w+_\w+\b", lambda found: flags.get(found[0], found[0]), text)

    return [replace(one, help=typed(one.help), group=replace(one.group, about=typed(one.group.about))) for one in arguments]


def _heading(title: str, about: str, width: int) -> Iterator[str]:
    first, *others = about.split("\n\n")
    yield from _wrapped(f"{title}: {first}" if first else f"{title}:", width)
    for paragraph in others:
        yield from _wrapped(paragraph, width)


def _entry(argument: Argument, width: int) -> Iterator[str]:
    """A flag and what it does: beside it where there is room, else below it."""
    shown = f"  {argument.name}" if argument.positional else f"  {', '.join(argument.names)} {argument.metavar}".rstrip()
    if argument.kind is bool:
        shown = f"  {argument.name}, --no-{argument.name[2:]}"
    text = _wrapped(explained(argument), width - COLUMN)
    if len(shown) <= COLUMN - 2 and text:
        yield f"{shown:{COLUMN}}{text.pop(0)}"
    else:
        yield from _wrapped(shown if len(shown) <= width else shown.replace(",", ", "), width, "      ")
    yield from (" " * COLUMN + line for line in text)


def _wrapped(text: str, width: int, indent: str = "") -> list[str]:
    """Lines; names with hyphens in them stay whole."""
    return textwrap.wrap(text, width, subsequent_indent=indent, break_on_hyphens=False)


def explained(argument: Argument) -> str:
    """What a flag does, and its default. None cannot be typed: what a docstring says of it is said of the default."""
    text, default = argument.help, argument.default
    if argument.required or argument.positional:
        return text
    if default is not None:
        text = re.sub(r" ?\bNone: .+?\.(?= |$)", "", text)
    if default is None:
        return re.sub(r"\bNone: ", "Default: ", text)
    if default == ():
        return text
    shown = ("on" if default else "off") if argument.kind is bool else _written(default)
    return f"{text} (default: {shown})".lstrip()


def _written(value: object) -> str:
    """A value as it would be typed."""
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
