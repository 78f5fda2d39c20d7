"""Floor 6: the command line. Each verb is a function; flags come from its signature and from the settings' dataclasses.

Nothing heavy is imported before it is known which verb is wanted: `sparring --help` answers at once.
"""

import os
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import DisallowNone, OmitArgPrefixes, Positional, arg
from tyro.extras import SubcommandApp

from sparring.arguments import (
    PARTS,
    Checkpoint,
    Run,
    Source,
    playground_arguments,
    prepare_arguments,
    resume_arguments,
    resume_budget,
    train_arguments,
    values,
)
from sparring.core.errors import NonFiniteError, SettingsError, SparringError, did_you_mean
from sparring.verbs import eye, latent

if TYPE_CHECKING:
    from rich.console import Console

    from sparring.api import Model

EXIT_ERROR, EXIT_USAGE, EXIT_NOT_FINITE, EXIT_STOPPED = 1, 2, 3, 130
VERBS = (
    "train", "resume", "sample", "interpolate", "pack", "import", "latent", "eye", "playground", "judge", "compare", "recipes",
    "completion", "data",
)  # fmt: skip
DESCRIPTION = """Two networks that make each other stronger: train generative adversarial networks on your own data, and use them.

To start:  sparring train dcgan --data fashion10k --out runs/first --minutes 5

Then:  sparring sample runs/first -n 64 --seed 1"""


def console() -> "Console":
    """Where verbs speak to the person."""
    from sparring.core.terminal import console

    return console()


# ------------------------------------------------------------------------------------------------- verbs


def train(arguments: Any) -> int:  # noqa: ANN401 (the dataclass of `train_arguments`)
    """Train a recipe on data: `sparring train RECIPE --data DATA`."""
    from sparring import api

    out = arguments.out or _free_run_directory(arguments.recipe, arguments.data)
    settings = {name: value for part in PARTS for name, value in values(getattr(arguments, part))}
    return _ended(api.train(type(arguments.recipe)(), arguments.data, out, console=console(), **settings), out)


def resume(arguments: Any) -> int:  # noqa: ANN401 (the dataclass of `resume_arguments`)
    """Go on with a run exactly where its last checkpoint left it, or for longer than was planned: --minutes, --steps, --images."""
    from sparring import api

    changed = {
        name: value for part in PARTS for name, value in values(getattr(arguments, part)) if value != getattr(arguments.before[part], name)
    }
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
    screen.print(f"More: sparring sample {shlex.quote(str(run))} -n 64 --seed 1")
    return EXIT_STOPPED if model.ending is not None and model.ending.reason == "stopped" else 0


def sample(
    run: Run,
    number: Annotated[int, arg(name="number", aliases=("-n",), help="How many pictures (with --label all: of each class).")] = 64,
    seed: int = 0,
    label: str | None = None,
    truncation: float | None = None,
    out: Path | None = None,
    checkpoint: Checkpoint = "last",
) -> int:
    """Draw pictures from a trained run.

    Args:
        seed: Picture i of a seed is the same however many are drawn.
        truncation: More typical, less varied pictures: for styles the share of the way from the mean of w (0.7), else the farthest
            from zero that numbers of a latent may be (0.5).
        label: Class of the pictures, by name or number; "all": a row for each class. By default every class in turn.
        out: A picture (.png, .webp, .jpg) for one grid, a .npz for an array, or a folder for single files. Default: RUN-seed-SEED.png here.
    """
    import numpy as np

    from sparring import api
    from sparring.core.batch import float_to_pixels
    from sparring.core.files import replacing
    from sparring.core.pictures import grid, save_picture

    if number < 1:
        raise SettingsError(f"-n must be at least 1, not {number}.")
    model = api.load(run, checkpoint=checkpoint)
    labels = list(range(len(model.spec.classes))) if label == "all" else [label]
    if label == "all":
        model.label_of(0)  # refuses runs without classes
    pieces = (
        float_to_pixels(piece).numpy()
        for one in labels
        for piece in model.sample_in_pieces(number, seed=seed, label=one, truncation=truncation)
    )
    out = out or Path(f"{run.resolve().stem}-seed-{seed}.png")
    if out.is_dir() or not out.suffix:
        for i, picture in enumerate(picture for piece in pieces for picture in piece):
            save_picture(picture, out / f"{i:05d}.png")
    elif out.suffix == ".npz":
        with replacing(out) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, images=np.concatenate(list(pieces)))
    else:
        save_picture(grid(np.concatenate(list(pieces)), columns=number if label == "all" else None), out)
    console().print(f"{number * len(labels):,} pictures of {model.spec.height}x{model.spec.width}: {out}")
    return 0


def interpolate(
    run: Run,
    seeds: tuple[int, ...] | None = None,
    labels: tuple[str, ...] = (),
    frames: int = 16,
    space: Literal["z", "w"] = "z",
    out: Path | None = None,
    checkpoint: Checkpoint = "last",
) -> int:
    """Walk from one picture to the next through the latent space.

    Args:
        seeds: The stops of the walk: the first picture of each seed. Default: 0 1 2 3, or 0 where there are several labels.
        labels: A class for each stop, or one for all. Several labels and one seed walk between classes.
        frames: Pictures from one stop to the next.
        space: z, along great circles, or w (networks with styles), in straight lines.
        out: .gif or .mp4 for a film, .png (or .webp, .jpg) for a strip. Default: RUN-walk.gif here.
    """
    from sparring import api
    from sparring.core.batch import float_to_pixels
    from sparring.core.pictures import grid, save_film, save_gif, save_picture

    model = api.load(run, checkpoint=checkpoint)
    pictures = float_to_pixels(model.interpolate(seeds, labels=labels or None, frames=frames, space=space)).numpy()
    out = out or Path(f"{run.resolve().stem}-walk.gif")
    if out.suffix in {".gif", ".mp4"}:
        sheets = [grid(picture[None], gap=0, scale=max(1, 256 // model.spec.height)) for picture in pictures]
        (save_gif if out.suffix == ".gif" else save_film)(sheets, out)
    else:
        save_picture(grid(pictures, columns=frames if len(pictures) > frames + 1 else len(pictures)), out)
    console().print(f"{len(pictures)} frames: {out}")
    return 0


def pack(
    run: Run,
    file: Annotated[Positional[Path], arg(metavar="FILE", help="The .safetensors file to write.")],
    checkpoint: Checkpoint = "last",
) -> int:
    """Write one file with only what sampling needs; the discriminator is thrown out."""
    from sparring import api

    path = api.pack(api.load(run, checkpoint=checkpoint), file)
    console().print(f"{path}: {path.stat().st_size / 2**20:.1f} MiB. Use it with: sparring sample {path}")
    return 0


def import_weights(
    file: Annotated[
        Positional[Path],
        arg(metavar="FILE", help="StyleGAN2's or StyleGAN2-ADA's .pkl (NVIDIA), or BigGAN-PyTorch's .pth."),
    ],
    out: Path | None = None,
) -> int:
    """Read official weights, without running anything that their file asks for, into a folder that every other verb takes.

    Args:
        out: The folder. Default: runs/FILE.
    """
    from sparring import api
    from sparring import recipes as known

    out = out or Path("runs") / file.stem
    model = api.import_weights(file, out)
    found = [name for name in ("generator", "discriminator") if getattr(model, name) is not None]
    screen = console()
    screen.print(f"{known.name_of(model.recipe)}, {' and '.join(found)}, {model.spec}: {out}")
    if "generator" in found:
        screen.print(f"Use it with: sparring sample {shlex.quote(str(out))}")
    return 0


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
    outcome = api.playground(name, arguments.data, picture=out, movie=arguments.movie, console=console(), **settings)
    count, screen = outcome.count, console()
    screen.print(f"{outcome.steps:,} steps in {outcome.seconds:.1f} s, then {count.n:,} samples:")
    screen.print(f"modes {count.modes} of {count.of}, high quality {count.high_quality:.1%}, KL {count.kl:.3f}")
    screen.print(f"Picture: {out}")
    if arguments.movie is not None:
        screen.print(f"Movie: {arguments.movie}")
    if arguments.json is not None:
        write_json(arguments.json, outcome.to_json())
    return EXIT_STOPPED if outcome.steps < arguments.playing.steps else 0


def judge(
    first: Annotated[Positional[str], arg(metavar="A", help="A run, a packed model, or data: an embedded name, a folder, a zip.")],
    second: Annotated[
        Positional[str | None], arg(metavar="B", help="What it is judged against. A run is judged against its own data by default.")
    ] = None,
    extractor: str = "lite0",
    samples: int = 10_000,
    seed: int = 0,
    truncation: float | None = None,
    checkpoint: Checkpoint = "last",
    held_out: str | None = None,
    weights: Path | None = None,
    resize: Literal["bicubic, antialiased", "bilinear, TensorFlow 1"] | None = None,
    exact: bool = False,
    device: Literal["cpu", "cuda"] = "cpu",
    out: Path | None = None,
) -> int:
    """Score samples against real pictures: FD, KD, Inception Score, precision, recall, density, coverage, copies; with doubt and a report.

    Args:
        extractor: The network whose features are compared: lite0, inception (for FID), classifier (learns the data's classes), timm:NAME.
        samples: How many pictures a model draws.
        seed: Of those pictures.
        truncation: With which they are drawn, as in `sparring sample`.
        held_out: Real pictures that were not trained on, to tell copies by.
        weights: A file with the extractor's weights, in place of the published ones.
        resize: How pictures are brought to the extractor's size, if not in its usual way.
        exact: Compute Inception's features in float32 throughout, even where bfloat16 is faster.
        device: What computes features.
        out: Folder for report.json and report.html. Default: the run directory, or judgement here.
    """
    from sparring import api
    from sparring.core.runs import RunDirectory
    from sparring.judge.report import HTML, formatted

    out = out or (Path(first) if RunDirectory(Path(first)).exists() else Path("judgement"))
    screen = console()
    judgement = api.judge(
        first,
        second,
        extractor=extractor,
        samples=samples,
        seed=seed,
        truncation=truncation,
        checkpoint=checkpoint,
        held_out=held_out,
        weights=weights,
        resize=resize,
        exact=exact,
        device=device,
        out=out,
        console=screen,
    )
    width = max(len(score.name) for score in judgement.scores)
    for score in judgement.scores:
        value, doubt = formatted(score)
        screen.print(f"{score.name:{width}}  {value:>9} {doubt:11} ({score.better})" + (f"  {score.warning}" if score.warning else ""))
    for line in (*judgement.sentences, *judgement.notes):
        screen.print(line)
    screen.print(f"Report: {out / HTML}")
    return 0


def compare(
    runs: Annotated[Positional[tuple[Path, ...]], arg(metavar="RUN", help="Run directories.")],
    extractor: str = "lite0",
    samples: int = 10_000,
    seed: int = 0,
    checkpoint: Checkpoint = "last",
    out: Path | None = None,
) -> int:
    """Rank runs by their scores: means, and spread over runs that differ by their seed alone.

    Args:
        extractor: The network whose features are compared.
        samples: How many pictures each draws.
        seed: Of those pictures.
        out: A .md file for the table, or a .png, .pdf or .svg for a plot. Several runs of this command do both.
    """
    from sparring import api
    from sparring.judge.comparison import cell

    screen = console()
    lines = api.compare(runs, extractor=extractor, samples=samples, seed=seed, checkpoint=checkpoint, out=out, console=screen)
    for place, line in enumerate(lines, start=1):
        screen.print(f"{place}. {line.name}{f', {line.runs} runs' if line.runs > 1 else ''}")
        screen.print("   " + ", ".join(f"{column} {cell(line, column)}" for column in line.means))
    if out is not None:
        screen.print(f"Written: {out}")
    return 0


def inspect_data(data: Source, split: str | None = None, out: Path | None = None) -> int:
    """Look data over: sizes, modes, classes, what cannot be used and why. Writes a contact sheet.

    Args:
        split: Which part of the data, where it has parts (train, test).
        out: Where the contact sheet goes. Default: DATA-contact-sheet.png here.
    """
    from sparring.core.pictures import save_picture
    from sparring.data.inspection import inspect
    from sparring.data.source import open_source

    screen = console()
    inspection = inspect(open_source(data, split=split), progress=screen.is_terminal)
    for line in inspection.lines():
        screen.print(line)
    if inspection.contact_sheet is not None:
        out = out or Path(f"{Path(data).name.replace(':', '-')}-contact-sheet.png")
        save_picture(inspection.contact_sheet, out)
        screen.print(f"Contact sheet: {out}")
    return 0


def prepare_data(arguments: Any) -> int:  # noqa: ANN401 (the dataclass of `prepare_arguments`)
    """Decode, crop and resize data once into the cache, ready for training."""
    from sparring.data.source import open_source
    from sparring.data.store import prepare

    screen = console()
    store = prepare(open_source(arguments.data, split=arguments.split), arguments.preparation, progress=screen.is_terminal)
    for line in store.report.lines():
        screen.print(line)
    screen.print(f"{len(store):,} pictures of {store.spec}: {store.folder}\nFingerprint: {store.fingerprint}")
    return 0


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
    app, data = SubcommandApp(), SubcommandApp()
    app.command(name="train")(train_group(argv) if everything or verb == "train" else _mention(train))  # pyright: ignore[reportArgumentType] (a SubcommandApp is taken too)
    app.command(name="playground")(playground_group(argv) if everything or verb == "playground" else _mention(playground))  # pyright: ignore[reportArgumentType]
    app.command(name="resume")(resume_verb(argv) if everything or verb == "resume" else _mention(resume))
    for function in (sample, interpolate, pack, judge, compare, recipes, completion):
        app.command(function)
    app.command(name="import")(import_weights)
    app.command(name="latent", help="The latent space as a tool: mix, project, move, ...")(latent.group())  # pyright: ignore[reportArgumentType]
    app.command(name="eye", help="What the discriminator sees: classify, filters.")(eye.group())  # pyright: ignore[reportArgumentType]
    data.command(name="inspect")(inspect_data)
    preparing = everything or list(argv[:2]) == ["data", "prepare"]
    data.command(name="prepare")(_verb(prepare_data, prepare_arguments()) if preparing else _mention(prepare_data))
    app.command(name="data", help="Look data over (inspect) or prepare it for training (prepare).")(data)  # pyright: ignore[reportArgumentType]
    return app


def _mention(function: Callable[..., int]) -> Callable[[], None]:
    """A verb as the list of verbs shows it."""

    def verb() -> None: ...

    verb.__doc__ = function.__doc__
    return verb


def main(argv: Sequence[str] | None = None) -> None:
    """The command `sparring`. Exits with 0; 1 on an error; 2 on wrong usage; 3 if training became non-finite; 130 if stopped by Ctrl-C."""
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
        print(f"sparring: {problem}", file=sys.stderr)
        code = EXIT_ERROR
    except KeyboardInterrupt:
        print("sparring: interrupted", file=sys.stderr)
        code = EXIT_STOPPED
    sys.exit(code or 0)
