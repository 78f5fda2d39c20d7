"""Floor 6: the command line. Each verb is a function; flags come from its signature and from the settings' dataclasses.

Nothing heavy is imported before it is known which verb is wanted: `sparring --help` answers at once.
"""

import errno
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

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
VERBS = (
    "train", "resume", "sample", "interpolate", "translate", "pack", "import", "latent", "eye", "playground", "judge", "compare", "recipes",
    "completion", "data", "doctor", "diagnose",
)  # fmt: skip
DESCRIPTION = """Two networks that make each other stronger: train generative adversarial networks on your own data, and use them.

To start:  sparring train dcgan --data fashion10k --out runs/first --minutes 5

Then:  sparring sample runs/first -n 64 --seed 1"""


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


def recipes() -> int:
    """List the published systems there are, with paper and kind of data."""
    from sparring import recipes as known

    screen = console()
    for name in known.names():
        recipe = known.get(name)
        screen.print(name, style="bold", end="")
        screen.print(f"  {recipe.title}\n    {recipe.paper}\n    Data: {recipe.data}\n    Settings: sparring train {name} --help")
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


def completion(shell: Annotated[Positional[Literal["bash", "zsh", "tcsh"]], arg(metavar="SHELL")]) -> None:
    """Print a completion script for a shell: `source <(sparring completion bash)`."""
    application(["completion"]).cli(args=["--tyro-print-completion", shell], prog="sparring", description=DESCRIPTION)


# -------------------------------------------------------------------------- arguments made of dataclasses


def recipe_group(
    argv: Sequence[str], verb: Callable[[Any], int], arguments_of: Callable[[str], type], names: Sequence[str]
) -> SubcommandApp:
    """A verb with a command for each of these recipes."""
    from sparring import recipes as known

    if argv[0] == verb.__name__ and len(argv) > 1 and not argv[1].startswith("-"):
        known.get(argv[1])  # says "did you mean" where there is no such recipe
    group = SubcommandApp()
    for name in names:
        group.command(name=name)(_verb(verb, arguments_of(name), f"{known.get(name).title}. {known.get(name).paper}"))
    return group


def train_group(argv: Sequence[str]) -> SubcommandApp:
    """`train`, with a command for each recipe."""
    from sparring import recipes as known

    return recipe_group(argv, train, train_arguments, known.names())


def playground_group(argv: Sequence[str]) -> SubcommandApp:
    """`playground`, with a command for each recipe of a generator against a discriminator."""
    from sparring import recipes as known
    from sparring.adversarial import AdversarialRecipe

    return recipe_group(
        argv, playground, playground_arguments, [name for name in known.names() if issubclass(known.get(name), AdversarialRecipe)]
    )


def resume_verb(argv: Sequence[str]) -> Callable[..., Any]:
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


def application(argv: Sequence[str]) -> SubcommandApp:
    """All verbs. Those whose flags depend on recipes, which are slow to import, get them only when they are called."""
    verb = argv[0] if argv else ""
    everything = verb == "completion"
    app, of_data = SubcommandApp(), SubcommandApp()
    app.command(name="train")(train_group(argv) if everything or verb == "train" else _mention(train))  # pyright: ignore[reportArgumentType] (a SubcommandApp is taken too)
    app.command(name="playground")(playground_group(argv) if everything or verb == "playground" else _mention(playground))  # pyright: ignore[reportArgumentType]
    app.command(name="resume")(resume_verb(argv) if everything or verb == "resume" else _mention(resume))
    for function in (
        doctoring.doctor, diagnosing.diagnose, drawing.sample, drawing.interpolate, translating.translate, drawing.pack, judging.judge,
        judging.compare, recipes, completion,
    ):  # fmt: skip
        app.command(function)
    app.command(name="import")(drawing.import_weights)
    app.command(name="latent", help="The latent space as a tool: mix, project, move, ...")(latent.group())  # pyright: ignore[reportArgumentType]
    app.command(name="eye", help="What the discriminator sees: classify, filters.")(eye.group())  # pyright: ignore[reportArgumentType]
    of_data.command(name="inspect")(data.inspect_data)
    preparing = everything or list(argv[:2]) == ["data", "prepare"]
    of_data.command(name="prepare")(_verb(data.prepare_data, prepare_arguments()) if preparing else _mention(data.prepare_data))
    app.command(name="data", help="Look data over (inspect) or prepare it for training (prepare).")(of_data)  # pyright: ignore[reportArgumentType]
    return app


def _mention(function: Callable[..., int]) -> Callable[[], None]:
    """A verb as the list of verbs shows it."""

    def verb() -> None: ...

    verb.__doc__ = function.__doc__
    return verb


def _said(problem: OSError) -> str:
    """What the system refused, where, and what to do."""
    where = f"{problem.filename}: " if problem.filename else ""
    return f"{where}{problem.strerror or problem}.{ADVICE.get(problem.errno or 0, '')}"


def main(argv: Sequence[str] | None = None) -> None:
    """The command `sparring`. Exits with 0; 1 on an error; 2 on wrong usage; 3 if training became non-finite; 4 if
    `diagnose` found a training sick; 130 if stopped by Ctrl-C.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    if argv in (["--version"], ["-V"]):
        from sparring import __version__

        print(f"sparring {__version__}")
        return
    try:
        if argv and not argv[0].startswith("-") and argv[0] not in VERBS:
            print(f"sparring: there is no command {argv[0]!r}. {did_you_mean(argv[0], VERBS)}", file=sys.stderr)
            sys.exit(EXIT_USAGE)
        code = application(argv).cli(args=argv or ["--help"], prog="sparring", description=DESCRIPTION, config=(DisallowNone,))
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
