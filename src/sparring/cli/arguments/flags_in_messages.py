"""Names of settings in messages, written as the flags that they are on the command line: `learning_rate` becomes `--learning-rate`,
`condition='none'` becomes `--condition none`.
"""

import re
from collections.abc import Iterable

WORD_START, WORD_END = r"(?<![\w/.\\'\"-])", r"(?![\w/\\'\"-]|\.\w)"
"""Outside of a word, a quotation and a path."""


def with_flags(text: str, names: Iterable[str]) -> str:
    """A text in which settings are written as flags. `names`: those of the settings, in Python.

    Replaced are a name with its value (`packing=1`), a name with an underscore, and a name that begins a line or a line of a list
    ("  - width must be ..."). Other words that happen to be a setting's name ("the batch has a width of 4") stay.
    """
    known = sorted(names, key=len, reverse=True)
    if not known:
        return text
    any_name = "|".join(map(re.escape, known))
    text = re.sub(rf"{WORD_START}({any_name})=('[^']*'|\"[^\"]*\"|[\w.+-]*\w)", lambda found: _assignment(*found.groups()), text)
    compound = "|".join(re.escape(name) for name in known if "_" in name)
    if compound:
        text = re.sub(rf"{WORD_START}({compound}){WORD_END}", lambda found: _flag(found[1]), text)
    text = re.sub(rf"^((?:  - )?)({any_name})(?=:? [a-z(])", lambda found: found[1] + _flag(found[2]), text, flags=re.MULTILINE)
    return re.sub(r"(?<=, not )\(([\d.e+, -]+)\)(?=\.)", lambda found: found[1].replace(",", ""), text)


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _assignment(name: str, value: str) -> str:
    value = value.strip("'\"")
    if value in {"True", "False"}:
        return _flag(name) if value == "True" else f"--no-{name.replace('_', '-')}"
    return f"{_flag(name)} {value}"
