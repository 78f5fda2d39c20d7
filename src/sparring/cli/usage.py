"""The words of a command held against what the command takes, before tyro sees them: every problem at once, a line each."""

import difflib
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from sparring.cli.command_arguments import Argument, arguments_of
from sparring.cli.other_toolkits import SENTENCES, meant_by
from sparring.core.errors import SparringError

AMERICAN = (("colour", "color"), ("grey", "gray"), ("centre", "center"), ("optimis", "optimiz"), ("judgement", "judgment"))
"""Spellings that are taken for each other in flags and in values."""
WIDTH_BY_HEIGHT = re.compile(r"\d+\s*[x×,*]\s*\d+", re.IGNORECASE)  # noqa: RUF001 (a sign that people do type)

TWO_SIDES = (
    "images are squares here, so give one number: {}. --crop says what becomes of images that are not square: center cuts the middle out, "
    "pad adds background, squash distorts."
)


class UsageError(SparringError):
    """A command was not written as it must be. The command line exits with 2."""


def usage_error(problems: Sequence[str], help_command: str) -> UsageError:
    """The error for all that is wrong with one command: a line for each problem, and one that names the page that helps."""
    page = f"Every flag: {help_command} --help" if "RECIPE" not in help_command else f"More: {help_command}"
    if len(problems) == 1:
        return UsageError(f"{problems[0]} ({page})")
    return UsageError("\n".join([f"{len(problems)} problems:", *(f"  - {problem}" for problem in problems), page]))


def folded(word: str) -> str:
    """A word without what is spelled in several ways: case, underscores, British or American endings."""
    word = word.lower().replace("_", "-")
    for british, american in AMERICAN:
        word = word.replace(british, american)
    return word


def is_flag(word: str) -> bool:
    """Whether a word is meant as a flag: negative numbers are not."""
    return bool(re.match(r"--?[a-z]", word, re.IGNORECASE)) and word.lower() not in {"-inf", "-nan", "-infinity"}


def checked(words: Sequence[str], command: Callable[..., object], called: str) -> list[str]:
    """The words after a command, in its own spelling. `called`: the command as it is written, "sparring train dcgan".

    Raises a UsageError with every problem: unknown flags, missing and wrong values, words too many, arguments that are missing.
    """
    reading = _Reading(list(arguments_of(command)), words, called)
    reading.read()
    if reading.problems:
        raise usage_error(reading.problems, called)
    return reading.found


class _Reading:
    """The words of one command, read from left to right."""

    def __init__(self, arguments: list[Argument], words: Sequence[str], called: str) -> None:
        self.named = {flag: one for one in arguments if not one.positional for flag in one.names}
        self.negated = {f"--no-{one.name[2:]}": one for one in arguments if one.kind is bool}
        self.known = {**self.named, **self.negated}
        self.positional = [one for one in arguments if one.positional]
        self.words, self.called = [self.straightened(word) for word in words], called
        self.problems: list[str] = []
        self.found: list[str] = []
        self.given: set[str] = set()
        self.loose: list[str] = []
        self.unknown = False

    def read(self) -> None:
        """Fill `found` and `problems`."""
        rest = self.words
        after = ""
        while rest:
            word, rest = rest[0], rest[1:]
            if word == "--":
                self.loose += rest
                break
            if not is_flag(word):
                self.take_loose(word, after)
                continue
            until = next((i for i, one in enumerate(rest) if is_flag(one) or one == "--"), len(rest))
            flag, attached, values = self.split(word, rest[:until])
            argument = self.argument(flag)
            if argument is None:
                self.unknown = True
                self.problems.append(self.about_unknown(flag, values))
                rest = rest[until:]
                continue
            self.given.add(argument.name)
            count = argument.count
            taken = values[: len(values) if count is None else count]
            rest = rest[len(taken) - attached if not (attached and count == 0) else 0 :]
            self.take(argument, flag, taken, values if attached and count == 0 else ())
            after = argument.name
        self.take_places()
        self.problems += [
            f"{one.name} is missing: {missing(one)}" for one in self.named.values() if one.required and one.name not in self.given
        ]

    def straightened(self, word: str) -> str:
        """A flag with the dashes that web pages and word processors make of two hyphens, as it is typed; other words as they are."""
        hyphens = re.sub("^[\u2010-\u2015\u2212]+(?=[a-z])", "--", word)
        return hyphens if hyphens.partition("=")[0] in self.known else word

    def split(self, word: str, following: list[str]) -> tuple[str, bool, list[str]]:
        """A flag, whether a value is attached to it (--flag=value, -n64), and the words that may be its values."""
        flag, equals, value = word.partition("=")
        if equals:
            return flag, True, [value]
        if not word.startswith("--") and word not in self.named and word[:2] in self.named and f"-{word}" not in self.known:
            return word[:2], True, [word[2:]]
        return word, False, following

    def argument(self, flag: str) -> Argument | None:
        """What a flag is, in whatever spelling."""
        exact = flag.replace("_", "-") if flag.startswith("--") else flag
        if exact in self.known:
            return self.known[exact]
        wanted = folded(flag if flag.startswith("--") or len(flag) == 2 else f"-{flag}")  # -data is --data
        alike = [own for own in self.known if folded(own) == wanted and len(own) > 2]
        return self.known[alike[0]] if len(alike) == 1 else None

    def take(self, argument: Argument, flag: str, values: list[str], refused: Sequence[str]) -> None:
        """A flag that is known, with its values."""
        if argument.count == 0:
            negated = folded(flag) == folded(f"--no-{argument.name[2:]}")
            self.found.append(f"--no-{argument.name[2:]}" if negated else argument.name)
            if refused:
                self.problems.append(f"{argument.name} takes no value: write {argument.name} or --no-{argument.name[2:]}.")
            return
        if argument.count is not None and len(values) < argument.count:
            wanted = "a value" if argument.count == 1 else f"{argument.count} values"
            seen = f"; {len(values)} given" if values else ""
            self.problems.append(f"{argument.name} needs {wanted} after it ({wanted_words(argument.kind)}{seen}).")
            return
        corrected, problem = values_of(argument, values)
        if problem:
            self.problems.append(problem)
        if len(corrected) == 1 and argument.count == 1:
            self.found.append(f"{argument.name}={corrected[0]}")  # a value may begin with a dash
        else:
            self.found += [argument.name, *corrected]

    def take_loose(self, word: str, after: str) -> None:
        """A word that belongs to no flag."""
        places = len(self.positional)
        endless = any(one.count is None for one in self.positional)
        if endless or len(self.loose) < places:
            self.loose.append(word)
            return
        flag = self.named.get(after) or self.negated.get(after)
        if "--data" in self.named and not self.positional and "--data" not in self.given:
            self.given.add("--data")
            self.problems.append(f"{word!r}: what to learn from is named by a flag: --data {word}")
        elif after == "--size" and word.isdigit():
            self.problems.append(f"--size: {TWO_SIDES.format('the smaller of the two')}")
        elif flag is not None and flag.kind is bool:
            self.problems.append(
                f"{flag.name} takes no value, so {word!r} is one word too many: write {flag.name} or --no-{flag.name[2:]}."
            )
        elif flag is not None:
            takes = "one value" if flag.count == 1 else f"{flag.count} values"
            self.problems.append(f"{word!r} is one word too many: {after} takes {takes}. Quote a value that has spaces in it.")
        else:
            takes = " ".join([self.called, *(one.name for one in self.positional)])
            self.problems.append(f"{word!r} is one word too many: the command is {takes} and flags.")

    def take_places(self) -> None:
        """The words with a place of their own."""
        loose, places = self.loose, []
        for one in self.positional:
            if one.count is None:
                taken, loose = loose, []
            else:
                taken, loose = loose[:1], loose[1:]
            if not taken and one.required and not self.unknown:
                self.problems.append(f"{one.name} is missing: {missing(one)}")
            corrected, problem = values_of(one, taken)
            if problem:
                self.problems.append(problem)
            places += corrected
        self.found = [*places, *self.found]

    def about_unknown(self, flag: str, values: list[str]) -> str:
        """What is said of a flag that the command does not have."""
        plain = folded(flag).strip("-").replace("-", "")
        flags = set(self.named)
        if plain in SENTENCES and (said := SENTENCES[plain](flags, values, partial(self.value_of, "--data"))):
            return f"{flag}: {said}"
        for own in meant_by(plain):
            if own in flags:
                self.given.add(own)
                return f"{flag}: here this is {' or '.join(self.named[own].names)}{example(self.named[own], values)}."
        near = difflib.get_close_matches(folded(flag), self.known, n=3, cutoff=0.7)
        return f"{flag}: there is no such flag.{f' Did you mean {_either(near)}?' if near else ''}"

    def value_of(self, flag: str) -> str | None:
        """The word after a flag, if it is there."""
        for word, following in zip(self.words, [*self.words[1:], None], strict=True):
            if word == flag:
                return following
            if word.startswith(f"{flag}="):
                return word.partition("=")[2]
        return None


def _either(names: Sequence[str]) -> str:
    return " or ".join(names)


def example(argument: Argument, values: Sequence[str]) -> str:
    """Values that suit another flag, as they would be written after it."""
    if not values or argument.count != 1 or values_of(argument, values[:1])[1]:
        return ""
    return f": {argument.name} {values[0]}"


def missing(argument: Argument) -> str:
    """What to give for an argument that is missing."""
    if argument.name == "--data" and argument.kind is str:
        from sparring.data.open_source import source_names  # noqa: PLC0415 (slow to import, and seldom needed)

        sets = " or ".join(f"--data {name}" for name in source_names() if ":" not in name)
        return f"give a folder or zip of images, or a set that comes with Sparring: {sets}."
    return argument.help or f"{wanted_words(argument.kind)}."


def values_of(argument: Argument, values: Sequence[str]) -> tuple[list[str], str]:
    """Values in the spelling of the argument's type, and what is wrong with them in a sentence ("" if nothing is)."""
    kinds: tuple[Any, ...] = (argument.kind,) * len(values)
    if get_origin(argument.kind) is tuple:
        inner = get_args(argument.kind)
        kinds = (inner[0],) * len(values) if inner[-1] is ... else inner
    corrected, wrong = [], []
    for value, kind in zip(values, kinds, strict=False):
        own, problem = _value_of(value, kind, argument.name)
        corrected.append(own)
        wrong += [problem] if problem else []
    return corrected, f"{argument.name}: {' '.join(wrong)}" if wrong else ""


def _value_of(value: str, kind: Any, flag: str) -> tuple[str, str]:  # noqa: ANN401 (a type as it is written)
    if get_origin(kind) in (Union, UnionType):
        tries = [_value_of(value, one, flag) for one in get_args(kind)]
        return next((one for one in tries if not one[1]), tries[0])
    if get_origin(kind) is Literal:
        return _choice(value, [str(one) for one in get_args(kind)])
    if kind is int and not _is(int, value):
        if flag == "--size" and WIDTH_BY_HEIGHT.fullmatch(value):
            smaller = min(re.findall(r"\d+", value), key=int)
            return value, f"{value!r} is two sides; {TWO_SIDES.format(f'--size {smaller}')}"
        number = _number(value)
        return value, f"{value!r} is no whole number{f'; write {number}' if number is not None else ''}."
    if kind is float and not _is(float, value):
        return value, f"{value!r} is no number."
    return value, ""


def _is(kind: Callable[[str], object], value: str) -> bool:
    try:
        kind(value)
    except ValueError:
        return False
    return True


def _number(value: str) -> int | None:
    """The whole number that 1e6, 10k, 50,000 or 64.0 means."""
    factor = {"k": 1000, "m": 1_000_000}.get(value[-1:].lower(), 1)
    text = value[:-1] if factor > 1 else value
    if re.fullmatch(r"\d{1,3}(,\d{3})+", text):
        text = text.replace(",", "")
    found = float(text) * factor if _is(float, text) else float("nan")
    return int(found) if found.is_integer() else None


def _choice(value: str, choices: list[str]) -> tuple[str, str]:
    """The choice that is meant, in its own spelling: in any case, British or American, or by the words before its comma."""
    if value in choices:
        return value, ""
    for shape in (str, lambda own: own.partition(",")[0]):
        alike = [own for own in choices if folded(shape(own)) == folded(value)]
        if len(alike) == 1:
            return alike[0], ""
    near = difflib.get_close_matches(folded(value), choices, n=1, cutoff=0.6)
    return value, f"{value!r} is none of {_listed(choices)}.{f' Did you mean {near[0]}?' if near else ''}"


def _listed(choices: Sequence[str]) -> str:
    """Choices with commas between them, and in quotes if one of them has a comma of its own."""
    return ", ".join(map(repr, choices) if any("," in choice for choice in choices) else choices)


def wanted_words(kind: Any) -> str:  # noqa: ANN401 (a type as it is written)
    """What a value must be."""
    if get_origin(kind) in (Union, UnionType):
        return " or ".join(map(wanted_words, get_args(kind)))
    if get_origin(kind) is Literal:
        return f"one of {', '.join(map(str, get_args(kind)))}"
    if get_origin(kind) is tuple:
        first = wanted_words(get_args(kind)[0])
        return f"{first}, as often as you like" if get_args(kind)[-1] is ... else f"{len(get_args(kind))} times {first}"
    return {int: "a whole number", float: "a number", Path: "a path"}.get(kind, "a text")
