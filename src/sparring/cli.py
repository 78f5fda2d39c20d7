"""Floor 6: the command line. Each verb is a function; flags come from its signature and from the settings' dataclasses.

Nothing heavy is imported before it is known which verb is wanted: `sparring --help` answers at once.
"""

import errno
import os
import shlex
import shutil
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro
from tyro.conf import DisallowNone, OmitArgPrefixes, Positional, arg
from tyro.extras import SubcommandApp

from sparring.arguments import (
    all_values,
    playground_arguments,
    prepare_arguments,
    resume_arguments,
    resume_budget,
    train_arguments,
    values,
)
from sparring.core.errors import NonFiniteError, SparringError, did_you_mean
from sparring.core.terminal import console
from sparring.help_page import help_page
from sparring.other_toolkits import RECIPES, command_for
from sparring.usage import UsageError, checked, folded, is_flag
from sparring.verbs import data, diagnosing, doctoring, drawing, eye, judging, latent, translating

if TYPE_CHECKING:
    from sparring.api import Model

EXIT_ERROR, EXIT_USAGE, EXIT_NOT_FINITE, EXIT_STOPPED = 1, 2, 3, 130
FULL = " What was written is whole: make room, and run this again (a run goes on with: sparring resume RUN)."
ADVICE = {
    errno.ENOSPC: FULL,
    errno.EDQUOT: FULL,
    **dict.fromkeys((errno.ENOENT, errno.EACCES, errno.EPERM, errno.EROFS), " Is it there, and may you read and write it?"),
}
"""After what the system refused, by its number: what to do."""
EXIT_SICK, EXIT_TOO_EARLY = diagnosing.EXIT_SICK, diagnosing.EXIT_TOO_EARLY
Verb = Callable[..., Any]

SECTIONS = {
    "Begin": {
        "recipes": "the published systems there are, and which to begin with",
        "data": "look data over (data inspect), prepare it (data prepare)",
        "doctor": "what your data makes hard, and the command to start with",
    },
    "Train": {
        "train": "train a recipe on data",
        "resume": "go on with a run exactly where it stopped, or for longer",
        "diagnose": "what is wrong with a training, and what to do",
        "playground": "play a recipe on points in the plane",
    },
    "Use": {
        "sample": "draw images from a run",
        "interpolate": "walk from image to image: a film or a strip",
        "translate": "make images of images: pix2pix, CycleGAN, CUT, style transfer",
        "latent": "the latent space as a tool: mix, project, directions, ...",
        "eye": "what the discriminator sees: classify, filters",
        "pack": "write one file with only what drawing needs",
        "import": "read official weights",
    },
    "Judge": {
        "judge": "scores against real images, with a report",
        "compare": "rank runs by their scores",
    },
    "More": {
        "completion": "completion for bash, zsh or tcsh",
        "help": "the page of a command: sparring help train dcgan",
    },
}
"""Every verb with what it does in a few words, as `sparring --help` shows them."""
VERBS = tuple(verb for verbs in SECTIONS.values() for verb in verbs)
GROUPS: Mapping[str, Mapping[str, Verb]] = {
    "data": {"inspect": data.inspect_data, "prepare": data.prepare_data},
    "latent": latent.VERBS,
    "eye": eye.VERBS,
}
"""Commands that have commands of their own, such as `data inspect` and `data prepare`."""
OPENING = """Sparring trains generative adversarial networks (GANs) on your own data, and
uses them."""
START = """To start:
  sparring train dcgan --data fashion10k --out runs/first --minutes 5
  sparring sample runs/first -n 64 --seed 1"""


# ------------------------------------------------------------------------------------------------- verbs


def train(arguments: Any) -> int:  # noqa: ANN401 (the dataclass of `train_arguments`)
    """Train a recipe on data: `sparring train RECIPE --data DATA`."""
    from sparring import api

    out = arguments.out or _free_run_directory(arguments.recipe, arguments.data)
    settings = {name: value for _, name, value in all_values(arguments)}
    return _ended(api.train(type(arguments.recipe)(), arguments.data, out, console=console(), **settings), out)


def resume(arguments: Any) -> int:  # noqa: ANN401 (the dataclass of `resume_arguments`)
    """Go on with a run exactly where its last checkpoint left it, or for longer than was planned: --minutes, --steps, --images. These are
    totals of the whole run, not added to what it has done: a run of 10 minutes goes on to 30 with --minutes 30.

    A run without a coach can be given one (--coach). Data that was moved is named once (--data, --target). Another device, precision,
    number of threads or --gradient-accumulation is taken from now on; the run is no longer the same to the bit then. All else stays.
    """
    from sparring import api

    changed = {name: value for part, name, value in all_values(arguments) if value != getattr(arguments.before[part], name)}
    if arguments.data is not None:
        changed["data"] = arguments.data
    return _ended(api.resume(arguments.run, console=console(), **changed), arguments.run)


def _ended(model: "Model", run: Path) -> int:
    from sparring.core.runs import RunDirectory

    folder, screen = RunDirectory(run).samples, console()
    for path in sorted(folder.glob("step-*.png"))[-1:]:
        screen.print(f"Pictures: {path}")
    if (folder / "timelapse.gif").exists():
        screen.print(f"Timelapse: {folder / 'timelapse.gif'}")
    screen.print(f"More: {model.use}")
    return EXIT_STOPPED if model.ending is not None and model.ending.reason == "stopped" else 0


KINDS_OF_DATA = {
    None: ("From noise to images. Data: images", "dcgan"),
    "paired": ("From image to image, learned from pairs", "pix2pix"),
    "unpaired": ("From image to image, learned from two sets without pairs", "cyclegan"),
    "style": ("Any image in the style of one", "style-transfer"),
}
"""By what recipes translate: a heading, and the recipe to begin with."""


def recipes() -> int:
    """List the published systems there are, by the kind of data they need, and which to begin with."""
    from sparring import recipes as known

    screen = console()
    screen.print("Which suits your data, with the command to start with:  sparring doctor --data DATA")
    found = {name: known.get(name) for name in known.names()}
    for kind, (heading, first) in KINDS_OF_DATA.items():
        of_kind = {name: recipe for name, recipe in found.items() if getattr(recipe, "translates", None) == kind}
        screen.print(f"\n{heading}. Begin with {first}.", style="bold")
        for name in sorted(of_kind, key=lambda name: name != first):
            recipe = of_kind[name]
            screen.print(f"\n  {name}", style="bold", end="")
            screen.print(f"  {recipe.title}")
            for line in (f"Data: {recipe.data}", recipe.paper):
                screen.print(textwrap.fill(line, screen.width, initial_indent="      ", subsequent_indent="        "))
    screen.print("\nEvery setting of a recipe:  sparring train RECIPE --help")
    return 0


def playground(arguments: Any) -> int:  # noqa: ANN401 (the dataclass of `playground_arguments`)
    """Play a recipe on points in the plane, see what happens and count the modes it covers: `sparring playground RECIPE --data ring8`."""
    from sparring import api, recipes
    from sparring.core.files import write_json

    name = recipes.name_of(arguments.recipe)
    out = arguments.out or Path(f"playground-{name}-{arguments.data}.png")
    settings = dict(values(arguments.recipe) + values(arguments.playing))
    outcome = api.playground(name, arguments.data, picture=out, movie=arguments.movie, run=arguments.run, console=console(), **settings)
    count, screen = outcome.count, console()
    screen.print(f"{outcome.steps:,} steps in {outcome.seconds:.1f} s, then {count.n:,} samples:")
    screen.print(f"modes {count.modes} of {count.of}, high quality {count.high_quality:.1%}, KL {count.kl:.3f}")
    screen.print(f"Picture: {out}")
    if arguments.movie is not None:
        screen.print(f"Movie: {arguments.movie}")
    if arguments.json is not None:
        write_json(arguments.json, outcome.to_json())
    return EXIT_STOPPED if outcome.steps < arguments.playing.steps else 0


def completion(shell: Annotated[Positional[Literal["bash", "zsh", "tcsh"]], arg(metavar="SHELL", help="bash, zsh or tcsh.")]) -> None:
    """Print a completion script for a shell: `source <(sparring completion bash)`."""
    everything().cli(args=["--tyro-print-completion", shell], prog="sparring")


# -------------------------------------------------------------------------- arguments made of dataclasses


def with_recipe(verb: Verb, name: str) -> Verb:
    """`train` or `playground` with the flags of one recipe."""
    from sparring import recipes as known

    recipe = known.get(name)
    place = f"{verb.__name__} {name}"
    if verb is playground:
        start = f"sparring {place} --data ring8"
    else:
        start = f"sparring {place} --data DATA{' --target DATA' if getattr(recipe, 'translates', None) else ''} --minutes 10"
    arguments = train_arguments(name) if verb is train else playground_arguments(name)
    return _verb(verb, arguments, f"{recipe.title}. {recipe.paper}\n\nData: {recipe.data}.\n\nTo start: {start}")


def recipes_of(verb: Verb) -> list[str]:
    """The recipes that `train` takes, or `playground`: there, those of a generator against a discriminator."""
    from sparring import recipes as known
    from sparring.adversarial import AdversarialRecipe

    return [name for name in known.names() if verb is train or issubclass(known.get(name), AdversarialRecipe)]


def resume_verb(argv: Sequence[str]) -> Verb:
    """`resume` with the flags of the run's own recipe, if a run is named."""
    from sparring.core.runs import RunDirectory

    named = [Path(argument) for argument in argv[1:] if not argument.startswith("-")]
    if argv[0] == "resume" and named:
        runs = [path for path in named if RunDirectory(path).exists()]
        return _verb(resume, resume_arguments((runs or named)[0]))
    return _verb(resume, resume_budget())


def _verb(function: Callable[[Any], int], kind: type, description: str | None = None) -> Callable[..., int]:
    """A function that tyro makes flags from, one for each field of the dataclass `kind`."""

    def verb(arguments: Annotated[OmitArgPrefixes[kind], arg(name="")]) -> int:  # pyright: ignore[reportInvalidTypeForm] (made at run time)
        return function(arguments)

    verb.__doc__ = description or function.__doc__
    return verb


def _free_run_directory(recipe: object, data: str) -> Path:
    from sparring import recipes as known

    stem = f"runs/{known.name_of(type(recipe))}-{Path(data).stem.replace(':', '-')}"  # pyright: ignore[reportArgumentType]
    return next(path for number in range(1, 10**6) if not (path := Path(f"{stem}-{number}")).exists())


# ----------------------------------------------------------------------------------------------- the door


def everything() -> SubcommandApp:
    """All that can be typed, for the completion of shells."""
    app = SubcommandApp()
    for verb in VERBS:
        if verb in GROUPS or verb in WITH_RECIPE:
            under = SubcommandApp()
            names = GROUPS[verb] if verb in GROUPS else recipes_of(WITH_RECIPE[verb])
            for name in names:
                under.command(name=name)(function_of(verb, name, []))
            app.command(name=verb, help=SUMMARIES[verb])(under)  # pyright: ignore[reportArgumentType] (a SubcommandApp is taken too)
        elif verb != "help":
            app.command(name=verb)(function_of(verb, "", []))
    return app


def function_of(verb: str, name: str, words: Sequence[str]) -> Verb:
    """What a command calls. `name`: its recipe, or which verb of a group; `words`: what follows."""
    if verb in WITH_RECIPE:
        return with_recipe(WITH_RECIPE[verb], name)
    if verb == "resume":
        return resume_verb([verb, *words])
    if (verb, name) == ("data", "prepare"):
        return _verb(data.prepare_data, prepare_arguments())
    return GROUPS[verb][name] if verb in GROUPS else PLAIN[verb]


WITH_RECIPE: Mapping[str, Verb] = {"train": train, "playground": playground}
PLAIN: Mapping[str, Verb] = {
    "recipes": recipes, "doctor": doctoring.doctor, "diagnose": diagnosing.diagnose, "sample": drawing.sample,
    "interpolate": drawing.interpolate, "translate": translating.translate, "pack": drawing.pack, "import": drawing.import_weights,
    "judge": judging.judge, "compare": judging.compare, "completion": completion,
}  # fmt: skip
SUMMARIES = {verb: summary for verbs in SECTIONS.values() for verb, summary in verbs.items()}


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
    from sparring.data.source import source_names

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
