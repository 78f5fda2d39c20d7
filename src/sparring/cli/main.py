"""The entry point of the command line. It finds the command, runs it, and turns errors into one message and an exit code.

Nothing heavy is imported before it is known which command is wanted: `sparring --help` answers at once.
"""

import errno
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import tyro
from tyro.conf import DisallowNone

from sparring.cli.arguments.correct_flags import UsageError, correct_flags
from sparring.cli.arguments.find_recipe import find_recipe
from sparring.cli.arguments.flags_in_messages import with_flags
from sparring.cli.arguments.from_signature import arguments_of
from sparring.cli.arguments.spelling import folded, is_flag
from sparring.cli.command_table import COMMANDS, GROUPS, NEED_RECIPE, SECTIONS, command_function, recipes_for
from sparring.cli.exit_codes import EXIT_ERROR, EXIT_NOT_FINITE, EXIT_STOPPED, EXIT_USAGE
from sparring.cli.help_pages import command_page, group_page, overview_page, recipe_list_page
from sparring.cli.other_programs.commands import our_command_for
from sparring.core.errors import NonFiniteError, SettingsError, SparringError, did_you_mean

DISK_FULL = " Files written so far are complete. Free some space and try again (to continue a run: sparring resume RUN)."
ADVICE = {
    errno.ENOSPC: DISK_FULL,
    errno.EDQUOT: DISK_FULL,
    **dict.fromkeys((errno.ENOENT, errno.EACCES, errno.EPERM, errno.EROFS), " Check that it exists and that you may read and write it."),
}
"""What to do about an error of the operating system, by its number."""


def main(argv: Sequence[str] | None = None) -> None:
    """The command `sparring`. It exits with one of the codes in exit_codes.py."""
    argv = list(sys.argv[1:] if argv is None else argv)
    if argv[:1] == ["help"]:
        argv = [*argv[1:], "--help"]
    try:
        code = run(argv)
    except UsageError as problem:
        code = _report(str(problem), EXIT_USAGE)
    except SparringError as problem:
        code = _report(str(problem), EXIT_NOT_FINITE if isinstance(problem, NonFiniteError) else EXIT_ERROR)
    except BrokenPipeError:  # the reader of our output has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except OSError as problem:
        code = _report(_message_of(problem), EXIT_ERROR)
    except KeyboardInterrupt:
        code = _report("interrupted", EXIT_STOPPED)
    sys.exit(code or 0)


def run(argv: Sequence[str]) -> int | None:
    """Run a command and return its exit code. Raises a UsageError if the command line is wrong."""
    if argv in (["--version"], ["-V"]):
        from sparring import __version__

        print(f"sparring {__version__}")
        return 0
    if not argv or argv[0] in ("-h", "--help"):
        print(overview_page(SECTIONS))
        return 0
    command, words = _find_command(argv[0]), list(argv[1:])
    name = ""
    if command in GROUPS or command in NEED_RECIPE:
        wants_help = not words or words[0] in ("-h", "--help")
        if wants_help and (words or command in GROUPS):
            print(_list_page(command), file=sys.stdout if words else sys.stderr)
            return 0 if words else EXIT_USAGE
        name = _find_in_group(command, words) if command in GROUPS else find_recipe(command, words, recipes_for(command))
        words = words[1:]
    if command in ("train", "resume") and os.environ.get("RANK", "0") != "0":  # one of torchrun's processes: the first one talks
        from sparring.runs.play_along import play_along

        return play_along()
    called = " ".join(["sparring", command, *([name] if name else [])])
    function = command_function(command, name, words)
    if {"-h", "--help"} & set(words):
        print(command_page(function, called))
        return 0
    words = correct_flags(words, function, called)
    try:
        return tyro.cli(function, prog=called, args=words, config=(DisallowNone,))
    except SettingsError as problem:
        names = [one.name[2:].replace("-", "_") for one in arguments_of(function) if not one.positional]
        raise SettingsError(with_flags(str(problem), names)) from None


def _find_command(word: str) -> str:
    """The command that is meant, in any spelling."""
    if is_flag(word):
        raise UsageError(f"{word}: flags come after the command, as in: sparring train dcgan --data fashion10k (commands: sparring --help)")
    command = word if word in COMMANDS else folded(word)
    if command not in COMMANDS:
        raise UsageError(f"Unknown command {word!r}. {our_command_for(word) or did_you_mean(word, COMMANDS)}")
    return command


def _list_page(command: str) -> str:
    if command in GROUPS:
        return group_page(command, GROUPS[command])
    from sparring import recipes

    return recipe_list_page(command, {name: recipes.get(name).title for name in recipes_for(command)})


def _find_in_group(group: str, words: Sequence[str]) -> str:
    """The command of a group that is meant, such as "mix" of `sparring latent mix`."""
    name = folded(words[0])
    if name in GROUPS[group]:
        return name
    if group == "data" and Path(words[0]).exists():
        inspect = shlex.join(["sparring", "data", "inspect", *words])
        raise UsageError(f"To inspect this data: {inspect} (to prepare it for training: sparring data prepare)")
    near = did_you_mean(words[0], GROUPS[group])
    raise UsageError(f"Unknown command {f'{group} {words[0]}'!r}. {near} (More: sparring {group} --help)")


def _message_of(problem: OSError) -> str:
    """The file concerned, what went wrong, and what to do."""
    where = f"{problem.filename}: " if problem.filename else ""
    return f"{where}{problem.strerror or problem}.{ADVICE.get(problem.errno or 0, '')}"


def _report(message: str, code: int) -> int:
    print(f"sparring: {message}", file=sys.stderr)
    return code
