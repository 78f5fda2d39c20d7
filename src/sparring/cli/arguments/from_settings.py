"""Dataclasses with all arguments of the commands that take settings (train, resume, playground, data prepare). The parser makes one flag of
each field.
"""

from collections.abc import Callable
from dataclasses import field, fields, is_dataclass, make_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

from tyro.conf import OmitArgPrefixes, arg

from sparring.cli.arguments.shared import ResumedRun, Source, TrainingData

MovedData = Annotated[
    str | None,
    arg(
        help="Where the training data is now, if it was moved (for image translation also --target). The new place is saved if the data is "
        "the same."
    ),
]


StartFrom = Annotated[
    str | None,
    arg(
        name="from",
        metavar="MODEL",
        help="Begin with the weights of a run, of a packed or imported model, or of a file that `sparring import` reads (transfer "
        "learning), in place of random ones. Defaults of other flags are the settings it was trained with.",
    ),
]


def resume_arguments_without_run() -> type:
    """The arguments that `sparring resume --help` lists while no run is named: those that may differ from the run's own settings."""
    from sparring.training.settings import COACHING, MACHINE, TrainSettings

    hints = get_type_hints(TrainSettings)
    budget = {
        "minutes": "Train until the whole run has taken this many minutes.",
        "real_samples": "Train until the whole run has trained on this many real samples.",
        "steps": "Train until the whole run has done this many steps.",
    }
    others = {
        "coach": "Turn the coach on, in a run without one: it changes settings when training fails.",
        "coach_tries": "How often the coach may intervene.",
        "device": "Device to compute on from now on.",
        "precision": "Precision of the networks' arithmetic from now on.",
        "threads": "Number of CPU threads of each process from now on. 0: one per core, divided among the processes.",
        "parts": "Number of parts that each batch is played in from now on. More parts need less memory.",
        "devices": "Number of processes that train together from now on, with the same results.",
        "reduce": "How processes add up gradients from now on: exact or fast.",
    }
    assert others.keys() == {*COACHING, *MACHINE}
    return make_dataclass(
        "Arguments",
        [
            ("run", ResumedRun),
            ("data", MovedData, None),
            *((name, Annotated[hints[name] | None, arg(help=text)], None) for name, text in (budget | others).items()),
        ],
    )


def train_arguments(name: str, start_from: str | None = None) -> type:
    """The arguments of `sparring train NAME`. `start_from`: what the run begins with, whose settings are the defaults then."""
    from sparring import recipes as known
    from sparring.interop.starting_weights import read_starting_weights
    from sparring.modalities import MODALITIES
    from sparring.runs.transfer import usual_settings
    from sparring.training.settings import TrainSettings

    recipe = known.get(name)
    usual: dict[str, Any] = {}
    if start_from is not None and Path(start_from).exists():  # what is not there is refused when training begins
        usual = usual_settings(recipe, read_starting_weights(start_from))

    def usual_of(kind: type) -> Callable[[], Any]:
        return lambda: kind(**{each.name: usual[each.name] for each in fields(kind) if each.name in usual})

    of_data = [
        (each, OmitArgPrefixes[kind], field(default_factory=usual_of(kind))) for each, kind in MODALITIES[recipe.modality].settings.items()
    ]
    return make_dataclass(
        "Arguments",
        [
            ("data", TrainingData),
            ("out", Annotated[Path | None, arg(help="The run directory to create. Default: runs/RECIPE-DATA-NUMBER.")], None),
            ("start_from", StartFrom, None),
            ("training", OmitArgPrefixes[TrainSettings], field(default_factory=TrainSettings)),
            *of_data,
            ("recipe", OmitArgPrefixes[recipe], field(default_factory=usual_of(recipe))),
        ],
    )


def playground_arguments(name: str) -> type:
    """The arguments of `sparring playground NAME`."""
    from sparring.data.points.mixtures import MIXTURES
    from sparring.playground_2d.play import PlaygroundSettings, started

    recipe = started(name)
    return make_dataclass(
        "Arguments",
        [
            ("data", Annotated[Literal[tuple(MIXTURES)], arg(help="The distribution of the 2D points.")], "ring8"),  # pyright: ignore[reportInvalidTypeForm] (made at run time)
            ("out", Annotated[Path | None, arg(help="The image to write. Default: playground-RECIPE-DATA.png.")], None),
            ("movie", Annotated[Path | None, arg(help="A .gif or .mp4 of the whole training to write.")], None),
            ("run", Annotated[Path | None, arg(help="A run directory to create, with logs for `sparring diagnose`.")], None),
            ("json", Annotated[Path | None, arg(help="A JSON file to write, with modes, high_quality and kl.")], None),
            ("training", OmitArgPrefixes[PlaygroundSettings], field(default_factory=PlaygroundSettings)),
            ("recipe", OmitArgPrefixes[type(recipe)], field(default_factory=lambda: recipe)),
        ],
    )


def resume_arguments(run: Path) -> type:
    """The arguments of `sparring resume RUN`: all settings of the run. (Those that may not change are refused by name if they differ.)"""
    from sparring.runs.config import read_config, settings_of
    from sparring.runs.run_directory import RunDirectory

    own = settings_of(read_config(RunDirectory(run)), run)
    before = {"recipe": own.recipe, "training": own.training, **own.data}
    return make_dataclass(
        "Arguments",
        [
            ("run", ResumedRun),
            ("data", MovedData, None),
            *(
                (name, OmitArgPrefixes[type(settings)], field(default_factory=lambda settings=settings: settings))
                for name, settings in before.items()
            ),
        ],
        namespace={"before": before},
    )


def prepare_arguments() -> type:
    """The arguments of `sparring data prepare`."""
    from sparring.data.preprocessing import Preprocessing

    return make_dataclass(
        "Arguments",
        [
            ("data", Source),
            ("preprocessing", OmitArgPrefixes[Preprocessing], field(default_factory=Preprocessing)),
        ],
    )


def all_values(arguments: Any) -> list[tuple[str, str, Any]]:  # noqa: ANN401 (one of the dataclasses above)
    """Group, name and value of every setting."""
    groups = {each.name: group for each in fields(arguments) if is_dataclass(group := getattr(arguments, each.name))}
    return [(name, *one) for name, group in groups.items() for one in values(group)]


def values(settings: Any) -> list[tuple[str, Any]]:  # noqa: ANN401 (any dataclass)
    """Name and value of every field of a dataclass."""
    return [(each.name, getattr(settings, each.name)) for each in fields(settings)]
