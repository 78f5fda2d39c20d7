"""The command line. Each verb is a function; flags come from its signature and from the settings' dataclasses.

Nothing heavy is imported before it is known which verb is wanted: `sparring --help` answers at once.
"""

import errno
import os
import shlex
import shutil
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import tyro
from tyro.conf import DisallowNone

from sparring.cli.exit_codes import EXIT_ERROR, EXIT_NOT_FINITE, EXIT_STOPPED, EXIT_USAGE
from sparring.cli.help_page import help_page
from sparring.cli.other_toolkits import RECIPES, command_for
from sparring.cli.usage import UsageError, checked, folded, is_flag
from sparring.cli.verbs import GROUPS, SECTIONS, VERBS, WITH_RECIPE, Verb, function_of, recipes_of
from sparring.core.errors import NonFiniteError, SparringError, did_you_mean

FULL = " What was written is whole: make room, and run this again (a run goes on with: sparring resume RUN)."
ADVICE = {
    errno.ENOSPC: FULL,
    errno.EDQUOT: FULL,
    **dict.fromkeys((errno.ENOENT, errno.EACCES, errno.EPERM, errno.EROFS), " Is it there, and may you read and write it?"),
}
"""After what the system refused, by its number: what to do."""

OPENING = """Sparring trains generative adversarial networks (GANs) on your own data, and
uses them."""
START = """To start:
  sparring train dcgan --data fashion10k --out runs/first --minutes 5
  sparring sample runs/first -n 64 --seed 1"""


# ------------------------------------------------------------------------------------------------- verbs


# -------------------------------------------------------------------------- arguments made of dataclasses


# ----------------------------------------------------------------------------------------------- the door


def overview() -> str:
    """The page of `sparring --help`."""
    lines = [OPENING, "", "usage: sparring COMMAND ...", ""]
    for section, verbs in SECTIONS.items():
        lines += [f"{section}:", *(f"  {verb:12} {summary}" for verb, summary in verbs.items()), ""]
    return "\n".join([*lines, START, "", "Every flag of a command:  sparring COMMAND --help"])


def group_page(verb: str) -> str:
    """The page of a verb that is several."""
    lines = [f"usage: sparring {verb} COMMAND ...", ""]
    lines += [f"  {name:12} {_first_sentence(function)}" for name, function in GROUPS[verb].items()]
    return _wrapped([*lines, "", f"Every flag of a command: sparring {verb} COMMAND --help"])


def recipe_page(verb: str) -> str:
    """The page of a verb that wants a recipe."""
    from sparring import recipes as known

    example = "sparring train dcgan --data fashion10k --minutes 5" if verb == "train" else "sparring playground gan --data ring8"
    lines = [f"usage: sparring {verb} RECIPE --data DATA ...", "", f"For example: {example}", ""]
    lines += [f"  {name:15} {known.get(name).title}" for name in recipes_of(WITH_RECIPE[verb])]
    more = ["", f"Every setting of a recipe:       sparring {verb} RECIPE --help", "What data each needs, and paper: sparring recipes"]
    if verb == "train":
        more.append("Which suits your data:           sparring doctor --data DATA")
    return _wrapped([*lines, *more])


def _first_sentence(function: Verb) -> str:
    return f"{(function.__doc__ or '').partition('. ')[0].splitlines()[0].rstrip('.')}."


def _wrapped(lines: Sequence[str]) -> str:
    """Lines of two columns, the second one wrapped below itself."""
    width = shutil.get_terminal_size().columns
    indent = " " * (18 if any(line.startswith("  ") and line[17:18] == " " for line in lines) else 15)
    return "\n".join(textwrap.fill(line, width, subsequent_indent=indent) if line.startswith("  ") else line for line in lines)


def recipe_of(verb: str, words: Sequence[str]) -> str:
    """The recipe that a command names first, in whatever spelling; a UsageError says how it is named."""
    from sparring import recipes as known
    from sparring.data.open_source import source_names

    names = recipes_of(WITH_RECIPE[verb])
    first = words[0] if words else ""
    if first and not is_flag(first):
        if (name := known.found(first)) in names:
            return name
        if verb == "train" and (first in source_names() or Path(first).exists()):
            raise UsageError(f"{first!r} is no recipe but data: {_command_with(verb, _suited(words), ['--data', *words])}")
        raise UsageError(f"There is no recipe {first!r}{' for points' if verb == 'playground' else ''}. {did_you_mean(first, names)}")
    for at, word in enumerate(words):
        flag, equals, value = word.partition("=")
        before = words[at - 1] if at else ""
        named_by_flag = (equals and _of_recipe(flag)) or _of_recipe(before)
        if (name := known.found(value if equals else word)) in names and (named_by_flag or not is_flag(before)):
            rest = [*words[: at - 1 if _of_recipe(before) else at], *words[at + 1 :]]
            raise UsageError(f"The recipe comes first: {_command_with(verb, name or '', rest)}")
    named = ["--data", words[words.index("--data") + 1]] if "--data" in words[:-1] else ["--data", "DATA"]
    if verb == "playground":
        example = _command_with(verb, "gan", words or ["--data", "ring8"])
        raise UsageError(f"Name a recipe first, as in: {example} (all of them: sparring playground --help)")
    raise UsageError(
        f"Name a recipe first, as in: {_command_with(verb, _suited(words), words or named)} "
        f"(all of them: sparring recipes; which suits your data: {_command_with('doctor', '', named)})"
    )


def _of_recipe(word: str) -> bool:
    return is_flag(word) and folded(word).strip("-").replace("-", "") in RECIPES


def _suited(words: Sequence[str]) -> str:
    """The recipe to begin with, as far as flags tell."""
    flags = {word.partition("=")[0] for word in words if is_flag(word)}
    if flags & {"--inputs", "--side-by-side"}:
        return "pix2pix"
    return "cyclegan" if "--target" in flags else "dcgan"


def _command_with(verb: str, name: str, words: Sequence[str]) -> str:
    return shlex.join(["sparring", verb, *([name] if name else []), *words])


def run(argv: Sequence[str]) -> int | None:
    """Do what a command says. Raises a UsageError if it cannot be understood."""
    verb, words = argv[0], list(argv[1:])
    asked = not words or words[0] in ("-h", "--help")
    if is_flag(verb):
        raise UsageError(f"{verb}: a command comes first, as in: sparring train dcgan --data fashion10k (all of them: sparring --help)")
    verb = verb if verb in VERBS else folded(verb)
    if verb not in VERBS:
        raise UsageError(f"There is no command {argv[0]!r}. {command_for(argv[0]) or did_you_mean(argv[0], VERBS)}")
    name = ""
    if verb in GROUPS or verb in WITH_RECIPE:
        if asked and (words or verb in GROUPS):
            print(group_page(verb) if verb in GROUPS else recipe_page(verb), file=sys.stdout if words else sys.stderr)
            return 0 if words else EXIT_USAGE
        name = _in_group(verb, words) if verb in GROUPS else recipe_of(verb, words)
        words = words[1:]
    called = " ".join(["sparring", verb, *([name] if name else [])])
    function = function_of(verb, name, words)
    if {"-h", "--help"} & set(words):
        print(help_page(function, called))
        return 0
    words = checked(words, function, called)
    return tyro.cli(function, prog=called, args=words, config=(DisallowNone,))


def _in_group(verb: str, words: Sequence[str]) -> str:
    name = folded(words[0])
    if name in GROUPS[verb]:
        return name
    if verb == "data" and Path(words[0]).exists():
        raise UsageError(
            f"Look it over with: {shlex.join(['sparring', 'data', 'inspect', *words])} (or prepare it for training: data prepare)"
        )
    near = did_you_mean(words[0], GROUPS[verb])
    raise UsageError(f"There is no command {f'{verb} {words[0]}'!r}. {near} (More: sparring {verb} --help)")


def _said(problem: OSError) -> str:
    """What the system refused, where, and what to do."""
    where = f"{problem.filename}: " if problem.filename else ""
    return f"{where}{problem.strerror or problem}.{ADVICE.get(problem.errno or 0, '')}"


def main(argv: Sequence[str] | None = None) -> None:
    """The command `sparring`. Exits with 0; 1 on an error; 2 on wrong usage; 3 if training became non-finite; 4 if
    `diagnose` found a training sick; 130 if stopped by Ctrl-C.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    if argv[:1] == ["help"]:
        argv = [*argv[1:], "--help"]
    try:
        if argv in (["--version"], ["-V"]):
            from sparring import __version__

            print(f"sparring {__version__}")
            code = 0
        elif not argv or argv[0] in ("-h", "--help"):
            print(overview())
            code = 0
        else:
            code = run(argv)
    except UsageError as problem:
        print(f"sparring: {problem}", file=sys.stderr)
        code = EXIT_USAGE
    except SparringError as problem:
        print(f"sparring: {problem}", file=sys.stderr)
        code = EXIT_NOT_FINITE if isinstance(problem, NonFiniteError) else EXIT_ERROR
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except OSError as problem:
        print(f"sparring: {_said(problem)}", file=sys.stderr)
        code = EXIT_ERROR
    except KeyboardInterrupt:
        print("sparring: interrupted", file=sys.stderr)
        code = EXIT_STOPPED
    sys.exit(code or 0)
