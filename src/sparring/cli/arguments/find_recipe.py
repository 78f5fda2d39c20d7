"""The recipe that a command such as `sparring train dcgan` names, in any spelling, or what to type if it names none."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from sparring.cli.arguments.correct_flags import UsageError
from sparring.cli.arguments.spelling import folded, is_flag
from sparring.cli.other_programs.flags import RECIPES
from sparring.core.errors import did_you_mean


def find_recipe(command: str, words: Sequence[str], names: Sequence[str]) -> str:
    """The name of the recipe. `words`: those after the command. `names`: the recipes that the command accepts.

    Raises a UsageError that says what to type.
    """
    from sparring import recipes
    from sparring.data.open_by_name import source_names

    first = words[0] if words else ""
    if first and not is_flag(first):
        name = recipes.found(first)
        if name is not None and name in names:
            return name
        if command == "train" and (first in source_names() or Path(first).exists()):
            raise UsageError(
                f"{first!r} is data, and the recipe is missing. Type: {_typed(command, _likely_recipe(words), ['--data', *words])}"
            )
        if name is not None:
            raise UsageError(f"The recipe {first!r} does not work on points. These do: {', '.join(names)}.")
        raise UsageError(f"Unknown recipe {first!r}. {did_you_mean(first, names)}")
    for at, word in enumerate(words):
        flag, equals, value = word.partition("=")
        before = words[at - 1] if at else ""
        named_by_flag = (equals and _means_recipe(flag)) or _means_recipe(before)
        if (name := recipes.found(value if equals else word)) in names and (named_by_flag or not is_flag(before)):
            rest = [*words[: at - 1 if _means_recipe(before) else at], *words[at + 1 :]]
            raise UsageError(f"The recipe comes first. Type: {_typed(command, name or '', rest)}")
    data = ["--data", words[words.index("--data") + 1]] if "--data" in words[:-1] else ["--data", "DATA"]
    if command == "playground":
        example = _typed(command, "gan", words or ["--data", "ring8"])
        raise UsageError(f"The recipe is missing. For example: {example} (all recipes: sparring playground --help)")
    raise UsageError(
        f"The recipe is missing. For example: {_typed(command, _likely_recipe(words), words or data)} "
        f"(all recipes: sparring recipes; the one that fits your data: {_typed('doctor', '', data)})"
    )


def _means_recipe(word: str) -> bool:
    return is_flag(word) and folded(word).strip("-").replace("-", "") in RECIPES


def _likely_recipe(words: Sequence[str]) -> str:
    """The recipe to start with, as far as the flags tell."""
    flags = {word.partition("=")[0] for word in words if is_flag(word)}
    if flags & {"--inputs", "--side-by-side"}:
        return "pix2pix"
    return "cyclegan" if "--target" in flags else "dcgan"


def _typed(command: str, recipe: str, words: Sequence[str]) -> str:
    return shlex.join(["sparring", command, *([recipe] if recipe else []), *words])
