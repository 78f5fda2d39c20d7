"""The verbs of the command line: what each is called, what it does in a few words, and the function with its flags."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import OmitArgPrefixes, arg
from tyro.extras import SubcommandApp

from sparring.cli import compare, data, diagnose, doctor, eye, import_weights, interpolate, judge, latent, pack, sample, translate
from sparring.cli.arguments import (
    playground_arguments,
    prepare_arguments,
    resume_arguments,
    resume_budget,
    train_arguments,
)
from sparring.cli.completion import completion
from sparring.cli.playground import playground
from sparring.cli.recipes import recipes
from sparring.cli.train import resume, train

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


def recipes_of(verb: Verb) -> list[str]:
    """The recipes that `train` takes, or `playground`: there, those of a generator against a discriminator."""
    from sparring import recipes as known

    return [name for name in known.names() if verb is train or "points" in known.get(name).settings_for]


def _verb(function: Callable[[Any], int], kind: type, description: str | None = None) -> Callable[..., int]:
    """A function that tyro makes flags from, one for each field of the dataclass `kind`."""

    def verb(arguments: Annotated[OmitArgPrefixes[kind], arg(name="")]) -> int:  # pyright: ignore[reportInvalidTypeForm] (made at run time)
        return function(arguments)

    verb.__doc__ = description or function.__doc__
    return verb


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
    "recipes": recipes, "doctor": doctor.doctor, "diagnose": diagnose.diagnose, "sample": sample.sample,
    "interpolate": interpolate.interpolate, "translate": translate.translate, "pack": pack.pack, "import": import_weights.import_weights,
    "judge": judge.judge, "compare": compare.compare, "completion": completion,
}  # fmt: skip


SUMMARIES = {verb: summary for verbs in SECTIONS.values() for verb, summary in verbs.items()}


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


def resume_verb(argv: Sequence[str]) -> Verb:
    """`resume` with the flags of the run's own recipe, if a run is named."""
    from sparring.runs.run_directory import RunDirectory

    named = [Path(argument) for argument in argv[1:] if not argument.startswith("-")]
    if argv[0] == "resume" and named:
        runs = [path for path in named if RunDirectory(path).exists()]
        return _verb(resume, resume_arguments((runs or named)[0]))
    return _verb(resume, resume_budget())


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
