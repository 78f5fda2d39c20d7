"""The words of a command line, checked against what the command accepts, and corrected where it is clear what was meant: other spellings,
misspelled and unknown flags, missing or superfluous values. All problems are reported at once, one per line.
"""

import difflib
import re
from collections.abc import Callable, Sequence
from functools import partial

from sparring.cli.arguments.correct_values import correct_values, wanted_value
from sparring.cli.arguments.from_signature import SIZE, Argument, arguments_of
from sparring.cli.arguments.spelling import folded, is_flag
from sparring.cli.other_programs.flags import EXPLANATIONS, our_flags_for
from sparring.core.errors import SparringError


class UsageError(SparringError):
    """The command line was wrong: an unknown command or flag, a missing or invalid value. The program exits with code 2."""


def usage_error(problems: Sequence[str], called: str) -> UsageError:
    """The error for everything that is wrong with one command line, which ends with the help page to look at. `called`: the command as it
    is typed, "sparring train dcgan".
    """
    page = f"All flags: {called} --help"
    if len(problems) == 1:
        return UsageError(f"{problems[0]} ({page})")
    return UsageError("\n".join([f"{len(problems)} problems:", *(f"  - {problem}" for problem in problems), page]))


def correct_flags(words: Sequence[str], command: Callable[..., object], called: str) -> list[str]:
    """The words after a command in the spelling that the parser expects. `called`: the command as it is typed, "sparring train dcgan".

    Raises a UsageError with all problems: unknown flags, missing and wrong values, superfluous words, missing arguments.
    """
    reader = _Reader(list(arguments_of(command)), words, called)
    reader.read()
    if reader.problems:
        raise usage_error(reader.problems, called)
    return reader.corrected


class _Reader:
    """Reads the words of one command from left to right."""

    def __init__(self, arguments: list[Argument], words: Sequence[str], called: str) -> None:
        self.flags = {flag: one for one in arguments if not one.positional for flag in one.names}
        self.negated = {f"--no-{one.name[2:]}": one for one in arguments if one.kind is bool}
        self.known = {**self.flags, **self.negated}
        self.positional = [one for one in arguments if one.positional]
        self.words, self.called = [self.with_hyphens(word) for word in words], called
        self.problems: list[str] = []
        self.corrected: list[str] = []
        self.given: set[str] = set()
        self.counts: dict[str, int] = {}
        """Number of values that each flag has had so far."""
        self.loose: list[str] = []
        """Words that belong to no flag."""
        self.found_unknown_flag = False

    def read(self) -> None:
        """Fill `corrected` and `problems`."""
        rest = self.words
        after = ""
        while rest:
            word, rest = rest[0], rest[1:]
            if word == "--":
                self.loose += rest
                break
            if not is_flag(word):
                self.read_loose_word(word, after)
                continue
            until = next((i for i, one in enumerate(rest) if is_flag(one) or one == "--"), len(rest))
            flag, attached, values = self.split(word, rest[:until])
            argument = self.find(flag)
            if argument is None:
                self.found_unknown_flag = True
                self.problems.append(self.unknown_flag(flag, values))
                rest = rest[until:]
                continue
            again = argument.count is None and argument.name in self.given
            self.given.add(argument.name)
            count = argument.count
            before = len(self.corrected)
            taken = values[: len(values) if count is None else count]
            rest = rest[len(taken) - attached if not (attached and count == 0) else 0 :]
            self.read_flag(argument, flag, taken, values if attached and count == 0 else ())
            if again:  # the parser keeps the last of several, and would lose the values before
                added = self.corrected[before + 1 :]
                end = self.corrected.index(argument.name) + 1 + self.counts[argument.name]
                self.corrected = [*self.corrected[:end], *added, *self.corrected[end:before]]
            self.counts[argument.name] = self.counts.get(argument.name, 0) + len(taken)
            after = argument.name
        self.read_positional()
        self.problems += [
            f"{one.name} is missing: {what_to_give(one)}" for one in self.flags.values() if one.required and one.name not in self.given
        ]

    def with_hyphens(self, word: str) -> str:
        """A flag with two hyphens in place of the dash that web pages and word processors make of them; other words unchanged."""
        hyphens = re.sub("^[\u2010-\u2015\u2212]+(?=[a-z])", "--", word)
        return hyphens if hyphens.partition("=")[0] in self.known else word

    def split(self, word: str, following: list[str]) -> tuple[str, bool, list[str]]:
        """A flag, whether a value is attached to it (--flag=value, -n64), and the words that may be its values."""
        flag, equals, value = word.partition("=")
        if equals:
            return flag, True, [value]
        if not word.startswith("--") and word not in self.flags and word[:2] in self.flags and f"-{word}" not in self.known:
            return word[:2], True, [word[2:]]
        return word, False, following

    def find(self, flag: str) -> Argument | None:
        """The argument that a flag means, in any spelling; None if there is none."""
        exact = flag.replace("_", "-") if flag.startswith("--") else flag
        if exact in self.known:
            return self.known[exact]
        wanted = folded(flag if flag.startswith("--") or len(flag) == 2 else f"-{flag}")  # -data is --data
        alike = [own for own in self.known if folded(own) == wanted and len(own) > 2]
        return self.known[alike[0]] if len(alike) == 1 else None

    def read_flag(self, argument: Argument, flag: str, values: list[str], superfluous: Sequence[str]) -> None:
        """A known flag and its values."""
        if argument.count == 0:
            negated = folded(flag) == folded(f"--no-{argument.name[2:]}")
            self.corrected.append(f"--no-{argument.name[2:]}" if negated else argument.name)
            if superfluous:
                self.problems.append(f"{argument.name} takes no value: write {argument.name} or --no-{argument.name[2:]}.")
            return
        if argument.count is not None and len(values) < argument.count:
            wanted = "a value" if argument.count == 1 else f"{argument.count} values"
            seen = f"; only {len(values)} given" if values else ""
            self.problems.append(f"{argument.name} needs {wanted}: {wanted_value(argument.kind)}{seen}.")
            return
        corrected, problem = correct_values(argument, values)
        if problem:
            self.problems.append(problem)
        if len(corrected) == 1 and argument.count == 1:
            self.corrected.append(f"{argument.name}={corrected[0]}")  # a value may begin with a dash
        else:
            self.corrected += [argument.name, *corrected]

    def read_loose_word(self, word: str, after: str) -> None:
        """A word that belongs to no flag. `after`: the flag before it."""
        takes_many = any(one.count is None for one in self.positional)
        if takes_many or len(self.loose) < len(self.positional):
            self.loose.append(word)
            return
        flag = self.flags.get(after) or self.negated.get(after)
        if "--data" in self.flags and not self.positional and "--data" not in self.given:
            self.given.add("--data")
            self.problems.append(f"{word!r} has no flag in front of it. Name the training data with --data {word}")
        elif flag is not None and flag.kind == SIZE and word.isdigit():
            self.problems.append(f"{after} takes one value: write width and height as one word, such as 192x128.")
        elif flag is not None and flag.kind is bool:
            self.problems.append(f"{flag.name} takes no value, not {word!r}: write {flag.name} or --no-{flag.name[2:]}.")
        elif flag is not None:
            takes = "one value" if flag.count == 1 else f"{flag.count} values"
            self.problems.append(f"Unexpected {word!r}: {after} takes {takes}. Put quotes around a value that contains spaces.")
        else:
            takes = " ".join([self.called, *(one.name for one in self.positional)])
            self.problems.append(f"Unexpected {word!r}: the command is {takes} [flags].")

    def read_positional(self) -> None:
        """The words that belong to no flag, in their order."""
        loose, words = self.loose, []
        for one in self.positional:
            if one.count is None:
                taken, loose = loose, []
            else:
                taken, loose = loose[:1], loose[1:]
            if not taken and one.required and not self.found_unknown_flag:
                self.problems.append(f"{one.name} is missing: {what_to_give(one)}")
            corrected, problem = correct_values(one, taken)
            if problem:
                self.problems.append(problem)
            words += corrected
        self.corrected = [*words, *self.corrected]

    def unknown_flag(self, flag: str, values: list[str]) -> str:
        """The message about a flag that the command does not have: ours for it, if another program has it, or similar ones."""
        plain = folded(flag).strip("-").replace("-", "")
        flags = set(self.flags)
        if plain in EXPLANATIONS and (said := EXPLANATIONS[plain](flags, values, partial(self.value_of, "--data"))):
            return f"{flag}: {said}"
        for own in our_flags_for(plain):
            if own in flags:
                self.given.add(own)
                instead = example(self.flags[own], values)
                names = " or ".join(self.flags[own].names)
                return f"{flag}: in Sparring, write {instead}." if instead else f"{flag}: in Sparring, this is {names}."
        near = difflib.get_close_matches(folded(flag), self.known, n=3, cutoff=0.7)
        suggestion = f" Did you mean {' or '.join(near)}?" if near else ""
        return f"{flag}: unknown flag.{suggestion}"

    def value_of(self, flag: str) -> str | None:
        """The word after a flag, if the flag was given."""
        for word, following in zip(self.words, [*self.words[1:], None], strict=True):
            if word == flag:
                return following
            if word.startswith(f"{flag}="):
                return word.partition("=")[2]
        return None


def example(argument: Argument, values: Sequence[str]) -> str:
    """The values that were given to another flag, as they would be written after this one; "" if they do not fit it."""
    if not values or argument.count != 1 or correct_values(argument, values[:1])[1]:
        return ""
    return f"{argument.name} {values[0]}"


def what_to_give(argument: Argument) -> str:
    """What to give for a missing argument."""
    if argument.name == "--data" and argument.kind is str:
        from sparring.data.open_by_name import source_names  # slow to import, and seldom needed

        sets = " or ".join(f"--data {name}" for name in source_names() if ":" not in name)
        return f"give a folder or zip of images, or a data set that comes with Sparring: {sets}."
    what = argument.help or f"{wanted_value(argument.kind)}."
    return f"give {what[0].lower()}{what[1:]}"
