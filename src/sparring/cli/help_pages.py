"""What `--help` prints: the overview, the page of a group of commands, the list of recipes, and the page with all flags of a command."""

import re
import shutil
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from sparring.cli.arguments.flags_in_messages import with_flags
from sparring.cli.arguments.from_signature import Argument, arguments_of, summary_of

NARROWEST, WIDEST = 40, 120
COLUMN = 26
"""Column where help texts begin."""

INTRODUCTION = """Sparring trains generative adversarial networks (GANs) on your own data,
scores them, finds out why they fail, and generates images, tables and
time series with them."""
EXAMPLE = """Try it:
  sparring train dcgan --data fashion10k --out runs/first --minutes 5
  sparring sample runs/first -n 64 --seed 1"""


def overview_page(sections: Mapping[str, Mapping[str, str]]) -> str:
    """The page of `sparring --help`. `sections`: by heading, the commands with their summaries."""
    lines = [INTRODUCTION, "", "usage: sparring COMMAND ...", ""]
    for heading, commands in sections.items():
        lines += [f"{heading}:", *(f"  {command:12} {summary}" for command, summary in commands.items()), ""]
    return "\n".join([*lines, EXAMPLE, "", "All flags of a command:  sparring COMMAND --help"])


def group_page(group: str, commands: Mapping[str, Callable[..., object]]) -> str:
    """The page of a command that consists of several, such as `sparring latent --help`."""
    lines = [f"usage: sparring {group} COMMAND ...", ""]
    lines += [f"  {name:12} {_first_sentence(command)}" for name, command in commands.items()]
    return _in_two_columns([*lines, "", f"All flags of a command: sparring {group} COMMAND --help"])


def recipe_list_page(command: str, titles: Mapping[str, str]) -> str:
    """The page of a command that needs a recipe, such as `sparring train --help`. `titles`: of the recipes, by name."""
    example = "sparring train dcgan --data fashion10k --minutes 5" if command == "train" else "sparring playground gan --data ring8"
    lines = [f"usage: sparring {command} RECIPE --data DATA ...", "", f"For example: {example}", ""]
    lines += [f"  {name:15} {title}" for name, title in titles.items()]
    lines += ["", f"All settings of a recipe:         sparring {command} RECIPE --help"]
    lines += ["Papers, and the data they need:   sparring recipes"]
    if command == "train":
        lines.append("The recipe that fits your data:   sparring doctor --data DATA")
    return _in_two_columns(lines)


def command_page(command: Callable[..., object], called: str) -> str:
    """The page with all flags of one command, as wide as the terminal. `called`: the command as it is typed, "sparring train dcgan"."""
    width = max(NARROWEST, min(WIDEST, shutil.get_terminal_size().columns))
    arguments = _with_flags(list(arguments_of(command)))
    words = [_in_usage(one) for one in arguments if one.positional]
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


def _in_usage(argument: Argument) -> str:
    """How a positional argument is written in the line that begins with "usage:"."""
    if argument.count is None:
        return f"{argument.name} [{argument.name} ...]" if argument.required else f"[{argument.name} ...]"
    return argument.name if argument.required else f"[{argument.name}]"


def help_text(argument: Argument) -> str:
    """What a flag does, and its default. In docstrings of settings "None: ..." says what happens without a value; None cannot be typed, so
    here it is the default.
    """
    text, default = argument.help, argument.default
    if argument.required or argument.positional:
        return text
    if default is not None:
        text = re.sub(r" ?\bNone: .+?\.(?= |$)", "", text)
    if default is None:
        return re.sub(r"\bNone: ", "Default: ", text)
    if default == ():
        return text
    shown = ("on" if default else "off") if argument.kind is bool else _as_typed(default)
    return f"{text} (default: {shown})".lstrip()


def _with_flags(arguments: list[Argument]) -> list[Argument]:
    """The arguments, with flags in place of the settings' names that their help texts mention."""
    names = [one.name[2:].replace("-", "_") for one in arguments if "-" in one.name[2:]]
    return [
        replace(one, help=with_flags(one.help, names), group=replace(one.group, about=with_flags(one.group.about, names)))
        for one in arguments
    ]


def _first_sentence(command: Callable[..., object]) -> str:
    return f"{(command.__doc__ or '').partition('. ')[0].splitlines()[0].rstrip('.')}."


def _in_two_columns(lines: Sequence[str]) -> str:
    """Lines of two columns; what is too long is continued in the second column."""
    width = shutil.get_terminal_size().columns
    indent = " " * (18 if any(line.startswith("  ") and line[17:18] == " " for line in lines) else 15)
    return "\n".join(textwrap.fill(line, width, subsequent_indent=indent) if line.startswith("  ") else line for line in lines)


def _heading(title: str, about: str, width: int) -> Iterator[str]:
    first, *others = about.split("\n\n")
    yield from _wrapped(f"{title}: {first}" if first else f"{title}:", width)
    for paragraph in others:
        yield from _wrapped(paragraph, width)


def _entry(argument: Argument, width: int) -> Iterator[str]:
    """A flag and its help text: beside the flag if there is room, else below it."""
    shown = f"  {argument.name}" if argument.positional else f"  {', '.join(argument.names)} {argument.metavar}".rstrip()
    if argument.kind is bool:
        shown = f"  {argument.name}, --no-{argument.name[2:]}"
    text = _wrapped(help_text(argument), width - COLUMN)
    if len(shown) <= COLUMN - 2 and text:
        yield f"{shown:{COLUMN}}{text.pop(0)}"
    else:
        yield from _wrapped(shown if len(shown) <= width else shown.replace(",", ", "), width, "      ")
    yield from (" " * COLUMN + line for line in text)


def _wrapped(text: str, width: int, indent: str = "") -> list[str]:
    """Lines of at most this width; words with hyphens are not broken."""
    return textwrap.wrap(text, width, subsequent_indent=indent, break_on_hyphens=False)


def _as_typed(value: object) -> str:
    """A value as it would be typed on the command line."""
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
