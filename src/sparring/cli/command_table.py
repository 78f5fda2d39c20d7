"""The table of commands: their sections and summaries in `sparring --help`, and the function behind each."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import OmitArgPrefixes, arg
from tyro.extras import SubcommandApp

from sparring.cli import (
    allocate,
    cache,
    compare,
    complete,
    data,
    density,
    diagnose,
    doctor,
    export,
    eye,
    forecast,
    harmonize,
    hub,
    import_weights,
    interpolate,
    judge,
    latent,
    pack,
    reconstruct,
    reword,
    sample,
    score,
    simulate,
    studio,
    translate,
)
from sparring.cli.arguments.from_settings import (
    playground_arguments,
    prepare_arguments,
    resume_arguments,
    resume_arguments_without_run,
    train_arguments,
)
from sparring.cli.playground import playground
from sparring.cli.recipes import recipes
from sparring.cli.resume import resume
from sparring.cli.shell_completion import completion
from sparring.cli.train import train

Command = Callable[..., Any]
"""A function whose parameters are the arguments of a command. It returns the exit code; None counts as 0."""

SECTIONS = {
    "Get started": {
        "recipes": "list the published GANs to choose from, and which to start with",
        "data": "inspect a data set, or prepare it for training",
        "doctor": "check data before training, and recommend a command",
    },
    "Train": {
        "train": "train a recipe (a published GAN) on data",
        "resume": "continue a run exactly where it stopped, or train it for longer",
        "diagnose": "find out what is wrong with a run, and what to do",
        "playground": "train a recipe on 2D points, and plot what happens",
    },
    "Use": {
        "studio": "use models in a web page: steer, draw, translate, watch",
        "sample": "generate images, rows, windows of series, or music",
        "interpolate": "interpolate between images, as a video or a strip",
        "translate": "translate images: pix2pix, CycleGAN, CUT, style transfer",
        "harmonize": "make the other voices for a melody",
        "complete": "fill the gaps of a table",
        "reword": "write texts anew, to score higher, with what is kept",
        "score": "say how likely rows of a table are frauds, with reasons",
        "simulate": "how a time series may go on: paths, and their risks",
        "forecast": "forecast the next steps of time series",
        "allocate": "give slices of a network what was forecast",
        "reconstruct": "images to latents and back, with a model that encodes",
        "latent": "explore the latent space: mix, project, directions, ...",
        "eye": "show what the discriminator has learned: classify, filters",
        "pack": "write the generator to a single file, for Sparring",
        "export": "export to ONNX, for browsers, phones and other programs",
        "import": "read official weights",
        "push": "publish a model on the Hugging Face hub, with a card",
        "pull": "fetch a published model: tensors only",
    },
    "Evaluate": {
        "judge": "score samples against real images or rows, with a report",
        "compare": "rank runs by their scores",
        "density": "say how likely images are, with a model that has a likelihood",
    },
    "More": {
        "cache": "list what is kept between runs, and remove it",
        "completion": "print a completion script for bash, zsh or tcsh",
        "help": "show the help of a command: sparring help train dcgan",
    },
}
"""By heading, all commands with their summaries, as `sparring --help` lists them."""

SUMMARIES = {command: summary for commands in SECTIONS.values() for command, summary in commands.items()}

COMMANDS = tuple(SUMMARIES)

PLAIN: Mapping[str, Command] = {
    "recipes": recipes, "doctor": doctor.doctor, "diagnose": diagnose.diagnose, "sample": sample.sample,
    "interpolate": interpolate.interpolate, "translate": translate.translate,
    "complete": complete.complete, "simulate": simulate.simulate, "forecast": forecast.forecast,
    "allocate": allocate.allocate, "pack": pack.pack,
    "harmonize": harmonize.harmonize, "export": export.export, "import": import_weights.import_weights,
    "judge": judge.judge, "compare": compare.compare, "completion": completion,
    "score": score.score, "density": density.density, "reconstruct": reconstruct.reconstruct, "reword": reword.reword,
    "push": hub.push, "pull": hub.pull,
    "studio": studio.studio,
}  # fmt: skip
"""Commands whose arguments are the parameters of a function."""

GROUPS: Mapping[str, Mapping[str, Command]] = {
    "data": {"inspect": data.inspect_data, "prepare": data.prepare_data},
    "latent": latent.COMMANDS,
    "eye": eye.COMMANDS,
    "cache": cache.COMMANDS,
}
"""Commands that consist of several, such as `data inspect` and `data prepare`."""

NEED_RECIPE: Mapping[str, Command] = {"train": train, "playground": playground}
"""Commands that are followed by the name of a recipe."""


def command_function(command: str, name: str, words: Sequence[str]) -> Command:
    """The function of a command. `name`: its recipe, or its command within a group; `words`: all that follows."""
    if command in NEED_RECIPE:
        return with_recipe(command, name, words)
    if command == "resume":
        return resume_command(words)
    if (command, name) == ("data", "prepare"):
        return _with_arguments(data.prepare_data, prepare_arguments())
    return GROUPS[command][name] if command in GROUPS else PLAIN[command]


def recipes_for(command: str) -> list[str]:
    """The recipes that `train` or `playground` accepts. (The playground needs a generator against a discriminator.)"""
    from sparring import recipes as known

    return [name for name in known.names() if command == "train" or "points" in known.get(name).settings_for]


def with_recipe(command: str, name: str, words: Sequence[str] = ()) -> Command:
    """`train` or `playground` with the flags of one recipe. `words`: all that follows, where `--from` changes the defaults."""
    from sparring import recipes as known

    recipe = known.get(name)
    if command == "playground":
        example, arguments = f"sparring playground {name} --data ring8", playground_arguments(name)
    else:
        target = " --target DATA" if getattr(recipe, "translates", None) else ""
        series = "prices.csv --returns" if "prices" in recipe.data else "series.csv"
        data = series if recipe.modality == "series" else "DATA"
        melody = " --melody TRACK" if "--melody" in recipe.data else ""
        example, arguments = (
            f"sparring train {name} --data {data}{target}{melody} --minutes 10",
            train_arguments(name, value_of("--from", words)),
        )
    description = f"{recipe.title}. {recipe.paper}\n\nData: {recipe.data}.\n\nFor example: {example}"
    return _with_arguments(NEED_RECIPE[command], arguments, description)


def value_of(flag: str, words: Sequence[str]) -> str | None:
    """The value that a command line has for a flag."""
    for place, word in enumerate(words):
        if word == flag and place + 1 < len(words):
            return words[place + 1]
        if word.startswith(f"{flag}="):
            return word.removeprefix(f"{flag}=")
    return None


def resume_command(words: Sequence[str]) -> Command:
    """`resume` with the flags of the run's recipe, if a run is named."""
    from sparring.runs.run_directory import RunDirectory

    named = [Path(word) for word in words if not word.startswith("-")]
    if not named:
        return _with_arguments(resume, resume_arguments_without_run())
    runs = [path for path in named if RunDirectory(path).exists()]
    return _with_arguments(resume, resume_arguments((runs or named)[0]))


def everything() -> SubcommandApp:
    """All commands in one app, from which completion scripts are made."""
    app = SubcommandApp()
    for command in COMMANDS:
        if command in GROUPS or command in NEED_RECIPE:
            group = SubcommandApp()
            for name in GROUPS[command] if command in GROUPS else recipes_for(command):
                group.command(name=name)(command_function(command, name, []))
            app.command(name=command, help=SUMMARIES[command])(group)  # pyright: ignore[reportArgumentType] (a SubcommandApp is accepted too)
        elif command != "help":
            app.command(name=command)(command_function(command, "", []))
    return app


def _with_arguments(function: Callable[[Any], int], kind: type, description: str | None = None) -> Callable[..., int]:
    """The function as a command with one flag for each field of the dataclass `kind`."""

    def command(arguments: Annotated[OmitArgPrefixes[kind], arg(name="")]) -> int:  # pyright: ignore[reportInvalidTypeForm] (made at run time)
        return function(arguments)

    command.__doc__ = description or function.__doc__
    return command
