"""Writes the pages of the reference that are made from the program itself: help pages, settings, the Python API.

`conf.py` calls it at every build, so these pages cannot fall behind the code. All imports of the package stand here.
"""

import contextlib
import io
import os
import re
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import sparring
from sparring import recipes
from sparring.__main__ import main
from sparring.cli.arguments.from_signature import field_docstrings
from sparring.data.pairs.pairing import Pairing
from sparring.data.preprocessing import Preprocessing
from sparring.playground_2d.play import PlaygroundSettings
from sparring.training.settings import TrainSettings

VERSION = sparring.__version__
WIDTH = 96
"""Columns of the help pages."""
TYPES = {int: "integer", float: "number", str: "text"}
SYMBOLS = {"at least": "≥", "more than": ">", "at most": "≤", "less than": "<"}
NOTABLE = 2**17
"""Bounds above it are left out."""
GROUPS = (
    ("Training", TrainSettings, "Every run has them: how long it trains, how precisely, and how closely it is watched."),
    ("Preprocessing", Preprocessing, "How the images of a source become squares of one size. `sparring data prepare` takes them too."),
    ("Pairing", Pairing, "For the recipes that translate images (pix2pix, cyclegan, cut, style-transfer): which images go together."),
    ("Playground", PlaygroundSettings, "For `sparring playground`, beside the settings of the recipe that is played."),
)
"""Settings that do not belong to a recipe: heading, dataclass, introduction."""


def write(folder: Path) -> None:
    """Write the pages into the folder of the reference. Files whose text has not changed keep their date, so that Sphinx skips them."""
    for name, text in PAGES.items():
        path, made = folder / name, text()
        if not path.exists() or path.read_text(encoding="utf-8") != made:
            path.write_text(made, encoding="utf-8")


# ---------------------------------------------------------------------------------------------------------- command line


def said(*words: str) -> str:
    """What a command prints."""
    before, os.environ["COLUMNS"] = os.environ.get("COLUMNS"), str(WIDTH)
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
            main(list(words))
    finally:
        os.environ.pop("COLUMNS") if before is None else os.environ.update(COLUMNS=before)
    return out.getvalue().rstrip()


def listed_in(page: str) -> list[str]:
    """The names in the left column of a help page: commands, or recipes."""
    return re.findall(r"^  ([a-z][a-z0-9-]*)  +\S", page, re.MULTILINE)


def command_line() -> str:
    """The page with every command's help."""
    overview = said("--help")
    lines = [
        "# Command line",
        "",
        "This is what `sparring help COMMAND` prints, for every command. Where a command takes a recipe, the settings of that recipe are",
        "flags of the command: they are listed under [recipe settings](recipe-settings.md).",
        "",
        "A flag may be written with hyphens or underscores, in British or American spelling, and with any capitals. Every mistake in a",
        "command is reported at once, one line each.",
        "",
        *block(overview),
        "",
        "## Exit status",
        "",
        "| status | meaning |",
        "|---|---|",
        "| 0 | done; for `diagnose`: healthy |",
        "| 1 | something could not be done; `translate`: some images failed |",
        "| 2 | the command was not understood |",
        "| 3 | a loss or gradient was no longer finite |",
        "| 4 | `diagnose` found something wrong |",
        "| 5 | `diagnose`: too early to tell |",
        "| 130 | stopped by Ctrl-C, after saving |",
        "",
    ]
    for verb in listed_in(overview.partition("To start:")[0]):
        if verb in ("help", "recipes"):
            lines += ["", f"## {verb}", "", *block(said(verb))] if verb == "recipes" else []
            continue
        page = said("help", verb)
        lines += ["", f"## {verb}", "", *block(page)]
        if page.startswith(f"usage: sparring {verb} COMMAND"):
            for name in listed_in(page):
                lines += ["", f"### {verb} {name}", "", *block(said("help", verb, name))]
        elif page.startswith(f"usage: sparring {verb} RECIPE"):
            lines += ["", f"With `dcgan` as the recipe, for example (`sparring help {verb} RECIPE` shows the others):", ""]
            lines += block(said("help", verb, "dcgan"))
    return "\n".join(lines) + "\n"


def block(text: str) -> list[str]:
    """Lines of a page in which text stands as it is."""
    return ["```text", text, "```"]


# ------------------------------------------------------------------------------------------------------------- settings


def general_settings() -> str:
    """The page of the settings that are no recipe's."""
    lines = [
        "# Settings of training and data",
        "",
        "On the command line a setting is a flag (`batch_size` is `--batch-size`); in Python it is a keyword of `sparring.train`. Settings",
        "that are on or off are written `--coach` and `--no-coach`. *None* cannot be typed: leave the flag out.",
    ]
    for heading, kind, introduction in GROUPS:
        lines += ["", f"## {heading}", "", introduction, "", *table(kind, [field.name for field in fields(kind)])]
    return "\n".join(lines) + "\n"


def recipe_settings() -> str:
    """The page of every recipe's settings. What many recipes share stands once."""
    kinds = {name: recipes.get(name) for name in recipes.names()}
    shared = shared_bases(kinds)
    lines = [
        "# Settings of recipes",
        "",
        "Defaults are the paper's values where the paper gives them. Recipes share most of their settings: first come the shared ones,",
        "then for each recipe its own settings and those whose default differs.",
    ]
    for base in dict.fromkeys(shared.values()):
        names = [name for name, one in shared.items() if one is base]
        if len(names) == 1:
            continue
        lines += ["", f"## Shared by {len(names)} recipes", "", f"These are settings of {listing(names)}.", ""]
        lines += table(base, [field.name for field in fields(base)])
    for name, kind in kinds.items():
        alone = list(shared.values()).count(shared[name]) == 1
        own = [field.name for field in fields(kind)] if alone else differing(kind, shared[name])
        lines += ["", f"## {name}", "", f"{kind.title}. {kind.paper}.", "", f"Data: {kind.data}.", ""]
        lines += table(kind, own) if own else ["No settings of its own, and no other defaults."]
    return "\n".join(lines) + "\n"


def shared_bases(kinds: Mapping[str, type]) -> dict[str, type]:
    """For each recipe the nearest class above it that several recipes have above them, and that is not a recipe itself."""
    above = {
        name: [one for one in kind.__mro__ if is_dataclass(one) and not one.__module__.startswith(f"{recipes.__name__}.")]
        for name, kind in kinds.items()
    }
    nearest = Counter(classes[0] for classes in above.values())
    return {name: next((one for one in classes if nearest[one] > 1), classes[-1]) for name, classes in above.items()}


def differing(kind: type, base: type) -> list[str]:
    """The settings that a dataclass has beyond a base, or with another default, range or explanation."""
    theirs = {field.name: field for field in fields(base)}
    mine, before = field_docstrings(kind), field_docstrings(base)
    ranges, ranges_before = getattr(kind, "ranges", {}), getattr(base, "ranges", {})
    return [
        field.name
        for field in fields(kind)
        if field.name not in theirs
        or field.default != theirs[field.name].default
        or mine.get(field.name) != before.get(field.name)
        or ranges.get(field.name) != ranges_before.get(field.name)
    ]


def table(kind: type, names: Sequence[str]) -> list[str]:
    """The rows of a table of settings."""
    hints, explained, by_name = get_type_hints(kind), field_docstrings(kind), {field.name: field for field in fields(kind)}
    lines = ["| setting | value | default | what it does |", "|---|---|---|---|"]
    for name in names:
        field, bounds = by_name[name], getattr(kind, "ranges", {}).get(name, {})
        value = "<br>".join([values_of(hints[name]), *bounds_of(bounds)])
        lines.append(f"| `{name}` | {value} | {default_of(field)} | {explanation(explained.get(name, ''), by_name)} |")
    return lines


def explanation(text: str, names: Container[str]) -> str:
    """The text of a setting's docstring, with the settings that it names in type for code."""
    parts = re.split(r"(`[^`|]*`|\b[a-z0-9]+(?:_[a-z0-9]+)+\b)", text)
    return "".join(part if part[:1] == "`" else f"`{part}`" if part in names else escaped(part) for part in parts)


def values_of(kind: Any) -> str:  # noqa: ANN401 (a type as it is written)
    """What a setting can be: its choices, or its type."""
    choices = list(choices_of(kind))
    if choices:
        return " ".join(f"`{choice}`" for choice in choices)
    kind = without_none(kind)
    if get_origin(kind) is tuple:
        first, *others = get_args(kind)
        return f"{'' if others[-1:] == [...] else f'{len(others) + 1} '}{TYPES[first]}s"
    return "on or off" if kind is bool else TYPES.get(kind, "text")


def choices_of(kind: Any) -> Iterator[str]:  # noqa: ANN401
    """The values of a type that lists them."""
    for one in get_args(kind):
        if isinstance(one, str | int) and not isinstance(one, bool):
            yield str(one)
        elif get_origin(one) is not tuple:
            yield from choices_of(one)


def without_none(kind: Any) -> Any:  # noqa: ANN401
    """A type without None among its parts."""
    parts = [one for one in get_args(kind) if one is not type(None)]
    return parts[0] if type(None) in get_args(kind) and len(parts) == 1 else kind


def bounds_of(bounds: dict[str, float]) -> list[str]:
    """A range, in signs. Bounds that only guard against what no machine can do are left out."""
    shown = [f"{SYMBOLS[words]} {bound:,}" for words, bound in bounds.items() if bound <= NOTABLE]
    return [", ".join(shown)] if shown else []


def default_of(field: Any) -> str:  # noqa: ANN401 (a dataclass's field)
    """A default as it would be written."""
    if field.default is MISSING:
        return ""
    if field.default is None:
        return "None"
    if isinstance(field.default, bool):
        return "on" if field.default else "off"
    if isinstance(field.default, tuple):
        return f"`{' '.join(map(str, field.default))}`" if field.default else "none"
    return f"`{field.default}`"


def escaped(text: str) -> str:
    """Text that stands in a cell of a table as it is."""
    return re.sub(r"([|*_<>\[\]$])", r"\\\1", text)


def listing(names: Sequence[str]) -> str:
    """Names with commas and an 'and'."""
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


# ----------------------------------------------------------------------------------------------------------- Python API

FIRST = ("train", "resume", "load", "Model", "save_images", "pack", "doctor", "diagnose", "judge", "compare", "translate")
"""The names that most users want come first; the others follow by the alphabet."""


def internal_of(kind: type) -> str:
    """Methods of a class that only check what a caller asked for."""
    return ", ".join(name for name in vars(kind) if name.startswith("refuse"))


def python_api() -> str:
    """The page of all that `import sparring` gives."""
    lines = [
        "# Python API",
        "",
        "This is all that `import sparring` gives. Everything that a user can put right raises a `SparringError`, whose text says what was",
        "wrong, what value was seen and what to do.",
        "",
        "```{eval-rst}",
        ".. module:: sparring",
        "",
    ]
    for name in sorted(sparring.__all__, key=lambda name: (FIRST.index(name) if name in FIRST else len(FIRST), name.lower())):
        found = getattr(sparring, name)
        real = getattr(found, "_verb", found)  # a module that can be called stands for a function
        setattr(sparring, name, real)
        if isinstance(real, type) and issubclass(real, Exception):
            lines += [f".. autoexception:: sparring.{name}", ""]
        elif isinstance(real, type):
            lines += [f".. autoclass:: sparring.{name}", "   :members:", f"   :exclude-members: {internal_of(real)}", ""]
        elif callable(real):
            lines += [f".. autofunction:: sparring.{name}", ""]
    return "\n".join([*lines, "```"]) + "\n"


PAGES = {
    "command-line.md": command_line,
    "settings.md": general_settings,
    "recipe-settings.md": recipe_settings,
    "python-api.md": python_api,
}
"""The generated pages. Git ignores them."""
